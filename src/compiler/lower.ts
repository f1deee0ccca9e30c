/** From equations to delayed values and steps. */
import { type Atom, type Jaxpr, type Var, e, invariant, known, sameShape } from '../core/index.js'
import { Graph, Value, newBuffer } from './graph.js'
import type { Buffer, Carries } from './kernel.js'
import { type MachineKind, Lowerer } from './lowerer.js'

/** A program as values and steps; `inputs` are buffers for its constants, then its inputs. */
export interface Lowered {
  readonly graph: Graph
  readonly inputs: readonly Buffer[]
  readonly outputs: readonly Value[]
}

/** The last equation that reads each variable; results of the program are read after all of them. */
const lastUses = (jaxpr: Jaxpr): Map<Var, number> => {
  const last = new Map<Var, number>()
  const use = (atom: Atom, k: number): void => {
    if (atom.kind === 'var') last.set(atom, k)
  }
  jaxpr.equations.forEach((equation, k) => equation.inputs.forEach((atom) => use(atom, k)))
  jaxpr.outputs.forEach((atom) => use(atom, jaxpr.equations.length))
  return last
}

/** Runs every equation's lowering rule. With `ownOutputs` no output is an input or another output. */
export const lower = (jaxpr: Jaxpr, ownOutputs: boolean, carries: Carries, machine: MachineKind): Lowered => {
  const graph = new Graph()
  const values = new Map<Var, Value>()
  const last = lastUses(jaxpr)
  const kept = new Set<Buffer>()
  let current = 0
  const lowerer = new Lowerer(
    graph,
    {
      isLastUse: (value) => {
        if (value.buffer === undefined || kept.has(value.buffer)) return false
        // A variable that is alive may be the same value under another name.
        for (const [v, other] of values) if ((last.get(v) ?? 0) > current && other.buffer === value.buffer) return false
        return true
      },
      keepLater: (keep) => {
        for (const [v, value] of values) if ((last.get(v) ?? 0) > current) values.set(v, keep(value))
      },
    },
    machine,
  )
  const inputs = [...jaxpr.constants, ...jaxpr.inputs].map((v, i) => {
    const buffer = newBuffer(v.aval.dtype, v.aval.shape)
    values.set(v, new Value(graph, v.aval, { buffer }))
    if (!carries.some(({ input }) => input === i)) kept.add(buffer)
    return buffer
  })
  const read = (atom: Atom): Value =>
    atom.kind === 'var'
      ? known(values.get(atom), 'value of a variable')
      : lowerer.fromBody(atom.aval, e.constant(atom.value, atom.aval.dtype))
  for (const [k, equation] of jaxpr.equations.entries()) {
    current = k
    const avals = equation.outputs.map((v) => v.aval)
    const before = graph.items.length
    const outs = equation.primitive.lower(lowerer, equation.inputs.map(read), equation.params, avals)
    invariant(
      outs.length === avals.length,
      `${equation.primitive.name} was lowered to ${outs.length} results, not ${avals.length}`,
    )
    equation.outputs.forEach((v, i) => {
      const out = known(outs[i], 'result')
      invariant(
        out.aval.dtype === v.aval.dtype && sameShape(out.aval.shape, v.aval.shape),
        `${equation.primitive.name} was lowered to a ${out.aval.dtype}[${out.aval.shape.join()}] in place of a ${v.aval.dtype}[${v.aval.shape.join()}]`,
      )
      values.set(v, lowerer.value(out))
    })
    const { source } = equation
    if (source !== undefined) for (const item of graph.items.slice(before)) graph.sources.set(item, source)
  }
  const taken = new Set<Value | Buffer>(ownOutputs ? inputs : [])
  const outputs = jaxpr.outputs.map((atom) => {
    let value = lowerer.stored(read(atom))
    if (ownOutputs && (taken.has(value) || (value.buffer !== undefined && taken.has(value.buffer))))
      value = lowerer.copy(value)
    taken.add(value)
    if (value.buffer !== undefined) taken.add(value.buffer)
    return value
  })
  return { graph, inputs, outputs }
}
