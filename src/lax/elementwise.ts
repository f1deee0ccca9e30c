/** Elementwise primitives: one row says everything about an operation; broadcasting, batching and lowering are shared. */
import {
  type BatchRule,
  type Delayed,
  type DType,
  type ExpectRule,
  type Expression,
  type NDArray,
  type Params,
  type Primitive,
  type SampleDomain,
  type ShapedArray,
  type Tangent,
  type TransposeRule,
  DTypeError,
  ShapeError,
  avalText,
  bindOne,
  definePrimitive,
  dtypeKind,
  dtypes,
  e,
  floatingDTypes,
  integerDTypes,
  known,
  sameShape,
  shapeText,
  shapedArray,
} from '../core/index.js'
import { broadcastInDim, moveAxis, reshape } from './broadcasting.js'

/** Groups of dtypes that rows accept. */
export const floating: readonly DType[] = floatingDTypes
export const integral: readonly DType[] = integerDTypes
export const numeric: readonly DType[] = [...floatingDTypes, ...integerDTypes]
export const bitwise: readonly DType[] = [...integerDTypes, 'bool']
export const anyDType: readonly DType[] = dtypes

/** Tangent of the result for the tangent of one operand. */
export type Partial1<P> = (tangent: NDArray, operands: readonly NDArray[], out: NDArray, params: P) => NDArray

/** One elementwise operation. */
export interface Row<P extends Params> {
  /** Number of operands, 1 unless said. */
  readonly arity?: number
  /** Dtypes of operands that it accepts. */
  readonly dtypes: readonly DType[]
  /** Dtype of the result, that of the operands unless said. */
  readonly result?: (dtype: DType, params: P) => DType
  /** Whether the result is weakly typed; when all operands are, unless said. */
  readonly weak?: (params: P) => boolean
  /** Derivative by each operand; null where it is zero everywhere. Absent: all zero. */
  readonly partials?: readonly (Partial1<P> | null)[]
  /** For operations that are linear in some operand. */
  readonly transpose?: TransposeRule<P>
  /** The element of the result from those of the operands. */
  readonly lower: (operands: readonly Expression[], params: P) => Expression
  /** Where the law tests take operands from, one per operand (the last one repeats). */
  readonly domain?: readonly SampleDomain[]
  readonly sampleParams?: (dtype: DType) => P
  /** Operands that may have another dtype than the first; they are not checked against it. */
  readonly mixed?: (dtypes: readonly DType[]) => string | undefined
  readonly expects?: ExpectRule<P>
  readonly passes?: boolean
  readonly print?: (params: P) => Readonly<Record<string, unknown>>
}

/** Common shape of operands: equal shapes, sizes of 1 against any, scalars against all. */
const commonShape = (name: string, inputs: readonly ShapedArray[]): readonly number[] => {
  let shape: readonly number[] | undefined
  for (const { shape: s } of inputs) {
    if (s.length === 0) continue
    if (shape === undefined || sameShape(shape, s)) {
      shape ??= s
      continue
    }
    const before: readonly number[] = shape
    if (before.length !== s.length || !s.every((n, i) => n === before[i] || n === 1 || before[i] === 1)) {
      throw new ShapeError(
        `${name}: operands have shapes ${inputs.map((x) => shapeText(x.shape)).join(' and ')}, which don't fit. ` +
          `lax operations take equal shapes (or scalars); for NumPy's broadcasting use np.${name}, or lax.broadcastInDim.`,
      )
    }
    shape = before.map((n, i) => (n === 1 ? known(s[i], 'size') : n))
  }
  return shape ?? []
}

const checkDTypes = <P extends Params>(name: string, row: Row<P>, inputs: readonly ShapedArray[]): void => {
  const first = known(inputs[0], 'operand').dtype
  if (row.mixed !== undefined) {
    const wrong = row.mixed(inputs.map((x) => x.dtype))
    if (wrong !== undefined) throw new DTypeError(`${name}: ${wrong}; got ${inputs.map(avalText).join(', ')}.`)
    return
  }
  if (inputs.some((x) => x.dtype !== first)) {
    throw new DTypeError(
      `${name}: operands have dtypes ${inputs.map((x) => x.dtype).join(' and ')}; lax operations take equal dtypes. ` +
        `Convert one with x.astype('...'), or use np.${name}, which promotes.`,
    )
  }
  if (!row.dtypes.includes(first)) {
    throw new DTypeError(
      `${name}: operands of dtype ${first} are not accepted; it takes ${row.dtypes.join(', ')}. Convert with x.astype('...').`,
    )
  }
}

/** Batches operands that broadcast: batch axes go to the front, others get an axis of size 1 there. */
const broadcastBatch =
  <P extends Params>(primitive: () => Primitive<P>): BatchRule<P> =>
  (inputs, axes, params) => {
    const p = primitive()
    const firstAxis = axes.find((a) => a !== null) ?? 0
    const shapes = inputs.filter((_, i) => axes[i] !== null).map((x) => x.shape)
    const aligned =
      shapes.every((s) => sameShape(s, known(shapes[0], 'shape'))) &&
      inputs.every((x, i) => (axes[i] === null ? x.ndim === 0 : axes[i] === firstAxis))
    if (aligned) return [[bindOne(p, inputs, params)], [firstAxis]]
    const rank = Math.max(...inputs.map((x, i) => x.ndim - (axes[i] === null ? 0 : 1)))
    const moved = inputs.map((x, i) => {
      const axis = axes[i]
      if (axis === null || axis === undefined) return x.ndim === 0 ? x : reshape(x, [1, ...x.shape])
      const front = moveAxis(x, axis, 0)
      return front.ndim - 1 < rank
        ? reshape(front, [known(front.shape[0], 'size'), ...new Array<number>(rank).fill(1)])
        : front
    })
    return [[bindOne(p, moved, params)], [0]]
  }

/** Declares an elementwise primitive from its row. */
/* @__NO_SIDE_EFFECTS__ */
export const elementwise = <P extends Params = Record<never, never>>(name: string, row: Row<P>): Primitive<P> => {
  const arity = row.arity ?? 1
  const { transpose, expects, passes = false, print } = row
  const primitive: Primitive<P> = definePrimitive<P>({
    name,
    abstract: (inputs, params) => {
      checkDTypes(name, row, inputs)
      const dtype = known(inputs.at(row.mixed === undefined ? 0 : -1), 'operand').dtype
      return [
        shapedArray(
          commonShape(name, inputs),
          row.result?.(dtype, params) ?? dtype,
          row.weak?.(params) ?? inputs.every((x) => x.weakType),
        ),
      ]
    },
    jvp: (primals, tangents, params) => {
      const out = bindOne(primitive, primals, params)
      let tangent: Tangent = null
      if (dtypeKind(out.dtype) === 'float') {
        tangents.forEach((t, i) => {
          const partial = row.partials?.[i]
          if (t === null || partial === null || partial === undefined) return
          const term = broadcastLike(partial(t, primals, out, params), out.shape)
          tangent = tangent === null ? term : addAny(tangent, term)
        })
      }
      return [[out], [tangent]]
    },
    ...(transpose !== undefined && { transpose }),
    batch: broadcastBatch(() => primitive),
    lower: (_, inputs, params, [out]) => {
      const aval = known(out, 'result')
      return [
        {
          aval,
          at: (index) =>
            row.lower(
              inputs.map((x) => elementAt(x, index)),
              params,
            ),
        },
      ]
    },
    sample: (draw) => {
      const shape = draw.shape({ maxRank: 3 })
      const dtype = draw.pick(row.dtypes)
      const inputs = Array.from({ length: arity }, (_, i) => {
        const operandShape = i > 0 && draw.integer(0, 3) === 0 ? [] : shape
        return draw.array(operandShape, dtype, row.domain?.[Math.min(i, row.domain.length - 1)])
      })
      return { inputs, params: row.sampleParams?.(dtype) ?? ({} as P) }
    },
    passes,
    ...(expects !== undefined && { expects }),
    ...(print !== undefined && { print }),
  })
  return primitive
}

/** Element of an operand at an index of the broadcast result. */
export const elementAt = (x: Delayed, index: readonly Expression[]): Expression =>
  x.aval.shape.length === 0
    ? x.at([])
    : x.at(x.aval.shape.map((size, d) => (size === 1 ? e.index(0) : known(index[d], 'index'))))

/** Broadcasts an operand of an elementwise operation (same rank, or scalar) to the result's shape. */
export const broadcastLike = (x: NDArray, shape: readonly number[]): NDArray =>
  sameShape(x.shape, shape) ? x : broadcastInDim(x, shape, x.ndim === 0 ? [] : shape.map((_, d) => d))

const addAnyPrimitive: Primitive = elementwise('add_any', {
  arity: 2,
  dtypes: numeric,
  partials: [(t) => t, (t) => t],
  transpose: ([ct]) => [ct ?? null, ct ?? null],
  lower: ([x, y]) => e.binary('add', known(x, 'operand'), known(y, 'operand')),
})

/** Sum of two tangents or cotangents of one value. */
export const addAny = (x: NDArray, y: NDArray): NDArray => bindOne(addAnyPrimitive, [x, y], {})
