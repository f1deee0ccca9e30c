/** Iterative solvers: residuals are as small as asked for, solutions and derivatives are those of a dense solver. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type NDArray, grad, jit, jvp, numpy as np, scipy, vmap } from 'cotangent'
import { close, devices, noise, on, precise, tells } from '../transforms/support.js'

const { bicgstab, cg, gmres } = scipy.sparse.linalg
const solvers = { cg, bicgstab, gmres }
const names = ['cg', 'bicgstab', 'gmres'] as const
const single = (): boolean => precise().dtype === 'float32'
/** A norm of residuals that the dtype can reach, and how far solutions of regular systems are then. */
const tol = (): number => (single() ? 1e-6 : 1e-13)
const near = (): { relative: number; absolute: number } => ({
  relative: single() ? 1e-4 : 1e-10,
  absolute: single() ? 1e-4 : 1e-10,
})
const eye = (n: number): NDArray => np.eye(n, precise())

/** Symmetric positive definite for cg, and otherwise not symmetric. */
const matrix = (name: (typeof names)[number], n: number, seed = 1): NDArray => {
  const a = noise(seed, [n, n])
  return name === 'cg' ? np.matmul(a, a.T).add(eye(n)) : a.add(eye(n).mul(n))
}
const dense = (a: NDArray, b: NDArray): NDArray => np.linalg.solve(a, b)

describe.each(devices)('on %s', (device) => {
  it.each(names)('%s solves, with a matrix, a function, a preconditioner, a start, and under jit and vmap', (name) =>
    on(device, () => {
      const solve = solvers[name]
      const [a, b] = [matrix(name, 12), noise(2, [12])]
      const wanted = dense(a, b)
      const multiply = (x: NDArray): NDArray => np.matmul(a, x)
      close(solve(a, b, { tol: tol() })[0], wanted, 'of a matrix', near())
      close(jit((c: NDArray) => solve(multiply, c, { tol: tol() })[0])(b), wanted, 'of a function', near())
      const M = np.diag(np.reciprocal(np.diagonal(a)))
      close(solve(a, b, { tol: tol(), M, x0: noise(3, [12]) })[0], wanted, 'with a preconditioner', near())
      const several = noise(4, [3, 12])
      const mapped = vmap((c: NDArray) => solve(a, c, { tol: tol() })[0])(several)
      close(mapped, dense(a, several.T).T, 'of several right-hand sides', near())
      close(solve(a, wanted.mul(0), {})[0], wanted.mul(0), 'of zeros')
    }),
  )

  it.each(names)('%s has the derivatives of a dense solver', (name) =>
    on(device, () => {
      const [a, b, weights] = [matrix(name, 8), noise(5, [8]), noise(6, [8])]
      // cg takes matrices to be symmetric, so its derivatives are told from symmetric changes.
      const part = (m: NDArray): NDArray => (name === 'cg' ? m.add(m.T).mul(0.5) : m)
      const M = np.diag(np.reciprocal(np.diagonal(a))).add(noise(7, [8, 8]).mul(0.001))
      const options = { tol: tol(), M: name === 'cg' ? part(M) : M }
      const solved = (m: NDArray, c: NDArray): NDArray =>
        solvers[name]((x: NDArray) => np.matmul(part(m), x), c, options)[0]
      const wanted = (m: NDArray, c: NDArray): NDArray => dense(part(m), c)
      const tangents: [NDArray, NDArray] = [noise(8, [8, 8]), noise(9, [8])]
      close(jvp(solved, [a, b], tangents)[1], jvp(wanted, [a, b], tangents)[1], 'forward', near())
      const slopes = (f: typeof solved): [NDArray, NDArray] =>
        grad((m: NDArray, c: NDArray) => np.sum(np.multiply(weights, f(m, c))), { argnums: [0, 1] })(a, b)
      const [[byA, byB], [expectedA, expectedB]] = [slopes(solved), slopes(wanted)]
      close(byA, expectedA, 'reverse, by A', near())
      close(byB, expectedB, 'reverse, by b', near())
    }),
  )

  it('vectors may be pytrees', () =>
    on(device, () => {
      const a = matrix('gmres', 6)
      const b = { left: noise(1, [2, 2]), right: noise(2, [2]) }
      const flat = (x: typeof b): NDArray => np.concatenate([np.ravel(x.left), x.right])
      const A = (x: typeof b): typeof b => {
        const y = np.matmul(a, flat(x))
        return { left: np.reshape(y.get({ start: 0, stop: 4 }), [2, 2]), right: y.get({ start: 4 }) }
      }
      for (const solve of [bicgstab, gmres])
        close(flat(solve(A, b, { tol: tol() })[0]), dense(a, flat(b)), 'a record', near())
    }))

  it('gmres restarts, ends exact, and stops where nothing is gained', () =>
    on(device, () => {
      const [a, b] = [matrix('gmres', 20, 11), noise(12, [20])]
      close(gmres(a, b, { tol: tol(), restart: 3 })[0], dense(a, b), 'restarted', near())
      // A shift needs as many steps as rows; a shorter cycle gains nothing, so that the start is what comes back.
      const shift = np.roll(eye(5), 1, { axis: 0 })
      const unit = eye(5).get(0)
      close(gmres(shift, unit)[0], dense(shift, unit), 'a shift', near())
      tells(gmres(shift, unit, { restart: 4 })[0], (elements) => expect(elements).toEqual([0, 0, 0, 0, 0]))
      // Singular, but there is a solution: the smallest cycle finds it.
      const flat = np.diag(np.array([2, 0, 3], precise()))
      close(gmres(flat, np.array([2, 0, 3], precise()))[0], np.array([1, 0, 1], precise()), 'singular', near())
    }))
})

it.each(names)('%s: the residual is at most what was asked for', (name) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 24 }), fc.nat(1000), fc.constantFrom(1e-2, 1e-5, 1e-9), (n, seed, part) => {
      const [a, b] = [matrix(name, n, seed), noise(seed + 1, [n])]
      const [x] = solvers[name](a, b, { tol: part })
      const residual = np.linalg.norm(b.sub(np.matmul(a, x))).item()
      expect(residual).toBeLessThanOrEqual(1.001 * part * np.linalg.norm(b).item())
    }),
    { numRuns: 30 },
  )
})

it('what makes no sense is an error', () => {
  const b = np.ones([3])
  expect(() => cg(np.ones([2, 3]), b)).toThrow('A is a square matrix [n, n], or a function; got f32[2,3]')
  expect(() => gmres((x: NDArray) => x.get({ start: 1 }), b)).toThrow(
    'the matrix takes and gives what b is, f32[3]; here is f32[2]',
  )
  expect(() => cg(np.eye(3), np.arange(3))).toThrow('b is arrays of one floating dtype, got i32[3]')
  expect(() => gmres(np.eye(3), b, { restart: 0 })).toThrow('restart is a positive integer')
  expect(() => cg(np.eye(3), b, { tol: -1 })).toThrow('tol is not negative')
  expect(cg(np.ones([0, 0]), np.ones([0]))[0].shape).toEqual([0])
})
