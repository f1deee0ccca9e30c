/** npy: round trips, files of NumPy in its variants, and files that are broken. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { io, numpy as np } from 'cotangent'
import { anyArray, contents } from './arbitraries.js'

/** Text that is this message, or matches it. */
const matching = (message: string | RegExp): unknown =>
  typeof message === 'string' ? message : expect.stringMatching(message)

/** A file of a version, a header and data. */
const fileOf = (header: string, data: Uint8Array, version = 1): Uint8Array => {
  const text = new TextEncoder().encode(header)
  const size = version === 1 ? 2 : 4
  const bytes = new Uint8Array(8 + size + text.length + data.length)
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0])
  const view = new DataView(bytes.buffer)
  if (version === 1) view.setUint16(8, text.length, true)
  else view.setUint32(8, text.length, true)
  bytes.set(text, 8 + size)
  bytes.set(data, 8 + size + text.length)
  return bytes
}

const header = (descr: string, shape: string, order = 'False'): string =>
  `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }\n`

const errorOf = (bytes: Uint8Array): string => {
  try {
    io.decodeNpy(bytes)
  } catch (error) {
    if (error instanceof io.IoError) return error.message
    throw error
  }
  return 'no error'
}

test('every array comes back; bfloat16 as float32', () => {
  fc.assert(
    fc.property(anyArray, (x) => {
      const back = io.decodeNpy(io.encodeNpy(x))
      expect(contents(back)).toEqual(contents(x.dtype === 'bfloat16' ? x.astype('float32') : x))
    }),
    { numRuns: 150 },
  )
})

test('the bytes are those that numpy.save writes', () => {
  // np.save(f, np.array([[1, 2, 3]], np.int32))
  const bytes = io.encodeNpy(np.array([[1, 2, 3]], { dtype: 'int32' }))
  expect(new TextDecoder('latin1').decode(bytes.subarray(0, 10))).toBe('\x93NUMPY\x01\x00v\x00')
  const text = "{'descr': '<i4', 'fortran_order': False, 'shape': (1, 3), }"
  expect(new TextDecoder().decode(bytes.subarray(10, 128))).toBe(`${text.padEnd(117)}\n`)
  expect([...bytes.subarray(128)]).toEqual([1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0])
})

test('versions, byte orders and memory orders of NumPy are read', () => {
  const six = Uint8Array.of(1, 2, 3, 4, 5, 6)
  const rows = contents(np.array([[1, 3, 5], [2, 4, 6]], { dtype: 'uint8' })) // prettier-ignore
  expect(contents(io.decodeNpy(fileOf(header("'|u1'", '(2, 3)', 'True'), six)))).toEqual(rows)
  const big = Uint8Array.of(0, 1, 1, 0, 255, 255)
  for (const version of [1, 2, 3]) {
    const x = io.decodeNpy(fileOf(header("'>i2'", '(3,)'), big, version))
    expect(contents(x)).toEqual(['int32', [3], [1, 256, -1]])
  }
  expect(contents(io.decodeNpy(fileOf(header("'<f8'", '()'), new Uint8Array(8))))).toEqual(['float64', [], [0]])
  // Python 2 wrote long integers so.
  expect(contents(io.decodeNpy(fileOf(header("'|b1'", '(2L, 1L)'), Uint8Array.of(0, 2))))).toEqual([
    'bool',
    [2, 1],
    [0, 1],
  ])
})

test.each([
  [Uint8Array.of(1, 2, 3), 'not an npy file: it does not begin with \\x93NUMPY and a version (at byte 0)'],
  [fileOf(header("'<f4'", '(1,)'), new Uint8Array(4), 9), 'npy version 9 is not known; 1, 2 and 3 are (at byte 6)'],
  [fileOf('', new Uint8Array()).subarray(0, 9), 'the file is cut off inside the length of its header (at byte 9)'],
  [
    fileOf(header("'<f4'", '(1,)'), new Uint8Array()).subarray(0, 40),
    'the file is cut off: its header is 58 bytes long, and 30 are there (at byte 40)',
  ],
  [fileOf('nonsense', new Uint8Array()), 'the header has no readable descr: "nonsense" (at byte 8)'],
  [fileOf(header("'<c8'", '(1,)'), new Uint8Array(8)), /^elements are of type "'<c8'"; readable are f8, f4/],
  [fileOf(header("[('a', '<f4')]", '(1,)'), new Uint8Array(4)), /^elements are of type "\[\('a', '<f4'\)\]"; readable/],
  [fileOf(header("'<f4'", '(-1,)'), new Uint8Array(4)), /^the header has no readable shape/],
  [fileOf(header("'<f4'", '(99999999999,)'), new Uint8Array(4)), /^the array has the size 99999999999 in its shape/],
  [
    fileOf(header("'<f4'", '(2,)'), new Uint8Array(4)),
    'the header asks for 8 bytes of data (float32[2]), and 4 follow it (at byte 68)',
  ],
])('a broken file is told what is wrong (%#)', (bytes, message) => {
  expect(errorOf(bytes)).toEqual(matching(message))
})

test('a file with changed bytes, or cut, is read or is an IoError', () => {
  const sound = io.encodeNpy(np.ones([2, 3]))
  fc.assert(
    fc.property(
      fc.nat(sound.length),
      fc.array(fc.tuple(fc.nat(75), fc.nat(255)), { maxLength: 3 }),
      (length, changes) => {
        const bytes = sound.slice(0, length)
        for (const [at, byte] of changes) if (at < length) bytes[at] = byte
        errorOf(bytes)
      },
    ),
    { numRuns: 500 },
  )
})
