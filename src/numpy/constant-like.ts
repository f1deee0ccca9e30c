/** Constants in the dtype of an array, for formulas. */
import { type NDArray, shapedArray } from '../core/index.js'
import * as lax from '../lax/index.js'

/** A number as a scalar of the dtype of an array. */
export const constantLike = (x: NDArray, value: number): NDArray => lax.scalarOf(value, x)

/** One repeated value in the shape and dtype of an array. */
export const filledLike = (x: NDArray, value: number): NDArray => lax.filled(value, shapedArray(x.shape, x.dtype))
