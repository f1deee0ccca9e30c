/** Solutions of linear equations, and the triangular factors they come from, under SciPy's names. */
import {
  type ArrayLike,
  type NDArray,
  ArgumentError,
  ShapeError,
  avalText,
  broadcastShapes,
  known,
  range,
  checkOptions,
} from '../../core/index.js'
import * as lax from '../../lax/index.js'
import { identity, product, transposed } from '../../lax/linalg-matrix.js'
import { luSolve as solveStack } from '../../lax/linalg-lu.js'
import * as np from '../../numpy/linalg.js'
import { promoteInexact } from '../../numpy/promotion-args.js'
import { customJvp, jit } from '../../transforms/index.js'
import { float } from '../arguments.js'

export interface TriangleOptions {
  /** Whether the triangle is the lower one; the upper one unless said. */
  readonly lower?: boolean
}

/** Square matrices `[..., n, n]` of floats. Throws ShapeError for anything else. */
export const squareMatrices = (operation: string, a: ArrayLike): NDArray => {
  const x = float(operation, a)
  if (x.ndim < 2 || x.shape.at(-1) !== x.shape.at(-2)) {
    throw new ShapeError(`${operation}: expected square matrices [..., n, n], got ${avalText(x.aval)}.`)
  }
  return x
}

/**
 * Cholesky factor of symmetric positive definite matrices `[..., n, n]`: upper triangular `u` with `a = u^T u`, or with `lower`
 * its transpose. NaN where a matrix is not positive definite.
 *
 * @example
 * ```ts
 * scipy.linalg.cholesky(np.array([[4, 2], [2, 5]]), { lower: true }) // [[2, 0], [1, 2]]
 * ```
 */
export const cholesky = (a: ArrayLike, options: TriangleOptions = {}): NDArray => {
  const { lower = false } = checkOptions('linalg.cholesky', options, 'lower')
  return np.cholesky(a, { upper: !lower })
}

/** Cholesky factor and whether it is the lower one, for `choSolve`. */
export const choFactor = (a: ArrayLike, options: TriangleOptions = {}): [factor: NDArray, lower: boolean] => {
  checkOptions('linalg.choFactor', options, 'lower')
  return [cholesky(a, options), options.lower ?? false]
}

/** Matrices and right-hand sides of one dtype, with leading axes broadcast; vectors as matrices of one column. */
const system = (
  operation: string,
  a: ArrayLike,
  b: ArrayLike,
): { readonly matrix: NDArray; readonly right: NDArray; readonly vector: boolean } => {
  const [first, second] = promoteInexact(operation, [a, b])
  const matrix = squareMatrices(operation, known(first, 'matrix'))
  const given = known(second, 'right-hand sides')
  const vector = given.ndim === 1
  const columns = vector ? lax.expandDims(given, [1]) : given
  if (columns.ndim < 2 || columns.shape.at(-2) !== matrix.shape.at(-1)) {
    throw new ShapeError(
      `${operation}: matrices ${avalText(matrix.aval)} and right-hand sides ${avalText(given.aval)} don't fit: ` +
        `b must be [n] or [..., n, k] with n = ${matrix.shape.at(-1)}.`,
    )
  }
  const stack = broadcastShapes(operation, matrix.shape.slice(0, -2), columns.shape.slice(0, -2))
  const along = (x: NDArray): NDArray => lax.broadcastTo(x, [...stack, ...x.shape.slice(-2)])
  return { matrix: along(matrix), right: along(columns), vector }
}

const withoutColumn = (x: NDArray, vector: boolean): NDArray => (vector ? lax.squeeze(x, [-1]) : x)

const bothTriangles = (factor: NDArray, lower: boolean, b: NDArray): NDArray => {
  const first = lax.linalg.triangularSolve(factor, b, { leftSide: true, lower, transposeA: !lower })
  return lax.linalg.triangularSolve(factor, first, { leftSide: true, lower, transposeA: lower })
}

/**
 * Solutions of `a x = b` from what `choFactor` gave of `a`, `[factor, lower]`.
 *
 * @example
 * ```ts
 * scipy.linalg.choSolve(scipy.linalg.choFactor(np.array([[4, 0], [0, 2]])), np.array([4, 4])) // [1, 2]
 * ```
 */
export const choSolve = (cAndLower: readonly [factor: ArrayLike, lower: boolean], b: ArrayLike): NDArray => {
  const { matrix, right, vector } = system('linalg.choSolve', cAndLower[0], b)
  return withoutColumn(bothTriangles(matrix, cAndLower[1], right), vector)
}

export interface SolveTriangularOptions extends TriangleOptions {
  /** 1, 2, 'T' and 'C' solve with the transposed matrix. */
  readonly trans?: 0 | 1 | 2 | 'N' | 'T' | 'C'
  /** Takes the diagonal as ones. */
  readonly unitDiagonal?: boolean
}

/**
 * Solutions of `a x = b` for triangular matrices, upper ones unless said.
 *
 * @example
 * ```ts
 * scipy.linalg.solveTriangular(np.array([[2, 0], [1, 4]]), np.array([2, 9]), { lower: true }) // [1, 2]
 * ```
 */
export const solveTriangular = (a: ArrayLike, b: ArrayLike, options: SolveTriangularOptions = {}): NDArray => {
  const {
    lower = false,
    trans = 0,
    unitDiagonal = false,
  } = checkOptions('linalg.solveTriangular', options, 'lower trans unitDiagonal')
  if (![0, 1, 2, 'N', 'T', 'C'].includes(trans)) {
    throw new ArgumentError(`linalg.solveTriangular: trans is ${String(trans)}; it must be 0, 1, 2, 'N', 'T' or 'C'.`)
  }
  const { matrix, right, vector } = system('linalg.solveTriangular', a, b)
  const transposeA = trans !== 0 && trans !== 'N'
  return withoutColumn(
    lax.linalg.triangularSolve(matrix, right, { leftSide: true, lower, transposeA, unitDiagonal }),
    vector,
  )
}

export interface SolveOptions extends TriangleOptions {
  /** 'pos' for symmetric positive definite matrices, which are solved by Cholesky factors; 'gen' unless said. */
  readonly assumeA?: 'gen' | 'sym' | 'her' | 'pos'
}

/** Solutions with positive definite matrices; the factor serves the derivative too. */
const solvePositive = (lower: boolean) => {
  const factorOf = (a: NDArray): NDArray => {
    const factor = lax.linalg.cholesky(lower ? a : transposed(a), { symmetrizeInput: false })
    return lower ? factor : transposed(factor)
  }
  const f = customJvp((a: NDArray, b: NDArray): NDArray => bothTriangles(factorOf(a), lower, b))
  f.defjvp(([a, b], [da, db]) => {
    const factor = factorOf(a)
    const x = bothTriangles(factor, lower, b)
    return [x, bothTriangles(factor, lower, lax.sub(db, product(da, x)))]
  })
  return jit(f)
}
const solveByLower = solvePositive(true)
const solveByUpper = solvePositive(false)

/**
 * Solutions of `a x = b` for square matrices `[..., n, n]` and right-hand sides `[n]` or `[..., n, k]`.
 *
 * @example
 * ```ts
 * scipy.linalg.solve(np.array([[2, 0], [0, 4]]), np.array([2, 2])) // [1, 0.5]
 * ```
 */
export const solve = (a: ArrayLike, b: ArrayLike, options: SolveOptions = {}): NDArray => {
  const { assumeA = 'gen', lower = false } = checkOptions('linalg.solve', options, 'lower assumeA')
  if (!['gen', 'sym', 'her', 'pos'].includes(assumeA)) {
    throw new ArgumentError(`linalg.solve: assumeA is '${String(assumeA)}'; it must be 'gen', 'sym', 'her' or 'pos'.`)
  }
  if (assumeA !== 'pos') return np.solve(a, b)
  const { matrix, right, vector } = system('linalg.solve', a, b)
  return withoutColumn((lower ? solveByLower : solveByUpper)(matrix, right), vector)
}

/** Inverses of square matrices `[..., n, n]`. */
export const inv = (a: ArrayLike): NDArray => np.inv(a)

/** Determinants of square matrices `[..., n, n]`. */
export const det = (a: ArrayLike): NDArray => np.det(a)

/** Factors of `lax.linalg.lu` in one matrix, and the row that each step exchanged: for `luSolve`. */
export const luFactor = (a: ArrayLike): [lu: NDArray, pivots: NDArray] => {
  const [lu, pivots] = lax.linalg.lu(squareMatrices('linalg.luFactor', a))
  return [lu, pivots]
}

/** The order of rows that exchanges lead to. */
const permutationOf = (pivots: NDArray, n: number): NDArray => {
  const shape = [...pivots.shape.slice(0, -1), n]
  const position = lax.broadcastedIota('int32', shape, shape.length - 1)
  const at = (x: NDArray, i: NDArray): NDArray =>
    lax.reduceSum(lax.select(lax.eq(position, lax.broadcastTo(i, shape)), x, lax.zerosOf(x.aval)), [shape.length - 1])
  return range(known(pivots.shape.at(-1), 'pivots')).reduce((order, k) => {
    const own = lax.sliceInDim(pivots, k, k + 1, { axis: -1 })
    const step = lax.full(own.shape, k, { dtype: 'int32' })
    const [first, second] = [lax.expandDims(at(order, step), [-1]), lax.expandDims(at(order, own), [-1])]
    const swapped = lax.select(lax.eq(position, lax.broadcastTo(own, shape)), lax.broadcastTo(first, shape), order)
    return lax.select(lax.eq(position, k), lax.broadcastTo(second, shape), swapped)
  }, position)
}

/**
 * Solutions of `a x = b`, or with `trans` 1 of `a^T x = b`, from what `luFactor` gave of `a`.
 *
 * @example
 * ```ts
 * scipy.linalg.luSolve(scipy.linalg.luFactor(np.array([[0, 2], [4, 0]])), np.array([2, 4])) // [1, 1]
 * ```
 */
export const luSolve = (
  luAndPivots: readonly [lu: ArrayLike, pivots: NDArray],
  b: ArrayLike,
  options: { readonly trans?: 0 | 1 | 2 } = {},
): NDArray => {
  const { trans = 0 } = checkOptions('linalg.luSolve', options, 'trans')
  const { matrix, right, vector } = system('linalg.luSolve', luAndPivots[0], b)
  const order = permutationOf(luAndPivots[1], known(matrix.shape.at(-1), 'size'))
  const permutation = lax.broadcastTo(order, matrix.shape.slice(0, -1))
  return withoutColumn(solveStack(matrix, permutation, right, trans !== 0), vector)
}

/**
 * LU factors with a permutation matrix, `a = p l u`, as `[p, l, u]`; with `permuteL`, `[p l, u]`. For matrices `[..., m, n]`.
 *
 * @example
 * ```ts
 * const [p, l, u] = scipy.linalg.lu(np.array([[0, 2], [4, 0]]))
 * ```
 */
export function lu(a: ArrayLike, options?: { readonly permuteL?: false }): [p: NDArray, l: NDArray, u: NDArray]
export function lu(a: ArrayLike, options: { readonly permuteL: true }): [pl: NDArray, u: NDArray]
export function lu(
  a: ArrayLike,
  options: { readonly permuteL?: boolean } = {},
): [NDArray, NDArray, NDArray] | [NDArray, NDArray] {
  const { permuteL = false } = checkOptions('linalg.lu', options, 'permuteL')
  const x = float('linalg.lu', a)
  const [factors, , permutation] = lax.linalg.lu(x)
  const [m, n] = [known(x.shape.at(-2), 'rows'), known(x.shape.at(-1), 'columns')]
  const k = Math.min(m, n)
  const stack = x.shape.slice(0, -2)
  const square = [...stack, m, m]
  const row = lax.broadcastedIota('int32', square, stack.length)
  const axes = [...range(stack.length), stack.length + 1]
  const p = lax.convertElementType(lax.eq(row, lax.broadcastInDim(permutation, square, axes)), x.dtype)
  const left = lax.sliceInDim(factors, 0, k, { axis: -1 })
  const below = lax.gt(
    lax.broadcastedIota('int32', left.shape, stack.length),
    lax.broadcastedIota('int32', left.shape, stack.length + 1),
  )
  const l = lax.add(lax.select(below, left, lax.zerosOf(left.aval)), identity(left.shape, x.dtype))
  const right = lax.sliceInDim(factors, 0, k, { axis: -2 })
  const above = lax.le(
    lax.broadcastedIota('int32', right.shape, stack.length),
    lax.broadcastedIota('int32', right.shape, stack.length + 1),
  )
  const u = lax.select(above, right, lax.zerosOf(right.aval))
  return permuteL ? [product(p, l), u] : [p, l, u]
}
