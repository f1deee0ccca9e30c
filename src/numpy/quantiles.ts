/** Order statistics: medians, quantiles, percentiles, with and without NaN. */
import { type ArrayLike, type NDArray, canonicalAxes, known, range, sizeOf, checkOptions } from '../core/index.js'
import * as lax from '../lax/index.js'
import { oneOf } from './arguments.js'
import { constantLike } from './constant-like.js'
import { inexactOperand } from './promotion-args.js'
import type { AxisOptions } from './reductions.js'
import { where } from './selection.js'
import { take, takeAlongAxis } from './take.js'
import { isnan } from './classification.js'

/** How a quantile between two elements is chosen. */
export type QuantileMethod = 'linear' | 'lower' | 'higher' | 'midpoint' | 'nearest'

const methods: readonly QuantileMethod[] = ['linear', 'lower', 'higher', 'midpoint', 'nearest']

export interface QuantileOptions extends AxisOptions {
  /** What to give between two elements, 'linear' unless given. */
  readonly method?: QuantileMethod
}

/** The array with the axes to reduce flattened into the last, and the shape of the others. */
const flattenAxes = (
  x: NDArray,
  axes: readonly number[],
): { readonly rows: NDArray; readonly kept: readonly number[]; readonly keptWithOnes: readonly number[] } => {
  const others = range(x.ndim).filter((d) => !axes.includes(d))
  const kept = others.map((d) => known(x.shape[d], 'size'))
  const count = sizeOf(axes.map((d) => known(x.shape[d], 'size')))
  return {
    rows: lax.reshape(lax.transpose(x, [...others, ...axes]), [...kept, count]),
    kept,
    keptWithOnes: x.shape.map((n, d) => (axes.includes(d) ? 1 : n)),
  }
}

/** The value at a place from the elements on both sides of it and how far between them it is. */
const between = (method: QuantileMethod, low: NDArray, high: NDArray, fraction: NDArray): NDArray => {
  switch (method) {
    case 'linear':
      // Weighted, so that an infinity on the side of weight 0 would give NaN: that side is left out.
      return lax.add(weighted(low, lax.sub(constantLike(fraction, 1), fraction)), weighted(high, fraction))
    case 'lower':
    case 'nearest':
      return low
    case 'higher':
      return high
    case 'midpoint':
      return lax.mul(lax.add(low, high), constantLike(low, 0.5))
  }
}

const weighted = (value: NDArray, weight: NDArray): NDArray =>
  where(lax.eq(weight, constantLike(weight, 0)), constantLike(value, 0), lax.mul(value, weight))

const quantilesOf = (
  a: ArrayLike,
  q: ArrayLike,
  options: QuantileOptions | undefined,
  operation: string,
  ignoreNan: boolean,
): NDArray => {
  const method = oneOf(options?.method ?? 'linear', methods, operation, 'method')
  const given = inexactOperand(operation, a)
  // Halves are interpolated in float32 and rounded once.
  const x = given.dtype === 'float64' ? given : lax.convertElementType(given, 'float32')
  const asked = lax.convertElementType(lax.asArray(q, operation), x.dtype)
  const axes = canonicalAxes(options?.axis, x.ndim, operation)
  const { rows, kept, keptWithOnes } = flattenAxes(x, axes)
  const places = lax.reshape(asked, [asked.size])
  const values = ignoreNan ? withoutNanPlaces(rows, places, method) : plainPlaces(rows, places, method)
  // values is [...kept, q]; the axes of q come first in the result.
  const front = lax.moveAxis(values, kept.length, 0)
  const shape = [...asked.shape, ...(options?.keepdims === true ? keptWithOnes : kept)]
  return lax.convertElementType(lax.reshape(front, shape), given.dtype)
}

/** Quantiles of rows without NaN; a row with NaN gives NaN. */
const plainPlaces = (rows: NDArray, q: NDArray, method: QuantileMethod): NDArray => {
  const last = rows.ndim - 1
  const count = known(rows.shape[last], 'size')
  if (count === 0) return lax.broadcastTo(lax.scalarOf(NaN, rows), [...rows.shape.slice(0, -1), q.size])
  const hasNan = lax.reduceOr(isnan(rows), [last])
  const sorted = lax.sort(rows, { dimension: last })
  const place = lax.mul(q, constantLike(q, count - 1))
  const { low, high, fraction } = sides(place, constantLike(place, count - 1), method)
  const pick = (at: NDArray): NDArray => take(sorted, lax.convertElementType(at, 'int32'), { axis: last, mode: 'clip' })
  const shape = [...rows.shape.slice(0, -1), q.size]
  const out = between(method, pick(low), pick(high), lax.broadcastTo(fraction, shape))
  return where(lax.expandDims(hasNan, [last]), constantLike(out, NaN), out)
}

/** Quantiles of the elements that are not NaN, of which each row has its own number. */
const withoutNanPlaces = (rows: NDArray, q: NDArray, method: QuantileMethod): NDArray => {
  const last = rows.ndim - 1
  const shape = [...rows.shape.slice(0, -1), q.size]
  if (known(rows.shape[last], 'size') === 0) return lax.broadcastTo(lax.scalarOf(NaN, rows), shape)
  const sorted = lax.sort(rows, { dimension: last })
  const counts = lax.reduceSum(lax.convertElementType(lax.bitwiseNot(isnan(rows)), rows.dtype), [last])
  const top = lax.broadcastInDim(
    lax.max(lax.sub(counts, constantLike(counts, 1)), constantLike(counts, 0)),
    shape,
    range(last),
  )
  const { low, high, fraction } = sides(lax.mul(lax.broadcastTo(q, shape), top), top, method)
  const pick = (at: NDArray): NDArray => takeAlongAxis(sorted, lax.convertElementType(at, 'int32'), { axis: last })
  return between(method, pick(low), pick(high), fraction)
}

/** Whole places on both sides of a place, and how far between them it is. */
const sides = (
  place: NDArray,
  top: NDArray,
  method: QuantileMethod,
): { readonly low: NDArray; readonly high: NDArray; readonly fraction: NDArray } => {
  if (method === 'nearest') {
    // NumPy rounds halves to even places.
    const nearest = lax.max(constantLike(place, 0), lax.min(lax.round(place, 1), top))
    return { low: nearest, high: nearest, fraction: lax.mul(place, constantLike(place, 0)) }
  }
  const floor = lax.floor(place)
  const clamp = (x: NDArray): NDArray => lax.max(constantLike(x, 0), lax.min(x, top))
  return { low: clamp(floor), high: clamp(lax.ceil(place)), fraction: lax.sub(place, floor) }
}

/**
 * Values below which a fraction `q` (0 to 1) of the elements lies; axes of `q` come first in the result. NaN makes NaN.
 *
 * @example
 * ```ts
 * np.quantile(np.array([1, 2, 3, 4]), 0.5) // 2.5
 * ```
 */
export const quantile = (a: ArrayLike, q: ArrayLike, options?: QuantileOptions): NDArray => {
  checkOptions('quantile', options, 'method axis keepdims')
  return quantilesOf(a, q, options, 'quantile', false)
}

/** Quantiles of the elements that are not NaN. */
export const nanquantile = (a: ArrayLike, q: ArrayLike, options?: QuantileOptions): NDArray => {
  checkOptions('nanquantile', options, 'method axis keepdims')
  return quantilesOf(a, q, options, 'nanquantile', true)
}

const hundredth = (q: ArrayLike, operation: string): NDArray => {
  const percent = inexactOperand(operation, q)
  return lax.div(percent, constantLike(percent, 100))
}

/**
 * Quantiles by percent, 0 to 100.
 *
 * @example
 * ```ts
 * np.percentile(np.array([1, 2, 3, 4, 5]), 25) // 2
 * ```
 */
export const percentile = (a: ArrayLike, q: ArrayLike, options?: QuantileOptions): NDArray => {
  checkOptions('percentile', options, 'method axis keepdims')
  return quantilesOf(a, hundredth(q, 'percentile'), options, 'percentile', false)
}

/** Percentiles of the elements that are not NaN. */
export const nanpercentile = (a: ArrayLike, q: ArrayLike, options?: QuantileOptions): NDArray => {
  checkOptions('nanpercentile', options, 'method axis keepdims')
  return quantilesOf(a, hundredth(q, 'nanpercentile'), options, 'nanpercentile', true)
}

/**
 * Middle element, or the mean of the two in the middle; NaN makes NaN.
 *
 * @example
 * ```ts
 * np.median(np.array([3, 1, 2])) // 2
 * ```
 */
export const median = (a: ArrayLike, options?: AxisOptions): NDArray => {
  checkOptions('median', options, 'axis keepdims')
  return quantilesOf(a, 0.5, { ...options, method: 'midpoint' }, 'median', false)
}

/** Median of the elements that are not NaN; NaN where there is none. */
export const nanmedian = (a: ArrayLike, options?: AxisOptions): NDArray => {
  checkOptions('nanmedian', options, 'axis keepdims')
  return quantilesOf(a, 0.5, { ...options, method: 'midpoint' }, 'nanmedian', true)
}
