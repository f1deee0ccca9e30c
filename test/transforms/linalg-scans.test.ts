/** Tridiagonal systems and updates of Cholesky factors: the equations that define them, and the derivatives of dense solvers. */
import { expect, it } from 'vitest'
import { type NDArray, grad, jit, lax, numpy as np, random, vmap } from 'cotangent'

const { choleskyUpdate, tridiagonalSolve } = lax.linalg
const largest = (x: NDArray, y: NDArray): number => Number(np.max(np.abs(np.subtract(x, y))).item())
const sample = (shape: readonly number[], seed: number): NDArray =>
  random.normal(random.key(seed), shape, { dtype: 'float64' })

/** The matrix with these diagonals. */
const dense = (dl: NDArray, d: NDArray, du: NDArray): NDArray => {
  const n = d.size
  const [below, above] = [dl.get({ start: 1 }), du.get({ stop: n - 1 })]
  return np.add(np.diag(d), np.add(np.diag(below, { k: -1 }), np.diag(above, { k: 1 })))
}

it.each([1, 2, 3, 9])('tridiagonalSolve of size %i solves, whatever the pivots', (n) => {
  const [dl, d, du, b] = [sample([n], 1), np.multiply(1e-3, sample([n], 2)), sample([n], 3), sample([n, 2], 4)]
  const x = tridiagonalSolve(dl, d, du, b)
  expect(largest(np.matmul(dense(dl, d, du), x), b)).toBeLessThan(1e-9)
})

it('tridiagonalSolve takes stacks, is mapped, and has no elements where there are none', () => {
  const [dl, d, du, b] = [1, 2, 3, 4].map((seed) => sample(seed === 4 ? [2, 5, 3] : [2, 5], seed)) as [
    NDArray,
    NDArray,
    NDArray,
    NDArray,
  ]
  const mapped = vmap(tridiagonalSolve)(dl, d, du, b)
  expect(largest(tridiagonalSolve(dl, d, du, b), mapped)).toBe(0)
  expect(tridiagonalSolve(np.ones([0]), np.ones([0]), np.ones([0]), np.ones([0, 2])).shape).toEqual([0, 2])
})

it('tridiagonalSolve has the gradients of the dense solver', () => {
  const given = [sample([4], 1), sample([4], 2), sample([4], 3), sample([4, 2], 4)] as const
  const weights = sample([4, 2], 5)
  const loss = (solve: (dl: NDArray, d: NDArray, du: NDArray, b: NDArray) => NDArray) =>
    grad((dl: NDArray, d: NDArray, du: NDArray, b: NDArray) => np.sum(np.multiply(weights, solve(dl, d, du, b))), {
      argnums: [0, 1, 2, 3],
    })
  const ours = jit(loss(tridiagonalSolve))(...given)
  const dense4 = loss((dl, d, du, b) => np.linalg.solve(dense(dl, d, du), b))(...given)
  ours.forEach((slope, i) => expect(largest(slope, dense4[i] ?? slope)).toBeLessThan(1e-10))
  expect(ours.length).toBe(4)
})

it('choleskyUpdate is the factor of the updated matrix, also where a pivot is 0', () => {
  const factor = np.triu(np.abs(sample([5, 5], 6)))
  const w = sample([5], 7)
  const updated = (r: NDArray, v: NDArray): NDArray => np.add(np.matmul(r.T, r), np.outer(v, v))
  const out = choleskyUpdate(factor, w)
  expect(largest(np.matmul(out.T, out), updated(factor, w))).toBeLessThan(1e-12)
  expect(largest(out, np.triu(out))).toBe(0)
  expect(largest(out, np.linalg.cholesky(updated(factor, w)).T)).toBeLessThan(1e-10)
  expect(choleskyUpdate(np.zeros([2, 2]), np.array([0, 3])).js()).toEqual([
    [0, 0],
    [0, 3],
  ])
  expect(grad((r: NDArray) => np.sum(choleskyUpdate(r, np.zeros([2]))))(np.zeros([2, 2])).js()).toEqual([
    [1, 1],
    [0, 1],
  ])
})

it('choleskyUpdate has the gradient of the dense factorization', () => {
  const [factor, w, weights] = [
    np.add(np.triu(sample([3, 3], 8)), np.multiply(3, np.eye(3))),
    sample([3], 9),
    sample([3, 3], 10),
  ]
  const loss = (f: (r: NDArray, v: NDArray) => NDArray) =>
    grad((v: NDArray) => np.sum(np.multiply(weights, f(factor, v))))(w)
  const plain = loss((r, v) => np.linalg.cholesky(np.add(np.matmul(np.matrixTranspose(r), r), np.outer(v, v))).T)
  expect(largest(loss(choleskyUpdate), plain)).toBeLessThan(1e-10)
})

it('shapes that do not fit are told', () => {
  expect(() => tridiagonalSolve(np.ones([3]), np.ones([3]), np.ones([3]), np.ones([3]))).toThrow("don't fit")
  expect(() => choleskyUpdate(np.ones([2, 3]), np.ones([3]))).toThrow('takes a matrix [n, n] and a vector [n]')
})
