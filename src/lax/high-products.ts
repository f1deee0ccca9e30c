/** The upper halves of products of integers. */
import {
  type ArrayLike,
  type NDArray,
  DTypeError,
  broadcastShapes,
  dtypeKind,
  isInteger,
  known,
} from '../core/index.js'
import { add, mul, sub } from './arithmetic.js'
import { broadcastTo, filled, zerosOf } from './broadcasting.js'
import { bitwiseAnd, lt, select, shiftRightArithmetic, shiftRightLogical } from './comparison.js'
import { bitcastConvertType } from './bitcast.js'
import { convertElementType, operands } from './operands.js'

const high16 = (x: NDArray): NDArray => shiftRightLogical(x, filled(16, x.aval))
const low16 = (x: NDArray): NDArray => bitwiseAnd(x, filled(0xffff, x.aval))

/** Of uint32: long multiplication with digits of 16 bits. */
const unsignedHigh = (x: NDArray, y: NDArray): NDArray => {
  const [a, b, c, d] = [high16(x), low16(x), high16(y), low16(y)]
  const middle = add(mul(a, d), high16(mul(b, d)))
  // At most 2^32 - 1: the sum of a product of 16-bit digits and one such digit.
  const rest = add(mul(b, c), low16(middle))
  return add(add(mul(a, c), high16(middle)), high16(rest))
}

/**
 * The upper half of the bits of each product of integers, whose lower half `mul` gives. Throws DTypeError for other dtypes.
 *
 * @example
 * ```ts
 * lax.mulhi(np.array([2147483647], { dtype: 'int32' }), 4) // [1]
 * ```
 */
export const mulhi = (x: ArrayLike, y: ArrayLike): NDArray => {
  const [first, second] = operands('mulhi', [x, y])
  const shape = broadcastShapes('mulhi', ...[first, second].map((z) => known(z, 'operand').shape))
  const [a, b] = [broadcastTo(known(first, 'x'), shape), broadcastTo(known(second, 'y'), shape)]
  if (!isInteger(a.dtype)) throw new DTypeError(`mulhi: works on integers, got ${a.dtype}; convert with astype.`)
  const signed = dtypeKind(a.dtype) === 'signed'
  if (a.dtype === 'int8' || a.dtype === 'uint8') {
    const product = mul(convertElementType(a, 'int32'), convertElementType(b, 'int32'))
    return convertElementType(shiftRightArithmetic(product, filled(8, product.aval)), a.dtype)
  }
  if (!signed) return unsignedHigh(a, b)
  const bits = (z: NDArray): NDArray => bitcastConvertType(z, 'uint32')
  const zero = zerosOf(a.aval)
  // Two's complement: a negative number counts 2^32 too many as bits.
  const tooMany = add(select(lt(a, zero), b, zero), select(lt(b, zero), a, zero))
  return sub(bitcastConvertType(unsignedHigh(bits(a), bits(b)), 'int32'), tooMany)
}
