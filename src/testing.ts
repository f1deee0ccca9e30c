/** The subpath `cotangent/testing`: laws and arbitraries for property tests, built on the optional peer fast-check. */
import './install.js'
export * from './testing/index.js'
