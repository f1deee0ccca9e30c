/** Setting, multiplying, and taking extrema at computed places, with their derivatives. */
import {
  type JvpRule,
  type NDArray,
  type Primitive,
  type Tangent,
  DifferentiationError,
  bindOne,
  isLinear,
  known,
  knownInput,
  range,
  shapedArray,
  sizeOf,
} from '../core/index.js'
import { add, div, mul } from './arithmetic.js'
import { broadcastInDim, filled, reshape, zerosOf } from './broadcasting.js'
import { bitwiseOr, eq, ne, select } from './comparison.js'
import { addAny, anyDType, numeric } from './elementwise.js'
import { gatherUpdates, scatterAdd } from './gather.js'
import {
  type ScatterFunction,
  type ScatterOptions,
  type ScatterParams,
  defineScatter,
  scatterFunction,
} from './scatter-primitive.js'
import { iota } from './shape.js'
import type { ScatterDimensionNumbers } from './windows.js'

export type { ScatterFunction, ScatterOptions } from './scatter-primitive.js'
export type { ScatterDimensionNumbers } from './windows.js'

const onesOf = (x: NDArray): NDArray => filled(1, x.aval)

/** Dimension numbers and options of a call that means the same as an equation's parameters. */
const call = (params: ScatterParams): readonly [ScatterDimensionNumbers, ScatterOptions] => {
  const { offsetDims, collapsedSliceDims, startIndexMap, operandBatchingDims, startIndicesBatchingDims } =
    params.dimensionNumbers
  return [
    {
      updateWindowDims: offsetDims,
      insertedWindowDims: collapsedSliceDims,
      scatterDimsToOperandDims: startIndexMap,
      operandBatchingDims,
      scatterIndicesBatchingDims: startIndicesBatchingDims,
    },
    {
      mode: params.mode === 'fillOrDrop' ? 'drop' : params.mode,
      uniqueIndices: params.uniqueIndices,
      indicesAreSorted: params.indicesAreSorted,
    },
  ]
}

interface Operands {
  readonly operand: NDArray
  readonly indices: NDArray
  readonly updates: NDArray
}

const named = ([operand, indices, updates]: readonly NDArray[]): Operands => ({
  operand: known(operand, 'operand'),
  indices: known(indices, 'indices'),
  updates: known(updates, 'updates'),
})

/**
 * True for the updates that a scatter which sets leaves in place. Updates are written in order, so of several to one
 * element the last stays: number the windows, set the numbers, and see which ones are still there.
 */
const survivors = (
  indices: NDArray,
  operandShape: readonly number[],
  updateShape: readonly number[],
  params: ScatterParams,
): NDArray => {
  const { offsetDims } = params.dimensionNumbers
  const perWindow = updateShape.map((size, d) => (offsetDims.includes(d) ? 1 : size))
  const numbered = reshape(iota('int32', sizeOf(perWindow)), perWindow)
  const ids = add(broadcastInDim(numbered, updateShape, range(updateShape.length)), 1)
  const written = scatter(zerosOf(shapedArray(operandShape, 'int32')), indices, ids, ...call(params))
  return eq(gatherUpdates(written, indices, ids, params), ids)
}

const scatterPrimitive: Primitive<ScatterParams> = defineScatter({
  name: 'scatter',
  operation: 'scatter',
  combine: 'set',
  dtypes: anyDType,
  // Which update stays depends on the indices alone, so tangents are set as values are.
  jvp: (primals, [t, , tUpdates], params) => {
    const { operand, indices, updates } = named(primals)
    const tangents = [t ?? zerosOf(operand.aval), indices, tUpdates ?? zerosOf(updates.aval)]
    return [[bindOne(scatterPrimitive, primals, params)], [bindOne(scatterPrimitive, tangents, params)]]
  },
  transpose: ([c], [x, at, y], params) => {
    const ct = known(c ?? undefined, 'cotangent')
    const indices = knownInput(at)
    const { aval } = known(y, 'updates')
    const ofOperand = (): NDArray =>
      bindOne(scatterPrimitive, [ct, indices, zerosOf(shapedArray(aval.shape, ct.dtype))], params)
    const ofUpdates = (): NDArray => {
      const read = gatherUpdates(ct, indices, aval, params)
      return params.uniqueIndices
        ? read
        : select(survivors(indices, ct.shape, aval.shape, params), read, zerosOf(read.aval))
    }
    return [isLinear(x) ? ofOperand() : null, null, isLinear(y) ? ofUpdates() : null]
  },
})

/**
 * Sets the element of `operand` that each index names to its update; of several updates to one element the last one
 * in row-major order stays.
 *
 * Throws ArgumentError or ShapeError when dimension numbers and shapes don't fit. `x.at(...index).set(value)` is easier to use.
 *
 * @example
 * ```ts
 * const numbers = { updateWindowDims: [], insertedWindowDims: [0], scatterDimsToOperandDims: [0] }
 * lax.scatter(np.zeros([3]), lax.full([1, 1], 1), np.ones([1]), numbers).js() // [0, 1, 0]
 * ```
 */
export const scatter: ScatterFunction = scatterFunction('scatter', scatterPrimitive)

/** Product of all other updates to the element that an update goes to, right for zeros too. */
const productOfOthers = ({ operand, indices, updates }: Operands, params: ScatterParams): NDArray => {
  const isZero = eq(updates, 0)
  const ones = onesOf(updates)
  const zeros = zerosOf(updates.aval)
  const nonzero = select(isZero, ones, updates)
  const product = scatterMul(onesOf(operand), indices, nonzero, ...call(params))
  const zeroCount = scatterAdd(zerosOf(operand.aval), indices, select(isZero, ones, zeros), ...call(params))
  const there = gatherUpdates(product, indices, updates, params)
  const zerosThere = gatherUpdates(zeroCount, indices, updates, params)
  return select(isZero, select(eq(zerosThere, 1), there, zeros), select(eq(zerosThere, 0), div(there, nonzero), zeros))
}

const scatterMulPrimitive: Primitive<ScatterParams> = defineScatter({
  name: 'scatter-mul',
  operation: 'scatterMul',
  combine: 'mul',
  dtypes: numeric,
  jvp: (primals, [t, , tUpdates], params) => {
    const all = named(primals)
    const { operand, indices, updates } = all
    let tangent: Tangent = null
    if (t !== null && t !== undefined) tangent = bindOne(scatterMulPrimitive, [t, indices, updates], params)
    if (tUpdates !== null && tUpdates !== undefined) {
      const factors = params.uniqueIndices ? tUpdates : mul(tUpdates, productOfOthers(all, params))
      const term = mul(operand, scatterAdd(zerosOf(operand.aval), indices, factors, ...call(params)))
      tangent = tangent === null ? term : addAny(tangent, term)
    }
    return [[bindOne(scatterMulPrimitive, primals, params)], [tangent]]
  },
  transpose: ([c], [x, at, y], params) => {
    const ct = known(c ?? undefined, 'cotangent')
    if (!isLinear(y)) return [bindOne(scatterMulPrimitive, [ct, knownInput(at), knownInput(y)], params), null, null]
    if (!params.uniqueIndices) {
      throw new DifferentiationError(
        'scatterMul is linear in its updates only where no two of them meet; promise that with { uniqueIndices: true }.',
      )
    }
    return [null, null, gatherUpdates(mul(ct, knownInput(x)), knownInput(at), y.aval, params)]
  },
})

/**
 * Multiplies the element of `operand` that each index names by its update; updates to one element are all multiplied.
 *
 * @example
 * ```ts
 * const numbers = { updateWindowDims: [], insertedWindowDims: [0], scatterDimsToOperandDims: [0] }
 * lax.scatterMul(np.ones([3]), lax.full([2, 1], 1), lax.full([2], 3), numbers).js() // [1, 9, 1]
 * ```
 */
export const scatterMul: ScatterFunction = scatterFunction('scatterMul', scatterMulPrimitive)

const atLeastOne = (count: NDArray): NDArray => select(eq(count, 0), onesOf(count), count)

/**
 * Derivative of scatters that take extrema, as in JAX: where several of the operand's element and the updates to it
 * are the extremum, each gets an equal share of the tangent.
 */
const extremumJvp =
  (primitive: () => Primitive<ScatterParams>): JvpRule<ScatterParams> =>
  (primals, [t, , tUpdates], params) => {
    const { operand, indices, updates } = named(primals)
    const out = bindOne(primitive(), primals, params)
    const target = gatherUpdates(out, indices, updates, params)
    const won = select(eq(updates, target), onesOf(updates), zerosOf(updates.aval))
    // A NaN equals nothing, but where the operand is NaN it is the result.
    const stays = bitwiseOr(eq(operand, out), ne(operand, operand))
    const kept = select(stays, onesOf(operand), zerosOf(operand.aval))
    // How many share an element: the updates that equal the result, and the operand where it does.
    const winners = scatterAdd(kept, indices, won, ...call(params))
    const ofOperand = mul(t ?? zerosOf(operand.aval), div(kept, atLeastOne(winners)))
    const share = div(won, atLeastOne(gatherUpdates(winners, indices, updates, params)))
    const ofUpdates = mul(tUpdates ?? zerosOf(updates.aval), share)
    return [[out], [scatterAdd(ofOperand, indices, ofUpdates, ...call(params))]]
  }

const scatterMinPrimitive: Primitive<ScatterParams> = defineScatter({
  name: 'scatter-min',
  operation: 'scatterMin',
  combine: 'min',
  dtypes: anyDType,
  jvp: extremumJvp(() => scatterMinPrimitive),
  domain: { distinct: true },
})

const scatterMaxPrimitive: Primitive<ScatterParams> = defineScatter({
  name: 'scatter-max',
  operation: 'scatterMax',
  combine: 'max',
  dtypes: anyDType,
  jvp: extremumJvp(() => scatterMaxPrimitive),
  domain: { distinct: true },
})

/** The smallest of the element of `operand` that each index names and the updates to it; NaN if any is NaN. */
export const scatterMin: ScatterFunction = scatterFunction('scatterMin', scatterMinPrimitive)

/** The largest of the element of `operand` that each index names and the updates to it; NaN if any is NaN. */
export const scatterMax: ScatterFunction = scatterFunction('scatterMax', scatterMaxPrimitive)
