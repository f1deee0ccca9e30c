/** Linear memory: views of all of it, which are replaced when it grows or is shared, and copies of parts. */
import { type Collector, keepFreedPages } from '../common/collector.js'
import { largestPages } from './assembler.js'

const pageBytes = 65536

/** Most bytes of a memory. */
export const largestBytes = largestPages * pageBytes

/** One WebAssembly memory, of two pages at first. */
export class LinearMemory {
  memory = new WebAssembly.Memory({ initial: 2, maximum: largestPages })
  bytes = new Uint8Array(this.memory.buffer)
  words = new Int32Array(this.memory.buffer)
  private readonly collector: Collector

  constructor(collector: Collector) {
    this.collector = collector
  }

  /** Moves everything into memory that other threads can be given. */
  share(): void {
    const pages = Math.ceil(this.memory.buffer.byteLength / pageBytes)
    const old = this.bytes
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: largestPages, shared: true })
    this.view()
    this.bytes.set(old)
  }

  /** Grows to so many bytes at least, if that is possible. */
  reach(bytes: number): boolean {
    const missing = Math.ceil((bytes - this.memory.buffer.byteLength) / pageBytes)
    if (missing <= 0) return true
    try {
      this.memory.grow(missing)
    } catch {
      return false
    }
    this.view()
    return true
  }

  /** A copy of memory. */
  copy(address: number, bytes: number): ArrayBuffer {
    keepFreedPages(bytes, this.collector)
    // An array made of another is not filled with zeros before: to slice the buffer takes half as long again. And it is never shared.
    return new Uint8Array(new Uint8Array(this.memory.buffer, address, bytes)).buffer
  }

  private view(): void {
    this.bytes = new Uint8Array(this.memory.buffer)
    this.words = new Int32Array(this.memory.buffer)
  }
}
