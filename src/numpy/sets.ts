/**
 * Functions whose result's length depends on values: nonzero, unique, sets. They need known values, so they are not for jit; but
 * `size` says how long the result is to be, and then the values may be traced.
 */
import {
  type ArrayLike,
  ArgumentError,
  type NDArray,
  canonicalAxis,
  known,
  range,
  rowMajorStrides,
  sizeOf,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import { isOptions, knownValues } from './arguments.js'
import { fromHost } from './creation.js'
import { promoteDTypes } from './promotion-args.js'
import { where as choose } from './selection.js'
import { compareValues } from './set-operations.js'
import { ravel } from './shape.js'
import { type NonzeroOptions, type UniqueOptions, sizedNonzero, uniqueOfSize } from './sized.js'
import { take } from './take.js'

/** Flat places of elements that are not 0. */
const truePlaces = (x: NDArray, operation: string): number[] => {
  const values = knownValues(x, `${operation} (its result's shape depends on values)`)
  return range(values.length).filter((i) => values[i] !== 0)
}

const integers = (values: readonly number[]): NDArray => fromHost(values, [values.length], 'int32')

/**
 * Indices of the elements that are not 0, one int32 array per axis. Needs known values, unless `size` is given.
 *
 * @example
 * ```ts
 * const [rows, columns] = np.nonzero(np.array([[0, 1], [2, 0]]))
 * ```
 */
export const nonzero = (a: ArrayLike, options: NonzeroOptions = {}): NDArray[] => {
  const { size = null, fillValue = null } = checkOptions('nonzero', options, 'size fillValue')
  const x = lax.asArray(a, 'nonzero')
  if (x.ndim === 0) throw new ArgumentError('nonzero: a scalar has no axes; use np.atleast1d(x).')
  if (size !== null) return sizedNonzero(x, size, fillValue, 'nonzero')
  const places = truePlaces(x, 'nonzero')
  const strides = rowMajorStrides(x.shape)
  return range(x.ndim).map((d) =>
    integers(places.map((place) => Math.floor(place / known(strides[d], 'stride')) % known(x.shape[d], 'size'))),
  )
}

/**
 * Flat indices of the elements that are not 0.
 *
 * @example
 * ```ts
 * np.flatnonzero(np.array([0, 3])) // [1]
 * ```
 */
export const flatnonzero = (a: ArrayLike, options: NonzeroOptions = {}): NDArray => {
  const { size = null, fillValue = null } = checkOptions('flatnonzero', options, 'size fillValue')
  const x = lax.asArray(a, 'flatnonzero')
  if (size === null) return integers(truePlaces(x, 'flatnonzero'))
  return known(sizedNonzero(ravel(x), size, fillValue, 'flatnonzero')[0], 'indices')
}

/**
 * Indices of the elements that are not 0, one row per element.
 *
 * @example
 * ```ts
 * np.argwhere(np.array([0, 3])) // [[1]]
 * ```
 */
export const argwhere = (a: ArrayLike, options: NonzeroOptions = {}): NDArray => {
  const { size = null, fillValue = null } = checkOptions('argwhere', options, 'size fillValue')
  const x = lax.asArray(a, 'argwhere')
  const columns = x.ndim === 0 ? [] : nonzero(x, { size, fillValue })
  const count = x.ndim === 0 ? (size ?? truePlaces(x, 'argwhere').length) : known(columns[0], 'column').size
  if (columns.length === 0) return fromHost([], [count, 0], 'int32')
  return lax.concatenate(
    columns.map((column) => lax.reshape(column, [count, 1])),
    1,
  )
}

/**
 * Elements of `x` where the condition holds, else of `y`, broadcast together. With the condition alone: `nonzero(condition)`.
 *
 * @example
 * ```ts
 * np.where(np.array([true, false]), np.array([1, 2]), 0) // [1, 0]
 * ```
 */
export function where(condition: ArrayLike, options?: NonzeroOptions): NDArray[]
export function where(condition: ArrayLike, x: ArrayLike, y: ArrayLike): NDArray
export function where(condition: ArrayLike, x?: ArrayLike | NonzeroOptions, y?: ArrayLike): NDArray | NDArray[] {
  if (y === undefined && (x === undefined || isOptions(x))) return nonzero(condition, x)
  if (x === undefined || isOptions(x) || y === undefined)
    throw new ArgumentError('where: give both x and y, or neither (which gives the indices where the condition holds).')
  return choose(condition, x, y)
}

/**
 * The slices of an axis whose condition holds; without an axis, elements of the flattened array. Needs a known condition.
 *
 * @example
 * ```ts
 * np.compress(np.array([true, false, true]), np.array([1, 2, 3])) // [1, 3]
 * ```
 */
export const compress = (condition: ArrayLike, a: ArrayLike, options?: { readonly axis?: number | null }): NDArray => {
  checkOptions('compress', options, 'axis')
  const array = lax.asArray(a, 'compress')
  const axis = options?.axis ?? null
  const x = axis === null ? ravel(array) : array
  const along = axis === null ? 0 : canonicalAxis(axis, x.ndim, 'compress')
  const mask = lax.asArray(condition, 'compress')
  if (mask.ndim !== 1) throw new ArgumentError(`compress: the condition must be 1-D, got shape [${mask.shape.join()}].`)
  const places = truePlaces(mask, 'compress')
  const size = known(x.shape[along], 'size')
  const outside = places.find((place) => place >= size)
  if (outside !== undefined)
    throw new ArgumentError(`compress: the condition holds at ${outside}, outside of axis ${along} of size ${size}.`)
  return take(x, integers(places), { axis: along })
}

/**
 * Elements where the condition holds, flat.
 *
 * @example
 * ```ts
 * np.extract(np.array([true, false]), np.array([1, 2])) // [1]
 * ```
 */
export const extract = (condition: ArrayLike, arr: ArrayLike): NDArray => compress(ravel(condition), ravel(arr))

/** Distinct rows in order, and for each its first place; and the number of its row for each row. */
interface Groups {
  readonly first: readonly number[]
  readonly counts: readonly number[]
  readonly inverse: readonly number[]
}

const groupRows = (rows: number, difference: (i: number, j: number) => number): Groups => {
  const order = range(rows).sort((i, j) => difference(i, j) || i - j)
  const first: number[] = []
  const counts: number[] = []
  const inverse = new Array<number>(rows).fill(0)
  order.forEach((row, n) => {
    const before = order[n - 1]
    if (before === undefined || difference(before, row) !== 0) {
      first.push(row)
      counts.push(0)
    }
    inverse[row] = first.length - 1
    counts[counts.length - 1] = (counts.at(-1) ?? 0) + 1
  })
  return { first, counts, inverse }
}

const uniqueGroups = (
  ar: ArrayLike,
  axis: number | null,
  operation: string,
): { readonly values: NDArray; readonly groups: Groups; readonly inverseShape: readonly number[] } => {
  const array = lax.asArray(ar, operation)
  const along = axis === null ? 0 : canonicalAxis(axis, array.ndim, operation)
  const x = axis === null ? ravel(array) : lax.moveAxis(array, along, 0)
  // Of the array as it was given: what is computed from it may be on a device that cannot be read at once.
  const data = knownValues(array, `${operation} (its result's shape depends on values)`)
  const rows = known(x.shape[0], 'size')
  const width = rows === 0 ? 0 : data.length / rows
  const inner = axis === null ? 1 : sizeOf(array.shape.slice(along + 1))
  const element = (row: number, k: number): number =>
    data[Math.floor(k / inner) * rows * inner + row * inner + (k % inner)] ?? 0
  const difference = (i: number, j: number): number => {
    for (let k = 0; k < width; k++) {
      const order = compareValues(element(i, k), element(j, k))
      if (order !== 0) return order
    }
    return 0
  }
  const groups = groupRows(rows, difference)
  const values = lax.moveAxis(take(x, integers(groups.first), { axis: 0 }), 0, along)
  return { values, groups, inverseShape: axis === null ? array.shape : [rows] }
}

/**
 * Distinct elements in rising order, NaN once and last; with options, a list with more about them. Needs known values.
 *
 * @example
 * ```ts
 * np.unique(np.array([3, 1, 3])) // [1, 3]
 * const [values, counts] = np.unique(np.array([3, 1, 3]), { returnCounts: true })
 * ```
 */
export function unique(
  ar: ArrayLike,
  options?: UniqueOptions & {
    readonly returnIndex?: false
    readonly returnInverse?: false
    readonly returnCounts?: false
  },
): NDArray
export function unique(ar: ArrayLike, options: UniqueOptions): NDArray[]
export function unique(ar: ArrayLike, options: UniqueOptions = {}): NDArray | NDArray[] {
  checkOptions('unique', options, 'returnIndex returnInverse returnCounts axis size fillValue')
  if (options.size !== undefined && options.size !== null) {
    const sized = uniqueOfSize(ar, options.size, options, 'unique')
    return sized.length === 1 ? known(sized[0], 'values') : sized
  }
  const { values, groups, inverseShape } = uniqueGroups(ar, options.axis ?? null, 'unique')
  const results = [values]
  if (options.returnIndex === true) results.push(integers(groups.first))
  if (options.returnInverse === true) results.push(lax.reshape(integers(groups.inverse), inverseShape))
  if (options.returnCounts === true) results.push(integers(groups.counts))
  return results.length === 1 ? values : results
}

/** Distinct elements and how often each occurs. */
export const uniqueCounts = (x: ArrayLike): { readonly values: NDArray; readonly counts: NDArray } => {
  const { values, groups } = uniqueGroups(x, null, 'uniqueCounts')
  return { values, counts: integers(groups.counts) }
}

/** Distinct elements and, for each element, which of them it is. */
export const uniqueInverse = (x: ArrayLike): { readonly values: NDArray; readonly inverseIndices: NDArray } => {
  const { values, groups, inverseShape } = uniqueGroups(x, null, 'uniqueInverse')
  return { values, inverseIndices: lax.reshape(integers(groups.inverse), inverseShape) }
}

/** Distinct elements. */
export const uniqueValues = (x: ArrayLike): NDArray => uniqueGroups(x, null, 'uniqueValues').values

/** Distinct elements, their first places, which of them each element is, and how often each occurs. */
export const uniqueAll = (
  x: ArrayLike,
): {
  readonly values: NDArray
  readonly indices: NDArray
  readonly inverseIndices: NDArray
  readonly counts: NDArray
} => {
  const { values, groups, inverseShape } = uniqueGroups(x, null, 'uniqueAll')
  return {
    values,
    indices: integers(groups.first),
    inverseIndices: lax.reshape(integers(groups.inverse), inverseShape),
    counts: integers(groups.counts),
  }
}

/**
 * Whether each element is one of the test elements; also of traced arrays.
 *
 * @example
 * ```ts
 * np.isin(np.array([1, 2]), np.array([2, 3])) // [false, true]
 * ```
 */
export const isin = (
  element: ArrayLike,
  testElements: ArrayLike,
  options?: { readonly invert?: boolean; readonly assumeUnique?: boolean },
): NDArray => {
  checkOptions('isin', options, 'invert assumeUnique')
  const [first, second] = promoteDTypes('isin', [element, testElements])
  const x = known(first, 'element')
  const tests = ravel(known(second, 'test elements'))
  const row = lax.broadcastInDim(tests, [...x.shape.map(() => 1), tests.size], [x.ndim])
  const found = lax.reduceOr(lax.eq(lax.expandDims(x, [x.ndim]), row), [x.ndim])
  return options?.invert === true ? lax.bitwiseNot(found) : found
}

/**
 * Without zeros at the front ('f'), the back ('b'), or both.
 *
 * @example
 * ```ts
 * np.trimZeros(np.array([0, 1, 0])) // [1]
 * ```
 */
export const trimZeros = (filt: ArrayLike, options?: { readonly trim?: 'fb' | 'f' | 'b' }): NDArray => {
  checkOptions('trimZeros', options, 'trim')
  const x = lax.asArray(filt, 'trimZeros')
  if (x.ndim !== 1) throw new ArgumentError(`trimZeros: takes a vector, got shape [${x.shape.join()}].`)
  const places = truePlaces(x, 'trimZeros')
  const trim = options?.trim ?? 'fb'
  const start = trim.includes('f') ? (places[0] ?? x.size) : 0
  const stop = trim.includes('b') ? 1 + (places.at(-1) ?? start - 1) : x.size
  return lax.sliceInDim(x, start, Math.max(start, stop))
}
