/** Elements of less than a word in WGSL: how they are taken out of words, and put into them. */
import { type DType, InternalError } from '../../core/index.js'
import { perWord, valueType } from './layout.js'

/** The value of an element from its bits in the lowest places of `bits`. */
const fromBits = (dtype: DType, helpers: Set<string>): string => {
  switch (dtype) {
    case 'bool':
      return 'bits != 0u'
    case 'int8':
      return 'extractBits(bitcast<i32>(bits), 0u, 8u)'
    case 'uint8':
      return 'bitcast<i32>(bits)'
    case 'float16':
      helpers.add('from_f16')
      return 'from_f16(bits)'
    case 'bfloat16':
      return 'bitcast<f32>(bits << 16u)'
    default:
      throw new InternalError(`${dtype} is not packed`)
  }
}

/** The bits of an element. */
const toBits = (dtype: DType, helpers: Set<string>): string => {
  switch (dtype) {
    case 'bool':
      return 'u32(value)'
    case 'int8':
    case 'uint8':
      return '(bitcast<u32>(value) & 0xffu)'
    case 'float16':
      helpers.add('to_f16')
      return 'to_f16(value)'
    case 'bfloat16':
      helpers.add('to_bf16')
      return 'to_bf16(value)'
    default:
      throw new InternalError(`${dtype} is not packed`)
  }
}

/**
 * Functions that load and store elements of a packed array: one that is only read, one that is written word by word, or one
 * that is written element by element. There, neighbours in a word may be written by different invocations, so that words are
 * changed by atomic operations, which touch the bits of their element alone.
 */
export const packedFunctions = (
  name: string,
  dtype: DType,
  access: 'read' | 'words' | 'elements',
  helpers: Set<string>,
): string => {
  const count = perWord(dtype)
  const bits = 32 / count
  const type = valueType(dtype)
  const shift = `(u32(i) % ${count}u) * ${bits}u`
  const word = `${name}[u32(i) / ${count}u]`
  const mask = bits === 8 ? '0xffu' : '0xffffu'
  const load = (text: string): string => `fn ${name}_load(i: i32) -> ${type} {
  let bits = (${text} >> (${shift})) & ${mask};
  return ${fromBits(dtype, helpers)};
}`
  if (access === 'read') return load(word)
  const part = `fn ${name}_bits(value: ${type}) -> u32 { return ${toBits(dtype, helpers)}; }`
  if (access === 'words') return part
  return `${load(`atomicLoad(&${word})`)}
${part}
fn ${name}_store(i: i32, value: ${type}) {
  let shift = ${shift};
  let bits = ${name}_bits(value) << shift;
  atomicAnd(&${word}, ~(${mask} << shift) | bits);
  atomicOr(&${word}, bits);
}`
}
