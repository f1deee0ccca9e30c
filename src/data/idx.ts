/** The IDX format of the MNIST files (http://yann.lecun.com/exdb/mnist): a magic number, big-endian sizes, big-endian elements. */
import type { NDArray } from '../core/index.js'
import { type ElementType, arrayBytes, arrayFromBytes } from '../io/elements.js'
import { IoError } from '../io/index.js'

/** Element types by the third byte of the file. */
const types = new Map<number, ElementType>([
  [0x08, 'uint8'],
  [0x09, 'int8'],
  [0x0b, 'int16'],
  [0x0c, 'int32'],
  [0x0d, 'float32'],
  [0x0e, 'float64'],
])

const hex = (byte: number): string => `0x${byte.toString(16).padStart(2, '0')}`

/**
 * The array of an IDX file, on the current device: uint8, int8, int32, float32 or float64 as in the file, 16-bit integers as
 * int32.
 *
 * Throws IoError, with the offset, for bytes that are not a whole IDX file.
 *
 * @param bytes the file, not compressed
 * @example
 * ```ts
 * data.parseIdx(Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 2, 7, 9)) // uint8 [7, 9]
 * ```
 */
export const parseIdx = (bytes: Uint8Array): NDArray => {
  const [first = 0, second = 0, code = 0, rank = 0] = bytes
  if (bytes.length >= 2 && first === 0x1f && second === 0x8b) {
    throw new IoError('the file is compressed (gzip); unpack it first', { offset: 0 })
  }
  if (bytes.length < 4 || first !== 0 || second !== 0) {
    throw new IoError('not an IDX file: it does not begin with two zero bytes, an element type and a rank', {
      offset: 0,
    })
  }
  const type = types.get(code)
  if (type === undefined) {
    const known = [...types].map(([byte, name]) => `${hex(byte)} ${name}`)
    throw new IoError(`not an IDX file: ${hex(code)} is not an element type; there are ${known.join(', ')}`, {
      offset: 2,
    })
  }
  const start = 4 + 4 * rank
  if (bytes.length < start) {
    throw new IoError(`the file is cut off: ${rank} sizes need ${start} bytes, and it has ${bytes.length}`, {
      offset: bytes.length,
    })
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis))
  const size = arrayBytes(shape, type, 'the array', 4)
  if (bytes.length !== start + size) {
    throw new IoError(
      `the sizes ${shape.join(' x ')} of ${type} need ${size} bytes after the header, and ${bytes.length - start} are there`,
      { offset: start },
    )
  }
  return arrayFromBytes(bytes.subarray(start), { type, shape, bigEndian: true, what: 'the array' })
}
