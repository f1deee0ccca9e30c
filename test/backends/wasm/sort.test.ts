/** Sorts are stable, put NaN last, and move every operand alike. */
import * as fc from 'fast-check'
import { describe, it } from 'vitest'
import { type DType, encodeHost } from '../../../src/core/index.js'
import { WasmRuntime } from '../../../src/backends/wasm/device.js'
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
})
