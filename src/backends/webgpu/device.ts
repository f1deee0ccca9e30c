/** The device named `webgpu`: compiles programs to WGSL and runs them on a GPU. */
import { type Device, type Executable, type Jaxpr, DeviceError, InternalError, known } from '../../core/index.js'
import { type Program, compile, kernelText, programFlops } from '../../compiler/index.js'
import { acquire, findGpu } from './acquire.js'
import { type Run, execute } from './execute.js'
import { checkGpuDType, fromWords, gpuBytes, toWords } from './layout.js'
import type { GpuBuffer } from './pool.js'
import { prepare } from './prepare.js'
import { Runtime } from './runtime.js'
import type { Shader } from './shader.js'
import type { PreparedProgram, Step } from './steps.js'
import { type WebgpuStorage, own } from './storage.js'
import type { Job } from './work-queue.js'

export interface WebgpuDeviceOptions {
  /** Where adapters come from; default: `navigator.gpu`, or in Node the package `webgpu`. */
  readonly gpu?: GPU
  /** Most bytes of GPU memory that are taken. Default: 4 GiB. */
  readonly gpuMemoryBudget?: number
  /** What shaders are chosen for. Default: what the adapter is. */
  readonly tuning?: 'software' | 'hardware'
}

/** A device, and the adapter behind it. */
export interface WebgpuDevice extends Device {
  /** Whether the GPU is gone: taken away, or destroyed. */
  readonly isLost: () => boolean
  /** Hands the GPU back; arrays on it are gone. */
  readonly destroy: () => void
}

/** Bytes of an array made on the host up to which the host keeps its values, for functions whose result's shape depends on them. */
const keptUpload = 16 << 20

const defaultBudget = 4 * 2 ** 30

/** Makes the device; rejects with DeviceError when there is no WebGPU or no adapter. */
export const createWebgpuDevice = async (options: WebgpuDeviceOptions = {}): Promise<WebgpuDevice> => {
  const { device, software, name } = await acquire(options.gpu ?? (await findGpu()))
  const runtime = new Runtime({
    device,
    software: options.tuning === undefined ? software : options.tuning === 'software',
    budget: options.gpuMemoryBudget ?? defaultBudget,
  })
  return {
    name: 'webgpu',
    kind: () => name,
    synchronous: false,
    checkDType: checkGpuDType,
    compile: (jaxpr) => executable(runtime, jaxpr),
    fromHost: (data, dtype) => {
      checkGpuDType(dtype)
      const storage = runtime.upload(toWords(data, dtype))
      if (data.byteLength <= keptUpload) storage.host = data
      return storage
    },
    knownOnHost: (storage) => own(storage).host?.slice(),
    read: () => {
      throw new DeviceError(
        `arrays on 'webgpu' are read asynchronously: write 'await x.data()' or 'await x.jsAsync()'; to move one to another ` +
          `device, make it there from its values.`,
      )
    },
    readAsync: async (storage, dtype) => {
      const holder = own(storage)
      // Arrays never change, so what was read once is known; the GPU is asked all the same whether anything went wrong.
      const data = fromWords(await runtime.readStorage(holder), dtype)
      holder.host = data
      return data.slice()
    },
    release: (storage) => runtime.release(storage),
    memoryStats: () => runtime.stats('webgpu'),
    isLost: () => runtime.lost,
    destroy: () => device.destroy(),
  }
}

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

const checkJaxpr = (jaxpr: Jaxpr): void => {
  for (const v of [...jaxpr.constants, ...jaxpr.inputs]) checkGpuDType(v.aval.dtype)
  for (const equation of jaxpr.equations) for (const v of equation.outputs) checkGpuDType(v.aval.dtype)
}

const executable = (runtime: Runtime, jaxpr: Jaxpr): Executable => {
  checkJaxpr(jaxpr)
  const program = compile(jaxpr, { blocks: false })
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
    run: (given) => {
      const inputs = given.map(own)
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
    flops: programFlops(program),
    ready: async () => {
      await Promise.all(pipelines.map(({ done }) => done))
      for (const { failure } of pipelines) if (failure !== undefined) throw failure
    },
  }
}
