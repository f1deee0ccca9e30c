/** The namespace `scipy.stats`: distributions, each a record of its functions, and statistics. */
export * from './continuous.js'
export * from './discrete.js'
export type { Location, LocationScale, OfCount, OfCounts, OfShape, OfShapes, OfValue } from './distribution.js'
export * from './kernel-density.js'
export * from './statistics.js'
