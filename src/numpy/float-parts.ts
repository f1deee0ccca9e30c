/** Parts of floats: signs, neighbours, fractions, mantissas and exponents. */
import { type ArrayLike, type NDArray, DTypeError, isFloating, known, range, shapedArray } from '../core/index.js'
import * as lax from '../lax/index.js'
import type { Binary } from './arithmetic.js'
import { isnan, signbit } from './classification.js'
import { constantLike } from './constant-like.js'
import { inexactOperand, promoteInexactPair, promoteRanks } from './promotion-args.js'
import { trunc } from './rounding.js'
import { where } from './selection.js'

/**
 * Magnitude of x1 with the sign of x2.
 *
 * @example
 * ```ts
 * np.copysign(3, -0) // -3
 * ```
 */
export const copysign: Binary = (x1, x2) => {
  const [x, y] = promoteInexactPair('copysign', x1, x2)
  const magnitude = lax.abs(x)
  return where(signbit(y), lax.neg(magnitude), magnitude)
}

/**
 * Distance to the next float, away from zero (of float16: upward); NaN of what is not finite.
 *
 * @example
 * ```ts
 * np.spacing(np.array([1, -1])) // [1.1920929e-7, -1.1920929e-7]
 * ```
 */
export const spacing = (x: ArrayLike): NDArray => {
  const value = inexactOperand('spacing', x)
  const end = constantLike(value, Infinity)
  return lax.sub(lax.nextafter(value, value.dtype === 'float16' ? end : copysign(end, value)), value)
}

/**
 * 0 below 0, 1 above, `x2` at 0; NaN stays.
 *
 * @example
 * ```ts
 * np.heaviside(np.array([-1, 0, 1]), 0.5) // [0, 0.5, 1]
 * ```
 */
export const heaviside: Binary = (x1, x2) => {
  const [x, y] = promoteInexactPair('heaviside', x1, x2)
  const zero = constantLike(x, 0)
  const atZero = where(lax.lt(x, zero), zero, where(lax.gt(x, zero), constantLike(x, 1), y))
  return where(isnan(x), x, atZero)
}

/** Next representable number after x1 in the direction of x2. */
export const nextafter: Binary = (x1, x2) => lax.nextafter(...promoteInexactPair('nextafter', x1, x2))

/**
 * `[fraction, whole]`, both with the sign of x.
 *
 * @example
 * ```ts
 * const [fraction, whole] = np.modf(-2.5) // -0.5 and -2
 * ```
 */
export const modf = (x: ArrayLike): readonly [fraction: NDArray, whole: NDArray] => {
  const [array] = promoteInexactPair('modf', x, x)
  const whole = trunc(array)
  const infinite = lax.eq(lax.abs(array), constantLike(array, Infinity))
  return [where(infinite, constantLike(array, 0), lax.sub(array, whole)), whole]
}

/**
 * `[mantissa, exponent]` with `x = mantissa * 2 ** exponent` and a mantissa in [1/2, 1); exponents are int32.
 *
 * @example
 * ```ts
 * const [mantissa, exponent] = np.frexp(8) // 0.5 and 4
 * ```
 */
export const frexp = (x: ArrayLike): readonly [mantissa: NDArray, exponent: NDArray] => {
  const [array] = promoteInexactPair('frexp', x, x)
  const magnitude = lax.abs(array)
  const special = lax.bitwiseOr(lax.eq(array, constantLike(array, 0)), lax.bitwiseNot(lax.isFinite(array)))
  let mantissa = where(special, constantLike(array, 0.5), magnitude)
  let exponent = lax.filled(0, shapedArray(array.shape, 'int32'))
  // Scaling by powers of two is exact: first down by halving steps, then up; subnormal numbers need the last steps up.
  const steps = array.dtype === 'float64' ? [512, 256, 128, 64, 32, 16, 8, 4, 2, 1] : [64, 32, 16, 8, 4, 2, 1]
  const scale = (on: NDArray, by: number): void => {
    mantissa = where(on, lax.mul(mantissa, constantLike(mantissa, 2 ** by)), mantissa)
    exponent = where(on, lax.sub(exponent, constantLike(exponent, by)), exponent)
  }
  const narrow = array.dtype === 'float16' ? steps.filter((step) => step <= 8) : steps
  for (const step of narrow) scale(lax.ge(mantissa, constantLike(mantissa, 2 ** (step - 1))), -step)
  scale(lax.ge(mantissa, constantLike(mantissa, 1)), -1)
  for (const step of narrow) scale(lax.lt(mantissa, constantLike(mantissa, 2 ** -step)), step)
  for (const step of narrow) scale(lax.lt(mantissa, constantLike(mantissa, 2 ** -step)), step)
  const signed = where(lax.lt(array, constantLike(array, 0)), lax.neg(mantissa), mantissa)
  return [where(special, array, signed), where(special, constantLike(exponent, 0), exponent)]
}

/**
 * `x1 * 2 ** x2` for integers x2, exact unless the result is subnormal.
 *
 * @example
 * ```ts
 * np.ldexp(0.5, 4) // 8
 * ```
 */
export const ldexp: Binary = (x1, x2) => {
  const integers = lax.asArray(x2, 'ldexp')
  if (isFloating(integers.dtype))
    throw new DTypeError(`ldexp: exponents are integers, got ${integers.dtype}; use np.multiply(x, np.exp2(y)).`)
  const [base, exponents] = promoteRanks('ldexp', [
    inexactOperand('ldexp', x1),
    lax.convertElementType(integers, 'int32'),
  ])
  const x = known(base, 'x1')
  const e = known(exponents, 'x2')
  const [lowBits, largest] = x.dtype === 'float64' ? [9, 512] : x.dtype === 'float16' ? [3, 8] : [6, 64]
  const exponent = lax.clamp(-5 * largest, e, 5 * largest)
  const zero = constantLike(exponent, 0)
  const down = lax.lt(exponent, zero)
  const count = lax.abs(exponent)
  let result = x
  const scale = (on: NDArray, by: number): void => {
    const factor = where(down, constantLike(x, 2 ** -by), constantLike(x, 2 ** by))
    result = where(on, lax.mul(result, factor), result)
  }
  // Small factors first: then a subnormal result is rounded by the last step alone.
  for (const bit of range(lowBits)) scale(lax.ne(lax.bitwiseAnd(count, constantLike(count, 1 << bit)), zero), 2 ** bit)
  for (const times of range(5)) scale(lax.ge(count, constantLike(count, (times + 1) * largest)), largest)
  return result
}
