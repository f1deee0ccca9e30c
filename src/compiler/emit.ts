/** Kernels from fused units. */
import { type Expression, e, isFloating, known } from '../core/index.js'
import { type Normalize, flatIndex } from './affine.js'
import { accessed, distinctVariables, guardLoads, hoist, mapExpressions } from './finish.js'
import { type Cluster, type Lone, type Unit, columnAxes } from './fuse.js'
import type { CompileNested } from './control.js'
import type { LoopDraft } from './draft.js'
import { type ContractOperand, type Graph, loopVariables, newBuffer } from './graph.js'
import type { Kernel, LoopKernel, MatrixView, Statement } from './kernel.js'
import { loadsOf } from './loads.js'
import { arrange, nest, rejoin, strideSums } from './loops.js'
import { scattering } from './parts.js'
import { cutRanges } from './ranges.js'
import { type Accumulation, type ColumnReduction, needsPartial, reduceColumns, reduceRows } from './reduction.js'

/** Turns units into kernels, in order; loops are drafts, which `finishLoops` makes ready. */
export const emit = (graph: Graph, units: readonly Unit[], nested: CompileNested, whole = false): Kernel[] =>
  units.flatMap((unit) => (unit.kind === 'cluster' ? emitCluster(graph, unit) : [emitLone(graph, unit, nested, whole)]))

/** A kernel of loops, to be finished. */
export const loopKernel = (
  name: string,
  body: readonly Statement[],
  more: Pick<LoopDraft, 'trusted' | 'sum'> = {},
): LoopKernel => {
  const draft: LoopDraft = { kind: 'loops', name, body, ...accessed(body), ...more }
  return draft
}

/**
 * The kernel with loops cut where conditions change (unless loops are to stay `whole`), loads kept inside their buffers, and
 * fixed parts moved out of loops.
 */
export const finishLoops = (
  { name, body: draft, trusted }: LoopDraft,
  normalize: Normalize,
  whole = false,
): LoopKernel => {
  const guard = guardLoads(trusted)
  const cut = whole ? draft : cutRanges(draft, normalize)
  const joined = cut === draft ? cut : rejoin(cut, normalize)
  const body = hoist(distinctVariables(joined).map((s) => mapExpressions(s, guard)))
  return { kind: 'loops', name, body, ...accessed(body) }
}

const bySize = (variables: readonly Expression[], roots: readonly Expression[]): readonly Expression[] => {
  const sums = strideSums(variables, loadsOf(roots))
  return variables
    .map((variable, i) => ({ variable, sum: known(sums[i], 'stride'), i }))
    .sort((a, b) => b.sum - a.sum || a.i - b.i)
    .map(({ variable }) => variable)
}

const emitCluster = (graph: Graph, cluster: Cluster): Kernel[] => {
  const { parts, at } = cluster
  if (parts.length === 0) return []
  const space = loopVariables(cluster.space)
  // Reduced axes in the order of memory, so that the innermost loop is contiguous and neighbours can be joined.
  const inner = new Map<string, readonly Expression[]>()
  const keyOf = (variables: readonly Expression[]): string => variables.map((v) => v.id).join()
  for (const part of parts) {
    if (part.kind === 'reduce') {
      const same = parts.flatMap((p) =>
        p.kind === 'reduce' && keyOf(p.variables) === keyOf(part.variables) ? [p.value] : [],
      )
      inner.set(keyOf(part.variables), bySize(part.variables, same))
    } else if (part.kind === 'fold') inner.set(keyOf(part.variables), part.variables)
  }
  const keys = [...inner.keys()]
  const roots = [at, ...parts.flatMap((part) => (part.kind === 'fold' ? part.next : [part.value]))]
  const { groups, rewrite } = arrange([space, ...inner.values()], roots, graph.normalize)
  const loopsOf = (variables: readonly Expression[]): readonly Expression[] => {
    const i = keys.indexOf(keyOf(variables))
    return known(groups[i + 1], 'loops')
  }
  const index = rewrite(at)
  const body: Statement[] = []
  for (let i = 0; i < parts.length; i++) {
    const part = known(parts[i], 'part')
    if (part.kind === 'store') {
      body.push({ kind: 'store', buffer: part.buffer, index, value: rewrite(part.value) })
      continue
    }
    if (part.kind === 'fold') {
      part.locals.forEach((local, k) => {
        body.push({ kind: 'define', local, value: e.constant(known(part.init[k], 'initial value'), local.dtype) })
      })
      const step: Statement = { kind: 'assignAll', locals: part.locals, values: part.next.map(rewrite) }
      body.push(...nest(loopsOf(part.variables), 'sequential', [step]))
      continue
    }
    // Reductions over the same axes share their loops, as long as none needs the result of another.
    const together: Accumulation[] = []
    const stores: Statement[] = []
    let next = i
    for (; next < parts.length; next++) {
      const other = known(parts[next], 'part')
      if (other.kind === 'fold') break
      if (other.kind === 'store') {
        stores.push({ kind: 'store', buffer: other.buffer, index, value: rewrite(other.value) })
        continue
      }
      if (
        keyOf(other.variables) !== keyOf(part.variables) ||
        together.some(({ local }) => mentions(other.value, local))
      )
        break
      together.push({ local: other.local, op: other.op, init: other.init, value: rewrite(other.value) })
    }
    for (const { local, init } of together) body.push({ kind: 'define', local, value: e.constant(init, local.dtype) })
    body.push(...reduceRows(loopsOf(part.variables), together), ...stores)
    i = next - 1
  }
  const name = parts.some((part) => part.kind !== 'store') ? 'reduce' : 'map'
  return [loopKernel(name, nest(known(groups[0], 'loops'), 'parallel', body))]
}

/** Whether an expression uses a variable. */
export const mentions = (root: Expression, variable: Expression): boolean => {
  const seen = new Set<Expression>()
  const visit = (x: Expression): boolean => {
    if (x === variable) return true
    if (seen.has(x)) return false
    seen.add(x)
    return x.args.some(visit)
  }
  return visit(root)
}

const matrixView = (side: ContractOperand, free: 'row' | 'column'): MatrixView => ({
  buffer: known(side.source.buffer, 'operand of a contraction'),
  offset: side.offset,
  batchStride: side.batchStride,
  batchPeriod: side.batchPeriod,
  periodStride: side.periodStride,
  rowStride: free === 'row' ? side.freeStride : side.innerStride,
  columnStride: free === 'row' ? side.innerStride : side.freeStride,
})

const emitLone = (graph: Graph, unit: Lone, nested: CompileNested, whole: boolean): Kernel => {
  const { step } = unit
  switch (step.kind) {
    case 'contract':
      return {
        kind: 'contraction',
        batch: step.batch,
        rows: step.rows,
        columns: step.columns,
        inner: step.inner,
        left: matrixView(step.left, 'row'),
        right: matrixView(step.right, 'column'),
        out: step.buffer,
      }
    case 'made':
      return step.make(nested)
    case 'callback':
      return {
        kind: 'callback',
        operands: step.operands.map((x) => known(x.buffer, 'operand of a callback')),
        call: step.call,
      }
    case 'sort':
      return {
        kind: 'sort',
        outer: step.outer,
        size: step.size,
        inner: step.inner,
        keys: step.keys,
        inputs: step.operands.map((x) => known(x.buffer, 'operand of a sort')),
        outputs: step.buffers,
      }
    case 'reduce':
      return emitColumns(graph, step, known(unit.expressions[0], 'element'))
    case 'scatter':
      return scattering.get('scatter').emitScatter(step, unit.expressions)
    case 'cumulate':
      return scattering
        .get('cumsum and the like')
        .emitCumulate(graph, step, known(unit.expressions[0], 'element'), whole)
  }
}

const emitColumns = (graph: Graph, step: Lone['step'] & { readonly kind: 'reduce' }, element: Expression): Kernel => {
  const space = loopVariables(step.space)
  const axes = columnAxes(space, step.reduced, element)
  const at = graph.normalize(flatIndex(step.shape, step.space))
  const groups = [
    space.slice(0, space.length - axes),
    bySize(step.reduced, [element]),
    space.slice(space.length - axes),
  ]
  const { groups: loops, rewrite } = arrange(groups, [at, element], graph.normalize)
  const [outer = [], reduced = [], columns = []] = loops
  const partial = needsPartial(isFloating(step.buffer.dtype), step.combine, reduced)
    ? newBuffer(step.buffer.dtype, step.shape)
    : undefined
  const sum: ColumnReduction = {
    outer,
    reduced,
    columns,
    op: step.combine,
    init: step.init,
    element: rewrite(element),
    buffer: step.buffer,
    at: rewrite(at),
    partial,
  }
  return loopKernel('reduce', reduceColumns(sum), { sum })
}
