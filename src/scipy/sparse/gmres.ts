/** Generalized minimal residuals, restarted. */
import { type NDArray, ArgumentError, checkOptions, dtypeEpsilon } from '../../core/index.js'
import * as lax from '../../lax/index.js'
import { identity } from '../../lax/linalg-matrix.js'
import { triangularSolve } from '../../lax/linalg.js'
import { whileLoop } from '../../transforms/index.js'
import { type KrylovOptions, type System, norm, ratio, solveBy } from './systems.js'

/** Options of `gmres`; `maxiter` counts cycles. */
export interface GmresOptions<T> extends KrylovOptions<T> {
  /** Steps of a cycle, 20 unless said: memory is that many vectors. */
  readonly restart?: number
}

/** Vectors of the basis in rows, rotations so far, the triangle, and whether to go on. */
type Arnoldi = readonly [k: NDArray, basis: NDArray, rotations: NDArray, triangle: NDArray, going: NDArray]

const times = (matrix: NDArray, vector: NDArray): NDArray =>
  lax.dotGeneral(matrix, vector, [
    [[1], [0]],
    [[], []],
  ])
const timesTransposed = (matrix: NDArray, vector: NDArray): NDArray =>
  lax.dotGeneral(matrix, vector, [
    [[0], [0]],
    [[], []],
  ])
const at = (x: NDArray, k: NDArray): NDArray => lax.dynamicIndexInDim(x, k, { keepdims: false })
const withRow = (x: NDArray, row: NDArray, k: NDArray): NDArray => lax.dynamicUpdateIndexInDim(x, row, k, 0)

/**
 * One cycle: a better `x`. The triangle that least squares need is kept by rotations, whose product gives the residual's norm, so
 * that a cycle ends as soon as it is small: Saad, "Iterative methods for sparse linear systems", sections 6.5 and 9.3.2.
 */
const cycle = (
  { matvec, precondition, small }: System,
  steps: number,
  x: NDArray,
  residual: NDArray,
  size: NDArray,
): NDArray => {
  const n = residual.size
  const { dtype } = residual
  const rows = lax.iota('int32', steps + 1)
  const start = lax.mul(residual, lax.broadcastTo(ratio(lax.scalarOf(1, { dtype }), size), [n]))
  const [count, basis, rotations, triangle] = whileLoop(
    ([k, , , , going]: Arnoldi) => lax.bitwiseAnd(going, lax.lt(k, steps)),
    ([k, vectors, turned, upper]: Arnoldi): Arnoldi => {
      const image = matvec(precondition(at(vectors, k)))
      // Twice is enough: after one projection, rounding leaves a part that the second takes away.
      const once = times(vectors, image)
      const nearly = lax.sub(image, timesTransposed(vectors, once))
      const again = times(vectors, nearly)
      const orthogonal = lax.sub(nearly, timesTransposed(vectors, again))
      const length = norm(orthogonal)
      const rounding = lax.le(length, lax.mul(norm(image), 4 * dtypeEpsilon(dtype)))
      const beyond = lax.select(rounding, lax.zerosOf(length.aval), length)
      const next = lax.mul(orthogonal, lax.broadcastTo(ratio(lax.scalarOf(1, { dtype }), beyond), [n]))
      const below = lax.eq(rows, lax.add(k, 1))
      const column = times(turned, lax.select(below, lax.broadcastTo(beyond, rows.shape), lax.add(once, again)))
      const [a, b] = [at(column, k), at(column, lax.add(k, 1))]
      const d = lax.sqrt(lax.add(lax.mul(a, a), lax.mul(b, b)))
      const none = lax.eq(d, 0)
      const c = lax.select(none, lax.filled(1, d.aval), ratio(a, d))
      const s = ratio(b, d)
      const [p, q] = [at(turned, k), at(turned, lax.add(k, 1))]
      const mixed = (f: NDArray, y: NDArray, g: NDArray, z: NDArray): NDArray =>
        lax.add(lax.mul(lax.broadcastTo(f, y.shape), y), lax.mul(lax.broadcastTo(g, z.shape), z))
      const rotated = withRow(withRow(turned, mixed(c, p, s, q), k), mixed(lax.neg(s), p, c, q), lax.add(k, 1))
      const own = lax.eq(rows, k)
      // A column of zeros adds nothing: 1 on the diagonal, and its element of the right-hand side is 0.
      const diagonal = lax.select(none, lax.filled(1, d.aval), d)
      const entries = lax.select(own, lax.broadcastTo(diagonal, rows.shape), column)
      const kept = lax.select(lax.le(rows, k), entries, lax.zerosOf(entries.aval))
      const left = lax.mul(size, lax.abs(at(at(rotated, lax.add(k, 1)), lax.scalarOf(0, k))))
      return [
        lax.add(k, 1),
        withRow(vectors, next, lax.add(k, 1)),
        rotated,
        withRow(upper, lax.slice(kept, [0], [steps]), k),
        lax.bitwiseAnd(lax.gt(left, small), lax.gt(beyond, 0)),
      ]
    },
    [
      lax.scalarOf(0, { dtype: 'int32' }),
      withRow(lax.full([steps + 1, n], 0, { dtype }), start, lax.scalarOf(0, { dtype: 'int32' })),
      identity([steps + 1, steps + 1], dtype),
      identity([steps, steps], dtype),
      lax.gt(size, 0),
    ],
  )
  const right = lax.mul(size, lax.squeeze(lax.slice(rotations, [0, 0], [steps, 1]), [1]))
  const used = lax.lt(lax.slice(rows, [0], [steps]), count)
  const cut = lax.select(used, right, lax.zerosOf(right.aval))
  // The triangle is kept by columns, as rows.
  const y = triangularSolve(triangle, lax.reshape(cut, [steps, 1]), { leftSide: true, lower: true, transposeA: true })
  const combined = timesTransposed(lax.slice(basis, [0, 0], [steps, n]), lax.reshape(y, [steps]))
  return lax.add(x, precondition(combined))
}

type Restarted = readonly [x: NDArray, residual: NDArray, size: NDArray, before: NDArray, k: NDArray]

const restarted =
  (restart: number) =>
  (system: System): NDArray => {
    const { matvec, b, x0, small, maxiter } = system
    const steps = Math.min(restart, b.size)
    const residualOf = (x: NDArray): NDArray => lax.sub(b, matvec(x))
    const first = residualOf(x0)
    const [x] = whileLoop(
      // A cycle that gains nothing would be followed by the same.
      ([, , size, before, k]: Restarted) =>
        lax.bitwiseAnd(lax.bitwiseAnd(lax.gt(size, small), lax.lt(size, before)), lax.lt(k, maxiter)),
      ([x, residual, size, , k]: Restarted): Restarted => {
        const better = cycle(system, steps, x, residual, size)
        const rest = residualOf(better)
        return [better, rest, norm(rest), size, lax.add(k, 1)]
      },
      [x0, first, norm(first), lax.filled(Infinity, norm(first).aval), lax.scalarOf(0, { dtype: 'int32' })],
    )
    return x
  }

/**
 * Solves `A x = b` for any regular `A`, a matrix or a linear function of pytrees like `b`: each cycle of `restart` (20) steps finds
 * the smallest residual that its products with `A` can reach. `maxiter` counts cycles; a cycle that gains nothing is the last.
 * When it ends, and its derivatives, are otherwise as in `cg`.
 *
 * @returns the solution, and null in the place of SciPy's report, as in JAX
 * @throws ShapeError when `A` does not take and give what `b` is; DTypeError unless `b` is floats of one dtype
 * @example
 * ```ts
 * const [x] = scipy.sparse.linalg.gmres(np.array([[0, 1], [1, 0]]), np.array([1, 2])) // [2, 1]
 * ```
 */
export const gmres = <T>(A: NDArray | ((x: T) => T), b: T, options: GmresOptions<T> = {}): [x: T, info: null] => {
  const { restart = 20, ...rest } = checkOptions('scipy.sparse.linalg.gmres', options, 'x0 tol atol maxiter M restart')
  if (!Number.isInteger(restart) || restart < 1) {
    throw new ArgumentError(`scipy.sparse.linalg.gmres: restart is a positive integer, got ${restart}.`)
  }
  return [solveBy(restarted(restart), A, b, rest, 'scipy.sparse.linalg.gmres', false), null]
}
