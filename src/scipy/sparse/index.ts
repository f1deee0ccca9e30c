/** The namespace `scipy.sparse`: solvers of systems whose matrix is a function. */
export * as linalg from './linalg.js'
