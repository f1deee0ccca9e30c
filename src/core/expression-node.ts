/** The nodes of scalar expressions: their operations, and the intervals that index expressions stay in. */
import type { DType } from './dtype.js'

/** Operations of one argument. `round` rounds halves to even; those from `exp` on are declared in `src/scalar/`. */
export type UnaryOp =
  | 'neg'
  | 'abs'
  | 'sign'
  | 'floor'
  | 'ceil'
  | 'trunc'
  | 'round'
  | 'sqrt'
  | 'not'
  | 'clz'
  | 'popcount'
  | 'exp'
  | 'exp2'
  | 'log'
  | 'log1p'
  | 'expm1'
  | 'sin'
  | 'cos'
  | 'tan'
  | 'asin'
  | 'acos'
  | 'atan'
  | 'sinh'
  | 'cosh'
  | 'tanh'
  | 'asinh'
  | 'acosh'
  | 'atanh'
  | 'cbrt'
  | 'rsqrt'
  | 'logistic'
  | 'erf'
  | 'erfc'
  | 'erfInv'
  | 'lgamma'
  | 'digamma'

/**
 * Operations of two arguments of one dtype. `div` of integers truncates (by zero: -1, as XLA), `rem` has the sign of the
 * dividend (by zero: the dividend), `min` and `max` give NaN when either is NaN, shifts by 32 or more give 0 (or the sign).
 */
export type BinaryOp =
  | 'add'
  | 'sub'
  | 'mul'
  | 'div'
  | 'rem'
  | 'min'
  | 'max'
  | 'and'
  | 'or'
  | 'xor'
  | 'shl'
  | 'shrArithmetic'
  | 'shrLogical'
  | 'pow'
  | 'atan2'
  | 'nextafter'

/** Comparisons: two arguments of one dtype, result bool. NaN compares unequal to all. */
export type CompareOp = 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge'

export type ExpressionOp =
  UnaryOp | BinaryOp | CompareOp | 'const' | 'variable' | 'load' | 'select' | 'convert' | 'bitcast'

/** One node. `args` depend on `op`: select has (condition, ifTrue, ifFalse), load has (flat element index). */
export interface Expression {
  readonly op: ExpressionOp
  readonly dtype: DType
  readonly args: readonly Expression[]
  /** Value of a `const`. */
  readonly value: number
  /** What a `load` reads: an array of the program (the compiler's buffer). */
  readonly source: LoadSource | undefined
  /** For a `variable`: its exclusive upper bound when it counts from 0 (a loop index), else undefined. */
  readonly extent: number | undefined
  /** Order of creation; arguments come before what uses them. */
  readonly id: number
  /** Whether it is a load, or there is one below it: most of what is below a value is index arithmetic without any. */
  readonly loads: boolean
}

/** What a load reads from; the compiler's buffers implement it. */
export interface LoadSource {
  readonly id: number
  readonly dtype: DType
}

/** Smallest and largest value of an int32 index expression, as far as its loop variables tell. */
export interface Bounds {
  readonly min: number
  readonly max: number
}

const wholeRange: Bounds = { min: -2147483648, max: 2147483647 }

/** A node that remembers its interval. */
export interface Ranged {
  range: Bounds | undefined
}

/** Interval of an int32 expression. */
export const bounds = (x: Expression): Bounds => {
  if (x.op === 'const') return { min: x.value, max: x.value }
  const node = x as Expression & Ranged
  let found = node.range
  if (found === undefined) {
    found = computeBounds(x)
    if (!(found.min >= wholeRange.min && found.max <= wholeRange.max)) found = wholeRange
    node.range = found
  }
  return found
}

const computeBounds = (x: Expression): Bounds => {
  if (x.dtype === 'bool') return { min: 0, max: 1 }
  if (x.op === 'variable' && x.extent !== undefined) return { min: 0, max: Math.max(0, x.extent - 1) }
  const p = x.args[0]
  const q = x.args[1]
  const r = x.args[2]
  if (p === undefined) return wholeRange
  const a = bounds(p)
  if (q === undefined) return x.op === 'neg' ? { min: -a.max, max: -a.min } : wholeRange
  const b = bounds(q)
  switch (x.op) {
    case 'add':
      return { min: a.min + b.min, max: a.max + b.max }
    case 'sub':
      return { min: a.min - b.max, max: a.max - b.min }
    case 'mul': {
      const products = [a.min * b.min, a.min * b.max, a.max * b.min, a.max * b.max]
      return { min: Math.min(...products), max: Math.max(...products) }
    }
    case 'div':
      return b.min === b.max && b.min > 0
        ? { min: Math.trunc(a.min / b.min), max: Math.trunc(a.max / b.min) }
        : wholeRange
    case 'rem':
      return b.min === b.max && b.min > 0
        ? { min: a.min < 0 ? Math.max(a.min, 1 - b.min) : 0, max: a.max > 0 ? Math.min(a.max, b.min - 1) : 0 }
        : wholeRange
    case 'min':
      return { min: Math.min(a.min, b.min), max: Math.min(a.max, b.max) }
    case 'max':
      return { min: Math.max(a.min, b.min), max: Math.max(a.max, b.max) }
    case 'select': {
      if (r === undefined) return wholeRange
      const c = bounds(r)
      return { min: Math.min(b.min, c.min), max: Math.max(b.max, c.max) }
    }
    default:
      return wholeRange
  }
}
