/** Reductions: sums, products, extrema, logic, means, variances, positions of extrema. */
import {
  type ArrayLike,
  type DType,
  ArgumentError,
  DTypeError,
  type NDArray,
  avalText,
  broadcastShapes,
  canonicalAxes,
  canonicalAxis,
  dtypeKind,
  dtypeRange,
  inexact,
  isFloating,
  isHalf,
  known,
  range,
  sizeOf,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import { add, maximum, minimum, multiply } from './arithmetic.js'
import { dtypeOr } from './promotion-args.js'
import { asCondition, where as choose } from './selection.js'
import { constantLike } from './constant-like.js'

export interface AxisOptions {
  /** Axis or axes to reduce over; null (default) means all. Negative ones count from the end. */
  readonly axis?: number | readonly number[] | null
  /** Whether reduced axes stay, with size 1. */
  readonly keepdims?: boolean
}

export interface WhereOptions extends AxisOptions {
  /** Which elements count; broadcast to the array. */
  readonly where?: ArrayLike | null
}

export interface ReductionOptions extends WhereOptions {
  /** Value that the reduction starts with. */
  readonly initial?: ArrayLike | null
}

export interface SumOptions extends ReductionOptions {
  /** Dtype in which to reduce, and of the result. */
  readonly dtype?: DType | null
}

export interface MomentOptions extends WhereOptions {
  readonly dtype?: DType | null
}

export interface VarianceOptions extends MomentOptions {
  /** The divisor is the number of elements less this (0). */
  readonly ddof?: number
  /** The same under the array API's name. */
  readonly correction?: number
}

/** Puts reduced axes back with size 1. */
export const keepAxes = (
  reduced: NDArray,
  shape: readonly number[],
  axes: readonly number[],
  keepdims?: boolean,
): NDArray =>
  keepdims !== true || axes.length === 0
    ? reduced
    : lax.broadcastInDim(
        reduced,
        shape.map((n, d) => (axes.includes(d) ? 1 : n)),
        range(shape.length).filter((d) => !axes.includes(d)),
      )

/** Elements that count, with the others replaced by a value that doesn't matter. */
const masked = (x: NDArray, mask: ArrayLike | null | undefined, value: number, operation: string): NDArray => {
  if (mask === null || mask === undefined) return x
  const condition = asCondition(mask, operation)
  broadcastShapes(operation, condition.shape, x.shape)
  return choose(condition, x, constantLike(x, value))
}

/** Dtype in which sums and products of a dtype accumulate: small integers and bool widen. */
const sumDType = (dtype: DType): DType => {
  const kind = dtypeKind(dtype)
  return kind === 'bool' || kind === 'signed' ? 'int32' : kind === 'unsigned' ? 'uint32' : dtype
}

/** Halves are reduced in float32 and rounded once, at the end. */
const computeIn = (x: NDArray, f: (x: NDArray) => NDArray): NDArray =>
  isHalf(x.dtype) ? lax.convertElementType(f(lax.convertElementType(x, 'float32')), x.dtype) : f(x)

/**
 * Sum. Bool and small integers give int32 (or uint32), float16 and bfloat16 accumulate in float32.
 *
 * @example
 * ```ts
 * np.sum(np.array([[1, 2], [3, 4]]), { axis: 0 }) // [4, 6]
 * ```
 */
export const sum = (a: ArrayLike, options?: SumOptions): NDArray => {
  checkOptions('sum', options, 'axis keepdims where initial dtype')
  const x = lax.asArray(a, 'sum')
  const operand = lax.convertElementType(x, dtypeOr(options?.dtype, sumDType(x.dtype), 'sum'))
  const axes = canonicalAxes(options?.axis, x.ndim, 'sum')
  const total = computeIn(masked(operand, options?.where, 0, 'sum'), (y) => lax.reduceSum(y, axes))
  return keepAxes(withInitial(total, options, add), x.shape, axes, options?.keepdims)
}

/**
 * Product. Bool and small integers give int32 (or uint32).
 *
 * @example
 * ```ts
 * np.prod(np.array([2, 3, 4])) // 24
 * ```
 */
export const prod = (a: ArrayLike, options?: SumOptions): NDArray => {
  checkOptions('prod', options, 'axis keepdims where initial dtype')
  const x = lax.asArray(a, 'prod')
  const operand = lax.convertElementType(x, dtypeOr(options?.dtype, sumDType(x.dtype), 'prod'))
  const axes = canonicalAxes(options?.axis, x.ndim, 'prod')
  const total = computeIn(masked(operand, options?.where, 1, 'prod'), (y) => lax.reduceProd(y, axes))
  return keepAxes(withInitial(total, options, multiply), x.shape, axes, options?.keepdims)
}

const withInitial = (
  reduced: NDArray,
  options: ReductionOptions | undefined,
  combine: (x: ArrayLike, y: ArrayLike) => NDArray,
): NDArray => {
  const initial = options?.initial
  return initial === null || initial === undefined
    ? reduced
    : lax.convertElementType(combine(initial, reduced), reduced.dtype)
}

const extremum = (operation: 'max' | 'min', a: ArrayLike, options: ReductionOptions | undefined): NDArray => {
  checkOptions(operation, options, 'axis keepdims where initial')
  const x = lax.asArray(a, operation)
  const axes = canonicalAxes(options?.axis, x.ndim, operation)
  const initial = options?.initial
  if (initial === null || initial === undefined) {
    if (options?.where !== null && options?.where !== undefined)
      throw new ArgumentError(`${operation}: 'where' may leave nothing, so give 'initial' too: the result of nothing.`)
    if (sizeOf(axes.map((d) => known(x.shape[d], 'size'))) === 0) {
      throw new ArgumentError(
        `${operation}: there is no ${operation === 'max' ? 'largest' : 'smallest'} of no elements, and ${avalText(x.aval)} has none ` +
          `along ${axes.length === 1 ? `axis ${axes[0]}` : `axes ${axes.join(', ')}`}. Give 'initial', the result of nothing.`,
      )
    }
  }
  const { min, max } = isFloating(x.dtype) ? { min: -Infinity, max: Infinity } : dtypeRange(x.dtype)
  const operand = masked(x, options?.where, operation === 'max' ? min : max, operation)
  const reduced = operation === 'max' ? lax.reduceMax(operand, axes) : lax.reduceMin(operand, axes)
  return keepAxes(
    withInitial(reduced, options, operation === 'max' ? maximum : minimum),
    x.shape,
    axes,
    options?.keepdims,
  )
}

/**
 * Largest element; NaN if there is one. Equal largest elements share the derivative.
 *
 * Throws ArgumentError when there are no elements and no `initial`.
 *
 * @example
 * ```ts
 * np.max(np.array([[1, 5], [3, 4]]), { axis: 1 }) // [5, 4]
 * ```
 */
export const max = (a: ArrayLike, options?: ReductionOptions): NDArray => extremum('max', a, options)

/**
 * Smallest element; NaN if there is one. Equal smallest elements share the derivative.
 *
 * @example
 * ```ts
 * np.min(np.array([3, 1, 2])) // 1
 * ```
 */
export const min = (a: ArrayLike, options?: ReductionOptions): NDArray => extremum('min', a, options)
export { max as amax, min as amin }

/**
 * Largest less smallest element.
 *
 * @example
 * ```ts
 * np.ptp(np.array([3, 1, 2])) // 2
 * ```
 */
export const ptp = (a: ArrayLike, options?: AxisOptions): NDArray => {
  checkOptions('ptp', options, 'axis keepdims')
  return lax.sub(max(a, options), min(a, options))
}

const asBool = (a: ArrayLike, operation: string): NDArray => lax.convertElementType(lax.asArray(a, operation), 'bool')

/**
 * Whether any element is not 0.
 *
 * @example
 * ```ts
 * np.any(np.array([0, 1])).item() // 1
 * ```
 */
export const any = (a: ArrayLike, options?: WhereOptions): NDArray => {
  checkOptions('any', options, 'axis keepdims where')
  const x = asBool(a, 'any')
  const axes = canonicalAxes(options?.axis, x.ndim, 'any')
  return keepAxes(lax.reduceOr(masked(x, options?.where, 0, 'any'), axes), x.shape, axes, options?.keepdims)
}

/**
 * Whether all elements are not 0.
 *
 * @example
 * ```ts
 * np.all(np.array([0, 1])).item() // 0
 * ```
 */
export const all = (a: ArrayLike, options?: WhereOptions): NDArray => {
  checkOptions('all', options, 'axis keepdims where')
  const x = asBool(a, 'all')
  const axes = canonicalAxes(options?.axis, x.ndim, 'all')
  return keepAxes(lax.reduceAnd(masked(x, options?.where, 1, 'all'), axes), x.shape, axes, options?.keepdims)
}

/**
 * Number of elements that are not 0, as int32.
 *
 * @example
 * ```ts
 * np.countNonzero(np.array([0, 3, 0])) // 1
 * ```
 */
export const countNonzero = (a: ArrayLike, options?: AxisOptions): NDArray => {
  checkOptions('countNonzero', options, 'axis keepdims')
  return sum(asCondition(a, 'countNonzero'), options)
}

/** Number of elements that are reduced over: a JS number, or an array where a mask decides. */
const countOf = (
  shape: readonly number[],
  axes: readonly number[],
  mask: ArrayLike | null | undefined,
  dtype: DType,
): number | NDArray => {
  if (mask === null || mask === undefined) return sizeOf(axes.map((d) => known(shape[d], 'size')))
  const condition = lax.broadcastTo(asCondition(mask, 'mean'), shape)
  return lax.reduceSum(lax.convertElementType(condition, dtype), axes)
}

/** Dtype in which a mean of a dtype is computed. */
const momentDType = (x: NDArray, given: DType | null | undefined, operation: string): DType =>
  dtypeOr(given, inexact(x.dtype), operation)

/**
 * Arithmetic mean; integers give float32, halves are averaged in float32; NaN of no elements.
 *
 * @example
 * ```ts
 * np.mean(np.array([[1, 2], [3, 4]]), { axis: 1, keepdims: true }) // [[1.5], [3.5]]
 * ```
 */
export const mean = (a: ArrayLike, options?: MomentOptions): NDArray => {
  checkOptions('mean', options, 'axis keepdims where dtype')
  const x = lax.asArray(a, 'mean')
  const dtype = momentDType(x, options?.dtype, 'mean')
  const computed = isHalf(dtype) ? 'float32' : dtype
  const axes = canonicalAxes(options?.axis, x.ndim, 'mean')
  const total = sum(lax.convertElementType(x, computed), {
    axis: axes,
    keepdims: options?.keepdims ?? false,
    where: options?.where ?? null,
  })
  const count = countOf(x.shape, axes, options?.where, computed)
  const divisor =
    typeof count === 'number' ? lax.scalarOf(count, total) : keepAxes(count, x.shape, axes, options?.keepdims)
  return lax.convertElementType(lax.div(total, divisor), dtype)
}

/**
 * Variance: the mean of squared distances from the mean, over the number of elements less `ddof`. NaN where that is not positive.
 *
 * @example
 * ```ts
 * np.var(np.array([1, 2, 3, 4])) // 1.25
 * ```
 */
const variance = (a: ArrayLike, options?: VarianceOptions): NDArray => {
  checkOptions('var', options, 'axis keepdims where dtype ddof correction')
  const x = lax.asArray(a, 'var')
  const dtype = momentDType(x, options?.dtype, 'var')
  const computed = isHalf(dtype) ? 'float32' : dtype
  if (!isFloating(computed)) throw new DTypeError(`var: computes in floats, not in ${computed}.`)
  const axes = canonicalAxes(options?.axis, x.ndim, 'var')
  const mask = options?.where ?? null
  const operand = lax.convertElementType(x, computed)
  const centered = lax.sub(operand, mean(operand, { axis: axes, keepdims: true, where: mask }))
  const total = sum(lax.square(centered), { axis: axes, where: mask })
  const ddof = options?.correction ?? options?.ddof ?? 0
  const count = countOf(x.shape, axes, mask, computed)
  const result =
    typeof count === 'number'
      ? lax.div(total, lax.scalarOf(count - ddof > 0 ? count - ddof : NaN, total))
      : overPositive(total, lax.sub(count, constantLike(count, ddof)))
  return keepAxes(lax.convertElementType(result, dtype), x.shape, axes, options?.keepdims)
}

const overPositive = (total: NDArray, divisor: NDArray): NDArray =>
  choose(lax.gt(divisor, constantLike(divisor, 0)), lax.div(total, divisor), constantLike(total, NaN))

export { variance as var }

/**
 * Standard deviation, the square root of the variance.
 *
 * @example
 * ```ts
 * np.std(np.array([1, 3])) // 1
 * ```
 */
export const std = (a: ArrayLike, options?: VarianceOptions): NDArray => {
  checkOptions('std', options, 'axis keepdims where dtype ddof correction')
  const x = lax.asArray(a, 'std')
  const dtype = momentDType(x, options?.dtype, 'std')
  // The root is taken before halves are rounded.
  const wide = isHalf(dtype) ? 'float32' : dtype
  return lax.convertElementType(lax.sqrt(variance(x, { ...options, dtype: wide })), dtype)
}

export interface ArgOptions {
  /** Axis to search along; null (default) means the flat array. */
  readonly axis?: number | null
  readonly keepdims?: boolean
}

/** Flattens for a search without an axis. */
const positionOf = (operation: 'argmax' | 'argmin', a: ArrayLike, options: ArgOptions | undefined): NDArray => {
  checkOptions(operation, options, 'axis keepdims')
  const x = lax.asArray(a, operation)
  const axis = options?.axis ?? null
  const operand = axis === null ? lax.reshape(x, [x.size]) : x
  const along = axis === null ? 0 : canonicalAxis(axis, x.ndim, operation)
  if (operand.shape[along] === 0) {
    throw new ArgumentError(
      `${operation}: there is no position among no elements: ${avalText(x.aval)}${axis === null ? '' : ` along axis ${along}`}.`,
    )
  }
  const found = operation === 'argmax' ? lax.argmax(operand, along, 'int32') : lax.argmin(operand, along, 'int32')
  if (options?.keepdims !== true) return found
  return axis === null
    ? lax.reshape(
        found,
        x.shape.map(() => 1),
      )
    : keepAxes(found, x.shape, [along], true)
}

/**
 * Position of the largest element, the first of equal ones or of NaN, as int32.
 *
 * @example
 * ```ts
 * np.argmax(np.array([[1, 5], [7, 2]]), { axis: 1 }) // [1, 0]
 * ```
 */
export const argmax = (a: ArrayLike, options?: ArgOptions): NDArray => positionOf('argmax', a, options)

/**
 * Position of the smallest element, the first of equal ones or of NaN, as int32.
 *
 * @example
 * ```ts
 * np.argmin(np.array([3, 1])) // 1
 * ```
 */
export const argmin = (a: ArrayLike, options?: ArgOptions): NDArray => positionOf('argmin', a, options)
