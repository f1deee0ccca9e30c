/** Loop nests: which axes can be walked as one, where an axis must be split, and how to write loops around statements. */
import { type Expression, e } from '../core/index.js'
import { type Normalize, isLinearOp, linear } from './affine.js'
import { expressionsOf, mapExpressions } from './finish.js'
import type { LoopOrder, Statement } from './kernel.js'

/** Loops around statements, the first one outermost. */
export const nest = (
  variables: readonly Expression[],
  order: LoopOrder,
  body: readonly Statement[],
): readonly Statement[] =>
  variables.reduceRight<readonly Statement[]>(
    (inside, variable) =>
      variable.op === 'const' ? inside : [{ kind: 'for', variable, extent: variable.extent ?? 1, order, body: inside }],
    body,
  )

/** Every index of the expressions as multiples of variables: what loads, comparisons and converted indices use. */
export const indexForms = (roots: readonly Expression[]): Map<Expression, number>[] => {
  const forms: Map<Expression, number>[] = []
  const seen = new Set<Expression>()
  const visit = (x: Expression): void => {
    if (x.op === 'const' || seen.has(x)) return
    seen.add(x)
    if (!isLinearOp(x)) {
      x.args.forEach(visit)
      return
    }
    const { terms } = linear(x)
    forms.push(new Map(terms))
    for (const atom of terms.keys()) if (!isLinearOp(atom)) visit(atom)
  }
  roots.forEach(visit)
  return forms
}

/** Rewriting of expressions whose variables were replaced. */
export type Rewrite = (x: Expression) => Expression

/**
 * Splits variables so that quotients and remainders by constants become plain indices: a reshaped operand is then read
 * with fixed strides. Gives the new variables in place of the old ones, or undefined when there is nothing to split.
 */
const splitOnce = (variables: readonly Expression[], roots: readonly Expression[], normalize: Normalize) => {
  const own = new Set(variables)
  const seen = new Set<Expression>()
  let found: { variable: Expression; by: number } | undefined
  const visit = (x: Expression): void => {
    if (found !== undefined || x.args.length === 0 || seen.has(x)) return
    seen.add(x)
    const y = x.args[0]
    const d = x.args[1]
    if (
      (x.op === 'div' || x.op === 'rem') &&
      x.dtype === 'int32' &&
      y !== undefined &&
      d?.op === 'const' &&
      d.value > 1
    ) {
      const { constant, terms } = linear(y)
      for (const [variable, coefficient] of terms) {
        const extent = variable.extent
        if (!own.has(variable) || extent === undefined || coefficient <= 0 || d.value % coefficient !== 0) continue
        const by = d.value / coefficient
        if (by <= 1 || by >= extent || extent % by !== 0) continue
        let rest = constant + coefficient * (by - 1)
        let fits = constant >= 0
        for (const [other, k] of terms) {
          if (other === variable) continue
          const range = e.bounds(e.binary('mul', other, e.index(k)))
          fits &&= range.min >= 0
          rest += range.max
        }
        if (fits && rest < d.value) {
          found = { variable, by }
          return
        }
      }
    }
    x.args.forEach(visit)
  }
  roots.forEach(visit)
  if (found === undefined) return undefined
  const { variable, by } = found
  const outer = e.variable('int32', (variable.extent ?? by) / by)
  const inner = e.variable('int32', by)
  const whole = e.binary('add', e.binary('mul', outer, e.index(by)), inner)
  return {
    variables: variables.flatMap((v) => (v === variable ? [outer, inner] : [v])),
    rewrite: normalize.renaming(new Map([[variable, whole]])),
  }
}

/** Joins neighbouring variables that every index walks as one. */
const collapse = (groups: readonly (readonly Expression[])[], roots: readonly Expression[], normalize: Normalize) => {
  const forms = indexForms(roots)
  const replacements = new Map<Expression, Expression>()
  const out = groups.map((group) => {
    const joined: Expression[] = []
    for (const variable of group) {
      const outer = joined.at(-1)
      const extent = variable.extent ?? 1
      if (outer !== undefined && forms.every((form) => (form.get(outer) ?? 0) === (form.get(variable) ?? 0) * extent)) {
        const merged = e.variable('int32', (outer.extent ?? 1) * extent)
        for (const form of forms) {
          const coefficient = form.get(variable)
          if (coefficient === undefined) continue
          form.set(merged, coefficient)
        }
        replacements.set(outer, e.index(0))
        replacements.set(variable, merged)
        joined[joined.length - 1] = merged
      } else joined.push(variable)
    }
    return joined
  })
  if (replacements.size === 0) return undefined
  // A merged variable may have been merged again: only the last one is a loop.
  const last = (x: Expression): Expression => {
    let y = x
    for (let next = replacements.get(y); next !== undefined; next = replacements.get(y)) y = next
    return y
  }
  const resolved = new Map([...replacements].map(([from, to]) => [from, last(to)]))
  return { groups: out, rewrite: normalize.renaming(resolved) }
}

/** The same computation over loops chosen for its accesses: axes split where operands were reshaped, then joined where possible. */
export const arrange = (
  groups: readonly (readonly Expression[])[],
  roots: readonly Expression[],
  normalize: Normalize,
): { readonly groups: readonly (readonly Expression[])[]; readonly rewrite: Rewrite } => {
  let current = groups
  let expressions = roots
  const rewrites: Rewrite[] = []
  for (let round = 0; round < 8; round++) {
    let changed = false
    for (let g = 0; g < current.length; g++) {
      const split = splitOnce(current[g] ?? [], expressions, normalize)
      if (split === undefined) continue
      current = current.map((group, i) => (i === g ? split.variables : group))
      expressions = expressions.map(split.rewrite)
      rewrites.push(split.rewrite)
      changed = true
    }
    if (!changed) break
  }
  const joined = collapse(current, expressions, normalize)
  if (joined !== undefined) {
    current = joined.groups
    rewrites.push(joined.rewrite)
  }
  return { groups: current, rewrite: (x) => rewrites.reduce((y, rewrite) => rewrite(y), x) }
}

/** Sum over all loads of how far each variable moves them: large for outer loops, small for inner ones. */
export const strideSums = (variables: readonly Expression[], loads: readonly Expression[]): number[] => {
  const sums = variables.map(() => 0)
  for (const load of loads) {
    const at = load.args[0]
    if (at === undefined) continue
    const { terms } = linear(at)
    variables.forEach((variable, i) => {
      sums[i] = (sums[i] ?? 0) + Math.abs(terms.get(variable) ?? 0)
    })
  }
  return sums
}

/** Joins loops that have only each other and walk memory as one: what cutting into ranges leaves behind. */
export const rejoin = (statements: readonly Statement[], normalize: Normalize): readonly Statement[] =>
  statements.map((s): Statement => {
    if (s.kind === 'if') return { ...s, body: rejoin(s.body, normalize) }
    if (s.kind !== 'for') return s
    const body = rejoin(s.body, normalize)
    const [inner] = body
    if (inner?.kind !== 'for' || body.length > 1 || inner.order !== s.order) return { ...s, body }
    const roots: Expression[] = []
    const collect = (list: readonly Statement[]): void => {
      for (const inside of list) {
        roots.push(...expressionsOf(inside))
        if (inside.kind === 'for' || inside.kind === 'if') collect(inside.body)
      }
    }
    collect(inner.body)
    const joined = collapse([[s.variable, inner.variable]], roots, normalize)
    const variable = joined?.groups[0]?.[0]
    if (joined === undefined || variable === undefined) return { ...s, body }
    return {
      ...s,
      variable,
      extent: variable.extent ?? 1,
      body: inner.body.map((x) => mapExpressions(x, joined.rewrite)),
    }
  })
