/** What all programs of one wasm device share: memory, instances of modules, threads, and what JavaScript does for them. */
import {
  type DType,
  type Device,
  type HostData,
  DeviceArray,
  InternalError,
  dtypeBytes,
  known,
  shapedArray,
} from '../../core/index.js'
import type { SortKernel } from '../../compiler/index.js'
import type { Block } from './allocator.js'
import { largestPages, withSharedMemory } from './assembler.js'
import { type ProductModule, contractionModule, moduleOf, productModules } from './contraction.js'
import { contractionScratchBytes } from './contraction-blocks.js'
import { hasRelaxedMultiplyAdd } from './features.js'
import { type Pointer, scratchWord, threadsWord } from './frame.js'
import { mathImport } from './helpers.js'
import { forkImport } from './jobs.js'
import { Arena } from './memory.js'
import { ModuleCache } from './module-cache.js'
import { ParallelModule } from './parallel-module.js'
import { sorting, threads as threadsPart } from './parts.js'
import type { WorkerPool } from './pool.js'
import { type PrintedProgram, routineImport } from './program.js'
import type { SortMachine } from './sort.js'
import { type Slot, WasmStorage, smallBytes } from './storage.js'

const moduleCacheBytes = 16 << 20

/** An array of the device with these values, over and over until it is full. */
export const storageFromHost = (arena: Arena, data: HostData, bytes: number, dtype?: DType): WasmStorage => {
  const isSmall = bytes <= smallBytes
  const aval = isSmall || dtype === undefined ? undefined : shapedArray([bytes / dtypeBytes(dtype)], dtype)
  const storage = new WasmStorage(bytes, aval)
  if (bytes === 0) return storage
  const source = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  if (isSmall) {
    const small = new Int32Array((bytes + 3) >> 2)
    new Uint8Array(small.buffer).set(source)
    storage.small = small
    return storage
  }
  arena.beginRun()
  const address = arena.allocate(storage)
  for (let at = 0; at < bytes; at += source.length) arena.bytes.set(source.subarray(0, bytes - at), address + at)
  return storage
}

/** What all programs of one device share. */
export class WasmRuntime {
  readonly arena: Arena
  readonly jobScale: number
  /** Changes when instances have to be made again. */
  generation = 0
  /** The program that is running: its routines are asked for by number. */
  running: PrintedProgram | undefined
  /** What arrays for callbacks belong to. */
  device: Device | undefined
  private modules = new ModuleCache<() => void>(moduleCacheBytes)
  private readonly products = new Map<ProductModule, WebAssembly.Exports>()
  private readonly sorts = new Map<string, SortMachine>()
  private scratchBlock: Block<Slot> | undefined
  private workersScratch: Block<Slot> | undefined
  /** Bytes of it for each of them. */
  private bytesOfWorker = 0
  private pool: WorkerPool | undefined
  private wantsRelaxedSimd = true

  /** `jobScale` multiplies the sizes from which on several threads share the work: tests set it to 0. */
  constructor(budget: number, jobScale = 1) {
    this.arena = new Arena({ budget })
    this.jobScale = jobScale
  }

  /**
   * Address of the memory for packed blocks, which is taken when the first product needs it. Other threads have memory
   * for iterations of their own behind theirs, as much as any program until now has needed.
   */
  scratch(iterationBytes = 0): number {
    this.scratchBlock ??= this.arena.hold(contractionScratchBytes)
    if (this.pool !== undefined) {
      const bytes = contractionScratchBytes + iterationBytes
      if (this.workersScratch === undefined || bytes > this.bytesOfWorker) {
        this.giveBackScratch()
        this.workersScratch = this.arena.hold(bytes * (this.pool.threads - 1))
        this.bytesOfWorker = bytes
      }
    }
    return this.scratchBlock.offset
  }

  private giveBackScratch(): void {
    if (this.workersScratch !== undefined) this.arena.giveBack(this.workersScratch)
    this.workersScratch = undefined
  }

  /** Threads that were asked for. */
  get threads(): number {
    return this.pool?.threads ?? 1
  }

  /** Whether all of them are up. */
  get areThreadsReady(): boolean {
    return this.pool === undefined || this.pool.ready === this.pool.threads - 1
  }

  /** Parts of jobs that worker threads have done. */
  get partsByWorkers(): number {
    return this.pool?.partsByWorkers ?? 0
  }

  /** Starts or ends worker threads. The first time, everything moves into memory that they can share. */
  setThreads(threads: number): void {
    const wanted = threads === 1 ? 1 : threadsPart.get('threads').poolSize(threads)
    if (wanted === this.threads) return
    this.pool?.stop()
    this.pool = undefined
    this.giveBackScratch()
    this.arena.words[threadsWord] = 0
    if (wanted === 1) return
    if (!this.isShared) {
      this.arena.share()
      this.forgetModules()
      this.sorts.clear()
    }
    this.pool = threadsPart.get('threads').startPool(
      wanted,
      this.arena.memory,
      productModules.map((module) => this.productModule(module)),
    )
  }

  /** Whether products multiply and add with one instruction. */
  get fuses(): boolean {
    return this.wantsRelaxedSimd && hasRelaxedMultiplyAdd()
  }

  /** Lets products multiply and add with one instruction, where the engine has it, or not. All threads do the same. */
  setRelaxedSimd(wanted: boolean): void {
    const before = this.fuses
    this.wantsRelaxedSimd = wanted
    if (this.fuses === before) return
    this.forgetModules()
    const { threads } = this
    this.setThreads(1)
    this.setThreads(threads)
  }

  /** Instances are made again when they are needed. */
  private forgetModules(): void {
    this.generation++
    this.modules = new ModuleCache<() => void>(moduleCacheBytes)
    this.products.clear()
  }

  private productModule(module: ProductModule): Uint8Array {
    return contractionModule(module, { maximumPages: largestPages, shared: this.isShared }, this.fuses)
  }

  /** To be called before every run: other threads may have come up. */
  findHelp(): void {
    if (this.pool !== undefined) this.arena.words[threadsWord] = this.pool.ready
  }

  private get isShared(): boolean {
    return !(this.arena.memory.buffer instanceof ArrayBuffer)
  }

  private readonly routine = (index: number): void => {
    const running = known(this.running, 'running program')
    const { kernel, inputs, outputs } = known(running.routines[index], 'routine')
    const addressOf = ({ word, add }: Pointer): number => ((this.arena.words[word] ?? 0) + add) >>> 0
    if (kernel.kind === 'sort') {
      sorting
        .get('sort')
        .runSort(kernel, this.sortMachine(kernel), (operand, isOutput) =>
          addressOf(known((isOutput ? outputs : inputs)[operand], 'operand of a sort')),
        )
      return
    }
    const { arena } = this
    // The callback may run programs, this one too, which use the same frames.
    const frames = arena.words.slice(scratchWord, running.endWord)
    arena.interrupted(() => {
      const arrays = kernel.operands.map((buffer, i) => {
        const address = addressOf(known(inputs[i], 'operand of a callback'))
        const bytes = buffer.size * dtypeBytes(buffer.dtype)
        const storage = storageFromHost(arena, arena.bytes.slice(address, address + bytes), bytes)
        return new DeviceArray(shapedArray(buffer.shape, buffer.dtype), known(this.device, 'device'), storage)
      })
      kernel.call(arrays)
    })
    arena.words.set(frames, scratchWord)
    this.running = running
  }

  /** The `run` function of a printed program. */
  instantiate(printed: PrintedProgram): () => void {
    return this.modules.get(printed.bytes, () => {
      const bytes = this.isShared ? withSharedMemory(printed.bytes) : printed.bytes
      const jobs = new ParallelModule(bytes)
      const imports: Record<string, WebAssembly.ImportValue> = { memory: this.arena.memory }
      for (const name of printed.imports) {
        imports[name] =
          name === routineImport
            ? this.routine
            : name === forkImport
              ? (job: number, extent: number, chunk: number) => this.fork(jobs, job, extent, chunk)
              : (mathImport(name) ?? this.product(name))
      }
      const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes as BufferSource), { e: imports })
      jobs.link(exports)
      const { run } = exports
      if (typeof run !== 'function') throw new InternalError('a program without run')
      return run as () => void
    })
  }

  private fork(module: ParallelModule, job: number, extent: number, chunk: number): void {
    const scratch = {
      main: this.scratchBlock?.offset ?? 0,
      workers: this.workersScratch?.offset ?? 0,
      bytesEach: this.bytesOfWorker,
    }
    known(this.pool, 'threads').run(module, job, extent, chunk, scratch)
  }

  /** The sort of operands with these dtypes. */
  private sortMachine(kernel: SortKernel): SortMachine {
    const { inputs, keys } = kernel
    const name = `${keys} ${inputs.map((x) => x.dtype).join()}`
    let machine = this.sorts.get(name)
    if (machine === undefined) {
      machine = sorting.get('sort').newSortMachine(kernel, {
        memory: { maximumPages: largestPages, shared: this.isShared },
        arena: this.arena,
        jobScale: this.jobScale,
        scratch: () => this.scratch(),
        fork: (jobs, job, extent, chunk) => this.fork(jobs, job, extent, chunk),
      })
      this.sorts.set(name, machine)
    }
    return machine
  }

  private product(name: string): WebAssembly.ExportValue {
    const source = known(moduleOf(name), `module of ${name}`)
    let exports = this.products.get(source)
    if (exports === undefined) {
      const module = new WebAssembly.Module(this.productModule(source) as BufferSource)
      exports = new WebAssembly.Instance(module, { e: { memory: this.arena.memory } }).exports
      this.products.set(source, exports)
    }
    return known(exports[name], `function ${name}`)
  }
}
