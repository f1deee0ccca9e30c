/** Diagonals, triangles, identity matrices, traces. */
import {
  type ArrayLike,
  type NDArray,
  ArgumentError,
  ShapeError,
  avalText,
  canonicalAxis,
  known,
  range,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import type { DTypeOptions } from './creation.js'
import { fromHost } from './creation.js'
import { dtypeOr } from './promotion-args.js'
import { sum } from './reductions.js'
import { ravel } from './shape.js'
import { take } from './take.js'

export interface EyeOptions extends DTypeOptions {
  /** Number of columns, that of rows unless given. */
  readonly M?: number | null
  /** Diagonal: 0 the main one, above it positive. */
  readonly k?: number
}

/** Row and column of every element, the row shifted by k. */
const shiftedGrid = (rows: number, columns: number, k: number): readonly [row: NDArray, column: NDArray] => {
  const row = lax.broadcastedIota('int32', [rows, columns], 0)
  const column = lax.broadcastedIota('int32', [rows, columns], 1)
  return [lax.add(row, k), column]
}

/**
 * Ones on a diagonal, zeros elsewhere.
 *
 * @example
 * ```ts
 * np.eye(2) // [[1, 0], [0, 1]]
 * ```
 */
export const eye = (N: number, options?: EyeOptions): NDArray => {
  checkOptions('eye', options, 'M k dtype')
  const [row, column] = shiftedGrid(N, options?.M ?? N, options?.k ?? 0)
  return lax.convertElementType(lax.eq(row, column), dtypeOr(options?.dtype, 'float32', 'eye'))
}

/**
 * The square identity matrix.
 *
 * @example
 * ```ts
 * np.identity(3)
 * ```
 */
export const identity = (n: number, options?: DTypeOptions): NDArray => {
  checkOptions('identity', options, 'dtype')
  return eye(n, options)
}

/**
 * Ones at and below a diagonal, zeros above.
 *
 * @example
 * ```ts
 * np.tri(2) // [[1, 0], [1, 1]]
 * ```
 */
export const tri = (N: number, options?: EyeOptions): NDArray => {
  checkOptions('tri', options, 'M k dtype')
  const [row, column] = shiftedGrid(N, options?.M ?? N, options?.k ?? 0)
  return lax.convertElementType(lax.ge(row, column), dtypeOr(options?.dtype, 'float32', 'tri'))
}

/** Which elements of the last two axes are at or below a diagonal. */
const lowerMask = (x: NDArray, k: number, operation: string): NDArray => {
  if (x.ndim < 2) throw new ShapeError(`${operation}: needs two axes or more, got ${avalText(x.aval)}.`)
  const plane = x.shape.slice(-2)
  const row = lax.add(lax.broadcastedIota('int32', plane, 0), k)
  const mask = lax.ge(row, lax.broadcastedIota('int32', plane, 1))
  return lax.broadcastTo(mask, x.shape)
}

/**
 * The lower triangle of the last two axes, zeros above diagonal `k` (0).
 *
 * @example
 * ```ts
 * np.tril(np.ones([2, 2])) // [[1, 0], [1, 1]]
 * ```
 */
export const tril = (m: ArrayLike, options?: { readonly k?: number }): NDArray => {
  checkOptions('tril', options, 'k')
  const x = lax.asArray(m, 'tril')
  return lax.select(lowerMask(x, options?.k ?? 0, 'tril'), x, lax.zerosOf(x.aval))
}

/**
 * The upper triangle of the last two axes, zeros below diagonal `k` (0).
 *
 * @example
 * ```ts
 * np.triu(np.ones([2, 2])) // [[1, 1], [0, 1]]
 * ```
 */
export const triu = (m: ArrayLike, options?: { readonly k?: number }): NDArray => {
  checkOptions('triu', options, 'k')
  const x = lax.asArray(m, 'triu')
  return lax.select(lowerMask(x, (options?.k ?? 0) - 1, 'triu'), lax.zerosOf(x.aval), x)
}

export interface DiagonalOptions {
  /** Diagonal: 0 the main one, above it positive. */
  readonly offset?: number
  readonly axis1?: number
  readonly axis2?: number
}

/**
 * A diagonal of two axes (0 and 1), which becomes the last axis of the result.
 *
 * @example
 * ```ts
 * np.diagonal(np.array([[1, 2], [3, 4]])) // [1, 4]
 * ```
 */
export const diagonal = (a: ArrayLike, options?: DiagonalOptions): NDArray => {
  checkOptions('diagonal', options, 'offset axis1 axis2')
  const { x, rows, columns, offset } = diagonalPlane(a, options, 'diagonal')
  const start = Math.max(0, -offset)
  const length = Math.max(0, Math.min(rows - start, columns - Math.max(0, offset)))
  // Element i of the diagonal is (start + i) * columns + start + offset + i of the flattened plane.
  const flat = lax.reshape(x, [...x.shape.slice(0, -2), rows * columns])
  const first = start * columns + start + offset
  const places = fromHost(
    range(length).map((i) => first + i * (columns + 1)),
    [length],
    'int32',
  )
  return take(flat, places, { axis: -1 })
}

/** The two axes at the end, and their sizes. */
const diagonalPlane = (
  a: ArrayLike,
  options: DiagonalOptions | undefined,
  operation: string,
): { readonly x: NDArray; readonly rows: number; readonly columns: number; readonly offset: number } => {
  const array = lax.asArray(a, operation)
  if (array.ndim < 2) throw new ShapeError(`${operation}: needs two axes or more, got ${avalText(array.aval)}.`)
  const axis1 = canonicalAxis(options?.axis1 ?? 0, array.ndim, operation)
  const axis2 = canonicalAxis(options?.axis2 ?? 1, array.ndim, operation)
  if (axis1 === axis2) throw new ArgumentError(`${operation}: axis1 and axis2 are both ${axis1}; they must differ.`)
  const order = [...range(array.ndim).filter((d) => d !== axis1 && d !== axis2), axis1, axis2]
  const x = lax.transpose(array, order)
  return {
    x,
    rows: known(x.shape.at(-2), 'rows'),
    columns: known(x.shape.at(-1), 'columns'),
    offset: options?.offset ?? 0,
  }
}

/**
 * Sum along a diagonal of two axes (0 and 1); bool and small integers widen as in `sum`.
 *
 * @example
 * ```ts
 * np.trace(np.array([[1, 2], [3, 4]])) // 5
 * ```
 */
export const trace = (a: ArrayLike, options?: DiagonalOptions & DTypeOptions): NDArray => {
  checkOptions('trace', options, 'offset axis1 axis2 dtype')
  const { x, rows, columns, offset } = diagonalPlane(a, options, 'trace')
  const [row, column] = shiftedGrid(rows, columns, offset)
  const mask = lax.broadcastTo(lax.eq(row, column), x.shape)
  const masked = lax.select(mask, x, lax.zerosOf(x.aval))
  return sum(masked, { axis: [-2, -1], dtype: options?.dtype ?? null })
}

/**
 * A vector as the diagonal of a square matrix, or the diagonal of a matrix as a vector.
 *
 * @example
 * ```ts
 * np.diag(np.array([1, 2])) // [[1, 0], [0, 2]]
 * ```
 */
export const diag = (v: ArrayLike, options?: { readonly k?: number }): NDArray => {
  checkOptions('diag', options, 'k')
  const x = lax.asArray(v, 'diag')
  const k = options?.k ?? 0
  if (x.ndim === 2) return diagonal(x, { offset: k })
  if (x.ndim !== 1) throw new ShapeError(`diag: needs a vector or a matrix, got ${avalText(x.aval)}.`)
  const n = x.size + Math.abs(k)
  const padded = lax.pad(x, lax.scalarOf(0, x), [[Math.max(0, k), Math.max(0, -k), 0]])
  const [row, column] = shiftedGrid(n, n, k)
  // Element (i, i + k): columns of the padded vector line up for either sign of k.
  const spread = lax.broadcastInDim(padded, [n, n], [1])
  return lax.select(lax.eq(row, column), spread, lax.zerosOf(spread.aval))
}

/**
 * The flattened input as a diagonal of a square matrix.
 *
 * @example
 * ```ts
 * np.diagflat(np.array([[1, 2]])) // [[1, 0], [0, 2]]
 * ```
 */
export const diagflat = (v: ArrayLike, options?: { readonly k?: number }): NDArray => {
  checkOptions('diagflat', options, 'k')
  return diag(ravel(v), options)
}
