/** Losses of sequences, segmentations, embeddings and rankings. */
import {
  type ArrayLike,
  ArgumentError,
  type NDArray,
  ShapeError,
  avalText,
  known,
  range,
  sameShape,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import * as nn from '../nn/index.js'
import * as np from '../numpy/index.js'
import { scan } from '../transforms/index.js'
import { floats } from './arguments.js'
import { cosineSimilarity } from './regression.js'

/** Options of `ctcLoss`. */
export interface CtcOptions {
  /** Class that stands for no label (0). */
  readonly blankId?: number
  /** Stands for the logarithm of 0. */
  readonly logEpsilon?: number
}

/** Entries moved up by `count` along the last axis, `value` in the places that become free. */
const shifted = (x: NDArray, count: number, value: number): NDArray =>
  lax.pad(x, value, [
    [0, 0, 0],
    [count, -count, 0],
  ])

/**
 * Connectionist temporal classification (Graves et al. 2006, https://www.cs.toronto.edu/~graves/icml_2006.pdf): minus the
 * logarithm of the probability of the labels, summed over all alignments, of every sequence.
 *
 * @param logits float [batch, time, classes]
 * @param logitPaddings [batch, time]: 1 for the frames after the end, 0 before
 * @param labels integers [batch, length]
 * @param labelPaddings [batch, length]: 1 for the labels after the end, 0 before
 * @returns [batch]
 * @throws ShapeError where these don't fit together
 * @example
 * ```ts
 * const logits = np.zeros([1, 3, 4])
 * const labels = np.array([[1, 2]], { dtype: 'int32' })
 * losses.ctcLoss(logits, np.zeros([1, 3]), labels, np.zeros([1, 2])) // [2.549445]: log(4^3 / 5), of 5 alignments
 * ```
 */
export const ctcLoss = (
  logits: ArrayLike,
  logitPaddings: ArrayLike,
  labels: ArrayLike,
  labelPaddings: ArrayLike,
  options: CtcOptions = {},
): NDArray => {
  const { blankId = 0, logEpsilon = -1e5 } = checkOptions('losses.ctcLoss', options, 'blankId logEpsilon')
  const operation = 'losses.ctcLoss'
  const [scores, ends] = [floats(logits, operation), floats(logitPaddings, operation)]
  const names = lax.asArray(labels, operation)
  const unused = np.astype(lax.asArray(labelPaddings, operation), scores.dtype)
  const [batch = 0, frames = 0] = scores.shape
  const fits =
    scores.ndim === 3 &&
    names.ndim === 2 &&
    sameShape(ends.shape, [batch, frames]) &&
    names.shape[0] === batch &&
    sameShape(names.shape, unused.shape)
  if (!fits) {
    throw new ShapeError(
      `${operation}: expected logits [batch, time, classes], their paddings [batch, time], labels and their paddings ` +
        `[batch, length]; got ${[scores, ends, names, unused].map((x) => avalText(x.aval)).join(', ')}.`,
    )
  }
  const length = known(names.shape[1], 'length')
  const states = 2 * length + 1
  // States are blank, label, blank, label, ..., blank.
  const spread = lax.pad(lax.convertElementType(names, 'int32'), blankId, [
    [0, 0, 0],
    [1, 1, 1],
  ])
  const path = length === 0 ? lax.full([batch, 1], blankId, { dtype: 'int32' }) : spread
  const isLabel = np.equal(np.mod(np.arange(states), 2), 1)
  // A blank may be left out between labels that differ.
  const mayJump = np.logicalAnd(isLabel, np.notEqual(path, shifted(path, 2, blankId)))
  const jump = np.where(mayJump, 0, logEpsilon)
  const emitted = np.takeAlongAxis(
    nn.logSoftmax(scores),
    np.broadcastTo(np.expandDims(path, 1), [batch, frames, states]),
    {
      axis: 2,
    },
  )
  const start = np.where(np.equal(np.arange(states), 0), 0, np.full([batch, states], logEpsilon))
  const step = (alpha: NDArray, frame: readonly [NDArray, NDArray]): readonly [NDArray, null] => {
    const [emission, end] = frame
    const stay = np.logaddexp(alpha, shifted(alpha, 1, logEpsilon))
    const come = np.logaddexp(stay, np.add(shifted(alpha, 2, logEpsilon), jump))
    return [np.where(np.greater(np.expandDims(end, 1), 0), alpha, np.add(come, emission)), null]
  }
  const xs = [lax.transpose(emitted, [1, 0, 2]), lax.transpose(ends, [1, 0])] as const
  const [last] = scan(step, np.astype(start, scores.dtype), xs)
  const count = np.subtract(length, np.sum(unused, { axis: 1 }))
  const at = (position: NDArray): NDArray => {
    const own = np.equal(np.arange(states), np.expandDims(position, 1))
    return np.sum(np.where(own, last, 0), { axis: 1 })
  }
  const [onBlank, onLabel] = [at(np.multiply(2, count)), at(np.subtract(np.multiply(2, count), 1))]
  return np.negative(np.where(np.greater(count, 0), np.logaddexp(onBlank, onLabel), onBlank))
}

/** Options of `diceLoss`. */
export interface DiceOptions {
  /** Weights of the classes, [classes]. */
  readonly classWeights?: ArrayLike | null
  readonly smooth?: number
  /** Weight of false positives. */
  readonly alpha?: number
  /** Weight of false negatives. */
  readonly beta?: number
  /** Whether predictions are logits. */
  readonly applySoftmax?: boolean
  readonly reduction?: 'mean' | 'sum' | 'none'
  /** Whether class 0 is left out. */
  readonly ignoreBackground?: boolean
  /** Axes that are summed over; those between the first and the last unless said. */
  readonly axis?: number | readonly number[] | null
}

/**
 * One minus the Dice coefficient of predictions and targets, both [batch, ..., classes] (https://arxiv.org/abs/1606.04797);
 * with `alpha` and `beta` the Tversky index (https://arxiv.org/abs/1706.05721).
 *
 * @throws ArgumentError for an unknown reduction, ShapeError where the shapes differ
 */
export const diceLoss = (predictions: ArrayLike, targets: ArrayLike, options: DiceOptions = {}): NDArray => {
  const {
    classWeights = null,
    smooth = 1,
    alpha = 0.5,
    beta = 0.5,
    applySoftmax = true,
    reduction = 'mean',
    ignoreBackground = false,
    axis = null,
  } = checkOptions(
    'losses.diceLoss',
    options,
    'classWeights smooth alpha beta applySoftmax reduction ignoreBackground axis',
  )
  const operation = 'losses.diceLoss'
  const [given, wanted] = [floats(predictions, operation), floats(targets, operation)]
  const x = given.ndim === wanted.ndim - 1 ? np.expandDims(given, -1) : given
  const y = wanted.ndim === x.ndim - 1 ? np.expandDims(wanted, -1) : wanted
  if (!sameShape(x.shape, y.shape)) {
    throw new ShapeError(
      `${operation}: predictions ${avalText(x.aval)} and targets ${avalText(y.aval)} differ in shape.`,
    )
  }
  const classes = known(x.shape.at(-1), 'classes')
  const shares = !applySoftmax ? x : classes === 1 ? nn.sigmoid(x) : nn.softmax(x)
  const axes = axis ?? range(x.ndim - 1).slice(1)
  const total = (v: NDArray): NDArray => np.sum(v, { axis: axes })
  const both = total(np.multiply(shares, y))
  const extra = np.multiply(alpha, np.subtract(total(shares), both))
  const missed = np.multiply(beta, np.subtract(total(y), both))
  const top = np.add(both, smooth)
  const plain = np.subtract(1, np.divide(top, np.add(np.add(top, extra), missed)))
  const weighted = classWeights === null ? plain : np.multiply(plain, classWeights)
  const counted = ignoreBackground && classes > 1 ? lax.sliceInDim(weighted, 1, null, { axis: -1 }) : weighted
  switch (reduction) {
    case 'mean':
      return np.mean(counted, { axis: -1 })
    case 'sum':
      return np.sum(counted, { axis: -1 })
    case 'none':
      return counted
    default:
      throw new ArgumentError(`${operation}: the reduction is 'mean', 'sum' or 'none', got '${String(reduction)}'.`)
  }
}

/** Options of `binaryDiceLoss`. */
export interface BinaryDiceOptions {
  readonly smooth?: number
  /** Whether predictions are logits. */
  readonly applySigmoid?: boolean
}

/** Dice loss of one class; predictions and targets [batch, ...]. */
export const binaryDiceLoss = (
  predictions: ArrayLike,
  targets: ArrayLike,
  options: BinaryDiceOptions = {},
): NDArray => {
  const { smooth = 1, applySigmoid = true } = checkOptions('losses.binaryDiceLoss', options, 'smooth applySigmoid')
  const [x, y] = [floats(predictions, 'losses.binaryDiceLoss'), floats(targets, 'losses.binaryDiceLoss')]
  const bare = x.ndim === y.ndim && x.shape.at(-1) !== 1
  const dice = { smooth, applySoftmax: applySigmoid }
  return bare ? diceLoss(np.expandDims(x, -1), np.expandDims(y, -1), dice) : diceLoss(x, y, dice)
}

/** Options of `multiclassGeneralizedDiceLoss`. */
export type GeneralizedDiceOptions = Pick<DiceOptions, 'smooth' | 'applySoftmax' | 'ignoreBackground'>

/** Dice loss whose classes weigh less the more frequent they are (https://arxiv.org/abs/1707.03237). */
export const multiclassGeneralizedDiceLoss = (
  predictions: ArrayLike,
  targets: ArrayLike,
  options: GeneralizedDiceOptions = {},
): NDArray => {
  checkOptions('losses.multiclassGeneralizedDiceLoss', options, 'smooth applySoftmax ignoreBackground')
  const [x, y] = [
    floats(predictions, 'losses.multiclassGeneralizedDiceLoss'),
    floats(targets, 'losses.multiclassGeneralizedDiceLoss'),
  ]
  const frequencies = np.sum(y, { axis: range(y.ndim - 1) })
  const inverse = np.divide(1, np.add(np.square(frequencies), 1e-7))
  const classWeights = np.multiply(np.divide(inverse, np.sum(inverse)), inverse.size)
  return np.mean(diceLoss(x, y, { ...options, classWeights, reduction: 'none' }))
}

/** Options of `ntxent`. */
export interface NtxentOptions {
  readonly temperature?: number
}

/**
 * Normalized temperature-scaled cross entropy of embeddings [batch, features] (https://arxiv.org/abs/2002.05709): those
 * with one label should be close, and others far.
 */
export const ntxent = (embeddings: ArrayLike, labels: ArrayLike, options: NtxentOptions = {}): NDArray => {
  const { temperature = 0.07 } = checkOptions('losses.ntxent', options, 'temperature')
  const operation = 'losses.ntxent'
  const x = floats(embeddings, operation)
  const names = lax.asArray(labels, operation)
  if (x.ndim !== 2 || !sameShape(names.shape, x.shape.slice(0, 1))) {
    throw new ShapeError(
      `${operation}: expected embeddings [batch, features] and labels [batch], got ${avalText(x.aval)} and ${avalText(names.aval)}.`,
    )
  }
  const cosines = cosineSimilarity(np.expandDims(x, 0), np.expandDims(x, 1), { epsilon: 2 ** -23 })
  const similar = np.divide(cosines, temperature)
  const same = np.equal(np.expandDims(names, 1), np.expandDims(names, 0))
  const pairs = np.logicalAnd(same, np.logicalNot(np.eye(names.size, { dtype: 'bool' })))
  const others = np.logicalOr(np.logicalNot(same), pairs)
  const most = lax.stopGradient(np.max(np.where(others, similar, -Infinity), { axis: 1, keepdims: true }))
  const near = np.where(others, np.subtract(similar, most), -Infinity)
  const apart = np.sum(np.where(same, 0, np.exp(near)), { axis: 1, keepdims: true })
  const share = np.subtract(np.where(pairs, near, 0), np.log(np.where(pairs, np.add(apart, np.exp(near)), 1)))
  return np.negative(np.divide(np.sum(np.where(pairs, share, 0)), np.sum(pairs)))
}

/** Options of `rankingSoftmaxLoss`. */
export interface RankingOptions {
  /** Items that count. */
  readonly where?: ArrayLike | null
  /** Weights of the items. */
  readonly weights?: ArrayLike | null
  /** What makes one number of the losses of all lists; null for none. */
  readonly reduceFn?: ((losses: NDArray, options: { readonly where?: NDArray }) => NDArray) | null
}

/** Softmax cross entropy of lists of items, [..., items], for ranking (https://dl.acm.org/doi/10.1145/1273496.1273513). */
export const rankingSoftmaxLoss = (logits: ArrayLike, labels: ArrayLike, options: RankingOptions = {}): NDArray => {
  const {
    where = null,
    weights = null,
    reduceFn = np.mean,
  } = checkOptions('losses.rankingSoftmaxLoss', options, 'where weights reduceFn')
  const [scores, relevance] = [floats(logits, 'losses.rankingSoftmaxLoss'), floats(labels, 'losses.rankingSoftmaxLoss')]
  const mask = where === null ? null : np.astype(where, 'bool')
  const x = mask === null ? scores : np.where(mask, scores, -Infinity)
  const kept = mask === null ? relevance : np.where(mask, relevance, 0)
  const y = weights === null ? kept : np.multiply(kept, weights)
  const terms = np.multiply(y, nn.logSoftmax(x))
  const losses = np.negative(np.sum(mask === null ? terms : np.where(mask, terms, 0), { axis: -1 }))
  const lists = mask === null ? null : np.any(mask, { axis: -1 })
  if (reduceFn === null) return lists === null ? losses : np.where(lists, losses, 0)
  const reduced = reduceFn(losses, lists === null ? {} : { where: lists })
  return reduceFn === np.mean
    ? np.where(np.logicalAnd(np.isnan(reduced), np.all(np.equal(losses, losses))), 0, reduced)
    : reduced
}

/** Binary sparsemax loss (https://arxiv.org/abs/1901.02324): labels are 0 and 1. */
export const sparsemaxLoss = (logits: ArrayLike, labels: ArrayLike): NDArray =>
  nn.sparsePlus(np.where(np.astype(labels, 'bool'), np.negative(logits), logits))

/** Sparsemax loss of scores [batch, classes] and integer labels [batch] (https://arxiv.org/abs/1602.02068). */
export const multiclassSparsemaxLoss = (scores: ArrayLike, labels: ArrayLike): NDArray => {
  const x = floats(scores, 'losses.multiclassSparsemaxLoss')
  const falling = np.sort(x, { axis: -1, descending: true })
  const sums = np.cumsum(falling, { axis: -1 })
  const places = np.add(np.arange(known(x.shape.at(-1), 'classes')), 1)
  const inside = np.greater(np.add(1, np.multiply(places, falling)), sums)
  const count = np.sum(inside, { axis: -1, keepdims: true })
  const threshold = np.divide(np.subtract(np.sum(np.where(inside, falling, 0), { axis: -1, keepdims: true }), 1), count)
  const parts = np.where(np.greater(x, threshold), np.subtract(np.square(x), np.square(threshold)), 0)
  const own = np.sum(np.multiply(nn.oneHot(labels, known(x.shape.at(-1), 'classes')), x), { axis: -1 })
  return np.add(np.subtract(np.multiply(0.5, np.sum(parts, { axis: -1 })), own), 0.5)
}
