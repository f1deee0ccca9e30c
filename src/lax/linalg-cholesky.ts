/** Cholesky factors of symmetric positive definite matrices. */
import {
  type ArrayLike,
  type NDArray,
  type Primitive,
  bindOne,
  definePrimitive,
  known,
  shapedArray,
  checkOptions,
} from '../core/index.js'
import { div, mul, sub } from './arithmetic.js'
import { broadcastInDim, filled, reshape, transpose, zerosOf } from './broadcasting.js'
import { eq, ge, gt, select } from './comparison.js'
import { concatenate } from './concatenate.js'
import { dynamicIndexInDim, dynamicSliceInDim, dynamicUpdateSliceInDim } from './dynamic-slicing.js'
import { sqrt } from './exponential.js'
import {
  batchStack,
  checkMatrices,
  columnIndex,
  diagonalOf,
  diagonallyDominant,
  factored,
  flatStack,
  keepWhere,
  lowerTriangle,
  paddedSquare,
  product,
  productTransposed,
  rowIndex,
  sizesOf,
  symmetricFromLower,
  symmetrized,
} from './linalg-matrix.js'
import { triangularSolve } from './linalg-triangular-solve.js'
import { asArray } from './operands.js'
import { lowerAs, repeat } from './program-lowering.js'
import { reduceAnd } from './reductions.js'
import { slice } from './slicing.js'

type Empty = Record<never, never>

/** Matrices up to this size are factored column by column, larger ones in blocks of columns. */
const blockSize = 32
const largestUnblocked = 64
/** Up to this size by blocks alone, which multiply the zeros of what is not done yet; larger ones are halved first. */
const largestInBlocks = 128

/** Factors of symmetric matrices `[s, n, n]`, a column and a rank-one update at a time. */
const factorByColumns = (a: NDArray): NDArray => {
  const [n] = sizesOf(a)
  const { stacked } = repeat(n, [a], (k, [rest]) => {
    const remaining = known(rest, 'remaining matrices')
    const current = dynamicIndexInDim(remaining, k, { axis: 2 })
    const pivot = dynamicIndexInDim(current, k, { axis: 1 })
    const below = ge(rowIndex(current.shape), k)
    const column = keepWhere(below, div(current, sqrt(pivot)))
    const row = reshape(column, [known(a.shape[0], 'stack'), 1, n])
    return { carries: [sub(remaining, mul(column, row))], slices: [reshape(column, [known(a.shape[0], 'stack'), n])] }
  })
  return transpose(known(stacked[0], 'columns'), [1, 2, 0])
}

/** The same in blocks of columns, which need the ones before them only as a matrix product. */
const factorByBlocks = (a: NDArray): NDArray => {
  const [n] = sizesOf(a)
  const blocks = Math.ceil(n / blockSize)
  const matrix = paddedSquare(a, blocks * blockSize)
  const { carries } = repeat(blocks, [zerosOf(matrix.aval)], (k, [done]) => {
    const factors = known(done, 'factors')
    const start = mul(k, blockSize)
    const before = dynamicSliceInDim(factors, start, blockSize, { axis: 1 })
    const panel = sub(dynamicSliceInDim(matrix, start, blockSize, { axis: 2 }), productTransposed(factors, before))
    const corner = bindOne(choleskyPrimitive, [dynamicSliceInDim(panel, start, blockSize, { axis: 1 })], {})
    const solved = triangularSolve(corner, panel, { lower: true, transposeA: true })
    const below = keepWhere(ge(rowIndex(solved.shape), start), solved)
    const columns = dynamicUpdateSliceInDim(below, corner, start, 1)
    return { carries: [dynamicUpdateSliceInDim(factors, columns, start, 2)] }
  })
  const factors = known(carries[0], 'factors')
  return slice(factors, [0, 0, 0], a.shape)
}

/**
 * The same by halves, which need no products with zeros: of [[a, .], [b, c]] the factor of a is l, that below it is
 * m = b l^-T, and c - m m^T remains. Matrices of at most `leaf` rows are not halved.
 */
const factorByHalves = (a: NDArray, leaf: number): NDArray => {
  const [n] = sizesOf(a)
  if (n <= largestUnblocked) return factorByColumns(a)
  if (n <= leaf) return factorByBlocks(a)
  const stack = known(a.shape[0], 'stack')
  const half = blockSize * Math.ceil(n / (2 * blockSize))
  const upper = factorByHalves(slice(a, [0, 0, 0], [stack, half, half]), leaf)
  const below = triangularSolve(upper, slice(a, [0, half, 0], [stack, n, half]), { lower: true, transposeA: true })
  const rest = sub(slice(a, [0, half, half], [stack, n, n]), productTransposed(below, below))
  const lower = factorByHalves(rest, leaf)
  const right = concatenate([filled(0, shapedArray([stack, half, n - half], a.dtype)), lower], 1)
  return concatenate([concatenate([upper, below], 1), right], 2)
}

const factor = (a: NDArray): NDArray => {
  const matrix = symmetricFromLower(flatStack(a))
  const [n] = sizesOf(a)
  // Every half is a program of its own to be compiled, so there are two at most.
  const factors = factorByHalves(matrix, Math.max(largestInBlocks, blockSize * Math.ceil(n / (2 * blockSize))))
  // A matrix that is not positive definite has no factor: all its elements are NaN, as LAPACK's failures are in JAX.
  const positive = reduceAnd(gt(diagonalOf(factors), 0), [1])
  const kept = broadcastInDim(positive, factors.shape, [0])
  return reshape(select(kept, factors, filled(NaN, factors.aval)), a.shape)
}

/** Half of a matrix's diagonal with what is below it. */
const lowerHalf = (x: NDArray): NDArray => {
  const onDiagonal = eq(rowIndex(x.shape), columnIndex(x.shape))
  return lowerTriangle(select(onDiagonal, mul(x, 0.5), x))
}

const choleskyPrimitive: Primitive<Empty> = definePrimitive<Empty>({
  name: 'cholesky',
  abstract: ([x]) => {
    const a = known(x, 'matrix')
    checkMatrices('cholesky', a, { square: true })
    return [a]
  },
  // dL = L phi(L^-1 dA L^-T): Murray, "Differentiation of the Cholesky decomposition" (2016), equation 8.
  jvp: ([x], [t]) => {
    const factors = bindOne(choleskyPrimitive, [known(x, 'matrix')], {})
    if (t === null || t === undefined) return [[factors], [null]]
    const right = triangularSolve(factors, symmetricFromLower(t), { lower: true, transposeA: true })
    const both = triangularSolve(factors, right, { leftSide: true, lower: true })
    return [[factors], [product(factors, lowerHalf(both))]]
  },
  batch: batchStack(() => choleskyPrimitive),
  lower: lowerAs(([a]) => [factor(known(a, 'matrix'))]),
  sample: (draw) => {
    const dtype = draw.pick(factored)
    const stack = draw.shape({ maxRank: 1 })
    const n = draw.integer(0, 4)
    return { inputs: [diagonallyDominant(draw.array([...stack, n, n], dtype))], params: {} }
  },
})

export interface CholeskyOptions {
  /** Takes `(a + a^T) / 2`, the default; otherwise only the lower triangle of `a` is used. */
  readonly symmetrizeInput?: boolean
}

/**
 * Cholesky factors `l` of symmetric positive definite matrices, `[..., n, n]`: lower triangular with `a = l l^T`.
 * Of a matrix that is not positive definite all elements are NaN.
 *
 * Throws ShapeError unless the matrices are square, DTypeError unless they are float32 or float64.
 *
 * @example
 * ```ts
 * lax.linalg.cholesky(np.array([[4, 2], [2, 5]])).js() // [ [ 2, 0 ], [ 1, 2 ] ]
 * ```
 */
export const cholesky = (a: ArrayLike, options: CholeskyOptions = {}): NDArray => {
  const { symmetrizeInput = true } = checkOptions('cholesky', options, 'symmetrizeInput')
  const x = asArray(a, 'cholesky')
  checkMatrices('cholesky', x.aval, { square: true })
  return bindOne(choleskyPrimitive, [symmetrizeInput ? symmetrized(x) : x], {})
}
