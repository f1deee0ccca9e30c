/** Fusion: steps over the same index space become one kernel, and pass values on in locals instead of through memory. */
import { type CombineOp, type Expression, e, known, sizeOf } from '../core/index.js'
import { flatIndex, linear } from './affine.js'
import { nodesAt } from './decide.js'
import type { Graph, Step } from './graph.js'
import type { Buffer } from './kernel.js'
import { loadsOf } from './loads.js'
import { strideSums } from './loops.js'
import { bufferBytes } from './plan.js'

/** What a cluster does at each index of its space, in order. */
export type Part =
  | {
      readonly kind: 'reduce'
      readonly local: Expression
      readonly op: CombineOp
      readonly init: number
      readonly variables: readonly Expression[]
      readonly value: Expression
    }
  | {
      readonly kind: 'fold'
      readonly locals: readonly Expression[]
      readonly init: readonly number[]
      readonly variables: readonly Expression[]
      readonly next: readonly Expression[]
    }
  | { readonly kind: 'store'; readonly buffer: Buffer; readonly value: Expression }

/** Work over one index space; it becomes one loop kernel. */
export interface Cluster {
  readonly kind: 'cluster'
  readonly space: readonly Expression[]
  readonly shape: readonly number[]
  /** Position of the space's index in row-major order. */
  readonly at: Expression
  parts: Part[]
  readonly reads: Set<Buffer>
  readonly writes: Set<Buffer>
  /** What was stored at this index, for those who would load it. */
  readonly stored: Map<Buffer, Expression>
  nodes: number
}

/** A step that is a kernel of its own, with its expressions resolved. */
export interface Lone {
  readonly kind: 'lone'
  readonly step: Exclude<Step, { readonly kind: 'map' | 'fold' }>
  readonly expressions: readonly Expression[]
  readonly reads: ReadonlySet<Buffer>
  readonly writes: ReadonlySet<Buffer>
}

export type Unit = Cluster | Lone

/** Nodes of a fused kernel: enough for any optimizer step, and little enough for a backend's compiler. */
const maximumNodes = 600
const maximumBuffers = 24
/** Spaces up to this size are fused with unrelated ones too: starting a kernel would cost more than running it. */
const smallSpace = 4096

/** How many kernels back a step over a large space may move to join another that reads the same arrays. */
const nearby = 3

const bytesOf = (buffers: readonly Buffer[]): number => buffers.reduce((sum, buffer) => sum + bufferBytes(buffer), 0)

const nodesOf = (roots: readonly Expression[]): number => {
  const seen = new Set<Expression>()
  let nodes = 0
  const visit = (x: Expression): void => {
    if (seen.has(x)) return
    seen.add(x)
    nodes += nodesAt(x)
    x.args.forEach(visit)
  }
  roots.forEach(visit)
  return nodes
}

/**
 * Whether a reduction is better done down columns: its loads are contiguous along an axis of the result, and the axes
 * that are summed lie further out. Gives how many trailing axes of the result form the row.
 */
export const columnAxes = (
  space: readonly Expression[],
  reduced: readonly Expression[],
  element: Expression,
): number => {
  const loads = loadsOf([element])
  const sums = strideSums([...space, ...reduced], loads)
  const smallest = Math.min(...reduced.map((_, i) => known(sums[space.length + i], 'stride')).filter((s) => s > 0))
  if (!Number.isFinite(smallest)) return 0
  const last = sums[space.length - 1]
  const lastVariable = space.at(-1)
  if (last === undefined || lastVariable === undefined || last === 0 || last >= smallest) return 0
  const unit = loads.some(
    (load) => load.args[0] !== undefined && Math.abs(linear(load.args[0]).terms.get(lastVariable) ?? 0) === 1,
  )
  if (!unit) return 0
  let axes = 0
  while (axes < space.length && (sums[space.length - 1 - axes] ?? 0) < smallest) axes++
  const row = sizeOf(space.slice(space.length - axes).map((v) => v.extent ?? 1))
  const rows = sizeOf(reduced.map((v) => v.extent ?? 1))
  return row >= 4 && rows >= 8 ? axes : 0
}

/**
 * The steps as units, fused. Reductions down columns stand alone, as sums of rows in memory; not where whole arrays are
 * computed at once (`whole`): every column has an accumulator of its own there.
 */
export const fuse = (graph: Graph, steps: readonly Step[], outputs: ReadonlySet<Buffer>, whole = false): Unit[] => {
  const units: Unit[] = []
  const writers = new Map<Buffer, number>()

  const bufferReads = (roots: readonly Expression[]): Set<Buffer> =>
    new Set(loadsOf(roots).map((load) => load.source as Buffer))

  const addLone = (step: Lone['step'], expressions: readonly Expression[]): void => {
    const reads = bufferReads(expressions)
    for (const operand of step.operands) reads.add(known(operand.buffer, 'buffer of an operand'))
    if (step.kind === 'scatter') reads.add(step.buffer)
    for (const buffer of step.writes) writers.set(buffer, units.length)
    units.push({ kind: 'lone', step, expressions, reads, writes: new Set(step.writes) })
  }

  /** Whether loads of what the cluster stores are all at the cluster's own index. */
  const canForward = (cluster: Cluster, roots: readonly Expression[]): boolean =>
    loadsOf(roots).every((load) => !cluster.writes.has(load.source as Buffer) || load.args[0] === cluster.at)

  const find = (
    space: readonly Expression[],
    roots: readonly Expression[],
    reads: ReadonlySet<Buffer>,
    nodes: number,
    stores: readonly Buffer[],
  ): Cluster | undefined => {
    let from = 0
    for (const buffer of reads) from = Math.max(from, writers.get(buffer) ?? 0)
    const fits = (cluster: Unit | undefined): cluster is Cluster =>
      cluster?.kind === 'cluster' &&
      cluster.space.length === space.length &&
      cluster.space.every((v, d) => v === space[d]) &&
      cluster.nodes + nodes <= maximumNodes &&
      new Set([...cluster.reads, ...reads]).size + cluster.writes.size + stores.length <= maximumBuffers &&
      canForward(cluster, roots)
    const source = units[from]
    const depends = source !== undefined && [...reads].some((buffer) => source.writes.has(buffer))
    if (depends && fits(source)) return source
    // What nobody needs soon would only occupy memory if it were computed early.
    const small = sizeOf(space.map((v) => v.extent ?? 1)) <= smallSpace
    const anywhere = small || stores.every((buffer) => outputs.has(buffer))
    const written = bytesOf(stores)
    for (let i = units.length - 1; i >= from; i--) {
      const unit = units[i]
      if (!fits(unit)) continue
      const saved = bytesOf([...reads].filter((buffer) => unit.reads.has(buffer)))
      if (small || (saved > 0 && (anywhere || i >= units.length - nearby || saved >= 2 * written))) return unit
    }
    return undefined
  }

  const addCluster = (
    space: readonly Expression[],
    shape: readonly number[],
    roots: readonly Expression[],
    parts: readonly Part[],
  ): void => {
    const nodes = nodesOf(roots)
    const stores = parts.flatMap((part) => (part.kind === 'store' ? [part.buffer] : []))
    let cluster = find(space, roots, bufferReads(roots), nodes, stores)
    if (cluster === undefined) {
      cluster = {
        kind: 'cluster',
        space,
        shape,
        at: graph.normalize(flatIndex(shape, space)),
        parts: [],
        reads: new Set(),
        writes: new Set(),
        stored: new Map(),
        nodes: 0,
      }
      units.push(cluster)
    }
    const into = cluster
    const memo = new Map<Expression, Expression>()
    const forward = (x: Expression): Expression =>
      e.substitute(
        x,
        (y) => (y.op === 'load' && y.args[0] === into.at ? into.stored.get(y.source as Buffer) : undefined),
        memo,
      )
    for (const part of parts) {
      if (part.kind === 'store') {
        const value = forward(part.value)
        into.parts.push({ ...part, value })
        into.stored.set(part.buffer, value)
        into.writes.add(part.buffer)
        writers.set(part.buffer, units.indexOf(into))
      } else if (part.kind === 'reduce') into.parts.push({ ...part, value: forward(part.value) })
      else into.parts.push({ ...part, next: part.next.map(forward) })
    }
    for (const buffer of bufferReads(roots.map(forward))) into.reads.add(buffer)
    into.nodes += nodes
  }

  const addMap = (step: Step & { readonly kind: 'map' }): void => {
    const values = step.stores.map((store) => graph.resolve(store.value))
    const parts = step.stores.map(({ buffer }, i): Part => ({
      kind: 'store',
      buffer,
      value: known(values[i], 'value'),
    }))
    addCluster(graph.indexVariables(step.shape), step.shape, values, parts)
  }

  for (const step of steps) {
    if (step.kind === 'map') addMap(step)
    else if (step.kind === 'reduce') {
      const value = graph.resolve(step.element)
      if (
        !whole &&
        columnAxes(
          step.space.filter((v) => v.op !== 'const'),
          step.reduced,
          value,
        ) > 0
      ) {
        addLone(step, [value])
        continue
      }
      const local = e.variable(step.buffer.dtype)
      addCluster(
        step.space,
        step.shape,
        [value],
        [
          { kind: 'reduce', local, op: step.combine, init: step.init, variables: step.reduced, value },
          { kind: 'store', buffer: step.buffer, value: local },
        ],
      )
    } else if (step.kind === 'fold') {
      const next = step.next.map((x) => graph.resolve(x))
      addCluster(step.space, step.shape, next, [
        { kind: 'fold', locals: step.locals, init: step.init, variables: step.reduced, next },
        ...step.locals.map((value, i): Part => ({ kind: 'store', buffer: known(step.writes[i], 'buffer'), value })),
      ])
    } else
      addLone(
        step,
        step.expressions.map((x) => graph.resolve(x)),
      )
  }
  dropDeadStores(units, outputs)
  return units
}

/** Values that were passed on in locals need not be stored, unless somebody else reads them. */
const dropDeadStores = (units: readonly Unit[], outputs: ReadonlySet<Buffer>): void => {
  const read = new Set<Buffer>(outputs)
  for (const unit of units) for (const buffer of unit.reads) read.add(buffer)
  for (const unit of units) {
    if (unit.kind === 'cluster')
      unit.parts = unit.parts.filter((part) => part.kind !== 'store' || read.has(part.buffer))
  }
}
