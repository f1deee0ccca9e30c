/** Convolution and correlation of arrays of any rank, directly or by Fourier transforms. */
import {
  type ArrayLike,
  type NDArray,
  ArgumentError,
  ShapeError,
  avalText,
  canonicalAxes,
  known,
  range,
  checkOptions,
} from '../../core/index.js'
import * as lax from '../../lax/index.js'
import { irfftn, rfftn } from '../../numpy/fft.js'
import { pad } from '../../numpy/padding.js'
import { promoteInexact } from '../../numpy/promotion-args.js'

/** Which part to give: all that overlaps, as much as the first array has, or only full overlaps. */
export type ConvolutionMode = 'full' | 'same' | 'valid'

const checkMode = (mode: ConvolutionMode, operation: string): void => {
  if (!['full', 'same', 'valid'].includes(mode)) {
    throw new ArgumentError(`${operation}: '${String(mode)}' is not a mode; there are 'full', 'same' and 'valid'.`)
  }
}

/** Two arrays of floats of one rank, with elements. */
const pair = (operation: string, in1: ArrayLike, in2: ArrayLike): readonly [NDArray, NDArray] => {
  const [first, second] = promoteInexact(operation, [in1, in2])
  const [x, y] = [known(first, 'in1'), known(second, 'in2')]
  if (x.ndim !== y.ndim || x.size === 0 || y.size === 0) {
    throw new ShapeError(
      `${operation}: ${avalText(x.aval)} and ${avalText(y.aval)} must have the same number of axes, and elements.`,
    )
  }
  return [x, y]
}

const covers = (x: readonly number[], y: readonly number[]): boolean => x.every((size, d) => size >= (y[d] ?? 0))

const mustCover = (operation: string, x: NDArray, y: NDArray): ShapeError =>
  new ShapeError(
    `${operation}: one of ${avalText(x.aval)} and ${avalText(y.aval)} must be at least as large as the other along every axis.`,
  )

/** All axes reversed. */
const reversed = (x: NDArray): NDArray => lax.rev(x, range(x.ndim))

/** Part of a full convolution: centred, of a shape. */
const centred = (full: NDArray, shape: readonly number[]): NDArray => {
  const starts = shape.map((size, d) => Math.floor((known(full.shape[d], 'size') - size) / 2))
  return lax.slice(
    full,
    starts,
    starts.map((start, d) => start + known(shape[d], 'size')),
  )
}

/** Sums of products of a kernel, reversed, with every place of a larger array. */
const direct = (operation: string, x: NDArray, y: NDArray, mode: ConvolutionMode): NDArray => {
  if (x.ndim === 0) return lax.mul(x, y)
  const swap = !covers(x.shape, y.shape)
  if (swap && !covers(y.shape, x.shape)) throw mustCover(operation, x, y)
  const [large, kernel] = swap ? [y, x] : [x, y]
  const padding = kernel.shape.map((size, d): readonly [number, number] => {
    if (mode === 'valid') return [0, 0]
    if (mode === 'full') return [size - 1, size - 1]
    const lost = Math.floor((known(y.shape[d], 'size') - 1) / 2)
    return [size - 1 - lost, size - known(y.shape[d], 'size') + lost]
  })
  const letters = range(x.ndim).map(String).join('')
  const out = lax.convGeneralDilated(
    lax.expandDims(large, [0, 1]),
    lax.expandDims(reversed(kernel), [0, 1]),
    kernel.shape.map(() => 1),
    padding,
    { dimensionNumbers: [`NC${letters}`, `OI${letters}`, `NC${letters}`] },
  )
  return lax.squeeze(out, [0, 1])
}

export interface ConvolveOptions {
  readonly mode?: ConvolutionMode
  /** 'fft' for Fourier transforms; otherwise sums of products. */
  readonly method?: 'auto' | 'direct' | 'fft'
}

const checkMethod = (method: string, operation: string): void => {
  if (!['auto', 'direct', 'fft'].includes(method)) {
    throw new ArgumentError(`${operation}: '${method}' is not a method; there are 'auto', 'direct' and 'fft'.`)
  }
}

/**
 * Convolution of two arrays of one rank: sums of products with one of them reversed and shifted.
 *
 * Throws ShapeError when the ranks differ, or neither array covers the other.
 *
 * @example
 * ```ts
 * scipy.signal.convolve(np.array([1, 2, 3]), np.array([0, 1, 0.5])) // [0, 1, 2.5, 4, 1.5]
 * ```
 */
export const convolve = (in1: ArrayLike, in2: ArrayLike, options: ConvolveOptions = {}): NDArray => {
  const { mode = 'full', method = 'auto' } = checkOptions('signal.convolve', options, 'mode method')
  checkMode(mode, 'signal.convolve')
  checkMethod(method, 'signal.convolve')
  if (method === 'fft') return fftconvolve(in1, in2, { mode })
  return direct('signal.convolve', ...pair('signal.convolve', in1, in2), mode)
}

/** Correlation of two arrays of one rank: sums of products with one of them shifted. */
export const correlate = (in1: ArrayLike, in2: ArrayLike, options: ConvolveOptions = {}): NDArray => {
  const { mode = 'full', method = 'auto' } = checkOptions('signal.correlate', options, 'mode method')
  checkMode(mode, 'signal.correlate')
  checkMethod(method, 'signal.correlate')
  const [x, y] = pair('signal.correlate', in1, in2)
  return method === 'fft' ? fftconvolve(x, reversed(y), { mode }) : direct('signal.correlate', x, reversed(y), mode)
}

const matrices = (operation: string, in1: ArrayLike, in2: ArrayLike): readonly [NDArray, NDArray] => {
  const [x, y] = pair(operation, in1, in2)
  if (x.ndim !== 2)
    throw new ShapeError(`${operation}: takes matrices, got ${avalText(x.aval)} and ${avalText(y.aval)}.`)
  return [x, y]
}

export interface Convolve2dOptions {
  readonly mode?: ConvolutionMode
  /** What is around the first matrix: 'fill' (the default) for `fillvalue`, 'wrap' for itself again, 'symm' for its mirror image. */
  readonly boundary?: 'fill' | 'wrap' | 'symm'
  /** 0 unless said. */
  readonly fillvalue?: number
}

/** The convolution where the first matrix goes on beyond its edges; the other counts as the kernel. */
const within = (operation: string, x: NDArray, y: NDArray, options: Convolve2dOptions): NDArray => {
  const { mode = 'full', boundary = 'fill', fillvalue = 0 } = options
  const fits = covers(x.shape, y.shape)
  if (mode === 'valid' || (boundary === 'fill' && fillvalue === 0)) return direct(operation, x, y, mode)
  const around = y.shape.map((size): [number, number] => [size - 1, size - 1])
  const padMode = { fill: 'constant', wrap: 'wrap', symm: 'symmetric' } as const
  const larger =
    boundary === 'fill'
      ? pad(x, around, { mode: 'constant', constantValues: fillvalue })
      : pad(x, around, { mode: padMode[boundary] })
  const full = direct(operation, larger, y, 'valid')
  if (!fits && !covers(y.shape, x.shape)) throw mustCover(operation, x, y)
  return mode === 'full' ? full : centred(full, x.shape)
}

const checkBoundary = (operation: string, options: Convolve2dOptions): Convolve2dOptions => {
  const { mode = 'full', boundary = 'fill' } = checkOptions(operation, options, 'mode boundary fillvalue')
  checkMode(mode, operation)
  if (!['fill', 'wrap', 'symm'].includes(boundary)) {
    throw new ArgumentError(
      `${operation}: '${String(boundary)}' is not a boundary; there are 'fill', 'wrap' and 'symm'.`,
    )
  }
  return options
}

/** Convolution of two matrices, with zeros around, or what `boundary` says. */
export const convolve2d = (in1: ArrayLike, in2: ArrayLike, options: Convolve2dOptions = {}): NDArray => {
  const operation = 'signal.convolve2d'
  checkBoundary(operation, options)
  return within(operation, ...matrices(operation, in1, in2), options)
}

/** Correlation of two matrices, with zeros around, or what `boundary` says. */
export const correlate2d = (in1: ArrayLike, in2: ArrayLike, options: Convolve2dOptions = {}): NDArray => {
  const { mode = 'full', boundary = 'fill', fillvalue = 0 } = checkBoundary('signal.correlate2d', options)
  const [x, y] = matrices('signal.correlate2d', in1, in2)
  const plain = boundary === 'fill' && fillvalue === 0
  if (mode !== 'same') return within('signal.correlate2d', x, reversed(y), options)
  // SciPy's centre: that of a convolution with the other array reversed.
  const [turned, operation] = [reversed(x), 'signal.correlate2d']
  return reversed(plain ? direct(operation, turned, y, mode) : within(operation, turned, y, options))
}

export interface FftConvolveOptions {
  readonly mode?: ConvolutionMode
  /** Axes to convolve along, all of them unless said; the others must have one size and are mapped over. */
  readonly axes?: number | readonly number[] | null
}

/**
 * Convolution by Fourier transforms: of n elements with m it costs about (n + m) log(n + m).
 *
 * @example
 * ```ts
 * scipy.signal.fftconvolve(np.array([1, 2, 3]), np.array([0, 1, 0.5])) // [0, 1, 2.5, 4, 1.5], but for rounding
 * ```
 */
export const fftconvolve = (in1: ArrayLike, in2: ArrayLike, options: FftConvolveOptions = {}): NDArray => {
  const { mode = 'full', axes = null } = checkOptions('signal.fftconvolve', options, 'mode axes')
  const operation = 'signal.fftconvolve'
  checkMode(mode, operation)
  const [x, y] = pair(operation, in1, in2)
  const along = canonicalAxes(axes, x.ndim, operation)
  const mapped = range(x.ndim).filter((d) => !along.includes(d))
  if (mapped.some((d) => x.shape[d] !== y.shape[d])) {
    throw new ShapeError(
      `${operation}: axes ${mapped.join()} of ${avalText(x.aval)} and ${avalText(y.aval)} are not convolved, so they need equal sizes.`,
    )
  }
  const swap = !covers(x.shape, y.shape)
  if (mode === 'valid' && swap && !covers(y.shape, x.shape)) throw mustCover(operation, x, y)
  const size = (z: NDArray, d: number): number => known(z.shape[d], 'size')
  const fullShape = x.shape.map((n, d) => (along.includes(d) ? n + size(y, d) - 1 : n))
  if (along.length === 0) return lax.mul(x, y)
  const lengths = along.map((d) => known(fullShape[d], 'size'))
  const [p, q] = [rfftn(x, { s: lengths, axes: along }), rfftn(y, { s: lengths, axes: along })]
  const spectrum = {
    real: lax.sub(lax.mul(p.real, q.real), lax.mul(p.imag, q.imag)),
    imag: lax.add(lax.mul(p.real, q.imag), lax.mul(p.imag, q.real)),
  }
  const full = irfftn(spectrum, { s: lengths, axes: along })
  if (mode === 'full') return full
  if (mode === 'same') return centred(full, x.shape)
  return centred(
    full,
    x.shape.map((n, d) => (along.includes(d) ? Math.abs(n - size(y, d)) + 1 : n)),
  )
}
