/** Repeating, rolling, inserting and deleting along axes. */
import {
  type ArrayLike,
  type Slice,
  ArgumentError,
  NDArray,
  avalText,
  canonicalAxis,
  known,
  range,
  sizeOf,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import { knownInteger, knownValues } from './arguments.js'
import { fromHost } from './creation.js'
import { withRank } from './promotion-args.js'
import { searchsorted } from './searching.js'
import { ravel } from './shape.js'
import { take } from './take.js'

/**
 * The array repeated as a whole, `reps` times along each axis.
 *
 * @example
 * ```ts
 * np.tile(np.array([1, 2]), [2, 2]) // [[1, 2, 1, 2], [1, 2, 1, 2]]
 * ```
 */
export const tile = (A: ArrayLike, reps: number | readonly number[]): NDArray => {
  const x = lax.asArray(A, 'tile')
  const given = typeof reps === 'number' ? [reps] : reps
  const rank = Math.max(x.ndim, given.length)
  const counts = [...new Array<number>(rank - given.length).fill(1), ...given]
  const sizes = [...new Array<number>(rank - x.ndim).fill(1), ...x.shape]
  return lax.tile(lax.reshape(x, sizes), counts)
}

/**
 * Every element repeated, `repeats` times or each as often as `repeats` says. Without an axis the array is flattened.
 * Under a transformation an array of repeats needs `totalRepeatLength`, since shapes must be known.
 *
 * @example
 * ```ts
 * np.repeat(np.array([1, 2]), 2) // [1, 1, 2, 2]
 * np.repeat(np.array([1, 2]), np.array([1, 3], { dtype: 'int32' })) // [1, 2, 2, 2]
 * ```
 */
export const repeat = (
  a: ArrayLike,
  repeats: ArrayLike | readonly number[],
  options?: { readonly axis?: number | null; readonly totalRepeatLength?: number | null },
): NDArray => {
  checkOptions('repeat', options, 'axis totalRepeatLength')
  const array = lax.asArray(a, 'repeat')
  const axis = options?.axis ?? null
  const x = axis === null ? ravel(array) : array
  const along = axis === null ? 0 : canonicalAxis(axis, x.ndim, 'repeat')
  const size = known(x.shape[along], 'size')
  const total = options?.totalRepeatLength ?? null
  if (typeof repeats === 'number' && total === null) {
    const spread = lax.broadcastInDim(
      x,
      [...x.shape.slice(0, along + 1), repeats, ...x.shape.slice(along + 1)],
      range(x.ndim).map((d) => (d <= along ? d : d + 1)),
    )
    return lax.reshape(
      spread,
      x.shape.map((n, d) => (d === along ? n * repeats : n)),
    )
  }
  const counts = isList(repeats) ? fromHost(repeats, [repeats.length], 'int32') : lax.asArray(repeats, 'repeat')
  if (counts.size !== 1 && counts.size !== size)
    throw new ArgumentError(
      `repeat: ${counts.size} counts for ${size} elements along axis ${along} of ${avalText(x.aval)}.`,
    )
  const each = lax.broadcastTo(lax.reshape(counts, [counts.size]), [size])
  if (total === null) {
    const known = knownValues(each, 'repeat: the counts (or give totalRepeatLength)')
    const sources = known.flatMap((count, i) => new Array<number>(count).fill(i))
    return take(x, fromHost(sources, [sources.length], 'int32'), { axis: along })
  }
  // Position p of the result is of the first element whose running count exceeds p; beyond the last, the last one repeats.
  const ends = lax.cumsum(lax.convertElementType(each, 'int32'), { axis: 0 })
  const sources = searchsorted(ends, lax.iota('int32', total), { side: 'right' })
  return take(x, lax.clamp(0, sources, Math.max(0, size - 1)), { axis: along })
}

const isList = (x: ArrayLike | readonly number[]): x is readonly number[] => Array.isArray(x)

/**
 * Shifts elements along axes, those that leave coming back at the other end. Without an axis, along the flat array.
 *
 * @example
 * ```ts
 * np.roll(np.arange(4), 1) // [3, 0, 1, 2]
 * ```
 */
export const roll = (
  a: ArrayLike,
  shift: ArrayLike | readonly number[],
  options?: { readonly axis?: number | readonly number[] | null },
): NDArray => {
  checkOptions('roll', options, 'axis')
  const x = lax.asArray(a, 'roll')
  const axis = options?.axis ?? null
  if (axis === null) return lax.reshape(rollAxis(ravel(x), soleShift(shift), 0), x.shape)
  const axes = typeof axis === 'number' ? [axis] : axis
  const shifts = isList(shift) ? shift : undefined
  if (shifts !== undefined && shifts.length !== 1 && axes.length !== 1 && shifts.length !== axes.length)
    throw new ArgumentError(`roll: ${shifts.length} shifts for ${axes.length} axes; give one for each.`)
  const count = Math.max(axes.length, shifts?.length ?? 1)
  let out = x
  for (const i of range(count)) {
    const along = canonicalAxis(known(axes[axes.length === 1 ? 0 : i], 'axis'), x.ndim, 'roll')
    out = rollAxis(
      out,
      shifts === undefined ? soleShift(shift) : known(shifts[shifts.length === 1 ? 0 : i], 'shift'),
      along,
    )
  }
  return out
}

const soleShift = (shift: ArrayLike | readonly number[]): ArrayLike => {
  if (!isList(shift)) return shift
  if (shift.length !== 1) throw new ArgumentError(`roll: ${shift.length} shifts need as many axes.`)
  return known(shift[0], 'shift')
}

const rollAxis = (x: NDArray, shift: ArrayLike, axis: number): NDArray => {
  const size = known(x.shape[axis], 'size')
  if (size === 0) return x
  if (typeof shift === 'number') {
    const start = (((-knownInteger(shift, 'roll: the shift') % size) + size) % size) + 0
    if (start === 0) return x
    return lax.concatenate([lax.sliceInDim(x, start, size, { axis }), lax.sliceInDim(x, 0, start, { axis })], axis)
  }
  // A shift that is not known: the array twice, from a place that depends on it.
  const amount = lax.rem(lax.convertElementType(shift, 'int32'), lax.scalarOf(size, { dtype: 'int32' }))
  const start = lax.rem(lax.sub(lax.scalarOf(size, amount), amount), lax.scalarOf(size, amount))
  return lax.dynamicSliceInDim(lax.concatenate([x, x], axis), start, size, { axis })
}

/**
 * The elements, repeated as often as needed, in another shape.
 *
 * @example
 * ```ts
 * np.resize(np.array([1, 2, 3]), [2, 2]) // [[1, 2], [3, 1]]
 * ```
 */
export const resize = (a: ArrayLike, newShape: number | readonly number[]): NDArray => {
  const x = ravel(a)
  const shape = typeof newShape === 'number' ? [newShape] : newShape
  const size = sizeOf(shape)
  if (x.size === 0) return lax.broadcastTo(lax.scalarOf(0, x), shape)
  const repeated = tile(x, Math.max(1, Math.ceil(size / x.size)))
  return lax.reshape(lax.sliceInDim(repeated, 0, size), shape)
}

/** Places along an axis that an integer, a slice, a list or an array means; negative ones count from the end. */
const places = (
  obj: ArrayLike | Slice | readonly number[],
  size: number,
  operation: string,
  bound: number,
): number[] => {
  if (isSlice(obj)) {
    const step = obj.step ?? 1
    const clamp = (i: number): number =>
      Math.min(Math.max(i < 0 ? i + size : i, step < 0 ? -1 : 0), step < 0 ? size - 1 : size)
    const start = obj.start === null || obj.start === undefined ? (step < 0 ? size - 1 : 0) : clamp(obj.start)
    const stop = obj.stop === null || obj.stop === undefined ? (step < 0 ? -1 : size) : clamp(obj.stop)
    return range(Math.max(0, Math.ceil((stop - start) / step))).map((i) => start + i * step)
  }
  if (obj instanceof NDArray && obj.dtype === 'bool')
    return knownValues(obj, `${operation}: the places`).flatMap((keep, i) => (keep === 0 ? [] : [i]))
  const list = Array.isArray(obj)
    ? obj
    : obj instanceof NDArray
      ? knownValues(obj, `${operation}: the places`)
      : [Number(obj)]
  return list.map((i) => {
    const at = i < 0 ? i + size : i
    if (!Number.isInteger(i) || at < 0 || at >= bound)
      throw new ArgumentError(`${operation}: place ${i} is out of range for an axis of size ${size}.`)
    return at
  })
}

const isSlice = (x: ArrayLike | Slice | readonly number[]): x is Slice =>
  typeof x === 'object' && !(x instanceof NDArray) && !Array.isArray(x)

/**
 * Without the elements at these places of an axis; without an axis the array is flattened first.
 *
 * @example
 * ```ts
 * np.delete(np.array([1, 2, 3]), 1) // [1, 3]
 * ```
 */
const deleteAt = (
  arr: ArrayLike,
  obj: ArrayLike | Slice | readonly number[],
  options?: { readonly axis?: number | null },
): NDArray => {
  checkOptions('delete', options, 'axis')
  const array = lax.asArray(arr, 'delete')
  const axis = options?.axis ?? null
  const x = axis === null ? ravel(array) : array
  const along = axis === null ? 0 : canonicalAxis(axis, x.ndim, 'delete')
  const size = known(x.shape[along], 'size')
  const gone = new Set(places(obj, size, 'delete', size))
  const kept = range(size).filter((i) => !gone.has(i))
  return take(x, fromHost(kept, [kept.length], 'int32'), { axis: along })
}
export { deleteAt as delete }

/**
 * With values inserted before these places of an axis; without an axis the array is flattened first.
 *
 * @example
 * ```ts
 * np.insert(np.array([1, 2, 3]), 1, 9) // [1, 9, 2, 3]
 * ```
 */
export const insert = (
  arr: ArrayLike,
  obj: ArrayLike | Slice | readonly number[],
  values: ArrayLike,
  options?: { readonly axis?: number | null },
): NDArray => {
  checkOptions('insert', options, 'axis')
  const array = lax.asArray(arr, 'insert')
  const axis = options?.axis ?? null
  const x = axis === null ? ravel(array) : array
  const along = axis === null ? 0 : canonicalAxis(axis, x.ndim, 'insert')
  const size = known(x.shape[along], 'size')
  const at = places(obj, size, 'insert', size + 1)
  let inserted = lax.convertElementType(values, x.dtype)
  if (at.length === 1) {
    // A single place takes any number of values: along the axis, or, for a plain integer, along the first one.
    inserted = withRank(inserted, x.ndim)
    if (typeof obj === 'number' || (obj instanceof NDArray && obj.ndim === 0))
      inserted = lax.moveAxis(inserted, 0, along)
  }
  const count = at.length === 1 ? known(inserted.shape[along], 'size') : at.length
  inserted = lax.broadcastTo(
    inserted,
    x.shape.map((n, d) => (d === along ? count : n)),
  )
  const before = at.length === 1 ? new Array<number>(count).fill(known(at[0], 'place')) : at
  // Stable order of the places: values of one place keep their order, before the element that was there.
  const order = range(count).sort((i, j) => known(before[i], 'place') - known(before[j], 'place') || i - j)
  const sources: number[] = []
  let next = 0
  for (let i = 0; i <= size; i++) {
    while (next < count && before[known(order[next], 'value')] === i) sources.push(size + known(order[next++], 'value'))
    if (i < size) sources.push(i)
  }
  return take(lax.concatenate([x, inserted], along), fromHost(sources, [sources.length], 'int32'), { axis: along })
}

/** A copy with `val` on the main diagonal; arrays are immutable, so `inplace` must be false where it is given. */
export const fillDiagonal = (
  a: ArrayLike,
  val: ArrayLike,
  options?: { readonly wrap?: boolean; readonly inplace?: boolean },
): NDArray => {
  checkOptions('fillDiagonal', options, 'wrap inplace')
  const x = lax.asArray(a, 'fillDiagonal')
  if (x.ndim < 2) throw new ArgumentError(`fillDiagonal: needs two axes or more, got ${avalText(x.aval)}.`)
  if (options?.inplace === true)
    throw new ArgumentError('fillDiagonal: arrays are immutable; use the result, with { inplace: false }.')
  const shape = x.shape
  const first = lax.broadcastedIota('int32', shape, 0)
  let onDiagonal: NDArray | undefined
  for (const d of range(x.ndim).slice(1)) {
    const same = lax.eq(first, lax.broadcastedIota('int32', shape, d))
    onDiagonal = onDiagonal === undefined ? same : lax.bitwiseAnd(onDiagonal, same)
  }
  const value = lax.convertElementType(val, x.dtype)
  // Values of a vector go along the diagonal, repeated when there are too few.
  const spread =
    value.ndim === 0
      ? lax.broadcastTo(value, shape)
      : lax.broadcastInDim(resize(value, known(shape[0], 'size')), shape, [0])
  return lax.select(known(onDiagonal, 'diagonal'), spread, x)
}
