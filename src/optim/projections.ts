/** The nearest pytree in a set: boxes, simplices, balls, spheres, planes. All arrays of a tree count as one vector. */
import { type ArrayLike, NDArray, checkOptions, known } from '../core/index.js'
import * as lax from '../lax/index.js'
import * as np from '../numpy/index.js'
import { globalNorm, mapTrees, scalarLike } from './transformation.js'
import { innerProduct, raveled } from './vectors.js'

/** Options of sets that have a size. */
export interface ScaleOptions {
  /** Size of the set, 1 unless said: the sum of a simplex, the radius of a ball, the side of a cube. */
  readonly scale?: ArrayLike
}

const scaleOf = (operation: string, options: ScaleOptions): ArrayLike =>
  checkOptions(operation, options, 'scale').scale ?? 1

/** A bound for every array: a tree of them, or one number for all. */
const boundsFor = (values: unknown, bound: unknown): unknown =>
  typeof bound === 'number' || (bound instanceof NDArray && !(values instanceof NDArray))
    ? mapTrees('projectionBox', (x) => scalarLike(bound, x), values)
    : bound

/**
 * Negative elements become 0.
 *
 * @example
 * ```ts
 * optim.projections.projectionNonNegative({ w: np.array([-1, 2]) }) // { w: [0, 2] }
 * ```
 */
export const projectionNonNegative = <T>(values: T): T =>
  mapTrees('projectionNonNegative', (x) => np.maximum(x, scalarLike(0, x)), values)

/**
 * Elements are clipped to bounds: numbers, or trees like the values.
 *
 * @example
 * ```ts
 * optim.projections.projectionBox(np.array([-2, 0.5, 3]), -1, 1) // [-1, 0.5, 1]
 * ```
 */
export const projectionBox = <T>(values: T, lower: unknown, upper: unknown): T =>
  mapTrees(
    'projectionBox',
    (x, low, high) => np.clip(x, known(low, 'lower bound'), known(high, 'upper bound')),
    values,
    boundsFor(values, lower),
    boundsFor(values, upper),
  )

/** Elements are clipped to [0, scale]. */
export const projectionHypercube = <T>(values: T, options: ScaleOptions = {}): T =>
  projectionBox(values, 0, scaleOf('projectionHypercube', options))

/** The nearest vector of elements from 0 up whose sum is `scale`: all are lowered by one threshold, and cut at 0. */
const simplexVector = (x: NDArray, scale: ArrayLike): NDArray => {
  const total = scalarLike(scale, x)
  const falling = np.flip(np.sort(x))
  const sums = lax.sub(np.cumsum(falling), np.broadcastTo(total, x.shape))
  const counts = lax.convertElementType(lax.add(lax.iota('int32', x.size), 1), x.dtype)
  // As many of the largest as stay positive when the threshold is chosen for them alone.
  const stays = lax.gt(lax.mul(falling, counts), sums)
  const last = lax.sub(lax.reduceSum(lax.convertElementType(stays, 'int32'), [0]), 1)
  const threshold = np.take(lax.div(sums, counts), lax.max(last, 0))
  return np.maximum(np.subtract(x, threshold), scalarLike(0, x))
}

/**
 * The nearest tree of elements from 0 up whose sum is `scale`.
 *
 * @example
 * ```ts
 * optim.projections.projectionSimplex(np.array([1, 0.5])) // [0.75, 0.25]
 * ```
 */
export const projectionSimplex = <T>(values: T, options: ScaleOptions = {}): T => {
  const scale = scaleOf('projectionSimplex', options)
  const [vector, put] = raveled('projectionSimplex', values)
  return put(simplexVector(vector, scale))
}

/** The nearest tree whose absolute values have the sum `scale`. */
export const projectionL1Sphere = <T>(values: T, options: ScaleOptions = {}): T => {
  const scale = scaleOf('projectionL1Sphere', options)
  const [vector, put] = raveled('projectionL1Sphere', values)
  return put(np.multiply(np.where(np.less(vector, 0), -1, 1), simplexVector(np.abs(vector), scale)))
}

/**
 * The nearest tree whose absolute values have at most the sum `scale`.
 *
 * @example
 * ```ts
 * optim.projections.projectionL1Ball(np.array([2, -1])) // [1, 0]
 * ```
 */
export const projectionL1Ball = <T>(values: T, options: ScaleOptions = {}): T => {
  const scale = scaleOf('projectionL1Ball', options)
  const [vector, put] = raveled('projectionL1Ball', values)
  const inside = np.lessEqual(np.sum(np.abs(vector)), scalarLike(scale, vector))
  const outside = np.multiply(np.where(np.less(vector, 0), -1, 1), simplexVector(np.abs(vector), scale))
  return put(np.where(inside, vector, outside))
}

const scaledBy = <T>(operation: string, values: T, factor: NDArray): T =>
  mapTrees(operation, (x) => np.multiply(x, scalarLike(factor, x)), values)

/** The nearest tree of length `scale`, the root of the sum of squares. */
export const projectionL2Sphere = <T>(values: T, options: ScaleOptions = {}): T =>
  scaledBy('projectionL2Sphere', values, np.divide(scaleOf('projectionL2Sphere', options), globalNorm(values)))

/**
 * The nearest tree of at most length `scale`.
 *
 * @example
 * ```ts
 * optim.projections.projectionL2Ball(np.array([3, 4])) // [0.6, 0.8]
 * ```
 */
export const projectionL2Ball = <T>(values: T, options: ScaleOptions = {}): T => {
  const scale = scaleOf('projectionL2Ball', options)
  const square = innerProduct('projectionL2Ball', values, values)
  const inside = np.lessEqual(square, np.square(scale))
  // Where nothing changes, the length may be 0, where a root has no derivative.
  const length = np.sqrt(np.where(inside, 1, square))
  return scaledBy('projectionL2Ball', values, np.where(inside, 1, np.divide(scale, length)))
}

/** Elements are clipped to [-scale, scale]. */
export const projectionLinfBall = <T>(values: T, options: ScaleOptions = {}): T => {
  const scale = scaleOf('projectionLinfBall', options)
  return projectionBox(values, np.negative(scale), scale)
}

/** `x` moved along `a` until its product with `a` is the given one. */
const moved = <T>(operation: string, x: T, a: unknown, wanted: (product: NDArray) => NDArray): T => {
  const product = innerProduct(operation, x, a)
  const step = np.divide(np.subtract(wanted(product), product), innerProduct(operation, a, a))
  return mapTrees(operation, (v, n) => np.add(v, np.multiply(scalarLike(step, v), known(n, 'normal'))), x, a)
}

/** The nearest multiple of `a`. */
export const projectionVector = <T>(x: T, a: unknown): T => {
  const operation = 'projectionVector'
  const factor = np.divide(innerProduct(operation, x, a), innerProduct(operation, a, a))
  return mapTrees(operation, (v, n) => np.multiply(scalarLike(factor, v), known(n, 'vector')), x, a)
}

/**
 * The nearest tree `y` with `sum(a y) = b`.
 *
 * @example
 * ```ts
 * optim.projections.projectionHyperplane(np.array([1, 1]), np.array([1, 1]), 1) // [0.5, 0.5]
 * ```
 */
export const projectionHyperplane = <T>(x: T, a: unknown, b: ArrayLike): T =>
  moved('projectionHyperplane', x, a, () => np.asarray(b))

/** The nearest tree `y` with `sum(a y) <= b`. */
export const projectionHalfspace = <T>(x: T, a: unknown, b: ArrayLike): T =>
  moved('projectionHalfspace', x, a, (product) => np.minimum(product, b))
