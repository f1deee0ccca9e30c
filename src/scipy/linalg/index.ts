/** The namespace `scipy.linalg`. */
export * from './exponential.js'
export * from './matrices.js'
export {
  type EighOptions,
  type PolarOptions,
  type SolveOptions,
  type SolveTriangularOptions,
  type SvdOptions,
  type TriangleOptions,
  choFactor,
  choSolve,
  cholesky,
  det,
  eigh,
  inv,
  lu,
  luFactor,
  luSolve,
  polar,
  qr,
  solve,
  solveTriangular,
  svd,
} from './solvers.js'
