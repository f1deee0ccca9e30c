/** The language: dtypes, avals, pytrees, scalar expressions, primitives, jaxprs, traces, arrays, devices, errors. */
export * from './aval.js'
export * from './builder.js'
export * from './device-array.js'
export * from './device-put.js'
export * from './device.js'
export * from './dtype.js'
export * from './eager.js'
export * from './errors.js'
export * as e from './expression.js'
export {
  type BinaryOp,
  type Bounds,
  type CompareOp,
  type Expression,
  type ExpressionOp,
  type LoadSource,
  type UnaryOp,
} from './expression.js'
export * from './host.js'
export * from './jaxpr.js'
export * from './jaxpr-check.js'
export * from './jaxpr-parse.js'
export * from './jaxpr-print.js'
export type * from './lists.js'
export * from './lowering.js'
export * from './ndarray.js'
export * from './options.js'
export * from './parts.js'
export * from './program-texts.js'
export * from './primitive.js'
export * from './promotion.js'
export * from './sample.js'
export * from './shape.js'
export * from './source.js'
export * from './trace.js'
export * as tree from './tree.js'
export type { TreeDef, NodeType, IsLeaf } from './tree.js'
