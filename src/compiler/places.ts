/** Programs some of whose arrays have taken the places of others. */
import type { Buffer, Kernel } from './kernel.js'

/** An input that the program may write over, and the output that is to be there in the end. */
export interface Pair {
  readonly input: Buffer
  readonly output: Buffer
}

/** A program before its memory is planned. */
export interface Draft {
  readonly kernels: readonly Kernel[]
  readonly inputs: readonly Buffer[]
  readonly outputs: readonly Buffer[]
}

/** A program some of whose arrays have become others. */
export interface Placed extends Draft {
  readonly places: ReadonlyMap<Buffer, Buffer>
}

/** The program as it is. */
export const nothingMoved = (draft: Draft): Placed => ({ ...draft, places: new Map() })
