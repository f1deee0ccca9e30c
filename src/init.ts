/** Preparing devices, and waiting for them. */
import { type WebgpuDevice, createWebgpuDevice } from './backends/webgpu/index.js'
import { DeviceArray, DeviceError, defaultDevice, devices, getDevice, registerDevice, tree } from './core/index.js'

export interface InitOptions {
  /** Device to prepare and to make the default. */
  readonly device?: string
  /** Where GPU adapters come from, for `webgpu`. Default: `navigator.gpu`, or in Node the optional package `webgpu`. */
  readonly gpu?: GPU
  /** Most bytes of GPU memory that `webgpu` takes. Default: 4 GiB. */
  readonly gpuMemoryBudget?: number
}

let webgpu: Promise<WebgpuDevice> | undefined

/** Starts the GPU, once; again when another GPU object or budget is given. */
const startWebgpu = async ({ gpu, gpuMemoryBudget }: InitOptions): Promise<void> => {
  if (webgpu === undefined || gpu !== undefined || gpuMemoryBudget !== undefined) {
    webgpu = createWebgpuDevice({
      ...(gpu === undefined ? {} : { gpu }),
      ...(gpuMemoryBudget === undefined ? {} : { gpuMemoryBudget }),
    })
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
 *
 * @param options a device's name, or options
 * @example
 * ```ts
 * console.log(await init()) // [ 'wasm', 'js' ]
 * ```
 */
export const init = async (options: InitOptions | string = {}): Promise<string[]> => {
  const given: InitOptions = typeof options === 'string' ? { device: options } : options
  const { device } = given
  if (device === 'webgpu') await startWebgpu(given)
  if (device !== undefined) {
    if (!devices().includes(device)) {
      throw new DeviceError(`init: there is no device '${device}'; available: ${devices().join(', ')}.`)
    }
    getDevice(device)
    defaultDevice(device)
  }
  return devices()
}

/** Resolves when every array of a pytree has its values. */
export const blockUntilReady = async <T>(value: T): Promise<T> => {
  for (const leaf of tree.leaves(value)) {
    if (leaf instanceof DeviceArray && !leaf.deviceHandle.synchronous) await leaf.data()
  }
  return value
}
