/** Matrices laid out of vectors and blocks: constant diagonals, companions, blocks along a diagonal. */
import { type ArrayLike, type NDArray, ShapeError, avalText, known, range, shapedArray } from '../../core/index.js'
import * as lax from '../../lax/index.js'
import { promoteDTypes } from '../../numpy/promotion-args.js'
import { atleast1d, atleast2d } from '../../numpy/shape.js'
import { take } from '../../numpy/take.js'
import { float } from '../arguments.js'

/** Vectors along the last axis, read at an index for each element of a matrix. */
const spread = (x: NDArray, rows: number, columns: number, at: (row: NDArray, column: NDArray) => NDArray): NDArray => {
  const shape = [rows, columns]
  return take(x, at(lax.broadcastedIota('int32', shape, 0), lax.broadcastedIota('int32', shape, 1)), {
    axis: -1,
    mode: 'clip',
  })
}

const length = (x: NDArray): number => known(x.shape.at(-1), 'length')

/** Two vectors (or stacks of them) of one dtype and one stack. */
const joined = (operation: string, first: ArrayLike, second: ArrayLike): readonly [NDArray, NDArray] => {
  const [a, b] = promoteDTypes(operation, [first, second]).map(atleast1d)
  return [known(a, 'first vector'), known(b, 'second vector')]
}

/**
 * Matrix with constant diagonals: first column `c`, first row `r` (its first element is ignored), which is `c` unless given.
 *
 * @example
 * ```ts
 * scipy.linalg.toeplitz(np.array([1, 2, 3])) // [[1, 2, 3], [2, 1, 2], [3, 2, 1]]
 * ```
 */
export const toeplitz = (c: ArrayLike, r: ArrayLike = c): NDArray => {
  const [column, row] = joined('linalg.toeplitz', c, r)
  const [m, n] = [length(column), length(row)]
  if (m === 0 || n === 0) return lax.zerosOf(shapedArray([...column.shape.slice(0, -1), m, n], column.dtype))
  const values = lax.concatenate(
    [lax.rev(column, [column.ndim - 1]), lax.sliceInDim(row, 1, n, { axis: -1 })],
    column.ndim - 1,
  )
  return spread(values, m, n, (i, j) => lax.add(lax.sub(j, i), m - 1))
}

/**
 * Matrix with constant antidiagonals: first column `c`, last row `r` (its first element is ignored), zeros unless given.
 *
 * @example
 * ```ts
 * scipy.linalg.hankel(np.array([1, 2, 3])) // [[1, 2, 3], [2, 3, 0], [3, 0, 0]]
 * ```
 */
export const hankel = (c: ArrayLike, r: ArrayLike | null = null): NDArray => {
  const first = atleast1d(lax.asArray(c, 'linalg.hankel'))
  const [column, row] = joined('linalg.hankel', first, r ?? lax.zerosOf(first.aval))
  const [m, n] = [length(column), length(row)]
  if (m === 0 || n === 0) return lax.zerosOf(shapedArray([...column.shape.slice(0, -1), m, n], column.dtype))
  const values = lax.concatenate([column, lax.sliceInDim(row, 1, n, { axis: -1 })], column.ndim - 1)
  return spread(values, m, n, (i, j) => lax.add(i, j))
}

/** Matrix whose columns are the vector, shifted down more and more, around the end. */
export const circulant = (c: ArrayLike): NDArray => {
  const column = atleast1d(lax.asArray(c, 'linalg.circulant'))
  const n = length(column)
  if (n === 0) return lax.zerosOf(shapedArray([...column.shape, 0], column.dtype))
  return spread(column, n, n, (i, j) => lax.rem(lax.add(lax.sub(i, j), n), n))
}

/** Companion matrix of a polynomial, whose eigenvalues are its zeros. Throws ShapeError for fewer than two coefficients. */
export const companion = (a: ArrayLike): NDArray => {
  const x = atleast1d(float('linalg.companion', a))
  const n = length(x) - 1
  if (n < 1) throw new ShapeError(`linalg.companion: at least two coefficients are needed, got ${avalText(x.aval)}.`)
  const top = lax.div(lax.neg(lax.sliceInDim(x, 1, n + 1, { axis: -1 })), lax.sliceInDim(x, 0, 1, { axis: -1 }))
  return withSubdiagonal(top, lax.filled(1, { ...top.aval, shape: [...x.shape.slice(0, -1), n - 1] }))
}

/** Matrices `[..., n, n]` with a first row and a subdiagonal. */
const withSubdiagonal = (top: NDArray, below: NDArray): NDArray => {
  const n = length(top)
  const shape = [...top.shape, n]
  const rank = shape.length
  const row = lax.broadcastedIota('int32', shape, rank - 2)
  const column = lax.broadcastedIota('int32', shape, rank - 1)
  const stack = range(rank - 2)
  const first = lax.broadcastInDim(top, shape, [...stack, rank - 1])
  const padded = lax.pad(below, lax.scalarOf(0, below.aval), [...stack.map(() => [0, 0, 0] as const), [0, 1, 0]])
  const under = lax.broadcastInDim(padded, shape, [...stack, rank - 1])
  const zeros = lax.zerosOf({ ...top.aval, shape })
  return lax.select(lax.eq(row, 0), first, lax.select(lax.eq(row, lax.add(column, 1)), under, zeros))
}

/** Leslie matrix of fecundities `f` and survival rates `s`, one less. Throws ShapeError for other lengths. */
export const leslie = (f: ArrayLike, s: ArrayLike): NDArray => {
  const [top, below] = joined('linalg.leslie', f, s)
  if (length(top) < 2 || length(below) !== length(top) - 1) {
    throw new ShapeError(
      `linalg.leslie: ${avalText(top.aval)} and ${avalText(below.aval)} don't fit: f needs at least two elements, s one less than f.`,
    )
  }
  return withSubdiagonal(top, below)
}

/** Absolute differences of all pairs of elements of a vector. */
export const fiedler = (a: ArrayLike): NDArray => {
  const x = atleast1d(lax.asArray(a, 'linalg.fiedler'))
  return lax.abs(lax.sub(lax.expandDims(x, [x.ndim]), lax.expandDims(x, [x.ndim - 1])))
}

/**
 * Matrices along a diagonal, zeros elsewhere; vectors count as rows. Throws ShapeError for higher ranks.
 *
 * @example
 * ```ts
 * scipy.linalg.blockDiag(np.array([[1, 2]]), np.array([[3], [4]])) // [[1, 2, 0], [0, 0, 3], [0, 0, 4]]
 * ```
 */
export const blockDiag = (...arrs: readonly ArrayLike[]): NDArray => {
  if (arrs.length === 0) return lax.zerosOf(shapedArray([1, 0], 'float32'))
  const blocks = promoteDTypes('linalg.blockDiag', arrs).map((x) => {
    if (x.ndim > 2)
      throw new ShapeError(`linalg.blockDiag: blocks must be matrices, vectors or scalars, got ${avalText(x.aval)}.`)
    return atleast2d(x)
  })
  const columns = blocks.reduce((sum, x) => sum + length(x), 0)
  let before = 0
  const rows = blocks.map((x) => {
    const row = lax.pad(x, lax.scalarOf(0, x.aval), [
      [0, 0, 0],
      [before, columns - before - length(x), 0],
    ])
    before += length(x)
    return row
  })
  return lax.concatenate(rows, 0)
}
