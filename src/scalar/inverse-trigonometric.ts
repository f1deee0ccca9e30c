/** asin, acos, atan and atan2 in base operations of float32. */
import type { Expression } from '../core/expression.js'
import {
  abs,
  add,
  bitsOf,
  div,
  eq,
  float,
  gt,
  integer,
  lt,
  max,
  min,
  mul,
  oddPolynomial,
  polynomial,
  select,
  sqrt,
  sub,
  withSignOf,
} from './vocabulary.js'

// asin(s) = s + s^3 p(s^2) for |s| <= 1/2, minimax fit, relative error 2^-27.6.
const asinTail = [1.6666752e-1, 7.4953064e-2, 4.5469772e-2, 2.4180772e-2, 4.2166423e-2]
// atan(t) = t + t^3 p(t^2) for |t| <= 1, minimax fit, relative error 2^-28.5.
const atanTail = [
  -3.33333e-1, 1.999853e-1, -1.4264016e-1, 1.09508805e-1, -8.399307e-2, 5.7881445e-2, -3.1097135e-2, 1.0868854e-2,
  -1.7828891e-3,
]
const piLower = -8.742278000372485e-8

/** pi * multiple - value, with what float32 rounds from pi; the multiple is a power of two. */
const piMinus = (value: Expression, multiple: number): Expression =>
  sub(float(Math.PI * multiple), sub(value, float(piLower * multiple)))

interface ArcSine {
  readonly magnitude: Expression
  readonly isLarge: Expression
  /** asin(s), where s is |x|, or sqrt((1 - |x|) / 2) beyond 1/2: half of acos(|x|). */
  readonly value: Expression
}

const arcSine = (x: Expression): ArcSine => {
  const magnitude = abs(x)
  const isLarge = gt(magnitude, float(0.5))
  const square = select(isLarge, mul(sub(float(1), magnitude), float(0.5)), mul(x, x))
  const s = select(isLarge, sqrt(square), magnitude)
  return { magnitude, isLarge, value: add(mul(mul(polynomial(square, asinTail), square), s), s) }
}

/** asin(x) = pi / 2 - 2 asin(sqrt((1 - x) / 2)) beyond 1/2 (as Cephes' asinf), and odd. */
export const asin = (x: Expression): Expression => {
  const { isLarge, value } = arcSine(x)
  return withSignOf(select(isLarge, piMinus(add(value, value), 0.5), value), x)
}

/** acos(x) = 2 asin(sqrt((1 - x) / 2)) beyond 1/2, pi minus that of -x below -1/2, and pi / 2 - asin(x) between. */
export const acos = (x: Expression): Expression => {
  const { isLarge, value } = arcSine(x)
  const double = add(value, value)
  const outer = select(lt(x, float(0)), piMinus(double, 1), double)
  return select(isLarge, outer, piMinus(withSignOf(value, x), 0.5))
}

const atanOfUnit = (t: Expression): Expression => oddPolynomial(t, atanTail)

/** atan(x) = pi / 2 - atan(1 / x) beyond 1, and odd. */
export const atan = (x: Expression): Expression => {
  const magnitude = abs(x)
  const isLarge = gt(magnitude, float(1))
  const value = atanOfUnit(select(isLarge, div(float(1), magnitude), magnitude))
  return withSignOf(select(isLarge, piMinus(value, 0.5), value), x)
}

/**
 * Angle of the point (x, y): the first octant by the ratio of the smaller to the larger coordinate, then reflections. Both
 * infinite count as equal; both zero give 0 or pi, as C99.
 */
export const atan2 = (y: Expression, x: Expression): Expression => {
  const [ax, ay] = [abs(x), abs(y)]
  const smaller = min(ax, ay)
  const larger = max(ax, ay)
  const ratio = div(smaller, select(eq(larger, float(0)), float(1), larger))
  const value = atanOfUnit(select(eq(smaller, float(Infinity)), float(1), ratio))
  const octant = select(gt(ay, ax), piMinus(value, 0.5), value)
  const quadrant = select(lt(bitsOf(x), integer(0)), piMinus(octant, 1), octant)
  return withSignOf(quadrant, y)
}
