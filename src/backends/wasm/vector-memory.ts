/** Vectors: constants, lanes, loads and stores. Masks stand for bool; small numbers take up 32 bits each. */
import { type DType, InternalError } from '../../core/index.js'
import type { FunctionBuilder } from './assembler.js'
import { ops } from './opcodes.js'

/** Elements of a vector. */
export const lanes = 4

/** Dtypes that a vector can hold; halves as their bits, small integers extended, bool as masks. */
export const isVectorDType = (dtype: DType): boolean => dtype !== 'float64'

/** Pushes a constant vector. It lives in a local: a v128.const inside a loop is made anew every time (Node 24). */
export const splat = (f: FunctionBuilder, word: number): void => f.code.get(f.vectorConstant(word, word, word, word))

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
