/** Parts of arrays at places computed at run time: of fixed size, and moved inside when they would lead outside. */
import {
  type ArrayLike,
  type BatchAxis,
  type Delayed,
  type Expectation,
  type Expression,
  type Primitive,
  type ShapedArray,
  ArgumentError,
  DTypeError,
  NDArray,
  ShapeError,
  avalText,
  bindOne,
  canonicalAxis,
  definePrimitive,
  dtypes,
  e,
  integerDTypes,
  isInteger,
  isLinear,
  isUnsigned,
  known,
  knownInput,
  range,
  shapeText,
  shapedArray,
  sizeOf,
  checkOptions,
} from '../core/index.js'
import { add } from './arithmetic.js'
import { broadcastInDim, moveAxis, zerosOf } from './broadcasting.js'
import { lt, select } from './comparison.js'
import { batchInFront, concatenate } from './concatenate.js'
import { gather } from './gather.js'
import { asArray, convertElementType, operands } from './operands.js'
import { scatter } from './scatter.js'
import { expandDims, squeeze } from './shape.js'
import { indexInDim } from './slicing.js'
import { startWithin } from './windows.js'

const checkStarts = (operation: string, operand: ShapedArray, starts: readonly ShapedArray[]): void => {
  if (starts.length !== operand.shape.length) {
    throw new ShapeError(
      `${operation}: ${avalText(operand)} needs ${operand.shape.length} start indices, one per axis; got ${starts.length}.`,
    )
  }
  if (starts.some((s) => s.shape.length !== 0 || !isInteger(s.dtype) || s.dtype !== starts[0]?.dtype)) {
    throw new DTypeError(
      `${operation}: start indices must be integer scalars of one dtype, got ${starts.map(avalText).join(', ')}. ` +
        `Convert them with x.astype('int32').`,
    )
  }
}

const checkSizes = (operation: string, operand: ShapedArray, sizes: readonly number[]): void => {
  const fits =
    sizes.length === operand.shape.length &&
    sizes.every((size, d) => Number.isInteger(size) && size >= 0 && size <= known(operand.shape[d], 'size'))
  if (fits) return
  throw new ShapeError(
    `${operation}: a part of shape ${shapeText(sizes)} cannot lie inside of ${avalText(operand)}; ` +
      `ranks must be equal, and no size may be larger than the operand's.`,
  )
}

/** Start of a part on each axis, moved so that the part lies inside. */
const startExpressions = (
  operand: readonly number[],
  sizes: readonly number[],
  starts: readonly Delayed[],
): Expression[] =>
  starts.map((start, d) => startWithin(start.at([]), known(operand[d], 'size') - known(sizes[d], 'size')).clamped)

/** Parts must lie inside: what is expected of start indices, the last operands. */
const partInside = (inputs: readonly ShapedArray[], sizes: readonly number[]): readonly Expectation[] =>
  known(inputs[0], 'operand').shape.map((size, axis) => ({
    kind: 'index',
    operand: inputs.length - sizes.length + axis,
    axis,
    size,
    window: known(sizes[axis], 'size'),
  }))

/** Start indices as one array of vectors, whose first axis is the batch. */
const stackedStarts = (starts: readonly NDArray[], axes: readonly BatchAxis[], size: number): NDArray =>
  concatenate(
    starts.map((start, i) => broadcastInDim(start, [size, 1], (axes[i] ?? null) === null ? [] : [0])),
    1,
  )

export interface DynamicSliceParams {
  readonly sliceSizes: readonly number[]
}

const dynamicSlicePrimitive: Primitive<DynamicSliceParams> = definePrimitive<DynamicSliceParams>({
  name: 'dynamic_slice',
  passes: true,
  expects: (inputs, { sliceSizes }) => partInside(inputs, sliceSizes),
  abstract: ([x, ...starts], { sliceSizes }) => {
    const operand = known(x, 'operand')
    checkStarts('dynamicSlice', operand, starts)
    checkSizes('dynamicSlice', operand, sliceSizes)
    return [shapedArray(sliceSizes, operand.dtype, operand.weakType)]
  },
  jvp: ([x, ...starts], [t], params) => [
    [bindOne(dynamicSlicePrimitive, [known(x, 'operand'), ...starts], params)],
    [t === null || t === undefined ? null : bindOne(dynamicSlicePrimitive, [t, ...starts], params)],
  ],
  transpose: ([c], [x, ...starts]) => {
    const ct = known(c ?? undefined, 'cotangent')
    const none = starts.map(() => null)
    if (!isLinear(x)) return [null, ...none]
    const zeros = zerosOf(shapedArray(x.aval.shape, ct.dtype))
    return [bindOne(dynamicUpdateSlicePrimitive, [zeros, ct, ...starts.map(knownInput)], {}), ...none]
  },
  batch: ([x, ...starts], [axis, ...startAxes], { sliceSizes }, { size }) => {
    const operand = known(x, 'operand')
    if (axis !== null && axis !== undefined && startAxes.every((a) => a === null)) {
      const zero = convertElementType(0, starts[0]?.dtype ?? 'int32')
      const sizes = sliceSizes.toSpliced(axis, 0, size)
      return [
        [bindOne(dynamicSlicePrimitive, [operand, ...starts.toSpliced(axis, 0, zero)], { sliceSizes: sizes })],
        [axis],
      ]
    }
    const indices = stackedStarts(starts, startAxes, size)
    const windowed = sliceSizes.map((_, d) => d + 1)
    const options = { mode: 'clip', uniqueIndices: true, indicesAreSorted: true } as const
    if (axis === null || axis === undefined) {
      const numbers = { offsetDims: windowed, collapsedSliceDims: [], startIndexMap: range(operand.ndim) }
      // Several parts of one operand may overlap.
      return [[gather(operand, indices, numbers, sliceSizes, { mode: 'clip' })], [0]]
    }
    const numbers = {
      offsetDims: windowed,
      collapsedSliceDims: [],
      startIndexMap: windowed,
      operandBatchingDims: [0],
      startIndicesBatchingDims: [0],
    }
    return [[gather(moveAxis(operand, axis, 0), indices, numbers, [1, ...sliceSizes], options)], [0]]
  },
  lower: (_, [x, ...starts], { sliceSizes }, [out]) => {
    const operand = known(x, 'operand')
    const first = startExpressions(operand.aval.shape, sliceSizes, starts)
    return [
      {
        aval: known(out, 'result'),
        at: (index) => operand.at(index.map((i, d) => e.binary('add', known(first[d], 'start'), i))),
      },
    ]
  },
  sample: (draw) => {
    const shape = draw.shape({ maxRank: 3 })
    const sliceSizes = shape.map((size) => draw.integer(0, size))
    const dtype = draw.pick(integerDTypes)
    return {
      inputs: [
        draw.array(shape, draw.pick(dtypes)),
        ...shape.map((size) => draw.array([], dtype, { min: isUnsigned(dtype) ? 0 : -1, max: size + 1 })),
      ],
      params: { sliceSizes },
    }
  },
})

type Empty = Record<never, never>

const dynamicUpdateSlicePrimitive: Primitive<Empty> = definePrimitive<Empty>({
  name: 'dynamic_update_slice',
  updates: true,
  passes: true,
  expects: (inputs) => partInside(inputs, known(inputs[1], 'update').shape),
  abstract: ([x, y, ...starts]) => {
    const operand = known(x, 'operand')
    const update = known(y, 'update')
    if (operand.dtype !== update.dtype) {
      throw new DTypeError(
        `dynamicUpdateSlice: operand ${avalText(operand)} and update ${avalText(update)} must have one dtype; ` +
          `convert one with x.astype('...').`,
      )
    }
    checkStarts('dynamicUpdateSlice', operand, starts)
    checkSizes('dynamicUpdateSlice', operand, update.shape)
    return [shapedArray(operand.shape, operand.dtype, operand.weakType && update.weakType)]
  },
  jvp: ([x, y, ...starts], [t, tUpdate]) => {
    const operand = known(x, 'operand')
    const update = known(y, 'update')
    const tangents = [t ?? zerosOf(operand.aval), tUpdate ?? zerosOf(update.aval), ...starts]
    return [
      [bindOne(dynamicUpdateSlicePrimitive, [operand, update, ...starts], {})],
      [bindOne(dynamicUpdateSlicePrimitive, tangents, {})],
    ]
  },
  transpose: ([c], [x, y, ...starts]) => {
    const ct = known(c ?? undefined, 'cotangent')
    const update = known(y, 'update')
    const sliceSizes = update.aval.shape
    const at = starts.map(knownInput)
    const zeros = zerosOf(shapedArray(sliceSizes, ct.dtype))
    return [
      isLinear(x) ? bindOne(dynamicUpdateSlicePrimitive, [ct, zeros, ...at], {}) : null,
      isLinear(update) ? bindOne(dynamicSlicePrimitive, [ct, ...at], { sliceSizes }) : null,
      ...starts.map(() => null),
    ]
  },
  batch: ([x, y, ...starts], [axis, updateAxis, ...startAxes], _, { size }) => {
    const operand = batchInFront(known(x, 'operand'), axis, size)
    const update = batchInFront(known(y, 'update'), updateAxis, size)
    if (startAxes.every((a) => a === null)) {
      const zero = convertElementType(0, starts[0]?.dtype ?? 'int32')
      return [[bindOne(dynamicUpdateSlicePrimitive, [operand, update, zero, ...starts], {})], [0]]
    }
    const windowed = range(starts.length).map((d) => d + 1)
    const numbers = {
      updateWindowDims: windowed,
      insertedWindowDims: [],
      scatterDimsToOperandDims: windowed,
      operandBatchingDims: [0],
      scatterIndicesBatchingDims: [0],
    }
    const options = { mode: 'clip', uniqueIndices: true, indicesAreSorted: true } as const
    return [[scatter(operand, stackedStarts(starts, startAxes, size), update, numbers, options)], [0]]
  },
  lower: (compiler, [x, y, ...starts]) => {
    const operand = known(x, 'operand')
    const update = known(y, 'update')
    const { shape } = update.aval
    if (sizeOf(shape) === 0) return [operand]
    const first = startExpressions(operand.aval.shape, shape, starts)
    const element = (index: readonly Expression[]): Expression => {
      let inside = e.constant(1, 'bool')
      const local = index.map((i, d) => {
        const position = e.binary('sub', i, known(first[d], 'start'))
        const last = e.index(known(shape[d], 'size') - 1)
        inside = e.binary('and', inside, e.compare('ge', position, e.index(0)))
        inside = e.binary('and', inside, e.compare('le', position, last))
        // Both branches of a selection may be evaluated, so the index stays inside in any case.
        return e.binary('max', e.binary('min', position, last), e.index(0))
      })
      return e.select(inside, update.at(local), operand.at(index))
    }
    const scattered = compiler.scatter({
      operand,
      extents: shape,
      combine: 'set',
      unique: true,
      target: (index) => ({
        index: index.map((i, d) => e.binary('add', known(first[d], 'start'), i)),
        inBounds: e.constant(1, 'bool'),
      }),
      value: (index) => update.at(index),
      element,
    })
    return [scattered]
  },
  sample: (draw) => {
    const shape = draw.shape({ maxRank: 3 })
    const sizes = shape.map((size) => draw.integer(0, size))
    const dtype = draw.pick(dtypes)
    return {
      inputs: [
        draw.array(shape, dtype),
        draw.array(sizes, dtype),
        ...shape.map((size) => draw.array([], 'int32', { min: -1, max: size + 1 })),
      ],
      params: {},
    }
  },
})

/** Start indices of a part: one integer per axis, known or computed, or all of them in one array. */
export type StartIndices = readonly ArrayLike[] | NDArray

/** Start indices as scalars of one dtype; negative ones count from the end. */
const startArrays = (operation: string, operand: NDArray, given: StartIndices): NDArray[] => {
  if (given instanceof NDArray) {
    if (given.ndim !== 1) {
      throw new ShapeError(
        `${operation}: start indices must be a list of scalars or an array of rank 1, got ${avalText(given.aval)}.`,
      )
    }
    const each = range(given.size).map((i) => indexInDim(given, i, { keepdims: false }))
    return startArrays(operation, operand, each)
  }
  const counted = given.map((start, d) => {
    const size = operand.shape[d] ?? 0
    if (typeof start === 'number') {
      if (!Number.isInteger(start))
        throw new ArgumentError(`${operation}: start index ${start} of axis ${d} is not an integer.`)
      return asArray(start < 0 ? start + size : start, operation)
    }
    const x = asArray(start, operation)
    return isInteger(x.dtype) && !isUnsigned(x.dtype) ? select(lt(x, 0), add(x, size), x) : x
  })
  const arrays = operands(operation, counted)
  const [first] = arrays
  return arrays.every((x) => x.dtype === first?.dtype || !isInteger(x.dtype))
    ? arrays
    : arrays.map((x) => convertElementType(x, 'int32'))
}

/**
 * The part of shape `sliceSizes` that begins at `startIndices`, which may be computed. Negative indices count from the
 * end; a part that would lead outside is moved inside.
 *
 * Throws ShapeError when the part is larger than the operand, DTypeError unless indices are integers.
 *
 * @example
 * ```ts
 * lax.dynamicSlice(np.arange(6), [4], [3]).js() // [3, 4, 5]
 * ```
 */
export const dynamicSlice = (
  operand: ArrayLike,
  startIndices: StartIndices,
  sliceSizes: readonly number[],
): NDArray => {
  const x = asArray(operand, 'dynamicSlice')
  return bindOne(dynamicSlicePrimitive, [x, ...startArrays('dynamicSlice', x, startIndices)], { sliceSizes })
}

/**
 * `operand` with the part that begins at `startIndices` replaced by `update`. Negative indices count from the end; a
 * part that would lead outside is moved inside.
 *
 * Throws ShapeError when the update is larger than the operand, DTypeError when dtypes differ.
 *
 * @example
 * ```ts
 * lax.dynamicUpdateSlice(np.zeros([4]), np.ones([2]), [1]).js() // [0, 1, 1, 0]
 * ```
 */
export const dynamicUpdateSlice = (operand: ArrayLike, update: ArrayLike, startIndices: StartIndices): NDArray => {
  const [a, b] = operands('dynamicUpdateSlice', [operand, update])
  const x = known(a, 'operand')
  const starts = startArrays('dynamicUpdateSlice', x, startIndices)
  return bindOne(dynamicUpdateSlicePrimitive, [x, known(b, 'update'), ...starts], {})
}

const startsOf = (x: NDArray, axis: number, start: ArrayLike): ArrayLike[] =>
  x.shape.map((_, d) => (d === axis ? start : 0))

/** `sliceSize` elements of one axis from a computed index; see `dynamicSlice`. */
export const dynamicSliceInDim = (
  operand: ArrayLike,
  startIndex: ArrayLike,
  sliceSize: number,
  options: { readonly axis?: number } = {},
): NDArray => {
  checkOptions('dynamicSliceInDim', options, 'axis')
  const x = asArray(operand, 'dynamicSliceInDim')
  const axis = canonicalAxis(options.axis ?? 0, x.ndim, 'dynamicSliceInDim')
  return dynamicSlice(x, startsOf(x, axis, startIndex), x.shape.with(axis, sliceSize))
}

/**
 * The part of an array at a computed index of one axis, which keeps size 1 unless `keepdims` is false.
 *
 * @example
 * ```ts
 * lax.dynamicIndexInDim(np.arange(6), np.array(2, { dtype: 'int32' }), { keepdims: false }).item() // 2
 * ```
 */
export const dynamicIndexInDim = (
  operand: ArrayLike,
  index: ArrayLike,
  options: { readonly axis?: number; readonly keepdims?: boolean } = {},
): NDArray => {
  checkOptions('dynamicIndexInDim', options, 'axis keepdims')
  const x = asArray(operand, 'dynamicIndexInDim')
  const axis = canonicalAxis(options.axis ?? 0, x.ndim, 'dynamicIndexInDim')
  const part = dynamicSliceInDim(x, index, 1, { axis })
  return (options.keepdims ?? true) ? part : squeeze(part, [axis])
}

/** `operand` with elements of one axis, from a computed index on, replaced by `update`; see `dynamicUpdateSlice`. */
export const dynamicUpdateSliceInDim = (
  operand: ArrayLike,
  update: ArrayLike,
  startIndex: ArrayLike,
  axis: number,
): NDArray => {
  const x = asArray(operand, 'dynamicUpdateSliceInDim')
  return dynamicUpdateSlice(x, update, startsOf(x, canonicalAxis(axis, x.ndim, 'dynamicUpdateSliceInDim'), startIndex))
}

/** `operand` with the part at a computed index of one axis replaced by `update`, which may lack that axis. */
export const dynamicUpdateIndexInDim = (
  operand: ArrayLike,
  update: ArrayLike,
  index: ArrayLike,
  axis: number,
): NDArray => {
  const x = asArray(operand, 'dynamicUpdateIndexInDim')
  const at = canonicalAxis(axis, x.ndim, 'dynamicUpdateIndexInDim')
  const y = asArray(update, 'dynamicUpdateIndexInDim')
  return dynamicUpdateSliceInDim(x, y.ndim === x.ndim ? y : expandDims(y, [at]), index, at)
}
