/** Running sums and products along an axis. */
import {
  type ArrayLike,
  type DType,
  type NDArray,
  ArgumentError,
  canonicalAxis,
  isHalf,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import { withoutNan } from './nan-reductions.js'
import { dtypeOr } from './promotion-args.js'

export interface CumulativeOptions {
  /** Axis to run along; null (default) flattens first. */
  readonly axis?: number | null
  /** Dtype in which to accumulate, and of the result. */
  readonly dtype?: DType | null
}

const running = (
  operation: string,
  a: ArrayLike,
  options: CumulativeOptions | undefined,
  accumulate: lax.Cumulative,
): NDArray => {
  checkOptions(operation, options, 'axis dtype')
  const x = lax.asArray(a, operation)
  const axis = options?.axis ?? null
  const operand = axis === null ? lax.reshape(x, [x.size]) : x
  const along = axis === null ? 0 : canonicalAxis(axis, x.ndim, operation)
  const dtype = dtypeOr(options?.dtype, x.dtype === 'bool' ? 'int32' : x.dtype, operation)
  const wide = isHalf(dtype) ? 'float32' : dtype
  return lax.convertElementType(accumulate(lax.convertElementType(operand, wide), { axis: along }), dtype)
}

/**
 * Running sum; bool counts as int32, halves accumulate in float32.
 *
 * @example
 * ```ts
 * np.cumsum(np.array([1, 2, 3])) // [1, 3, 6]
 * ```
 */
export const cumsum = (a: ArrayLike, options?: CumulativeOptions): NDArray => running('cumsum', a, options, lax.cumsum)

/**
 * Running product.
 *
 * @example
 * ```ts
 * np.cumprod(np.array([1, 2, 3])) // [1, 2, 6]
 * ```
 */
export const cumprod = (a: ArrayLike, options?: CumulativeOptions): NDArray =>
  running('cumprod', a, options, lax.cumprod)

/**
 * Running sum that passes over NaN.
 *
 * @example
 * ```ts
 * np.nancumsum(np.array([1, NaN, 3])) // [1, 1, 4]
 * ```
 */
export const nancumsum = (a: ArrayLike, options?: CumulativeOptions): NDArray => {
  checkOptions('nancumsum', options, 'axis dtype')
  return cumsum(withoutNan(a, 0, 'nancumsum'), options)
}

/**
 * Running product that passes over NaN.
 *
 * @example
 * ```ts
 * np.nancumprod(np.array([2, NaN, 3])) // [2, 2, 6]
 * ```
 */
export const nancumprod = (a: ArrayLike, options?: CumulativeOptions): NDArray => {
  checkOptions('nancumprod', options, 'axis dtype')
  return cumprod(withoutNan(a, 1, 'nancumprod'), options)
}

export interface IncludeInitialOptions extends CumulativeOptions {
  /** Whether the result starts with the value of no elements, and so is longer by one. */
  readonly includeInitial?: boolean
}

const withStart = (
  operation: string,
  x: ArrayLike,
  options: IncludeInitialOptions | undefined,
  accumulate: (a: ArrayLike, options?: CumulativeOptions) => NDArray,
  start: number,
): NDArray => {
  const array = lax.asArray(x, operation)
  if (array.ndim !== 1 && (options?.axis ?? null) === null)
    throw new ArgumentError(`${operation}: an array of ${array.ndim} axes needs the axis to run along.`)
  const axis = canonicalAxis(options?.axis ?? 0, array.ndim, operation)
  const out = accumulate(array, { axis, dtype: options?.dtype ?? null })
  if (options?.includeInitial !== true) return out
  const first = out.shape.map((n, d) => (d === axis ? 1 : n))
  return lax.concatenate([lax.full(first, start, { dtype: out.dtype }), out], axis)
}

/**
 * Running sum along one axis, of the array API; with `includeInitial` it starts with 0.
 *
 * @example
 * ```ts
 * np.cumulativeSum(np.array([1, 2]), { includeInitial: true }) // [0, 1, 3]
 * ```
 */
export const cumulativeSum = (x: ArrayLike, options?: IncludeInitialOptions): NDArray => {
  checkOptions('cumulativeSum', options, 'axis dtype includeInitial')
  return withStart('cumulativeSum', x, options, (a, own) => cumsum(a, { ...own, dtype: own?.dtype ?? sumDType(a) }), 0)
}

/** As in sums, and unlike in cumsum, small integers and bool are added up in 32 bits. */
const sumDType = (a: ArrayLike): DType | null => {
  const { dtype } = lax.asArray(a, 'cumulativeSum')
  return dtype === 'uint8' ? 'uint32' : dtype === 'int8' || dtype === 'bool' ? 'int32' : null
}

/** Running product along one axis, of the array API; with `includeInitial` it starts with 1. */
export const cumulativeProd = (x: ArrayLike, options?: IncludeInitialOptions): NDArray => {
  checkOptions('cumulativeProd', options, 'axis dtype includeInitial')
  return withStart('cumulativeProd', x, options, cumprod, 1)
}
