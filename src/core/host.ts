/** Numbers of each dtype on the host: rounding to a dtype, and the bits of 16-bit floats. */
import { type DType, type HostData, makeHostData } from './dtype.js'

const float = new Float32Array(1)
const bits = new Uint32Array(float.buffer)

/** Bits of the bfloat16 nearest to `value` (ties to even; NaN stays NaN). */
export const bfloat16Bits = (value: number): number => {
  float[0] = value
  const word = bits[0] ?? 0
  if (Number.isNaN(value)) return ((word >>> 16) | 0x40) & 0xffff
  return ((word + 0x7fff + ((word >>> 16) & 1)) >>> 16) & 0xffff
}

/** Value of bfloat16 bits. */
export const bfloat16Value = (half: number): number => {
  bits[0] = half << 16
  return float[0] ?? 0
}

/** Bits of the float16 nearest to the float32 nearest to `value` (ties to even). */
export const float16Bits = (value: number): number => {
  float[0] = value
  const word = bits[0] ?? 0
  const sign = (word >>> 16) & 0x8000
  const magnitude = word & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00
  if (magnitude >= 0x477ff000) return sign | 0x7c00
  if (magnitude < 0x38800000) {
    // Subnormal half: adding 0.5 puts the rounded mantissa into the low bits of the float.
    bits[0] = magnitude
    float[0] = (float[0] ?? 0) + 0.5
    return sign | ((bits[0] ?? 0) - 0x3f000000)
  }
  return sign | ((magnitude + 0xc8000fff + ((magnitude >>> 13) & 1)) >>> 13)
}

/** Value of float16 bits. */
export const float16Value = (half: number): number => {
  const sign = half & 0x8000 ? -1 : 1
  const exponent = (half >>> 10) & 0x1f
  const mantissa = half & 0x3ff
  if (exponent === 0) return sign * mantissa * 2 ** -24
  if (exponent === 31) return mantissa ? NaN : sign * Infinity
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15)
}

/** Integer part of `value` clamped to a range; NaN gives 0, as WebAssembly's and XLA's saturating conversion do. */
const saturate = (value: number, min: number, max: number): number =>
  Number.isNaN(value) ? 0 : value <= min ? min : value >= max ? max : Math.trunc(value) + 0 // + 0 turns -0 into 0

/**
 * `value` as a number of `dtype`: floats round to nearest even, floats to integers truncate and saturate, integers wrap.
 * `from` says what the value was, since integers wrap where floats saturate.
 */
export const castValue = (value: number, dtype: DType, from: DType): number => {
  const integral = from !== 'float32' && from !== 'float64' && from !== 'float16' && from !== 'bfloat16'
  switch (dtype) {
    case 'float64':
      return value
    case 'float32':
      return Math.fround(value)
    case 'float16':
      return float16Value(float16Bits(value))
    case 'bfloat16':
      return bfloat16Value(bfloat16Bits(value))
    case 'int32':
      return integral ? value | 0 : saturate(value, -2147483648, 2147483647)
    case 'uint32':
      return integral ? value >>> 0 : saturate(value, 0, 4294967295)
    case 'int8':
      return integral ? (value << 24) >> 24 : saturate(value, -128, 127)
    case 'uint8':
      return integral ? value & 0xff : saturate(value, 0, 255)
    case 'bool':
      return value !== 0 ? 1 : 0
  }
}

/** Rounds or wraps a number to what `dtype` can hold, as a result of arithmetic in that dtype. */
export const roundTo = (value: number, dtype: DType): number => castValue(value, dtype, dtype)

/** Host storage of `values`, rounded to `dtype`; halves become their bits. */
export const encodeHost = (values: ArrayLike<number>, dtype: DType): HostData => {
  const out = makeHostData(dtype, values.length)
  for (let i = 0; i < values.length; i++) out[i] = encodeValue(values[i] ?? 0, dtype)
  return out
}

/** Whether values already are what `encodeHost` would make of them. Subclasses, as Node's Buffer, are not: they slice otherwise. */
const isEncoded = (values: ArrayLike<number>, dtype: DType): values is HostData =>
  dtype !== 'bool' &&
  dtype !== 'float16' &&
  dtype !== 'bfloat16' &&
  Object.getPrototypeOf(values) === Object.getPrototypeOf(makeHostData(dtype, 0))

/** `encodeHost` for a device, which copies what it is given: a typed array is not copied twice. */
export const encodeForDevice = (values: ArrayLike<number>, dtype: DType): HostData =>
  isEncoded(values, dtype) ? values : encodeHost(values, dtype)

/** What host storage of `dtype` keeps for `value`. */
export const encodeValue = (value: number, dtype: DType): number =>
  dtype === 'float16'
    ? float16Bits(value)
    : dtype === 'bfloat16'
      ? bfloat16Bits(value)
      : dtype === 'float32' || dtype === 'float64'
        ? value
        : castValue(value, dtype, 'float64')

/** Value of one kept element. */
export const decodeValue = (kept: number, dtype: DType): number =>
  dtype === 'float16' ? float16Value(kept) : dtype === 'bfloat16' ? bfloat16Value(kept) : kept

/** What a user reads: halves as a Float32Array of their values, all else the storage itself. */
export const decodeHost = (data: HostData, dtype: DType): HostData => {
  if (dtype !== 'float16' && dtype !== 'bfloat16') return data
  const value = dtype === 'float16' ? float16Value : bfloat16Value
  const out = new Float32Array(data.length)
  for (let i = 0; i < data.length; i++) out[i] = value(data[i] ?? 0)
  return out
}
