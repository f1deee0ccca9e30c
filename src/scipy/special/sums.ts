/** Sums of exponentials, normalized or not, over all axes unless said. */
import { type ArrayLike, type NDArray, canonicalAxes, checkOptions } from '../../core/index.js'
import * as lax from '../../lax/index.js'
import { max, sum } from '../../numpy/reductions.js'
import { where as whereOf } from '../../numpy/selection.js'
import { notEqual } from '../../numpy/comparison.js'
import { divide, multiply, subtract } from '../../numpy/arithmetic.js'
import { float } from '../arguments.js'

export interface SumOptions {
  /** Axes to sum over, all of them unless said. */
  readonly axis?: number | readonly number[] | null
}

export interface LogSumExpOptions extends SumOptions {
  readonly keepdims?: boolean
  /** Weights, which broadcast with `a`; they may be negative or zero. */
  readonly b?: ArrayLike | null
  /** Elements to include. */
  readonly where?: NDArray | null
}

/** Logarithm of the absolute value of a weighted sum of exponentials, and its sign. */
const signedLogSum = (
  a: ArrayLike,
  { axis = null, keepdims = false, b = null, where = null }: LogSumExpOptions,
): readonly [logarithm: NDArray, sign: NDArray] => {
  const given = float('special.logsumexp', a)
  const weighted = b === null ? given : whereOf(notEqual(b, 0), given, -Infinity)
  const x = where === null ? weighted : whereOf(where, weighted, -Infinity)
  const largest = lax.stopGradient(max(x, { axis, keepdims: true, initial: -Infinity }))
  const shift = whereOf(lax.isFinite(largest), largest, 0)
  const exponentials = lax.exp(subtract(x, shift))
  const total = sum(b === null ? exponentials : multiply(exponentials, b), { axis, keepdims: true })
  const sign = lax.sign(total)
  const logarithm = lax.add(lax.log(b === null ? total : lax.mul(sign, total)), shift)
  if (keepdims) return [logarithm, sign]
  const axes = canonicalAxes(axis, x.ndim, 'special.logsumexp')
  return [lax.squeeze(logarithm, axes), lax.squeeze(sign, axes)]
}

/**
 * Logarithm of the sum of exponentials, `log(sum(b exp(a)))`, without overflow. NaN where the sum is negative; with
 * `returnSign`, `[log(|sum|), sign]`.
 *
 * @example
 * ```ts
 * scipy.special.logsumexp(np.array([1000, 1000])) // 1000.6931
 * ```
 */
export function logsumexp(a: ArrayLike, options?: LogSumExpOptions): NDArray
export function logsumexp(
  a: ArrayLike,
  options: LogSumExpOptions & { readonly returnSign: true },
): [logarithm: NDArray, sign: NDArray]
export function logsumexp(
  a: ArrayLike,
  options: LogSumExpOptions & { readonly returnSign?: boolean } = {},
): NDArray | [NDArray, NDArray] {
  checkOptions('special.logsumexp', options, 'axis b keepdims where returnSign')
  const [logarithm, sign] = signedLogSum(a, options)
  if (options.returnSign === true) return [logarithm, sign]
  if (options.b === undefined || options.b === null) return logarithm
  return whereOf(lax.lt(sign, 0), NaN, logarithm)
}

/** The largest element along axes, as a constant. */
const shifted = (x: NDArray, axis: SumOptions['axis']): NDArray =>
  subtract(x, lax.stopGradient(max(x, { axis: axis ?? null, keepdims: true, initial: -Infinity })))

/** `exp(x) / sum(exp(x))` along axes, all of them unless said. */
export const softmax = (x: ArrayLike, options: SumOptions = {}): NDArray => {
  const { axis = null } = checkOptions('special.softmax', options, 'axis')
  const exponentials = lax.exp(shifted(float('special.softmax', x), axis))
  return divide(exponentials, sum(exponentials, { axis, keepdims: true }))
}

/** Logarithm of `softmax`, computed without underflow. */
export const logSoftmax = (x: ArrayLike, options: SumOptions = {}): NDArray => {
  const { axis = null } = checkOptions('special.logSoftmax', options, 'axis')
  const y = shifted(float('special.logSoftmax', x), axis)
  return subtract(y, lax.log(sum(lax.exp(y), { axis, keepdims: true })))
}
