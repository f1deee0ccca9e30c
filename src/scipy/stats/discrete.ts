/** Distributions of integers and of vectors, under SciPy's names. */
import {
  type ArrayLike,
  type NDArray,
  DTypeError,
  ShapeError,
  avalText,
  broadcastShapes,
  isFloating,
  known,
  range,
  checkOptions,
} from '../../core/index.js'
import * as lax from '../../lax/index.js'
import { promoteInexact } from '../../numpy/promotion-args.js'
import { diagonal } from '../../numpy/linalg-products.js'
import { float, floats, where } from '../arguments.js'
import { betaln, gammaincc, gammaln } from '../special/gamma.js'
import { entr, xlog1py, xlogy } from '../special/logarithms.js'
import { discrete, discreteOfTwo, ofCount, shape } from './distribution.js'

const bernoulliValid = (p: NDArray): NDArray => lax.bitwiseAnd(lax.ge(p, 0), lax.le(p, 1))

/** One trial, 1 with probability p: `logpmf`, `pmf` of `(k, p, {loc})`, `cdf`, `ppf`. */
export const bernoulli = {
  ...discrete('bernoulli', (k, ...shapes) => {
    const p = shape(shapes)
    const value = lax.add(xlogy(k, p), xlog1py(lax.sub(1, k), lax.neg(p)))
    return where(lax.bitwiseAnd(lax.ge(k, 0), lax.le(k, 1)), value, -Infinity, k)
  }),
  /** Probability of at most k. */
  cdf: ofCount('bernoulli.cdf', (k, ...shapes) => {
    const p = shape(shapes)
    const value = where(lax.lt(k, 0), 0, where(lax.lt(k, 1), lax.sub(1, p), 1, k), k)
    return where(lax.bitwiseAnd(bernoulliValid(p), lax.eq(k, k)), value, NaN, k)
  }),
  /** The smallest k whose `cdf` is at least q. */
  ppf: (q: ArrayLike, p: ArrayLike): NDArray => {
    const [level, chance] = floats('stats.bernoulli.ppf', [q, p])
    const [x, y] = [known(level, 'q'), known(chance, 'p')]
    const value = where(lax.le(x, lax.sub(1, y)), 0, 1, x)
    return where(lax.bitwiseAnd(bernoulliValid(y), bernoulliValid(x)), value, NaN, x)
  },
}

/** Numbers of successes in n trials: `logpmf`, `pmf` of `(k, n, p, {loc})`. */
export const binom = discreteOfTwo('binom', (k, ...shapes) => {
  const [n, p] = [shape(shapes, 0), shape(shapes, 1)]
  const inside = lax.bitwiseAnd(lax.ge(k, 0), lax.le(k, n))
  const y = where(inside, k, 0, k)
  const rest = where(inside, lax.sub(n, k), n, k)
  const ways = lax.sub(gammaln(lax.add(n, 1)), lax.add(gammaln(lax.add(y, 1)), gammaln(lax.add(rest, 1))))
  return where(inside, lax.add(ways, lax.add(xlogy(y, p), xlog1py(rest, lax.neg(p)))), -Infinity, k)
})

/** Numbers of failures before the n-th success: `logpmf`, `pmf` of `(k, n, p, {loc})`. */
export const nbinom = discreteOfTwo('nbinom', (k, ...shapes) => {
  const [n, p] = [shape(shapes, 0), shape(shapes, 1)]
  const y = lax.max(k, 0)
  const ways = lax.sub(lax.sub(gammaln(lax.add(y, n)), gammaln(n)), gammaln(lax.add(y, 1)))
  return where(lax.ge(k, 0), lax.add(ways, lax.add(xlogy(n, p), xlog1py(y, lax.neg(p)))), -Infinity, k)
})

/** Numbers of trials up to the first success: `logpmf`, `pmf` of `(k, p, {loc})`. */
export const geom = discrete('geom', (k, ...shapes) => {
  const p = shape(shapes)
  return where(lax.gt(k, 0), lax.add(xlog1py(lax.sub(k, 1), lax.neg(p)), lax.log(p)), -Infinity, k)
})

const poissonLogPmf = (k: NDArray, mu: NDArray): NDArray => {
  const inside = lax.bitwiseAnd(lax.ge(k, 0), lax.eq(lax.floor(k), k))
  const x = where(inside, k, 0, k)
  return where(inside, lax.sub(lax.sub(xlogy(x, mu), gammaln(lax.add(x, 1))), mu), -Infinity, k)
}

/** Terms of the sum for the entropy of Poisson's distribution, for means below 100. */
const entropyTerms = 250

/** Poisson's distribution: `logpmf`, `pmf`, `cdf` of `(k, mu, {loc})`, and `entropy(mu)`. */
export const poisson = {
  ...discrete('poisson', (k, ...shapes) => poissonLogPmf(k, shape(shapes))),
  /** Probability of at most k. */
  cdf: ofCount('poisson.cdf', (k, ...shapes) => {
    const terms = lax.floor(lax.add(1, lax.max(k, 0)))
    return where(lax.ge(k, 0), gammaincc(terms, shape(shapes)), 0, k)
  }),
  /** Entropy, by its sum below a mean of 100, and above by its expansion (Evans and Boersma, 1988). */
  entropy: (mu: ArrayLike): NDArray => {
    const m = float('stats.poisson.entropy', mu)
    const small = lax.lt(m, 100)
    const mean = where(small, m, 1, m)
    const terms = lax.broadcastInDim(mean, [...m.shape, entropyTerms], range(m.ndim))
    const k = lax.broadcastedIota(m.dtype, terms.shape, m.ndim)
    const sum = lax.reduceSum(entr(lax.exp(poissonLogPmf(k, terms))), [m.ndim])
    const large = where(small, 100, m, m)
    const inverse = lax.reciprocal(large)
    const tail = lax.mul(inverse, lax.add(1 / 12, lax.mul(inverse, lax.add(1 / 24, lax.mul(19 / 360, inverse)))))
    const expansion = lax.sub(lax.mul(0.5, lax.log(lax.mul(2 * Math.PI * Math.E, large))), tail)
    return lax.select(small, sum, expansion)
  },
}

/** Numbers of successes in n trials whose probability has a beta distribution. */
export const betabinom = {
  /** Logarithm of the probability of k. */
  logpmf: (
    k: ArrayLike,
    n: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
    options: { readonly loc?: ArrayLike } = {},
  ): NDArray => {
    const { loc = 0 } = checkOptions('stats.betabinom.logpmf', options, 'loc')
    const [value, trials, first, second, place] = floats('stats.betabinom.logpmf', [k, n, a, b, loc])
    const [count, alpha, beta] = [known(trials, 'n'), known(first, 'a'), known(second, 'b')]
    const given = lax.sub(lax.floor(known(value, 'k')), known(place, 'loc'))
    const inside = lax.bitwiseAnd(lax.ge(given, 0), lax.le(given, count))
    const y = where(inside, given, 0, given)
    const rest = lax.sub(count, y)
    const ways = lax.neg(lax.add(lax.log1p(count), betaln(lax.add(rest, 1), lax.add(y, 1))))
    const chance = lax.sub(betaln(lax.add(y, alpha), lax.add(rest, beta)), betaln(alpha, beta))
    const valid = lax.bitwiseAnd(lax.ge(count, 0), lax.bitwiseAnd(lax.gt(alpha, 0), lax.gt(beta, 0)))
    return where(valid, where(inside, lax.add(ways, chance), -Infinity, y), NaN, y)
  },
  /** Probability of k. */
  pmf: (k: ArrayLike, n: ArrayLike, a: ArrayLike, b: ArrayLike, options?: { readonly loc?: ArrayLike }): NDArray => {
    checkOptions('stats.betabinom.pmf', options, 'loc')
    return lax.exp(betabinom.logpmf(k, n, a, b, options))
  },
}

/** Counts of several kinds of outcomes, along the last axis. */
export const multinomial = {
  /** Logarithm of the probability of counts `x`, `[..., k]`, in n trials with probabilities `p`, `[..., k]`. Throws DTypeError unless counts are integers. */
  logpmf: (x: ArrayLike, n: ArrayLike, p: ArrayLike): NDArray => {
    const counts = lax.asArray(x, 'stats.multinomial.logpmf')
    if (isFloating(counts.dtype)) {
      throw new DTypeError(
        `stats.multinomial.logpmf: counts must be integers, got ${counts.dtype}. Convert with x.astype('int32').`,
      )
    }
    const [first, second] = floats('stats.multinomial.logpmf', [counts, p])
    const [k, chances] = [known(first, 'x'), known(second, 'p')]
    const last = k.ndim - 1
    const trials = lax.broadcastTo(lax.convertElementType(n, k.dtype), k.shape.slice(0, -1))
    const terms = lax.reduceSum(lax.sub(xlogy(k, chances), gammaln(lax.add(k, 1))), [last])
    const fits = lax.eq(lax.reduceSum(k, [last]), trials)
    return where(fits, lax.add(gammaln(lax.add(trials, 1)), terms), -Infinity, terms)
  },
  /** Probability of counts. */
  pmf: (x: ArrayLike, n: ArrayLike, p: ArrayLike): NDArray => lax.exp(multinomial.logpmf(x, n, p)),
}

/** Dirichlet's distribution on probabilities along axis 0. */
export const dirichlet = {
  /** Logarithm of the density of `x`, `[k, ...]`, whose last entry may be left out, for parameters `alpha`, `[k]`. */
  logpdf: (x: ArrayLike, alpha: ArrayLike): NDArray => {
    const [first, second] = promoteInexact('stats.dirichlet.logpdf', [x, alpha])
    const [given, parameters] = [known(first, 'x'), known(second, 'alpha')]
    const n = parameters.size
    const size = given.shape[0]
    if (parameters.ndim !== 1 || (size !== n && size !== n - 1)) {
      throw new ShapeError(
        `stats.dirichlet.logpdf: ${avalText(given.aval)} and ${avalText(parameters.aval)} don't fit: alpha must be a vector, ` +
          `and x have as many entries along axis 0, or one less.`,
      )
    }
    const last = lax.sub(1, lax.expandDims(lax.reduceSum(given, [0]), [0]))
    const whole = size === n ? given : lax.concatenate([given, last], 0)
    const total = lax.reduceSum(whole, [0])
    const ones = lax.lt(lax.abs(lax.sub(total, 1)), 1e-6)
    const simplex = lax.bitwiseAnd(lax.reduceAnd(lax.gt(whole, 0), [0]), ones)
    const norm = lax.sub(lax.reduceSum(gammaln(parameters), [0]), gammaln(lax.reduceSum(parameters, [0])))
    const powers = lax.broadcastInDim(lax.sub(parameters, 1), whole.shape, [0])
    const value = lax.sub(lax.reduceSum(xlogy(powers, whole), [0]), norm)
    return where(simplex, value, -Infinity, value)
  },
  /** Density. */
  pdf: (x: ArrayLike, alpha: ArrayLike): NDArray => lax.exp(dirichlet.logpdf(x, alpha)),
}

/** Sum of squares along the last axis. */
const squares = (y: NDArray): NDArray => lax.reduceSum(lax.square(y), [y.ndim - 1])

/** The normal distribution of vectors along the last axis. */
export const multivariateNormal = {
  /**
   * Logarithm of the density of `x`, `[..., n]`, with mean `[..., n]` and covariance `[..., n, n]`; a scalar covariance is a
   * variance for all components. Throws ShapeError when sizes differ.
   */
  logpdf: (x: ArrayLike, mean: ArrayLike, cov: ArrayLike): NDArray => {
    const [first, second, third] = promoteInexact('stats.multivariateNormal.logpdf', [x, mean, cov])
    const [value, middle, covariance] = [known(first, 'x'), known(second, 'mean'), known(third, 'cov')]
    const shape_ = broadcastShapes('stats.multivariateNormal.logpdf', value.shape, middle.shape)
    const y = lax.sub(lax.broadcastTo(value, shape_), lax.broadcastTo(middle, shape_))
    const n = middle.ndim === 0 ? 1 : known(shape_.at(-1), 'size')
    if (covariance.ndim === 0) {
      const sum = middle.ndim === 0 ? lax.square(y) : squares(y)
      return lax.sub(
        lax.div(lax.mul(-0.5, sum), covariance),
        lax.mul(n / 2, lax.add(lax.log(covariance), Math.log(2 * Math.PI))),
      )
    }
    if (covariance.ndim < 2 || covariance.shape.at(-1) !== n || covariance.shape.at(-2) !== n) {
      throw new ShapeError(
        `stats.multivariateNormal.logpdf: a covariance ${avalText(covariance.aval)} does not fit vectors of ${n} components; it must be [..., n, n].`,
      )
    }
    const stack = broadcastShapes(
      'stats.multivariateNormal.logpdf',
      y.shape.slice(0, -1),
      covariance.shape.slice(0, -2),
    )
    const factor = lax.broadcastTo(lax.linalg.cholesky(covariance), [...stack, n, n])
    const z = lax.linalg.triangularSolve(factor, lax.broadcastTo(y, [...stack, n]), { leftSide: true, lower: true })
    const logDeterminant = lax.reduceSum(lax.log(diagonal(factor)), [stack.length])
    return lax.sub(lax.mul(-0.5, squares(z)), lax.add(logDeterminant, (n / 2) * Math.log(2 * Math.PI)))
  },
  /** Density. */
  pdf: (x: ArrayLike, mean: ArrayLike, cov: ArrayLike): NDArray => lax.exp(multivariateNormal.logpdf(x, mean, cov)),
}
