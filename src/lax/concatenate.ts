/** Joining arrays along an axis, and the opposite: splitting one. */
import {
  type ArrayLike,
  type Expression,
  type NDArray,
  type Primitive,
  ArgumentError,
  DTypeError,
  ShapeError,
  avalText,
  bind,
  bindOne,
  canonicalAxis,
  checkShape,
  definePrimitive,
  dtypes,
  e,
  isLinear,
  known,
  range,
  shapeText,
  shapedArray,
  checkOptions,
} from '../core/index.js'
import { broadcastInDim, moveAxis, zerosOf } from './broadcasting.js'
import { asArray, operands } from './operands.js'

export interface ConcatenateParams {
  readonly dimension: number
}

/** A batch axis in front; operands that are the same for all members are repeated. */
export const batchInFront = (x: NDArray, axis: number | null | undefined, size: number): NDArray =>
  axis === null || axis === undefined
    ? broadcastInDim(
        x,
        [size, ...x.shape],
        range(x.ndim).map((d) => d + 1),
      )
    : moveAxis(x, axis, 0)

/** The value of the piece that a position is in: a balanced tree of comparisons with the ends of pieces. */
const choose = (
  pieces: readonly { readonly end: number; readonly value: Expression }[],
  position: Expression,
): Expression | undefined => {
  if (pieces.length < 2) return pieces[0]?.value
  const half = pieces.length >> 1
  const left = choose(pieces.slice(0, half), position)
  const right = choose(pieces.slice(half), position)
  if (left === undefined || right === undefined) return left ?? right
  return e.select(e.compare('lt', position, e.index(known(pieces[half - 1], 'piece').end)), left, right)
}

const concatenatePrimitive: Primitive<ConcatenateParams> = definePrimitive<ConcatenateParams>({
  name: 'concatenate',
  passes: true,
  abstract: (inputs, { dimension }) => {
    const first = known(inputs[0], 'operand')
    if (inputs.some((x) => x.dtype !== first.dtype)) {
      throw new DTypeError(
        `concatenate: operands have dtypes ${inputs.map((x) => x.dtype).join(', ')}; lax.concatenate takes equal dtypes. ` +
          `Convert with x.astype('...'), or use np.concatenate, which promotes.`,
      )
    }
    const axis = canonicalAxis(dimension, first.shape.length, 'concatenate')
    const fits = inputs.every(
      ({ shape }) => shape.length === first.shape.length && shape.every((n, d) => d === axis || n === first.shape[d]),
    )
    if (!fits) {
      throw new ShapeError(
        `concatenate: ${inputs.map(avalText).join(', ')} cannot be joined along axis ${axis}; ` +
          `ranks and all other sizes must be equal.`,
      )
    }
    const total = inputs.reduce((sum, x) => sum + known(x.shape[axis], 'size'), 0)
    return [
      shapedArray(
        first.shape.with(axis, total),
        first.dtype,
        inputs.every((x) => x.weakType),
      ),
    ]
  },
  jvp: (primals, tangents, { dimension }) => [
    [concatenate(primals, dimension)],
    [
      concatenate(
        primals.map((x, i) => tangents[i] ?? zerosOf(x.aval)),
        dimension,
      ),
    ],
  ],
  transpose: ([c], inputs, { dimension }) => {
    const sizes = inputs.map((x) => known(x.aval.shape[dimension], 'size'))
    const pieces = split(known(c ?? undefined, 'cotangent'), sizes, { axis: dimension })
    return inputs.map((x, i) => (isLinear(x) ? known(pieces[i], 'piece') : null))
  },
  batch: (inputs, axes, { dimension }, { size }) => [
    [
      concatenate(
        inputs.map((x, i) => batchInFront(x, axes[i], size)),
        dimension + 1,
      ),
    ],
    [0],
  ],
  lower: (_, inputs, { dimension }, [out]) => {
    const parts = inputs.filter((x) => x.aval.shape[dimension] !== 0)
    const at = (index: readonly Expression[]): Expression => {
      const position = known(index[dimension], 'index')
      let start = 0
      const pieces = parts.map((x) => {
        const size = known(x.aval.shape[dimension], 'size')
        const from = start
        start += size
        // Only the chosen piece is used, but all may be read: keep every index inside.
        const local = e.binary('sub', position, e.index(from))
        const inside = e.binary('max', e.binary('min', local, e.index(size - 1)), e.index(0))
        return { end: start, value: x.at(index.with(dimension, inside)) }
      })
      return choose(pieces, position) ?? e.constant(0, known(out, 'result').dtype)
    }
    return [{ aval: known(out, 'result'), at }]
  },
  sample: (draw) => {
    const shape = draw.shape({ minRank: 1, maxRank: 3 })
    const dimension = draw.integer(0, shape.length - 1)
    const dtype = draw.pick(dtypes)
    const inputs = Array.from({ length: draw.integer(2, 4) }, () =>
      draw.array(shape.with(dimension, draw.integer(0, 3)), dtype),
    )
    return { inputs, params: { dimension } }
  },
})

/**
 * Joins arrays of one dtype along an axis; all other sizes are equal.
 *
 * Throws ShapeError or DTypeError when the operands don't fit, ArgumentError when there are none.
 *
 * @example
 * ```ts
 * lax.concatenate([np.array([1, 2]), np.array([3])], 0).js() // [1, 2, 3]
 * ```
 */
export const concatenate = (xs: readonly ArrayLike[], dimension: number): NDArray => {
  const arrays = operands('concatenate', xs)
  const [first] = arrays
  if (first === undefined) throw new ArgumentError('concatenate: there is nothing to join; give at least one array.')
  const axis = canonicalAxis(dimension, first.ndim, 'concatenate')
  return arrays.length === 1 ? first : bindOne(concatenatePrimitive, arrays, { dimension: axis })
}

export interface SplitParams {
  readonly sizes: readonly number[]
  readonly axis: number
}

const splitPrimitive: Primitive<SplitParams> = definePrimitive<SplitParams>({
  name: 'split',
  abstract: ([x], { sizes, axis }) => {
    const operand = known(x, 'operand')
    checkShape(sizes, 'split')
    const total = sizes.reduce((sum, size) => sum + size, 0)
    if (total !== operand.shape[axis]) {
      throw new ShapeError(
        `split: sizes ${shapeText(sizes)} have the sum ${total}, and axis ${axis} of ${avalText(operand)} has size ${operand.shape[axis]}; ` +
          `they must be equal.`,
      )
    }
    return sizes.map((size) => shapedArray(operand.shape.with(axis, size), operand.dtype, operand.weakType))
  },
  jvp: ([x], [t], params) => {
    const outs = bind(splitPrimitive, [known(x, 'operand')], params)
    return [outs, t === null || t === undefined ? outs.map(() => null) : bind(splitPrimitive, [t], params)]
  },
  transpose: (cts, [x], { sizes, axis }) => {
    const operand = known(x, 'operand').aval
    return [
      concatenate(
        sizes.map((size, i) => cts[i] ?? zerosOf(shapedArray(operand.shape.with(axis, size), operand.dtype))),
        axis,
      ),
    ]
  },
  batch: ([x], [batchAxis], { sizes, axis }) => {
    const at = known(batchAxis ?? undefined, 'batch axis')
    const outs = bind(splitPrimitive, [known(x, 'operand')], { sizes, axis: axis < at ? axis : axis + 1 })
    return [outs, outs.map(() => at)]
  },
  lower: (_, [x], { sizes, axis }, outs) => {
    const operand = known(x, 'operand')
    let start = 0
    return sizes.map((size, i) => {
      const from = e.index(start)
      start += size
      return {
        aval: known(outs[i], 'result'),
        at: (index) => operand.at(index.with(axis, e.binary('add', known(index[axis], 'index'), from))),
      }
    })
  },
  sample: (draw) => {
    const shape = draw.shape({ minRank: 1, maxRank: 3 })
    const axis = draw.integer(0, shape.length - 1)
    const size = shape[axis] ?? 0
    const first = draw.integer(0, size)
    const second = draw.integer(0, size - first)
    return {
      inputs: [draw.array(shape, draw.pick(dtypes))],
      params: { sizes: [first, second, size - first - second], axis },
    }
  },
})

/**
 * Cuts an axis into pieces of the given sizes, whose sum is the size of the axis.
 *
 * @example
 * ```ts
 * lax.split(np.arange(5), [2, 3]).map((x) => x.js()) // [[0, 1], [2, 3, 4]]
 * ```
 */
export const split = (
  operand: ArrayLike,
  sizes: readonly number[],
  options: { readonly axis?: number } = {},
): readonly NDArray[] => {
  checkOptions('split', options, 'axis')
  const x = asArray(operand, 'split')
  return bind(splitPrimitive, [x], { sizes, axis: canonicalAxis(options.axis ?? 0, x.ndim, 'split') })
}
