/** The same bits read as another dtype. */
import {
  type ArrayLike,
  type DType,
  type NDArray,
  type Primitive,
  ArgumentError,
  bindOne,
  dtypeBytes,
  e,
  isHalf,
  known,
} from '../core/index.js'
import { elementwise, numeric } from './elementwise.js'
import { asArray, checkDType } from './operands.js'

export interface BitcastParams {
  readonly newDtype: DType
}

const bitcastPrimitive: Primitive<BitcastParams> = elementwise<BitcastParams>('bitcast_convert_type', {
  // There are no 64-bit integers to read the bits of float64 as.
  dtypes: numeric.filter((d) => !isHalf(d) && d !== 'float64'),
  result: (_, { newDtype }) => newDtype,
  weak: () => false,
  passes: true,
  lower: ([x], { newDtype }) => e.bitcast(known(x, 'operand'), newDtype),
  sampleParams: (dtype) => ({ newDtype: dtypeBytes(dtype) === 4 ? 'int32' : 'uint8' }),
})

/**
 * The bits of every element read as another dtype of the same size; no derivative.
 *
 * @throws ArgumentError when the sizes differ, or for halves and bool
 * @example
 * ```ts
 * lax.bitcastConvertType(np.array([1]), 'int32').js() // [ 1065353216 ]
 * ```
 */
export const bitcastConvertType = (operand: ArrayLike, newDtype: DType): NDArray => {
  const x = asArray(operand, 'bitcastConvertType')
  checkDType(newDtype, 'bitcastConvertType')
  if (newDtype === 'bool' || isHalf(newDtype) || dtypeBytes(newDtype) !== dtypeBytes(x.dtype)) {
    throw new ArgumentError(
      `bitcastConvertType: the bits of ${x.dtype} cannot be read as ${newDtype}; both must be numbers of one size (4 bytes: float32, int32, uint32; 1 byte: int8, uint8).`,
    )
  }
  return x.dtype === newDtype ? x : bindOne(bitcastPrimitive, [x], { newDtype })
}
