/** What all programs of one GPU share: memory, compiled shaders, the order of work, and reading. */
import {
  type HostData,
  ArgumentError,
  type MemoryStats,
  type Storage,
  DeviceLostError,
  InternalError,
} from '../../core/index.js'
import { toWords } from './layout.js'
import { LivingArrays } from './living-arrays.js'
import { type GpuBuffer, Pool, borrowed } from './pool.js'
import { press, turn } from './pressure.js'
import { Pipelines, TripTable } from './pipelines.js'
import { Reader } from './reader.js'
import { Recorder } from './recorder.js'
import { Cell, WebgpuStorage, own } from './storage.js'
import { type Target, targetOf } from './target.js'
import { WorkQueue } from './work-queue.js'

/** Times that collection of unused arrays is waited for before memory counts as exhausted. */
const patience = 10

export interface RuntimeOptions {
  readonly device: GPUDevice
  readonly software: boolean
  readonly budget: number
  /** Is told when the GPU is gone. */
  readonly onLost: (reason: 'destroyed' | 'unknown', message: string) => void
}

export class Runtime {
  readonly device: GPUDevice
  readonly target: Target
  readonly pool: Pool
  readonly pipelines: Pipelines
  readonly trips: TripTable
  readonly queue = new WorkQueue()
  readonly empty: GpuBuffer
  private readonly reader: Reader
  private readonly arrays: LivingArrays
  private failure: Error | undefined
  /** Whether the GPU is gone for good. */
  lost = false

  constructor({ device, software, budget, onLost }: RuntimeOptions) {
    this.device = device
    this.target = targetOf(device, software)
    this.pool = new Pool({ device, budget, living: () => this.arrays.sizes() })
    this.arrays = new LivingArrays(this.pool)
    this.pipelines = new Pipelines(device)
    this.trips = new TripTable(device, this.pipelines)
    this.reader = new Reader(device)
    this.empty = this.pool.take(0)
    device.addEventListener('uncapturederror', (event) => {
      event.preventDefault()
      this.failure ??= new InternalError(`the GPU refused a command: ${event.error.message}`)
    })
    void device.lost.then(({ reason, message }) => {
      this.lost = true
      // What failed before the loss was told may well have failed because of it.
      this.failure = new DeviceLostError(
        `the GPU behind 'webgpu' was lost (${[reason, message.replace(/[\s.]+$/, '')].filter(Boolean).join(': ')}). ` +
          `'await restore()' starts it again. Arrays that were made from JavaScript values or have been read come back ` +
          `by themselves; others are gone, so go on from a checkpoint.`,
        reason,
      )
      onLost(reason, message)
    })
  }

  /** Throws what went wrong on the GPU, if anything did. */
  check(): void {
    if (this.failure !== undefined) throw this.failure
  }

  /** A new handle for values that are there or will be. */
  storage(bytes: number, buffer?: GpuBuffer): WebgpuStorage {
    return this.arrays.hold(new WebgpuStorage(new Cell(this, bytes, buffer)))
  }

  release(given: Storage): void {
    const storage = own(given)
    if (--storage.holders > 0) return
    // Programs that were asked for before may still read it.
    this.queue.inTurn(() => this.arrays.free(storage.cell))
  }

  recorder(): Recorder {
    const { device, pool, trips } = this
    return new Recorder({ device, pool, trips, beforeSubmit: () => this.reader.flush() })
  }

  /** Uploads words into memory that nothing uses. */
  upload(words: HostData): WebgpuStorage {
    this.check()
    const bytes = words.byteLength
    return bytes === 0 ? this.storage(0) : this.storage(bytes, this.uploaded(words))
  }

  private uploaded(words: HostData): GpuBuffer {
    this.prepareFor([words.byteLength])
    this.reader.flush()
    const buffer = this.pool.take(words.byteLength)
    this.device.queue.writeBuffer(buffer.buffer, 0, words.buffer, words.byteOffset, words.byteLength)
    return buffer
  }

  /** A handle for the first bytes of a buffer that its owner keeps. Rejects with what the GPU has against binding it. */
  async borrow(buffer: GPUBuffer, bytes: number): Promise<WebgpuStorage> {
    this.check()
    this.device.pushErrorScope('validation')
    this.device.createBindGroup({
      layout: this.pipelines.arrayLayout([false]),
      entries: [{ binding: 0, resource: { buffer } }],
    })
    const refusal = await this.device.popErrorScope()
    if (refusal !== null) throw new ArgumentError(`fromGpuBuffer: the GPU refuses the buffer: ${refusal.message}`)
    return this.arrays.hold(new WebgpuStorage(new Cell(this, bytes, borrowed(buffer), true)))
  }

  /**
   * Sees to it that an array is on this GPU: one that was on a GPU that is lost is uploaded again if the host has its values.
   * Throws DeviceLostError if not.
   */
  bring(storage: WebgpuStorage): void {
    if (storage.cell.home === this) return
    const { host, bytes } = storage
    if (bytes > 0 && host === undefined) {
      throw new DeviceLostError(
        `this array was on a GPU that was lost, and the host has no copy of its values: it was computed there and never read. ` +
          `Compute it again, or go on from a checkpoint.`,
        'unknown',
      )
    }
    const buffer = host === undefined || bytes === 0 ? undefined : this.uploaded(toWords(host))
    storage.cell = new Cell(this, bytes, buffer)
    this.arrays.hold(storage)
  }

  /** The first bytes of a buffer, after all that was submitted. */
  async read(buffer: GpuBuffer, bytes: number): Promise<ArrayBuffer> {
    this.check()
    try {
      return await this.reader.read(buffer, bytes)
    } catch (error) {
      // That the device is lost is told a little later than that the reading failed.
      await turn()
      this.check()
      throw error
    } finally {
      this.check()
    }
  }

  /** Values of an array, when the programs that were asked for before have run. */
  async readStorage({ cell }: WebgpuStorage): Promise<ArrayBuffer> {
    const buffer = await this.settled(cell)
    const values = cell.bytes === 0 ? new ArrayBuffer(0) : this.read(buffer, cell.bytes)
    // The GPU computes in the meantime.
    const [read] = await Promise.all([values, this.arrays.relieve()])
    return read
  }

  /** Memory of an array, when the programs that were asked for before have been given to the GPU. */
  async settled(cell: Cell): Promise<GpuBuffer> {
    await this.queue.whenIdle()
    if (cell.failure !== undefined) throw cell.failure
    this.check()
    if (cell.bytes === 0) return this.empty
    if (cell.buffer === undefined) throw new InternalError('an array without memory')
    return cell.buffer
  }

  /** Resolves when an array has been computed. */
  async finished(cell: Cell): Promise<void> {
    await this.settled(cell)
    try {
      await Promise.all([this.device.queue.onSubmittedWorkDone(), this.arrays.relieve()])
    } catch (error) {
      await turn()
      this.check()
      throw error
    }
    this.check()
  }

  /** To be called before buffers of these sizes are taken: looks for dead arrays when memory would grow. */
  prepareFor(sizes: readonly number[]): void {
    this.arrays.prepareFor(sizes)
  }

  hasRoom(sizes: readonly number[]): boolean {
    return this.pool.hasRoom(sizes)
  }

  /** Waits until unused arrays have been collected, as long as there is not enough room. */
  async makeRoom(sizes: readonly number[]): Promise<void> {
    if (!this.hasRoom(sizes)) this.arrays.collect()
    for (let k = 0; k < patience && !this.hasRoom(sizes); k++) await press()
  }

  stats(name: string): MemoryStats {
    const { resident, pooled, peak, budget } = this.pool
    return { device: name, live: this.arrays.bytes, resident: resident - pooled, pooled, spilled: 0, peak, budget }
  }
}
