/** Order statistics: medians, quantiles, percentiles, with and without NaN. */
import {
  type ArrayLike,
  type NDArray,
  ArgumentError,
  ShapeError,
  avalText,
  canonicalAxes,
  checkOptions,
  known,
  range,
  sameShape,
  sizeOf,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import { oneOf } from './arguments.js'
import { constantLike } from './constant-like.js'
import { inexactOperand } from './promotion-args.js'
import type { AxisOptions } from './reductions.js'
import { where } from './selection.js'
import { take, takeAlongAxis } from './take.js'
import { isnan } from './classification.js'

/** How a quantile between two elements is chosen. */
export type QuantileMethod = 'linear' | 'lower' | 'higher' | 'midpoint' | 'nearest' | 'inverted_cdf'

/** Methods that look at the two elements around a place. */
type BetweenMethod = Exclude<QuantileMethod, 'inverted_cdf'>

const methods: readonly QuantileMethod[] = ['linear', 'lower', 'higher', 'midpoint', 'nearest', 'inverted_cdf']

export interface QuantileOptions extends AxisOptions {
  /** What to give between two elements, 'linear' unless given; with weights 'inverted_cdf'. */
  readonly method?: QuantileMethod
  /** How often each element counts, at least 0: of the shape of the array, or of the axes that are reduced. */
  readonly weights?: ArrayLike | null
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
const between = (method: BetweenMethod, low: NDArray, high: NDArray, fraction: NDArray): NDArray => {
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
  if ((options?.weights ?? null) !== null && method !== 'inverted_cdf')
    throw new ArgumentError(`${operation}: only the method 'inverted_cdf' takes weights, not '${method}'.`)
  const given = inexactOperand(operation, a)
  // Halves are interpolated in float32 and rounded once.
  const x = given.dtype === 'float64' ? given : lax.convertElementType(given, 'float32')
  const asked = lax.convertElementType(lax.asArray(q, operation), x.dtype)
  const axes = canonicalAxes(options?.axis, x.ndim, operation)
  const { rows, kept, keptWithOnes } = flattenAxes(x, axes)
  const places = lax.reshape(asked, [asked.size])
  const values =
    method === 'inverted_cdf'
      ? weightedPlaces(rows, weightRows(x, axes, options?.weights ?? 1, operation), places, ignoreNan)
      : ignoreNan
        ? withoutNanPlaces(rows, places, method)
        : plainPlaces(rows, places, method)
  // values is [...kept, q]; the axes of q come first in the result.
  const front = lax.moveAxis(values, kept.length, 0)
  const shape = [...asked.shape, ...(options?.keepdims === true ? keptWithOnes : kept)]
  return lax.convertElementType(lax.reshape(front, shape), given.dtype)
}

/** Quantiles of rows without NaN; a row with NaN gives NaN. */
const plainPlaces = (rows: NDArray, q: NDArray, method: BetweenMethod): NDArray => {
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
const withoutNanPlaces = (rows: NDArray, q: NDArray, method: BetweenMethod): NDArray => {
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

/** Weights as rows like those of the array: of its shape, of its reduced axes, or one number. */
const weightRows = (x: NDArray, axes: readonly number[], weights: ArrayLike, operation: string): NDArray => {
  const w = lax.convertElementType(lax.asArray(weights, operation), x.dtype)
  const reduced = axes.map((d) => known(x.shape[d], 'size'))
  const whole = sameShape(w.shape, x.shape)
  if (!whole && w.ndim > 0 && !sameShape(w.shape, reduced)) {
    throw new ShapeError(
      `${operation}: weights ${avalText(w.aval)} fit neither the array ${avalText(x.aval)} nor the axes that are reduced.`,
    )
  }
  return flattenAxes(whole ? w : lax.broadcastInDim(w, x.shape, w.ndim === 0 ? [] : axes), axes).rows
}

/** The first element up to which a fraction of all weight lies: the inverse of the cumulative distribution. */
const weightedPlaces = (rows: NDArray, weights: NDArray, q: NDArray, ignoreNan: boolean): NDArray => {
  const last = rows.ndim - 1
  const shape = [...rows.shape.slice(0, -1), q.size]
  const count = known(rows.shape[last], 'size')
  if (count === 0) return lax.broadcastTo(lax.scalarOf(NaN, rows), shape)
  const missing = isnan(rows)
  const wrong = lax.bitwiseNot(lax.ge(weights, 0))
  const counted = where(lax.bitwiseOr(missing, wrong), constantLike(weights, 0), weights)
  const [values, ordered] = lax.sort([rows, counted], { dimension: last })
  const sums = lax.cumsum(known(ordered, 'weights'), { axis: last })
  const total = lax.sliceInDim(sums, count - 1, count, { axis: last })
  const target = lax.mul(lax.broadcastTo(total, shape), lax.broadcastTo(q, shape))
  const each = [...shape, count]
  const before = lax.lt(
    lax.broadcastTo(lax.expandDims(sums, [last]), each),
    lax.broadcastTo(lax.expandDims(target, [last + 1]), each),
  )
  const place = lax.reduceSum(lax.convertElementType(before, 'int32'), [last + 1])
  const present = lax.reduceSum(lax.convertElementType(lax.bitwiseNot(missing), 'int32'), [last])
  const end = ignoreNan ? lax.expandDims(lax.sub(present, 1), [last]) : lax.full([1], count - 1, { dtype: 'int32' })
  const at = lax.max(lax.min(place, lax.broadcastTo(end, shape)), 0)
  const out = takeAlongAxis(known(values, 'values'), at, { axis: last })
  const none = ignoreNan ? lax.eq(present, 0) : lax.reduceOr(missing, [last])
  return where(lax.expandDims(lax.bitwiseOr(none, lax.reduceOr(wrong, [last])), [last]), constantLike(out, NaN), out)
}

/** Whole places on both sides of a place, and how far between them it is. */
const sides = (
  place: NDArray,
  top: NDArray,
  method: BetweenMethod,
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
 * np.quantile(np.array([1, 2, 3]), 0.5, { method: 'inverted_cdf', weights: np.array([1, 1, 4]) }) // 3
 * ```
 */
export const quantile = (a: ArrayLike, q: ArrayLike, options?: QuantileOptions): NDArray => {
  checkOptions('quantile', options, 'method axis keepdims weights')
  return quantilesOf(a, q, options, 'quantile', false)
}

/** Quantiles of the elements that are not NaN. */
export const nanquantile = (a: ArrayLike, q: ArrayLike, options?: QuantileOptions): NDArray => {
  checkOptions('nanquantile', options, 'method axis keepdims weights')
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
  checkOptions('percentile', options, 'method axis keepdims weights')
  return quantilesOf(a, hundredth(q, 'percentile'), options, 'percentile', false)
}

/** Percentiles of the elements that are not NaN. */
export const nanpercentile = (a: ArrayLike, q: ArrayLike, options?: QuantileOptions): NDArray => {
  checkOptions('nanpercentile', options, 'method axis keepdims weights')
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
