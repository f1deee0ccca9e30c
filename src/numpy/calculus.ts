/** Discrete calculus: differences, gradients, integrals, interpolation, unwrapping of angles. */
import {
  type ArrayLike,
  ArgumentError,
  NDArray,
  ShapeError,
  avalText,
  canonicalAxes,
  canonicalAxis,
  dtypeEpsilon,
  isInteger,
  known,
  range,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import { mod, multiply, subtract } from './arithmetic.js'
import { splitOptions } from './arguments.js'
import { notEqual } from './comparison.js'
import { constantLike } from './constant-like.js'
import { concatenate } from './joining.js'
import { inexactOperand, promoteInexact } from './promotion-args.js'
import { sum } from './reductions.js'
import { searchsorted } from './searching.js'
import { where } from './selection.js'
import { ravel } from './shape.js'
import { argsort } from './sorting.js'
import { take } from './take.js'

export interface DiffOptions {
  /** How often differences are taken, 1 unless given. */
  readonly n?: number
  readonly axis?: number
  /** Values to put before the array along the axis first. */
  readonly prepend?: ArrayLike | null
  /** Values to put after the array along the axis first. */
  readonly append?: ArrayLike | null
}

/** A value as a slice of an axis: a scalar fills one place. */
const edgeOf = (value: ArrayLike, x: NDArray, axis: number): NDArray => {
  const edge = lax.asArray(value, 'diff')
  return edge.ndim === 0
    ? lax.broadcastTo(
        edge,
        x.shape.map((n, d) => (d === axis ? 1 : n)),
      )
    : edge
}

/**
 * Differences of neighbours along an axis (the last); of bool, whether they differ.
 *
 * @example
 * ```ts
 * np.diff(np.array([1, 4, 9])) // [3, 5]
 * ```
 */
export const diff = (a: ArrayLike, options?: DiffOptions): NDArray => {
  checkOptions('diff', options, 'n axis prepend append')
  const array = lax.asArray(a, 'diff')
  if (array.ndim === 0) throw new ShapeError('diff: a scalar has no neighbours; it needs one axis or more.')
  const axis = canonicalAxis(options?.axis ?? -1, array.ndim, 'diff')
  const n = options?.n ?? 1
  if (!Number.isInteger(n) || n < 0) throw new ArgumentError(`diff: n must be a non-negative integer, got ${n}.`)
  const parts: NDArray[] = []
  if (options?.prepend !== undefined && options.prepend !== null) parts.push(edgeOf(options.prepend, array, axis))
  parts.push(array)
  if (options?.append !== undefined && options.append !== null) parts.push(edgeOf(options.append, array, axis))
  let x = parts.length === 1 ? array : concatenate(parts, { axis })
  for (const _ of range(n)) {
    const size = known(x.shape[axis], 'size')
    if (size === 0) break
    const later = lax.sliceInDim(x, 1, size, { axis })
    const earlier = lax.sliceInDim(x, 0, size - 1, { axis })
    x = x.dtype === 'bool' ? notEqual(later, earlier) : lax.sub(later, earlier)
  }
  return x
}

/**
 * Differences of neighbours of the flattened array, with values before and after them.
 *
 * @example
 * ```ts
 * np.ediff1d(np.array([1, 4, 9]), { toEnd: 0 }) // [3, 5, 0]
 * ```
 */
export const ediff1d = (
  ary: ArrayLike,
  options?: { readonly toEnd?: ArrayLike | null; readonly toBegin?: ArrayLike | null },
): NDArray => {
  checkOptions('ediff1d', options, 'toEnd toBegin')
  const x = ravel(ary)
  const parts: NDArray[] = []
  const add = (value: ArrayLike | null | undefined): void => {
    if (value !== null && value !== undefined) parts.push(lax.convertElementType(ravel(value), x.dtype))
  }
  add(options?.toBegin)
  parts.push(diff(x))
  add(options?.toEnd)
  return parts.length === 1 ? known(parts[0], 'differences') : concatenate(parts)
}

export interface GradientOptions {
  /** Axis or axes to differentiate along, all unless given. */
  readonly axis?: number | readonly number[] | null
  /** Order of the slopes at both ends: 1 (the default) through two points, 2 through three. */
  readonly edgeOrder?: 1 | 2
}

/** Places of an axis, fixed except along it. */
const sliced = (x: NDArray, axis: number, start: number, stop: number): NDArray =>
  lax.sliceInDim(x, start, stop, { axis })

/** A vector along one axis of an array of a rank. */
const alongAxis = (vector: NDArray, rank: number, axis: number): NDArray =>
  lax.broadcastInDim(
    vector,
    range(rank).map((d) => (d === axis ? vector.size : 1)),
    [axis],
  )

/** Slopes by second-order central differences; at the two ends one-sided, through two points or (second order) three. */
const gradientAlong = (x: NDArray, axis: number, spacing: NDArray, edgeOrder: 1 | 2): NDArray => {
  const size = known(x.shape[axis], 'size')
  if (size < edgeOrder + 1)
    throw new ArgumentError(
      `gradient: axis ${axis} of ${avalText(x.aval)} has ${size} elements; slopes need ${edgeOrder === 1 ? 'two' : 'three, with edgeOrder 2,'} or more.`,
    )
  const part = (start: number, stop: number): NDArray => sliced(x, axis, start, stop)
  const steps = lax.sub(part(1, size), part(0, size - 1))
  if (spacing.ndim === 0) {
    const central = lax.div(lax.mul(lax.sub(part(2, size), part(0, size - 2)), constantLike(x, 0.5)), spacing)
    const slopeAt = (i: number): NDArray => lax.div(sliced(steps, axis, i, i + 1), spacing)
    if (edgeOrder === 1) return lax.concatenate([slopeAt(0), central, slopeAt(size - 2)], axis)
    const extended = (near: number, far: number): NDArray =>
      lax.sub(lax.mul(slopeAt(near), constantLike(x, 1.5)), lax.mul(slopeAt(far), constantLike(x, 0.5)))
    return lax.concatenate([extended(0, 1), central, extended(size - 2, size - 3)], axis)
  }
  if (spacing.ndim !== 1 || spacing.size !== size) {
    throw new ShapeError(
      `gradient: coordinates ${avalText(spacing.aval)} must be a vector of the ${size} elements along axis ${axis}.`,
    )
  }
  const widths = alongAxis(diff(spacing), x.ndim, axis)
  const slopes = lax.div(steps, widths)
  const before = sliced(widths, axis, 0, size - 2)
  const after = sliced(widths, axis, 1, size - 1)
  // Slopes on both sides, each weighted by the width of the other.
  const weighted = lax.add(
    lax.mul(sliced(slopes, axis, 0, size - 2), after),
    lax.mul(sliced(slopes, axis, 1, size - 1), before),
  )
  const central = lax.div(weighted, lax.add(before, after))
  const slopeAt = (i: number): NDArray => sliced(slopes, axis, i, i + 1)
  if (edgeOrder === 1) return lax.concatenate([slopeAt(0), central, slopeAt(size - 2)], axis)
  // The parabola through three points: the slope beside the edge, carried on by half of the change of slopes.
  const extended = (near: number, far: number): NDArray => {
    const [width, other] = [near, far].map((i) => sliced(widths, axis, i, i + 1))
    const ratio = lax.div(known(width, 'near'), lax.add(known(width, 'near'), known(other, 'far')))
    return lax.add(slopeAt(near), lax.mul(ratio, lax.sub(slopeAt(near), slopeAt(far))))
  }
  return lax.concatenate([extended(0, 1), central, extended(size - 2, size - 3)], axis)
}

/**
 * Slopes of samples along each axis: one array, or a list of one for each of several axes. Spacings come after the samples: one
 * for all axes, or one for each, a number or a vector of coordinates.
 *
 * @example
 * ```ts
 * np.gradient(np.array([1, 4, 9, 16])) // [3, 4, 6, 7]
 * np.gradient(np.array([1, 4]), 0.5) // [6, 6]
 * ```
 */
export const gradient = (f: ArrayLike, ...spacing: readonly (ArrayLike | GradientOptions)[]): NDArray | NDArray[] => {
  const { arrays, options } = splitOptions<GradientOptions>(spacing, 'gradient')
  checkOptions('gradient', options, 'axis edgeOrder')
  const edgeOrder = options?.edgeOrder ?? 1
  if (edgeOrder !== 1 && edgeOrder !== 2)
    throw new ArgumentError(`gradient: edgeOrder is the order of slopes at the ends, 1 or 2, got ${String(edgeOrder)}.`)
  const x = inexactOperand('gradient', f)
  const axes = canonicalAxes(options?.axis, x.ndim, 'gradient')
  const given = arrays.map((s) => lax.convertElementType(s, x.dtype))
  if (given.length > 1 && given.length !== axes.length)
    throw new ArgumentError(`gradient: ${given.length} spacings for ${axes.length} axes; give one, or one for each.`)
  const results = axes.map((axis, i) =>
    gradientAlong(x, axis, given[given.length === 1 ? 0 : i] ?? constantLike(x, 1), edgeOrder),
  )
  const [only] = results
  return results.length === 1 && only !== undefined ? only : results
}

/**
 * Integral by the trapezoidal rule along an axis (the last), over coordinates `x` or steps of `dx` (1).
 *
 * @example
 * ```ts
 * np.trapezoid(np.array([1, 2, 3])) // 4
 * ```
 */
export const trapezoid = (
  y: ArrayLike,
  options?: { readonly x?: ArrayLike | null; readonly dx?: ArrayLike; readonly axis?: number },
): NDArray => {
  checkOptions('trapezoid', options, 'x dx axis')
  const coordinates = options?.x ?? null
  const [first, second] = promoteInexact('trapezoid', [y, coordinates ?? options?.dx ?? 1])
  const values = known(first, 'y')
  const axis = canonicalAxis(options?.axis ?? -1, values.ndim, 'trapezoid')
  const size = known(values.shape[axis], 'size')
  const other = known(second, 'x or dx')
  const widths =
    coordinates === null ? other : other.ndim === 1 ? alongAxis(diff(other), values.ndim, axis) : diff(other, { axis })
  const sums = lax.add(sliced(values, axis, Math.min(1, size), size), sliced(values, axis, 0, Math.max(0, size - 1)))
  return lax.mul(sum(multiply(sums, widths), { axis }), constantLike(values, 0.5))
}

export interface InterpOptions {
  /** Value left of the first sample, that of the first sample unless given. */
  readonly left?: ArrayLike | null
  /** Value right of the last sample, that of the last sample unless given. */
  readonly right?: ArrayLike | null
  /** Period of the coordinates; then `left` and `right` don't matter and `xp` need not rise. */
  readonly period?: ArrayLike | null
}

/**
 * Piecewise linear interpolation of samples `fp` at rising coordinates `xp`.
 *
 * @example
 * ```ts
 * np.interp(np.array([1.5, 9]), np.array([1, 2]), np.array([10, 20])) // [15, 20]
 * ```
 */
export const interp = (x: ArrayLike, xp: ArrayLike, fp: ArrayLike, options?: InterpOptions): NDArray => {
  checkOptions('interp', options, 'left right period')
  const arrays = promoteInexact('interp', [x, xp, fp])
  let at = known(arrays[0], 'x')
  let places = known(arrays[1], 'xp')
  let values = known(arrays[2], 'fp')
  if (places.ndim !== 1 || values.ndim !== 1 || places.size !== values.size || places.size === 0) {
    throw new ShapeError(
      `interp: xp and fp must be vectors of one length, not empty; got ${avalText(places.aval)} and ${avalText(values.aval)}.`,
    )
  }
  const period = options?.period ?? null
  if (period !== null) {
    const length = lax.abs(lax.convertElementType(period, at.dtype))
    at = mod(at, length)
    places = mod(places, length)
    const order = argsort(places)
    places = take(places, order)
    values = take(values, order)
    const end = (array: NDArray, i: number): NDArray => lax.indexInDim(array, i)
    places = concatenate([lax.sub(end(places, -1), length), places, lax.add(end(places, 0), length)])
    values = concatenate([end(values, -1), values, end(values, 0)])
  }
  const inside = interpolate(at, places, values)
  if (period !== null) return inside
  const edge = (array: NDArray, i: number): NDArray => lax.indexInDim(array, i, { keepdims: false })
  const side = (given: ArrayLike | null | undefined, i: number): NDArray =>
    given === null || given === undefined ? edge(values, i) : lax.convertElementType(given, values.dtype)
  const left = where(lax.lt(at, edge(places, 0)), side(options?.left, 0), inside)
  return where(lax.gt(at, edge(places, -1)), side(options?.right, -1), left)
}

/** Between the two samples around each place, as JAX; equal neighbours don't make NaN, in the derivative neither. */
const interpolate = (x: NDArray, places: NDArray, values: NDArray): NDArray => {
  if (places.size === 1) return lax.broadcastTo(lax.reshape(values, []), x.shape)
  const right = lax.clamp(1, searchsorted(places, x, { side: 'right' }), places.size - 1)
  const left = lax.sub(right, 1)
  const pick = (array: NDArray, index: NDArray): NDArray => take(array, index, { mode: 'clip' })
  const low = pick(values, left)
  const rise = lax.sub(pick(values, right), low)
  const width = lax.sub(pick(places, right), pick(places, left))
  const tiny = constantLike(width, dtypeEpsilon(width.dtype) ** 2)
  const same = lax.le(lax.abs(width), tiny)
  const offset = lax.sub(x, pick(places, left))
  const slope = lax.div(offset, where(same, constantLike(width, 1), width))
  return where(same, low, lax.add(low, lax.mul(slope, rise)))
}

export interface UnwrapOptions {
  /** Jumps of more than this are taken back, half a period unless given. */
  readonly discont?: number | null
  readonly axis?: number
  /** 2 pi unless given. */
  readonly period?: number
}

/**
 * Takes back jumps of angles by whole periods, so that neighbours along an axis (the last) differ by half a period at most.
 *
 * @example
 * ```ts
 * np.unwrap(np.array([0, 3, -3])) // [0, 3, 3.2831855]
 * ```
 */
export const unwrap = (p: ArrayLike, options?: UnwrapOptions): NDArray => {
  checkOptions('unwrap', options, 'discont axis period')
  const array = lax.asArray(p, 'unwrap')
  const period = options?.period ?? 2 * Math.PI
  const wholeNumbers = isInteger(array.dtype) && Number.isInteger(period)
  const x = wholeNumbers ? array : inexactOperand('unwrap', array)
  if (x.size === 0) return x
  const axis = canonicalAxis(options?.axis ?? -1, x.ndim, 'unwrap')
  const high = wholeNumbers ? Math.floor(period / 2) : period / 2
  const low = wholeNumbers && period % 2 === 0 ? -high : wholeNumbers ? -high - (period % 2) + 1 : -high
  const steps = diff(x, { axis })
  let wrapped = lax.add(mod(subtract(steps, low), constantLike(steps, period)), constantLike(steps, low))
  // A step of half a period keeps its direction.
  const ambiguous = lax.bitwiseAnd(lax.eq(wrapped, constantLike(steps, low)), lax.gt(steps, constantLike(steps, 0)))
  if (!wholeNumbers || period % 2 === 0) wrapped = where(ambiguous, constantLike(steps, high), wrapped)
  const small = lax.lt(lax.abs(steps), constantLike(steps, options?.discont ?? period / 2))
  const corrections = where(small, constantLike(steps, 0), lax.sub(wrapped, steps))
  const total = lax.cumsum(corrections, { axis })
  const size = known(x.shape[axis], 'size')
  return lax.concatenate([sliced(x, axis, 0, 1), lax.add(sliced(x, axis, 1, size), total)], axis)
}
