/** Losses under optax's names, and the multi-class focal loss. */
export * from './classification.js'
export * from './regression.js'
export * from './sequences.js'
