/** The words that decompositions are written in: float32 and int32 operations as short functions. */
import {
  type BinaryOp,
  type CompareOp,
  type Expression,
  binary,
  bitcast,
  compare,
  constant,
  convert,
  select,
  unary,
} from '../core/expression.js'

/* @__NO_SIDE_EFFECTS__ */
const operation =
  (op: BinaryOp) =>
  (a: Expression, b: Expression): Expression =>
    binary(op, a, b)
/* @__NO_SIDE_EFFECTS__ */
const comparison =
  (op: CompareOp) =>
  (a: Expression, b: Expression): Expression =>
    compare(op, a, b)

export const float = (value: number): Expression => constant(value, 'float32')
/** An int32 constant, also from unsigned bits such as 0x80000000. */
export const integer = (value: number): Expression => constant(value | 0, 'int32')

export const add = operation('add')
export const sub = operation('sub')
export const mul = operation('mul')
export const div = operation('div')
export const min = operation('min')
export const max = operation('max')
export const and = operation('and')
export const or = operation('or')
export const xor = operation('xor')
export const eq = comparison('eq')
export const ne = comparison('ne')
export const lt = comparison('lt')
export const le = comparison('le')
export const gt = comparison('gt')
export const ge = comparison('ge')
export { select }

export const neg = (x: Expression): Expression => unary('neg', x)
export const abs = (x: Expression): Expression => unary('abs', x)
export const sqrt = (x: Expression): Expression => unary('sqrt', x)
export const trunc = (x: Expression): Expression => unary('trunc', x)
export const round = (x: Expression): Expression => unary('round', x)
export const not = (x: Expression): Expression => unary('not', x)

/** Shifts by a constant: WebAssembly's vectors have no others. */
export const shiftLeft = (x: Expression, by: number): Expression => binary('shl', x, integer(by))
export const shiftRight = (x: Expression, by: number): Expression => binary('shrArithmetic', x, integer(by))
export const shiftRightLogical = (x: Expression, by: number): Expression => binary('shrLogical', x, integer(by))

export const bitsOf = (x: Expression): Expression => bitcast(x, 'int32')
export const fromBits = (x: Expression): Expression => bitcast(x, 'float32')
export const toInteger = (x: Expression): Expression => convert(x, 'int32')
export const toFloat = (x: Expression): Expression => convert(x, 'float32')

/** c0 + x (c1 + x (c2 + ...)), coefficients from the constant term up. */
export const polynomial = (x: Expression, coefficients: readonly number[]): Expression =>
  coefficients
    .slice(0, -1)
    .reduceRight((sum, coefficient) => add(mul(sum, x), float(coefficient)), float(coefficients.at(-1) ?? 0))

/** r + r^3 p(r^2): an odd function by its Taylor-like tail. */
export const oddPolynomial = (r: Expression, tail: readonly number[]): Expression => {
  const square = mul(r, r)
  return add(mul(mul(polynomial(square, tail), square), r), r)
}

/**
 * Clamps that let NaN through. These selects are exactly WebAssembly's `pmin(x, limit)` and `pmax(x, limit)`, one machine
 * instruction, where `min` and `max` take several.
 */
export const clampAbove = (x: Expression, limit: number): Expression => select(lt(float(limit), x), float(limit), x)
export const clampBelow = (x: Expression, limit: number): Expression => select(lt(x, float(limit)), float(limit), x)

const signMask = 0x80000000

/** The sign bit of a float, as int32. */
export const signBit = (x: Expression): Expression => and(bitsOf(x), integer(signMask))

/** A non-negative `magnitude` (or zero of any sign) with the sign bit of `x`. */
export const withSignOf = (magnitude: Expression, x: Expression): Expression =>
  fromBits(or(bitsOf(magnitude), signBit(x)))

/** `x` negated where the sign bit of the int32 `signs` is set; its other bits must be clear. */
export const flipSign = (x: Expression, signs: Expression): Expression => fromBits(xor(bitsOf(x), signs))

/** The upper 12 bits of a float's significand: products of two such numbers are exact. */
export const upperHalf = (x: Expression): Expression => fromBits(and(bitsOf(x), integer(0xfffff000)))

const rareSelects = new WeakSet<Expression>()

/** A select whose second value is expensive and hardly ever wanted. */
export const selectRare = (usually: Expression, usual: Expression, rare: Expression): Expression => {
  const chosen = select(usually, usual, rare)
  if (chosen.op === 'select') rareSelects.add(chosen)
  return chosen
}

/**
 * True for selects whose third argument is expensive and wanted for few inputs (a huge angle, a negative argument of
 * lgamma). A backend may branch around it when no lane needs it; evaluating both sides is right too.
 */
export const isRareSelect = (x: Expression): boolean => rareSelects.has(x)
