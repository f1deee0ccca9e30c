/** The loads below expressions: what is read, and where. */
import type { Expression } from '../core/index.js'

/** Loads of expressions that were looked at: several passes ask about each. */
const found = new WeakMap<Expression, readonly Expression[]>()

const none: readonly Expression[] = []

/** All loads below an expression, and itself if it is one. */
export const loadsBelow = (root: Expression): readonly Expression[] => {
  if (!root.loads) return none
  let loads = found.get(root)
  if (loads !== undefined) return loads
  const list: Expression[] = []
  const seen = new Set<Expression>()
  const visit = (x: Expression): void => {
    if (seen.has(x)) return
    seen.add(x)
    if (x.op === 'load') list.push(x)
    x.args.forEach(visitAbove)
  }
  const visitAbove = (arg: Expression): void => {
    if (arg.loads) visit(arg)
  }
  visit(root)
  found.set(root, (loads = list))
  return loads
}

/** All loads below several expressions, each once. */
export const loadsOf = (roots: readonly Expression[]): readonly Expression[] => {
  const [only] = roots
  if (only === undefined) return []
  if (roots.length === 1) return loadsBelow(only)
  const all = new Set<Expression>()
  for (const root of roots) for (const load of loadsBelow(root)) all.add(load)
  return [...all]
}
