/** Warming up: the program of a later call is compiled, from arrays or from their shapes and dtypes. */
import * as fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { type NDArray, jit, memoryStats, numpy as np, withDevice } from 'cotangent'
import { getDevice } from '../../src/core/index.js'

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

  it('is for the device that a call with these arrays would run on', async () => {
    const there = withDevice('js', () => np.ones([3]))
    const here = np.ones([3])
    const compiles = ['js', 'wasm'].map((name) => vi.spyOn(getDevice(name), 'compile'))
    const counts = (): number[] => compiles.map(({ mock }) => mock.calls.length)
    const f = (x: NDArray, y: NDArray): NDArray => x.mul(2).add(y)
    await jit(f).warmup(there, { shape: [3], dtype: 'float32' })
    expect(counts()).toEqual([1, 0])
    jit((x: NDArray) => x.mul(there)).lower(there)
    expect(counts()).toEqual([2, 0])
    await jit(f).warmup(here, here)
    expect(counts()).toEqual([2, 1])
    await jit(f, { device: 'js' }).warmup(here, { shape: [3], dtype: 'float32' })
    expect(counts()).toEqual([3, 1])
    vi.restoreAllMocks()
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
