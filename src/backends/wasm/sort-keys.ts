/** Keys that lines are sorted by: words without a sign in the order of the values, NaN last and -0 like 0. */
import type { DType } from '../../core/index.js'
import type { Instructions, Value, Variable } from './instructions.js'

/** A word of a key: which operand it is of, and whether it is the lower one of a float64. */
export interface KeyWord {
  readonly operand: number
  readonly dtype: DType
  readonly isLow: boolean
}

/** The words that lines are sorted by, the least significant first. */
export const keyWords = (dtypes: readonly DType[], keys: number): readonly KeyWord[] =>
  dtypes
    .slice(0, keys)
    .flatMap((dtype, operand): KeyWord[] => [
      { operand, dtype, isLow: false },
      ...(dtype === 'float64' ? [{ operand, dtype, isLow: true }] : []),
    ])
    .reverse()

const isHalf = (dtype: DType): boolean => dtype === 'float16' || dtype === 'bfloat16'
const isByte = (dtype: DType): boolean => dtype === 'int8' || dtype === 'uint8' || dtype === 'bool'

/** The bits of an element; of a float64 its upper word. */
export const loadBits = (w: Instructions, dtype: DType, address: Value): Value =>
  isByte(dtype)
    ? w.load('i32.load8_u', address)
    : isHalf(dtype)
      ? w.load('i32.load16_u', address)
      : w.load('i32.load', address, dtype === 'float64' ? 4 : 0)

/** The key of an element as an unsigned word whose order is that of the values. `bits` may be pushed several times. */
export const keyOf = (w: Instructions, dtype: DType, bits: Variable): Value => {
  switch (dtype) {
    case 'uint32':
    case 'uint8':
    case 'bool':
      return bits
    case 'int32':
      return w.op('i32.xor', bits, -0x80000000)
    case 'int8':
      return w.op('i32.xor', bits, 0x80)
    default: {
      const [sign, infinity, all] = isHalf(dtype)
        ? [0x8000, dtype === 'float16' ? 0x7c00 : 0x7f80, 0xffff]
        : [-0x80000000, 0x7f800000, -1]
      const magnitude = w.op('i32.and', bits, all & ~sign)
      const negative = w.op('i32.ne', w.op('i32.and', bits, sign), 0)
      const ordered = w.op('i32.xor', bits, w.op('select', all, sign, negative))
      const withZero = w.op('select', ordered, sign, magnitude)
      return w.op('select', all, withZero, w.op('i32.gt_u', magnitude, infinity))
    }
  }
}

/** The key words of a float64 of which both words are at hand. */
export const keyOfDouble = (w: Instructions, high: Variable, low: Variable, isLow: boolean): Value => {
  const magnitude = w.op('i32.and', high, 0x7fffffff)
  const isNaN = w.op('i32.gt_u', w.op('i32.or', magnitude, w.op('i32.ne', low, 0)), 0x7ff00000)
  const isZero = w.op('i32.eqz', w.op('i32.or', magnitude, low))
  const signs = w.op('i32.shr_s', high, 31)
  const ordered = isLow ? w.op('i32.xor', low, signs) : w.op('i32.xor', high, w.op('i32.or', signs, -0x80000000))
  return w.op('select', -1, w.op('select', isLow ? 0 : -0x80000000, ordered, isZero), isNaN)
}
