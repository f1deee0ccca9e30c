/** Windowed sums and extrema (pooling), and reductions of windows by other functions. */
import {
  type ArrayLike,
  type CombineOp,
  type DType,
  type NDArray,
  type Primitive,
  type PrimitiveDefinition,
  type ShapedArray,
  DTypeError,
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
import { broadcastInDim, defineLinear, filled, moveAxis, reshape, scalarOf } from './broadcasting.js'
import { numeric } from './elementwise.js'
import {
  type Padding,
  type WindowParams,
  batchedWindow,
  checkPerAxis,
  dilatedSize,
  resolvePadding,
  sampleWindow,
  windowElement,
  windowedShape,
} from './geometry.js'
import { asArray } from './operands.js'
import { type Computation, combination, identityOf, initialValue, recognizeComputation } from './reductions.js'
import { selectAndGatherAdd } from './select-and-scatter.js'
import { pad, slice } from './slicing.js'

/** What the windowed reductions have in common. */
const windowed = (
  name: string,
  combine: 'add' | 'max' | 'min',
): Pick<PrimitiveDefinition<WindowParams>, 'name' | 'abstract' | 'lower' | 'sample'> => ({
  name,
  abstract: ([x], params) => {
    const operand = known(x, 'operand')
    if (!numeric.includes(operand.dtype)) {
      throw new DTypeError(
        `reduceWindow: an operand of dtype ${operand.dtype} is not accepted here; it takes ${numeric.join(', ')}. ` +
          `Convert with x.astype('...').`,
      )
    }
    return [shapedArray(windowedShape(operand.shape, params), operand.dtype, operand.weakType)]
  },
  lower: (compiler, [x], params, [out]) => {
    const operand = known(x, 'operand')
    const { dtype } = operand.aval
    const init = identityOf(combine, dtype)
    return [
      compiler.reduce({
        aval: known(out, 'result'),
        extents: params.windowDimensions,
        combine,
        init,
        element: (window, inner) => {
          const { index, inside } = windowElement(operand.aval.shape, params, window, inner)
          return e.select(inside, operand.at(index), e.constant(init, dtype))
        },
      }),
    ]
  },
  sample: (draw) => {
    const dtype = draw.pick(numeric)
    // The infinite extremum of a window without elements has no difference quotient.
    const { shape, params } = combine !== 'add' && isFloating(dtype) ? sampleWindow(draw, false) : sampleWindow(draw)
    return { inputs: [draw.array(shape, dtype, { distinct: true })], params }
  },
})

const ones = (values: readonly number[]): number[] => values.map(() => 1)

const isOne = (values: readonly number[]): boolean => values.every((v) => v === 1)

/** Cotangent of a sum over windows: each element gets those of the windows that it is in. */
const spreadCotangent = (ct: NDArray, operand: ShapedArray, params: WindowParams): NDArray => {
  const { windowDimensions, windowStrides, padding, baseDilation, windowDilation } = params
  if (ct.size === 0 || sizeOf(operand.shape) === 0) return filled(0, operand)
  const zero = scalarOf(0, ct.aval)
  const disjoint = windowDimensions.every((size, d) => size === windowStrides[d])
  if (disjoint && isOne(baseDilation) && isOne(windowDilation)) {
    // Every element is in one window, and gets that window's cotangent.
    const rank = ct.ndim
    const repeated = broadcastInDim(
      ct,
      ct.shape.flatMap((count, d) => [count, known(windowDimensions[d], 'window')]),
      range(rank).map((d) => 2 * d),
    )
    const covered = ct.shape.map((count, d) => count * known(windowDimensions[d], 'window'))
    return pad(
      reshape(repeated, covered),
      zero,
      operand.shape.map((size, d): [number, number, number] => {
        const [low] = known(padding[d], 'padding')
        return [-low, size + low - known(covered[d], 'size'), 0]
      }),
    )
  }
  const config = operand.shape.map((size, d): [number, number, number] => {
    const stride = known(windowStrides[d], 'stride')
    const window = dilatedSize(known(windowDimensions[d], 'window'), known(windowDilation[d], 'dilation'))
    const low = window - known(padding[d], 'padding')[0] - 1
    const wanted = dilatedSize(size, known(baseDilation[d], 'dilation')) + window - 1
    return [low, wanted - low - dilatedSize(known(ct.shape[d], 'size'), stride), stride - 1]
  })
  return bindOne(reduceWindowSumPrimitive, [pad(ct, zero, config)], {
    windowDimensions,
    windowStrides: baseDilation,
    padding: operand.shape.map((): [number, number] => [0, 0]),
    baseDilation: ones(baseDilation),
    windowDilation,
  })
}

const reduceWindowSumPrimitive: Primitive<WindowParams> = defineLinear<WindowParams>({
  ...windowed('reduce_window_sum', 'add'),
  transpose: spreadCotangent,
  batch: (x, axis, params) => [bindOne(reduceWindowSumPrimitive, [moveAxis(x, axis, 0)], batchedWindow(params)), 0],
})

/* @__NO_SIDE_EFFECTS__ */
const windowedExtremum = (name: string, combine: 'max' | 'min'): Primitive<WindowParams> => {
  const primitive: Primitive<WindowParams> = definePrimitive<WindowParams>({
    ...windowed(name, combine),
    jvp: ([x], [t], params) => {
      const operand = known(x, 'operand')
      const selectPrim = combine === 'max' ? 'ge' : 'le'
      return [
        [bindOne(primitive, [operand], params)],
        [t === null || t === undefined ? null : selectAndGatherAdd(t, operand, { selectPrim, ...params })],
      ]
    },
    batch: ([x], [axis], params) => [
      [
        bindOne(
          primitive,
          [moveAxis(known(x, 'operand'), known(axis ?? undefined, 'batch axis'), 0)],
          batchedWindow(params),
        ),
      ],
      [0],
    ],
  })
  return primitive
}

const reduceWindowMaxPrimitive = windowedExtremum('reduce_window_max', 'max')
const reduceWindowMinPrimitive = windowedExtremum('reduce_window_min', 'min')

/** Combines the elements of each window by operations on whole arrays, one strided slice for each place in the window. */
const combineSlices = (
  x: NDArray,
  fill: NDArray,
  combine: (x: NDArray, y: NDArray) => NDArray,
  params: WindowParams,
  start: NDArray | undefined,
): NDArray => {
  const { windowDimensions, windowStrides, windowDilation, baseDilation, padding } = params
  const counts = windowedShape(x.shape, params)
  const padded = pad(
    x,
    fill,
    padding.map(([low, high], d) => [low, high, known(baseDilation[d], 'dilation') - 1]),
  )
  let result = start
  for (let i = 0; i < sizeOf(windowDimensions); i++) {
    let rest = i
    const starts = new Array<number>(windowDimensions.length).fill(0)
    for (let d = windowDimensions.length - 1; d >= 0; d--) {
      const size = known(windowDimensions[d], 'window')
      starts[d] = (rest % size) * known(windowDilation[d], 'dilation')
      rest = Math.floor(rest / size)
    }
    const limits = starts.map(
      (start, d) => start + (known(counts[d], 'size') - 1) * known(windowStrides[d], 'stride') + 1,
    )
    const part = slice(padded, starts, limits, windowStrides)
    result = result === undefined ? part : combine(result, part)
  }
  return known(result, 'window')
}

export interface ReduceWindowOptions {
  /** Puts `n - 1` holes between the operand's elements along each axis; all 1 unless said. */
  readonly baseDilation?: readonly number[]
  /** Puts `n - 1` holes between a window's elements along each axis; all 1 unless said. */
  readonly windowDilation?: readonly number[]
}

/**
 * Reduces the elements of each window with `computation` (`lax.add`, `lax.max`, `lax.min`, `lax.mul`, ..., or a
 * function of two scalars made of elementwise operations) and `initValue`. Padding and holes don't count as elements.
 * The windows' sizes, strides and padding ('SAME', 'VALID', 'SAME_LOWER', or pairs) are given for every axis of the
 * operand; the result has one element per window. Of equal extrema the first in the window takes the derivative.
 * Throws ArgumentError for wrong windows, ShapeError for an initial value that is not a scalar.
 *
 * @example
 * const x = np.array([[1, 2, 3, 4]])
 * lax.reduceWindow(x, -Infinity, lax.max, [1, 2], [1, 2], 'VALID') // [[2, 4]]
 */
export const reduceWindow = (
  operand: ArrayLike,
  initValue: ArrayLike,
  computation: Computation,
  windowDimensions: readonly number[],
  windowStrides: readonly number[],
  padding: Padding,
  options: ReduceWindowOptions = {},
): NDArray => {
  checkOptions('reduceWindow', options, 'baseDilation windowDilation')
  const x = asArray(operand, 'reduceWindow')
  const check = (values: readonly number[], name: string): readonly number[] =>
    checkPerAxis(values, x.ndim, 'reduceWindow', name)
  check(windowDimensions, 'windowDimensions')
  check(windowStrides, 'windowStrides')
  const baseDilation = check(options.baseDilation ?? x.shape.map(() => 1), 'baseDilation')
  const windowDilation = check(options.windowDilation ?? x.shape.map(() => 1), 'windowDilation')
  const params: WindowParams = {
    windowDimensions,
    windowStrides,
    padding: resolvePadding(
      padding,
      // As in JAX, the operand without its holes decides what SAME pads.
      x.shape,
      windowDimensions.map((size, d) => dilatedSize(size, known(windowDilation[d], 'dilation'))),
      windowStrides,
      'reduceWindow',
    ),
    baseDilation,
    windowDilation,
  }
  return reduced(x, initValue, computation, params)
}

const reduced = (x: NDArray, initValue: ArrayLike, computation: Computation, params: WindowParams): NDArray => {
  const combine = recognizeComputation(computation, x.dtype, 'reduceWindow')
  const init = initialValue(initValue, x, combine, 'reduceWindow')
  const primitive = primitiveFor(combine, x.dtype)
  if (primitive !== undefined && combine !== undefined) {
    const out = bindOne(primitive, [x], params)
    return init === undefined ? out : combination(combine)(out, init)
  }
  const shape = windowedShape(x.shape, params)
  if (sizeOf(shape) === 0) return filled(0, shapedArray(shape, x.dtype))
  const start = init === undefined ? undefined : broadcastInDim(init, shape, [])
  if (combine !== undefined) {
    return combineSlices(x, scalarOf(identityOf(combine, x.dtype), x.aval), combination(combine), params, start)
  }
  // A function that is not known has no known identity either: its initial value must be one, and fills the padding.
  return combineSlices(x, known(init, 'initial value'), computation, params, start)
}

const primitiveFor = (combine: CombineOp | undefined, dtype: DType): Primitive<WindowParams> | undefined => {
  if (!numeric.includes(dtype)) return undefined
  return combine === 'add'
    ? reduceWindowSumPrimitive
    : combine === 'max'
      ? reduceWindowMaxPrimitive
      : combine === 'min'
        ? reduceWindowMinPrimitive
        : undefined
}
