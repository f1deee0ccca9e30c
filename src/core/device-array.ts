/** Arrays with values: a storage on a device, or a scalar that has not needed one yet. */
import { type ShapedArray, avalText, shapedArray } from './aval.js'
import type { Device, Storage } from './device.js'
import { type DType, type HostData, makeHostData } from './dtype.js'
import { DeletedArrayError, DeviceError, InternalError } from './errors.js'
import { decodeHost, encodeHost } from './host.js'
import { NDArray } from './ndarray.js'

/** An array with values on a device. Scalars made from JS numbers stay on the host until a device needs them. */
export class DeviceArray extends NDArray {
  readonly aval: ShapedArray
  readonly #device: Device
  #storage: Storage | undefined
  /** Value of a scalar that came from a JS number: known without reading. */
  readonly scalar: number | undefined
  #deleted: string | undefined

  constructor(aval: ShapedArray, device: Device, storage: Storage | undefined, scalar?: number) {
    super()
    this.aval = aval
    this.#device = device
    this.#storage = storage
    this.scalar = scalar
  }

  get device(): string {
    return this.#device.name
  }
  get deviceHandle(): Device {
    return this.#device
  }

  /** The values on the array's device; throws DeletedArrayError once given away. */
  storage(): Storage {
    if (this.#storage !== undefined) return this.#storage
    if (this.#deleted !== undefined) {
      throw new DeletedArrayError(`This ${avalText(this.aval)} array has no values any more: it was ${this.#deleted}`)
    }
    if (this.scalar === undefined) throw new InternalError('an array without storage')
    this.#storage = this.#device.fromHost(encodeHost([this.scalar], this.dtype), this.dtype)
    return this.#storage
  }

  /** Frees the memory now; later uses throw. `how` completes "it was ...", and `advice` says what to do instead. */
  delete(how: string, advice?: string): void {
    if (this.#storage === undefined && this.#deleted !== undefined) return
    if (this.#storage !== undefined) this.#device.release(this.#storage)
    this.forget(how, advice)
  }

  /** Marks the array as given away, its storage now belonging to somebody else. Scalars from JS numbers get another one. */
  forget(how: string, advice = `Use the result that replaced it, or don't give the array away.`): void {
    this.#storage = undefined
    if (this.scalar === undefined) this.#deleted = `${how}. ${advice}`
  }

  get isDeleted(): boolean {
    return this.#deleted !== undefined
  }

  async data(): Promise<HostData> {
    if (this.size === 0 && !this.isDeleted) return decodeHost(makeHostData(this.dtype, 0), this.dtype)
    return decodeHost(await this.#device.readAsync(this.storage(), this.dtype, this.size), this.dtype)
  }

  dataSync(): HostData {
    if (!this.#device.synchronous) {
      throw new DeviceError(
        `dataSync: arrays on '${this.device}' are read asynchronously; write 'await x.data()' (or jsAsync), ` +
          `or move the array with devicePut(x, 'wasm').`,
      )
    }
    if (this.size === 0 && !this.isDeleted) return decodeHost(makeHostData(this.dtype, 0), this.dtype)
    return decodeHost(this.#device.read(this.storage(), this.dtype, this.size), this.dtype)
  }

  /** The values, if they can be had without waiting. */
  knownOnHost(): HostData | undefined {
    if (this.scalar !== undefined) return decodeHost(encodeHost([this.scalar], this.dtype), this.dtype)
    if (this.#device.synchronous || this.size === 0) return this.dataSync()
    const known = this.#device.knownOnHost?.(this.storage())
    return known === undefined ? undefined : decodeHost(known, this.dtype)
  }

  /**
   * The values for deciding something on the host. Where reading takes time, those that the host knows: of arrays made from
   * JavaScript values, and of arrays that were read before. `use` says what wants them.
   */
  hostValues(use: string): HostData {
    const known = this.knownOnHost()
    if (known !== undefined) return known
    throw new DeviceError(
      `${use}: needs values of a ${avalText(this.aval)} array on '${this.device}' that are not on the host yet. ` +
        `'await x.data()' fetches them: from then on this works with the same array.`,
    )
  }

  item(): number {
    if (this.scalar !== undefined) return this.scalar
    if (this.size !== 1) {
      throw new DeviceError(
        `item: only an array of one element is a number, and this one is ${avalText(this.aval)}. Index it first, or use js().`,
      )
    }
    return this.dataSync()[0] ?? NaN
  }
}

/** A scalar from a JS number. */
export const scalarArray = (value: number, dtype: DType, weakType: boolean, device: Device): DeviceArray =>
  new DeviceArray(shapedArray([], dtype, weakType), device, undefined, value)
