/** JAX's type promotion with 64-bit types off: a lattice of dtypes in which JS numbers are weak. */
import { type DType, dtypeKind, isFloating } from './dtype.js'

/** A dtype with its strength: weak types come from JS numbers and yield to any strong type of their kind or above. */
export interface Promotable {
  readonly dtype: DType
  readonly weakType: boolean
}

/**
 * The dtype of a result of two strong dtypes.
 *
 * Integers of different signs meet in int32 (JAX's int64 with 64-bit types off, its int16 with no 16-bit integers here);
 * float16 with bfloat16 meets in float32.
 */
export const promoteTypes = (a: DType, b: DType): DType => {
  if (a === b) return a
  if (a === 'bool') return b
  if (b === 'bool') return a
  const floatA = isFloating(a)
  const floatB = isFloating(b)
  if (floatA && !floatB) return a
  if (floatB && !floatA) return b
  if (floatA) return a === 'float64' || b === 'float64' ? 'float64' : 'float32'
  if (dtypeKind(a) !== dtypeKind(b)) return 'int32'
  return dtypeKind(a) === 'unsigned' ? 'uint32' : 'int32'
}

/** Dtype and strength of the result of an operation over several operands. */
export const promote = (operands: readonly Promotable[]): Promotable => {
  let strong: DType | undefined
  let weak: DType | undefined
  for (const operand of operands) {
    if (operand.weakType) weak = weak === undefined ? operand.dtype : promoteTypes(weak, operand.dtype)
    else strong = strong === undefined ? operand.dtype : promoteTypes(strong, operand.dtype)
  }
  if (strong === undefined) return { dtype: weak ?? 'float32', weakType: true }
  if (weak === undefined) return { dtype: strong, weakType: false }
  return meetWeak(strong, weak)
}

/** A weak operand keeps a strong dtype of its kind or a higher kind, and otherwise brings its own kind, still weak. */
const meetWeak = (strong: DType, weak: DType): Promotable => {
  const rank = (dtype: DType): number => (dtype === 'bool' ? 0 : isFloating(dtype) ? 2 : 1)
  return rank(strong) >= rank(weak) ? { dtype: strong, weakType: false } : { dtype: weak, weakType: true }
}

/** Floating dtype in which an operation such as `sin` or a true division computes. */
export const inexact = (dtype: DType): DType => (isFloating(dtype) ? dtype : 'float32')
