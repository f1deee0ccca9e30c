/** The subpath `cotangent/random`. */
import './install.js'
export * from './random/index.js'
