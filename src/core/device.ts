/** Devices: what a backend implements, and the registry that it adds itself to. */
import type { DType, HostData } from './dtype.js'
import { DeviceError } from './errors.js'
import type { Jaxpr } from './primitive.js'

/** Values of one array on a device; only the device knows what is inside. */
export interface Storage {
  readonly bytes: number
  /** How many arrays have it, on devices where several may: the last one that is released frees it. */
  holders?: number
}

/** A compiled program. */
export interface Executable {
  /** Runs once. `donated[i]` allows the program to overwrite input i, whose storage the caller must release afterwards. */
  readonly run: (inputs: readonly Storage[], donated?: readonly boolean[]) => readonly Storage[]
  /** The fused kernels, as text. */
  readonly kernels: () => string
  /** What the device was given (WAT-like text or WGSL). */
  readonly text: () => string
  /** Planned bytes of temporaries at their peak. */
  readonly temporaryBytes: number
  /** Floating-point operations of a run, every function counted as one; of a `while`, those of one trip. */
  readonly flops: () => number
  /** Resolves when a run would not have to wait for compiling; devices that compile at once have none. */
  readonly ready?: () => Promise<void>
}

/** Bytes that a device holds. */
export interface MemoryStats {
  readonly device: string
  /**
   * Bytes of arrays in the device's own memory that are not known to be dead. Arrays of up to 4 kB on
   * `wasm` are ordinary memory of JavaScript, which the garbage collector takes, and not counted.
   */
  readonly live: number
  /** Bytes in use of the device's own memory: arrays, dead ones among them that are not known to be, and temporaries. */
  readonly resident: number
  /** Bytes besides, that nothing uses now: kept for the arrays to come. */
  readonly pooled: number
  /** Bytes moved out to the host to make room. */
  readonly spilled: number
  readonly peak: number
  readonly budget: number
}

/** A backend. Names are `js`, `wasm`, `webgpu`. */
export interface Device {
  readonly name: string
  /** What does the work, for people to read: the GPU's name, the number of threads. */
  readonly kind?: () => string
  /** Whether values can be read without waiting. */
  readonly synchronous: boolean
  /** Throws DeviceError when the device cannot hold the dtype. */
  readonly checkDType: (dtype: DType) => void
  /** `donated` says which inputs callers usually give away; they may do otherwise in any run. */
  readonly compile: (jaxpr: Jaxpr, donated?: readonly boolean[]) => Executable
  /** Copies the values. */
  readonly fromHost: (data: HostData, dtype: DType) => Storage
  /** `size` elements that are all kept as `value`. Devices that have none run a program for it. */
  readonly fill?: (value: number, dtype: DType, size: number) => Storage
  /** A copy of the values. */
  readonly read: (storage: Storage, dtype: DType, size: number) => HostData
  readonly readAsync: (storage: Storage, dtype: DType, size: number) => Promise<HostData>
  /** Resolves when the values are there, without reading them; devices that compute at once need none. */
  readonly settled?: (storage: Storage) => Promise<void>
  /** A copy of values that the host has too: it made them, or has read them. Devices that are read at once need none. */
  readonly knownOnHost?: (storage: Storage) => HostData | undefined
  readonly release: (storage: Storage) => void
  readonly memoryStats: () => MemoryStats
  /** Starts the device again if it was lost. Devices that cannot be lost have none. */
  readonly restore?: () => Promise<void>
}

/** A device that went away. */
export interface DeviceLoss {
  /** Name of the device. */
  readonly device: string
  /** `destroyed` when the program gave it back, `unknown` when a driver failed or the system took it. */
  readonly reason: 'destroyed' | 'unknown'
  /** What the system says about it, if anything. */
  readonly message: string
}

const lossListeners = new Set<(loss: DeviceLoss) => void>()

/**
 * Calls a function whenever a device is lost: a GPU whose driver failed, or that the system took away. What was asked of the device
 * fails with DeviceLostError; `await restore()` starts it again.
 *
 * @param listener is called once for each loss
 * @returns a function that ends the listening
 * @example
 * ```ts
 * const stop = onDeviceLost(({ device, reason }) => console.warn(`${device} was lost: ${reason}`))
 * stop()
 * ```
 */
export const onDeviceLost = (listener: (loss: DeviceLoss) => void): (() => void) => {
  // Two listenings with one function are two.
  const own = (loss: DeviceLoss): void => listener(loss)
  lossListeners.add(own)
  return () => void lossListeners.delete(own)
}

/** Tells the listeners; for backends. What one of them throws keeps none of the others from hearing. */
export const tellLoss = (loss: DeviceLoss): void => {
  for (const listener of lossListeners) queueMicrotask(() => listener(loss))
}

const registry = new Map<string, Device>()
let chosen: Device | undefined

/** Makes a device available; the first one is the default. */
export const registerDevice = (device: Device): void => {
  registry.set(device.name, device)
  chosen ??= device
}

/** Names of the devices that are ready. */
export const devices = (): string[] => [...registry.keys()]

/** The device of that name; throws DeviceError naming the ones there are. */
export const getDevice = (name: string): Device => {
  const device = registry.get(name)
  if (device === undefined) {
    throw new DeviceError(
      `device '${name}' is not ready; available: ${devices().join(', ') || 'none'}. ` +
        `Devices that need preparation are started by 'await init({ device: "${name}" })'.`,
    )
  }
  return device
}

/**
 * What does the work behind a device, for people to read: `2 threads`, or the vendor and architecture of a GPU, with `(software)`
 * when it is none in truth. JAX calls this `device_kind`.
 *
 * @param name default: the device of new arrays
 * @throws DeviceError when the device is not ready
 * @example
 * ```ts
 * console.log(deviceKind('wasm')) // WebAssembly, 1 thread
 * ```
 */
export const deviceKind = (name: string = currentDevice().name): string => {
  const device = getDevice(name)
  return device.kind?.() ?? device.name
}

/** The device of new arrays. */
export const currentDevice = (): Device => {
  if (chosen === undefined) {
    throw new DeviceError(
      `no device is registered: import 'cotangent', which brings 'wasm' and 'js', before making arrays.`,
    )
  }
  return chosen
}

/** Name of the device of new arrays; with a name, sets it. */
export const defaultDevice = (name?: string): string => {
  if (name !== undefined) chosen = getDevice(name)
  return currentDevice().name
}

/** Runs `f` with another default device. */
export const withDevice = <R>(name: string, f: () => R): R => {
  const before = chosen
  chosen = getDevice(name)
  try {
    return f()
  } finally {
    chosen = before
  }
}

/** Memory of every device that is ready. */
export const memoryStats = (): Readonly<Record<string, MemoryStats>> => {
  const out: Record<string, MemoryStats> = {}
  for (const device of registry.values()) out[device.name] = device.memoryStats()
  return out
}
