/** Vector conversions, halves included. */
import type { DType } from '../../core/index.js'
import type { FunctionBuilder } from './assembler.js'
import { ops } from './opcodes.js'
import { isUnsignedValue } from './scalar-memory.js'
import { splat } from './vector-memory.js'

/** Converts the vector on the stack. */
export const vectorConvert = (f: FunctionBuilder, from: DType, to: DType): void => {
  const code = f.code
  if (from === 'float16' || from === 'bfloat16') {
    decodeHalves(f, from)
    if (to !== 'float32') vectorConvert(f, 'float32', to)
    return
  }
  if (to === 'float16' || to === 'bfloat16') {
    if (from !== 'float32') vectorConvert(f, from, 'float32')
    encodeHalves(f, to)
    return
  }
  if (from === 'bool') {
    // A mask becomes 1 of the target.
    const one = to === 'float32' ? 0x3f800000 : 1
    splat(f, one)
    code.op(ops['v128.and'])
    return
  }
  const unsigned = isUnsignedValue(from)
  if (to === 'float32') {
    if (from !== 'float32') code.op(unsigned ? ops['f32x4.convert_i32x4_u'] : ops['f32x4.convert_i32x4_s'])
    return
  }
  if (from === 'float32') {
    const toUnsigned = to === 'uint32' || to === 'uint8'
    code.op(toUnsigned ? ops['i32x4.trunc_sat_f32x4_u'] : ops['i32x4.trunc_sat_f32x4_s'])
    if (to === 'uint8') {
      splat(f, 255)
      code.op(ops['i32x4.min_u'])
    } else if (to === 'int8') {
      splat(f, 127)
      code.op(ops['i32x4.min_s'])
      splat(f, -128)
      code.op(ops['i32x4.max_s'])
    }
    return
  }
  if (to === 'uint8' && from !== 'uint8') {
    splat(f, 255)
    code.op(ops['v128.and'])
  } else if (to === 'int8' && from !== 'int8') {
    code.i32(24)
    code.op(ops['i32x4.shl'])
    code.i32(24)
    code.op(ops['i32x4.shr_s'])
  }
}

const decodeHalves = (f: FunctionBuilder, dtype: 'float16' | 'bfloat16'): void => {
  const code = f.code
  if (dtype === 'bfloat16') {
    code.i32(16)
    code.op(ops['i32x4.shl'])
    return
  }
  const half = f.local('v128')
  code.tee(half)
  splat(f, 0x7fff)
  code.op(ops['v128.and'])
  code.i32(13)
  code.op(ops['i32x4.shl'])
  splat(f, 0x77800000)
  code.op(ops['f32x4.mul'])
  code.get(half)
  splat(f, 0x7c00)
  code.op(ops['v128.and'])
  splat(f, 0x7c00)
  code.op(ops['i32x4.eq'])
  splat(f, 0x7f800000)
  code.op(ops['v128.and'])
  code.op(ops['v128.or'])
  code.get(half)
  splat(f, 0x8000)
  code.op(ops['v128.and'])
  code.i32(16)
  code.op(ops['i32x4.shl'])
  code.op(ops['v128.or'])
}

const encodeHalves = (f: FunctionBuilder, dtype: 'float16' | 'bfloat16'): void => {
  const code = f.code
  const word = f.local('v128')
  const odd = (shift: number): void => {
    code.i32(shift)
    code.op(ops['i32x4.shr_u'])
    splat(f, 1)
    code.op(ops['v128.and'])
    code.op(ops['i32x4.add'])
  }
  if (dtype === 'bfloat16') {
    code.tee(word)
    code.i32(16)
    code.op(ops['i32x4.shr_u'])
    splat(f, 0x40)
    code.op(ops['v128.or'])
    code.get(word)
    splat(f, 0x7fff)
    code.op(ops['i32x4.add'])
    code.get(word)
    odd(16)
    code.i32(16)
    code.op(ops['i32x4.shr_u'])
    code.get(word)
    code.get(word)
    code.op(ops['f32x4.ne'])
    code.op(ops['v128.bitselect'])
    return
  }
  const magnitude = f.local('v128')
  code.tee(word)
  splat(f, 0x7fffffff)
  code.op(ops['v128.and'])
  code.set(magnitude)
  splat(f, 0x7e00)
  splat(f, 0x7c00)
  // Subnormal or normal, as in core/host.ts.
  code.get(magnitude)
  splat(f, 0x3f000000)
  code.op(ops['f32x4.add'])
  splat(f, 0x3f000000)
  code.op(ops['i32x4.sub'])
  code.get(magnitude)
  splat(f, 0xc8000fff)
  code.op(ops['i32x4.add'])
  code.get(magnitude)
  odd(13)
  code.i32(13)
  code.op(ops['i32x4.shr_u'])
  code.get(magnitude)
  splat(f, 0x38800000)
  code.op(ops['i32x4.lt_s'])
  code.op(ops['v128.bitselect'])
  const finite = f.local('v128')
  code.set(finite)
  code.get(finite)
  code.get(magnitude)
  splat(f, 0x477ff000)
  code.op(ops['i32x4.ge_s'])
  // bitselect(infinity, finite, mask): the operands are in order on the stack.
  code.op(ops['v128.bitselect'])
  code.get(magnitude)
  splat(f, 0x7f800000)
  code.op(ops['i32x4.gt_s'])
  code.op(ops['v128.bitselect'])
  code.get(word)
  code.i32(16)
  code.op(ops['i32x4.shr_u'])
  splat(f, 0x8000)
  code.op(ops['v128.and'])
  code.op(ops['v128.or'])
}
