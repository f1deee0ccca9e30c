/** One-dimensional convolution and correlation. */
import { type ArrayLike, type NDArray, ArgumentError, avalText, known, checkOptions } from '../core/index.js'
import * as lax from '../lax/index.js'
import { oneOf } from './arguments.js'
import { promoteInexact } from './promotion-args.js'

/** Which places of a convolution to give: all that overlap, as many as the longer input has, or only full overlaps. */
export type ConvolveMode = 'full' | 'same' | 'valid'

/** Options of `convolve` and `correlate`. */
export interface ConvolveOptions {
  readonly mode?: ConvolveMode
  /** Accepted as in JAX; products are always of the highest. */
  readonly precision?: lax.Precision
}

/** Sliding dot products of a longer vector with a kernel, after padding by the mode. */
const slide = (long: NDArray, kernel: NDArray, mode: ConvolveMode): NDArray => {
  const n = kernel.size
  const padding: readonly [number, number] =
    mode === 'full' ? [n - 1, n - 1] : mode === 'same' ? [Math.floor(n / 2), n - Math.floor(n / 2) - 1] : [0, 0]
  const out = lax.convGeneralDilated(
    lax.reshape(long, [1, 1, long.size]),
    lax.reshape(kernel, [1, 1, n]),
    [1],
    [padding],
  )
  return lax.reshape(out, [out.size])
}

const vectors = (operation: string, a: ArrayLike, v: ArrayLike): readonly [NDArray, NDArray] => {
  const [first, second] = promoteInexact(operation, [a, v])
  const x = known(first, 'a')
  const y = known(second, 'v')
  if (x.ndim !== 1 || y.ndim !== 1 || x.size === 0 || y.size === 0) {
    throw new ArgumentError(
      `${operation}: takes two vectors that are not empty, got ${avalText(x.aval)} and ${avalText(y.aval)}.`,
    )
  }
  return [x, y]
}

/**
 * Convolution of two vectors: sums of products with one of them reversed and shifted. Integers become float32.
 *
 * @example
 * ```ts
 * np.convolve(np.array([1, 2, 3]), np.array([0, 1, 0.5])) // [0, 1, 2.5, 4, 1.5]
 * ```
 */
export const convolve = (a: ArrayLike, v: ArrayLike, options?: ConvolveOptions): NDArray => {
  checkOptions('convolve', options, 'mode precision')
  const mode = oneOf(options?.mode ?? 'full', ['full', 'same', 'valid'], 'convolve', 'mode')
  const [x, y] = vectors('convolve', a, v)
  const [long, short] = x.size < y.size ? [y, x] : [x, y]
  return slide(long, lax.rev(short, [0]), mode)
}

/**
 * Correlation of two vectors: sums of products with one of them shifted. Integers become float32.
 *
 * @example
 * ```ts
 * np.correlate(np.array([1, 2, 3]), np.array([0, 1, 0.5])) // [3.5]
 * ```
 */
export const correlate = (a: ArrayLike, v: ArrayLike, options?: ConvolveOptions): NDArray => {
  checkOptions('correlate', options, 'mode precision')
  const mode = oneOf(options?.mode ?? 'valid', ['full', 'same', 'valid'], 'correlate', 'mode')
  const [x, y] = vectors('correlate', a, v)
  // With the longer vector second, the result runs backwards.
  return x.size < y.size ? lax.rev(slide(y, x, mode), [0]) : slide(x, y, mode)
}
