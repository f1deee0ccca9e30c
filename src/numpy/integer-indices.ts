/** Indices that users give: arrays of integers, numbers, or lists of them. */
import { type ArrayLike, DTypeError, NDArray, avalText, isInteger } from '../core/index.js'
import * as lax from '../lax/index.js'
import { fromHost } from './creation.js'

/** Indices as an array of int32 or uint32. Throws DTypeError for floats and booleans. */
export const integerIndices = (given: ArrayLike | readonly number[], operation: string): NDArray => {
  const indices =
    typeof given === 'object' && !(given instanceof NDArray)
      ? fromHost(given, [given.length], 'int32')
      : lax.asArray(given, operation)
  if (isInteger(indices.dtype)) {
    return indices.dtype === 'int32' || indices.dtype === 'uint32' ? indices : lax.convertElementType(indices, 'int32')
  }
  throw new DTypeError(
    `${operation}: indices must be integers, got ${avalText(indices.aval)}. ` +
      `np.array of numbers is float32: give { dtype: 'int32' }, or convert with x.astype('int32').`,
  )
}
