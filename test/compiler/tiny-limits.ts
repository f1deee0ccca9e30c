import type { Limits } from '../../src/compiler/index.js'

/** Limits so low that small programs run in pieces and row by row, wherever they can. */
export const tinyLimits: Limits = {
  wantedBytes: 64,
  maximumBytes: 1 << 16,
  wholeBytes: 1 << 16,
  smallBytes: 1,
  startingBytes: -(1 << 24),
  leastRows: 1,
  leastInner: 1,
  leastSweepRows: 2,
  leastSweepElements: 2,
  mostParts: 3,
  partBytes: 1 << 24,
  sumBytes: 1,
  waitingBytes: 64,
}
