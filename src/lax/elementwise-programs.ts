/** Operations on each element of arrays of one shape that are computed by loops over whole arrays. */
import {
  type ArrayLike,
  type DType,
  type NDArray,
  type Params,
  type Primitive,
  type PrimitiveDefinition,
  type SampleDomain,
  type ShapedArray,
  type Tangent,
  DTypeError,
  ShapeError,
  avalText,
  bind,
  bindOne,
  definePrimitive,
  isFloating,
  known,
  sameShape,
} from '../core/index.js'
import { mul } from './arithmetic.js'
import { batchInFront } from './concatenate.js'
import { addAny, broadcastLike } from './elementwise.js'
import { factored } from './linalg-matrix.js'
import { convertElementType, operands } from './operands.js'
import { lowerAs } from './program-lowering.js'

/** What such an operation says of itself. */
export interface ElementwiseProgram<P extends Params> {
  readonly arity: number
  /** Results from operands of one shape, float32 or float64. */
  readonly compute: (operands: readonly NDArray[], params: P) => NDArray
  /** Derivative of the result by each operand. */
  readonly derivatives: readonly ((operands: readonly NDArray[], params: P) => NDArray)[]
  readonly domain: readonly SampleDomain[]
  readonly params: P
  readonly print?: PrimitiveDefinition<P>['print']
  readonly parse?: PrimitiveDefinition<P>['parse']
}

const checkOperands = (name: string, inputs: readonly ShapedArray[]): ShapedArray => {
  const first = known(inputs[0], 'operand')
  if (inputs.some((x) => !sameShape(x.shape, first.shape) || x.dtype !== first.dtype)) {
    throw new ShapeError(
      `${name}: operands ${inputs.map(avalText).join(', ')} must have one shape and dtype (or be scalars). ` +
        `Functions of scipy.special broadcast and promote.`,
    )
  }
  if (!factored.includes(first.dtype)) {
    throw new DTypeError(
      `${name}: operands of dtype ${first.dtype} are not accepted; it takes ${factored.join(', ')}. Convert with x.astype('float32').`,
    )
  }
  return first
}

/** Declares such an operation. */
/* @__NO_SIDE_EFFECTS__ */
export const elementwiseProgram = <P extends Params>(name: string, definition: ElementwiseProgram<P>): Primitive<P> => {
  const { arity, compute, derivatives, domain, params: sampleParams, print, parse } = definition
  const primitive: Primitive<P> = definePrimitive<P>({
    name,
    abstract: (inputs) => [checkOperands(name, inputs)],
    jvp: (primals, tangents, params) => {
      let tangent: Tangent = null
      tangents.forEach((t, i) => {
        if (t === null) return
        const term = mul(t, known(derivatives[i], 'derivative')(primals, params))
        tangent = tangent === null ? term : addAny(tangent, term)
      })
      return [[bindOne(primitive, primals, params)], [tangent]]
    },
    batch: (inputs, axes, params, { size }) => [
      bind(
        primitive,
        inputs.map((x, i) => batchInFront(x, axes[i], size)),
        params,
      ),
      [0],
    ],
    lower: lowerAs((inputs, params) => [compute(inputs, params)]),
    ...(print !== undefined && { print }),
    ...(parse !== undefined && { parse }),
    sample: (draw) => {
      const shape = draw.shape({ maxRank: 2 })
      const dtype = draw.pick(factored)
      return {
        inputs: Array.from({ length: arity }, (_, i) =>
          draw.array(shape, dtype, domain[Math.min(i, domain.length - 1)]),
        ),
        params: sampleParams,
      }
    },
  })
  return primitive
}

/** Applies an operation to floats of one shape, or scalars; halves are computed in float32. */
export const applyElementwise = <P extends Params>(
  name: string,
  primitive: Primitive<P>,
  xs: readonly ArrayLike[],
  params: P,
): NDArray => {
  const arrays = operands(name, xs)
  const shape = arrays.reduce<readonly number[]>((found, x) => (x.ndim > 0 ? x.shape : found), [])
  const dtype = known(arrays[0], 'operand').dtype
  const wide: DType = isFloating(dtype) && !factored.includes(dtype) ? 'float32' : dtype
  const out = bindOne(
    primitive,
    arrays.map((x) => broadcastLike(x.dtype === wide ? x : convertElementType(x, wide), shape)),
    params,
  )
  return wide === dtype ? out : convertElementType(out, dtype)
}
