/** The subpath `cotangent/transforms`. */
import './install.js'
export * from './transforms/index.js'
