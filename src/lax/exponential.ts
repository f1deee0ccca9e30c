/** Exponentials, logarithms, powers and roots. */
import { type NDArray, type Primitive, bindOne, known } from '../core/index.js'
import * as scalar from '../scalar/functions.js'
import { type Empty, type Function1, type Function2, add, div, function1, integerPow, mul, sub } from './arithmetic.js'
import { filled } from './broadcasting.js'
import { eq, select } from './comparison.js'
import { broadcastLike, elementwise, floating } from './elementwise.js'
import { operands } from './operands.js'

const x0 = (xs: readonly NDArray[]): NDArray => known(xs[0], 'operand')
const x1 = (xs: readonly NDArray[]): NDArray => known(xs[1], 'operand')

/** e to the x. */
export const exp: Function1 = function1('exp', scalar.exp, { dtypes: floating, partials: [(t, _, out) => mul(t, out)] })
/** 2 to the x. */
export const exp2: Function1 = function1('exp2', scalar.exp2, {
  dtypes: floating,
  partials: [(t, _, out) => mul(t, mul(Math.LN2, out))],
})
/** Natural logarithm; -inf at 0, NaN below. */
export const log: Function1 = function1('log', scalar.log, {
  dtypes: floating,
  partials: [(t, xs) => div(t, x0(xs))],
  domain: [{ min: 0.2, max: 4 }],
})
/** `log(1 + x)`, accurate near 0. */
export const log1p: Function1 = function1('log1p', scalar.log1p, {
  dtypes: floating,
  partials: [(t, xs) => div(t, add(x0(xs), 1))],
  domain: [{ min: -0.8, max: 3 }],
})
/** `exp(x) - 1`, accurate near 0. */
export const expm1: Function1 = function1('expm1', scalar.expm1, {
  dtypes: floating,
  partials: [(t, _, out) => mul(t, add(out, 1))],
})
/** Logistic sigmoid `1 / (1 + exp(-x))`. */
export const logistic: Function1 = function1('logistic', scalar.logistic, {
  dtypes: floating,
  partials: [(t, _, out) => mul(t, mul(out, sub(1, out)))],
})
/** Square root; NaN below 0. */
export const sqrt: Function1 = function1('sqrt', 'sqrt', {
  dtypes: floating,
  partials: [(t, _, out) => mul(t, div(0.5, out))],
  domain: [{ min: 0.2, max: 4 }],
})
/** `1 / sqrt(x)`. */
export const rsqrt: Function1 = function1('rsqrt', scalar.rsqrt, {
  dtypes: floating,
  partials: [(t, xs, out) => mul(t, mul(-0.5, div(out, x0(xs))))],
  domain: [{ min: 0.2, max: 4 }],
})
/** Cube root, also of negative numbers. */
export const cbrt: Function1 = function1('cbrt', scalar.cbrt, {
  dtypes: floating,
  // By the root and not by root / x, which is NaN at 0.
  partials: [(t, _, out) => mul(t, mul(1 / 3, integerPow(out, -2)))],
  domain: [{ min: 0.2, max: 4 }],
})

const powPrimitive: Primitive<Empty> = elementwise('pow', {
  arity: 2,
  dtypes: floating,
  partials: [
    (t, xs, out) => {
      const x = broadcastLike(x0(xs), out.shape)
      const y = broadcastLike(x1(xs), out.shape)
      // y x^(y-1), with 0 where y is 0 so that 0^0 has no infinite slope.
      const zeroPower = eq(y, filled(0, y.aval))
      const slope = mul(y, pow(x, select(zeroPower, filled(1, y.aval), sub(y, 1))))
      return mul(t, select(zeroPower, filled(0, out.aval), slope))
    },
    (t, xs, out) => {
      const x = broadcastLike(x0(xs), out.shape)
      return mul(t, mul(log(select(eq(x, filled(0, x.aval)), filled(1, x.aval), x)), out))
    },
  ],
  lower: ([x, y]) => scalar.pow(known(x, 'operand'), known(y, 'operand')),
  domain: [
    { min: 0.3, max: 3 },
    { min: -2, max: 2 },
  ],
})

/** `x ** y` of floats; `x ** 0` and `1 ** y` are 1 even for NaN. */
export const pow: Function2 = (x, y) => bindOne(powPrimitive, operands('pow', [x, y]), {})
