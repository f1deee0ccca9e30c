/** LU factors of matrices, with row exchanges. */
import {
  type ArrayLike,
  type NDArray,
  type Primitive,
  bind,
  definePrimitive,
  known,
  range,
  shapedArray,
} from '../core/index.js'
import { abs, add, div, mul, sub } from './arithmetic.js'
import { broadcastInDim, filled, moveAxis, reshape, zerosOf } from './broadcasting.js'
import { bitwiseAnd, eq, ge, gt, ne, select } from './comparison.js'
import { concatenate } from './concatenate.js'
import { dynamicIndexInDim, dynamicSlice, dynamicSliceInDim, dynamicUpdateSliceInDim } from './dynamic-slicing.js'
import { gather } from './gather.js'
import {
  batchStack,
  checkMatrices,
  columnIndex,
  factored,
  flatStack,
  fullRank,
  identity,
  keepWhere,
  product,
  rowIndex,
  sizesOf,
  strictlyLower,
  upperTriangle,
} from './linalg-matrix.js'
import { triangularSolve } from './linalg-triangular-solve.js'
import { asArray } from './operands.js'
import { lowerAs, repeat } from './program-lowering.js'
import { argmax } from './reductions.js'
import { broadcastedIota } from './shape.js'
import { pad, slice, sliceInDim } from './slicing.js'
import { sort } from './sorting.js'

type Empty = Record<never, never>

/** Factors, exchanges and permutation of a stack. */
interface Factors {
  readonly lu: NDArray
  readonly pivots: NDArray
  readonly permutation: NDArray
}

/** Columns are eliminated one at a time in matrices with at most this many steps, in blocks otherwise. */
const blockSize = 32
const largestUnblocked = 64

/** Rows of the matrices `[..., m, n]` in the order of `indices`, `[..., k]`. */
export const takeRows = (x: NDArray, indices: NDArray): NDArray => {
  const batch = range(x.ndim - 2)
  const rows = x.ndim - 2
  return gather(
    x,
    reshape(indices, [...indices.shape, 1]),
    {
      offsetDims: [rows + 1],
      collapsedSliceDims: [rows],
      startIndexMap: [rows],
      operandBatchingDims: batch,
      startIndicesBatchingDims: batch,
    },
    [...batch.map(() => 1), 1, known(x.shape.at(-1), 'columns')],
    { mode: 'promiseInBounds' },
  )
}

/** Gaussian elimination of `[s, m, n]`, a column and a rank-one update at a time, the largest element of the column as pivot. */
const eliminateByColumns = (a: NDArray): Factors => {
  const [m, n] = sizesOf(a)
  const count = known(a.shape[0], 'stack')
  const one = [count, 1, 1]
  const { carries, stacked } = repeat(
    Math.min(m, n),
    [a, broadcastedIota('int32', [count, m, 1], 1)],
    (k, [current, order]) => {
      const matrix = known(current, 'matrix')
      const permutation = known(order, 'permutation')
      const column = dynamicIndexInDim(matrix, k, { axis: 2 })
      const rows = rowIndex(column.shape)
      const candidates = select(ge(rows, k), abs(column), filled(-1, column.aval))
      const best = argmax(reshape(candidates, [count, m]), 1)
      const pivotRow = reshape(best, one)
      const pivotFirst = takeRows(matrix, reshape(best, [count, 1]))
      const replaced = dynamicIndexInDim(matrix, k, { axis: 1 })
      const isFirst = eq(rows, k)
      const isPivot = eq(rows, broadcastInDim(pivotRow, rows.shape, [0, 1, 2]))
      const wide = (flag: NDArray): NDArray => broadcastInDim(flag, matrix.shape, [0, 1, 2])
      const exchange = (x: NDArray, first: NDArray, pivot: NDArray): NDArray => {
        const all = (y: NDArray): NDArray => broadcastInDim(y, x.shape, [0, 1, 2])
        const flag = (y: NDArray): NDArray => (x.shape[2] === 1 ? y : wide(y))
        return select(flag(isFirst), all(pivot), select(flag(isPivot), all(first), x))
      }
      const exchanged = exchange(matrix, replaced, pivotFirst)
      const exchangedColumn = exchange(
        column,
        dynamicIndexInDim(replaced, k, { axis: 2 }),
        dynamicIndexInDim(pivotFirst, k, { axis: 2 }),
      )
      const pivot = dynamicIndexInDim(pivotFirst, k, { axis: 2 })
      const below = gt(rows, k)
      // A column of zeros is left alone, as LAPACK does.
      const usable = bitwiseAnd(below, broadcastInDim(ne(pivot, 0), rows.shape, [0, 1, 2]))
      const multipliers = select(usable, div(exchangedColumn, pivot), exchangedColumn)
      const columns = columnIndex(matrix.shape)
      const eliminated = sub(exchanged, mul(keepWhere(below, multipliers), pivotFirst))
      const next = select(
        gt(columns, k),
        eliminated,
        select(eq(columns, k), broadcastInDim(multipliers, matrix.shape, [0, 1, 2]), exchanged),
      )
      const nextOrder = exchange(
        permutation,
        dynamicIndexInDim(permutation, k, { axis: 1 }),
        takeRows(permutation, reshape(best, [count, 1])),
      )
      return { carries: [next, nextOrder], slices: [best] }
    },
  )
  return {
    lu: known(carries[0], 'factors'),
    pivots: moveAxis(known(stacked[0], 'pivots'), 0, 1),
    permutation: reshape(known(carries[1], 'permutation'), [count, m]),
  }
}

/**
 * The same in blocks of columns: each block is eliminated by itself, then the rows of all others are exchanged and the rest
 * is updated by one matrix product. What is left over after whole blocks is eliminated by columns.
 */
const eliminateByBlocks = (a: NDArray): Factors => {
  const [m, n] = sizesOf(a)
  const count = known(a.shape[0], 'stack')
  const blocks = Math.floor(Math.min(m, n) / blockSize)
  const whole = blocks * blockSize
  const order = broadcastedIota('int32', [count, m], 1)
  const { carries, stacked } = repeat(blocks, [a, order], (k, [current, permutation]) => {
    const start = mul(k, blockSize)
    const step = eliminateBlock(known(current, 'matrix'), start)
    const rows = reshape(known(permutation, 'permutation'), [count, m, 1])
    const next = reshape(takeRows(rows, step.order), [count, m])
    return { carries: [step.matrix, next], slices: [step.pivots] }
  })
  const lu = known(carries[0], 'factors')
  const permutation = known(carries[1], 'permutation')
  const pivots = reshape(moveAxis(known(stacked[0], 'pivots'), 0, 1), [count, whole])
  if (whole === Math.min(m, n)) return { lu, pivots, permutation }
  const rest = eliminateByColumns(slice(lu, [0, whole, whole], lu.shape))
  const shifted = add(rest.permutation, whole)
  const exchange = concatenate([broadcastedIota('int32', [count, whole], 1), shifted], 1)
  const left = sliceInDim(takeRows(lu, exchange), 0, whole, { axis: 2 })
  const top = slice(lu, [0, 0, whole], [count, whole, n])
  return {
    lu: concatenate([left, concatenate([top, rest.lu], 1)], 2),
    pivots: concatenate([pivots, add(rest.pivots, whole)], 1),
    permutation: reshape(takeRows(reshape(permutation, [count, m, 1]), exchange), [count, m]),
  }
}

/** One block of columns from `start` on: the new matrix, the order that its rows got, and the exchanges. */
const eliminateBlock = (matrix: NDArray, start: NDArray) => {
  const [m] = sizesOf(matrix)
  const count = known(matrix.shape[0], 'stack')
  // The rows from `start` on, then zeros, which are never chosen as pivots before others.
  const tall = pad(matrix, zerosOf(shapedArray([], matrix.dtype)), [
    [0, 0, 0],
    [0, m, 0],
    [0, 0, 0],
  ])
  const panel = eliminateByColumns(dynamicSlice(tall, [0, start, start], [count, m, blockSize]))
  const position = broadcastedIota('int32', [count, m], 1)
  const local = add(
    dynamicSliceInDim(concatenate([position, panel.permutation], 1), sub(m, start), m, { axis: 1 }),
    start,
  )
  const order = select(ge(position, start), local, position)
  const exchanged = takeRows(matrix, order)
  const columnsOf = (x: NDArray): NDArray => dynamicSliceInDim(x, start, blockSize, { axis: 2 })
  const panelTall = concatenate([zerosOf(panel.lu.aval), panel.lu], 1)
  const placed = dynamicSliceInDim(panelTall, sub(m, start), m, { axis: 1 })
  const current = columnsOf(exchanged)
  const factored_ = select(ge(rowIndex(current.shape), start), placed, current)
  const corner = dynamicSliceInDim(factored_, start, blockSize, { axis: 1 })
  const right = dynamicSliceInDim(exchanged, start, blockSize, { axis: 1 })
  const later = ge(columnIndex(right.shape), add(start, blockSize))
  const solved = triangularSolve(corner, right, { leftSide: true, lower: true, unitDiagonal: true })
  const below = keepWhere(ge(rowIndex(factored_.shape), add(start, blockSize)), factored_)
  const updated = sub(exchanged, product(below, keepWhere(later, solved)))
  const withRows = dynamicUpdateSliceInDim(updated, select(later, solved, right), start, 1)
  return {
    matrix: dynamicUpdateSliceInDim(withRows, factored_, start, 2),
    order,
    pivots: add(panel.pivots, start),
  }
}

const eliminate = (a: NDArray): readonly NDArray[] => {
  const [m, n] = sizesOf(a)
  const stack = a.shape.slice(0, -2)
  if (Math.min(m, n) === 0) {
    const order = broadcastedIota('int32', [...stack, m], stack.length)
    return [a, zerosOf(shapedArray([...stack, 0], 'int32')), order]
  }
  const f = Math.min(m, n) <= largestUnblocked ? eliminateByColumns : eliminateByBlocks
  const { lu: factors, pivots, permutation } = f(flatStack(a))
  return [reshape(factors, a.shape), reshape(pivots, [...stack, Math.min(m, n)]), reshape(permutation, [...stack, m])]
}

/** Larger matrices around the factors: `l` is `[..., m, m]` and `u` is `[..., n, n]`, both with ones where nothing was. */
const square = (factors: NDArray): readonly [l: NDArray, u: NDArray] => {
  const [m, n] = sizesOf(factors)
  const k = Math.min(m, n)
  const leading = factors.shape.slice(0, -2)
  const axes = leading.map(() => [0, 0, 0] as const)
  const zero = zerosOf(shapedArray([], factors.dtype))
  const lower = pad(strictlyLower(sliceInDim(factors, 0, k, { axis: -1 })), zero, [...axes, [0, 0, 0], [0, m - k, 0]])
  const upper = pad(upperTriangle(sliceInDim(factors, 0, k, { axis: -2 })), zero, [...axes, [0, n - k, 0], [0, 0, 0]])
  const eye = identity(upper.shape, factors.dtype)
  return [add(lower, identity(lower.shape, factors.dtype)), add(upper, keepWhere(ge(rowIndex(eye.shape), k), eye))]
}

const luPrimitive: Primitive<Empty> = definePrimitive<Empty>({
  name: 'lu',
  abstract: ([x]) => {
    const a = known(x, 'matrix')
    checkMatrices('lu', a)
    const [m, n] = sizesOf(a)
    const stack = a.shape.slice(0, -2)
    return [a, shapedArray([...stack, Math.min(m, n)], 'int32'), shapedArray([...stack, m], 'int32')]
  },
  // L^-1 dA U^-1 = L^-1 dL + dU U^-1, the one strictly lower, the other upper: De Hoog, Anderssen and Lukas,
  // "Differentiation of matrix functionals using triangular factorization" (2011).
  jvp: ([x], [t]) => {
    const outs = bind(luPrimitive, [known(x, 'matrix')], {})
    if (t === null || t === undefined) return [outs, [null, null, null]]
    const [l, u] = square(known(outs[0], 'factors'))
    const right = triangularSolve(l, takeRows(t, known(outs[2], 'permutation')), {
      leftSide: true,
      lower: true,
      unitDiagonal: true,
    })
    const both = triangularSolve(u, right)
    return [outs, [add(product(l, strictlyLower(both)), product(upperTriangle(both), u)), null, null]]
  },
  batch: batchStack(() => luPrimitive),
  lower: lowerAs(([a]) => eliminate(known(a, 'matrix'))),
  sample: (draw) => {
    const stack = draw.shape({ maxRank: 1 })
    return {
      inputs: [
        fullRank(
          draw.array([...stack, draw.integer(0, 4), draw.integer(0, 4)], draw.pick(factored), { min: -1, max: 1 }),
        ),
      ],
      params: {},
    }
  },
})

/**
 * LU factors of matrices `[..., m, n]` with partial pivoting, as `[lu, pivots, permutation]`: the strictly lower triangle of
 * `lu` is that of `l` (whose diagonal is ones) and the upper one is `u`, so that `a[permutation] = l u`. `pivots[i]` is
 * the row that was exchanged with row i in step i; both are int32. A singular matrix has zeros on the diagonal of `u`.
 *
 * Throws ShapeError for scalars and vectors, DTypeError unless the matrices are float32 or float64.
 *
 * @example
 * ```ts
 * const [lu, , permutation] = lax.linalg.lu(np.array([[1, 2], [4, 4]]))
 * console.log(lu.js(), permutation.js()) // [ [ 4, 4 ], [ 0.25, 1 ] ] [ 1, 0 ]
 * ```
 */
export const lu = (a: ArrayLike): [lu: NDArray, pivots: NDArray, permutation: NDArray] => {
  const [factors, pivots, permutation] = bind(luPrimitive, [asArray(a, 'lu')], {})
  return [known(factors, 'factors'), known(pivots, 'pivots'), known(permutation, 'permutation')]
}

/**
 * Solutions of `a x = b` (or of `a^T x = b`) from the factors that `lu` gave of square matrices. `b` is `[..., n, k]`
 * with the leading axes of the factors.
 */
export const luSolve = (factors: NDArray, permutation: NDArray, b: NDArray, transposeA = false): NDArray => {
  if (!transposeA) {
    const first = triangularSolve(factors, takeRows(b, permutation), {
      leftSide: true,
      lower: true,
      unitDiagonal: true,
    })
    return triangularSolve(factors, first, { leftSide: true })
  }
  const first = triangularSolve(factors, b, { leftSide: true, transposeA: true })
  const second = triangularSolve(factors, first, { leftSide: true, lower: true, unitDiagonal: true, transposeA: true })
  return takeRows(second, inversePermutation(permutation))
}

/** The permutations that undo the given ones, `[..., n]`. */
export const inversePermutation = (permutation: NDArray): NDArray => {
  const places = broadcastedIota('int32', permutation.shape, permutation.ndim - 1)
  return known(sort([permutation, places])[1], 'places')
}
