/** Memory of the GPU: buffers by size class, which are used again and again within a budget. */
import { OutOfMemoryError, known } from '../../core/index.js'

/** A buffer of the GPU with a number of its own, by which bindings are found again. */
export interface GpuBuffer {
  readonly id: number
  readonly buffer: GPUBuffer
  /** Size of its class, which is at least what was asked for. */
  readonly bytes: number
  /** The tidying of the pool after which it last came back. */
  idleSince?: number
}

// The values of GPUBufferUsage, which is no global where a GPU object was passed in.
const copySource = 0x04
const copyDestination = 0x08
const storage = 0x80
const indirect = 0x100
const usage = copySource | copyDestination | storage | indirect

const smallest = 256

/** Sizes in quarters of powers of two: at most a fifth of a buffer is unused. */
export const sizeClass = (bytes: number): number => {
  if (bytes <= smallest) return smallest
  const step = 2 ** Math.floor(Math.log2(bytes - 1)) / 4
  return Math.ceil(bytes / step) * step
}

let nextId = 0

/** A buffer that somebody else made. */
export const borrowed = (buffer: GPUBuffer): GpuBuffer => ({ id: nextId++, buffer, bytes: buffer.size })

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`

export interface PoolOptions {
  readonly device: GPUDevice
  /** Most bytes of all buffers together. */
  readonly budget: number
  /** Sizes of the living arrays, for the message when there is no room. */
  readonly living: () => readonly number[]
}

/** Gives out buffers, and keeps those that come back for the next one who needs the size. */
export class Pool {
  readonly budget: number
  /** Bytes of all buffers, also of those that nobody uses. */
  resident = 0
  peak = 0
  private readonly device: GPUDevice
  private readonly living: () => readonly number[]
  private readonly free = new Map<number, GpuBuffer[]>()
  private idle = 0
  private tidied = 0

  constructor({ device, budget, living }: PoolOptions) {
    this.device = device
    this.budget = budget
    this.living = living
  }

  /** Bytes of buffers that nobody uses. */
  get pooled(): number {
    return this.idle
  }

  /** Whether buffers of these sizes could be had without going over the budget. */
  hasRoom(sizes: readonly number[]): boolean {
    return this.resident - this.idle + sizes.reduce((sum, bytes) => sum + sizeClass(bytes), 0) <= this.budget
  }

  /** Bytes by which all buffers together would grow if buffers of these sizes were taken. */
  growth(sizes: readonly number[]): number {
    const taken = new Map<number, number>()
    let bytes = 0
    for (const wanted of sizes) {
      const size = sizeClass(wanted)
      const count = (taken.get(size) ?? 0) + 1
      taken.set(size, count)
      if (count > (this.free.get(size)?.length ?? 0)) bytes += size
    }
    return bytes
  }

  /** A buffer of at least so many bytes, with any content. Throws OutOfMemoryError beyond the budget. */
  take(bytes: number): GpuBuffer {
    const size = sizeClass(bytes)
    const reused = this.free.get(size)?.pop()
    if (reused !== undefined) {
      this.idle -= reused.bytes
      return reused
    }
    const limit = Math.min(this.device.limits.maxBufferSize, this.device.limits.maxStorageBufferBindingSize)
    if (bytes > limit) {
      throw new OutOfMemoryError(
        `an array of ${mebibytes(bytes)} is larger than this GPU allows for one buffer (${mebibytes(limit)}). ` +
          `Compute it in parts, or on 'wasm'.`,
      )
    }
    const exact = Math.min(size, limit)
    if (this.resident + exact > this.budget) this.trim()
    if (this.resident + exact > this.budget) {
      const largest = this.living().slice(0, 5).map(mebibytes).join(', ')
      throw new OutOfMemoryError(
        `no room for ${mebibytes(bytes)} on 'webgpu': ${mebibytes(this.resident)} of ${mebibytes(this.budget)} are in use` +
          `${largest === '' ? '' : `, the largest arrays being of ${largest}`}. ` +
          `Keep fewer arrays, donate inputs (jit's donateArgnums), await results in loops so that unused arrays can be ` +
          `collected, or raise the budget: init({ device: 'webgpu', gpuMemoryBudget }).`,
      )
    }
    const buffer = this.device.createBuffer({ size: exact, usage })
    this.resident += exact
    this.peak = Math.max(this.peak, this.resident)
    return { id: nextId++, buffer, bytes: exact }
  }

  give(buffer: GpuBuffer): void {
    const key = sizeClass(buffer.bytes)
    let list = this.free.get(key)
    if (list === undefined) this.free.set(key, (list = []))
    buffer.idleSince = this.tidied
    this.idle += buffer.bytes
    list.push(buffer)
  }

  /** Frees what nobody uses. */
  trim(): void {
    this.discard(() => true)
  }

  /** Frees what nobody has used since this was last called. */
  tidy(): void {
    const last = this.tidied++
    this.discard(({ idleSince = 0 }) => idleSince < last)
  }

  private discard(unwanted: (buffer: GpuBuffer) => boolean): void {
    for (const [size, list] of this.free) {
      const kept = list.filter((buffer) => !unwanted(buffer))
      if (kept.length === list.length) continue
      for (const buffer of list) {
        if (!unwanted(buffer)) continue
        buffer.buffer.destroy()
        this.resident -= buffer.bytes
        this.idle -= buffer.bytes
      }
      if (kept.length === 0) this.free.delete(size)
      else this.free.set(size, kept)
    }
  }
}

/** Buffers that one run takes and uses several times over; they go back when its commands have been submitted. */
export class RunPool {
  private readonly pool: Pool
  private readonly all: GpuBuffer[] = []
  private readonly free = new Map<number, GpuBuffer[]>()

  constructor(pool: Pool) {
    this.pool = pool
  }

  take(bytes: number): GpuBuffer {
    const reused = this.free.get(sizeClass(bytes))?.pop()
    if (reused !== undefined) return reused
    const taken = this.pool.take(bytes)
    this.all.push(taken)
    return taken
  }

  give(buffer: GpuBuffer): void {
    const key = sizeClass(buffer.bytes)
    const list = this.free.get(key)
    if (list === undefined) this.free.set(key, [buffer])
    else list.push(buffer)
  }

  /** Everything back to the device's pool. */
  end(): void {
    for (const buffer of this.all) this.pool.give(buffer)
    this.all.length = 0
    this.free.clear()
  }
}

/** The buffer of a place that must have one by now. */
export const present = (buffer: GpuBuffer | undefined): GpuBuffer => known(buffer, 'GPU buffer')
