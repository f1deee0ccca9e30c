/** Densities estimated from samples by Gaussian kernels. */
import {
  type ArrayLike,
  type NDArray,
  ArgumentError,
  ShapeError,
  avalText,
  known,
  checkOptions,
} from '../../core/index.js'
import * as lax from '../../lax/index.js'
import * as np from '../../numpy/index.js'
import * as random from '../../random/index.js'
import { splitPair } from '../../random/key.js'
import { float } from '../arguments.js'
import { choFactor, choSolve } from '../linalg/index.js'
import { logsumexp, ndtr } from '../special/index.js'

export interface GaussianKdeOptions {
  /** Width of the kernels relative to the data's: a rule, or a factor. 'scott' unless said. */
  readonly bwMethod?: 'scott' | 'silverman' | number | null
  /** Weights of the points, equal ones unless given; they are divided by their sum. */
  readonly weights?: ArrayLike | null
}

/** A density: a mean of normal densities about the points of a data set. */
export interface GaussianKde {
  /** Points `[d, n]`. */
  readonly dataset: NDArray
  /** Weights `[n]`, of sum 1. */
  readonly weights: NDArray
  /** Number of points that equal weights would take, a scalar. */
  readonly neff: NDArray
  /** Covariance of a kernel, `[d, d]`. */
  readonly covariance: NDArray
  readonly d: number
  readonly n: number
  /** Density at points `[d, m]` (or `[m]` where d = 1), `[m]`. */
  readonly evaluate: (points: ArrayLike) => NDArray
  /** Another name of `evaluate`. */
  readonly pdf: (points: ArrayLike) => NDArray
  /** Logarithm of the density. */
  readonly logpdf: (points: ArrayLike) => NDArray
  /** Probability of an interval, where d = 1. */
  readonly integrateBox1d: (low: ArrayLike, high: ArrayLike) => NDArray
  /** Integral of the product with a normal density of that mean `[d]` and covariance `[d, d]`. */
  readonly integrateGaussian: (mean: ArrayLike, cov: ArrayLike) => NDArray
  /** Integral of the product with another density of as many dimensions. */
  readonly integrateKde: (other: GaussianKde) => NDArray
  /** Samples, `[d, ...shape]`. */
  readonly resample: (key: NDArray, shape?: readonly number[]) => NDArray
}

const operation = 'stats.gaussianKde'

/** Relative width of the kernels: Scott (1992) or Silverman (1986). */
const widthOf = (bwMethod: GaussianKdeOptions['bwMethod'], neff: NDArray, d: number): NDArray => {
  const rule = bwMethod ?? 'scott'
  if (rule === 'scott') return np.power(neff, -1 / (d + 4))
  if (rule === 'silverman') return np.power(lax.mul(neff, (d + 2) / 4), -1 / (d + 4))
  if (typeof rule === 'number') return lax.full([], rule, { dtype: neff.dtype })
  throw new ArgumentError(`${operation}: bwMethod is 'scott', 'silverman' or a number, got '${String(rule)}'.`)
}

/** Points as columns `[d, m]`. */
const columns = (points: ArrayLike, d: number): NDArray => {
  const x = np.atleast2d(float(operation, points))
  if (x.ndim === 2 && x.shape[0] === d) return x
  if (x.ndim === 2 && x.shape[0] === 1 && x.shape[1] === d) return lax.reshape(x, [d, 1])
  throw new ShapeError(`${operation}: expected points [${d}, m], got ${avalText(x.aval)}.`)
}

/** Weighted values of a normal density about 0, of that covariance, at the differences `[d, ...]` of points. */
const convolved = (covariance: NDArray, differences: NDArray, weights: NDArray): NDArray => {
  const [factor, lower] = choFactor(covariance)
  const d = known(covariance.shape[0], 'dimension')
  const norm = lax.mul(np.prod(np.diagonal(factor)), (2 * Math.PI) ** (d / 2))
  const exponent = np.multiply(
    -0.5,
    np.sum(np.multiply(differences, choSolve([factor, lower], differences)), { axis: 0 }),
  )
  return np.divide(np.sum(np.multiply(weights, np.exp(exponent))), norm)
}

/**
 * Density estimated from points `[d, n]` (or `[n]`) by a normal kernel about each.
 *
 * @throws ShapeError for other ranks, a single point, or weights that are not `[n]`; ArgumentError for an unknown rule
 * @example
 * ```ts
 * const density = scipy.stats.gaussianKde(np.array([-1, 0, 0.5, 2]))
 * density.pdf(np.array([0, 3]))
 * ```
 */
export const gaussianKde = (dataset: ArrayLike, options: GaussianKdeOptions = {}): GaussianKde => {
  const { bwMethod = null, weights = null } = checkOptions('stats.gaussianKde', options, 'bwMethod weights')
  const data = np.atleast2d(float(operation, dataset))
  const [d, n] = [known(data.shape[0], 'dimension'), known(data.shape[1], 'count')]
  if (data.ndim !== 2 || n < 2 || d === 0) {
    throw new ShapeError(`${operation}: expected several points, [n] or [d, n], got ${avalText(data.aval)}.`)
  }
  const given = weights === null ? lax.full([n], 1, { dtype: data.dtype }) : np.atleast1d(float(operation, weights))
  if (given.ndim !== 1 || given.shape[0] !== n) {
    throw new ShapeError(`${operation}: ${n} points need weights [${n}], got ${avalText(given.aval)}.`)
  }
  const shares = np.divide(given, np.sum(given))
  const neff = np.reciprocal(np.sum(np.square(shares)))
  const spread = np.atleast2d(np.cov(data, { rowvar: true, bias: false, aweights: shares }))
  const covariance = np.multiply(spread, np.square(widthOf(bwMethod, neff, d)))

  const logKernels = (points: ArrayLike): NDArray => {
    const x = columns(points, d)
    // Differences [d, m n], to be solved against at once.
    const apart = np.subtract(np.expandDims(x, 2), np.expandDims(data, 1))
    const m = known(x.shape[1], 'points')
    const flat = lax.reshape(apart, [d, m * n])
    const factor = np.linalg.cholesky(covariance)
    const white = lax.linalg.triangularSolve(factor, flat, { leftSide: true, lower: true })
    const logNorm = np.add(np.sum(np.log(np.diagonal(factor))), (d / 2) * Math.log(2 * Math.PI))
    return np.subtract(np.multiply(-0.5, lax.reshape(np.sum(np.square(white), { axis: 0 }), [m, n])), logNorm)
  }
  const evaluate = (points: ArrayLike): NDArray => np.sum(np.multiply(shares, np.exp(logKernels(points))), { axis: 1 })
  const density: GaussianKde = {
    dataset: data,
    weights: shares,
    neff,
    covariance,
    d,
    n,
    evaluate,
    pdf: evaluate,
    logpdf: (points) => logsumexp(np.add(logKernels(points), np.log(shares)), { axis: 1 }),
    integrateBox1d: (low, high) => {
      if (d !== 1) throw new ShapeError(`${operation}: integrateBox1d needs one dimension, the points have ${d}.`)
      const deviation = np.sqrt(lax.reshape(covariance, []))
      const line = lax.reshape(data, [n])
      const below = (x: ArrayLike): NDArray => ndtr(np.divide(np.subtract(x, line), deviation))
      return np.sum(np.multiply(shares, np.subtract(below(high), below(low))))
    },
    integrateGaussian: (mean, cov) => {
      const [centre, other] = [np.atleast1d(float(operation, mean)), np.atleast2d(float(operation, cov))]
      if (centre.ndim !== 1 || centre.shape[0] !== d || other.shape[0] !== d || other.shape[1] !== d) {
        throw new ShapeError(
          `${operation}: expected a mean [${d}] and a covariance [${d}, ${d}], got ${lax.avalsText([centre, other])}.`,
        )
      }
      return convolved(np.add(covariance, other), np.subtract(data, np.expandDims(centre, 1)), shares)
    },
    integrateKde: (other) => {
      if (other.d !== d) throw new ShapeError(`${operation}: densities of ${d} and of ${other.d} dimensions.`)
      const apart = np.subtract(np.expandDims(data, 2), np.expandDims(other.dataset, 1))
      const pairs = np.multiply(np.expandDims(shares, 1), other.weights)
      return convolved(
        np.add(covariance, other.covariance),
        lax.reshape(apart, [d, n * other.n]),
        lax.reshape(pairs, [n * other.n]),
      )
    },
    resample: (key, shape = []) => {
      const [pointKey, noiseKey] = splitPair(key)
      const index = random.choice(pointKey, n, shape, { p: shares })
      const zero = lax.full([d], 0, { dtype: covariance.dtype })
      const noise = random.multivariateNormal(noiseKey, zero, covariance, shape, { dtype: data.dtype })
      return np.add(np.take(data, index, { axis: 1 }), np.moveaxis(noise, -1, 0))
    },
  }
  return density
}
