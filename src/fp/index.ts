/** Lawful fp-ts instances for arrays and pytrees. */
export * from './arrays.js'
export * from './trees.js'
