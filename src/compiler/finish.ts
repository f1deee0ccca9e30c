/** Last touches on statements: loads kept inside their buffers, and what does not change moved out of loops. */
import { type Expression, e, known } from '../core/index.js'
import { isLinearOp } from './affine.js'
import type { Buffer, LoopKernel, Statement } from './kernel.js'
import { loadsBelow } from './loads.js'

/** Statement with every expression replaced; bodies of loops included. */
export const mapExpressions = (statement: Statement, f: (x: Expression) => Expression): Statement => {
  switch (statement.kind) {
    case 'for':
      return { ...statement, body: statement.body.map((s) => mapExpressions(s, f)) }
    case 'if':
      return { ...statement, condition: f(statement.condition), body: statement.body.map((s) => mapExpressions(s, f)) }
    case 'store':
      return { ...statement, index: f(statement.index), value: f(statement.value) }
    case 'assignAll':
      return { ...statement, values: statement.values.map(f) }
    case 'define':
    case 'assign':
    case 'combine':
      return { ...statement, value: f(statement.value) }
  }
}

/** Expressions that a statement evaluates itself, not in its body. */
export const expressionsOf = (statement: Statement): readonly Expression[] => {
  switch (statement.kind) {
    case 'for':
      return []
    case 'if':
      return [statement.condition]
    case 'store':
      return [statement.index, statement.value]
    case 'assignAll':
      return statement.values
    case 'define':
    case 'assign':
    case 'combine':
      return [statement.value]
  }
}

/**
 * Both branches of a select may be evaluated, and hoisting evaluates early: so every load stays inside its buffer. What a
 * load outside gives does not matter, since a condition discards it. Loads of the trusted buffer are left alone: they are
 * only evaluated where their index is right.
 */
export const guardLoads = (trusted?: Buffer): ((x: Expression) => Expression) => {
  const memo = new Map<Expression, Expression>()
  const guard = (x: Expression): Expression => {
    if (x.args.length === 0) return x
    const done = memo.get(x)
    if (done !== undefined) return done
    let out = e.rebuildWith(x, guard)
    if (out.op === 'load' && out.source !== trusted) {
      const buffer = out.source as Buffer
      const at = known(out.args[0], 'index of a load')
      if (buffer.size === 0) out = e.constant(0, buffer.dtype)
      else {
        const range = e.bounds(at)
        let inside = at
        if (range.min < 0) inside = e.binary('max', inside, e.index(0))
        if (range.max >= buffer.size) inside = e.binary('min', inside, e.index(buffer.size - 1))
        if (inside !== at) out = e.load(buffer, inside)
      }
    }
    memo.set(x, out)
    return out
  }
  return guard
}

interface Changes {
  readonly variables: Set<Expression>
  readonly buffers: Set<Buffer>
}

const changesOf = (statements: readonly Statement[], into: Changes): Changes => {
  statements.forEach((s) => {
    if (s.kind === 'for') into.variables.add(s.variable)
    else if (s.kind === 'store') into.buffers.add(s.buffer)
    else if (s.kind === 'assignAll') s.locals.forEach((local) => into.variables.add(local))
    else if (s.kind !== 'if') into.variables.add(s.local)
    if (s.kind === 'for' || s.kind === 'if') changesOf(s.body, into)
  })
  return into
}

/** Plain index arithmetic belongs to the loads that use it, and gets no local of its own. */
const isPlainIndex = (x: Expression): boolean => {
  if (x.dtype !== 'int32' || !isLinearOp(x)) return false
  return x.args.every(isPlainArgument)
}

const isPlainArgument = (arg: Expression): boolean => arg.args.length === 0 || isPlainIndex(arg)

/** Moves what a loop computes again and again out of it. */
export const hoist = (statements: readonly Statement[]): readonly Statement[] =>
  statements.flatMap((statement): readonly Statement[] => {
    if (statement.kind === 'if') return [{ ...statement, body: hoist(statement.body) }]
    if (statement.kind !== 'for') return [statement]
    const changes = changesOf([statement], { variables: new Set(), buffers: new Set() })
    const fixed = new Map<Expression, boolean>()
    const isFixed = (x: Expression): boolean => {
      if (x.args.length === 0) return !changes.variables.has(x)
      let stays = fixed.get(x)
      if (stays === undefined) {
        stays = !(x.op === 'load' && changes.buffers.has(x.source as Buffer)) && x.args.every(isFixed)
        fixed.set(x, stays)
      }
      return stays
    }
    const locals = new Map<Expression, Expression>()
    const memo = new Map<Expression, Expression>()
    const move = (x: Expression): Expression => {
      if (x.args.length === 0) return x
      let out = memo.get(x)
      if (out === undefined) {
        const isMoved = isFixed(x) && !isPlainIndex(x)
        out = isMoved ? e.variable(x.dtype) : e.rebuildWith(x, move)
        if (isMoved) locals.set(x, out)
        memo.set(x, out)
      }
      return out
    }
    const body = statement.body.map((s) => mapExpressions(s, move))
    // What was moved out may contain other things that were: those are computed first, since arguments are older.
    const within = new Map<Expression, Expression>()
    const defines = [...locals]
      .sort(([x], [y]) => x.id - y.id)
      .map(([value, local]): Statement => {
        const shared = e.rebuildWith(value, (arg) => e.substitute(arg, (x) => locals.get(x), within))
        return { kind: 'define', local, value: shared }
      })
    return [...defines, { ...statement, body: hoist(body) }]
  })

/** Buffers that statements load from and store to. */
export const accessed = (statements: readonly Statement[]): Pick<LoopKernel, 'reads' | 'writes'> => {
  const reads = new Set<Buffer>()
  const writes = new Set<Buffer>()
  const read = (load: Expression): void => {
    reads.add(load.source as Buffer)
  }
  const walk = (s: Statement): void => {
    expressionsOf(s).forEach((root) => loadsBelow(root).forEach(read))
    if (s.kind === 'store') writes.add(s.buffer)
    if (s.kind === 'for' || s.kind === 'if') s.body.forEach(walk)
  }
  statements.forEach(walk)
  return { reads: [...reads], writes: [...writes] }
}

/** Gives every loop a variable, and every definition a local, of its own: copies of loops came with the same ones. */
export const distinctVariables = (
  statements: readonly Statement[],
  seen = new Set<Expression>(),
  given: ReadonlyMap<Expression, Expression> = new Map(),
): readonly Statement[] => {
  let names = given
  let memo = new Map(names)
  const rename = (x: Expression): Expression => (names.size === 0 ? x : e.renamed(x, memo))
  const own = (x: Expression): Expression => {
    if (!seen.has(x)) {
      seen.add(x)
      return x
    }
    const fresh = e.variable(x.dtype, x.extent)
    names = new Map(names).set(x, fresh)
    memo = new Map(names)
    return fresh
  }
  return statements.map((s): Statement => {
    switch (s.kind) {
      case 'for': {
        const before = names
        const variable = own(s.variable)
        const body = distinctVariables(s.body, seen, names)
        names = before
        memo = new Map(names)
        return { ...s, variable, body }
      }
      case 'if':
        return { ...s, condition: rename(s.condition), body: distinctVariables(s.body, seen, names) }
      case 'define': {
        const value = rename(s.value)
        return { ...s, value, local: own(s.local) }
      }
      case 'assign':
      case 'combine':
        return { ...s, value: rename(s.value), local: names.get(s.local) ?? s.local }
      case 'assignAll':
        return { ...s, values: s.values.map(rename), locals: s.locals.map((local) => names.get(local) ?? local) }
      case 'store':
        return { ...s, index: rename(s.index), value: rename(s.value) }
    }
  })
}
