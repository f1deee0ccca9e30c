/** Fourier transforms of every kind of length: against sums, back to where they came from, and with equal energy. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type DType, type NDArray, DTypeError, ShapeError, jit, lax, numpy as np, vjp, vmap } from 'cotangent'
import { radices } from '../../src/lax/fft-program.js'
import { close, devices, drawn, holds, on, precise } from '../transforms/support.js'

const sample = (shape: readonly number[], seed: number, dtype: DType = 'float32'): NDArray =>
  np.reshape(np.array(drawn(shape, seed), { dtype }), shape)
const complex = (shape: readonly number[], dtype?: DType) => ({
  real: sample(shape, 1, dtype),
  imag: sample(shape, 2, dtype),
})
const within = (got: NDArray, expected: NDArray, absolute: number, what: string): void =>
  close(got, expected, what, { relative: 0, absolute })

/** The sum that defines the transform, in double precision. */
const bySum = (real: ArrayLike<number>, imag: ArrayLike<number>): { real: number[]; imag: number[] } => {
  const n = real.length
  const out = { real: new Array<number>(n).fill(0), imag: new Array<number>(n).fill(0) }
  for (let k = 0; k < n; k++) {
    for (let j = 0; j < n; j++) {
      const angle = (-2 * Math.PI * ((j * k) % n)) / n
      const [c, s] = [Math.cos(angle), Math.sin(angle)]
      out.real[k] = (out.real[k] ?? 0) + (real[j] ?? 0) * c - (imag[j] ?? 0) * s
      out.imag[k] = (out.imag[k] ?? 0) + (real[j] ?? 0) * s + (imag[j] ?? 0) * c
    }
  }
  return out
}

describe.each(devices)('on %s', (device) => {
  const small = [1, 2, 3, 8, 12, 67]
  const lengths = device === 'js' ? small : [...small, 5, 37, 64, 72, 100, 127, 128, 360, 1009, 1024]
  it.each(lengths)('length %i: the sum that defines it', (n) =>
    on(device, () => {
      const y = lax.fft(complex([n]), 'FFT', [n])
      const expected = bySum(drawn([n], 1), drawn([n], 2))
      const limit = 1e-6 * (1 + Math.sqrt(n)) * 2
      within(y.real, np.array(expected.real), limit, 'real')
      within(y.imag, np.array(expected.imag), limit, 'imag')
    }),
  )

  // WGSL has no float64.
  it.each(device === 'webgpu' ? (['float32'] as const) : (['float32', 'float64'] as const))(
    'there and back again, in %s',
    (dtype) =>
      fc.assert(
        fc.asyncProperty(fc.integer({ min: 1, max: device === 'js' ? 20 : 300 }), (n) =>
          on(device, () => {
            const x = complex([2, n], dtype)
            const back = lax.fft(lax.fft(x, 'FFT', [n]), 'IFFT', [n])
            const limit = dtype === 'float64' ? 1e-13 : 1e-5
            within(back.real, x.real, limit, 'real')
            within(back.imag, x.imag, limit, 'imag')
          }),
        ),
        { numRuns: 6, seed: 1 },
      ),
  )

  it.each([7, 64, 90, 131])('Parseval: the energy is the same, but for n = %i', (n) =>
    on(device, () => {
      const { dtype } = precise()
      const x = complex([n], dtype)
      const y = lax.fft(x, 'FFT', [n])
      const energy = ({ real, imag }: { real: NDArray; imag: NDArray }): NDArray =>
        np.sum(np.add(np.square(real), np.square(imag)))
      const ratio = np.divide(np.divide(energy(y), n), energy(x))
      within(ratio, np.onesLike(ratio), dtype === 'float64' ? 5e-13 : 1e-6, 'energy')
    }),
  )

  it('a product of spectra is a circular convolution', () =>
    on(device, () => {
      const n = 12
      const [a, b] = [sample([n], 3), sample([n], 4)]
      const [p, q] = [np.fft.rfft(a), np.fft.rfft(b)]
      const product = {
        real: np.subtract(np.multiply(p.real, q.real), np.multiply(p.imag, q.imag)),
        imag: np.add(np.multiply(p.real, q.imag), np.multiply(p.imag, q.real)),
      }
      const direct = Array.from({ length: n }, (_, k) => np.sum(np.multiply(a, np.roll(np.flip(b), k + 1))))
      within(np.fft.irfft(product, { n }), np.stack(direct), 1e-5, 'convolution')
    }))

  it('transforms of several axes are those of one axis after the other', () =>
    on(device, () => {
      const x = complex([3, 5, 4])
      const all = np.fft.fftn(x)
      const steps = np.fft.fft(np.fft.fft(np.fft.fft(x, { axis: 0 }), { axis: 1 }), { axis: 2 })
      within(all.real, steps.real, 1e-4, 'real')
      within(all.imag, steps.imag, 1e-4, 'imag')
    }))

  it.each([6, 67])('the transpose is what reverse mode uses: <F x, y> = <x, F^T y>, length %i', (n) =>
    on(device, () => {
      const { dtype } = precise()
      const x = complex([n], dtype)
      const y = complex([n], dtype)
      const f = (real: NDArray, imag: NDArray) => lax.fft({ real, imag }, 'IFFT', [n])
      const [out, back] = vjp(f, x.real, x.imag)
      const [r, i] = back(y)
      const left = np.add(np.sum(np.multiply(out.real, y.real)), np.sum(np.multiply(out.imag, y.imag)))
      const right = np.add(np.sum(np.multiply(r as NDArray, x.real)), np.sum(np.multiply(i as NDArray, x.imag)))
      within(left, right, dtype === 'float64' ? 5e-13 : 1e-6, 'inner products')
    }),
  )

  it('vmap and jit change nothing', () =>
    on(device, () => {
      const x = sample([3, 10], 5)
      const f = (v: NDArray): NDArray => np.fft.rfft(v).imag
      within(jit(vmap(f))(x), f(x), 1e-6, 'mapped')
    }))

  it('padding, cutting and norms are NumPy’s', () =>
    on(device, () => {
      const x = np.array([1, 2, 3, 4])
      holds(np.fft.fft(x, { n: 2 }).real, [3, -1])
      expect(np.fft.rfft(x, { n: 6 }).real.shape).toEqual([4])
      holds(np.fft.fft(x, { norm: 'forward' }).real.get(0), [2.5])
      expect(np.fft.irfft(np.fft.rfft(np.array([1, 2, 3])), { n: 3 }).shape).toEqual([3])
      holds(np.fft.fftfreq(5), [0, 0.2, 0.4, -0.4, -0.2].map(Math.fround))
      holds(np.fft.fftshift(np.arange(5)), [3, 4, 0, 1, 2])
      holds(np.fft.ifftshift(np.fft.fftshift(np.arange(5))), [0, 1, 2, 3, 4])
    }))
})

describe('lengths', () => {
  it('are products of small factors, or handled with a chirp', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 5000 }), (n) => {
        const factors = radices(n)
        if (factors === undefined) return
        expect(factors.reduce((p, q) => p * q, 1)).toBe(n)
        expect(Math.max(...factors)).toBeLessThanOrEqual(64)
      }),
    )
    expect(radices(67)).toBeUndefined()
    expect(radices(4096)).toEqual([8, 8, 8, 8])
  })

  it('errors say what is wrong', () => {
    expect(() => lax.fft(np.ones([4]), 'FFT', [5])).toThrow(ShapeError)
    expect(() => lax.fft(np.ones([4], { dtype: 'int32' }), 'FFT', [4])).toThrow(DTypeError)
    expect(() => np.fft.fft(np.ones([4]), { n: 0 })).toThrow('a transform of length 0 does not exist')
    expect(() => np.fft.fft(np.ones([4]), { norm: 'x' as 'ortho' })).toThrow("'backward', 'ortho' and 'forward'")
    expect(() => np.fft.rfft({ real: np.ones([4]), imag: np.ones([4]) })).toThrow('expected real values')
  })
})
