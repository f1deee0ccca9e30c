/** Sorts are stable, put NaN last, and move every operand alike. */
import * as fc from 'fast-check'
import { describe, it } from 'vitest'
import { type DType, encodeHost, makeHostData } from '../../../src/core/index.js'
import { WasmRuntime } from '../../../src/backends/wasm/device.js'
import { generator } from '../../compiler/random.js'
import { buffer, compare, program } from './support.js'

const runtime = new WasmRuntime(64 << 20)

const sortProgram = (dtypes: readonly DType[], keys: number, outer: number, size: number, inner: number) => {
  const inputs = dtypes.map((dtype) => buffer(dtype, outer * size * inner))
  const outputs = dtypes.map((dtype) => buffer(dtype, outer * size * inner))
  return program([{ kind: 'sort', outer, size, inner, keys, inputs, outputs }], inputs, outputs)
}

const value = (dtype: DType): fc.Arbitrary<number> => {
  switch (dtype) {
    case 'float32':
    case 'float64':
    case 'float16':
    case 'bfloat16':
      return fc.oneof(fc.integer({ min: -9, max: 9 }), fc.constantFrom(NaN, -0, 0, Infinity, -Infinity, 0.5, -1e-40))
    case 'bool':
      return fc.integer({ min: 0, max: 1 })
    case 'int32':
      return fc.oneof(fc.integer({ min: -9, max: 9 }), fc.constantFrom(-2147483648, 2147483647))
    case 'uint32':
      return fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constantFrom(4294967295, 2147483648))
    default:
      return fc.integer({ min: dtype === 'int8' ? -128 : 0, max: 127 })
  }
}

describe('sort', () => {
  for (const dtype of [
    'float32',
    'float64',
    'float16',
    'bfloat16',
    'int32',
    'uint32',
    'int8',
    'uint8',
    'bool',
  ] as const) {
    it(`of ${dtype}, with a second key and a passenger`, () => {
      const shape = fc.record({
        outer: fc.integer({ min: 1, max: 3 }),
        size: fc.integer({ min: 1, max: 90 }),
        inner: fc.integer({ min: 1, max: 3 }),
        keys: fc.integer({ min: 1, max: 2 }),
      })
      fc.assert(
        fc.property(shape, fc.infiniteStream(value(dtype)), ({ outer, size, inner, keys }, stream) => {
          const n = outer * size * inner
          const p = sortProgram([dtype, 'int32', 'float32'], keys, outer, size, inner)
          const draw = (): number[] => Array.from({ length: n }, () => stream.next().value as number)
          compare(runtime, p, [
            encodeHost(draw(), dtype),
            Int32Array.from({ length: n }, (_, i) => (i * 7) % 5),
            Float32Array.from({ length: n }, (_, i) => i),
          ])
        }),
        { numRuns: 40 },
      )
    })
  }

  for (const dtype of ['float32', 'int32', 'uint32', 'float16', 'float64'] as const) {
    it(`of ${dtype} alone, any bits and any length`, () => {
      const shape = fc.record({
        outer: fc.integer({ min: 0, max: 2 }),
        size: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 200, max: 500 })),
        inner: fc.integer({ min: 1, max: 2 }),
      })
      fc.assert(
        fc.property(shape, fc.integer(), ({ outer, size, inner }, seed) => {
          const random = generator(seed)
          const data = makeHostData(dtype, outer * size * inner)
          const bytes = new Uint8Array(data.buffer)
          for (let i = 0; i < bytes.length; i++) bytes[i] = random() * 256
          compare(runtime, sortProgram([dtype], 1, outer, size, inner), [data])
        }),
        { numRuns: 40 },
      )
    })
  }

  // Lines that are sorted in parts: longer than longLine of src/backends/wasm/sort.ts.
  it.each([
    [['float32'], 1, 1],
    [['uint32'], 1, 2],
    [['float32', 'int32'], 1, 1],
    [['int8', 'float64', 'float32'], 2, 1],
  ] as const)('of long lines: %j by %i, %i side by side', (dtypes, keys, inner) => {
    const size = 33_001
    const random = generator(size + keys)
    const data = dtypes.map((dtype) =>
      encodeHost(
        Array.from({ length: 2 * size * inner }, () => Math.round(random() * 9000) / (dtype === 'int8' ? 90 : 8)),
        dtype,
      ),
    )
    compare(runtime, sortProgram(dtypes, keys, 2, size, inner), data)
  })
})
