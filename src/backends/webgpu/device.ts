/** The device named `webgpu`: arrays and programs on a GPU, and the GPU's coming and going. */
import { type Device, type Storage, DeviceError, tellLoss } from '../../core/index.js'
import { acquire, findGpu } from './acquire.js'
import { executable } from './executable.js'
import { checkGpuDType, fromWords, toWords } from './layout.js'
import type { GpuProvider } from './provider.js'
import { Runtime } from './runtime.js'
import { own } from './storage.js'

export interface WebgpuDeviceOptions {
  /** Where adapters come from; default: `navigator.gpu`, or in Node the package `webgpu`. */
  readonly gpu?: GpuProvider
  /** Most bytes of GPU memory that are taken. Default: 4 GiB. */
  readonly gpuMemoryBudget?: number
  /** What shaders are chosen for. Default: what the adapter is. */
  readonly tuning?: 'software' | 'hardware'
}

/** A device with a GPU behind it, whose memory other programs for that GPU may share. */
export interface WebgpuDevice extends Device {
  readonly restore: () => Promise<void>
  /** Whether the GPU is gone: taken away, or destroyed. */
  readonly isLost: () => boolean
  /** Hands the GPU back; arrays on it are gone. */
  readonly destroy: () => void
  /** The GPU at the moment. */
  readonly gpuDevice: () => GPUDevice
  /** Memory of an array, when what computes it has been given to the GPU. */
  readonly bufferOf: (storage: Storage) => Promise<GPUBuffer>
  /** An array over memory that its owner keeps. */
  readonly fromBuffer: (buffer: GPUBuffer, bytes: number) => Promise<Storage>
}

/** Bytes of an array made on the host up to which the host keeps its values: for functions whose result's shape depends on them, and for
 * a GPU that is lost. */
const keptUpload = 16 << 20

const defaultBudget = 4 * 2 ** 30

/** Makes the device; rejects with DeviceError when there is no WebGPU or no adapter. */
export const createWebgpuDevice = async (options: WebgpuDeviceOptions = {}): Promise<WebgpuDevice> => {
  const start = async (): Promise<{ readonly runtime: Runtime; readonly name: string }> => {
    const { device, software, name } = await acquire(options.gpu ?? (await findGpu()))
    const runtime = new Runtime({
      device,
      software: options.tuning === undefined ? software : options.tuning === 'software',
      budget: options.gpuMemoryBudget ?? defaultBudget,
      onLost: (reason, message) => tellLoss({ device: 'webgpu', reason, message }),
    })
    return { runtime, name }
  }
  let gpu = await start()
  let restoring: Promise<void> | undefined
  const restart = async (): Promise<void> => {
    try {
      gpu = await start()
    } finally {
      restoring = undefined
    }
  }
  return {
    name: 'webgpu',
    kind: () => gpu.name,
    synchronous: false,
    checkDType: checkGpuDType,
    compile: (jaxpr) => executable(() => gpu.runtime, jaxpr),
    fromHost: (data, dtype) => {
      checkGpuDType(dtype)
      const storage = gpu.runtime.upload(toWords(data))
      if (data.byteLength <= keptUpload) storage.host = data.slice()
      return storage
    },
    knownOnHost: (storage) => own(storage).host?.slice(),
    read: () => {
      throw new DeviceError(
        `arrays on 'webgpu' are read asynchronously: write 'await x.data()' or 'await x.jsAsync()'; to move one to another ` +
          `device, make it there from its values.`,
      )
    },
    readAsync: async (storage, dtype, size) => {
      const holder = own(storage)
      const { runtime } = gpu
      runtime.bring(holder)
      // Arrays never change, so what was read once is known; the GPU is asked all the same whether anything went wrong.
      const data = fromWords(await runtime.readStorage(holder), dtype, size)
      holder.host = data
      return data.slice()
    },
    settled: async (storage) => {
      const { runtime } = gpu
      const holder = own(storage)
      runtime.bring(holder)
      await runtime.finished(holder.cell)
    },
    release: (storage) => gpu.runtime.release(storage),
    memoryStats: () => gpu.runtime.stats('webgpu'),
    restore: async () => {
      // A GPU that has just gone is told to be gone in a turn of its own.
      await new Promise((resolve) => setTimeout(resolve, 0))
      if (gpu.runtime.lost) await (restoring ??= restart())
    },
    isLost: () => gpu.runtime.lost,
    destroy: () => gpu.runtime.device.destroy(),
    gpuDevice: () => gpu.runtime.device,
    bufferOf: async (storage) => {
      const { runtime } = gpu
      const holder = own(storage)
      runtime.bring(holder)
      return (await runtime.settled(holder.cell)).buffer
    },
    fromBuffer: (buffer, bytes) => gpu.runtime.borrow(buffer, bytes),
  }
}
