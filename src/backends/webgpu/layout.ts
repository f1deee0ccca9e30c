/** How arrays lie in the memory of a GPU: small dtypes packed, two or four elements to a 32-bit word. */
import { type DType, type HostData, DeviceError, makeHostData } from '../../core/index.js'
import type { Buffer } from '../../compiler/index.js'

/** WGSL type of an element's value in words: halves are float32 once they are read, 8-bit integers int32, bool 0 or 1. */
export type WordType = 'f32' | 'i32' | 'u32'

/** WGSL type of a value in a register. */
export type ValueType = WordType | 'bool'

export const bytesPerWord = 4

/** How many elements share a word. Their bytes lie as they do on the host, the first ones lowest. */
export const perWord = (dtype: DType): 1 | 2 | 4 => {
  switch (dtype) {
    case 'bool':
    case 'int8':
    case 'uint8':
      return 4
    case 'float16':
    case 'bfloat16':
      return 2
    default:
      return 1
  }
}

/** Bytes of a buffer on the GPU. */
export const gpuBytes = ({ size, dtype }: Buffer): number => Math.ceil(size / perWord(dtype)) * bytesPerWord

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

/** Words to upload: the bytes of the host, filled up. `data` itself where it has whole words already. */
export const toWords = (data: HostData): HostData => {
  if (data.byteLength % bytesPerWord === 0) return data
  const words = new Uint8Array(Math.ceil(data.byteLength / bytesPerWord) * bytesPerWord)
  words.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  return words
}

/** Host data from words that were read. */
export const fromWords = (words: ArrayBuffer, dtype: DType, size: number): HostData => {
  const bytes = (size * bytesPerWord) / perWord(dtype)
  return makeHostData(dtype, words.byteLength === bytes ? words : words.slice(0, bytes))
}
