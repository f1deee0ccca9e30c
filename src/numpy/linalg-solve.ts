/** Systems of linear equations, inverses and determinants. */
import {
  type ArrayLike,
  type NDArray,
  ArgumentError,
  ShapeError,
  avalText,
  broadcastShapes,
  known,
  range,
  shapedArray,
  sizeOf,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import { diagonalOf, identity, sizesOf, transposed } from '../lax/linalg-matrix.js'
import { takeRows } from '../lax/linalg-lu.js'
import { solve as solveStack } from '../lax/linalg-solve.js'
import { customJvp, jit } from '../transforms/index.js'
import { inexactOperand, promoteInexact } from './promotion-args.js'
import { moveaxis } from './shape.js'

/** Square matrices `[..., n, n]` of floats. Throws ShapeError for any other shape. */
export const squareMatrices = (operation: string, a: ArrayLike): NDArray => {
  const x = inexactOperand(operation, a)
  if (x.ndim < 2 || x.shape.at(-1) !== x.shape.at(-2)) {
    throw new ShapeError(`${operation}: expected square matrices [..., n, n], got ${avalText(x.aval)}.`)
  }
  return x
}

export interface CholeskyOptions {
  /** Gives the upper triangular factor, the transpose of the lower one. */
  readonly upper?: boolean
  /** Takes `(a + a^T) / 2`, the default; otherwise only the lower triangle of `a` is used. */
  readonly symmetrizeInput?: boolean
}

/**
 * Cholesky factor `l`, lower triangular with `a = l l^T`, of symmetric positive definite matrices `[..., n, n]`.
 * The result is NaN where a matrix is not positive definite. Throws ShapeError unless the matrices are square.
 *
 * @example
 * ```ts
 * np.linalg.cholesky(np.array([[4, 2], [2, 5]])) // [[2, 0], [1, 2]]
 * ```
 */
export const cholesky = (a: ArrayLike, options: CholeskyOptions = {}): NDArray => {
  const { upper = false, symmetrizeInput = true } = checkOptions('linalg.cholesky', options, 'upper symmetrizeInput')
  const factors = lax.linalg.cholesky(inexactOperand('linalg.cholesky', a), { symmetrizeInput })
  return upper ? transposed(factors) : factors
}

/** Matrices repeated along leading axes. */
const broadcastStack = (x: NDArray, stack: readonly number[]): NDArray =>
  lax.broadcastTo(x, [...stack, ...x.shape.slice(-2)])

/**
 * Solutions `x` of `a x = b`, for square matrices `[..., n, n]` and right-hand sides `[n]` or `[..., n, k]`, whose leading
 * axes are broadcast. LU factors with row exchanges; a singular matrix gives infinities and NaN.
 *
 * Throws ShapeError when sizes don't fit.
 *
 * @example
 * ```ts
 * np.linalg.solve(np.array([[2, 0], [0, 4]]), np.array([2, 2])) // [1, 0.5]
 * ```
 */
export const solve = (a: ArrayLike, b: ArrayLike): NDArray => {
  const [first, second] = promoteInexact('linalg.solve', [a, b])
  const matrices = squareMatrices('linalg.solve', known(first, 'matrices'))
  const right = known(second, 'right-hand sides')
  const vector = right.ndim === 1
  const columns = vector ? lax.expandDims(right, [1]) : right
  if (columns.ndim < 2 || columns.shape.at(-2) !== matrices.shape.at(-1)) {
    throw new ShapeError(
      `linalg.solve: matrices ${avalText(matrices.aval)} and right-hand sides ${avalText(right.aval)} don't fit: ` +
        `b must be [n] or [..., n, k] with n = ${matrices.shape.at(-1)}. For a stack of vectors add an axis: np.expandDims(b, -1).`,
    )
  }
  const stack = broadcastShapes('linalg.solve', matrices.shape.slice(0, -2), columns.shape.slice(0, -2))
  const x = solveStack(broadcastStack(matrices, stack), broadcastStack(columns, stack))
  return vector ? lax.squeeze(x, [-1]) : x
}

/**
 * Inverses of square matrices `[..., n, n]`. A singular matrix gives infinities and NaN.
 * Throws ShapeError unless the matrices are square. To solve equations, `solve` is faster and more accurate.
 *
 * @example
 * ```ts
 * np.linalg.inv(np.array([[2, 0], [0, 4]])) // [[0.5, 0], [0, 0.25]]
 * ```
 */
export const inv = (a: ArrayLike): NDArray => {
  const x = squareMatrices('linalg.inv', a)
  return solve(x, identity(x.shape, x.dtype))
}

/** The sign of the permutation that row exchanges make: -1 for an odd number of them. */
const permutationSign = (pivots: NDArray, aval: NDArray): NDArray => {
  const own = lax.broadcastedIota('int32', pivots.shape, pivots.ndim - 1)
  const exchanges = lax.convertElementType(lax.ne(pivots, own), 'int32')
  const odd = lax.rem(lax.reduceSum(exchanges, [pivots.ndim - 1]), 2)
  return lax.convertElementType(lax.sub(1, lax.mul(2, odd)), aval.dtype)
}

/** Sum of the diagonals. */
const traces = (x: NDArray): NDArray => lax.reduceSum(diagonalOf(x), [x.ndim - 2])

/** Sign and logarithm of determinants, from LU factors. */
const signAndLogarithm = customJvp((a: NDArray): readonly [NDArray, NDArray] => {
  const [factors, pivots] = lax.linalg.lu(a)
  const diagonal = diagonalOf(factors)
  const last = diagonal.ndim - 1
  const sign = lax.mul(permutationSign(pivots, a), lax.reduceProd(lax.sign(diagonal), [last]))
  return [sign, lax.reduceSum(lax.log(lax.abs(diagonal)), [last])]
})
signAndLogarithm.defjvp(([a], [da]) => {
  const [sign, logarithm] = signAndLogarithm(a)
  return [
    [sign, logarithm],
    [lax.zerosOf(sign.aval), traces(solveStack(a, da))],
  ]
})

const compiledSignAndLogarithm = jit(signAndLogarithm)

/**
 * Sign and natural logarithm of the absolute value of determinants of square matrices `[..., n, n]`, for determinants too
 * large or small to be represented. A singular matrix gives 0 and -infinity.
 *
 * Throws ShapeError unless the matrices are square.
 *
 * @example
 * ```ts
 * const [sign, logabsdet] = np.linalg.slogdet(np.array([[0, 1], [1, 0]])) // -1, 0
 * ```
 */
export const slogdet = (a: ArrayLike): [sign: NDArray, logabsdet: NDArray] => {
  const x = squareMatrices('linalg.slogdet', a)
  const [sign, logarithm] = compiledSignAndLogarithm(x)
  return [sign, logarithm]
}

/** Element (i, j) of each matrix. */
const elementOf = (x: NDArray, i: number, j: number): NDArray =>
  lax.squeeze(
    lax.slice(x, [...range(x.ndim - 2).map(() => 0), i, j], [...x.shape.slice(0, -2), i + 1, j + 1]),
    [-2, -1],
  )

/** Sum of signed products of elements, one from each row. */
const expanded = (x: NDArray, terms: readonly (readonly [sign: 1 | -1, columns: readonly number[]])[]): NDArray => {
  let sum: NDArray | undefined
  for (const [sign, columns] of terms) {
    const term = columns.map((j, i) => elementOf(x, i, j)).reduce((p, q) => lax.mul(p, q))
    sum = sum === undefined ? term : sign > 0 ? lax.add(sum, term) : lax.sub(sum, term)
  }
  return known(sum, 'determinant')
}

/**
 * Determinants, and `det(a) a^-1 b` without dividing by the last pivot, which is defined for matrices of rank n - 1 too
 * (JAX's `_cofactor_solve`; the derivative of a determinant is the trace of that).
 */
const cofactorSolve = (a: NDArray, b: NDArray): readonly [determinant: NDArray, solution: NDArray] => {
  const [n] = sizesOf(a)
  if (n === 1) return [elementOf(a, 0, 0), b]
  const [factors, pivots, permutation] = lax.linalg.lu(a)
  const stack = a.shape.slice(0, -2)
  const diagonal = diagonalOf(factors)
  const last = diagonal.ndim - 1
  const products = lax.cumprod(diagonal, { axis: last })
  const signed = lax.mul(products, lax.expandDims(permutationSign(pivots, a), [last]))
  const at = (i: number): NDArray => lax.sliceInDim(signed, i, i + 1, { axis: last })
  const asMatrix = (x: NDArray): NDArray => lax.broadcastInDim(x, a.shape, range(last + 1))
  const row = lax.broadcastedIota('int32', a.shape, last)
  const column = lax.broadcastedIota('int32', a.shape, last + 1)
  const corner = lax.bitwiseAnd(lax.eq(row, n - 1), lax.eq(column, n - 1))
  const replaced = lax.select(corner, asMatrix(lax.reciprocal(at(n - 2))), factors)
  const probe = lax.linalg.triangularSolve(replaced, lax.filled(1, shapedArray([...stack, n], a.dtype)), {
    leftSide: true,
  })
  // Rank below n - 1: all cofactors are zero.
  const finite = lax.reduceAnd(lax.isFinite(probe), [last])
  const flags = lax.broadcastInDim(finite, b.shape, range(last))
  const right = lax.select(flags, b, lax.zerosOf(b.aval))
  const options = { leftSide: true }
  const first = lax.linalg.triangularSolve(replaced, takeRows(right, permutation), {
    leftSide: true,
    lower: true,
    unitDiagonal: true,
  })
  const scaled = lax.select(lax.lt(row, n - 1), lax.mul(first, asMatrix(at(n - 1))), first)
  const solution = lax.linalg.triangularSolve(replaced, scaled, options)
  return [lax.squeeze(at(n - 1), [last]), lax.select(flags, solution, lax.zerosOf(b.aval))]
}

const determinant = customJvp((a: NDArray): NDArray => {
  const [factors, pivots] = lax.linalg.lu(a)
  const diagonal = diagonalOf(factors)
  return lax.mul(permutationSign(pivots, a), lax.reduceProd(diagonal, [diagonal.ndim - 1]))
})
determinant.defjvp(([a], [da]) => {
  const [value, solution] = cofactorSolve(a, da)
  return [value, traces(solution)]
})

const compiledDeterminant = jit(determinant)

/**
 * Determinants of square matrices `[..., n, n]`; that of a matrix without elements is 1.
 * Throws ShapeError unless the matrices are square.
 *
 * @example
 * ```ts
 * np.linalg.det(np.array([[1, 2], [3, 4]])) // -2
 * ```
 */
export const det = (a: ArrayLike): NDArray => {
  const x = squareMatrices('linalg.det', a)
  const [n] = sizesOf(x)
  if (n === 0) return lax.filled(1, shapedArray(x.shape.slice(0, -2), x.dtype))
  if (n === 2)
    return expanded(x, [
      [1, [0, 1]],
      [-1, [1, 0]],
    ])
  if (n === 3) {
    return expanded(x, [
      [1, [0, 1, 2]],
      [1, [1, 2, 0]],
      [1, [2, 0, 1]],
      [-1, [2, 1, 0]],
      [-1, [0, 2, 1]],
      [-1, [1, 0, 2]],
    ])
  }
  return compiledDeterminant(x)
}

/**
 * The inverse of a tensor as the operation `tensordot(a, x)` that contracts its last axes: axes from `ind` on are those
 * of the argument, the ones before those of the result, and both have as many elements.
 *
 * Throws ShapeError when they don't, ArgumentError unless `ind` is a positive integer.
 *
 * @example
 * ```ts
 * np.linalg.tensorinv(np.reshape(np.eye(4), [2, 2, 4])).shape // [4, 2, 2]
 * ```
 */
export const tensorinv = (a: ArrayLike, options: { readonly ind?: number } = {}): NDArray => {
  const { ind = 2 } = checkOptions('linalg.tensorinv', options, 'ind')
  const x = inexactOperand('linalg.tensorinv', a)
  if (!Number.isInteger(ind) || ind <= 0) {
    throw new ArgumentError(
      `linalg.tensorinv: ind is ${ind}; it counts leading axes, so it must be a positive integer.`,
    )
  }
  const leading = x.shape.slice(0, ind)
  const trailing = x.shape.slice(ind)
  if (sizeOf(leading) !== sizeOf(trailing)) {
    throw new ShapeError(
      `linalg.tensorinv: the first ${ind} axes of ${avalText(x.aval)} have ${sizeOf(leading)} elements and the others ${sizeOf(trailing)}; ` +
        `both must have as many.`,
    )
  }
  return lax.reshape(inv(lax.reshape(x, [sizeOf(leading), sizeOf(trailing)])), [...trailing, ...leading])
}

/**
 * The tensor `x` with `tensordot(a, x, x.ndim) = b`: the leading axes of `a` are those of `b`, the others those of `x`.
 * `axes` of `a` are moved to its end first. Throws ShapeError when shapes don't fit.
 *
 * @example
 * ```ts
 * np.linalg.tensorsolve(np.reshape(np.eye(4), [2, 2, 4]), np.ones([2, 2])).shape // [4]
 * ```
 */
export const tensorsolve = (
  a: ArrayLike,
  b: ArrayLike,
  options: { readonly axes?: readonly number[] | null } = {},
): NDArray => {
  const { axes } = checkOptions('linalg.tensorsolve', options, 'axes')
  const [first, second] = promoteInexact('linalg.tensorsolve', [a, b])
  const given = known(first, 'tensor')
  const right = known(second, 'right-hand side')
  const ends = (axes ?? []).map((_, i) => given.ndim - (axes?.length ?? 0) + i)
  const x = axes === undefined || axes === null ? given : moveaxis(given, axes, ends)
  const shape = x.shape.slice(right.ndim)
  const fits = right.shape.every((size, d) => size === x.shape[d]) && sizeOf(shape) === right.size
  if (!fits) {
    throw new ShapeError(
      `linalg.tensorsolve: ${avalText(x.aval)} and ${avalText(right.aval)} don't fit: the leading axes of a must be those of b, ` +
        `and the others must have as many elements.`,
    )
  }
  const solution = solve(lax.reshape(x, [right.size, sizeOf(shape)]), lax.reshape(right, [right.size]))
  return lax.reshape(solution, shape)
}
