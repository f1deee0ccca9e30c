/** Samples from discrete distributions: coins, dice, categories. */
import {
  type ArrayLike,
  type DType,
  ArgumentError,
  DTypeError,
  NDArray,
  ShapeError,
  avalText,
  canonicalAxis,
  dtypeRange,
  inexact,
  isFloating,
  isInteger,
  sameShape,
  shapeText,
  sizeOf,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import * as np from '../numpy/index.js'
import { gumbel } from './continuous.js'
import { checkKey, randomBits32, sampleShape, splitPair } from './key.js'
import { checkParameterShapes, parameterShape, uniformSamples } from './uniform.js'

/** Dtype of integer samples. */
export interface IntegerOptions {
  readonly dtype?: DType
}

const checkInteger = (dtype: DType, operation: string): void => {
  if (!isInteger(dtype)) {
    throw new DTypeError(
      `${operation}: samples are integers, and '${dtype}' is not an integer dtype; use 'int32', say.`,
    )
  }
}

/**
 * Booleans that are true with probability `p`.
 *
 * @param p a number, or a float array
 * @param shape default: that of `p`
 * @throws DTypeError when `p` is an integer array
 * @example
 * ```ts
 * const keep = random.bernoulli(random.key(0), 0.9, [2, 3])
 * ```
 */
export const bernoulli = (key: NDArray, p: ArrayLike = 0.5, shape?: readonly number[] | null): NDArray => {
  const operation = 'random.bernoulli'
  checkKey(key, operation)
  const size = parameterShape(operation, shape, [p])
  if (typeof p === 'number') {
    return lax.lt(uniformSamples(key, size, 'float32', 0, 1), lax.full([], p, { dtype: 'float32' }))
  }
  const probability = lax.asArray(p, operation)
  if (!isFloating(probability.dtype)) {
    throw new DTypeError(`${operation}: the probability must be a float, got ${avalText(probability.aval)}.`)
  }
  return np.less(uniformSamples(key, size, probability.dtype, 0, 1), probability)
}

/** 1 or -1 with equal probability. */
export const rademacher = (key: NDArray, shape: readonly number[] = [], options: IntegerOptions = {}): NDArray => {
  const { dtype = 'int32' } = checkOptions('random.rademacher', options, 'dtype')
  const one = lax.full([], 1, { dtype })
  return lax.select(
    bernoulli(key, 0.5, sampleShape(shape, 'random.rademacher')),
    lax.broadcastTo(one, shape),
    lax.broadcastTo(lax.neg(one), shape),
  )
}

/** An interval of integers in 32-bit arithmetic: its low end, its size, and what the higher 32 random bits count. */
interface Interval {
  readonly low: NDArray
  /** 0 stands for 2^32. */
  readonly size: NDArray
  /** (2^16 mod size)^2 mod 2^32 mod size: 2^32 mod size for sizes up to 2^16, and otherwise 0, as JAX computes it. */
  readonly multiplier: NDArray
}

const uint32 = (value: number): NDArray => lax.full([], value, { dtype: 'uint32' })

/** The interval of two JS numbers, computed here and now. */
const knownInterval = (minval: number, maxval: number, dtype: DType, sampled: DType): Interval => {
  const operation = 'random.randint'
  for (const bound of [minval, maxval]) {
    if (!Number.isInteger(bound)) throw new ArgumentError(`${operation}: the bounds are integers, got ${bound}.`)
  }
  const { min, max } = dtypeRange(dtype)
  const low = Math.min(Math.max(minval, min), max)
  const high = Math.min(Math.max(maxval, min), max + 1)
  // As JAX: an empty interval gives its low end.
  const size = Math.max(high - low, 1)
  const root = 2 ** 16 % size
  return {
    low: lax.full([], low, { dtype: sampled }),
    size: uint32(size === 2 ** 32 ? 0 : size),
    multiplier: uint32((Math.imul(root, root) >>> 0) % size),
  }
}

/** An integer bound, clipped to what the sampled dtype can hold. */
const clippedBound = (bound: ArrayLike, dtype: DType, sampled: DType, beyond: number): NDArray => {
  const x = lax.asArray(bound, 'random.randint')
  if (!isInteger(x.dtype)) {
    throw new DTypeError(`random.randint: the bounds are integers, got ${avalText(x.aval)}; use astype('int32').`)
  }
  const { min, max } = dtypeRange(dtype)
  const range = dtypeRange(x.dtype)
  const low = min > range.min ? lax.max(x, lax.full([], min, { dtype: x.dtype })) : x
  const top = max + beyond
  const clipped = top < range.max ? lax.min(low, lax.full([], top, { dtype: x.dtype })) : low
  return lax.convertElementType(clipped, sampled)
}

/** The interval of two bounds that may be traced. */
const interval = (minval: ArrayLike, maxval: ArrayLike, dtype: DType, sampled: DType): Interval => {
  if (typeof minval === 'number' && typeof maxval === 'number') return knownInterval(minval, maxval, dtype, sampled)
  // Small dtypes are sampled in int32, where the end of their range still fits.
  const low = clippedBound(minval, dtype, sampled, 0)
  const high = clippedBound(maxval, dtype, sampled, dtype === sampled ? 0 : 1)
  const empty = np.lessEqual(high, low)
  const span = lax.convertElementType(np.subtract(high, low), 'uint32')
  const cut = lax.asArray(maxval, 'random.randint')
  const one = uint32(1)
  // A uint32 bound may exceed int32; the interval then ends at the very end of int32.
  const last =
    dtype === sampled && dtypeRange(cut.dtype).max > dtypeRange(dtype).max
      ? np.add(span, lax.convertElementType(lax.gt(cut, dtypeRange(dtype).max), 'uint32'))
      : span
  const size = np.where(empty, one, last)
  const multiplier = np.mod(uint32(2 ** 16), size)
  return { low, size, multiplier: np.mod(np.multiply(multiplier, multiplier), size) }
}

/**
 * Integers in [minval, maxval), exactly JAX's `jax.random.randint`: 64 random bits modulo the size of the interval.
 *
 * @param minval, maxval integers, or integer arrays that broadcast to `shape`; clipped to the range of the dtype
 * @param options.dtype an integer dtype, 'int32' by default
 * @throws DTypeError, ArgumentError for bounds or a dtype that are not integers
 * @example
 * ```ts
 * const dice = random.randint(random.key(0), [10], 1, 7)
 * ```
 */
export const randint = (
  key: NDArray,
  shape: readonly number[],
  minval: ArrayLike,
  maxval: ArrayLike,
  options: IntegerOptions = {},
): NDArray => {
  const { dtype = 'int32' } = checkOptions('random.randint', options, 'dtype')
  const operation = 'random.randint'
  checkKey(key, operation)
  checkInteger(dtype, operation)
  checkParameterShapes(operation, sampleShape(shape, operation), [minval, maxval])
  const sampled: DType = dtype === 'uint32' ? 'uint32' : 'int32'
  const { low, size, multiplier } = interval(minval, maxval, dtype, sampled)
  const [key1, key2] = splitPair(key)
  const high = np.multiply(remainder(randomBits32(key1, shape), size), multiplier)
  const offset = remainder(np.add(high, remainder(randomBits32(key2, shape), size)), size)
  return lax.convertElementType(np.add(low, lax.convertElementType(offset, sampled)), dtype)
}

/** `x` modulo `size`, where a size of 0 stands for 2^32. */
const remainder = (x: NDArray, size: NDArray): NDArray => {
  const safe = np.where(np.equal(size, uint32(0)), uint32(1), size)
  return np.where(np.equal(size, uint32(0)), x, np.remainder(x, safe))
}

/** Options of `categorical`. */
export interface CategoricalOptions {
  /** Axis of the categories, the last one unless said. */
  readonly axis?: number
  /** Shape of the samples; it must end with the shape of `logits` without `axis`. */
  readonly shape?: readonly number[] | null
  /** With false, the samples of one batch member are distinct. */
  readonly replace?: boolean
}

/**
 * Categories (int32 indices) with unnormalised log-probabilities `logits`, by the Gumbel trick.
 *
 * @throws ShapeError when the shape does not end with that of the batch
 * @example
 * ```ts
 * random.categorical(random.key(0), np.array([0, 1, 2]), { shape: [5] })
 * ```
 */
export const categorical = (key: NDArray, logits: ArrayLike, options: CategoricalOptions = {}): NDArray => {
  const { axis = -1, shape, replace = true } = checkOptions('random.categorical', options, 'axis shape replace')
  const operation = 'random.categorical'
  checkKey(key, operation)
  const given = lax.asArray(logits, operation)
  const x = lax.convertElementType(given, inexact(given.dtype))
  const along = canonicalAxis(axis, x.ndim, operation)
  const batch = x.shape.filter((_, d) => d !== along)
  const size = shape ?? batch
  const prefix = size.slice(0, size.length - batch.length)
  if (size.length < batch.length || !sameShape(size.slice(prefix.length), batch)) {
    throw new ShapeError(
      `${operation}: samples of shape ${shapeText(size)} must end with ${shapeText(batch)}, ` +
        `the shape of the logits ${avalText(x.aval)} without axis ${axis}.`,
    )
  }
  if (replace) {
    const noise = gumbel(key, [...prefix, ...x.shape], { dtype: x.dtype })
    return np.argmax(np.add(noise, x), { axis: prefix.length + along })
  }
  const count = sizeOf(prefix)
  const categories = x.shape[along] ?? 0
  if (count > categories) {
    throw new ArgumentError(
      `${operation}: cannot draw ${count} distinct samples from ${categories} categories; allow repeats with { replace: true }.`,
    )
  }
  const [, indices] = lax.topK(
    lax.moveAxis(lax.add(x, gumbel(key, x.shape, { dtype: x.dtype })), along, x.ndim - 1),
    count,
  )
  return lax.reshape(lax.moveAxis(indices, batch.length, 0), size)
}

/** Number of trials up to the first success of probability `p`, at least 1. */
export const geometric = (
  key: NDArray,
  p: ArrayLike,
  shape?: readonly number[] | null,
  options: IntegerOptions = {},
): NDArray => {
  const { dtype = 'int32' } = checkOptions('random.geometric', options, 'dtype')
  const operation = 'random.geometric'
  checkKey(key, operation)
  checkInteger(dtype, operation)
  const size = parameterShape(operation, shape, [p])
  const given = lax.asArray(p, operation)
  const probability = lax.convertElementType(given, inexact(given.dtype))
  const u = uniformSamples(key, size, probability.dtype, 0, 1)
  const safe = np.where(np.equal(u, 0), 1, u)
  const trials = lax.add(lax.floor(np.divide(lax.log(safe), lax.log1p(lax.neg(probability)))), 1)
  return lax.convertElementType(trials, dtype)
}
