/** The device named `wasm`: compiles programs to WebAssembly and runs them in one linear memory. */
import {
  type DType,
  type Device,
  type Executable,
  type HostData,
  type ShapedArray,
  type Storage,
  ArgumentError,
  DeviceError,
  InternalError,
  dtypeBytes,
  known,
  makeHostData,
  outputAvals,
} from '../../core/index.js'
import { type Program, compile, texts } from '../../compiler/index.js'
import { largestPages } from './assembler.js'
import { constantWord, inputWord, outputWord, scratchWord, temporariesWord } from './frame.js'
import { WasmStorage, smallBytes } from './storage.js'
import { disassembler } from './parts.js'
import { printProgram } from './program.js'
import { WasmRuntime, storageFromHost } from './runtime.js'

export { WasmRuntime, storageFromHost }

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
  /** Whether products may multiply and add with one instruction, rounding once, where the engine has it. */
  readonly relaxedSimd?: boolean
}

/** The device with what only it has. */
export interface WasmDevice extends Device {
  /** Applies what is given, and returns the number of threads: 1 where engines don't let threads share memory. */
  readonly configure: (options: WasmConfiguration) => number
  /** Resolves when the threads that were asked for are up, or after five seconds. */
  readonly threadsReady: () => Promise<void>
}

const defaultBudget = 2 ** 30
const smallestBudget = 4 << 20
/** Milliseconds that worker threads are waited for. */
const longestStart = 5000
/** Elements that JavaScript fills, and copies from there on: all of a small array. */
const mostFilled = smallBytes
/** Words that a loop copies faster than a call does. */
const loopedWords = 48

/** Where a result comes from. */
type Result =
  | { readonly kind: 'fresh'; readonly bytes: number; readonly word: number; readonly staging: number }
  /** The storage of an input, or of an earlier result, once more. */
  | { readonly kind: 'input' | 'output'; readonly index: number }
  | { readonly kind: 'constant'; readonly index: number }

/** Makes the device; it is ready at once. */
export const createWasmDevice = (options: WasmDeviceOptions = {}): WasmDevice =>
  deviceOf(new WasmRuntime(options.wasmMemoryBudget ?? defaultBudget))

/** The device of a runtime. */
export const deviceOf = (runtime: WasmRuntime): WasmDevice => {
  const { arena } = runtime
  const read = (storage: Storage, dtype: DType): HostData => makeHostData(dtype, arena.copyOut(own(storage)))
  const device: WasmDevice = {
    name: 'wasm',
    kind: () => `WebAssembly, ${runtime.threads} ${runtime.threads === 1 ? 'thread' : 'threads'}`,
    synchronous: true,
    checkDType: () => {},
    compile: (jaxpr, donated) => programExecutable(runtime, compile(jaxpr, donated && { donated }), outputAvals(jaxpr)),
    fromHost: (data, dtype) => storageFromHost(arena, data, data.length * dtypeBytes(dtype), dtype),
    fill: (value, dtype, size) => {
      const some = makeHostData(dtype, Math.min(size, mostFilled)).fill(value)
      return storageFromHost(arena, some, size * dtypeBytes(dtype), dtype)
    },
    read,
    readAsync: (storage, dtype) => Promise.resolve(read(storage, dtype)),
    release: (storage) => arena.release(own(storage)),
    memoryStats: () => arena.stats('wasm'),
    configure: ({ memoryBudget, threads, relaxedSimd }) => {
      if (arena.isInterrupted) {
        throw new DeviceError(
          'wasm: threads, budget and relaxed SIMD cannot change while a program waits for a callback. Set them before it runs.',
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
      if (relaxedSimd !== undefined) runtime.setRelaxedSimd(relaxedSimd)
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

/**
 * A compiled program: everything that a run needs is worked out here, so that a run only copies pointers. `avals` are those
 * of the results, for messages.
 */
export const programExecutable = (
  runtime: WasmRuntime,
  program: Program,
  avals: readonly ShapedArray[] = [],
): Executable => {
  const { arena } = runtime
  const printed = printProgram(program, { maximumPages: largestPages, shared: false }, runtime.jobScale)
  let run = runtime.instantiate(printed)
  let { generation } = runtime
  const { frame } = printed
  const inputCount = program.inputs.length
  const firstInput = inputWord(frame, 0)
  const firstConstant = constantWord(frame, 0)
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
  /** For each result the input whose place it may take, or -1. */
  const places = results.map((result, output) => {
    const input = program.takeovers?.find((takeover) => takeover.output === output)?.input ?? -1
    return result.kind === 'fresh' && result.staging < 0 && result.bytes > 0 && staging[input] === -1 ? input : -1
  })
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

  /** Whether an input's memory is given away by its only holder. */
  const isGiven = (inputs: readonly Storage[], donated: readonly boolean[] | undefined, i: number): boolean => {
    if (donated?.[i] !== true) return false
    const storage = own(known(inputs[i], 'input'))
    return storage.holders === 1 && inputs.indexOf(storage) === i && inputs.lastIndexOf(storage) === i
  }

  return {
    run: (inputs, donated) => {
      arena.beginRun()
      if (generation !== runtime.generation) {
        run = runtime.instantiate(printed)
        generation = runtime.generation
      }
      runtime.findHelp()
      const scratch = printed.usesScratch ? runtime.scratch(printed.iterationBytes) : 0
      const block = blockBytes > 0 ? arena.temporary(blockBytes) : 0
      for (let i = 0; i < inputCount; i++)
        place(own(known(inputs[i], 'input')), firstInput + i, block, staging[i] ?? -1)
      for (let i = 0; i < constants.length; i++) {
        place(known(constants[i], 'constant'), firstConstant + i, block, constantStaging[i] ?? -1)
      }
      const out = new Array<WasmStorage>(results.length)
      for (let i = 0; i < results.length; i++) {
        const result = known(results[i], 'result')
        if (result.kind !== 'fresh') continue
        const storage = new WasmStorage(result.bytes, avals[i])
        out[i] = storage
        const input = places[i] ?? -1
        if (input >= 0 && isGiven(inputs, donated, input))
          arena.words[result.word] = arena.words[firstInput + input] ?? 0
        else if (result.staging >= 0) arena.words[result.word] = block + result.staging
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
          const input = places[i] ?? -1
          if (input >= 0 && isGiven(inputs, donated, input))
            arena.handOver(own(known(inputs[input], 'input')), known(out[i], 'result'))
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
      return out
    },
    kernels: () => texts.get('lower').kernelText(program),
    text: () => disassembler.get('lower')(printed.bytes),
    temporaryBytes: program.temporaryBytes,
    flops: () => texts.get('lower').programFlops(program),
  }
}
