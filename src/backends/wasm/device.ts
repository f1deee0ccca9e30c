/** The device named `wasm`: compiles programs to WebAssembly and runs them in one linear memory. */
import {
  type DType,
  type Device,
  type Executable,
  type HostData,
  type Jaxpr,
  type Storage,
  ArgumentError,
  DeviceArray,
  DeviceError,
  InternalError,
  dtypeBytes,
  known,
  makeHostData,
  shapedArray,
} from '../../core/index.js'
import { type Program, compile, kernelText, programFlops } from '../../compiler/index.js'
import { type Block } from './allocator.js'
import { largestPages, withSharedMemory } from './assembler.js'
import { contractionModule } from './contraction.js'
import { contractionScratchBytes } from './contraction-product.js'
import { disassemble } from './disassembler.js'
import { mathImport } from './helpers.js'
import { forkImport } from './jobs.js'
import { Arena, type Slot, WasmStorage, smallBytes } from './memory.js'
import { ModuleCache } from './module-cache.js'
import { ParallelModule, WorkerPool, mostWorkers, threadsAvailable } from './pool.js'
import {
  type Pointer,
  constantWord,
  inputWord,
  outputWord,
  scratchWord,
  temporariesWord,
  threadsWord,
} from './frame.js'
import { type PrintedProgram, printProgram, routineImport } from './program.js'
import { runSort } from './sort.js'

export interface WasmDeviceOptions {
  /** Most bytes of linear memory; arrays beyond it move out to ordinary buffers. Default: 1 GiB. */
  readonly wasmMemoryBudget?: number
}

/** What can be changed while the device is in use. */
export interface WasmConfiguration {
  /** Most bytes of linear memory; arrays beyond it move out to ordinary buffers. At most 4 GiB. */
  readonly memoryBudget?: number
  /** Threads that work on large kernels, this one included. They start by themselves; until then one works alone. */
  readonly threads?: number
}

/** The device with what only it has. */
export interface WasmDevice extends Device {
  /** Applies what is given, and returns the number of threads: 1 where engines don't let threads share memory. */
  readonly configure: (options: WasmConfiguration) => number
  /** Resolves when the threads that were asked for are up, or after two seconds. */
  readonly threadsReady: () => Promise<void>
}

const defaultBudget = 2 ** 30
const smallestBudget = 4 << 20
/** Milliseconds that worker threads are waited for. */
const longestStart = 2000
const moduleCacheBytes = 16 << 20
/** Words that a loop copies faster than a call does. */
const loopedWords = 48

/** Where a result comes from. */
type Result =
  | { readonly kind: 'fresh'; readonly bytes: number; readonly word: number; readonly staging: number }
  /** The storage of an input, or of an earlier result, once more. */
  | { readonly kind: 'input' | 'output'; readonly index: number }
  | { readonly kind: 'constant'; readonly index: number }

/** What all programs of one device share. */
export class WasmRuntime {
  readonly arena: Arena
  /** Changes when instances have to be made again. */
  generation = 0
  /** The program that is running: its routines are asked for by number. */
  running: PrintedProgram | undefined
  /** What arrays for callbacks belong to. */
  device: Device | undefined
  private modules = new ModuleCache<() => void>(moduleCacheBytes)
  private products: WebAssembly.Exports | undefined
  private scratchBlock: Block<Slot> | undefined
  private workersScratch: Block<Slot> | undefined
  private pool: WorkerPool | undefined

  constructor(budget: number) {
    this.arena = new Arena({ budget })
  }

  /** Address of the memory for packed blocks, which is taken when the first product needs it. */
  scratch(): number {
    this.scratchBlock ??= this.arena.hold(contractionScratchBytes)
    if (this.pool !== undefined)
      this.workersScratch ??= this.arena.hold(contractionScratchBytes * (this.pool.threads - 1))
    return this.scratchBlock.offset
  }

  /** Threads that were asked for. */
  get threads(): number {
    return this.pool?.threads ?? 1
  }

  /** Whether all of them are up. */
  get areThreadsReady(): boolean {
    return this.pool === undefined || this.pool.ready === this.pool.threads - 1
  }

  /** Starts or ends worker threads. The first time, everything moves into memory that they can share. */
  setThreads(threads: number): void {
    const wanted = threadsAvailable() ? Math.min(threads, mostWorkers + 1) : 1
    if (wanted === this.threads) return
    this.pool?.stop()
    this.pool = undefined
    if (this.workersScratch !== undefined) this.arena.giveBack(this.workersScratch)
    this.workersScratch = undefined
    this.arena.words[threadsWord] = 0
    if (wanted === 1) return
    if (!this.isShared) {
      this.arena.share()
      this.generation++
      this.modules = new ModuleCache<() => void>(moduleCacheBytes)
      this.products = undefined
    }
    this.pool = new WorkerPool(
      wanted,
      this.arena.memory,
      contractionModule({ maximumPages: largestPages, shared: true }),
    )
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
      runSort(kernel, this.arena.memory.buffer, (operand, isOutput) =>
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
    const bytesEach = contractionScratchBytes
    const scratch = { main: this.scratchBlock?.offset ?? 0, workers: this.workersScratch?.offset ?? 0, bytesEach }
    known(this.pool, 'threads').run(module, job, extent, chunk, scratch)
  }

  private product(name: string): WebAssembly.ExportValue {
    if (this.products === undefined) {
      const bytes = contractionModule({ maximumPages: largestPages, shared: this.isShared })
      const module = new WebAssembly.Module(bytes as BufferSource)
      this.products = new WebAssembly.Instance(module, { e: { memory: this.arena.memory } }).exports
    }
    return known(this.products[name], `function ${name}`)
  }
}

/** Makes the device; it is ready at once. */
export const createWasmDevice = (options: WasmDeviceOptions = {}): WasmDevice =>
  deviceOf(new WasmRuntime(options.wasmMemoryBudget ?? defaultBudget))

/** The device of a runtime. */
export const deviceOf = (runtime: WasmRuntime): WasmDevice => {
  const { arena } = runtime
  const read = (storage: Storage, dtype: DType, size: number): HostData => {
    const out = makeHostData(dtype, size)
    arena.copyOut(own(storage), out)
    return out
  }
  const device: WasmDevice = {
    name: 'wasm',
    synchronous: true,
    checkDType: () => {},
    compile: (jaxpr: Jaxpr) => programExecutable(runtime, compile(jaxpr)),
    fromHost: (data, dtype) => storageFromHost(arena, data, data.length * dtypeBytes(dtype)),
    read,
    readAsync: (storage, dtype, size) => Promise.resolve(read(storage, dtype, size)),
    release: (storage) => arena.release(own(storage)),
    memoryStats: () => arena.stats('wasm'),
    configure: ({ memoryBudget, threads }) => {
      if (arena.isInterrupted) {
        throw new DeviceError(
          'wasm: threads and budget cannot change while a program waits for a callback. Set them before it runs.',
        )
      }
      if (memoryBudget !== undefined) {
        if (!Number.isSafeInteger(memoryBudget) || memoryBudget < smallestBudget) {
          throw new ArgumentError(
            `wasm: a memory budget is a whole number of bytes, at least ${smallestBudget}; got ${memoryBudget}.`,
          )
        }
        arena.setBudget(memoryBudget)
      }
      if (threads !== undefined) {
        if (!Number.isSafeInteger(threads) || threads < 1) {
          throw new ArgumentError(`wasm: the number of threads is a whole number from 1 up; got ${threads}.`)
        }
        runtime.setThreads(threads)
      }
      return runtime.threads
    },
    threadsReady: async () => {
      for (let waited = 0; !runtime.areThreadsReady && waited < longestStart; waited += 2) {
        await new Promise((resolve) => setTimeout(resolve, 2))
      }
    },
  }
  runtime.device = device
  return device
}

/** Whether a device is one of this backend. */
export const isWasmDevice = (device: Device): device is WasmDevice => 'configure' in device && 'threadsReady' in device

const own = (storage: Storage): WasmStorage => {
  if (storage instanceof WasmStorage) return storage
  throw new InternalError('an array of another device was given to wasm')
}

export const storageFromHost = (arena: Arena, data: HostData, bytes: number): WasmStorage => {
  const storage = new WasmStorage(bytes)
  if (bytes === 0) return storage
  const source = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  if (bytes <= smallBytes) {
    const small = new Int32Array((bytes + 3) >> 2)
    new Uint8Array(small.buffer).set(source)
    storage.small = small
    return storage
  }
  arena.beginRun()
  const address = arena.allocate(storage)
  arena.bytes.set(source, address)
  return storage
}

/** A compiled program: everything that a run needs is worked out here, so that a run only copies pointers. */
export const programExecutable = (runtime: WasmRuntime, program: Program): Executable => {
  const { arena } = runtime
  const printed = printProgram(program, { maximumPages: 65536, shared: false })
  let run = runtime.instantiate(printed)
  let { generation } = runtime
  const { frame } = printed
  const inputCount = program.inputs.length
  const blockWord = temporariesWord(frame)
  // Small arrays are staged behind the temporaries for the run.
  let blockBytes = Math.ceil(program.temporaryBytes / 64) * 64
  const stage = (bytes: number): number => {
    const offset = blockBytes
    blockBytes += Math.ceil(bytes / 64) * 64
    return offset
  }
  const staging = program.inputs.map(({ size, dtype }) => {
    const bytes = size * dtypeBytes(dtype)
    return bytes > 0 && bytes <= smallBytes ? stage(bytes) : -1
  })
  const results = program.outputs.map((buffer, i): Result => {
    const placement = known(program.placements.get(buffer), 'placement of a result')
    if (placement.kind === 'temporary') throw new InternalError('a result among the temporaries')
    if (placement.kind !== 'output' || placement.index !== i) return { kind: placement.kind, index: placement.index }
    const bytes = buffer.size * dtypeBytes(buffer.dtype)
    const small = bytes > 0 && bytes <= smallBytes
    return { kind: 'fresh', bytes, word: outputWord(frame, i), staging: small ? stage(bytes) : -1 }
  })
  const constants = program.constants.map(({ buffer, data }) =>
    storageFromHost(arena, data, buffer.size * dtypeBytes(buffer.dtype)),
  )
  const constantStaging = constants.map((storage) => (storage.small === undefined ? -1 : stage(storage.bytes)))

  /** Makes an array's bytes present, and writes its address into the frame. */
  const place = (storage: WasmStorage, word: number, block: number, offset: number): void => {
    const { small } = storage
    if (small === undefined) {
      arena.words[word] = arena.locate(storage)
      return
    }
    const address = block + offset
    const { words } = arena
    const first = address >>> 2
    if (small.length > loopedWords) words.set(small, first)
    else for (let i = 0; i < small.length; i++) words[first + i] = small[i] ?? 0
    words[word] = address
  }

  return {
    run: (inputs, donated) => {
      arena.beginRun()
      if (generation !== runtime.generation) {
        run = runtime.instantiate(printed)
        generation = runtime.generation
      }
      runtime.findHelp()
      const scratch = printed.usesScratch ? runtime.scratch() : 0
      const block = blockBytes > 0 ? arena.temporary(blockBytes) : 0
      for (let i = 0; i < inputCount; i++)
        place(own(known(inputs[i], 'input')), inputWord(frame, i), block, staging[i] ?? -1)
      for (let i = 0; i < constants.length; i++) {
        place(known(constants[i], 'constant'), constantWord(frame, i), block, constantStaging[i] ?? -1)
      }
      const out = new Array<WasmStorage>(results.length)
      for (let i = 0; i < results.length; i++) {
        const result = known(results[i], 'result')
        if (result.kind !== 'fresh') continue
        const storage = new WasmStorage(result.bytes)
        out[i] = storage
        if (result.staging >= 0) arena.words[result.word] = block + result.staging
        else if (result.bytes > 0) {
          const address = arena.allocate(storage)
          arena.words[result.word] = address
        }
      }
      arena.words[blockWord] = block
      arena.words[scratchWord] = scratch
      runtime.running = printed
      run()
      for (let i = 0; i < results.length; i++) {
        const result = known(results[i], 'result')
        if (result.kind === 'fresh') {
          if (result.staging < 0) continue
          const first = (block + result.staging) >>> 2
          const length = (result.bytes + 3) >> 2
          const { words } = arena
          let small: Int32Array
          if (length > loopedWords) small = words.slice(first, first + length)
          else {
            small = new Int32Array(length)
            for (let k = 0; k < length; k++) small[k] = words[first + k] ?? 0
          }
          known(out[i], 'result').small = small
          continue
        }
        const list = result.kind === 'input' ? inputs : result.kind === 'output' ? out : constants
        const again = own(known(list[result.index], 'result'))
        again.holders++
        out[i] = again
      }
      if (donated !== undefined) {
        for (let i = 0; i < inputCount; i++) if (donated[i] === true) arena.release(own(known(inputs[i], 'input')))
      }
      return out
    },
    kernels: () => kernelText(program),
    text: () => disassemble(printed.bytes),
    temporaryBytes: program.temporaryBytes,
    flops: programFlops(program),
  }
}
