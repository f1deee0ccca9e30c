/** Values on the stack: their types, constants, loads and stores. */
import { type DType, encodeValue, isHalf } from '../../core/index.js'
import type { FunctionBuilder } from './assembler.js'
import { type ValueType, ops } from './opcodes.js'

/** Type of a value on the stack. Halves are their 16 bits, small integers are extended to 32 bits, bool is 0 or 1. */
export const valueType = (dtype: DType): ValueType =>
  dtype === 'float32' ? 'f32' : dtype === 'float64' ? 'f64' : 'i32'

/** Whether integers of the dtype are read as unsigned. */
export const isUnsignedValue = (dtype: DType): boolean => dtype === 'uint32' || dtype === 'uint8' || dtype === 'bool'

/** Pushes a constant. */
export const scalarConstant = (f: FunctionBuilder, value: number, dtype: DType): void => {
  if (dtype === 'float32') f.code.f32(value)
  else if (dtype === 'float64') f.code.f64(value)
  else f.code.i32(constantWord(value, dtype))
}

/** The 32 bits that stand for a constant of any dtype but float64. */
export const constantWord = (value: number, dtype: DType): number => {
  if (dtype === 'float32') {
    float[0] = value
    return bits[0] ?? 0
  }
  return isHalf(dtype) ? encodeValue(value, dtype) : value | 0
}

const float = new Float32Array(1)
const bits = new Int32Array(float.buffer)

const loads: Readonly<Record<DType, number>> = {
  float32: ops['f32.load'],
  float64: ops['f64.load'],
  float16: ops['i32.load16_u'],
  bfloat16: ops['i32.load16_u'],
  int32: ops['i32.load'],
  uint32: ops['i32.load'],
  int8: ops['i32.load8_s'],
  uint8: ops['i32.load8_u'],
  bool: ops['i32.load8_u'],
}

const stores: Readonly<Record<DType, number>> = {
  float32: ops['f32.store'],
  float64: ops['f64.store'],
  float16: ops['i32.store16'],
  bfloat16: ops['i32.store16'],
  int32: ops['i32.store'],
  uint32: ops['i32.store'],
  int8: ops['i32.store8'],
  uint8: ops['i32.store8'],
  bool: ops['i32.store8'],
}

/** Replaces an address by the element there. */
export const scalarLoad = (f: FunctionBuilder, dtype: DType, offset: number): void =>
  f.code.memory(loads[dtype], offset)

/** Stores the value on the stack at the address below it. */
export const scalarStore = (f: FunctionBuilder, dtype: DType, offset: number): void =>
  f.code.memory(stores[dtype], offset)

/** Makes the low byte a value of a small dtype. */
export const wrapSmall = (f: FunctionBuilder, dtype: 'int8' | 'uint8'): void => {
  const code = f.code
  if (dtype === 'uint8') {
    code.i32(255)
    code.op(ops['i32.and'])
  } else {
    code.i32(24)
    code.op(ops['i32.shl'])
    code.i32(24)
    code.op(ops['i32.shr_s'])
  }
}
