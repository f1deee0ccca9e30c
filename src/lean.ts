/**
 * The subpath `cotangent/lean`: what `cotangent` exports, for bundles that should be small. Arrays can be read and iterated
 * over, but have no other methods, are printed as shape and dtype alone, and there is no device `js`; see `docs/performance.md`.
 */
import './install-lean.js'

export * from './exports.js'
