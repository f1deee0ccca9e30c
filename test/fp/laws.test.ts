/** The laws of the fp-ts instances. */
import * as fc from 'fast-check'
import * as O from 'fp-ts/lib/Option.js'
import { describe, expect, it } from 'vitest'
import { type Tree, arrayEq, arrayField, arrayRing, arrayShow, treeFunctor, treeTraversable } from 'cotangent/fp'
import { type NDArray, numpy as np } from 'cotangent'

const integers = fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 3, maxLength: 3 })
const arrays = (dtype: 'int32' | 'float32') => integers.map((v): NDArray => np.array(v, { dtype }))
const check = (a: NDArray, b: NDArray): void =>
  expect(arrayEq.equals(a, b), `${arrayShow.show(a)} = ${arrayShow.show(b)}`).toBe(true)

describe('arrayEq', () => {
  it('is an equivalence', () => {
    fc.assert(
      fc.property(arrays('float32'), arrays('float32'), arrays('float32'), (x, y, z) => {
        expect(arrayEq.equals(x, x)).toBe(true)
        expect(arrayEq.equals(x, y)).toBe(arrayEq.equals(y, x))
        expect(!(arrayEq.equals(x, y) && arrayEq.equals(y, z)) || arrayEq.equals(x, z)).toBe(true)
      }),
    )
    expect(arrayEq.equals(np.array([NaN]), np.array([NaN]))).toBe(true)
    expect(arrayEq.equals(np.zeros([2]), np.zeros([3]))).toBe(false)
    expect(arrayEq.equals(np.zeros([2]), np.zeros([2], { dtype: 'int32' }))).toBe(false)
  })
})

describe.each(['int32', 'float32'] as const)('arrayRing of %s', (dtype) => {
  // Values this small are exact in float32, so the laws hold exactly there too.
  const R = arrayRing([3], dtype)
  it('obeys the ring laws', () => {
    fc.assert(
      fc.property(arrays(dtype), arrays(dtype), arrays(dtype), (a, b, c) => {
        check(R.add(R.add(a, b), c), R.add(a, R.add(b, c)))
        check(R.add(a, b), R.add(b, a))
        check(R.add(a, R.zero), a)
        check(R.add(a, R.sub(R.zero, a)), R.zero)
        check(R.mul(a, R.one), a)
        check(R.mul(R.one, a), a)
        check(R.mul(a, R.add(b, c)), R.add(R.mul(a, b), R.mul(a, c)))
      }),
    )
  })
})

it('arrayField divides what it multiplied, and refuses integers', () => {
  const F = arrayField([3])
  fc.assert(
    fc.property(
      arrays('float32'),
      fc.array(fc.constantFrom(-4, -0.5, 1, 2, 8), { minLength: 3, maxLength: 3 }).map((v) => np.array(v)),
      (a, b) => {
        check(F.div(F.mul(a, b), b), a)
        check(F.add(F.mul(F.div(a, b), b), F.mod(a, b)), a)
      },
    ),
  )
  expect(() => arrayField([3], 'int32')).toThrow('use arrayRing')
})

const trees = fc.letrec<{ tree: Tree<number> }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3 },
    fc.integer(),
    fc.constant(null),
    fc.array(tie('tree'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('tree'), { noNullPrototype: true }),
  ),
})).tree

describe('pytrees', () => {
  const double = (n: number): number => n * 2
  const next = (n: number): number => n + 1
  it('are a functor', () => {
    fc.assert(
      fc.property(trees, (t) => {
        expect(treeFunctor.map(t, (x) => x)).toEqual(t)
        expect(treeFunctor.map(treeFunctor.map(t, double), next)).toEqual(treeFunctor.map(t, (n) => next(double(n))))
      }),
    )
  })
  it('are traversable: identity, and all or nothing', () => {
    fc.assert(
      fc.property(trees, (t) => {
        expect(treeTraversable.traverse(O.Applicative)(t, (n: number) => O.some(double(n)))).toEqual(
          O.some(treeFunctor.map(t, double)),
        )
        const leaves = treeTraversable.reduce(t, 0, (n) => n + 1)
        expect(O.isNone(treeTraversable.traverse(O.Applicative)(t, () => O.none))).toBe(leaves > 0)
      }),
    )
  })
})
