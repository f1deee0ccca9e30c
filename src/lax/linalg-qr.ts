/** QR factors of matrices, by Householder reflections. */
import {
  type ArrayLike,
  type NDArray,
  type Primitive,
  bind,
  definePrimitive,
  known,
  shapedArray,
  checkOptions,
} from '../core/index.js'
import { abs, add, div, mul, neg, sub } from './arithmetic.js'
import { filled, reduceSum, reshape, zerosOf } from './broadcasting.js'
import { eq, ge, gt, select } from './comparison.js'
import { concatenate } from './concatenate.js'
import { dynamicIndexInDim } from './dynamic-slicing.js'
import { sqrt } from './exponential.js'
import {
  batchStack,
  checkMatrices,
  factored,
  flatStack,
  fullRank,
  identity,
  keepWhere,
  product,
  rowIndex,
  sizesOf,
  strictlyLower,
  transposed,
  transposedProduct,
  upperTriangle,
} from './linalg-matrix.js'
import { solve } from './linalg-solve.js'
import { triangularSolve } from './linalg-triangular-solve.js'
import { asArray } from './operands.js'
import { lowerAs, repeat } from './program-lowering.js'
import { reduceMax } from './reductions.js'
import { sliceInDim } from './slicing.js'

export interface QrParams {
  readonly fullMatrices: boolean
  /** Columns are taken in their order. */
  readonly pivoting: false
}

/** Reflections `1 - tau v v^T` of the steps of a factorization. */
export interface Reflections {
  /** `[steps, s, m, 1]`, with 1 in the row of the step and zeros above. */
  readonly vectors: NDArray
  /** `[steps, s, 1, 1]` */
  readonly factors: NDArray
}

/**
 * The reflection that takes a column `[s, m, 1]` to a multiple of unit vector k, leaving rows above k alone; and what is in
 * row k afterwards. As LAPACK's larfg: no reflection where the rest is zero already, and the sign avoids cancellation.
 */
export const reflectionOf = (column: NDArray, k: NDArray) => {
  const rows = rowIndex(column.shape)
  const one = [known(column.shape[0], 'stack'), 1, 1]
  const overRows = (x: NDArray, f: (x: NDArray, axes: readonly number[]) => NDArray): NDArray => reshape(f(x, [1]), one)
  const head = dynamicIndexInDim(column, k, { axis: 1 })
  const tail = keepWhere(gt(rows, k), column)
  const largestTail = overRows(abs(tail), reduceMax)
  const nothing = eq(largestTail, 0)
  const largest = overRows(abs(keepWhere(ge(rows, k), column)), reduceMax)
  const scale = select(eq(largest, 0), filled(1, largest.aval), largest)
  const length = mul(scale, sqrt(overRows(square(div(keepWhere(ge(rows, k), column), scale)), reduceSum)))
  const beta = select(nothing, head, select(ge(head, 0), neg(length), length))
  const ones = filled(1, head.aval)
  const factor = select(nothing, zerosOf(head.aval), div(sub(beta, head), select(nothing, ones, beta)))
  const divided = div(tail, select(nothing, ones, sub(head, beta)))
  const vector = select(eq(rows, k), filled(1, column.aval), divided)
  return { vector, factor, beta }
}

const square = (x: NDArray): NDArray => mul(x, x)

/** Matrices `[s, m, n]` after a reflection from the left. */
export const reflected = (x: NDArray, vector: NDArray, factor: NDArray): NDArray =>
  sub(x, mul(vector, mul(factor, transposedProduct(vector, x))))

/** The upper triangular factor of `[s, m, n]`, below whose diagonal is rounding, and the reflections that lead to it. */
const reduce = (a: NDArray): { readonly upper: NDArray; readonly reflections: Reflections } => {
  const { carries, stacked } = repeat(Math.min(...sizesOf(a)), [a], (k, [current]) => {
    const matrix = known(current, 'matrix')
    const { vector, factor } = reflectionOf(dynamicIndexInDim(matrix, k, { axis: 2 }), k)
    return { carries: [reflected(matrix, vector, factor)], slices: [vector, factor] }
  })
  return {
    upper: known(carries[0], 'factor'),
    reflections: { vectors: known(stacked[0], 'vectors'), factors: known(stacked[1], 'factors') },
  }
}

/** The product of all reflections with matrices `[s, m, n]`, from the last reflection to the first. */
export const applyReflections = ({ vectors, factors }: Reflections, x: NDArray): NDArray => {
  const steps = known(vectors.shape[0], 'steps')
  const { carries } = repeat(
    steps,
    [x],
    (_, [current], [vector, factor]) => ({
      carries: [reflected(known(current, 'matrix'), known(vector, 'vector'), known(factor, 'factor'))],
    }),
    { reverse: true, over: [vectors, factors] },
  )
  return known(carries[0], 'product')
}

const factor = (a: NDArray, fullMatrices: boolean): readonly NDArray[] => {
  const [m, n] = sizesOf(a)
  const stack = a.shape.slice(0, -2)
  const k = fullMatrices ? m : Math.min(m, n)
  if (m === 0 || n === 0) return [identity([...stack, m, k], a.dtype), zerosOf(shapedArray([...stack, k, n], a.dtype))]
  const flat = flatStack(a)
  const { upper, reflections } = reduce(flat)
  const q = applyReflections(reflections, identity([known(flat.shape[0], 'stack'), m, k], a.dtype))
  const r = upperTriangle(sliceInDim(upper, 0, k, { axis: 1 }))
  return [reshape(q, [...stack, m, k]), reshape(r, [...stack, k, n])]
}

/** Derivatives for m >= n: Walter and Lehmann, "Algorithmic differentiation of linear algebra functions" (2010), section 2.2. */
const thinTangents = (q: NDArray, r: NDArray, dx: NDArray): readonly [dq: NDArray, dr: NDArray] => {
  const right = triangularSolve(r, dx)
  const inner = transposedProduct(q, right)
  const below = strictlyLower(inner)
  const turn = sub(below, transposed(below))
  return [add(product(q, sub(turn, inner)), right), product(sub(inner, turn), r)]
}

/** Columns (axis -1) or rows (axis -2) from `start` to `stop`. */
const part = (x: NDArray, axis: -1 | -2, start: number, stop?: number): NDArray =>
  sliceInDim(x, start, stop ?? known(x.shape.at(axis), 'size'), { axis })

/** Derivatives of the columns that complete q: Roberts and Roberts, "QR decomposition, full" (arXiv 2409.13374), equations 32 and 33. */
const completeTangents = (q: NDArray, dThin: NDArray, n: number): NDArray => {
  const m = known(q.shape.at(-2), 'rows')
  const top = part(q, -2, 0, n)
  const thin = part(q, -1, 0, n)
  const corner = part(top, -1, 0, n)
  const bottom = part(thin, -2, n)
  const eye = identity(corner.shape, q.dtype)
  const z = transposed(solve(sub(corner, eye), transposed(bottom), true))
  const others = part(q, -1, n, m)
  const change = sub(part(dThin, -2, n), product(z, part(dThin, -2, 0, n)))
  return sub(product(dThin, transposed(z)), product(add(thin, product(others, z)), transposed(change)))
}

const qrPrimitive: Primitive<QrParams> = definePrimitive<QrParams>({
  name: 'qr',
  abstract: ([x], { fullMatrices }) => {
    const a = known(x, 'matrix')
    checkMatrices('qr', a)
    const [m, n] = sizesOf(a)
    const stack = a.shape.slice(0, -2)
    const k = fullMatrices ? m : Math.min(m, n)
    return [shapedArray([...stack, m, k], a.dtype), shapedArray([...stack, k, n], a.dtype)]
  },
  jvp: ([x], [t], params) => {
    const a = known(x, 'matrix')
    const [m, n] = sizesOf(a)
    const outs = bind(qrPrimitive, [a], params)
    const q = known(outs[0], 'q')
    const r = known(outs[1], 'r')
    if (t === null || t === undefined) return [outs, [null, null]]
    if (m < n) {
      // The first m columns have a square factor; the rest of r is q^T times the rest of the matrix.
      const [dq, dr] = thinTangents(q, part(r, -1, 0, m), part(t, -1, 0, m))
      const rest = add(transposedProduct(dq, part(a, -1, m)), transposedProduct(q, part(t, -1, m)))
      return [outs, [dq, concatenate([dr, rest], a.ndim - 1)]]
    }
    const [dq, dr] = thinTangents(part(q, -1, 0, n), part(r, -2, 0, n), t)
    if (!params.fullMatrices || m === n) return [outs, [dq, dr]]
    const zeros = zerosOf(shapedArray([...a.shape.slice(0, -2), m - n, n], a.dtype))
    return [outs, [concatenate([dq, completeTangents(q, dq, n)], a.ndim - 1), concatenate([dr, zeros], a.ndim - 2)]]
  },
  batch: batchStack(() => qrPrimitive),
  lower: lowerAs(([a], { fullMatrices }) => factor(known(a, 'matrix'), fullMatrices)),
  print: ({ fullMatrices, pivoting }) => ({ full_matrices: fullMatrices, pivoting, use_magma: null }),
  parse: (printed) => ({ fullMatrices: printed['full_matrices'] === true, pivoting: false }),
  sample: (draw) => {
    const stack = draw.shape({ maxRank: 1 })
    const shape = [...stack, draw.integer(0, 3), draw.integer(0, 3)]
    return {
      inputs: [fullRank(draw.array(shape, draw.pick(factored), { min: -1, max: 1 }))],
      params: { fullMatrices: draw.boolean(), pivoting: false },
    }
  },
})

export interface QrOptions {
  /** Makes `q` square, `[..., m, m]`, the default. */
  readonly fullMatrices?: boolean
}

/**
 * QR factors of matrices `[..., m, n]`, as `[q, r]`: the columns of `q` are orthonormal, `r` is upper triangular, and
 * `a = q r`. With `fullMatrices` `q` is `[..., m, m]`; otherwise it has min(m, n) columns. Signs are LAPACK's.
 *
 * Throws ShapeError for scalars and vectors, DTypeError unless the matrices are float32 or float64.
 *
 * @example
 * ```ts
 * const [q, r] = lax.linalg.qr(np.array([[3, 1], [4, 2]]))
 * console.log(r.get(0, 0).item()) // -5
 * ```
 */
export const qr = (a: ArrayLike, options: QrOptions = {}): [q: NDArray, r: NDArray] => {
  const { fullMatrices = true } = checkOptions('qr', options, 'fullMatrices')
  const [q, r] = bind<QrParams>(qrPrimitive, [asArray(a, 'qr')], { fullMatrices, pivoting: false })
  return [known(q, 'q'), known(r, 'r')]
}
