/** The subpath `cotangent/scipy`. */
import './install.js'
export * from './scipy/index.js'
