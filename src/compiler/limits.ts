/** Sizes that decide what runs in pieces and what is swept row by row; tests make them tiny, so that small programs do too. */

export interface Limits {
  /** Bytes that a piece should touch, so that it stays in a cache of the second level; and those it must not exceed. */
  readonly wantedBytes: number
  readonly maximumBytes: number
  /** Bytes that every piece may read as a whole: more of them would drive the rest out of the cache. */
  readonly wholeBytes: number
  /** An array smaller than this stays in a cache by itself. */
  readonly smallBytes: number
  /** Starting a kernel once more, in bytes that could be moved meanwhile. */
  readonly startingBytes: number
  /** Rows, and depth of a sum, that a piece of a matrix product must have to be about as fast as the whole. */
  readonly leastRows: number
  readonly leastInner: number
  /** Rows of a sweep, and elements of a row: short rows are better walked across than along. */
  readonly leastSweepRows: number
  readonly leastSweepElements: number
  /** Sums over pieces are added up in at most so many parts, which threads can take; and bytes of all parts of a sum. */
  readonly mostParts: number
  readonly partBytes: number
  /** Bytes from which on a sum down columns is one of sums of parts. */
  readonly sumBytes: number
  /** An array up to this size stays in a cache while a few other kernels run. */
  readonly waitingBytes: number
}

export const usualLimits: Limits = {
  wantedBytes: 3 << 17,
  maximumBytes: 1 << 20,
  wholeBytes: 1 << 19,
  smallBytes: 1 << 18,
  startingBytes: 2048,
  leastRows: 32,
  leastInner: 64,
  leastSweepRows: 4,
  leastSweepElements: 8,
  mostParts: 8,
  partBytes: 4 << 20,
  sumBytes: 1 << 20,
  waitingBytes: 1 << 17,
}
