/** Conjugate gradients, for symmetric positive definite matrices, and their stabilized relative for any. */
import { type NDArray, checkOptions } from '../../core/index.js'
import * as lax from '../../lax/index.js'
import { whileLoop } from '../../transforms/index.js'
import { type KrylovOptions, type System, dot, norm, plusScaled, ratio, solveBy } from './systems.js'

export type { KrylovOptions } from './systems.js'

type Conjugate = readonly [x: NDArray, r: NDArray, p: NDArray, gamma: NDArray, k: NDArray]

/** Hestenes and Stiefel (1952), preconditioned: Golub and Van Loan, "Matrix computations", algorithm 11.5.1. */
const conjugateGradients = ({ matvec, b, x0, precondition, small, maxiter }: System): NDArray => {
  const r0 = lax.sub(b, matvec(x0))
  const z0 = precondition(r0)
  const [x] = whileLoop(
    ([, r, , , k]: Conjugate) => lax.bitwiseAnd(lax.gt(norm(r), small), lax.lt(k, maxiter)),
    ([x, r, p, gamma, k]: Conjugate): Conjugate => {
      const product = matvec(p)
      const alpha = ratio(gamma, dot(p, product))
      const rest = plusScaled(r, lax.neg(alpha), product)
      const z = precondition(rest)
      const next = dot(rest, z)
      return [plusScaled(x, alpha, p), rest, plusScaled(z, ratio(next, gamma), p), next, lax.add(k, 1)]
    },
    [x0, r0, z0, dot(r0, z0), lax.scalarOf(0, { dtype: 'int32' })],
  )
  return x
}

type Stabilized = readonly [
  x: NDArray,
  r: NDArray,
  p: NDArray,
  q: NDArray,
  rho: NDArray,
  alpha: NDArray,
  omega: NDArray,
  k: NDArray,
]

/** Van der Vorst, "Bi-CGSTAB" (1992). It breaks down, and stops, where rho or omega is 0. */
const stabilized = ({ matvec, b, x0, precondition, small, maxiter }: System): NDArray => {
  const r0 = lax.sub(b, matvec(x0))
  const zeros = lax.zerosOf(b.aval)
  const one = lax.scalarOf(1, b)
  const [x] = whileLoop(
    ([, r, , , rho, , omega, k]: Stabilized) => {
      const works = lax.bitwiseAnd(lax.ne(rho, 0), lax.ne(omega, 0))
      return lax.bitwiseAnd(lax.bitwiseAnd(lax.gt(norm(r), small), works), lax.lt(k, maxiter))
    },
    ([x, r, p, q, rho, alpha, omega, k]: Stabilized): Stabilized => {
      const next = dot(r0, r)
      const beta = lax.mul(ratio(next, rho), ratio(alpha, omega))
      const direction = plusScaled(r, beta, plusScaled(p, lax.neg(omega), q))
      const first = precondition(direction)
      const product = matvec(first)
      const step = ratio(next, dot(r0, product))
      const half = plusScaled(r, lax.neg(step), product)
      const second = precondition(half)
      const t = matvec(second)
      const weight = ratio(dot(t, half), dot(t, t))
      const solution = plusScaled(plusScaled(x, step, first), weight, second)
      return [solution, plusScaled(half, lax.neg(weight), t), direction, product, next, step, weight, lax.add(k, 1)]
    },
    [x0, r0, zeros, zeros, one, one, one, lax.scalarOf(0, { dtype: 'int32' })],
  )
  return x
}

/**
 * Solves `A x = b` for a symmetric positive definite `A`, a matrix or a linear function of pytrees like `b`, by conjugate
 * gradients. Ends when the norm of the residual is at most `tol` (1e-5) of that of `b`, or `atol`, or after `maxiter` steps.
 * Derivatives, by `b` and by what `A` is closed over, are those of the exact solution: they solve again, to the same tolerance.
 *
 * @returns the solution, and null in the place of SciPy's report, as in JAX
 * @throws ShapeError when `A` does not take and give what `b` is; DTypeError unless `b` is floats of one dtype
 * @example
 * ```ts
 * const [x] = scipy.sparse.linalg.cg(np.array([[4, 1], [1, 3]]), np.array([1, 2])) // [0.090909, 0.636364]
 * ```
 */
export const cg = <T>(A: NDArray | ((x: T) => T), b: T, options: KrylovOptions<T> = {}): [x: T, info: null] => {
  checkOptions('scipy.sparse.linalg.cg', options, 'x0 tol atol maxiter M')
  return [solveBy(conjugateGradients, A, b, options, 'scipy.sparse.linalg.cg', true), null]
}

/**
 * Solves `A x = b` for any regular `A`, a matrix or a linear function of pytrees like `b`, by stabilized biconjugate gradients.
 * When it ends, and its derivatives, are as in `cg`. It may break down where the matrix is far from definite; `gmres` does not.
 *
 * @returns the solution, and null in the place of SciPy's report, as in JAX
 * @throws ShapeError when `A` does not take and give what `b` is; DTypeError unless `b` is floats of one dtype
 * @example
 * ```ts
 * const [x] = scipy.sparse.linalg.bicgstab(np.array([[4, 1], [0, 3]]), np.array([6, 6])) // [1, 2]
 * ```
 */
export const bicgstab = <T>(A: NDArray | ((x: T) => T), b: T, options: KrylovOptions<T> = {}): [x: T, info: null] => {
  checkOptions('scipy.sparse.linalg.bicgstab', options, 'x0 tol atol maxiter M')
  return [solveBy(stabilized, A, b, options, 'scipy.sparse.linalg.bicgstab', false), null]
}
