/**
 * Loops cut where a condition on their variable changes: inside each range it is known, so that padding, windows at borders
 * and concatenation become loops without conditions over contiguous memory.
 */
import { type Expression, e } from '../core/index.js'
import { type Normalize, linear } from './affine.js'
import { expressionsOf, mapExpressions } from './finish.js'
import type { Statement } from './kernel.js'

type Loop = Extract<Statement, { readonly kind: 'for' }>

/** Copies of a loop body that cutting may make. */
const maximumCopies = 16
const maximumRanges = 6
/** Outer loops of at most this many iterations are written out when an inner condition depends on them. */
const maximumUnrolled = 8

/** A condition: `coefficient * variable + constant + rest` compared with 0. */
interface Condition {
  readonly op: 'lt' | 'le' | 'gt' | 'ge' | 'eq' | 'ne' | 'either'
  readonly constant: number
  readonly terms: ReadonlyMap<Expression, number>
}

const noConditions: readonly Condition[] = []
/** Conditions of expressions that were looked at: every loop around them asks again. */
const found = new WeakMap<Expression, readonly Condition[]>()

/** Conditions in an expression; minima and maxima count as conditions too. */
const conditionsOf = (root: Expression): readonly Condition[] => {
  if (root.args.length === 0) return noConditions
  const done = found.get(root)
  if (done !== undefined) return done
  let out: Condition[] | undefined
  const seen = new Set<Expression>()
  const visit = (x: Expression): void => {
    if (seen.has(x)) return
    seen.add(x)
    x.args.forEach(visitAbove)
    const a = x.args[0]
    const b = x.args[1]
    if (a?.dtype !== 'int32' || b === undefined) return
    const op = x.op === 'min' || x.op === 'max' ? 'either' : x.op
    if (op === 'lt' || op === 'le' || op === 'gt' || op === 'ge' || op === 'eq' || op === 'ne' || op === 'either')
      (out ??= []).push({ op, ...linear(e.binary('sub', a, b)) })
  }
  const visitAbove = (arg: Expression): void => {
    if (arg.args.length > 0) visit(arg)
  }
  visit(root)
  const conditions = out ?? noConditions
  found.set(root, conditions)
  return conditions
}

/** Conditions in the expressions of statements and of the loops in them. */
const conditionsIn = (statements: readonly Statement[], out = new Set<Condition>()): ReadonlySet<Condition> => {
  for (const s of statements) {
    expressionsOf(s).forEach((root) => conditionsOf(root).forEach((condition) => out.add(condition)))
    if (s.kind === 'for' || s.kind === 'if') conditionsIn(s.body, out)
  }
  return out
}

/** Adds where a condition on the variable alone changes: the first indices of new ranges. */
const addChanges = ({ op, constant, terms }: Condition, variable: Expression, starts: Set<number>): void => {
  const coefficient = terms.get(variable)
  if (coefficient === undefined || terms.size !== 1) return
  const point = -constant / coefficient
  if (op === 'either') {
    // At the point itself both sides are equal, so either range may have it.
    if (!starts.has(Math.floor(point) + 1)) starts.add(Math.ceil(point))
    return
  }
  for (const start of changesOf(op, coefficient, point)) starts.add(start)
}

const changesOf = (op: Exclude<Condition['op'], 'either'>, coefficient: number, point: number): readonly number[] => {
  if (op === 'eq' || op === 'ne') return Number.isInteger(point) ? [point, point + 1] : []
  const below = op === 'lt' || op === 'le' ? coefficient > 0 : coefficient < 0
  const strict = op === 'lt' || op === 'gt'
  // Below a point it holds for v < point (or <=), above it for v > point (or >=).
  return [below === strict ? Math.ceil(point) : Math.floor(point) + 1]
}

const isInnermost = (loop: Loop): boolean => !loop.body.some((s) => s.kind === 'for' || s.kind === 'if')

/** Variables of loops around an innermost one that its conditions mix with its own variable. */
const mixedVariables = (statements: readonly Statement[], out = new Set<Expression>()): Set<Expression> => {
  for (const s of statements) {
    if (s.kind === 'for' && isInnermost(s)) {
      for (const { terms } of conditionsIn(s.body)) {
        if (terms.has(s.variable) && terms.size === 2)
          for (const atom of terms.keys()) if (atom !== s.variable) out.add(atom)
      }
    } else if (s.kind === 'for' || s.kind === 'if') mixedVariables(s.body, out)
  }
  return out
}

const replaced = (
  statements: readonly Statement[],
  from: Expression,
  to: Expression,
  normalize: Normalize,
): readonly Statement[] => {
  const rewrite = normalize.renaming(new Map([[from, to]]))
  return statements.map((s) => mapExpressions(s, rewrite))
}

const loopsInside = (statements: readonly Statement[], out = new Set<Expression>()): Set<Expression> => {
  for (const s of statements) {
    if (s.kind === 'for') out.add(s.variable)
    if (s.kind === 'for' || s.kind === 'if') loopsInside(s.body, out)
  }
  return out
}

/**
 * Conditions on the variable and a short loop inside, at both ends of that loop: between the changes of those it is known
 * whatever the inner loop does, as it is for windows away from the borders. Only the innermost such pair of loops is worth it.
 */
const windowConditions = (loop: Loop, conditions: ReadonlySet<Condition>): Condition[] => {
  const inside = loopsInside(loop.body)
  const out: Condition[] = []
  for (const condition of conditions) {
    if (condition.terms.size !== 2) continue
    const [a, b] = [...condition.terms.keys()]
    const own = a === loop.variable ? b : b === loop.variable ? a : undefined
    if (own === undefined) {
      if (a !== undefined && b !== undefined && inside.has(a) && inside.has(b)) return []
      continue
    }
    const extent = own.extent ?? 0
    if (!inside.has(own) || extent > maximumUnrolled) continue
    const factor = condition.terms.get(own) ?? 0
    const terms = new Map([[loop.variable, condition.terms.get(loop.variable) ?? 0]])
    for (const at of [0, extent - 1]) out.push({ ...condition, constant: condition.constant + factor * at, terms })
  }
  return out
}

/** First indices of the ranges of a loop, 0 among them. */
const startsOf = (loop: Loop): Set<number> => {
  const found = new Set([0, loop.extent])
  const plain = conditionsIn(loop.body)
  const conditions = [...plain, ...(loop.extent > maximumUnrolled ? windowConditions(loop, plain) : [])]
  for (const condition of conditions) if (condition.op !== 'either') addChanges(condition, loop.variable, found)
  for (const condition of conditions) if (condition.op === 'either') addChanges(condition, loop.variable, found)
  return new Set([...found].filter((start) => start >= 0 && start < loop.extent))
}

/** Cuts loops into ranges. */
export const cutRanges = (statements: readonly Statement[], normalize: Normalize, copies = 1): readonly Statement[] =>
  statements.flatMap((s): readonly Statement[] => {
    if (s.kind === 'if') return [{ ...s, body: cutRanges(s.body, normalize, copies) }]
    if (s.kind !== 'for') return [s]
    if (s.extent <= maximumUnrolled && copies * s.extent <= maximumCopies && mixedVariables(s.body).has(s.variable)) {
      const bodies: (readonly Statement[])[] = []
      for (let i = 0; i < s.extent; i++) bodies.push(replaced(s.body, s.variable, e.index(i), normalize))
      return bodies.flatMap((body) => cutRanges(body, normalize, copies * s.extent))
    }
    const starts = startsOf(s)
    const limit = isInnermost(s) ? maximumRanges : Math.min(maximumRanges, Math.floor(maximumCopies / copies))
    if (starts.size === 1 || starts.size > limit) return [{ ...s, body: cutRanges(s.body, normalize, copies) }]
    const sorted = [...starts].sort((a, b) => a - b)
    return sorted.flatMap((start, i): readonly Statement[] => {
      const extent = (sorted[i + 1] ?? s.extent) - start
      const inside = (to: Expression): readonly Statement[] =>
        cutRanges(replaced(s.body, s.variable, to, normalize), normalize, copies * sorted.length)
      if (extent === 1) return inside(e.index(start))
      const variable = e.variable('int32', extent)
      const at = e.binary('add', variable, e.index(start))
      return [{ ...s, variable, extent, body: inside(at) }]
    })
  })
