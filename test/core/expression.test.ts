/** Index arithmetic: simplification never changes a value, and intervals contain all of them. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type BinaryOp, type Expression, e } from '../../src/core/index.js'

const extents = [1, 3, 4, 10] as const
const variables = extents.map((n) => e.variable('int32', n))

/** A recipe for an index expression, built twice: through the simplifying constructors, and as a plain computation. */
interface Recipe {
  readonly make: () => Expression
  readonly compute: (values: readonly number[]) => number
}

const apply = (op: BinaryOp, a: number, b: number): number => {
  switch (op) {
    case 'add':
      return (a + b) | 0
    case 'sub':
      return (a - b) | 0
    case 'mul':
      return Math.imul(a, b)
    case 'div':
      return b === 0 ? -1 : (a / b) | 0
    case 'rem':
      return b === 0 ? a : (a % b) | 0
    case 'min':
      return Math.min(a, b)
    default:
      return Math.max(a, b)
  }
}

const leaf: fc.Arbitrary<Recipe> = fc.oneof(
  fc.integer({ min: -12, max: 12 }).map((n) => ({ make: () => e.index(n), compute: () => n })),
  fc.integer({ min: 0, max: 3 }).map((k) => ({
    make: () => variables[k] ?? e.index(0),
    compute: (values: readonly number[]) => values[k] ?? 0,
  })),
)

const recipes = fc.letrec<{ recipe: Recipe }>((tie) => ({
  recipe: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    leaf,
    fc
      .tuple(fc.constantFrom<BinaryOp>('add', 'sub', 'mul', 'div', 'rem', 'min', 'max'), tie('recipe'), tie('recipe'))
      .map(([op, a, b]) => ({
        make: () => e.binary(op, a.make(), b.make()),
        compute: (values: readonly number[]) => apply(op, a.compute(values), b.compute(values)),
      })),
  ),
})).recipe

const evaluate = (x: Expression, values: ReadonlyMap<Expression, number>): number => {
  if (x.op === 'const') return x.value
  if (x.op === 'variable') return values.get(x) ?? 0
  const [a, b] = x.args.map((arg) => evaluate(arg, values))
  return apply(x.op as BinaryOp, a ?? 0, b ?? 0)
}

const points = fc.tuple(...extents.map((n) => fc.integer({ min: 0, max: n - 1 })))

describe('index arithmetic', () => {
  it('is not changed by simplification', () => {
    fc.assert(
      fc.property(recipes, points, (recipe, point) => {
        const values = new Map(variables.map((v, k) => [v, point[k] ?? 0]))
        expect(evaluate(recipe.make(), values)).toBe(recipe.compute(point))
      }),
      { numRuns: 2000 },
    )
  })

  it('stays within its bounds', () => {
    fc.assert(
      fc.property(recipes, points, (recipe, point) => {
        const x = recipe.make()
        const values = new Map(variables.map((v, k) => [v, point[k] ?? 0]))
        const { min, max } = e.bounds(x)
        const value = evaluate(x, values)
        expect(value >= min && value <= max, `${value} in [${min}, ${max}]`).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })

  it('sees through the flat index of a reshape', () => {
    const [i, j] = [e.variable('int32', 5), e.variable('int32', 7)]
    const flat = e.binary('add', e.binary('mul', i, e.index(7)), j)
    expect(e.binary('div', flat, e.index(7))).toBe(i)
    expect(e.binary('rem', flat, e.index(7))).toBe(j)
  })

  it('interns: equal expressions are one object', () => {
    fc.assert(
      fc.property(recipes, (recipe) => {
        expect(recipe.make()).toBe(recipe.make())
      }),
    )
  })
})
