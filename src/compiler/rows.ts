/**
 * Row fusion: loops over the same rows become one sweep, in which each row is finished before the next one begins. So a
 * softmax, a layer normalization or the gradient of either is one kernel, and what rows pass on per row is a local.
 */
import { type Expression, e, known } from '../core/index.js'
import type { Normalize } from './affine.js'
import { accessed, expressionsOf, mapExpressions } from './finish.js'
import type { Buffer, Kernel, LoopKernel, Statement } from './kernel.js'
import type { Limits } from './limits.js'
import { loadsOf } from './loads.js'
import { accesses, bufferBytes } from './accesses.js'
import { canOverwrite } from './overwrite.js'
import { slicingOf } from './slices.js'

type Loop = Extract<Statement, { readonly kind: 'for' }>

const maximumBuffers = 24
const maximumStatements = 64
const maximumMembers = 16
/** Rows of more than this would not stay in the cache while they are finished. */
const maximumRowBytes = 1 << 17
/** How far ahead a sweep looks for more members. */
const horizon = 12

/** What sweeping needs to know. */
export interface Sweeping {
  readonly limits: Limits
  readonly normalize: Normalize
}

/** Kernels over the same rows. */
interface Sweep {
  readonly members: readonly LoopKernel[]
  readonly rows: number
  readonly reads: ReadonlySet<Buffer>
  readonly writes: ReadonlySet<Buffer>
}

const onlyLoop = (kernel: Kernel): Loop | undefined => {
  if (kernel.kind !== 'loops' || kernel.body.length !== 1) return undefined
  const [s] = kernel.body
  return s?.kind === 'for' && s.order === 'parallel' ? s : undefined
}

const countStatements = (statements: readonly Statement[]): number =>
  statements.reduce((sum, s) => sum + 1 + (s.kind === 'for' || s.kind === 'if' ? countStatements(s.body) : 0), 0)

/** Short loops inside are written out or walked across by backends, which a sweep would keep them from. */
const hasShortLoops = (statements: readonly Statement[], least: number): boolean =>
  statements.some((s) => s.kind === 'for' && (s.extent < least || hasShortLoops(s.body, least)))

const hasReduction = (statements: readonly Statement[]): boolean =>
  statements.some((s) => s.kind === 'for' && (s.order === 'reduce' || hasReduction(s.body)))

/** The sweep with one more kernel, if everything that its rows need of the others is in the same row. */
const joined = (sweep: Sweep | undefined, kernel: Kernel, { limits, normalize }: Sweeping): Sweep | undefined => {
  const loop = onlyLoop(kernel)
  if (loop === undefined || kernel.kind !== 'loops' || hasShortLoops(loop.body, limits.leastSweepElements))
    return undefined
  if (sweep === undefined) {
    return { members: [kernel], rows: loop.extent, reads: new Set(kernel.reads), writes: new Set(kernel.writes) }
  }
  const rows = Math.min(sweep.rows, loop.extent)
  if (Math.max(sweep.rows, loop.extent) % rows !== 0 || rows < limits.leastSweepRows) return undefined
  const members = [...sweep.members, kernel]
  const reads = new Set([...sweep.reads, ...kernel.reads])
  const writes = new Set([...sweep.writes, ...kernel.writes])
  const passedOn = kernel.reads.some((buffer) => sweep.writes.has(buffer))
  if (!passedOn || kernel.writes.some((buffer) => sweep.reads.has(buffer) || sweep.writes.has(buffer))) return undefined
  const all = new Set([...reads, ...writes])
  let bytes = 0
  for (const buffer of writes) bytes += bufferBytes(buffer) / rows
  if (all.size > maximumBuffers || members.length > maximumMembers || bytes > maximumRowBytes) return undefined
  if (members.reduce((sum, member) => sum + countStatements(member.body), 0) > maximumStatements) return undefined
  for (const member of members) {
    const extent = onlyLoop(member)?.extent ?? 0
    if (extent > rows && extent / rows < limits.leastSweepElements) return undefined
    const slicing = slicingOf(member, 'loops', rows, normalize)
    if (slicing === undefined) return undefined
    for (const buffer of slicing.whole) if (writes.has(buffer)) return undefined
  }
  return { members, rows, reads, writes }
}

/** One row of a kernel, as statements at the row's index. */
const rowOf = (kernel: LoopKernel, rows: number, row: Expression, normalize: Normalize): readonly Statement[] => {
  const loop = known(onlyLoop(kernel), 'loop over rows')
  const extent = loop.extent / rows
  const inside = extent === 1 ? e.index(0) : e.variable('int32', extent)
  const at = e.binary('add', e.binary('mul', row, e.index(extent)), inside)
  const rewrite = normalize.renaming(new Map([[loop.variable, at]]))
  const body = loop.body.map((s) => mapExpressions(s, rewrite))
  return extent === 1 ? body : [{ ...loop, variable: inside, extent, body }]
}

const loadedIn = (statements: readonly Statement[], out = new Set<Buffer>()): Set<Buffer> => {
  for (const s of statements) {
    for (const load of loadsOf(expressionsOf(s))) out.add(load.source as Buffer)
    if (s.kind === 'for' || s.kind === 'if') loadedIn(s.body, out)
  }
  return out
}

/** Statements of a row with locals in place of what it stores once and loads again. */
const passOn = (statements: readonly Statement[], needed: ReadonlySet<Buffer>): readonly Statement[] => {
  const stored = new Map<Buffer, { readonly index: Expression; readonly value: Expression }>()
  let memo = new Map<Expression, Expression>()
  const forward = (x: Expression): Expression =>
    e.substitute(
      x,
      (y) => {
        const known = y.op === 'load' ? stored.get(y.source as Buffer) : undefined
        return known !== undefined && known.index === y.args[0] ? known.value : undefined
      },
      memo,
    )
  const out: Statement[] = []
  for (const s of statements) {
    const moved = mapExpressions(s, forward)
    if (moved.kind !== 'store') {
      out.push(moved)
      continue
    }
    const { buffer, index, value } = moved
    const isLocal = value.op === 'const' || (value.op === 'variable' && value.extent === undefined)
    const local = isLocal ? value : e.variable(value.dtype)
    if (!isLocal) out.push({ kind: 'define', local, value })
    out.push({ ...moved, value: local })
    stored.set(buffer, { index, value: local })
    memo = new Map()
  }
  const loaded = loadedIn(out)
  return out.filter((s) => s.kind !== 'store' || needed.has(s.buffer) || loaded.has(s.buffer))
}

const storesTo = (statements: readonly Statement[], buffer: Buffer): number =>
  statements.reduce(
    (sum, s) =>
      sum +
      (s.kind === 'store' && s.buffer === buffer
        ? 1
        : s.kind === 'for' || s.kind === 'if'
          ? storesTo(s.body, buffer)
          : 0),
    0,
  )

/** Statements with one array in place of another. */
const renamed = (statements: readonly Statement[], from: Buffer, to: Buffer): readonly Statement[] => {
  const memo = new Map<Expression, Expression>()
  const replace = (x: Expression): Expression | undefined =>
    x.op === 'load' && x.source === from
      ? e.load(to, e.substitute(known(x.args[0], 'index'), replace, memo))
      : undefined
  const rename = (s: Statement): Statement =>
    s.kind === 'for' || s.kind === 'if'
      ? { ...s, body: s.body.map(rename) }
      : s.kind === 'store' && s.buffer === from
        ? { ...s, buffer: to }
        : s
  return statements.map((s) => rename(mapExpressions(s, (x) => e.substitute(x, replace, memo))))
}

/**
 * Statements of a row that keep their only temporary row in the place of the result that is made of it, element by element,
 * as the last thing. Then all rows can be one kernel without more memory; with other temporaries it would gain nothing.
 */
const inPlace = (statements: readonly Statement[], needed: ReadonlySet<Buffer>): readonly Statement[] => {
  const { reads, writes } = accessed(statements)
  const [temporary, ...others] = writes.filter((buffer) => !needed.has(buffer))
  if (temporary === undefined || others.length > 0) return statements
  const last = statements.findLastIndex((s) => accessed([s]).reads.includes(temporary))
  const final = statements[last]
  if (final === undefined || statements.slice(last).some((s) => accessed([s]).writes.includes(temporary)))
    return statements
  const kernel: LoopKernel = { kind: 'loops', name: 'row', body: [final], ...accessed([final]) }
  const result = kernel.writes.find(
    (buffer) =>
      needed.has(buffer) &&
      buffer.dtype === temporary.dtype &&
      !reads.includes(buffer) &&
      storesTo(statements, buffer) === 1 &&
      canOverwrite(kernel, temporary, buffer),
  )
  return result === undefined ? statements : renamed(statements, temporary, result)
}

const merged = ({ members, rows }: Sweep, needed: ReadonlySet<Buffer>, normalize: Normalize): LoopKernel => {
  const row = e.variable('int32', rows)
  const statements = members.flatMap((member) => rowOf(member, rows, row, normalize))
  const inside = inPlace(passOn(statements, needed), needed)
  const body: Statement[] = [{ kind: 'for', variable: row, extent: rows, order: 'parallel', body: inside }]
  return { kind: 'loops', name: 'rows', body, ...accessed(body) }
}

const readsAny = (kernel: Kernel, buffers: ReadonlySet<Buffer>): boolean =>
  accesses(kernel).reads.some((buffer) => buffers.has(buffer))
const writesAny = (kernel: Kernel, buffers: ReadonlySet<Buffer>): boolean =>
  accesses(kernel).writes.some((buffer) => buffers.has(buffer))

/** The kernels, those over the same rows as one. */
export const fuseRows = (kernels: readonly Kernel[], outputs: ReadonlySet<Buffer>, sweeping: Sweeping): Kernel[] => {
  const out: Kernel[] = []
  let rest = [...kernels]
  while (rest.length > 0) {
    const first = known(rest.shift(), 'kernel')
    let sweep = joined(undefined, first, sweeping)
    if (sweep === undefined) {
      out.push(first)
      continue
    }
    const before: Kernel[] = []
    const after: Kernel[] = []
    const late = new Set<Buffer>()
    for (const kernel of rest.slice(0, horizon)) {
      const waits = readsAny(kernel, late) || writesAny(kernel, late)
      const next: Sweep | undefined = waits ? undefined : joined(sweep, kernel, sweeping)
      if (next !== undefined) sweep = next
      else if (
        waits ||
        readsAny(kernel, sweep.writes) ||
        writesAny(kernel, sweep.writes) ||
        writesAny(kernel, sweep.reads)
      ) {
        after.push(kernel)
        const { reads, writes } = accesses(kernel)
        for (const buffer of [...reads, ...writes]) late.add(buffer)
      } else before.push(kernel)
    }
    if (!sweep.members.some((member) => hasReduction(member.body)) || sweep.members.length === 1) {
      out.push(first)
      continue
    }
    const others = rest.slice(horizon)
    const needed = new Set(outputs)
    for (const kernel of [...after, ...others]) for (const buffer of accesses(kernel).reads) needed.add(buffer)
    out.push(
      ...fuseRows(before, new Set([...needed, ...sweep.reads]), sweeping),
      merged(sweep, needed, sweeping.normalize),
    )
    rest = [...after, ...others]
  }
  return out
}
