/** Scalar instructions: how an operation of one element is computed from operands on the stack. */
import {
  type BinaryOp,
  type CompareOp,
  type DType,
  type Expression,
  type UnaryOp,
  InternalError,
  encodeValue,
  isFloating,
  isHalf,
} from '../../core/index.js'
import type { FunctionBuilder } from './assembler.js'
import type { Helpers } from './helpers.js'
import { type ValueType, ops } from './opcodes.js'

/** Type of a value on the stack. Halves are their 16 bits, small integers are extended to 32 bits, bool is 0 or 1. */
export const valueType = (dtype: DType): ValueType =>
  dtype === 'float32' ? 'f32' : dtype === 'float64' ? 'f64' : 'i32'

/** Whether integers of the dtype are read as unsigned. */
export const isUnsignedValue = (dtype: DType): boolean => dtype === 'uint32' || dtype === 'uint8' || dtype === 'bool'

type Table<K extends string> = Partial<Record<K, number>>

const unaryTables: Readonly<Record<'f32' | 'f64', Table<UnaryOp>>> = {
  f32: {
    neg: ops['f32.neg'],
    abs: ops['f32.abs'],
    floor: ops['f32.floor'],
    ceil: ops['f32.ceil'],
    trunc: ops['f32.trunc'],
    round: ops['f32.nearest'],
    sqrt: ops['f32.sqrt'],
  },
  f64: {
    neg: ops['f64.neg'],
    abs: ops['f64.abs'],
    floor: ops['f64.floor'],
    ceil: ops['f64.ceil'],
    trunc: ops['f64.trunc'],
    round: ops['f64.nearest'],
    sqrt: ops['f64.sqrt'],
  },
}

const binaryTables: Readonly<Record<'f32' | 'f64' | 'i32', Table<BinaryOp>>> = {
  f32: {
    add: ops['f32.add'],
    sub: ops['f32.sub'],
    mul: ops['f32.mul'],
    div: ops['f32.div'],
    min: ops['f32.min'],
    max: ops['f32.max'],
  },
  f64: {
    add: ops['f64.add'],
    sub: ops['f64.sub'],
    mul: ops['f64.mul'],
    div: ops['f64.div'],
    min: ops['f64.min'],
    max: ops['f64.max'],
  },
  i32: {
    add: ops['i32.add'],
    sub: ops['i32.sub'],
    mul: ops['i32.mul'],
    and: ops['i32.and'],
    or: ops['i32.or'],
    xor: ops['i32.xor'],
  },
}

/** Booleans under arithmetic: sums are `or`, products `and`. */
const boolBinary: Table<BinaryOp> = {
  add: ops['i32.or'],
  sub: ops['i32.xor'],
  mul: ops['i32.and'],
  min: ops['i32.and'],
  max: ops['i32.or'],
  and: ops['i32.and'],
  or: ops['i32.or'],
  xor: ops['i32.xor'],
}

const compareTables: Readonly<Record<'f32' | 'f64' | 'signed' | 'unsigned', Readonly<Record<CompareOp, number>>>> = {
  f32: {
    eq: ops['f32.eq'],
    ne: ops['f32.ne'],
    lt: ops['f32.lt'],
    le: ops['f32.le'],
    gt: ops['f32.gt'],
    ge: ops['f32.ge'],
  },
  f64: {
    eq: ops['f64.eq'],
    ne: ops['f64.ne'],
    lt: ops['f64.lt'],
    le: ops['f64.le'],
    gt: ops['f64.gt'],
    ge: ops['f64.ge'],
  },
  signed: {
    eq: ops['i32.eq'],
    ne: ops['i32.ne'],
    lt: ops['i32.lt_s'],
    le: ops['i32.le_s'],
    gt: ops['i32.gt_s'],
    ge: ops['i32.ge_s'],
  },
  unsigned: {
    eq: ops['i32.eq'],
    ne: ops['i32.ne'],
    lt: ops['i32.lt_u'],
    le: ops['i32.le_u'],
    gt: ops['i32.gt_u'],
    ge: ops['i32.ge_u'],
  },
}

const unsupported = (what: string, dtype: DType): InternalError =>
  new InternalError(`wasm cannot compute ${what} of ${dtype}`)

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

/** Replaces the operand on the stack by the result. */
export const scalarUnary = (f: FunctionBuilder, helpers: Helpers, op: UnaryOp, dtype: DType): void => {
  const type = valueType(dtype)
  if (type !== 'i32') {
    const code = unaryTables[type === 'f32' ? 'f32' : 'f64'][op]
    if (code !== undefined) f.code.op(code)
    else if (op === 'sign') floatSign(f, type === 'f32' ? 'f32' : 'f64')
    else if (dtype === 'float64') f.code.call(helpers.math(op))
    else {
      // Rules decompose these for float32; what has no decomposition goes through float64.
      f.code.op(ops['f64.promote_f32'])
      f.code.call(helpers.math(op))
      f.code.op(ops['f32.demote_f64'])
    }
    return
  }
  integerUnary(f, op, dtype)
}

/** 1 with the sign of the operand, which stays as it is where it is zero or NaN. */
const floatSign = (f: FunctionBuilder, type: 'f32' | 'f64'): void => {
  const x = f.local(type)
  const code = f.code
  const one = (): void => (type === 'f32' ? code.f32(1) : code.f64(1))
  const zero = (): void => (type === 'f32' ? code.f32(0) : code.f64(0))
  code.set(x)
  one()
  code.get(x)
  code.op(type === 'f32' ? ops['f32.copysign'] : ops['f64.copysign'])
  code.get(x)
  code.get(x)
  code.op(type === 'f32' ? ops['f32.abs'] : ops['f64.abs'])
  zero()
  code.op(type === 'f32' ? ops['f32.gt'] : ops['f64.gt'])
  code.op(ops.select)
}

const integerUnary = (f: FunctionBuilder, op: UnaryOp, dtype: DType): void => {
  const code = f.code
  const unsigned = isUnsignedValue(dtype)
  switch (op) {
    case 'neg': {
      const x = f.local('i32')
      code.set(x)
      code.i32(0)
      code.get(x)
      code.op(ops['i32.sub'])
      break
    }
    case 'abs': {
      if (unsigned) return
      const x = f.local('i32')
      const mask = f.local('i32')
      code.tee(x)
      code.i32(31)
      code.op(ops['i32.shr_s'])
      code.tee(mask)
      code.get(x)
      code.op(ops['i32.xor'])
      code.get(mask)
      code.op(ops['i32.sub'])
      break
    }
    case 'sign': {
      if (unsigned) {
        code.i32(0)
        code.op(ops['i32.ne'])
        break
      }
      const x = f.local('i32')
      code.tee(x)
      code.i32(0)
      code.op(ops['i32.gt_s'])
      code.get(x)
      code.i32(0)
      code.op(ops['i32.lt_s'])
      code.op(ops['i32.sub'])
      break
    }
    case 'not':
      code.i32(dtype === 'bool' ? 1 : -1)
      code.op(ops['i32.xor'])
      break
    case 'clz':
      code.op(ops['i32.clz'])
      break
    case 'popcount':
      code.op(ops['i32.popcnt'])
      break
    case 'floor':
    case 'ceil':
    case 'trunc':
    case 'round':
      break
    default:
      throw unsupported(op, dtype)
  }
  if (dtype === 'int8' || dtype === 'uint8') wrapSmall(f, dtype)
}

/** Makes the low byte a value of a small dtype. */
const wrapSmall = (f: FunctionBuilder, dtype: 'int8' | 'uint8'): void => {
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

/** Replaces two operands by the result. `right` is the second operand's expression: constants make cheaper code. */
export const scalarBinary = (
  f: FunctionBuilder,
  helpers: Helpers,
  op: BinaryOp,
  dtype: DType,
  right?: Expression,
  nonNegative = false,
): void => {
  const type = valueType(dtype)
  const code = f.code
  if (type === 'f32' || type === 'f64') {
    const direct = binaryTables[type][op]
    if (direct !== undefined) code.op(direct)
    else if (op === 'rem') code.call(type === 'f32' ? helpers.remainder32() : helpers.math('rem'))
    else if (type === 'f64') code.call(helpers.math(op))
    else code.call(helpers.math32(op))
    return
  }
  if (dtype === 'bool') {
    const direct = boolBinary[op]
    if (direct === undefined) throw unsupported(op, dtype)
    code.op(direct)
    return
  }
  const direct = binaryTables.i32[op]
  const unsigned = isUnsignedValue(dtype)
  if (direct !== undefined) code.op(direct)
  else if (op === 'min' || op === 'max') integerExtreme(f, op, unsigned)
  else if (op === 'div' || op === 'rem') {
    const divisor = right?.op === 'const' ? right.value : undefined
    if (divisor !== undefined && divisor !== 0 && divisor !== -1) {
      if (unsigned || (nonNegative && divisor > 0)) code.op(op === 'div' ? ops['i32.div_u'] : ops['i32.rem_u'])
      else code.op(op === 'div' ? ops['i32.div_s'] : ops['i32.rem_s'])
    } else code.call(helpers.integerDivision(op, unsigned))
  } else if (op === 'shl' || op === 'shrArithmetic' || op === 'shrLogical') scalarShift(f, op, right)
  else throw unsupported(op, dtype)
  if (dtype === 'int8' || dtype === 'uint8') wrapSmall(f, dtype)
}

const integerExtreme = (f: FunctionBuilder, op: 'min' | 'max', unsigned: boolean): void => {
  const code = f.code
  const a = f.local('i32')
  const b = f.local('i32')
  code.set(b)
  code.tee(a)
  code.get(b)
  code.get(a)
  code.get(b)
  if (op === 'min') code.op(unsigned ? ops['i32.lt_u'] : ops['i32.lt_s'])
  else code.op(unsigned ? ops['i32.gt_u'] : ops['i32.gt_s'])
  code.op(ops.select)
}

/** Shifts by 32 or more (or by a negative count, which is a large one) give 0, or the sign. */
const scalarShift = (
  f: FunctionBuilder,
  op: 'shl' | 'shrArithmetic' | 'shrLogical',
  right: Expression | undefined,
): void => {
  const code = f.code
  const plain = op === 'shl' ? ops['i32.shl'] : op === 'shrLogical' ? ops['i32.shr_u'] : ops['i32.shr_s']
  if (right?.op === 'const' && right.value >= 0 && right.value < 32) {
    code.op(plain)
    return
  }
  const count = f.local('i32')
  code.set(count)
  if (op === 'shrArithmetic') {
    code.get(count)
    code.i32(31)
    code.get(count)
    code.i32(32)
    code.op(ops['i32.lt_u'])
    code.op(ops.select)
    code.op(plain)
    return
  }
  code.get(count)
  code.op(plain)
  code.i32(0)
  code.get(count)
  code.i32(32)
  code.op(ops['i32.lt_u'])
  code.op(ops.select)
}

/** Replaces two operands by 0 or 1; `dtype` is theirs. */
export const scalarCompare = (f: FunctionBuilder, op: CompareOp, dtype: DType): void => {
  const type = valueType(dtype)
  const table = type === 'f32' || type === 'f64' ? type : isUnsignedValue(dtype) ? 'unsigned' : 'signed'
  f.code.op(compareTables[table][op])
}

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
  else throw unsupported(`a bitcast to ${to}`, from)
}

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
