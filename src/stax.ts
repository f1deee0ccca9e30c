/** The subpath `cotangent/stax`. */
import './install.js'
export * from './stax/index.js'
