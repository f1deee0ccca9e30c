/** Functions of `lax.linalg` that are scans over rows: tridiagonal systems, updates of Cholesky factors. */
import { type ArrayLike, type NDArray, ShapeError, avalText, known, sameShape } from '../core/index.js'
import * as lax from '../lax/index.js'
import { scan } from './scan.js'

const where = (condition: NDArray, x: NDArray, y: NDArray): NDArray =>
  lax.select(lax.broadcastTo(condition, x.shape), x, y)

/** One row during elimination: its entries in the column at hand and the two after it, and its right-hand sides. */
type Row = readonly [pivot: NDArray, next: NDArray, last: NDArray, right: NDArray]

/**
 * Solution of tridiagonal systems: `d` `[..., n]` is the diagonal, `dl` the one below it (its first element is not used) and
 * `du` the one above it (its last element is not used); right-hand sides `b` are `[..., n, k]`. Gaussian elimination with
 * pivoting between neighbouring rows. Throws ShapeError when shapes or dtypes differ.
 *
 * @example
 * ```ts
 * const [dl, d, du] = [np.array([0, 1]), np.array([2, 2]), np.array([1, 0])]
 * lax.linalg.tridiagonalSolve(dl, d, du, np.array([[4], [5]])) // [[1], [2]]
 * ```
 */
export const tridiagonalSolve = (dl: ArrayLike, d: ArrayLike, du: ArrayLike, b: ArrayLike): NDArray => {
  const [below, diagonal, above, right] = [dl, d, du, b].map((x) => lax.asArray(x, 'linalg.tridiagonalSolve'))
  const [l, m, u, r] = [known(below, 'dl'), known(diagonal, 'd'), known(above, 'du'), known(right, 'b')]
  if (
    m.ndim === 0 ||
    [l, u].some((x) => !sameShape(x.shape, m.shape) || x.dtype !== m.dtype) ||
    !sameShape(r.shape.slice(0, -1), m.shape) ||
    r.dtype !== m.dtype
  ) {
    throw new ShapeError(
      `linalg.tridiagonalSolve: diagonals ${avalText(l.aval)}, ${avalText(m.aval)}, ${avalText(u.aval)} and right-hand sides ` +
        `${avalText(r.aval)} don't fit: all have one dtype, the diagonals one shape [..., n], the right-hand sides [..., n, k].`,
    )
  }
  const n = known(m.shape.at(-1), 'n')
  if (r.size === 0) return r
  const rank = m.ndim
  // Rows in front; the diagonals with an axis of size 1 beside the columns of the right-hand sides.
  const rowsOf = (x: NDArray): NDArray => lax.expandDims(lax.moveAxis(x, rank - 1, 0), [rank])
  const [ls, ds, us] = [rowsOf(l), rowsOf(m), rowsOf(u)]
  const bs = lax.moveAxis(r, rank - 1, 0)
  const rowAt = (x: NDArray, k: number): NDArray =>
    lax.squeeze(lax.slice(x, [k, ...x.shape.slice(1).map(() => 0)], [k + 1, ...x.shape.slice(1)]), [0])
  const after = (x: NDArray): NDArray => lax.slice(x, [1, ...x.shape.slice(1).map(() => 0)], x.shape)
  const zero = lax.zerosOf(rowAt(ds, 0).aval)
  // Above the last row there is nothing to the right.
  const lastAbove = lax.concatenate(
    [
      lax.slice(
        us,
        us.shape.map(() => 0),
        [n - 1, ...us.shape.slice(1)],
      ),
      lax.expandDims(zero, [0]),
    ],
    0,
  )
  const first: Row = [rowAt(ds, 0), rowAt(lastAbove, 0), zero, rowAt(bs, 0)]
  const [bottom, eliminated] = scan(
    ([p, q, s, y]: Row, [low, mid, up, z]: readonly [NDArray, NDArray, NDArray, NDArray]): readonly [Row, Row] => {
      const swap = lax.gt(lax.abs(low), lax.abs(p))
      const kept: Row = [where(swap, low, p), where(swap, mid, q), where(swap, up, s), where(swap, z, y)]
      const other: Row = [where(swap, p, low), where(swap, q, mid), where(swap, s, up), where(swap, y, z)]
      const factor = lax.div(other[0], kept[0])
      const rest = (x: NDArray, y: NDArray): NDArray => lax.sub(x, lax.mul(factor, y))
      return [[rest(other[1], kept[1]), rest(other[2], kept[2]), zero, rest(other[3], kept[3])], kept]
    },
    first,
    [after(ls), after(ds), after(lastAbove), after(bs)] as const,
  )
  const last = lax.div(bottom[3], bottom[0])
  const [, before] = scan(
    ([x1, x2]: readonly [NDArray, NDArray], [p, q, s, y]: Row): readonly [readonly [NDArray, NDArray], NDArray] => {
      const x = lax.div(lax.sub(lax.sub(y, lax.mul(q, x1)), lax.mul(s, x2)), p)
      return [[x, x1], x]
    },
    [last, lax.zerosOf(last.aval)] as const,
    eliminated,
    { reverse: true },
  )
  return lax.moveAxis(lax.concatenate([before, lax.expandDims(last, [0])], 0), 0, rank - 1)
}

/**
 * The upper triangular `r1` with `r1^T r1 = r^T r + w w^T`, from an upper triangular `r` `[n, n]` and a vector `w` `[n]`, by
 * rotations of rows: a Cholesky factor after an update of rank 1. Throws ShapeError for other shapes.
 *
 * @example
 * ```ts
 * lax.linalg.choleskyUpdate(np.array([[3]]), np.array([4])) // [[5]]
 * ```
 */
export const choleskyUpdate = (rMatrix: ArrayLike, wVector: ArrayLike): NDArray => {
  const r = lax.asArray(rMatrix, 'linalg.choleskyUpdate')
  const w = lax.asArray(wVector, 'linalg.choleskyUpdate')
  if (r.ndim !== 2 || w.ndim !== 1 || r.shape[0] !== w.size || r.shape[1] !== w.size || r.dtype !== w.dtype) {
    throw new ShapeError(
      `linalg.choleskyUpdate: takes a matrix [n, n] and a vector [n] of one dtype, got ${avalText(r.aval)} and ${avalText(w.aval)}.`,
    )
  }
  if (w.size === 0) return r
  const [, rows] = scan(
    (rest: NDArray, [row, k]: readonly [NDArray, NDArray]): readonly [NDArray, NDArray] => {
      const [x, y] = [
        lax.dynamicIndexInDim(row, k, { keepdims: false }),
        lax.dynamicIndexInDim(rest, k, { keepdims: false }),
      ]
      const squares = lax.add(lax.mul(x, x), lax.mul(y, y))
      const usable = lax.gt(squares, 0)
      const length = lax.sqrt(where(usable, squares, lax.filled(1, squares.aval)))
      const c = where(usable, lax.div(x, length), lax.filled(1, x.aval))
      const s = where(usable, lax.div(y, length), lax.zerosOf(y.aval))
      const rotated = lax.add(lax.mul(c, row), lax.mul(s, rest))
      return [lax.sub(lax.mul(c, rest), lax.mul(s, row)), rotated]
    },
    w,
    [r, lax.iota('int32', w.size)] as const,
  )
  const at = (dimension: number): NDArray => lax.broadcastedIota('int32', r.shape, dimension)
  return lax.select(lax.le(at(0), at(1)), rows, lax.zerosOf(rows.aval))
}
