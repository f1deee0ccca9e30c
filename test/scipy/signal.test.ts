/** Convolutions are their sums, spectra can be turned back into signals, densities hold the energy. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type NDArray, grad, jit, numpy as np, random, scipy, vmap } from 'cotangent'

const { signal } = scipy
const largest = (x: NDArray): number => (x.size === 0 ? 0 : Number(np.max(np.abs(x)).item()))
const error = (x: NDArray, y: NDArray): number => largest(np.subtract(x, y))
const sample = (shape: readonly number[], seed = 1): NDArray =>
  random.normal(random.key(seed), shape, { dtype: 'float64' })

/** The definition, on numbers. */
const convolved = (x: readonly number[], y: readonly number[]): number[] =>
  Array.from({ length: x.length + y.length - 1 }, (_, n) =>
    x.reduce((sum, value, i) => sum + value * (y[n - i] ?? 0), 0),
  )

const cut = (full: readonly number[], n: number, m: number, mode: string): number[] => {
  if (mode === 'full') return [...full]
  const size = mode === 'same' ? n : Math.max(n, m) - Math.min(n, m) + 1
  const start = Math.floor((full.length - size) / 2)
  return full.slice(start, start + size)
}

describe('convolutions', () => {
  it('of vectors: the sums that define them, by all methods', () => {
    const vector = fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(vector, vector, fc.constantFrom('full', 'same', 'valid'), (x, y, mode) => {
        const wanted = cut(convolved(x, y), x.length, y.length, mode)
        const [p, q] = [np.array(x, { dtype: 'float64' }), np.array(y, { dtype: 'float64' })]
        expect(error(signal.convolve(p, q, { mode }), np.array(wanted))).toBe(0)
        expect(error(signal.fftconvolve(p, q, { mode }), np.array(wanted, { dtype: 'float64' }))).toBeLessThan(1e-11)
        const reversed = np.flip(q)
        expect(error(signal.correlate(p, reversed, { mode }), np.array(wanted))).toBe(0)
      }),
      { numRuns: 40 },
    )
  })

  it('of matrices: separable kernels are two convolutions', () => {
    const [x, u, v] = [sample([6, 7]), sample([3], 2), sample([2], 3)]
    const kernel = np.outer(u, v)
    const rows = vmap((row: NDArray) => signal.convolve(row, v))(x)
    const both = vmap((column: NDArray) => signal.convolve(column, u), { inAxes: 1, outAxes: 1 })(rows)
    expect(error(signal.convolve2d(x, kernel), both)).toBeLessThan(1e-13)
    expect(error(signal.convolve(x, kernel, { method: 'fft' }), both)).toBeLessThan(1e-13)
    for (const mode of ['full', 'same', 'valid'] as const) {
      const flipped = np.flip(kernel)
      const correlated = signal.correlate2d(x, flipped, { mode })
      expect(correlated.shape).toEqual(signal.convolve2d(x, kernel, { mode }).shape)
      // 'same' keeps another middle of the two when the kernel has an even side.
      expect(mode === 'same' ? 0 : error(correlated, signal.convolve2d(x, kernel, { mode }))).toBeLessThan(1e-13)
    }
  })

  it('fftconvolve along an axis maps over the others', () => {
    const [x, y] = [sample([4, 20]), sample([4, 5], 2)]
    const each = np.stack([0, 1, 2, 3].map((i) => signal.convolve(x.get(i), y.get(i))))
    expect(error(signal.fftconvolve(x, y, { axes: 1 }), each)).toBeLessThan(1e-13)
    expect(error(jit((p: NDArray) => signal.fftconvolve(p, y, { axes: 1 }))(x), each)).toBeLessThan(1e-13)
  })

  it('are linear, with the correlation as their gradient', () => {
    const [x, y, w] = [sample([10]), sample([4], 2), sample([13], 3)]
    const direct = grad((p: NDArray) => np.sum(np.multiply(w, signal.convolve(p, y))))(x)
    expect(error(direct, signal.correlate(w, y, { mode: 'valid' }))).toBeLessThan(1e-13)
    const fourier = grad((p: NDArray) => np.sum(np.multiply(w, signal.fftconvolve(p, y))))(x)
    expect(error(fourier, direct)).toBeLessThan(1e-13)
  })
})

describe('spectra', () => {
  const x = sample([2, 201])

  it.each(['hann', 'hamming', 'blackman', 'bartlett', 'boxcar'] as const)(
    'istft undoes stft, with the window %s',
    (window) => {
      const [f, t, z] = signal.stft(x, { nperseg: 32, window, fs: 4 })
      expect(z.real.shape).toEqual([2, f.size, t.size])
      expect(f.size).toBe(17)
      expect(Number(f.get(-1).item())).toBe(2)
      const [times, back] = signal.istft(z, { nperseg: 32, window, fs: 4 })
      expect(times.shape).toEqual([back.shape[1]])
      expect(error(back.get({ stop: 2 }, { stop: 201 }), x)).toBeLessThan(1e-6)
    },
  )

  it.each(['zeros', 'even', 'odd', 'constant', null] as const)('boundary %s', (boundary) => {
    const [, , z] = signal.stft(x, { nperseg: 32, boundary })
    const [, back] = signal.istft(z, { nperseg: 32, boundary: boundary !== null })
    // Without extension the ends aren't covered by the window.
    const inside = { start: 32, stop: 160 }
    expect(error(back.get({ stop: 2 }, inside), x.get({ stop: 2 }, inside))).toBeLessThan(1e-6)
  })

  it('a sine of amplitude a has magnitude a / 2 at its frequency', () => {
    const n = np.arange(0, 512, 1, { dtype: 'float64' })
    const wave = np.multiply(3, np.sin(np.multiply((2 * Math.PI * 8) / 64, n)))
    const [, , z] = signal.stft(wave, { nperseg: 64 })
    const magnitude = np.hypot(z.real, z.imag)
    expect(Number(magnitude.get(8, 6).item())).toBeCloseTo(1.5, 6)
    expect(Number(magnitude.get(20, 6).item())).toBeLessThan(1e-6)
    const [f, power] = signal.welch(wave, { nperseg: 64, scaling: 'spectrum' })
    expect(f.size).toBe(33)
    expect(Number(power.get(8).item())).toBeCloseTo(4.5, 6)
  })

  it('densities of noise integrate to its variance; one-sided as two-sided', () => {
    const noise = sample([40_000])
    for (const average of ['mean', 'median'] as const) {
      const [f, p] = signal.welch(noise, { fs: 10, nperseg: 64, average })
      const width = Number(f.get(1).item())
      expect(width * Number(np.sum(p).item())).toBeCloseTo(1, 1)
    }
    const [, one] = signal.welch(noise, { nperseg: 64 })
    const [, two] = signal.welch(noise, { nperseg: 64, returnOnesided: false })
    expect(two.size).toBe(64)
    expect(Math.abs(Number(np.sum(one).item()) / Number(np.sum(two).item()) - 1)).toBeLessThan(1e-6)
  })

  it('the cross density with itself is the density, and with a shifted signal has its phase', () => {
    const [, p] = signal.welch(x, { nperseg: 32 })
    const [, c] = signal.csd(x, x, { nperseg: 32 })
    expect(error(c.real, p)).toBeLessThan(1e-12)
    expect(largest(c.imag)).toBeLessThan(1e-12)
    const long = sample([40_000], 5)
    const [, shifted] = signal.csd(long.get({ start: 1 }), long.get({ stop: -1 }), { nperseg: 64 })
    // The first runs ahead by a sample: its phase is that of e^(2 pi i f), taken away from the second's.
    const phase = np.arctan2(shifted.imag, shifted.real).get(16).item()
    expect(Number(phase)).toBeCloseTo(-Math.PI / 2, 1)
  })

  it('are mapped, compiled and differentiated', () => {
    const power = (row: NDArray): NDArray => signal.welch(row, { nperseg: 32 })[1]
    expect(error(vmap(power)(x), power(x))).toBeLessThan(1e-12)
    expect(error(jit(power)(x), power(x))).toBeLessThan(1e-12)
    const slope = grad((row: NDArray) => np.sum(power(row)))(x.get(0))
    const step = np.zeros([201], { dtype: 'float64' }).at(70).set(1e-5)
    const total = (row: NDArray): number => Number(np.sum(power(row)).item())
    const wanted = (total(np.add(x.get(0), step)) - total(np.subtract(x.get(0), step))) / 2e-5
    expect(slope.get(70).item()).toBeCloseTo(wanted, 6)
  })
})

describe('detrend', () => {
  const n = np.arange(0, 30, 1, { dtype: 'float64' })

  it('leaves nothing of a line, and of a constant', () => {
    const line = np.add(5, np.multiply(-2, n))
    expect(largest(signal.detrend(line))).toBeLessThan(1e-12)
    expect(Number(np.sum(signal.detrend(line, { type: 'constant' })).item())).toBeCloseTo(0, 10)
    const bent = np.where(np.less(n, 10), n, np.subtract(20, n))
    expect(largest(signal.detrend(bent, { bp: [10] }))).toBeLessThan(1e-12)
    expect(largest(signal.detrend(np.stack([line, bent], { axis: 1 }), { axis: 0, bp: 10 }))).toBeLessThan(1e-12)
  })
})

describe('errors name the function', () => {
  const x = np.ones([8])
  it.each([
    ['mode', () => signal.convolve(x, x, { mode: 'all' as 'full' }), /convolve.*'all'/],
    ['method', () => signal.convolve(x, x, { method: 'fast' as 'fft' }), /convolve.*'fast'/],
    ['ranks', () => signal.convolve(x, np.ones([2, 2])), /convolve/],
    ['cover', () => signal.convolve(np.ones([2, 5]), np.ones([5, 2]), { mode: 'valid' }), /convolve/],
    ['matrices', () => signal.convolve2d(x, x), /convolve2d.*matrices/],
    ['sizes', () => signal.fftconvolve(np.ones([2, 5]), np.ones([3, 5]), { axes: 1 }), /fftconvolve/],
    ['window', () => signal.stft(x, { window: 'kaiser' as 'hann', nperseg: 4 }), /kaiser/],
    ['overlap', () => signal.welch(x, { nperseg: 4, noverlap: 4 }), /welch/],
    ['scaling', () => signal.welch(x, { scaling: 'power' as 'density', nperseg: 4 }), /'power'/],
    ['axes', () => signal.istft({ real: x, imag: x }), /istft.*frequencies/],
    ['trend', () => signal.detrend(x, { type: 'cubic' as 'linear' }), /detrend.*cubic/],
  ] as const)('%s', (_, f, message) => {
    expect(f).toThrow(message)
  })
})
