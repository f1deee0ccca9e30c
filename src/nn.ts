/** The subpath `cotangent/nn`. */
import './install.js'
export * from './nn/index.js'
