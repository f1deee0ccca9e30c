/** Sylvester's equation holds for its solutions, and for their derivatives. */
import { expect, it } from 'vitest'
import { type NDArray, grad, jit, jvp, numpy as np, random, scipy, vmap } from 'cotangent'

const { solveSylvester } = scipy.linalg
const sample = (shape: readonly number[], seed: number): NDArray =>
  random.normal(random.key(seed), shape, { dtype: 'float64' })
const left = (A: NDArray, X: NDArray, B: NDArray): NDArray => np.add(np.matmul(A, X), np.matmul(X, B))
const largest = (x: NDArray, y: NDArray): number => Number(np.max(np.abs(np.subtract(x, y))).item())
const [A, B, C] = [sample([4, 4], 1), sample([3, 3], 2), sample([4, 3], 3)]

it('solutions solve, also where matrices have no basis of eigenvectors', () => {
  expect(largest(left(A, solveSylvester(A, B, C), B), C)).toBeLessThan(1e-10)
  const defective = np.array(
    [
      [2, 1],
      [0, 2],
    ],
    { dtype: 'float64' },
  )
  const right = sample([2, 3], 4)
  expect(largest(left(defective, jit(solveSylvester)(defective, B, right), B), right)).toBeLessThan(1e-10)
  expect(solveSylvester(np.ones([0, 0]), np.ones([2, 2]), np.ones([0, 2])).shape).toEqual([0, 2])
})

it('derivatives solve A dX + dX B = dC - dA X - X dB, and the transposed equation backwards', () => {
  const tangents: [NDArray, NDArray, NDArray] = [sample([4, 4], 5), sample([3, 3], 6), sample([4, 3], 7)]
  const [X, dX] = jvp(solveSylvester, [A, B, C], tangents)
  const [dA, dB, dC] = tangents
  expect(largest(left(A, dX, B), np.subtract(dC, left(dA, X, dB)))).toBeLessThan(1e-9)
  const weights = sample([4, 3], 8)
  const slope = grad((c: NDArray) => np.sum(np.multiply(weights, solveSylvester(A, B, c))))(C)
  expect(largest(left(A.T, slope, B.T), weights)).toBeLessThan(1e-10)
})

it('is mapped over stacks, and tells shapes that do not fit', () => {
  const stack = sample([2, 4, 3], 9)
  const mapped = vmap((c: NDArray) => solveSylvester(A, B, c))(stack)
  expect(largest(mapped.get(1), solveSylvester(A, B, stack.get(1)))).toBeLessThan(1e-10)
  expect(() => solveSylvester(A, B, stack)).toThrow("don't fit: C is [m, n], A [m, m] and B [n, n]")
})
