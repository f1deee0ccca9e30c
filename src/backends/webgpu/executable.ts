/** Compiled programs: prepared for one GPU, run in turn, and made anew when the GPU is another. */
import { type Executable, type Jaxpr, InternalError, known } from '../../core/index.js'
import { type Program, compile, kernelText, programFlops } from '../../compiler/index.js'
import { type Run, execute } from './execute.js'
import { transforms } from '../../compiler/transforms.js'
import { checkGpuDType, gpuBytes } from './layout.js'
import type { GpuBuffer } from './pool.js'
import { prepare } from './prepare.js'
import type { Runtime } from './runtime.js'
import type { Shader } from './shader.js'
import type { PreparedProgram, Step } from './steps.js'
import { type WebgpuStorage, own } from './storage.js'
import type { Job } from './work-queue.js'

/** Where a result comes from. */
type Result =
  | { readonly kind: 'fresh'; readonly bytes: number }
  /** The values of an input, or of an earlier result, once more. */
  | { readonly kind: 'input' | 'output'; readonly index: number }

const resultsOf = (program: Program): Result[] =>
  program.outputs.map((buffer, i): Result => {
    const placement = known(program.placements.get(buffer), 'placement of a result')
    if (placement.kind === 'input') return { kind: 'input', index: placement.index }
    if (placement.kind !== 'output') throw new InternalError('a result among the temporaries')
    return placement.index === i
      ? { kind: 'fresh', bytes: gpuBytes(buffer) }
      : { kind: 'output', index: placement.index }
  })

/** Every shader that a program needs, inside loops too. */
const pipelinesOf = (program: PreparedProgram): DispatchPipelines => {
  const found = new Set<DispatchPipelines[number]>()
  const visit = (steps: readonly Step[]): void => {
    for (const step of steps) {
      if (step.kind === 'dispatch') found.add(step.pipeline)
      else if (step.kind === 'scan') visit(step.body.steps)
      else if (step.kind === 'while') visit([step.start, step.test, ...step.condition.steps, ...step.body.steps])
      else if (step.kind === 'branch')
        for (const { choose, program: inner } of step.branches) visit([choose, ...inner.steps])
    }
  }
  visit(program.steps)
  return [...found]
}

type DispatchPipelines = readonly (Step & { readonly kind: 'dispatch' })['pipeline'][]

interface Compiled extends Executable {
  readonly runtime: Runtime
  readonly ready: () => Promise<void>
}

/**
 * A program for the GPU that `current` gives: compiled now, and again when it is another one.
 *
 * @throws DeviceError for dtypes that WGSL has not
 */
export const executable = (current: () => Runtime, jaxpr: Jaxpr): Executable => {
  checkJaxpr(jaxpr)
  let compiled = compiledFor(current(), jaxpr)
  const latest = (): Compiled => {
    const runtime = current()
    if (compiled.runtime !== runtime) compiled = compiledFor(runtime, jaxpr)
    return compiled
  }
  const { temporaryBytes, flops } = compiled
  return {
    run: (inputs, donated) => latest().run(inputs, donated),
    kernels: () => latest().kernels(),
    text: () => latest().text(),
    temporaryBytes,
    flops,
    ready: () => latest().ready(),
  }
}

const checkJaxpr = (jaxpr: Jaxpr): void => {
  for (const v of [...jaxpr.constants, ...jaxpr.inputs]) checkGpuDType(v.aval.dtype)
  for (const equation of jaxpr.equations) for (const v of equation.outputs) checkGpuDType(v.aval.dtype)
}

/** A compiled program on one GPU. */
const compiledFor = (runtime: Runtime, jaxpr: Jaxpr): Compiled => {
  const program = compile(jaxpr, { blocks: false, ...(!runtime.target.software && { transforms }) })
  const shaders: Shader[] = []
  const prepared = prepare(
    { target: runtime.target, pipelines: runtime.pipelines, see: (shader) => shaders.push(shader) },
    program,
  )
  runtime.trips.reserve(prepared.longestLoop)
  const pipelines = pipelinesOf(prepared)
  const results = resultsOf(program)
  const sizes = [
    ...prepared.slots.map(({ bytes }) => bytes),
    ...results.flatMap((result) => (result.kind === 'fresh' ? [result.bytes] : [])),
  ]
  const texts = [...new Set(shaders.map(({ text }) => text))]

  /** Encodes everything; nothing of it needs the handles of inputs any more afterwards. */
  const run = (
    inputs: readonly WebgpuStorage[],
    outputs: readonly (WebgpuStorage | undefined)[],
  ): Promise<void> | undefined => {
    runtime.check()
    for (const { failure } of pipelines) if (failure !== undefined) throw failure
    for (const { cell } of inputs) if (cell.failure !== undefined) throw cell.failure
    const recorder = runtime.recorder()
    const machine = {
      recorder,
      read: (buffer: GpuBuffer, bytes: number) => runtime.read(buffer, bytes),
      empty: runtime.empty,
    }
    const bufferOf = ({ cell }: WebgpuStorage): GpuBuffer =>
      cell.bytes === 0 ? runtime.empty : known(cell.buffer, 'memory of an array')
    const targets = outputs.map((storage) => {
      if (storage === undefined) return undefined
      if (storage.cell.bytes === 0) return runtime.empty
      const buffer = runtime.pool.take(storage.cell.bytes)
      storage.cell.buffer = buffer
      return buffer
    })
    const steps = execute(machine, prepared, inputs.map(bufferOf), targets)
    let step: ReturnType<Run['next']>
    try {
      step = steps.next()
    } catch (error) {
      recorder.end()
      throw error
    }
    if (step.done === true) {
      recorder.end()
      return undefined
    }
    const rest = async (): Promise<void> => {
      try {
        for (; step.done !== true; step = steps.next()) await step.value
      } finally {
        recorder.end()
      }
    }
    return rest()
  }

  return {
    runtime,
    run: (given) => {
      const inputs = given.map(own)
      inputs.forEach((storage) => runtime.bring(storage))
      runtime.prepareFor(sizes)
      const out: WebgpuStorage[] = []
      const fresh = results.map((result, i) => {
        if (result.kind === 'fresh') return (out[i] = runtime.storage(result.bytes))
        const again = known((result.kind === 'input' ? inputs : out)[result.index], 'result')
        again.holders++
        out[i] = again
        return undefined
      })
      const job: Job = {
        isReady: () => pipelines.every(({ ready }) => ready !== undefined) && runtime.hasRoom(sizes),
        whenReady: async () => {
          await Promise.all(pipelines.map(({ done }) => done))
          await runtime.makeRoom(sizes)
        },
        run: () => run(inputs, fresh),
        fail: (error) => {
          for (const storage of fresh)
            if (storage !== undefined)
              storage.cell.failure = error instanceof Error ? error : new InternalError(String(error))
        },
      }
      runtime.queue.add(job)
      return out
    },
    kernels: () => kernelText(program),
    text: () => texts.join('\n'),
    temporaryBytes: prepared.slots.reduce((sum, { bytes }) => sum + bytes, 0),
    flops: () => programFlops(program),
    ready: async () => {
      await Promise.all(pipelines.map(({ done }) => done))
      for (const { failure } of pipelines) if (failure !== undefined) throw failure
    },
  }
}
