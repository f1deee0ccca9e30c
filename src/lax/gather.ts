/** Reading windows of an array at computed places, and its transpose, adding to windows. */
import {
  type ArrayLike,
  type DType,
  type NDArray,
  type Primitive,
  type ShapedArray,
  type TransposeRule,
  ArgumentError,
  avalText,
  bindOne,
  definePrimitive,
  dtypeKind,
  dtypeRange,
  dtypes,
  e,
  isFloating,
  isLinear,
  known,
  knownInput,
  shapedArray,
  sizeOf,
  checkOptions,
} from '../core/index.js'
import { neg } from './arithmetic.js'
import { numbers, zerosOf } from './broadcasting.js'
import { batchInFront } from './concatenate.js'
import { numeric } from './elementwise.js'
import { asArray } from './operands.js'
import {
  type ScatterFunction,
  type ScatterParams,
  defineScatter,
  scatterFunction,
  updateSizes,
} from './scatter-primitive.js'
import {
  type GatherDimensionNumbers,
  type GatherScatterMode,
  type WindowMode,
  type WindowNumbers,
  batchNumbers,
  checkWindows,
  gatherNames,
  gatherNumbers,
  parseMode,
  parseNumbers,
  placeInOperand,
  printMode,
  printNumbers,
  sampleWindows,
  windowMode,
  windowsInside,
  windowsShape,
} from './windows.js'

export type { GatherDimensionNumbers, GatherScatterMode } from './windows.js'

export interface GatherParams {
  readonly dimensionNumbers: WindowNumbers
  readonly sliceSizes: readonly number[]
  readonly indicesAreSorted: boolean
  readonly uniqueIndices: boolean
  readonly mode: WindowMode
  /** What windows outside are filled with; null but in mode fillOrDrop. */
  readonly fillValue: number | null
}

const gatherPrimitive: Primitive<GatherParams> = definePrimitive<GatherParams>({
  name: 'gather',
  passes: true,
  abstract: ([x, at], { dimensionNumbers, sliceSizes }) => {
    const operand = known(x, 'operand')
    const indices = known(at, 'indices')
    const windows = { numbers: dimensionNumbers, sliceSizes }
    checkWindows('gather', gatherNames, windows, operand, indices)
    const shape = windowsShape(windows, indices.shape)
    if (sizeOf(operand.shape) === 0 && sizeOf(shape) !== 0) {
      throw new ArgumentError(`gather: ${avalText(operand)} is empty, so that there is nothing to read at any index.`)
    }
    return [shapedArray(shape, operand.dtype, operand.weakType)]
  },
  jvp: ([x, at], [t], params) => {
    const inputs = [known(x, 'operand'), known(at, 'indices')]
    const zeroFilled = { ...params, fillValue: params.fillValue === null ? null : 0 }
    return [
      [bindOne(gatherPrimitive, inputs, params)],
      [t === null || t === undefined ? null : bindOne(gatherPrimitive, [t, known(at, 'indices')], zeroFilled)],
    ]
  },
  transpose: ([c], [x, at], { dimensionNumbers, indicesAreSorted, uniqueIndices, mode }) => {
    if (!isLinear(x)) return [null, null]
    const ct = known(c ?? undefined, 'cotangent')
    const zeros = zerosOf(shapedArray(x.aval.shape, ct.dtype))
    const params = { dimensionNumbers, indicesAreSorted, uniqueIndices, mode }
    return [bindOne(scatterAddPrimitive, [zeros, knownInput(at), ct], params), null]
  },
  batch: ([x, at], [axis, indicesAxis], params, { size }) => {
    const operand = known(x, 'operand')
    const indices = known(at, 'indices')
    if (indicesAxis === null || indicesAxis === undefined) {
      const moved = batchInFront(operand, axis, size)
      return [
        [
          bindOne(gatherPrimitive, [moved, indices], {
            ...params,
            dimensionNumbers: batchNumbers(params.dimensionNumbers, 'operand'),
            sliceSizes: [size, ...params.sliceSizes],
          }),
        ],
        [0],
      ]
    }
    const movedIndices = batchInFront(indices, indicesAxis, size)
    if (axis === null || axis === undefined) {
      // Members may read the same or earlier windows, so promises about the indices don't hold for all of them.
      const dimensionNumbers = batchNumbers(params.dimensionNumbers, 'indices')
      const together = { ...params, dimensionNumbers, uniqueIndices: false, indicesAreSorted: false }
      return [[bindOne(gatherPrimitive, [operand, movedIndices], together)], [0]]
    }
    return [
      [
        bindOne(gatherPrimitive, [batchInFront(operand, axis, size), movedIndices], {
          ...params,
          dimensionNumbers: batchNumbers(params.dimensionNumbers, 'both'),
          sliceSizes: [1, ...params.sliceSizes],
        }),
      ],
      [0],
    ]
  },
  expects: ([x], { dimensionNumbers, sliceSizes }) =>
    windowsInside({ numbers: dimensionNumbers, sliceSizes }, known(x, 'operand').shape),
  lower: (_, [x, at], { dimensionNumbers, sliceSizes, mode, fillValue }, [out]) => {
    const operand = known(x, 'operand')
    const indices = known(at, 'indices')
    const windows = { numbers: dimensionNumbers, sliceSizes }
    return [
      {
        aval: known(out, 'result'),
        at: (element) => {
          const { index, inside } = placeInOperand(windows, operand.aval.shape, indices, element)
          const value = operand.at(index)
          return mode === 'fillOrDrop' ? e.select(inside, value, e.constant(fillValue ?? 0, value.dtype)) : value
        },
      },
    ]
  },
  sample: (draw) => {
    const mode = draw.pick(['clip', 'fillOrDrop', 'promiseInBounds'] as const)
    const windows = sampleWindows(draw, mode === 'promiseInBounds')
    const { shape, min, max } = windows.indices
    const dtype = draw.pick(dtypes)
    return {
      inputs: [draw.array(windows.operand, dtype), draw.array(shape, 'int32', { min, max })],
      params: {
        dimensionNumbers: windows.numbers,
        sliceSizes: windows.sliceSizes,
        indicesAreSorted: false,
        uniqueIndices: false,
        mode,
        fillValue: mode === 'fillOrDrop' ? 1 : null,
      },
    }
  },
  print: ({ dimensionNumbers, sliceSizes, indicesAreSorted, uniqueIndices, mode, fillValue }) => ({
    dimension_numbers: printNumbers('GatherDimensionNumbers', gatherNames, dimensionNumbers),
    fill_value: fillValue,
    indices_are_sorted: indicesAreSorted,
    mode: printMode(mode),
    slice_sizes: sliceSizes,
    unique_indices: uniqueIndices,
  }),
  parse: (printed) => ({
    dimensionNumbers: parseNumbers(gatherNames, printed['dimension_numbers']),
    sliceSizes: numbers(printed['slice_sizes']),
    indicesAreSorted: printed['indices_are_sorted'] === true,
    uniqueIndices: printed['unique_indices'] === true,
    mode: parseMode(printed['mode']),
    fillValue: typeof printed['fill_value'] === 'number' ? printed['fill_value'] : null,
  }),
})

/** What JAX fills windows outside with: NaN, the least signed, the largest unsigned integer, true. */
const defaultFill = (dtype: DType): number =>
  isFloating(dtype) ? NaN : dtypeKind(dtype) === 'signed' ? dtypeRange(dtype).min : dtypeRange(dtype).max

export interface GatherOptions {
  /**
   * `promiseInBounds` (the default) and `clip` move windows that are not wholly inside to the nearest place inside;
   * `fill` gives `fillValue` for all of them.
   */
  readonly mode?: GatherScatterMode
  /** NaN for floats, the least value of signed and the largest of unsigned integers, true for bool, unless said. */
  readonly fillValue?: number | null
  /** No two windows overlap. */
  readonly uniqueIndices?: boolean
  readonly indicesAreSorted?: boolean
}

/**
 * Reads windows of the given sizes out of `operand`, one for each vector along the last axis of `startIndices`
 * (https://openxla.org/xla/operation_semantics#gather). Indexing with `x.get(...)` and `np.take` are easier to use.
 *
 * Throws ArgumentError when dimension numbers and shapes don't fit, DTypeError unless indices are integers.
 *
 * @example
 * ```ts
 * const rows = { offsetDims: [1], collapsedSliceDims: [0], startIndexMap: [0] }
 * lax.gather(np.reshape(np.arange(6), [3, 2]), lax.full([1, 1], 2), rows, [1, 2]).js() // [[4, 5]]
 * ```
 */
export const gather = (
  operand: ArrayLike,
  startIndices: NDArray,
  dimensionNumbers: GatherDimensionNumbers,
  sliceSizes: readonly number[],
  options: GatherOptions = {},
): NDArray => {
  checkOptions('gather', options, 'mode fillValue uniqueIndices indicesAreSorted')
  const x = asArray(operand, 'gather')
  const mode = windowMode(options.mode ?? 'promiseInBounds', 'gather')
  return bindOne(gatherPrimitive, [x, asArray(startIndices, 'gather')], {
    dimensionNumbers: gatherNumbers(dimensionNumbers),
    sliceSizes,
    indicesAreSorted: options.indicesAreSorted ?? false,
    uniqueIndices: options.uniqueIndices ?? false,
    mode,
    fillValue: mode === 'fillOrDrop' ? (options.fillValue ?? defaultFill(x.dtype)) : null,
  })
}

/** Reads the windows that a scatter writes: what is there for each element of its updates, or `fillValue`. */
export const gatherUpdates = (
  x: NDArray,
  indices: NDArray,
  updates: Pick<ShapedArray, 'shape'>,
  params: ScatterParams,
): NDArray =>
  bindOne(gatherPrimitive, [x, indices], {
    ...params,
    sliceSizes: updateSizes(params, x, updates),
    fillValue: params.mode === 'fillOrDrop' ? 0 : null,
  })

/** Rule of scatters that add: they are linear in operand and updates. */
const transposeAdding =
  (ofUpdates: (ct: NDArray) => NDArray): TransposeRule<ScatterParams> =>
  ([c], [x, at, y], params) => {
    const ct = known(c ?? undefined, 'cotangent')
    const updates = known(y, 'updates')
    return [
      isLinear(x) ? ct : null,
      null,
      isLinear(updates) ? ofUpdates(gatherUpdates(ct, knownInput(at), updates.aval, params)) : null,
    ]
  }

const addingJvp =
  (primitive: () => Primitive<ScatterParams>) =>
  (
    [x, at, y]: readonly NDArray[],
    [t, , tUpdates]: readonly (NDArray | null)[],
    params: ScatterParams,
  ): readonly [readonly NDArray[], readonly NDArray[]] => {
    const operand = known(x, 'operand')
    const indices = known(at, 'indices')
    const updates = known(y, 'updates')
    const tangents = [t ?? zerosOf(operand.aval), indices, tUpdates ?? zerosOf(updates.aval)]
    return [[bindOne(primitive(), [operand, indices, updates], params)], [bindOne(primitive(), tangents, params)]]
  }

const scatterAddPrimitive: Primitive<ScatterParams> = defineScatter({
  name: 'scatter-add',
  operation: 'scatterAdd',
  combine: 'add',
  dtypes: numeric,
  jvp: addingJvp(() => scatterAddPrimitive),
  transpose: transposeAdding((ct) => ct),
})

const scatterSubPrimitive: Primitive<ScatterParams> = defineScatter({
  name: 'scatter-sub',
  operation: 'scatterSub',
  combine: 'add',
  value: (update) => e.unary('neg', update),
  dtypes: numeric,
  jvp: addingJvp(() => scatterSubPrimitive),
  transpose: transposeAdding(neg),
})

/**
 * Adds each update to the element of `operand` that its index names; updates to one element are all added.
 *
 * Throws ArgumentError or ShapeError when dimension numbers and shapes don't fit.
 *
 * @example
 * ```ts
 * const numbers = { updateWindowDims: [], insertedWindowDims: [0], scatterDimsToOperandDims: [0] }
 * lax.scatterAdd(np.zeros([3]), lax.full([2, 1], 1), np.ones([2]), numbers).js() // [0, 2, 0]
 * ```
 */
export const scatterAdd: ScatterFunction = scatterFunction('scatterAdd', scatterAddPrimitive)

/** Subtracts each update from the element of `operand` that its index names; see `scatterAdd`. */
export const scatterSub: ScatterFunction = scatterFunction('scatterSub', scatterSubPrimitive)
