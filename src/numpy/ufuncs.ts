/** Elementwise functions of one array: exponentials, logarithms, trigonometry, signs, rounding, classification. */
import {
  type ArrayLike,
  type NDArray,
  DTypeError,
  dtypeRange,
  isFloating,
  isInteger,
  isUnsigned,
  shapedArray,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import { constantLike, filledLike } from './constant-like.js'
import { convertTo, inexactOperand, numericOperand } from './promotion-args.js'

/** Elementwise function of one array. */
export type Unary = (x: ArrayLike) => NDArray

/** A lax function of floats; integers and bool are converted to float32. */
const ofFloats =
  (name: string, f: (x: NDArray) => NDArray): Unary =>
  (x) =>
    f(inexactOperand(name, x))

/** A rounding function: integers and bool are whole already. */
const rounding =
  (name: string, f: (x: NDArray) => NDArray): Unary =>
  (x) => {
    const array = lax.asArray(x, name)
    return isFloating(array.dtype) ? f(array) : array
  }

/** e to the x. Integers give float32, here and in the functions below. @example np.exp(np.array([0, 1])) // [1, 2.7182817] */
export const exp: Unary = ofFloats('exp', lax.exp)
/** 2 to the x. @example np.exp2(np.array([0, 3])) // [1, 8] */
export const exp2: Unary = ofFloats('exp2', lax.exp2)
/** `exp(x) - 1`, accurate near 0. @example np.expm1(1e-10) */
export const expm1: Unary = ofFloats('expm1', lax.expm1)
/** Natural logarithm: -inf at 0, NaN below. @example np.log(np.array([1, 2])) */
export const log: Unary = ofFloats('log', lax.log)
/** `log(1 + x)`, accurate near 0. @example np.log1p(1e-10) */
export const log1p: Unary = ofFloats('log1p', lax.log1p)
/** Logarithm to base 2. @example np.log2(8) // 3 */
export const log2: Unary = ofFloats('log2', (x) => lax.div(lax.log(x), constantLike(x, Math.LN2)))
/** Logarithm to base 10. @example np.log10(1000) // 3 */
export const log10: Unary = ofFloats('log10', (x) => lax.div(lax.log(x), constantLike(x, Math.LN10)))
/** Square root, NaN below 0. @example np.sqrt(2) */
export const sqrt: Unary = ofFloats('sqrt', lax.sqrt)
/** Cube root, also of negative numbers. @example np.cbrt(-8) // -2 */
export const cbrt: Unary = ofFloats('cbrt', lax.cbrt)
/** `1 / x`. @example np.reciprocal(4) // 0.25 */
export const reciprocal: Unary = ofFloats('reciprocal', (x) => lax.integerPow(x, -1))

/** Sine of radians. @example np.sin(np.pi / 2) // 1 */
export const sin: Unary = ofFloats('sin', lax.sin)
/** Cosine of radians. @example np.cos(0) // 1 */
export const cos: Unary = ofFloats('cos', lax.cos)
/** Tangent of radians. @example np.tan(0) // 0 */
export const tan: Unary = ofFloats('tan', lax.tan)
/** Inverse sine in [-pi/2, pi/2]; NaN outside [-1, 1]. @example np.arcsin(1) */
export const arcsin: Unary = ofFloats('arcsin', lax.asin)
/** Inverse cosine in [0, pi]; NaN outside [-1, 1]. @example np.arccos(1) // 0 */
export const arccos: Unary = ofFloats('arccos', lax.acos)
/** Inverse tangent in [-pi/2, pi/2]. @example np.arctan(1) */
export const arctan: Unary = ofFloats('arctan', lax.atan)
/** Hyperbolic sine. @example np.sinh(0) // 0 */
export const sinh: Unary = ofFloats('sinh', lax.sinh)
/** Hyperbolic cosine. @example np.cosh(0) // 1 */
export const cosh: Unary = ofFloats('cosh', lax.cosh)
/** Hyperbolic tangent. @example np.tanh(0) // 0 */
export const tanh: Unary = ofFloats('tanh', lax.tanh)
/** Inverse hyperbolic sine. @example np.arcsinh(0) // 0 */
export const arcsinh: Unary = ofFloats('arcsinh', lax.asinh)
/** Inverse hyperbolic cosine; NaN below 1. @example np.arccosh(1) // 0 */
export const arccosh: Unary = ofFloats('arccosh', lax.acosh)
/** Inverse hyperbolic tangent; NaN outside [-1, 1]. @example np.arctanh(0) // 0 */
export const arctanh: Unary = ofFloats('arctanh', lax.atanh)
export {
  arcsin as asin,
  arccos as acos,
  arctan as atan,
  arcsinh as asinh,
  arccosh as acosh,
  arctanh as atanh,
}

/** Degrees to radians. @example np.deg2rad(180) // pi */
export const deg2rad: Unary = ofFloats('deg2rad', (x) => lax.mul(x, constantLike(x, Math.PI / 180)))
/** Radians to degrees. @example np.rad2deg(np.pi) // 180 */
export const rad2deg: Unary = ofFloats('rad2deg', (x) => lax.mul(x, constantLike(x, 180 / Math.PI)))
export { deg2rad as radians, rad2deg as degrees }

/** `-x`; of unsigned integers, modulo their range. Throws DTypeError for bool. @example np.negative(np.array([1, -2])) */
export const negative: Unary = (x) => {
  const array = lax.asArray(x, 'negative')
  if (array.dtype === 'bool')
    throw new DTypeError('negative: a bool array has no negative; use np.logicalNot(x), or convert with astype.')
  return lax.neg(array)
}

/** The numbers themselves. Throws DTypeError for bool, as NumPy. */
export const positive: Unary = (x) => {
  const array = lax.asArray(x, 'positive')
  if (array.dtype === 'bool') throw new DTypeError('positive: a bool array is not a number; convert with astype.')
  return array
}

/** Absolute value; its derivative at 0 is 0. @example np.abs(np.array([-1, 2])) // [1, 2] */
export const abs: Unary = (x) => {
  const array = lax.asArray(x, 'abs')
  return array.dtype === 'bool' || isUnsigned(array.dtype) ? array : lax.abs(array)
}
export { abs as absolute }

/** Absolute value as a float. @example np.fabs(np.array([-1, 2])) // [1, 2] */
export const fabs: Unary = ofFloats('fabs', lax.abs)
/** -1, 0 or 1; NaN stays. @example np.sign(np.array([-3, 0, 5])) // [-1, 0, 1] */
export const sign: Unary = (x) => lax.sign(numericOperand('sign', x))
/** `x * x`. @example np.square(np.array([3, -4])) // [9, 16] */
export const square: Unary = (x) => lax.square(numericOperand('square', x))

/** Largest integer not above; integers stay. @example np.floor(-1.5) // -2 */
export const floor: Unary = rounding('floor', lax.floor)
/** Smallest integer not below; integers stay. @example np.ceil(1.2) // 2 */
export const ceil: Unary = rounding('ceil', lax.ceil)
/** Integer part: rounds toward 0; integers stay. @example np.trunc(-1.7) // -1 */
export const trunc: Unary = rounding('trunc', (x) =>
  lax.select(lax.lt(x, constantLike(x, 0)), lax.ceil(x), lax.floor(x)),
)
export { trunc as fix }
/** Nearest integer as a float, halves to even. @example np.rint(2.5) // 2 */
export const rint: Unary = ofFloats('rint', (x) => lax.round(x, 1))

/**
 * Rounds to `decimals` (0) decimal places, halves to even; negative ones round to tens, hundreds, ...
 *
 * @example
 * np.round(np.array([1.234, 2.5]), { decimals: 1 }) // [1.2, 2.5]
 */
export const round = (a: ArrayLike, options?: { readonly decimals?: number }): NDArray => {
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

/** False for NaN and infinities; integers are finite. @example np.isfinite(np.array([1, Infinity])) // [true, false] */
export const isfinite: Unary = (x) => {
  const array = lax.asArray(x, 'isfinite')
  return isFloating(array.dtype) ? lax.isFinite(array) : everywhere(array, true)
}
/** True for NaN. @example np.isnan(np.array([1, NaN])) // [false, true] */
export const isnan: Unary = (x) => {
  const array = lax.asArray(x, 'isnan')
  return isFloating(array.dtype) ? lax.ne(array, array) : everywhere(array, false)
}
/** True for both infinities. @example np.isinf(np.array([1, -Infinity])) // [false, true] */
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

/** True where the sign bit is set: negative numbers and -0. @example np.signbit(np.array([-1, 0, -0])) // [true, false, true] */
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
 * np.nanToNum(np.array([NaN, Infinity]), { posinf: 9 }) // [0, 9]
 */
export const nanToNum = (x: ArrayLike, options?: NanToNumOptions): NDArray => {
  const array = lax.asArray(x, 'nanToNum')
  if (!isFloating(array.dtype)) return array
  const { min, max } = dtypeRange(array.dtype)
  const value = (given: ArrayLike | null | undefined, fallback: number): NDArray =>
    lax.broadcastTo(convertTo(lax.asArray(given ?? fallback, 'nanToNum'), array.dtype, false), array.shape)
  const finite = lax.select(isnan(array), value(options?.nan, 0), array)
  const below = lax.select(isposinf(array), value(options?.posinf, max), finite)
  return lax.select(isneginf(array), value(options?.neginf, min), below)
}

/**
 * Normalised sinc `sin(pi x) / (pi x)`, 1 at 0.
 *
 * @example
 * np.sinc(np.array([0, 0.5]))
 */
export const sinc: Unary = ofFloats('sinc', (x) => {
  const angle = lax.mul(x, constantLike(x, Math.PI))
  const atZero = lax.eq(x, constantLike(x, 0))
  const safe = lax.select(atZero, filledLike(x, 1), angle)
  // The series 1 - a^2/6 + a^4/120 has the right derivatives at 0.
  const squared = lax.square(angle)
  const series = lax.sub(
    lax.add(constantLike(x, 1), lax.mul(lax.square(squared), constantLike(x, 1 / 120))),
    lax.div(squared, constantLike(x, 6)),
  )
  return lax.select(atZero, series, lax.div(lax.sin(safe), safe))
})
