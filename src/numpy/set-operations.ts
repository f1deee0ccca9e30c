/** Sets of two arrays: what is in both, either, one, or only one. They need known values, unless `size` is given. */
import { type ArrayLike, type NDArray, checkOptions, known, roundTo } from '../core/index.js'
import * as lax from '../lax/index.js'
import { knownValues } from './arguments.js'
import { fromHost } from './creation.js'
import { promoteDTypes } from './promotion-args.js'
import { ravel } from './shape.js'
import { type SizeOptions, type SortedGroups, firstOfSize, membersOf, sortedGroups, uniqueOfSize } from './sized.js'

/** Options of functions whose result is a set. */
export interface SetOptions extends SizeOptions {
  /** What fills the result up to `size`: its least value unless given. */
  readonly fillValue?: ArrayLike | null
}

/** Options of functions that may be told that arrays hold no value twice. */
export interface UniqueSetOptions extends SetOptions {
  readonly assumeUnique?: boolean
}

/** Order of values with NaN last. */
export const compareValues = (a: number, b: number): number =>
  Number.isNaN(a) ? (Number.isNaN(b) ? 0 : 1) : Number.isNaN(b) ? -1 : a - b

const same = (a: number, b: number): boolean => a === b || (Number.isNaN(a) && Number.isNaN(b))

/** Both arrays flat, in their common dtype. */
const flatPair = (operation: string, ar1: ArrayLike, ar2: ArrayLike): readonly [NDArray, NDArray] => {
  const [first, second] = promoteDTypes(operation, [ar1, ar2])
  return [ravel(known(first, 'first array')), ravel(known(second, 'second array'))]
}

/** Values of an array as another dtype holds them. */
const valuesAs = (operation: string, given: ArrayLike, like: NDArray): number[] =>
  knownValues(lax.asArray(given, operation), `${operation} (its result's shape depends on values)`).map((value) =>
    roundTo(value, like.dtype),
  )

const distinct = (values: readonly number[]): number[] =>
  [...values].sort(compareValues).filter((value, i, sorted) => i === 0 || !same(value, sorted[i - 1] ?? NaN))

/** Distinct values of two arrays in rising order, and their common dtype. */
const valueLists = (operation: string, ar1: ArrayLike, ar2: ArrayLike): readonly [number[], number[], NDArray] => {
  const [like] = flatPair(operation, ar1, ar2)
  return [distinct(valuesAs(operation, ar1, like)), distinct(valuesAs(operation, ar2, like)), like]
}

const listed = (values: readonly number[], like: NDArray): NDArray => fromHost(values, [values.length], like.dtype)

/** First values of sorted groups that are, or are not, in the other array. */
const startsIn = (groups: SortedGroups, other: NDArray, wanted: boolean): NDArray => {
  const found = membersOf(groups.sorted, other)
  return lax.bitwiseAnd(groups.starts, wanted ? found : lax.bitwiseNot(found))
}

/**
 * Values in both arrays, rising. NaN is equal to nothing. With `returnIndices`, also their first places in both arrays (with
 * `size`, the arrays' sizes where there is no value).
 *
 * @example
 * ```ts
 * np.intersect1d(np.array([1, 2]), np.array([2, 3])) // [2]
 * const [values, first, second] = np.intersect1d(np.array([1, 2]), np.array([2, 3]), { returnIndices: true }) // [2], [1], [0]
 * ```
 */
export function intersect1d(
  ar1: ArrayLike,
  ar2: ArrayLike,
  options: UniqueSetOptions & { readonly returnIndices: true },
): [values: NDArray, first: NDArray, second: NDArray]
export function intersect1d(
  ar1: ArrayLike,
  ar2: ArrayLike,
  options?: UniqueSetOptions & { readonly returnIndices?: false },
): NDArray
export function intersect1d(
  ar1: ArrayLike,
  ar2: ArrayLike,
  options: UniqueSetOptions & { readonly returnIndices?: boolean } = {},
): NDArray | [NDArray, NDArray, NDArray] {
  const {
    size = null,
    fillValue = null,
    returnIndices = false,
  } = checkOptions('intersect1d', options, 'size fillValue assumeUnique returnIndices')
  if (size !== null) {
    const [x, y] = flatPair('intersect1d', ar1, ar2)
    const [inX, inY] = [sortedGroups(x), sortedGroups(y)]
    const [values, first] = firstOfSize(inX, startsIn(inX, inY.sorted, true), size, fillValue, 'intersect1d')
    const [, second] = firstOfSize(inY, startsIn(inY, inX.sorted, true), size, fillValue, 'intersect1d')
    return returnIndices ? [values, first, second] : values
  }
  const [a, b, like] = valueLists('intersect1d', ar1, ar2)
  const others = new Set(b.filter((value) => !Number.isNaN(value)))
  const common = a.filter((value) => others.has(value))
  if (!returnIndices) return listed(common, like)
  const places = (ar: ArrayLike): NDArray => {
    const first = new Map<number, number>()
    valuesAs('intersect1d', ar, like).forEach((value, i) => void (first.has(value) || first.set(value, i)))
    return fromHost(
      common.map((value) => known(first.get(value), 'place')),
      [common.length],
      'int32',
    )
  }
  return [listed(common, like), places(ar1), places(ar2)]
}

/**
 * Values in either array, rising.
 *
 * @example
 * ```ts
 * np.union1d(np.array([1, 2]), np.array([2, 3])) // [1, 2, 3]
 * np.union1d(np.array([1, 2]), np.array([2, 3]), { size: 5, fillValue: 0 }) // [1, 2, 3, 0, 0]
 * ```
 */
export const union1d = (ar1: ArrayLike, ar2: ArrayLike, options: SetOptions = {}): NDArray => {
  const { size = null, fillValue = null } = checkOptions('union1d', options, 'size fillValue')
  if (size !== null) {
    const all = lax.concatenate([...flatPair('union1d', ar1, ar2)], 0)
    return known(uniqueOfSize(all, size, { fillValue }, 'union1d')[0], 'values')
  }
  const [a, b, like] = valueLists('union1d', ar1, ar2)
  return listed(distinct([...a, ...b]), like)
}

/**
 * Values in the first array and not in the second, rising; in the order of the first array if it is said to hold none twice.
 * What fills the result up to `size` is 0 unless given.
 *
 * @example
 * ```ts
 * np.setdiff1d(np.array([1, 2]), np.array([2, 3])) // [1]
 * ```
 */
export const setdiff1d = (ar1: ArrayLike, ar2: ArrayLike, options: UniqueSetOptions = {}): NDArray => {
  const {
    size = null,
    fillValue = null,
    assumeUnique = false,
  } = checkOptions('setdiff1d', options, 'size fillValue assumeUnique')
  if (size !== null) {
    const [x, y] = flatPair('setdiff1d', ar1, ar2)
    const ordered = { sorted: x, order: lax.iota('int32', x.size), starts: lax.full([x.size], true, { dtype: 'bool' }) }
    const groups = assumeUnique ? ordered : sortedGroups(x)
    const mask = startsIn(groups, sortedGroups(y).sorted, false)
    return lax.convertElementType(
      firstOfSize(groups, mask, size, fillValue ?? 0, 'setdiff1d')[0],
      lax.asArray(ar1, 'setdiff1d').dtype,
    )
  }
  const [a, b, like] = valueLists('setdiff1d', ar1, ar2)
  const others = new Set(b.filter((value) => !Number.isNaN(value)))
  const values = assumeUnique ? valuesAs('setdiff1d', ar1, like) : a
  return listed(
    values.filter((value) => !others.has(value)),
    lax.asArray(ar1, 'setdiff1d'),
  )
}

/**
 * Values in exactly one of the arrays, rising; NaN of both, since it is equal to nothing.
 *
 * @example
 * ```ts
 * np.setxor1d(np.array([1, 2]), np.array([2, 3])) // [1, 3]
 * ```
 */
export const setxor1d = (ar1: ArrayLike, ar2: ArrayLike, options: UniqueSetOptions = {}): NDArray => {
  const { size = null, fillValue = null } = checkOptions('setxor1d', options, 'size fillValue assumeUnique')
  if (size !== null) {
    const [x, y] = flatPair('setxor1d', ar1, ar2)
    const [inX, inY] = [sortedGroups(x), sortedGroups(y)]
    const mask = lax.concatenate([startsIn(inX, inY.sorted, false), startsIn(inY, inX.sorted, false)], 0)
    const all = lax.concatenate([inX.sorted, inY.sorted], 0)
    const [last, sorted] = lax.sort([lax.convertElementType(lax.bitwiseNot(mask), 'int32'), all], { numKeys: 2 })
    const groups = { sorted: known(sorted, 'values'), order: lax.iota('int32', all.size) }
    return firstOfSize(groups, lax.eq(known(last, 'flags'), 0), size, fillValue, 'setxor1d')[0]
  }
  const [a, b, like] = valueLists('setxor1d', ar1, ar2)
  const [inA, inB] = [new Set(a), new Set(b)]
  // A set takes NaN for equal to itself.
  const outside = (set: ReadonlySet<number>) => (value: number) => Number.isNaN(value) || !set.has(value)
  const only = [...a.filter(outside(inB)), ...b.filter(outside(inA))]
  return listed(only.sort(compareValues), like)
}
