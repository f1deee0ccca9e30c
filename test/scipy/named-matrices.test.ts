/** Matrices with names, and factorizations of special matrices: the properties that define them. */
import { describe, expect, it } from 'vitest'
import fc from 'fast-check'
import { type NDArray, numpy as np, random, scipy } from 'cotangent'

const { linalg } = scipy
const largest = (x: NDArray): number => (x.size === 0 ? 0 : Number(np.max(np.abs(x)).item()))
const error = (x: NDArray, y: NDArray): number => largest(np.subtract(x, y))

describe('matrices with names', () => {
  it.each([1, 2, 8, 32])('hadamard %i has orthogonal rows of signs', (n) => {
    const h = linalg.hadamard(n)
    expect(h.dtype).toBe('int32')
    expect(largest(np.subtract(np.abs(h), 1))).toBe(0)
    expect(error(np.matmul(h, h.T), np.multiply(n, np.eye(n, { dtype: 'int32' })))).toBe(0)
    expect(() => linalg.hadamard(n + 2 + (n % 2 === 0 ? 1 : 0))).toThrow(/power of two/)
  })

  it.each([1, 2, 3, 5])('invhilbert and invpascal %i are inverses', (n) => {
    const eye = np.eye(n)
    expect(error(np.matmul(linalg.hilbert(n), linalg.invhilbert(n)), eye)).toBeLessThan(0.02)
    for (const kind of ['symmetric', 'lower', 'upper'] as const) {
      expect(error(np.matmul(linalg.pascal(n, { kind }), linalg.invpascal(n, { kind })), eye)).toBe(0)
    }
  })

  it('dft transforms as fft does, in every scale', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 0, max: 99 }), (n, seed) => {
        const x = random.normal(random.key(seed), [n])
        const y = np.fft.fft(x)
        for (const [scale, over] of [[null, 1] as const, ['n', n] as const, ['sqrtn', Math.sqrt(n)] as const]) {
          const m = linalg.dft(n, { scale })
          expect(error(np.matmul(m.real, x), np.divide(y.real, over))).toBeLessThan(1e-5 * n)
          expect(error(np.matmul(m.imag, x), np.divide(y.imag, over))).toBeLessThan(1e-5 * n)
        }
      }),
      { numRuns: 20 },
    )
  })

  it('convolutionMatrix convolves, in every mode', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 6 }),
        fc.constantFrom('full' as const, 'same' as const, 'valid' as const),
        (m, n, mode) => {
          const a = random.normal(random.key(m), [m])
          const v = random.normal(random.key(10 + n), [n])
          const product = np.matmul(linalg.convolutionMatrix(a, n, { mode }), v)
          const wanted = np.convolve(a, v, { mode })
          expect(product.shape).toEqual(wanted.shape)
          expect(error(product, wanted)).toBeLessThan(1e-5)
        },
      ),
    )
  })

  it.each([1, 2, 3, 4, 5, 6])("fiedlerCompanion has a polynomial's %i zeros", (n) => {
    const zeros = np.add(np.arange(n), np.ones([n], { dtype: 'float64' }))
    const companion = linalg.fiedlerCompanion(np.multiply(2, np.poly(zeros)))
    const { real, imag } = np.linalg.eigvals(companion)
    expect(error(np.sort(real), zeros)).toBeLessThan(1e-9)
    expect(largest(imag)).toBeLessThan(1e-9)
  })
})

describe('factorizations', () => {
  const d = random.normal(random.key(1), [6], { dtype: 'float64' })
  const e = random.normal(random.key(2), [5], { dtype: 'float64' })

  it('eighTridiagonal: eigenvectors times eigenvalues, all or some', () => {
    const off = np.diagflat(e, { k: 1 })
    const matrix = np.add(np.diagflat(d), np.add(off, off.T))
    const [w, v] = linalg.eighTridiagonal(d, e)
    expect(error(np.matmul(matrix, v), np.multiply(v, w))).toBeLessThan(1e-12)
    expect(error(np.sort(w), w)).toBe(0)
    const some = linalg.eighTridiagonal(d, e, { eigvalsOnly: true, select: 'i', selectRange: [2, 4] })
    expect(error(some, np.take(w, np.array([2, 3, 4], { dtype: 'int32' })))).toBe(0)
    expect(() => linalg.eighTridiagonal(d, d)).toThrow(/\[n\] and \[n - 1\]/)
    expect(() => linalg.eighTridiagonal(d, e, { select: 'i', selectRange: [3, 9] })).toThrow(/from 0 to 5/)
  })

  it.each([
    [5, 3],
    [3, 3],
    [3, 5],
  ])('qrMultiply of %i by %i multiplies by the factor that qr gives', (m, n) => {
    const a = random.normal(random.key(3), [m, n], { dtype: 'float64' })
    const [q, r] = linalg.qr(a, { mode: 'economic' })
    const left = random.normal(random.key(4), [Math.min(m, n), 2], { dtype: 'float64' })
    const right = random.normal(random.key(5), [m], { dtype: 'float64' })
    expect(error(linalg.qrMultiply(a, left, { mode: 'left' })[0], np.matmul(q, left))).toBeLessThan(1e-14)
    const [product, factor] = linalg.qrMultiply(a, right)
    expect(error(product, np.matmul(right, q))).toBeLessThan(1e-14)
    expect(error(factor, r)).toBe(0)
  })
})
