/** The arrays on one GPU that are not known to be dead, and when to ask the garbage collector about them. */
import { Collector } from '../common/collector.js'
import { type Pool, sizeClass } from './pool.js'
import { collectByPressure, timersAreSlow } from './pressure.js'
import type { Cell, WebgpuStorage } from './storage.js'

/** Bytes that are taken from the GPU before anybody asks which arrays are dead. */
const firstSlack = 1 << 20
/** Most bytes beyond what is in use: some small number of bytes or of times as much as that, and never more than the last. */
const smallSlack = 64 << 20
const slackTimes = 8
const largestSlack = 256 << 20
/** Share of the time that goes into collecting, beyond which memory rather grows. */
const largestShare = 0.2
/** How many times the slack has to be wanted before it grows, and what part of it before it shrinks: memory should not follow the load. */
const grows = 1.5
const shrinks = 1 / 8
/** Collections whose shortest counts: the turns of other processes are not their cost. */
const remembered = 16

/**
 * Handles are small, so a JavaScript engine collects them seldom, whatever memory hangs on them: how much a loop takes would be a
 * matter of chance, and would grow for as long as there was a longer pause between two collections than any before. So memory
 * grows to twice of what is known to be in use; beyond that the engine is asked first. That takes milliseconds, so a loop that makes
 * arrays quickly has some slack in addition: what it makes in the time after which a collection pays. A loop soon has its slack,
 * and keeps it.
 *
 * In Node the engine is asked before memory is taken. In pages nobody can ask it; there, whoever waits for a result waits for a
 * collection as well, when too much may be dead.
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
  private slack = 0
  /** Bytes that may be taken without asking. */
  private comfort = firstSlack
  /** When dead arrays were last looked for. */
  private looked = performance.now()
  private relief: Promise<void> | undefined
  /** Milliseconds that the last collections took. */
  private readonly costs: number[] = []

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
    const { collector } = this
    if (this.fits(sizes)) return
    if (collector.hasCollected()) {
      this.sweep()
      if (this.fits(sizes)) return
    }
    const { fresh } = this
    if (this.collect()) this.settle(fresh, collector.cost(), sizes)
  }

  /** Frees the memory of all dead arrays, where they can be known; whether they can. */
  collect(): boolean {
    if (!this.collector.collect()) return false
    this.sweep()
    this.fresh = 0
    return true
  }

  /** To be waited for with a result: has dead arrays found, where no collection can be asked for and they may be many. */
  async relieve(): Promise<void> {
    const { pool } = this
    if (this.collector.isAble || pool.resident - pool.pooled <= Math.min(this.comfort, pool.budget / 2)) return
    this.relief ??= this.press()
    if (!timersAreSlow()) await this.relief
  }

  private async press(): Promise<void> {
    const { fresh } = this
    const since = performance.now()
    try {
      const collected = await collectByPressure()
      this.fresh = Math.max(0, this.fresh - fresh)
      // An engine that does not look is asked again when there is twice as much.
      this.settle(fresh, collected ? performance.now() - since : 0, [])
    } finally {
      this.relief = undefined
    }
  }

  /** How much may be taken from now on, after `fresh` bytes of arrays and a collection that took `cost` milliseconds. */
  private settle(fresh: number, cost: number, sizes: readonly number[]): void {
    const { pool } = this
    const now = performance.now()
    const elapsed = Math.max(now - this.looked - cost, 1e-3)
    this.looked = now
    this.costs.push(cost)
    if (this.costs.length > remembered) this.costs.shift()
    const wanted = (Math.min(...this.costs) / largestShare) * (fresh / elapsed)
    if (wanted > grows * this.slack || wanted < shrinks * this.slack)
      this.slack = wanted < firstSlack ? 0 : Math.min(largestSlack, 2 ** Math.ceil(Math.log2(wanted)))
    const used = pool.resident - pool.pooled + pool.growth(sizes)
    const slack = Math.min(this.slack, Math.max(smallSlack, slackTimes * used))
    this.comfort = Math.max(firstSlack, used + Math.max(used, slack))
    pool.tidy()
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
