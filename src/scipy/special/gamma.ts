/** Gamma and beta functions, factorials, and the derivatives of the logarithm of gamma. */
import { type ArrayLike, type NDArray, DTypeError, isFloating, range, checkOptions } from '../../core/index.js'
import * as lax from '../../lax/index.js'
import { fromHost } from '../../numpy/creation.js'
import { count, float, like, threeFloats, twoFloats, where } from '../arguments.js'

/**
 * Logarithm of the absolute value of the gamma function, elementwise, of real numbers.
 *
 * @example
 * ```ts
 * scipy.special.gammaln(np.array([1, 5])) // [0, 3.1780539]
 * ```
 */
export const gammaln = (x: ArrayLike): NDArray => lax.lgamma(float('special.gammaln', x))

/** Logarithm of the gamma function of positive numbers; NaN elsewhere. */
export const loggamma = (x: ArrayLike): NDArray => {
  const z = float('special.loggamma', x)
  return where(lax.gt(z, 0), lax.lgamma(z), NaN, z)
}

const isWhole = (x: NDArray): NDArray => lax.eq(x, lax.floor(x))
const isOdd = (x: NDArray): NDArray => lax.ne(lax.mul(2, lax.floor(lax.mul(x, 0.5))), x)

/** Sign of the gamma function: 1 or -1; NaN at negative integers, where it is not defined. */
export const gammasgn = (x: ArrayLike): NDArray => {
  const z = float('special.gammasgn', x)
  const negative = lax.lt(z, 0)
  // Of -0 the gamma function is -infinity.
  const negativeZero = lax.bitwiseAnd(lax.eq(z, 0), lax.lt(lax.div(1, z), 0))
  const flips = lax.bitwiseOr(lax.bitwiseAnd(negative, isOdd(lax.floor(z))), negativeZero)
  const undefined_ = lax.bitwiseOr(lax.bitwiseAnd(negative, isWhole(z)), lax.ne(z, z))
  return where(undefined_, NaN, where(flips, -1, 1, z), z)
}

/**
 * Gamma function, elementwise, of real numbers; NaN at negative integers, infinite at 0.
 *
 * @example
 * ```ts
 * scipy.special.gamma(np.array([0.5, 5])) // [1.7724539, 24]
 * ```
 */
export const gamma = (x: ArrayLike): NDArray => {
  const z = float('special.gamma', x)
  return lax.mul(gammasgn(z), lax.exp(lax.lgamma(z)))
}

/** Logarithm of the absolute value of the beta function. */
export const betaln = (a: ArrayLike, b: ArrayLike): NDArray => {
  const [x, y] = twoFloats('special.betaln', a, b)
  return lax.sub(lax.add(lax.lgamma(x), lax.lgamma(y)), lax.lgamma(lax.add(x, y)))
}

/** Beta function `gamma(a) gamma(b) / gamma(a + b)`, elementwise. */
export const beta = (a: ArrayLike, b: ArrayLike): NDArray => {
  const [x, y] = twoFloats('special.beta', a, b)
  const sign = lax.mul(lax.mul(gammasgn(x), gammasgn(y)), gammasgn(lax.add(x, y)))
  return lax.mul(sign, lax.exp(betaln(x, y)))
}

/**
 * Factorials by the gamma function, `gamma(n + 1)`; 0 for negative numbers.
 *
 * @example
 * ```ts
 * scipy.special.factorial(np.array([0, 3, 5])) // [1, 6, 120]
 * ```
 */
export const factorial = (n: ArrayLike): NDArray => {
  const x = float('special.factorial', n)
  return where(lax.lt(x, 0), 0, lax.exp(lax.lgamma(lax.add(x, 1))), x)
}

/** Number of ways to choose k of N things; with `repetition`, each as often as one likes. 0 where there is none. */
export const comb = (N: ArrayLike, k: ArrayLike, options: { readonly repetition?: boolean } = {}): NDArray => {
  const { repetition = false } = checkOptions('special.comb', options, 'repetition')
  const [n, m] = twoFloats('special.comb', N, k)
  if (repetition) {
    const nothing = lax.bitwiseAnd(lax.eq(m, 0), lax.ge(n, 0))
    return where(nothing, 1, comb(lax.sub(lax.add(n, m), 1), m), n)
  }
  const possible = lax.bitwiseAnd(lax.bitwiseAnd(lax.le(m, n), lax.ge(n, 0)), lax.ge(m, 0))
  const [x, y] = [where(possible, n, 0, n), where(possible, m, 0, m)]
  const logarithm = lax.sub(
    lax.sub(lax.lgamma(lax.add(x, 1)), lax.lgamma(lax.add(y, 1))),
    lax.lgamma(lax.sub(lax.add(x, 1), y)),
  )
  return where(possible, lax.exp(logarithm), 0, n)
}

/** Pochhammer symbol `gamma(z + m) / gamma(z)`, elementwise. */
export const poch = (z: ArrayLike, m: ArrayLike): NDArray => {
  const [x, y] = twoFloats('special.poch', z, m)
  const sum = lax.add(x, y)
  const sign = lax.mul(gammasgn(sum), gammasgn(x))
  return where(lax.eq(y, 0), 1, lax.mul(sign, lax.exp(lax.sub(lax.lgamma(sum), lax.lgamma(x)))), x)
}

/** Incomplete beta function, regularized: of a, b >= 0 and x in [0, 1]. Differentiable in all three. */
export const betainc = (a: ArrayLike, b: ArrayLike, x: ArrayLike): NDArray =>
  lax.betainc(...threeFloats('special.betainc', a, b, x))

/**
 * Lower incomplete gamma function, regularized: of a >= 0 and x >= 0. Differentiable in both.
 *
 * @example
 * ```ts
 * scipy.special.gammainc(1, 1) // 0.63212056
 * ```
 */
export const gammainc = (a: ArrayLike, x: ArrayLike): NDArray => lax.igamma(...twoFloats('special.gammainc', a, x))

/** Upper incomplete gamma function, regularized: `1 - gammainc(a, x)`, accurate where that is small. */
export const gammaincc = (a: ArrayLike, x: ArrayLike): NDArray => lax.igammac(...twoFloats('special.gammaincc', a, x))

/** Derivative of `gammaln`. */
export const digamma = (x: ArrayLike): NDArray => lax.digamma(float('special.digamma', x))

/**
 * Hurwitz zeta function, the sum of `(q + k)^-x` over k = 0, 1, ..., for x > 1 and q > 0; without q Riemann's, q = 1.
 *
 * @example
 * ```ts
 * scipy.special.zeta(2, 1) // pi^2 / 6
 * ```
 */
export const zeta = (x: ArrayLike, q: ArrayLike = 1): NDArray => lax.zeta(...twoFloats('special.zeta', x, q))

/**
 * The n-th derivative of `digamma`, elementwise, for integers n >= 0 and x > 0.
 * Throws DTypeError unless `n` holds integers.
 *
 * @example
 * ```ts
 * scipy.special.polygamma(1, np.array([1])) // [pi^2 / 6]
 * ```
 */
export const polygamma = (n: ArrayLike, x: ArrayLike): NDArray => {
  const order = lax.asArray(n, 'special.polygamma')
  if (typeof n === 'number')
    return lax.polygamma(count(n, 'special.polygamma: the order n'), float('special.polygamma', x))
  if (isFloating(order.dtype)) {
    throw new DTypeError(
      `special.polygamma: the order n must be integers, got ${order.dtype}. Convert with n.astype('int32').`,
    )
  }
  const [m, z] = twoFloats('special.polygamma', lax.stopGradient(order), x)
  const first = lax.eq(m, 0)
  const safe = where(first, 1, m, m)
  // (-1)^(m + 1) m! zeta(m + 1, x): DLMF 25.11.12.
  const sign = where(isOdd(safe), 1, -1, m)
  const value = lax.mul(lax.mul(sign, lax.exp(lax.lgamma(lax.add(safe, 1)))), lax.zeta(lax.add(safe, 1), z))
  return lax.select(first, lax.digamma(z), value)
}

/**
 * Logarithm of the multivariate gamma function of dimension `d`, elementwise.
 *
 * @example
 * ```ts
 * scipy.special.multigammaln(np.array([3]), 2)
 * ```
 */
export const multigammaln = (a: ArrayLike, d: number): NDArray => {
  const x = float('special.multigammaln', a)
  const dimension = count(d, 'special.multigammaln: the dimension d')
  const start = like(x, 0.25 * dimension * (dimension - 1) * Math.log(Math.PI))
  return range(dimension).reduce((sum, k) => lax.add(sum, lax.lgamma(lax.sub(x, k / 2))), start)
}

/**
 * The Bernoulli numbers B0 .. Bn, with B1 = -1/2, as float32.
 *
 * @example
 * ```ts
 * scipy.special.bernoulli(4) // [1, -0.5, 0.16666667, 0, -0.033333335]
 * ```
 */
export const bernoulli = (n: number): NDArray => {
  const last = count(n, 'special.bernoulli: n')
  const values = range(last + 1).map((m) => {
    if (m < 2) return m === 0 ? 1 : -0.5
    if (m % 2 === 1) return 0
    // B(2k) = (-1)^(k + 1) 2 (2k)! zeta(2k) / (2 pi)^(2k): DLMF 25.6.2. The product keeps within range.
    const scale = range(m).reduce((product, k) => (product * (k + 1)) / (2 * Math.PI), 2)
    // The sum for zeta to 1 / 59^m, and Euler and Maclaurin's formula for the rest.
    const rest = 60 ** (1 - m) / (m - 1) + 60 ** -m / 2 + (m * 60 ** (-1 - m)) / 12
    const zetaOfM = range(59).reduceRight((sum, k) => sum + (k + 1) ** -m, rest)
    return (m % 4 === 0 ? -1 : 1) * scale * zetaOfM
  })
  return fromHost(values, [last + 1], 'float32')
}
