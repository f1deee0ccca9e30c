/** log, log1p and the inverse hyperbolic functions in base operations of float32. */
import type { Expression } from '../core/expression.js'
import {
  abs,
  add,
  and,
  bitsOf,
  div,
  eq,
  float,
  fromBits,
  gt,
  integer,
  lt,
  mul,
  polynomial,
  select,
  shiftRight,
  sqrt,
  sub,
  toFloat,
  withSignOf,
} from './vocabulary.js'

// The split of log 2 by Cody and Waite: exponents times the first part are exact.
const log2Upper = 0.693359375
const log2Lower = -2.12194440054690583e-4

/** Bits of sqrt(1/2): subtracting them centres the mantissa on 1. */
const sqrtHalfBits = 0x3f3504f3

// log(1 + r) = r - r^2 / 2 + r^3 p(r) for sqrt(1/2) <= 1 + r <= sqrt(2), minimax fit, relative error 2^-27.3.
const logTail = [
  3.333333e-1, -2.500082e-1, 2.0001242e-1, -1.662341e-1, 1.4201586e-1, -1.3159598e-1, 1.2762143e-1, -7.636362e-2,
]

/** exponent * log 2 + log(1 + r), in the order of Cephes' logf (S. Moshier): small terms first. */
const combine = (exponent: Expression, r: Expression): Expression => {
  const square = mul(r, r)
  const tail = add(mul(mul(polynomial(r, logTail), r), square), mul(exponent, float(log2Lower)))
  return add(add(r, sub(tail, mul(square, float(0.5)))), mul(exponent, float(log2Upper)))
}

interface Split {
  /** Exponent as a float, and as an exponent field (exponent << 23). */
  readonly exponent: Expression
  readonly field: Expression
  /** In [sqrt(1/2), sqrt(2)). */
  readonly mantissa: Expression
}

/** x = mantissa * 2^exponent for a positive normal x; `origin` are the bits that count as exponent 0. */
const split = (x: Expression, origin: Expression): Split => {
  const centred = sub(bitsOf(x), origin)
  return {
    exponent: toFloat(shiftRight(centred, 23)),
    field: and(centred, integer(0xff800000)),
    mantissa: fromBits(add(and(centred, integer(0x7fffff)), integer(sqrtHalfBits))),
  }
}

/** log of a positive normal number; what it gives for others is arbitrary. */
export const logOfNormal = (x: Expression): Expression => {
  const { exponent, mantissa } = split(x, integer(sqrtHalfBits))
  return combine(exponent, sub(mantissa, float(1)))
}

/** Value of a logarithm that is `inside` between its pole and infinity. */
const withPole = (x: Expression, pole: number, inside: Expression): Expression =>
  select(
    gt(x, float(pole)),
    select(lt(x, float(Infinity)), inside, float(Infinity)),
    select(eq(x, float(pole)), float(-Infinity), float(NaN)),
  )

/** Denormal arguments are scaled by 2^23, and the exponent's origin with them. */
export const log = (x: Expression): Expression => {
  const denormal = lt(x, float(2 ** -126))
  const scaled = select(denormal, mul(x, float(2 ** 23)), x)
  const origin = select(denormal, integer(sqrtHalfBits + (23 << 23)), integer(sqrtHalfBits))
  const { exponent, mantissa } = split(scaled, origin)
  return withPole(x, 0, combine(exponent, sub(mantissa, float(1))))
}

/**
 * log(1 + x) of a finite x > -1, plus `doublings` log 2. What 1 + x rounds away is added to the reduced argument, so that
 * a small x reaches the polynomial unchanged (Kahan's idea; the same as fdlibm's s_log1p.c).
 */
const log1pInside = (x: Expression, doublings?: Expression): Expression => {
  const sum = add(x, float(1))
  const part = sub(sum, float(1))
  const lost = add(sub(float(1), sub(sum, part)), sub(x, part))
  const { exponent, field, mantissa } = split(sum, integer(sqrtHalfBits))
  // 2^(1 - exponent), halved afterwards (so that denormals keep their last bit): 2^-exponent does not exist for 128.
  const scale = fromBits(sub(integer(0x40000000), field))
  const r = add(sub(mantissa, float(1)), mul(mul(lost, scale), float(0.5)))
  return combine(doublings === undefined ? exponent : add(exponent, doublings), r)
}

/** The sign of x is that of the result, and the sum above loses that of -0. */
export const log1p = (x: Expression): Expression => withSignOf(withPole(x, -1, log1pInside(x)), x)

/** From here on sqrt(x^2 + 1) is x, and log(2 x) is taken as log(x) + log(2): x^2 would overflow. */
const large = 2 ** 27

const finiteOr = (x: Expression, value: Expression): Expression => select(lt(x, float(Infinity)), value, x)

/** asinh(x) = log1p(x + x^2 / (1 + sqrt(x^2 + 1))) for x >= 0, and odd. */
export const asinh = (x: Expression): Expression => {
  const magnitude = abs(x)
  const isLarge = gt(magnitude, float(large))
  const square = mul(x, x)
  const argument = add(magnitude, div(square, add(sqrt(add(square, float(1))), float(1))))
  const value = log1pInside(select(isLarge, magnitude, argument), select(isLarge, float(1), float(0)))
  return withSignOf(finiteOr(magnitude, value), x)
}

/** acosh(1 + t) = log1p(t + sqrt(2 t + t^2)). */
export const acosh = (x: Expression): Expression => {
  const isLarge = gt(x, float(large))
  const t = sub(x, float(1))
  const argument = add(t, sqrt(add(add(t, t), mul(t, t))))
  const value = log1pInside(select(isLarge, x, argument), select(isLarge, float(1), float(0)))
  return select(lt(x, float(1)), float(NaN), finiteOr(x, value))
}

/** atanh(x) = log1p(2 x / (1 - x)) / 2 for 0 <= x <= 1, and odd. */
export const atanh = (x: Expression): Expression => {
  const magnitude = abs(x)
  const argument = div(add(magnitude, magnitude), sub(float(1), magnitude))
  const value = mul(withPole(argument, -1, log1pInside(argument)), float(0.5))
  return withSignOf(value, x)
}
