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

  it('interns operations of every kind, whatever their number, and tells them apart', () => {
    const source = { id: 1, dtype: 'float32' as const }
    const other = { id: 2, dtype: 'float32' as const }
    const x = e.variable('float32')
    const y = e.variable('float32')
    const at = e.variable('int32', 100000)
    const make = (): Expression[] => [
      ...(['add', 'sub', 'mul', 'div', 'min', 'max', 'pow', 'atan2'] as const).flatMap((op) => [
        e.binary(op, x, y),
        e.binary(op, y, x),
        e.binary(op, x, x),
        e.binary(op, x, e.constant(2.25, 'float32')),
        e.binary(op, x, e.constant(2.5, 'float32')),
      ]),
      ...(['eq', 'ne', 'lt', 'le', 'gt', 'ge'] as const).map((op) => e.compare(op, x, y)),
      ...(['neg', 'abs', 'exp', 'exp2', 'expm1', 'sin', 'sinh', 'cos', 'cosh'] as const).map((op) => e.unary(op, x)),
      e.select(e.compare('lt', x, y), x, y),
      e.select(e.compare('lt', x, y), y, x),
      e.convert(x, 'int32'),
      e.convert(x, 'float64'),
      e.bitcast(x, 'int32'),
      e.binary('mul', x, e.constant(0, 'float32')),
      e.binary('mul', x, e.constant(-0, 'float32')),
      e.binary('mul', x, e.constant(NaN, 'float32')),
      ...Array.from({ length: 3000 }, (_, i) => e.load(i % 2 === 0 ? source : other, e.binary('add', at, e.index(i)))),
    ]
    const first = make()
    expect(new Set(first).size).toBe(first.length)
    // More constants than the table of them keeps: what was made of the old ones is found again.
    for (let i = 0; i < 5000; i++) e.index(1e6 + i)
    for (let i = 0; i < 5000; i++) e.constant(i + 0.5, 'float32')
    make().forEach((again, i) => expect(again === first[i], `expression ${i}`).toBe(true))
  })

  it('substitutes as computing with the other values does, and leaves what has nothing to replace', () => {
    fc.assert(
      fc.property(recipes, recipes, points, (recipe, to, point) => {
        const root = recipe.make()
        const [, , , from] = variables
        expect(e.substitute(root, () => undefined)).toBe(root)
        const replaced = e.substitute(root, (x) => (x === from ? to.make() : undefined))
        // The variable may take only values below its extent, which simplification relies on.
        const value = to.compute(point)
        fc.pre(value >= 0 && value < 10)
        const values = new Map(variables.map((v, k) => [v, point[k] ?? 0]))
        expect(evaluate(replaced, values)).toBe(recipe.compute([...point.slice(0, 3), value]))
      }),
    )
  })
})
