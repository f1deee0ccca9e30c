/** SciPy's solvers, exponentials and structured matrices: properties that define them. */
import { describe, expect, it } from 'vitest'
import { type NDArray, grad, jit, jvp, numpy as np, random, scipy, vmap } from 'cotangent'

const { linalg } = scipy
const T = np.matrixTranspose
const largest = (x: NDArray): number => (x.size === 0 ? 0 : Number(np.max(np.abs(x)).item()))
const error = (x: NDArray, y: NDArray): number => largest(np.subtract(x, y))
const sample = (shape: readonly number[], seed = 1): NDArray =>
  random.normal(random.key(seed), shape, { dtype: 'float64' })
const eye = (n: number): NDArray => np.eye(n, { dtype: 'float64' })
const a = np.add(sample([2, 4, 4]), np.multiply(3, eye(4)))
const positive = np.matmul(a, T(a))

describe('solvers', () => {
  const b = sample([2, 4, 3], 2)
  const vector = sample([4], 3)
  const alone = a.get(0)

  it('solve the system they are given', () => {
    expect(error(np.matmul(a, linalg.solve(a, b)), b)).toBeLessThan(1e-12)
    expect(error(np.matmul(alone, linalg.solve(alone, vector)), vector)).toBeLessThan(1e-12)
    expect(error(np.matmul(positive, linalg.solve(positive, b, { assumeA: 'pos' })), b)).toBeLessThan(1e-10)
    expect(error(np.matmul(positive, linalg.choSolve(linalg.choFactor(positive), b)), b)).toBeLessThan(1e-10)
    const lower = linalg.choFactor(positive, { lower: true })
    expect(error(np.matmul(positive, linalg.choSolve(lower, b)), b)).toBeLessThan(1e-10)
    expect(error(np.matmul(linalg.inv(a), a), np.broadcastTo(eye(4), a.shape))).toBeLessThan(1e-12)
    expect(error(linalg.det(a), np.linalg.det(a))).toBe(0)
  })

  it('luSolve, of the matrix and its transpose', () => {
    const factors = linalg.luFactor(alone)
    expect(error(np.matmul(alone, linalg.luSolve(factors, vector)), vector)).toBeLessThan(1e-12)
    const right = b.get(0)
    expect(error(np.matmul(T(alone), linalg.luSolve(factors, right, { trans: 1 })), right)).toBeLessThan(1e-12)
  })

  it.each([false, true])('solveTriangular, lower %s, with every transpose and diagonal', (lower) => {
    for (const trans of [0, 1, 2, 'N', 'T', 'C'] as const) {
      for (const unitDiagonal of [false, true]) {
        const triangle = lower ? np.tril(alone) : np.triu(alone)
        const ones = np.add(np.subtract(triangle, np.diag(np.diag(triangle))), eye(4))
        const used = unitDiagonal ? ones : triangle
        const matrix = trans === 0 || trans === 'N' ? used : T(used)
        // The other triangle isn't read.
        const x = linalg.solveTriangular(alone, vector, { lower, trans, unitDiagonal })
        expect(error(np.matmul(matrix, x), vector)).toBeLessThan(1e-11)
      }
    }
  })

  it('have gradients, and are mapped', () => {
    const loss = (m: NDArray): NDArray => np.sum(np.square(linalg.solve(m, vector, { assumeA: 'pos' })))
    const by = positive.get(0)
    const slope = grad(loss)(by)
    const direction = np.add(sample([4, 4], 9), T(sample([4, 4], 9)))
    const along = (h: number): number => Number(loss(np.add(by, np.multiply(h, direction))).item())
    const wanted = (along(1e-5) - along(-1e-5)) / 2e-5
    expect(np.sum(np.multiply(slope, direction)).item()).toBeCloseTo(wanted, 7)
    const mapped = vmap((m: NDArray) => linalg.solve(m, vector, { assumeA: 'pos' }))(positive)
    expect(error(mapped, np.stack([...positive].map((m) => linalg.solve(m, vector, { assumeA: 'pos' }))))).toBeLessThan(
      1e-14,
    )
  })
})

describe('factorizations multiply back', () => {
  it('cholesky, upper and lower', () => {
    const u = linalg.cholesky(positive)
    expect(error(np.matmul(T(u), u), positive)).toBeLessThan(1e-12)
    expect(error(np.triu(u), u)).toBe(0)
    const l = linalg.cholesky(positive, { lower: true })
    expect(error(l, T(u))).toBeLessThan(1e-14)
  })

  it('lu, qr, svd, eigh', () => {
    const tall = sample([5, 3])
    const [p, l, u] = linalg.lu(tall)
    expect(error(np.matmul(p, np.matmul(l, u)), tall)).toBeLessThan(1e-14)
    const [permuted, upper] = linalg.lu(tall, { permuteL: true })
    expect(error(np.matmul(permuted, upper), tall)).toBeLessThan(1e-14)
    const [q, r] = linalg.qr(tall)
    expect([q.shape, r.shape]).toEqual([
      [5, 5],
      [5, 3],
    ])
    expect(error(np.matmul(q, r), tall)).toBeLessThan(1e-14)
    expect(linalg.qr(tall, { mode: 'economic' })[0].shape).toEqual([5, 3])
    expect(error(linalg.qr(tall, { mode: 'r' })[0], r)).toBeLessThan(1e-14)
    const [w, s, vt] = linalg.svd(tall, { fullMatrices: false })
    expect(error(np.matmul(np.multiply(w, s), vt), tall)).toBeLessThan(1e-14)
    expect(linalg.svd(tall)[0].shape).toEqual([5, 5])
    expect(error(linalg.svd(tall, { computeUv: false }), s)).toBeLessThan(1e-14)
    const symmetric = np.add(a, T(a))
    const [values, vectors] = linalg.eigh(symmetric)
    expect(error(np.matmul(np.multiply(vectors, np.expandDims(values, -2)), T(vectors)), symmetric)).toBeLessThan(1e-13)
    expect(error(linalg.eigh(symmetric, { eigvalsOnly: true }), values)).toBeLessThan(1e-13)
  })

  it.each(['right', 'left'] as const)('polar, %s: an isometry and a positive factor', (side) => {
    const x = side === 'right' ? sample([4, 3]) : sample([3, 4])
    const [u, p] = linalg.polar(x, { side })
    expect(error(side === 'right' ? np.matmul(u, p) : np.matmul(p, u), x)).toBeLessThan(1e-14)
    expect(error(side === 'right' ? np.matmul(T(u), u) : np.matmul(u, T(u)), eye(3))).toBeLessThan(1e-14)
    expect(Number(np.min(linalg.eigh(p, { eigvalsOnly: true })).item())).toBeGreaterThan(0)
  })
})

describe('exponentials of matrices', () => {
  it('e^a e^-a = 1, e^(a + a) = (e^a)^2, from small to large', () => {
    for (const scale of [0, 1e-8, 0.01, 0.2, 1, 4]) {
      const x = np.multiply(scale, sample([4, 4], 4))
      const e = linalg.expm(x)
      const size = 1 + largest(e) * largest(linalg.expm(np.negative(x)))
      expect(error(np.matmul(e, linalg.expm(np.negative(x))), eye(4))).toBeLessThan(1e-14 * size * 10)
      const twice = linalg.expm(np.multiply(2, x))
      expect(error(twice, np.matmul(e, e))).toBeLessThan(1e-13 * (1 + largest(twice)))
    }
  })

  it('is a rotation for a skew matrix, that of the entries for a diagonal, a polynomial for a nilpotent', () => {
    const skew = np.array(
      [
        [0, -2],
        [2, 0],
      ],
      { dtype: 'float64' },
    )
    const [c, s] = [Math.cos(2), Math.sin(2)]
    const turned = np.array(
      [
        [c, -s],
        [s, c],
      ],
      { dtype: 'float64' },
    )
    expect(error(linalg.expm(skew), turned)).toBeLessThan(1e-14)
    const d = np.array([-3, 0, 2], { dtype: 'float64' })
    expect(error(linalg.expm(np.diag(d)), np.diag(np.exp(d)))).toBeLessThan(1e-14)
    const shift = np.diag(np.ones([2], { dtype: 'float64' }), { k: 1 })
    const wanted = np.add(np.add(eye(3), shift), np.multiply(0.5, np.matmul(shift, shift)))
    expect(error(linalg.expm(shift, { upperTriangular: true }), wanted)).toBeLessThan(1e-15)
  })

  it('stacks, jit and vmap agree; too large a norm is NaN', () => {
    const e = linalg.expm(a)
    expect(e.shape).toEqual([2, 4, 4])
    expect(error(jit((x: NDArray) => linalg.expm(x))(a), e)).toBeLessThan(1e-12)
    expect(error(vmap((x: NDArray) => linalg.expm(x))(a), e)).toBeLessThan(1e-12)
    expect(
      linalg
        .expm(np.multiply(1e9, eye(2)))
        .get(0, 0)
        .item(),
    ).toBeNaN()
    expect(linalg.expm(np.zeros([0, 0])).shape).toEqual([0, 0])
  })

  it('expmFrechet is the derivative', () => {
    const [x, direction] = [sample([3, 3], 5), sample([3, 3], 6)]
    const [value, derivative] = linalg.expmFrechet(x, direction)
    const [primal, tangent] = jvp((m: NDArray) => linalg.expm(m), [x], [direction])
    expect(error(value, primal)).toBeLessThan(1e-13)
    expect(error(derivative, tangent)).toBeLessThan(1e-12)
    expect(error(linalg.expmFrechet(x, direction, { computeExpm: false }), derivative)).toBe(0)
  })
})

describe('structured matrices', () => {
  const c = np.array([1, 2, 3])

  it('toeplitz, hankel, circulant have the entries of their definition', () => {
    expect(linalg.toeplitz(c).js()).toEqual([
      [1, 2, 3],
      [2, 1, 2],
      [3, 2, 1],
    ])
    expect(linalg.toeplitz(c, np.array([9, 5])).js()).toEqual([
      [1, 5],
      [2, 1],
      [3, 2],
    ])
    expect(linalg.hankel(c).js()).toEqual([
      [1, 2, 3],
      [2, 3, 0],
      [3, 0, 0],
    ])
    expect(linalg.hankel(c, np.array([9, 5])).js()).toEqual([
      [1, 2],
      [2, 3],
      [3, 5],
    ])
    expect(linalg.circulant(c).js()).toEqual([
      [1, 3, 2],
      [2, 1, 3],
      [3, 2, 1],
    ])
  })

  it('a circulant matrix is a circular convolution', () => {
    const x = sample([3], 7)
    const spectrum = (z: NDArray): ReturnType<typeof np.fft.fft> => np.fft.fft(z)
    const [p, q] = [spectrum(np.array([1, 2, 3], { dtype: 'float64' })), spectrum(x)]
    const product = {
      real: np.subtract(np.multiply(p.real, q.real), np.multiply(p.imag, q.imag)),
      imag: np.add(np.multiply(p.real, q.imag), np.multiply(p.imag, q.real)),
    }
    expect(
      error(np.matmul(linalg.circulant(np.array([1, 2, 3], { dtype: 'float64' })), x), np.fft.ifft(product).real),
    ).toBeLessThan(1e-14)
  })

  it('a companion matrix has the zeros of its polynomial', () => {
    const m = linalg.companion(np.array([2, -6, 4]))
    expect(m.js()).toEqual([
      [3, -2],
      [1, 0],
    ])
    expect(
      [...np.linalg.eigvals(m).real.dataSync()].map((x) => Math.round(x * 1e5) / 1e5).sort((a, b) => a - b),
    ).toEqual([1, 2])
  })

  it('leslie, fiedler, blockDiag', () => {
    expect(linalg.leslie(c, np.array([0.5, 0.25])).js()).toEqual([
      [1, 2, 3],
      [0.5, 0, 0],
      [0, 0.25, 0],
    ])
    expect(linalg.fiedler(np.array([1, 4, 6])).js()).toEqual([
      [0, 3, 5],
      [3, 0, 2],
      [5, 2, 0],
    ])
    expect(linalg.blockDiag(np.array([[1, 2]]), 3, np.array([4, 5])).js()).toEqual([
      [1, 2, 0, 0, 0],
      [0, 0, 3, 0, 0],
      [0, 0, 0, 4, 5],
    ])
    const slope = grad((x: NDArray) => np.sum(np.square(linalg.blockDiag(x, c))))(np.array([[2]]))
    expect(slope.js()).toEqual([[4]])
  })

  it('hilbert, pascal, helmert', () => {
    expect(linalg.hilbert(2).js()).toEqual([
      [1, 0.5],
      [0.5, Math.fround(1 / 3)],
    ])
    const [l, u] = [linalg.pascal(5, { kind: 'lower' }), linalg.pascal(5, { kind: 'upper' })]
    expect(error(np.matmul(l, u), linalg.pascal(5))).toBe(0)
    const h = linalg.helmert(4, { full: true })
    expect(error(np.matmul(h, T(h)), np.eye(4))).toBeLessThan(1e-6)
    expect(linalg.helmert(4).shape).toEqual([3, 4])
  })
})

describe('errors name the function and the shapes', () => {
  it.each([
    ['cholesky', () => linalg.cholesky(np.ones([2, 3])), /cholesky.*f32\[2,3\]/],
    ['expm', () => linalg.expm(np.ones([3])), /linalg\.expm/],
    ['solve', () => linalg.solve(np.eye(2), np.ones([3])), /solve/],
    ['solve', () => linalg.solve(np.eye(2), np.ones([2]), { assumeA: 'tri' as 'gen' }), /assumeA.*'tri'/],
    ['solveTriangular', () => linalg.solveTriangular(np.eye(2), np.ones([3])), /solveTriangular.*n = 2/],
    ['solveTriangular', () => linalg.solveTriangular(np.eye(2), np.ones([2]), { trans: 3 as 0 }), /trans is 3/],
    ['qr', () => linalg.qr(np.eye(2), { mode: 'raw' as 'full' }), /'raw'/],
    ['polar', () => linalg.polar(np.eye(2), { side: 'up' as 'left' }), /'up'|up/],
    ['companion', () => linalg.companion(np.ones([1])), /companion/],
    ['leslie', () => linalg.leslie(np.ones([3]), np.ones([3])), /leslie/],
    ['pascal', () => linalg.pascal(3, { kind: 'both' as 'lower' }), /'both'/],
    ['helmert', () => linalg.helmert(0), /helmert/],
    ['blockDiag', () => linalg.blockDiag(np.ones([1, 1, 1])), /blockDiag/],
    ['expmFrechet', () => linalg.expmFrechet(np.eye(2), np.eye(3)), /expmFrechet/],
  ] as const)('%s', (_, f, message) => {
    expect(f).toThrow(message)
  })
})
