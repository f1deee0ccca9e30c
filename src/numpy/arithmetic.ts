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
  known,
  range,
  shapedArray,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import { inexactOperand, numericOperand, promoteInexactPair, promotePair, promoteRanks } from './promotion-args.js'
import { where } from './selection.js'
import { constantLike } from './constant-like.js'
import { isnan, signbit, trunc } from './ufuncs.js'

/** Elementwise function of two arrays, which are broadcast together and promoted to one dtype. */
export type Binary = (x1: ArrayLike, x2: ArrayLike) => NDArray

const isBool = (x: NDArray): boolean => x.dtype === 'bool'

/** A pair of numbers: two bool operands count as int32. */
const numericPair = (operation: string, x1: ArrayLike, x2: ArrayLike): readonly [NDArray, NDArray] => {
  const [x, y] = promotePair(operation, x1, x2)
  return isBool(x) ? [numericOperand(operation, x), numericOperand(operation, y)] : [x, y]
}

/** `x1 + x2`; of bool, logical or. @example np.add(np.array([1, 2]), 1) // [2, 3] */
export const add: Binary = (x1, x2) => {
  const [x, y] = promotePair('add', x1, x2)
  return isBool(x) ? lax.bitwiseOr(x, y) : lax.add(x, y)
}

/** `x1 - x2`. Throws DTypeError for two bool arrays. @example np.subtract(3, np.array([1, 2])) // [2, 1] */
export const subtract: Binary = (x1, x2) => {
  const [x, y] = promotePair('subtract', x1, x2)
  if (isBool(x)) throw new DTypeError('subtract: bool arrays have no difference; use np.logicalXor, or convert first.')
  return lax.sub(x, y)
}

/** `x1 * x2`; of bool, logical and. @example np.multiply(np.array([1, 2]), 3) // [3, 6] */
export const multiply: Binary = (x1, x2) => {
  const [x, y] = promotePair('multiply', x1, x2)
  return isBool(x) ? lax.bitwiseAnd(x, y) : lax.mul(x, y)
}

/** `x1 / x2` as floats, of integers too. @example np.divide(np.array([1, 2]), 4) // [0.25, 0.5] */
export const divide: Binary = (x1, x2) => lax.div(...promoteInexactPair('divide', x1, x2))
export { divide as trueDivide }

/** The larger; NaN if either is NaN. Equal operands share the derivative. @example np.maximum(np.array([1, 5]), 3) */
export const maximum: Binary = (x1, x2) => lax.max(...promotePair('maximum', x1, x2))
/** The smaller; NaN if either is NaN. Equal operands share the derivative. @example np.minimum(np.array([1, 5]), 3) */
export const minimum: Binary = (x1, x2) => lax.min(...promotePair('minimum', x1, x2))
/** The larger, ignoring NaN unless both are. @example np.fmax(NaN, 1) // 1 */
export const fmax: Binary = (x1, x2) => {
  const [x, y] = promotePair('fmax', x1, x2)
  return where(lax.bitwiseOr(lax.gt(x, y), isnan(y)), x, y)
}
/** The smaller, ignoring NaN unless both are. @example np.fmin(NaN, 1) // 1 */
export const fmin: Binary = (x1, x2) => {
  const [x, y] = promotePair('fmin', x1, x2)
  return where(lax.bitwiseOr(lax.lt(x, y), isnan(y)), x, y)
}

/**
 * Largest integer not above `x1 / x2`; floats give a whole float. Integers divided by 0 are -1 or -2, as in JAX, not an error.
 *
 * @example
 * np.floorDivide(np.array([7, -7], { dtype: 'int32' }), 2) // [3, -4]
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
  return [
    lax.round(where(wrongSign, lax.sub(quotient, constantLike(x, 1)), quotient), 0),
    where(wrongSign, lax.add(remainder, y), remainder),
  ]
}

/** Integers take the remainder by 0 as 0. */
const safeDivisor = (y: NDArray): NDArray =>
  isInteger(y.dtype) ? where(lax.eq(y, constantLike(y, 0)), constantLike(y, 1), y) : y

/**
 * Remainder of division with the sign of `x2`; of integers by 0: 0.
 *
 * @example
 * np.mod(np.array([7, -7]), 3) // [1, 2]
 */
export const mod: Binary = (x1, x2) => {
  const [x, divisor] = numericPair('mod', x1, x2)
  const y = safeDivisor(divisor)
  const zero = constantLike(x, 0)
  const remainder = lax.rem(x, y)
  const wrongSign = lax.bitwiseAnd(lax.ne(lax.lt(remainder, zero), lax.lt(y, zero)), lax.ne(remainder, zero))
  return where(wrongSign, lax.add(remainder, y), remainder)
}
export { mod as remainder }

/** Remainder of division with the sign of `x1`, as in C. @example np.fmod(np.array([7, -7]), 3) // [1, -1] */
export const fmod: Binary = (x1, x2) => {
  const [x, y] = numericPair('fmod', x1, x2)
  return lax.rem(x, safeDivisor(y))
}

/** `[floorDivide(x1, x2), mod(x1, x2)]`. @example const [quotient, rest] = np.divmod(7, 3) */
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
 * np.power(np.array([1, 2, 3]), 2) // [1, 4, 9]
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
    result = where(lax.ne(lax.bitwiseAnd(bits, one), zero), lax.mul(result, square), result)
  }
  return result
}

/** `x1 ** x2` as floats. @example np.floatPower(np.array([2], { dtype: 'int32' }), -1) // [0.5] */
export const floatPower: Binary = (x1, x2) => lax.pow(...promoteInexactPair('floatPower', x1, x2))

/** Angle of the point (x2, x1) in [-pi, pi]. @example np.arctan2(1, -1) */
export const arctan2: Binary = (x1, x2) => lax.atan2(...promoteInexactPair('arctan2', x1, x2))
export { arctan2 as atan2 }

/** `sqrt(x1^2 + x2^2)` without overflow. @example np.hypot(3, 4) // 5 */
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
 * np.logaddexp(0, 0) // log(2)
 */
export const logaddexp: Binary = (x1, x2) => {
  const [x, y] = promoteInexactPair('logaddexp', x1, x2)
  return logSum(x, y, (d) => lax.log1p(lax.exp(d)))
}

/** `log2(2^x1 + 2^x2)` without overflow. @example np.logaddexp2(3, 3) // 4 */
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

/** Magnitude of x1 with the sign of x2. @example np.copysign(3, -0) // -3 */
export const copysign: Binary = (x1, x2) => {
  const [x, y] = promoteInexactPair('copysign', x1, x2)
  const magnitude = lax.abs(x)
  return where(signbit(y), lax.neg(magnitude), magnitude)
}

/** 0 below 0, 1 above, `x2` at 0; NaN stays. @example np.heaviside(np.array([-1, 0, 1]), 0.5) // [0, 0.5, 1] */
export const heaviside: Binary = (x1, x2) => {
  const [x, y] = promoteInexactPair('heaviside', x1, x2)
  const zero = constantLike(x, 0)
  const atZero = where(lax.lt(x, zero), zero, where(lax.gt(x, zero), constantLike(x, 1), y))
  return where(isnan(x), x, atZero)
}

/** Next representable number after x1 in the direction of x2. */
export const nextafter: Binary = (x1, x2) => lax.nextafter(...promoteInexactPair('nextafter', x1, x2))

/** `[fraction, whole]`, both with the sign of x. @example const [fraction, whole] = np.modf(-2.5) // -0.5 and -2 */
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
 * const [mantissa, exponent] = np.frexp(8) // 0.5 and 4
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

/** `x1 * 2 ** x2` for integers x2, exact unless the result is subnormal. @example np.ldexp(0.5, 4) // 8 */
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
  for (const bit of range(lowBits))
    scale(lax.ne(lax.bitwiseAnd(count, constantLike(count, 1 << bit)), zero), 2 ** bit)
  for (const times of range(5)) scale(lax.ge(count, constantLike(count, (times + 1) * largest)), largest)
  return result
}
