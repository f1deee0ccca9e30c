/** Constants in the dtype of an array, for formulas. */
import { type NDArray, roundTo, shapedArray } from '../core/index.js'
import * as lax from '../lax/index.js'

/** A number as a scalar of the dtype of an array. */
export const constantLike = (x: NDArray, value: number): NDArray => lax.scalarOf(roundTo(value, x.dtype), x)

/** One repeated value in the shape and dtype of an array. */
export const filledLike = (x: NDArray, value: number): NDArray =>
  lax.filled(roundTo(value, x.dtype), shapedArray(x.shape, x.dtype))
