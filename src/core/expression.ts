/**
 * Scalar expressions: what one element of an array is computed from.
 *
 * Rules of primitives, the compiler and the backends share this language. Nodes are interned (equal expressions are the
 * same object), constants are folded and trivial algebra is applied when a node is made, so that index arithmetic stays
 * small. Index arithmetic is int32.
 */
import { binary, bitcast, compare, convert, select, unary } from './expression-algebra.js'
import { load } from './expression-intern.js'
import type { BinaryOp, CompareOp, Expression, ExpressionOp, UnaryOp } from './expression-node.js'

export { binary, bitcast, compare, convert, isConstant, select, unary } from './expression-algebra.js'
export { constant, index, load, variable } from './expression-intern.js'
export * from './expression-node.js'

/*
 * Making nodes and rewriting them is most of what compiling does, and much of it runs once, in an interpreter: so these
 * functions index where destructuring would iterate, and make no arrays, closures or strings for what stays as it is.
 */

/** Every expression that `roots` reach, arguments before users. */
export const topological = (roots: readonly Expression[]): Expression[] => {
  const seen = new Set<Expression>()
  const out: Expression[] = []
  const visit = (x: Expression): void => {
    if (seen.has(x)) return
    seen.add(x)
    x.args.forEach(visit)
    out.push(x)
  }
  roots.forEach(visit)
  return out
}

/** Rewrites the given nodes everywhere below `root`; `replace` returns the new node, or undefined to keep and descend. */
export const substitute = (
  root: Expression,
  replace: (x: Expression) => Expression | undefined,
  memo = new Map<Expression, Expression>(),
): Expression => {
  const visit = (x: Expression): Expression => {
    const done = memo.get(x)
    if (done !== undefined) return done
    let out = replace(x)
    if (out === undefined) {
      // What a leaf stays is found sooner than remembered.
      if (x.args.length === 0) return x
      out = rebuildWith(x, visit)
    }
    memo.set(x, out)
    return out
  }
  return visit(root)
}

/** The expression with others in place of those that `memo` names, which is told what has become of everything below it. */
export const renamed = (root: Expression, memo: Map<Expression, Expression>): Expression => {
  const visit = (x: Expression): Expression => {
    if (x.op === 'const') return x
    const done = memo.get(x)
    if (done !== undefined) return done
    if (x.args.length === 0) return x
    const out = rebuildWith(x, visit)
    memo.set(x, out)
    return out
  }
  return visit(root)
}

/** The same operation over what a function makes of its arguments. */
export const rebuildWith = (x: Expression, f: (arg: Expression) => Expression): Expression => {
  const { args } = x
  const { length } = args
  for (let i = 0; i < length; i++) {
    const arg = args[i]
    if (arg === undefined) return x
    const changed = f(arg)
    if (changed === arg) continue
    const next = args.slice()
    next[i] = changed
    for (let k = i + 1; k < length; k++) {
      const later = args[k]
      if (later !== undefined) next[k] = f(later)
    }
    return made(x, next)
  }
  return x
}

/** The same operation over other arguments. */
export const rebuild = (x: Expression, args: readonly Expression[]): Expression => {
  for (let i = 0; i < args.length; i++) if (args[i] !== x.args[i]) return made(x, args)
  return x
}

const made = (x: Expression, args: readonly Expression[]): Expression => {
  const a = args[0]
  const b = args[1]
  const c = args[2]
  if (a === undefined) return x
  if (x.op === 'load') return x.source === undefined ? x : load(x.source, a)
  if (x.op === 'convert') return convert(a, x.dtype)
  if (x.op === 'bitcast') return bitcast(a, x.dtype)
  if (b === undefined) return unary(x.op as UnaryOp, a)
  if (c !== undefined) return select(a, b, c)
  if (x.dtype === 'bool' && isCompare(x.op)) return compare(x.op, a, b)
  return binary(x.op as BinaryOp, a, b)
}

export const isCompare = (op: ExpressionOp): op is CompareOp =>
  op === 'eq' || op === 'ne' || op === 'lt' || op === 'le' || op === 'gt' || op === 'ge'
