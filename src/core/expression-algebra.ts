/** Operations on scalar expressions: constants are folded, and trivial algebra is applied, when a node is made. */
import { type DType, isFloating } from './dtype.js'
import { constant, index, interned } from './expression-intern.js'
import { type BinaryOp, type CompareOp, type Expression, type UnaryOp, bounds } from './expression-node.js'

export const isConstant = (x: Expression, value?: number): boolean =>
  x.op === 'const' && (value === undefined || Object.is(x.value, value))

/** Splits an index sum into the part that `divisor` divides and the rest. */
const splitMultiple = (
  x: Expression,
  divisor: number,
): { readonly quotient: Expression; readonly rest: Expression } | undefined => {
  if (x.op === 'const') {
    if (x.value % divisor === 0) return { quotient: index(x.value / divisor), rest: index(0) }
    return undefined
  }
  const a = x.args[0]
  const b = x.args[1]
  if (a === undefined || b === undefined) return undefined
  if (x.op === 'mul' && b.op === 'const' && b.value % divisor === 0) {
    return { quotient: binary('mul', a, index(b.value / divisor)), rest: index(0) }
  }
  if (x.op === 'add') {
    const left = splitMultiple(a, divisor)
    const right = splitMultiple(b, divisor)
    if (left === undefined && right === undefined) return undefined
    return {
      quotient: binary('add', left?.quotient ?? index(0), right?.quotient ?? index(0)),
      rest: binary('add', left?.rest ?? a, right?.rest ?? b),
    }
  }
  return undefined
}

/** Folds two int32 constants as WebAssembly would compute them. */
const foldInteger = (op: BinaryOp, a: number, b: number): number | undefined => {
  switch (op) {
    case 'add':
      return (a + b) | 0
    case 'sub':
      return (a - b) | 0
    case 'mul':
      return Math.imul(a, b)
    case 'div':
      return b === 0 ? -1 : (a / b) | 0
    case 'rem':
      return b === 0 ? a : (a % b) | 0
    case 'min':
      return Math.min(a, b)
    case 'max':
      return Math.max(a, b)
    case 'and':
      return a & b
    case 'or':
      return a | b
    case 'xor':
      return a ^ b
    default:
      return undefined
  }
}

const simplifyIndex = (op: BinaryOp, a: Expression, b: Expression): Expression | undefined => {
  if (a.op === 'const' && b.op === 'const') {
    const folded = foldInteger(op, a.value, b.value)
    if (folded !== undefined) return index(folded)
  }
  if ((op === 'add' || op === 'mul') && a.op === 'const') return binary(op, b, a)
  const right = b.op === 'const' ? b.value : undefined
  if (op === 'sub' && right !== undefined && right !== -2147483648) return binary('add', a, index(-right))
  if (op === 'sub' && a === b) return index(0)
  if (op === 'add' && right === 0) return a
  if (op === 'mul' && right === 1) return a
  if (op === 'mul' && right === 0) return index(0)
  const p = a.args[0]
  const q = a.args[1]
  if (right !== undefined && p !== undefined && q?.op === 'const') {
    if (op === 'add' && a.op === 'add') return binary('add', p, index((q.value + right) | 0))
    if (op === 'mul' && a.op === 'mul') return binary('mul', p, index(Math.imul(q.value, right)))
    if (op === 'mul' && a.op === 'add') return binary('add', binary('mul', p, b), index(Math.imul(q.value, right)))
    // trunc(trunc(x / m) / n) = trunc(x / (m n)) for every sign.
    if (op === 'div' && a.op === 'div' && q.value > 0 && right > 0) return binary('div', p, index(q.value * right))
  }
  // Distribution keeps sums of multiples flat, so that (i * n + j) / n and % n can be seen through.
  if (op === 'mul' && right !== undefined && a.op === 'add' && p !== undefined && q !== undefined) {
    return binary('add', binary('mul', p, b), binary('mul', q, b))
  }
  // Constants float to the outside of sums: (x + c) + y = (x + y) + c.
  if (op === 'add' && right === undefined) {
    if (a.op === 'add' && q?.op === 'const' && p !== undefined) return binary('add', binary('add', p, b), q)
    const s = b.args[0]
    const t = b.args[1]
    if (b.op === 'add' && t?.op === 'const' && s !== undefined) return binary('add', binary('add', a, s), t)
  }
  if ((op === 'div' || op === 'rem') && right !== undefined && right > 0) {
    if (right === 1) return op === 'div' ? a : index(0)
    const range = bounds(a)
    if (range.min >= 0 && range.max < right) return op === 'div' ? index(0) : a
    if (range.min >= 0) {
      const split = splitMultiple(a, right)
      if (split !== undefined) {
        const rest = bounds(split.rest)
        if (rest.min >= 0 && bounds(split.quotient).min >= 0) {
          return op === 'div'
            ? rest.max < right
              ? split.quotient
              : binary('add', split.quotient, binary('div', split.rest, b))
            : binary('rem', split.rest, b)
        }
      }
    }
    if (op === 'rem' && a.op === 'rem' && q?.op === 'const' && q.value % right === 0 && p !== undefined)
      return binary('rem', p, b)
  }
  if (op === 'min' || op === 'max') {
    if (a === b) return a
    const x = bounds(a)
    const y = bounds(b)
    if (x.max <= y.min) return op === 'min' ? a : b
    if (y.max <= x.min) return op === 'min' ? b : a
  }
  return undefined
}

const simplifyFloat = (op: BinaryOp, a: Expression, b: Expression): Expression | undefined => {
  // Only identities that hold for NaN, infinities and signed zeros.
  if (op === 'mul' && isConstant(b, 1)) return a
  if (op === 'mul' && isConstant(a, 1)) return b
  if (op === 'div' && isConstant(b, 1)) return a
  if (op === 'sub' && isConstant(b, 0)) return a
  if (op === 'add' && isConstant(b, -0)) return a
  if (op === 'add' && isConstant(a, -0)) return b
  return undefined
}

const simplifyBool = (op: BinaryOp, a: Expression, b: Expression): Expression | undefined => {
  if (op === 'and') {
    if (isConstant(a, 1)) return b
    if (isConstant(b, 1)) return a
    if (isConstant(a, 0) || isConstant(b, 0)) return constant(0, 'bool')
    if (a === b) return a
  }
  if (op === 'or') {
    if (isConstant(a, 0)) return b
    if (isConstant(b, 0)) return a
    if (isConstant(a, 1) || isConstant(b, 1)) return constant(1, 'bool')
    if (a === b) return a
  }
  return undefined
}

/** An operation of two arguments of one dtype. */
export const binary = (op: BinaryOp, a: Expression, b: Expression): Expression => {
  const simpler =
    a.dtype === 'int32'
      ? simplifyIndex(op, a, b)
      : isFloating(a.dtype)
        ? simplifyFloat(op, a, b)
        : a.dtype === 'bool'
          ? simplifyBool(op, a, b)
          : undefined
  return simpler ?? interned(op, a.dtype, [a, b])
}

/** An operation of one argument. */
export const unary = (op: UnaryOp, x: Expression): Expression => {
  if (op === 'not' && x.dtype === 'bool') {
    if (x.op === 'const') return constant(1 - x.value, 'bool')
    if (x.op === 'not' && x.args[0] !== undefined) return x.args[0]
  }
  if (op === 'neg' && x.op === 'const') return constant(-x.value, x.dtype)
  return interned(op, x.dtype, [x])
}

const compareNumbers = (op: CompareOp, a: number, b: number): boolean =>
  op === 'eq'
    ? a === b
    : op === 'ne'
      ? a !== b
      : op === 'lt'
        ? a < b
        : op === 'le'
          ? a <= b
          : op === 'gt'
            ? a > b
            : a >= b

/** A comparison; the result is bool. */
export const compare = (op: CompareOp, a: Expression, b: Expression): Expression => {
  if (a.op === 'const' && b.op === 'const') return constant(compareNumbers(op, a.value, b.value) ? 1 : 0, 'bool')
  if (a.dtype === 'int32') {
    const x = bounds(a)
    const y = bounds(b)
    const always =
      op === 'lt'
        ? x.max < y.min
        : op === 'le'
          ? x.max <= y.min
          : op === 'gt'
            ? x.min > y.max
            : op === 'ge'
              ? x.min >= y.max
              : false
    const never =
      op === 'lt'
        ? x.min >= y.max
        : op === 'le'
          ? x.min > y.max
          : op === 'gt'
            ? x.max <= y.min
            : op === 'ge'
              ? x.max < y.min
              : op === 'eq'
                ? x.max < y.min || y.max < x.min
                : false
    if (always) return constant(1, 'bool')
    if (never) return constant(0, 'bool')
  }
  return interned(op, 'bool', [a, b])
}

/** `condition ? ifTrue : ifFalse`; the branches have one dtype. Both may be evaluated. */
export const select = (condition: Expression, ifTrue: Expression, ifFalse: Expression): Expression => {
  if (condition.op === 'const') return condition.value !== 0 ? ifTrue : ifFalse
  if (ifTrue === ifFalse) return ifTrue
  return interned('select', ifTrue.dtype, [condition, ifTrue, ifFalse])
}

/** Value conversion: floats to integers truncate and saturate (NaN gives 0), integers wrap, anything to bool is `!= 0`. */
export const convert = (x: Expression, dtype: DType): Expression => {
  if (x.dtype === dtype) return x
  if (dtype === 'bool') return compare('ne', x, constant(0, x.dtype))
  if (x.op === 'const') {
    const integral = !isFloating(x.dtype)
    if (integral || isFloating(dtype)) return constant(x.value, dtype)
  }
  return interned('convert', dtype, [x])
}

/** The same bits read as another dtype of the same size. */
export const bitcast = (x: Expression, dtype: DType): Expression =>
  x.dtype === dtype ? x : interned('bitcast', dtype, [x])
