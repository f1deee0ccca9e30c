/** The namespace `lax`: first-order primitives, control flow and collectives. */
export * from './lax/index.js'
export {
  allGather,
  allToAll,
  associativeScan,
  axisIndex,
  axisSize,
  cond,
  customLinearSolve,
  customRoot,
  foriLoop,
  map,
  optimizationBarrier,
  pmax,
  pmean,
  pmin,
  ppermute,
  pshuffle,
  psum,
  psumScatter,
  pswapaxes,
  reduce,
  scan,
  switchCase as switch,
  whileLoop,
} from './transforms/index.js'
export * as linalg from './transforms/linalg.js'
