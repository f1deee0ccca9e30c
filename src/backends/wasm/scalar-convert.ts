/** Scalar conversions: saturating, wrapping, and to and from halves; and bitcasts. */
import { type DType, InternalError, isFloating } from '../../core/index.js'
import type { FunctionBuilder } from './assembler.js'
import type { Helpers } from './helpers.js'
import { ops } from './opcodes.js'
import { integerExtreme, scalarCompare } from './scalar.js'
import { isUnsignedValue, valueType, wrapSmall } from './scalar-memory.js'

/** Converts the value on the stack. */
export const scalarConvert = (f: FunctionBuilder, helpers: Helpers, from: DType, to: DType): void => {
  const code = f.code
  if (from === 'float16' || from === 'bfloat16') {
    helpers.decodeHalf(f, from)
    if (to !== 'float32') scalarConvert(f, helpers, 'float32', to)
    return
  }
  if (to === 'float16' || to === 'bfloat16') {
    if (from !== 'float32') scalarConvert(f, helpers, from, 'float32')
    code.call(helpers.encodeHalf(to))
    return
  }
  const source = valueType(from)
  const unsigned = isUnsignedValue(from)
  switch (to) {
    case 'float32':
      if (source === 'f64') code.op(ops['f32.demote_f64'])
      else if (source === 'i32') code.op(unsigned ? ops['f32.convert_i32_u'] : ops['f32.convert_i32_s'])
      break
    case 'float64':
      if (source === 'f32') code.op(ops['f64.promote_f32'])
      else if (source === 'i32') code.op(unsigned ? ops['f64.convert_i32_u'] : ops['f64.convert_i32_s'])
      break
    case 'int32':
      if (source !== 'i32') code.op(source === 'f32' ? ops['i32.trunc_sat_f32_s'] : ops['i32.trunc_sat_f64_s'])
      break
    case 'uint32':
      if (source !== 'i32') code.op(source === 'f32' ? ops['i32.trunc_sat_f32_u'] : ops['i32.trunc_sat_f64_u'])
      break
    case 'int8':
    case 'uint8':
      if (isFloating(from)) {
        scalarConvert(f, helpers, from, to === 'int8' ? 'int32' : 'uint32')
        if (to === 'int8') {
          code.i32(127)
          integerExtreme(f, 'min', false)
          code.i32(-128)
          integerExtreme(f, 'max', false)
        } else {
          code.i32(255)
          integerExtreme(f, 'min', true)
        }
      } else if (from !== to && from !== 'bool') wrapSmall(f, to)
      break
    case 'bool':
      if (source === 'i32') code.i32(0)
      else if (source === 'f32') code.f32(0)
      else code.f64(0)
      scalarCompare(f, 'ne', from)
      break
  }
}

/** Reads the same bits as another dtype. */
export const scalarBitcast = (f: FunctionBuilder, from: DType, to: DType): void => {
  const source = valueType(from)
  const target = valueType(to)
  if (source === target) {
    if (to === 'int8' && from !== 'int8') wrapSmall(f, 'int8')
    else if (to === 'uint8' && from !== 'uint8') wrapSmall(f, 'uint8')
  } else if (source === 'f32' && target === 'i32') f.code.op(ops['i32.reinterpret_f32'])
  else if (source === 'i32' && target === 'f32') f.code.op(ops['f32.reinterpret_i32'])
  else throw new InternalError(`wasm cannot compute a bitcast from ${from} to ${to}`)
}
