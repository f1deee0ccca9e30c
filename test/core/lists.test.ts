/** Results whose number is written in the program have entries that are not undefined, and no others. */
import { describe, expect, expectTypeOf, it } from 'vitest'
import { type NDArray, grad, jit, numpy as np, random, tree, vmap } from 'cotangent'

describe('random.split', () => {
  const key = random.key(0)
  it('gives two keys, or as many as are asked for', () => {
    const [a, b] = random.split(key)
    expectTypeOf(a).toEqualTypeOf<NDArray>()
    expectTypeOf(b).toEqualTypeOf<NDArray>()
    const [, , third] = random.split(key, 3)
    expectTypeOf(third).toEqualTypeOf<NDArray>()
    expect([a, b, third].map((x) => x.shape)).toEqual([[2], [2], [2]])
  })
  it('is an array, whose methods come first, and no JS list', () => {
    const keys = random.split(key)
    const copy: NDArray = keys
    expect(copy.shape).toEqual([2, 2])
    expectTypeOf(keys.length).toEqualTypeOf<2>()
    expectTypeOf(keys.at(0)).toHaveProperty('set')
    expectTypeOf(keys.get(0)).toEqualTypeOf<NDArray>()
    // @ts-expect-error arrays have no map
    expect(() => keys.map((x: NDArray) => x)).toThrow(TypeError)
    expectTypeOf(vmap((k: NDArray) => random.normal(k, [3]))(keys)).toEqualTypeOf<NDArray>()
    expectTypeOf(jit((k: NDArray) => k)(keys)).toEqualTypeOf<NDArray>()
    expect(tree.leaves(keys).length).toBe(1)
  })
  it('is a plain array where the number is not known, is a shape, or is large', () => {
    const count: number = 4
    for (const keys of [random.split(key, count), random.split(key, [2, 2]), random.split(key, 1000)]) {
      expectTypeOf(keys).toEqualTypeOf<NDArray>()
      const [first] = keys
      expectTypeOf(first).toEqualTypeOf<NDArray | undefined>()
    }
  })
})

describe('lists of arrays', () => {
  const x = np.arange(12)
  it('by their number, or by the places to cut', () => {
    expectTypeOf(np.split(x, 3)).toEqualTypeOf<[NDArray, NDArray, NDArray]>()
    expectTypeOf(np.arraySplit(x, 2)).toEqualTypeOf<[NDArray, NDArray]>()
    expectTypeOf(np.hsplit(x, [3, 5])).toEqualTypeOf<[NDArray, NDArray, NDArray]>()
    const cuts: number[] = [3, 5]
    expectTypeOf(np.split(x, cuts)).toEqualTypeOf<NDArray[]>()
    expectTypeOf(np.split(x, cuts.length)).toEqualTypeOf<NDArray[]>()
    expectTypeOf(np.split(x, np.array([3, 5]))).toEqualTypeOf<NDArray[]>()
    const [head, , tail] = np.split(x, [2, 10])
    expect([head.size, tail.size]).toEqual([2, 2])
    expect(np.split(x, 3).length).toBe(3)
    expect(np.split(x, [1, 2]).length).toBe(3)
  })
  it('by the arguments', () => {
    const [a, b] = np.broadcastArrays(x, 1)
    expect([a.shape, b.shape]).toEqual([[12], [12]])
    const [p, q] = np.meshgrid(x, np.arange(2), { indexing: 'ij' })
    expect([p.shape, q.shape]).toEqual([
      [12, 2],
      [12, 2],
    ])
    const [u] = np.meshgrid(x, np.arange(2))
    expect(u.shape).toEqual([2, 12])
    const several: NDArray[] = [x, x]
    expectTypeOf(np.broadcastArrays(...several)).toEqualTypeOf<NDArray[]>()
    expectTypeOf(np.meshgrid(...several)).toEqualTypeOf<NDArray[]>()
    const [rows, columns] = np.trilIndices(3)
    expect(rows.size + columns.size).toBe(12)
  })
  it('go through grad as other arrays do', () => {
    const f = (y: NDArray) => {
      const [first, second] = np.split(y, 2)
      return np.sum(first.mul(second))
    }
    expect(grad(f)(np.array([1, 2, 3, 4])).js()).toEqual([3, 4, 1, 2])
  })
})
