/** pow, cbrt and rsqrt, and the exact functions sign and nextafter, in base operations of float32. */
import { type Expression, constant } from '../core/expression.js'
import { exp2OfSum } from './exponential.js'
import {
  abs,
  add,
  and,
  bitsOf,
  clampAbove,
  clampBelow,
  div,
  eq,
  flipSign,
  float,
  fromBits,
  ge,
  gt,
  integer,
  lt,
  mul,
  ne,
  not,
  or,
  polynomial,
  select,
  shiftRight,
  signBit,
  sqrt,
  sub,
  toFloat,
  toInteger,
  trunc,
  upperHalf,
  withSignOf,
  xor,
} from './vocabulary.js'

/** A number as the sum of two floats; `upper` has at most 12 bits in its significand. */
interface Sum {
  readonly upper: Expression
  readonly lower: Expression
}

/** Bits of sqrt(3) / 2. */
const mantissaOrigin = 0x3f5db3d7
// 2 / (3 log 2), whole and in parts of 12 and 24 bits
const factor = 2 / (3 * Math.LN2)
const factorUpper = 0.9619140625
const factorLower = factor - factorUpper
// log2(1.5) in parts
const pivotUpper = 5.84960938e-1
const pivotLower = Math.log2(1.5) - Math.fround(pivotUpper)
// log((1 + s) / (1 - s)) = 2 s / 3 (3 + s^2 + s^4 p(s^2)): the series of atanh, of which |s| <= 0.102 needs three terms.
const atanhTail = [3 / 5, 3 / 7, 3 / 9]

/**
 * log2 of a positive finite number with an error below 2^-33 of it, in the manner of FreeBSD's e_powf.c: the mantissa lies
 * near 1 or 1.5, and s = (m - pivot) / (m + pivot), s^2 and the sums are kept in two floats by clearing low bits.
 */
const log2AsSum = (x: Expression): Sum => {
  const denormal = lt(x, float(2 ** -126))
  const scaled = select(denormal, mul(x, float(2 ** 24)), x)
  const origin = select(denormal, integer(mantissaOrigin + (24 << 23)), integer(mantissaOrigin))
  const centred = sub(bitsOf(scaled), origin)
  const exponent = toFloat(shiftRight(centred, 23))
  const m = fromBits(add(and(centred, integer(0x7fffff)), integer(mantissaOrigin)))
  const upperRange = ge(m, float(Math.sqrt(1.5)))
  const pivot = select(upperRange, float(1.5), float(1))
  // s = numerator / denominator
  const numerator = sub(m, pivot)
  const denominator = add(m, pivot)
  const inverse = div(float(1), denominator)
  const s = mul(numerator, inverse)
  const sUpper = upperHalf(s)
  const denominatorUpper = upperHalf(denominator)
  const denominatorLower = sub(m, sub(denominatorUpper, pivot))
  const remainder = sub(sub(numerator, mul(sUpper, denominatorUpper)), mul(sUpper, denominatorLower))
  const sLower = mul(inverse, remainder)
  // 3 + s^2 + tail
  const square = mul(s, s)
  const squareUpper = mul(sUpper, sUpper)
  const tail = add(mul(mul(square, square), polynomial(square, atanhTail)), mul(sLower, add(sUpper, s)))
  const seriesUpper = upperHalf(add(add(squareUpper, float(3)), tail))
  const seriesLower = sub(tail, sub(sub(seriesUpper, float(3)), squareUpper))
  // s times that
  const u = mul(sUpper, seriesUpper)
  const v = add(mul(sLower, seriesUpper), mul(seriesLower, s))
  const productUpper = upperHalf(add(u, v))
  const productLower = sub(v, sub(productUpper, u))
  // times the factor, plus log2(pivot), plus the exponent
  const pivotLog = select(upperRange, float(pivotUpper), float(0))
  const pivotLogLower = select(upperRange, float(pivotLower), float(0))
  const logUpper = mul(productUpper, float(factorUpper))
  const logLower = add(add(mul(productUpper, float(factorLower)), mul(productLower, float(factor))), pivotLogLower)
  const upper = upperHalf(add(add(add(logUpper, logLower), pivotLog), exponent))
  return { upper, lower: sub(logLower, sub(sub(sub(upper, exponent), pivotLog), logUpper)) }
}

/** 2^(y log2 |x|) for any |x| and y, with 0 and infinity where IEEE 754 wants them. */
const powOfMagnitude = (magnitude: Expression, y: Expression): Expression => {
  const log2 = log2AsSum(magnitude)
  // |log2 x| is at least 2^-24 or zero, so larger exponents than 2^40 change nothing, and overflow is kept away.
  const exponent = clampAbove(clampBelow(y, -(2 ** 40)), 2 ** 40)
  const exponentUpper = upperHalf(exponent)
  const upper = mul(exponentUpper, log2.upper)
  const lower = add(mul(sub(exponent, exponentUpper), log2.upper), mul(exponent, log2.lower))
  const sum = add(upper, lower)
  const rest = sub(lower, sub(sum, upper))
  const inside = and(gt(magnitude, float(0)), lt(magnitude, float(Infinity)))
  // log2 of 0 is -infinity; of infinity and NaN it is the magnitude itself.
  const edge = mul(exponent, select(eq(magnitude, float(0)), float(-Infinity), magnitude))
  const product = select(inside, sum, edge)
  const clamped = clampAbove(clampBelow(product, -151), 129)
  return exp2OfSum(clamped, select(eq(product, clamped), rest, float(0)))
}

/**
 * x^y as C99's Annex F and NumPy have it: x^0 = 1^y = 1 even for NaN, (-1)^inf = 1, a negative base wants an integral
 * exponent (else NaN) and takes the sign of an odd one.
 */
export const pow = (x: Expression, y: Expression): Expression => {
  const magnitude = powOfMagnitude(abs(x), y)
  const isIntegral = eq(trunc(y), y)
  const half = mul(y, float(0.5))
  const isOdd = and(isIntegral, ne(trunc(half), half))
  const signed = flipSign(magnitude, select(isOdd, signBit(x), integer(0)))
  const isNegative = and(lt(x, float(0)), gt(x, float(-Infinity)))
  const real = select(and(isNegative, not(isIntegral)), float(NaN), signed)
  return select(or(eq(y, float(0)), eq(x, float(1))), float(1), real)
}

/** Bits of the root of a magnitude, minus a third of its own: 1 / cbrt(x) to 4 % (as the well-known inverse square root). */
const inverseCbrtBits = 0x54a2fa8c

/**
 * Cube root: z = 1 / cbrt(|x|) from its bits by two steps z (1 + h / 3 + 2 h^2 / 9 + ...), h = 1 - |x| z^3, without divisions;
 * then |x| z^2, and a last Newton step in which only the small correction is inexact.
 */
export const cbrt = (x: Expression): Expression => {
  const magnitude = abs(x)
  // Denormals are scaled up, and all others down a little: the cube of a rounded root must not overflow.
  const isSmall = lt(magnitude, float(2 ** -100))
  const scaled = mul(magnitude, select(isSmall, float(2 ** 24), float(2 ** -3)))
  const guess = fromBits(toInteger(add(mul(toFloat(bitsOf(scaled)), float(-1 / 3)), float(inverseCbrtBits))))
  const miss = (z: Expression): Expression => sub(float(1), mul(mul(mul(scaled, z), z), z))
  const first = miss(guess)
  const better = add(guess, mul(guess, mul(polynomial(first, [1 / 3, 2 / 9, 14 / 81]), first)))
  const z = add(better, mul(better, mul(miss(better), float(1 / 3))))
  const inverseSquare = mul(z, z)
  const root = mul(scaled, inverseSquare)
  const error = sub(scaled, mul(mul(root, root), root))
  const corrected = add(root, mul(mul(error, inverseSquare), float(1 / 3)))
  const unscaled = mul(corrected, select(isSmall, float(2 ** -8), float(2)))
  return withSignOf(select(lt(magnitude, float(Infinity)), unscaled, magnitude), x)
}

/** 1 / sqrt(x): infinite at 0 with the sign of the zero. */
export const rsqrt = (x: Expression): Expression => div(float(1), sqrt(x))

/** -1, 1, or the zero or NaN itself; of any floating dtype. */
export const sign = (x: Expression): Expression => {
  const zero = constant(0, x.dtype)
  return select(gt(x, zero), constant(1, x.dtype), select(lt(x, zero), constant(-1, x.dtype), x))
}

/** The float next to x in the direction of y: its bits count up away from zero. */
export const nextafter = (x: Expression, y: Expression): Expression => {
  const bits = bitsOf(x)
  // One step away from zero for a positive x going up; the other sign of either turns it around.
  const up = select(gt(y, x), integer(1), integer(-1))
  const negative = shiftRight(bits, 31)
  const step = sub(xor(up, negative), negative)
  const smallest = or(signBit(y), integer(1))
  const moved = fromBits(select(eq(x, float(0)), smallest, add(bits, step)))
  const isNaN = or(ne(x, x), ne(y, y))
  return select(eq(x, y), y, select(isNaN, add(x, y), moved))
}
