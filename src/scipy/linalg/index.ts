/** The namespace `scipy.linalg`. */
export * from './exponential.js'
export * from './factorizations.js'
export * from './matrices.js'
export * from './named-matrices.js'
export { solveSylvester } from './sylvester.js'
export {
  type SolveOptions,
  type SolveTriangularOptions,
  type TriangleOptions,
  choFactor,
  choSolve,
  cholesky,
  det,
  inv,
  lu,
  luFactor,
  luSolve,
  solve,
  solveTriangular,
} from './solvers.js'
