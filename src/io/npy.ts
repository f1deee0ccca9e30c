/** NumPy's npy format (numpy.lib.format, versions 1 to 3): one array to bytes and back. */
import { type DType, type HostData, type NDArray, range, sizeOf } from '../core/index.js'
import { transpose } from '../numpy/index.js'
import { type ElementType, arrayBytes, arrayFromBytes, bytesOfValues, elementBytes } from './elements.js'
import { IoError, lookalike, shown } from './io-error.js'

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]
/** Magic and version. */
const prefixBytes = 8
/** Data begins at a multiple of this. */
const alignment = 64

/** NumPy's names of element types, without the byte order. */
const types = new Map<string, ElementType>([
  ['f8', 'float64'],
  ['f4', 'float32'],
  ['f2', 'float16'],
  ['i8', 'int64'],
  ['i4', 'int32'],
  ['i2', 'int16'],
  ['i1', 'int8'],
  ['u8', 'uint64'],
  ['u4', 'uint32'],
  ['u2', 'uint16'],
  ['u1', 'uint8'],
  ['b1', 'bool'],
])

/** NumPy's name of a dtype. */
const descriptionOf = (dtype: DType): string => {
  for (const [name, type] of types) if (type === dtype) return `${elementBytes(type) === 1 ? '|' : '<'}${name}`
  return '<f4'
}

/** Bytes of a file with this array; `values` is what `array.data()` gave. */
export const encodeValues = ({ shape, dtype }: NDArray, values: HostData): Uint8Array => {
  // NumPy has no bfloat16; float32 holds its values, and data() gives them so.
  const data = bytesOfValues(values, dtype === 'bfloat16' ? 'float32' : dtype)
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`
  const text = `{'descr': '${descriptionOf(dtype)}', 'fortran_order': False, 'shape': ${tuple}, }`
  const start = Math.ceil((prefixBytes + 2 + text.length + 1) / alignment) * alignment
  const bytes = new Uint8Array(start + data.length)
  bytes.set([...magic, 1, 0])
  new DataView(bytes.buffer).setUint16(prefixBytes, start - prefixBytes - 2, true)
  bytes.set(new TextEncoder().encode(`${text.padEnd(start - prefixBytes - 3)}\n`), prefixBytes + 2)
  bytes.set(data, start)
  return bytes
}

/**
 * An array as an npy file, which `numpy.load` reads. Every dtype is kept but bfloat16, which NumPy lacks: it becomes float32.
 *
 * @param x an array on a synchronous device; `saveNpy` also reads from the others
 * @example
 * ```ts
 * io.encodeNpy(np.arange(3)).length // 140: a header of 128 bytes, and 3 times 4
 * ```
 */
export const encodeNpy = (x: NDArray): Uint8Array => encodeValues(x, x.dataSync())

/** The header's text, and the byte where the data begin. */
const readHeader = (bytes: Uint8Array): { readonly text: string; readonly start: number } => {
  if (bytes.length < prefixBytes || magic.some((byte, i) => bytes[i] !== byte)) {
    throw new IoError(`not an npy file: it does not begin with \\x93NUMPY and a version${lookalike(bytes)}`, {
      offset: 0,
    })
  }
  const version = bytes[6] ?? 0
  if (version < 1 || version > 3)
    throw new IoError(`npy version ${version} is not known; 1, 2 and 3 are`, { offset: 6 })
  const begin = prefixBytes + (version === 1 ? 2 : 4)
  if (bytes.length < begin)
    throw new IoError('the file is cut off inside the length of its header', { offset: bytes.length })
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const length = version === 1 ? view.getUint16(prefixBytes, true) : view.getUint32(prefixBytes, true)
  const start = begin + length
  if (start > bytes.length) {
    throw new IoError(
      `the file is cut off: its header is ${length} bytes long, and ${bytes.length - begin} are there`,
      {
        offset: bytes.length,
      },
    )
  }
  return { text: new TextDecoder().decode(bytes.subarray(begin, start)), start }
}

/** The value of one key of the header, a Python dictionary of constants. */
const field = (text: string, key: string, value: string): RegExpExecArray => {
  const match = new RegExp(`['"]${key}['"]\\s*:\\s*${value}\\s*[,}]`).exec(text)
  if (match === null)
    throw new IoError(`the header has no readable ${key}: ${shown(text.trim())}`, { offset: prefixBytes })
  return match
}

const readShape = (text: string): number[] => {
  const inside = field(text, 'shape', '\\(([\\d\\s,L]*)\\)')[1] ?? ''
  return inside
    .split(',')
    .map((size) => size.trim().replace(/L$/, ''))
    .filter((size) => size !== '')
    .map(Number)
}

/**
 * The array of an npy file, on the current device. Both byte orders and both memory orders are read; 16-bit integers become
 * 32-bit ones, and 64-bit integers too if they fit.
 *
 * Throws IoError for bytes that are not a whole npy file, and for element types without a dtype here (complex, text, records,
 * Python objects).
 *
 * @example
 * ```ts
 * io.decodeNpy(io.encodeNpy(np.arange(3))) // int32 [0, 1, 2]
 * ```
 */
export const decodeNpy = (bytes: Uint8Array): NDArray => {
  const { text, start } = readHeader(bytes)
  const description = field(text, 'descr', `(['"]([<>|=]?)(\\w+)['"]|\\[.*\\])`)
  const type = types.get(description[3] ?? '')
  if (type === undefined) {
    throw new IoError(`elements are of type ${shown(description[1])}; readable are ${[...types.keys()].join(', ')}`, {
      offset: prefixBytes,
    })
  }
  const columnMajor = field(text, 'fortran_order', '(True|False)')[1] === 'True'
  const shape = readShape(text)
  const size = arrayBytes(shape, type, 'the array', prefixBytes)
  if (bytes.length - start !== size) {
    throw new IoError(
      `the header asks for ${size} bytes of data (${type}[${shape.join()}]), and ${bytes.length - start} follow it`,
      { offset: start },
    )
  }
  const layout = { type, bigEndian: description[2] === '>', what: 'the array' }
  const data = bytes.subarray(start)
  if (!columnMajor || shape.length < 2 || sizeOf(shape) === 0) return arrayFromBytes(data, { ...layout, shape })
  const reversed = arrayFromBytes(data, { ...layout, shape: [...shape].reverse() })
  return transpose(reversed, { axes: range(shape.length).reverse() })
}
