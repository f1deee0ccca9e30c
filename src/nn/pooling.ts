/** Pooling over windows of channels-last arrays. */
import {
  type ArrayLike,
  type NDArray,
  ShapeError,
  avalText,
  dtypeRange,
  isFloating,
  shapeText,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import { floatArray } from './activations.js'

/** Padding of windows: one pair per spatial axis, or a rule. */
export type WindowPadding = 'SAME' | 'VALID' | 'SAME_LOWER' | readonly (readonly [low: number, high: number])[]

/** Options of pooling. */
export interface PoolOptions {
  /** One per spatial axis, 1 unless said. */
  readonly strides?: readonly number[] | null
  readonly padding?: WindowPadding
}

/** The arguments of reduceWindow for windows over the spatial axes of [..., spatial..., channels]. */
const windowOf = (x: NDArray, windowShape: readonly number[], options: PoolOptions, operation: string) => {
  const { strides, padding = 'VALID' } = options
  const leading = x.ndim - windowShape.length - 1
  const fits = (list: readonly unknown[] | null | undefined): boolean =>
    list === null || list === undefined || list.length === windowShape.length
  if (leading < 0 || !fits(strides) || (typeof padding !== 'string' && !fits(padding))) {
    throw new ShapeError(
      `${operation}: a window ${shapeText(windowShape)}${strides ? ` with strides ${shapeText(strides)}` : ''} does not fit ${avalText(x.aval)}. ` +
        `The input is [batch, ...spatial, channels]; window, strides and padding have one entry per spatial axis.`,
    )
  }
  const none = new Array<number>(leading).fill(1)
  const zero = none.map((): readonly [number, number] => [0, 0])
  return {
    dimensions: [...none, ...windowShape, 1],
    strides: [...none, ...(strides ?? windowShape.map(() => 1)), 1],
    padding: typeof padding === 'string' ? padding : [...zero, ...padding, [0, 0] as const],
  }
}

/**
 * The largest element of each window, of [batch, ...spatial, channels].
 *
 * @param windowShape one size per spatial axis
 * @example
 * ```ts
 * nn.maxPool(np.ones([1, 4, 4, 3]), [2, 2], { strides: [2, 2] }).shape // [1, 2, 2, 3]
 * ```
 */
export const maxPool = (inputs: ArrayLike, windowShape: readonly number[], options: PoolOptions = {}): NDArray => {
  checkOptions('nn.maxPool', options, 'strides padding')
  const x = lax.asArray(inputs, 'nn.maxPool')
  const { dimensions, strides, padding } = windowOf(x, windowShape, options, 'nn.maxPool')
  const least = isFloating(x.dtype) ? -Infinity : dtypeRange(x.dtype).min
  return lax.reduceWindow(x, least, lax.max, dimensions, strides, padding)
}

/** The smallest element of each window, of [batch, ...spatial, channels]. */
export const minPool = (inputs: ArrayLike, windowShape: readonly number[], options: PoolOptions = {}): NDArray => {
  checkOptions('nn.minPool', options, 'strides padding')
  const x = lax.asArray(inputs, 'nn.minPool')
  const { dimensions, strides, padding } = windowOf(x, windowShape, options, 'nn.minPool')
  const greatest = isFloating(x.dtype) ? Infinity : dtypeRange(x.dtype).max
  return lax.reduceWindow(x, greatest, lax.min, dimensions, strides, padding)
}

/** Options of `avgPool`. */
export interface AvgPoolOptions extends PoolOptions {
  /** Whether padding counts as zeros in the mean (default), or not at all. */
  readonly countIncludePad?: boolean
}

/**
 * The mean of each window, of [batch, ...spatial, channels].
 *
 * @example
 * ```ts
 * nn.avgPool(np.ones([1, 4, 4, 3]), [2, 2], { strides: [2, 2] }).shape // [1, 2, 2, 3]
 * ```
 */
export const avgPool = (inputs: ArrayLike, windowShape: readonly number[], options: AvgPoolOptions = {}): NDArray => {
  const { countIncludePad = true, ...rest } = checkOptions('nn.avgPool', options, 'strides padding countIncludePad')
  const x = floatArray(inputs, 'nn.avgPool')
  const { dimensions, strides, padding } = windowOf(x, windowShape, rest, 'nn.avgPool')
  const sums = lax.reduceWindow(x, 0, lax.add, dimensions, strides, padding)
  if (countIncludePad)
    return lax.div(
      sums,
      windowShape.reduce((a, b) => a * b, 1),
    )
  // How many elements each window holds depends on the spatial axes only.
  const leading = x.ndim - windowShape.length - 1
  const ones = lax.full(
    x.shape.map((size, d) => (d < leading || d === x.ndim - 1 ? 1 : size)),
    1,
    { dtype: x.dtype },
  )
  const counts = lax.reduceWindow(ones, 0, lax.add, dimensions, strides, padding)
  return lax.div(sums, lax.broadcastTo(counts, sums.shape))
}
