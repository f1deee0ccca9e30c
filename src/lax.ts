/** The subpath `cotangent/lax`. */
import './install.js'
export * from './vocabulary.js'
