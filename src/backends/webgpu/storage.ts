/** Arrays on the GPU: handles whose memory comes when the program that makes them has been run. */
import { type HostData, type Storage, InternalError } from '../../core/index.js'
import type { GpuBuffer } from './pool.js'

/** Where an array's values are. It outlives the handle for as long as programs that were started need it. */
export class Cell {
  buffer: GpuBuffer | undefined
  readonly bytes: number
  /** Tells when nobody has the handle any more, where that can be known before the event loop turns. */
  watcher: WeakRef<WebgpuStorage> | undefined
  /** Why there are no values: the program that should have made them failed. */
  failure: Error | undefined
  /** Whether the memory belongs to somebody else, who frees it. */
  readonly borrowed: boolean
  /** The runtime of the GPU that it is on. */
  readonly home: object
  constructor(home: object, bytes: number, buffer?: GpuBuffer, borrowed = false) {
    this.home = home
    this.bytes = bytes
    this.buffer = buffer
    this.borrowed = borrowed
  }
}

export class WebgpuStorage implements Storage {
  readonly bytes: number
  /** Another one after the GPU was lost. */
  cell: Cell
  /** Arrays that share these values: an input may be a result too. */
  holders = 1
  /** The values, where the host has them: it made them, or has read them. Nobody else may change them. */
  host: HostData | undefined
  constructor(cell: Cell) {
    this.bytes = cell.bytes
    this.cell = cell
  }
}

export const own = (storage: Storage): WebgpuStorage => {
  if (storage instanceof WebgpuStorage) return storage
  throw new InternalError('an array of another device was given to webgpu')
}
