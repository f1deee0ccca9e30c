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
import { originsOf } from './origins.js'
import { type Limits, usualLimits } from './limits.js'
import { plan } from './plan.js'
import { fuseRows } from './rows.js'
import { optimize } from './simplify.js'

export * from './kernel.js'
export type { Limits } from './limits.js'
export { scratchLayout } from './control.js'
export { accesses, bufferBytes } from './plan.js'
export { expressionsOf, mapExpressions } from './finish.js'
export { kernelText, programFlops } from './print.js'
export { legalize, legalizeKernel } from './legalize.js'
export { optimize } from './simplify.js'

export interface CompileOptions {
  /**
   * Whether kernels that pass large arrays on run in turns, piece by piece, so that the pieces stay in a cache; and whether
   * loops are cut where conditions change, and sums down columns are sums of rows. False for machines that compute whole
   * arrays at once, each element by itself. Default: true.
   */
  readonly blocks?: boolean
  /** Sizes that decide about it. */
  readonly limits?: Limits
}

const build = (jaxpr: Jaxpr, ownOutputs: boolean, options: CompileOptions): Program => {
  const { blocks = true, limits = usualLimits } = options
  const { graph, inputs, outputs: values } = lower(optimize(jaxpr), ownOutputs)
  const steps = decide(graph, values)
  const outputs = values.map((value): Buffer => known(value.buffer, 'buffer of an output'))
  const results = new Set(outputs)
  const finish = (kernel: LoopKernel): LoopKernel => finishLoops(kernel, graph.normalize, !blocks)
  const drafts = emit(graph, fuse(graph, steps, results, !blocks), nestedWith(options), !blocks)
  const context = { limits, normalize: graph.normalize, finish }
  const rows = fuseRows(drafts, results, context)
  const kernels = (blocks ? block(rows, results, context) : rows).map((kernel) =>
    kernel.kind === 'loops' ? finish(kernel) : kernel,
  )
  const origins = originsOf(graph, steps)
  return {
    kernels,
    inputs,
    outputs,
    constants: [],
    ...plan(kernels, inputs, outputs),
    ...(origins !== undefined && { origins }),
  }
}

/** Programs inside loops and branches write every output to memory of its own. */
const nested = (options: CompileOptions): CompileNested => {
  const programs = new WeakMap<Jaxpr, Program>()
  return (jaxpr) => {
    let program = programs.get(jaxpr)
    if (program === undefined) {
      program = build(jaxpr, true, options)
      programs.set(jaxpr, program)
    }
    return program
  }
}

const compileNested = nested({ blocks: true })
const compileWhole = nested({ blocks: false })

const nestedWith = (options: CompileOptions): CompileNested =>
  options.limits !== undefined ? nested(options) : options.blocks === false ? compileWhole : compileNested

/** Compiles a jaxpr: constants come first among the program's inputs. */
export const compile = (jaxpr: Jaxpr, options: CompileOptions = {}): Program => build(jaxpr, false, options)
