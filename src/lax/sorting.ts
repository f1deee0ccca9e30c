/** Sorting along an axis, of several operands at once, and the largest elements. */
import {
  type ArrayLike,
  type NDArray,
  type Primitive,
  type ShapedArray,
  type Tangent,
  ArgumentError,
  ShapeError,
  avalText,
  bind,
  canonicalAxis,
  definePrimitive,
  dtypes,
  e,
  known,
  range,
  sameShape,
  shapedArray,
  checkOptions,
} from '../core/index.js'
import { broadcastInDim, first } from './broadcasting.js'
import { batchInFront } from './concatenate.js'
import { gather } from './gather.js'
import { asArray } from './operands.js'
import { broadcastedIota } from './shape.js'

/** Elements at `indices` (in bounds) along an axis; the other axes go along. */
const takeAlong = (x: NDArray, indices: NDArray, axis: number): NDArray => {
  const others = range(x.ndim).filter((d) => d !== axis)
  return gather(
    x,
    broadcastInDim(indices, [...indices.shape, 1], range(x.ndim)),
    {
      offsetDims: [],
      collapsedSliceDims: [axis],
      startIndexMap: [axis],
      operandBatchingDims: others,
      startIndicesBatchingDims: others,
    },
    x.shape.map(() => 1),
    { mode: 'promiseInBounds' },
  )
}

export interface SortParams {
  readonly dimension: number
  readonly isStable: boolean
  readonly numKeys: number
}

const sortPrimitive: Primitive<SortParams> = definePrimitive<SortParams>({
  name: 'sort',
  passes: true,
  abstract: (inputs, { numKeys }) => {
    const shape = known(inputs[0], 'operand').shape
    if (inputs.some((x) => !sameShape(x.shape, shape))) {
      throw new ShapeError(
        `sort: operands ${inputs.map(avalText).join(', ')} have different shapes; they are sorted along together, so they need one shape.`,
      )
    }
    if (!Number.isInteger(numKeys) || numKeys < 1 || numKeys > inputs.length) {
      throw new ArgumentError(
        `sort: numKeys is ${numKeys}; it says how many of the ${inputs.length} operands are compared, so it must be 1 to ${inputs.length}.`,
      )
    }
    return inputs
  },
  jvp: (primals, tangents, params) => {
    const { dimension } = params
    const shape = known(primals[0], 'operand').shape
    // The permutation of the keys, found by sorting positions along.
    const sorted = bind(sortPrimitive, [...primals, broadcastedIota('int32', shape, dimension)], params)
    const permutation = known(sorted.at(-1), 'permutation')
    return [
      sorted.slice(0, -1),
      tangents.map((t): Tangent => (t === null ? null : takeAlong(t, permutation, dimension))),
    ]
  },
  batch: (inputs, axes, { dimension, isStable, numKeys }, { size }) => {
    const moved = inputs.map((x, i) => batchInFront(x, axes[i], size))
    return [bind(sortPrimitive, moved, { dimension: dimension + 1, isStable, numKeys }), inputs.map(() => 0)]
  },
  lower: (compiler, operands, { dimension, numKeys }) => compiler.sort({ operands, axis: dimension, keys: numKeys }),
  sample: (draw) => {
    const shape = draw.shape({ minRank: 1, maxRank: 3 })
    const count = draw.integer(1, 3)
    return {
      inputs: range(count).map(() =>
        draw.array(shape, draw.pick(dtypes.filter((d) => d !== 'bool')), { distinct: true }),
      ),
      params: { dimension: draw.integer(0, shape.length - 1), isStable: true, numKeys: draw.integer(1, count) },
    }
  },
})

export interface SortOptions {
  /** Axis to sort along, the last unless said. */
  readonly dimension?: number
  /** Sorting is always stable; the option is there for JAX's sake. */
  readonly isStable?: boolean
  /** How many of the operands are compared, in order; the others are carried along. */
  readonly numKeys?: number
}

/**
 * Sorts along an axis in ascending order. Several operands of one shape are sorted together by the first `numKeys` of
 * them, and come back as a list. NaN comes last, -0 and 0 are equal, equal keys keep their order.
 * Throws ShapeError for different shapes, ArgumentError for a wrong axis or `numKeys`.
 *
 * @example
 * lax.sort(np.array([3, 1, 2])) // [1, 2, 3]
 * lax.sort([np.array([3, 1, 2]), np.array([7, 8, 9])]) // [[1, 2, 3], [8, 9, 7]]
 */
export function sort(operand: NDArray, options?: SortOptions): NDArray
export function sort(operands: readonly NDArray[], options?: SortOptions): NDArray[]
export function sort(operand: NDArray | readonly NDArray[], options: SortOptions = {}): NDArray | NDArray[] {
  const { dimension = -1, isStable = true, numKeys = 1 } = checkOptions('sort', options, 'dimension isStable numKeys')
  const several = Array.isArray(operand)
  const arrays = (several ? operand : [operand]).map((x: ArrayLike) => asArray(x, 'sort'))
  if (arrays.length === 0) throw new ArgumentError('sort: the list of operands is empty; give at least one array.')
  const params = { dimension: canonicalAxis(dimension, first(arrays).ndim, 'sort'), isStable, numKeys }
  const out = bind(sortPrimitive, arrays, params)
  return several ? [...out] : first(out)
}

/**
 * Keys in ascending order along an axis, and values of the same shape carried along.
 *
 * @example
 * ```ts
 * const [keys, values] = lax.sortKeyVal(np.array([3, 1, 2]), np.array([7, 8, 9])) // [1, 2, 3] and [8, 9, 7]
 * ```
 */
export const sortKeyVal = (
  keys: ArrayLike,
  values: ArrayLike,
  options: Omit<SortOptions, 'numKeys'> = {},
): [keys: NDArray, values: NDArray] => {
  checkOptions('sortKeyVal', options, 'dimension isStable')
  const [x, y] = sort([asArray(keys, 'sortKeyVal'), asArray(values, 'sortKeyVal')], options)
  return [known(x, 'keys'), known(y, 'values')]
}

export interface TopKParams {
  readonly axis: number
  readonly k: number
}

const topKPrimitive: Primitive<TopKParams> = definePrimitive<TopKParams>({
  name: 'top_k',
  passes: true,
  abstract: ([x], { axis, k }) => {
    const operand = known(x, 'operand')
    const size = known(operand.shape[axis], 'size')
    if (!Number.isInteger(k) || k < 0 || k > size) {
      throw new ArgumentError(
        `topK: k is ${k}, but axis ${axis} of ${avalText(operand)} has ${size} elements; k must be 0 to ${size}.`,
      )
    }
    const shape = operand.shape.map((n, d) => (d === axis ? k : n))
    const values: ShapedArray = shapedArray(shape, operand.dtype, operand.weakType)
    return [values, shapedArray(shape, 'int32')]
  },
  jvp: ([x], [t], params) => {
    const [values, indices] = bind(topKPrimitive, [known(x, 'operand')], params)
    const positions = known(indices, 'indices')
    return [
      [known(values, 'values'), positions],
      [t === null || t === undefined ? null : takeAlong(t, positions, params.axis), null],
    ]
  },
  batch: ([x], [batchAxis], { axis, k }) => {
    const at = known(batchAxis ?? undefined, 'batch axis')
    return [bind(topKPrimitive, [known(x, 'operand')], { axis: axis < at ? axis : axis + 1, k }), [at, at]]
  },
  // Sorting the reversed axis and reading it from the end puts the largest first and, of equal ones, the lowest index.
  lower: (compiler, [x], { axis }, outputs) => {
    const operand = known(x, 'operand')
    const { shape } = operand.aval
    const last = e.index(Math.max(0, known(shape[axis], 'size') - 1))
    const fromEnd = (index: readonly e.Expression[]): e.Expression[] =>
      index.map((i, d) => (d === axis ? e.binary('sub', last, i) : i))
    const sorted = compiler.sort({
      operands: [
        { aval: operand.aval, at: (index) => operand.at(fromEnd(index)) },
        { aval: shapedArray(shape, 'int32'), at: (index) => e.binary('sub', last, known(index[axis], 'index')) },
      ],
      axis,
      keys: 1,
    })
    return outputs.map((aval, i) => {
      const values = known(sorted[i], 'sorted operand')
      return { aval, at: (index) => values.at(fromEnd(index)) }
    })
  },
  sample: (draw) => {
    const shape = draw.shape({ minRank: 1, maxRank: 3 })
    const axis = draw.integer(0, shape.length - 1)
    return {
      inputs: [draw.array(shape, draw.pick(dtypes.filter((d) => d !== 'bool')), { distinct: true })],
      params: { axis, k: draw.integer(0, shape[axis] ?? 0) },
    }
  },
})

/**
 * The `k` largest elements along an axis (the last unless said) in descending order, and their int32 indices.
 * NaN counts as largest; of equal elements the one with the lowest index comes first.
 * Throws ArgumentError when the axis has fewer than `k` elements.
 *
 * @example lax.topK(np.array([1, 5, 5, 9]), 2) // [[9, 5], [3, 1]]
 */
export const topK = (
  operand: ArrayLike,
  k: number,
  options: { readonly axis?: number } = {},
): [values: NDArray, indices: NDArray] => {
  const { axis = -1 } = checkOptions('topK', options, 'axis')
  const x = asArray(operand, 'topK')
  const [values, indices] = bind(topKPrimitive, [x], { axis: canonicalAxis(axis, x.ndim, 'topK'), k })
  return [known(values, 'values'), known(indices, 'indices')]
}
