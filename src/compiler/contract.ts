/** Operands of contractions: read in place where the elements lie at regular strides, packed into a copy where not. */
import { type Expression, shapedArray, sizeOf } from '../core/index.js'
import { flatIndex, linear } from './affine.js'
import { type ContractOperand, type Graph, newBuffer, newStep, loopVariables, Value } from './graph.js'
import type { Buffer } from './kernel.js'

/** The one stride of several axes, if they lie like one axis. */
const groupStride = (axes: readonly Expression[], strides: ReadonlyMap<Expression, number>): number | undefined => {
  let stride: number | undefined
  let expected = 0
  for (let d = axes.length - 1; d >= 0; d--) {
    const axis = axes[d]
    if (axis?.extent === undefined) continue
    const own = strides.get(axis) ?? 0
    if (stride === undefined) stride = own
    else if (own !== expected) return undefined
    expected = own * axis.extent
  }
  return stride ?? 0
}

/** The stride of the axes of a batch; where they don't lie like one axis, those of two groups of them, if `periods` may be. */
const batchStrides = (
  axes: readonly Expression[],
  strides: ReadonlyMap<Expression, number>,
  periods: boolean,
): Pick<ContractOperand, 'batchStride' | 'batchPeriod' | 'periodStride'> | undefined => {
  const batchStride = groupStride(axes, strides)
  if (batchStride !== undefined) return { batchStride }
  for (let first = 1; periods && first < axes.length; first++) {
    const inside = axes.slice(first)
    const periodStride = groupStride(axes.slice(0, first), strides)
    const batchStride = groupStride(inside, strides)
    if (periodStride === undefined || batchStride === undefined) continue
    return { batchStride, batchPeriod: sizeOf(inside.map((v) => v.extent ?? 1)), periodStride }
  }
  return undefined
}

/** The variable that walks memory in the smallest steps; of two that do so alike, the one with more of them. */
const innermostVariable = (flat: Expression): Expression | undefined => {
  let best: { variable: Expression; step: number } | undefined
  const visit = (x: Expression, factor: number): void => {
    for (const [atom, coefficient] of linear(x).terms) {
      const step = Math.abs(factor * coefficient)
      // Clamped positions walk like the positions that they clamp.
      if (atom.op === 'min' || atom.op === 'max') for (const arg of atom.args) visit(arg, step)
      // So does the inner one of two axes that were merged, as heads are that go into one product.
      else if (atom.op === 'rem' && atom.args[0] !== undefined) visit(atom.args[0], step)
      else if (atom.extent !== undefined) {
        const closer = best === undefined || step < best.step
        if (closer || (step === best?.step && atom.extent > (best.variable.extent ?? 1)))
          best = { variable: atom, step }
      }
    }
  }
  visit(flat, 1)
  return best?.variable
}

/** Where the first array below an expression is read. */
const firstRead = (graph: Graph, root: Expression): Expression | undefined => {
  const seen = new Set<Expression>()
  const visit = (x: Expression): Expression | undefined => {
    if (seen.has(x)) return undefined
    seen.add(x)
    if (x.op === 'load') return x.args[0]
    const reference = graph.reference(x)
    if (reference !== undefined) return flatIndex(reference.value.aval.shape, reference.index)
    for (const arg of x.args) {
      const found = visit(arg)
      if (found !== undefined) return found
    }
    return undefined
  }
  // Of a selection between elements and padding, the elements come after the condition.
  const [, ifTrue, ifFalse] = root.op === 'select' ? root.args : []
  return (ifTrue && visit(ifTrue)) ?? (ifFalse && visit(ifFalse)) ?? visit(root)
}

/** Elements of a packed copy that is kept for other contractions that want it; larger ones are packed again, block by block. */
const maximumKept = 1 << 16

const pack = (graph: Graph, packed: Expression, shape: readonly number[]): Value => {
  const buffer = newBuffer(packed.dtype, shape)
  const value = new Value(graph, shapedArray(shape, packed.dtype), { buffer })
  graph.items.push(
    newStep({
      kind: 'map',
      loops: loopVariables(value.variables),
      expressions: [packed],
      operands: [],
      writes: [buffer],
      shape,
      stores: [{ buffer, value: packed }],
    }),
  )
  return value
}

/**
 * How a contraction reads one side: in place, or as a copy whose innermost axis is the innermost of the array that it comes
 * from, so that packing moves contiguous runs. `usual` says what is outside when nothing speaks for either; `kept` are the
 * copies so far; `periods` says whether a batch may have two strides.
 */
export const contractOperand = (
  graph: Graph,
  kept: Map<string, Value>,
  element: Expression,
  batch: readonly Expression[],
  free: readonly Expression[],
  inner: readonly Expression[],
  usual: 'free' | 'inner',
  periods: boolean,
): ContractOperand => {
  const inPlace = (source: Value, flat: Expression): ContractOperand | undefined => {
    const { constant, terms } = linear(graph.normalize(flat))
    const axes = new Set([...batch, ...free, ...inner])
    for (const atom of terms.keys()) if (!axes.has(atom)) return undefined
    const strides = batchStrides(batch, terms, periods)
    const freeStride = groupStride(free, terms)
    const innerStride = groupStride(inner, terms)
    if (strides === undefined || freeStride === undefined || innerStride === undefined) return undefined
    return { source, offset: constant, ...strides, freeStride, innerStride }
  }
  const reference = graph.reference(element)
  if (reference !== undefined) {
    const { value, index } = reference
    const view = inPlace(value, flatIndex(value.aval.shape, index))
    if (view !== undefined) {
      value.forced = true
      return view
    }
  }
  const [at] = element.args
  if (element.op === 'load' && at !== undefined) {
    const buffer = element.source as Buffer
    const view = inPlace(new Value(graph, shapedArray(buffer.shape, buffer.dtype), { buffer }), at)
    if (view !== undefined) return view
  }
  const read = firstRead(graph, element)
  const innermost = read === undefined ? undefined : innermostVariable(graph.normalize(read))
  const outside =
    innermost === undefined ? usual : free.includes(innermost) ? 'inner' : inner.includes(innermost) ? 'free' : usual
  const index = outside === 'free' ? [...batch, ...free, ...inner] : [...batch, ...inner, ...free]
  const shape = index.map((v) => v.extent ?? 1)
  const packed = graph.normalize(graph.reindex(element, index, graph.indexVariables(shape)))
  const key = `${packed.id} ${shape.join()}`
  const value = kept.get(key) ?? pack(graph, packed, shape)
  if (sizeOf(shape) <= maximumKept) kept.set(key, value)
  const freeSize = sizeOf(free.map((v) => v.extent ?? 1))
  const innerSize = sizeOf(inner.map((v) => v.extent ?? 1))
  return {
    source: value,
    offset: 0,
    batchStride: freeSize * innerSize,
    freeStride: outside === 'free' ? innerSize : 1,
    innerStride: outside === 'free' ? 1 : freeSize,
  }
}
