/** What losses do to their arguments first. */
import { type ArrayLike, type NDArray, inexact } from '../core/index.js'
import * as lax from '../lax/index.js'

/** An array of a floating dtype; integers and booleans become float32. */
export const floats = (x: ArrayLike, operation: string): NDArray => {
  const array = lax.asArray(x, operation)
  return lax.convertElementType(array, inexact(array.dtype))
}
