/** Kernels of scatters and of running totals, whose elements are written one after another. */
import { type Expression, e, known } from '../core/index.js'
import { flatIndex, linear } from './affine.js'
import { loopKernel, mentions } from './emit.js'
import type { Lone } from './fuse.js'
import { type Graph, loopVariables } from './graph.js'
import type { Kernel, Statement } from './kernel.js'
import { nest } from './loops.js'

/** Inner axes of the updates that walk along the operand hit different elements in every iteration, whatever the outer ones do. */
const distinctAxes = (loops: readonly Expression[], target: Expression): number => {
  const { terms } = linear(target)
  let count = 0
  let reach = 1
  for (let d = loops.length - 1; d >= 0; d--) {
    const loop = known(loops[d], 'loop')
    const stride = Math.abs(terms.get(loop) ?? 0)
    const elsewhere = [...terms.keys()].some((atom) => atom !== loop && mentions(atom, loop))
    if (stride < reach || elsewhere) break
    reach = stride * (loop.extent ?? 1)
    count++
  }
  return count
}

/** The loops of a scatter: updates that may hit the same element run one after another. */
export const emitScatter = (
  step: Lone['step'] & { readonly kind: 'scatter' },
  expressions: readonly Expression[],
): Kernel => {
  const [target, inBounds, value] = expressions
  const at = known(target, 'target')
  const own = e.load(step.buffer, at)
  const update = known(value, 'value')
  const written = step.combine === 'set' ? update : e.binary(step.combine, own, update)
  const condition = known(inBounds, 'condition')
  const store: Statement = { kind: 'store', buffer: step.buffer, index: at, value: written }
  const body: readonly Statement[] =
    condition.op === 'const' ? (condition.value === 0 ? [] : [store]) : [{ kind: 'if', condition, body: [store] }]
  const distinct = step.unique ? step.loops.length : distinctAxes(step.loops, at)
  const outside = step.loops.length - distinct
  const inside = nest(step.loops.slice(outside), 'parallel', body)
  return loopKernel('scatter', body.length === 0 ? [] : nest(step.loops.slice(0, outside), 'sequential', inside), {
    trusted: step.buffer,
  })
}

/** The loops of a running total: along its axis one after another, along those behind it side by side. */
export const emitCumulate = (
  graph: Graph,
  step: Lone['step'] & { readonly kind: 'cumulate' },
  element: Expression,
  whole: boolean,
): Kernel => {
  const { axis, buffer, reverse, variables } = step
  const size = known(buffer.shape[axis], 'size')
  const walk = e.variable('int32', size - 1)
  const position = (k: Expression): Expression => (reverse ? e.binary('sub', e.index(size - 1), k) : k)
  const place = (k: Expression): readonly Expression[] => variables.map((v, d) => (d === axis ? position(k) : v))
  const elementAt = (k: Expression): Expression => graph.normalize(graph.reindex(element, variables, place(k)))
  const flat = (k: Expression): Expression => graph.normalize(flatIndex(buffer.shape, place(k)))
  const first = e.index(0)
  const next = e.binary('add', walk, e.index(1))
  const before = loopVariables(variables.slice(0, axis))
  const after = loopVariables(variables.slice(axis + 1))
  if (whole || after.length === 0) {
    const local = e.variable(buffer.dtype)
    // Whoever shares the line among threads needs the element apart from how it is combined.
    const own = e.variable(buffer.dtype)
    const combined: readonly Statement[] = whole
      ? [
          { kind: 'define', local: own, value: elementAt(next) },
          { kind: 'assign', local, value: step.combine(local, own) },
        ]
      : [{ kind: 'assign', local, value: step.combine(local, elementAt(next)) }]
    return loopKernel(
      'cumulate',
      nest([...before, ...(whole ? after : [])], 'parallel', [
        { kind: 'define', local, value: elementAt(first) },
        { kind: 'store', buffer, index: flat(first), value: local },
        ...nest([walk], 'sequential', [...combined, { kind: 'store', buffer, index: flat(next), value: local }]),
      ]),
    )
  }
  return loopKernel(
    'cumulate',
    nest(before, 'parallel', [
      ...nest(after, 'parallel', [{ kind: 'store', buffer, index: flat(first), value: elementAt(first) }]),
      ...nest([walk], 'sequential', [
        ...nest(after, 'parallel', [
          {
            kind: 'store',
            buffer,
            index: flat(next),
            value: step.combine(e.load(buffer, flat(walk)), elementAt(next)),
          },
        ]),
      ]),
    ]),
  )
}
