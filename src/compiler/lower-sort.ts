/** Sorts: kernels by themselves, between arrays in memory. */
import { type SortSpec, invariant, known, sameShape, sizeOf } from '../core/index.js'
import { type Value, newStep } from './graph.js'
import type { ScatterGraph } from './lower-scatter.js'

export const lowerSort = (lowerer: ScatterGraph, spec: SortSpec): readonly Value[] => {
  const shape = known(spec.operands[0], 'operand of a sort').aval.shape
  invariant(
    spec.operands.every((x) => sameShape(x.aval.shape, shape)),
    'operands of a sort have different shapes',
  )
  if (sizeOf(shape) === 0 || shape[spec.axis] === 1) return spec.operands.map((x) => lowerer.value(x))
  const operands = spec.operands.map((x) => lowerer.stored(x))
  const outs = spec.operands.map((x) => lowerer.buffered(x.aval))
  const buffers = outs.map((o) => o.buffer)
  lowerer.graph.items.push(
    newStep({
      kind: 'sort',
      loops: [],
      expressions: [],
      operands,
      writes: buffers,
      outer: sizeOf(shape.slice(0, spec.axis)),
      size: known(shape[spec.axis], 'size'),
      inner: sizeOf(shape.slice(spec.axis + 1)),
      keys: spec.keys,
      buffers,
    }),
  )
  return outs.map((o) => o.value)
}
