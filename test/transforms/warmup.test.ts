/** Warming up: the program of a later call is compiled, from arrays or from their shapes and dtypes. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type NDArray, jit, memoryStats, numpy as np } from 'cotangent'

const counted = () => {
  let traces = 0
  const f = jit(
    ({ w, b }: { readonly w: NDArray; readonly b: NDArray }, [x]: readonly [NDArray], scale: number, name: string) => {
      traces++
      return np
        .matmul(x, w)
        .add(b)
        .mul(scale * name.length)
    },
    { staticArgnums: [2, 3] },
  )
  return { f, traces: () => traces }
}

describe('warming up', () => {
  it('with shapes and dtypes spares every later call of these the tracing, and no other', async () => {
    const size = fc.integer({ min: 0, max: 4 })
    const dtype = fc.constantFrom('float32' as const, 'float64' as const, 'int32' as const)
    await fc.assert(
      fc.asyncProperty(size, size, size, dtype, async (n, k, m, d) => {
        const { f, traces } = counted()
        const b = np.ones([m], { dtype: d })
        await f.warmup({ w: { shape: [k, m], dtype: d }, b }, [{ shape: [n, k], dtype: d }], 2, 'abc')
        expect(traces()).toBe(1)
        const y = f({ w: np.ones([k, m], { dtype: d }), b }, [np.ones([n, k], { dtype: d })], 2, 'abc')
        expect(traces()).toBe(1)
        expect([...y.dataSync()]).toEqual(Array.from({ length: n * m }, () => 6 * (k + 1)))
        f(
          { w: np.ones([k, m + 1], { dtype: d }), b: np.ones([m + 1], { dtype: d }) },
          [np.ones([n, k], { dtype: d })],
          2,
          'abc',
        )
        expect(traces()).toBe(2)
      }),
      { numRuns: 30, seed: 5 },
    )
  })

  it('takes no memory for them', async () => {
    const before = memoryStats().wasm?.live
    await jit((x: NDArray) => np.sum(x)).warmup({ shape: [1 << 14, 1 << 14], dtype: 'float32' })
    expect(memoryStats().wasm?.live).toBe(before)
  })

  it('says what is wrong with them as a call does', async () => {
    const product = jit((x: NDArray, y: NDArray) => np.matmul(x, y))
    await expect(product.warmup({ shape: [2, 3], dtype: 'float32' }, { shape: [4], dtype: 'float32' })).rejects.toThrow(
      /matmul/,
    )
  })
})
