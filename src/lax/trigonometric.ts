/** Trigonometric and hyperbolic functions and their inverses. */
import { type NDArray, known } from '../core/index.js'
import * as scalar from '../scalar/functions.js'
import { type Function1, type Function2, add, div, function1, function2, mul, neg, square, sub } from './arithmetic.js'
import { floating } from './elementwise.js'
import { rsqrt } from './exponential.js'

const x0 = (xs: readonly NDArray[]): NDArray => known(xs[0], 'operand')
const x1 = (xs: readonly NDArray[]): NDArray => known(xs[1], 'operand')
const inside = [{ min: -0.9, max: 0.9 }]

/** Sine of radians. */
export const sin: Function1 = function1('sin', scalar.sin, {
  dtypes: floating,
  partials: [(t, xs) => mul(t, cos(x0(xs)))],
})
/** Cosine of radians. */
export const cos: Function1 = function1('cos', scalar.cos, {
  dtypes: floating,
  partials: [(t, xs) => neg(mul(t, sin(x0(xs))))],
})
/** Tangent of radians. */
export const tan: Function1 = function1('tan', scalar.tan, {
  dtypes: floating,
  partials: [(t, _, out) => mul(t, add(1, square(out)))],
  domain: [{ min: -1.2, max: 1.2 }],
})
/** Inverse sine, in [-pi/2, pi/2]; NaN outside [-1, 1]. */
export const asin: Function1 = function1('asin', scalar.asin, {
  dtypes: floating,
  partials: [(t, xs) => mul(t, rsqrt(sub(1, square(x0(xs)))))],
  domain: inside,
})
/** Inverse cosine, in [0, pi]; NaN outside [-1, 1]. */
export const acos: Function1 = function1('acos', scalar.acos, {
  dtypes: floating,
  partials: [(t, xs) => neg(mul(t, rsqrt(sub(1, square(x0(xs))))))],
  domain: inside,
})
/** Inverse tangent, in [-pi/2, pi/2]. */
export const atan: Function1 = function1('atan', scalar.atan, {
  dtypes: floating,
  partials: [(t, xs) => div(t, add(1, square(x0(xs))))],
})
/** Angle of the point (y, x), `atan2(x, y)` with JAX's names: first operand over second, in [-pi, pi]. */
export const atan2: Function2 = function2('atan2', scalar.atan2, {
  dtypes: floating,
  partials: [
    (t, xs) => mul(t, div(x1(xs), add(square(x0(xs)), square(x1(xs))))),
    (t, xs) => mul(t, div(neg(x0(xs)), add(square(x0(xs)), square(x1(xs))))),
  ],
  domain: [{ min: 0.5, max: 2 }],
})
/** Hyperbolic sine. */
export const sinh: Function1 = function1('sinh', scalar.sinh, {
  dtypes: floating,
  partials: [(t, xs) => mul(t, cosh(x0(xs)))],
})
/** Hyperbolic cosine. */
export const cosh: Function1 = function1('cosh', scalar.cosh, {
  dtypes: floating,
  partials: [(t, xs) => mul(t, sinh(x0(xs)))],
})
/** Hyperbolic tangent. */
export const tanh: Function1 = function1('tanh', scalar.tanh, {
  dtypes: floating,
  // (t + t y) (1 - y) keeps accuracy where y is near 1.
  partials: [(t, _, out) => mul(add(t, mul(t, out)), sub(1, out))],
})
/** Inverse hyperbolic sine. */
export const asinh: Function1 = function1('asinh', scalar.asinh, {
  dtypes: floating,
  partials: [(t, xs) => mul(t, rsqrt(add(square(x0(xs)), 1)))],
})
/** Inverse hyperbolic cosine; NaN below 1. */
export const acosh: Function1 = function1('acosh', scalar.acosh, {
  dtypes: floating,
  partials: [(t, xs) => mul(t, rsqrt(mul(sub(x0(xs), 1), add(x0(xs), 1))))],
  domain: [{ min: 1.2, max: 4 }],
})
/** Inverse hyperbolic tangent; NaN outside [-1, 1]. */
export const atanh: Function1 = function1('atanh', scalar.atanh, {
  dtypes: floating,
  partials: [(t, xs) => div(t, mul(sub(1, x0(xs)), add(1, x0(xs))))],
  domain: inside,
})
