/** Axes without arithmetic: dropping and adding axes of size 1, merging and reversing axes, counting, filling. */
import {
  type ArrayLike,
  type DType,
  type NDArray,
  type Primitive,
  ArgumentError,
  DTypeError,
  ShapeError,
  avalText,
  bindOne,
  canonicalAxes,
  canonicalAxis,
  checkShape,
  definePrimitive,
  dtypes,
  e,
  known,
  range,
  shapedArray,
  sizeOf,
  checkOptions,
} from '../core/index.js'
import { broadcastInDim, defineLinear, dropAxes, reshape } from './broadcasting.js'
import { asArray, checkDType, convertElementType } from './operands.js'

export interface SqueezeParams {
  readonly dimensions: readonly number[]
}

/** Axes that are named below an operand with one more, batched axis. */
export const shiftAxes = (axes: readonly number[], batchAxis: number): number[] =>
  axes.map((d) => (d < batchAxis ? d : d + 1))

const squeezePrimitive: Primitive<SqueezeParams> = defineLinear<SqueezeParams>({
  name: 'squeeze',
  passes: true,
  abstract: ([x], { dimensions }) => {
    const operand = known(x, 'operand')
    const wrong = dimensions.find((d) => operand.shape[d] !== 1)
    if (wrong !== undefined) {
      throw new ShapeError(
        `squeeze: axis ${wrong} of ${avalText(operand)} has size ${operand.shape[wrong]}, and only axes of size 1 can be dropped. ` +
          `Index the axis, or reduce over it.`,
      )
    }
    return [shapedArray(dropAxes(operand.shape, dimensions), operand.dtype, operand.weakType)]
  },
  transpose: (ct, operand) => reshape(ct, operand.shape),
  batch: (x, axis, { dimensions }) => {
    const shifted = shiftAxes(dimensions, axis)
    return [squeeze(x, shifted), axis - shifted.filter((d) => d < axis).length]
  },
  reshapes: true,
  lower: (_, [x], { dimensions }, [out]) => {
    const operand = known(x, 'operand')
    const kept = range(operand.aval.shape.length).filter((d) => !dimensions.includes(d))
    return [
      {
        aval: known(out, 'result'),
        at: (index) =>
          operand.at(
            operand.aval.shape.map((_, d) => {
              const at = kept.indexOf(d)
              return at < 0 ? e.index(0) : known(index[at], 'index')
            }),
          ),
      },
    ]
  },
  sample: (draw) => {
    const shape = draw.shape({ maxRank: 4 }).map((size) => (draw.boolean() ? 1 : size))
    return {
      inputs: [draw.array(shape, draw.pick(dtypes))],
      params: { dimensions: range(shape.length).filter((d) => shape[d] === 1 && draw.boolean()) },
    }
  },
})

/**
 * Drops axes of size 1. Negative axes count from the end.
 *
 * Throws ShapeError when an axis has another size, ArgumentError when there is no such axis.
 *
 * @example
 * ```ts
 * lax.squeeze(np.ones([1, 3]), [0]).shape // [3]
 * ```
 */
export const squeeze = (array: ArrayLike, dimensions: readonly number[]): NDArray => {
  const x = asArray(array, 'squeeze')
  const axes = canonicalAxes(dimensions, x.ndim, 'squeeze').sort((a, b) => a - b)
  return axes.length === 0 ? x : bindOne(squeezePrimitive, [x], { dimensions: axes })
}

/**
 * Inserts axes of size 1, so that they are the axes `dimensions` of the result. Negative ones count from its end.
 *
 * @example
 * ```ts
 * lax.expandDims(np.ones([3]), [0, -1]).shape // [1, 3, 1]
 * ```
 */
export const expandDims = (array: ArrayLike, dimensions: readonly number[]): NDArray => {
  const x = asArray(array, 'expandDims')
  if (dimensions.length === 0) return x
  const rank = x.ndim + dimensions.length
  const added = canonicalAxes(dimensions, rank, 'expandDims')
  const kept = range(rank).filter((d) => !added.includes(d))
  const shape = range(rank).map((d) => (added.includes(d) ? 1 : known(x.shape[kept.indexOf(d)], 'size')))
  return broadcastInDim(x, shape, kept)
}

/**
 * Merges the axes from `startDimension` up to, but without, `stopDimension` into one, row-major.
 *
 * @example
 * ```ts
 * lax.collapse(np.ones([2, 3, 4]), 0, 2).shape // [6, 4]
 * ```
 */
export const collapse = (operand: ArrayLike, startDimension: number, stopDimension?: number | null): NDArray => {
  const x = asArray(operand, 'collapse')
  const bound = (d: number): number => (d < 0 ? d + x.ndim : d)
  const start = bound(startDimension)
  const stop = bound(stopDimension ?? x.ndim)
  if (!Number.isInteger(start) || !Number.isInteger(stop) || start < 0 || stop > x.ndim || start > stop) {
    throw new ArgumentError(
      `collapse: axes ${startDimension} up to ${stopDimension ?? x.ndim} are no range of axes of ${avalText(x.aval)}; ` +
        `0 <= startDimension <= stopDimension <= ${x.ndim} must hold.`,
    )
  }
  return reshape(x, [...x.shape.slice(0, start), sizeOf(x.shape.slice(start, stop)), ...x.shape.slice(stop)])
}

export interface RevParams {
  readonly dimensions: readonly number[]
}

const revPrimitive: Primitive<RevParams> = defineLinear<RevParams>({
  name: 'rev',
  passes: true,
  abstract: ([x], { dimensions }) => {
    const operand = known(x, 'operand')
    canonicalAxes(dimensions, operand.shape.length, 'rev')
    return [operand]
  },
  transpose: (ct, _, { dimensions }) => rev(ct, dimensions),
  batch: (x, axis, { dimensions }) => [rev(x, shiftAxes(dimensions, axis)), axis],
  lower: (_, [x], { dimensions }, [out]) => {
    const operand = known(x, 'operand')
    const aval = known(out, 'result')
    return [
      {
        aval,
        at: (index) =>
          operand.at(
            index.map((i, d) =>
              dimensions.includes(d) ? e.binary('sub', e.index(known(aval.shape[d], 'size') - 1), i) : i,
            ),
          ),
      },
    ]
  },
  sample: (draw) => {
    const shape = draw.shape({ maxRank: 3 })
    return {
      inputs: [draw.array(shape, draw.pick(dtypes))],
      params: { dimensions: range(shape.length).filter(() => draw.boolean()) },
    }
  },
})

/**
 * Reverses the order of elements along axes. Negative axes count from the end.
 *
 * @example
 * ```ts
 * lax.rev(np.array([1, 2, 3]), [0]).js() // [3, 2, 1]
 * ```
 */
export const rev = (operand: ArrayLike, dimensions: readonly number[]): NDArray => {
  const x = asArray(operand, 'rev')
  const axes = canonicalAxes(dimensions, x.ndim, 'rev')
  return axes.length === 0 ? x : bindOne(revPrimitive, [x], { dimensions: axes })
}

export interface IotaParams {
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly dimension: number
}

const iotaPrimitive: Primitive<IotaParams> = definePrimitive<IotaParams>({
  name: 'iota',
  abstract: (_, { dtype, shape, dimension }) => {
    checkDType(dtype, 'iota')
    checkShape(shape, 'iota')
    if (dtype === 'bool') throw new DTypeError(`iota: counting needs numbers, and bool has none; ask for 'int32'.`)
    canonicalAxis(dimension, shape.length, 'iota')
    return [shapedArray(shape, dtype)]
  },
  // There are no operands, so neither tangents nor batches ever come in.
  jvp: (_, __, params) => [[bindOne(iotaPrimitive, [], params)], [null]],
  batch: (_, __, params) => [[bindOne(iotaPrimitive, [], params)], [null]],
  lower: (_, __, { dtype, dimension }, [out]) => [
    { aval: known(out, 'result'), at: (index) => e.convert(known(index[dimension], 'index'), dtype) },
  ],
  sample: (draw) => {
    const shape = draw.shape({ minRank: 1, maxRank: 3 })
    const dtype = draw.pick(dtypes.filter((d) => d !== 'bool'))
    return { inputs: [], params: { dtype, shape, dimension: draw.integer(0, shape.length - 1) } }
  },
})

/**
 * The numbers 0, 1, ... `size - 1`.
 *
 * @example
 * ```ts
 * lax.iota('int32', 3).js() // [0, 1, 2]
 * ```
 */
export const iota = (dtype: DType, size: number): NDArray => broadcastedIota(dtype, [size], 0)

/**
 * Position of each element along one axis of an array of the given shape.
 *
 * @example
 * ```ts
 * lax.broadcastedIota('int32', [2, 3], 1).js() // [[0, 1, 2], [0, 1, 2]]
 * ```
 */
export const broadcastedIota = (dtype: DType, shape: readonly number[], dimension: number): NDArray =>
  bindOne(iotaPrimitive, [], {
    dtype,
    shape,
    dimension: canonicalAxis(dimension, shape.length, 'broadcastedIota'),
  })

const checkScalar = (value: NDArray, operation: string): void => {
  if (value.ndim === 0) return
  throw new ShapeError(
    `${operation}: the fill value must be a scalar, got ${avalText(value.aval)}. To repeat an array use np.broadcastTo or np.tile.`,
  )
}

/**
 * An array of one repeated value, of its dtype unless another is asked for.
 *
 * @example
 * ```ts
 * lax.full([2], 1.5).js() // [1.5, 1.5]
 * ```
 */
export const full = (
  shape: readonly number[],
  fillValue: ArrayLike,
  options: { readonly dtype?: DType } = {},
): NDArray => {
  checkOptions('full', options, 'dtype')
  const value = asArray(fillValue, 'full')
  checkScalar(value, 'full')
  const { dtype } = options
  return broadcastInDim(dtype === undefined ? value : convertElementType(value, checkDType(dtype, 'full')), shape, [])
}

/**
 * One repeated value in the shape and dtype of another array, unless others are asked for.
 *
 * @example
 * ```ts
 * lax.fullLike(np.ones([2]), 7).js() // [7, 7]
 * ```
 */
export const fullLike = (
  x: ArrayLike,
  fillValue: ArrayLike,
  options: { readonly dtype?: DType; readonly shape?: readonly number[] } = {},
): NDArray => {
  checkOptions('fullLike', options, 'dtype shape')
  const like = asArray(x, 'fullLike')
  const value = asArray(fillValue, 'fullLike')
  checkScalar(value, 'fullLike')
  return full(options.shape ?? like.shape, value, { dtype: options.dtype ?? like.dtype })
}
