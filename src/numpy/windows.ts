/** Window functions of signal processing, as float32 vectors. */
import { type NDArray, ArgumentError } from '../core/index.js'
import { fromHost } from './creation.js'

/** Values of a window at the places 0 .. M-1, computed on the host in float64; a window of one is 1. */
const windowOf = (M: number, operation: string, at: (n: number) => number): NDArray => {
  if (!Number.isInteger(M)) throw new ArgumentError(`${operation}: the number of points must be an integer, got ${M}.`)
  const length = Math.max(0, M)
  return fromHost(
    Float64Array.from({ length }, (_, n) => (length === 1 ? 1 : at(n))),
    [length],
    'float32',
  )
}

/**
 * Triangle that is 0 at both ends.
 *
 * @example
 * ```ts
 * np.bartlett(5) // [0, 0.5, 1, 0.5, 0]
 * ```
 */
export const bartlett = (M: number): NDArray => windowOf(M, 'bartlett', (n) => 1 - Math.abs((2 * n) / (M - 1) - 1))

/**
 * Blackman's window of three cosine terms.
 *
 * @example
 * ```ts
 * np.blackman(5)
 * ```
 */
export const blackman = (M: number): NDArray =>
  windowOf(M, 'blackman', (n) => {
    const angle = (2 * Math.PI * n) / (M - 1)
    return 0.42 - 0.5 * Math.cos(angle) + 0.08 * Math.cos(2 * angle)
  })

/**
 * Hamming's window.
 *
 * @example
 * ```ts
 * np.hamming(5)
 * ```
 */
export const hamming = (M: number): NDArray =>
  windowOf(M, 'hamming', (n) => 0.54 - 0.46 * Math.cos((2 * Math.PI * n) / (M - 1)))

/**
 * Hann's window.
 *
 * @example
 * ```ts
 * np.hanning(5) // [0, 0.5, 1, 0.5, 0]
 * ```
 */
export const hanning = (M: number): NDArray =>
  windowOf(M, 'hanning', (n) => 0.5 - 0.5 * Math.cos((2 * Math.PI * n) / (M - 1)))

/** Modified Bessel function of order 0 by its power series, whose terms are all positive. */
const besselI0 = (x: number): number => {
  const quarter = (x * x) / 4
  let term = 1
  let sum = 1
  for (let k = 1; term > sum * 1e-17; k++) {
    term *= quarter / (k * k)
    sum += term
  }
  return sum
}

/**
 * Kaiser's window: `i0(beta sqrt(1 - r^2)) / i0(beta)`.
 *
 * @example
 * ```ts
 * np.kaiser(5, 8.6)
 * ```
 */
export const kaiser = (M: number, beta: number): NDArray =>
  windowOf(M, 'kaiser', (n) => {
    const r = (2 * n) / (M - 1) - 1
    return besselI0(beta * Math.sqrt(Math.max(0, 1 - r * r))) / besselI0(beta)
  })
