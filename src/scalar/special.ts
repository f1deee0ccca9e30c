/** erf, erfc, erfInv, lgamma and digamma in base operations of float32. */
import type { Expression } from '../core/expression.js'
import { expOfClamped } from './exponential.js'
import { log, logOfNormal } from './logarithm.js'
import {
  abs,
  add,
  clampAbove,
  div,
  eq,
  float,
  lt,
  mul,
  neg,
  not,
  oddPolynomial,
  polynomial,
  round,
  select,
  selectRare,
  sqrt,
  sub,
  upperHalf,
  withSignOf,
} from './vocabulary.js'

// erf(x) = x + x p(x^2) for |x| <= 1, minimax fit, relative error 2^-29.4.
const erfNear = [1.2837917e-1, -3.7612626e-1, 1.1283579e-1, -2.6853347e-2, 5.187162e-3, -7.997853e-4, 7.806904e-5]
// erfc(a) = p(a)^-8 for 1 <= a <= 3.92, minimax fit, error 2^-26.3 of erf.
const erfFar = [
  9.9648666e-1, 1.5921202e-1, 4.9414203e-2, 7.373944e-2, -3.3033155e-2, 1.7751578e-2, -4.0023415e-3, 5.436839e-4,
]

/** x + x p(x^2) */
const erfOfSmall = (x: Expression, tail: readonly number[]): Expression => add(mul(polynomial(mul(x, x), tail), x), x)

const squared = (x: Expression): Expression => mul(x, x)

/**
 * Error function. Beyond 1 it is 1 - p(|x|)^-8, the form of Hastings (Approximations for Digital Computers, 1955; Abramowitz
 * and Stegun 7.1.28) with its own fit; beyond 3.92 that rounds to 1.
 */
export const erf = (x: Expression): Expression => {
  const magnitude = abs(x)
  const power = squared(squared(squared(polynomial(clampAbove(magnitude, 3.95), erfFar))))
  const far = withSignOf(sub(float(1), div(float(1), power)), x)
  return select(lt(magnitude, float(1)), erfOfSmall(x, erfNear), far)
}

// (1 + 2 a) exp(a^2) erfc(a) = p((a - 2) / (a + 2)) for a >= 0, the form of Shepherd and Laframboise (Math. Comp. 36, 1981);
// minimax fit, relative error 2^-25.5.
const scaledErfc = [
  1.2769784, -9.2763945e-2, -1.6603121e-1, 1.6405524e-1, -5.4204043e-2, -8.060176e-3, 8.626599e-3, 1.3119509e-3,
  -1.2213108e-3, -3.94645e-4,
]

// erf(x) = x + x p(x^2) for |x| <= 0.6, minimax fit.
const erfNearest = [1.2837915e-1, -3.7612492e-1, 1.1280804e-1, -2.6640492e-2, 4.504719e-3]

/** Complementary error function: exp(-a^2) with the part of a^2 that rounding loses, times a scaled erfc. */
export const erfc = (x: Expression): Expression => {
  const magnitude = clampAbove(abs(x), 10.1)
  const upper = upperHalf(magnitude)
  const square = mul(magnitude, magnitude)
  const lost = add(sub(mul(upper, upper), square), mul(sub(magnitude, upper), add(magnitude, upper)))
  const gaussian = expOfClamped(neg(square), 254, lost)
  const q = div(sub(magnitude, float(2)), add(magnitude, float(2)))
  const scaled = div(polynomial(q, scaledErfc), add(add(magnitude, magnitude), float(1)))
  const tail = mul(gaussian, scaled)
  const far = select(lt(x, float(0)), sub(float(2), tail), tail)
  return select(lt(abs(x), float(0.6)), sub(float(1), erfOfSmall(x, erfNearest)), far)
}

// erfInv(x) = x p(w), w = -log(1 - x^2), in w - 2.5 below 5 and in sqrt(w) - 3 above: the form of M. Giles, Approximating
// the erfinv function (GPU Computing Gems, 2012).
const erfInvCentre = [
  1.5014094, 2.4664028e-1, -4.177669e-3, -1.2527555e-3, 2.1857818e-4, -4.943527e-6, -3.5239427e-6, 4.5995307e-7,
  2.8213607e-8, -8.236493e-9,
]
const erfInvTail = [
  2.8329768, 1.0016742, 9.4407005e-3, -7.622644e-3, 5.7314485e-3, -3.673819e-3, 1.3620178e-3, 1.0161434e-4,
  -2.0675734e-4,
]

/** Where w is 5: beyond are 0.34 % of the numbers between -1 and 1. */
const erfInvCentral = 0.9966253

/** Inverse of erf: infinite at -1 and 1, NaN beyond. */
export const erfInv = (x: Expression): Expression => {
  const magnitude = abs(x)
  const w = neg(logOfNormal(mul(sub(float(1), x), add(float(1), x))))
  const centre = polynomial(sub(w, float(2.5)), erfInvCentre)
  const tail = polynomial(sub(sqrt(w), float(3)), erfInvTail)
  const beyond = select(eq(magnitude, float(1)), mul(x, float(Infinity)), float(NaN))
  const rare = select(lt(magnitude, float(1)), mul(tail, x), beyond)
  return selectRare(lt(magnitude, float(erfInvCentral)), mul(centre, x), rare)
}

// lgamma(1 + u) = u (u - 1) p(u) / q(u) for 0 <= u <= 3, minimax fit, relative error 2^-26.3.
const lgammaAbove = [5.772157e-1, 6.869506e-1, 2.0144397e-1, 1.1404434e-2]
const lgammaBelow = [1, 1.6149976, 7.6590693e-1, 1.0973208e-1, 2.9050962e-3]
// Stirling's series from 4 up, fitted: lgamma(x) = (x - 1/2) (log x - 1) + (log(2 pi) - 1) / 2 + p(1 / x^2) / x
const stirlingTail = [8.333332e-2, -2.776068e-3, 7.356732e-4]
const stirlingConstant = (Math.log(2 * Math.PI) - 1) / 2

/** lgamma of a magnitude, whose logarithm is given. */
const lgammaOfPositive = (a: Expression, logarithm: Expression): Expression => {
  const belowOne = lt(a, float(1))
  // Below 1, lgamma(a) = lgamma(1 + a) - log(a). The factors u and u - 1 are exact, so both zeros are.
  const u = select(belowOne, a, sub(a, float(1)))
  const ratio = div(polynomial(u, lgammaAbove), polynomial(u, lgammaBelow))
  // Adding zero makes lgamma(1) a positive one.
  const near = add(mul(mul(u, sub(u, float(1))), ratio), select(belowOne, neg(logarithm), float(0)))
  const z = div(float(1), a)
  const series = add(mul(polynomial(mul(z, z), stirlingTail), z), float(stirlingConstant))
  const far = add(mul(sub(a, float(0.5)), sub(logarithm, float(1))), series)
  return select(lt(a, float(4)), near, far)
}

// sin(pi r) / pi = r + r^3 p(r^2) for |r| <= 1/2, minimax fit, relative error 2^-27.2.
const sinPiTail = [-1.6449333, 8.1171584e-1, -1.9044326e-1, 2.4716277e-2]
const sinPiOverPi = (r: Expression): Expression => oddPolynomial(r, sinPiTail)

/** From here on every float is an integer. */
const integral = 2 ** 23

/**
 * log |gamma(x)|: infinite at 0, at the negative integers and at both infinities. Negative arguments are reflected:
 * lgamma(-a) = -log(a) - log |sin(pi a) / pi| - lgamma(a), which is accurate to the size of those terms.
 */
export const lgamma = (x: Expression): Expression => {
  const a = abs(x)
  const logarithm = log(a)
  const positive = lgammaOfPositive(a, logarithm)
  const sine = sinPiOverPi(abs(sub(a, round(a))))
  const reflected = sub(neg(add(logarithm, log(sine))), positive)
  const negative = select(lt(a, float(integral)), reflected, float(Infinity))
  // NaN is "not negative" here.
  return selectRare(not(lt(x, float(0))), positive, negative)
}

// digamma(1 + u) = (1 + u - root) p(u) / q(u) for 0 <= u <= 2, minimax fit, relative error 2^-25.8.
const digammaAbove = [1.2503802, 1.0927898, 1.8899724e-1, 1.8980706e-3]
const digammaBelow = [1, 1.5575129, 6.139984e-1, 5.5333164e-2]
// Its positive root less 1, in two floats
const digammaRoot = 4.616321325302124e-1
const digammaRootLower = 1.2438149938918909e-8
// From 3 up, fitted: digamma(x) = log x - 1 / (2 x) + p(1 / x^2) / x^2
const digammaTail = [-8.3332606e-2, 8.291668e-3, -3.2649261e-3]

const digammaOfPositive = (a: Expression): Expression => {
  const belowOne = lt(a, float(1))
  // Below 1, digamma(a) = digamma(1 + a) - 1 / a.
  const u = select(belowOne, a, sub(a, float(1)))
  const ratio = div(polynomial(u, digammaAbove), polynomial(u, digammaBelow))
  const z = div(float(1), a)
  const rooted = mul(sub(sub(u, float(digammaRoot)), float(digammaRootLower)), ratio)
  const near = sub(rooted, select(belowOne, z, float(0)))
  const square = mul(z, z)
  const far = add(logOfNormal(a), sub(mul(polynomial(square, digammaTail), square), mul(z, float(0.5))))
  return select(lt(a, float(3)), near, select(lt(a, float(Infinity)), far, a))
}

/**
 * Derivative of lgamma: -inf at 0, inf at -0, NaN at the negative integers and at -inf, as SciPy. Negative arguments are
 * reflected: digamma(x) = digamma(1 - x) - pi / tan(pi x).
 */
export const digamma = (x: Expression): Expression => {
  const isNegative = lt(x, float(0))
  const value = digammaOfPositive(select(isNegative, sub(float(1), x), x))
  const r = sub(x, round(x))
  const distance = abs(r)
  // pi / tan(pi d) as a quotient of sines: the one above is exact in its zero at d = 1/2.
  const cotangent = div(mul(sinPiOverPi(sub(float(0.5), distance)), float(Math.PI)), sinPiOverPi(distance))
  const reflected = select(eq(r, float(0)), float(NaN), sub(value, withSignOf(cotangent, r)))
  return selectRare(not(isNegative), value, reflected)
}
