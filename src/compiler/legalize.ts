/** Expressions of small dtypes as expressions of the ones that machines compute: float32 for halves, int32 for 8-bit integers. */
import { type DType, type Expression, InternalError, e, isHalf, known } from '../core/index.js'
import type { LoopKernel, Statement } from './kernel.js'

/** Dtype in which a dtype is computed. */
export const computeDType = (dtype: DType): DType =>
  isHalf(dtype) ? 'float32' : dtype === 'int8' || dtype === 'uint8' ? 'int32' : dtype

const isSmallInteger = (dtype: DType): dtype is 'int8' | 'uint8' => dtype === 'int8' || dtype === 'uint8'

/** An int32 as the 8-bit integer in its low bits: sign-extended or zero-extended. */
const wrap = (x: Expression, dtype: 'int8' | 'uint8'): Expression => {
  if (x.op === 'const') return e.constant(e.constant(x.value, dtype).value, 'int32')
  const range = e.bounds(x)
  const [min, max] = dtype === 'int8' ? [-128, 127] : [0, 255]
  if (range.min >= min && range.max <= max) return x
  return dtype === 'uint8' ? lowByte(x) : e.binary('shrArithmetic', e.binary('shl', x, e.index(24)), e.index(24))
}

const lowByte = (x: Expression): Expression => e.binary('and', x, e.index(255))

/** Results of these never leave the range of their operands. */
const closed = new Set<string>([
  'min',
  'max',
  'and',
  'or',
  'xor',
  'rem',
  'sign',
  'select',
  'floor',
  'ceil',
  'trunc',
  'round',
])

/** A value rounded to a half, as a float32. */
const roundHalf = (x: Expression, dtype: DType): Expression => e.convert(e.convert(x, dtype), 'float32')

/**
 * Rewrites expressions so that every node but loads and conversions is float32, float64, int32, uint32 or bool: halves are
 * converted to float32 when loaded and 8-bit integers to int32. A `convert` to a half remains only where the program asked
 * for the rounding, at once converted back. Locals of small dtypes become locals of the wider ones.
 */
export const legalizer = (): ((x: Expression) => Expression) => {
  const memo = new Map<Expression, Expression>()
  const legal = (x: Expression): Expression => {
    const done = memo.get(x)
    if (done !== undefined) return done
    const out = rewrite(x)
    memo.set(x, out)
    return out
  }
  const rewrite = (x: Expression): Expression => {
    const wide = computeDType(x.dtype)
    if (x.op === 'const') return wide === x.dtype ? x : e.constant(x.value, wide)
    if (x.op === 'variable') return wide === x.dtype ? x : e.variable(wide)
    const [first] = x.args
    const argument = known(first, 'operand')
    const from = argument.dtype
    const args = x.args.map(legal)
    const a = known(args[0], 'operand')
    if (x.op === 'load') {
      const loaded = e.rebuild(x, args)
      return wide === x.dtype ? loaded : e.convert(loaded, wide)
    }
    if (x.op === 'convert') return convertLegal(a, from, x.dtype)
    if (x.op === 'bitcast') return bitcastLegal(a, from, x.dtype)
    if (!isSmallInteger(from)) return e.rebuild(x, args)
    if (isSmallInteger(x.dtype)) return smallArithmetic(x, args, x.dtype)
    return e.rebuild(x, args)
  }
  return legal
}

const convertLegal = (a: Expression, from: DType, to: DType): Expression => {
  if (isHalf(to)) return isHalf(from) && from === to ? a : roundHalf(e.convert(a, 'float32'), to)
  if (!isSmallInteger(to)) return e.convert(a, to)
  if (from === 'bool') return e.convert(a, 'int32')
  if (a.dtype === 'int32' || a.dtype === 'uint32') return wrap(e.convert(a, 'int32'), to)
  const [min, max] = to === 'int8' ? [-128, 127] : [0, 255]
  return e.binary('max', e.binary('min', e.convert(a, 'int32'), e.index(max)), e.index(min))
}

const bitcastLegal = (a: Expression, from: DType, to: DType): Expression => {
  if (isHalf(to) || isHalf(from)) throw new InternalError(`bitcast from ${from} to ${to} has no lowering`)
  if (to === 'bool') return e.compare('ne', a, e.constant(0, a.dtype))
  if (isSmallInteger(to)) return wrap(e.convert(a, 'int32'), to)
  return e.bitcast(a, to)
}

const smallArithmetic = (x: Expression, args: readonly Expression[], dtype: 'int8' | 'uint8'): Expression => {
  const [a, b] = args
  const x0 = known(a, 'operand')
  if (closed.has(x.op)) return e.rebuild(x, args)
  if (x.op === 'clz') return e.binary('sub', e.unary('clz', lowByte(x0)), e.index(24))
  if (x.op === 'popcount') return e.unary('popcount', lowByte(x0))
  if (x.op === 'shrLogical' && b !== undefined) return wrap(e.binary('shrLogical', lowByte(x0), b), dtype)
  if (x.op === 'shrArithmetic' && b !== undefined) return wrap(e.binary('shrArithmetic', wrap(x0, 'int8'), b), dtype)
  return wrap(e.rebuild(x, args), dtype)
}

/** One expression made legal. */
export const legalize = (x: Expression): Expression => legalizer()(x)

/** A kernel whose expressions are legal; stores convert to the dtype of their buffer. */
export const legalizeKernel = (kernel: LoopKernel): LoopKernel => {
  const legal = legalizer()
  const statement = (s: Statement): Statement => {
    switch (s.kind) {
      case 'for':
      case 'if':
        return { ...(s.kind === 'if' ? { ...s, condition: legal(s.condition) } : s), body: s.body.map(statement) }
      case 'store': {
        const value = legal(s.value)
        return { ...s, index: legal(s.index), value: stored(value, s.buffer.dtype) }
      }
      case 'assignAll':
        return { ...s, locals: s.locals.map(legal), values: s.values.map(legal) }
      case 'define':
      case 'assign':
      case 'combine':
        return { ...s, local: legal(s.local), value: legal(s.value) }
    }
  }
  return { ...kernel, body: kernel.body.map(statement) }
}

/** The value as a buffer keeps it; rounding to a half and back just before is left out. */
const stored = (value: Expression, dtype: DType): Expression => {
  const [inner] = value.args
  if (isHalf(dtype) && value.op === 'convert' && inner?.op === 'convert' && inner.dtype === dtype) return inner
  return e.convert(value, dtype)
}
