/** NumPy's names, written in lax. */
export * from './arithmetic.js'
export * from './bessel.js'
export * from './bits.js'
export * from './calculus.js'
export * from './classification.js'
export {
  type CloseOptions,
  allclose,
  arrayEqual,
  arrayEquiv,
  equal,
  greater,
  greaterEqual,
  isclose,
  less,
  lessEqual,
  logicalAnd,
  logicalNot,
  logicalOr,
  logicalXor,
  notEqual,
} from './comparison.js'
export * from './complex.js'
export * from './constants.js'
export {
  type ArrayData,
  type DTypeOptions,
  type LikeOptions,
  type TypedArray,
  arange,
  array,
  asarray,
  astype,
  copy,
  empty,
  emptyLike,
  full,
  fullLike,
  ones,
  onesLike,
  zeros,
  zerosLike,
} from './creation.js'
export * from './cumulative.js'
export * from './diagonals.js'
export { type EinsumOptions, einsum } from './einsum.js'
export * as fft from './fft.js'
export * from './float-parts.js'
export * from './functional.js'
export * from './histograms.js'
export { at, get, slice } from './indexing.js'
export * from './joining.js'
export { nanargmax, nanargmin, nanmax, nanmean, nanmin, nanprod, nanstd, nansum, nanvar } from './nan-reductions.js'
export * as linalg from './linalg.js'
export * from './packing.js'
export * from './padding.js'
export * from './placing.js'
export * from './polynomial.js'
export { type ComplexRoots, type RootsOptions, poly, roots } from './polynomial-roots.js'
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
  matvec,
  outer,
  tensordot,
  vdot,
  vecdot,
  vecmat,
} from './products.js'
export { promoteTypes, resultType } from './promotion-args.js'
export * from './quantiles.js'
export * from './index-lists.js'
export * from './ranges.js'
export {
  type ArgOptions,
  type AxisOptions,
  type MomentOptions,
  type ReductionOptions,
  type SumOptions,
  type VarianceOptions,
  type WhereOptions,
  all,
  amax,
  amin,
  any,
  argmax,
  argmin,
  countNonzero,
  max,
  mean,
  min,
  prod,
  ptp,
  std,
  sum,
  var,
} from './reductions.js'
export * from './rounding.js'
export * from './searching.js'
export { clip, piecewise, select } from './selection.js'
export { type SetOptions, type UniqueSetOptions, intersect1d, setdiff1d, setxor1d, union1d } from './set-operations.js'
export * from './sets.js'
export type { NonzeroOptions, SizeOptions, UniqueOptions } from './sized.js'
export * from './shape.js'
export * from './signal.js'
export * from './sorting.js'
export * from './statistics.js'
export * from './take.js'
export * from './tiling.js'
export {
  type Unary,
  acos,
  acosh,
  arccos,
  arccosh,
  arcsin,
  arcsinh,
  arctan,
  arctanh,
  asin,
  asinh,
  atan,
  atanh,
  cbrt,
  cos,
  cosh,
  deg2rad,
  degrees,
  exp,
  exp2,
  expm1,
  log,
  log10,
  log1p,
  log2,
  rad2deg,
  radians,
  reciprocal,
  sin,
  sinc,
  sinh,
  sqrt,
  tan,
  tanh,
} from './ufuncs.js'
export * from './windows.js'
