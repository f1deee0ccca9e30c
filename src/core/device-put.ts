/** Moving arrays between devices. */
import { currentDevice, getDevice } from './device.js'
import { DeviceArray } from './device-array.js'
import { NDArray } from './ndarray.js'
import { shapedArray } from './aval.js'
import { flatten, unflatten } from './tree.js'

/** The same values on another device; traced arrays stay as they are. Reading from an asynchronous device is not possible here. */
const moveArray = (x: NDArray, name: string): NDArray => {
  if (!(x instanceof DeviceArray)) return x
  const target = getDevice(name)
  if (x.deviceHandle === target) return x
  if (x.scalar !== undefined) return new DeviceArray(x.aval, target, undefined, x.scalar)
  target.checkDType(x.dtype)
  const host = x.deviceHandle.knownOnHost?.(x.storage()) ?? x.deviceHandle.read(x.storage(), x.dtype, x.size)
  return new DeviceArray(shapedArray(x.shape, x.dtype, x.weakType), target, target.fromHost(host, x.dtype))
}

/**
 * Puts every array of a pytree on a device (the default one unless named). Leaves that are no arrays stay.
 * Throws DeviceError when the device is not ready or cannot hold a dtype.
 */
export const devicePut = <T>(value: T, device: string = currentDevice().name): T => {
  const { leaves, def } = flatten(value)
  return unflatten(
    def,
    leaves.map((leaf) => (leaf instanceof NDArray ? moveArray(leaf, device) : leaf)),
  ) as T
}
