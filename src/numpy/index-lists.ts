/** Lists of indices, one array per axis: of diagonals and triangles, outer grids, flat indices and back. */
import {
  type ArrayLike,
  ArgumentError,
  NDArray,
  ShapeError,
  avalText,
  known,
  range,
  sizeOf,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import { knownValues, oneOf } from './arguments.js'
import { fromHost } from './creation.js'

/**
 * Open grid of 1-D inputs: input i gets axes of size 1 everywhere but at axis i, so that they index an outer product.
 *
 * @example
 * ```ts
 * const [rows, columns] = np.ix_(np.array([0, 2], { dtype: 'int32' }), np.array([1], { dtype: 'int32' }))
 * ```
 */
export const ix_ = (...args: readonly ArrayLike[]): NDArray[] =>
  args.map((x, i) => {
    const input = lax.asArray(x, 'ix_')
    if (input.ndim !== 1) throw new ArgumentError(`ix_: inputs are 1-D, got one of shape [${input.shape.join()}].`)
    return lax.reshape(
      input,
      args.map((_, d) => (d === i ? input.size : 1)),
    )
  })

/**
 * Indices of the main diagonal of an array of `ndim` (2) axes of size n, one int32 array per axis.
 *
 * @example
 * ```ts
 * const [i, j] = np.diagIndices(3)
 * ```
 */
export const diagIndices = (n: number, options?: { readonly ndim?: number }): NDArray[] => {
  checkOptions('diagIndices', options, 'ndim')
  return range(options?.ndim ?? 2).map(() => lax.iota('int32', n))
}

/** Indices of the main diagonal of an array whose axes have one size. */
export const diagIndicesFrom = (a: NDArray): NDArray[] => {
  const n = a.shape[0] ?? 0
  if (a.ndim < 2 || a.shape.some((size) => size !== n))
    throw new ArgumentError(`diagIndicesFrom: needs two axes or more, of one size; got shape [${a.shape.join()}].`)
  return diagIndices(n, { ndim: a.ndim })
}

export interface TriangleOptions {
  /** Diagonal: 0 the main one, above it positive. */
  readonly k?: number
  /** Number of columns, that of rows unless given. */
  readonly m?: number
}

const triangle = (n: number, m: number, keep: (row: number, column: number) => boolean): [NDArray, NDArray] => {
  const rows: number[] = []
  const columns: number[] = []
  for (let row = 0; row < n; row++) {
    for (let column = 0; column < m; column++) {
      if (!keep(row, column)) continue
      rows.push(row)
      columns.push(column)
    }
  }
  return [fromHost(rows, [rows.length], 'int32'), fromHost(columns, [columns.length], 'int32')]
}

/**
 * Row and column indices of the lower triangle of an n by m matrix.
 *
 * @example
 * ```ts
 * const [rows, columns] = np.trilIndices(3)
 * ```
 */
export const trilIndices = (n: number, options: TriangleOptions = {}): [NDArray, NDArray] => {
  const { k = 0, m = n } = checkOptions('trilIndices', options, 'k m')
  return triangle(n, m, (row, column) => column - row <= k)
}

/** Row and column indices of the upper triangle of an n by m matrix. */
export const triuIndices = (n: number, options: TriangleOptions = {}): [NDArray, NDArray] => {
  const { k = 0, m = n } = checkOptions('triuIndices', options, 'k m')
  return triangle(n, m, (row, column) => column - row >= k)
}

const matrixSizes = (operation: string, arr: ArrayLike): readonly [rows: number, columns: number] => {
  const { shape, aval } = lax.asArray(arr, operation)
  const [n, m] = shape
  if (n === undefined || m === undefined || shape.length !== 2) {
    throw new ShapeError(`${operation}: expected a matrix [n, m], got ${avalText(aval)}.`)
  }
  return [n, m]
}

/** Row and column indices of the lower triangle of a matrix like `arr`. Throws ShapeError for other ranks than 2. */
export const trilIndicesFrom = (arr: ArrayLike, options: { readonly k?: number } = {}): [NDArray, NDArray] => {
  const { k = 0 } = checkOptions('trilIndicesFrom', options, 'k')
  const [n, m] = matrixSizes('trilIndicesFrom', arr)
  return trilIndices(n, { k, m })
}

/** Row and column indices of the upper triangle of a matrix like `arr`. Throws ShapeError for other ranks than 2. */
export const triuIndicesFrom = (arr: ArrayLike, options: { readonly k?: number } = {}): [NDArray, NDArray] => {
  const { k = 0 } = checkOptions('triuIndicesFrom', options, 'k')
  const [n, m] = matrixSizes('triuIndicesFrom', arr)
  return triuIndices(n, { k, m })
}

/**
 * Flat row-major indices from one index array per axis. Indices out of bounds clip (default) or wrap; with mode 'raise' they
 * throw, which needs known indices.
 *
 * @example
 * ```ts
 * np.ravelMultiIndex([np.array([1, 2], { dtype: 'int32' }), np.array([0, 3], { dtype: 'int32' })], [3, 5])
 * ```
 */
export const ravelMultiIndex = (
  multiIndex: readonly ArrayLike[],
  dims: readonly number[],
  options?: { readonly mode?: 'raise' | 'wrap' | 'clip' },
): NDArray => {
  checkOptions('ravelMultiIndex', options, 'mode')
  const mode = oneOf(options?.mode ?? 'raise', ['raise', 'wrap', 'clip'], 'ravelMultiIndex', 'mode')
  if (multiIndex.length !== dims.length)
    throw new ArgumentError(`ravelMultiIndex: ${multiIndex.length} index arrays for ${dims.length} axes.`)
  let flat: NDArray | undefined
  multiIndex.forEach((x, d) => {
    const index = lax.asArray(x, 'ravelMultiIndex')
    const size = known(dims[d], 'size')
    if (mode === 'raise') checkIndices(index, size, d)
    const inBounds =
      mode === 'wrap' ? lax.sub(index, lax.mul(floorQuotient(index, size), size)) : lax.clamp(0, index, size - 1)
    const shifted = flat === undefined ? undefined : lax.mul(flat, size)
    flat = shifted === undefined ? inBounds : lax.add(shifted, inBounds)
  })
  return known(flat, 'index')
}

const floorQuotient = (x: NDArray, n: number): NDArray => {
  const quotient = lax.div(x, n)
  const below = lax.lt(lax.rem(x, n), lax.scalarOf(0, x))
  return lax.sub(quotient, lax.convertElementType(below, x.dtype))
}

const checkIndices = (index: NDArray, size: number, axis: number): void => {
  const wrong = knownValues(
    index,
    "ravelMultiIndex: checking the indices (mode 'clip' or 'wrap' needs no values)",
  ).find((i) => i < 0 || i >= size)
  if (wrong !== undefined)
    throw new ArgumentError(
      `ravelMultiIndex: index ${wrong} is out of bounds for axis ${axis} of size ${size}; use mode 'clip' or 'wrap'.`,
    )
}

/**
 * One index array per axis from flat row-major indices; negative ones count from the end, others out of bounds clip.
 *
 * @example
 * ```ts
 * const [row, column] = np.unravelIndex(7, [3, 4]) // 1 and 3
 * ```
 */
export const unravelIndex = (indices: ArrayLike, shape: number | readonly number[]): NDArray[] => {
  const sizes = typeof shape === 'number' ? [shape] : shape
  const flat = lax.asArray(indices, 'unravelIndex')
  const total = sizeOf(sizes)
  const zero = lax.scalarOf(0, flat)
  const wrapped = lax.select(
    lax.lt(flat, zero),
    lax.add(flat, lax.broadcastTo(lax.scalarOf(total, flat), flat.shape)),
    flat,
  )
  let rest = lax.clamp(0, wrapped, total - 1)
  const out: NDArray[] = []
  for (let d = sizes.length - 1; d >= 0; d--) {
    const size = lax.scalarOf(known(sizes[d], 'size'), flat)
    out.unshift(lax.rem(rest, size))
    rest = lax.div(rest, size)
  }
  return out
}
