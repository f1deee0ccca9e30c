/** The compiler: from a jaxpr to a planned program of kernels that any backend prints and runs. */
import type { Jaxpr } from '../core/index.js'
import type { CompileNested } from './control.js'
import { decide } from './decide.js'
import { emit, finishLoops } from './emit.js'
import { fuse } from './fuse.js'
import type { Buffer, Carries, Kernel, LoopKernel, Program } from './kernel.js'
import { known } from '../core/index.js'
import { lower } from './lower.js'
import { type Limits, usualLimits } from './limits.js'
import { blocking, controlFlow, gathering, texts } from './parts.js'
import { type Draft, type Pair, nothingMoved } from './places.js'
import { type Planned, plan } from './plan.js'
import { optimize } from './simplify.js'
import { takeOver } from './takeover.js'
import type { Transforms } from './transforms.js'

export * from './kernel.js'
export type { Limits } from './limits.js'
export { scratchLayout } from './scratch.js'
export { accesses, bufferBytes } from './accesses.js'
export { staysInPlace } from './overwrite.js'
export { expressionsOf, mapExpressions } from './finish.js'
export { smallDType } from './small-dtypes.js'
export { smallDTypes, texts } from './parts.js'
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
  /** Fourier transforms of lines as kernels, if the machine has them. */
  readonly transforms?: Transforms
  /** Sizes that decide about it. */
  readonly limits?: Limits
  /** Inputs that callers usually give away, so that outputs may take their place. */
  readonly donated?: readonly boolean[]
}

const build = (jaxpr: Jaxpr, ownOutputs: boolean, carries: Carries, options: CompileOptions): Program => {
  const { blocks = true, transforms, limits = usualLimits } = options
  const inPlace = controlFlow.find()
  const cached = blocking.find()
  const optimized = optimize(jaxpr)
  const ordered = inPlace?.readBeforeUpdate(optimized) ?? optimized
  const machine = { whole: !blocks, transforms }
  const { graph, inputs, outputs: values } = lower(ordered, ownOutputs, carries, machine)
  const steps = decide(graph, values)
  const results = values.map((value): Buffer => known(value.buffer, 'buffer of an output'))
  const pairsOf = (outputs: readonly Buffer[]): Pair[] =>
    carries.map(({ input, output }) => ({
      input: known(inputs[input], 'carry'),
      output: known(outputs[output], 'next carry'),
    }))
  const finish = (kernel: LoopKernel): LoopKernel => finishLoops(kernel, graph.normalize, !blocks)
  const drafts = emit(graph, fuse(graph, steps, new Set(results), !blocks), nestedWith(options), !blocks)
  const draft: Draft = { kernels: drafts, inputs, outputs: results }
  const short = inPlace?.removeCopies(draft, pairsOf(results)) ?? nothingMoved(draft)
  const needed = new Set(short.outputs)
  const context = { limits, normalize: graph.normalize, finish }
  const unmoved = blocks ? cached?.placeProducts(short.kernels, inputs, needed) : undefined
  const rows = cached?.fuseRows(unmoved ?? short.kernels, needed, context) ?? short.kernels
  // Machines that compute whole arrays at once compute such copies where they read them.
  const shared =
    blocks && cached !== undefined
      ? cached.shareCopies(cached.block(rows, needed, context), inputs, needed)
      : { kernels: rows, places: new Map<Buffer, Buffer>() }
  const finished = shared.kernels.map((kernel) => (kernel.kind === 'loops' ? finish(kernel) : kernel))
  const whole: Draft = { ...short, kernels: finished }
  const placed = inPlace?.updateInPlace(whole, pairsOf(short.outputs)) ?? nothingMoved(whole)
  const { outputs } = placed
  const { kernels, takeovers } = takeOver(placed.kernels, inputs, outputs, ownOutputs ? [] : (options.donated ?? []))
  // Machines that compute whole arrays at once cannot write what they read.
  const taken = blocks ? new Set(takeovers.map(({ output }) => known(outputs[output], 'output'))) : undefined
  const planOf = (list: readonly Kernel[]): Planned => ({ kernels: list, ...plan(list, inputs, outputs, taken) })
  const apart = planOf(kernels)
  const gathered = blocks ? gathering.find()?.(apart, planOf, { inputs, outputs, takeovers }, limits) : undefined
  // Where kernels come from is for their text.
  const text = texts.find()
  const origins = text?.originsOf(graph, steps)
  return {
    inputs,
    outputs,
    constants: [],
    ...(gathered ?? apart),
    ...(takeovers.length > 0 && { takeovers }),
    ...(text !== undefined &&
      origins !== undefined && {
        origins: [short, shared, placed].reduce((moved, { places }) => text.moveOrigins(moved, places), origins),
      }),
  }
}

const noCarries: Carries = []

/** Programs inside loops and branches write every output to memory of its own, or over the carry that it follows. */
const nested = (options: CompileOptions): CompileNested => {
  const programs = new WeakMap<Jaxpr, Map<string, Program>>()
  return (jaxpr, carries = noCarries) => {
    const key = carries.map(({ input, output }) => `${input}:${output}`).join()
    let variants = programs.get(jaxpr)
    if (variants === undefined) programs.set(jaxpr, (variants = new Map()))
    let program = variants.get(key)
    if (program === undefined) variants.set(key, (program = build(jaxpr, true, carries, options)))
    return program
  }
}

const compileNested = nested({ blocks: true })
const compileWhole = nested({ blocks: false })
const compileTransforms = new WeakMap<Transforms, CompileNested>()

const nestedWith = (options: CompileOptions): CompileNested => {
  const { blocks, transforms, limits } = options
  if (limits !== undefined) return nested(options)
  if (transforms === undefined) return blocks === false ? compileWhole : compileNested
  let compiler = compileTransforms.get(transforms)
  if (compiler === undefined) compileTransforms.set(transforms, (compiler = nested({ blocks: false, transforms })))
  return compiler
}

/** Compiles a jaxpr: constants come first among the program's inputs. */
export const compile = (jaxpr: Jaxpr, options: CompileOptions = {}): Program => build(jaxpr, false, noCarries, options)
