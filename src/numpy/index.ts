/** NumPy's names, written in lax. */
export * from './arithmetic.js'
export * from './bits.js'
export * from './comparison.js'
export * from './constants.js'
export * from './creation.js'
export * from './cumulative.js'
export * from './diagonals.js'
export { einsum, type EinsumOptions } from './einsum.js'
export { at, get, slice } from './indexing.js'
export * from './joining.js'
export {
  nanargmax,
  nanargmin,
  nanmax,
  nanmean,
  nanmin,
  nanprod,
  nanstd,
  nansum,
  nanvar,
} from './nan-reductions.js'
export { arrayRepr, arrayStr } from './printing.js'
export {
  type CrossOptions,
  type ProductOptions,
  type TensordotOptions,
  cross,
  dot,
  inner,
  kron,
  matmul,
  outer,
  tensordot,
  vdot,
  vecdot,
} from './products.js'
export { promoteTypes, resultType } from './promotion-args.js'
export * from './ranges.js'
export * from './reductions.js'
export * from './searching.js'
export { clip, piecewise, select } from './selection.js'
export { where } from './selection.js'
export * from './shape.js'
export * from './sorting.js'
export * from './take.js'
export * from './tiling.js'
export * from './ufuncs.js'
