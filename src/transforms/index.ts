/** Functions to functions: derivatives, vectorization, compilation; and the primitives that hold programs. */
export * from './arguments.js'
export * from './axis-environment.js'
export { check } from './check.js'
export { type CheckKind, CheckReport } from './check-report.js'
export { type CheckedOptions, checked } from './checked.js'
export * from './checkpoint.js'
export { closureConvert } from './closure-convert.js'
export { axisIndex, pmax, pmean, pmin, psum } from './collectives.js'
export {
  type AllGatherOptions,
  type AllToAllOptions,
  type PsumScatterOptions,
  allGather,
  allToAll,
  ppermute,
  pshuffle,
  psumScatter,
  pswapaxes,
} from './gathering-collectives.js'
export { cond, condPrimitive, switchCase } from './cond.js'
export { type CustomJvp, customJvp } from './custom-jvp.js'
export { type LinearSolveOptions, customLinearSolve } from './custom-linear-solve.js'
export { customRoot } from './custom-root.js'
export { type CustomVjp, type CustomVjpOptions, customVjp } from './custom-vjp.js'
export { type CustomVmap, customVmap } from './custom-vmap.js'
export * as debug from './debug.js'
export * from './grad.js'
export * from './jacobian.js'
export * from './jit.js'
export * from './jit-primitive.js'
export * from './jvp.js'
export { type AssociativeScanOptions, type MapOptions, associativeScan, map } from './loops.js'
export * from './make-jaxpr.js'
export * from './partial-eval.js'
export { reduce } from './reduce.js'
export { type ScanOptions, scan } from './scan.js'
export { scanPrimitive } from './scan-primitive.js'
export * from './transpose.js'
export * from './vmap.js'
export { foriLoop, whileLoop } from './while.js'
export { whilePrimitive } from './while-primitive.js'
