/** Reductions beyond the sum: extrema, products, bitwise combinations, and the positions of extrema. */
import {
  type ArrayLike,
  type CombineOp,
  type DType,
  type Primitive,
  type ShapedArray,
  ArgumentError,
  DTypeError,
  DeviceArray,
  NDArray,
  ShapeError,
  avalText,
  bindOne,
  buildJaxpr,
  canonicalAxes,
  canonicalAxis,
  definePrimitive,
  dtypeRange,
  dtypes,
  e,
  integerDTypes,
  isFloating,
  isHalf,
  known,
  range,
  shapedArray,
  sizeOf,
} from '../core/index.js'
import { add, div, max, min, mul } from './arithmetic.js'
import {
  type ReduceParams,
  batchedAxes,
  dropAxes,
  first,
  mergeIndex,
  reduceSum,
  reducedAval,
  reshape,
  scalarOf,
  transpose,
} from './broadcasting.js'
import { bitwiseAnd, bitwiseOr, bitwiseXor, eq } from './comparison.js'
import { cumprod } from './cumulative.js'
import { anyDType, bitwise, numeric } from './elementwise.js'
import { asArray, convertElementType } from './operands.js'
import { pad } from './slicing.js'

/** Value that a combination leaves everything as it is with: 0 for a sum, -inf for a maximum. */
export const identityOf = (combine: CombineOp, dtype: DType): number => {
  switch (combine) {
    case 'add':
    case 'or':
    case 'xor':
      return 0
    case 'mul':
      return 1
    case 'and':
      return dtypeRange(dtype).min === 0 ? dtypeRange(dtype).max : -1
    case 'max':
      return isFloating(dtype) ? -Infinity : dtypeRange(dtype).min
    case 'min':
      return isFloating(dtype) ? Infinity : dtypeRange(dtype).max
  }
}

/** Tangent of a reduction from the operand, the result and the operand's tangent. */
type ReductionTangent = (x: NDArray, out: NDArray, t: NDArray, axes: readonly number[]) => NDArray

/** Reduces an array over axes. */
export type Reduction = (operand: ArrayLike, axes: readonly number[]) => NDArray

/* @__NO_SIDE_EFFECTS__ */
const reduction = (
  name: string,
  operation: string,
  combine: CombineOp,
  accepted: readonly DType[],
  tangent?: ReductionTangent,
): Reduction => {
  const primitive: Primitive<ReduceParams> = definePrimitive<ReduceParams>({
    name,
    passes: combine === 'max' || combine === 'min',
    abstract: ([x], { axes }) => {
      const operand = known(x, 'operand')
      if (!accepted.includes(operand.dtype)) {
        throw new DTypeError(
          `${operation}: an operand of dtype ${operand.dtype} is not accepted; it takes ${accepted.join(', ')}. ` +
            `Convert with x.astype('...').`,
        )
      }
      return [reducedAval(operand, axes, operation)]
    },
    jvp: ([x], [t], { axes }) => {
      const operand = known(x, 'operand')
      const out = bindOne(primitive, [operand], { axes })
      // The value of an empty reduction is a constant.
      const constant = t === null || t === undefined || tangent === undefined || operand.size === 0
      return [[out], [constant ? null : tangent(operand, out, t, axes)]]
    },
    batch: ([x], [axis], { axes }) => {
      const batched = batchedAxes(axes, known(axis ?? undefined, 'batch axis'))
      return [[bindOne(primitive, [known(x, 'operand')], { axes: batched.axes })], [batched.out]]
    },
    lower: (compiler, [x], { axes }, [out]) => {
      const operand = known(x, 'operand')
      return [
        compiler.reduce({
          aval: known(out, 'result'),
          extents: axes.map((d) => known(operand.aval.shape[d], 'size')),
          combine,
          init: identityOf(combine, operand.aval.dtype),
          element: (kept, reduced) => operand.at(mergeIndex(kept, reduced, axes)),
        }),
      ]
    },
    sample: (draw) => {
      const dtype = draw.pick(accepted)
      const distinct = isFloating(dtype) && combine !== 'mul'
      // The infinite extremum of no elements has no difference quotient.
      const shape = draw.shape({ maxRank: 3, nonEmpty: distinct })
      return {
        inputs: [draw.array(shape, dtype, distinct ? { distinct } : {})],
        params: { axes: range(shape.length).filter(() => draw.boolean()) },
      }
    },
  })
  return (x, axes) => {
    const operand = asArray(x, operation)
    const canonical = canonicalAxes(axes, operand.ndim, operation)
    return canonical.length === 0 ? operand : bindOne(primitive, [operand], { axes: canonical })
  }
}

/** Elements that equal the extremum share the tangent in equal parts. */
const extremumTangent: ReductionTangent = (x, out, t, axes) => {
  const kept = x.shape.map((size, d) => (axes.includes(d) ? 1 : size))
  const location = convertElementType(eq(x, reshape(out, kept)), x.dtype)
  return div(reduceSum(mul(t, location), axes), reduceSum(location, axes))
}

/** Running product of what comes before each element (after it, when reversed). */
const productOfOthersOnOneSide = (x: NDArray, axis: number, reverse: boolean): NDArray => {
  const shift = x.shape.map((_, d): [number, number, number] =>
    d === axis ? (reverse ? [-1, 1, 0] : [1, -1, 0]) : [0, 0, 0],
  )
  return cumprod(pad(x, scalarOf(1, x.aval), shift), { axis, reverse })
}

/** Each tangent times the product of all other elements: right when some of them are zero. */
const productTangent: ReductionTangent = (x, _, t, axes) => {
  const kept = range(x.ndim).filter((d) => !axes.includes(d))
  const order = [...kept, ...axes]
  const flat = [...dropAxes(x.shape, axes), sizeOf(axes.map((d) => known(x.shape[d], 'size')))]
  const line = (y: NDArray): NDArray => reshape(transpose(y, order), flat)
  const last = kept.length
  const elements = line(x)
  const others = mul(productOfOthersOnOneSide(elements, last, false), productOfOthersOnOneSide(elements, last, true))
  return reduceSum(mul(line(t), others), [last])
}

/**
 * Maximum over axes; NaN when there is one, -inf (the smallest integer, false) when there are no elements.
 * Equal maxima share the derivative.
 *
 * @example lax.reduceMax(np.array([[1, 5], [4, 2]]), [0]) // [4, 5]
 */
export const reduceMax: Reduction = reduction('reduce_max', 'reduceMax', 'max', anyDType, extremumTangent)

/**
 * Minimum over axes; NaN when there is one, inf (the largest integer, true) when there are no elements.
 * Equal minima share the derivative.
 *
 * @example lax.reduceMin(np.array([[1, 5], [4, 2]]), [0]) // [1, 2]
 */
export const reduceMin: Reduction = reduction('reduce_min', 'reduceMin', 'min', anyDType, extremumTangent)

/**
 * Product over axes, 1 when there are no elements. Its derivative is right when elements are zero.
 *
 * @example lax.reduceProd(np.array([[1, 5], [4, 2]]), [1]) // [5, 8]
 */
export const reduceProd: Reduction = reduction('reduce_prod', 'reduceProd', 'mul', numeric, productTangent)

/** Bitwise (of bool: logical) and over axes; all bits set when there are no elements. */
export const reduceAnd: Reduction = reduction('reduce_and', 'reduceAnd', 'and', bitwise)

/** Bitwise (of bool: logical) or over axes; no bits set when there are no elements. */
export const reduceOr: Reduction = reduction('reduce_or', 'reduceOr', 'or', bitwise)

/** Bitwise (of bool: logical) exclusive or over axes; no bits set when there are no elements. */
export const reduceXor: Reduction = reduction('reduce_xor', 'reduceXor', 'xor', bitwise)

export interface ArgReduceParams {
  /** The one axis, as JAX has it. */
  readonly axes: readonly number[]
  readonly indexDtype: DType
}

/* @__NO_SIDE_EFFECTS__ */
const argReduction = (name: 'argmax' | 'argmin'): Primitive<ArgReduceParams> => {
  const primitive: Primitive<ArgReduceParams> = definePrimitive<ArgReduceParams>({
    name,
    abstract: ([x], { axes, indexDtype }) => {
      const operand = known(x, 'operand')
      const axis = first(axes)
      if (operand.shape[axis] === 0) {
        throw new ShapeError(
          `${name}: axis ${axis} of ${avalText(operand)} has no elements, so none of them is the ` +
            `${name === 'argmax' ? 'largest' : 'smallest'}. Check for empty axes before.`,
        )
      }
      if (!integerDTypes.includes(indexDtype)) {
        throw new DTypeError(`${name}: an index cannot have dtype ${indexDtype}; use ${integerDTypes.join(', ')}.`)
      }
      return [shapedArray(dropAxes(operand.shape, axes), indexDtype)]
    },
    jvp: ([x], _, params) => [[bindOne(primitive, [known(x, 'operand')], params)], [null]],
    batch: ([x], [axis], { axes, indexDtype }) => {
      const batched = batchedAxes(axes, known(axis ?? undefined, 'batch axis'))
      return [[bindOne(primitive, [known(x, 'operand')], { axes: batched.axes, indexDtype })], [batched.out]]
    },
    lower: (compiler, [x], { axes, indexDtype }, [out]) => {
      const operand = known(x, 'operand')
      const aval = known(out, 'result')
      const dtype = isHalf(operand.aval.dtype) ? 'float32' : operand.aval.dtype
      const [, position] = compiler.fold({
        avals: [shapedArray(aval.shape, dtype), shapedArray(aval.shape, 'int32')],
        extents: axes.map((d) => known(operand.aval.shape[d], 'size')),
        init: [identityOf(name === 'argmax' ? 'max' : 'min', dtype), 0],
        step: ([best, at], kept, reduced) => {
          const value = e.convert(operand.at(mergeIndex(kept, reduced, axes)), dtype)
          const better = betterThan(name === 'argmax' ? 'gt' : 'lt', value, known(best, 'accumulator'))
          return [
            e.select(better, value, known(best, 'accumulator')),
            e.select(better, first(reduced), known(at, 'accumulator')),
          ]
        },
      })
      const index = known(position, 'position')
      return [indexDtype === 'int32' ? index : { aval, at: (i) => e.convert(index.at(i), indexDtype) }]
    },
    sample: (draw) => {
      const shape = draw.shape({ minRank: 1, maxRank: 3, nonEmpty: true })
      return {
        inputs: [draw.array(shape, draw.pick(dtypes))],
        params: { axes: [draw.integer(0, shape.length - 1)], indexDtype: draw.pick<DType>(['int32', 'uint32']) },
      }
    },
  })
  return primitive
}

/** Whether a value replaces the best one so far: strictly better, or the first NaN. */
export const betterThan = (compare: 'gt' | 'lt', value: e.Expression, best: e.Expression): e.Expression => {
  const better = e.compare(compare, value, best)
  if (!isFloating(value.dtype)) return better
  const firstNaN = e.binary('and', e.compare('ne', value, value), e.compare('eq', best, best))
  return e.binary('or', better, firstNaN)
}

const argmaxPrimitive = argReduction('argmax')
const argminPrimitive = argReduction('argmin')

/**
 * Index of the largest element along an axis: the lowest of equal ones, the first NaN if there is one.
 * Throws ShapeError when the axis has no elements.
 *
 * @example lax.argmax(np.array([[1, 5, 5], [4, 2, 0]]), 1) // [1, 0]
 */
export const argmax = (operand: ArrayLike, axis: number, indexDtype: DType = 'int32'): NDArray => {
  const x = asArray(operand, 'argmax')
  return bindOne(argmaxPrimitive, [x], { axes: [canonicalAxis(axis, x.ndim, 'argmax')], indexDtype })
}

/**
 * Index of the smallest element along an axis: the lowest of equal ones, the first NaN if there is one.
 * Throws ShapeError when the axis has no elements.
 *
 * @example lax.argmin(np.array([[1, 5, 5], [4, 2, 0]]), 1) // [0, 2]
 */
export const argmin = (operand: ArrayLike, axis: number, indexDtype: DType = 'int32'): NDArray => {
  const x = asArray(operand, 'argmin')
  return bindOne(argminPrimitive, [x], { axes: [canonicalAxis(axis, x.ndim, 'argmin')], indexDtype })
}

/** A function of two scalars that a reduction combines elements with. */
export type Computation = (x: NDArray, y: NDArray) => NDArray

const combineNames: readonly CombineOp[] = ['add', 'mul', 'min', 'max', 'and', 'or', 'xor']

/** Which of the named combinations a function is, found by tracing it; undefined when it is none of them. */
export const recognizeComputation = (
  computation: Computation,
  dtype: DType,
  operation: string,
): CombineOp | undefined => {
  const scalar: ShapedArray = shapedArray([], dtype)
  const { jaxpr } = buildJaxpr(
    ([x, y]) => [computation(known(x, 'operand'), known(y, 'operand'))],
    [scalar, scalar],
    `the computation of ${operation}`,
  )
  const equation = jaxpr.equations[0]
  if (equation === undefined || jaxpr.equations.length !== 1 || jaxpr.outputs[0] !== equation.outputs[0])
    return undefined
  const takesBoth = equation.inputs.length === 2 && jaxpr.inputs.every((v) => equation.inputs.includes(v))
  return takesBoth ? combineNames.find((name) => name === equation.primitive.name) : undefined
}

/** The elementwise function of a named combination. */
export const combination = (combine: CombineOp): ((x: ArrayLike, y: ArrayLike) => NDArray) =>
  ({ add, mul, min, max, and: bitwiseAnd, or: bitwiseOr, xor: bitwiseXor })[combine]

/** A scalar to start from, in the operand's dtype; undefined when it is the identity and may be left out. */
export const initialValue = (
  init: ArrayLike,
  operand: NDArray,
  combine: CombineOp | undefined,
  operation: string,
): NDArray | undefined => {
  const { dtype } = operand
  if (init instanceof NDArray && (init.ndim !== 0 || (init.dtype !== dtype && !init.weakType))) {
    throw new ShapeError(
      `${operation}: the initial value is ${avalText(init.aval)} and the operand ${avalText(operand.aval)}; ` +
        `it must be a scalar of the operand's dtype, or a JS number.`,
    )
  }
  const given = init instanceof DeviceArray ? init.scalar : init instanceof NDArray ? undefined : Number(init)
  if (given === undefined) return convertElementType(init, dtype)
  const { min: lowest, max: highest } = dtypeRange(dtype)
  // Of integers, the infinities mean the ends of the range.
  const value = isFloating(dtype) ? given : Math.min(Math.max(given, lowest), highest)
  return combine !== undefined && value === identityOf(combine, dtype) ? undefined : scalarOf(value, operand.aval)
}

/**
 * Reduces over `dimensions` with a combination that is one of the library's: `lax.add`, `lax.mul`, `lax.max`,
 * `lax.min`, `lax.bitwiseAnd`, `lax.bitwiseOr`, `lax.bitwiseXor`, or a function that applies just one of them.
 * Throws ArgumentError for other functions.
 *
 * @example lax.reduce(np.array([[1, 5], [4, 2]]), 0, lax.add, [1]) // [6, 6]
 */
export const reduce = (
  operand: ArrayLike,
  init: ArrayLike,
  computation: Computation,
  dimensions: readonly number[],
): NDArray => {
  const x = asArray(operand, 'reduce')
  const combine = recognizeComputation(computation, x.dtype, 'reduce')
  if (combine === undefined) {
    throw new ArgumentError(
      `reduce: the computation is not one of lax.add, mul, max, min, bitwiseAnd, bitwiseOr, bitwiseXor. ` +
        `Write the reduction with those, or with lax.associativeScan or lax.scan.`,
    )
  }
  const reductions: Readonly<Record<CombineOp, Reduction>> = {
    add: (y, axes) => reduceSum(asArray(y, 'reduce'), axes),
    mul: reduceProd,
    max: reduceMax,
    min: reduceMin,
    and: reduceAnd,
    or: reduceOr,
    xor: reduceXor,
  }
  const out = reductions[combine](x, canonicalAxes(dimensions, x.ndim, 'reduce'))
  const start = initialValue(init, x, combine, 'reduce')
  return start === undefined ? out : combination(combine)(out, start)
}
