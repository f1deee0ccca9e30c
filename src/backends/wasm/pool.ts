/** Worker threads that share the linear memory, and jobs cut into parts that all threads take. */
import { InternalError, known } from '../../core/index.js'
import type { ParallelModule } from './parallel-module.js'
import { type WorkerSetup, controlWords as words, workerMain } from './worker.js'

/** Most workers: each has a bit in a word. */
const mostWorkers = 30
/** Room for a module's bytes on their way to the workers; pages that are not written cost nothing. */
const mailboxBytes = 8 << 20
/** Bytes of modules after which the workers forget all they have, so that programs of the past don't pile up. */
const modulesLimit = 64 << 20
/** Milliseconds that idle threads spin before they sleep: longer, and they are in the way of other processes. */
const spinTime = 0.05

/** Where the threads' scratch memory is: the main thread's, and that of all workers one after the other. */
export interface Scratch {
  readonly main: number
  readonly workers: number
  readonly bytesEach: number
}

/** The little of Node's `worker_threads` that is needed; pages have a `Worker` of their own. */
interface NodeThreads {
  readonly Worker: new (
    source: string,
    options: { eval: true; workerData: unknown; execArgv: string[]; env: object },
  ) => { unref: () => void; on: (event: 'error', listener: () => void) => void }
}

const nodeThreads = (): NodeThreads | undefined => {
  const { process } = globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } }
  return process?.getBuiltinModule?.('node:worker_threads') as NodeThreads | undefined
}

/** Whether this engine lets threads share memory; pages have to be isolated for it. */
const threadsAvailable = (): boolean => {
  if (typeof SharedArrayBuffer === 'undefined') return false
  if (nodeThreads() !== undefined) return true
  return typeof Worker !== 'undefined' && typeof Blob !== 'undefined' && globalThis.crossOriginIsolated === true
}

/** How many threads there can be, of those wanted. */
export const poolSize = (threads: number): number => (threadsAvailable() ? Math.min(threads, mostWorkers + 1) : 1)

const startWorker = (setup: WorkerSetup): void => {
  const node = nodeThreads()
  if (node !== undefined) {
    const source = `(${workerMain.toString()})(require('node:worker_threads').workerData)`
    const worker = new node.Worker(source, { eval: true, workerData: setup, execArgv: [], env: {} })
    // A worker that cannot start is never ready, and the others do its parts.
    worker.on('error', () => {})
    worker.unref()
    return
  }
  const source = `onmessage = (event) => { (${workerMain.toString()})(event.data); close() }`
  const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }))
  const worker = new Worker(url)
  worker.postMessage(setup)
}

/** A number of workers. They start by themselves; until they are up, jobs run on the calling thread alone. */
export class WorkerPool {
  readonly threads: number
  /** Parts that workers have done. */
  partsByWorkers = 0
  private readonly control: Int32Array
  private readonly mailbox: Uint8Array
  private readonly memory: WebAssembly.Memory
  private readonly mayWait: boolean
  private epoch = 0
  private published = 0

  constructor(threads: number, memory: WebAssembly.Memory, products: readonly Uint8Array[]) {
    this.threads = threads
    this.memory = memory
    this.control = new Int32Array(new SharedArrayBuffer(4 * words.words))
    this.mailbox = new Uint8Array(new SharedArrayBuffer(mailboxBytes))
    this.mayWait = canWait(this.control)
    for (let index = 1; index < threads; index++) {
      startWorker({ index, control: this.control, mailbox: this.mailbox, memory, products, words, spin: spinTime })
    }
  }

  /** How many workers are up. */
  get ready(): number {
    let count = 0
    for (let bits = Atomics.load(this.control, words.ready); bits !== 0; bits &= bits - 1) count++
    return count
  }

  /** Ends the workers. */
  stop(): void {
    Atomics.store(this.control, words.stop, 1)
    Atomics.add(this.control, words.wake, 1)
    Atomics.notify(this.control, words.wake)
  }

  /** Runs a job, in parts of `chunk` iterations, on all threads; returns when all parts are done. */
  run(module: ParallelModule, job: number, extent: number, chunk: number, scratch: Scratch): void {
    const { control } = this
    const run = known(module.jobs[job], 'job')
    const parts = Math.ceil(extent / chunk)
    if (parts > 0xffff || !this.publish(module)) {
      for (let begin = 0; begin < extent; begin += chunk) run(begin, Math.min(extent, begin + chunk), scratch.main)
      return
    }
    control[words.job] = job
    control[words.extent] = extent
    control[words.chunk] = chunk
    control[words.scratch] = scratch.workers
    control[words.scratchBytes] = scratch.bytesEach
    control[words.memoryBytes] = this.memory.buffer.byteLength
    Atomics.store(control, words.finished, 0)
    Atomics.store(control, words.range, parts << 16)
    if (Atomics.load(control, words.sleepers) > 0) {
      Atomics.add(control, words.wake, 1)
      Atomics.notify(control, words.wake)
    }
    let mine = 0
    try {
      for (let part = this.claim(); part >= 0; part = this.claim()) {
        mine++
        run(part * chunk, Math.min(extent, (part + 1) * chunk), scratch.main)
      }
    } finally {
      // After an exception some parts are left; nobody may begin them any more.
      const rest = Atomics.exchange(control, words.range, 0)
      this.join(parts - mine - Math.max(0, (rest >>> 16) - (rest & 0xffff)))
      module.loaded = Atomics.load(control, words.loaded)
    }
    for (let index = 1; index < this.threads; index++) {
      const part = Atomics.exchange(control, words.declined + index, 0) - 1
      if (part >= 0) run(part * chunk, Math.min(extent, (part + 1) * chunk), scratch.main)
    }
    if (Atomics.exchange(control, words.failed, 0) !== 0)
      throw new InternalError('a part of a kernel failed in a worker')
  }

  /** Says which module the job is in, with its bytes if some worker has not got it; false if there is no room for them. */
  private publish(module: ParallelModule): boolean {
    const { control } = this
    if (module.epoch !== this.epoch) {
      module.epoch = this.epoch
      module.loaded = 0
    }
    const ready = Atomics.load(control, words.ready)
    const missing = (ready & ~module.loaded) !== 0
    if (missing) {
      if (module.bytes.length > mailboxBytes) return false
      if (module.loaded === 0) {
        this.published += module.bytes.length
        if (this.published > modulesLimit) {
          this.published = module.bytes.length
          module.epoch = ++this.epoch
        }
      }
      this.mailbox.set(module.bytes)
    }
    control[words.module] = module.id
    control[words.epoch] = this.epoch
    control[words.length] = missing ? module.bytes.length : 0
    Atomics.store(control, words.loaded, module.loaded)
    return true
  }

  /** Takes a part from the front. */
  private claim(): number {
    const { control } = this
    for (;;) {
      const range = Atomics.load(control, words.range)
      const first = range & 0xffff
      if (first >= range >>> 16) return -1
      if (Atomics.compareExchange(control, words.range, range, range + 1) === range) return first
    }
  }

  /** Waits until the workers have done so many parts. */
  private join(parts: number): void {
    this.partsByWorkers += parts
    const { control } = this
    let start = 0
    for (let round = 0; ; round++) {
      for (let i = 0; i < 256; i++) if (Atomics.load(control, words.finished) === parts) return
      if (round === 0) start = performance.now()
      if (!this.mayWait || performance.now() - start < spinTime) continue
      Atomics.store(control, words.waiting, 1)
      const finished = Atomics.load(control, words.finished)
      if (finished !== parts) Atomics.wait(control, words.finished, finished, 10)
      Atomics.store(control, words.waiting, 0)
    }
  }
}

/** Starts the workers of so many threads; each gets the modules of products. */
export const startPool = (threads: number, memory: WebAssembly.Memory, products: readonly Uint8Array[]): WorkerPool =>
  new WorkerPool(threads, memory, products)

/** The main thread of a page must not wait; it spins. */
const canWait = (control: Int32Array): boolean => {
  try {
    Atomics.wait(control, words.waiting, 1, 0)
    return true
  } catch {
    return false
  }
}
