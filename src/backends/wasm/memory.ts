/** The arena: linear memory as a bounded cache of arrays, which move out to ordinary buffers when room is needed. */
import { type MemoryStats, type OutOfMemoryError, InternalError } from '../../core/index.js'
import { type Block, BlockAllocator } from './allocator.js'
import { guardBytes } from './analysis.js'
import { Collector } from '../common/collector.js'
import type { Life } from '../common/generations.js'
import { LinearMemory, largestBytes } from './linear-memory.js'
import { outOfMemory } from './out-of-memory.js'
import { Recency } from './recency.js'
import { Reclaimer } from './reclaimer.js'
import { Slot, type WasmStorage } from './storage.js'

const pageBytes = 65536
/** Linear memory grows by so much at least: that replaces its buffer. Pages that nobody writes to take no memory. */
const smallestGrowth = 16 << 20
/** The part of it that blocks come from grows by so much: that is when pages are written to for the first time. */
const smallestStep = 1 << 20
/** Size up to which the arena grows freely. Beyond it, garbage is collected first: in a loop most arrays are dead. */
const firstComfort = 48 << 20
/** Size from which on old arrays move out where collecting garbage does not help. */
const firstLimit = 256 << 20
/** Where collections come too often, the arena rather grows, up to this size. */
const largestComfort = 128 << 20

/** Arrays begin here; below are the pointers of the running program. */
export const arenaStart = guardBytes

export interface ArenaOptions {
  /** Most bytes of linear memory. */
  readonly budget: number
  /** What finds dead arrays. */
  readonly collector?: Collector
}

const released = (): never => {
  throw new InternalError('a released array was used')
}

/** A budget that a 32-bit memory can hold besides the guards around the arena. */
const within = (budget: number): number => Math.max(0, Math.min(budget, largestBytes - 2 * guardBytes))

/** Linear memory and who lives in it. */
export class Arena {
  private readonly linear: LinearMemory
  private bound: number
  private capacity = arenaStart
  private readonly blocks = new BlockAllocator<Slot>()
  /** Those of arrays. */
  private readonly residents = new Recency<Slot>()
  private run = 1
  /** The first of the runs whose arrays must stay: an outer run waits while a callback starts others. */
  private firstRun = 1
  private waiting = 0
  private temporaryBlock: Block<Slot> | undefined
  private resident = 0
  /**
   * Bytes moved out so far. How many of them are still alive only the garbage collector knows: a finalizer for each would
   * pile up in a loop that never lets them run.
   */
  private spilled = 0
  private peak = 0
  /** The size beyond which room is made before the arena grows; arrays that had to be brought back raise it. */
  private limit: number
  /** The size up to which the arena grows without collecting garbage. */
  private comfort: number
  private readonly reclaimer: Reclaimer
  /** Where the reclaimer finds nothing: frees the blocks of dead arrays as soon as the event loop turns. It is given the block, which never reaches the storage. */
  private readonly dead = new FinalizationRegistry<Block<Slot>>((block) => this.drop(block))

  constructor(options: ArenaOptions) {
    this.bound = within(options.budget)
    const collector = options.collector ?? new Collector()
    this.linear = new LinearMemory(collector)
    this.reclaimer = new Reclaimer(this, collector)
    this.limit = Math.min(this.bound, firstLimit)
    this.comfort = Math.min(this.limit, firstComfort)
  }

  /** The linear memory; `share` replaces it. */
  get memory(): WebAssembly.Memory {
    return this.linear.memory
  }

  /** Views of all memory; they are replaced when it grows. */
  get bytes(): Uint8Array {
    return this.linear.bytes
  }

  get words(): Int32Array {
    return this.linear.words
  }

  /** Most bytes of linear memory. */
  get budget(): number {
    return this.bound
  }

  /** Changes the budget: arrays beyond a smaller one move out at once, those of a run that waits for a callback excepted. */
  setBudget(bytes: number): void {
    this.bound = within(bytes)
    this.limit = Math.min(this.bound, Math.max(firstLimit, this.capacity - arenaStart))
    this.comfort = Math.min(this.comfort, this.limit)
    this.beginRun()
    this.keepWithin(0)
  }

  /** Whether a run waits for a callback, so that nothing may move. */
  get isInterrupted(): boolean {
    return this.waiting > 0
  }

  /** Moves everything into memory that other threads can be given. Modules must be instantiated again. */
  share(): void {
    this.linear.share()
  }

  /** Starts a run: what it touches stays in the arena until the next one starts. */
  beginRun(): void {
    this.run++
    if (this.waiting === 0) this.firstRun = this.run
  }

  /** Does something that may run other programs in the middle of a run, whose arrays and temporaries stay where they are. */
  interrupted(action: () => void): void {
    const temporaries = this.temporaryBlock
    this.temporaryBlock = undefined
    this.waiting++
    try {
      action()
    } finally {
      this.waiting--
      if (this.temporaryBlock !== undefined) this.blocks.give(this.temporaryBlock)
      this.temporaryBlock = temporaries
    }
  }

  /** A new array with arbitrary contents, and its address. */
  allocate(storage: WasmStorage): number {
    const slot = new Slot(storage.bytes, storage.aval)
    storage.slot = slot
    const block = this.reserve(slot.bytes)
    this.settle(storage, slot, block)
    return block.offset
  }

  /** Address of an array, which is brought back if it had moved out. */
  locate(storage: WasmStorage): number {
    const slot = storage.slot
    if (slot === undefined) return storage.bytes === 0 ? arenaStart : released()
    let block = slot.block
    if (block === undefined) {
      const host = slot.host
      if (host === undefined) return released()
      block = this.reserve(slot.bytes)
      this.bytes.set(new Uint8Array(host), block.offset)
      slot.host = undefined
      this.limit = Math.min(this.bound, this.limit + 2 * slot.bytes)
      this.settle(storage, slot, block)
    } else if (block.run !== this.run) {
      this.residents.remove(block)
      this.use(block)
    }
    return block.offset
  }

  /** A copy of an array's bytes. */
  copyOut(storage: WasmStorage): ArrayBuffer {
    const { bytes, small, slot } = storage
    this.reclaimer.copy(bytes)
    if (bytes === 0) return new ArrayBuffer(0)
    if (small !== undefined) return new Uint8Array(small.buffer, small.byteOffset, bytes).slice().buffer
    if (slot === undefined) return released()
    return slot.block === undefined ? (slot.host ?? released()).slice(0) : this.linear.copy(slot.block.offset, bytes)
  }

  release(storage: WasmStorage): void {
    if (--storage.holders > 0) return
    const slot = storage.slot
    storage.slot = undefined
    storage.small = undefined
    if (slot === undefined) return
    if (slot.block !== undefined) this.evict(slot, slot.block)
    slot.host = undefined
  }

  /** Gives the place of one array to another. */
  handOver(from: WasmStorage, to: WasmStorage): void {
    const block = from.slot?.block
    if (from.slot === undefined || block === undefined) return released()
    this.leave(from.slot)
    from.slot = undefined
    this.residents.remove(block)
    this.resident -= block.bytes
    this.reclaimer.replace(block.bytes)
    const slot = new Slot(to.bytes, to.aval)
    to.slot = slot
    this.settle(to, slot, block)
  }

  private settle(storage: WasmStorage, slot: Slot, block: Block<Slot>): void {
    slot.block = block
    block.owner = slot
    if (this.reclaimer.works) {
      storage.pulse = this.reclaimer.enter(block.bytes)
      slot.life = storage.pulse.life
    } else this.dead.register(storage, block, slot)
    this.use(block)
    this.resident += block.bytes
    if (this.resident > this.peak) this.peak = this.resident
  }

  /** Takes an array out of the arena. */
  private evict(slot: Slot, block: Block<Slot>): void {
    slot.block = undefined
    this.leave(slot)
    this.drop(block)
  }

  /** Nobody need tell any more when the array of a slot is gone. */
  private leave(slot: Slot): void {
    if (slot.life === undefined) this.dead.unregister(slot)
    slot.life = undefined
  }

  private drop(block: Block<Slot>): void {
    this.residents.remove(block)
    this.resident -= block.bytes
    this.blocks.give(block)
  }

  private use(block: Block<Slot>): void {
    block.run = this.run
    this.residents.add(block)
  }

  /** Address of a block of so many bytes for the temporaries of the run; it is the same one for every run. */
  temporary(bytes: number): number {
    const held = this.temporaryBlock
    if (held !== undefined && held.bytes >= bytes) {
      held.run = this.run
      return held.offset
    }
    if (held !== undefined) {
      this.blocks.give(held)
      this.temporaryBlock = undefined
    }
    const block = this.reserve(bytes)
    block.run = this.run
    this.temporaryBlock = block
    return block.offset
  }

  /** A block that stays where it is until `giveBack`. */
  hold(bytes: number): Block<Slot> {
    return this.reserve(bytes)
  }

  giveBack(block: Block<Slot>): void {
    this.blocks.give(block)
  }

  private reserve(bytes: number): Block<Slot> {
    if (this.capacity - arenaStart > this.bound && !this.fits(bytes)) throw this.outOfMemory(bytes)
    // Large arrays would push out everything else again and again.
    if (4 * bytes > this.limit) this.limit = Math.min(this.bound, 4 * bytes)
    this.reclaimer.prepare()
    const block =
      this.blocks.take(bytes) ??
      this.tidied(bytes) ??
      this.grown(bytes, this.comfort) ??
      this.harvested(bytes) ??
      this.grown(bytes, this.limit) ??
      this.vacated(bytes) ??
      this.grown(bytes, this.bound) ??
      this.withoutTemporaries(bytes)
    if (block === undefined) throw this.outOfMemory(bytes)
    return block
  }

  /** A block that the temporaries of earlier runs made room for. */
  private withoutTemporaries(bytes: number): Block<Slot> | undefined {
    const held = this.temporaryBlock
    if (held === undefined || held.run >= this.firstRun) return undefined
    this.temporaryBlock = undefined
    this.blocks.give(held)
    return this.blocks.take(bytes)
  }

  /** A block that dead arrays made room for, where looking for them costs less than memory that was never used. */
  private tidied(bytes: number): Block<Slot> | undefined {
    return (
      (this.reclaimer.tidyYoung() ? this.blocks.take(bytes) : undefined) ??
      (this.reclaimer.tidyOld(bytes) ? this.blocks.take(bytes) : undefined)
    )
  }

  /** A block that dead arrays made room for, once there may be many. */
  private harvested(bytes: number): Block<Slot> | undefined {
    const { reclaimer } = this
    if (!reclaimer.isWorthwhile(bytes)) return undefined
    if (reclaimer.isBusy() && this.comfort < largestComfort) {
      this.comfort = Math.min(this.limit, largestComfort, this.comfort + (this.comfort >> 1))
      const block = this.grown(bytes, this.comfort)
      if (block !== undefined) return block
    }
    if (!reclaimer.collect()) return undefined
    // Room for as much again as is alive: the next harvest should be worth it too.
    this.comfort = Math.min(this.limit, Math.max(this.comfort, 2 * this.resident))
    return this.blocks.take(bytes)
  }

  /** Bytes of the arrays in the arena. */
  get residentBytes(): number {
    return this.resident
  }

  /** Frees the blocks of arrays that are gone. Those of running programs stay: only their addresses may be left of them. */
  sweep(isGone: (life: Life) => boolean): number {
    const before = this.resident
    this.residents.some((block) => {
      const { owner } = block
      if (owner?.life !== undefined && block.run < this.firstRun && isGone(owner.life)) this.evict(owner, block)
      return false
    })
    return before - this.resident
  }

  /** A block of memory added within a limit. */
  private grown(bytes: number, limit: number): Block<Slot> | undefined {
    return this.grow(bytes, limit) ? this.blocks.take(bytes) : undefined
  }

  /** Makes room for so many bytes in a budget that is smaller than the memory there is; whether that is possible. */
  private fits(bytes: number): boolean {
    this.keepWithin(bytes)
    const held = this.temporaryBlock
    if (this.blocks.used + bytes > this.bound && held !== undefined && held.run < this.firstRun) {
      this.temporaryBlock = undefined
      this.blocks.give(held)
    }
    return this.blocks.used + bytes <= this.bound
  }

  /** Moves arrays out until so many more bytes fit into the budget, which may be less than the memory there is. */
  private keepWithin(bytes: number): void {
    this.residents.some((victim) => {
      if (this.blocks.used + bytes <= this.bound) return true
      if (victim.run < this.firstRun) this.spill(victim)
      return false
    })
  }

  /** A block that arrays made room for, the least recently used first; the running program's arrays stay. */
  private vacated(bytes: number): Block<Slot> | undefined {
    let found: Block<Slot> | undefined
    this.residents.some((victim) => {
      if (victim.run >= this.firstRun) return false
      this.spill(victim)
      found = this.blocks.take(bytes)
      return found !== undefined
    })
    return found
  }

  private spill(block: Block<Slot>): void {
    const slot = block.owner
    if (slot === undefined) return
    slot.host = this.linear.copy(block.offset, slot.bytes)
    this.spilled += slot.bytes
    this.evict(slot, block)
  }

  private grow(bytes: number, limit: number): boolean {
    const room = limit + arenaStart - this.capacity
    if (room <= 0 || (room < bytes && limit < this.bound)) return false
    const wanted = Math.max(bytes + 64 - this.blocks.trailing, smallestStep)
    const amount = Math.min(room, Math.ceil(wanted / pageBytes) * pageBytes)
    const end = this.capacity + guardBytes
    const ample = Math.max(amount, Math.min(room, Math.max(smallestGrowth, this.capacity >> 1)))
    if (this.bytes.length < end + amount && !this.linear.reach(end + ample) && !this.linear.reach(end + amount))
      return false
    this.blocks.extend(this.capacity, amount)
    this.capacity += amount
    return true
  }

  private outOfMemory(bytes: number): OutOfMemoryError {
    const held: Slot[] = []
    this.residents.some(({ owner }) => {
      if (owner !== undefined) held.push(owner)
      return false
    })
    return outOfMemory(bytes, this.bound, held, this.temporaryBlock?.bytes ?? 0)
  }

  stats(device: string): MemoryStats {
    return {
      device,
      live: this.resident,
      resident: this.blocks.used,
      pooled: this.capacity - arenaStart - this.blocks.used,
      spilled: this.spilled,
      peak: this.peak,
      budget: this.bound,
    }
  }
}
