/** Operands of contractions: read in place where the elements lie at regular strides, packed into a copy where not. */
import { type Expression, shapedArray, sizeOf } from '../core/index.js'
import { flatIndex, linear } from './affine.js'
import { type ContractOperand, newBuffer, loopVariables, Value } from './graph.js'
import type { Buffer } from './kernel.js'
import type { Lowerer } from './lower.js'

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

/**
 * How a contraction reads one side. `last` says which axis of a packed copy is contiguous: the summed one comes last for
 * the left side (`free` outside), and the free one for the right side.
 */
export const contractOperand = (
  lowerer: Lowerer,
  element: Expression,
  batch: readonly Expression[],
  free: readonly Expression[],
  inner: readonly Expression[],
  outside: 'free' | 'inner',
): ContractOperand => {
  const { graph } = lowerer
  const inPlace = (source: ContractOperand['source'], flat: Expression): ContractOperand | undefined => {
    const { constant, terms } = linear(graph.normalize(flat))
    const axes = new Set([...batch, ...free, ...inner])
    for (const atom of terms.keys()) if (!axes.has(atom)) return undefined
    const batchStride = groupStride(batch, terms)
    const freeStride = groupStride(free, terms)
    const innerStride = groupStride(inner, terms)
    if (batchStride === undefined || freeStride === undefined || innerStride === undefined) return undefined
    return { source, offset: constant, batchStride, freeStride, innerStride }
  }
  const reference = graph.reference(element)
  if (reference !== undefined) {
    const { value, index } = reference
    const view = inPlace({ kind: 'value', value }, flatIndex(value.aval.shape, index))
    if (view !== undefined) {
      value.forced = true
      return view
    }
  }
  const [at] = element.args
  if (element.op === 'load' && at !== undefined) {
    const view = inPlace({ kind: 'buffer', buffer: element.source as Buffer }, at)
    if (view !== undefined) return view
  }
  const index = outside === 'free' ? [...batch, ...free, ...inner] : [...batch, ...inner, ...free]
  const shape = index.map((v) => v.extent ?? 1)
  const buffer = newBuffer(element.dtype, shape)
  const value = new Value(graph, shapedArray(shape, element.dtype), { buffer })
  graph.items.push({
    kind: 'map', loops: loopVariables(index), expressions: [element], operands: [], writes: [buffer],
    shape, stores: [{ buffer, value: element }],
  })
  const freeSize = sizeOf(free.map((v) => v.extent ?? 1))
  const innerSize = sizeOf(inner.map((v) => v.extent ?? 1))
  return {
    source: { kind: 'value', value },
    offset: 0,
    batchStride: freeSize * innerSize,
    freeStride: outside === 'free' ? innerSize : 1,
    innerStride: outside === 'free' ? 1 : freeSize,
  }
}
