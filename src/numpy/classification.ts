/** NaN, infinities, signs of zero: telling them apart, and replacing them. */
import { type ArrayLike, type NDArray, dtypeRange, isFloating, shapedArray, checkOptions } from '../core/index.js'
import * as lax from '../lax/index.js'
import { constantLike } from './constant-like.js'
import { convertTo } from './promotion-args.js'
import type { Unary } from './ufuncs.js'

/**
 * False for NaN and infinities; integers are finite.
 *
 * @example
 * ```ts
 * np.isfinite(np.array([1, Infinity])) // [true, false]
 * ```
 */
export const isfinite: Unary = (x) => {
  const array = lax.asArray(x, 'isfinite')
  return isFloating(array.dtype) ? lax.isFinite(array) : everywhere(array, true)
}
/**
 * True for NaN.
 *
 * @example
 * ```ts
 * np.isnan(np.array([1, NaN])) // [false, true]
 * ```
 */
export const isnan: Unary = (x) => {
  const array = lax.asArray(x, 'isnan')
  return isFloating(array.dtype) ? lax.ne(array, array) : everywhere(array, false)
}
/**
 * True for both infinities.
 *
 * @example
 * ```ts
 * np.isinf(np.array([1, -Infinity])) // [false, true]
 * ```
 */
export const isinf: Unary = (x) => {
  const array = lax.asArray(x, 'isinf')
  return isFloating(array.dtype) ? lax.eq(lax.abs(array), constantLike(array, Infinity)) : everywhere(array, false)
}
/** True for +infinity. */
export const isposinf: Unary = (x) => isOneInfinity(lax.asArray(x, 'isposinf'), Infinity)
/** True for -infinity. */
export const isneginf: Unary = (x) => isOneInfinity(lax.asArray(x, 'isneginf'), -Infinity)

const isOneInfinity = (x: NDArray, infinity: number): NDArray =>
  isFloating(x.dtype) ? lax.eq(x, constantLike(x, infinity)) : everywhere(x, false)

const everywhere = (x: NDArray, value: boolean): NDArray => lax.filled(value ? 1 : 0, shapedArray(x.shape, 'bool'))

/**
 * True where the sign bit is set: negative numbers and -0.
 *
 * @example
 * ```ts
 * np.signbit(np.array([-1, 0, -0])) // [true, false, true]
 * ```
 */
export const signbit: Unary = (x) => {
  const array = lax.asArray(x, 'signbit')
  const zero = constantLike(array, 0)
  if (!isFloating(array.dtype)) return array.dtype === 'bool' ? everywhere(array, false) : lax.lt(array, zero)
  // Only -0 has a reciprocal of -inf.
  const negativeZero = lax.lt(lax.div(constantLike(array, 1), array), zero)
  return lax.bitwiseOr(lax.lt(array, zero), lax.bitwiseAnd(lax.eq(array, zero), negativeZero))
}

export interface NanToNumOptions {
  /** What NaN becomes, 0 unless given. */
  readonly nan?: ArrayLike
  /** What +infinity becomes, the largest finite number unless given. */
  readonly posinf?: ArrayLike | null
  /** What -infinity becomes, the smallest finite number unless given. */
  readonly neginf?: ArrayLike | null
}

/**
 * Replaces NaN and infinities by finite numbers; integers stay.
 *
 * @example
 * ```ts
 * np.nanToNum(np.array([NaN, Infinity]), { posinf: 9 }) // [0, 9]
 * ```
 */
export const nanToNum = (x: ArrayLike, options?: NanToNumOptions): NDArray => {
  checkOptions('nanToNum', options, 'nan posinf neginf')
  const array = lax.asArray(x, 'nanToNum')
  if (!isFloating(array.dtype)) return array
  const { min, max } = dtypeRange(array.dtype)
  const value = (given: ArrayLike | null | undefined, fallback: number): NDArray =>
    lax.broadcastTo(convertTo(lax.asArray(given ?? fallback, 'nanToNum'), array.dtype, false), array.shape)
  const finite = lax.select(isnan(array), value(options?.nan, 0), array)
  const below = lax.select(isposinf(finite), value(options?.posinf, max), finite)
  return lax.select(isneginf(below), value(options?.neginf, min), below)
}
