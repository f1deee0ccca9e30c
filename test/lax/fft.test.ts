/** Fourier transforms of every kind of length: against sums, back to where they came from, and with equal energy. */
import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type DType, type NDArray, DTypeError, ShapeError, jit, lax, numpy as np, random, vjp, vmap } from 'cotangent'
import { defaultDevice } from '../../src/core/index.js'
import { radices } from '../../src/lax/fft-program.js'

const sample = (shape: readonly number[], seed: number, dtype: DType = 'float32'): NDArray =>
  np.astype(random.normal(random.key(seed), shape), dtype)
const complex = (shape: readonly number[], dtype?: DType) => ({
  real: sample(shape, 1, dtype),
  imag: sample(shape, 2, dtype),
})
const largest = (x: NDArray): number => (x.size === 0 ? 0 : np.max(np.abs(x)).item())
const error = (x: NDArray, y: NDArray): number => largest(np.subtract(x, y))

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

describe.each(['wasm', 'js'])('on %s', (device) => {
  const before = defaultDevice()
  beforeEach(() => void defaultDevice(device))
  afterEach(() => void defaultDevice(before))

  const lengths =
    device === 'js' ? [1, 2, 3, 8, 12, 67] : [1, 2, 3, 5, 8, 12, 37, 64, 67, 72, 100, 127, 128, 360, 1009, 1024]
  it.each(lengths)('length %i: the sum that defines it', (n) => {
    const x = complex([n])
    const y = lax.fft(x, 'FFT', [n])
    const expected = bySum(x.real.dataSync(), x.imag.dataSync())
    const limit = 1e-6 * (1 + Math.sqrt(n)) * 2
    expect(error(y.real, np.array(expected.real))).toBeLessThan(limit)
    expect(error(y.imag, np.array(expected.imag))).toBeLessThan(limit)
  })

  it('there and back again, in float32 and float64', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: device === 'js' ? 20 : 300 }),
        fc.constantFrom('float32' as const, 'float64' as const),
        (n, dtype) => {
          const x = complex([2, n], dtype)
          const back = lax.fft(lax.fft(x, 'FFT', [n]), 'IFFT', [n])
          const limit = dtype === 'float64' ? 1e-13 : 1e-5
          expect(error(back.real, x.real)).toBeLessThan(limit)
          expect(error(back.imag, x.imag)).toBeLessThan(limit)
        },
      ),
      { numRuns: 12, seed: 1 },
    )
  })
})

describe('laws', () => {
  it('Parseval: the energy is the same, but for n', () => {
    for (const n of [7, 64, 90, 131]) {
      const x = complex([n], 'float64')
      const y = lax.fft(x, 'FFT', [n])
      const energy = ({ real, imag }: { real: NDArray; imag: NDArray }): number =>
        np.sum(np.add(np.square(real), np.square(imag))).item()
      expect(energy(y) / n / energy(x)).toBeCloseTo(1, 12)
    }
  })

  it('a product of spectra is a circular convolution', () => {
    const n = 12
    const [a, b] = [sample([n], 3), sample([n], 4)]
    const [p, q] = [np.fft.rfft(a), np.fft.rfft(b)]
    const product = {
      real: np.subtract(np.multiply(p.real, q.real), np.multiply(p.imag, q.imag)),
      imag: np.add(np.multiply(p.real, q.imag), np.multiply(p.imag, q.real)),
    }
    const direct = Array.from({ length: n }, (_, k) => np.sum(np.multiply(a, np.roll(np.flip(b), k + 1))).item())
    expect(error(np.fft.irfft(product, { n }), np.array(direct))).toBeLessThan(1e-5)
  })

  it('transforms of several axes are those of one axis after the other', () => {
    const x = complex([3, 5, 4])
    const all = np.fft.fftn(x)
    const steps = np.fft.fft(np.fft.fft(np.fft.fft(x, { axis: 0 }), { axis: 1 }), { axis: 2 })
    expect(error(all.real, steps.real)).toBeLessThan(1e-4)
    expect(error(all.imag, steps.imag)).toBeLessThan(1e-4)
  })

  it('the transpose is what reverse mode uses: <F x, y> = <x, F^T y>', () => {
    for (const n of [6, 67]) {
      const x = complex([n], 'float64')
      const y = complex([n], 'float64')
      const f = (real: NDArray, imag: NDArray) => lax.fft({ real, imag }, 'IFFT', [n])
      const [out, back] = vjp(f, x.real, x.imag)
      const [r, i] = back(y)
      const left = np.add(np.sum(np.multiply(out.real, y.real)), np.sum(np.multiply(out.imag, y.imag))).item()
      const right = np.add(np.sum(np.multiply(r as NDArray, x.real)), np.sum(np.multiply(i as NDArray, x.imag))).item()
      expect(left).toBeCloseTo(right, 12)
    }
  })

  it('vmap and jit change nothing', () => {
    const x = sample([3, 10], 5)
    const f = (v: NDArray): NDArray => np.fft.rfft(v).imag
    const whole = f(x)
    expect(error(jit(vmap(f))(x), whole)).toBeLessThan(1e-6)
  })
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

  it('padding, cutting and norms are NumPy’s', () => {
    const x = np.array([1, 2, 3, 4])
    expect(np.fft.fft(x, { n: 2 }).real.js()).toEqual([3, -1])
    expect(np.fft.rfft(x, { n: 6 }).real.shape).toEqual([4])
    expect(np.fft.fft(x, { norm: 'forward' }).real.get(0).item()).toBe(2.5)
    expect(np.fft.irfft(np.fft.rfft(np.array([1, 2, 3])), { n: 3 }).js()).toHaveLength(3)
    expect(np.fft.fftfreq(5).js()).toEqual([0, 0.2, 0.4, -0.4, -0.2].map(Math.fround))
    expect(np.fft.fftshift(np.arange(5)).js()).toEqual([3, 4, 0, 1, 2])
    expect(np.fft.ifftshift(np.fft.fftshift(np.arange(5))).js()).toEqual([0, 1, 2, 3, 4])
  })

  it('errors say what is wrong', () => {
    expect(() => lax.fft(np.ones([4]), 'FFT', [5])).toThrow(ShapeError)
    expect(() => lax.fft(np.ones([4], { dtype: 'int32' }), 'FFT', [4])).toThrow(DTypeError)
    expect(() => np.fft.fft(np.ones([4]), { n: 0 })).toThrow('a transform of length 0 does not exist')
    expect(() => np.fft.fft(np.ones([4]), { norm: 'x' as 'ortho' })).toThrow("'backward', 'ortho' and 'forward'")
    expect(() => np.fft.rfft({ real: np.ones([4]), imag: np.ones([4]) })).toThrow('expected real values')
  })
})
