/** `using` frees an array at the end of its block: never needed, and never more than that array. */
import { describe, expect, it } from 'vitest'
import { DeletedArrayError, type NDArray, grad, jit, makeJaxpr, memoryStats, numpy as np } from 'cotangent'
import { known } from '../../src/core/index.js'

const live = (): number => known(memoryStats()['wasm'], 'statistics').live

describe('using', () => {
  it('frees memory when the block ends', () => {
    const x = np.ones([100_000])
    const before = live()
    for (let i = 0; i < 100; i++) {
      using y = np.exp(x)
      expect(y.shape).toEqual([100_000])
      expect(live() - before).toBeLessThan(2 * 400_064)
    }
    expect(live()).toBe(before)
    expect(x.get(7).item()).toBe(1)
  })

  it('makes later uses an error that says what to do', () => {
    for (const size of [3, 0, 5000]) {
      const leak = (): NDArray => {
        using y = np.exp(np.ones([size]))
        return y
      }
      const y = leak()
      expect(() => np.sum(y)).toThrow(DeletedArrayError)
      expect(() => y.dataSync()).toThrow(
        `This f32[${size}] array has no values any more: it was freed when the block of its 'using' ended. ` +
          `Return what is needed outside from that block, and declare it with 'const' there.`,
      )
      expect(() => y[Symbol.dispose]()).not.toThrow()
    }
  })

  it('leaves other arrays with the same memory alone', () => {
    const same = jit((x: NDArray) => [x, np.add(x, 1)] as const)
    for (const size of [3, 5000]) {
      const x = np.ones([size])
      {
        using again = same(x)[0]
        expect(again.get(1).item()).toBe(1)
      }
      expect(np.sum(x).item()).toBe(size)
    }
  })

  it('does nothing to numbers and traced arrays', () => {
    const f = (x: NDArray): NDArray => {
      using two = np.array(2)
      using y = np.multiply(x, two)
      return np.sin(y)
    }
    expect(grad(f)(np.array(1)).item()).toBeCloseTo(2 * Math.cos(2), 6)
    expect(jit(f)(np.array(1)).item()).toBeCloseTo(Math.sin(2), 6)
    expect(String(makeJaxpr(f)(np.array(1)))).toContain('sin')
    const two = np.add(2, 0)
    const scalar = np.asarray(2)
    scalar[Symbol.dispose]()
    expect(np.add(scalar, two).item()).toBe(4)
  })
})
