/** Reading an index: integers, slices, new axes, the rest, arrays of integers and masks, against a shape. */
import {
  type Index,
  type Slice,
  ArgumentError,
  ConcretizationError,
  DTypeError,
  DeviceArray,
  NDArray,
  ShapeError,
  Tracer,
  dtypeKind,
  isInteger,
  known,
  range,
  shapeText,
  describe,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import { knownValues } from './arguments.js'
import { fromHost } from './creation.js'

/** A slice against the size of its axis: `size` elements from `start` on, every `step`-th. */
export interface SliceEntry {
  readonly kind: 'slice'
  readonly start: number
  readonly stop: number
  readonly step: number
  readonly size: number
}

/** Integers known without reading a device: in JS lists, in the places of true in a mask. */
export interface KnownIntegers {
  readonly values: readonly number[]
  readonly shape: readonly number[]
}

/** Indices in an array; one of them for each axis, broadcast together. */
export interface ArrayEntry {
  readonly kind: 'array'
  readonly array: () => NDArray
  readonly rank: number
  /** The values where they are known. */
  readonly values: KnownIntegers | undefined
}

export interface IntegerEntry {
  readonly kind: 'integer'
  /** As given; negative ones count from the end. */
  readonly value: number
}

/** A mask, before it is known how many of its elements are true. */
export interface MaskEntry {
  readonly kind: 'mask'
  readonly mask: NDArray
}

/** One entry of an index and the axes that it stands for. */
export type Entry =
  | SliceEntry
  | ArrayEntry
  | IntegerEntry
  | MaskEntry
  | { readonly kind: 'newAxis' }
  /** A true or false by itself: a new axis of size 1 or 0. */
  | { readonly kind: 'flag'; readonly value: boolean }
  | { readonly kind: 'rest' }

const wrongIndex = (what: string): ArgumentError =>
  new ArgumentError(
    `${what} is not an index. Indices are integers, slices (slice(1, 5) or { start: 1, stop: 5 }), null for a new axis, ` +
      `'...' for the axes in between, and arrays of integers or booleans.`,
  )

/**
 * Part of an axis, with Python's arguments: `slice(stop)`, `slice(start, stop)`, `slice(start, stop, step)`; null leaves a
 * bound open, negative ones count from the end.
 *
 * @example
 * ```ts
 * np.arange(6).get(slice(1, null, 2)).js() // [1, 3, 5]
 * ```
 */
export const slice = (...bounds: readonly (number | null)[]): Slice => {
  const [first = null, stop = null, step = null] = bounds
  return bounds.length === 1 ? { start: null, stop: first, step: null } : { start: first, stop, step }
}

const sliceInteger = (value: number | null | undefined, what: string): number | undefined => {
  if (value === null || value === undefined) return undefined
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    throw new ArgumentError(
      `The ${what} of a slice must be an integer or null, got ${describe(value)} ${String(value)}. ` +
        `For a part at a computed place use lax.dynamicSlice.`,
    )
  }
  return value
}

/** A slice clipped to an axis, as Python's `slice.indices` does it. */
export const clipSlice = (given: Slice, axisSize: number): SliceEntry => {
  const step = sliceInteger(given.step, 'step') ?? 1
  if (step === 0) throw new ArgumentError('The step of a slice must not be 0.')
  const lowest = step < 0 ? -1 : 0
  const highest = step < 0 ? axisSize - 1 : axisSize
  const clip = (value: number): number => (value < 0 ? Math.max(value + axisSize, lowest) : Math.min(value, highest))
  const givenStart = sliceInteger(given.start, 'start')
  const givenStop = sliceInteger(given.stop, 'stop')
  const start = givenStart === undefined ? (step < 0 ? highest : lowest) : clip(givenStart)
  const stop = givenStop === undefined ? (step < 0 ? lowest : highest) : clip(givenStop)
  return { kind: 'slice', start, stop, step, size: Math.max(0, Math.ceil((stop - start) / step)) }
}

const isSlice = (x: Index): x is Slice =>
  typeof x === 'object' &&
  x !== null &&
  !Array.isArray(x) &&
  !(x instanceof NDArray) &&
  Object.keys(x).every((key) => key === 'start' || key === 'stop' || key === 'step')

/** An array entry of known integers. */
export const knownEntry = (values: readonly number[], shape: readonly number[]): ArrayEntry => ({
  kind: 'array',
  array: () => fromHost(values, shape, 'int32'),
  rank: shape.length,
  values: { values, shape },
})

const listEntry = (list: readonly unknown[]): ArrayEntry | MaskEntry => {
  const values: number[] = []
  for (const item of list) {
    if (typeof item !== (typeof list[0] === 'boolean' ? 'boolean' : 'number')) {
      throw wrongIndex(`A list with ${describe(item)} in it`)
    }
    const value = Number(item)
    if (!Number.isInteger(value)) throw wrongIndex(`A list with ${value} in it`)
    values.push(value)
  }
  return typeof list[0] === 'boolean'
    ? { kind: 'mask', mask: fromHost(values, [values.length], 'bool') }
    : knownEntry(values, [values.length])
}

const arrayEntry = (x: NDArray): Entry => {
  if (x.dtype === 'bool') {
    if (x.ndim > 0) return { kind: 'mask', mask: x }
    if (x instanceof DeviceArray) return { kind: 'flag', value: x.item() !== 0 }
    throw new ConcretizationError(
      `Indexing with a traced bool scalar needs its value, which decides whether there is a result. Use np.where instead.`,
    )
  }
  if (!isInteger(x.dtype)) {
    throw new DTypeError(
      `Indices must be integers or booleans, got an array of ${x.dtype}. ` +
        `np.array of numbers is float32: give { dtype: 'int32' }, or convert with x.astype('int32').`,
    )
  }
  if (x.ndim === 0 && x instanceof DeviceArray && x.scalar !== undefined) return { kind: 'integer', value: x.scalar }
  // Small integers could not hold the sum with the size of the axis that a negative index needs.
  const wide = x.dtype === 'int8' || x.dtype === 'uint8' ? lax.convertElementType(x, 'int32') : x
  return { kind: 'array', array: () => wide, rank: x.ndim, values: undefined }
}

const entryOf = (x: Index): Entry | Slice => {
  if (x === null) return { kind: 'newAxis' }
  if (x === '...') return { kind: 'rest' }
  if (typeof x === 'boolean') return { kind: 'flag', value: x }
  if (typeof x === 'number') {
    if (!Number.isInteger(x)) throw wrongIndex(`The number ${x}`)
    return { kind: 'integer', value: x }
  }
  if (x instanceof NDArray) return arrayEntry(x)
  if (Array.isArray(x)) return listEntry(x)
  if (isSlice(x)) return x
  throw wrongIndex(typeof x === 'string' ? `The string '${String(x)}'` : describe(x))
}

const isEntry = (x: Entry | Slice): x is Entry => 'kind' in x

const axesOf = (entry: Entry | Slice): number => {
  if (!isEntry(entry)) return 1
  if (entry.kind === 'mask') return entry.mask.ndim
  return entry.kind === 'newAxis' || entry.kind === 'flag' || entry.kind === 'rest' ? 0 : 1
}

/** A whole index against a shape: `'...'` and missing entries have become whole slices, but masks are still masks. */
export interface ParsedIndex {
  readonly entries: readonly Exclude<Entry, { readonly kind: 'rest' }>[]
  /** Whether integers and arrays stand side by side; if not, the axes of arrays come first in the result, as in NumPy. */
  readonly adjacent: boolean
}

/** Reads an index of an array of the given shape. Throws ArgumentError when it has too many entries, or wrong ones. */
export const parseIndex = (index: readonly Index[], shape: readonly number[]): ParsedIndex => {
  const given = index.map(entryOf)
  const used = given.reduce((sum, entry) => sum + axesOf(entry), 0)
  const rests = given.filter((entry) => isEntry(entry) && entry.kind === 'rest').length
  if (rests > 1) throw new ArgumentError(`An index can have '...' only once.`)
  if (used > shape.length) {
    throw new ArgumentError(
      `Too many indices: an array of shape ${shapeText(shape)} has ${shape.length} axes, and the index names ${used}.`,
    )
  }
  const whole = (axis: number): SliceEntry => clipSlice({}, known(shape[axis], 'size'))
  const entries: Exclude<Entry, { readonly kind: 'rest' }>[] = []
  let axis = 0
  for (const entry of given) {
    if (!isEntry(entry)) entries.push(clipSlice(entry, known(shape[axis], 'size')))
    else if (entry.kind === 'rest') {
      const count = shape.length - used
      entries.push(...range(count).map((i) => whole(axis + i)))
      axis += count
      continue
    } else {
      if (entry.kind === 'mask') checkMask(entry.mask, shape, axis)
      entries.push(entry)
    }
    axis += axesOf(entry)
  }
  for (; axis < shape.length; axis++) entries.push(whole(axis))
  const advanced = range(given.length).filter((i) => {
    const entry = given[i]
    return (
      entry !== undefined &&
      isEntry(entry) &&
      (entry.kind === 'array' || entry.kind === 'integer' || entry.kind === 'mask')
    )
  })
  const adjacent = advanced.every((at, i) => i === 0 || at === (advanced[i - 1] ?? 0) + 1)
  return { entries, adjacent }
}

const checkMask = (mask: NDArray, shape: readonly number[], axis: number): void => {
  if (mask.shape.every((size, d) => size === shape[axis + d])) return
  throw new ShapeError(
    `A mask of shape ${shapeText(mask.shape)} doesn't fit axes of sizes ${shapeText(shape.slice(axis, axis + mask.ndim))} ` +
      `of an array of shape ${shapeText(shape)}; a mask has the sizes of the axes that it stands for.`,
  )
}

/** One array of indices for each axis of a mask: the places where it is true, row-major. The mask must be known. */
const placesOf = (mask: NDArray): ArrayEntry[] => {
  if (mask instanceof Tracer) {
    throw mask.noValue('Indexing with a mask (the shape of the result is the number of its true elements)')
  }
  const places = mask.shape.map((): number[] => [])
  knownValues(mask, 'a mask').forEach((value, flat) => {
    if (value === 0) return
    let rest = flat
    for (let d = mask.ndim - 1; d >= 0; d--) {
      const size = known(mask.shape[d], 'size')
      places[d]?.push(rest % size)
      rest = Math.floor(rest / size)
    }
  })
  return places.map((values) => knownEntry(values, [values.length]))
}

/** An entry of an index without masks. */
export type PlainEntry = Exclude<ParsedIndex['entries'][number], MaskEntry>

/** The entries with every mask replaced by the places where it is true. */
export const withoutMasks = (entries: ParsedIndex['entries']): PlainEntry[] =>
  entries.flatMap((entry) => (entry.kind === 'mask' ? placesOf(entry.mask) : [entry]))

/** What negative indices mean: places from the end, places modulo the size (large ones too), or places outside. */
export type Counting = 'fromEnd' | 'modulo' | 'outside'

/** Indices of an array entry as places in an axis. */
export const countedIndices = (entry: ArrayEntry, size: number, counting: Counting): ArrayEntry => {
  if (counting === 'outside') return entry
  const wrap = counting === 'modulo'
  if (entry.values !== undefined) {
    const count = (i: number): number => (wrap ? (size === 0 ? i : ((i % size) + size) % size) : i < 0 ? i + size : i)
    return knownEntry(entry.values.values.map(count), entry.values.shape)
  }
  const indices = entry.array()
  if (dtypeKind(indices.dtype) === 'unsigned' && !wrap) return entry
  const steps = wrap && size > 0 ? lax.rem(indices, lax.scalarOf(size, indices)) : indices
  const counted = lax.select(lax.lt(steps, 0), lax.add(steps, size), steps)
  return { ...entry, array: () => counted }
}
