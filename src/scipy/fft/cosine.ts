/** Discrete cosine transforms of type II and their inverses, each by one Fourier transform of the same length. */
import {
  type ArrayLike,
  type NDArray,
  ArgumentError,
  canonicalAxes,
  checkOptions,
  known,
  range,
} from '../../core/index.js'
import * as lax from '../../lax/index.js'
import { fromHost } from '../../numpy/creation.js'
import type { FftNorm } from '../../numpy/fft.js'
import { float } from '../arguments.js'

/** Options of one transform. */
export interface DctOptions {
  /** Type of the transform: 2 is the only one, as in JAX. */
  readonly type?: 2
  /** Length along the axis: the input is cut, or padded with zeros. */
  readonly n?: number | null
  /** Axis to transform, the last unless said. */
  readonly axis?: number
  /** Where the factor `1 / (2 n)` goes: to the inverse ('backward', the default), to the forward transform, or 'ortho'. */
  readonly norm?: FftNorm | null
}

/** Options of transforms along several axes. */
export interface DctnOptions {
  /** Type of the transform: 2 is the only one, as in JAX. */
  readonly type?: 2
  /** Lengths along the axes. */
  readonly s?: readonly number[] | null
  /** Axes to transform; all of them (or the last ones, if `s` is given) unless said. */
  readonly axes?: readonly number[] | null
  readonly norm?: FftNorm | null
}

const checkType = (type: number | undefined, operation: string): void => {
  if (type !== undefined && type !== 2) {
    throw new ArgumentError(
      `${operation}: type ${type} is not there, only type 2. Type 3 is 2 n times the inverse of type 2, which is idct(x, { norm: 'forward' }).`,
    )
  }
}

/** The array with its last axis cut, or padded with zeros, to a length. */
const resized = (x: NDArray, length: number): NDArray => {
  const size = known(x.shape.at(-1), 'size')
  if (size >= length) return lax.sliceInDim(x, 0, length, { axis: x.ndim - 1 })
  return lax.pad(
    x,
    lax.scalarOf(0, x.aval),
    x.shape.map((_, d) => [0, d === x.ndim - 1 ? length - size : 0, 0]),
  )
}

/** A row of numbers, computed in float64 and rounded once. */
const row = (length: number, of: (k: number) => number, like: NDArray): NDArray =>
  fromHost(
    Float64Array.from({ length }, (_, k) => of(k)),
    [length],
    like.dtype,
  )

/** Factors of the coefficients of a norm, forward; those of the inverse undo them. */
const factorOf = (norm: FftNorm | null | undefined, n: number, operation: string): ((k: number) => number) => {
  switch (norm ?? 'backward') {
    case 'backward':
      return () => 1
    case 'forward':
      return () => 1 / (2 * n)
    case 'ortho':
      return (k) => Math.sqrt((k === 0 ? 1 : 2) / n) / 2
    default:
      throw new ArgumentError(
        `${operation}: '${String(norm)}' is not a norm; there are 'backward', 'ortho' and 'forward'.`,
      )
  }
}

type Along = (x: NDArray, norm: FftNorm | null | undefined, operation: string) => NDArray

/**
 * Along the last axis: elements at even places, then those at odd places backwards, have the Fourier transform whose elements,
 * turned by a quarter of a step each, have the cosine transform as real parts. Makhoul, "A fast cosine transform in one and two
 * dimensions" (1980).
 */
const forward: Along = (x, norm, operation) => {
  const n = known(x.shape.at(-1), 'size')
  const last = x.ndim - 1
  const factor = factorOf(norm, n, operation)
  const even = lax.sliceInDim(x, 0, n, { stride: 2, axis: last })
  const odd = lax.sliceInDim(x, Math.min(1, n), n, { stride: 2, axis: last })
  const { real, imag } = lax.fft(lax.concatenate([even, lax.rev(odd, [last])], last), 'FFT', [n])
  const angle = (k: number): number => (Math.PI * k) / (2 * n)
  const [cosines, sines] = [
    row(n, (k) => 2 * factor(k) * Math.cos(angle(k)), x),
    row(n, (k) => 2 * factor(k) * Math.sin(angle(k)), x),
  ]
  const whole = (r: NDArray): NDArray => lax.broadcastTo(r, x.shape)
  return lax.add(lax.mul(real, whole(cosines)), lax.mul(imag, whole(sines)))
}

/** The steps of `forward` undone, from the last to the first. */
const backward: Along = (y, norm, operation) => {
  const n = known(y.shape.at(-1), 'size')
  const last = y.ndim - 1
  const factor = factorOf(norm, n, operation)
  const scaled = lax.mul(
    y,
    lax.broadcastTo(
      row(n, (k) => 1 / (2 * factor(k)), y),
      y.shape,
    ),
  )
  const half = Math.floor(n / 2) + 1
  const zero = lax.zerosOf(lax.sliceInDim(y, 0, 1, { axis: last }).aval)
  // The imaginary part of coefficient k is that of n - k, and 0 for the first.
  const turned = lax.concatenate([zero, lax.rev(lax.sliceInDim(scaled, 1, n, { axis: last }), [last])], last)
  const [p, q] = [scaled, turned].map((x) => lax.sliceInDim(x, 0, half, { axis: last }))
  const [a, b] = [known(p, 'real part'), known(q, 'imaginary part')]
  const angle = (k: number): number => (Math.PI * k) / (2 * n)
  const whole = (r: NDArray): NDArray => lax.broadcastTo(r, a.shape)
  const [c, s] = [whole(row(half, (k) => Math.cos(angle(k)), y)), whole(row(half, (k) => Math.sin(angle(k)), y))]
  // (a - i b) (c + i s)
  const real = lax.add(lax.mul(a, c), lax.mul(b, s))
  const imag = lax.sub(lax.mul(a, s), lax.mul(b, c))
  const v = lax.fft({ real, imag }, 'IRFFT', [n])
  const count = Math.ceil(n / 2)
  const spread = (x: NDArray, low: number, high: number): NDArray =>
    lax.pad(
      x,
      lax.scalarOf(0, x.aval),
      x.shape.map((_, d) => (d === last ? [low, high, 1] : [0, 0, 0])),
    )
  const even = spread(lax.sliceInDim(v, 0, count, { axis: last }), 0, n % 2 === 0 ? 1 : 0)
  if (n === 1) return even
  const odd = spread(lax.rev(lax.sliceInDim(v, count, n, { axis: last }), [last]), 1, n % 2 === 0 ? 0 : 1)
  return lax.add(even, odd)
}

/** Transforms along axes one after the other, each moved to the end. */
const alongAxes = (
  f: Along,
  given: ArrayLike,
  axes: readonly number[] | null,
  lengths: readonly number[] | null,
  norm: FftNorm | null | undefined,
  operation: string,
): NDArray => {
  const floats = float(operation, given)
  const x = lax.convertElementType(floats, floats.dtype === 'float64' ? 'float64' : 'float32')
  const chosen = axes ?? (lengths === null ? range(x.ndim) : range(lengths.length).map((i) => i - lengths.length))
  const canonical = canonicalAxes(chosen, x.ndim, operation)
  if (lengths !== null && lengths.length !== canonical.length) {
    throw new ArgumentError(
      `${operation}: ${lengths.length} lengths for ${canonical.length} axes; give one length per axis.`,
    )
  }
  return canonical.reduce((y, axis, i) => {
    const length = lengths?.[i] ?? known(y.shape[axis], 'size')
    if (!Number.isInteger(length) || length < 1) {
      throw new ArgumentError(
        `${operation}: a transform of length ${length} does not exist; lengths are positive integers.`,
      )
    }
    return lax.moveAxis(f(resized(lax.moveAxis(y, axis, y.ndim - 1), length), norm, operation), y.ndim - 1, axis)
  }, x)
}

/**
 * Cosine transform of type II along one axis: `2 sum over j of x[j] cos(pi k (2 j + 1) / (2 n))`. float64 stays, all else
 * becomes float32.
 *
 * @throws ArgumentError for a wrong type, axis, length or norm
 * @example
 * ```ts
 * scipy.fft.dct(np.array([1, 2, 3])) // [12, -3.464102, 0]
 * ```
 */
export const dct = (x: ArrayLike, options: DctOptions = {}): NDArray => {
  checkOptions('scipy.fft.dct', options, 'type n axis norm')
  checkType(options.type, 'scipy.fft.dct')
  const { n = null, axis = -1, norm } = options
  return alongAxes(forward, x, [axis], n === null ? null : [n], norm, 'scipy.fft.dct')
}

/**
 * The inverse of `dct`.
 *
 * @throws ArgumentError for a wrong type, axis, length or norm
 * @example
 * ```ts
 * scipy.fft.idct(np.array([12, 0, 0])) // [2, 2, 2]
 * ```
 */
export const idct = (x: ArrayLike, options: DctOptions = {}): NDArray => {
  checkOptions('scipy.fft.idct', options, 'type n axis norm')
  checkType(options.type, 'scipy.fft.idct')
  const { n = null, axis = -1, norm } = options
  return alongAxes(backward, x, [axis], n === null ? null : [n], norm, 'scipy.fft.idct')
}

/**
 * Cosine transform of type II along several axes, all unless said.
 *
 * @throws ArgumentError for a wrong type, axis, length or norm
 * @example
 * ```ts
 * scipy.fft.dctn(np.ones([2, 2])) // [[16, 0], [0, 0]]
 * ```
 */
export const dctn = (x: ArrayLike, options: DctnOptions = {}): NDArray => {
  checkOptions('scipy.fft.dctn', options, 'type s axes norm')
  checkType(options.type, 'scipy.fft.dctn')
  return alongAxes(forward, x, options.axes ?? null, options.s ?? null, options.norm, 'scipy.fft.dctn')
}

/**
 * The inverse of `dctn`.
 *
 * @throws ArgumentError for a wrong type, axis, length or norm
 * @example
 * ```ts
 * scipy.fft.idctn(np.array([[16, 0], [0, 0]])) // [[1, 1], [1, 1]]
 * ```
 */
export const idctn = (x: ArrayLike, options: DctnOptions = {}): NDArray => {
  checkOptions('scipy.fft.idctn', options, 'type s axes norm')
  checkType(options.type, 'scipy.fft.idctn')
  return alongAxes(backward, x, options.axes ?? null, options.s ?? null, options.norm, 'scipy.fft.idctn')
}
