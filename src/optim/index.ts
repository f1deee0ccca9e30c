/** Optimization under optax's names: gradient transformations, optimizers made of them, schedules. */
export * from './masked.js'
export * from './optimizers.js'
export * from './schedules.js'
export {
  type GradientTransformation,
  type Schedule,
  applyUpdates,
  chain,
  globalNorm,
  identity,
  incrementalUpdate,
  setToZero,
} from './transformation.js'
export * from './transforms.js'
