/** Operations of scalar expressions as WGSL. */
import { type DType, type Expression, type ExpressionOp, InternalError, known } from '../../core/index.js'
import { type ValueType, valueType } from './layout.js'

/** What printing an operation asks for. */
export interface ScalarContext {
  /** Name of a helper function, which is then part of the shader. */
  readonly helper: (name: string) => string
  /** Infinity or NaN. */
  readonly special: (value: number) => string
  /** The float of these bits, an u32, unknown to compilers. */
  readonly opaque: (bits: string) => string
}

const floatBits = new Float32Array(1)
const wordOfFloat = new Uint32Array(floatBits.buffer)

const floatText = (value: number, context: ScalarContext): string => {
  if (!Number.isFinite(value)) return context.special(value)
  // Denormals and the negative zero by bits: their decimals may be flushed.
  if (Object.is(value, -0) || (value !== 0 && Math.abs(value) < 2 ** -126)) {
    floatBits[0] = value
    return `bitcast<f32>(${wordOfFloat[0] ?? 0}u)`
  }
  return value < 0 ? `(${value}f)` : `${value}f`
}

/** A constant. */
export const constantText = (value: number, dtype: DType, context: ScalarContext): string => {
  switch (valueType(dtype)) {
    case 'f32':
      return floatText(value, context)
    case 'i32':
      return value === -2147483648 ? 'i32(-2147483648)' : value < 0 ? `(${value})` : String(value)
    case 'u32':
      return `${value}u`
    case 'bool':
      return value !== 0 ? 'true' : 'false'
  }
}

/** A constant that compilers do not know. */
export const hiddenConstant = (value: number, context: ScalarContext): string => {
  if (!Number.isFinite(value)) return context.special(value)
  floatBits[0] = value
  return context.opaque(`${wordOfFloat[0] ?? 0}u`)
}

/** A float32 that compilers do not know to be what the text computes. */
export const hiddenValue = (text: string, context: ScalarContext): string => context.opaque(`bitcast<u32>(${text})`)

const infix: Partial<Record<ExpressionOp, string>> = { add: '+', sub: '-', mul: '*', and: '&', or: '|', xor: '^' }

const comparisons: Partial<Record<ExpressionOp, string>> = { eq: '==', ne: '!=', lt: '<', le: '<=', gt: '>', ge: '>=' }

const sameNames = new Set<ExpressionOp>(['abs', 'floor', 'ceil', 'trunc', 'round', 'sqrt'])

const unaryText = (x: Expression, a: string, type: ValueType): string => {
  switch (x.op) {
    case 'neg':
      return type === 'u32' ? `(0u - ${a})` : `(-${a})`
    case 'not':
      return type === 'bool' ? `(!${a})` : `(~${a})`
    case 'clz':
      return `countLeadingZeros(${a})`
    case 'popcount':
      return `countOneBits(${a})`
    case 'sign':
      return type === 'u32' ? `min(${a}, 1u)` : `sign(${a})`
    default:
      if (!sameNames.has(x.op)) throw new InternalError(`${x.op} of ${x.dtype} has no WGSL`)
      if (type === 'f32') return `${x.op}(${a})`
      return x.op === 'abs' && type === 'i32' ? `abs(${a})` : a
  }
}

/** A shift by a known amount is an operator, any other one a helper. */
const shiftText = (x: Expression, a: string, b: string, type: ValueType, context: ScalarContext): string => {
  const amount = known(x.args[1], 'amount')
  if (amount.op === 'const' && amount.value >= 0 && amount.value < 32) {
    const by = `${amount.value}u`
    if (x.op === 'shl') return `(${a} << ${by})`
    if (x.op === 'shrArithmetic')
      return type === 'i32' ? `(${a} >> ${by})` : `bitcast<u32>(bitcast<i32>(${a}) >> ${by})`
    return type === 'u32' ? `(${a} >> ${by})` : `bitcast<i32>(bitcast<u32>(${a}) >> ${by})`
  }
  return `${context.helper(`${x.op}_${type}`)}(${a}, ${b})`
}

const binaryText = (x: Expression, a: string, b: string, type: ValueType, context: ScalarContext): string => {
  switch (x.op) {
    case 'div':
    case 'rem': {
      const divisor = known(x.args[1], 'divisor')
      const symbol = x.op === 'div' ? '/' : '%'
      if (type === 'f32') return x.op === 'div' ? `(${a} / ${b})` : `${context.helper('rem_f32')}(${a}, ${b})`
      if (divisor.op === 'const' && divisor.value > 0) return `(${a} ${symbol} ${b})`
      return `${context.helper(`${x.op}_${type}`)}(${a}, ${b})`
    }
    case 'min':
    case 'max':
      if (type === 'bool') return `(${a} ${x.op === 'min' ? '&' : '|'} ${b})`
      return type === 'f32' ? `${context.helper(`${x.op}_f32`)}(${a}, ${b})` : `${x.op}(${a}, ${b})`
    case 'shl':
    case 'shrArithmetic':
    case 'shrLogical':
      return shiftText(x, a, b, type, context)
    case 'pow':
      if (type === 'f32') throw new InternalError('pow of float32 was not decomposed')
      return `${context.helper(`pow_${type}`)}(${a}, ${b})`
    default: {
      const symbol = infix[x.op]
      if (symbol === undefined) throw new InternalError(`${x.op} of ${x.dtype} has no WGSL`)
      return type === 'bool' && x.op === 'xor' ? `(${a} != ${b})` : `(${a} ${symbol} ${b})`
    }
  }
}

const compareText = (x: Expression, a: string, b: string, type: ValueType, context: ScalarContext): string => {
  if (type === 'f32') {
    const itself = x.args[0] === x.args[1]
    if (itself && x.op === 'ne') return `${context.helper('is_nan')}(${a})`
    if (itself && x.op === 'eq') return `(!${context.helper('is_nan')}(${a}))`
    // Some compilers take != to be false for NaN.
    if (x.op === 'ne') return `(!(${a} == ${b}))`
  }
  const symbol = comparisons[x.op] ?? '=='
  if (type === 'bool' && x.op !== 'eq' && x.op !== 'ne') return `(u32(${a}) ${symbol} u32(${b}))`
  return `(${a} ${symbol} ${b})`
}

const convertText = (x: Expression, a: string, from: DType, context: ScalarContext): string => {
  const type = valueType(from)
  const float = type === 'f32' ? a : `f32(${a})`
  switch (x.dtype) {
    case 'float16':
      return from === 'float16' ? a : `${context.helper('round_f16')}(${float})`
    case 'bfloat16':
      return from === 'bfloat16' ? a : `${context.helper('round_bf16')}(${float})`
    case 'float32':
      return float
    case 'int32':
      return type === 'f32' ? `${context.helper('to_i32')}(${a})` : type === 'i32' ? a : `i32(${a})`
    case 'uint32':
      return type === 'f32' ? `${context.helper('to_u32')}(${a})` : type === 'u32' ? a : `u32(${a})`
    case 'int8':
      return `extractBits(${type === 'i32' ? a : `i32(${a})`}, 0u, 8u)`
    case 'uint8':
      return `(${type === 'i32' ? a : `i32(${a})`} & 255)`
    case 'bool':
    case 'float64':
      throw new InternalError(`conversion from ${from} to ${x.dtype} has no WGSL`)
  }
}

/**
 * An operation over printed arguments; not for constants, variables and loads. Its expression is legal (see `legalizeKernel`)
 * and in base operations (see `decompose`).
 */
export const operationText = (x: Expression, args: readonly string[], context: ScalarContext): string => {
  const argument = known(x.args[0], 'operand')
  const type = valueType(argument.dtype)
  const [first = '', b = '', c = ''] = args
  // An operation on constants only would be done while compiling, where overflow is an error.
  const a = x.args.every((arg) => arg.op === 'const') ? `${context.helper(`keep_${type}`)}(${first})` : first
  if (x.op === 'select') return `select(${c}, ${b}, ${a})`
  if (x.op === 'convert') return convertText(x, a, argument.dtype, context)
  if (x.op === 'bitcast') return type === valueType(x.dtype) ? a : `bitcast<${valueType(x.dtype)}>(${a})`
  if (args.length === 1) return unaryText(x, a, type)
  if (x.op in comparisons) return compareText(x, a, b, type, context)
  return binaryText(x, a, b, type, context)
}
