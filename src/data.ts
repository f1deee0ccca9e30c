/** The subpath `cotangent/data`. */
import './install.js'
export * from './data/index.js'
