/** The compiler: from a jaxpr to a planned program of kernels that any backend prints and runs. */
import type { Jaxpr } from '../core/index.js'
import { decide } from './decide.js'
import { emit } from './emit.js'
import { fuse } from './fuse.js'
import type { Buffer, Program } from './kernel.js'
import { known } from '../core/index.js'
import { lower } from './lower.js'
import { plan } from './plan.js'
import { optimize } from './simplify.js'

export * from './kernel.js'
export { accesses, bufferBytes } from './plan.js'
export { expressionsOf, mapExpressions } from './finish.js'
export { kernelText } from './print.js'
export { legalize, legalizeKernel } from './legalize.js'
export { optimize } from './simplify.js'

/** Compiles a jaxpr: constants come first among the program's inputs. */
export const compile = (jaxpr: Jaxpr): Program => {
  const { graph, inputs, outputs: values } = lower(optimize(jaxpr))
  const steps = decide(graph, values)
  const outputs = values.map((value): Buffer => known(value.buffer, 'buffer of an output'))
  const kernels = emit(graph, fuse(graph, steps, new Set(outputs)))
  return { kernels, inputs, outputs, constants: [], ...plan(kernels, inputs, outputs) }
}
