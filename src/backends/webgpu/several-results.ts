/**
 * Several neighbouring results for each invocation, so that what they read in common is read once: the weights of a window, and the
 * elements where windows overlap. They are computed as each by itself would be, to the last digit.
 */
import { type Expression, e } from '../../core/index.js'
import { type Buffer, type Statement, expressionsOf, mapExpressions } from '../../compiler/index.js'
import { type Loop, type Piece, hasParallel, mentions } from './schedule.js'
import type { Target } from './target.js'

/** Reads of one result from which on it is worth to look for common ones, and of all results, since longer shaders take longer to compile. */
const leastReads = 8
const leastWork = 1 << 16
/** Most results of an invocation, and how many at a time are tried along one axis. */
const mostResults = 9
const counts = [4, 3, 2] as const
/** What is left of the reads, at most. */
const worthwhile = 0.85

/** Elements that statements read for all results of one invocation: each once, where it is still known. */
const readsOf = (list: readonly Statement[], before: ReadonlySet<Expression> = new Set(), times = 1): number => {
  const seen = new Set(before)
  let reads = 0
  for (const s of list) {
    for (const x of e.topological(expressionsOf(s)))
      if (x.op === 'load' && !seen.has(x)) {
        seen.add(x)
        reads += times
      }
    if (s.kind === 'for') reads += readsOf(s.body, seen, times * s.extent)
    else if (s.kind === 'if') reads += readsOf(s.body, seen, times)
  }
  return reads
}

const localsOf = (s: Statement): readonly Expression[] => {
  if (s.kind === 'define' || s.kind === 'assign' || s.kind === 'combine') return [s.local]
  return s.kind === 'assignAll' ? s.locals : s.kind === 'for' || s.kind === 'if' ? s.body.flatMap(localsOf) : []
}

/** The variable and the locals that differ with it. */
const differing = (variable: Expression, body: readonly Statement[]): ReadonlySet<Expression> => {
  const found = new Set([variable])
  const differs = (s: Statement): boolean => expressionsOf(s).some((x) => mentions(x, [...found]))
  const visit = (list: readonly Statement[]): void => {
    for (const s of list) {
      // What is done under a condition that differs differs, too.
      if (s.kind === 'for' ? false : differs(s)) localsOf(s).forEach((local) => found.add(local))
      if (s.kind === 'for' || s.kind === 'if') visit(s.body)
    }
  }
  // A loop's first statements may use what its last ones set.
  for (let before = 0; before < found.size;) {
    before = found.size
    visit(body)
  }
  return found
}

const isStraight = (body: readonly Statement[]): boolean => body.every((s) => s.kind === 'define' || s.kind === 'store')

/** The body for several values of a variable at once. */
const jam = (body: readonly Statement[], variable: Expression, values: readonly Expression[]): readonly Statement[] => {
  const apart = differing(variable, body)
  const copies = values.map((value) => new Map<Expression, Expression>([[variable, value]]))
  for (const local of apart) if (local !== variable) for (const copy of copies) copy.set(local, e.variable(local.dtype))
  // Without loops, definitions are written out, so that equal ones of different results are seen to be equal.
  const writeOut = isStraight(body)
  const rename = (s: Statement, copy: ReadonlyMap<Expression, Expression>): Statement => {
    const memo = new Map(copy)
    const renamed = mapExpressions(s, (x) => e.renamed(x, memo))
    const own = (local: Expression): Expression => copy.get(local) ?? local
    switch (renamed.kind) {
      case 'define':
      case 'assign':
      case 'combine':
        return { ...renamed, local: own(renamed.local) }
      case 'assignAll':
        return { ...renamed, locals: renamed.locals.map(own) }
      case 'if':
      case 'for':
        return { ...renamed, body: [] }
      case 'store':
        return renamed
    }
  }
  const copied = (list: readonly Statement[], copy: ReadonlyMap<Expression, Expression>): readonly Statement[] =>
    list.map((s): Statement => {
      const renamed = rename(s, copy)
      if (s.kind === 'for' && renamed.kind === 'for') return { ...renamed, body: copied(s.body, copy) }
      return s.kind === 'if' && renamed.kind === 'if' ? { ...renamed, body: copied(s.body, copy) } : renamed
    })
  const together = (list: readonly Statement[]): readonly Statement[] =>
    list.flatMap((s): readonly Statement[] => {
      if (s.kind === 'for') return [{ ...s, body: together(s.body) }]
      const same = s.kind !== 'store' && !expressionsOf(s).some((x) => mentions(x, [...apart]))
      if (s.kind === 'if' && same) return [{ ...s, body: together(s.body) }]
      if (same && !localsOf(s).some((local) => apart.has(local))) return [s]
      if (writeOut && s.kind === 'define') {
        for (const copy of copies) copy.set(s.local, e.renamed(s.value, new Map(copy)))
        return []
      }
      return copies.flatMap((copy) => copied([s], copy))
    })
  return together(body)
}

/** The piece for several values of the variable of one of its loops. */
const along = ({ parallel, body, inStep }: Piece, loop: Loop, count: number): Piece => {
  const extent = loop.extent / count
  const variable = e.variable('int32', extent)
  const first = extent === 1 ? e.index(0) : e.binary('mul', variable, e.index(count))
  const values = Array.from({ length: count }, (_, i) => e.binary('add', first, e.index(i)))
  const loops = parallel.flatMap((other) =>
    other !== loop ? [other] : extent === 1 ? [] : [{ ...loop, extent, variable }],
  )
  return { parallel: loops, body: jam(body, loop.variable, values), inStep }
}

/** The piece as it is, or with several results for each invocation, if these have enough reads in common. */
export const severalResults = (piece: Piece, writes: readonly Buffer[], { enoughInvocations }: Target): Piece => {
  const results = piece.parallel.reduce((count, { extent }) => count * extent, 1)
  const written = new Set<object>(writes)
  const all = e.topological(everyExpression(piece.body))
  const reads = readsOf(piece.body)
  if (reads < leastReads || reads * results < leastWork || hasParallel(piece.body)) return piece
  if (all.some((x) => x.op === 'load' && x.source !== undefined && written.has(x.source))) return piece
  let best = piece
  let together = 1
  let least = reads
  for (;;) {
    let next: Piece | undefined
    let more = 1
    let fewest = least * worthwhile
    for (const loop of best.parallel)
      for (const count of counts) {
        const copies = together * count
        if (loop.extent % count !== 0 || copies > mostResults || results / copies < enoughInvocations) continue
        const candidate = along(best, loop, count)
        const left = readsOf(candidate.body) / copies
        if (left > fewest) continue
        next = candidate
        more = count
        fewest = left
      }
    if (next === undefined) return best
    best = next
    together *= more
    least = fewest
  }
}

const everyExpression = (list: readonly Statement[]): readonly Expression[] =>
  list.flatMap((s) => [...expressionsOf(s), ...(s.kind === 'for' || s.kind === 'if' ? everyExpression(s.body) : [])])
