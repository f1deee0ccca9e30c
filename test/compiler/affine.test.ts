/** Normal forms of index arithmetic: renaming variables on the way changes no index. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Expression, e } from '../../src/core/index.js'
import { normalizer } from '../../src/compiler/affine.js'
import { loadsOf } from '../../src/compiler/loads.js'
import { newBuffer } from '../../src/compiler/graph.js'

const i = e.variable('int32', 6)
const j = e.variable('int32', 5)
const outer = e.variable('int32', 3)
const inner = e.variable('int32', 2)
const table = newBuffer('int32', [64])

/** Index arithmetic as programs have it: sums of multiples, quotients and remainders, clamped, read from tables, chosen. */
const index = fc.letrec<{ readonly index: Expression }>((tie) => ({
  index: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(i, j),
    fc.integer({ min: -7, max: 7 }).map(e.index),
    fc
      .tuple(
        fc.constantFrom('add' as const, 'sub' as const, 'min' as const, 'max' as const),
        tie('index'),
        tie('index'),
      )
      .map(([op, a, b]) => e.binary(op, a, b)),
    fc.tuple(tie('index'), fc.integer({ min: -6, max: 6 })).map(([a, k]) => e.binary('mul', a, e.index(k))),
    fc
      .tuple(fc.constantFrom('div' as const, 'rem' as const), tie('index'), fc.integer({ min: 1, max: 7 }))
      .map(([op, a, d]) => e.binary(op, a, e.index(d))),
    tie('index').map((a) => e.load(table, e.binary('and', a, e.index(63)))),
    fc.tuple(tie('index'), tie('index'), tie('index')).map(([a, b, c]) => e.select(e.compare('lt', a, b), b, c)),
  ),
})).index

const valueOf = (x: Expression, variables: ReadonlyMap<Expression, number>): number => {
  const own = variables.get(x)
  if (own !== undefined) return own
  const [a = 0, b = 0, c = 0] = x.args.map((arg) => valueOf(arg, variables))
  switch (x.op) {
    case 'const':
      return x.value
    case 'load':
      return (a * 37 + 11) % 64
    case 'add':
      return (a + b) | 0
    case 'sub':
      return (a - b) | 0
    case 'neg':
      return -a | 0
    case 'mul':
      return Math.imul(a, b)
    case 'div':
      return (a / b) | 0
    case 'rem':
      return (a % b) | 0
    case 'min':
      return Math.min(a, b)
    case 'max':
      return Math.max(a, b)
    case 'and':
      return a & b
    case 'lt':
      return a < b ? 1 : 0
    case 'select':
      return a !== 0 ? b : c
    default:
      throw new Error(`no value of ${x.op}`)
  }
}

const whole = e.binary('add', e.binary('mul', outer, e.index(2)), inner)

describe('renaming into normal form', () => {
  test('gives the index at the place that the others stand for', () => {
    fc.assert(
      fc.property(
        fc.array(index, { minLength: 1, maxLength: 3 }),
        fc.constantFrom(whole, inner, e.index(4)),
        (list, to) => {
          const normalize = normalizer()
          const rewrite = normalize.renaming(new Map([[i, to]]))
          const pairs = list.map((x) => [x, rewrite(x), normalize(e.renamed(x, new Map([[i, to]])))] as const)
          for (let p = 0; p < 3; p++) {
            for (let q = 0; q < 2; q++) {
              for (let at = 0; at < 5; at++) {
                const after = new Map([
                  [outer, p],
                  [inner, q],
                  [j, at],
                ])
                const before = new Map([
                  [i, valueOf(to, after)],
                  [j, at],
                ])
                for (const [x, once, twice] of pairs) {
                  expect(valueOf(once, after)).toBe(valueOf(x, before))
                  expect(valueOf(twice, after)).toBe(valueOf(x, before))
                }
              }
            }
          }
          for (const [, once] of pairs) {
            expect(normalizer()(once)).toBe(once)
          }
        },
      ),
      { numRuns: 300, seed: 20261123, endOnFailure: true },
    )
  })

  test('leaves alone what names nothing that is renamed', () => {
    const normalize = normalizer()
    const x = normalize(e.binary('rem', e.binary('add', e.binary('mul', j, e.index(3)), e.index(1)), e.index(4)))
    expect(normalize.renaming(new Map([[i, whole]]))(x)).toBe(x)
  })
})

test('loads of several expressions are each there once, in the order in which they are met', () => {
  fc.assert(
    fc.property(fc.array(index, { maxLength: 4 }), (roots) => {
      const met = new Set<Expression>()
      const seen = new Set<Expression>()
      const visit = (x: Expression): void => {
        if (seen.has(x)) return
        seen.add(x)
        if (x.op === 'load') met.add(x)
        x.args.forEach(visit)
      }
      roots.forEach(visit)
      expect(loadsOf(roots)).toEqual([...met])
    }),
    { numRuns: 300, seed: 20261123 },
  )
})
