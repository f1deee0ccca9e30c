/** SIMD instructions: how an operation of four elements is computed. Masks stand for bool, 32-bit lanes for everything. */
import { type BinaryOp, type CompareOp, type DType, type UnaryOp, InternalError } from '../../core/index.js'
import type { FunctionBuilder } from './assembler.js'
import type { Helpers } from './helpers.js'
import { ops } from './opcodes.js'
import { isUnsignedValue, scalarBinary, scalarUnary } from './scalar.js'

/** Elements of a vector. */
export const lanes = 4

/** Dtypes that a vector can hold; halves as their bits, small integers extended, bool as masks. */
export const isVectorDType = (dtype: DType): boolean => dtype !== 'float64'

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

/** Pushes a constant vector. It lives in a local: a v128.const inside a loop is made anew every time (Node 24). */
export const splat = (f: FunctionBuilder, word: number): void => f.code.get(f.vectorConstant(word, word, word, word))

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

/** Takes the vector on the stack apart, computes each lane, and puts the results together. */
export const laneWise = (f: FunctionBuilder, from: DType, to: DType, compute: (lane: number) => void): void => {
  const source = f.local('v128')
  f.code.set(source)
  gatherLanes(f, to, (lane) => {
    f.code.get(source)
    extractLane(f, from, lane)
    compute(lane)
  })
}

/** A vector from four scalars, which `compute` pushes. */
export const gatherLanes = (f: FunctionBuilder, dtype: DType, compute: (lane: number) => void): void => {
  compute(0)
  splatScalar(f, dtype)
  for (let lane = 1; lane < lanes; lane++) {
    compute(lane)
    if (dtype === 'bool') {
      f.code.i32(-1)
      f.code.op(ops['i32.mul'])
    }
    f.code.lane(dtype === 'float32' ? ops['f32x4.replace_lane'] : ops['i32x4.replace_lane'], lane)
  }
}

/** Replaces a scalar by a vector of it. */
export const splatScalar = (f: FunctionBuilder, dtype: DType): void => {
  if (dtype === 'float32') f.code.op(ops['f32x4.splat'])
  else {
    f.code.op(ops['i32x4.splat'])
    if (dtype === 'bool') f.code.op(ops['i32x4.neg'])
  }
}

/** Replaces a vector by one of its elements. */
export const extractLane = (f: FunctionBuilder, dtype: DType, lane: number): void => {
  if (dtype === 'float32') {
    f.code.lane(ops['f32x4.extract_lane'], lane)
    return
  }
  f.code.lane(ops['i32x4.extract_lane'], lane)
  if (dtype === 'bool') {
    f.code.i32(1)
    f.code.op(ops['i32.and'])
  }
}

/** Replaces an address by the four elements there. */
export const vectorLoad = (f: FunctionBuilder, dtype: DType, offset: number): void => {
  const code = f.code
  switch (dtype) {
    case 'float32':
    case 'int32':
    case 'uint32':
      code.memory(ops['v128.load'], offset)
      break
    case 'float16':
    case 'bfloat16':
      code.memory(ops['i32x4.load16x4_u'], offset)
      break
    case 'int8':
      code.memory(ops['v128.load32_zero'], offset)
      code.op(ops['i16x8.extend_low_i8x16_s'])
      code.op(ops['i32x4.extend_low_i16x8_s'])
      break
    case 'uint8':
    case 'bool':
      code.memory(ops['v128.load32_zero'], offset)
      code.op(ops['i16x8.extend_low_i8x16_u'])
      code.op(ops['i32x4.extend_low_i16x8_u'])
      if (dtype === 'bool') code.op(ops['i32x4.neg'])
      break
    case 'float64':
      throw new InternalError('float64 is not a vector dtype')
  }
}

/** Stores the vector on the stack at the address below it. */
export const vectorStore = (f: FunctionBuilder, dtype: DType, offset: number): void => {
  const code = f.code
  switch (dtype) {
    case 'float32':
    case 'int32':
    case 'uint32':
      code.memory(ops['v128.store'], offset)
      break
    case 'float16':
    case 'bfloat16': {
      const x = f.local('v128')
      code.tee(x)
      code.get(x)
      code.op(ops['i16x8.narrow_i32x4_u'])
      code.memoryLane(ops['v128.store64_lane'], offset, 0)
      break
    }
    case 'int8':
    case 'uint8':
    case 'bool': {
      const x = f.local('v128')
      if (dtype === 'bool') {
        splat(f, 1)
        code.op(ops['v128.and'])
      }
      code.tee(x)
      code.get(x)
      code.op(ops['i16x8.narrow_i32x4_s'])
      code.tee(x)
      code.get(x)
      code.op(dtype === 'int8' ? ops['i8x16.narrow_i16x8_s'] : ops['i8x16.narrow_i16x8_u'])
      code.memoryLane(ops['v128.store32_lane'], offset, 0)
      break
    }
    case 'float64':
      throw new InternalError('float64 is not a vector dtype')
  }
}
