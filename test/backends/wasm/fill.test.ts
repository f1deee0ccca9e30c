/** Arrays that are made without a program: filled ones, and other shapes of ones that are there. */
import { describe, expect, it } from 'vitest'
import { type NDArray, jit, lax, memoryStats, numpy as np } from 'cotangent'
import { bind, dtypes, known, primitives } from '../../../src/core/index.js'

const compiled = (f: () => NDArray): NDArray => jit(f)()

describe('what needs no program', () => {
  it.each(dtypes)('fills with what a program fills with: %s', (dtype) => {
    for (const value of [0, -0, 1, 1.5, -3, 300, NaN, Infinity, -Infinity]) {
      for (const shape of [[0], [1], [3], [2, 3], [1024], [1025], [4097], [91, 113]]) {
        const full = (): NDArray => np.full(shape, value, { dtype })
        const filled = full()
        expect([filled.dtype, filled.shape, filled.weakType]).toEqual([dtype, shape, false])
        expect(filled.dataSync()).toEqual(compiled(full).dataSync())
      }
    }
  })

  it('fills nothing beyond the end', () => {
    const arrays = [10007, 8193, 4099].map((size, i) => np.full([size], i + 1, { dtype: 'uint8' }))
    arrays.push(np.full([5001], 0.1, { dtype: 'float64' }), np.full([10001], 7, { dtype: 'uint8' }))
    expect(arrays.map((x) => new Set(x.dataSync()))).toEqual([1, 2, 3, 0.1, 7].map((value) => new Set([value])))
  })

  it('shares memory between shapes, for as long as one of them has values', () => {
    const x = np.arange(20_000)
    const before = known(memoryStats()['wasm'], 'wasm').live
    const matrix = x.reshape([100, 200])
    const wide = lax.expandDims(matrix, [0, 2])
    const squeezed = lax.squeeze(wide, [2])
    expect([matrix.shape, wide.shape, squeezed.shape]).toEqual([
      [100, 200],
      [1, 100, 1, 200],
      [1, 100, 200],
    ])
    expect(known(memoryStats()['wasm'], 'wasm').live).toBe(before)
    x[Symbol.dispose]()
    wide[Symbol.dispose]()
    expect(() => x.reshape([200, 100])).toThrow('has no values any more')
    expect(squeezed.dataSync()).toEqual(Int32Array.from({ length: 20_000 }, (_, i) => i))
    expect(matrix.get(3, 4).item()).toBe(604)
  })

  it('is checked as ever', () => {
    expect(() => np.ones([6]).reshape([4])).toThrow('reshape: ')
    expect(() => lax.broadcastInDim(np.ones([2]), [3], [0])).toThrow('cannot be broadcast')
    expect(() => np.zeros([-1])).toThrow('zeros: ')
    const squeeze = known(primitives.get('squeeze'), 'squeeze')
    expect(() => bind(squeeze, [np.ones([2])], { dimensions: [0] })).toThrow('only axes of size 1')
  })
})
