/** Complex numbers as pairs of arrays of one shape, with the arithmetic that lowered programs need. */
import type { NDArray } from '../core/index.js'
import { abs, add, div, max, mul, neg, sub } from './arithmetic.js'
import { filled, zerosOf } from './broadcasting.js'
import { eq, ge, gt, lt, select } from './comparison.js'
import { sqrt } from './exponential.js'

/** Real and imaginary parts. */
export interface Complex {
  readonly real: NDArray
  readonly imag: NDArray
}

export const complex = (real: NDArray, imag: NDArray = zerosOf(real.aval)): Complex => ({ real, imag })

/** The same function of both parts, which must be linear with real coefficients. */
export const onParts = (x: Complex, f: (part: NDArray) => NDArray): Complex => ({ real: f(x.real), imag: f(x.imag) })

/** The same function of both parts of two values. */
export const onPairs = (x: Complex, y: Complex, f: (x: NDArray, y: NDArray) => NDArray): Complex => ({
  real: f(x.real, y.real),
  imag: f(x.imag, y.imag),
})

export const plus = (x: Complex, y: Complex): Complex => onPairs(x, y, add)
export const minus = (x: Complex, y: Complex): Complex => onPairs(x, y, sub)
export const negated = (x: Complex): Complex => onParts(x, neg)
export const conjugate = (x: Complex): Complex => ({ real: x.real, imag: neg(x.imag) })
export const scaled = (x: Complex, factor: NDArray): Complex => onParts(x, (part) => mul(part, factor))

/** Elements of `x` where the condition holds, of `y` elsewhere. */
export const chosen = (condition: NDArray, x: Complex, y: Complex): Complex =>
  onPairs(x, y, (p, q) => select(condition, p, q))

/** A product by any bilinear operation on parts; elementwise unless said. */
export const times = (x: Complex, y: Complex, f: (x: NDArray, y: NDArray) => NDArray = mul): Complex => ({
  real: sub(f(x.real, y.real), f(x.imag, y.imag)),
  imag: add(f(x.real, y.imag), f(x.imag, y.real)),
})

/** Absolute values, without overflow of squares. */
export const modulus = ({ real, imag }: Complex): NDArray => {
  const [x, y] = [abs(real), abs(imag)]
  const largest = max(x, y)
  const scale = select(gt(largest, 0), largest, filled(1, largest.aval))
  const [p, q] = [div(x, scale), div(y, scale)]
  return mul(largest, sqrt(add(mul(p, p), mul(q, q))))
}

/** Quotients, scaled by the larger part of the divisor: Smith's method (1962). */
export const quotient = (x: Complex, y: Complex): Complex => {
  const realLarger = ge(abs(y.real), abs(y.imag))
  const larger = select(realLarger, y.real, y.imag)
  const smaller = select(realLarger, y.imag, y.real)
  const ratio = div(smaller, larger)
  const divisor = add(larger, mul(smaller, ratio))
  const [a, b] = [select(realLarger, x.real, x.imag), select(realLarger, x.imag, x.real)]
  const crossed = sub(b, mul(a, ratio))
  return {
    real: div(add(a, mul(b, ratio)), divisor),
    imag: div(select(realLarger, crossed, neg(crossed)), divisor),
  }
}

/** Principal square roots. */
export const squareRoot = (x: Complex): Complex => {
  const length = modulus(x)
  const half = sqrt(mul(0.5, add(length, abs(x.real))))
  const safe = select(eq(half, 0), filled(1, half.aval), half)
  const other = div(x.imag, mul(2, safe))
  const negative = lt(x.imag, 0)
  const right = ge(x.real, 0)
  return {
    real: select(right, half, abs(other)),
    imag: select(right, other, select(negative, neg(half), half)),
  }
}
