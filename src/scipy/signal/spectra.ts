/** Trends and spectra of signals in time: short-time Fourier transforms and averaged periodograms. */
import {
  type ArrayLike,
  type NDArray,
  ArgumentError,
  ShapeError,
  avalText,
  canonicalAxis,
  known,
  range,
  checkOptions,
} from '../../core/index.js'
import * as lax from '../../lax/index.js'
import { fromHost } from '../../numpy/creation.js'
import { type Complex, fft, fftfreq, ifft, irfft, rfft, rfftfreq } from '../../numpy/fft.js'
import { pad } from '../../numpy/padding.js'
import { mean } from '../../numpy/reductions.js'
import { moveaxis } from '../../numpy/shape.js'
import { float } from '../arguments.js'

export interface DetrendOptions {
  readonly axis?: number
  /** 'linear' (the default) takes away the best line, 'constant' the mean. */
  readonly type?: 'linear' | 'constant'
  /** Where pieces with lines of their own begin. */
  readonly bp?: number | readonly number[]
}

/** The vectors along the last axis without their mean, or without the line that fits them best. */
export const withoutTrend = (x: NDArray, linear: boolean): NDArray => {
  const centred = lax.sub(x, mean(x, { axis: -1, keepdims: true }))
  const n = known(x.shape.at(-1), 'length')
  if (!linear || n < 2) return centred
  const middle = (n - 1) / 2
  const time = lax.broadcastTo(
    fromHost(
      range(n).map((i) => i - middle),
      [n],
      x.dtype,
    ),
    x.shape,
  )
  const total = (n * (n * n - 1)) / 12
  const slope = lax.mul(lax.reduceSum(lax.mul(centred, time), [x.ndim - 1]), 1 / total)
  return lax.sub(centred, lax.mul(time, lax.expandDims(slope, [x.ndim - 1])))
}

/**
 * The signal without its linear or constant trend along an axis, the last unless said.
 * Throws ArgumentError for an unknown type or break points outside of the signal.
 *
 * @example
 * ```ts
 * scipy.signal.detrend(np.array([1, 2, 4]), { type: 'constant' })
 * ```
 */
export const detrend = (data: ArrayLike, options: DetrendOptions = {}): NDArray => {
  const { axis = -1, type = 'linear', bp = 0 } = checkOptions('signal.detrend', options, 'axis type bp')
  if (type !== 'linear' && type !== 'constant') {
    throw new ArgumentError(`signal.detrend: '${String(type)}' is not a type; there are 'linear' and 'constant'.`)
  }
  const x = moveaxis(float('signal.detrend', data), axis, -1)
  if (type === 'constant') return moveaxis(withoutTrend(x, false), -1, axis)
  const n = known(x.shape.at(-1), 'length')
  const breaks = [...new Set([0, ...(typeof bp === 'number' ? [bp] : bp), n])].sort((p, q) => p - q)
  if (breaks.some((at) => !Number.isInteger(at) || at < 0 || at > n)) {
    throw new ArgumentError(`signal.detrend: break points must be integers from 0 to ${n}, got ${breaks.join()}.`)
  }
  const pieces = breaks
    .slice(1)
    .map((stop, i) => withoutTrend(lax.sliceInDim(x, known(breaks[i], 'break'), stop, { axis: -1 }), true))
  return moveaxis(pieces.length === 0 ? x : lax.concatenate(pieces, x.ndim - 1), -1, axis)
}

/** Window of a segment: a name, or its values. */
export type SegmentWindow = 'hann' | 'hamming' | 'blackman' | 'bartlett' | 'boxcar' | ArrayLike

const cosineSums: Readonly<Record<string, readonly number[]>> = {
  hann: [0.5, -0.5],
  hamming: [0.54, -0.46],
  blackman: [0.42, -0.5, 0.08],
  boxcar: [1],
}

/** Values of a periodic window of n elements. */
export const windowOf = (window: SegmentWindow, n: number, x: NDArray, operation: string): NDArray => {
  if (typeof window !== 'string') {
    const given = lax.convertElementType(window, x.dtype)
    if (given.ndim !== 1 || given.size !== n) {
      throw new ShapeError(
        `${operation}: the window must be a vector of nperseg = ${n} elements, got ${avalText(given.aval)}.`,
      )
    }
    return given
  }
  const sums = cosineSums[window]
  if (sums === undefined && window !== 'bartlett') {
    throw new ArgumentError(
      `${operation}: '${window}' is not a window; there are ${Object.keys(cosineSums).join(', ')} and bartlett. Others can be given as an array.`,
    )
  }
  const values = range(n).map((i) => {
    if (n === 1) return 1
    if (sums === undefined) return 1 - Math.abs((2 * i) / n - 1)
    return sums.reduce((sum, c, k) => sum + c * Math.cos((2 * Math.PI * k * i) / n), 0)
  })
  return fromHost(values, [n], x.dtype)
}

/** What to do at both ends, so that every sample is in the middle of some segment. */
export type Boundary = 'even' | 'odd' | 'constant' | 'zeros' | null

const extended = (x: NDArray, n: number, boundary: Boundary, operation: string): NDArray => {
  if (boundary === null || n < 1) return x
  const width = range(x.ndim).map((d): readonly [number, number] => (d === x.ndim - 1 ? [n, n] : [0, 0]))
  switch (boundary) {
    case 'zeros':
      return pad(x, width)
    case 'constant':
      return pad(x, width, { mode: 'edge' })
    case 'even':
      return pad(x, width, { mode: 'reflect' })
    case 'odd':
      return pad(x, width, { mode: 'reflect', reflectType: 'odd' })
    default:
      throw new ArgumentError(
        `${operation}: '${String(boundary)}' is not a boundary; there are 'even', 'odd', 'constant', 'zeros' and null.`,
      )
  }
}

export interface SpectrumOptions {
  /** Samples per unit of time. */
  readonly fs?: number
  readonly window?: SegmentWindow
  /** Length of a segment, 256 or the signal's if that is shorter. */
  readonly nperseg?: number | null
  /** By how much neighbouring segments overlap, half of a segment unless said. */
  readonly noverlap?: number | null
  /** Length of the transform, that of a segment unless said. */
  readonly nfft?: number | null
  /** Trend to take away from each segment. */
  readonly detrend?: 'constant' | 'linear' | false
  /** Gives only frequencies that are not negative, the default. */
  readonly returnOnesided?: boolean
  readonly axis?: number
}

/** Options with their defaults filled in and checked. */
export interface Plan {
  readonly operation: string
  readonly fs: number
  readonly window: SegmentWindow
  readonly segment: number
  readonly overlap: number
  readonly length: number
  readonly trend: 'constant' | 'linear' | false
  readonly onesided: boolean
}

export const planOf = (operation: string, x: NDArray, options: SpectrumOptions): Plan => {
  const { fs = 1, window = 'hann', returnOnesided = true } = options
  const size = known(x.shape.at(-1), 'length')
  const given = typeof window === 'string' ? undefined : lax.asArray(window, operation).size
  const segment = Math.min(options.nperseg ?? given ?? 256, given ?? size)
  const overlap = options.noverlap ?? Math.floor(segment / 2)
  const length = options.nfft ?? segment
  const whole = [segment, overlap, length].every(Number.isInteger)
  if (!whole || segment < 1 || overlap < 0 || overlap >= segment || length < segment) {
    throw new ArgumentError(
      `${operation}: segments of ${segment} samples with an overlap of ${overlap} and transforms of length ${length} are not possible: ` +
        `all must be integers, the overlap smaller and the transform not shorter than a segment.`,
    )
  }
  return { operation, fs, window, segment, overlap, length, trend: options.detrend ?? false, onesided: returnOnesided }
}

/** Transforms of the segments of the last axis: `[..., segments, frequencies]`. */
export const segmentSpectra = (x: NDArray, plan: Plan, window: NDArray): Complex => {
  const step = plan.segment - plan.overlap
  const count = Math.floor((known(x.shape.at(-1), 'length') - plan.segment) / step) + 1
  const pieces = range(count).map((i) =>
    lax.expandDims(lax.sliceInDim(x, i * step, i * step + plan.segment, { axis: -1 }), [x.ndim - 1]),
  )
  const segments = lax.concatenate(pieces, x.ndim - 1)
  const level = plan.trend === false ? segments : withoutTrend(segments, plan.trend === 'linear')
  const weighted = lax.mul(level, lax.broadcastTo(window, level.shape))
  return plan.onesided ? rfft(weighted, { n: plan.length }) : fft(weighted, { n: plan.length })
}

export const frequencies = ({ onesided, length, fs }: Plan): NDArray =>
  onesided ? rfftfreq(length, { d: 1 / fs }) : fftfreq(length, { d: 1 / fs })

export const onParts = ({ real, imag }: Complex, f: (part: NDArray) => NDArray): Complex => ({
  real: f(real),
  imag: f(imag),
})

export interface StftOptions extends SpectrumOptions {
  readonly boundary?: Boundary
  /** Adds zeros at the end so that segments fill the signal, the default. */
  readonly padded?: boolean
}

/**
 * Short-time Fourier transform, as `[frequencies, times, spectra]`: spectra are a complex pair with frequencies in place of
 * the axis and segments along a new last axis, scaled so that a sine of amplitude a has magnitude a / 2.
 *
 * Throws ArgumentError for segments that are not possible or an unknown window.
 *
 * @example
 * ```ts
 * const [f, t, z] = scipy.signal.stft(np.sin(np.arange(64)), { nperseg: 16 })
 * ```
 */
export const stft = (
  x: ArrayLike,
  options: StftOptions = {},
): [frequencies: NDArray, times: NDArray, spectra: Complex] => {
  checkOptions('signal.stft', options, 'fs window nperseg noverlap nfft detrend returnOnesided axis boundary padded')
  const operation = 'signal.stft'
  const { axis = -1, boundary = 'zeros', padded = true } = options
  const given = float(operation, x)
  const at = canonicalAxis(axis, given.ndim, operation)
  const signal = moveaxis(given, at, -1)
  const plan = planOf(operation, signal, options)
  const step = plan.segment - plan.overlap
  const longer = extended(signal, Math.floor(plan.segment / 2), boundary, operation)
  const size = known(longer.shape.at(-1), 'length')
  const missing = padded ? (((-(size - plan.segment) % step) + step) % step) % plan.segment : 0
  const whole = pad(
    longer,
    range(longer.ndim).map((d): readonly [number, number] => [0, d === longer.ndim - 1 ? missing : 0]),
  )
  const window = windowOf(plan.window, plan.segment, whole, operation)
  const scale = lax.reciprocal(lax.reduceSum(window, [0]))
  const spectra = onParts(segmentSpectra(whole, plan, window), (part) => {
    const scaled = lax.mul(part, scale)
    return moveaxis(moveaxis(scaled, -2, -1), -2, at)
  })
  const count = known(spectra.real.shape.at(-1), 'segments')
  const start = boundary === null ? plan.segment / 2 : 0
  const times = fromHost(
    range(count).map((i) => (start + i * step) / plan.fs),
    [count],
    'float32',
  )
  return [frequencies(plan), times, spectra]
}

export interface IstftOptions {
  readonly fs?: number
  readonly window?: SegmentWindow
  readonly nperseg?: number | null
  readonly noverlap?: number | null
  readonly nfft?: number | null
  /** The spectra hold only frequencies that are not negative, the default. */
  readonly inputOnesided?: boolean
  /** The signal was extended at both ends, the default. */
  readonly boundary?: boolean
  readonly timeAxis?: number
  readonly freqAxis?: number
}

/** Segments `[..., segments, length]`, each a step after the one before, added up. */
const overlapped = (x: NDArray, step: number): NDArray => {
  const [count, length] = [known(x.shape.at(-2), 'segments'), known(x.shape.at(-1), 'length')]
  const total = step * (count - 1) + length
  const zero = lax.scalarOf(0, x.aval)
  return range(count)
    .map((i) => {
      const piece = lax.squeeze(lax.sliceInDim(x, i, i + 1, { axis: -2 }), [-2])
      return lax.pad(
        piece,
        zero,
        range(piece.ndim).map((d) => (d === piece.ndim - 1 ? [i * step, total - length - i * step, 0] : [0, 0, 0])),
      )
    })
    .reduce((p, q) => lax.add(p, q))
}

/**
 * Inverse of `stft`: `[times, signal]`, by adding windowed segments up and dividing by the sum of squared windows.
 *
 * @example
 * ```ts
 * const [, , z] = scipy.signal.stft(np.sin(np.arange(64)), { nperseg: 16 })
 * const [times, signal] = scipy.signal.istft(z, { nperseg: 16 })
 * ```
 */
export const istft = (Zxx: Complex, options: IstftOptions = {}): [times: NDArray, signal: NDArray] => {
  checkOptions('signal.istft', options, 'fs window nperseg noverlap nfft inputOnesided boundary timeAxis freqAxis')
  const operation = 'signal.istft'
  const { fs = 1, window = 'hann', inputOnesided = true, boundary = true, timeAxis = -1, freqAxis = -2 } = options
  const rank = Zxx.real.ndim
  if (rank < 2)
    throw new ShapeError(
      `${operation}: spectra need an axis of frequencies and one of times, got ${avalText(Zxx.real.aval)}.`,
    )
  const [time, frequency] = [canonicalAxis(timeAxis, rank, operation), canonicalAxis(freqAxis, rank, operation)]
  if (time === frequency) throw new ArgumentError(`${operation}: times and frequencies must be on different axes.`)
  const spectra = onParts(Zxx, (part) => moveaxis(part, [time, frequency], [-2, -1]))
  const size = known(spectra.real.shape.at(-1), 'frequencies')
  const usual = inputOnesided ? 2 * (size - 1) : size
  const segment = options.nperseg ?? usual
  const length = options.nfft ?? (inputOnesided && segment === usual + 1 ? segment : usual)
  const overlap = options.noverlap ?? Math.floor(segment / 2)
  if (![segment, length, overlap].every(Number.isInteger) || segment < 1 || length < segment || overlap >= segment) {
    throw new ArgumentError(
      `${operation}: segments of ${segment} samples with an overlap of ${overlap} and transforms of length ${length} are not possible.`,
    )
  }
  const values = inputOnesided ? irfft(spectra, { n: length }) : ifft(spectra, { n: length }).real
  const segments = lax.sliceInDim(values, 0, segment, { axis: -1 })
  const weights = windowOf(window, segment, segments, operation)
  const wide = lax.broadcastTo(weights, segments.shape)
  const step = segment - overlap
  const sum = overlapped(lax.mul(lax.mul(segments, lax.reduceSum(weights, [0])), wide), step)
  const squares = overlapped(lax.square(wide), step)
  const half = boundary ? Math.floor(segment / 2) : 0
  const cut = (x: NDArray): NDArray => lax.sliceInDim(x, half, known(x.shape.at(-1), 'length') - half, { axis: -1 })
  const norm = cut(squares)
  const safe = lax.select(lax.gt(norm, 1e-10), norm, lax.filled(1, norm.aval))
  const signal = lax.div(cut(sum), safe)
  const count = known(signal.shape.at(-1), 'length')
  const times = fromHost(
    range(count).map((i) => i / fs),
    [count],
    'float32',
  )
  return [times, moveaxis(signal, -1, time < frequency ? time : time - 1)]
}
