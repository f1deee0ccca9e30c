/** Preparing devices, and waiting for them. */
import type { WebgpuDevice } from './backends/webgpu/index.js'
import type { GpuProvider } from './backends/webgpu/provider.js'
import { threads as threadsPart } from './backends/wasm/parts.js'
import { poolSize, startPool } from './backends/wasm/pool.js'
import { type WasmConfiguration, type WasmDevice, isWasmDevice } from './backends/wasm/index.js'
import {
  DeviceArray,
  DeviceError,
  defaultDevice,
  devices,
  getDevice,
  registerDevice,
  tree,
  checkOptions,
} from './core/index.js'
import { addSharing } from './parts.js'

export interface InitOptions {
  /** Device to prepare and to make the default. */
  readonly device?: string
  /** Where GPU adapters come from, for `webgpu`. Default: `navigator.gpu`, or in Node the optional package `webgpu`. */
  readonly gpu?: GpuProvider
  /** Most bytes of GPU memory that `webgpu` takes. Default: 4 GiB. */
  readonly gpuMemoryBudget?: number
  /** Threads that work on large kernels of `wasm`. Default: 1. */
  readonly threads?: number
  /** Most bytes of linear memory of `wasm`, at most 4 GiB; arrays beyond it move out to ordinary buffers. Default: 1 GiB. */
  readonly wasmMemoryBudget?: number
  /**
   * Whether matrix products and convolutions of floats on `wasm` multiply and add with one instruction, which rounds once instead of
   * twice, where the engine has it (relaxed SIMD: Node 24 and Chromium, not Node 20). Default: true. With false, their results have
   * the same bits in every engine.
   */
  readonly relaxedSimd?: boolean
}

let webgpu: Promise<WebgpuDevice> | undefined

/** Starts the GPU, once; again when it was lost, or another GPU object or budget is given. */
const startWebgpu = async ({ gpu, gpuMemoryBudget }: InitOptions): Promise<void> => {
  const before = await webgpu
  if (before !== undefined && gpu === undefined && gpuMemoryBudget === undefined) await before.restore()
  if (webgpu === undefined || gpu !== undefined || gpuMemoryBudget !== undefined) {
    // Loaded when asked for, so that programs without a GPU don't carry its backend.
    webgpu = import('./backends/webgpu/index.js').then(({ createWebgpuDevice }) =>
      createWebgpuDevice({
        ...(gpu === undefined ? {} : { gpu }),
        ...(gpuMemoryBudget === undefined ? {} : { gpuMemoryBudget }),
      }),
    )
  }
  const started = webgpu
  try {
    registerDevice(await started)
  } catch (error) {
    if (webgpu === started) webgpu = undefined
    throw error
  }
}

/**
 * Prepares devices and resolves to the names of those that are ready. `wasm` and `js` need no preparation; `webgpu` does.
 * Rejects with DeviceError when there is no such device, or no GPU for `webgpu`.
 * With `threads` it resolves when they are up. It may be called again, to change one of the options.
 *
 * @param options a device's name, or options
 * @throws ArgumentError for a budget below 4 MiB or a number of threads below 1
 * @example
 * ```ts
 * console.log(await init({ threads: 2, wasmMemoryBudget: 512 * 2 ** 20 })) // [ 'wasm', 'js' ]
 * ```
 */
export const init = async (options: InitOptions | string = {}): Promise<string[]> => {
  const given: InitOptions = typeof options === 'string' ? { device: options } : options
  const { device, threads, wasmMemoryBudget, relaxedSimd } = checkOptions(
    'init',
    given,
    'device gpu gpuMemoryBudget threads wasmMemoryBudget relaxedSimd',
  )
  if (device === 'webgpu') await startWebgpu(given)
  if (device !== undefined) {
    if (!devices().includes(device)) {
      throw new DeviceError(
        `init: there is no device '${device}'; available: ${devices().join(', ')}` +
          (devices().includes('webgpu') ? '.' : ", and 'webgpu', which init starts."),
      )
    }
    getDevice(device)
    defaultDevice(device)
  }
  configureWasm({
    ...(threads === undefined ? {} : { threads }),
    ...(wasmMemoryBudget === undefined ? {} : { memoryBudget: wasmMemoryBudget }),
    ...(relaxedSimd === undefined ? {} : { relaxedSimd }),
  })
  const wasm = wasmDevice()
  if ((threads ?? relaxedSimd) !== undefined && wasm !== undefined) await wasm.threadsReady()
  return devices()
}

/**
 * Starts a lost device again; see `onDeviceLost`. Compiled programs are compiled again when they are called. Arrays that were made from
 * JavaScript values (up to 16 MiB each) or have been read come back by themselves; using others throws DeviceLostError.
 * Nothing happens if the device was not lost.
 *
 * @param device its name
 * @throws DeviceError when there is no such device, or it cannot be had again yet
 * @example
 * ```ts
 * await restore('wasm') // which cannot be lost
 * ```
 */
export const restore = async (device = 'webgpu'): Promise<void> => getDevice(device).restore?.()

const wasmDevice = (): WasmDevice | undefined => {
  const device = devices().includes('wasm') ? getDevice('wasm') : undefined
  return device !== undefined && isWasmDevice(device) ? device : undefined
}

/** Changes what is given, and returns the number of threads. */
const configureWasm = (options: WasmConfiguration): number => {
  if (options.threads !== undefined) {
    addSharing()
    threadsPart.add({ poolSize, startPool })
  }
  return wasmDevice()?.configure(options) ?? 1
}

/**
 * Sets how many threads work on large kernels of the `wasm` device. Results do not depend on it. Threads start by
 * themselves, within about 50 ms; until they are up, one works alone (`await init({ threads })` waits for them). They end
 * with the program, and don't keep it alive. With `cotangent/lean`, functions that were compiled before the first call of this or of
 * `init` with `threads` stay on one thread.
 *
 * @param threads a whole number from 1 up; more than the machine has cores is slower than fewer
 * @returns the number of threads: 1 where the engine lets no threads share memory, such as pages that are not cross-origin isolated
 * @throws ArgumentError if it is no whole number from 1 up
 * @example
 * ```ts
 * setThreads(2)
 * const x = numpy.ones([512, 512])
 * console.log(numpy.matmul(x, x).get(0, 0).item()) // 512
 * setThreads(1)
 * ```
 */
export const setThreads = (threads: number): number => configureWasm({ threads })

/** Resolves when every array of a pytree has its values, without reading them. Rejects with what kept one from being computed. */
export const blockUntilReady = async <T>(value: T): Promise<T> => {
  for (const leaf of tree.leaves(value)) {
    if (leaf instanceof DeviceArray && leaf.size > 0) await leaf.deviceHandle.settled?.(leaf.storage())
  }
  return value
}
