/** The compiler: from a jaxpr to a planned program of kernels that any backend prints and runs. */
import type { Jaxpr } from '../core/index.js'
import type { CompileNested } from './control.js'
import { decide } from './decide.js'
import { block } from './blocks.js'
import { emit, finishLoops } from './emit.js'
import { fuse } from './fuse.js'
import type { Buffer, LoopKernel, Program } from './kernel.js'
import { known } from '../core/index.js'
import { lower } from './lower.js'
import { plan } from './plan.js'
import { fuseRows } from './rows.js'
import { optimize } from './simplify.js'

export * from './kernel.js'
export { scratchLayout } from './control.js'
export { accesses, bufferBytes } from './plan.js'
export { expressionsOf, mapExpressions } from './finish.js'
export { kernelText, programFlops } from './print.js'
export { legalize, legalizeKernel } from './legalize.js'
export { optimize } from './simplify.js'

const build = (jaxpr: Jaxpr, ownOutputs: boolean): Program => {
  const { graph, inputs, outputs: values } = lower(optimize(jaxpr), ownOutputs)
  const steps = decide(graph, values)
  const outputs = values.map((value): Buffer => known(value.buffer, 'buffer of an output'))
  const results = new Set(outputs)
  const finish = (kernel: LoopKernel): LoopKernel => finishLoops(kernel, graph.normalize)
  const drafts = emit(graph, fuse(graph, steps, results), compileNested)
  const kernels = block(fuseRows(drafts, results, graph.normalize), results, graph.normalize, finish).map((kernel) =>
    kernel.kind === 'loops' ? finish(kernel) : kernel,
  )
  return { kernels, inputs, outputs, constants: [], ...plan(kernels, inputs, outputs) }
}

const nestedPrograms = new WeakMap<Jaxpr, Program>()

/** Programs inside loops and branches write every output to memory of its own. */
const compileNested: CompileNested = (jaxpr) => {
  let program = nestedPrograms.get(jaxpr)
  if (program === undefined) {
    program = build(jaxpr, true)
    nestedPrograms.set(jaxpr, program)
  }
  return program
}

/** Compiles a jaxpr: constants come first among the program's inputs. */
export const compile = (jaxpr: Jaxpr): Program => build(jaxpr, false)
