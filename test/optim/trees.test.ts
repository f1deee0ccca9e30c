/** optim.tree: a tree is a vector whose elements are those of all its arrays. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type NDArray, grad, jit, numpy as np, optim } from 'cotangent'

const { tree } = optim

interface Pair {
  readonly a: NDArray
  readonly b: readonly NDArray[]
}
const numbers = fc.array(fc.integer({ min: -8, max: 8 }), { minLength: 5, maxLength: 5 })
const treeOf = (v: readonly number[]): Pair => ({ a: np.array(v.slice(0, 2)), b: [np.array([v.slice(2)])] })
const flat = ({ a, b }: Pair): number[] => [a, ...b].flatMap((x) => [...x.dataSync()])
const total = (v: readonly number[]): number => v.reduce((s, x) => s + x, 0)

describe('optim.tree', () => {
  it('computes what vectors do', () => {
    fc.assert(
      fc.property(numbers, numbers, fc.boolean(), (v, w, flag) => {
        const [x, y] = [treeOf(v), treeOf(w)]
        const pairs = v.map((e, i): readonly [number, number] => [e, w[i] ?? 0])
        expect(flat(tree.add(x, y, x))).toEqual(pairs.map(([e, f]) => e + f + e))
        expect(flat(tree.sub(x, y))).toEqual(pairs.map(([e, f]) => e - f))
        expect(flat(jit((p: Pair, q: Pair) => tree.mul(p, q))(x, y))).toEqual(pairs.map(([e, f]) => Math.fround(e * f)))
        expect(flat(tree.div(x, tree.fullLike(y, 2)))).toEqual(v.map((e) => e / 2))
        expect(flat(tree.scale(3, x))).toEqual(v.map((e) => 3 * e))
        expect(flat(tree.addScale(x, 2, y))).toEqual(pairs.map(([e, f]) => e + 2 * f))
        expect(tree.vdot(x, y).item()).toBe(total(pairs.map(([e, f]) => e * f)))
        expect(tree.sum(x).item()).toBe(total(v))
        expect([tree.max(x).item(), tree.min(x).item(), tree.size(x)]).toEqual([Math.max(...v), Math.min(...v), 5])
        expect(tree.norm(x).item()).toBeCloseTo(Math.hypot(...v), 4)
        expect(tree.norm(x, { squared: true }).item()).toBe(total(v.map((e) => e * e)))
        expect(tree.norm(x, { ord: 1 }).item()).toBe(total(v.map(Math.abs)))
        expect(tree.norm(x, { ord: 'inf', squared: true }).item()).toBe(Math.max(...v.map((e) => e * e)))
        expect(flat(tree.where(flag, x, y))).toEqual(flag ? v : w)
        expect(flat(tree.clip(x, { minValue: -1, maxValue: 2 }))).toEqual(v.map((e) => Math.min(2, Math.max(-1, e))))
      }),
      { numRuns: 20 },
    )
  })

  it('makes trees, casts, has derivatives, and says which orders there are', () => {
    const x = treeOf([1, 2, 3, 4, 5])
    expect(flat(tree.onesLike(x))).toEqual([1, 1, 1, 1, 1])
    expect(tree.zerosLike(x, { dtype: 'int32' }).a.dtype).toBe('int32')
    expect(tree.cast(x, 'float16').b[0]?.dtype).toBe('float16')
    expect(flat(grad((p: Pair) => tree.norm(p, { squared: true }))(x))).toEqual([2, 4, 6, 8, 10])
    expect(tree.sum({}).item()).toBe(0)
    expect(() => tree.norm(x, { ord: 3 })).toThrow("ord is 1, 2 or 'inf', got 3")
  })
})
