/** Elementwise functions of floats: exponentials, logarithms, roots, trigonometry. */
import type { ArrayLike, NDArray } from '../core/index.js'
import * as lax from '../lax/index.js'
import { constantLike, filledLike } from './constant-like.js'
import { inexactOperand } from './promotion-args.js'

/** Elementwise function of one array. */
export type Unary = (x: ArrayLike) => NDArray

/** A lax function of floats; integers and bool are converted to float32. */
/* @__NO_SIDE_EFFECTS__ */
export const ofFloats =
  (name: string, f: (x: NDArray) => NDArray): Unary =>
  (x) =>
    f(inexactOperand(name, x))

/**
 * e to the x. Integers give float32, here and in the functions below.
 *
 * @example
 * ```ts
 * np.exp(np.array([0, 1])) // [1, 2.7182817]
 * ```
 */
export const exp: Unary = ofFloats('exp', lax.exp)
/**
 * 2 to the x.
 *
 * @example
 * ```ts
 * np.exp2(np.array([0, 3])) // [1, 8]
 * ```
 */
export const exp2: Unary = ofFloats('exp2', lax.exp2)
/**
 * `exp(x) - 1`, accurate near 0.
 *
 * @example
 * ```ts
 * np.expm1(1e-10)
 * ```
 */
export const expm1: Unary = ofFloats('expm1', lax.expm1)
/**
 * Natural logarithm: -inf at 0, NaN below.
 *
 * @example
 * ```ts
 * np.log(np.array([1, 2]))
 * ```
 */
export const log: Unary = ofFloats('log', lax.log)
/**
 * `log(1 + x)`, accurate near 0.
 *
 * @example
 * ```ts
 * np.log1p(1e-10)
 * ```
 */
export const log1p: Unary = ofFloats('log1p', lax.log1p)
/**
 * Logarithm to base 2.
 *
 * @example
 * ```ts
 * np.log2(8) // 3
 * ```
 */
export const log2: Unary = ofFloats('log2', (x) => lax.div(lax.log(x), constantLike(x, Math.LN2)))
/**
 * Logarithm to base 10.
 *
 * @example
 * ```ts
 * np.log10(1000) // 3
 * ```
 */
export const log10: Unary = ofFloats('log10', (x) => lax.mul(lax.log(x), constantLike(x, Math.LOG10E)))
/**
 * Square root, NaN below 0.
 *
 * @example
 * ```ts
 * np.sqrt(2)
 * ```
 */
export const sqrt: Unary = ofFloats('sqrt', lax.sqrt)
/**
 * Cube root, also of negative numbers.
 *
 * @example
 * ```ts
 * np.cbrt(-8) // -2
 * ```
 */
export const cbrt: Unary = ofFloats('cbrt', lax.cbrt)
/**
 * `1 / x`.
 *
 * @example
 * ```ts
 * np.reciprocal(4) // 0.25
 * ```
 */
export const reciprocal: Unary = ofFloats('reciprocal', (x) => lax.integerPow(x, -1))

/**
 * Sine of radians.
 *
 * @example
 * ```ts
 * np.sin(np.pi / 2) // 1
 * ```
 */
export const sin: Unary = ofFloats('sin', lax.sin)
/**
 * Cosine of radians.
 *
 * @example
 * ```ts
 * np.cos(0) // 1
 * ```
 */
export const cos: Unary = ofFloats('cos', lax.cos)
/**
 * Tangent of radians.
 *
 * @example
 * ```ts
 * np.tan(0) // 0
 * ```
 */
export const tan: Unary = ofFloats('tan', lax.tan)
/**
 * Inverse sine in [-pi/2, pi/2]; NaN outside [-1, 1].
 *
 * @example
 * ```ts
 * np.arcsin(1)
 * ```
 */
export const arcsin: Unary = ofFloats('arcsin', lax.asin)
/**
 * Inverse cosine in [0, pi]; NaN outside [-1, 1].
 *
 * @example
 * ```ts
 * np.arccos(1) // 0
 * ```
 */
export const arccos: Unary = ofFloats('arccos', lax.acos)
/**
 * Inverse tangent in [-pi/2, pi/2].
 *
 * @example
 * ```ts
 * np.arctan(1)
 * ```
 */
export const arctan: Unary = ofFloats('arctan', lax.atan)
/**
 * Hyperbolic sine.
 *
 * @example
 * ```ts
 * np.sinh(0) // 0
 * ```
 */
export const sinh: Unary = ofFloats('sinh', lax.sinh)
/**
 * Hyperbolic cosine.
 *
 * @example
 * ```ts
 * np.cosh(0) // 1
 * ```
 */
export const cosh: Unary = ofFloats('cosh', lax.cosh)
/**
 * Hyperbolic tangent.
 *
 * @example
 * ```ts
 * np.tanh(0) // 0
 * ```
 */
export const tanh: Unary = ofFloats('tanh', lax.tanh)
/**
 * Inverse hyperbolic sine.
 *
 * @example
 * ```ts
 * np.arcsinh(0) // 0
 * ```
 */
export const arcsinh: Unary = ofFloats('arcsinh', lax.asinh)
/**
 * Inverse hyperbolic cosine; NaN below 1.
 *
 * @example
 * ```ts
 * np.arccosh(1) // 0
 * ```
 */
export const arccosh: Unary = ofFloats('arccosh', lax.acosh)
/**
 * Inverse hyperbolic tangent; NaN outside [-1, 1].
 *
 * @example
 * ```ts
 * np.arctanh(0) // 0
 * ```
 */
export const arctanh: Unary = ofFloats('arctanh', lax.atanh)
export { arcsin as asin, arccos as acos, arctan as atan, arcsinh as asinh, arccosh as acosh, arctanh as atanh }

/**
 * Degrees to radians.
 *
 * @example
 * ```ts
 * np.deg2rad(180) // pi
 * ```
 */
export const deg2rad: Unary = ofFloats('deg2rad', (x) => lax.mul(x, constantLike(x, Math.PI / 180)))
/**
 * Radians to degrees.
 *
 * @example
 * ```ts
 * np.rad2deg(np.pi) // 180
 * ```
 */
export const rad2deg: Unary = ofFloats('rad2deg', (x) => lax.mul(x, constantLike(x, 180 / Math.PI)))
export { deg2rad as radians, rad2deg as degrees }

/**
 * Normalised sinc `sin(pi x) / (pi x)`, 1 at 0.
 *
 * @example
 * ```ts
 * np.sinc(np.array([0, 0.5]))
 * ```
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
