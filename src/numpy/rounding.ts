/** Signs, absolute values, squares, rounding: elementwise functions that keep integers. */
import {
  type ArrayLike,
  type NDArray,
  DTypeError,
  isFloating,
  isInteger,
  isUnsigned,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import { constantLike } from './constant-like.js'
import { numericOperand } from './promotion-args.js'
import { type Unary, ofFloats } from './ufuncs.js'

/** A rounding function: integers and bool are whole already. */
/* @__NO_SIDE_EFFECTS__ */
const rounding =
  (name: string, f: (x: NDArray) => NDArray): Unary =>
  (x) => {
    const array = lax.asArray(x, name)
    return isFloating(array.dtype) ? f(array) : array
  }

/**
 * `-x`; of unsigned integers, modulo their range. Throws DTypeError for bool.
 *
 * @example
 * ```ts
 * np.negative(np.array([1, -2]))
 * ```
 */
export const negative: Unary = (x) => {
  const array = lax.asArray(x, 'negative')
  if (array.dtype === 'bool')
    throw new DTypeError('negative: a bool array has no negative; use np.logicalNot(x), or convert with astype.')
  return lax.neg(array)
}

/** The numbers themselves. Throws DTypeError for bool, as NumPy. */
export const positive: Unary = (x) => {
  return lax.asArray(x, 'positive')
}

/**
 * Absolute value; its derivative at 0 is 0.
 *
 * @example
 * ```ts
 * np.abs(np.array([-1, 2])) // [1, 2]
 * ```
 */
export const abs: Unary = (x) => {
  const array = lax.asArray(x, 'abs')
  return array.dtype === 'bool' || isUnsigned(array.dtype) ? array : lax.abs(array)
}
export { abs as absolute }

/**
 * Absolute value as a float.
 *
 * @example
 * ```ts
 * np.fabs(np.array([-1, 2])) // [1, 2]
 * ```
 */
export const fabs: Unary = ofFloats('fabs', lax.abs)
/**
 * -1, 0 or 1; NaN stays.
 *
 * @example
 * ```ts
 * np.sign(np.array([-3, 0, 5])) // [-1, 0, 1]
 * ```
 */
export const sign: Unary = (x) => lax.sign(x)
/**
 * `x * x`.
 *
 * @example
 * ```ts
 * np.square(np.array([3, -4])) // [9, 16]
 * ```
 */
export const square: Unary = (x) => lax.square(numericOperand('square', x))

/**
 * Largest integer not above; integers stay.
 *
 * @example
 * ```ts
 * np.floor(-1.5) // -2
 * ```
 */
export const floor: Unary = rounding('floor', lax.floor)
/**
 * Smallest integer not below; integers stay.
 *
 * @example
 * ```ts
 * np.ceil(1.2) // 2
 * ```
 */
export const ceil: Unary = rounding('ceil', lax.ceil)
/**
 * Integer part: rounds toward 0; integers stay.
 *
 * @example
 * ```ts
 * np.trunc(-1.7) // -1
 * ```
 */
export const trunc: Unary = rounding('trunc', (x) =>
  lax.select(lax.lt(x, constantLike(x, 0)), lax.ceil(x), lax.floor(x)),
)
export { trunc as fix }
/**
 * Nearest integer as a float, halves to even.
 *
 * @example
 * ```ts
 * np.rint(2.5) // 2
 * ```
 */
export const rint: Unary = ofFloats('rint', (x) => lax.round(x, 1))

/**
 * Rounds to `decimals` (0) decimal places, halves to even; negative ones round to tens, hundreds, ...
 *
 * @example
 * ```ts
 * np.round(np.array([1.234, 2.5]), { decimals: 1 }) // [1.2, 2.5]
 * ```
 */
export const round = (a: ArrayLike, options?: { readonly decimals?: number }): NDArray => {
  checkOptions('round', options, 'decimals')
  const x = lax.asArray(a, 'round')
  const decimals = options?.decimals ?? 0
  if (x.dtype === 'bool') throw new DTypeError('round: a bool array is not a number; convert with astype.')
  if (isInteger(x.dtype)) {
    if (decimals >= 0) return x
    const factor = constantLike(lax.convertElementType(x, 'float32'), 10 ** -decimals)
    const scaled = lax.round(lax.div(lax.convertElementType(x, 'float32'), factor), 1)
    return lax.convertElementType(lax.mul(scaled, factor), x.dtype)
  }
  if (decimals === 0) return lax.round(x, 1)
  if (x.dtype === 'float16' || x.dtype === 'bfloat16')
    return lax.convertElementType(round(lax.convertElementType(x, 'float32'), { decimals }), x.dtype)
  const factor = constantLike(x, 10 ** Math.abs(decimals))
  return decimals > 0
    ? lax.div(lax.round(lax.mul(x, factor), 1), factor)
    : lax.mul(lax.round(lax.div(x, factor), 1), factor)
}
export { round as around }
