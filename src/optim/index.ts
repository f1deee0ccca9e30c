/** Optimization under optax's names: gradient transformations, optimizers made of them, schedules. */
export * from './blocks.js'
export * from './factored.js'
export * from './lbfgs.js'
export {
  type BacktrackingOptions,
  type LinesearchInfo,
  type LinesearchState,
  scaleByBacktrackingLinesearch,
  valueAndGradFromState,
} from './line-search.js'
export * from './lookahead.js'
export * from './masked.js'
export * from './moments.js'
export * from './optimizers.js'
export * as projections from './projections.js'
export {
  type ArraySchedule,
  type CosineDecayOptions,
  type ExponentialDecayOptions,
  type TransitionOptions,
  constantSchedule,
  cosineDecaySchedule,
  exponentialDecay,
  linearSchedule,
  piecewiseConstantSchedule,
  polynomialSchedule,
} from './schedules.js'
export * from './schedules-joined.js'
export {
  type ExtraArguments,
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
export * as tree from './trees.js'
export * from './variants.js'
export * from './wrappers.js'
export { type ZoomInfo, type ZoomOptions, type ZoomState, scaleByZoomLinesearch } from './zoom-search.js'
