/** Arithmetic of two arrays: sums to powers, quotients and remainders with NumPy's signs, extrema, mixtures of logarithms. */
import {
  type ArrayLike,
  type NDArray,
  ArgumentError,
  DTypeError,
  DeviceArray,
  isFloating,
  isInteger,
  isUnsigned,
  range,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import { numericOperand, promoteInexactPair, promotePair } from './promotion-args.js'
import { where } from './selection.js'
import { constantLike } from './constant-like.js'
import { isnan } from './classification.js'

/** Elementwise function of two arrays, which are broadcast together and promoted to one dtype. */
export type Binary = (x1: ArrayLike, x2: ArrayLike) => NDArray

const isBool = (x: NDArray): boolean => x.dtype === 'bool'

/** A pair of numbers: two bool operands count as int32. */
const numericPair = (operation: string, x1: ArrayLike, x2: ArrayLike): readonly [NDArray, NDArray] => {
  const [x, y] = promotePair(operation, x1, x2)
  return isBool(x) ? [numericOperand(operation, x), numericOperand(operation, y)] : [x, y]
}

/**
 * `x1 + x2`; of bool, logical or.
 *
 * @example
 * ```ts
 * np.add(np.array([1, 2]), 1) // [2, 3]
 * ```
 */
export const add: Binary = (x1, x2) => {
  const [x, y] = promotePair('add', x1, x2)
  return isBool(x) ? lax.bitwiseOr(x, y) : lax.add(x, y)
}

/**
 * `x1 - x2`. Throws DTypeError for two bool arrays.
 *
 * @example
 * ```ts
 * np.subtract(3, np.array([1, 2])) // [2, 1]
 * ```
 */
export const subtract: Binary = (x1, x2) => {
  const [x, y] = promotePair('subtract', x1, x2)
  if (isBool(x)) throw new DTypeError('subtract: bool arrays have no difference; use np.logicalXor, or convert first.')
  return lax.sub(x, y)
}

/**
 * `x1 * x2`; of bool, logical and.
 *
 * @example
 * ```ts
 * np.multiply(np.array([1, 2]), 3) // [3, 6]
 * ```
 */
export const multiply: Binary = (x1, x2) => {
  const [x, y] = promotePair('multiply', x1, x2)
  return isBool(x) ? lax.bitwiseAnd(x, y) : lax.mul(x, y)
}

/**
 * `x1 / x2` as floats, of integers too.
 *
 * @example
 * ```ts
 * np.divide(np.array([1, 2]), 4) // [0.25, 0.5]
 * ```
 */
export const divide: Binary = (x1, x2) => lax.div(...promoteInexactPair('divide', x1, x2))
export { divide as trueDivide }

/**
 * The larger; NaN if either is NaN. Equal operands share the derivative.
 *
 * @example
 * ```ts
 * np.maximum(np.array([1, 5]), 3)
 * ```
 */
export const maximum: Binary = (x1, x2) => lax.max(...promotePair('maximum', x1, x2))
/**
 * The smaller; NaN if either is NaN. Equal operands share the derivative.
 *
 * @example
 * ```ts
 * np.minimum(np.array([1, 5]), 3)
 * ```
 */
export const minimum: Binary = (x1, x2) => lax.min(...promotePair('minimum', x1, x2))
/**
 * The larger, ignoring NaN unless both are.
 *
 * @example
 * ```ts
 * np.fmax(NaN, 1) // 1
 * ```
 */
export const fmax: Binary = (x1, x2) => {
  const [x, y] = promotePair('fmax', x1, x2)
  return where(lax.bitwiseOr(lax.gt(x, y), isnan(y)), x, y)
}
/**
 * The smaller, ignoring NaN unless both are.
 *
 * @example
 * ```ts
 * np.fmin(NaN, 1) // 1
 * ```
 */
export const fmin: Binary = (x1, x2) => {
  const [x, y] = promotePair('fmin', x1, x2)
  return where(lax.bitwiseOr(lax.lt(x, y), isnan(y)), x, y)
}

/**
 * Largest integer not above `x1 / x2`; floats give a whole float. Integers divided by 0 are -1 or -2, as in JAX, not an error.
 *
 * @example
 * ```ts
 * np.floorDivide(np.array([7, -7], { dtype: 'int32' }), 2) // [3, -4]
 * ```
 */
export const floorDivide: Binary = (x1, x2) => {
  const [x, y] = numericPair('floorDivide', x1, x2)
  if (isFloating(x.dtype)) return floatDivmod(x, y)[0]
  const quotient = lax.div(x, y)
  if (isUnsigned(x.dtype)) return quotient
  const below = lax.bitwiseAnd(lax.ne(lax.sign(x), lax.sign(y)), lax.ne(lax.rem(x, y), constantLike(x, 0)))
  return where(below, lax.sub(quotient, constantLike(x, 1)), quotient)
}

/** Quotient rounded down and its remainder, as CPython's float_divmod. */
const floatDivmod = (x: NDArray, y: NDArray): readonly [NDArray, NDArray] => {
  const zero = constantLike(x, 0)
  const remainder = lax.rem(x, y)
  const quotient = lax.div(where(lax.eq(y, zero), x, lax.sub(x, remainder)), y)
  const wrongSign = lax.bitwiseAnd(lax.ne(remainder, zero), lax.ne(lax.sign(y), lax.sign(remainder)))
  const corrected = where(wrongSign, lax.add(remainder, y), remainder)
  return [lax.round(where(wrongSign, lax.sub(quotient, constantLike(x, 1)), quotient), 0), corrected]
}

/** Integers take the remainder by 0 as 0. */
const safeDivisor = (y: NDArray): NDArray =>
  isInteger(y.dtype) ? where(lax.eq(y, constantLike(y, 0)), constantLike(y, 1), y) : y

/**
 * Remainder of division with the sign of `x2`; of integers by 0: 0.
 *
 * @example
 * ```ts
 * np.mod(np.array([7, -7]), 3) // [1, 2]
 * ```
 */
export const mod: Binary = (x1, x2) => {
  const [x, divisor] = numericPair('mod', x1, x2)
  const y = safeDivisor(divisor)
  const zero = constantLike(x, 0)
  const remainder = lax.rem(x, y)
  const inexact = lax.ne(remainder, zero)
  const wrongSign = lax.bitwiseAnd(lax.ne(lax.lt(remainder, zero), lax.lt(y, zero)), inexact)
  return where(wrongSign, lax.add(remainder, y), remainder)
}
export { mod as remainder }

/**
 * Remainder of division with the sign of `x1`, as in C.
 *
 * @example
 * ```ts
 * np.fmod(np.array([7, -7]), 3) // [1, -1]
 * ```
 */
export const fmod: Binary = (x1, x2) => {
  const [x, y] = numericPair('fmod', x1, x2)
  return lax.rem(x, safeDivisor(y))
}

/**
 * `[floorDivide(x1, x2), mod(x1, x2)]`.
 *
 * @example
 * ```ts
 * const [quotient, rest] = np.divmod(7, 3)
 * ```
 */
export const divmod = (x1: ArrayLike, x2: ArrayLike): readonly [quotient: NDArray, remainder: NDArray] => [
  floorDivide(x1, x2),
  mod(x1, x2),
]

/** The exponent when it is a known integer, so that the power can be multiplied out. */
const knownExponent = (x: ArrayLike): number | undefined => {
  if (typeof x === 'number') return Number.isInteger(x) && Math.abs(x) < 2 ** 31 ? x + 0 : undefined
  return x instanceof DeviceArray && x.scalar !== undefined && isInteger(x.dtype) ? x.scalar : undefined
}

/**
 * `x1 ** x2`. Known integer exponents multiply out (exact, and differentiable at 0); integers to integers wrap.
 *
 * Throws ArgumentError for integers to a known negative power.
 *
 * @example
 * ```ts
 * np.power(np.array([1, 2, 3]), 2) // [1, 4, 9]
 * ```
 */
export const power: Binary = (x1, x2) => {
  const exponent = knownExponent(x2)
  if (exponent !== undefined) {
    const base = numericOperand('power', x1)
    if (exponent < 0 && isInteger(base.dtype))
      throw new ArgumentError(
        `power: integers have no integer powers of ${exponent}; use np.floatPower, or make the base a float.`,
      )
    return lax.integerPow(base, exponent)
  }
  const [x, y] = numericPair('power', x1, x2)
  return isInteger(x.dtype) ? integerPower(x, y) : lax.pow(x, y)
}
export { power as pow }

/** Integer to integer, bit by bit of the exponent; like JAX it looks at 6 bits, since larger powers overflow. */
const integerPower = (base: NDArray, exponent: NDArray): NDArray => {
  const zero = constantLike(base, 0)
  const one = constantLike(base, 1)
  const nothing = lax.bitwiseAnd(lax.eq(base, zero), lax.ne(exponent, zero))
  let result = where(nothing, zero, one)
  let square = base
  let bits = exponent
  for (const round of range(6)) {
    if (round > 0) {
      square = lax.mul(square, square)
      bits = lax.shiftRightLogical(bits, one)
    }
    result = where(lax.bitwiseAnd(bits, one), lax.mul(result, square), result)
  }
  return result
}

/**
 * `x1 ** x2` as floats.
 *
 * @example
 * ```ts
 * np.floatPower(np.array([2], { dtype: 'int32' }), -1) // [0.5]
 * ```
 */
export const floatPower: Binary = (x1, x2) => lax.pow(...promoteInexactPair('floatPower', x1, x2))

/**
 * Angle of the point (x2, x1) in [-pi, pi].
 *
 * @example
 * ```ts
 * np.arctan2(1, -1)
 * ```
 */
export const arctan2: Binary = (x1, x2) => lax.atan2(...promoteInexactPair('arctan2', x1, x2))
export { arctan2 as atan2 }

/**
 * `sqrt(x1^2 + x2^2)` without overflow.
 *
 * @example
 * ```ts
 * np.hypot(3, 4) // 5
 * ```
 */
export const hypot: Binary = (x1, x2) => {
  const [a, b] = promoteInexactPair('hypot', x1, x2)
  const x = lax.abs(a)
  const y = lax.abs(b)
  const infinite = lax.bitwiseOr(lax.eq(x, constantLike(x, Infinity)), lax.eq(y, constantLike(y, Infinity)))
  const larger = lax.max(x, y)
  const smaller = lax.min(x, y)
  const zero = lax.eq(larger, constantLike(larger, 0))
  const ratio = lax.div(smaller, where(zero, constantLike(larger, 1), larger))
  const length = lax.mul(larger, lax.sqrt(lax.add(constantLike(ratio, 1), lax.square(ratio))))
  return where(infinite, constantLike(length, Infinity), where(zero, larger, length))
}

/**
 * `log(exp(x1) + exp(x2))` without overflow. The derivatives are the two shares of the sum, also where one is infinite.
 *
 * @example
 * ```ts
 * np.logaddexp(0, 0) // log(2)
 * ```
 */
export const logaddexp: Binary = (x1, x2) => {
  const [x, y] = promoteInexactPair('logaddexp', x1, x2)
  return logSum(x, y, (d) => lax.log1p(lax.exp(d)))
}

/**
 * `log2(2^x1 + 2^x2)` without overflow.
 *
 * @example
 * ```ts
 * np.logaddexp2(3, 3) // 4
 * ```
 */
export const logaddexp2: Binary = (x1, x2) => {
  const [x, y] = promoteInexactPair('logaddexp2', x1, x2)
  return logSum(x, y, (d) => lax.div(lax.log1p(lax.exp2(d)), constantLike(d, Math.LN2)))
}

/**
 * `max(x, y) + correction(-|x - y|)`. Where the difference is NaN (equal infinities) the sum of operands stands in; the
 * difference is made harmless first, so that no NaN comes back through the derivative of the branch not taken.
 */
const logSum = (x: NDArray, y: NDArray, correction: (difference: NDArray) => NDArray): NDArray => {
  const difference = lax.sub(x, y)
  const undefinedThere = isnan(difference)
  const safe = where(undefinedThere, constantLike(difference, 0), difference)
  return where(undefinedThere, lax.add(x, y), lax.add(lax.max(x, y), correction(lax.neg(lax.abs(safe)))))
}
