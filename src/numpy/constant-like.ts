/** Constants in the dtype of an array, for formulas. */
import { type NDArray, currentDevice, roundTo, scalarArray, shapedArray } from '../core/index.js'
import * as lax from '../lax/index.js'

/** A number as a scalar of the dtype of an array, weak where the array is, so that results stay weak. */
export const constantLike = (x: NDArray, value: number): NDArray =>
  scalarArray(roundTo(value, x.dtype), x.dtype, x.weakType, currentDevice())

/** One repeated value in the shape and dtype of an array. */
export const filledLike = (x: NDArray, value: number): NDArray =>
  lax.filled(roundTo(value, x.dtype), shapedArray(x.shape, x.dtype, x.weakType))
