/** Reading: what is asked for in one turn of the program comes back in one piece. */
import type { GpuBuffer } from './pool.js'
import { sizeClass } from './pool.js'

// GPUBufferUsage.MAP_READ | COPY_DST, and GPUMapMode.READ.
const usage = 0x01 | 0x08
const mapRead = 1

/** Bytes that are read together; more are read in several pieces. */
const largestBatch = 64 << 20
/** Staging buffers that are kept for the next reading. */
const keptBuffers = 4

interface Request {
  readonly buffer: GpuBuffer
  readonly bytes: number
  readonly resolve: (data: ArrayBuffer) => void
  readonly reject: (error: unknown) => void
}

const align = (bytes: number): number => Math.ceil(bytes / 8) * 8

export class Reader {
  private readonly device: GPUDevice
  private waiting: Request[] = []
  private scheduled = false
  private readonly free: GPUBuffer[] = []

  constructor(device: GPUDevice) {
    this.device = device
  }

  /** The first bytes of a buffer, as they are after all that was submitted before. */
  read(buffer: GpuBuffer, bytes: number): Promise<ArrayBuffer> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ buffer, bytes, resolve, reject })
      if (this.scheduled) return
      this.scheduled = true
      queueMicrotask(() => this.flush())
    })
  }

  /** Copies what is waited for, before anything else may change it. */
  flush(): void {
    this.scheduled = false
    const requests = this.waiting
    this.waiting = []
    let batch: Request[] = []
    let size = 0
    for (const request of requests) {
      if (batch.length > 0 && size + align(request.bytes) > largestBatch) {
        this.start(batch, size)
        batch = []
        size = 0
      }
      batch.push(request)
      size += align(request.bytes)
    }
    if (batch.length > 0) this.start(batch, size)
  }

  private start(batch: readonly Request[], size: number): void {
    void this.transfer(batch, size).catch((error: unknown) => batch.forEach(({ reject }) => reject(error)))
  }

  private async transfer(batch: readonly Request[], size: number): Promise<void> {
    const staging = this.take(size)
    const encoder = this.device.createCommandEncoder()
    let offset = 0
    for (const { buffer, bytes } of batch) {
      encoder.copyBufferToBuffer(buffer.buffer, 0, staging, offset, bytes)
      offset += align(bytes)
    }
    this.device.queue.submit([encoder.finish()])
    await staging.mapAsync(mapRead, 0, size)
    const mapped = staging.getMappedRange(0, size)
    offset = 0
    const copies = batch.map(({ bytes }) => {
      const copy = mapped.slice(offset, offset + bytes)
      offset += align(bytes)
      return copy
    })
    staging.unmap()
    if (this.free.length < keptBuffers) this.free.push(staging)
    else staging.destroy()
    batch.forEach(({ resolve }, i) => resolve(copies[i] ?? new ArrayBuffer(0)))
  }

  private take(size: number): GPUBuffer {
    const at = this.free.findIndex((buffer) => buffer.size >= size && buffer.size <= 4 * Math.max(size, 4096))
    const found = at < 0 ? undefined : this.free.splice(at, 1)[0]
    return found ?? this.device.createBuffer({ size: sizeClass(size), usage })
  }
}
