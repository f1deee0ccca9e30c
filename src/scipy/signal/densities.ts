/** Power spectra of signals, averaged over segments: Welch's method. */
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
import type { Complex } from '../../numpy/fft.js'
import { pad } from '../../numpy/padding.js'
import { promoteInexact } from '../../numpy/promotion-args.js'
import { median } from '../../numpy/quantiles.js'
import { mean } from '../../numpy/reductions.js'
import { moveaxis } from '../../numpy/shape.js'
import { float } from '../arguments.js'
import { type Plan, type SpectrumOptions, frequencies, onParts, planOf, segmentSpectra, windowOf } from './spectra.js'

export interface DensityOptions extends SpectrumOptions {
  /** 'density' (the default) per unit of frequency, 'spectrum' without. */
  readonly scaling?: 'density' | 'spectrum'
  /** How segments are averaged. */
  readonly average?: 'mean' | 'median'
}

/** Bias of the median of n exponential variables: what it is divided by to estimate the mean. */
const medianBias = (n: number): number => {
  const pairs = range(Math.floor((n - 1) / 2)).map((i) => 2 * (i + 1))
  return pairs.reduce((sum, k) => sum + 1 / (k + 1) - 1 / k, 1)
}

/** Averaged products of spectra, with the factor of the scaling. */
const density = (
  operation: string,
  x: NDArray,
  y: NDArray | undefined,
  options: DensityOptions,
): { readonly plan: Plan; readonly power: Complex } => {
  const { scaling = 'density', average = 'mean' } = options
  if (scaling !== 'density' && scaling !== 'spectrum') {
    throw new ArgumentError(`${operation}: '${String(scaling)}' is not a scaling; there are 'density' and 'spectrum'.`)
  }
  if (average !== 'mean' && average !== 'median') {
    throw new ArgumentError(`${operation}: '${String(average)}' is not an average; there are 'mean' and 'median'.`)
  }
  const plan = planOf(operation, x, { ...options, detrend: options.detrend ?? 'constant' })
  const window = windowOf(plan.window, plan.segment, x, operation)
  const p = segmentSpectra(x, plan, window)
  const q = y === undefined ? p : segmentSpectra(y, plan, window)
  const sum = lax.reduceSum(scaling === 'density' ? lax.square(window) : window, [0])
  const scale = lax.reciprocal(scaling === 'density' ? lax.mul(sum, plan.fs) : lax.square(sum))
  const size = known(p.real.shape.at(-1), 'frequencies')
  // One-sided spectra count all frequencies twice but 0 and, of even lengths, the last.
  const doubled = (k: number): boolean => plan.onesided && k > 0 && (plan.length % 2 === 1 || k < size - 1)
  const factors = fromHost(
    range(size).map((k) => (doubled(k) ? 2 : 1)),
    [size],
    x.dtype,
  )
  const product: Complex = {
    real: lax.add(lax.mul(p.real, q.real), lax.mul(p.imag, q.imag)),
    imag: lax.sub(lax.mul(p.real, q.imag), lax.mul(p.imag, q.real)),
  }
  const power = onParts(product, (part) => {
    const scaled = lax.mul(lax.mul(part, scale), lax.broadcastTo(factors, part.shape))
    if (average === 'mean') return mean(scaled, { axis: -2 })
    return lax.mul(median(scaled, { axis: -2 }), 1 / medianBias(known(part.shape.at(-2), 'segments')))
  })
  return { plan, power }
}

/**
 * Power spectral density by Welch's method, averaged over segments: `[frequencies, density]`.
 *
 * @example
 * ```ts
 * const [f, p] = scipy.signal.welch(np.sin(np.arange(256)), { nperseg: 64 })
 * ```
 */
export const welch = (x: ArrayLike, options: DensityOptions = {}): [frequencies: NDArray, density: NDArray] => {
  checkOptions('signal.welch', options, 'scaling average fs window nperseg noverlap nfft detrend returnOnesided axis')
  const operation = 'signal.welch'
  const given = float(operation, x)
  const axis = canonicalAxis(options.axis ?? -1, given.ndim, operation)
  const { plan, power } = density(operation, moveaxis(given, axis, -1), undefined, options)
  return [frequencies(plan), moveaxis(power.real, -1, axis)]
}

/** Cross power spectral density of two signals, by Welch's method: `[frequencies, density]` with a complex pair. */
export const csd = (
  x: ArrayLike,
  y: ArrayLike,
  options: DensityOptions = {},
): [frequencies: NDArray, density: Complex] => {
  checkOptions('signal.csd', options, 'scaling average fs window nperseg noverlap nfft detrend returnOnesided axis')
  const operation = 'signal.csd'
  const [first, second] = promoteInexact(operation, [x, y])
  const [p, q] = [known(first, 'x'), known(second, 'y')]
  const axis = canonicalAxis(options.axis ?? -1, p.ndim, operation)
  if (p.ndim !== q.ndim)
    throw new ShapeError(`${operation}: ${avalText(p.aval)} and ${avalText(q.aval)} must have the same number of axes.`)
  const size = Math.max(known(p.shape[axis], 'length'), known(q.shape[axis], 'length'))
  const along = (z: NDArray): NDArray => {
    const moved = moveaxis(z, axis, -1)
    const missing = size - known(moved.shape.at(-1), 'length')
    return pad(
      moved,
      range(moved.ndim).map((d): readonly [number, number] => [0, d === moved.ndim - 1 ? missing : 0]),
    )
  }
  const { plan, power } = density(operation, along(p), along(q), options)
  return [frequencies(plan), onParts(power, (part) => moveaxis(part, -1, axis))]
}
