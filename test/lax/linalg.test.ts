/** Factorizations of matrices multiply back to the matrices, on every device, by columns and in blocks, in stacks and alone. */
import { describe, expect, it } from 'vitest'
import {
  type DType,
  type NDArray,
  DTypeError,
  DifferentiationError,
  ShapeError,
  grad,
  jit,
  jvp,
  lax,
  numpy as np,
  slice,
  vmap,
} from 'cotangent'
import { devices, drawn, holds, on, tells } from '../transforms/support.js'

const { cholesky, eig, eigh, eigvals, lu, qr, svd, triangularSolve } = lax.linalg

const T = np.matrixTranspose
const largest = (x: NDArray): NDArray => (x.size === 0 ? np.zeros([], { dtype: x.dtype }) : np.max(np.abs(x)))
const error = (x: NDArray, y: NDArray): NDArray => largest(np.subtract(x, y))
const eye = (n: number): NDArray => np.eye(n)

/** Says that an error is less than a limit. */
const below = (x: NDArray, limit: number): void => tells(x, ([got]) => expect(got).toBeLessThan(limit))
/** Says that an error is no more than a limit that depends on arrays too. */
const atMost = (x: NDArray, limit: NDArray): void =>
  tells(np.stack([x, limit]), ([got, most = NaN]) => expect(got).toBeLessThanOrEqual(most))

const sample = (shape: readonly number[], dtype: DType = 'float32', seed = 1): NDArray =>
  np.reshape(np.array(drawn(shape, seed), { dtype }), shape)
const positive = (x: NDArray): NDArray => {
  const n = x.shape.at(-1) ?? 0
  return np.add(np.matmul(x, T(x)), np.multiply(n, eye(n)))
}

/** Shapes of stacks of square matrices: empty, alone, by columns, in blocks with and without a rest, stacked. */
const stacks: readonly (readonly number[])[] = [
  [0, 0],
  [1, 1],
  [3, 3],
  [32, 32],
  [65, 65],
  [96, 96],
  [2, 3, 4, 4],
  [0, 3, 3],
  [2, 70, 70],
]

/** Few eps for each of the sums of a product. */
const tolerance = (x: NDArray): NDArray =>
  np.multiply(4 * (x.dtype === 'float64' ? 2 ** -52 : 2 ** -23) * (x.shape.at(-1) ?? 1), np.add(1, largest(x)))

describe.each(devices)('on %s', (device) => {
  // The reference device interprets, and a GPU in software takes long for many small steps, so they get the small sizes.
  const shapes = device !== 'wasm' ? stacks.filter((shape) => (shape.at(-1) ?? 0) < 10) : stacks

  // Those that are factored by halves too.
  const halved =
    device !== 'wasm'
      ? []
      : [
          [129, 129],
          [300, 300],
          [2, 160, 160],
        ]
  it.each([...shapes, ...halved].map((shape) => [shape]))('cholesky of %j: a = l l^T, l lower', (shape) =>
    on(device, () => {
      const a = positive(sample(shape))
      const l = cholesky(a)
      atMost(error(np.matmul(l, T(l)), a), tolerance(a))
      holds(error(np.tril(l), l), [0])
    }),
  )

  it.each(shapes.map((shape) => [shape]))('triangularSolve of %j: every case', (shape) =>
    on(device, () => {
      const a = np.add(sample(shape), np.multiply(shape.at(-1) ?? 0, eye(shape.at(-1) ?? 0)))
      const b = sample([...shape.slice(0, -1), 3], 'float32', 2)
      for (const lower of [true, false]) {
        for (const transposeA of [true, false]) {
          for (const unitDiagonal of [true, false]) {
            const scaled = unitDiagonal ? np.divide(a, 1 + 4 * (shape.at(-1) ?? 1)) : a
            const triangle = lower ? np.tril(scaled) : np.triu(scaled)
            const diagonal = np.multiply(triangle, eye(shape.at(-1) ?? 0))
            const whole = unitDiagonal ? np.add(np.subtract(triangle, diagonal), eye(shape.at(-1) ?? 0)) : triangle
            const t = transposeA ? T(whole) : whole
            const options = { lower, transposeA, unitDiagonal }
            const left = triangularSolve(scaled, b, { ...options, leftSide: true })
            below(error(np.matmul(t, left), b), 1e-4)
            const right = triangularSolve(scaled, T(b), options)
            below(error(np.matmul(right, t), T(b)), 1e-4)
          }
        }
      }
    }),
  )

  it.each(
    [...shapes, [3, 5], [5, 3], [2, 4, 2], [70, 90], [90, 70], [3, 0], [0, 3]]
      .filter((s) => device === 'wasm' || (s[0] ?? 0) < 10)
      .map((s) => [s]),
  )('lu of %j: a[permutation] = l u, and the exchanges lead to the permutation', (shape) =>
    on(device, () => {
      const a = sample(shape)
      const [m, n] = [shape.at(-2) ?? 0, shape.at(-1) ?? 0]
      const k = Math.min(m, n)
      const [factors, pivots, permutation] = lu(a)
      const l = np.add(np.tril(factors.get('...', slice(0, k)), { k: -1 }), np.eye(m, { M: k }))
      const u = np.triu(factors.get('...', slice(0, k), slice()))
      const exchanged = np.takeAlongAxis(a, np.expandDims(permutation, -1), { axis: -2 })
      atMost(error(np.matmul(l, u), exchanged), tolerance(a))
      atMost(largest(l), np.array(1))
      const flatPivots = np.reshape(pivots, [pivots.size / Math.max(1, k), k])
      const flatOrder = np.reshape(permutation, [permutation.size / Math.max(1, m), m])
      if (pivots.size === 0) return
      tells(np.concatenate([flatPivots.get(0), flatOrder.get(0)]), (elements) => {
        const order = Array.from({ length: m }, (_, i) => i)
        elements.slice(0, k).forEach((p, i) => {
          ;[order[i], order[p]] = [order[p] ?? 0, order[i] ?? 0]
        })
        expect(elements.slice(k)).toEqual(order)
      })
    }),
  )

  it.each(
    [...shapes, [3, 5], [5, 3], [2, 4, 2], [3, 0], [0, 3]]
      .filter((s) => device === 'wasm' || (s[0] ?? 0) < 10)
      .map((s) => [s]),
  )('qr of %j: a = q r, q^T q = 1, r upper', (shape) =>
    on(device, () => {
      const a = sample(shape)
      for (const fullMatrices of [true, false]) {
        const [q, r] = qr(a, { fullMatrices })
        atMost(error(np.matmul(q, r), a), tolerance(a))
        below(error(np.matmul(T(q), q), eye(q.shape.at(-1) ?? 0)), 1e-5)
        holds(error(np.triu(r), r), [0])
      }
    }),
  )

  it.each(shapes.map((shape) => [shape]))('eigh of %j: a v = v w, w ascending', (shape) =>
    on(device, () => {
      const x = sample(shape)
      const a = np.add(x, T(x))
      const [v, w] = eigh(a)
      atMost(error(np.matmul(a, v), np.multiply(v, np.expandDims(w, -2))), tolerance(a))
      below(error(np.matmul(T(v), v), eye(shape.at(-1) ?? 0)), 3e-6)
      holds(np.all(np.greaterEqual(np.diff(w), 0)), [1])
    }),
  )

  it.each(
    [...shapes, [3, 5], [5, 3], [2, 4, 2], [3, 0], [0, 3]]
      .filter((s) => device === 'wasm' || (s[0] ?? 0) < 10)
      .map((s) => [s]),
  )('svd of %j: a = u s vt, s descending', (shape) =>
    on(device, () => {
      const a = sample(shape)
      const k = Math.min(...shape.slice(-2))
      for (const fullMatrices of [true, false]) {
        const [u, s, vt] = svd(a, { fullMatrices })
        const thin = np.multiply(u.get('...', slice(0, k)), np.expandDims(s, -2))
        atMost(error(np.matmul(thin, vt.get('...', slice(0, k), slice())), a), tolerance(a))
        below(error(np.matmul(T(u), u), eye(u.shape.at(-1) ?? 0)), 3e-6)
        below(error(np.matmul(vt, T(vt)), eye(vt.shape.at(-2) ?? 0)), 3e-6)
        holds(np.all(np.lessEqual(np.diff(s), 0)), [1])
        holds(np.all(np.greaterEqual(s, 0)), [1])
      }
    }),
  )

  it.each(shapes.filter((shape) => (shape.at(-1) ?? 0) < 50).map((shape) => [shape]))('eig of %j: a v = v w', (shape) =>
    on(device, () => {
      const a = sample(shape)
      const [w, v] = eig(a)
      const [wr, wi] = [np.expandDims(w.real, -2), np.expandDims(w.imag, -2)]
      const real = np.subtract(np.multiply(v.real, wr), np.multiply(v.imag, wi))
      const imag = np.add(np.multiply(v.real, wi), np.multiply(v.imag, wr))
      atMost(error(np.matmul(a, v.real), real), tolerance(a))
      atMost(error(np.matmul(a, v.imag), imag), tolerance(a))
      const sum = np.subtract(np.sum(w.real, { axis: -1 }), np.trace(a, { axis1: -2, axis2: -1 }))
      atMost(largest(sum), tolerance(a))
    }),
  )
})

/** On wasm alone: float64, which WGSL has not, and 128 rows, which js and a GPU in software take too long for. */
describe('accuracy', () => {
  it('float64 is accurate to its own rounding', () =>
    on('wasm', () => {
      const x = sample([20, 20], 'float64')
      const a = np.add(x, T(x))
      const [v, w] = eigh(a)
      below(error(np.matmul(np.multiply(v, w), T(v)), a), 1e-13)
      const [u, s, vt] = svd(x)
      below(error(np.matmul(np.multiply(u, s), vt), x), 1e-13)
      below(error(np.matmul(cholesky(positive(x)), T(cholesky(positive(x)))), positive(x)), 1e-12)
    }))

  it('many rotations leave no more error than a few: 128 symmetric rows in float32', () =>
    on('wasm', () => {
      const x = sample([128, 128])
      const a = np.add(x, T(x))
      const [v, w] = eigh(a)
      below(error(np.matmul(np.multiply(v, w), T(v)), a), 2e-5)
      const [u, s, vt] = svd(x)
      below(error(np.matmul(np.multiply(u, s), vt), x), 1e-5)
    }))

  it('derivatives are those of the eigenvalues', () => {
    const a = np.astype(
      np.array([
        [1, 2],
        [0.5, 4],
      ]),
      'float64',
    )
    const f = (x: NDArray): NDArray => np.max(eigvals(x).real)
    const h = 1e-6
    const g = grad(f)(a)
    for (const [i, j] of [
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
    ] as const) {
      const up = f(a.at(i, j).add(h)).item()
      const down = f(a.at(i, j).add(-h)).item()
      expect(g.get(i, j).item()).toBeCloseTo((up - down) / (2 * h), 6)
    }
  })
})

describe.each(devices)('what is special, on %s', (device) => {
  it('small singular values are right relative to themselves', () =>
    on(device, () => {
      const [, s] = svd(np.diag(np.array([1, 1e-8, 1e-15, 0])))
      tells(s, (elements) =>
        expect(elements.map((value) => value.toPrecision(6))).toEqual([
          '1.00000',
          '1.00000e-8',
          '1.00000e-15',
          '0.00000',
        ]),
      )
    }))

  it('ranks below full, zeros and multiples of the identity have orthonormal factors', () =>
    on(device, () => {
      for (const a of [np.zeros([4, 4]), np.ones([4, 4]), np.ones([5, 3]), np.multiply(3, np.eye(4))]) {
        const [u, s, vt] = svd(a)
        const k = s.size
        below(error(np.matmul(np.multiply(u.get(slice(), slice(0, k)), s), vt.get(slice(0, k))), a), 2e-6)
        below(error(np.matmul(T(u), u), eye(u.shape[0] ?? 0)), 2e-6)
      }
    }))

  it('scales do not matter: 1e30 and 1e-30', () =>
    on(device, () => {
      const exchange = np.array([
        [0, 1],
        [1, 0],
      ])
      for (const scale of [1e30, 1e-30]) {
        const [, w] = eigh(np.multiply(scale, exchange))
        tells(w.get(1), ([value = NaN]) => expect(Math.abs((value - scale) / scale)).toBeLessThan(1e-6))
      }
    }))

  it('a matrix that is not positive definite has no factor', () =>
    on(device, () => {
      const indefinite = np.array([
        [1, 2],
        [2, 1],
      ])
      holds(cholesky(indefinite), [NaN, NaN, NaN, NaN])
      const singular = np.array([
        [0, 0],
        [0, 1],
      ])
      const both = cholesky(np.stack([np.eye(2), singular]))
      holds(both.get(0), [1, 0, 0, 1])
      holds(np.all(np.isnan(both.get(1))), [1])
      const n = device === 'wasm' ? 150 : 12
      for (const at of [3, n - 1]) {
        const diagonal = np.ones([n]).at(at).set(-1)
        holds(np.all(np.isnan(cholesky(np.multiply(np.eye(n), diagonal)))), [1])
      }
    }))

  it('cholesky uses the lower triangle alone when it is told so', () =>
    on(device, () => {
      const a = np.array([
        [4, NaN],
        [2, 5],
      ])
      holds(cholesky(a, { symmetrizeInput: false }), [2, 0, 1, 2])
    }))

  it('triangularSolve ignores the other triangle, infinities and NaN included', () =>
    on(device, () => {
      const a = np.array([
        [2, NaN],
        [1, 4],
      ])
      holds(triangularSolve(a, np.array([2, 9]), { leftSide: true, lower: true }), [1, 2])
    }))

  it('a rotation has the conjugate pair of its angle, a permutation the roots of unity', () =>
    on(device, () => {
      const rotation = np.array([
        [0, -1],
        [1, 0],
      ])
      const w = eigvals(rotation)
      tells(w.real, (real) => expect(real.map((x) => Math.abs(x) < 1e-6)).toEqual([true, true]))
      tells(w.imag, (imag) => expect(imag.map((x) => Math.round(x * 1e6) / 1e6).sort((a, b) => a - b)).toEqual([-1, 1]))
      const roots = eigvals(np.roll(np.eye(5), 1, { axis: 0 }))
      below(largest(np.subtract(np.hypot(roots.real, roots.imag), 1)), 2e-6)
    }))

  it('real eigenvalues are exactly real, complex ones exactly conjugate', () =>
    on(device, () => {
      const w = eigvals(sample([9, 9]))
      tells(np.concatenate([w.real, w.imag]), (elements) => {
        const [real, pairs] = [elements.slice(0, 9), elements.slice(9)]
        const alone = pairs.filter(
          (imag, i) => imag !== 0 && !pairs.some((other, j) => other === -imag && real[j] === real[i]),
        )
        expect(alone).toEqual([])
      })
    }))

  it('everything works inside of jit, vmap and grad together', () =>
    on(device, () => {
      const f = (a: NDArray): NDArray => {
        const s = np.add(np.matmul(a, T(a)), np.eye(3))
        const [v, w] = eigh(s)
        const [q, r] = qr(a)
        const rest = np.add(np.sum(np.multiply(w, np.square(v))), np.sum(np.multiply(q, r)))
        return np.sum(np.add(np.sum(cholesky(s)), rest))
      }
      const stack = sample([4, 3, 3])
      const all = jit(vmap(grad(f)))(stack)
      for (let i = 0; i < 4; i++) below(error(all.get(i), grad(f)(stack.get(i))), 1e-3)
    }))
})

it('errors name the operation and the shapes', () => {
  expect(() => cholesky(np.ones([2, 3]))).toThrow(ShapeError)
  expect(() => cholesky(np.ones([2, 3]))).toThrow('cholesky: the matrices must be square [..., n, n], got f32[2,3]')
  expect(() => lu(np.ones([3]))).toThrow('lu: expected a matrix or a stack of matrices [..., m, n], got f32[3]')
  expect(() => qr(np.ones([3, 3], { dtype: 'int32' }))).toThrow(DTypeError)
  expect(() => triangularSolve(np.eye(3), np.ones([2, 3]), { leftSide: true })).toThrow(
    'as many rows of right-hand sides',
  )
  expect(() => jvp((a: NDArray) => svd(a), [np.ones([3, 2])], [np.ones([3, 2])])).toThrow(DifferentiationError)
  expect(() => jvp((a: NDArray) => eig(a)[1].real, [np.eye(2)], [np.eye(2)])).toThrow(DifferentiationError)
})
