/** The arrays on one GPU that are not known to be dead, and when to ask the garbage collector about them. */
import { Collector } from '../common/collector.js'
import { type Pool, sizeClass } from './pool.js'
import type { Cell, WebgpuStorage } from './storage.js'

/** Bytes that are taken from the GPU before anybody asks which arrays are dead, and the most of them. */
const firstSlack = 1 << 20
const largestSlack = 256 << 20
/** Share of the time that goes into collecting, beyond which memory rather grows; below a quarter of it, less will do. */
const largestShare = 0.2
/** By how much the slack changes. */
const slackStep = 1.5

/**
 * Handles are small, so a JavaScript engine collects them seldom, whatever memory hangs on them: how much a loop takes would be a
 * matter of chance, and would grow for as long as there was a longer pause between two collections than any before. So memory
 * grows to twice of what is known to be in use; beyond that the engine is asked first. That takes milliseconds: where it would come too
 * often, the arrays of some more calls may pile up.
 */
export class LivingArrays {
  /** Bytes of the arrays. */
  bytes = 0
  private readonly pool: Pool
  private readonly cells = new Set<Cell>()
  private readonly collector: Collector
  /** Frees the memory of a handle that nobody has any more, as soon as the event loop turns. */
  private readonly finalizers = new FinalizationRegistry<Cell>((cell) => this.free(cell))
  /** Bytes of the arrays made since dead ones were looked for. */
  private fresh = 0
  private slack = firstSlack
  /** Bytes that may be taken without asking. */
  private comfort = firstSlack

  constructor(pool: Pool, collector = new Collector()) {
    this.pool = pool
    this.collector = collector
  }

  /** Bytes of each, the largest first. */
  sizes(): number[] {
    return [...this.cells].map(({ bytes }) => bytes).sort((a, b) => b - a)
  }

  hold(storage: WebgpuStorage): WebgpuStorage {
    const { cell } = storage
    this.cells.add(cell)
    this.bytes += cell.bytes
    if (!cell.borrowed) this.fresh += sizeClass(cell.bytes)
    // Neither the registry's value nor its token may reach the handle.
    this.finalizers.register(storage, cell, cell)
    cell.watcher = this.collector.watch(storage)
    return storage
  }

  free(cell: Cell): void {
    if (!this.cells.delete(cell)) return
    this.finalizers.unregister(cell)
    cell.watcher = undefined
    this.bytes -= cell.bytes
    if (cell.buffer !== undefined && !cell.borrowed) this.pool.give(cell.buffer)
    cell.buffer = undefined
  }

  /** Looks for dead arrays when buffers of these sizes would take more from the GPU than is comfortable. */
  prepareFor(sizes: readonly number[]): void {
    const { pool, collector } = this
    if (this.fits(sizes)) return
    if (collector.hasCollected()) {
      this.sweep()
      if (this.fits(sizes)) return
    }
    const share = collector.share()
    if (share > largestShare && this.slack < largestSlack) {
      this.slack = Math.min(largestSlack, this.slack * slackStep)
      this.comfort = Math.max(this.comfort, this.slack)
      if (this.fits(sizes)) return
    } else if (share < largestShare / 4) this.slack = Math.max(firstSlack, this.slack / slackStep)
    if (!this.collect()) return
    this.comfort = Math.max(this.slack, 2 * (pool.resident - pool.pooled + pool.growth(sizes)))
    pool.tidy()
  }

  /** Frees the memory of all dead arrays, where they can be known; whether they can. */
  collect(): boolean {
    if (!this.collector.collect()) return false
    this.sweep()
    this.fresh = 0
    return true
  }

  /** Whether there is room for buffers of these sizes, or little to be gained by a collection. */
  private fits(sizes: readonly number[]): boolean {
    const { pool } = this
    const growth = pool.growth(sizes)
    return growth === 0 || pool.resident + growth <= Math.min(this.comfort, pool.budget) || this.fresh < growth
  }

  private sweep(): void {
    for (const cell of this.cells) if (cell.watcher !== undefined && cell.watcher.deref() === undefined) this.free(cell)
    this.collector.unpin()
  }
}
