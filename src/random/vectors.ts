/** Samples of vectors and matrices: normal vectors, orthogonal matrices, points of balls. */
import {
  type ArrayLike,
  type NDArray,
  ArgumentError,
  ShapeError,
  avalText,
  known,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import * as np from '../numpy/index.js'
import { exponential, maxwell, normal } from './continuous.js'
import { rademacher } from './discrete.js'
import { commonShape, gamma } from './gamma.js'
import { checkKey, sampleShape, splitPair } from './key.js'
import { type FloatOptions, checkFloat } from './uniform.js'

/** Options of `multivariateNormal`. */
export interface MultivariateNormalOptions extends FloatOptions {
  /** How the covariance is factored; 'cholesky' (the default) needs it positive definite. */
  readonly method?: 'cholesky' | 'eigh' | 'svd'
}

const factorOf = (covariance: NDArray, method: string): NDArray => {
  const scaled = (basis: NDArray, values: NDArray): NDArray => np.multiply(basis, np.expandDims(lax.sqrt(values), -2))
  switch (method) {
    case 'cholesky':
      return np.linalg.cholesky(covariance)
    case 'eigh': {
      const [w, v] = np.linalg.eigh(covariance)
      return scaled(v, w)
    }
    case 'svd': {
      const [u, s] = np.linalg.svd(covariance)
      return scaled(u, s)
    }
    default:
      throw new ArgumentError(
        `random.multivariateNormal: '${method}' is not a method; there are 'cholesky', 'eigh' and 'svd'.`,
      )
  }
}

/**
 * Normal vectors, `[...shape, n]`, with a mean `[..., n]` and a covariance `[..., n, n]`.
 * Throws ShapeError when sizes differ.
 *
 * @param shape without the last axis; default: that of mean and covariance together
 * @example
 * ```ts
 * random.multivariateNormal(random.key(0), np.zeros([2]), np.eye(2), [3]).shape // [3, 2]
 * ```
 */
export const multivariateNormal = (
  key: NDArray,
  mean: ArrayLike,
  cov: ArrayLike,
  shape?: readonly number[] | null,
  options: MultivariateNormalOptions = {},
): NDArray => {
  const { dtype = 'float32', method = 'cholesky' } = checkOptions('random.multivariateNormal', options, 'method dtype')
  const operation = 'random.multivariateNormal'
  checkKey(key, operation)
  checkFloat(dtype, operation)
  const centre = lax.convertElementType(lax.asArray(mean, operation), dtype)
  const covariance = lax.convertElementType(lax.asArray(cov, operation), dtype)
  const n = centre.shape.at(-1)
  if (n === undefined || covariance.ndim < 2 || covariance.shape.at(-1) !== n || covariance.shape.at(-2) !== n) {
    throw new ShapeError(
      `${operation}: a mean ${avalText(centre.aval)} and a covariance ${avalText(covariance.aval)} don't fit; they must be [..., n] and [..., n, n].`,
    )
  }
  const size = commonShape(operation, shape, centre.shape.slice(0, -1), covariance.shape.slice(0, -2))
  const z = normal(key, [...size, n], { dtype })
  const turned = np.matmul(factorOf(covariance, method), np.expandDims(z, -1))
  return np.add(centre, np.squeeze(turned, { axis: -1 }))
}

/** Options of `orthogonal`. */
export interface OrthogonalOptions extends FloatOptions {
  /** Number of columns, n unless said. */
  readonly m?: number | null
}

/**
 * Uniformly distributed orthogonal matrices, `[...shape, n, m]`: with orthonormal columns, or rows if there are more columns.
 *
 * @example
 * ```ts
 * random.orthogonal(random.key(0), 3).shape // [3, 3]
 * ```
 */
export const orthogonal = (
  key: NDArray,
  n: number,
  shape: readonly number[] = [],
  options: OrthogonalOptions = {},
): NDArray => {
  const { dtype = 'float32', m = null } = checkOptions('random.orthogonal', options, 'm dtype')
  const operation = 'random.orthogonal'
  checkKey(key, operation)
  checkFloat(dtype, operation)
  const columns = m ?? n
  const size = sampleShape([...shape, Math.max(n, columns), Math.min(n, columns)], operation)
  const [q, r] = np.linalg.qr(normal(key, size, { dtype }))
  const signs = lax.sign(np.linalg.diagonal(r))
  const x = np.multiply(q, np.expandDims(signs, -2))
  return n < columns ? np.matrixTranspose(x) : x
}

const checkPower = (p: number, operation: string): void => {
  if (!(p > 0)) throw new ArgumentError(`${operation}: the power p must be positive, got ${p}.`)
}

/** Floats with density proportional to `exp(-|x|^p)`. */
export const generalizedNormal = (
  key: NDArray,
  p: number,
  shape: readonly number[] = [],
  options: FloatOptions = {},
): NDArray => {
  const { dtype = 'float32' } = checkOptions('random.generalizedNormal', options, 'dtype')
  const operation = 'random.generalizedNormal'
  checkKey(key, operation)
  checkPower(p, operation)
  const [gammaKey, signKey] = splitPair(key)
  const size = gamma(gammaKey, 1 / p, sampleShape(shape, operation), { dtype })
  const signs = lax.convertElementType(rademacher(signKey, shape), dtype)
  return lax.mul(signs, lax.pow(size, lax.full(size.shape, 1 / p, { dtype })))
}

/** Options of `ball`. */
export interface BallOptions extends FloatOptions {
  /** Power of the norm, 2 unless said. */
  readonly p?: number
}

/**
 * Points of the unit ball of dimension `d` under the p-norm, `[...shape, d]`, uniformly distributed.
 *
 * @example
 * ```ts
 * random.ball(random.key(0), 3, [5]).shape // [5, 3]
 * ```
 */
export const ball = (key: NDArray, d: number, shape: readonly number[] = [], options: BallOptions = {}): NDArray => {
  const { dtype = 'float32', p = 2 } = checkOptions('random.ball', options, 'p dtype')
  const operation = 'random.ball'
  checkKey(key, operation)
  checkPower(p, operation)
  const [pointKey, radiusKey] = splitPair(key)
  const g = generalizedNormal(pointKey, p, [...sampleShape(shape, operation), d], { dtype })
  const e = exponential(radiusKey, shape, { dtype })
  const total = lax.add(np.sum(np.power(lax.abs(g), p), { axis: -1 }), e)
  return np.divide(g, np.expandDims(np.power(total, 1 / p), -1))
}

/** Maxwell floats with a random sign, scaled and moved. */
export const doubleSidedMaxwell = (
  key: NDArray,
  loc: ArrayLike,
  scale: ArrayLike,
  shape: readonly number[] = [],
  options: FloatOptions = {},
): NDArray => {
  const { dtype = 'float32' } = checkOptions('random.doubleSidedMaxwell', options, 'dtype')
  const operation = 'random.doubleSidedMaxwell'
  checkKey(key, operation)
  checkFloat(dtype, operation)
  const [middle, width] = [loc, scale].map((x) => lax.convertElementType(lax.asArray(x, operation), dtype))
  const own = commonShape(operation, null, known(middle, 'loc').shape, known(width, 'scale').shape)
  // JAX appends the parameters' shape to the one asked for.
  const size = [...(shape.length === 0 ? own : sampleShape(shape, operation)), ...own]
  const [maxwellKey, signKey] = splitPair(key)
  const x = maxwell(maxwellKey, size, { dtype })
  const signs = lax.convertElementType(rademacher(signKey, size), dtype)
  return np.add(np.multiply(lax.mul(signs, x), known(width, 'scale')), known(middle, 'loc'))
}
