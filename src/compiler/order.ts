/** Orders that respect what must come first: of anything, and of equations that read an array before it is updated. */
import { type Equation, type Jaxpr, type Var, hasEffect, known, newJaxpr } from '../core/index.js'

/** Numbers in an order that respects `before`, as near to their own as possible; undefined if they go in circles. */
export const sorted = (before: readonly ReadonlySet<number>[]): number[] | undefined => {
  const out: number[] = []
  const open = new Set<number>()
  const done = new Set<number>()
  // Chains may be longer than the call stack is deep.
  const visit = (root: number): boolean => {
    const stack = [{ k: root, rest: [...known(before[root], 'number')].sort((a, b) => b - a) }]
    open.add(root)
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const next = top.rest.pop()
      if (next === undefined) {
        stack.pop()
        open.delete(top.k)
        done.add(top.k)
        out.push(top.k)
      } else if (open.has(next)) return false
      else if (!done.has(next)) {
        open.add(next)
        stack.push({ k: next, rest: [...known(before[next], 'number')].sort((a, b) => b - a) })
      }
    }
    return true
  }
  for (let k = 0; k < before.length; k++) if (!done.has(k) && !visit(k)) return undefined
  return out
}

/** The array that an equation gives back with a part of it replaced. */
const updated = ({ primitive, inputs }: Equation): Var | undefined => {
  const [operand] = inputs
  return primitive.updates && operand?.kind === 'var' ? operand : undefined
}

/**
 * The program with equations that read an array ahead of the one that updates a part of it, where they do not need its
 * result: then nobody needs the old array any more, and it can be updated where it is.
 */
export const readBeforeUpdate = (jaxpr: Jaxpr): Jaxpr => {
  const { equations } = jaxpr
  const writer = new Map<Var, number>()
  const readers = new Map<Var, number[]>()
  const before = equations.map(() => new Set<number>())
  const after = equations.map(() => new Set<number>())
  const order = (first: number, then: number): void => {
    before[then]?.add(first)
    after[first]?.add(then)
  }
  let effect: number | undefined
  equations.forEach((equation, k) => {
    for (const input of equation.inputs) {
      if (input.kind !== 'var') continue
      const from = writer.get(input)
      if (from !== undefined) order(from, k)
      const list = readers.get(input)
      if (list === undefined) readers.set(input, [k])
      else if (list.at(-1) !== k) list.push(k)
    }
    for (const output of equation.outputs) writer.set(output, k)
    if (hasEffect(equation)) {
      if (effect !== undefined) order(effect, k)
      effect = k
    }
  })
  const dependents = (k: number): ReadonlySet<number> => {
    const found = new Set([k])
    for (const x of found) for (const next of known(after[x], 'equation')) found.add(next)
    return found
  }
  let changed = false
  equations.forEach((equation, k) => {
    const operand = updated(equation)
    if (operand === undefined) return
    const late = (readers.get(operand) ?? []).filter(
      (r) => r > k && updated(known(equations[r], 'equation')) !== operand,
    )
    if (late.length === 0) return
    const needs = dependents(k)
    for (const reader of late) {
      if (needs.has(reader)) continue
      order(reader, k)
      changed = true
    }
  })
  const places = changed ? sorted(before) : undefined
  if (places === undefined) return jaxpr
  const reordered = places.map((k) => known(equations[k], 'equation'))
  return newJaxpr(jaxpr.constants, jaxpr.inputs, reordered, jaxpr.outputs)
}
