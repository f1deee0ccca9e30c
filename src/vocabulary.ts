/** The namespace `lax`: first-order primitives, control flow and collectives. */
export * from './lax/index.js'
export {
  associativeScan,
  axisIndex,
  cond,
  foriLoop,
  map,
  pmax,
  pmean,
  pmin,
  psum,
  reduce,
  scan,
  switchCase as switch,
  whileLoop,
} from './transforms/index.js'
