/** Special functions: error functions, gamma functions and the Hurwitz zeta function. */
import { type ArrayLike, type NDArray, ArgumentError, isHalf, known, range } from '../core/index.js'
import * as scalar from '../scalar/functions.js'
import { type Function1, add, div, floor, function1, integerPow, mul, neg, square, sub } from './arithmetic.js'
import { filled } from './broadcasting.js'
import { eq, ge, gt, lt, select } from './comparison.js'
import { broadcastLike, floating } from './elementwise.js'
import { exp, pow } from './exponential.js'
import { asArray, convertElementType, operands } from './operands.js'
import { sin } from './trigonometric.js'

const x0 = (xs: readonly NDArray[]): NDArray => known(xs[0], 'operand')

/** Error function `2 / sqrt(pi) * integral of exp(-t^2) from 0 to x`. */
export const erf: Function1 = function1('erf', scalar.erf, {
  dtypes: floating,
  partials: [(t, xs) => mul(t, mul(2 / Math.sqrt(Math.PI), exp(neg(square(x0(xs))))))],
})

/** `1 - erf(x)`, accurate where that is small. */
export const erfc: Function1 = function1('erfc', scalar.erfc, {
  dtypes: floating,
  partials: [(t, xs) => mul(t, mul(-2 / Math.sqrt(Math.PI), exp(neg(square(x0(xs))))))],
})

/** Inverse of `erf`: infinite at -1 and 1, NaN outside. */
export const erfInv: Function1 = function1('erf_inv', scalar.erfInv, {
  dtypes: floating,
  partials: [(t, _, out) => mul(t, mul(Math.sqrt(Math.PI) / 2, exp(square(out))))],
  domain: [{ min: -0.9, max: 0.9 }],
})

/** Logarithm of the absolute value of the gamma function. */
export const lgamma: Function1 = function1('lgamma', scalar.lgamma, {
  dtypes: floating,
  partials: [(t, xs) => mul(t, digamma(x0(xs)))],
  domain: [{ min: 0.3, max: 4 }],
})

/** Derivative of `lgamma`; NaN at 0, -1, -2, ... */
export const digamma: Function1 = function1('digamma', scalar.digamma, {
  dtypes: floating,
  partials: [(t, xs) => mul(t, trigamma(x0(xs)))],
  domain: [{ min: 0.3, max: 4 }],
})

/** `B(2j) / (2j)!` for j = 1, 2, ...: the Bernoulli numbers of the Euler-Maclaurin formula. */
const bernoulliTerms = [
  1 / 12,
  -1 / 720,
  1 / 30240,
  -1 / 1209600,
  1 / 47900160,
  -691 / 1307674368000,
  1 / 74724249600,
  -3617 / 10670622842880000,
  43867 / 5109094217170944000,
  -174611 / 802857662698291200000,
]

/**
 * Hurwitz zeta function by the Euler-Maclaurin formula (DLMF 25.11.5 after N terms), for q > 0 and s > 1.
 * Everything is an operation on arrays, so derivatives of all orders, by s and by q, follow.
 */
const eulerMaclaurin = (s: number | NDArray, q: NDArray): NDArray => {
  const precise = q.dtype === 'float64'
  const terms = precise ? 12 : 8
  const reciprocalPower = (x: NDArray): NDArray =>
    typeof s === 'number' ? integerPow(x, -s) : pow(x, neg(broadcastLike(s, x.shape)))
  const plus = (k: number): NDArray | number => (typeof s === 'number' ? s + k : add(s, k))
  let sum = reciprocalPower(q)
  for (let k = 1; k < terms; k++) sum = add(sum, reciprocalPower(add(q, k)))
  const a = add(q, terms)
  const power = reciprocalPower(a)
  const inverseSquare = integerPow(a, -2)
  // Horner's rule from the smallest term: s (s+1) ... (s+2j-2) B(2j)/(2j)! a^(1-2j).
  let tail: NDArray | undefined
  for (const j of range(precise ? 10 : 6).reverse()) {
    const coefficient = known(bernoulliTerms[j], 'coefficient')
    const step: ArrayLike = j === 0 ? plus(0) : product(plus(2 * j - 1), plus(2 * j))
    const inner: ArrayLike = tail === undefined ? coefficient : add(tail, coefficient)
    tail = mul(step, j === 0 ? div(inner, a) : mul(inner, inverseSquare))
  }
  const whole = div(mul(power, a), plus(-1))
  return add(sum, add(whole, mul(power, add(known(tail, 'tail'), 0.5))))
}

const product = (x: NDArray | number, y: NDArray | number): NDArray | number =>
  typeof x === 'number' && typeof y === 'number' ? x * y : mul(x, y)

/** Halves are computed in float32. */
const widened = (x: NDArray, f: (x: NDArray) => NDArray): NDArray =>
  isHalf(x.dtype) ? convertElementType(f(convertElementType(x, 'float32')), x.dtype) : f(x)

/** Second derivative of `lgamma`; below 1/2 by the reflection formula, DLMF 5.15.6. */
const trigamma = (operand: NDArray): NDArray =>
  widened(operand, (x) => {
    const below = lt(x, 0.5)
    // Each branch gets an operand where it is finite, so that the derivative of the unused one is finite too.
    const series = eulerMaclaurin(2, select(below, sub(1, x), x))
    const fraction = select(below, sub(x, floor(x)), filled(0.5, x.aval))
    const reflected = square(div(Math.PI, sin(mul(Math.PI, fraction))))
    return select(below, sub(reflected, series), series)
  })

/**
 * Hurwitz zeta function: the sum of `(q + k)^-s` over k = 0, 1, ..., for s > 1 and q > 0; infinite at s = 1 and NaN
 * elsewhere. Floating operands of one dtype and shape, or scalars.
 *
 * @example lax.zeta(2, np.array([1, 2])) // [pi^2 / 6, pi^2 / 6 - 1]
 */
export const zeta = (s: ArrayLike, q: ArrayLike): NDArray => {
  const [first, second] = operands('zeta', [s, q])
  const power = known(first, 'operand')
  const start = known(second, 'operand')
  if (isHalf(start.dtype)) {
    const wide = zeta(convertElementType(power, 'float32'), convertElementType(start, 'float32'))
    return convertElementType(wide, start.dtype)
  }
  const shape = start.ndim === 0 ? power.shape : start.shape
  const order = broadcastLike(power, shape)
  const x = broadcastLike(start, shape)
  const regular = select(gt(x, 0), gt(order, 1), filled(0, { ...x.aval, dtype: 'bool' }))
  const one = filled(1, x.aval)
  const value = eulerMaclaurin(select(regular, order, filled(2, x.aval)), select(regular, x, one))
  const outside = select(eq(order, one), filled(Infinity, x.aval), filled(NaN, x.aval))
  return select(regular, value, outside)
}

/**
 * The m-th derivative of `digamma`, for a non-negative integer m: `digamma` itself for 0, and for m > 0
 * `(-1)^(m+1) m! zeta(m + 1, x)` (DLMF 25.11.12) for x > 0, NaN elsewhere. Below 0 only m = 1 is defined here.
 *
 * @example lax.polygamma(1, np.array([1])) // [pi^2 / 6]
 */
export const polygamma = (m: number, operand: ArrayLike): NDArray => {
  const x = asArray(operand, 'polygamma')
  if (!Number.isInteger(m) || m < 0) {
    throw new ArgumentError(`polygamma: the order ${m} must be a non-negative integer; 0 is digamma.`)
  }
  if (m === 0) return digamma(x)
  if (m === 1) return trigamma(x)
  let factorial = 1
  for (let k = 2; k <= m; k++) factorial *= k
  return widened(x, (y) => {
    const inside = ge(y, 0)
    const value = eulerMaclaurin(m + 1, select(inside, y, filled(1, y.aval)))
    return select(inside, mul(m % 2 === 1 ? factorial : -factorial, value), filled(NaN, y.aval))
  })
}
