/** Shapes: reading them, reshaping, inserting, dropping, moving and reversing axes, broadcasting. */
import {
  type ArrayEach,
  type ArrayLike,
  type NDArray,
  ArgumentError,
  ShapeError,
  avalText,
  broadcastShapes as commonShape,
  canonicalAxes,
  canonicalAxis,
  known,
  range,
  sizeOf,
  checkOptions,
  describe,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import { listOfArrays } from './arguments.js'

/**
 * Sizes of the axes.
 *
 * @example
 * ```ts
 * np.shape(np.zeros([2, 3])) // [2, 3]
 * ```
 */
export const shape = (a: ArrayLike): number[] => [...lax.asArray(a, 'shape').shape]
/**
 * Number of axes.
 *
 * @example
 * ```ts
 * np.ndim(np.zeros([2, 3])) // 2
 * ```
 */
export const ndim = (a: ArrayLike): number => lax.asArray(a, 'ndim').ndim
/**
 * Number of elements, of all or of some axes.
 *
 * @example
 * ```ts
 * np.size(np.zeros([2, 3])) // 6
 * ```
 */
export const size = (a: ArrayLike, options?: { readonly axis?: number | readonly number[] | null }): number => {
  checkOptions('size', options, 'axis')
  const x = lax.asArray(a, 'size')
  return sizeOf(canonicalAxes(options?.axis, x.ndim, 'size').map((d) => known(x.shape[d], 'size')))
}

/** A shape in which one -1 is worked out. */
const resolveShape = (x: NDArray, shape: number | readonly number[]): readonly number[] => {
  const sizes = typeof shape === 'number' ? [shape] : shape
  if (!Array.isArray(sizes)) throw new ArgumentError(`reshape: expected a shape, got ${describe(shape)}.`)
  const unknown = sizes.indexOf(-1)
  if (unknown < 0) return sizes
  const others = sizeOf(sizes.filter((_, d) => d !== unknown))
  if (sizes.lastIndexOf(-1) !== unknown)
    throw new ArgumentError(`reshape: only one size can be -1, the one that is worked out; got [${sizes.join(',')}].`)
  if (others === 0 ? x.size !== 0 : x.size % others !== 0) {
    throw new ShapeError(
      `reshape: ${avalText(x.aval)} has ${x.size} elements, which don't divide into [${sizes.join(',')}]: ` +
        `the other sizes make ${others}.`,
    )
  }
  return sizes.map((n, d) => (d === unknown ? (others === 0 ? 0 : x.size / others) : n))
}

export interface OrderOptions {
  /** 'C' (default): the last axis changes fastest; 'F': the first one. */
  readonly order?: 'C' | 'F'
}

const reversedAxes = (x: NDArray): NDArray => lax.transpose(x, range(x.ndim).reverse())

/**
 * The same elements in another shape; one size may be -1, which is worked out.
 *
 * Throws ShapeError when the numbers of elements differ.
 *
 * @example
 * ```ts
 * np.reshape(np.arange(6), [2, -1]) // [[0, 1, 2], [3, 4, 5]]
 * ```
 */
export const reshape = (a: ArrayLike, shape: number | readonly number[], options?: OrderOptions): NDArray => {
  checkOptions('reshape', options, 'order')
  const x = lax.asArray(a, 'reshape')
  const sizes = resolveShape(x, shape)
  if (options?.order === 'F') return reversedAxes(lax.reshape(reversedAxes(x), [...sizes].reverse()))
  return lax.reshape(x, sizes)
}

/**
 * All elements along one axis.
 *
 * @example
 * ```ts
 * np.ravel(np.array([[1, 2], [3, 4]])) // [1, 2, 3, 4]
 * ```
 */
export const ravel = (a: ArrayLike, options?: OrderOptions): NDArray => {
  checkOptions('ravel', options, 'order')
  return reshape(a, [-1], options)
}

/**
 * Inserts axes of size 1, at these places of the result.
 *
 * @example
 * ```ts
 * np.expandDims(np.zeros([3]), 0) // float32[1,3]
 * ```
 */
export const expandDims = (a: ArrayLike, axis: number | readonly number[]): NDArray => {
  const x = lax.asArray(a, 'expandDims')
  const axes = typeof axis === 'number' ? [axis] : axis
  return lax.expandDims(x, canonicalAxes(axes, x.ndim + axes.length, 'expandDims'))
}

/**
 * Drops axes of size 1: all of them, or the given ones. Throws ShapeError for an axis of another size.
 *
 * @example
 * ```ts
 * np.squeeze(np.zeros([1, 3, 1])) // float32[3]
 * ```
 */
export const squeeze = (a: ArrayLike, options?: { readonly axis?: number | readonly number[] | null }): NDArray => {
  checkOptions('squeeze', options, 'axis')
  const x = lax.asArray(a, 'squeeze')
  const axis = options?.axis ?? null
  const axes = axis === null ? range(x.ndim).filter((d) => x.shape[d] === 1) : canonicalAxes(axis, x.ndim, 'squeeze')
  const wrong = axes.find((d) => x.shape[d] !== 1)
  if (wrong !== undefined)
    throw new ShapeError(
      `squeeze: axis ${wrong} of ${avalText(x.aval)} has size ${x.shape[wrong]}; only size 1 drops out.`,
    )
  return axes.length === 0 ? x : lax.squeeze(x, axes)
}

/**
 * Permutes the axes; without `axes`, reverses them.
 *
 * @example
 * ```ts
 * np.transpose(np.zeros([2, 3])) // float32[3,2]
 * ```
 */
export const transpose = (
  a: ArrayLike,
  options?: { readonly axes?: readonly number[] | null } | readonly number[],
): NDArray => {
  const x = lax.asArray(a, 'transpose')
  const axes = isAxes(options) ? options : checkOptions('transpose', options, 'axes')?.axes
  if (axes === undefined || axes === null) return reversedAxes(x)
  const permutation = canonicalAxes(axes, x.ndim, 'transpose')
  if (permutation.length !== x.ndim)
    throw new ArgumentError(
      `transpose: axes [${axes.join(',')}] must name each of the ${x.ndim} axes of ${avalText(x.aval)}.`,
    )
  return lax.transpose(x, permutation)
}

const isAxes = (x: object | readonly number[] | undefined): x is readonly number[] => Array.isArray(x)

/**
 * Permutes the axes.
 *
 * @example
 * ```ts
 * np.permuteDims(np.zeros([2, 3]), [1, 0]) // float32[3,2]
 * ```
 */
export const permuteDims = (a: ArrayLike, axes: readonly number[]): NDArray => transpose(a, axes)

/**
 * Swaps the last two axes.
 *
 * @example
 * ```ts
 * np.matrixTranspose(np.zeros([5, 2, 3])) // float32[5,3,2]
 * ```
 */
export const matrixTranspose = (x: ArrayLike): NDArray => {
  const array = lax.asArray(x, 'matrixTranspose')
  if (array.ndim < 2) throw new ShapeError(`matrixTranspose: needs two axes or more, got ${avalText(array.aval)}.`)
  return swapaxes(array, -1, -2)
}

/**
 * Swaps two axes.
 *
 * @example
 * ```ts
 * np.swapaxes(np.zeros([2, 3, 4]), 0, 2) // float32[4,3,2]
 * ```
 */
export const swapaxes = (a: ArrayLike, axis1: number, axis2: number): NDArray => {
  const x = lax.asArray(a, 'swapaxes')
  const first = canonicalAxis(axis1, x.ndim, 'swapaxes')
  const second = canonicalAxis(axis2, x.ndim, 'swapaxes')
  return lax.transpose(
    x,
    range(x.ndim).map((d) => (d === first ? second : d === second ? first : d)),
  )
}

/**
 * Moves axes to other places; the rest keep their order.
 *
 * @example
 * ```ts
 * np.moveaxis(np.zeros([2, 3, 4]), 0, -1) // float32[3,4,2]
 * ```
 */
export const moveaxis = (
  a: ArrayLike,
  source: number | readonly number[],
  destination: number | readonly number[],
): NDArray => {
  const x = lax.asArray(a, 'moveaxis')
  const from = canonicalAxes(source, x.ndim, 'moveaxis')
  const to = canonicalAxes(destination, x.ndim, 'moveaxis')
  if (from.length !== to.length)
    throw new ArgumentError(`moveaxis: ${from.length} source axes and ${to.length} destinations; give one for each.`)
  const order = range(x.ndim).filter((d) => !from.includes(d))
  const moves = to.map((place, i) => [place, known(from[i], 'axis')] as const).sort(([p], [q]) => p - q)
  for (const [place, axis] of moves) order.splice(place, 0, axis)
  return lax.transpose(x, order)
}

/**
 * Moves one axis back until it is before another.
 *
 * @example
 * ```ts
 * np.rollaxis(np.zeros([2, 3, 4]), 2) // float32[4,2,3]
 * ```
 */
export const rollaxis = (a: ArrayLike, axis: number, options?: { readonly start?: number }): NDArray => {
  checkOptions('rollaxis', options, 'start')
  const x = lax.asArray(a, 'rollaxis')
  const from = canonicalAxis(axis, x.ndim, 'rollaxis')
  const start = options?.start ?? 0
  if (!Number.isInteger(start) || start < -x.ndim || start > x.ndim)
    throw new ArgumentError(`rollaxis: start ${start} is out of range; it can be ${-x.ndim} to ${x.ndim}.`)
  const to = start < 0 ? start + x.ndim : start
  return lax.moveAxis(x, from, from < to ? to - 1 : to)
}

/**
 * The shape of arrays of these shapes when broadcast together.
 *
 * @example
 * ```ts
 * np.broadcastShapes([2, 1], [3]) // [2, 3]
 * ```
 */
export const broadcastShapes = (...shapes: readonly (number | readonly number[])[]): number[] => [
  ...commonShape('broadcastShapes', ...shapes.map((s) => (typeof s === 'number' ? [s] : s))),
]

/**
 * Repeats along axes of size 1, and new leading axes, up to a shape. Throws ShapeError when it doesn't fit.
 *
 * @example
 * ```ts
 * np.broadcastTo(np.array([1, 2]), [3, 2])
 * ```
 */
export const broadcastTo = (array: ArrayLike, shape: number | readonly number[]): NDArray =>
  lax.broadcastTo(lax.asArray(array, 'broadcastTo'), typeof shape === 'number' ? [shape] : shape)

/**
 * Arrays repeated to their common shape.
 *
 * @example
 * ```ts
 * const [x, y] = np.broadcastArrays(np.zeros([2, 1]), np.zeros([3]))
 * ```
 */
export function broadcastArrays<Args extends readonly ArrayLike[]>(...args: Args): ArrayEach<Args>
export function broadcastArrays(...args: readonly ArrayLike[]): NDArray[] {
  const arrays = listOfArrays(args, 'broadcastArrays')
  const shape = commonShape('broadcastArrays', ...arrays.map((x) => x.shape))
  return arrays.map((x) => lax.broadcastTo(x, shape))
}

/**
 * At least one axis.
 *
 * @example
 * ```ts
 * np.atleast1d(5) // [5]
 * ```
 */
export const atleast1d = (x: ArrayLike): NDArray => {
  const array = lax.asArray(x, 'atleast1d')
  return array.ndim >= 1 ? array : lax.reshape(array, [1])
}

/**
 * At least two axes: a vector becomes a row.
 *
 * @example
 * ```ts
 * np.atleast2d(np.zeros([3])) // float32[1,3]
 * ```
 */
export const atleast2d = (x: ArrayLike): NDArray => {
  const array = lax.asArray(x, 'atleast2d')
  return array.ndim >= 2 ? array : lax.reshape(array, [1, array.size])
}

/** At least three axes: `[n]` becomes `[1, n, 1]`, `[m, n]` becomes `[m, n, 1]`. */
export const atleast3d = (x: ArrayLike): NDArray => {
  const array = lax.asArray(x, 'atleast3d')
  if (array.ndim >= 3) return array
  return lax.reshape(array, array.ndim === 2 ? [...array.shape, 1] : [1, array.size, 1])
}

const flipped = (x: NDArray, axes: readonly number[]): NDArray => (axes.length === 0 ? x : lax.rev(x, axes))

/**
 * Reverses elements along axes, all of them unless given.
 *
 * @example
 * ```ts
 * np.flip(np.array([1, 2, 3])) // [3, 2, 1]
 * ```
 */
export const flip = (m: ArrayLike, options?: { readonly axis?: number | readonly number[] | null }): NDArray => {
  checkOptions('flip', options, 'axis')
  const x = lax.asArray(m, 'flip')
  return flipped(x, canonicalAxes(options?.axis, x.ndim, 'flip'))
}

/**
 * Reverses axis 1.
 *
 * @example
 * ```ts
 * np.fliplr(np.array([[1, 2]])) // [[2, 1]]
 * ```
 */
export const fliplr = (m: ArrayLike): NDArray => {
  const x = lax.asArray(m, 'fliplr')
  return flipped(x, [canonicalAxis(1, x.ndim, 'fliplr')])
}

/**
 * Reverses axis 0.
 *
 * @example
 * ```ts
 * np.flipud(np.array([[1], [2]])) // [[2], [1]]
 * ```
 */
export const flipud = (m: ArrayLike): NDArray => {
  const x = lax.asArray(m, 'flipud')
  return flipped(x, [canonicalAxis(0, x.ndim, 'flipud')])
}

/**
 * Rotates by `k` (1) quarter turns, from the first towards the second of `axes` ([0, 1]).
 *
 * @example
 * ```ts
 * np.rot90(np.array([[1, 2], [3, 4]])) // [[2, 4], [1, 3]]
 * ```
 */
export const rot90 = (
  m: ArrayLike,
  options?: { readonly k?: number; readonly axes?: readonly [number, number] },
): NDArray => {
  checkOptions('rot90', options, 'k axes')
  const x = lax.asArray(m, 'rot90')
  const [first = 0, second = 1] = canonicalAxes(options?.axes ?? [0, 1], x.ndim, 'rot90')
  const turns = (((options?.k ?? 1) % 4) + 4) % 4
  if (turns === 0) return x
  if (turns === 2) return lax.rev(x, [first, second])
  const swapped = swapaxes(x, first, second)
  return lax.rev(swapped, [turns === 1 ? first : second])
}
