/** Loop kernels on their way: their expressions are as they were written, and what they compute may still be known as a whole. */
import type { Buffer, LoopKernel } from './kernel.js'
import type { ColumnReduction } from './reduction.js'

export interface LoopDraft extends LoopKernel {
  /** Loads of this buffer are known to be inside it. */
  readonly trusted?: Buffer
  /** The kernel is this sum down columns and nothing else. */
  readonly sum?: ColumnReduction
}
