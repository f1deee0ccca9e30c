/** The subpath `cotangent/numpy`. */
import './install.js'
export * from './numpy/index.js'
