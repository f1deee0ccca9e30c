/** Scalar instructions: how an operation of one element is computed from operands on the stack. */
import {
  type BinaryOp,
  type CompareOp,
  type DType,
  type Expression,
  type UnaryOp,
  InternalError,
} from '../../core/index.js'
import type { FunctionBuilder } from './assembler.js'
import type { Helpers } from './helpers.js'
import { ops } from './opcodes.js'
import { isUnsignedValue, valueType, wrapSmall } from './scalar-memory.js'

const unsupported = (what: string, dtype: DType): InternalError =>
  new InternalError(`wasm cannot compute ${what} of ${dtype}`)

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

/** Smaller or larger of two integers on the stack. */
export const integerExtreme = (f: FunctionBuilder, op: 'min' | 'max', unsigned: boolean): void => {
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
