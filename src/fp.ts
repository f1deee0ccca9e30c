/** The subpath `cotangent/fp`. */
import './install.js'
export * from './fp/index.js'
