/** Stacks of matrices, written in lax: products, triangles, diagonals; and what all factorizations check and share. */
import {
  type BatchRule,
  type DType,
  type NDArray,
  type Params,
  type Primitive,
  type SampleArray,
  type ShapedArray,
  DTypeError,
  ShapeError,
  avalText,
  bind,
  known,
  nativeFloats,
  range,
  roundTo,
} from '../core/index.js'
import { add, div } from './arithmetic.js'
import { broadcastInDim, filled, reduceSum, reshape, scalarOf, transpose, zerosOf } from './broadcasting.js'
import { bitwiseAnd, eq, ge, gt, le, lt, select } from './comparison.js'
import { batchInFront } from './concatenate.js'
import { dotGeneral } from './contraction.js'
import { convertElementType } from './operands.js'
import { broadcastedIota } from './shape.js'
import { pad } from './slicing.js'

/** Dtypes that matrices are factored in. */
export const factored: readonly DType[] = nativeFloats

/** Numbers of rows and columns of the matrices of a stack. */
export const sizesOf = (x: Pick<ShapedArray, 'shape'>): readonly [rows: number, columns: number] => [
  known(x.shape.at(-2), 'number of rows'),
  known(x.shape.at(-1), 'number of columns'),
]

/** Throws ShapeError unless the operand is a matrix or a stack of matrices (square ones if said), DTypeError unless it is float32 or float64. */
export const checkMatrices = (operation: string, x: ShapedArray, { square = false } = {}): void => {
  if (x.shape.length < 2) {
    throw new ShapeError(
      `${operation}: expected a matrix or a stack of matrices [..., m, n], got ${avalText(x)}. ` +
        `Add axes with np.expandDims, or reshape.`,
    )
  }
  const [m, n] = sizesOf(x)
  if (square && m !== n) {
    throw new ShapeError(
      `${operation}: the matrices must be square [..., n, n], got ${avalText(x)} with ${m} rows and ${n} columns.`,
    )
  }
  if (!factored.includes(x.dtype)) {
    throw new DTypeError(
      `${operation}: operands of dtype ${x.dtype} are not accepted; it takes ${factored.join(', ')}. Convert with x.astype('float32').`,
    )
  }
}

/** The matrices transposed. */
export const transposed = (x: NDArray): NDArray => transpose(x, [...range(x.ndim - 2), x.ndim - 1, x.ndim - 2])

/** Matrix products of two stacks of one shape. */
export const product = (x: NDArray, y: NDArray): NDArray => {
  const batch = range(x.ndim - 2)
  return dotGeneral(x, y, [
    [[x.ndim - 1], [x.ndim - 2]],
    [batch, batch],
  ])
}

/** Products `x y^T` of two stacks of one shape. */
export const productTransposed = (x: NDArray, y: NDArray): NDArray => {
  const batch = range(x.ndim - 2)
  return dotGeneral(x, y, [
    [[x.ndim - 1], [x.ndim - 1]],
    [batch, batch],
  ])
}

/** Products `x^T y` of two stacks of one shape. */
export const transposedProduct = (x: NDArray, y: NDArray): NDArray => {
  const batch = range(x.ndim - 2)
  return dotGeneral(x, y, [
    [[x.ndim - 2], [x.ndim - 2]],
    [batch, batch],
  ])
}

/** Row and column of each element. */
export const rowIndex = (shape: readonly number[]): NDArray => broadcastedIota('int32', shape, shape.length - 2)
export const columnIndex = (shape: readonly number[]): NDArray => broadcastedIota('int32', shape, shape.length - 1)

/** Elements where a condition of the shape holds, zeros elsewhere. */
export const keepWhere = (condition: NDArray, x: NDArray): NDArray => select(condition, x, zerosOf(x.aval))

/** Elements on and below the k-th diagonal; zeros above. */
export const lowerTriangle = (x: NDArray, k = 0): NDArray =>
  keepWhere(ge(add(rowIndex(x.shape), k), columnIndex(x.shape)), x)

/** Elements on and above the k-th diagonal; zeros below. */
export const upperTriangle = (x: NDArray, k = 0): NDArray =>
  keepWhere(le(add(rowIndex(x.shape), k), columnIndex(x.shape)), x)

/** Elements strictly below the diagonal, or above. */
export const strictlyLower = (x: NDArray): NDArray => keepWhere(gt(rowIndex(x.shape), columnIndex(x.shape)), x)
export const strictlyUpper = (x: NDArray): NDArray => keepWhere(lt(rowIndex(x.shape), columnIndex(x.shape)), x)

/** Diagonals of the matrices. */
export const diagonalOf = (x: NDArray): NDArray => {
  const [m, n] = sizesOf(x)
  const kept = keepWhere(eq(rowIndex(x.shape), columnIndex(x.shape)), x)
  return reduceSum(kept, [m < n ? x.ndim - 1 : x.ndim - 2])
}

/** Identity matrices of a shape `[..., m, n]`. */
export const identity = (shape: readonly number[], dtype: DType): NDArray =>
  convertElementType(eq(rowIndex(shape), columnIndex(shape)), dtype)

/** A vector (of each member of a stack) as the columns, or the rows, of matrices of a shape. */
export const asColumns = (x: NDArray, shape: readonly number[]): NDArray => broadcastInDim(x, shape, range(x.ndim))
export const asRows = (x: NDArray, shape: readonly number[]): NDArray =>
  broadcastInDim(x, shape, [...range(x.ndim - 1), x.ndim])

/** A new last, or second last, axis of size 1. */
export const column = (x: NDArray): NDArray => reshape(x, [...x.shape, 1])
export const row = (x: NDArray): NDArray => reshape(x, [...x.shape.slice(0, -1), 1, known(x.shape.at(-1), 'size')])

/** The mean of matrices and their transposes. */
export const symmetrized = (x: NDArray): NDArray => div(add(x, transposed(x)), scalarOf(2, x.aval))

/** The symmetric matrices whose lower triangles are those of `x`. */
export const symmetricFromLower = (x: NDArray): NDArray =>
  select(ge(rowIndex(x.shape), columnIndex(x.shape)), x, transposed(x))

/** Leading axes merged into one: `[..., m, n]` as `[count, m, n]`. */
export const flatStack = (x: NDArray): NDArray => {
  const [m, n] = sizesOf(x)
  return reshape(x, [stackSize(x.shape), m, n])
}

/** Number of matrices of a stack. */
export const stackSize = (shape: readonly number[]): number =>
  shape.slice(0, -2).reduce((count, size) => count * size, 1)

/** Batching of operations on stacks of matrices: one more leading axis. */
export const batchStack =
  <P extends Params>(primitive: () => Primitive<P>): BatchRule<P> =>
  (inputs, axes, params, { size }) => {
    const moved = inputs.map((x, i) => batchInFront(x, axes[i], size))
    const outs = bind(primitive(), moved, params)
    return [outs, outs.map(() => 0)]
  }

/** Square matrices in the upper left corner of larger ones, with ones on the rest of the diagonal. */
export const paddedSquare = (x: NDArray, size: number): NDArray => {
  const [n] = sizesOf(x)
  if (n === size) return x
  const larger = pad(
    x,
    scalarOf(0, x.aval),
    x.shape.map((_, d) => [0, d < x.ndim - 2 ? 0 : size - n, 0]),
  )
  const diagonal = eq(rowIndex(larger.shape), columnIndex(larger.shape))
  const added = bitwiseAnd(diagonal, ge(rowIndex(larger.shape), n))
  return select(added, filled(1, larger.aval), larger)
}

/** Symmetric matrices with a large diagonal in place of arbitrary ones: positive definite, and far from singular. */
export const diagonallyDominant = ({ shape, dtype, data }: SampleArray): SampleArray => {
  const n = shape.at(-1) ?? 0
  const at = (i: number): number => data[i] ?? 0
  return {
    shape,
    dtype,
    data: range(data.length).map((i) => {
      const [row, column] = [Math.floor(i / n) % n, i % n]
      const mirrored = i + (column - row) * (n - 1)
      return roundTo(row === column ? 4 + at(i) / 2 : (at(i) + at(mirrored)) / 4, dtype)
    }),
  }
}

/** Arbitrary matrices of full rank, in place of ones with elements in [-1, 1]: a larger diagonal is added. */
export const fullRank = ({ shape, dtype, data }: SampleArray): SampleArray => {
  const [m, n] = sizesOf({ shape })
  const added = (i: number): number => (Math.floor(i / n) % m === i % n ? 3 : 0)
  return { shape, dtype, data: data.map((x, i) => roundTo(x + added(i), dtype)) }
}

/** Matrices with well separated eigenvalues and singular values, in place of ones with elements in [-1, 1]. */
export const distinctDiagonal = ({ shape, dtype, data }: SampleArray): SampleArray => {
  const [m, n] = sizesOf({ shape })
  const value = (x: number, i: number): number => {
    const row = Math.floor(i / n) % m
    return row === i % n ? x / 4 + 3 * (row + 1) : x / 2
  }
  return { shape, dtype, data: data.map((x, i) => roundTo(value(x, i), dtype)) }
}
