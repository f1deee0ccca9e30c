/** The namespace `numpy.linalg`. */
export * from './linalg-solve.js'
