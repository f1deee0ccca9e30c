/** Padding of axes, with every mode of NumPy. */
import {
  type ArrayLike,
  ArgumentError,
  NDArray,
  avalText,
  isFloating,
  known,
  range,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import { oneOf } from './arguments.js'
import { fromHost } from './creation.js'
import { linspace } from './ranges.js'
import { median } from './quantiles.js'
import { max, mean, min } from './reductions.js'
import { round } from './rounding.js'
import { take } from './take.js'

/** What padding is filled with. */
export type PadMode =
  | 'constant'
  | 'edge'
  | 'linear_ramp'
  | 'maximum'
  | 'mean'
  | 'median'
  | 'minimum'
  | 'reflect'
  | 'symmetric'
  | 'wrap'
  | 'empty'

const modes: readonly PadMode[] = [
  'constant',
  'edge',
  'linear_ramp',
  'maximum',
  'mean',
  'median',
  'minimum',
  'reflect',
  'symmetric',
  'wrap',
  'empty',
]

/** One value for all, a pair for before and after, or a pair per axis. */
export type PerSide<T> = T | readonly T[] | readonly (T | readonly T[])[]

export interface PadOptions {
  readonly mode?: PadMode
  /** For mode 'constant': what to fill with, 0 unless given. */
  readonly constantValues?: PerSide<ArrayLike>
  /** For the statistics: how many elements at the edge they look at, all unless given. */
  readonly statLength?: PerSide<number> | null
  /** For 'linear_ramp': the outermost values, 0 unless given. */
  readonly endValues?: PerSide<ArrayLike>
  /** For 'reflect' and 'symmetric': mirrored values, or those subtracted from twice the edge. */
  readonly reflectType?: 'even' | 'odd'
}

type Pair<T> = readonly [before: T, after: T]

const isList = <T>(x: T | readonly T[]): x is readonly T[] => Array.isArray(x)

/** A pair for each axis. */
const pairs = <T>(given: PerSide<T>, rank: number, name: string): Pair<T>[] => {
  const fail = (): never => {
    throw new ArgumentError(
      `pad: ${name} must be one value, a pair [before, after], or one pair for each of the ${rank} axes.`,
    )
  }
  const pairOf = (x: T | readonly T[]): Pair<T> => {
    if (!isList<T>(x)) return [x, x]
    const [first, second] = x
    if (x.length === 1 && first !== undefined) return [first, first]
    return x.length === 2 && first !== undefined && second !== undefined ? [first, second] : fail()
  }
  if (!isList<T | readonly T[]>(given)) return range(rank).map(() => [given, given])
  if (given.some((x) => isList<T>(x as T | readonly T[]))) {
    const each = given.map((x) => pairOf(x as T | readonly T[]))
    if (each.length === rank) return each
    return each.length === 1 ? range(rank).map(() => known(each[0], 'pair')) : fail()
  }
  const pair = pairOf(given as readonly T[])
  return range(rank).map(() => pair)
}

/**
 * Pads before and after each axis. `padWidth` is a number, a pair, or a pair per axis.
 *
 * Throws ArgumentError for negative widths, and where a mode has no element to take values from.
 *
 * @example
 * ```ts
 * np.pad(np.array([1, 2]), 1) // [0, 1, 2, 0]
 * np.pad(np.array([1, 2, 3]), [2, 0], { mode: 'reflect' }) // [3, 2, 1, 2, 3]
 * ```
 */
export const pad = (array: ArrayLike, padWidth: PerSide<number>, options?: PadOptions): NDArray => {
  checkOptions('pad', options, 'mode constantValues statLength endValues reflectType')
  const x = lax.asArray(array, 'pad')
  const mode = oneOf(options?.mode ?? 'constant', modes, 'pad', 'mode')
  const widths = pairs(padWidth, x.ndim, 'padWidth')
  for (const width of widths.flat())
    if (!Number.isInteger(width) || width < 0)
      throw new ArgumentError(
        `pad: widths must be non-negative integers, got ${width}; to cut off use lax.pad or slices.`,
      )
  if (mode === 'constant' || mode === 'empty')
    return padConstant(x, widths, mode === 'empty' ? 0 : (options?.constantValues ?? 0))
  let out = x
  for (const axis of range(x.ndim)) {
    const width = known(widths[axis], 'width')
    if (width[0] === 0 && width[1] === 0) continue
    if (out.shape[axis] === 0)
      throw new ArgumentError(
        `pad: mode '${mode}' takes values from axis ${axis}, which has none: ${avalText(x.aval)}.`,
      )
    out = padAxis(out, axis, width, mode, options ?? {})
  }
  return out
}

const padConstant = (x: NDArray, widths: readonly Pair<number>[], constants: PerSide<ArrayLike>): NDArray => {
  const scalar = (value: ArrayLike): NDArray => lax.convertElementType(value, x.dtype)
  if (!isList<ArrayLike>(constants as ArrayLike | readonly ArrayLike[])) {
    const value = scalar(constants as ArrayLike)
    if (value.ndim === 0)
      return lax.pad(
        x,
        value,
        widths.map(([before, after]) => [before, after, 0] as const),
      )
    return padConstant(x, widths, nestedValues(value))
  }
  const values = pairs<ArrayLike>(constants, x.ndim, 'constantValues')
  let out = x
  range(x.ndim).forEach((axis) => {
    const [before, after] = known(widths[axis], 'width')
    const [low, high] = known(values[axis], 'value')
    const only = (left: number, right: number): readonly (readonly [number, number, number])[] =>
      range(x.ndim).map((d) => (d === axis ? [left, right, 0] : [0, 0, 0]))
    out = lax.pad(lax.pad(out, scalar(low), only(before, 0)), scalar(high), only(0, after))
  })
  return out
}

/** The scalars of an array of values, as lists. */
const nestedValues = (value: NDArray): ArrayLike[] | ArrayLike[][] =>
  value.ndim === 1
    ? range(value.size).map((i) => lax.indexInDim(value, i, { keepdims: false }))
    : range(known(value.shape[0], 'size')).map((i) => {
        const row = lax.indexInDim(value, i, { keepdims: false })
        return range(row.size).map((j) => lax.indexInDim(row, j, { keepdims: false }))
      })

const padAxis = (
  x: NDArray,
  axis: number,
  width: Pair<number>,
  mode: Exclude<PadMode, 'constant' | 'empty'>,
  options: PadOptions,
): NDArray => {
  switch (mode) {
    case 'edge':
    case 'wrap':
      return takeSources(x, axis, width, mode === 'edge' ? clampIndex : wrapIndex)
    case 'reflect':
    case 'symmetric':
      return mirrored(x, axis, width, mode === 'symmetric', options.reflectType ?? 'even')
    case 'linear_ramp':
      return withRamps(
        x,
        axis,
        width,
        known(pairs<ArrayLike>(options.endValues ?? 0, x.ndim, 'endValues')[axis], 'end'),
      )
    case 'maximum':
    case 'mean':
    case 'median':
    case 'minimum': {
      const lengths = pairs<number | null>(options.statLength ?? null, x.ndim, 'statLength')
      return withStatistics(x, axis, width, mode, known(lengths[axis], 'length'))
    }
  }
}

const clampIndex = (i: number, size: number): number => Math.min(Math.max(i, 0), size - 1)
const wrapIndex = (i: number, size: number): number => ((i % size) + size) % size

const takeSources = (
  x: NDArray,
  axis: number,
  [before, after]: Pair<number>,
  sourceOf: (i: number, size: number) => number,
): NDArray => {
  const size = known(x.shape[axis], 'size')
  const sources = range(before + size + after).map((i) => sourceOf(i - before, size))
  return take(x, fromHost(sources, [sources.length], 'int32'), { axis })
}

/** An element of an extension: a sign times an element, plus multiples of the first and the last element. */
interface Mirrored {
  readonly source: number
  readonly sign: number
  readonly first: number
  readonly last: number
}

/** Mirrors at both edges until the place is inside; `repeatEdge` puts the mirror behind the edge element, not on it. */
const mirror = (place: number, size: number, repeatEdge: boolean): Mirrored => {
  let i = place
  let sign = 1
  let first = 0
  let last = 0
  while (i < 0 || i >= size) {
    if (i < 0) {
      first += 2 * sign
      i = repeatEdge ? -i - 1 : -i
    } else {
      last += 2 * sign
      i = repeatEdge ? 2 * size - 1 - i : 2 * (size - 1) - i
    }
    sign = -sign
  }
  return { source: i, sign, first, last }
}

const mirrored = (
  x: NDArray,
  axis: number,
  width: Pair<number>,
  repeatEdge: boolean,
  type: 'even' | 'odd',
): NDArray => {
  oneOf(type, ['even', 'odd'], 'pad', 'reflectType')
  const size = known(x.shape[axis], 'size')
  // One element has nothing beside its edge to mirror: NumPy repeats it.
  if (size === 1) return takeSources(x, axis, width, clampIndex)
  const even = takeSources(x, axis, width, (i) => mirror(i, size, repeatEdge).source)
  if (type === 'even') return even
  const parts = range(width[0] + size + width[1]).map((i) => mirror(i - width[0], size, repeatEdge))
  const along = (values: readonly number[]): NDArray =>
    lax.broadcastInDim(
      fromHost(values, [values.length], x.dtype),
      x.shape.map((_, d) => (d === axis ? values.length : 1)),
      [axis],
    )
  const edge = (i: number): NDArray => lax.indexInDim(x, i, { axis })
  // Odd: f(mirror image) = 2 edge - f, which is linear in the element and the two edges.
  const terms = [
    lax.mul(even, along(parts.map(({ sign }) => sign))),
    lax.mul(edge(0), along(parts.map(({ first }) => first))),
    lax.mul(edge(-1), along(parts.map(({ last }) => last))),
  ]
  return terms.reduce((sum, term) => lax.add(sum, term))
}

const joined = (parts: readonly (NDArray | undefined)[], axis: number): NDArray =>
  lax.concatenate(
    parts.filter((part): part is NDArray => part !== undefined),
    axis,
  )

const withRamps = (x: NDArray, axis: number, [before, after]: Pair<number>, ends: Pair<ArrayLike>): NDArray => {
  const ramp = (end: ArrayLike, edge: NDArray, length: number): NDArray | undefined => {
    if (length === 0) return undefined
    const target = lax.broadcastTo(lax.convertElementType(end, edge.dtype), edge.shape)
    return linspace(target, edge, { num: length, endpoint: false, dtype: x.dtype, axis })
  }
  const edge = (i: number): NDArray => lax.indexInDim(x, i, { axis, keepdims: false })
  const left = ramp(ends[0], edge(0), before)
  const right = ramp(ends[1], edge(-1), after)
  return joined([left, x, right === undefined ? undefined : lax.rev(right, [axis])], axis)
}

const withStatistics = (
  x: NDArray,
  axis: number,
  [before, after]: Pair<number>,
  mode: 'maximum' | 'mean' | 'median' | 'minimum',
  lengths: Pair<number | null>,
): NDArray => {
  const size = known(x.shape[axis], 'size')
  const reduce = { maximum: max, mean, median, minimum: min }[mode]
  const side = (width: number, length: number | null, atEnd: boolean): NDArray | undefined => {
    if (width === 0) return undefined
    const count = Math.min(length ?? size, size)
    if (!Number.isInteger(count) || count < 1)
      throw new ArgumentError(`pad: statLength must be a positive integer, got ${String(length)}.`)
    const part = lax.sliceInDim(x, atEnd ? size - count : 0, atEnd ? size : count, { axis })
    const statistic = reduce(part, { axis, keepdims: true })
    const value = isFloating(x.dtype) ? statistic : lax.convertElementType(round(statistic), x.dtype)
    return lax.broadcastTo(
      value,
      x.shape.map((n, d) => (d === axis ? width : n)),
    )
  }
  return joined([side(before, lengths[0], false), x, side(after, lengths[1], true)], axis)
}
