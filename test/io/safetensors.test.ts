/** safetensors: round trips, files of the reference implementation, and files that are broken. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { io, numpy as np } from 'cotangent'
import { anyArray, anyTree, contents, treeContents } from './arbitraries.js'

/** Text that is this message, or matches it. */
const matching = (message: string | RegExp): unknown =>
  typeof message === 'string' ? message : expect.stringMatching(message)

/** A file with this header and these bytes of data. */
const fileOf = (header: unknown, data: Uint8Array = new Uint8Array()): Uint8Array => {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header))
  const bytes = new Uint8Array(8 + json.length + data.length)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true)
  bytes.set(json, 8)
  bytes.set(data, 8 + json.length)
  return bytes
}

const errorOf = (bytes: Uint8Array): string => {
  try {
    io.decodeSafetensors(bytes)
  } catch (error) {
    if (error instanceof io.IoError) return error.message
    throw error
  }
  return 'no error'
}

describe('round trips', () => {
  test('every pytree comes back, with its structure and every bit', () => {
    fc.assert(
      fc.property(anyTree, (value) => {
        const back = io.decodeSafetensors(io.encodeSafetensors(value), { like: value })
        expect(treeContents(back)).toEqual(treeContents(value))
      }),
      { numRuns: 150 },
    )
  })

  test('arrays come back by name, under any name', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), anyArray, { maxKeys: 4 }), (arrays) => {
        fc.pre(!Object.hasOwn(arrays, '__metadata__') && !Object.hasOwn(arrays, ''))
        const back = io.decodeSafetensors(io.encodeSafetensors(arrays))
        expect(Object.keys(back).sort()).toEqual(Object.keys(arrays).sort())
        for (const [name, array] of Object.entries(arrays)) expect(contents(back[name])).toEqual(contents(array))
      }),
      { numRuns: 100 },
    )
  })

  test('the same tree gives the same bytes, whatever the order of its keys', () => {
    const a = np.array([1, 2])
    const b = np.array([true])
    expect(io.encodeSafetensors({ a, b })).toEqual(io.encodeSafetensors({ b, a }))
  })

  test('names are paths; metadata is kept; every array lies at a multiple of its element', () => {
    const value = {
      layers: [{ kernel: np.zeros([2, 3]) }, { kernel: np.ones([1], { dtype: 'float64' }) }],
      mask: np.array([true]),
    }
    const { entries, metadata } = io.safetensorsHeader(io.encodeSafetensors(value, { metadata: { step: '7' } }))
    expect(entries.map(({ name, type, shape }) => [name, type, shape])).toEqual([
      ['layers[1].kernel', 'float64', [1]],
      ['layers[0].kernel', 'float32', [2, 3]],
      ['mask', 'bool', [1]],
    ])
    expect(metadata).toEqual({ step: '7' })
    expect(entries.map(({ start }) => start % 8)).toEqual([0, 0, 0])
  })

  test('like may be shapes and dtypes', () => {
    const bytes = io.encodeSafetensors({ w: np.array([1, 2]) })
    const { w } = io.decodeSafetensors(bytes, { like: { w: { shape: [2], dtype: 'float32' as const } } })
    expect(contents(w)).toEqual(['float32', [2], [1, 2]])
  })
})

test('a file whose header is not padded, with data off their alignment, is read', () => {
  const header =
    '{"__metadata__":{"by":"hand"},"y":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"x":{"dtype":"I16","shape":[3],"data_offsets":[4,10]}}'
  const bytes = fileOf(header, Uint8Array.of(0, 0, 0xc0, 0x3f, 0, 0, 1, 0, 2, 0))
  const { x, y } = io.decodeSafetensors(bytes)
  expect(contents(x)).toEqual(['int32', [3], [0, 1, 2]])
  expect(contents(y)).toEqual(['float32', [1], [1.5]])
})

test('64-bit integers are read when they fit, and refused when not', () => {
  const header = { x: { dtype: 'I64', shape: [1], data_offsets: [0, 8] } }
  const small = new Uint8Array(BigInt64Array.of(-5n).buffer)
  expect(contents(io.decodeSafetensors(fileOf(header, small)).x)).toEqual(['int32', [1], [-5]])
  const large = new Uint8Array(BigInt64Array.of(2n ** 40n).buffer)
  expect(errorOf(fileOf(header, large))).toBe(
    'tensor "x" holds 64-bit integers, and element 0, 1099511627776, does not fit into int32',
  )
})

test.each([
  [new Uint8Array(), 'not a safetensors file: 0 bytes are too few for the length of a header (at byte 0)'],
  [new Uint8Array(8).fill(255), /^not a safetensors file: its header would be 18446744073709551615 bytes long/],
  [fileOf('{}').subarray(0, 9), 'the file is cut off: its header is 2 bytes long, and 1 are there (at byte 9)'],
  [fileOf('{"x":'), 'not a safetensors file: its header is not JSON (at byte 8)'],
  [fileOf([]), 'the header is not a JSON object (at byte 8)'],
  [fileOf({ __metadata__: { a: 1 } }), '__metadata__ must be an object of strings, and it is {"a":1} (at byte 8)'],
  [fileOf({ x: 3 }), 'tensor "x" is described by 3, not by an object (at byte 8)'],
  [
    fileOf({ x: { dtype: 'F8_E4M3', shape: [1], data_offsets: [0, 1] } }),
    /^tensor "x" has the dtype "F8_E4M3"; readable are F64, F32/,
  ],
  [
    fileOf({ x: { dtype: 'F32', shape: [1e300], data_offsets: [0, 4] } }),
    'tensor "x" has the size 1e+300 in its shape; sizes are integers from 0 to 2147483647 (at byte 8)',
  ],
  [
    fileOf({ x: { dtype: 'F32', shape: [2147483647, 2147483647], data_offsets: [0, 4] } }),
    'tensor "x" has an impossible shape [2147483647,2147483647] (at byte 8)',
  ],
  [
    fileOf({ x: { dtype: 'F32', shape: [1000000000], data_offsets: [0, 4] } }, new Uint8Array(4)),
    'tensor "x" has 4 bytes in the file, and its shape and dtype need 4000000000 (at byte 8)',
  ],
  [
    fileOf({ x: { dtype: 'U8', shape: [1], data_offsets: [1, 0] } }),
    'tensor "x" has the data_offsets [1,0] (at byte 8)',
  ],
  [
    fileOf({ x: { dtype: 'U8', shape: [4], data_offsets: [0, 4] } }, new Uint8Array(2)),
    'the file is cut off: tensor "x" should end at byte 65, and the file at 63 (at byte 63)',
  ],
  [
    fileOf({ x: { dtype: 'U8', shape: [1], data_offsets: [1, 2] } }, new Uint8Array(2)),
    'tensor "x" begins at byte 62, and the one before ends at 61 (at byte 62)',
  ],
  [
    fileOf({ x: { dtype: 'U8', shape: [1], data_offsets: [0, 1] } }, new Uint8Array(3)),
    '2 bytes after the last tensor belong to nothing (at byte 62)',
  ],
])('a broken file is told what is wrong (%#)', (bytes, message) => {
  expect(errorOf(bytes)).toEqual(matching(message))
})

describe('damaged and random bytes', () => {
  const sound = io.encodeSafetensors({ a: np.ones([3, 2]), b: [np.array([1, 2], { dtype: 'int8' })] })

  test('a file cut anywhere is an IoError', () => {
    for (let length = 0; length < sound.length; length++) {
      expect(() => io.decodeSafetensors(sound.subarray(0, length))).toThrow(io.IoError)
    }
  })

  test('a file with changed bytes is read or is an IoError, never anything else', () => {
    const change = fc.tuple(fc.nat(sound.length - 1), fc.nat(255))
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const bytes = sound.slice()
        for (const [at, byte] of changes) bytes[at] = byte
        errorOf(bytes)
      }),
      { numRuns: 500 },
    )
  })

  test('so are random bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => void errorOf(bytes)))
  })
})

describe('a file that is not like the tree', () => {
  const bytes = io.encodeSafetensors({ conv: { kernel: np.zeros([2, 3]) }, old: np.zeros([1]) })
  const old = np.zeros([1])

  test.each([
    [{ conv: { kernel: np.zeros([2, 3]), bias: old }, old }, 'no tensor is named conv.bias'],
    [{ conv: { weight: old }, old }, 'no tensor is named conv.weight; unused are conv.kernel'],
    [{ conv: { kernel: np.zeros([2, 3]) } }, 'the tensors old have no place in the tree'],
    [{ conv: { kernel: np.zeros([3, 2]) }, old }, 'tensor "conv.kernel" is float32[2,3], and float32[3,2] is expected'],
    [
      { conv: { kernel: np.zeros([2, 3]).astype('int32') }, old },
      'tensor "conv.kernel" is float32[2,3], and int32[2,3] is expected',
    ],
  ])('is told the difference (%#)', (like, message) => {
    expect(() => io.decodeSafetensors(bytes, { like })).toThrow(message)
  })
})

describe('mistakes of the program', () => {
  test.each([
    [
      { a: np.zeros([1]), b: 'text' },
      'encodeSafetensors: b is not an array but string text; make it one with np.array(...).',
    ],
    [
      { 'a.b': np.zeros([1]), a: { b: np.zeros([1]) } },
      "encodeSafetensors: two arrays would be named 'a.b', because a key has '.' or '[' in it; rename it.",
    ],
    [
      { __metadata__: np.zeros([1]) },
      'encodeSafetensors: the format keeps the name __metadata__ for itself; rename that array.',
    ],
  ])('are told (%#)', (value, message) => {
    expect(() => io.encodeSafetensors(value)).toThrow(message)
  })
})

test('metadata that are no text are refused before a file is written that nobody could read', () => {
  const save = (metadata: unknown) => () =>
    io.encodeSafetensors({ a: np.ones([1]) }, { metadata: metadata as Readonly<Record<string, string>> })
  expect(save({ epoch: 3 })).toThrow(
    'encodeSafetensors: the format keeps only text as metadata, and metadata.epoch is a number; ' +
      'write String(...) or JSON.stringify(...) of it, or keep it as an array beside the others.',
  )
  expect(save(['text'])).toThrow('encodeSafetensors: metadata is an object of strings, got a JS array of 1.')
  expect(io.safetensorsHeader(save({ epoch: '3' })()).metadata).toEqual({ epoch: '3' })
})

test('files of other formats are called by their name', () => {
  const start = (...bytes: readonly number[]): Uint8Array => Uint8Array.from([...bytes, ...new Uint8Array(20)])
  expect(() => io.decodeSafetensors(io.encodeNpy(np.ones([2])))).toThrow('It is an npy file; io.loadNpy')
  expect(() => io.decodeSafetensors(start(0x50, 0x4b, 3, 4, 20, 0, 0, 8))).toThrow('It is a zip archive')
  expect(() => io.decodeNpy(start(0x50, 0x4b, 3, 4))).toThrow('It is a zip archive, as npz files')
  expect(() => io.decodeNpy(start(0x1f, 0x8b, 8))).toThrow('It is compressed (gzip)')
  expect(() => io.decodeNpy(start(1, 2, 3))).toThrow(/begin with \\x93NUMPY and a version \(at byte 0\)$/)
})

describe('nest', () => {
  test('is the inverse of naming, for trees without empty parts', () => {
    const value = { model: { layers: [{ kernel: np.ones([2]) }, { kernel: np.zeros([3]) }] }, scale: np.array(2) }
    expect(treeContents(io.nest(io.decodeSafetensors(io.encodeSafetensors(value))))).toEqual(treeContents(value))
  })

  test('names of PyTorch become records', () => {
    const nested = io.nest({ 'features.0.weight': np.ones([1]), 'features.1.weight': np.ones([2]) })
    expect(nested).toMatchObject({ features: { 0: { weight: { shape: [1] } }, 1: { weight: { shape: [2] } } } })
  })

  test.each([
    [['a', 'a.b'], "io.nest: 'a.b' does not fit into one tree with the names before it; use the flat record."],
    [['a.b', 'a'], "io.nest: 'a' does not fit into one tree with the names before it; use the flat record."],
    [['a[0]', 'a.b'], "io.nest: 'a.b' does not fit into one tree with the names before it; use the flat record."],
    [['a[0]', 'a[2]'], 'io.nest: a list has 2 elements and none at position 1.'],
  ])('names that are no tree are told (%#)', (names, message) => {
    expect(() => io.nest(Object.fromEntries(names.map((name) => [name, np.ones([1])])))).toThrow(message)
  })
})
