/** Elements as files hold them, in either byte order, and the dtypes that hold them here. */
import {
  type DType,
  DeviceArray,
  type HostData,
  type NDArray,
  currentDevice,
  encodeHost,
  isHalf,
  makeHostData,
  shapedArray,
} from '../core/index.js'
import { IoError, shown } from './io-error.js'

/** Element types of files: ours, and the integers that are narrowed or widened to ours on reading. */
export type ElementType = DType | 'int16' | 'uint16' | 'int64' | 'uint64'

interface ElementInfo {
  readonly bytes: 1 | 2 | 4 | 8
  /** The dtype that holds the values here. */
  readonly dtype: DType
}

const table: Readonly<Record<ElementType, ElementInfo>> = {
  float64: { bytes: 8, dtype: 'float64' },
  float32: { bytes: 4, dtype: 'float32' },
  float16: { bytes: 2, dtype: 'float16' },
  bfloat16: { bytes: 2, dtype: 'bfloat16' },
  int64: { bytes: 8, dtype: 'int32' },
  int32: { bytes: 4, dtype: 'int32' },
  int16: { bytes: 2, dtype: 'int32' },
  int8: { bytes: 1, dtype: 'int8' },
  uint64: { bytes: 8, dtype: 'uint32' },
  uint32: { bytes: 4, dtype: 'uint32' },
  uint16: { bytes: 2, dtype: 'uint32' },
  uint8: { bytes: 1, dtype: 'uint8' },
  bool: { bytes: 1, dtype: 'bool' },
}

/** Bytes of one element in a file. */
export const elementBytes = (type: ElementType): number => table[type].bytes

/** The dtype that elements of a file get here. */
export const elementDType = (type: ElementType): DType => table[type].dtype

/** Largest size of an axis: indices are int32. */
const maximumSize = 2 ** 31 - 1

/**
 * Bytes that an array of a file must have. Throws IoError for sizes that are no sizes and for products beyond what can be
 * indexed, so that nothing is allocated on a bad file's word.
 */
export const arrayBytes = (shape: readonly unknown[], type: ElementType, what: string, offset?: number): number => {
  let size = elementBytes(type)
  for (const n of shape) {
    if (typeof n !== 'number' || !Number.isInteger(n) || n < 0 || n > maximumSize) {
      throw new IoError(`${what} has the size ${shown(n)} in its shape; sizes are integers from 0 to 2147483647`, {
        offset,
      })
    }
    size *= n
  }
  if (!Number.isSafeInteger(size)) throw new IoError(`${what} has an impossible shape ${shown(shape)}`, { offset })
  return size
}

/** Reverses each group of `width` bytes, in place. */
const swapBytes = (bytes: Uint8Array, width: number): void => {
  if (width === 1) return
  for (let first = 0; first < bytes.length; first += width) {
    for (let a = first, b = first + width - 1; a < b; a++, b--) {
      const byte = bytes[a] ?? 0
      bytes[a] = bytes[b] ?? 0
      bytes[b] = byte
    }
  }
}

/** 64-bit integers as 32-bit ones; throws IoError for a value that doesn't fit, rather than changing it. */
const narrowed = (values: BigInt64Array | BigUint64Array, dtype: 'int32' | 'uint32', what: string): HostData => {
  const out = makeHostData(dtype, values.length)
  const [min, max] = dtype === 'int32' ? [-2147483648n, 2147483647n] : [0n, 4294967295n]
  values.forEach((value, i) => {
    if (value < min || value > max) {
      throw new IoError(`${what} holds 64-bit integers, and element ${i}, ${value}, does not fit into ${dtype}`)
    }
    out[i] = Number(value)
  })
  return out
}

/** Elements of a file as host storage of their dtype. `bytes` is copied; its length is a multiple of the element's. */
const decodeElements = (bytes: Uint8Array, type: ElementType, bigEndian: boolean, what: string): HostData => {
  const copy = bytes.slice()
  if (bigEndian) swapBytes(copy, elementBytes(type))
  const { buffer } = copy
  switch (type) {
    case 'int16':
      return Int32Array.from(new Int16Array(buffer))
    case 'uint16':
      return Uint32Array.from(new Uint16Array(buffer))
    case 'int64':
      return narrowed(new BigInt64Array(buffer), 'int32', what)
    case 'uint64':
      return narrowed(new BigUint64Array(buffer), 'uint32', what)
    case 'bool':
      return copy.map((byte) => (byte === 0 ? 0 : 1))
    default:
      return makeHostData(type, buffer)
  }
}

/** How the elements of an array lie in a file. */
export interface ElementLayout {
  readonly type: ElementType
  readonly shape: readonly number[]
  readonly bigEndian?: boolean
  /** What the array is called in messages. */
  readonly what: string
}

/** An array on the current device from the bytes that a file has for it, exactly as many as its shape needs. */
export const arrayFromBytes = (bytes: Uint8Array, { type, shape, bigEndian = false, what }: ElementLayout): NDArray => {
  const dtype = elementDType(type)
  const device = currentDevice()
  device.checkDType(dtype)
  const data = decodeElements(bytes, type, bigEndian, what)
  return new DeviceArray(shapedArray(shape, dtype), device, device.fromHost(data, dtype))
}

/** Little-endian bytes of an array's values as `data()` gives them. */
export const bytesOfValues = (values: HostData, dtype: DType): Uint8Array => {
  const stored = isHalf(dtype) ? encodeHost(values, dtype) : values
  return new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength)
}
