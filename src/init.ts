/** Preparing devices, and waiting for them. */
import { DeviceArray, DeviceError, defaultDevice, devices, getDevice, tree } from './core/index.js'

export interface InitOptions {
  /** Device to prepare and to make the default. */
  readonly device?: string
}

/**
 * Prepares devices and resolves to the names of those that are ready. `wasm` and `js` need no preparation.
 *
 * @param options a device's name, or options
 * @example
 * ```ts
 * console.log(await init()) // [ 'wasm', 'js' ]
 * ```
 */
export const init = async (options: InitOptions | string = {}): Promise<string[]> => {
  const { device } = typeof options === 'string' ? { device: options } : options
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
