/** The namespace `lax.linalg`: factorizations of matrices. */
export { type CholeskyOptions, cholesky } from './linalg-cholesky.js'
export { eig, eigvals } from './linalg-eig.js'
export { type EighOptions, eigh } from './linalg-eigh.js'
export { lu, luSolve } from './linalg-lu.js'
export { type QrOptions, qr } from './linalg-qr.js'
export { type SvdOptions, singularValues, svd } from './linalg-svd.js'
export { type TriangularSolveOptions, triangularSolve } from './linalg-triangular-solve.js'
