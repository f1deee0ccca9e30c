/** Pieces of matrices, which a contraction computes one after another. */
import type { Code } from './code.js'
import { ops } from './opcodes.js'

/** How matrices are cut into pieces for a job. */
export interface Cut {
  readonly along: 'rows' | 'columns'
  readonly pieces: number
  readonly length: number
}

/** Locals of a matrix or a piece of it: number in the batch, first row or column, how many, and the scratch memory. */
export interface Piece {
  readonly batch: number
  readonly first: number
  readonly count: number
  readonly scratch: number
}

/** `local += 1; if (local < end) continue`. */
export const again = (code: Code, local: number, pushEnd: () => void): void => {
  code.get(local)
  code.i32(1)
  code.op(ops['i32.add'])
  code.tee(local)
  pushEnd()
  code.op(ops['i32.lt_u'])
  code.brIf(0)
}
