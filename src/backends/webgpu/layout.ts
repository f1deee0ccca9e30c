/** How arrays lie in the memory of a GPU: every element takes one 32-bit word, whatever its dtype. */
import {
  type DType,
  type HostData,
  DeviceError,
  bfloat16Bits,
  bfloat16Value,
  float16Bits,
  float16Value,
  makeHostData,
} from '../../core/index.js'
import type { Buffer } from '../../compiler/index.js'

/**
 * WGSL type of an element in memory: halves are kept as the float32 of the same value, 8-bit integers as int32, bool as 0
 * or 1. A word an element needs no atomics where neighbours are written by different invocations.
 */
export type WordType = 'f32' | 'i32' | 'u32'

/** WGSL type of a value in a register. */
export type ValueType = WordType | 'bool'

export const bytesPerWord = 4

/** Bytes of a buffer on the GPU. */
export const gpuBytes = (buffer: Buffer): number => buffer.size * bytesPerWord

/** Throws DeviceError for dtypes that WGSL has no arithmetic for. */
export const checkGpuDType = (dtype: DType): void => {
  if (dtype === 'float64') {
    throw new DeviceError(
      `float64 does not exist on 'webgpu': GPUs compute in float32 there. Use float32, or run this part on 'wasm', ` +
        `for instance with withDevice('wasm', ...).`,
    )
  }
}

export const wordType = (dtype: DType): WordType => {
  switch (dtype) {
    case 'float32':
    case 'float16':
    case 'bfloat16':
      return 'f32'
    case 'int32':
    case 'int8':
    case 'uint8':
      return 'i32'
    case 'uint32':
    case 'bool':
      return 'u32'
    case 'float64':
      checkGpuDType(dtype)
      return 'f32'
  }
}

export const valueType = (dtype: DType): ValueType => (dtype === 'bool' ? 'bool' : wordType(dtype))

const halfValue = (dtype: DType): ((bits: number) => number) | undefined =>
  dtype === 'float16' ? float16Value : dtype === 'bfloat16' ? bfloat16Value : undefined

const halfBits = (dtype: DType): ((value: number) => number) | undefined =>
  dtype === 'float16' ? float16Bits : dtype === 'bfloat16' ? bfloat16Bits : undefined

/** Words to upload. */
export const toWords = (data: HostData, dtype: DType): Float32Array | Int32Array | Uint32Array => {
  const value = halfValue(dtype)
  if (value !== undefined) return Float32Array.from(data, value)
  if (data instanceof Float32Array || data instanceof Int32Array || data instanceof Uint32Array) return data
  return wordType(dtype) === 'i32' ? Int32Array.from(data) : Uint32Array.from(data)
}

/** Host data from words that were read; `words` is not kept. */
export const fromWords = (words: ArrayBuffer, dtype: DType): HostData => {
  const bits = halfBits(dtype)
  if (bits !== undefined) return Uint16Array.from(new Float32Array(words), bits)
  switch (dtype) {
    case 'int8':
      return Int8Array.from(new Int32Array(words))
    case 'uint8':
      return Uint8Array.from(new Int32Array(words))
    case 'bool':
      return Uint8Array.from(new Uint32Array(words))
    default:
      return makeHostData(dtype, words)
  }
}
