/** Broadcasting, reshaping, transposing, summing: the shape operations that the rules of all others need. */
import {
  type AxisData,
  type BatchAxis,
  type Delayed,
  type NDArray,
  type Params,
  type Primitive,
  type PrimitiveDefinition,
  type ShapedArray,
  type Tangent,
  ArgumentError,
  ShapeError,
  avalText,
  bindOne,
  canonicalAxes,
  canonicalAxis,
  checkShape,
  currentDevice,
  definePrimitive,
  dtypes,
  e,
  known,
  plainParameter,
  range,
  rowMajorStrides,
  sameShape,
  scalarArray,
  shapeText,
  shapedArray,
  sizeOf,
} from '../core/index.js'

/** First of a list that is known to have one. */
export const first = <T>(list: readonly T[]): T => known(list[0], 'operand')

/** What a primitive that is linear in its only operand still has to say. */
export type LinearDefinition<P extends Params> = Omit<PrimitiveDefinition<P>, 'jvp' | 'transpose' | 'batch'> & {
  /** Cotangent of the operand, whose aval is given. */
  readonly transpose: (cotangent: NDArray, operand: ShapedArray, params: P) => Tangent
  readonly batch: (x: NDArray, axis: number, params: P, batch: AxisData) => readonly [NDArray, BatchAxis]
}

/** A primitive that is linear in its only operand: its derivative is itself. */
/* @__NO_SIDE_EFFECTS__ */
export const defineLinear = <P extends Params>(definition: LinearDefinition<P>): Primitive<P> => {
  const primitive: Primitive<P> = definePrimitive<P>({
    ...definition,
    jvp: ([x], [t], params) => [
      [bindOne(primitive, [known(x, 'operand')], params)],
      [t === null || t === undefined ? null : bindOne(primitive, [t], params)],
    ],
    transpose: ([ct], [x], params) => [
      definition.transpose(known(ct ?? undefined, 'cotangent'), known(x, 'operand').aval, params),
    ],
    batch: ([x], [axis], params, batch) => {
      const [out, outAxis] = definition.batch(
        known(x, 'operand'),
        known(axis ?? undefined, 'batch axis'),
        params,
        batch,
      )
      return [[out], [outAxis]]
    },
  })
  return primitive
}

/** A list of numbers among printed parameters. */
export const numbers = (value: unknown): number[] => {
  const list = plainParameter(value)
  return Array.isArray(list) ? list.map(Number) : []
}

// ---- broadcast_in_dim

export interface BroadcastInDimParams {
  readonly shape: readonly number[]
  /** Axis of the result for each axis of the operand, increasing. */
  readonly broadcastDimensions: readonly number[]
}

const broadcastInDimPrimitive = defineLinear<BroadcastInDimParams>({
  name: 'broadcast_in_dim',
  passes: true,
  abstract: ([x], { shape, broadcastDimensions }) => {
    const operand = known(x, 'operand')
    checkShape(shape, 'broadcastInDim')
    const fits =
      broadcastDimensions.length === operand.shape.length &&
      broadcastDimensions.every((d, i) => {
        const size = operand.shape[i]
        return (
          Number.isInteger(d) &&
          d >= 0 &&
          d < shape.length &&
          d > (broadcastDimensions[i - 1] ?? -1) &&
          (size === 1 || size === shape[d])
        )
      })
    if (!fits) {
      throw new ShapeError(
        `broadcastInDim: ${avalText(operand)} cannot be broadcast to ${shapeText(shape)} with broadcastDimensions ` +
          `${shapeText(broadcastDimensions)}. Give one increasing axis of the result per axis of the operand, with sizes equal or 1.`,
      )
    }
    return [shapedArray(shape, operand.dtype, operand.weakType)]
  },
  transpose: (ct, operand, { broadcastDimensions }) => {
    const summed = range(ct.ndim).filter((d) => {
      const at = broadcastDimensions.indexOf(d)
      return at < 0 || (operand.shape[at] === 1 && ct.shape[d] !== 1)
    })
    return reshape(reduceSum(ct, summed), operand.shape)
  },
  batch: (x, axis, { shape, broadcastDimensions }, { size }) => [
    broadcastInDim(moveAxis(x, axis, 0), [size, ...shape], [0, ...broadcastDimensions.map((d) => d + 1)]),
    0,
  ],
  lower: (_, [x], { broadcastDimensions }, [out]) => {
    const operand = known(x, 'operand')
    return [
      {
        aval: known(out, 'result'),
        at: (index) =>
          operand.at(
            broadcastDimensions.map((d, i) => (operand.aval.shape[i] === 1 ? e.index(0) : known(index[d], 'index'))),
          ),
      },
    ]
  },
  reshapes: true,
  sample: (draw) => {
    const shape = draw.shape({ maxRank: 3 })
    const kept = range(shape.length).filter(() => draw.boolean())
    const operand = kept.map((d) => (draw.boolean() ? (shape[d] ?? 1) : 1))
    return {
      inputs: [draw.array(operand, draw.pick(dtypes))],
      params: { shape, broadcastDimensions: kept },
    }
  },
  // JAX leaves out what the printed result's shape already says.
  print: ({ broadcastDimensions }) =>
    broadcastDimensions.length === 0 ? {} : { broadcast_dimensions: broadcastDimensions },
  parse: (printed, _, [out]) => ({
    shape: known(out, 'result').shape,
    broadcastDimensions: numbers(printed['broadcast_dimensions'] ?? []),
  }),
})

/** Broadcasts to `shape`; axis i of the operand becomes axis `broadcastDimensions[i]`, new axes are filled by repetition. */
export const broadcastInDim = (
  operand: NDArray,
  shape: readonly number[],
  broadcastDimensions: readonly number[],
): NDArray =>
  sameShape(operand.shape, shape) && broadcastDimensions.length === shape.length
    ? operand
    : bindOne(broadcastInDimPrimitive, [operand], { shape, broadcastDimensions })

/** NumPy's broadcast to a shape of at least the same rank. Throws ShapeError when it doesn't fit. */
export const broadcastTo = (x: NDArray, shape: readonly number[]): NDArray => {
  if (sameShape(x.shape, shape)) return x
  const offset = shape.length - x.ndim
  if (offset < 0 || !x.shape.every((size, i) => size === 1 || size === shape[i + offset])) {
    throw new ShapeError(
      `broadcastTo: ${avalText(x.aval)} cannot be broadcast to ${shapeText(shape)}. ` +
        `Sizes must be equal or 1, counted from the last axis.`,
    )
  }
  return broadcastInDim(
    x,
    shape,
    range(x.ndim).map((i) => i + offset),
  )
}

/** Adds leading axes of the given sizes. */
export const broadcast = (operand: NDArray, sizes: readonly number[]): NDArray =>
  broadcastInDim(
    operand,
    [...sizes, ...operand.shape],
    range(operand.ndim).map((i) => i + sizes.length),
  )

/** A scalar constant of a dtype. */
export const scalarOf = (value: number, aval: Pick<ShapedArray, 'dtype'>): NDArray =>
  scalarArray(value, aval.dtype, false, currentDevice())

/** An array of one repeated value. */
export const filled = (value: number, aval: ShapedArray): NDArray =>
  broadcastInDim(scalarArray(value, aval.dtype, aval.weakType, currentDevice()), aval.shape, [])

/** Zeros of an aval: what a null tangent stands for. */
export const zerosOf = (aval: ShapedArray): NDArray => filled(0, aval)

// ---- reshape

export interface ReshapeParams {
  readonly newSizes: readonly number[]
}

const reshapePrimitive = defineLinear<ReshapeParams>({
  name: 'reshape',
  passes: true,
  abstract: ([x], { newSizes }) => {
    const operand = known(x, 'operand')
    checkShape(newSizes, 'reshape')
    if (sizeOf(newSizes) !== sizeOf(operand.shape)) {
      throw new ShapeError(
        `reshape: ${avalText(operand)} has ${sizeOf(operand.shape)} elements and ${shapeText(newSizes)} has ${sizeOf(newSizes)}. ` +
          `The numbers of elements must be equal; np.reshape accepts one -1 that is worked out.`,
      )
    }
    return [shapedArray(newSizes, operand.dtype, operand.weakType)]
  },
  transpose: (ct, operand) => reshape(ct, operand.shape),
  batch: (x, axis, { newSizes }, { size }) => [reshape(moveAxis(x, axis, 0), [size, ...newSizes]), 0],
  lower: (_, [x], __, [out]) => {
    const operand = known(x, 'operand')
    const aval = known(out, 'result')
    return [{ aval, at: (index) => operand.at(unflattenIndex(flattenIndex(index, aval.shape), operand.aval.shape)) }]
  },
  reshapes: true,
  sample: (draw) => {
    const shape = draw.shape({ maxRank: 3 })
    const newSizes = draw.pick([[sizeOf(shape)], [...shape].reverse(), [1, ...shape], [...shape, 1]])
    return { inputs: [draw.array(shape, draw.pick(dtypes))], params: { newSizes } }
  },
})

/** Row-major flat index of an index of a shape. */
export const flattenIndex = (index: readonly e.Expression[], shape: readonly number[]): e.Expression => {
  const strides = rowMajorStrides(shape)
  let flat = e.index(0)
  index.forEach((i, d) => {
    flat = e.binary('add', flat, e.binary('mul', i, e.index(known(strides[d], 'stride'))))
  })
  return flat
}

/** Index of a shape from a row-major flat index. */
export const unflattenIndex = (flat: e.Expression, shape: readonly number[]): e.Expression[] => {
  const strides = rowMajorStrides(shape)
  return shape.map((size, d) => {
    if (size === 1) return e.index(0)
    const quotient = e.binary('div', flat, e.index(Math.max(1, known(strides[d], 'stride'))))
    return d === 0 ? quotient : e.binary('rem', quotient, e.index(Math.max(1, size)))
  })
}

/** The same elements, row-major, in another shape. Throws ShapeError when the numbers of elements differ. */
export const reshape = (operand: NDArray, newSizes: readonly number[]): NDArray =>
  sameShape(operand.shape, newSizes) ? operand : bindOne(reshapePrimitive, [operand], { newSizes })

// ---- transpose

export interface TransposeParams {
  readonly permutation: readonly number[]
}

const inverse = (permutation: readonly number[]): number[] =>
  range(permutation.length).map((d) => permutation.indexOf(d))

const transposePrimitive = defineLinear<TransposeParams>({
  name: 'transpose',
  passes: true,
  abstract: ([x], { permutation }) => {
    const operand = known(x, 'operand')
    const sorted = [...permutation].sort((a, b) => a - b)
    if (!sameShape(sorted, range(operand.shape.length))) {
      throw new ArgumentError(
        `transpose: ${shapeText(permutation)} is not a permutation of the axes 0..${operand.shape.length - 1} of ${avalText(operand)}.`,
      )
    }
    return [
      shapedArray(
        permutation.map((d) => known(operand.shape[d], 'size')),
        operand.dtype,
        operand.weakType,
      ),
    ]
  },
  transpose: (ct, _, { permutation }) => transpose(ct, inverse(permutation)),
  batch: (x, axis, { permutation }) => [transpose(x, [axis, ...permutation.map((d) => (d < axis ? d : d + 1))]), 0],
  lower: (_, [x], { permutation }, [out]) => {
    const operand = known(x, 'operand')
    const order = inverse(permutation)
    return [{ aval: known(out, 'result'), at: (index) => operand.at(order.map((d) => known(index[d], 'index'))) }]
  },
  sample: (draw) => {
    const shape = draw.shape({ maxRank: 4 })
    const permutation: number[] = []
    const left = range(shape.length)
    while (left.length > 0) permutation.push(...left.splice(draw.integer(0, left.length - 1), 1))
    return { inputs: [draw.array(shape, draw.pick(dtypes))], params: { permutation } }
  },
})

/** Axis i of the result is axis `permutation[i]` of the operand. */
export const transpose = (operand: NDArray, permutation: readonly number[]): NDArray =>
  permutation.length === operand.ndim && permutation.every((d, i) => d === i)
    ? operand
    : bindOne(transposePrimitive, [operand], { permutation })

/** Moves one axis to another place; the others keep their order. */
export const moveAxis = (x: NDArray, from: number, to: number): NDArray => {
  if (from === to) return x
  const order = range(x.ndim).filter((d) => d !== from)
  order.splice(to, 0, from)
  return transpose(x, order)
}

// ---- reduce_sum

export interface ReduceParams {
  readonly axes: readonly number[]
}

/** Shape without some axes. */
export const dropAxes = (shape: readonly number[], axes: readonly number[]): number[] =>
  shape.filter((_, d) => !axes.includes(d))

/** Axes of a reduction on an operand with one more, batched axis; and where that axis ends up. */
export const batchedAxes = (
  axes: readonly number[],
  batchAxis: number,
): { readonly axes: number[]; readonly out: number } => {
  const shifted = axes.map((d) => (d < batchAxis ? d : d + 1))
  return { axes: shifted, out: batchAxis - shifted.filter((d) => d < batchAxis).length }
}

/** Puts reduced axes back into an index. */
export const mergeIndex = (
  out: readonly e.Expression[],
  reduced: readonly e.Expression[],
  axes: readonly number[],
): e.Expression[] => {
  const merged: e.Expression[] = []
  let kept = 0
  for (let d = 0; d < out.length + reduced.length; d++) {
    const at = axes.indexOf(d)
    merged.push(known(at >= 0 ? reduced[at] : out[kept++], 'index'))
  }
  return merged
}

/** Aval of a reduction that keeps the dtype; checks the axes. */
export const reducedAval = (operand: ShapedArray, axes: readonly number[], operation: string): ShapedArray => {
  const canonical = canonicalAxes(axes, operand.shape.length, operation)
  return shapedArray(dropAxes(operand.shape, canonical), operand.dtype, operand.weakType)
}

const reduceSumPrimitive = defineLinear<ReduceParams>({
  name: 'reduce_sum',
  abstract: ([x], { axes }) => [reducedAval(known(x, 'operand'), axes, 'reduceSum')],
  transpose: (ct, operand, { axes }) =>
    broadcastInDim(
      ct,
      operand.shape,
      range(operand.shape.length).filter((d) => !axes.includes(d)),
    ),
  batch: (x, axis, { axes }) => {
    const batched = batchedAxes(axes, axis)
    return [reduceSum(x, batched.axes), batched.out]
  },
  lower: (compiler, [x], { axes }, [out]) => {
    const operand: Delayed = known(x, 'operand')
    return [
      compiler.reduce({
        aval: known(out, 'result'),
        extents: axes.map((d) => known(operand.aval.shape[d], 'size')),
        combine: 'add',
        init: 0,
        element: (kept, reduced) => operand.at(mergeIndex(kept, reduced, axes)),
      }),
    ]
  },
  sample: (draw) => {
    const shape = draw.shape({ maxRank: 3 })
    return {
      inputs: [draw.array(shape, draw.pick(dtypes.filter((d) => d !== 'bool')))],
      params: { axes: range(shape.length).filter(() => draw.boolean()) },
    }
  },
})

/** Sum over axes, in the operand's dtype. */
export const reduceSum = (operand: NDArray, axes: readonly number[]): NDArray => {
  const canonical = axes.map((axis) => canonicalAxis(axis, operand.ndim, 'reduceSum'))
  return canonical.length === 0 ? operand : bindOne(reduceSumPrimitive, [operand], { axes: canonical })
}

/** Sums a broadcast result's cotangent back to the operand's shape (same rank or scalar). */
export const unbroadcast = (ct: NDArray, aval: ShapedArray): NDArray => {
  if (sameShape(ct.shape, aval.shape)) return ct
  if (aval.shape.length === 0) return reduceSum(ct, range(ct.ndim))
  const summed = range(ct.ndim).filter((d) => aval.shape[d] === 1 && ct.shape[d] !== 1)
  return reshape(reduceSum(ct, summed), aval.shape)
}
