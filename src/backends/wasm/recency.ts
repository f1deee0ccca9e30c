/** Blocks in use, by when they were used last. */
import { Block } from './allocator.js'

/** A list of blocks, the least recently used first. A block is in one such list at most. */
export class Recency<T> {
  private readonly oldest = new Block<T>(0, 0)
  private readonly newest = new Block<T>(0, 0)

  constructor() {
    this.oldest.next = this.newest
    this.newest.previous = this.oldest
  }

  /** Puts a block that is in no list at the end. */
  add(block: Block<T>): void {
    const last = this.newest.previous ?? this.oldest
    last.next = block
    block.previous = last
    block.next = this.newest
    this.newest.previous = block
  }

  /** Takes a block out. */
  remove(block: Block<T>): void {
    if (block.previous !== undefined) block.previous.next = block.next
    if (block.next !== undefined) block.next.previous = block.previous
    block.previous = undefined
    block.next = undefined
  }

  /** Calls `visit` with the blocks, which it may take out, until it returns true; whether it did. */
  some(visit: (block: Block<T>) => boolean): boolean {
    for (let block = this.oldest.next; block !== undefined && block !== this.newest;) {
      const { next } = block
      if (visit(block)) return true
      block = next
    }
    return false
  }
}
