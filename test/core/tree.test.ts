/** Pytrees: taking apart and putting together are inverse, whatever the nesting. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { tree } from 'cotangent'

const trees = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    fc.integer(),
    fc.constant(null),
    fc.array(tie('tree'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('w', 'b', 'conv1', 'x y'), tie('tree'), { noNullPrototype: true }),
  ),
})).tree

class Pair {
  readonly first: unknown
  readonly second: unknown
  constructor(first: unknown, second: unknown) {
    this.first = first
    this.second = second
  }
}
tree.register(Pair, {
  name: 'Pair',
  flatten: (p) => ({ children: { first: p.first, second: p.second }, data: 'tag' }),
  unflatten: (_, c) => new Pair(c['first'], c['second']),
})

describe('pytrees', () => {
  it('unflatten(flatten(t)) = t', () => {
    fc.assert(
      fc.property(trees, (t) => {
        const { leaves, def } = tree.flatten(t)
        expect(tree.unflatten(def, leaves)).toEqual(t)
        expect(leaves.length).toBe(def.leafCount)
        expect(tree.leavesWithPath(t).map(([, leaf]) => leaf)).toEqual(leaves)
      }),
    )
  })
  it('have keys that are equal exactly for equal structures', () => {
    fc.assert(
      fc.property(trees, trees, (a, b) => {
        const [x, y] = [tree.structure(a), tree.structure(b)]
        const zeros = (t: unknown) =>
          tree.unflatten(
            tree.structure(t),
            tree.leaves(t).map(() => 0),
          )
        expect(x.key === y.key).toBe(JSON.stringify(sorted(zeros(a))) === JSON.stringify(sorted(zeros(b))))
      }),
    )
  })
  it('visit records by sorted keys, and take registered classes apart', () => {
    expect(tree.leaves({ b: 1, a: [2, { d: 3, c: null }] })).toEqual([2, 3, 1])
    const pair = new Pair(1, { x: 2 })
    expect(tree.leavesWithPath(pair)).toEqual([
      ['first', 1],
      ['second.x', 2],
    ])
    expect(tree.map((n: number) => n + 1, pair)).toEqual(new Pair(2, { x: 3 }))
  })
})

/** Records with sorted keys, so that their text is canonical. */
const sorted = (t: unknown): unknown =>
  Array.isArray(t)
    ? t.map(sorted)
    : typeof t === 'object' && t !== null
      ? Object.fromEntries(
          Object.entries(t)
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([k, v]) => [k, sorted(v)]),
        )
      : t
