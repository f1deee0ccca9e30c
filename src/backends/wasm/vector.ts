/** SIMD instructions: how an operation of four elements is computed. Masks stand for bool. */
import type { BinaryOp, CompareOp, DType, UnaryOp } from '../../core/index.js'
import type { FunctionBuilder } from './assembler.js'
import type { Helpers } from './helpers.js'
import { ops } from './opcodes.js'
import { scalarBinary, scalarUnary } from './scalar.js'
import { isUnsignedValue } from './scalar-memory.js'
import { extractLane, laneWise, splat } from './vector-memory.js'

type Table<K extends string> = Partial<Record<K, number>>

const floatUnary: Table<UnaryOp> = {
  neg: ops['f32x4.neg'],
  abs: ops['f32x4.abs'],
  floor: ops['f32x4.floor'],
  ceil: ops['f32x4.ceil'],
  trunc: ops['f32x4.trunc'],
  round: ops['f32x4.nearest'],
  sqrt: ops['f32x4.sqrt'],
}

const floatBinary: Table<BinaryOp> = {
  add: ops['f32x4.add'],
  sub: ops['f32x4.sub'],
  mul: ops['f32x4.mul'],
  div: ops['f32x4.div'],
  min: ops['f32x4.min'],
  max: ops['f32x4.max'],
}

const integerBinary: Table<BinaryOp> = {
  add: ops['i32x4.add'],
  sub: ops['i32x4.sub'],
  mul: ops['i32x4.mul'],
  and: ops['v128.and'],
  or: ops['v128.or'],
  xor: ops['v128.xor'],
}

const maskBinary: Table<BinaryOp> = {
  add: ops['v128.or'],
  sub: ops['v128.xor'],
  mul: ops['v128.and'],
  min: ops['v128.and'],
  max: ops['v128.or'],
  and: ops['v128.and'],
  or: ops['v128.or'],
  xor: ops['v128.xor'],
}

const floatCompare: Readonly<Record<CompareOp, number>> = {
  eq: ops['f32x4.eq'],
  ne: ops['f32x4.ne'],
  lt: ops['f32x4.lt'],
  le: ops['f32x4.le'],
  gt: ops['f32x4.gt'],
  ge: ops['f32x4.ge'],
}
const signedCompare: Readonly<Record<CompareOp, number>> = {
  eq: ops['i32x4.eq'],
  ne: ops['i32x4.ne'],
  lt: ops['i32x4.lt_s'],
  le: ops['i32x4.le_s'],
  gt: ops['i32x4.gt_s'],
  ge: ops['i32x4.ge_s'],
}
const unsignedCompare: Readonly<Record<CompareOp, number>> = {
  eq: ops['i32x4.eq'],
  ne: ops['i32x4.ne'],
  lt: ops['i32x4.lt_u'],
  le: ops['i32x4.le_u'],
  gt: ops['i32x4.gt_u'],
  ge: ops['i32x4.ge_u'],
}

const isWord = (dtype: DType): boolean => dtype === 'int32' || dtype === 'uint32'

/** Whether an operation has vector code of its own; the others are computed lane by lane. */
export const hasVectorUnary = (op: UnaryOp, dtype: DType): boolean => {
  if (dtype === 'float32') return floatUnary[op] !== undefined || op === 'sign'
  if (dtype === 'bool') return op === 'not'
  if (!isWord(dtype)) return false
  return op === 'neg' || op === 'abs' || op === 'sign' || op === 'not' || op === 'popcount' || isIdentityOfIntegers(op)
}

const isIdentityOfIntegers = (op: UnaryOp): boolean =>
  op === 'floor' || op === 'ceil' || op === 'trunc' || op === 'round'

export const hasVectorBinary = (op: BinaryOp, dtype: DType): boolean => {
  if (dtype === 'float32') return floatBinary[op] !== undefined
  if (dtype === 'bool') return maskBinary[op] !== undefined
  if (!isWord(dtype)) return false
  return integerBinary[op] !== undefined || op === 'min' || op === 'max'
}

/** Replaces the vector on the stack by the result. */
export const vectorUnary = (f: FunctionBuilder, helpers: Helpers, op: UnaryOp, dtype: DType): void => {
  const code = f.code
  if (!hasVectorUnary(op, dtype)) {
    laneWise(f, dtype, dtype, () => scalarUnary(f, helpers, op, dtype))
    return
  }
  const direct = dtype === 'float32' ? floatUnary[op] : undefined
  if (direct !== undefined) {
    code.op(direct)
    return
  }
  if (op === 'sign') {
    const x = f.local('v128')
    code.set(x)
    if (dtype === 'float32') {
      // 1 with the sign of x, or x where it is zero or NaN: where |x| > 0 is false.
      code.get(x)
      splat(f, -2147483648)
      code.op(ops['v128.and'])
      splat(f, 0x3f800000)
      code.op(ops['v128.or'])
      code.get(x)
      code.get(x)
      code.op(ops['f32x4.abs'])
      splat(f, 0)
      code.op(ops['f32x4.gt'])
      code.op(ops['v128.bitselect'])
    } else if (dtype === 'uint32') {
      code.get(x)
      splat(f, 1)
      code.op(ops['i32x4.min_u'])
    } else {
      code.get(x)
      splat(f, 0)
      code.op(ops['i32x4.lt_s'])
      code.get(x)
      splat(f, 0)
      code.op(ops['i32x4.gt_s'])
      code.op(ops['i32x4.sub'])
    }
  } else if (op === 'neg') code.op(ops['i32x4.neg'])
  else if (op === 'abs') {
    if (dtype === 'int32') code.op(ops['i32x4.abs'])
  } else if (op === 'not') code.op(ops['v128.not'])
  else if (op === 'popcount') {
    code.op(ops['i8x16.popcnt'])
    code.op(ops['i16x8.extadd_pairwise_i8x16_u'])
    code.op(ops['i32x4.extadd_pairwise_i16x8_u'])
  }
}

/** Replaces two vectors by the result. Shifts come here only with counts that differ between lanes. */
export const vectorBinary = (f: FunctionBuilder, helpers: Helpers, op: BinaryOp, dtype: DType): void => {
  const code = f.code
  const direct =
    dtype === 'float32'
      ? floatBinary[op]
      : dtype === 'bool'
        ? maskBinary[op]
        : isWord(dtype)
          ? integerBinary[op]
          : undefined
  if (direct !== undefined) code.op(direct)
  else if (isWord(dtype) && op === 'min') code.op(dtype === 'int32' ? ops['i32x4.min_s'] : ops['i32x4.min_u'])
  else if (isWord(dtype) && op === 'max') code.op(dtype === 'int32' ? ops['i32x4.max_s'] : ops['i32x4.max_u'])
  else {
    const right = f.local('v128')
    code.set(right)
    laneWise(f, dtype, dtype, (lane) => {
      code.get(right)
      extractLane(f, dtype, lane)
      scalarBinary(f, helpers, op, dtype)
    })
  }
}

/** Shifts the vector on the stack by one count for all lanes, which is in a local or known. */
export const vectorShift = (
  f: FunctionBuilder,
  op: 'shl' | 'shrArithmetic' | 'shrLogical',
  count: number,
  isLocal: boolean,
): void => {
  const code = f.code
  const plain = op === 'shl' ? ops['i32x4.shl'] : op === 'shrLogical' ? ops['i32x4.shr_u'] : ops['i32x4.shr_s']
  const known = isLocal ? undefined : count >>> 0
  if (known !== undefined) {
    if (known < 32) {
      code.i32(known)
      code.op(plain)
    } else if (op === 'shrArithmetic') {
      code.i32(31)
      code.op(plain)
    } else {
      code.op(ops.drop)
      splat(f, 0)
    }
    return
  }
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
  code.i32(-1)
  code.i32(0)
  code.get(count)
  code.i32(32)
  code.op(ops['i32.lt_u'])
  code.op(ops.select)
  code.op(ops['i32x4.splat'])
  code.op(ops['v128.and'])
}

/** Replaces two vectors by a mask; masks themselves compare as unsigned, true above false. */
export const vectorCompare = (f: FunctionBuilder, op: CompareOp, dtype: DType): void => {
  const table = dtype === 'float32' ? floatCompare : isUnsignedValue(dtype) ? unsignedCompare : signedCompare
  f.code.op(table[op])
}
