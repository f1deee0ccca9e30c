/** Functions that normalise over an axis: softmax and its logarithm, log-sum-exp, standardization. */
import { type ArrayLike, type NDArray, canonicalAxes, checkOptions } from '../core/index.js'
import * as lax from '../lax/index.js'
import * as np from '../numpy/index.js'
import { floatArray } from './activations.js'

/** Axes to reduce over. */
export type Axis = number | readonly number[] | null

/** Options of `softmax` and `logSoftmax`. */
export interface SoftmaxOptions {
  /** The last axis unless said. */
  readonly axis?: Axis
  /** Elements to include; the others get probability 0. */
  readonly where?: NDArray | null
}

/** The largest element that takes part, as a constant, with the axes kept; 0 where it is not finite and `finite` is asked. */
const shiftOf = (x: NDArray, axis: Axis, where: NDArray | null, finite: boolean): NDArray => {
  const options = { axis, keepdims: true, initial: -Infinity }
  const largest = lax.stopGradient(where === null ? np.max(x, options) : np.max(x, { ...options, where }))
  return finite ? np.where(lax.isFinite(largest), largest, 0) : largest
}

/**
 * exp(x) / sum(exp(x)) along the axis.
 *
 * @example
 * ```ts
 * nn.softmax(np.array([[1, 2, 3]])).sum({ axis: -1 }) // [1]
 * ```
 */
export const softmax = (x: ArrayLike, options: SoftmaxOptions = {}): NDArray => {
  checkOptions('nn.softmax', options, 'axis where')
  const { axis = -1, where = null } = options
  const a = floatArray(x, 'nn.softmax')
  if (where === null) {
    const exponentials = lax.exp(np.subtract(a, shiftOf(a, axis, null, false)))
    return np.divide(exponentials, np.sum(exponentials, { axis, keepdims: true }))
  }
  const exponentials = lax.exp(np.subtract(np.where(where, a, -Infinity), shiftOf(a, axis, where, true)))
  const total = np.sum(exponentials, { axis, keepdims: true })
  // Where nothing takes part the sum is 0; dividing by 1 keeps NaN out of the value and the derivative.
  return np.where(where, np.divide(exponentials, np.where(np.equal(total, 0), 1, total)), 0)
}

/**
 * The logarithm of softmax, computed without underflow.
 *
 * @example
 * ```ts
 * nn.logSoftmax(np.array([1000, 999, -1000]))
 * ```
 */
export const logSoftmax = (x: ArrayLike, options: SoftmaxOptions = {}): NDArray => {
  checkOptions('nn.logSoftmax', options, 'axis where')
  const { axis = -1, where = null } = options
  const a = floatArray(x, 'nn.logSoftmax')
  const included = where === null ? a : np.where(where, a, -Infinity)
  const shifted = np.subtract(included, shiftOf(a, axis, where, where !== null))
  const total = np.sum(lax.exp(shifted), { axis, keepdims: true })
  if (where === null) return np.subtract(shifted, lax.log(total))
  return np.where(where, np.subtract(shifted, lax.log(np.where(np.equal(total, 0), 1, total))), -Infinity)
}

/** Options of `logsumexp` and `logmeanexp`. */
export interface LogSumExpOptions {
  /** All axes unless said. */
  readonly axis?: Axis
  readonly keepdims?: boolean
  /** Elements to include. */
  readonly where?: NDArray | null
}

/** Options of `logsumexp`. */
export interface WeightedLogSumExpOptions extends LogSumExpOptions {
  /** Weights that broadcast with `a`. */
  readonly b?: ArrayLike | null
}

/**
 * log(sum(b exp(a))) without overflow; NaN where the sum is negative. With `returnSign`, `[log(|sum|), sign]`.
 *
 * @param options.b weights that broadcast with `a`
 * @example
 * ```ts
 * nn.logsumexp(np.array([1000, 1000])) // 1000.6931
 * ```
 */
export function logsumexp(a: ArrayLike, options?: WeightedLogSumExpOptions & { readonly returnSign?: false }): NDArray
export function logsumexp(
  a: ArrayLike,
  options: WeightedLogSumExpOptions & { readonly returnSign: true },
): [logarithm: NDArray, sign: NDArray]
export function logsumexp(
  a: ArrayLike,
  options: WeightedLogSumExpOptions & { readonly returnSign?: boolean } = {},
): NDArray | [NDArray, NDArray] {
  checkOptions('nn.logsumexp', options, 'axis keepdims where b returnSign')
  const { axis = null, keepdims = false, where = null, b = null, returnSign = false } = options
  const given = floatArray(a, 'nn.logsumexp')
  const weighted = b === null ? given : np.where(np.notEqual(b, 0), given, -Infinity)
  const x = where === null ? weighted : np.where(where, weighted, -Infinity)
  const shift = shiftOf(x, axis, null, true)
  const exponentials = lax.exp(np.subtract(x, shift))
  const total = np.sum(b === null ? exponentials : np.multiply(exponentials, b), { axis, keepdims: true })
  const axes = canonicalAxes(axis, x.ndim, 'nn.logsumexp')
  const finished = (result: NDArray): NDArray => (keepdims ? result : lax.squeeze(result, axes))
  // The logarithm of a negative sum is NaN by itself.
  if (!returnSign) return finished(lax.add(lax.log(total), shift))
  const sign = lax.sign(total)
  return [finished(lax.add(lax.log(lax.mul(sign, total)), shift)), finished(sign)]
}

/** log(mean(exp(a))). */
export const logmeanexp = (a: ArrayLike, options: LogSumExpOptions = {}): NDArray => {
  checkOptions('nn.logmeanexp', options, 'axis keepdims where')
  const x = floatArray(a, 'nn.logmeanexp')
  const { axis = null, keepdims = false, where = null } = options
  const ones = where === null ? lax.fullLike(x, 1) : np.where(where, lax.fullLike(x, 1), 0)
  return np.subtract(logsumexp(x, options), lax.log(np.sum(ones, { axis, keepdims })))
}

/** Options of `standardize`. */
export interface StandardizeOptions {
  /** The last axis unless said. */
  readonly axis?: Axis
  /** Mean to subtract, if known. */
  readonly mean?: ArrayLike | null
  /** Variance to divide by, if known. */
  readonly variance?: ArrayLike | null
  readonly epsilon?: ArrayLike
  /** Elements that count in mean and variance. */
  readonly where?: NDArray | null
}

/** Mean over the axes, kept as axes of size 1, of the elements that count. */
const keptMean = (x: NDArray, axis: Axis, where: NDArray | null): NDArray =>
  where === null ? np.mean(x, { axis, keepdims: true }) : np.mean(x, { axis, keepdims: true, where })

/**
 * (x - mean) / sqrt(variance + epsilon) along the axis, with the biased variance of the deviations.
 *
 * @example
 * ```ts
 * nn.standardize(np.array([[1, 2, 3]])) // mean 0, variance 1
 * ```
 */
export const standardize = (x: ArrayLike, options: StandardizeOptions = {}): NDArray => {
  const {
    axis = -1,
    mean = null,
    variance = null,
    epsilon = 1e-5,
    where = null,
  } = checkOptions('nn.standardize', options, 'axis mean variance epsilon where')
  const a = floatArray(x, 'nn.standardize')
  const deviation = np.subtract(a, mean ?? keptMean(a, axis, where))
  const spread = variance ?? keptMean(np.square(deviation), axis, where)
  return np.multiply(deviation, lax.rsqrt(np.add(spread, epsilon)))
}
