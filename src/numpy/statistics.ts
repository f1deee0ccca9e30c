/** Weighted averages, covariances and correlations. */
import {
  type ArrayLike,
  type DType,
  type NDArray,
  ShapeError,
  avalText,
  canonicalAxes,
  known,
  sameShape,
  sizeOf,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import { multiply } from './arithmetic.js'
import { constantLike } from './constant-like.js'
import { concatenate } from './joining.js'
import { contract } from './products.js'
import { convertTo, dtypeOr, inexactOperand, promoteInexact } from './promotion-args.js'
import { type AxisOptions, mean, sum } from './reductions.js'
import { clip } from './selection.js'
import { atleast2d } from './shape.js'

export interface AverageOptions extends AxisOptions {
  /** Weights of the shape of the array, or, with one axis, a vector along it. */
  readonly weights?: ArrayLike | null
}

/**
 * Weighted mean; with `returned`, also the sum of weights.
 *
 * Throws ShapeError when weights fit neither the array nor the axis.
 *
 * @example
 * ```ts
 * np.average(np.array([1, 2, 3]), { weights: np.array([3, 1, 0]) }) // 1.25
 * ```
 */
export function average(a: ArrayLike, options?: AverageOptions): NDArray
export function average(
  a: ArrayLike,
  options: AverageOptions & { readonly returned: true },
): readonly [average: NDArray, sumOfWeights: NDArray]
export function average(
  a: ArrayLike,
  options?: AverageOptions & { readonly returned?: boolean },
): NDArray | readonly [NDArray, NDArray] {
  checkOptions('average', options, 'axis weights keepdims returned')
  const { result, total } = averaged(a, options)
  return options?.returned === true ? [result, lax.broadcastTo(total, result.shape)] : result
}

const averaged = (
  a: ArrayLike,
  options: AverageOptions | undefined,
): { readonly result: NDArray; readonly total: NDArray } => {
  const weights = options?.weights ?? null
  const array = lax.asArray(a, 'average')
  const axes = canonicalAxes(options?.axis, array.ndim, 'average')
  const settings = { axis: axes, keepdims: options?.keepdims ?? false }
  if (weights === null) {
    const result = mean(array, settings)
    return { result, total: constantLike(result, sizeOf(axes.map((d) => known(array.shape[d], 'size')))) }
  }
  const [promoted, given] = promoteInexact('average', [array, weights])
  const x = known(promoted, 'a')
  const w = alongAxis(known(given, 'weights'), x, axes)
  const total = sum(w, settings)
  return { result: lax.div(sum(multiply(x, w), settings), total), total }
}

/** Weights in the shape of the array. */
const alongAxis = (weights: NDArray, x: NDArray, axes: readonly number[]): NDArray => {
  if (sameShape(weights.shape, x.shape)) return weights
  const [axis] = axes
  if (weights.ndim !== 1 || axes.length !== 1 || axis === undefined || weights.size !== x.shape[axis]) {
    throw new ShapeError(
      `average: weights ${avalText(weights.aval)} fit neither the array ${avalText(x.aval)} nor one axis of it; ` +
        `give weights of its shape, or a vector and the axis that it goes along.`,
    )
  }
  return lax.broadcastInDim(weights, x.shape, [axis])
}

export interface CovarianceOptions {
  /** Second set of variables, with observations like the first. */
  readonly y?: ArrayLike | null
  /** Whether rows are variables and columns observations (default), or the other way round. */
  readonly rowvar?: boolean
  /** Divides by the number of observations, instead of one less. */
  readonly bias?: boolean
  /** Divides by the number of observations less this; overrides `bias`. */
  readonly ddof?: number | null
  /** How often each observation counts. */
  readonly fweights?: ArrayLike | null
  /** Importance of each observation. */
  readonly aweights?: ArrayLike | null
  readonly dtype?: DType | null
}

/** Variables as rows. */
const variablesOf = (m: ArrayLike, rowvar: boolean, operation: string): NDArray => {
  const x = inexactOperand(operation, m)
  if (x.ndim > 2)
    throw new ShapeError(`${operation}: variables and observations make two axes, got ${avalText(x.aval)}.`)
  const rows = atleast2d(x)
  return rowvar || x.ndim < 2 ? rows : lax.transpose(rows, [1, 0])
}

const weightVector = (weights: ArrayLike, count: number, dtype: DType, name: string): NDArray => {
  const w = lax.convertElementType(weights, dtype)
  if (w.ndim !== 1 || w.size !== count)
    throw new ShapeError(`cov: ${name} ${avalText(w.aval)} must be a vector of the ${count} observations.`)
  return w
}

/**
 * Covariance matrix of variables (rows) over observations (columns). One variable gives a scalar.
 *
 * @example
 * ```ts
 * np.cov(np.array([[1, 2, 3], [3, 2, 1]])) // [[1, -1], [-1, 1]]
 * ```
 */
export const cov = (m: ArrayLike, options?: CovarianceOptions): NDArray => {
  checkOptions('cov', options, 'y rowvar bias ddof fweights aweights dtype')
  const rowvar = options?.rowvar ?? true
  const parts = [variablesOf(m, rowvar, 'cov')]
  if (options?.y !== undefined && options.y !== null) parts.push(variablesOf(options.y, rowvar, 'cov'))
  const joined = parts.length === 1 ? known(parts[0], 'variables') : concatenate(parts)
  const x = convertTo(joined, dtypeOr(options?.dtype, joined.dtype, 'cov'), false)
  const count = known(x.shape[1], 'observations')
  const ddof = options?.ddof ?? (options?.bias === true ? 0 : 1)
  const fweights = options?.fweights ?? null
  const aweights = options?.aweights ?? null
  const frequency = fweights === null ? undefined : weightVector(fweights, count, x.dtype, 'fweights')
  const importance = aweights === null ? undefined : weightVector(aweights, count, x.dtype, 'aweights')
  const weights =
    frequency === undefined ? importance : importance === undefined ? frequency : lax.mul(frequency, importance)
  const centered = lax.sub(x, averaged(x, { axis: 1, keepdims: true, weights: weights ?? null }).result)
  const scaled = weights === undefined ? centered : lax.mul(centered, lax.broadcastInDim(weights, [1, count], [1]))
  const products = contract(scaled, centered, [[1], [1]], [[], []], x.dtype)
  const divided = lax.div(products, freedom(x, count, ddof, weights, importance))
  return lax.squeeze(divided, divided.shape[0] === 1 ? [0, 1] : [])
}

/** Observations less the degrees of freedom that the mean took, with weights as in NumPy; never below 0. */
const freedom = (
  x: NDArray,
  count: number,
  ddof: number,
  weights: NDArray | undefined,
  importance: NDArray | undefined,
): NDArray => {
  if (weights === undefined) return constantLike(x, Math.max(0, count - ddof))
  const total = lax.reduceSum(weights, [0])
  if (ddof === 0) return total
  if (importance === undefined) return lax.sub(total, constantLike(total, ddof))
  const squares = lax.reduceSum(lax.mul(weights, importance), [0])
  return lax.sub(total, lax.div(lax.mul(constantLike(total, ddof), squares), total))
}

export interface CorrelationOptions {
  readonly y?: ArrayLike | null
  readonly rowvar?: boolean
  readonly dtype?: DType | null
}

/**
 * Pearson's correlation coefficients of variables (rows) over observations (columns), in [-1, 1].
 *
 * @example
 * ```ts
 * np.corrcoef(np.array([[1, 2, 3], [3, 2, 1]])) // [[1, -1], [-1, 1]]
 * ```
 */
export const corrcoef = (x: ArrayLike, options?: CorrelationOptions): NDArray => {
  checkOptions('corrcoef', options, 'y rowvar dtype')
  const covariance = cov(x, options)
  if (covariance.ndim === 0) return lax.div(covariance, covariance)
  const n = known(covariance.shape[0], 'variables')
  const onDiagonal = lax.eq(lax.broadcastedIota('int32', [n, n], 0), lax.broadcastedIota('int32', [n, n], 1))
  const variances = lax.reduceSum(lax.select(onDiagonal, covariance, lax.zerosOf(covariance.aval)), [1])
  const deviations = lax.sqrt(variances)
  const byRows = lax.div(covariance, lax.broadcastInDim(deviations, [n, 1], [0]))
  return clip(lax.div(byRows, lax.broadcastInDim(deviations, [1, n], [1])), -1, 1)
}
