/** Index arithmetic: sums of multiples, flat indices of arrays, and a normal form in which equal indices look equal. */
import { type Expression, e } from '../core/index.js'

/** `constant + sum of coefficient * atom`; an atom is a loop variable or an operation that is not a sum of multiples. */
export interface Linear {
  readonly constant: number
  readonly terms: ReadonlyMap<Expression, number>
}

const isSum = (x: Expression): boolean =>
  x.op === 'add' ||
  x.op === 'sub' ||
  x.op === 'neg' ||
  x.op === 'const' ||
  (x.op === 'mul' && x.args[1]?.op === 'const')

/** Whether the operation is part of a sum of multiples, so that `linear` looks through it. */
export const isLinearOp = (x: Expression): boolean => x.dtype === 'int32' && (x.op === 'variable' || isSum(x))

const addTerm = (terms: Map<Expression, number>, atom: Expression, coefficient: number): void => {
  const sum = ((terms.get(atom) ?? 0) + coefficient) | 0
  if (sum === 0) terms.delete(atom)
  else terms.set(atom, sum)
}

/** Sums that were looked at: most are asked about by several passes. */
const sums = new WeakMap<Expression, Linear>()

/** An int32 expression as a sum of multiples. Multiples wrap as int32 does, since data is computed here too, not only indices. */
export const linear = (x: Expression): Linear => {
  let sum = sums.get(x)
  if (sum === undefined) sums.set(x, (sum = computeSum(x)))
  return sum
}

const computeSum = (x: Expression): Linear => {
  const terms = new Map<Expression, number>()
  let constant = 0
  const collect = (y: Expression, factor: number): void => {
    const a = y.args[0]
    const b = y.args[1]
    if (y.op === 'const') constant = (constant + Math.imul(factor, y.value)) | 0
    else if (y.op === 'add' && a !== undefined && b !== undefined) {
      collect(a, factor)
      collect(b, factor)
    } else if (y.op === 'sub' && a !== undefined && b !== undefined) {
      collect(a, factor)
      collect(b, -factor)
    } else if (y.op === 'neg' && a !== undefined) collect(a, -factor)
    else if (y.op === 'mul' && a !== undefined && b?.op === 'const') collect(a, Math.imul(factor, b.value))
    else {
      addTerm(terms, y, factor)
    }
  }
  collect(x, 1)
  return { constant, terms }
}

/** Whether multiples come as they are added: most sums are made from such ones. */
const isInOrder = (terms: ReadonlyMap<Expression, number>): boolean => {
  let largest = Infinity
  let id = 0
  let inOrder = true
  terms.forEach((coefficient, atom) => {
    const size = Math.abs(coefficient)
    if (size > largest || (size === largest && atom.id < id)) inOrder = false
    largest = size
    id = atom.id
  })
  return inOrder
}

/** The expression of a sum of multiples, larger multiples first: the order that nested loops suggest. */
export const fromLinear = (constant: number, terms: ReadonlyMap<Expression, number>): Expression => {
  let sum: Expression | undefined
  const add = (coefficient: number, atom: Expression): void => {
    const term = e.binary('mul', atom, e.index(coefficient))
    sum = sum === undefined ? term : e.binary('add', sum, term)
  }
  if (isInOrder(terms)) terms.forEach(add)
  else
    [...terms]
      .sort((x, y) => Math.abs(y[1]) - Math.abs(x[1]) || x[0].id - y[0].id)
      .forEach((term) => add(term[1], term[0]))
  if (sum === undefined) return e.index(constant)
  return constant === 0 ? sum : e.binary('add', sum, e.index(constant))
}

const hasRemainder = (terms: ReadonlyMap<Expression, number>): boolean => {
  let found = false
  terms.forEach((_, atom) => {
    if (atom.op === 'rem') found = true
  })
  return found
}

/** `(y / d) * d + y % d = y`, wherever a sum has both parts with fitting multiples. Truncation makes it hold for every sign. */
const joinQuotients = (terms: Map<Expression, number>): number => {
  let constant = 0
  for (let changed = hasRemainder(terms); changed;) {
    changed = false
    for (const [atom, coefficient] of terms) {
      const [y, d] = atom.args
      if (atom.op !== 'rem' || y === undefined || d?.op !== 'const') continue
      const quotient = linear(e.binary('div', y, d))
      const fits =
        quotient.terms.size > 0 && [...quotient.terms].every(([q, k]) => terms.get(q) === k * coefficient * d.value)
      if (!fits) continue
      terms.delete(atom)
      for (const q of quotient.terms.keys()) terms.delete(q)
      const whole = linear(y)
      for (const [q, k] of whole.terms) addTerm(terms, q, Math.imul(k, coefficient))
      constant += coefficient * (whole.constant - quotient.constant * d.value)
      changed = true
      break
    }
  }
  return constant
}

/**
 * `(g A + r) / d` with `g` dividing `d` and `0 <= r < g` is `A / (d / g)`, and the remainder is `g (A % (d / g)) + r`:
 * how a merged pair of axes is split again at another place.
 */
const reduceDivision = (op: 'div' | 'rem', y: Expression, d: number): Expression | undefined => {
  const { constant, terms } = linear(y)
  if ((terms.size < 2 && constant === 0) || e.bounds(y).min < 0) return undefined
  for (const g of new Set([...terms.values()].map(Math.abs))) {
    if (g <= 1 || d % g !== 0) continue
    const whole = new Map<Expression, number>()
    const rest = new Map<Expression, number>()
    for (const [atom, k] of terms) {
      if (k % g === 0) whole.set(atom, k / g)
      else rest.set(atom, k)
    }
    const below = ((constant % g) + g) % g
    const small = fromLinear(below, rest)
    const large = fromLinear((constant - below) / g, whole)
    const range = e.bounds(small)
    if (range.min < 0 || range.max >= g || e.bounds(large).min < 0) continue
    const part = e.binary(op, large, e.index(d / g))
    return op === 'div' ? part : e.binary('add', e.binary('mul', part, e.index(g)), small)
  }
  return undefined
}

/** Operations of floats that every machine rounds alike, so that they can be done beforehand. */
const fold = (x: Expression): Expression => {
  if (!(x.dtype === 'float32' || x.dtype === 'float64') || !x.args.every((arg) => arg.op === 'const')) return x
  const [a = 0, b = 0] = x.args.map((arg) => arg.value)
  switch (x.op) {
    case 'add':
      return e.constant(a + b, x.dtype)
    case 'sub':
      return e.constant(a - b, x.dtype)
    case 'mul':
      return e.constant(a * b, x.dtype)
    case 'div':
      return e.constant(a / b, x.dtype)
    case 'sqrt':
      return e.constant(Math.sqrt(a), x.dtype)
    default:
      return x
  }
}

/** Rewriting into a normal form. */
export interface Normalize {
  (x: Expression): Expression
  /** The normal form of what an expression becomes when others take the places of some of its variables. */
  readonly renaming: (replacements: ReadonlyMap<Expression, Expression>) => (x: Expression) => Expression
}

/** A sum of multiples, after what rewriting makes of its atoms. */
const rewrittenSum = ({ constant, terms }: Linear, rewrite: (atom: Expression) => Expression): Expression => {
  const sum = new Map<Expression, number>()
  let total = constant
  terms.forEach((coefficient, atom) => {
    const normal = rewrite(atom)
    if (!isSum(normal)) {
      addTerm(sum, normal, coefficient)
      return
    }
    const inner = linear(normal)
    total = (total + Math.imul(coefficient, inner.constant)) | 0
    inner.terms.forEach((k, term) => addTerm(sum, term, Math.imul(k, coefficient)))
  })
  total += joinQuotients(sum)
  return fromLinear(total, sum)
}

/** Normal form of int32 index arithmetic below an expression; other nodes are rebuilt around it. */
export const normalizer = (): Normalize => {
  const memo = new Map<Expression, Expression>()
  const normalize = (x: Expression): Expression => {
    if (x.args.length === 0) return x
    const done = memo.get(x)
    if (done !== undefined) return done
    let out: Expression
    if (x.dtype === 'int32' && isSum(x)) out = rewrittenSum(linear(x), normalize)
    else {
      out = fold(e.rebuildWith(x, normalize))
      const y = out.args[0]
      const d = out.args[1]
      if (
        out.dtype === 'int32' &&
        (out.op === 'div' || out.op === 'rem') &&
        y !== undefined &&
        d?.op === 'const' &&
        d.value > 0
      ) {
        const simpler = reduceDivision(out.op, y, d.value)
        if (simpler !== undefined) out = normalize(simpler)
      }
    }
    memo.set(x, out)
    return out
  }
  /** One walk in place of two: sums are not put together only to be taken apart again. */
  const renaming: Normalize['renaming'] = (replacements) => {
    const renamed = new Map<Expression, Expression>()
    replacements.forEach((to, from) => renamed.set(from, normalize(to)))
    const visit = (x: Expression): Expression => {
      if (x.op === 'const') return x
      const done = renamed.get(x)
      if (done !== undefined) return done
      if (x.args.length === 0) return x
      let out: Expression
      if (x.dtype === 'int32' && isSum(x)) {
        const parts = linear(x)
        let changes = false
        parts.terms.forEach((_, atom) => {
          changes = visit(atom) !== atom || changes
        })
        out = changes ? rewrittenSum(parts, visit) : normalize(x)
      } else {
        const changed = e.rebuildWith(x, visit)
        // Arguments are normal now, which must be known, or they would be walked through again.
        if (changed !== x)
          changed.args.forEach((arg) => {
            if (arg.args.length > 0) memo.set(arg, arg)
          })
        out = normalize(changed)
      }
      renamed.set(x, out)
      return out
    }
    return visit
  }
  return Object.assign(normalize, { renaming })
}

/** Row-major position of an index in an array. */
export const flatIndex = (shape: readonly number[], index: readonly Expression[]): Expression => {
  let flat = e.index(0)
  let stride = 1
  for (let d = shape.length - 1; d >= 0; d--) {
    const size = shape[d] ?? 1
    const at = index[d]
    if (at !== undefined && size !== 1) flat = e.binary('add', e.binary('mul', at, e.index(stride)), flat)
    stride *= size
  }
  return flat
}
