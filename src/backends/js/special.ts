/** Scalar operations as JavaScript functions of doubles: what `Math` has, what it lacks, and integers of every width. */
import {
  type BinaryOp,
  type CompareOp,
  type DType,
  type UnaryOp,
  InternalError,
  bfloat16Bits,
  bfloat16Value,
  dtypeBytes,
  float16Bits,
  float16Value,
  isFloating,
  isHalf,
  isUnsigned,
} from '../../core/index.js'
import { binaryFunctionOf, unaryFunctionOf } from '../../scalar/definition.js'
import { nextafter32 } from '../../scalar/float64.js'

export type Unary = (x: number) => number
export type Binary = (x: number, y: number) => number

/** Nearest integer, halves to even; the sign of zero is kept. */
export const roundEven = (x: number): number => {
  const floor = Math.floor(x)
  const rest = x - floor
  const rounded = rest < 0.5 ? floor : rest > 0.5 ? floor + 1 : floor % 2 === 0 ? floor : floor + 1
  return rounded === 0 && (x < 0 || Object.is(x, -0)) ? -0 : rounded
}

/** Power of integers in arithmetic modulo 2^32; negative exponents give 0 but for bases 1 and -1. */
const integerPower = (x: number, y: number): number => {
  if (y < 0) return x === 1 ? 1 : x === -1 ? (y % 2 === 0 ? 1 : -1) : 0
  let result = 1
  let base = x | 0
  for (let rest = y >>> 0; rest > 0; rest >>>= 1) {
    if (rest & 1) result = Math.imul(result, base)
    base = Math.imul(base, base)
  }
  return result
}

/** The neighbour of a half in the direction of another number, by its bits. */
const nextHalf = (x: number, y: number, bitsOf: Unary, valueOf: Unary): number => {
  if (Number.isNaN(x) || Number.isNaN(y)) return NaN
  if (x === y) return y
  if (x === 0) return y > 0 ? valueOf(1) : -valueOf(1)
  const bits = bitsOf(x)
  return valueOf(y > x === x > 0 ? bits + 1 : bits - 1)
}

const baseFunctions: Partial<Record<UnaryOp, Unary>> = {
  abs: Math.abs,
  sign: Math.sign,
  floor: Math.floor,
  ceil: Math.ceil,
  trunc: Math.trunc,
  round: roundEven,
  sqrt: Math.sqrt,
}

const declared = <F>(op: string, found: F | undefined): F => {
  if (found === undefined) throw new InternalError(`js has no function for ${op}`)
  return found
}

const countBits = (x: number): number => {
  let count = 0
  for (let rest = x >>> 0; rest !== 0; rest &= rest - 1) count++
  return count
}

/** An operation of one argument, before its result is rounded to the dtype. */
export const unaryFunction = (op: UnaryOp, dtype: DType): Unary => {
  const bits = 8 * dtypeBytes(dtype)
  const mask = bits === 8 ? 255 : 0xffffffff
  switch (op) {
    case 'neg':
      return (x) => -x
    case 'not':
      return dtype === 'bool' ? (x) => 1 - x : (x) => ~x
    case 'clz':
      return (x) => Math.clz32((x & mask) >>> 0) - (32 - bits)
    case 'popcount':
      return (x) => countBits(x & mask)
    default:
      return declared(op, baseFunctions[op] ?? unaryFunctionOf(op)?.float64)
  }
}

const shift = (op: 'shl' | 'shrArithmetic' | 'shrLogical', dtype: DType): Binary => {
  const bits = 8 * dtypeBytes(dtype)
  const left = 32 - bits
  switch (op) {
    case 'shl':
      return (x, y) => (y >>> 0 >= bits ? 0 : x << y)
    case 'shrArithmetic':
      return (x, y) => ((x << left) >> left) >> (y >>> 0 >= bits ? bits - 1 : y)
    case 'shrLogical':
      return (x, y) => (y >>> 0 >= bits ? 0 : ((x << left) >>> left) >>> y)
  }
}

/** An operation of two arguments, before its result is rounded to the dtype. */
export const binaryFunction = (op: BinaryOp, dtype: DType): Binary => {
  const floating = isFloating(dtype)
  switch (op) {
    case 'add':
      return (x, y) => x + y
    case 'sub':
      return (x, y) => x - y
    case 'mul':
      return floating ? (x, y) => x * y : Math.imul
    case 'div':
      return floating ? (x, y) => x / y : (x, y) => (y === 0 ? -1 : Math.trunc(x / y))
    case 'rem':
      return floating ? (x, y) => x % y : (x, y) => (y === 0 ? x : x % y)
    case 'min':
      return Math.min
    case 'max':
      return Math.max
    case 'and':
      return (x, y) => x & y
    case 'or':
      return (x, y) => x | y
    case 'xor':
      return (x, y) => x ^ y
    case 'shl':
    case 'shrArithmetic':
    case 'shrLogical':
      return shift(op, dtype)
    case 'pow':
      return floating
        ? declared(op, binaryFunctionOf(op)?.float64)
        : isUnsigned(dtype)
          ? (x, y) => integerPower(x, y)
          : integerPower
    case 'atan2':
      return declared(op, binaryFunctionOf(op)?.float64)
    case 'nextafter':
      return dtype === 'float64'
        ? declared(op, binaryFunctionOf(op)?.float64)
        : dtype === 'float16'
          ? (x, y) => nextHalf(x, y, float16Bits, float16Value)
          : dtype === 'bfloat16'
            ? (x, y) => nextHalf(x, y, bfloat16Bits, bfloat16Value)
            : nextafter32
  }
}

export const compareFunction = (op: CompareOp): ((x: number, y: number) => boolean) => {
  switch (op) {
    case 'eq':
      return (x, y) => x === y
    case 'ne':
      return (x, y) => x !== y
    case 'lt':
      return (x, y) => x < y
    case 'le':
      return (x, y) => x <= y
    case 'gt':
      return (x, y) => x > y
    case 'ge':
      return (x, y) => x >= y
  }
}

const word = new ArrayBuffer(4)
const asFloat = new Float32Array(word)
const asSigned = new Int32Array(word)
const asUnsigned = new Uint32Array(word)

const bitsOf = (dtype: DType): Unary => {
  if (dtype === 'float32') {
    return (x) => {
      asFloat[0] = x
      return asSigned[0] ?? 0
    }
  }
  return dtype === 'float16' ? float16Bits : dtype === 'bfloat16' ? bfloat16Bits : (x) => x
}

const valueOf = (dtype: DType): Unary => {
  switch (dtype) {
    case 'float32':
      return (bits) => {
        asSigned[0] = bits
        return asFloat[0] ?? 0
      }
    case 'uint32':
      return (bits) => {
        asSigned[0] = bits
        return asUnsigned[0] ?? 0
      }
    case 'int32':
      return (bits) => bits | 0
    case 'int8':
      return (bits) => (bits << 24) >> 24
    case 'uint8':
    case 'bool':
      return (bits) => bits & 255
    case 'float16':
      return float16Value
    case 'bfloat16':
      return bfloat16Value
    case 'float64':
      return (bits) => bits
  }
}

/** The same bits as another dtype. */
export const bitcastFunction = (from: DType, to: DType): Unary => {
  if (dtypeBytes(from) !== dtypeBytes(to)) throw new InternalError(`bitcast from ${from} to ${to}`)
  if (isHalf(from) !== isHalf(to)) throw new InternalError(`bitcast from ${from} to ${to}`)
  const read = bitsOf(from)
  const write = valueOf(to)
  return (x) => write(read(x))
}
