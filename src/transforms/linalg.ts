/** The namespace `lax.linalg`: factorizations that are primitives, and what is written with scans. */
export * from '../lax/linalg.js'
export { choleskyUpdate, tridiagonalSolve } from './linalg-scans.js'
