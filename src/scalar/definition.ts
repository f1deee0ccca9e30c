/** What a scalar function beyond arithmetic is: how backends compute it, declared once and brought along by who uses it. */
import { type BinaryOp, type Expression, type UnaryOp, binary, unary } from '../core/expression.js'

/** What a backend says about the decompositions that it wants. */
export interface DecomposeOptions {
  /**
   * False leaves out the reduction of huge angles, which triples sin, cos and tan where a backend evaluates both sides of a
   * select. Beyond 6000 (tan: 3000) they are wrong then. Default: true.
   */
  readonly largeTrigonometric?: boolean
  /** A decomposition of `sign`, for backends without a sign that keeps zeros and NaN. */
  readonly sign?: (x: Expression) => Expression
}

/** How a function of one argument is computed. */
export interface UnaryFunction {
  /** In base operations of float32, which every backend has, also as vectors. */
  readonly float32: (x: Expression, options: DecomposeOptions) => Expression
  /** In JavaScript, for float64 and where kernels are interpreted. */
  readonly float64: (x: number) => number
}

/** How a function of two arguments is computed. */
export interface BinaryFunction {
  readonly float32: (x: Expression, y: Expression) => Expression
  readonly float64: (x: number, y: number) => number
}

const unaryFunctions = new Map<string, UnaryFunction>()
const binaryFunctions = new Map<string, BinaryFunction>()

/**
 * Declares a function of one argument, and gives what makes expressions of it. A program whose primitives do not use it never
 * has such expressions, so bundlers may drop the declaration with them.
 */
/* @__NO_SIDE_EFFECTS__ */
export const unaryFunction = (
  op: UnaryOp,
  float32: UnaryFunction['float32'],
  float64: UnaryFunction['float64'],
): ((x: Expression) => Expression) => {
  unaryFunctions.set(op, { float32, float64 })
  return (x) => unary(op, x)
}

/** Declares a function of two arguments. */
/* @__NO_SIDE_EFFECTS__ */
export const binaryFunction = (
  op: BinaryOp,
  float32: BinaryFunction['float32'],
  float64: BinaryFunction['float64'],
): ((x: Expression, y: Expression) => Expression) => {
  binaryFunctions.set(op, { float32, float64 })
  return (x, y) => binary(op, x, y)
}

/** The declaration of an operation of one argument; undefined for base operations. */
export const unaryFunctionOf = (op: string): UnaryFunction | undefined => unaryFunctions.get(op)

/** The declaration of an operation of two arguments; undefined for base operations. */
export const binaryFunctionOf = (op: string): BinaryFunction | undefined => binaryFunctions.get(op)
