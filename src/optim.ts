/** The subpath `cotangent/optim`. */
import './install.js'
export * from './optim/index.js'
