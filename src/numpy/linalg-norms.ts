/** Norms of vectors and matrices, and condition numbers. */
import {
  type ArrayLike,
  type NDArray,
  ArgumentError,
  ShapeError,
  avalText,
  canonicalAxes,
  range,
  shapeText,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import { divide, power } from './arithmetic.js'
import { isnan } from './classification.js'
import { singularValuesOf } from './linalg-spectral.js'
import { inv } from './linalg-solve.js'
import { inexactOperand } from './promotion-args.js'
import { any, max, min, sum } from './reductions.js'
import { where } from './selection.js'
import { expandDims, moveaxis } from './shape.js'

/** Order of a vector's norm: a number, Infinity and -Infinity included. */
export type VectorOrder = number

/** Order of a matrix's norm: 1, -1, 2, -2, Infinity, -Infinity or a name. */
export type MatrixOrder = number | 'fro' | 'f' | 'nuc'

export interface VectorNormOptions {
  /** 2, the Euclidean norm, unless said; 0 counts what is not zero; Infinity and -Infinity are extrema. */
  readonly ord?: VectorOrder | null
  /** Axes of the vectors, all of them unless said. */
  readonly axis?: number | readonly number[] | null
  readonly keepdims?: boolean
}

/**
 * Norms of the vectors along axes: `sum(|x|^ord)^(1/ord)`.
 *
 * Throws ArgumentError for an order that is no number, or axes out of range.
 *
 * @example
 * ```ts
 * np.linalg.vectorNorm(np.array([3, 4])) // 5
 * ```
 */
export const vectorNorm = (x: ArrayLike, options: VectorNormOptions = {}): NDArray => {
  const { ord = 2, axis = null, keepdims = false } = checkOptions('linalg.vectorNorm', options, 'ord axis keepdims')
  const array = inexactOperand('linalg.vectorNorm', x)
  const order: unknown = ord ?? 2
  const over = { axis, keepdims }
  if (typeof order !== 'number' || Number.isNaN(order)) {
    throw new ArgumentError(
      `linalg.vectorNorm: '${String(order)}' is not the order of a vector norm; give a number, Infinity or -Infinity.`,
    )
  }
  if (order === 2) return lax.sqrt(sum(lax.square(array), over))
  const absolute = lax.abs(array)
  if (order === Infinity) return max(absolute, { ...over, initial: 0 })
  if (order === -Infinity) return min(absolute, over)
  if (order === 0) return sum(lax.convertElementType(lax.ne(array, 0), array.dtype), over)
  if (order === 1) return sum(absolute, over)
  return power(sum(power(absolute, order), over), 1 / order)
}

export interface MatrixNormOptions {
  /** 'fro' (the default), 'nuc', 1, -1, 2, -2, Infinity or -Infinity. */
  readonly ord?: MatrixOrder
  readonly keepdims?: boolean
}

/** Norm of matrices on two axes, the rows' and the columns'. */
const matrixNormOf = (
  x: NDArray,
  ord: MatrixOrder | null,
  rows: number,
  columns: number,
  keepdims: boolean,
): NDArray => {
  const over = { axis: [rows, columns], keepdims }
  // The axis that is left, once one of the two has been summed over.
  const after = (axis: number, gone: number): number => (keepdims || axis < gone ? axis : axis - 1)
  const absoluteSum = (axis: number): NDArray => sum(lax.abs(x), { axis, keepdims })
  switch (ord) {
    case null:
    case 'f':
    case 'fro':
      return lax.sqrt(sum(lax.square(x), over))
    case 1:
      return max(absoluteSum(rows), { axis: after(columns, rows), keepdims, initial: 0 })
    case -1:
      return min(absoluteSum(rows), { axis: after(columns, rows), keepdims })
    case Infinity:
      return max(absoluteSum(columns), { axis: after(rows, columns), keepdims, initial: 0 })
    case -Infinity:
      return min(absoluteSum(columns), { axis: after(rows, columns), keepdims })
    case 2:
    case -2:
    case 'nuc': {
      const s = singularValuesOf(moveaxis(x, [rows, columns], [-2, -1]))
      const norm =
        ord === 'nuc' ? sum(s, { axis: -1 }) : ord === 2 ? max(s, { axis: -1, initial: 0 }) : min(s, { axis: -1 })
      return keepdims ? expandDims(norm, [rows, columns]) : norm
    }
    default:
      throw new ArgumentError(
        `linalg.norm: '${String(ord)}' is not the order of a matrix norm; there are 'fro', 'nuc', 1, -1, 2, -2, Infinity and -Infinity.`,
      )
  }
}

/**
 * Norms of matrices `[..., m, n]`: 'fro' the root of the sum of squares, 'nuc' the sum of singular values, 2 and -2 the
 * largest and smallest of them, 1 and Infinity the largest sum of absolute values of a column and of a row (-1, -Infinity:
 * the smallest).
 *
 * Throws ArgumentError for any other order, ShapeError for scalars and vectors.
 *
 * @example
 * ```ts
 * np.linalg.matrixNorm(np.array([[1, -2], [3, 4]]), { ord: 1 }) // 6
 * ```
 */
export const matrixNorm = (x: ArrayLike, options: MatrixNormOptions = {}): NDArray => {
  const { ord = 'fro', keepdims = false } = checkOptions('linalg.matrixNorm', options, 'ord keepdims')
  const array = inexactOperand('linalg.matrixNorm', x)
  if (array.ndim < 2) {
    throw new ShapeError(
      `linalg.matrixNorm: expected matrices [..., m, n], got ${avalText(array.aval)}; for vectors use vectorNorm.`,
    )
  }
  return matrixNormOf(array, ord, array.ndim - 2, array.ndim - 1, keepdims)
}

export interface NormOptions {
  /** Of a vector or of a matrix, by the number of axes; null for the root of the sum of squares. */
  readonly ord?: VectorOrder | MatrixOrder | null
  /** One axis for vectors, two for matrices; all of them unless said. */
  readonly axis?: number | readonly number[] | null
  readonly keepdims?: boolean
}

/**
 * Norm of a vector or a matrix, or of many of them along axes: see `vectorNorm` and `matrixNorm` for orders. Without `ord`
 * and `axis` it is the root of the sum of all squares.
 *
 * Throws ArgumentError for an order that does not exist, or more than two axes.
 *
 * @example
 * ```ts
 * np.linalg.norm(np.array([[1, 2], [3, 4]]), { axis: 1 }) // [2.236068, 5]
 * ```
 */
export const norm = (x: ArrayLike, options: NormOptions = {}): NDArray => {
  const { ord = null, axis = null, keepdims = false } = checkOptions('linalg.norm', options, 'ord axis keepdims')
  const array = inexactOperand('linalg.norm', x)
  if (axis === null && ord === null) return lax.sqrt(sum(lax.square(array), { keepdims }))
  const axes = axis === null ? range(array.ndim) : canonicalAxes(axis, array.ndim, 'linalg.norm')
  const [first, second] = axes
  if (first !== undefined && axes.length === 1) {
    if (typeof ord === 'string') {
      throw new ArgumentError(
        `linalg.norm: '${ord}' is a norm of matrices, and axis ${first} alone makes vectors; name two axes, or give a number.`,
      )
    }
    return vectorNorm(array, { ord: ord ?? 2, axis: first, keepdims })
  }
  if (first !== undefined && second !== undefined && axes.length === 2) {
    return matrixNormOf(array, ord, first, second, keepdims)
  }
  throw new ArgumentError(
    `linalg.norm: ${axes.length} axes ${shapeText(axes)} of ${avalText(array.aval)} with ord ${String(ord)}; ` +
      `name one axis for norms of vectors, two for norms of matrices.`,
  )
}

export interface ConditionOptions {
  /** Order of the norm; null and 2 are the ratio of singular values. */
  readonly p?: MatrixOrder | null
}

/**
 * Condition numbers of matrices `[..., m, n]`: `norm(x) norm(x^-1)`, for p = 2 (the default) the largest singular value over
 * the smallest. Infinite for singular matrices.
 *
 * Throws ShapeError for scalars, vectors and empty matrices, and for matrices that are not square unless p is 2 or -2.
 *
 * @example
 * ```ts
 * np.linalg.cond(np.array([[1, 0], [0, 4]])) // 4
 * ```
 */
export const cond = (x: ArrayLike, options: ConditionOptions = {}): NDArray => {
  const { p = null } = checkOptions('linalg.cond', options, 'p')
  const array = inexactOperand('linalg.cond', x)
  const [m, n] = [array.shape.at(-2), array.shape.at(-1)]
  if (m === undefined || n === undefined || m === 0 || n === 0) {
    throw new ShapeError(`linalg.cond: expected matrices [..., m, n] with elements, got ${avalText(array.aval)}.`)
  }
  const ends = (s: NDArray): readonly [NDArray, NDArray] => [
    lax.indexInDim(s, 0, { axis: -1, keepdims: false }),
    lax.indexInDim(s, -1, { axis: -1, keepdims: false }),
  ]
  if (p === null || p === 2) {
    const [largest, smallest] = ends(singularValuesOf(array))
    return divide(largest, smallest)
  }
  if (p !== -2 && m !== n) {
    throw new ShapeError(
      `linalg.cond: with p = ${String(p)} matrices must be square, got ${avalText(array.aval)}; use p = 2.`,
    )
  }
  const ratio = (): NDArray => {
    if (p === -2) {
      const [largest, smallest] = ends(singularValuesOf(array))
      return divide(smallest, largest)
    }
    return lax.mul(matrixNorm(array, { ord: p }), matrixNorm(inv(array), { ord: p }))
  }
  const value = ratio()
  const lost = lax.bitwiseAnd(isnan(value), lax.bitwiseNot(any(isnan(array), { axis: [-2, -1] })))
  return where(lost, Infinity, value)
}
