/** fp-ts instances for arrays: equality, text, and elementwise arithmetic of a shape. */
import type { Eq } from 'fp-ts/lib/Eq.js'
import type { Field } from 'fp-ts/lib/Field.js'
import type { Ring } from 'fp-ts/lib/Ring.js'
import type { Show } from 'fp-ts/lib/Show.js'
import { type DType, ArgumentError, NDArray, isFloating, sameAval } from '../core/index.js'
import * as np from '../numpy/index.js'

/**
 * Equality of arrays: same shape, dtype and values. NaN equals NaN, as reflexivity asks; -0 equals 0.
 * Reads values, so it needs arrays on a synchronous device.
 */
export const arrayEq: Eq<NDArray> = {
  equals: (x, y) => {
    if (x === y) return true
    if (!sameAval(x.aval, y.aval)) return false
    const a = x.dataSync()
    const b = y.dataSync()
    return a.every((v, i) => v === b[i] || (Number.isNaN(v) && Number.isNaN(b[i])))
  },
}

/** Text of arrays as NumPy prints them. */
export const arrayShow: Show<NDArray> = { show: (x) => String(x) }

/**
 * Arrays of one shape and dtype as a ring, elementwise. The laws hold exactly for integers (modulo their range) and up to
 * rounding for floats.
 */
export const arrayRing = (shape: readonly number[], dtype: DType = 'float32'): Ring<NDArray> => ({
  zero: np.zeros(shape, { dtype }),
  one: np.ones(shape, { dtype }),
  add: (x, y) => np.add(x, y),
  sub: (x, y) => np.subtract(x, y),
  mul: (x, y) => np.multiply(x, y),
})

/**
 * Arrays of one shape and floating dtype as a field, elementwise: division is by arrays without zeros.
 * Throws ArgumentError for integer dtypes, whose division is not the inverse of multiplication.
 */
export const arrayField = (shape: readonly number[], dtype: DType = 'float32'): Field<NDArray> => {
  if (!isFloating(dtype))
    throw new ArgumentError(`arrayField: ${dtype} arrays are a ring and no field; use arrayRing, or a float dtype.`)
  return {
    ...arrayRing(shape, dtype),
    degree: () => 1,
    div: (x, y) => np.divide(x, y),
    // Division of floats leaves no remainder.
    mod: (x) => np.zerosLike(x),
  }
}
