/** An index as a gather: which windows of an array it names, and what is left to do to them. */
import {
  ArgumentError,
  type NDArray,
  broadcastShapes,
  isEager,
  known,
  range,
  shapeText,
  sizeOf,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import { fromHost } from './creation.js'
import { type ArrayEntry, type Counting, type PlainEntry, countedIndices, knownEntry } from './index-parsing.js'

/** What gathers and scatters at an index need to know. */
export interface GatherPlan {
  /** Axes of size 1 to insert into the array first: the ones that true and false by themselves index. */
  readonly flagAxes: readonly number[]
  readonly numbers: Required<lax.GatherDimensionNumbers>
  readonly sliceSizes: readonly number[]
  /** Start indices; undefined when the index names the whole array. */
  readonly indices: NDArray | undefined
  /** Shape of the indexed elements, new axes included. */
  readonly shape: readonly number[]
  readonly newAxes: readonly number[]
  /** Axes, new ones not counted, that a negative step reverses. */
  readonly reversed: readonly number[]
  /** No element is named twice. */
  readonly unique: boolean
}

/** One component of the start indices: integers that run along some axes of the indices. */
interface Piece {
  readonly entry: ArrayEntry
  readonly shape: readonly number[]
  /** The first of those axes. */
  readonly at: number
}

const scalarEntry = (value: number): ArrayEntry => ({
  kind: 'array',
  array: () => lax.scalarOf(value, { dtype: 'int32' }),
  rank: 0,
  values: { values: [value], shape: [] },
})

/** The places of a slice with steps, in increasing order. */
const steppedEntry = (lowest: number, step: number, size: number): ArrayEntry => ({
  kind: 'array',
  array: () => lax.add(lax.mul(lax.iota('int32', size), step), lowest),
  rank: 1,
  values: { values: range(size).map((i) => lowest + i * step), shape: [size] },
})

const shapeOf = (entry: ArrayEntry): readonly number[] => entry.values?.shape ?? entry.array().shape

interface Located {
  readonly entry: Exclude<PlainEntry, { readonly kind: 'flag' }>
  /** The axis of the array that the entry indexes; for new axes the one that follows. */
  readonly axis: number
}

/** Flags become arrays on axes of their own. */
const locate = (
  entries: readonly PlainEntry[],
  shape: readonly number[],
): { readonly located: Located[]; readonly flagAxes: number[]; readonly operand: number[] } => {
  const located: Located[] = []
  const flagAxes: number[] = []
  const operand: number[] = []
  let next = 0
  for (const entry of entries) {
    const axis = operand.length
    if (entry.kind === 'flag') {
      located.push({ entry: knownEntry(entry.value ? [0] : [], [entry.value ? 1 : 0]), axis })
      flagAxes.push(axis)
      operand.push(1)
      continue
    }
    located.push({ entry, axis })
    if (entry.kind !== 'newAxis') operand.push(known(shape[next++], 'size'))
  }
  return { located, flagAxes, operand }
}

/** The pieces side by side along a last axis. Known ones are put together here, so that eager code sends one array. */
const joinPieces = (pieces: readonly Piece[], outer: readonly number[]): NDArray => {
  if (isEager() && pieces.every(({ entry }) => entry.values !== undefined)) return joinKnown(pieces, outer)
  const columns = pieces.map(({ entry, shape, at }) => {
    const dims = shape.map((_, d) => at + d)
    return lax.broadcastInDim(lax.convertElementType(entry.array(), 'int32'), [...outer, 1], dims)
  })
  return lax.concatenate(columns, outer.length)
}

const joinKnown = (pieces: readonly Piece[], outer: readonly number[]): NDArray => {
  const out = new Int32Array(sizeOf(outer) * pieces.length)
  pieces.forEach(({ entry, shape, at }, column) => {
    const values = known(entry.values, 'values').values
    for (let flat = 0; flat < sizeOf(outer); flat++) {
      let rest = flat
      let position = 0
      let stride = 1
      for (let d = outer.length - 1; d >= 0; d--) {
        const size = known(outer[d], 'size')
        const own = shape[d - at]
        if (own !== undefined) {
          if (own !== 1) position += (rest % size) * stride
          stride *= own
        }
        rest = Math.floor(rest / size)
      }
      out[flat * pieces.length + column] = values[position] ?? 0
    }
  })
  return fromHost(out, [...outer, pieces.length], 'int32')
}

/**
 * The gather that an index without masks means, by NumPy's rules: integers and arrays are broadcast together, and their
 * axes stand where the first of them was, or in front when they were not side by side.
 */
export const planGather = (
  entries: readonly PlainEntry[],
  adjacent: boolean,
  shape: readonly number[],
  counting: Counting,
): GatherPlan => {
  const { located, flagAxes, operand } = locate(entries, shape)
  const isArray = located.some(({ entry }) => entry.kind === 'array' && entry.rank > 0)
  const advanced = new Map<Located, ArrayEntry>()
  for (const item of located) {
    const { entry, axis } = item
    if (entry.kind !== 'integer' && entry.kind !== 'array') continue
    const size = known(operand[axis], 'size')
    if (size === 0 && (entry.kind === 'integer' || entry.rank === 0)) {
      throw new ArgumentError(
        `An index into axis ${axis} of shape ${shapeText(operand)} names no element; its size is 0.`,
      )
    }
    const given = entry.kind === 'integer' ? knownEntry([entry.value], []) : entry
    const counted = countedIndices(given, size, counting)
    advanced.set(item, counted.values?.shape.length === 0 ? scalarEntry(counted.values.values[0] ?? 0) : counted)
  }
  const common = isArray ? broadcastShapes('An index', ...[...advanced.values()].map(shapeOf)) : []
  const firstAdvanced = located.find((item) => advanced.has(item))
  const front = adjacent ? firstAdvanced : located[0]

  const pieces: Piece[] = []
  const outer: number[] = []
  const startIndexMap: number[] = []
  const collapsedSliceDims: number[] = []
  const offsetDims: number[] = []
  const sliceSizes: number[] = []
  const result: number[] = []
  const newAxes: number[] = []
  const reversed: number[] = []
  let position = 0 // in the gathered array, where new axes are not there yet

  for (const item of located) {
    const { entry, axis } = item
    if (isArray && item === front) {
      const at = outer.length
      outer.push(...common)
      result.push(...common)
      position += common.length
      for (const [place, indices] of advanced) {
        const own = shapeOf(indices)
        pieces.push({ entry: indices, shape: own, at: at + common.length - own.length })
        startIndexMap.push(place.axis)
        collapsedSliceDims.push(place.axis)
      }
    }
    if (entry.kind === 'newAxis') {
      newAxes.push(result.length)
      result.push(1)
    } else if (entry.kind === 'slice') {
      const { start, step, size } = entry
      result.push(size)
      if (step === 1) {
        if (size !== operand[axis]) {
          pieces.push({ entry: scalarEntry(start), shape: [], at: outer.length })
          startIndexMap.push(axis)
        }
        sliceSizes.push(size)
        offsetDims.push(position)
      } else {
        if (step < 0) reversed.push(position)
        const lowest = step < 0 ? start + (size - 1) * step : start
        pieces.push({ entry: steppedEntry(lowest, Math.abs(step), size), shape: [size], at: outer.length })
        startIndexMap.push(axis)
        outer.push(size)
        sliceSizes.push(1)
        collapsedSliceDims.push(axis)
      }
      position++
    } else {
      const indices = known(advanced.get(item), 'indices')
      if (!isArray) {
        pieces.push({ entry: indices, shape: [], at: outer.length })
        startIndexMap.push(axis)
        collapsedSliceDims.push(axis)
      }
      sliceSizes.push(1)
    }
  }

  return {
    flagAxes,
    numbers: {
      offsetDims,
      collapsedSliceDims: collapsedSliceDims.sort((a, b) => a - b),
      startIndexMap,
      operandBatchingDims: [],
      startIndicesBatchingDims: [],
    },
    sliceSizes,
    indices: pieces.length === 0 || sizeOf(result) === 0 ? undefined : joinPieces(pieces, outer),
    shape: result,
    newAxes,
    reversed,
    unique: !isArray,
  }
}
