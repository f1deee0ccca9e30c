/** Reductions that leave NaN out. */
import {
  type ArrayLike,
  type NDArray,
  canonicalAxes,
  isFloating,
  isHalf,
  known,
  range,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import {
  type ArgOptions,
  type ReductionOptions,
  type SumOptions,
  type MomentOptions,
  type VarianceOptions,
  all,
  argmax,
  argmin,
  max,
  mean,
  min,
  prod,
  sum,
  var as variance,
} from './reductions.js'
import { where } from './selection.js'
import { constantLike } from './constant-like.js'
import { isnan } from './classification.js'

/** The array with NaN replaced. */
export const withoutNan = (a: ArrayLike, value: number, operation: string): NDArray => {
  const x = lax.asArray(a, operation)
  return isFloating(x.dtype) ? where(isnan(x), constantLike(x, value), x) : x
}

/**
 * Sum of the elements that are not NaN.
 *
 * @example
 * ```ts
 * np.nansum(np.array([1, NaN])) // 1
 * ```
 */
export const nansum = (a: ArrayLike, options?: SumOptions): NDArray => {
  checkOptions('nansum', options, 'axis keepdims where initial dtype')
  return sum(withoutNan(a, 0, 'nansum'), options)
}

/**
 * Product of the elements that are not NaN.
 *
 * @example
 * ```ts
 * np.nanprod(np.array([2, NaN])) // 2
 * ```
 */
export const nanprod = (a: ArrayLike, options?: SumOptions): NDArray => {
  checkOptions('nanprod', options, 'axis keepdims where initial dtype')
  return prod(withoutNan(a, 1, 'nanprod'), options)
}

const nanExtremum = (
  a: ArrayLike,
  options: ReductionOptions | undefined,
  operation: string,
  replacement: number,
  reduce: (a: ArrayLike, options?: ReductionOptions) => NDArray,
): NDArray => {
  const x = lax.asArray(a, operation)
  const reduced = reduce(withoutNan(x, replacement, operation), options)
  if (!isFloating(x.dtype) || (options?.initial !== undefined && options.initial !== null)) return reduced
  // Only NaN: the result is NaN.
  return where(
    all(isnan(x), { axis: options?.axis ?? null, keepdims: options?.keepdims ?? false, where: options?.where ?? null }),
    constantLike(reduced, NaN),
    reduced,
  )
}

/**
 * Largest element that is not NaN; NaN where there is none.
 *
 * @example
 * ```ts
 * np.nanmax(np.array([1, NaN])) // 1
 * ```
 */
export const nanmax = (a: ArrayLike, options?: ReductionOptions): NDArray => {
  checkOptions('nanmax', options, 'axis keepdims where initial')
  return nanExtremum(a, options, 'nanmax', -Infinity, max)
}

/**
 * Smallest element that is not NaN; NaN where there is none.
 *
 * @example
 * ```ts
 * np.nanmin(np.array([1, NaN])) // 1
 * ```
 */
export const nanmin = (a: ArrayLike, options?: ReductionOptions): NDArray => {
  checkOptions('nanmin', options, 'axis keepdims where initial')
  return nanExtremum(a, options, 'nanmin', Infinity, min)
}

/** Elements that are not NaN, of those that count. */
const present = (x: NDArray, counted: ArrayLike | null | undefined): NDArray => {
  const numbers = lax.bitwiseNot(isnan(x))
  return counted === null || counted === undefined ? numbers : where(counted, numbers, false)
}

/**
 * Mean of the elements that are not NaN; NaN where there is none.
 *
 * @example
 * ```ts
 * np.nanmean(np.array([1, NaN, 3])) // 2
 * ```
 */
export const nanmean = (a: ArrayLike, options?: MomentOptions): NDArray => {
  checkOptions('nanmean', options, 'axis keepdims where dtype')
  const x = lax.asArray(a, 'nanmean')
  return isFloating(x.dtype) ? mean(x, { ...options, where: present(x, options?.where) }) : mean(x, options)
}

/** Variance of the elements that are not NaN; NaN where there are not more than `ddof`. */
export const nanvar = (a: ArrayLike, options?: VarianceOptions): NDArray => {
  checkOptions('nanvar', options, 'axis keepdims where dtype ddof correction')
  const x = lax.asArray(a, 'nanvar')
  if (!isFloating(x.dtype)) return variance(x, options)
  // NaN is out of the sum, but would still be a factor of derivatives: 0 times NaN is NaN.
  return variance(withoutNan(x, 0, 'nanvar'), { ...options, where: present(x, options?.where) })
}

/** Standard deviation of the elements that are not NaN. */
export const nanstd = (a: ArrayLike, options?: VarianceOptions): NDArray => {
  checkOptions('nanstd', options, 'axis keepdims where dtype ddof correction')
  const x = lax.asArray(a, 'nanstd')
  if (!isHalf(x.dtype)) return lax.sqrt(nanvar(x, options))
  return lax.convertElementType(lax.sqrt(nanvar(lax.convertElementType(x, 'float32'), options)), x.dtype)
}

const nanPosition = (
  a: ArrayLike,
  options: ArgOptions | undefined,
  operation: string,
  replacement: number,
  find: (a: ArrayLike, options?: ArgOptions) => NDArray,
): NDArray => {
  const x = lax.asArray(a, operation)
  if (!isFloating(x.dtype)) return find(x, options)
  const found = find(withoutNan(x, replacement, operation), options)
  const none = all(isnan(x), { axis: options?.axis ?? null, keepdims: options?.keepdims ?? false })
  return where(none, constantLike(found, -1), found)
}

/** Position of the largest element that is not NaN; -1 where there is none. */
export const nanargmax = (a: ArrayLike, options?: ArgOptions): NDArray => {
  checkOptions('nanargmax', options, 'axis keepdims')
  return nanPosition(a, options, 'nanargmax', -Infinity, argmax)
}

/** Position of the smallest element that is not NaN; -1 where there is none. */
export const nanargmin = (a: ArrayLike, options?: ArgOptions): NDArray => {
  checkOptions('nanargmin', options, 'axis keepdims')
  return nanPosition(a, options, 'nanargmin', Infinity, argmin)
}

/** Sizes of some axes and the others, for statistics along several axes at once. */
export const splitAxes = (
  x: NDArray,
  axis: number | readonly number[] | null | undefined,
  operation: string,
): { readonly axes: number[]; readonly kept: number[]; readonly keptShape: number[] } => {
  const axes = canonicalAxes(axis, x.ndim, operation)
  const kept = range(x.ndim).filter((d) => !axes.includes(d))
  return { axes, kept, keptShape: kept.map((d) => known(x.shape[d], 'size')) }
}
