/** Records the dispatches of one run into as few submissions as possible. */
import { known } from '../../core/index.js'
import { type GpuBuffer, type Pool, RunPool } from './pool.js'
import type { TripTable } from './pipelines.js'
import type { DispatchStep } from './steps.js'

/** Dispatches after which what was recorded is submitted, so that long loops need no more memory than short ones. */
const longestRecording = 4096
/** Bindings that one step remembers. */
const rememberedBindings = 16

export interface RecorderOptions {
  readonly device: GPUDevice
  readonly pool: Pool
  readonly trips: TripTable
  /** Called before commands are given to the GPU. */
  readonly beforeSubmit: () => void
}

export class Recorder {
  readonly buffers: RunPool
  private readonly options: RecorderOptions
  private encoder: GPUCommandEncoder | undefined
  private pass: GPUComputePassEncoder | undefined
  private count = 0

  constructor(options: RecorderOptions) {
    this.options = options
    this.buffers = new RunPool(options.pool)
  }

  private commands(): GPUCommandEncoder {
    this.encoder ??= this.options.device.createCommandEncoder()
    return this.encoder
  }

  /** Encodes a step over the arrays; with `counts`, as many workgroups as are written there. */
  dispatch(
    step: DispatchStep,
    arrays: readonly GpuBuffer[],
    trips: readonly number[],
    counts: GpuBuffer | undefined,
  ): void {
    this.pass ??= this.commands().beginComputePass()
    const { pass } = this
    const { pipeline, levels, groups, gated } = step
    pass.setPipeline(known(pipeline.ready, 'compiled shader'))
    pass.setBindGroup(0, this.bindings(step, arrays))
    if (levels.length > 0) {
      const table = this.options.trips
      pass.setBindGroup(1, table.group(levels.length), table.offsets(levels, trips))
    }
    if (counts !== undefined && gated >= 0) pass.dispatchWorkgroupsIndirect(counts.buffer, 12 * gated)
    else pass.dispatchWorkgroups(groups[0], groups[1])
    if (++this.count >= longestRecording) this.submit()
  }

  private bindings({ pipeline, bound }: DispatchStep, arrays: readonly GpuBuffer[]): GPUBindGroup {
    let key = ''
    for (const { id } of arrays) key += `${id} `
    let group = bound.get(key)
    if (group === undefined) {
      group = this.options.device.createBindGroup({
        layout: pipeline.layout,
        entries: arrays.map(({ buffer }, binding) => ({ binding, resource: { buffer } })),
      })
      const oldest = bound.size >= rememberedBindings ? bound.keys().next().value : undefined
      if (oldest !== undefined) bound.delete(oldest)
      bound.set(key, group)
    }
    return group
  }

  copy(from: GpuBuffer, to: GpuBuffer, bytes: number): void {
    this.pass?.end()
    this.pass = undefined
    if (bytes > 0) this.commands().copyBufferToBuffer(from.buffer, 0, to.buffer, 0, bytes)
  }

  /** Gives the GPU what was recorded so far. */
  submit(): void {
    this.pass?.end()
    this.pass = undefined
    if (this.encoder === undefined) return
    this.options.beforeSubmit()
    this.options.device.queue.submit([this.encoder.finish()])
    this.encoder = undefined
    this.count = 0
  }

  /** Submits the rest, and gives the memory of temporaries back. */
  end(): void {
    this.submit()
    this.buffers.end()
  }
}
