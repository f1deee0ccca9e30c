/** What the device keeps of an array: where its bytes are. */
import type { ShapedArray, Storage } from '../../core/index.js'
import type { Life, Pulse } from '../common/generations.js'
import type { Block } from './allocator.js'

/** Arrays up to this many bytes live on the host and are copied in for a run: that costs less than registering a finalizer. */
export const smallBytes = 4096

/**
 * Where the bytes of an array are: in the arena, or on the host after they had to make room, or nowhere once released. The
 * arena knows slots only while they are in it, and never storages: so a moved-out array belongs to the garbage collector.
 */
export class Slot {
  readonly bytes: number
  block: Block<Slot> | undefined
  host: ArrayBuffer | undefined
  /** Tells whether the array is gone, while it is in the arena. */
  life: Life | undefined
  /** Shape and dtype, for messages. */
  readonly aval: ShapedArray | undefined
  constructor(bytes: number, aval: ShapedArray | undefined) {
    this.bytes = bytes
    this.aval = aval
  }
}

/** An array on the device, as the rest of the library holds it. */
export class WasmStorage implements Storage {
  readonly bytes: number
  /** Undefined for small arrays, and after release. */
  slot: Slot | undefined
  /** By this the arena learns, without knowing the storage, that it is still there. */
  pulse: Pulse | undefined
  /** Words of a small array. */
  small: Int32Array | undefined
  /** Arrays that hold this storage: a program that returns its input gives the same storage again. */
  holders = 1
  /** Shape and dtype, for messages: flat when it came from the host. */
  readonly aval: ShapedArray | undefined
  constructor(bytes: number, aval?: ShapedArray) {
    this.bytes = bytes
    this.aval = aval
  }
}
