/** numpy.linalg: solutions solve, inverses invert, determinants multiply, and derivatives follow. */
import { describe, expect, it } from 'vitest'
import {
  type NDArray,
  ArgumentError,
  ShapeError,
  grad,
  hessian,
  jit,
  linearTranspose,
  numpy as np,
  random,
  vmap,
} from 'cotangent'

const { linalg } = np
const T = np.matrixTranspose
const sample = (shape: readonly number[], seed = 1): NDArray =>
  np.astype(random.normal(random.key(seed), shape), 'float64')
const largest = (x: NDArray): number => (x.size === 0 ? 0 : np.max(np.abs(x)).item())
const error = (x: NDArray, y: NDArray): number => largest(np.subtract(x, y))

describe('solve', () => {
  it('solves, with vectors, matrices, and leading axes broadcast', () => {
    const a = sample([4, 4])
    expect(error(np.matmul(a, linalg.solve(a, sample([4], 2))), sample([4], 2))).toBeLessThan(1e-12)
    const b = sample([3, 4, 2], 2)
    expect(error(np.matmul(a, linalg.solve(a, b)), b)).toBeLessThan(1e-12)
    const stack = sample([2, 1, 3, 3])
    expect(linalg.solve(stack, sample([5, 3, 1])).shape).toEqual([2, 5, 3, 1])
    expect(linalg.solve(np.zeros([0, 0]), np.zeros([0])).shape).toEqual([0])
  })

  it('is linear in the right-hand side, and can be transposed', () => {
    const a = sample([3, 3])
    const f = linearTranspose((b: NDArray) => linalg.solve(a, b), sample([3]))
    const y = sample([3], 5)
    expect(error(f(y)[0] as NDArray, linalg.solve(T(a), y))).toBeLessThan(1e-12)
  })

  it('has second derivatives', () => {
    const b = sample([3], 2)
    const f = (a: NDArray): NDArray => np.sum(np.square(linalg.solve(np.reshape(a, [3, 3]), b)))
    const a = np.ravel(np.add(sample([3, 3]), np.multiply(3, np.eye(3))))
    const h = hessian(f)(a) as NDArray
    const step = 1e-5
    const g = grad(f)
    for (let i = 0; i < 9; i += 4) {
      const slope = np.divide(np.subtract(g(a.at(i).add(step)), g(a.at(i).add(-step))), 2 * step)
      expect(error(h.get(i), slope)).toBeLessThan(1e-6)
    }
  })

  it('errors say what fits', () => {
    expect(() => linalg.solve(np.ones([2, 3]), np.ones([2]))).toThrow(
      'expected square matrices [..., n, n], got f32[2,3]',
    )
    expect(() => linalg.solve(np.eye(3), np.ones([2]))).toThrow('b must be [n] or [..., n, k] with n = 3')
    expect(() => linalg.inv(np.ones([3]))).toThrow(ShapeError)
  })
})

describe('inverses and determinants', () => {
  it('a a^-1 = 1, det(a b) = det a det b, and the logarithm agrees', () => {
    for (const n of [1, 2, 3, 5, 9]) {
      const [a, b] = [sample([2, n, n], n), sample([2, n, n], n + 20)]
      expect(error(np.matmul(a, linalg.inv(a)), np.eye(n))).toBeLessThan(1e-10)
      expect(error(linalg.det(np.matmul(a, b)), np.multiply(linalg.det(a), linalg.det(b)))).toBeLessThan(1e-9)
      const [sign, logarithm] = linalg.slogdet(a)
      expect(error(np.multiply(sign, np.exp(logarithm)), linalg.det(a))).toBeLessThan(1e-10)
    }
    expect(linalg.det(np.zeros([0, 0])).item()).toBe(1)
    expect(linalg.slogdet(np.zeros([3, 3])).map((x) => x.item())).toEqual([0, -Infinity])
  })

  it('the derivative of a determinant is the adjugate, of singular matrices too', () => {
    const adjugate = (a: NDArray): NDArray => grad((x: NDArray) => linalg.det(x))(a)
    const singular = np.astype(
      np.array([
        [1, 2, 3, 4],
        [2, 4, 6, 8],
        [0, 1, 0, 1],
        [1, 0, 0, 1],
      ]),
      'float64',
    )
    const g = adjugate(singular)
    const h = 1e-5
    for (const [i, j] of [
      [0, 0],
      [1, 2],
      [3, 3],
    ] as const) {
      const slope =
        (linalg.det(singular.at(i, j).add(h)).item() - linalg.det(singular.at(i, j).add(-h)).item()) / (2 * h)
      expect(g.get(i, j).item()).toBeCloseTo(slope, 6)
    }
  })

  it('tensors are matrices of their axes', () => {
    const a = np.reshape(sample([6, 6]), [2, 3, 6])
    expect(error(np.tensordot(linalg.tensorinv(a), a, { axes: 2 }), np.eye(6))).toBeLessThan(1e-10)
    const b = sample([2, 3], 4)
    expect(error(np.tensordot(a, linalg.tensorsolve(a, b), { axes: 1 }), b)).toBeLessThan(1e-10)
    expect(() => linalg.tensorinv(np.ones([2, 3]))).toThrow(ShapeError)
    expect(() => linalg.tensorinv(np.ones([2, 2]), { ind: 0 })).toThrow(ArgumentError)
  })
})

describe('norms', () => {
  const a = sample([3, 4])
  it('of vectors are roots of sums of powers', () => {
    const v = np.array([3, -4, 0])
    expect([0, 1, 2, Infinity, -Infinity].map((ord) => linalg.norm(v, { ord }).item())).toEqual([2, 7, 5, 4, 0])
    expect(linalg.vectorNorm(np.zeros([0])).item()).toBe(0)
    expect(error(linalg.norm(a, { axis: 1 }), np.sqrt(np.sum(np.square(a), { axis: 1 })))).toBeLessThan(1e-14)
    expect(linalg.norm(a, { axis: [0, 1], keepdims: true }).shape).toEqual([1, 1])
  })

  it('of matrices are sums and singular values', () => {
    const s = linalg.svdvals(a)
    expect(linalg.norm(a, { ord: 2 }).item()).toBeCloseTo(s.get(0).item(), 12)
    expect(linalg.norm(a, { ord: 'nuc' }).item()).toBeCloseTo(np.sum(s).item(), 12)
    expect(linalg.norm(a, { ord: 'fro' }).item()).toBeCloseTo(linalg.norm(a).item(), 12)
    expect(linalg.norm(a, { ord: 1 }).item()).toBeCloseTo(np.max(np.sum(np.abs(a), { axis: 0 })).item(), 12)
    expect(linalg.norm(T(a), { ord: Infinity }).item()).toBeCloseTo(linalg.norm(a, { ord: 1 }).item(), 12)
    expect(linalg.matrixNorm(sample([2, 3, 4]), { ord: -2, keepdims: true }).shape).toEqual([2, 1, 1])
    expect(linalg.cond(np.diag(np.array([4, 2]))).item()).toBeCloseTo(2, 6)
    expect(
      linalg
        .cond(
          np.array([
            [1, 1],
            [1, 1],
          ]),
          { p: 1 },
        )
        .item(),
    ).toBe(Infinity)
    expect(() => linalg.norm(a, { ord: 5 })).toThrow("'fro', 'nuc', 1, -1, 2, -2")
    expect(() => linalg.norm(sample([2, 2, 2]), { ord: 2 })).toThrow('name one axis')
  })
})

describe('what singular values make', () => {
  it('pinv has the four properties of Penrose, for every rank', () => {
    const full = sample([5, 3])
    const deficient = np.matmul(sample([5, 2], 2), sample([2, 3], 3))
    for (const a of [full, T(full), deficient]) {
      const p = linalg.pinv(a)
      expect(error(np.matmul(np.matmul(a, p), a), a)).toBeLessThan(1e-10)
      expect(error(np.matmul(np.matmul(p, a), p), p)).toBeLessThan(1e-10)
      expect(error(np.matmul(a, p), T(np.matmul(a, p)))).toBeLessThan(1e-10)
      expect(error(np.matmul(p, a), T(np.matmul(p, a)))).toBeLessThan(1e-10)
    }
    expect(linalg.matrixRank(deficient).item()).toBe(2)
    expect(linalg.matrixRank(np.zeros([2, 3, 3])).js()).toEqual([0, 0])
    expect(linalg.matrixRank(np.array([0, 1])).item()).toBe(1)
  })

  it('lstsq minimizes: residuals are orthogonal to the columns', () => {
    const [a, b] = [sample([7, 3]), sample([7, 2], 4)]
    const [x, residuals, rank, s] = linalg.lstsq(a, b)
    const rest = np.subtract(b, np.matmul(a, x))
    expect(largest(np.matmul(T(a), rest))).toBeLessThan(1e-12)
    expect(error(residuals, np.sum(np.square(rest), { axis: 0 }))).toBeLessThan(1e-12)
    expect(rank.item()).toBe(3)
    expect(s.shape).toEqual([3])
    expect(() => linalg.lstsq(a, sample([5]))).toThrow(ShapeError)
  })

  it('symmetric matrices have an svd from their eigenvectors', () => {
    const a = np.add(sample([4, 4]), T(sample([4, 4])))
    const [u, s, vh] = linalg.svd(a, { hermitian: true })
    expect(error(np.matmul(np.multiply(u, s), vh), a)).toBeLessThan(1e-12)
    expect(error(s, linalg.svdvals(a))).toBeLessThan(1e-12)
    const [w] = linalg.eigh(a, { UPLO: 'U' })
    expect(error(w, linalg.eigvalsh(a))).toBeLessThan(1e-12)
    expect(() => linalg.eigh(a, { UPLO: 'X' as 'L' })).toThrow(ArgumentError)
  })
})

describe('products', () => {
  it('powers are repeated products, negative ones of the inverse', () => {
    const a = np.add(sample([3, 3]), np.multiply(3, np.eye(3)))
    expect(
      error(
        linalg.matrixPower(a, 5),
        [1, 2, 3, 4].reduce((p) => np.matmul(p, a), a),
      ),
    ).toBeLessThan(1e-8)
    expect(error(np.matmul(linalg.matrixPower(a, -3), linalg.matrixPower(a, 3)), np.eye(3))).toBeLessThan(1e-8)
    expect(linalg.matrixPower(np.eye(2, { dtype: 'int32' }), 0).dtype).toBe('int32')
    expect(() => linalg.matrixPower(a, 0.5)).toThrow(ArgumentError)
  })

  it('multiDot is the product of all, in any order', () => {
    const xs = [sample([4, 2]), sample([2, 5], 2), sample([5, 3], 3), sample([3], 4)]
    const direct = xs.reduce((p, q) => np.matmul(p, q))
    expect(error(linalg.multiDot(xs), direct)).toBeLessThan(1e-12)
    expect(() => linalg.multiDot([np.ones([2, 3]), np.ones([2, 3])])).toThrow('make no chain')
    expect(linalg.outer(np.array([1, 2]), np.array([3, 4])).js()).toEqual([
      [3, 4],
      [6, 8],
    ])
    expect(() => linalg.outer(np.eye(2), np.eye(2))).toThrow(ShapeError)
  })
})

it('a Gaussian process: gradients of its likelihood, batched and compiled', () => {
  const x = np.linspace(0, 1, { num: 6 })
  const nll = (scale: NDArray): NDArray => {
    const k = np.add(
      np.exp(np.divide(np.negative(np.square(np.subtract(np.expandDims(x, 1), x))), scale)),
      np.multiply(0.1, np.eye(6)),
    )
    const [, logarithm] = linalg.slogdet(k)
    return np.add(logarithm, np.dot(np.sin(x), linalg.solve(k, np.sin(x))))
  }
  const scales = np.array([0.1, 0.5, 2])
  const both = [jit(vmap(grad(nll)))(scales), np.stack([...scales].map((s) => grad(nll)(s)))] as const
  expect(error(...both)).toBeLessThan(1e-3)
})

describe('matrixRank', () => {
  const x = np.diag(np.array([10, 1, 0.05]))
  it('takes the tolerance by both of its names', () => {
    for (const [tolerance, rank] of [
      [0.01, 3],
      [0.5, 2],
      [2, 1],
    ] as const) {
      expect(np.linalg.matrixRank(x, { tol: tolerance }).item()).toBe(rank)
      expect(np.linalg.matrixRank(x, { rtol: tolerance }).item()).toBe(rank)
    }
    expect(() => np.linalg.matrixRank(x, { tol: 1, rtol: 1 })).toThrow('two names of one tolerance')
  })
})
