/** The family of scatters: what setting, adding, multiplying and so on at indices have in common. */
import {
  type ArrayLike,
  type CombineOp,
  type DType,
  type Expression,
  type JvpRule,
  type NDArray,
  type Primitive,
  type SampleDomain,
  type TransposeRule,
  DTypeError,
  avalText,
  bindOne,
  definePrimitive,
  e,
  isFloating,
  known,
  range,
  shapedArray,
  sizeOf,
  checkOptions,
} from '../core/index.js'
import { batchInFront } from './concatenate.js'
import { asArray, operands } from './operands.js'
import {
  type GatherScatterMode,
  type ScatterDimensionNumbers,
  type WindowMode,
  type WindowNumbers,
  batchNumbers,
  checkUpdates,
  checkWindows,
  parseMode,
  parseNumbers,
  placeInOperand,
  printMode,
  printNumbers,
  sampleWindows,
  scatterNames,
  scatterNumbers,
  scatterSizes,
  windowMode,
  windowsInside,
  windowsShape,
} from './windows.js'

export interface ScatterParams {
  readonly dimensionNumbers: WindowNumbers
  readonly indicesAreSorted: boolean
  readonly uniqueIndices: boolean
  readonly mode: WindowMode
}

/** What callers may promise about indices, and what to do with those outside. */
export interface ScatterOptions {
  /** `drop` (the default) leaves out windows that are not wholly inside, `clip` moves them inside. */
  readonly mode?: GatherScatterMode
  /** No two windows overlap; derivatives are simpler then. */
  readonly uniqueIndices?: boolean
  readonly indicesAreSorted?: boolean
}

/** Writes `updates` into a copy of `operand` at `scatterIndices`. */
export type ScatterFunction = (
  operand: ArrayLike,
  scatterIndices: NDArray,
  updates: ArrayLike,
  dimensionNumbers: ScatterDimensionNumbers,
  options?: ScatterOptions,
) => NDArray

/** What distinguishes one scatter from another. */
export interface ScatterDefinition {
  /** Name in printed jaxprs. */
  readonly name: string
  /** Name of the function, for messages. */
  readonly operation: string
  readonly combine: CombineOp | 'set'
  /** What is combined, from the update; the update itself unless said. */
  readonly value?: (update: Expression) => Expression
  readonly dtypes: readonly DType[]
  readonly jvp: JvpRule<ScatterParams>
  readonly transpose?: TransposeRule<ScatterParams>
  readonly domain?: SampleDomain
}

/** Sizes of the windows that updates fill. */
export const updateSizes = (
  { dimensionNumbers }: ScatterParams,
  operand: { readonly shape: readonly number[] },
  updates: { readonly shape: readonly number[] },
): number[] => scatterSizes(dimensionNumbers, operand.shape, updates.shape)

const always = e.constant(1, 'bool')
const same = (x: Expression): Expression => x

/** Declares a scatter. */
/* @__NO_SIDE_EFFECTS__ */
export const defineScatter = (definition: ScatterDefinition): Primitive<ScatterParams> => {
  const { name, operation, combine, value, transpose } = definition
  const primitive: Primitive<ScatterParams> = definePrimitive<ScatterParams>({
    name,
    updates: true,
    passes: combine === 'set' || combine === 'max' || combine === 'min',
    expects: ([x, , y], params) => {
      const operand = known(x, 'operand')
      const sliceSizes = updateSizes(params, operand, known(y, 'updates'))
      return windowsInside({ numbers: params.dimensionNumbers, sliceSizes }, operand.shape)
    },
    abstract: ([x, at, y], params) => {
      const operand = known(x, 'operand')
      const indices = known(at, 'indices')
      const updates = known(y, 'updates')
      if (operand.dtype !== updates.dtype || !definition.dtypes.includes(operand.dtype)) {
        throw new DTypeError(
          `${operation}: operand ${avalText(operand)} and updates ${avalText(updates)} must have one dtype of ` +
            `${definition.dtypes.join(', ')}. Convert one with x.astype('...').`,
        )
      }
      const windows = { numbers: params.dimensionNumbers, sliceSizes: updateSizes(params, operand, updates) }
      checkWindows(operation, scatterNames, windows, operand, indices)
      checkUpdates(operation, windows, indices, updates, operand.shape.length)
      return [shapedArray(operand.shape, operand.dtype, operand.weakType)]
    },
    jvp: definition.jvp,
    ...(transpose !== undefined && { transpose }),
    batch: ([x, at, y], [axis, indicesAxis, updatesAxis], params, { size }) => {
      const operand = batchInFront(known(x, 'operand'), axis, size)
      const updates = batchInFront(known(y, 'updates'), updatesAxis, size)
      const shared = indicesAxis === null || indicesAxis === undefined
      const indices = shared ? known(at, 'indices') : batchInFront(known(at, 'indices'), indicesAxis, size)
      const dimensionNumbers = batchNumbers(params.dimensionNumbers, shared ? 'operand' : 'both')
      return [[bindOne(primitive, [operand, indices, updates], { ...params, dimensionNumbers })], [0]]
    },
    lower: (compiler, [x, at, y], params) => {
      const operand = known(x, 'operand')
      const indices = known(at, 'indices')
      const updates = known(y, 'updates')
      const { shape } = operand.aval
      const { dimensionNumbers: given } = params
      const windows = { numbers: given, sliceSizes: updateSizes(params, operand.aval, updates.aval) }
      const outer = indices.aval.shape.slice(0, -1)
      const perMember = sizeOf(outer.filter((_, d) => !given.startIndicesBatchingDims.includes(d)))
      const unique = params.uniqueIndices || perMember <= 1
      // Of windows that overlap in part, the later one is written later: windows are the outer loop, as in XLA.
      const { sliceSizes } = windows
      const partly = given.startIndexMap.some((d) => sliceSizes[d] !== 1 && sliceSizes[d] !== shape[d])
      const rank = updates.aval.shape.length
      const order =
        unique || !partly
          ? range(rank)
          : [...range(rank).filter((d) => !given.offsetDims.includes(d)), ...given.offsetDims]
      const inOrder = (index: readonly Expression[]): Expression[] =>
        range(rank).map((d) => known(index[order.indexOf(d)], 'index'))
      return [
        compiler.scatter({
          operand,
          extents: order.map((d) => known(updates.aval.shape[d], 'size')),
          combine,
          unique,
          target: (update) => {
            const { index, inside } = placeInOperand(windows, shape, indices, inOrder(update))
            return { index, inBounds: params.mode === 'clip' ? always : inside }
          },
          value: (update) => (value ?? same)(updates.at(inOrder(update))),
        }),
      ]
    },
    sample: (draw) => {
      const mode = draw.pick(['clip', 'fillOrDrop', 'promiseInBounds'] as const)
      const windows = sampleWindows(draw, mode === 'promiseInBounds')
      const { shape, min, max } = windows.indices
      const dtype = draw.pick(definition.dtypes.filter((d) => d !== 'bool'))
      // Shifted by less than the distance between samples, so that operand and updates have no ties.
      const shift = isFloating(dtype) ? 0.03 : 0
      return {
        inputs: [
          draw.array(windows.operand, dtype, definition.domain),
          draw.array(shape, 'int32', { min, max }),
          draw.array(windowsShape(windows, shape), dtype, { min: shift - 1, max: shift + 1, ...definition.domain }),
        ],
        params: { dimensionNumbers: windows.numbers, indicesAreSorted: false, uniqueIndices: false, mode },
      }
    },
    print: ({ dimensionNumbers, indicesAreSorted, uniqueIndices, mode }) => ({
      dimension_numbers: printNumbers('ScatterDimensionNumbers', scatterNames, dimensionNumbers),
      indices_are_sorted: indicesAreSorted,
      mode: printMode(mode),
      unique_indices: uniqueIndices,
    }),
    parse: (printed) => ({
      dimensionNumbers: parseNumbers(scatterNames, printed['dimension_numbers']),
      indicesAreSorted: printed['indices_are_sorted'] === true,
      uniqueIndices: printed['unique_indices'] === true,
      mode: parseMode(printed['mode']),
    }),
  })
  return primitive
}

/** The public function of a scatter. */
/* @__NO_SIDE_EFFECTS__ */
export const scatterFunction =
  (operation: string, primitive: Primitive<ScatterParams>): ScatterFunction =>
  (operand, scatterIndices, updates, dimensionNumbers, options = {}) => {
    checkOptions(operation, options, 'mode uniqueIndices indicesAreSorted')
    const [x, y] = operands(operation, [operand, updates])
    return bindOne(primitive, [known(x, 'operand'), asArray(scatterIndices, operation), known(y, 'updates')], {
      dimensionNumbers: scatterNumbers(dimensionNumbers),
      indicesAreSorted: options.indicesAreSorted ?? false,
      uniqueIndices: options.uniqueIndices ?? false,
      mode: windowMode(options.mode ?? 'drop', operation),
    })
  }
