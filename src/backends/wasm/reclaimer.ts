/** Learns which arrays of the arena are dead, and decides when to ask: scavenges are cheap and come often, full collections seldom. */
import type { Collector } from '../common/collector.js'
import { type Life, type Pulse, Generations } from '../common/generations.js'

/** New arrays, or copies of arrays that were read, of so many bytes are worth a scavenge. */
const scavengeBytes = 8 << 20
/** New arrays that are worth the first one, to which Node's modules are started: a few milliseconds, which small programs do without. */
const firstScavengeBytes = 32 << 20
/** Most bytes between two scavenges, where they free little or take long. */
const largestPatience = 64 << 20
/** Share of the processor time that scavenges for new arrays may take. */
const largestScavengeShare = 0.1
/**
 * Milliseconds of processor time that a scavenge may take for each megabyte of copies. They wait for no share: pages for another copy
 * cost more, and V8 counts copies, so that it marks the whole heap once there are a few.
 */
const copyTime = 0.1
/** Share of the processor time that scavenges may take which come sooner only to save memory, and of full collections that do. */
const spareShare = 0.02
const spareFullShare = 0.05
/** New arrays, or copies, of so many bytes are worth such a scavenge. */
const spareBytes = 1 << 20
/**
 * Arrays of so many bytes that scavenges have left are worth such a full collection, and none for a larger one: V8 marks the heap
 * again before one is made and copied, and scavenges free nothing meanwhile.
 */
const spareHarvest = 8 << 20
/** Scavenges in a row that free next to nothing before they become rarer: garbage that V8 was just marking survives one or two. */
const toleratedFailures = 4
/** Arrays of so many bytes that scavenges have left are worth a full collection. */
const harvestBytes = 48 << 20
/** Share of the time that may go into full collections. */
const largestShare = 0.2
/** Milliseconds that moving a megabyte out takes: the copy, and its collection. */
const spillTime = 0.2

/** What the reclaimer asks of the arena. */
export interface Reclaimable {
  /** Bytes of the arrays that it holds. */
  readonly residentBytes: number
  /** Frees the arrays that are gone, and returns how many bytes they had. */
  readonly sweep: (isGone: (life: Life) => boolean) => number
}

export class Reclaimer {
  private readonly arena: Reclaimable
  private readonly collector: Collector
  private readonly generations = new Generations()
  /** Bytes of the arrays made since dead ones were looked for. */
  private fresh = 0
  /** Bytes of copies made since then. */
  private copied = 0
  /** Bytes of copies from which on the next scavenge for them is thought about. */
  private nextLook = spareBytes
  /** Bytes of the arrays that scavenges have left since the last full collection. */
  private tenured = 0
  /** Bytes of the arrays that were young before the last full collection, which has made old what it left. */
  private promoted = 0
  /** New bytes from which on the next scavenge is worth it. */
  private patience = firstScavengeBytes
  private hasScavenged = false
  private failures = 0
  /** Runs after full collections that V8 made by itself, as soon as the event loop turns. */
  private readonly turns = new FinalizationRegistry<undefined>(() => {
    this.sweepAll()
    this.awaitTurn()
  })

  constructor(arena: Reclaimable, collector: Collector) {
    this.arena = arena
    this.collector = collector
    if (this.works) this.awaitTurn()
  }

  /** Whether dead arrays can be found here: otherwise only finalizers can tell. */
  get works(): boolean {
    return this.generations.works
  }

  /** A pulse for a new array of so many bytes. */
  enter(bytes: number): Pulse {
    this.fresh += bytes
    return this.generations.enter()
  }

  /** So many new bytes took the place of others. */
  replace(bytes: number): void {
    this.fresh -= bytes
  }

  /** So many bytes are about to be copied for the reader of an array. */
  copy(bytes: number): void {
    if (this.hasManyCopies()) this.scavenge()
    this.copied += bytes
  }

  /** To be called before a new array is made: frees young dead ones when that is worth it. A loop has dropped its last result by then. */
  prepare(): void {
    if (this.collector.isOwed && this.collector.collect()) {
      this.copied = 0
      this.nextLook = spareBytes
      this.sweepAll()
      return
    }
    if (this.hasManyCopies()) {
      this.scavenge()
      return
    }
    if (!this.works || this.fresh < Math.max(this.patience, this.arena.residentBytes >> 2)) return
    if (this.collector.scavengeShare() > largestScavengeShare) this.wait()
    else this.scavenge()
  }

  /** Whether enough has been copied since the last scavenge for another. */
  private hasManyCopies(): boolean {
    const { copied, collector } = this
    if (copied < this.nextLook || !this.works) return false
    if (copied < scavengeBytes) {
      // Asking for the processor time takes a microsecond, which is much beside small copies.
      this.nextLook = copied + spareBytes
      return collector.isStarted && collector.scavengeShare() <= spareShare
    }
    return copied >= Math.min(largestPatience, (collector.scavengeCost() * 1e6) / copyTime)
  }

  /** To be called before memory is used that never was: frees young dead arrays where that takes little time; whether it did. */
  tidyYoung(): boolean {
    if (!this.works || !this.collector.isStarted || this.fresh < Math.max(spareBytes, this.arena.residentBytes >> 2))
      return false
    if (this.collector.scavengeShare() > spareShare) return false
    this.scavenge()
    return true
  }

  /** The same for old ones, with an array of so many bytes to come. */
  tidyOld(bytes: number): boolean {
    if (!this.works || bytes > spareHarvest) return false
    if (this.promoted + this.tenured < Math.max(spareHarvest, this.arena.residentBytes >> 2)) return false
    return this.collector.share() <= spareFullShare && this.collect()
  }

  /** Whether the arrays that are left may hold enough dead ones for a full collection, with an array of so many bytes to come. */
  isWorthwhile(bytes: number): boolean {
    return this.fresh + this.tenured >= Math.max(harvestBytes, bytes, this.arena.residentBytes >> 2)
  }

  /** Whether full collections take so much of the time that the arena had better grow. */
  isBusy(): boolean {
    return this.collector.share() > largestShare
  }

  /** Makes a full collection if it costs less than moving the arrays out would; whether dead arrays have been freed. */
  collect(): boolean {
    if (this.collector.cost() > (spillTime * (this.fresh + this.tenured)) / 1e6) return false
    return this.collector.collect() && this.sweepAll()
  }

  private scavenge(): void {
    const { collector, generations, fresh } = this
    this.copied = 0
    this.nextLook = spareBytes
    if (!collector.scavenge()) return
    if (!this.hasScavenged) this.patience = scavengeBytes
    this.hasScavenged = true
    // V8 may have made a full collection, in place of the scavenge perhaps because it was marking: then old ones are known too.
    if (collector.hasCollected()) {
      this.sweepAll()
      return
    }
    if (!generations.countYoung()) return
    const freed = this.sweep()
    this.tenured += Math.max(0, fresh - freed)
    this.failures = 4 * freed >= fresh ? 0 : this.failures + 1
    if (this.failures >= toleratedFailures) this.wait()
    else this.patience = scavengeBytes
  }

  private wait(): void {
    this.patience = Math.min(largestPatience, 2 * this.patience)
  }

  private sweepAll(): boolean {
    if (!this.generations.countAll()) return false
    const { fresh } = this
    this.promoted = Math.max(0, fresh - this.sweep())
    this.tenured = 0
    return true
  }

  private sweep(): number {
    this.fresh = 0
    return this.arena.sweep((life) => this.generations.isGone(life))
  }

  private awaitTurn(): void {
    this.turns.register({}, undefined)
  }
}
