/** Losses of classifiers: cross-entropies, focal losses, margins. */
import {
  type ArrayLike,
  ArgumentError,
  DTypeError,
  NDArray,
  ShapeError,
  avalText,
  canonicalAxis,
  isInteger,
  known,
  sameShape,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import * as nn from '../nn/index.js'
import * as np from '../numpy/index.js'
import { floats } from './arguments.js'

/** Where the classes are. */
export interface ClassOptions {
  /** Axis of the classes, the last one unless said. */
  readonly axis?: number
}

/** Elements that count. */
export interface WhereOptions {
  /** Classes to include, broadcast against the logits. */
  readonly where?: NDArray | null
}

/**
 * The entry of each row of `x` (classes last) that a label names; NaN for a label that names none. A selection and a sum,
 * not a gather: they fuse with what surrounds them, and so does their derivative.
 */
const picked = (x: NDArray, labels: NDArray): NDArray => {
  const classes = known(x.shape.at(-1), 'size')
  const rows = x.ndim - 1
  const positions = lax.broadcastedIota(labels.dtype, x.shape, rows)
  const own = lax.eq(
    lax.broadcastInDim(
      labels,
      x.shape,
      labels.shape.map((_, d) => d),
    ),
    positions,
  )
  const value = lax.reduceSum(lax.select(own, x, lax.fullLike(x, 0)), [rows])
  const valid = np.logicalAnd(lax.ge(labels, 0), lax.lt(labels, classes))
  return lax.select(valid, value, lax.fullLike(value, NaN))
}

const classesLast = (x: NDArray, axis: number, operation: string): NDArray =>
  lax.moveAxis(x, canonicalAxis(axis, x.ndim, operation), x.ndim - 1)

/** Logits with the classes last, and the labels, checked against each other. */
const rowsAndLabels = (
  logits: ArrayLike,
  labels: ArrayLike,
  axis: number,
  operation: string,
): readonly [NDArray, NDArray] => {
  const x = floats(logits, operation)
  const y = lax.asArray(labels, operation)
  const rows = classesLast(x, axis, operation)
  if (!isInteger(y.dtype)) {
    throw new DTypeError(
      `${operation}: labels are integers (one class each), got ${avalText(y.aval)}. ` +
        `For probabilities or one-hot labels use losses.softmaxCrossEntropy.`,
    )
  }
  if (!sameShape(rows.shape.slice(0, -1), y.shape)) {
    throw new ShapeError(
      `${operation}: logits ${avalText(x.aval)} need labels of shape [${rows.shape.slice(0, -1).join(',')}], ` +
        `their own without the axis of classes (${axis}); got ${avalText(y.aval)}.`,
    )
  }
  return [rows, y]
}

/**
 * Cross-entropy of sigmoid(logits) and labels in [0, 1], elementwise, for classes that don't exclude each other.
 *
 * @example
 * ```ts
 * losses.sigmoidBinaryCrossEntropy(np.array([2, -1]), np.array([1, 0]))
 * ```
 */
export const sigmoidBinaryCrossEntropy = (logits: ArrayLike, labels: ArrayLike): NDArray => {
  const x = floats(logits, 'losses.sigmoidBinaryCrossEntropy')
  const yes = np.multiply(labels, nn.logSigmoid(x))
  const no = np.multiply(np.subtract(1, labels), nn.logSigmoid(lax.neg(x)))
  return lax.neg(np.add(yes, no))
}

/** Integers of one class each, in place of probabilities, would be broadcast against the classes where there are as many rows. */
const checkProbabilities = (logits: ArrayLike, labels: ArrayLike, axis: number, operation: string): void => {
  if (!(labels instanceof NDArray && logits instanceof NDArray) || !isInteger(labels.dtype) || logits.ndim < 2) return
  const classes = canonicalAxis(axis, logits.ndim, operation)
  const rows = logits.shape.filter((_, d) => d !== classes)
  if (!sameShape(labels.shape, rows)) return
  throw new ShapeError(
    `${operation}: labels ${avalText(labels.aval)} look like one class for each row of the logits ${avalText(logits.aval)}; ` +
      `for those there is losses.softmaxCrossEntropyWithIntegerLabels. Here labels are probabilities over the classes, or nn.oneHot of them.`,
  )
}

/**
 * Cross-entropy of softmax(logits) and probabilities over the classes.
 *
 * @returns the shape of the logits without the axis of classes
 * @example
 * ```ts
 * losses.softmaxCrossEntropy(np.array([[1, 2, 3]]), np.array([[0, 0, 1]]))
 * ```
 */
export const softmaxCrossEntropy = (
  logits: ArrayLike,
  labels: ArrayLike,
  options: ClassOptions & WhereOptions = {},
): NDArray => {
  const { axis = -1, where = null } = checkOptions('losses.softmaxCrossEntropy', options, 'axis where')
  checkProbabilities(logits, labels, axis, 'losses.softmaxCrossEntropy')
  const terms = np.multiply(labels, nn.logSoftmax(logits, { axis, where }))
  return lax.neg(np.sum(where === null ? terms : np.where(where, terms, 0), { axis }))
}

/** `softmaxCrossEntropy` in which a probability of 0 contributes 0 even where the logit is -Infinity. */
export const safeSoftmaxCrossEntropy = (logits: ArrayLike, labels: ArrayLike, options: ClassOptions = {}): NDArray => {
  const { axis = -1 } = checkOptions('losses.safeSoftmaxCrossEntropy', options, 'axis')
  checkProbabilities(logits, labels, axis, 'losses.safeSoftmaxCrossEntropy')
  const terms = np.multiply(labels, np.where(np.equal(labels, 0), 0, nn.logSoftmax(logits, { axis })))
  return lax.neg(np.sum(terms, { axis }))
}

/**
 * Cross-entropy of softmax(logits) and the class that each integer label names.
 *
 * @param logits [..., classes]; labels integers [...]
 * @returns one loss per label; NaN for a label outside of the classes
 * @throws DTypeError for labels that are not integers, ShapeError when shapes don't fit
 * @example
 * ```ts
 * losses.softmaxCrossEntropyWithIntegerLabels(np.array([[1, 2, 3]]), np.array([2], { dtype: 'int32' }))
 * ```
 */
export const softmaxCrossEntropyWithIntegerLabels = (
  logits: ArrayLike,
  labels: ArrayLike,
  options: ClassOptions & WhereOptions = {},
): NDArray => {
  const { axis = -1, where = null } = checkOptions('losses.softmaxCrossEntropyWithIntegerLabels', options, 'axis where')
  const [rows, y] = rowsAndLabels(logits, labels, axis, 'losses.softmaxCrossEntropyWithIntegerLabels')
  const included = where === null ? null : classesLast(lax.broadcastTo(where, np.shape(logits)), axis, 'where')
  return np.subtract(nn.logsumexp(rows, { axis: -1, where: included }), picked(rows, y))
}

/** Cross-entropy plus epsilon (1 - p) for the labelled class (https://arxiv.org/abs/2204.12511). */
export const polyLossCrossEntropy = (
  logits: ArrayLike,
  labels: ArrayLike,
  options: ClassOptions & { readonly epsilon?: number } = {},
): NDArray => {
  const { epsilon = 2, axis = -1 } = checkOptions('losses.polyLossCrossEntropy', options, 'axis epsilon')
  const target = np.sum(np.multiply(labels, nn.softmax(logits, { axis })), { axis })
  return np.add(softmaxCrossEntropy(logits, labels, { axis }), np.multiply(epsilon, np.subtract(1, target)))
}

/** base^gamma whose derivative stays finite at base 0. */
const focus = (base: NDArray, gamma: number): NDArray =>
  gamma === 0 ? lax.fullLike(base, 1) : np.power(gamma < 1 ? np.maximum(base, 1e-30) : base, gamma)

/** Options of `sigmoidFocalLoss`. */
export interface SigmoidFocalOptions {
  /** Weight of the positive class (1 - alpha for the negative one); none unless given. */
  readonly alpha?: number | null
  readonly gamma?: number
}

/**
 * Binary cross-entropy weighted by (1 - p_t)^gamma, elementwise, so that easy examples count less
 * (https://arxiv.org/abs/1708.02002).
 *
 * @example
 * ```ts
 * losses.sigmoidFocalLoss(np.array([2, -1]), np.array([1, 0]), { alpha: 0.25 })
 * ```
 */
export const sigmoidFocalLoss = (logits: ArrayLike, labels: ArrayLike, options: SigmoidFocalOptions = {}): NDArray => {
  const { alpha = null, gamma = 2 } = checkOptions('losses.sigmoidFocalLoss', options, 'alpha gamma')
  const x = floats(logits, 'losses.sigmoidFocalLoss')
  const others = np.subtract(1, labels)
  // 1 - p_t, from both sides of the sigmoid, so that nothing cancels.
  const missed = np.add(np.multiply(nn.sigmoid(x), others), np.multiply(nn.sigmoid(lax.neg(x)), labels))
  const loss = np.multiply(sigmoidBinaryCrossEntropy(x, labels), focus(missed, gamma))
  if (alpha === null) return loss
  return np.multiply(loss, np.add(np.multiply(alpha, labels), np.multiply(1 - alpha, others)))
}

/** How losses of examples become one. */
export type Reduction = 'mean' | 'sum' | 'none'

/** Options of `focalLoss`. */
export interface FocalOptions {
  /** Weight of all classes, or one weight per class. */
  readonly alpha?: number | readonly number[] | NDArray | null
  /** How much easy examples are discounted; 0 gives the cross-entropy. */
  readonly gamma?: number
  readonly reduction?: Reduction
}

/**
 * Focal loss of several classes: -alpha (1 - p)^gamma log(p), where p is the probability of the labelled class
 * (https://arxiv.org/abs/1708.02002).
 *
 * @param logits [..., classes]; integerLabels integers [...]
 * @returns a scalar, or one loss per label with reduction 'none'
 * @throws ShapeError for `alpha` of another length than the classes, ArgumentError for an unknown reduction
 * @example
 * ```ts
 * losses.focalLoss(np.array([[1, 2, 3]]), np.array([0], { dtype: 'int32' }), { alpha: [1, 1, 0.5] })
 * ```
 */
export const focalLoss = (logits: ArrayLike, integerLabels: ArrayLike, options: FocalOptions = {}): NDArray => {
  const {
    alpha = null,
    gamma = 2,
    reduction = 'mean',
  } = checkOptions('losses.focalLoss', options, 'alpha gamma reduction')
  const operation = 'losses.focalLoss'
  const [rows, labels] = rowsAndLabels(logits, integerLabels, -1, operation)
  const logProbability = picked(nn.logSoftmax(rows), labels)
  // expm1 keeps 1 - p exact where p is close to 1.
  const missed = lax.neg(lax.expm1(logProbability))
  const plain = lax.neg(lax.mul(focus(missed, gamma), logProbability))
  const loss = alpha === null ? plain : np.multiply(plain, classWeights(alpha, rows, labels, operation))
  switch (reduction) {
    case 'mean':
      return np.mean(loss)
    case 'sum':
      return np.sum(loss)
    case 'none':
      return loss
    default:
      throw new ArgumentError(`${operation}: reduction is 'mean', 'sum' or 'none', got '${String(reduction)}'.`)
  }
}

/** The weight of each label's class. */
const classWeights = (
  alpha: number | readonly number[] | NDArray,
  rows: NDArray,
  labels: NDArray,
  operation: string,
): ArrayLike => {
  if (typeof alpha === 'number') return alpha
  const weights = lax.convertElementType(np.array(alpha), rows.dtype)
  if (weights.ndim === 0) return weights
  const classes = known(rows.shape.at(-1), 'size')
  if (weights.ndim !== 1 || weights.shape[0] !== classes) {
    throw new ShapeError(
      `${operation}: alpha is a number or has one weight for each of the ${classes} classes; got ${avalText(weights.aval)}.`,
    )
  }
  return picked(lax.broadcastTo(weights, rows.shape), labels)
}

/** max(0, 1 - output target) for targets -1 and 1, elementwise. */
export const hingeLoss = (predictorOutputs: ArrayLike, targets: ArrayLike): NDArray =>
  nn.relu(np.subtract(1, np.multiply(predictorOutputs, targets)))

/** max(0, -output target) for targets -1 and 1, elementwise. */
export const perceptronLoss = (predictorOutputs: ArrayLike, targets: ArrayLike): NDArray =>
  nn.relu(np.negative(np.multiply(predictorOutputs, targets)))

/** max over classes of (score + 1 where the class is wrong) minus the score of the labelled class. */
export const multiclassHingeLoss = (scores: ArrayLike, labels: ArrayLike): NDArray => {
  const [rows, y] = rowsAndLabels(scores, labels, -1, 'losses.multiclassHingeLoss')
  const wrong = np.subtract(1, nn.oneHot(y, known(rows.shape.at(-1), 'size'), { dtype: rows.dtype }))
  return np.subtract(np.max(np.add(rows, wrong), { axis: -1 }), picked(rows, y))
}

/** The largest score minus the score of the labelled class. */
export const multiclassPerceptronLoss = (scores: ArrayLike, labels: ArrayLike): NDArray => {
  const [rows, y] = rowsAndLabels(scores, labels, -1, 'losses.multiclassPerceptronLoss')
  return np.subtract(np.max(rows, { axis: -1 }), picked(rows, y))
}

/**
 * Labels mixed with the uniform distribution: (1 - alpha) labels + alpha / classes.
 *
 * @example
 * ```ts
 * losses.smoothLabels(nn.oneHot(np.array([0], { dtype: 'int32' }), 4), 0.1)
 * ```
 */
export const smoothLabels = (labels: ArrayLike, alpha: number): NDArray => {
  const y = floats(labels, 'losses.smoothLabels')
  return np.add(np.multiply(1 - alpha, y), alpha / known(y.shape.at(-1), 'size'))
}
