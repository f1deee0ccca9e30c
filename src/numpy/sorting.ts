/** Sorting: sort, argsort, lexsort, partition. */
import {
  type ArrayLike,
  type NDArray,
  ArgumentError,
  canonicalAxis,
  dtypeKind,
  known,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import { listOfArrays } from './arguments.js'
import { ravel } from './shape.js'

export interface SortOptions {
  /** Axis to sort along, the last unless given; null flattens first. */
  readonly axis?: number | null
  /** Largest first; equal elements keep their order. */
  readonly descending?: boolean
  /** Sorting is always stable. */
  readonly stable?: boolean
}

const prepared = (
  a: ArrayLike,
  axis: number | null | undefined,
  operation: string,
): { readonly x: NDArray; readonly axis: number } => {
  const x = lax.asArray(a, operation)
  if (axis === null) return { x: ravel(x), axis: 0 }
  if (x.ndim === 0 && axis === undefined)
    throw new ArgumentError(`${operation}: a scalar has no axis to sort along; use { axis: null }.`)
  return { x, axis: canonicalAxis(axis ?? -1, x.ndim, operation) }
}

/**
 * Sorted copy; NaN comes last, equal elements keep their order.
 *
 * @example
 * ```ts
 * np.sort(np.array([3, 1, 2])) // [1, 2, 3]
 * ```
 */
export const sort = (a: ArrayLike, options?: SortOptions): NDArray => {
  checkOptions('sort', options, 'axis descending stable')
  const { x, axis } = prepared(a, options?.axis, 'sort')
  const sorted = lax.sort(x, { dimension: axis })
  return options?.descending === true ? lax.rev(sorted, [axis]) : sorted
}

/** What sorts upward as x sorts downward: negatives, but complements of integers, which have no overflow. */
const downward = (x: NDArray): NDArray => (dtypeKind(x.dtype) === 'float' ? lax.neg(x) : lax.bitwiseNot(x))

/**
 * Indices that sort an array along an axis, as int32; equal elements keep their order.
 *
 * @example
 * ```ts
 * np.argsort(np.array([3, 1, 2])) // [1, 2, 0]
 * ```
 */
export const argsort = (a: ArrayLike, options?: SortOptions): NDArray => {
  checkOptions('argsort', options, 'axis descending stable')
  const { x, axis } = prepared(a, options?.axis, 'argsort')
  const positions = lax.broadcastedIota('int32', x.shape, axis)
  const keys = options?.descending === true ? descendingKeys(x) : [x]
  return known(lax.sort([...keys, positions], { dimension: axis, numKeys: keys.length }).at(-1), 'positions')
}

/** NaN, last in rising order, is first in falling order. */
const descendingKeys = (x: NDArray): NDArray[] =>
  dtypeKind(x.dtype) === 'float' ? [lax.eq(x, x), downward(x)] : [downward(x)]

/**
 * Indices that sort by several keys, the last one first; an array is the list of its rows.
 *
 * @example
 * ```ts
 * np.lexsort([np.array([3, 1, 2]), np.array([0, 1, 0])]) // [2, 0, 1]
 * ```
 */
export const lexsort = (keys: readonly ArrayLike[] | NDArray, options?: { readonly axis?: number }): NDArray => {
  checkOptions('lexsort', options, 'axis')
  const list = listOfArrays(keys, 'lexsort')
  const first = known(list[0], 'key')
  if (first.ndim === 0) return lax.scalarOf(0, { dtype: 'int32' })
  const axis = canonicalAxis(options?.axis ?? -1, first.ndim, 'lexsort')
  const positions = lax.broadcastedIota('int32', first.shape, axis)
  const sorted = lax.sort([...list.reverse(), positions], { dimension: axis, numKeys: list.length })
  return known(sorted.at(-1), 'positions')
}

const checkKth = (x: NDArray, axis: number, kth: number | readonly number[], operation: string): void => {
  const size = known(x.shape[axis], 'size')
  for (const k of typeof kth === 'number' ? [kth] : kth) {
    if (!Number.isInteger(k) || k < -size || k >= size)
      throw new ArgumentError(`${operation}: place ${k} is out of range for an axis of size ${size}.`)
  }
}

/**
 * Copy in which element `kth` is where sorting would put it, with no larger one before and no smaller one after. It is sorted.
 *
 * @example
 * ```ts
 * np.partition(np.array([3, 1, 2]), 1)
 * ```
 */
export const partition = (
  a: ArrayLike,
  kth: number | readonly number[],
  options?: { readonly axis?: number | null },
): NDArray => {
  checkOptions('partition', options, 'axis')
  const { x, axis } = prepared(a, options?.axis, 'partition')
  checkKth(x, axis, kth, 'partition')
  return sort(x, { axis })
}

/** Indices that partition an array; see `partition`. */
export const argpartition = (
  a: ArrayLike,
  kth: number | readonly number[],
  options?: { readonly axis?: number | null },
): NDArray => {
  checkOptions('argpartition', options, 'axis')
  const { x, axis } = prepared(a, options?.axis, 'argpartition')
  checkKth(x, axis, kth, 'argpartition')
  return argsort(x, { axis })
}

/** The k largest elements of an axis (the last), largest first, and their indices. */
export const topK = (x: ArrayLike, k: number, options?: { readonly axis?: number }): readonly [NDArray, NDArray] => {
  checkOptions('topK', options, 'axis')
  return lax.topK(x, k, options)
}
