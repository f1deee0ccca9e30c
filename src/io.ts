/** The subpath `cotangent/io`. */
import './install.js'
export * from './io/index.js'
