/** How a primitive describes its own valid arguments; `cotangent/testing` turns this into fast-check arbitraries. */
import type { DType } from './dtype.js'

/** An array as a test makes it: plain numbers, already representable in the dtype. */
export interface SampleArray {
  readonly shape: readonly number[]
  readonly dtype: DType
  readonly data: readonly number[]
}

/** Where a sample's elements come from. Defaults: floats in [-2, 2], integers in [-5, 5] (or [0, 5]), any bool. */
export interface SampleDomain {
  readonly min?: number
  readonly max?: number
  /** No two elements equal, so that sorts and maxima have no ties. */
  readonly distinct?: boolean
  /** Keep this far from every integer multiple of a half, for functions with kinks or jumps there. */
  readonly away?: number
}

/** Source of random choices; each choice shrinks. */
export interface Draw {
  readonly integer: (min: number, max: number) => number
  readonly boolean: () => boolean
  readonly pick: <T>(options: readonly T[]) => T
  /** A shape of `minRank..maxRank` axes of sizes 0..4 (sizes from 1 when `nonEmpty`). */
  readonly shape: (options?: { minRank?: number; maxRank?: number; nonEmpty?: boolean }) => number[]
  readonly array: (shape: readonly number[], dtype: DType, domain?: SampleDomain) => SampleArray
}

/** Valid operands and parameters of a primitive. */
export interface Sample<Params> {
  readonly inputs: readonly SampleArray[]
  readonly params: Params
}
