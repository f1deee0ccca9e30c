/** Matrices known by a name: of signs, of Fourier's transform, of convolutions, and inverses in closed form. */
import {
  type ArrayLike,
  type NDArray,
  ArgumentError,
  ShapeError,
  avalText,
  known,
  range,
  checkOptions,
} from '../../core/index.js'
import * as lax from '../../lax/index.js'
import { fromHost } from '../../numpy/creation.js'
import type { Complex } from '../../numpy/fft.js'
import { take } from '../../numpy/take.js'
import { count, float } from '../arguments.js'
import { toeplitz } from './matrices.js'

/** A matrix `[size, size]` by a formula of row and column. */
const square = (size: number, value: (row: number, column: number) => number, dtype: 'float32' | 'int32'): NDArray =>
  fromHost(
    range(size * size).map((k) => value(Math.floor(k / size), k % size)),
    [size, size],
    dtype,
  )

const binomial = (top: number, bottom: number): number =>
  bottom < 0 || bottom > top ? 0 : range(bottom).reduce((value, k) => (value * (top - k)) / (k + 1), 1)

/**
 * Hilbert matrix of size n, `1 / (i + j + 1)`, float32.
 *
 * @example
 * ```ts
 * scipy.linalg.hilbert(2) // [[1, 0.5], [0.5, 0.33333334]]
 * ```
 */
export const hilbert = (n: number): NDArray => {
  const size = count(n, 'linalg.hilbert: the size n')
  return fromHost(
    range(size * size).map((k) => 1 / (Math.floor(k / size) + (k % size) + 1)),
    [size, size],
    'float32',
  )
}

/** Pascal matrix of size n: binomial coefficients, symmetric or as a lower or upper triangle, float32. */
export const pascal = (n: number, options: { readonly kind?: 'symmetric' | 'lower' | 'upper' } = {}): NDArray => {
  const { kind = 'symmetric' } = checkOptions('linalg.pascal', options, 'kind')
  const size = count(n, 'linalg.pascal: the size n')
  if (!['symmetric', 'lower', 'upper'].includes(kind)) {
    throw new ArgumentError(
      `linalg.pascal: '${String(kind)}' is not a kind; there are 'symmetric', 'lower' and 'upper'.`,
    )
  }
  const values = range(size * size).map((at) => {
    const [i, j] = [Math.floor(at / size), at % size]
    return kind === 'symmetric' ? binomial(i + j, i) : kind === 'lower' ? binomial(i, j) : binomial(j, i)
  })
  return fromHost(values, [size, size], 'float32')
}

/** Helmert matrix of order n, without its first row unless `full`, float32. Throws ArgumentError for n < 1. */
export const helmert = (n: number, options: { readonly full?: boolean } = {}): NDArray => {
  const { full = false } = checkOptions('linalg.helmert', options, 'full')
  const size = count(n, 'linalg.helmert: the order n')
  if (size < 1) throw new ArgumentError('linalg.helmert: the order n must be positive.')
  const rows = range(size).map((k) =>
    range(size).map((j) => {
      if (k === 0) return 1 / Math.sqrt(size)
      const scale = Math.sqrt(k * (k + 1))
      return j < k ? 1 / scale : j === k ? -k / scale : 0
    }),
  )
  const kept = full ? rows : rows.slice(1)
  return fromHost(kept.flat(), [kept.length, size], 'float32')
}

/**
 * Hadamard matrix of order n by Sylvester's construction, int32: its elements are 1 and -1, its rows orthogonal.
 *
 * @throws ArgumentError unless n is a power of two
 * @example
 * ```ts
 * scipy.linalg.hadamard(2) // [[1, 1], [1, -1]]
 * ```
 */
export const hadamard = (n: number): NDArray => {
  const size = count(n, 'linalg.hadamard: the order n')
  if (size < 1 || !Number.isInteger(Math.log2(size))) {
    throw new ArgumentError(`linalg.hadamard: the order n must be a power of two, got ${n}.`)
  }
  const ones = (bits: number): number => bits.toString(2).replaceAll('0', '').length
  return square(size, (row, column) => (ones(row & column) % 2 === 0 ? 1 : -1), 'int32')
}

/**
 * Inverse of the Hilbert matrix of size n, float32: whole numbers, which are rounded from n = 7 on.
 *
 * @example
 * ```ts
 * scipy.linalg.invhilbert(2) // [[4, -6], [-6, 12]]
 * ```
 */
export const invhilbert = (n: number): NDArray => {
  const size = count(n, 'linalg.invhilbert: the size n')
  const value = (i: number, j: number): number => {
    const magnitude =
      (i + j + 1) * binomial(size + i, size - j - 1) * binomial(size + j, size - i - 1) * binomial(i + j, i) ** 2
    return (i + j) % 2 === 0 ? magnitude : -magnitude
  }
  return square(size, value, 'float32')
}

/** Inverse of the Pascal matrix of size n of that kind, float32. Throws ArgumentError for an unknown kind. */
export const invpascal = (n: number, options: { readonly kind?: 'symmetric' | 'lower' | 'upper' } = {}): NDArray => {
  const { kind = 'symmetric' } = checkOptions('linalg.invpascal', options, 'kind')
  const size = count(n, 'linalg.invpascal: the size n')
  if (!['symmetric', 'lower', 'upper'].includes(kind)) {
    throw new ArgumentError(
      `linalg.invpascal: '${String(kind)}' is not a kind; there are 'symmetric', 'lower' and 'upper'.`,
    )
  }
  const signed = (i: number, j: number, magnitude: number): number => ((i + j) % 2 === 0 ? magnitude : -magnitude)
  const value = (i: number, j: number): number => {
    if (kind === 'lower') return signed(i, j, binomial(i, j))
    if (kind === 'upper') return signed(i, j, binomial(j, i))
    return signed(
      i,
      j,
      range(size).reduce((sum, k) => sum + binomial(k, i) * binomial(k, j), 0),
    )
  }
  // Adding 0 keeps the zeros from being negative.
  return square(size, (i, j) => value(i, j) + 0, 'float32')
}

/**
 * Matrix of the discrete Fourier transform of size n, a pair of real and imaginary parts, float32.
 *
 * @param options.scale 'sqrtn' divides by the square root of n, 'n' by n, null (default) not at all
 * @example
 * ```ts
 * scipy.linalg.dft(2).real // [[1, 1], [1, -1]]
 * ```
 */
export const dft = (n: number, options: { readonly scale?: 'sqrtn' | 'n' | null } = {}): Complex => {
  const { scale = null } = checkOptions('linalg.dft', options, 'scale')
  const size = count(n, 'linalg.dft: the size n')
  if (scale !== null && scale !== 'sqrtn' && scale !== 'n') {
    throw new ArgumentError(`linalg.dft: scale is 'sqrtn', 'n' or null, got '${String(scale)}'.`)
  }
  const over = scale === null ? 1 : scale === 'n' ? size : Math.sqrt(size)
  // The angle of the product modulo n is exact, that of a large product is not.
  const part = (f: (angle: number) => number): NDArray =>
    square(size, (i, j) => f((-2 * Math.PI * ((i * j) % size)) / size) / over, 'float32')
  return { real: part(Math.cos), imag: part(Math.sin) }
}

/**
 * Matrix that convolves vectors of length n with `a`: its product with `v` is `np.convolve(a, v, {mode})`.
 *
 * @throws ShapeError unless `a` is a vector that is not empty, ArgumentError for n < 1 or an unknown mode
 * @example
 * ```ts
 * scipy.linalg.convolutionMatrix(np.array([1, 2]), 2) // [[1, 0], [2, 1], [0, 2]]
 * ```
 */
export const convolutionMatrix = (
  a: ArrayLike,
  n: number,
  options: { readonly mode?: 'full' | 'same' | 'valid' } = {},
): NDArray => {
  const { mode = 'full' } = checkOptions('linalg.convolutionMatrix', options, 'mode')
  const operation = 'linalg.convolutionMatrix'
  const x = lax.asArray(a, operation)
  const m = known(x.shape.at(-1) ?? 0, 'length')
  if (x.ndim !== 1 || m === 0) {
    throw new ShapeError(`${operation}: expected a vector that is not empty, got ${avalText(x.aval)}.`)
  }
  const columns = count(n, `${operation}: the length n`)
  if (columns === 0) throw new ArgumentError(`${operation}: the length n must be positive.`)
  if (!['full', 'same', 'valid'].includes(mode)) {
    throw new ArgumentError(`${operation}: mode is 'full', 'same' or 'valid', got '${String(mode)}'.`)
  }
  const padded = lax.pad(x, lax.scalarOf(0, x.aval), [[0, columns - 1, 0]])
  const top = lax.pad(lax.sliceInDim(x, 0, 1), lax.scalarOf(0, x.aval), [[0, columns - 1, 0]])
  const full = toeplitz(padded, top)
  if (mode === 'full') return full
  const [shorter, longer] = [Math.min(m, columns), Math.max(m, columns)]
  const begin = mode === 'same' ? Math.floor((shorter - 1) / 2) : shorter - 1
  const rows = mode === 'same' ? longer : longer - shorter + 1
  return lax.sliceInDim(full, begin, begin + rows, { axis: 0 })
}

/** Fiedler's companion matrix of a polynomial, with five diagonals: a zero of the polynomial is an eigenvalue of it. */
export const fiedlerCompanion = (a: ArrayLike): NDArray => {
  const operation = 'linalg.fiedlerCompanion'
  const x = float(operation, a)
  const n = known(x.shape.at(-1) ?? 0, 'length') - 1
  if (x.ndim !== 1 || n < 1) {
    throw new ShapeError(`${operation}: expected a vector of at least two coefficients, got ${avalText(x.aval)}.`)
  }
  const monic = lax.neg(lax.div(x, lax.broadcastTo(lax.sliceInDim(x, 0, 1), x.shape)))
  // Which coefficient stands where: 0 for none. Rows and columns of even and of odd number take turns.
  const coefficient = (i: number, j: number): number => {
    if (i === 0 && j === 0) return 1
    if (i % 2 === 0 && j === i + 1) return i + 2
    if (i % 2 === 0 && i >= 2 && j === i - 1) return i + 1
    return 0
  }
  const one = (i: number, j: number): number =>
    (i === 1 && j === 0) || (i % 2 === 0 && j === i + 2) || (i % 2 === 1 && i >= 3 && j === i - 2) ? 1 : 0
  const places = square(n, coefficient, 'int32')
  const constants = lax.convertElementType(square(n, one, 'float32'), x.dtype)
  const values = take(monic, places, { mode: 'clip' })
  return lax.select(lax.gt(places, 0), values, constants)
}
