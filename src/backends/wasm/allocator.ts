/** Blocks of an arena: segregated free lists, constant time, neighbours joined when freed. */

/** Blocks begin and end at multiples of a cache line. */
export const unitBytes = 64

/** A stretch of the arena, used or free. */
export class Block<T> {
  offset: number
  bytes: number
  isFree = true
  /** Neighbours in memory. */
  before: Block<T> | undefined
  after: Block<T> | undefined
  /** Neighbours in a free list, or, while in use, in a list of the owner's. */
  previous: Block<T> | undefined
  next: Block<T> | undefined
  /** What the owner keeps with a block in use. */
  owner: T | undefined
  /** The run that last used the block. */
  run = 0

  constructor(offset: number, bytes: number) {
    this.offset = offset
    this.bytes = bytes
  }
}

const secondLevels = 8

/** Blocks of a size's own class that are looked at first: one that was just given back has this size more often than not. */
const firstTries = 8
/** The same when no larger block is free. */
const lastTries = 64

/** Class of a size in units: eight classes for each power of two. */
const classOf = (units: number): number => {
  if (units < secondLevels) return units
  const log = 31 - Math.clz32(units)
  return (log - 2) * secondLevels + ((units >>> (log - 3)) & 7)
}

/** Smallest class all of whose blocks hold so many units. */
const fittingClass = (units: number): number => {
  if (units < secondLevels) return units
  const log = 31 - Math.clz32(units)
  return classOf(units + (1 << (log - 3)) - 1)
}

const classes = 32 * secondLevels

/** Hands out blocks of one growing range of addresses. */
export class BlockAllocator<T> {
  private readonly lists: (Block<T> | undefined)[] = new Array<Block<T> | undefined>(classes).fill(undefined)
  /** One bit per class that has a block. */
  private readonly filled = new Int32Array(classes / 32)
  private last: Block<T> | undefined
  /** Bytes in use. */
  used = 0

  /** Free bytes at the end, where `extend` adds to. */
  get trailing(): number {
    return this.last?.isFree === true ? this.last.bytes : 0
  }

  /** Adds addresses at the end; the first call says where they begin. */
  extend(offset: number, bytes: number): void {
    if (bytes <= 0) return
    const last = this.last
    if (last?.isFree === true) {
      this.unlink(last)
      last.bytes += bytes
      this.link(last)
      return
    }
    const block = new Block<T>(offset, bytes)
    block.before = last
    if (last !== undefined) last.after = block
    this.last = block
    this.link(block)
  }

  /** A block of at least so many bytes, or undefined when no free one is large enough. */
  take(bytes: number): Block<T> | undefined {
    const rounded = Math.ceil(bytes / unitBytes) * unitBytes
    const units = rounded / unitBytes
    const list = classOf(units)
    // A larger block would be cut, and memory that nobody has written to yet would be while what was given back lies idle.
    const block =
      this.search(list, rounded, firstTries) ??
      this.firstFrom(fittingClass(units)) ??
      this.search(list, rounded, lastTries)
    if (block === undefined) return undefined
    this.unlink(block)
    block.isFree = false
    const rest = block.bytes - rounded
    if (rest >= unitBytes) {
      const tail = new Block<T>(block.offset + rounded, rest)
      tail.before = block
      tail.after = block.after
      if (block.after !== undefined) block.after.before = tail
      else this.last = tail
      block.after = tail
      block.bytes = rounded
      this.link(tail)
    }
    this.used += block.bytes
    return block
  }

  give(block: Block<T>): void {
    this.used -= block.bytes
    block.isFree = true
    block.owner = undefined
    let merged = block
    const before = block.before
    if (before?.isFree === true) {
      this.unlink(before)
      this.absorb(before, block)
      merged = before
    }
    const after = merged.after
    if (after?.isFree === true) {
      this.unlink(after)
      this.absorb(merged, after)
    }
    this.link(merged)
  }

  private absorb(block: Block<T>, next: Block<T>): void {
    block.bytes += next.bytes
    block.after = next.after
    if (next.after !== undefined) next.after.before = block
    else this.last = block
  }

  private firstFrom(start: number): Block<T> | undefined {
    for (let word = start >>> 5; word < this.filled.length; word++) {
      let bits = this.filled[word] ?? 0
      if (word === start >>> 5) bits &= -1 << (start & 31)
      if (bits !== 0) return this.lists[word * 32 + 31 - Math.clz32(bits & -bits)]
    }
    return undefined
  }

  /** A block of the class that happens to be large enough. */
  private search(list: number, bytes: number, mostTries: number): Block<T> | undefined {
    let block = this.lists[list]
    for (let tries = 0; block !== undefined && tries < mostTries; tries++) {
      if (block.bytes >= bytes) return block
      block = block.next
    }
    return undefined
  }

  private link(block: Block<T>): void {
    const list = classOf(Math.floor(block.bytes / unitBytes))
    const head = this.lists[list]
    block.previous = undefined
    block.next = head
    if (head !== undefined) head.previous = block
    this.lists[list] = block
    this.filled[list >>> 5] = (this.filled[list >>> 5] ?? 0) | (1 << (list & 31))
  }

  private unlink(block: Block<T>): void {
    const list = classOf(Math.floor(block.bytes / unitBytes))
    if (block.previous !== undefined) block.previous.next = block.next
    else {
      this.lists[list] = block.next
      if (block.next === undefined) this.filled[list >>> 5] = (this.filled[list >>> 5] ?? 0) & ~(1 << (list & 31))
    }
    if (block.next !== undefined) block.next.previous = block.previous
    block.previous = undefined
    block.next = undefined
  }
}
