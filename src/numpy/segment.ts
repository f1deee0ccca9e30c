/** Reductions over segments: elements of one segment id are combined. */
import {
  type ArrayLike,
  type CombineOp,
  type DType,
  type NDArray,
  ArgumentError,
  avalText,
  dtypeRange,
  isFloating,
  known,
  range,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import { knownValues } from './arguments.js'

export interface SegmentOptions {
  /** Length of the result; the largest id and one more unless given, which needs known ids. */
  readonly numSegments?: number | null
  /** That the ids rise; nothing depends on it. */
  readonly indicesAreSorted?: boolean
  /** That no id occurs twice; nothing depends on it. */
  readonly uniqueIndices?: boolean
}

const scatters: Readonly<Record<'add' | 'mul' | 'min' | 'max', lax.ScatterFunction>> = {
  add: lax.scatterAdd,
  mul: lax.scatterMul,
  min: lax.scatterMin,
  max: lax.scatterMax,
}

/** Combines rows of `data` into rows of a result filled with `initial`; rows whose id is outside are dropped. */
export const combineSegments = (
  operation: string,
  combine: Extract<CombineOp, 'add' | 'mul' | 'min' | 'max'>,
  data: NDArray,
  ids: NDArray,
  length: number,
  initial: number,
): NDArray => {
  if (ids.ndim !== 1 || data.ndim === 0 || ids.size !== data.shape[0]) {
    throw new ArgumentError(
      `${operation}: needs one id for each row of the data, got data ${avalText(data.aval)} and ids ${avalText(ids.aval)}.`,
    )
  }
  const row = data.shape.slice(1)
  const start = lax.full([length, ...row], lax.scalarOf(initial, data))
  return scatters[combine](
    start,
    lax.reshape(ids, [ids.size, 1]),
    data,
    {
      updateWindowDims: range(row.length).map((d) => d + 1),
      insertedWindowDims: [0],
      scatterDimsToOperandDims: [0],
    },
    { mode: 'drop' },
  )
}

const segments = (
  operation: string,
  combine: 'add' | 'mul' | 'min' | 'max',
  data: ArrayLike,
  segmentIds: ArrayLike,
  options: SegmentOptions | undefined,
  initial: (dtype: DType) => number,
): NDArray => {
  const values = lax.asArray(data, operation)
  const ids = lax.asArray(segmentIds, operation)
  const given = options?.numSegments
  const length =
    given ?? 1 + Math.max(-1, ...knownValues(ids, `${operation}: the number of segments (or give numSegments)`))
  if (!Number.isInteger(length) || length < 0)
    throw new ArgumentError(`${operation}: numSegments must be a non-negative integer, got ${length}.`)
  return combineSegments(operation, combine, values, known(ids, 'ids'), length, initial(values.dtype))
}

/**
 * Sums of the rows of `data` that share a segment id. Rows with an id outside of the segments are left out.
 *
 * @example
 * ```ts
 * ops.segmentSum(np.array([1, 2, 3]), np.array([0, 0, 1], { dtype: 'int32' }), { numSegments: 2 }) // [3, 3]
 * ```
 */
export const segmentSum = (data: ArrayLike, segmentIds: ArrayLike, options?: SegmentOptions): NDArray => {
  checkOptions('segmentSum', options, 'numSegments indicesAreSorted uniqueIndices')
  return segments('segmentSum', 'add', data, segmentIds, options, () => 0)
}

/** Products of the rows of `data` that share a segment id; 1 for an empty segment. */
export const segmentProd = (data: ArrayLike, segmentIds: ArrayLike, options?: SegmentOptions): NDArray => {
  checkOptions('segmentProd', options, 'numSegments indicesAreSorted uniqueIndices')
  return segments('segmentProd', 'mul', data, segmentIds, options, () => 1)
}

/** Smallest of the rows of `data` that share a segment id; the largest number (inf) for an empty segment. */
export const segmentMin = (data: ArrayLike, segmentIds: ArrayLike, options?: SegmentOptions): NDArray => {
  checkOptions('segmentMin', options, 'numSegments indicesAreSorted uniqueIndices')
  return segments('segmentMin', 'min', data, segmentIds, options, (dtype) =>
    isFloating(dtype) ? Infinity : dtypeRange(dtype).max,
  )
}

/** Largest of the rows of `data` that share a segment id; the smallest number (-inf) for an empty segment. */
export const segmentMax = (data: ArrayLike, segmentIds: ArrayLike, options?: SegmentOptions): NDArray => {
  checkOptions('segmentMax', options, 'numSegments indicesAreSorted uniqueIndices')
  return segments('segmentMax', 'max', data, segmentIds, options, (dtype) =>
    isFloating(dtype) ? -Infinity : dtypeRange(dtype).min,
  )
}
