/** Random order and random choice: permutations by sorting on random keys, draws with and without replacement. */
import {
  type ArrayLike,
  ArgumentError,
  DTypeError,
  NDArray,
  ShapeError,
  avalText,
  canonicalAxis,
  inexact,
  isInteger,
  known,
  shapeText,
  sizeOf,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import * as np from '../numpy/index.js'
import { gumbel } from './continuous.js'
import { randint } from './discrete.js'
import { checkKey, randomBits32, sampleShape, splitPair } from './key.js'
import { uniformSamples } from './uniform.js'

/** Options of `permutation`. */
export interface PermutationOptions {
  readonly axis?: number
  /** With true, every line along the axis is shuffled by itself. */
  readonly independent?: boolean
}

/**
 * Elements along an axis in random order. Random 32-bit sort keys may collide, so the sort is repeated as often as
 * makes an imperfect shuffle improbable (the rule of TensorFlow's random_ops.cc, which JAX follows too).
 */
const shuffle = (key: NDArray, x: NDArray, axis: number): NDArray => {
  const rounds = Math.ceil((3 * Math.log(Math.max(1, x.size))) / Math.log(0xffffffff))
  let result = x
  let rest = key
  for (let round = 0; round < rounds; round++) {
    const [next, sortKey] = splitPair(rest)
    rest = next
    const sorted = lax.sort([randomBits32(sortKey, x.shape), result], { dimension: axis, numKeys: 1 })
    result = known(sorted[1], 'sorted values')
  }
  return result
}

/**
 * A random permutation: of 0 .. x-1 for a number, else of the members of `x` along an axis. Exactly JAX's.
 *
 * @throws ArgumentError for a number that is not a size, or a bad axis
 * @example
 * ```ts
 * const order = random.permutation(random.key(0), 10)
 * const rows = random.permutation(random.key(0), np.eye(3))
 * ```
 */
export const permutation = (key: NDArray, x: number | NDArray, options: PermutationOptions = {}): NDArray => {
  const { axis = 0, independent = false } = checkOptions('random.permutation', options, 'axis independent')
  const operation = 'random.permutation'
  checkKey(key, operation)
  if (!(x instanceof NDArray) || x.ndim === 0) return shuffle(key, lax.iota('int32', countOf(x, operation)), 0)
  const along = canonicalAxis(axis, x.ndim, operation)
  if (independent || x.ndim === 1) return shuffle(key, x, along)
  return np.take(x, shuffle(key, lax.iota('int32', x.shape[along] ?? 0), 0), { axis: along })
}

/** A count given as a JS number or a known integer scalar. */
const countOf = (x: number | NDArray, operation: string): number => {
  if (x instanceof NDArray && !isInteger(x.dtype)) {
    throw new DTypeError(`${operation}: expected a count or an array with an axis, got the scalar ${avalText(x.aval)}.`)
  }
  const count = x instanceof NDArray ? x.item() : x
  if (!Number.isInteger(count) || count < 0) throw new ArgumentError(`${operation}: ${count} is not a count.`)
  return count
}

/** Options of `choice`. */
export interface ChoiceOptions {
  /** With false, nothing is drawn twice. */
  readonly replace?: boolean
  /** Probability of each member, one-dimensional; uniform unless given. */
  readonly p?: NDArray | null
  readonly axis?: number
}

/**
 * Draws from 0 .. a-1 for a number, else from the members of `a` along an axis.
 *
 * @param shape of the draws; it takes the place of the axis in the shape of `a`
 * @throws ArgumentError when more is asked for than there is, ShapeError for a `p` of another length
 * @example
 * ```ts
 * random.choice(random.key(0), 10, [3], { replace: false })
 * ```
 */
export const choice = (
  key: NDArray,
  a: number | NDArray,
  shape: readonly number[] = [],
  options: ChoiceOptions = {},
): NDArray => {
  const { replace = true, p = null, axis = 0 } = checkOptions('random.choice', options, 'replace p axis')
  const operation = 'random.choice'
  checkKey(key, operation)
  sampleShape(shape, operation)
  const members = a instanceof NDArray && a.ndim > 0 ? a : undefined
  const along = members === undefined ? 0 : canonicalAxis(axis, members.ndim, operation)
  const population = members === undefined ? countOf(a, operation) : (members.shape[along] ?? 0)
  const draws = sizeOf(shape)
  if (draws > 0 && population === 0) throw new ArgumentError(`${operation}: there is nothing to draw from.`)
  if (!replace && draws > population) {
    throw new ArgumentError(
      `${operation}: cannot draw ${draws} of ${population} without replacement; draw fewer, or allow repeats with { replace: true }.`,
    )
  }
  const flat = members === undefined ? shape : members.shape.flatMap((size, d) => (d === along ? shape : [size]))
  if (draws === 0) return lax.full(flat, 0, { dtype: members?.dtype ?? 'int32' })
  if (p === null && !replace) {
    const shuffled = permutation(key, members ?? population, { axis: along })
    return lax.reshape(np.take(shuffled, lax.iota('int32', draws), { axis: along }), flat)
  }
  const indices = p === null ? randint(key, shape, 0, population) : weighted(key, p, population, shape, replace)
  return members === undefined
    ? lax.reshape(indices, shape)
    : lax.reshape(np.take(members, indices, { axis: along }), flat)
}

/** Indices drawn with the given probabilities. */
const weighted = (
  key: NDArray,
  p: ArrayLike,
  population: number,
  shape: readonly number[],
  replace: boolean,
): NDArray => {
  const given = lax.asArray(p, 'random.choice')
  if (given.ndim !== 1 || given.shape[0] !== population) {
    throw new ShapeError(
      `random.choice: p gives one probability to each of the ${population} members, so its shape must be [${population}]; ` +
        `got ${shapeText(given.shape)}.`,
    )
  }
  const weights = lax.convertElementType(given, inexact(given.dtype))
  if (!replace) {
    // Gumbel top-k: https://timvieira.github.io/blog/post/2019/09/16/algorithms-for-sampling-without-replacement/
    const scores = lax.add(gumbel(key, [population], { dtype: weights.dtype }), lax.log(weights))
    return lax.topK(scores, sizeOf(shape))[1]
  }
  const cumulative = lax.cumsum(weights)
  const total = lax.reshape(lax.slice(cumulative, [population - 1], [population]), [])
  const r = lax.mul(total, lax.sub(1, uniformSamples(key, shape, weights.dtype, 0, 1)))
  return np.searchsorted(cumulative, r)
}
