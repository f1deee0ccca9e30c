/** Continuous distributions of one variable: densities, probabilities and quantiles, under SciPy's names. */
import type { NDArray } from '../../core/index.js'
import * as lax from '../../lax/index.js'
import { where } from '../arguments.js'
import { ndtr, ndtri, logNdtr } from '../special/errors.js'
import { betainc, betaln, gammainc, gammaincc } from '../special/gamma.js'
import { expit, logit, xlog1py, xlogy } from '../special/logarithms.js'
import { continuous, continuousOfShape, continuousOfShapes, shape } from './distribution.js'

const logPi = Math.log(Math.PI)
const halfLogTwoPi = 0.5 * Math.log(2 * Math.PI)

/** The value for variables that are not negative, and minus infinity for the others. */
const onPositives = (y: NDArray, value: NDArray): NDArray => where(lax.ge(y, 0), value, -Infinity, y)
const notBelowZero = (y: NDArray): NDArray => lax.max(y, 0)

/** The normal distribution: `logpdf`, `pdf`, `cdf`, `logcdf`, `sf`, `logsf`, `ppf`, `isf` of `(x, {loc, scale})`. */
export const norm = continuous('norm', {
  logpdf: (y) => lax.sub(lax.mul(-0.5, lax.square(y)), halfLogTwoPi),
  cdf: (y) => ndtr(y),
  logcdf: (y) => logNdtr(y),
  sf: (y) => ndtr(lax.neg(y)),
  logsf: (y) => logNdtr(lax.neg(y)),
  ppf: (q) => ndtri(q),
  isf: (q) => lax.neg(ndtri(q)),
})

const upperCauchy = (y: NDArray): NDArray => lax.mul(1 / Math.PI, lax.atan2(lax.filled(1, y.aval), y))

/** Quantile: the tangent in the middle, and the cotangent at the ends, where it is exact to the last level above 0. */
const cauchyQuantile = (q: NDArray): NDArray => {
  const middle = lax.sub(q, 0.5)
  const end = lax.div(lax.sign(middle), lax.tan(lax.mul(Math.PI, lax.min(q, lax.sub(1, q)))))
  return lax.select(lax.lt(lax.abs(middle), 0.25), lax.tan(lax.mul(Math.PI, middle)), end)
}

/** Cauchy's distribution: `logpdf`, `pdf`, `cdf`, `logcdf`, `sf`, `logsf`, `ppf`, `isf` of `(x, {loc, scale})`. */
export const cauchy = continuous('cauchy', {
  logpdf: (y) => lax.neg(lax.add(logPi, lax.log1p(lax.square(y)))),
  cdf: (y) => upperCauchy(lax.neg(y)),
  logcdf: (y) => lax.log(upperCauchy(lax.neg(y))),
  sf: (y) => upperCauchy(y),
  logsf: (y) => lax.log(upperCauchy(y)),
  ppf: cauchyQuantile,
  isf: (q) => lax.neg(cauchyQuantile(q)),
})

/** The exponential distribution: `logpdf`, `pdf`, `cdf`, `logcdf`, `sf`, `logsf`, `ppf` of `(x, {loc, scale})`. */
export const expon = continuous('expon', {
  logpdf: (y) => onPositives(y, lax.neg(y)),
  cdf: (y) => lax.neg(lax.expm1(lax.neg(notBelowZero(y)))),
  logcdf: (y) => lax.log(lax.neg(lax.expm1(lax.neg(notBelowZero(y))))),
  sf: (y) => lax.exp(lax.neg(notBelowZero(y))),
  logsf: (y) => lax.neg(notBelowZero(y)),
  ppf: (q) => lax.neg(lax.log1p(lax.neg(q))),
})

/** Laplace's distribution: `logpdf`, `pdf`, `cdf` of `(x, {loc, scale})`. */
export const laplace = continuous('laplace', {
  logpdf: (y) => lax.neg(lax.add(lax.abs(y), Math.LN2)),
  cdf: (y) => {
    const tail = lax.mul(0.5, lax.exp(lax.neg(lax.abs(y))))
    return lax.select(lax.le(y, 0), tail, lax.sub(1, tail))
  },
})

/** The logistic distribution: `logpdf`, `pdf`, `cdf`, `sf`, `ppf`, `isf` of `(x, {loc, scale})`. */
export const logistic = continuous('logistic', {
  logpdf: (y) => {
    const magnitude = lax.abs(y)
    return lax.neg(lax.add(magnitude, lax.mul(2, lax.log1p(lax.exp(lax.neg(magnitude))))))
  },
  cdf: (y) => expit(y),
  sf: (y) => expit(lax.neg(y)),
  ppf: (q) => logit(q),
  isf: (q) => lax.neg(logit(q)),
})

const inUnit = (y: NDArray): NDArray => lax.bitwiseAnd(lax.ge(y, 0), lax.le(y, 1))

/** The uniform distribution on [loc, loc + scale]: `logpdf`, `pdf`, `cdf`, `ppf` of `(x, {loc, scale})`. */
export const uniform = continuous('uniform', {
  logpdf: (y) => where(inUnit(y), 0, -Infinity, y),
  cdf: (y) => lax.min(notBelowZero(y), 1),
  ppf: (q) => q,
})

/** `log(1 - exp(-x))` for x > 0: Maechler, "Accurately computing log(1 - exp(-|a|))" (2012). */
const log1mexp = (x: NDArray): NDArray => {
  const small = lax.lt(x, Math.LN2)
  const near = where(small, x, 1, x)
  const far = where(small, 1, x, x)
  return lax.select(small, lax.log(lax.neg(lax.expm1(lax.neg(near)))), lax.log1p(lax.neg(lax.exp(lax.neg(far)))))
}

/** Gumbel's distribution of smallest values: `logpdf`, `pdf`, `cdf`, `logcdf`, `sf`, `logsf`, `ppf` of `(x, {loc, scale})`. */
export const gumbelL = continuous('gumbelL', {
  logpdf: (y) => lax.sub(y, lax.exp(y)),
  cdf: (y) => lax.neg(lax.expm1(lax.neg(lax.exp(y)))),
  logcdf: (y) => log1mexp(lax.exp(y)),
  sf: (y) => lax.exp(lax.neg(lax.exp(y))),
  logsf: (y) => lax.neg(lax.exp(y)),
  ppf: (q) => lax.log(lax.neg(lax.log1p(lax.neg(q)))),
})

/** Gumbel's distribution of largest values: `logpdf`, `pdf`, `cdf`, `logcdf`, `sf`, `logsf`, `ppf` of `(x, {loc, scale})`. */
export const gumbelR = continuous('gumbelR', {
  logpdf: (y) => lax.neg(lax.add(y, lax.exp(lax.neg(y)))),
  cdf: (y) => lax.exp(lax.neg(lax.exp(lax.neg(y)))),
  logcdf: (y) => lax.neg(lax.exp(lax.neg(y))),
  sf: (y) => lax.neg(lax.expm1(lax.neg(lax.exp(lax.neg(y))))),
  logsf: (y) => log1mexp(lax.exp(lax.neg(y))),
  ppf: (q) => lax.neg(lax.log(lax.neg(lax.log(q)))),
})

/** The beta distribution: `logpdf`, `pdf`, `cdf`, `logcdf`, `sf`, `logsf` of `(x, a, b, {loc, scale})`. */
export const beta = continuousOfShapes('beta', {
  logpdf: (y, ...ab) => {
    const [a, b] = [shape(ab, 0), shape(ab, 1)]
    const linear = lax.add(xlogy(lax.sub(a, 1), y), xlog1py(lax.sub(b, 1), lax.neg(y)))
    const inside = where(inUnit(y), lax.sub(linear, betaln(a, b)), -Infinity, y)
    return where(lax.bitwiseAnd(lax.gt(a, 0), lax.gt(b, 0)), inside, NaN, y)
  },
  cdf: (y, ...ab) => betainc(shape(ab, 0), shape(ab, 1), lax.min(notBelowZero(y), 1)),
  logcdf: (y, ...ab) => lax.log(betainc(shape(ab, 0), shape(ab, 1), lax.min(notBelowZero(y), 1))),
  sf: (y, ...ab) => betainc(shape(ab, 1), shape(ab, 0), lax.sub(1, lax.min(notBelowZero(y), 1))),
  logsf: (y, ...ab) => lax.log(betainc(shape(ab, 1), shape(ab, 0), lax.sub(1, lax.min(notBelowZero(y), 1)))),
})

/** The gamma distribution: `logpdf`, `pdf`, `cdf`, `logcdf`, `sf`, `logsf` of `(x, a, {loc, scale})`. */
export const gamma = continuousOfShape('gamma', {
  logpdf: (y, ...a) => {
    const safe = where(lax.ge(y, 0), y, 1, y)
    return onPositives(y, lax.sub(lax.sub(xlogy(lax.sub(shape(a), 1), safe), safe), lax.lgamma(shape(a))))
  },
  cdf: (y, ...a) => gammainc(shape(a), notBelowZero(y)),
  logcdf: (y, ...a) => lax.log(gammainc(shape(a), notBelowZero(y))),
  sf: (y, ...a) => gammaincc(shape(a), notBelowZero(y)),
  logsf: (y, ...a) => lax.log(gammaincc(shape(a), notBelowZero(y))),
})

const half = (x: NDArray): NDArray => lax.mul(0.5, x)

/** The chi-squared distribution: `logpdf`, `pdf`, `cdf`, `logcdf`, `sf`, `logsf` of `(x, df, {loc, scale})`. */
export const chi2 = continuousOfShape('chi2', {
  logpdf: (y, ...df) => {
    const k = half(shape(df))
    const safe = where(lax.ge(y, 0), y, 1, y)
    const kernel = lax.sub(xlogy(lax.sub(k, 1), safe), half(safe))
    return onPositives(y, lax.sub(kernel, lax.add(lax.lgamma(k), lax.mul(k, Math.LN2))))
  },
  cdf: (y, ...df) => gammainc(half(shape(df)), half(notBelowZero(y))),
  logcdf: (y, ...df) => lax.log(gammainc(half(shape(df)), half(notBelowZero(y)))),
  sf: (y, ...df) => gammaincc(half(shape(df)), half(notBelowZero(y))),
  logsf: (y, ...df) => lax.log(gammaincc(half(shape(df)), half(notBelowZero(y)))),
})

/** Probability of larger values than |y|, by the incomplete beta function (DLMF 8.17.20). */
const studentTail = (y: NDArray, df: NDArray): NDArray => {
  const square = lax.square(y)
  const near = lax.lt(square, df)
  const halves = lax.filled(0.5, y.aval)
  // Of two forms the one whose argument is not rounded to 1.
  const close = lax.sub(1, betainc(halves, half(df), lax.div(square, lax.add(df, square))))
  const far = betainc(half(df), halves, lax.div(df, lax.add(df, square)))
  return half(lax.select(near, close, far))
}

/** Student's t distribution: `logpdf`, `pdf`, `cdf`, `sf` of `(x, df, {loc, scale})`. */
export const t = continuousOfShape('t', {
  logpdf: (y, ...shapes) => {
    const df = shape(shapes)
    const upper = half(lax.add(df, 1))
    const norm_ = lax.add(lax.sub(lax.lgamma(half(df)), lax.lgamma(upper)), half(lax.add(lax.log(df), logPi)))
    return lax.neg(lax.add(norm_, lax.mul(upper, lax.log1p(lax.div(lax.square(y), df)))))
  },
  cdf: (y, ...df) => {
    const tail = studentTail(y, shape(df))
    return lax.select(lax.lt(y, 0), tail, lax.sub(1, tail))
  },
  sf: (y, ...df) => {
    const tail = studentTail(y, shape(df))
    return lax.select(lax.gt(y, 0), tail, lax.sub(1, tail))
  },
})

/** Pareto's distribution: `logpdf`, `pdf`, `cdf`, `logcdf`, `sf`, `logsf`, `ppf` of `(x, b, {loc, scale})`. */
export const pareto = continuousOfShape('pareto', {
  logpdf: (y, ...b) => {
    const safe = lax.max(y, 1)
    const value = lax.sub(lax.log(shape(b)), lax.mul(lax.add(shape(b), 1), lax.log(safe)))
    return where(lax.ge(y, 1), value, -Infinity, y)
  },
  cdf: (y, ...b) => lax.neg(lax.expm1(lax.neg(lax.mul(shape(b), lax.log(lax.max(y, 1)))))),
  logcdf: (y, ...b) => log1mexp(lax.mul(shape(b), lax.log(lax.max(y, 1)))),
  sf: (y, ...b) => lax.exp(lax.neg(lax.mul(shape(b), lax.log(lax.max(y, 1))))),
  logsf: (y, ...b) => lax.neg(lax.mul(shape(b), lax.log(lax.max(y, 1)))),
  ppf: (q, ...b) => lax.exp(lax.neg(lax.div(lax.log1p(lax.neg(q)), shape(b)))),
})

/** The generalized normal distribution: `logpdf`, `pdf`, `cdf` of `(x, beta, {loc, scale})`. */
export const gennorm = continuousOfShape('gennorm', {
  logpdf: (y, ...b) => {
    const power = lax.pow(lax.abs(y), shape(b))
    return lax.sub(lax.sub(lax.log(half(shape(b))), lax.lgamma(lax.reciprocal(shape(b)))), power)
  },
  cdf: (y, ...b) => {
    const inner = gammainc(lax.reciprocal(shape(b)), lax.pow(lax.abs(y), shape(b)))
    return half(lax.add(1, lax.mul(lax.sign(y), inner)))
  },
})

/** Logarithm of the difference of exponentials, for a > b. */
const logDifference = (a: NDArray, b: NDArray): NDArray => lax.add(a, log1mexp(lax.sub(a, b)))

/** Logarithm of the normal probability of an interval, in the tail where it is accurate. */
const logMass = (a: NDArray, b: NDArray): NDArray => {
  const right = lax.gt(a, 0)
  const left = lax.le(b, 0)
  const [low, high] = [lax.select(right, lax.neg(b), a), lax.select(right, lax.neg(a), b)]
  const inTail = lax.bitwiseOr(left, right)
  const tail = logDifference(logNdtr(where(inTail, high, 0, a)), logNdtr(where(inTail, low, -1, a)))
  const centre = lax.log1p(lax.neg(lax.add(ndtr(a), ndtr(lax.neg(b)))))
  return lax.select(inTail, tail, centre)
}

/** Logarithm of the probability of [a, y] under the normal distribution on [a, b]. */
const truncatedLogCdf = (y: NDArray, a: NDArray, b: NDArray): NDArray => {
  const inside = lax.bitwiseAnd(lax.gt(y, a), lax.lt(y, b))
  const middle = where(inside, y, half(lax.add(lax.max(a, -10), lax.min(b, 10))), y)
  const whole = logMass(a, b)
  const lower = lax.sub(logMass(a, middle), whole)
  const upper = lax.sub(logMass(middle, b), whole)
  const accurate = lax.select(lax.gt(lower, -0.1), lax.log1p(lax.neg(lax.exp(upper))), lower)
  const outside = where(lax.ge(y, b), 0, -Infinity, y)
  return where(lax.lt(a, b), lax.select(inside, accurate, outside), NaN, y)
}

/**
 * The normal distribution on an interval [a, b] of the standard variable: `logpdf`, `pdf`, `cdf`, `logcdf`, `sf`, `logsf` of
 * `(x, a, b, {loc, scale})`.
 */
export const truncnorm = continuousOfShapes('truncnorm', {
  logpdf: (y, ...ab) => {
    const [a, b] = [shape(ab, 0), shape(ab, 1)]
    const value = lax.sub(lax.sub(lax.mul(-0.5, lax.square(y)), halfLogTwoPi), logMass(a, b))
    const inside = lax.bitwiseAnd(lax.ge(y, a), lax.le(y, b))
    return where(lax.lt(a, b), where(inside, value, -Infinity, y), NaN, y)
  },
  cdf: (y, ...ab) => lax.exp(truncatedLogCdf(y, shape(ab, 0), shape(ab, 1))),
  logcdf: (y, ...ab) => truncatedLogCdf(y, shape(ab, 0), shape(ab, 1)),
  sf: (y, ...ab) => lax.exp(truncatedLogCdf(lax.neg(y), lax.neg(shape(ab, 1)), lax.neg(shape(ab, 0)))),
  logsf: (y, ...ab) => truncatedLogCdf(lax.neg(y), lax.neg(shape(ab, 1)), lax.neg(shape(ab, 0))),
})

/** Von Mises' distribution of angles: `logpdf`, `pdf` of `(x, kappa, {loc, scale})`. */
export const vonmises = continuousOfShape('vonmises', {
  logpdf: (y, ...shapes) => {
    const kappa = shape(shapes)
    const value = lax.sub(lax.mul(kappa, lax.sub(lax.cos(y), 1)), lax.log(lax.mul(2 * Math.PI, lax.besselI0e(kappa))))
    return where(lax.gt(kappa, 0), value, NaN, y)
  },
})

/** Cauchy's distribution wrapped around the circle [0, 2 pi]: `logpdf`, `pdf` of `(x, c, {loc, scale})`. */
export const wrapcauchy = continuousOfShape('wrapcauchy', {
  logpdf: (y, ...shapes) => {
    const c = shape(shapes)
    const square = lax.square(c)
    const top = lax.sub(lax.log1p(lax.neg(square)), Math.log(2 * Math.PI))
    const value = lax.sub(top, lax.log(lax.sub(lax.add(1, square), lax.mul(lax.mul(2, c), lax.cos(y)))))
    const around = lax.bitwiseAnd(lax.ge(y, 0), lax.le(y, 2 * Math.PI))
    const valid = lax.bitwiseAnd(lax.gt(c, 0), lax.lt(c, 1))
    return where(valid, where(around, value, -Infinity, y), NaN, y)
  },
})
