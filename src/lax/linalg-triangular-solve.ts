/** Systems of equations with triangular matrices. */
import {
  type ArrayLike,
  type NDArray,
  type Primitive,
  ShapeError,
  avalText,
  bindOne,
  definePrimitive,
  isLinear,
  known,
  knownInput,
  sameShape,
  checkOptions,
} from '../core/index.js'
import { div, mul, neg, sub } from './arithmetic.js'
import { moveAxis, reshape, scalarOf, zerosOf } from './broadcasting.js'
import { batchInFront } from './concatenate.js'
import { dynamicIndexInDim, dynamicSliceInDim, dynamicUpdateSliceInDim } from './dynamic-slicing.js'
import { addAny } from './elementwise.js'
import {
  checkMatrices,
  factored,
  flatStack,
  lowerTriangle,
  paddedSquare,
  product,
  sizesOf,
  strictlyLower,
  strictlyUpper,
  transposed,
  upperTriangle,
} from './linalg-matrix.js'
import { operands } from './operands.js'
import { lowerAs, repeat } from './program-lowering.js'
import { expandDims, squeeze } from './shape.js'
import { pad, sliceInDim } from './slicing.js'

export interface TriangularSolveParams {
  readonly leftSide: boolean
  readonly lower: boolean
  readonly transposeA: boolean
  /** Printed as JAX does; complex matrices are not among ours. */
  readonly conjugateA: boolean
  readonly unitDiagonal: boolean
}

/** Systems up to this size are solved row by row, larger ones in blocks of this size. */
const blockSize = 32
const largestUnblocked = 64

/** Solution of `t x = b` for stacks `[s, n, n]` and `[s, n, m]`, one row after the other; the other triangle is never used. */
const solveByRows = (t: NDArray, b: NDArray, lower: boolean, unitDiagonal: boolean): NDArray => {
  const [n] = sizesOf(b)
  const { stacked } = repeat(
    n,
    [b],
    (k, [rest]) => {
      const right = known(rest, 'right-hand sides')
      const solved = dynamicIndexInDim(right, k, { axis: 1 })
      const factors = dynamicIndexInDim(t, k, { axis: 2 })
      const x = unitDiagonal ? solved : div(solved, dynamicIndexInDim(factors, k, { axis: 1 }))
      // Rows that are solved already get garbage, which nobody reads.
      return { carries: [sub(right, mul(factors, x))], slices: [x] }
    },
    { reverse: !lower },
  )
  return reshape(moveAxis(known(stacked[0], 'solution'), 0, 1), b.shape)
}

/** The same in blocks of rows: a matrix product with what is solved already, then a small system on the diagonal. */
const solveByBlocks = (t: NDArray, b: NDArray, lower: boolean, unitDiagonal: boolean): NDArray => {
  const [n] = sizesOf(b)
  const blocks = Math.ceil(n / blockSize)
  const size = blocks * blockSize
  const matrix = paddedSquare(lower ? lowerTriangle(t) : upperTriangle(t), size)
  const right = pad(b, scalarOf(0, b.aval), [
    [0, 0, 0],
    [0, size - n, 0],
    [0, 0, 0],
  ])
  const { carries } = repeat(
    blocks,
    [zerosOf(right.aval)],
    (k, [done]) => {
      const solution = known(done, 'solution')
      const start = mul(k, blockSize)
      const rows = dynamicSliceInDim(matrix, start, blockSize, { axis: 1 })
      const rest = sub(dynamicSliceInDim(right, start, blockSize, { axis: 1 }), product(rows, solution))
      const diagonal = dynamicSliceInDim(rows, start, blockSize, { axis: 2 })
      const x = triangularSolve(diagonal, rest, { leftSide: true, lower, unitDiagonal })
      return { carries: [dynamicUpdateSliceInDim(solution, x, start, 1)] }
    },
    { reverse: !lower },
  )
  const x = known(carries[0], 'solution')
  return sliceInDim(x, 0, n, { axis: 1 })
}

/** Rows or columns, all at once or in blocks: every case becomes `t x = b` with vectors as columns. */
const solve = (a: NDArray, b: NDArray, params: TriangularSolveParams): NDArray => {
  const { leftSide, lower, transposeA, unitDiagonal } = params
  const flip = leftSide === transposeA
  const matrix = flatStack(a)
  const right = flatStack(b)
  const t = flip ? transposed(matrix) : matrix
  const columns = leftSide ? right : transposed(right)
  const [n] = sizesOf(a)
  const f = n <= largestUnblocked ? solveByRows : solveByBlocks
  const x = f(t, columns, lower !== flip, unitDiagonal)
  return reshape(leftSide ? x : transposed(x), b.shape)
}

const checkSolve = (a: { shape: readonly number[] }, b: { shape: readonly number[] }, leftSide: boolean): boolean =>
  a.shape.length === b.shape.length &&
  sameShape(a.shape.slice(0, -2), b.shape.slice(0, -2)) &&
  a.shape.at(-1) === b.shape.at(leftSide ? -2 : -1)

const triangularSolvePrimitive: Primitive<TriangularSolveParams> = definePrimitive<TriangularSolveParams>({
  name: 'triangular_solve',
  abstract: ([x, y], { leftSide }) => {
    const a = known(x, 'matrix')
    const b = known(y, 'right-hand sides')
    checkMatrices('triangularSolve', a, { square: true })
    checkMatrices('triangularSolve', b)
    if (!checkSolve(a, b, leftSide) || a.dtype !== b.dtype) {
      throw new ShapeError(
        `triangularSolve: matrices ${avalText(a)} and right-hand sides ${avalText(b)} don't fit: they need one dtype, equal leading axes, and ` +
          `as many ${leftSide ? 'rows' : 'columns'} of right-hand sides (leftSide: ${leftSide}) as rows of the matrix.`,
      )
    }
    return [b]
  },
  // Giles, "An extended collection of matrix derivative results" (2008), section 2.2; the order is the cheaper one.
  jvp: ([x, y], [s, t], params) => {
    const a = known(x, 'matrix')
    const b = known(y, 'right-hand sides')
    const { leftSide, lower, transposeA, unitDiagonal } = params
    const out = bindOne(triangularSolvePrimitive, [a, b], params)
    const inverse = (right: NDArray): NDArray => bindOne(triangularSolvePrimitive, [a, right], params)
    const fromRight = t === null || t === undefined ? null : inverse(t)
    if (s === null || s === undefined) return [[out], [fromRight]]
    const triangle = unitDiagonal
      ? (lower ? strictlyLower : strictlyUpper)(s)
      : (lower ? lowerTriangle : upperTriangle)(s)
    const change = neg(transposeA ? transposed(triangle) : triangle)
    const [m, n] = sizesOf(b)
    const fromMatrix = leftSide
      ? m > n
        ? inverse(product(change, out))
        : product(inverse(change), out)
      : m < n
        ? inverse(product(out, change))
        : product(out, inverse(change))
    return [[out], [fromRight === null ? fromMatrix : addAny(fromRight, fromMatrix)]]
  },
  transpose: ([ct], [x, y], params) => [
    null,
    isLinear(y) && ct !== null && ct !== undefined
      ? bindOne(triangularSolvePrimitive, [knownInput(x), ct], { ...params, transposeA: !params.transposeA })
      : null,
  ],
  batch: ([x, y], [batchA, batchB], params, { size }) => {
    const a = known(x, 'matrix')
    const b = known(y, 'right-hand sides')
    if (batchA !== null || batchB === null || batchB === undefined) {
      const out = bindOne(
        triangularSolvePrimitive,
        [batchInFront(a, batchA, size), batchInFront(b, batchB, size)],
        params,
      )
      return [[out], [0]]
    }
    // One matrix for all members: they are more columns (or rows) of one system.
    const axis = params.leftSide ? b.ndim - 1 : b.ndim - 2
    const moved = moveAxis(b, batchB, axis)
    const merged = moved.shape.toSpliced(axis - 1, 2, known(moved.shape[axis - 1], 'size') * size)
    const out = bindOne(triangularSolvePrimitive, [a, reshape(moved, merged)], params)
    return [[reshape(out, moved.shape)], [axis]]
  },
  lower: lowerAs(([a, b], params) => [solve(known(a, 'matrix'), known(b, 'right-hand sides'), params)]),
  sample: (draw) => {
    const dtype = draw.pick(factored)
    const stack = draw.shape({ maxRank: 1 })
    const n = draw.integer(0, 3)
    const m = draw.integer(0, 3)
    const leftSide = draw.boolean()
    return {
      inputs: [
        draw.array([...stack, n, n], dtype, { min: 0.5, max: 1 }),
        draw.array([...stack, ...(leftSide ? [n, m] : [m, n])], dtype),
      ],
      params: {
        leftSide,
        lower: draw.boolean(),
        transposeA: draw.boolean(),
        conjugateA: false,
        unitDiagonal: draw.boolean(),
      },
    }
  },
})

export interface TriangularSolveOptions {
  /** Solves `op(a) x = b`; otherwise `x op(a) = b`, the default. */
  readonly leftSide?: boolean
  /** Which triangle of `a` is used; the upper one unless said. The other is ignored. */
  readonly lower?: boolean
  /** `op(a)` is the transpose of `a`. */
  readonly transposeA?: boolean
  /** Changes nothing, since matrices are real. */
  readonly conjugateA?: boolean
  /** Takes the diagonal of `a` as ones. */
  readonly unitDiagonal?: boolean
}

/**
 * Solves systems with triangular matrices `a`, `[..., n, n]`: `op(a) x = b` with `b` of shape `[..., n, m]` when
 * `leftSide`, else `x op(a) = b` with `b` of shape `[..., m, n]`. A `b` with one axis less is a vector.
 * A zero on the diagonal gives infinities and NaN, as division does.
 *
 * Throws ShapeError when sizes or leading axes differ, DTypeError unless both are float32 or float64.
 *
 * @example
 * ```ts
 * const a = np.array([[2, 0], [1, 4]])
 * lax.linalg.triangularSolve(a, np.array([2, 9]), { leftSide: true, lower: true }).js() // [ 1, 2 ]
 * ```
 */
export const triangularSolve = (a: ArrayLike, b: ArrayLike, options: TriangularSolveOptions = {}): NDArray => {
  checkOptions('triangularSolve', options, 'leftSide lower transposeA conjugateA unitDiagonal')
  const { leftSide = false, lower = false, transposeA = false, unitDiagonal = false } = options
  const [x, y] = operands('triangularSolve', [a, b])
  const matrix = known(x, 'matrix')
  const right = known(y, 'right-hand sides')
  const params = { leftSide, lower, transposeA, conjugateA: false, unitDiagonal }
  if (right.ndim !== matrix.ndim - 1) return bindOne(triangularSolvePrimitive, [matrix, right], params)
  const axis = leftSide ? -1 : -2
  return squeeze(bindOne(triangularSolvePrimitive, [matrix, expandDims(right, [axis])], params), [axis])
}
