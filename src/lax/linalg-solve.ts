/** Systems of equations with general square matrices. */
import {
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
} from '../core/index.js'
import { neg, sub } from './arithmetic.js'
import { moveAxis, reshape } from './broadcasting.js'
import { batchInFront } from './concatenate.js'
import { lu, luSolve } from './linalg-lu.js'
import { checkMatrices, diagonallyDominant, factored, product, sizesOf, transposed } from './linalg-matrix.js'
import { lowerAs } from './program-lowering.js'

export interface SolveParams {
  /** Solves with the transposed matrices. */
  readonly transposeA: boolean
}

const solvePrimitive: Primitive<SolveParams> = definePrimitive<SolveParams>({
  name: 'solve',
  abstract: ([x, y]) => {
    const a = known(x, 'matrix')
    const b = known(y, 'right-hand sides')
    checkMatrices('solve', a, { square: true })
    checkMatrices('solve', b)
    if (!sameShape(a.shape.slice(0, -1), b.shape.slice(0, -1)) || a.dtype !== b.dtype) {
      throw new ShapeError(
        `solve: matrices ${avalText(a)} and right-hand sides ${avalText(b)} don't fit: they need one dtype and all axes but the last alike.`,
      )
    }
    return [b]
  },
  // dx = a^-1 (db - da x), with the factors that gave x.
  jvp: ([x, y], [s, t], params) => {
    const a = known(x, 'matrix')
    const b = known(y, 'right-hand sides')
    if (s === null || s === undefined) {
      const tangent = t === null || t === undefined ? null : bindOne(solvePrimitive, [a, t], params)
      return [[bindOne(solvePrimitive, [a, b], params)], [tangent]]
    }
    const [factors, , permutation] = lu(a)
    const out = luSolve(factors, permutation, b, params.transposeA)
    const change = product(params.transposeA ? transposed(s) : s, out)
    const right = t === null || t === undefined ? neg(change) : sub(t, change)
    return [[out], [luSolve(factors, permutation, right, params.transposeA)]]
  },
  transpose: ([ct], [x, y], { transposeA }) => [
    null,
    isLinear(y) && ct !== null && ct !== undefined
      ? bindOne(solvePrimitive, [knownInput(x), ct], { transposeA: !transposeA })
      : null,
  ],
  batch: ([x, y], [batchA, batchB], params, { size }) => {
    const a = known(x, 'matrix')
    const b = known(y, 'right-hand sides')
    if (batchA !== null || batchB === null || batchB === undefined) {
      return [[bindOne(solvePrimitive, [batchInFront(a, batchA, size), batchInFront(b, batchB, size)], params)], [0]]
    }
    // One matrix for all members: their right-hand sides are columns of one system.
    const last = b.ndim - 1
    const moved = moveAxis(b, batchB, last)
    const merged = [...moved.shape.slice(0, -2), sizesOf(moved)[0] * size]
    return [[reshape(bindOne(solvePrimitive, [a, reshape(moved, merged)], params), moved.shape)], [last]]
  },
  lower: lowerAs(([a, b], { transposeA }) => {
    const [factors, , permutation] = lu(known(a, 'matrix'))
    return [luSolve(factors, permutation, known(b, 'right-hand sides'), transposeA)]
  }),
  sample: (draw) => {
    const dtype = draw.pick(factored)
    const stack = draw.shape({ maxRank: 1 })
    const n = draw.integer(0, 3)
    return {
      inputs: [
        diagonallyDominant(draw.array([...stack, n, n], dtype)),
        draw.array([...stack, n, draw.integer(0, 3)], dtype),
      ],
      params: { transposeA: draw.boolean() },
    }
  },
})

/**
 * Solutions of `a x = b` (or `a^T x = b`) for stacks `[..., n, n]` and `[..., n, k]` with equal leading axes, through LU
 * factors. Linear in `b`. `np.linalg.solve` broadcasts and takes vectors.
 */
export const solve = (a: NDArray, b: NDArray, transposeA = false): NDArray =>
  bindOne(solvePrimitive, [a, b], { transposeA })
