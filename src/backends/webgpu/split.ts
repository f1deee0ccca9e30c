/** Long reductions with few results over many workgroups: each reduces a part, then the parts are joined. */
import { type Expression, e, known } from '../../core/index.js'
import { type Buffer, type Statement, expressionsOf, mapExpressions } from '../../compiler/index.js'
import { linear } from '../../compiler/affine.js'
import { newBuffer } from '../../compiler/graph.js'
import { type Reduction, accumulators, neutral, reductionOf } from './reduction.js'
import { type Loop, type Piece, variablesOf } from './schedule.js'
import { prefer } from './selection.js'
import type { Target } from './target.js'

/** Most parts: what is left to be joined is short. */
const mostParts = 256
/** Invocations that keep a GPU busy, and workgroups that do. */
const enoughInvocations = 16384
const enoughGroups = 128
/** The same in software: some for each core; shorter parts take longer to be joined than they save. */
const inSoftware = { enoughGroups: 16, shortestPart: 16384 } as const
/** Shortest reductions that are split, down columns and along rows, and the shortest parts of them. */
const shortest = { columns: 512, rows: 16384 } as const
const shortestPart = { columns: 32, rows: 4096 } as const
/** Fewer columns than this are read like rows: threads next to each other would be few. */
const leastColumns = 32

const loadsIn = (list: readonly Statement[], into = new Set<Expression>()): Set<Expression> => {
  for (const s of list) {
    for (const x of e.topological([...expressionsOf(s)])) if (x.op === 'load') into.add(x)
    if (s.kind === 'for' || s.kind === 'if') loadsIn(s.body, into)
  }
  return into
}

/** Whether neighbouring results read neighbouring elements, and the steps of one reduction do not. */
export const isDownColumns = (parallel: readonly Loop[], { loops, body }: Reduction): boolean => {
  const column = parallel.at(-1)
  const step = loops.at(-1)
  if (column === undefined || step === undefined || column.extent < leastColumns) return false
  return [...loadsIn(body)].some((load) => {
    const { terms } = linear(known(load.args[0], 'index'))
    const along = terms.get(step.variable) ?? 0
    return Math.abs(terms.get(column.variable) ?? 0) === 1 && Math.abs(along) > 1
  })
}

const partsOf = (results: number, size: number, columns: boolean, software: boolean): number => {
  if (software)
    return Math.min(Math.ceil(inSoftware.enoughGroups / results), Math.floor(size / inSoftware.shortestPart))
  const kind = columns ? 'columns' : 'rows'
  if (size < shortest[kind]) return 1
  const enough = columns ? enoughInvocations : enoughGroups
  return Math.min(Math.ceil(enough / results), Math.floor(size / shortestPart[kind]), mostParts)
}

/** The loops and body of one part: steps from `part * length` on, `length` of them. */
const partLoops = ({ loops, body, size, selection }: Reduction, part: Expression, length: number): Statement => {
  const step = e.variable('int32', length)
  const first = e.binary('mul', part, e.index(length))
  // The best of some elements stays so when the last part begins earlier, and has elements of the one before too.
  const begin = selection === undefined ? first : e.binary('min', first, e.index(size - length))
  const at = e.binary('add', begin, step)
  const memo = new Map<Expression, Expression>()
  let stride = size
  for (const { variable, extent } of loops) {
    stride /= extent
    const rest = stride === 1 ? at : e.binary('div', at, e.index(stride))
    memo.set(variable, variable === loops[0]?.variable ? rest : e.binary('rem', rest, e.index(extent)))
  }
  const inside = body.map((s) => mapExpressions(s, (x) => e.renamed(x, memo)))
  if (selection !== undefined) return { kind: 'for', variable: step, extent: length, order: 'sequential', body: inside }
  const guarded: readonly Statement[] =
    size % length === 0 ? inside : [{ kind: 'if', condition: e.compare('lt', at, e.index(size)), body: inside }]
  return { kind: 'for', variable: step, extent: length, order: 'reduce', body: guarded }
}

const flatOf = (loops: readonly Loop[]): Expression =>
  loops.reduce<Expression>(
    (flat, { variable, extent }) => e.binary('add', e.binary('mul', flat, e.index(extent)), variable),
    e.index(0),
  )

/** The piece as it is, or with its first long reduction in parts: a piece for the parts, and those for the rest. */
export const splitReductions = (piece: Piece, target: Target): readonly Piece[] => {
  const { parallel, body } = piece
  if (piece.inStep) return [piece]
  const results = parallel.reduce((count, { extent }) => count * extent, 1)
  for (const [i, s] of body.entries()) {
    const reduction = reductionOf(s)
    if (reduction === undefined) continue
    const parts = partsOf(results, reduction.size, isDownColumns(parallel, reduction), target.software)
    // What was stored before is there only when the piece has run.
    if (parts < 2 || [...loadsIn(body)].some((load) => writes(body, load.source as Buffer))) continue
    const length = Math.ceil(reduction.size / parts)
    return apart(piece, i, reduction, Math.ceil(reduction.size / length), length).flatMap((next, k) =>
      k === 0 ? [next] : splitReductions(next, target),
    )
  }
  return [piece]
}

const writes = (list: readonly Statement[], buffer: Buffer): boolean =>
  list.some((s) =>
    s.kind === 'store' ? s.buffer === buffer : (s.kind === 'for' || s.kind === 'if') && writes(s.body, buffer),
  )

const apart = (
  { parallel, body }: Piece,
  at: number,
  reduction: Reduction,
  parts: number,
  length: number,
): readonly Piece[] => {
  const { selection } = reduction
  const results = parallel.reduce((count, { extent }) => count * extent, 1)
  const part = e.variable('int32', parts)
  const flat = flatOf(parallel)
  const joined = [...accumulators(reduction.body)]
  const locals = selection?.locals ?? joined.map(([local]) => local)
  const partial = locals.map(({ dtype }) => newBuffer(dtype, [parts, results]))
  const ops = new Map(joined)
  const own = new Set(locals)
  const before = body.slice(0, at).filter((s) => s.kind !== 'store' && s.kind !== 'if')
  const starts = before.map((s): Statement => {
    const op = s.kind === 'define' ? ops.get(s.local) : undefined
    return op === undefined || s.kind !== 'define'
      ? s
      : { ...s, value: e.constant(neutral(op, s.local.dtype), s.local.dtype) }
  })
  const stores = locals.map((value, k): Statement => ({
    kind: 'store',
    buffer: known(partial[k], 'partial results'),
    index: e.binary('add', e.binary('mul', part, e.index(results)), flat),
    value,
  }))
  const ownPart = [partLoops(reduction, part, length), ...stores]
  const first: Piece = {
    parallel: [{ kind: 'for', variable: part, extent: parts, order: 'parallel', body: [] }, ...parallel],
    body: [...keepNeeded(starts, ownPart, own), ...ownPart],
    inStep: false,
  }
  const next = e.variable('int32', parts)
  const loads = partial.map((buffer) => e.load(buffer, e.binary('add', e.binary('mul', next, e.index(results)), flat)))
  const step: Statement[] =
    selection === undefined
      ? joined.map(([local, op], k): Statement => ({ kind: 'combine', local, op, value: known(loads[k], 'part') }))
      : [
          {
            kind: 'assignAll',
            locals,
            values: locals.map((local, k) =>
              e.select(prefer(selection, locals, loads), known(loads[k], 'part'), local),
            ),
          },
        ]
  const join: Statement = {
    kind: 'for',
    variable: next,
    extent: parts,
    order: selection === undefined ? 'reduce' : 'sequential',
    body: step,
  }
  return [first, { parallel, body: [...body.slice(0, at), join, ...body.slice(at + 1)], inStep: false }]
}

/** Of what comes before, what a part needs: definitions that are used, and whatever else is computed into used locals. */
const keepNeeded = (
  before: readonly Statement[],
  after: readonly Statement[],
  own: ReadonlySet<Expression>,
): readonly Statement[] => {
  const used = variablesOf(after)
  const kept: Statement[] = []
  for (const s of [...before].reverse()) {
    const touched = variablesOf([s])
    const sets = s.kind === 'define' ? [s.local] : [...touched]
    if (!sets.some((x) => used.has(x))) continue
    // Reductions before this one into the same local belong to the whole.
    if (s.kind === 'for' && [...own].some((local) => touched.has(local))) continue
    for (const x of touched) used.add(x)
    kept.unshift(s)
  }
  return kept
}
