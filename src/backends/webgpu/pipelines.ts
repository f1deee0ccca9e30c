/** Pipelines: compiled side by side while the program goes on, and found again by their text. */
import { InternalError } from '../../core/index.js'
import { type Shader, fixedLevel } from './shader.js'

/** Most pipelines that are remembered; programs keep those that they use. */
const maximumPipelines = 4096

/** Visibility of bindings: compute shaders. */
const compute = 4

/** Bytes of one entry of the table of trip numbers. */
export const tripBytes = 16

/** A pipeline that is there, or will be. */
export class Pipeline {
  ready: GPUComputePipeline | undefined
  readonly layout: GPUBindGroupLayout
  readonly done: Promise<void>
  failure: Error | undefined

  constructor(
    layout: GPUBindGroupLayout,
    made: Promise<GPUComputePipeline>,
    refused: Promise<GPUError | null>,
    text: string,
  ) {
    this.layout = layout
    this.done = made.then(
      (pipeline) => {
        this.ready = pipeline
      },
      async (error: unknown) => {
        // What is wrong with the text is told apart from that the pipeline cannot be made.
        const reason = await refused.catch(() => null)
        this.failure = new InternalError(`a shader was refused: ${reason?.message ?? String(error)}\n${text}`)
      },
    )
  }
}

export class Pipelines {
  private readonly device: GPUDevice
  private readonly found = new Map<string, Pipeline>()
  private readonly layouts = new Map<string, GPUBindGroupLayout>()
  private readonly tripLayouts = new Map<number, GPUBindGroupLayout>()

  constructor(device: GPUDevice) {
    this.device = device
  }

  /** The pipeline of a shader; compiling starts at once. */
  get(shader: Shader): Pipeline {
    let pipeline = this.found.get(shader.text)
    if (pipeline === undefined) {
      const layout = this.arrayLayout(shader.bindings.map(({ writes }) => writes))
      const layouts = shader.levels.length === 0 ? [layout] : [layout, this.tripLayout(shader.levels.length)]
      // A refused shader fails the programs that need it, not the device.
      this.device.pushErrorScope('validation')
      const made = this.device.createComputePipelineAsync({
        label: shader.name,
        layout: this.device.createPipelineLayout({ bindGroupLayouts: layouts }),
        compute: {
          module: this.device.createShaderModule({ label: shader.name, code: shader.text }),
          entryPoint: 'main',
        },
      })
      const refused = this.device.popErrorScope()
      refused.catch(() => {})
      pipeline = new Pipeline(layout, made, refused, shader.text)
      const oldest = this.found.size >= maximumPipelines ? this.found.keys().next().value : undefined
      if (oldest !== undefined) this.found.delete(oldest)
    } else this.found.delete(shader.text)
    this.found.set(shader.text, pipeline) // most recent last
    return pipeline
  }

  /** Layout of group 0: for every array whether it is written to. */
  arrayLayout(writes: readonly boolean[]): GPUBindGroupLayout {
    const key = writes.map((w) => (w ? 'w' : 'r')).join('')
    let layout = this.layouts.get(key)
    if (layout === undefined) {
      layout = this.device.createBindGroupLayout({
        entries: writes.map((w, binding) => ({
          binding,
          visibility: compute,
          buffer: { type: w ? 'storage' : 'read-only-storage' },
        })),
      })
      this.layouts.set(key, layout)
    }
    return layout
  }

  /** Layout of group 1 with so many trip numbers, each at an offset that is chosen for every dispatch. */
  tripLayout(count: number): GPUBindGroupLayout {
    let layout = this.tripLayouts.get(count)
    if (layout === undefined) {
      layout = this.device.createBindGroupLayout({
        entries: Array.from({ length: count }, (_, binding) => ({
          binding,
          visibility: compute,
          buffer: { type: 'uniform', hasDynamicOffset: true, minBindingSize: tripBytes } as const,
        })),
      })
      this.tripLayouts.set(count, layout)
    }
    return layout
  }
}

/** The table of trip numbers: entry k holds k, and the bits of infinity and of a NaN. Shaders bind single entries of it. */
export class TripTable {
  private readonly device: GPUDevice
  private readonly pipelines: Pipelines
  private readonly step: number
  private size = 0
  private buffer: GPUBuffer | undefined
  private readonly groups = new Map<number, GPUBindGroup>()

  constructor(device: GPUDevice, pipelines: Pipelines) {
    this.device = device
    this.pipelines = pipelines
    this.step = Math.max(tripBytes, device.limits.minUniformBufferOffsetAlignment)
  }

  /** Makes entries up to `length`. Groups that were bound before stay valid for what was encoded with them. */
  reserve(length: number): void {
    if (length <= this.size && this.buffer !== undefined) return
    this.size = Math.max(256, 2 ** Math.ceil(Math.log2(length)))
    const words = new Uint32Array((this.size * this.step) / 4)
    for (let k = 0; k < this.size; k++) words.set([k, 0x7f800000, 0x7fc00000], (k * this.step) / 4)
    // 0x48: uniform, and a destination of copies.
    this.buffer = this.device.createBuffer({ size: words.byteLength, usage: 0x48 })
    this.device.queue.writeBuffer(this.buffer, 0, words)
    this.groups.clear()
  }

  group(count: number): GPUBindGroup {
    this.reserve(1)
    let group = this.groups.get(count)
    if (group === undefined) {
      const { buffer } = this
      if (buffer === undefined) throw new InternalError('no table of trip numbers')
      group = this.device.createBindGroup({
        layout: this.pipelines.tripLayout(count),
        entries: Array.from({ length: count }, (_, binding) => ({ binding, resource: { buffer, size: tripBytes } })),
      })
      this.groups.set(count, group)
    }
    return group
  }

  offsets(levels: readonly number[], trips: readonly number[]): number[] {
    return levels.map((level) => (level < 0 ? Math.max(0, fixedLevel(level)) : (trips[level] ?? 0)) * this.step)
  }
}
