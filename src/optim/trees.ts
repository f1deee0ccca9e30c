/** Arithmetic of pytrees of arrays, under the names of `optax.tree`. */
import { type ArrayLike, type DType, type NDArray, ArgumentError, checkOptions, known } from '../core/index.js'
import * as np from '../numpy/index.js'
import { castTree, globalNorm, mapTrees, scalarLike } from './transformation.js'
import { along, innerProduct } from './vectors.js'

/* @__NO_SIDE_EFFECTS__ */
const leafwise =
  (name: string, f: (x: ArrayLike, y: ArrayLike) => NDArray) =>
  <T>(x: T, y: unknown, ...rest: readonly unknown[]): T =>
    [y, ...rest].reduce<T>(
      (sum, other) => mapTrees(`optim.tree.${name}`, (a, b) => f(a, known(b, 'term')), sum, other),
      x,
    )

/**
 * Sums of corresponding arrays of two or more trees.
 *
 * @example
 * ```ts
 * optim.tree.add({ a: np.array([1]) }, { a: np.array([2]) }) // { a: [3] }
 * ```
 */
export const add: <T>(x: T, y: unknown, ...rest: readonly unknown[]) => T = leafwise('add', np.add)
/** Differences of corresponding arrays. */
export const sub: <T>(x: T, y: unknown) => T = leafwise('sub', np.subtract)
/** Products of corresponding arrays. */
export const mul: <T>(x: T, y: unknown) => T = leafwise('mul', np.multiply)
/** Quotients of corresponding arrays. */
export const div: <T>(x: T, y: unknown) => T = leafwise('div', np.divide)

/**
 * Every array times a number.
 *
 * @example
 * ```ts
 * optim.tree.scale(2, { a: np.array([1, 2]) }) // { a: [2, 4] }
 * ```
 */
export const scale = <T>(scalar: ArrayLike, x: T): T =>
  mapTrees('optim.tree.scale', (a) => np.multiply(scalarLike(scalar, a), a), x)

/** `x + scalar * y`. */
export const addScale = <T>(x: T, scalar: ArrayLike, y: unknown): T => along('optim.tree.addScale', x, scalar, y)

/** The arrays of a tree. */
const arraysOf = (operation: string, x: unknown): NDArray[] => {
  const arrays: NDArray[] = []
  mapTrees(
    operation,
    (a) => {
      arrays.push(a)
      return a
    },
    x,
  )
  return arrays
}

const combined = (operation: string, x: unknown, each: (a: NDArray) => NDArray, both: typeof np.add, empty: number) =>
  arraysOf(operation, x)
    .map(each)
    .reduce((a, b) => both(a, b), np.array(empty))

/** Sum of all elements of all arrays. */
export const sum = (x: unknown): NDArray => combined('optim.tree.sum', x, (a) => np.sum(a), np.add, 0)
/** Largest of all elements; -Infinity of none. */
export const max = (x: unknown): NDArray =>
  combined('optim.tree.max', x, (a) => np.max(a, { initial: -Infinity }), np.maximum, -Infinity)
/** Least of all elements; Infinity of none. */
export const min = (x: unknown): NDArray =>
  combined('optim.tree.min', x, (a) => np.min(a, { initial: Infinity }), np.minimum, Infinity)
/** Number of all elements. */
export const size = (x: unknown): number => arraysOf('optim.tree.size', x).reduce((count, a) => count + a.size, 0)

/**
 * Sum of products of corresponding elements.
 *
 * @example
 * ```ts
 * optim.tree.vdot({ a: np.array([1, 2]) }, { a: np.array([3, 4]) }) // 11
 * ```
 */
export const vdot = (x: unknown, y: unknown): NDArray => innerProduct('optim.tree.vdot', x, y)

/** Options of `norm`. */
export interface TreeNormOptions {
  /** 2 (default) for the root of the sum of squares, 1 for the sum of absolute values, 'inf' or Infinity for the largest. */
  readonly ord?: number | 'inf' | null
  /** The square of the length. */
  readonly squared?: boolean
}

/**
 * Length of a tree as one vector. Throws ArgumentError for another order.
 *
 * @example
 * ```ts
 * optim.tree.norm({ a: np.array([3]), b: np.array([-4]) }) // 5
 * optim.tree.norm({ a: np.array([3]), b: np.array([-4]) }, { ord: 1 }) // 7
 * ```
 */
export const norm = (x: unknown, options: TreeNormOptions = {}): NDArray => {
  const { ord = 2, squared = false } = checkOptions('optim.tree.norm', options, 'ord squared')
  if (ord === 2 || ord === null) return squared ? vdot(x, x) : globalNorm(x)
  if (ord !== 1 && ord !== 'inf' && ord !== Infinity)
    throw new ArgumentError(`optim.tree.norm: ord is 1, 2 or 'inf', got ${ord}.`)
  const absolute = mapTrees('optim.tree.norm', (a) => np.abs(a), x)
  const length = ord === 1 ? sum(absolute) : np.maximum(max(absolute), 0)
  return squared ? np.square(length) : length
}

/** Options of functions that make trees. */
export interface TreeDTypeOptions {
  /** Dtype of all arrays; those of the tree unless said. */
  readonly dtype?: DType | null
}

/** Zeros with the shapes of a tree. */
export const zerosLike = <T>(x: T, options: TreeDTypeOptions = {}): T => filled('optim.tree.zerosLike', x, 0, options)
/** Ones with the shapes of a tree. */
export const onesLike = <T>(x: T, options: TreeDTypeOptions = {}): T => filled('optim.tree.onesLike', x, 1, options)
/** One value with the shapes of a tree. */
export const fullLike = <T>(x: T, fillValue: ArrayLike, options: TreeDTypeOptions = {}): T =>
  filled('optim.tree.fullLike', x, fillValue, options)

const filled = <T>(operation: string, x: T, value: ArrayLike, options: TreeDTypeOptions): T => {
  const { dtype = null } = checkOptions(operation, options, 'dtype')
  return mapTrees(operation, (a) => np.full(a.shape, value, { dtype: dtype ?? a.dtype }), x)
}

/** Arrays of the first tree where the condition holds, otherwise of the second. */
export const where = <T>(condition: ArrayLike, x: T, y: T): T =>
  mapTrees('optim.tree.where', (a, b) => np.where(condition, a, known(b, 'other')), x, y)

/** All arrays in another dtype; null leaves them. */
export const cast = <T>(x: T, dtype: DType | null): T => castTree(x, 'optim.tree.cast', dtype)

/** Options of `clip`. */
export interface TreeClipOptions {
  readonly minValue?: ArrayLike | null
  readonly maxValue?: ArrayLike | null
}

/**
 * Elements no less than `minValue` and no more than `maxValue`.
 *
 * @example
 * ```ts
 * optim.tree.clip({ a: np.array([-2, 3]) }, { minValue: -1 }) // { a: [-1, 3] }
 * ```
 */
export const clip = <T>(x: T, options: TreeClipOptions = {}): T => {
  const { minValue = null, maxValue = null } = checkOptions('optim.tree.clip', options, 'minValue maxValue')
  return mapTrees('optim.tree.clip', (a) => np.clip(a, minValue, maxValue), x)
}
