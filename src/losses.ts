/** The subpath `cotangent/losses`. */
import './install.js'
export * from './losses/index.js'
