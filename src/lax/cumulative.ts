/** Running sums, products, extrema and log-sum-exps along an axis. */
import {
  type ArrayLike,
  type DType,
  type Expression,
  type NDArray,
  type Primitive,
  type ShapedArray,
  DTypeError,
  bindOne,
  canonicalAxis,
  definePrimitive,
  e,
  isHalf,
  known,
  checkOptions,
} from '../core/index.js'
import * as scalar from '../scalar/functions.js'
import { abs, add, div, isFinite, max, min, mul, neg, sub } from './arithmetic.js'
import { defineLinear, scalarOf, zerosOf } from './broadcasting.js'
import { eq, select } from './comparison.js'
import { concatenate } from './concatenate.js'
import { floating, numeric } from './elementwise.js'
import { exp, log1p } from './exponential.js'
import { asArray, convertElementType } from './operands.js'
import { rev } from './shape.js'
import { pad, slice } from './slicing.js'

export interface CumulativeParams {
  readonly axis: number
  readonly reverse: boolean
}

/** Which axis to run along, 0 unless said, and whether from its end. */
export interface CumulativeOptions {
  readonly axis?: number
  readonly reverse?: boolean
}

/** Runs a combination along an axis; the result has the operand's shape and dtype. */
export type Cumulative = (operand: ArrayLike, options?: CumulativeOptions) => NDArray

type CombineExpressions = (accumulated: Expression, element: Expression) => Expression

/** What the primitives of this file have in common: shape, batching, lowering, samples. */
const common = (name: string, accepted: readonly DType[], combine: CombineExpressions) => ({
  name,
  abstract: ([x]: readonly ShapedArray[]) => {
    const operand = known(x, 'operand')
    if (!accepted.includes(operand.dtype)) {
      throw new DTypeError(
        `${name}: an operand of dtype ${operand.dtype} is not accepted; it takes ${accepted.join(', ')}. ` +
          `Convert with x.astype('...').`,
      )
    }
    return [operand]
  },
  lower: ((compiler, [x], { axis, reverse }, [out]) => {
    const operand = known(x, 'operand')
    const aval = known(out, 'result')
    if (!isHalf(aval.dtype)) return [compiler.cumulate({ operand, axis, reverse, combine })]
    // Running values of halves are kept in float32 and rounded once each.
    const wide = compiler.cumulate({
      operand: { aval: { ...aval, dtype: 'float32' }, at: (index) => e.convert(operand.at(index), 'float32') },
      axis,
      reverse,
      combine,
    })
    return [{ aval, at: (index) => e.convert(wide.at(index), aval.dtype) }]
  }) satisfies Primitive<CumulativeParams>['lower'],
  sample: ((draw) => {
    const shape = draw.shape({ minRank: 1, maxRank: 3 })
    return {
      inputs: [draw.array(shape, draw.pick(accepted), { distinct: true })],
      params: { axis: draw.integer(0, shape.length - 1), reverse: draw.boolean() },
    }
  }) satisfies Primitive<CumulativeParams>['sample'],
})

const shiftedAxis = (axis: number, batchAxis: number): number => (axis < batchAxis ? axis : axis + 1)

const publicFunction =
  (name: string, primitive: Primitive<CumulativeParams>): Cumulative =>
  (x, options = {}) => {
    checkOptions(name, options, 'axis reverse')
    const { axis = 0, reverse = false } = options
    const operand = asArray(x, name)
    return bindOne(primitive, [operand], { axis: canonicalAxis(axis, operand.ndim, name), reverse })
  }

const cumsumPrimitive = defineLinear<CumulativeParams>({
  ...common('cumsum', numeric, (sum, x) => e.binary('add', sum, x)),
  transpose: (ct, _, { axis, reverse }) => cumsum(ct, { axis, reverse: !reverse }),
  batch: (x, batchAxis, { axis, reverse }) => [cumsum(x, { axis: shiftedAxis(axis, batchAxis), reverse }), batchAxis],
})

/**
 * Running sum along an axis, in the operand's dtype.
 *
 * @example lax.cumsum(np.array([1, 2, 3])) // [1, 3, 6]
 */
export const cumsum: Cumulative = publicFunction('cumsum', cumsumPrimitive)

/** Values and their tangents. */
type Pair = readonly [value: NDArray, tangent: NDArray]
type CombinePairs = (before: Pair, after: Pair) => Pair

const along = (x: NDArray, axis: number, start: number, limit: number, stride: number): NDArray =>
  slice(
    x,
    x.shape.map((_, d) => (d === axis ? start : 0)),
    x.shape.map((size, d) => (d === axis ? limit : size)),
    x.shape.map((_, d) => (d === axis ? stride : 1)),
  )

/** Elements of `even` and `odd` in turn. */
const interleave = (even: NDArray, odd: NDArray, axis: number): NDArray => {
  const zero = scalarOf(0, even.aval)
  const longer = known(even.shape[axis], 'size') - known(odd.shape[axis], 'size')
  const spread = (x: NDArray, low: number, high: number): NDArray =>
    pad(
      x,
      zero,
      x.shape.map((_, d): [number, number, number] => (d === axis ? [low, high, 1] : [0, 0, 0])),
    )
  return add(spread(even, 0, 1 - longer), spread(odd, 1, longer))
}

/**
 * Running combination of pairs along an axis, as a program of logarithmic depth whose tangent part is linear.
 * Blelloch, "Prefix sums and their applications" (1990), in the order of JAX's associative_scan, so that ties share alike.
 */
const scanPairs = (combine: CombinePairs, pair: Pair, axis: number): Pair => {
  const size = known(pair[0].shape[axis], 'size')
  if (size < 2) return pair
  const part = ([value, tangent]: Pair, start: number, limit: number, stride: number): Pair => [
    along(value, axis, start, limit, stride),
    along(tangent, axis, start, limit, stride),
  ]
  const odd = scanPairs(combine, combine(part(pair, 0, size - 1, 2), part(pair, 1, size, 2)), axis)
  const start = part(pair, 0, 1, 1)
  if (size === 2) return [interleave(start[0], odd[0], axis), interleave(start[1], odd[1], axis)]
  const before = size % 2 === 0 ? part(odd, 0, size / 2 - 1, 1) : odd
  const later = combine(before, part(pair, 2, size, 2))
  const even: Pair = [concatenate([start[0], later[0]], axis), concatenate([start[1], later[1]], axis)]
  return [interleave(even[0], odd[0], axis), interleave(even[1], odd[1], axis)]
}

/** A running combination that is not linear; its tangent is a scan of values with their tangents. */
/* @__NO_SIDE_EFFECTS__ */
const cumulative = (
  name: string,
  accepted: readonly DType[],
  combine: CombineExpressions,
  pairs: CombinePairs,
  passes = false,
): Cumulative => {
  const primitive: Primitive<CumulativeParams> = definePrimitive<CumulativeParams>({
    ...common(name, accepted, combine),
    passes,
    jvp: ([x], [t], params) => {
      const operand = known(x, 'operand')
      const out = bindOne(primitive, [operand], params)
      if (t === null || t === undefined) return [[out], [null]]
      const { axis, reverse } = params
      const turn = (y: NDArray): NDArray => (reverse ? rev(y, [axis]) : y)
      return [[out], [turn(scanPairs(pairs, [turn(operand), turn(t)], axis)[1])]]
    },
    batch: ([x], [batchAxis], { axis, reverse }) => {
      const at = known(batchAxis ?? undefined, 'batch axis')
      return [[bindOne(primitive, [known(x, 'operand')], { axis: shiftedAxis(axis, at), reverse })], [at]]
    },
  })
  return publicFunction(name, primitive)
}

/**
 * Running product along an axis, in the operand's dtype. Its derivative is right when elements are zero.
 *
 * @example lax.cumprod(np.array([1, 2, 3])) // [1, 2, 6]
 */
export const cumprod: Cumulative = cumulative(
  'cumprod',
  numeric,
  (product, x) => e.binary('mul', product, x),
  ([x, s], [y, t]) => [mul(x, y), add(mul(s, y), mul(x, t))],
)

/** Pairs under an extremum: equal values share the tangent. */
/* @__NO_SIDE_EFFECTS__ */
const extremumPairs =
  (extremum: (x: ArrayLike, y: ArrayLike) => NDArray): CombinePairs =>
  ([x, s], [y, t]) => {
    const value = extremum(x, y)
    const fromX = convertElementType(eq(x, value), value.dtype)
    const fromY = convertElementType(eq(y, value), value.dtype)
    // Of NaNs neither equals the extremum; the count stays 1 and the tangent is 0.
    const count = max(add(fromX, fromY), 1)
    return [value, add(mul(s, div(fromX, count)), mul(t, div(fromY, count)))]
  }

/**
 * Running maximum along an axis; NaN from the first NaN on.
 *
 * @example lax.cummax(np.array([1, 3, 2])) // [1, 3, 3]
 */
export const cummax: Cumulative = cumulative(
  'cummax',
  numeric,
  (best, x) => e.binary('max', best, x),
  extremumPairs(max),
  true,
)

/**
 * Running minimum along an axis; NaN from the first NaN on.
 *
 * @example lax.cummin(np.array([3, 1, 2])) // [3, 1, 1]
 */
export const cummin: Cumulative = cumulative(
  'cummin',
  numeric,
  (best, x) => e.binary('min', best, x),
  extremumPairs(min),
  true,
)

/** `log(exp(a) + exp(b))` without overflow. */
const logAddExpExpression: CombineExpressions = (a, b) => {
  const difference = e.binary('sub', a, b)
  const small = scalar.log1p(scalar.exp(e.unary('neg', e.unary('abs', difference))))
  // Equal infinities have no difference; their sum is the right answer, and NaN for a NaN.
  const undefinedDifference = e.compare('ne', difference, difference)
  return e.select(undefinedDifference, e.binary('add', a, b), e.binary('add', e.binary('max', a, b), small))
}

/** The same in operations on arrays, whose derivatives are right at ties and infinities too. */
const logAddExp = (x: NDArray, y: NDArray): NDArray => {
  const difference = sub(x, y)
  const large = max(x, y)
  const finite = isFinite(difference)
  const distance = abs(select(finite, difference, zerosOf(difference.aval)))
  return select(finite, add(large, log1p(exp(neg(distance)))), large)
}

/**
 * Running `log(sum(exp(x)))` along an axis, without overflow.
 *
 * @example lax.cumlogsumexp(np.array([0, 0, 0])) // [0, log 2, log 3]
 */
export const cumlogsumexp: Cumulative = cumulative('cumlogsumexp', floating, logAddExpExpression, ([x, s], [y, t]) => {
  const value = logAddExp(x, y)
  // At -inf both weights are exp(-inf - 0) = 0.
  const base = select(isFinite(value), value, zerosOf(value.aval))
  return [value, add(mul(s, exp(sub(x, base))), mul(t, exp(sub(y, base))))]
})
