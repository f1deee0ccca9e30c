/** How dtypes are summed: in which dtype, and by which operation. */
import { type CombineOp, type DType, isHalf } from '../core/index.js'

/** Dtype in which sums of a dtype are kept. */
export const accumulatorDType = (dtype: DType): DType =>
  isHalf(dtype) ? 'float32' : dtype === 'int8' || dtype === 'uint8' ? 'int32' : dtype

/** Of bools, sums and maxima are `or`, products and minima `and`. */
export const combineFor = (combine: CombineOp, dtype: DType): CombineOp => {
  if (dtype !== 'bool') return combine
  return combine === 'add' || combine === 'max' ? 'or' : combine === 'mul' || combine === 'min' ? 'and' : combine
}
