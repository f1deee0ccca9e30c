/** The dtypes of arrays: names, sizes, kinds, host representation, and the short names that jaxprs print. */

/** Element type of an array. */
export type DType = 'float32' | 'float64' | 'float16' | 'bfloat16' | 'int32' | 'uint32' | 'int8' | 'uint8' | 'bool'

/** What a dtype counts as in promotion and in rules: floats have derivatives, the others don't. */
export type DTypeKind = 'float' | 'signed' | 'unsigned' | 'bool'

/** Typed array that holds elements on the host. Halves are kept as their 16 bits, bool as 0 or 1. */
export type HostData = Float32Array | Float64Array | Int32Array | Uint32Array | Int8Array | Uint8Array | Uint16Array

interface DTypeInfo {
  readonly kind: DTypeKind
  readonly bytes: 1 | 2 | 4 | 8
  readonly short: string
  readonly make: (source: number | ArrayBuffer) => HostData
}

const make =
  <T extends HostData>(ctor: { new (length: number): T; new (buffer: ArrayBuffer): T }) =>
  (source: number | ArrayBuffer): T =>
    typeof source === 'number' ? new ctor(source) : new ctor(source)

const table: Readonly<Record<DType, DTypeInfo>> = {
  float32: { kind: 'float', bytes: 4, short: 'f32', make: make(Float32Array) },
  float64: { kind: 'float', bytes: 8, short: 'f64', make: make(Float64Array) },
  float16: { kind: 'float', bytes: 2, short: 'f16', make: make(Uint16Array) },
  bfloat16: { kind: 'float', bytes: 2, short: 'bf16', make: make(Uint16Array) },
  int32: { kind: 'signed', bytes: 4, short: 'i32', make: make(Int32Array) },
  uint32: { kind: 'unsigned', bytes: 4, short: 'u32', make: make(Uint32Array) },
  int8: { kind: 'signed', bytes: 1, short: 'i8', make: make(Int8Array) },
  uint8: { kind: 'unsigned', bytes: 1, short: 'u8', make: make(Uint8Array) },
  bool: { kind: 'bool', bytes: 1, short: 'bool', make: make(Uint8Array) },
}

/** All dtypes, floats first. */
export const dtypes: readonly DType[] = [
  'float32',
  'float64',
  'float16',
  'bfloat16',
  'int32',
  'uint32',
  'int8',
  'uint8',
  'bool',
]
export const floatingDTypes: readonly DType[] = dtypes.filter((d) => table[d].kind === 'float')
/** Floats that are computed as they are stored; halves are computed in float32. */
export const nativeFloats: readonly DType[] = ['float32', 'float64']
export const integerDTypes: readonly DType[] = ['int32', 'uint32', 'int8', 'uint8']

export const isDType = (value: unknown): value is DType => typeof value === 'string' && Object.hasOwn(table, value)
export const dtypeKind = (dtype: DType): DTypeKind => table[dtype].kind
export const dtypeBytes = (dtype: DType): 1 | 2 | 4 | 8 => table[dtype].bytes
/** Name in a printed jaxpr: `f32`, `i32`, `bool`. */
export const dtypeShort = (dtype: DType): string => table[dtype].short
export const isFloating = (dtype: DType): boolean => table[dtype].kind === 'float'
export const isInteger = (dtype: DType): boolean => table[dtype].kind === 'signed' || table[dtype].kind === 'unsigned'
export const isUnsigned = (dtype: DType): boolean => table[dtype].kind === 'unsigned'
/** 16-bit floats: stored in two bytes, computed in float32. */
export const isHalf = (dtype: DType): boolean => dtype === 'float16' || dtype === 'bfloat16'

/** The dtype whose printed short name this is, if any. */
export const dtypeFromShort = (short: string): DType | undefined => dtypes.find((d) => table[d].short === short)

/** New zeroed host storage for `size` elements, or a view of all of `buffer`. */
export const makeHostData = (dtype: DType, source: number | ArrayBuffer): HostData => table[dtype].make(source)

/** Smallest and largest finite value of a dtype. */
export const dtypeRange = (dtype: DType): { readonly min: number; readonly max: number } => {
  switch (dtype) {
    case 'float32':
      return { min: -3.4028234663852886e38, max: 3.4028234663852886e38 }
    case 'float64':
      return { min: -Number.MAX_VALUE, max: Number.MAX_VALUE }
    case 'float16':
      return { min: -65504, max: 65504 }
    case 'bfloat16':
      return { min: -3.3895313892515355e38, max: 3.3895313892515355e38 }
    case 'int32':
      return { min: -2147483648, max: 2147483647 }
    case 'uint32':
      return { min: 0, max: 4294967295 }
    case 'int8':
      return { min: -128, max: 127 }
    case 'uint8':
      return { min: 0, max: 255 }
    case 'bool':
      return { min: 0, max: 1 }
  }
}

/** Distance from 1 to the next larger number of a floating dtype. */
export const dtypeEpsilon = (dtype: DType): number =>
  dtype === 'float64' ? 2 ** -52 : dtype === 'float16' ? 2 ** -10 : dtype === 'bfloat16' ? 2 ** -7 : 2 ** -23
