/** The namespace `numpy.linalg`. */
export * from './linalg-norms.js'
export * from './linalg-products.js'
export { type CholeskyOptions, cholesky, det, inv, slogdet, solve, tensorinv, tensorsolve } from './linalg-solve.js'
export {
  type ComplexPair,
  type EighOptions,
  type LstsqOptions,
  type PinvOptions,
  type QrOptions,
  type RankOptions,
  type SvdOptions,
  eig,
  eigh,
  eigvals,
  eigvalsh,
  lstsq,
  matrixRank,
  pinv,
  qr,
  svd,
  svdvals,
} from './linalg-spectral.js'
export { cross, matmul, tensordot, vecdot } from './products.js'
export { matrixTranspose } from './shape.js'
