/** The namespace `numpy.fft`: Fourier transforms of real and complex values; complex ones are pairs `{real, imag}`. */
import {
  type ArrayLike,
  type DType,
  type NDArray,
  ArgumentError,
  ShapeError,
  avalText,
  canonicalAxes,
  inexact,
  known,
  promote,
  range,
  shapeText,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import type { ComplexLike } from '../lax/index.js'
import { dtypeOr } from './promotion-args.js'
import {} from './creation.js'
import { moveaxis } from './shape.js'
import { roll } from './tiling.js'

/** A complex value: real and imaginary parts of one shape. */
export interface Complex {
  readonly real: NDArray
  readonly imag: NDArray
}

/** Where the factor 1 / n goes: to the inverse (the default), half to both, or to the forward transform. */
export type FftNorm = 'backward' | 'ortho' | 'forward'

export interface FftOptions {
  /** Length along the axis: the input is cut, or padded with zeros. */
  readonly n?: number | null
  /** Axis to transform, the last unless said. */
  readonly axis?: number
  readonly norm?: FftNorm | null
}

export interface FftnOptions {
  /** Lengths along the axes. */
  readonly s?: readonly number[] | null
  /** Axes to transform, in order; all of them (or the last ones, if `s` is given) unless said. */
  readonly axes?: readonly number[] | null
  readonly norm?: FftNorm | null
}

const onParts = ({ real, imag }: Complex, f: (part: NDArray) => NDArray): Complex => ({ real: f(real), imag: f(imag) })

const conjugate = ({ real, imag }: Complex): Complex => ({ real, imag: lax.neg(imag) })

/** A complex pair of floats of one dtype and shape. Throws ShapeError when the parts differ in shape. */
const complexOperand = (operation: string, a: ComplexLike): Complex => {
  const given = lax.asComplex(a, operation)
  const { dtype } = promote([given.real.aval, given.imag.aval])
  if (shapeText(given.real.shape) !== shapeText(given.imag.shape)) {
    throw new ShapeError(
      `${operation}: real and imaginary parts must have one shape, got ${avalText(given.real.aval)} and ${avalText(given.imag.aval)}.`,
    )
  }
  return onParts(given, (part) => lax.convertElementType(part, transformed(dtype)))
}

/** Dtype that a transform computes in: float64 stays, all else becomes float32. */
const transformed = (dtype: DType): DType => (inexact(dtype) === 'float64' ? 'float64' : 'float32')

/** A real array of floats. Throws ArgumentError for complex pairs. */
const realOperand = (operation: string, a: ComplexLike): NDArray => {
  if (lax.isComplex(a)) {
    throw new ArgumentError(
      `${operation}: expected real values, got a complex pair. Use np.fft.${operation.slice(4).replace(/^i?r/, '')}, or take its real part.`,
    )
  }
  const x = lax.asArray(a, operation)
  return lax.convertElementType(x, transformed(x.dtype))
}

/** Factor that turns the usual transform of `size` elements (1 forward, 1 / size inverse) into that of a norm. */
const factorOf = (norm: FftNorm | null | undefined, size: number, inverse: boolean, operation: string): number => {
  switch (norm ?? 'backward') {
    case 'backward':
      return 1
    case 'ortho':
      return inverse ? Math.sqrt(size) : 1 / Math.sqrt(size)
    case 'forward':
      return inverse ? size : 1 / size
    default:
      throw new ArgumentError(
        `${operation}: '${String(norm)}' is not a norm; there are 'backward', 'ortho' and 'forward'.`,
      )
  }
}

const scale = (x: NDArray, factor: number): NDArray => (factor === 1 ? x : lax.mul(x, factor))

/** The array with its axis cut, or padded with zeros at the end, to a length. */
const resized = (x: NDArray, axis: number, length: number): NDArray => {
  const size = known(x.shape[axis], 'size')
  if (size === length) return x
  if (size > length) return lax.sliceInDim(x, 0, length, { axis })
  return lax.pad(
    x,
    lax.scalarOf(0, x.aval),
    x.shape.map((_, d) => [0, d === axis ? length - size : 0, 0]),
  )
}

/** Axes and lengths of a transform, checked. */
interface Extents {
  readonly axes: readonly number[]
  readonly lengths: readonly number[]
}

const extentsOf = (
  operation: string,
  shape: readonly number[],
  s: readonly (number | null)[] | null | undefined,
  axes: readonly number[] | null | undefined,
  lastSize: (size: number) => number = (size) => size,
): Extents => {
  const rank = shape.length
  const given = axes ?? (s === null || s === undefined ? range(rank) : range(s.length).map((i) => i - s.length))
  const canonical = canonicalAxes(given, rank, operation)
  if (s !== null && s !== undefined && s.length !== canonical.length) {
    throw new ArgumentError(`${operation}: ${s.length} lengths for ${canonical.length} axes; give one length per axis.`)
  }
  const lengths = canonical.map((axis, i) => {
    const own = known(shape[axis], 'size')
    return s?.[i] ?? (i === canonical.length - 1 ? lastSize(own) : own)
  })
  for (const length of lengths) {
    if (!Number.isInteger(length) || length < 1) {
      throw new ArgumentError(
        `${operation}: a transform of length ${length} does not exist; lengths must be positive integers, got ${shapeText(lengths)} for axes of ${shapeText(shape)}.`,
      )
    }
  }
  return { axes: canonical, lengths }
}

/** `f` of the array with the given axes moved to the end; the result's are moved back. */
const atEnd = (
  axes: readonly number[],
  rank: number,
): { readonly to: (x: NDArray) => NDArray; readonly back: (x: NDArray) => NDArray } => {
  const ends = axes.map((_, i) => rank - axes.length + i)
  return { to: (x) => moveaxis(x, axes, ends), back: (x) => moveaxis(x, ends, axes) }
}

const sizeOf = (lengths: readonly number[]): number => lengths.reduce((p, q) => p * q, 1)

/** Complex transform along axes. */
const complexTransform = (
  operation: string,
  a: ComplexLike,
  inverse: boolean,
  s: readonly (number | null)[] | null | undefined,
  axes: readonly number[] | null | undefined,
  norm: FftNorm | null | undefined,
): Complex => {
  const given = complexOperand(operation, a)
  const extents = extentsOf(operation, given.real.shape, s, axes)
  const factor = factorOf(norm, sizeOf(extents.lengths), inverse, operation)
  if (extents.axes.length === 0) return given
  const move = atEnd(extents.axes, given.real.ndim)
  const sized = onParts(given, (part) =>
    move.to(extents.axes.reduce((x, axis, i) => resized(x, axis, known(extents.lengths[i], 'length')), part)),
  )
  return onParts(lax.fft(sized, inverse ? 'IFFT' : 'FFT', extents.lengths), (part) => scale(move.back(part), factor))
}

/** Non-negative frequencies of real values. */
const realTransform = (
  operation: string,
  a: ComplexLike,
  s: readonly (number | null)[] | null | undefined,
  axes: readonly number[] | null | undefined,
  norm: FftNorm | null | undefined,
): Complex => {
  const x = realOperand(operation, a)
  const extents = extentsOf(operation, x.shape, s, axes)
  const factor = factorOf(norm, sizeOf(extents.lengths), false, operation)
  if (extents.axes.length === 0) throw needsAxis(operation)
  const move = atEnd(extents.axes, x.ndim)
  const sized = move.to(extents.axes.reduce((y, axis, i) => resized(y, axis, known(extents.lengths[i], 'length')), x))
  return onParts(lax.fft(sized, 'RFFT', extents.lengths), (part) => scale(move.back(part), factor))
}

/** Real values from their non-negative frequencies. */
const inverseRealTransform = (
  operation: string,
  a: ComplexLike,
  s: readonly (number | null)[] | null | undefined,
  axes: readonly number[] | null | undefined,
  norm: FftNorm | null | undefined,
): NDArray => {
  const given = complexOperand(operation, a)
  const extents = extentsOf(operation, given.real.shape, s, axes, (size) => 2 * (size - 1))
  const factor = factorOf(norm, sizeOf(extents.lengths), true, operation)
  const last = extents.lengths.at(-1)
  if (last === undefined) throw needsAxis(operation)
  const move = atEnd(extents.axes, given.real.ndim)
  const kept = [...extents.lengths.slice(0, -1), Math.floor(last / 2) + 1]
  const sized = onParts(given, (part) =>
    move.to(extents.axes.reduce((x, axis, i) => resized(x, axis, known(kept[i], 'length')), part)),
  )
  return scale(move.back(lax.fft(sized, 'IRFFT', extents.lengths)), factor)
}

const needsAxis = (operation: string): ArgumentError =>
  new ArgumentError(`${operation}: there is no axis to transform; name at least one.`)

/** The norm of the transform in the other direction. */
const opposite = (norm: FftNorm | null | undefined): FftNorm =>
  norm === 'ortho' ? 'ortho' : norm === 'forward' ? 'backward' : 'forward'

/**
 * Discrete Fourier transform along one axis: `sum over j of a[j] exp(-2 pi i j k / n)`.
 * Takes real arrays and complex pairs, gives a complex pair. Throws ArgumentError for a wrong axis, length or norm.
 *
 * @example
 * ```ts
 * const { real, imag } = np.fft.fft(np.array([1, 2, 3, 4])) // [10, -2, -2, -2], [0, 2, 0, -2]
 * ```
 */
export const fft = (a: ComplexLike, options: FftOptions = {}): Complex => {
  const { n = null, axis = -1, norm } = checkOptions('fft.fft', options, 'n axis norm')
  return complexTransform('fft.fft', a, false, [n], [axis], norm)
}

/** Inverse of `fft`, with the factor 1 / n. */
export const ifft = (a: ComplexLike, options: FftOptions = {}): Complex => {
  const { n = null, axis = -1, norm } = checkOptions('fft.ifft', options, 'n axis norm')
  return complexTransform('fft.ifft', a, true, [n], [axis], norm)
}

/** Fourier transform of real values along one axis: the n / 2 + 1 frequencies that are not negative, as a complex pair. */
export const rfft = (a: ComplexLike, options: FftOptions = {}): Complex => {
  const { n = null, axis = -1, norm } = checkOptions('fft.rfft', options, 'n axis norm')
  return realTransform('fft.rfft', a, [n], [axis], norm)
}

/** Inverse of `rfft`: real values; `n` is their number, 2 (m - 1) unless said. */
export const irfft = (a: ComplexLike, options: FftOptions = {}): NDArray => {
  const { n = null, axis = -1, norm } = checkOptions('fft.irfft', options, 'n axis norm')
  return inverseRealTransform('fft.irfft', a, [n], [axis], norm)
}

/** Fourier transform of values with Hermitian symmetry, given by those that are not negative: a real spectrum. */
export const hfft = (a: ComplexLike, options: FftOptions = {}): NDArray => {
  const { n = null, axis = -1, norm } = checkOptions('fft.hfft', options, 'n axis norm')
  return inverseRealTransform('fft.hfft', conjugate(lax.asComplex(a, 'fft.hfft')), [n], [axis], opposite(norm))
}

/** Inverse of `hfft`. */
export const ihfft = (a: ComplexLike, options: FftOptions = {}): Complex => {
  const { n = null, axis = -1, norm } = checkOptions('fft.ihfft', options, 'n axis norm')
  return conjugate(realTransform('fft.ihfft', a, [n], [axis], opposite(norm)))
}

/** Fourier transform along several axes, all of them unless said. */
export const fftn = (a: ComplexLike, options: FftnOptions = {}): Complex => {
  const { s, axes, norm } = checkOptions('fft.fftn', options, 's axes norm')
  return complexTransform('fft.fftn', a, false, s, axes, norm)
}

/** Inverse of `fftn`. */
export const ifftn = (a: ComplexLike, options: FftnOptions = {}): Complex => {
  const { s, axes, norm } = checkOptions('fft.ifftn', options, 's axes norm')
  return complexTransform('fft.ifftn', a, true, s, axes, norm)
}

/** Fourier transform of real values along several axes; of the last one only the frequencies that are not negative. */
export const rfftn = (a: ComplexLike, options: FftnOptions = {}): Complex => {
  const { s, axes, norm } = checkOptions('fft.rfftn', options, 's axes norm')
  return realTransform('fft.rfftn', a, s, axes, norm)
}

/** Inverse of `rfftn`: real values. */
export const irfftn = (a: ComplexLike, options: FftnOptions = {}): NDArray => {
  const { s, axes, norm } = checkOptions('fft.irfftn', options, 's axes norm')
  return inverseRealTransform('fft.irfftn', a, s, axes, norm)
}

/** Fourier transform along two axes, the last ones unless said. */
export const fft2 = (a: ComplexLike, options: FftnOptions = {}): Complex => {
  const { s, axes = [-2, -1], norm } = checkOptions('fft.fft2', options, 's axes norm')
  return complexTransform('fft.fft2', a, false, s, axes, norm)
}

/** Inverse of `fft2`. */
export const ifft2 = (a: ComplexLike, options: FftnOptions = {}): Complex => {
  const { s, axes = [-2, -1], norm } = checkOptions('fft.ifft2', options, 's axes norm')
  return complexTransform('fft.ifft2', a, true, s, axes, norm)
}

/** Fourier transform of real values along two axes; of the second one only the frequencies that are not negative. */
export const rfft2 = (a: ComplexLike, options: FftnOptions = {}): Complex => {
  const { s, axes = [-2, -1], norm } = checkOptions('fft.rfft2', options, 's axes norm')
  return realTransform('fft.rfft2', a, s, axes, norm)
}

/** Inverse of `rfft2`: real values. */
export const irfft2 = (a: ComplexLike, options: FftnOptions = {}): NDArray => {
  const { s, axes = [-2, -1], norm } = checkOptions('fft.irfft2', options, 's axes norm')
  return inverseRealTransform('fft.irfft2', a, s, axes, norm)
}

export interface FrequencyOptions {
  /** Distance between samples. */
  readonly d?: number
  readonly dtype?: DType | null
}

const checkCount = (n: number, operation: string): void => {
  if (!Number.isInteger(n) || n < 1) {
    throw new ArgumentError(`${operation}: the number of samples must be a positive integer, got ${n}.`)
  }
}

/**
 * Frequencies of the elements that `fft` gives, in cycles per unit of the distance: 0, 1, ..., then the negative ones,
 * over n d.
 *
 * @example
 * ```ts
 * np.fft.fftfreq(4) // [0, 0.25, -0.5, -0.25]
 * ```
 */
export const fftfreq = (n: number, options: FrequencyOptions = {}): NDArray => {
  const { d = 1, dtype } = checkOptions('fft.fftfreq', options, 'd dtype')
  checkCount(n, 'fft.fftfreq')
  const k = lax.iota('int32', n)
  const signed = lax.select(lax.lt(k, Math.floor((n + 1) / 2)), k, lax.sub(k, n))
  return lax.div(lax.convertElementType(signed, dtypeOr(dtype, 'float32', 'fft.fftfreq')), d * n)
}

/** Frequencies of the elements that `rfft` gives. */
export const rfftfreq = (n: number, options: FrequencyOptions = {}): NDArray => {
  const { d = 1, dtype } = checkOptions('fft.rfftfreq', options, 'd dtype')
  checkCount(n, 'fft.rfftfreq')
  const k = lax.iota(dtypeOr(dtype, 'float32', 'fft.rfftfreq'), Math.floor(n / 2) + 1)
  return lax.div(k, d * n)
}

export interface ShiftOptions {
  readonly axes?: number | readonly number[] | null
}

const shifted = (x: NDArray, axes: ShiftOptions['axes'], operation: string, by: (size: number) => number): NDArray => {
  const list = canonicalAxes(axes ?? null, x.ndim, operation)
  return roll(
    x,
    list.map((axis) => by(known(x.shape[axis], 'size'))),
    { axis: list },
  )
}

/** Moves frequency 0 to the middle of the axes, all of them unless said. Complex pairs are shifted by parts. */
export function fftshift(x: Complex, options?: ShiftOptions): Complex
export function fftshift(x: ArrayLike, options?: ShiftOptions): NDArray
export function fftshift(x: ComplexLike, options: ShiftOptions = {}): Complex | NDArray {
  const { axes } = checkOptions('fft.fftshift', options, 'axes')
  const move = (part: NDArray): NDArray => shifted(part, axes, 'fft.fftshift', (size) => Math.floor(size / 2))
  return lax.isComplex(x) ? onParts(x, move) : move(lax.asArray(x, 'fft.fftshift'))
}

/** Inverse of `fftshift`. */
export function ifftshift(x: Complex, options?: ShiftOptions): Complex
export function ifftshift(x: ArrayLike, options?: ShiftOptions): NDArray
export function ifftshift(x: ComplexLike, options: ShiftOptions = {}): Complex | NDArray {
  const { axes } = checkOptions('fft.ifftshift', options, 'axes')
  const move = (part: NDArray): NDArray => shifted(part, axes, 'fft.ifftshift', (size) => -Math.floor(size / 2))
  return lax.isComplex(x) ? onParts(x, move) : move(lax.asArray(x, 'fft.ifftshift'))
}
