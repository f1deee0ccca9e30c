/** nonzero and unique where the caller says how long the result is to be: their values may be traced. */
import {
  type ArrayLike,
  type NDArray,
  ArgumentError,
  isFloating,
  known,
  range,
  rowMajorStrides,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import { searchsorted } from './searching.js'
import { where as choose } from './selection.js'
import { ravel } from './shape.js'
import { argsort } from './sorting.js'
import { take } from './take.js'

export interface SizeOptions {
  /** Length of the result, so that values need not be known: what is too much is left out, what is missing filled in. */
  readonly size?: number | null
}

export interface NonzeroOptions extends SizeOptions {
  /** What fills missing places, for all axes or one for each: 0 unless given. */
  readonly fillValue?: ArrayLike | readonly ArrayLike[] | null
}

const checkSize = (size: number, operation: string): number => {
  if (!Number.isInteger(size) || size < 0)
    throw new ArgumentError(`${operation}: size is the length of the result, an integer from 0 up; got ${size}.`)
  return size
}

/** The first `size` places where a flat mask holds, and which of them exist. */
const firstPlaces = (mask: NDArray, size: number): { readonly places: NDArray; readonly exist: NDArray } => {
  const counts = lax.cumsum(lax.convertElementType(mask, 'int32'), { axis: 0 })
  const wanted = lax.iota('int32', size)
  const total = lax.reduceSum(lax.convertElementType(mask, 'int32'), [0])
  return { places: searchsorted(counts, wanted, { side: 'right' }), exist: lax.lt(wanted, total) }
}

/** `nonzero` of a known length. */
export const sizedNonzero = (
  x: NDArray,
  size: number,
  fillValue: NonzeroOptions['fillValue'],
  operation: string,
): NDArray[] => {
  const { places, exist } = firstPlaces(lax.ne(ravel(x), lax.scalarOf(0, x)), checkSize(size, operation))
  const strides = rowMajorStrides(x.shape)
  const fills = fillValue === null || fillValue === undefined ? 0 : fillValue
  if (isList(fills) && fills.length !== x.ndim)
    throw new ArgumentError(`${operation}: ${fills.length} fill values for an array of ${x.ndim} axes.`)
  return range(x.ndim).map((d) => {
    const fill = isList(fills) ? known(fills[d], 'fill value') : fills
    const stride = Math.max(1, known(strides[d], 'stride'))
    const along = lax.rem(lax.div(places, stride), Math.max(1, known(x.shape[d], 'size')))
    return choose(exist, along, lax.convertElementType(lax.asArray(fill, operation), 'int32'))
  })
}

const isList = (x: ArrayLike | readonly ArrayLike[]): x is readonly ArrayLike[] => Array.isArray(x)

export interface UniqueOptions {
  /** Also the first place of each distinct element. */
  readonly returnIndex?: boolean
  /** Also, for each element, which distinct element it is. */
  readonly returnInverse?: boolean
  /** Also how often each occurs. */
  readonly returnCounts?: boolean
  /** Axis whose slices are compared; null (default) compares elements. */
  readonly axis?: number | null
  /** Length of the result, so that values need not be known: what is too much is left out. Without `axis` only. */
  readonly size?: number | null
  /** What fills the result up to `size`; the least element unless given. */
  readonly fillValue?: ArrayLike | null
}

/** Values of a vector in rising order, where each comes from, and which of them differ from the one before. */
export interface SortedGroups {
  readonly sorted: NDArray
  readonly order: NDArray
  readonly starts: NDArray
}

export const sortedGroups = (x: NDArray): SortedGroups => {
  const order = argsort(x)
  const sorted = take(x, order)
  const before = lax.sliceInDim(sorted, 0, Math.max(0, x.size - 1))
  const after = lax.sliceInDim(sorted, Math.min(1, x.size), x.size)
  // NaN differs from itself; several are one.
  const differ = isFloating(x.dtype)
    ? lax.bitwiseAnd(lax.ne(before, after), lax.bitwiseOr(lax.eq(before, before), lax.eq(after, after)))
    : lax.ne(before, after)
  return {
    sorted,
    order,
    starts: lax.concatenate([lax.full([Math.min(1, x.size)], true, { dtype: 'bool' }), differ], 0),
  }
}

/** Which elements of a vector are in a sorted one. NaN is in none. */
export const membersOf = (x: NDArray, sorted: NDArray): NDArray =>
  sorted.size === 0
    ? lax.full(x.shape, false, { dtype: 'bool' })
    : lax.eq(take(sorted, searchsorted(sorted, x), { mode: 'clip' }), x)

/** The first `size` values for which a flag is set, and where they come from: the vector's size where there is none. */
export const firstOfSize = (
  { sorted, order }: Omit<SortedGroups, 'starts'>,
  flags: NDArray,
  size: number,
  fillValue: ArrayLike | null,
  operation: string,
): [values: NDArray, places: NDArray] => {
  const { places, exist } = firstPlaces(flags, checkSize(size, operation))
  const missing = lax.full([size], sorted.size, { dtype: 'int32' })
  if (sorted.size === 0 || size === 0) return [lax.full([size], fillValue ?? 0, { dtype: sorted.dtype }), missing]
  const values = take(sorted, places, { mode: 'clip' })
  const fill = fillValue === null ? lax.sliceInDim(values, 0, 1) : lax.convertElementType(fillValue, sorted.dtype)
  return [choose(exist, values, fill), choose(exist, take(order, places, { mode: 'clip' }), missing)]
}

/** `unique` of a known length: by sorting, which needs no values. Missing places repeat the first one's index, and count 0. */
export const uniqueOfSize = (ar: ArrayLike, size: number, options: UniqueOptions, operation: string): NDArray[] => {
  const array = lax.asArray(ar, operation)
  if ((options.axis ?? null) !== null)
    throw new ArgumentError(`${operation}: 'size' goes with elements, so without 'axis'.`)
  const x = ravel(array)
  const given = options.fillValue ?? null
  checkSize(size, operation)
  if (x.size === 0 && size > 0 && given === null)
    throw new ArgumentError(
      `${operation}: an array without elements has none to fill ${size} places with; give 'fillValue'.`,
    )
  const { order, sorted, starts } = sortedGroups(x)
  const { places, exist } = firstPlaces(starts, size)
  const first = lax.full([size], 0, { dtype: 'int32' })
  const at = choose(exist, places, first)
  const fill = given === null ? take(sorted, first) : lax.convertElementType(lax.asArray(given, operation), x.dtype)
  const results = [x.size === 0 ? lax.broadcastTo(fill, [size]) : choose(exist, take(sorted, at), fill)]
  const group = lax.sub(lax.cumsum(lax.convertElementType(starts, 'int32'), { axis: 0 }), 1)
  if (options.returnIndex === true) results.push(x.size === 0 ? first : take(order, at))
  if (options.returnInverse === true) results.push(lax.reshape(take(group, argsort(order)), array.shape))
  if (options.returnCounts === true) {
    const ends = firstPlaces(starts, size + 1)
    const bounds = choose(ends.exist, ends.places, lax.full([size + 1], x.size, { dtype: 'int32' }))
    results.push(lax.sub(lax.sliceInDim(bounds, 1, size + 1), lax.sliceInDim(bounds, 0, size)))
  }
  return results
}
