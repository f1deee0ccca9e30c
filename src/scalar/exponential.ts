/** exp, exp2, expm1 and what is made of them (logistic, sinh, cosh), and tanh, in base operations of float32. */
import type { Expression } from '../core/expression.js'
import {
  abs,
  add,
  bitsOf,
  clampAbove,
  clampBelow,
  div,
  float,
  fromBits,
  integer,
  lt,
  mul,
  polynomial,
  select,
  shiftLeft,
  shiftRight,
  sub,
  withSignOf,
} from './vocabulary.js'

/** Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits: cheaper than `round` and a conversion. */
const roundingMagic = 12582912

// Cody and Waite's split of log 2: the first part has 10 bits, so its product with an exponent is exact.
const log2Upper = 0.693359375
const log2Lower = -2.12194440054690583e-4

// exp(r) = 1 + r + r^2 p(r) for |r| <= log(2) / 2, minimax fit, relative error 2^-28.2.
const expTail = [4.9999994e-1, 1.6666521e-1, 4.166826e-2, 8.368666e-3, 1.3821174e-3]
// 2^r = 1 + r p(r) for |r| <= 1/2, minimax fit, relative error 2^-28.3.
const exp2Tail = [6.931472e-1, 2.4022648e-1, 5.55036e-2, 9.618506e-3, 1.3390806e-3, 1.5326471e-4]

interface Reduced {
  /** 1.5 * 2^23 + bias + n: the low bits hold n + bias. */
  readonly shifted: Expression
  /** x - n log 2, at most log(2) / 2. */
  readonly rest: Expression
}

/** x = n log 2 + rest, by Cody and Waite (Software Manual for the Elementary Functions, 1980). */
const reduceByLog2 = (x: Expression, bias: number): Reduced => {
  const shifted = add(mul(x, float(Math.LOG2E)), float(roundingMagic + bias))
  const n = sub(shifted, float(roundingMagic + bias))
  return { shifted, rest: sub(sub(x, mul(n, float(log2Upper))), mul(n, float(log2Lower))) }
}

/** exp(r) - 1 of a reduced argument. */
const expm1OfReduced = (r: Expression): Expression => add(mul(mul(polynomial(r, expTail), r), r), r)

/**
 * p * 2^n, where the low bits of `shifted` hold n + 254. Two factors, since 2^n alone overflows or is denormal at the ends;
 * the second product is the only one that rounds.
 */
const scaleByPower = (p: Expression, shifted: Expression): Expression => {
  const n = bitsOf(shifted)
  const half = shiftRight(n, 1)
  return mul(mul(p, fromBits(shiftLeft(half, 23))), fromBits(shiftLeft(sub(n, half), 23)))
}

/** exp(x) * 2^(bias - 254) of an x in [-104, 90] or NaN; `correction` is a small part of x to be subtracted. */
export const expOfClamped = (x: Expression, bias = 254, correction?: Expression): Expression => {
  const { shifted, rest } = reduceByLog2(x, bias)
  const r = correction === undefined ? rest : sub(rest, correction)
  return scaleByPower(add(expm1OfReduced(r), float(1)), shifted)
}

/** Below -104 exp is 0, above 89 it is infinite. */
export const exp = (x: Expression): Expression => expOfClamped(clampAbove(clampBelow(x, -104), 89))

/** 2^(upper + lower), where upper is in [-151, 129] or NaN and lower at most half a unit in the last place of it or so. */
export const exp2OfSum = (upper: Expression, lower: Expression | undefined): Expression => {
  const shifted = add(upper, float(roundingMagic + 254))
  const rest = sub(upper, sub(shifted, float(roundingMagic + 254)))
  const r = lower === undefined ? rest : add(rest, lower)
  return scaleByPower(add(mul(polynomial(r, exp2Tail), r), float(1)), shifted)
}

export const exp2 = (x: Expression): Expression => exp2OfSum(clampAbove(clampBelow(x, -151), 129), undefined)

/**
 * exp(x) - 1 = (expm1(r) + (1 - 2^-n)) 2^n: 1 - 2^-n is exact where it matters, and zero for n = 0, so that small
 * arguments keep their relative accuracy.
 */
export const expm1 = (x: Expression): Expression => {
  const { shifted, rest } = reduceByLog2(clampAbove(clampBelow(x, -18), 89), 126)
  // The exponent field of 2^(n - 1); n may be 128, for which 2^n does not exist.
  const field = shiftLeft(bitsOf(shifted), 23)
  const twiceInverse = fromBits(sub(integer(254 << 23), field))
  const sum = add(expm1OfReduced(rest), sub(float(1), mul(twiceInverse, float(0.5))))
  return withSignOf(mul(add(sum, sum), fromBits(field)), x)
}

/** 1 / (1 + exp(-x)) = exp(x) / (1 + exp(x)), which is 1 in float32 from 17.4 up. */
export const logistic = (x: Expression): Expression => {
  const e = expOfClamped(clampAbove(clampBelow(x, -104), 18))
  return div(e, add(e, float(1)))
}

/** exp(|x|) / 2, which overflows only where sinh and cosh do. */
const halfExp = (magnitude: Expression): Expression => expOfClamped(clampAbove(magnitude, 90), 253)

// sinh(x) = x + x^3 p(x^2) for |x| <= 1, minimax fit, relative error 2^-25.3 of the result.
const sinhTail = [1.6666716e-1, 8.330271e-3, 2.037334e-4]

export const sinh = (x: Expression): Expression => {
  const magnitude = abs(x)
  const half = halfExp(magnitude)
  const square = mul(x, x)
  const small = add(mul(mul(polynomial(square, sinhTail), square), x), x)
  return select(lt(magnitude, float(1)), small, withSignOf(sub(half, div(float(0.25), half)), x))
}

export const cosh = (x: Expression): Expression => {
  const half = halfExp(abs(x))
  return add(half, div(float(0.25), half))
}

/**
 * tanh(x) = e / (2 - e), e = 1 - exp(-2 |x|) = (1 - 2^n) - 2^n expm1(r), which is accurate for small arguments too. From 0.55 up
 * it is 1 - 2 (1 - e) / (2 - e), where the quotient and its errors are small; beyond 9.02 that rounds to 1.
 */
export const tanh = (x: Expression): Expression => {
  const magnitude = abs(x)
  const { shifted, rest } = reduceByLog2(mul(clampAbove(magnitude, 9.02), float(-2)), 127)
  const power = fromBits(shiftLeft(bitsOf(shifted), 23))
  const e = sub(sub(float(1), power), mul(expm1OfReduced(rest), power))
  const isSmall = lt(magnitude, float(0.55))
  const left = sub(float(1), e)
  const quotient = div(select(isSmall, e, add(left, left)), sub(float(2), e))
  return withSignOf(select(isSmall, quotient, sub(float(1), quotient)), x)
}
