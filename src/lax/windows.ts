/** What gather and scatter share: how an array of start indices names windows of an operand. */
import {
  type Delayed,
  type Draw,
  type Expectation,
  type Expression,
  type ShapedArray,
  ArgumentError,
  DTypeError,
  InternalError,
  PrintedRecord,
  ShapeError,
  avalText,
  e,
  isInteger,
  known,
  range,
  shapeText,
  snakeCase,
} from '../core/index.js'
import { numbers } from './broadcasting.js'

/**
 * How windows of an operand, start indices and the windows' elements belong together, as XLA's gather says it
 * (https://openxla.org/xla/operation_semantics#gather); a start index is a vector along the last axis of the indices.
 */
export interface GatherDimensionNumbers {
  /** Axes of the result that run inside of a window; the others are the axes of the indices but the last, in order. */
  readonly offsetDims: readonly number[]
  /** Axes of the operand that a window has size 1 on and that the result leaves out. */
  readonly collapsedSliceDims: readonly number[]
  /** Axis of the operand that each component of a start index counts on. */
  readonly startIndexMap: readonly number[]
  /** Axes of the operand that run along with axes of the indices. */
  readonly operandBatchingDims?: readonly number[]
  /** The axes of the indices that `operandBatchingDims` run along with. */
  readonly startIndicesBatchingDims?: readonly number[]
}

/** Dimension numbers of a scatter: those of the gather that would read the windows it writes, under XLA's other names. */
export interface ScatterDimensionNumbers {
  readonly updateWindowDims: readonly number[]
  readonly insertedWindowDims: readonly number[]
  readonly scatterDimsToOperandDims: readonly number[]
  readonly operandBatchingDims?: readonly number[]
  readonly scatterIndicesBatchingDims?: readonly number[]
}

/** Dimension numbers with nothing left out. */
export type WindowNumbers = Required<GatherDimensionNumbers>

/** What happens to windows that are not wholly inside: moved inside, left out, or (promised) not there. */
export type WindowMode = 'clip' | 'fillOrDrop' | 'promiseInBounds'

/** Names of the modes in calls; `fill` and `drop` are one: a gather fills, a scatter drops. */
export type GatherScatterMode = 'clip' | 'fill' | 'drop' | 'promiseInBounds' | 'promise_in_bounds'

/** The mode that a call names. Throws ArgumentError for an unknown one. */
export const windowMode = (mode: GatherScatterMode, operation: string): WindowMode => {
  switch (mode) {
    case 'clip':
      return 'clip'
    case 'fill':
    case 'drop':
      return 'fillOrDrop'
    case 'promiseInBounds':
    case 'promise_in_bounds':
      return 'promiseInBounds'
    default:
      throw new ArgumentError(
        `${operation}: '${String(mode)}' is not a mode; there are 'clip', 'fill' (or 'drop') and 'promiseInBounds'.`,
      )
  }
}

const printedModes: Readonly<Record<WindowMode, string>> = {
  clip: 'GatherScatterMode.CLIP',
  fillOrDrop: 'GatherScatterMode.FILL_OR_DROP',
  promiseInBounds: 'GatherScatterMode.PROMISE_IN_BOUNDS',
}

export const printMode = (mode: WindowMode): string => printedModes[mode]

export const parseMode = (printed: unknown): WindowMode =>
  printed === printedModes.clip ? 'clip' : printed === printedModes.fillOrDrop ? 'fillOrDrop' : 'promiseInBounds'

export const gatherNumbers = (given: GatherDimensionNumbers): WindowNumbers => ({
  offsetDims: given.offsetDims,
  collapsedSliceDims: given.collapsedSliceDims,
  startIndexMap: given.startIndexMap,
  operandBatchingDims: given.operandBatchingDims ?? [],
  startIndicesBatchingDims: given.startIndicesBatchingDims ?? [],
})

export const scatterNumbers = (given: ScatterDimensionNumbers): WindowNumbers => ({
  offsetDims: given.updateWindowDims,
  collapsedSliceDims: given.insertedWindowDims,
  startIndexMap: given.scatterDimsToOperandDims,
  operandBatchingDims: given.operandBatchingDims ?? [],
  startIndicesBatchingDims: given.scatterIndicesBatchingDims ?? [],
})

/** What the dimension numbers are called, for messages and in print. */
export type NumberNames = Readonly<Record<keyof WindowNumbers, string>>

export const gatherNames: NumberNames = {
  offsetDims: 'offsetDims',
  collapsedSliceDims: 'collapsedSliceDims',
  startIndexMap: 'startIndexMap',
  operandBatchingDims: 'operandBatchingDims',
  startIndicesBatchingDims: 'startIndicesBatchingDims',
}

export const scatterNames: NumberNames = {
  offsetDims: 'updateWindowDims',
  collapsedSliceDims: 'insertedWindowDims',
  startIndexMap: 'scatterDimsToOperandDims',
  operandBatchingDims: 'operandBatchingDims',
  startIndicesBatchingDims: 'scatterIndicesBatchingDims',
}

const keys = [
  'offsetDims',
  'collapsedSliceDims',
  'startIndexMap',
  'operandBatchingDims',
  'startIndicesBatchingDims',
] as const

export const printNumbers = (title: string, names: NumberNames, given: WindowNumbers): PrintedRecord =>
  new PrintedRecord(title, Object.fromEntries(keys.map((key) => [snakeCase(names[key]), given[key]])))

export const parseNumbers = (names: NumberNames, printed: unknown): WindowNumbers => {
  if (!(printed instanceof PrintedRecord)) throw new InternalError('dimension numbers were not printed as a record')
  const list = (key: keyof WindowNumbers): number[] => numbers(printed.fields[snakeCase(names[key])] ?? [])
  return {
    offsetDims: list('offsetDims'),
    collapsedSliceDims: list('collapsedSliceDims'),
    startIndexMap: list('startIndexMap'),
    operandBatchingDims: list('operandBatchingDims'),
    startIndicesBatchingDims: list('startIndicesBatchingDims'),
  }
}

/** Windows of an operand: which axes, of what size. */
export interface Windows {
  readonly numbers: WindowNumbers
  readonly sliceSizes: readonly number[]
}

/** Throws unless dimension numbers fit an operand and its start indices. */
export const checkWindows = (
  operation: string,
  names: NumberNames,
  { numbers: given, sliceSizes }: Windows,
  operand: ShapedArray,
  indices: ShapedArray,
): void => {
  const rank = operand.shape.length
  const batchRank = indices.shape.length - 1
  const refuse = (why: string): never => {
    throw new ArgumentError(
      `${operation} of ${avalText(operand)} at indices ${avalText(indices)}: ${why}. ` +
        `Dimension numbers: ${keys.map((key) => `${names[key]} ${shapeText(given[key])}`).join(', ')}.`,
    )
  }
  const axes = (key: keyof WindowNumbers, limit: number, sorted: boolean): readonly number[] => {
    const list = given[key]
    if (list.some((d) => !Number.isInteger(d) || d < 0 || d >= limit))
      refuse(`${names[key]} must be axes from 0 to ${limit - 1}`)
    if (new Set(list).size !== list.length) refuse(`${names[key]} names an axis twice`)
    if (sorted && list.some((d, i) => d < (list[i - 1] ?? 0))) refuse(`${names[key]} must be in increasing order`)
    return list
  }
  if (!isInteger(indices.dtype)) {
    throw new DTypeError(
      `${operation}: indices must be integers, got ${avalText(indices)}. Convert them with x.astype('int32').`,
    )
  }
  if (batchRank < 0) refuse('indices need a last axis that holds the components of each start index')
  const offsets = axes('offsetDims', given.offsetDims.length + batchRank, true)
  const collapsed = axes('collapsedSliceDims', rank, true)
  const map = axes('startIndexMap', rank, false)
  const batching = axes('operandBatchingDims', rank, true)
  const along = axes('startIndicesBatchingDims', batchRank, false)
  const components = known(indices.shape[batchRank], 'size')
  if (map.length !== components)
    refuse(`the last axis of the indices has size ${components}, and ${names.startIndexMap} has ${map.length} entries`)
  if (batching.some((d) => collapsed.includes(d) || map.includes(d)))
    refuse(
      `${names.operandBatchingDims} must not be among ${names.collapsedSliceDims} or ${names.startIndexMap}, which is what moves windows`,
    )
  const fits = batching.every((d, i) => operand.shape[d] === indices.shape[along[i] ?? -1])
  if (along.length !== batching.length || !fits)
    refuse(`${names.operandBatchingDims} and ${names.startIndicesBatchingDims} must have the same sizes`)
  if (rank !== offsets.length + collapsed.length + batching.length || sliceSizes.length !== rank) {
    refuse(
      `each of the ${rank} axes of the operand must be one of ${names.offsetDims} (in order), ${names.collapsedSliceDims} ` +
        `or ${names.operandBatchingDims}, and have a window size; there are ${sliceSizes.length} sizes`,
    )
  }
  const noWindows = indices.shape.slice(0, -1).includes(0)
  sliceSizes.forEach((size, d) => {
    const limit = collapsed.includes(d) || batching.includes(d) ? 1 : known(operand.shape[d], 'size')
    const whole = Number.isInteger(size) && size >= 0 && (noWindows || size <= limit)
    if (!whole || (collapsed.includes(d) && size !== 1))
      refuse(
        `windows have size ${size} on axis ${d}, where ${collapsed.includes(d) ? 'exactly 1' : `0 to ${limit}`} is possible`,
      )
  })
}

/** Shape of the windows' elements: axes of the indices, with the axes of windows among them. */
export const windowsShape = ({ numbers: given, sliceSizes }: Windows, indices: readonly number[]): number[] => {
  const inner = sliceSizes.filter(
    (_, d) => !given.collapsedSliceDims.includes(d) && !given.operandBatchingDims.includes(d),
  )
  const shape = indices.slice(0, -1)
  // Increasing positions, so that each lands where it is meant to.
  given.offsetDims.forEach((at, i) => shape.splice(at, 0, known(inner[i], 'size of a window')))
  return shape
}

/** Window sizes of a scatter, which the shape of the updates tells. */
export const scatterSizes = (
  given: WindowNumbers,
  operand: readonly number[],
  updates: readonly number[],
): number[] => {
  let next = 0
  return operand.map((_, d) =>
    given.collapsedSliceDims.includes(d) || given.operandBatchingDims.includes(d)
      ? 1
      : known(updates[given.offsetDims[next++] ?? -1] ?? 1, 'size of a window'),
  )
}

/** A start index kept within 0..bound, and whether it was there already; both int32 whatever the integer is. */
export const startWithin = (
  start: Expression,
  bound: number,
): { readonly clamped: Expression; readonly inside: Expression } => {
  const last = Math.max(0, bound)
  if (start.dtype === 'uint32') {
    const limit = e.constant(last, 'uint32')
    return { clamped: e.convert(e.binary('min', start, limit), 'int32'), inside: e.compare('le', start, limit) }
  }
  const signed = e.convert(start, 'int32')
  return {
    clamped: e.binary('max', e.binary('min', signed, e.index(last)), e.index(0)),
    inside: e.binary('and', e.compare('ge', signed, e.index(0)), e.compare('le', signed, e.index(last))),
  }
}

/** Where in the operand an element of the windows is, with windows moved inside; and whether its window had to be. */
export const placeInOperand = (
  { numbers: given, sliceSizes }: Windows,
  operand: readonly number[],
  indices: Delayed,
  at: readonly Expression[],
): { readonly index: readonly Expression[]; readonly inside: Expression } => {
  const outer = at.filter((_, d) => !given.offsetDims.includes(d))
  let inside = e.constant(1, 'bool')
  let nextOffset = 0
  const index = operand.map((size, d) => {
    const batching = given.operandBatchingDims.indexOf(d)
    if (batching >= 0) return known(outer[known(given.startIndicesBatchingDims[batching], 'axis')], 'index')
    const offset = given.collapsedSliceDims.includes(d)
      ? e.index(0)
      : known(at[known(given.offsetDims[nextOffset++], 'axis')], 'index')
    const component = given.startIndexMap.indexOf(d)
    if (component < 0) return offset
    const start = startWithin(indices.at([...outer, e.index(component)]), size - known(sliceSizes[d], 'window size'))
    inside = e.binary('and', inside, start.inside)
    return e.binary('add', start.clamped, offset)
  })
  return { index, inside }
}

/** Windows must lie inside of the operand: what gathers and scatters expect of their indices, operand 1. */
export const windowsInside = (
  { numbers: { startIndexMap }, sliceSizes }: Windows,
  operand: readonly number[],
): readonly Expectation[] =>
  startIndexMap.map((axis, component) => ({
    kind: 'index',
    operand: 1,
    component,
    axis,
    size: known(operand[axis], 'size'),
    window: known(sliceSizes[axis], 'window size'),
  }))

const next = (axes: readonly number[]): number[] => axes.map((d) => d + 1)

/** Dimension numbers for a batch axis in front of the operand (and of the elements), of the indices, or of both. */
export const batchNumbers = (given: WindowNumbers, of: 'operand' | 'indices' | 'both'): WindowNumbers => {
  const operand = of === 'indices' ? (axes: readonly number[]): readonly number[] => axes : next
  const indices = of === 'operand' ? (axes: readonly number[]): readonly number[] => axes : next
  const both = of === 'both' ? [0] : []
  return {
    offsetDims: of === 'operand' ? [0, ...next(given.offsetDims)] : next(given.offsetDims),
    collapsedSliceDims: operand(given.collapsedSliceDims),
    startIndexMap: operand(given.startIndexMap),
    operandBatchingDims: [...both, ...operand(given.operandBatchingDims)],
    startIndicesBatchingDims: [...both, ...indices(given.startIndicesBatchingDims)],
  }
}

/** Random windows that fit each other, for the law tests; indices also lead outside unless `inBounds`. */
export const sampleWindows = (
  draw: Draw,
  inBounds: boolean,
): Windows & {
  readonly operand: number[]
  readonly indices: { readonly shape: number[]; readonly min: number; readonly max: number }
} => {
  const operand = draw.shape({ minRank: 1, maxRank: 3, nonEmpty: true })
  const roles = operand.map(() => draw.pick(['collapsed', 'window', 'free', 'batching'] as const))
  const having = (...wanted: readonly string[]): number[] =>
    range(operand.length).filter((d) => wanted.includes(roles[d] ?? ''))
  const sliceSizes = operand.map((size, d) =>
    roles[d] === 'collapsed' || roles[d] === 'batching' ? 1 : draw.integer(1, size),
  )
  const batching = having('batching')
  const startIndexMap = draw.boolean() ? having('collapsed', 'window') : having('collapsed', 'window').reverse()
  const outer = [draw.integer(0, 3), ...batching.map((d) => operand[d] ?? 1)]
  const elements = range(outer.length + having('window', 'free').length)
  const offsetDims = draw.boolean()
    ? elements.slice(elements.length - having('window', 'free').length)
    : elements.slice(0, having('window', 'free').length)
  const bounds = startIndexMap.map((d) => (operand[d] ?? 1) - (sliceSizes[d] ?? 1))
  const least = Math.min(...bounds, 4)
  return {
    numbers: {
      offsetDims,
      collapsedSliceDims: having('collapsed'),
      startIndexMap,
      operandBatchingDims: batching,
      startIndicesBatchingDims: batching.map((_, i) => i + 1),
    },
    sliceSizes,
    operand,
    indices: {
      shape: [...outer, startIndexMap.length],
      min: inBounds ? 0 : -1,
      max: inBounds ? least : Math.max(...bounds, 0) + 1,
    },
  }
}

/** Throws ShapeError unless updates have the shape that the indices and the window sizes ask for. */
export const checkUpdates = (
  operation: string,
  windows: Windows,
  indices: ShapedArray,
  updates: ShapedArray,
  rank: number,
): void => {
  const { offsetDims } = windows.numbers
  const expectedRank = indices.shape.length - 1 + offsetDims.length
  const fits =
    updates.shape.length === expectedRank &&
    windowsShape(windows, indices.shape).every((size, d) => size === updates.shape[d])
  if (fits) return
  throw new ShapeError(
    `${operation}: updates ${avalText(updates)} don't fit indices ${avalText(indices)} and an operand of rank ${rank}. ` +
      `Their axes are those of the indices but the last, with the axes of windows at ${shapeText(offsetDims)}.`,
  )
}
