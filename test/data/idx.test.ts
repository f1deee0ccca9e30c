/** IDX: round trips through a writer of the test's own, and files that are broken. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { data, io } from 'cotangent'

const writers = {
  0x08: { bytes: 1, write: (v: DataView, at: number, x: number) => v.setUint8(at, x), dtype: 'uint8' },
  0x09: { bytes: 1, write: (v: DataView, at: number, x: number) => v.setInt8(at, x), dtype: 'int8' },
  0x0b: { bytes: 2, write: (v: DataView, at: number, x: number) => v.setInt16(at, x), dtype: 'int32' },
  0x0c: { bytes: 4, write: (v: DataView, at: number, x: number) => v.setInt32(at, x), dtype: 'int32' },
  0x0d: { bytes: 4, write: (v: DataView, at: number, x: number) => v.setFloat32(at, x), dtype: 'float32' },
  0x0e: { bytes: 8, write: (v: DataView, at: number, x: number) => v.setFloat64(at, x), dtype: 'float64' },
} as const

const codes = [0x08, 0x09, 0x0b, 0x0c, 0x0d, 0x0e] as const

const idxBytes = (code: (typeof codes)[number], shape: readonly number[], values: readonly number[]): Uint8Array => {
  const { bytes: width, write } = writers[code]
  const bytes = new Uint8Array(4 + 4 * shape.length + width * values.length)
  const view = new DataView(bytes.buffer)
  bytes.set([0, 0, code, shape.length])
  shape.forEach((n, i) => view.setUint32(4 + 4 * i, n))
  values.forEach((x, i) => write(view, 4 + 4 * shape.length + width * i, x))
  return bytes
}

const anyFile = fc
  .tuple(fc.constantFrom(...codes), fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }))
  .chain(([code, shape]) => {
    const size = shape.reduce((n, d) => n * d, 1)
    return fc
      .array(fc.integer({ min: 0, max: 127 }), { minLength: size, maxLength: size })
      .map((values) => ({ code, shape, values }))
  })

const errorOf = (bytes: Uint8Array): string => {
  try {
    data.parseIdx(bytes)
  } catch (error) {
    if (error instanceof io.IoError) return error.message
    throw error
  }
  return 'no error'
}

test('every file is read as what was written', () => {
  fc.assert(
    fc.property(anyFile, ({ code, shape, values }) => {
      const x = data.parseIdx(idxBytes(code, shape, values))
      expect([x.dtype, x.shape, Array.from(x.dataSync())]).toEqual([writers[code].dtype, shape, values])
    }),
  )
})

test('elements are big-endian and signed where the type is', () => {
  expect(Array.from(data.parseIdx(idxBytes(0x0c, [2], [-2, 70000])).dataSync())).toEqual([-2, 70000])
  expect(Array.from(data.parseIdx(Uint8Array.of(0, 0, 0x0b, 1, 0, 0, 0, 1, 1, 0)).dataSync())).toEqual([256])
})

test('bytes in the middle of a larger buffer are read', () => {
  const bytes = idxBytes(0x0d, [2], [1.5, -2])
  const larger = new Uint8Array(bytes.length + 5)
  larger.set(bytes, 3)
  expect(Array.from(data.parseIdx(larger.subarray(3, 3 + bytes.length)).dataSync())).toEqual([1.5, -2])
})

test.each([
  [Uint8Array.of(), 'not an IDX file: it does not begin with two zero bytes, an element type and a rank (at byte 0)'],
  [Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0), 'the file is compressed (gzip); unpack it first (at byte 0)'],
  [
    Uint8Array.of(0, 0, 7, 1, 0, 0, 0, 0),
    'not an IDX file: 0x07 is not an element type; there are 0x08 uint8, 0x09 int8, 0x0b int16, 0x0c int32, 0x0d float32, 0x0e float64 (at byte 2)',
  ],
  [Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 1), 'the file is cut off: 3 sizes need 16 bytes, and it has 8 (at byte 8)'],
  [
    Uint8Array.of(0, 0, 8, 1, 255, 255, 255, 255),
    'the array has the size 4294967295 in its shape; sizes are integers from 0 to 2147483647 (at byte 4)',
  ],
  [
    Uint8Array.of(0, 0, 12, 2, 127, 0, 0, 0, 0, 0, 4, 0, 1, 2),
    'the sizes 2130706432 x 1024 of int32 need 8727373545472 bytes after the header, and 2 are there (at byte 12)',
  ],
  [
    Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 1, 5, 6),
    'the sizes 1 of uint8 need 1 bytes after the header, and 2 are there (at byte 8)',
  ],
])('a broken file is told what is wrong (%#)', (bytes, message) => {
  expect(errorOf(bytes)).toBe(message)
})

test('files cut or changed are read or are an IoError', () => {
  const change = fc.tuple(fc.nat(20), fc.nat(255))
  fc.assert(
    fc.property(anyFile, fc.nat(60), fc.array(change, { maxLength: 3 }), ({ code, shape, values }, length, changes) => {
      const bytes = idxBytes(code, shape, values).slice(0, length)
      for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte
      errorOf(bytes)
    }),
    { numRuns: 500 },
  )
})
