/** Arithmetic: sums, products, quotients, remainders, extrema, signs, rounding. */
import {
  ArgumentError,
  type ArrayLike,
  type BinaryOp,
  type Expectation,
  type Expression,
  type NDArray,
  type Primitive,
  type TransposeInput,
  type UnaryOp,
  bindOne,
  e,
  isFloating,
  isLinear,
  isUnsigned,
  known,
  knownInput,
  checkOptions,
} from '../core/index.js'
import * as scalar from '../scalar/functions.js'
import { filled, unbroadcast } from './broadcasting.js'
import { bitwiseAnd, eq, gt, lt, select } from './comparison.js'
import { type Row, broadcastLike, elementwise, floating, numeric } from './elementwise.js'
import { operands } from './operands.js'

export type Empty = Record<never, never>
/** A function of one array. */
export type Function1 = (x: ArrayLike) => NDArray
/** A function of two arrays of one shape and dtype (or scalars). */
export type Function2 = (x: ArrayLike, y: ArrayLike) => NDArray

const at = (list: readonly NDArray[], i: number): NDArray => known(list[i], 'operand')

/** Declares an operation of one operand that has no parameters; `scalar` is a base operation, or a function of `scalar/`. */
/* @__NO_SIDE_EFFECTS__ */
export const function1 = (
  name: string,
  scalar: UnaryOp | ((x: Expression) => Expression),
  row: Omit<Row<Empty>, 'lower'>,
): Function1 => {
  const element = typeof scalar === 'string' ? (x: Expression) => e.unary(scalar, x) : scalar
  const primitive: Primitive<Empty> = elementwise(name, { ...row, lower: ([x]) => element(known(x, 'operand')) })
  return (x) => bindOne(primitive, operands(name, [x]), {})
}

/** Declares an operation of two operands that has no parameters. */
/* @__NO_SIDE_EFFECTS__ */
export const function2 = (
  name: string,
  scalar: BinaryOp | ((x: Expression, y: Expression) => Expression),
  row: Omit<Row<Empty>, 'lower' | 'arity'>,
): Function2 => {
  const element = typeof scalar === 'string' ? (x: Expression, y: Expression) => e.binary(scalar, x, y) : scalar
  const primitive: Primitive<Empty> = elementwise(name, {
    ...row,
    arity: 2,
    lower: ([x, y]) => element(known(x, 'operand'), known(y, 'operand')),
  })
  return (x, y) => bindOne(primitive, operands(name, [x, y]), {})
}

/** Cotangent of a linear operand, summed to its shape; null for a known one. */
const toOperand = (x: TransposeInput | undefined, ct: () => NDArray): NDArray | null =>
  isLinear(x) ? unbroadcast(ct(), x.aval) : null

/** `x + y`. Operands have one dtype and shape, or are scalars. */
export const add: Function2 = function2('add', 'add', {
  dtypes: numeric,
  partials: [(t) => t, (t) => t],
  transpose: ([ct], [x, y]) => {
    const c = known(ct ?? undefined, 'cotangent')
    return [toOperand(x, () => c), toOperand(y, () => c)]
  },
})

/** `x - y`. */
export const sub: Function2 = function2('sub', 'sub', {
  dtypes: numeric,
  partials: [(t) => t, (t) => neg(t)],
  transpose: ([ct], [x, y]) => {
    const c = known(ct ?? undefined, 'cotangent')
    return [toOperand(x, () => c), toOperand(y, () => neg(c))]
  },
})

/** `x * y`. */
export const mul: Function2 = function2('mul', 'mul', {
  dtypes: numeric,
  partials: [(t, xs) => mul(t, at(xs, 1)), (t, xs) => mul(at(xs, 0), t)],
  transpose: ([ct], [x, y]) => {
    const c = known(ct ?? undefined, 'cotangent')
    return [toOperand(x, () => mul(c, knownInput(y))), toOperand(y, () => mul(knownInput(x), c))]
  },
})

const expectDivisor = (): readonly Expectation[] => [{ kind: 'division', operand: 1 }]

/** `x / y`; of integers, truncated toward zero. */
export const div: Function2 = function2('div', 'div', {
  dtypes: numeric,
  partials: [(t, xs) => div(t, at(xs, 1)), (t, xs) => mul(mul(neg(t), at(xs, 0)), reciprocalSquare(at(xs, 1)))],
  transpose: ([ct], [x, y]) => [toOperand(x, () => div(known(ct ?? undefined, 'cotangent'), knownInput(y))), null],
  domain: [{}, { min: 0.5, max: 3 }],
  expects: expectDivisor,
})

const reciprocalSquare = (y: NDArray): NDArray => integerPow(y, -2)

/** Remainder with the sign of `x`, as C's `fmod` and `%`. */
export const rem: Function2 = function2('rem', 'rem', {
  dtypes: numeric,
  partials: [
    (t) => t,
    (t, xs) => {
      const quotient = div(at(xs, 0), at(xs, 1))
      return mul(neg(t), mul(sign(quotient), floor(abs(quotient))))
    },
  ],
  domain: [
    { min: -1.9, max: 1.9, away: 0.1 },
    { min: 2, max: 4 },
  ],
  expects: expectDivisor,
})

/** 1 where `x` alone is the extremum, 1/2 where both are, else 0. */
const share = (x: NDArray, extremum: NDArray, other: NDArray): NDArray => {
  const one = filled(1, extremum.aval)
  const mine = select(eq(broadcastLike(x, extremum.shape), extremum), one, filled(0, extremum.aval))
  return div(mine, select(eq(broadcastLike(other, extremum.shape), extremum), filled(2, extremum.aval), one))
}

const extremumRow: Omit<Row<Empty>, 'lower' | 'arity'> = {
  dtypes: [...numeric, 'bool'],
  partials: [
    (t, xs, out) => mul(t, share(at(xs, 0), out, at(xs, 1))),
    (t, xs, out) => mul(t, share(at(xs, 1), out, at(xs, 0))),
  ],
  passes: true,
}

/** The larger, elementwise; NaN if either is NaN. Ties share the derivative. */
export const max: Function2 = function2('max', 'max', extremumRow)
/** The smaller, elementwise; NaN if either is NaN. Ties share the derivative. */
export const min: Function2 = function2('min', 'min', extremumRow)

/** `-x`; of unsigned integers, modulo their range. */
export const neg: Function1 = function1('neg', 'neg', {
  dtypes: numeric,
  partials: [(t) => neg(t)],
  passes: true,
  transpose: ([ct]) => [neg(known(ct ?? undefined, 'cotangent'))],
})

/** -1, 0 or 1; NaN stays, and so does the sign of zero. */
export const sign: Function1 = function1('sign', 'sign', { dtypes: numeric, domain: [{ away: 0.1 }] })

const absPrimitive: Primitive<Empty> = elementwise('abs', {
  passes: true,
  dtypes: numeric,
  partials: [(t, xs) => mul(t, sign(at(xs, 0)))],
  lower: ([x]) => (isUnsigned(known(x, 'operand').dtype) ? known(x, 'operand') : e.unary('abs', known(x, 'operand'))),
  domain: [{ away: 0.1 }],
})
/** Absolute value; its derivative at 0 is 0. */
export const abs: Function1 = (x) => bindOne(absPrimitive, operands('abs', [x]), {})

/** Largest integer not above. */
export const floor: Function1 = function1('floor', 'floor', { dtypes: floating, domain: [{ away: 0.1 }] })
/** Smallest integer not below. */
export const ceil: Function1 = function1('ceil', 'ceil', { dtypes: floating, domain: [{ away: 0.1 }] })

export interface RoundParams {
  readonly roundingMethod: 0 | 1
}
const roundPrimitive: Primitive<RoundParams> = elementwise<RoundParams>('round', {
  dtypes: floating,
  lower: ([operand], { roundingMethod }) => {
    const x = known(operand, 'operand')
    if (roundingMethod === 1) return e.unary('round', x)
    // Away from zero: add the half only where the fraction reaches it, so that 0.49999997 is not rounded up.
    const whole = e.unary('trunc', x)
    const fraction = e.unary('abs', e.binary('sub', x, whole))
    const away = e.binary('add', whole, e.unary('sign', x))
    return e.select(e.compare('ge', fraction, e.constant(0.5, x.dtype)), away, whole)
  },
  domain: [{ away: 0.1 }],
  sampleParams: () => ({ roundingMethod: 1 }),
})
/** What becomes of halves: 0 rounds them away from zero, 1 to the even neighbour. */
export type RoundingMethod = 0 | 1

/** Options of `round`. */
export interface RoundOptions {
  readonly roundingMethod?: RoundingMethod
}

/** Nearest integer; halves go away from zero (method 0) or to even (method 1). */
export const round = (x: ArrayLike, roundingMethod: RoundingMethod | RoundOptions = 0): NDArray => {
  const method =
    typeof roundingMethod === 'number'
      ? roundingMethod
      : (checkOptions('round', roundingMethod, 'roundingMethod').roundingMethod ?? 0)
  if (method !== 0 && method !== 1) {
    throw new ArgumentError(
      `round: the rounding method is 0 (halves away from zero) or 1 (halves to even), got ${String(method)}.`,
    )
  }
  return bindOne(roundPrimitive, operands('round', [x]), { roundingMethod: method })
}

export interface IntegerPowParams {
  readonly y: number
}
const integerPowPrimitive: Primitive<IntegerPowParams> = elementwise<IntegerPowParams>('integer_pow', {
  dtypes: numeric,
  partials: [(t, xs, out, { y }) => (y === 0 ? filled(0, out.aval) : mul(t, mul(y, integerPow(at(xs, 0), y - 1))))],
  lower: ([operand], { y }) => {
    const x = known(operand, 'operand')
    let result: e.Expression | undefined
    let square = x
    for (let n = Math.abs(y); n > 0; n = Math.floor(n / 2)) {
      if (n % 2 === 1) result = result === undefined ? square : e.binary('mul', result, square)
      if (n > 1) square = e.binary('mul', square, square)
    }
    const one = e.constant(1, x.dtype)
    if (result === undefined) return one
    return y < 0 ? e.binary('div', one, result) : result
  },
  domain: [{ min: 0.5, max: 2 }],
  sampleParams: (dtype) => ({ y: isFloating(dtype) ? -2 : 3 }),
})

/** `x ** y` for an integer `y`, by repeated multiplication. */
export const integerPow = (x: ArrayLike, y: number): NDArray => {
  const [base] = operands('integerPow', [x])
  const operand = known(base, 'operand')
  return y === 1 ? operand : bindOne(integerPowPrimitive, [operand], { y })
}

const squarePrimitive: Primitive<Empty> = elementwise('square', {
  dtypes: numeric,
  partials: [(t, xs) => mul(t, mul(2, at(xs, 0)))],
  lower: ([x]) => e.binary('mul', known(x, 'operand'), known(x, 'operand')),
})
/** `x * x`. */
export const square: Function1 = (x) => bindOne(squarePrimitive, operands('square', [x]), {})

/** `1 / x`. */
export const reciprocal: Function1 = (x) => {
  const [operand] = operands('reciprocal', [x])
  return div(1, known(operand, 'operand'))
}

const clampPrimitive: Primitive<Empty> = elementwise('clamp', {
  arity: 3,
  passes: true,
  dtypes: numeric,
  partials: [
    (t, [lo, x, hi], out) =>
      chosen(bitwiseAnd(gt(known(lo, 'min'), known(x, 'operand')), lt(known(lo, 'min'), known(hi, 'max'))), t, out),
    (t, [lo, x, hi], out) =>
      chosen(bitwiseAnd(gt(known(x, 'operand'), known(lo, 'min')), lt(known(x, 'operand'), known(hi, 'max'))), t, out),
    (t, [, x, hi], out) => chosen(lt(known(hi, 'max'), known(x, 'operand')), t, out),
  ],
  lower: ([lo, x, hi]) => e.binary('min', e.binary('max', known(lo, 'min'), known(x, 'operand')), known(hi, 'max')),
  // Off the bounds' grid, since the derivative jumps where x meets a bound.
  domain: [
    { min: -1.2, max: -0.8 },
    { min: -2.003, max: 1.997 },
    { min: 0.8, max: 1.2 },
  ],
})

const chosen = (condition: NDArray, t: NDArray, out: NDArray): NDArray =>
  select(broadcastLike(condition, out.shape), broadcastLike(t, out.shape), filled(0, out.aval))

/** `min(max(min, x), max)`: x kept within bounds of its shape or scalar. */
export const clamp = (min: ArrayLike, x: ArrayLike, max: ArrayLike): NDArray =>
  bindOne(clampPrimitive, operands('clamp', [min, x, max]), {})

const isFinitePrimitive: Primitive<Empty> = elementwise('is_finite', {
  dtypes: floating,
  result: () => 'bool',
  // x - x is 0 for finite x and NaN otherwise.
  lower: ([operand]) => {
    const x = known(operand, 'operand')
    return e.compare('eq', e.binary('sub', x, x), e.constant(0, x.dtype))
  },
})
/** False for NaN and infinities. */
export const isFinite: Function1 = (x) => bindOne(isFinitePrimitive, operands('isFinite', [x]), {})

/** Next representable number after `x` in the direction of `y`, of the wide floats; `nextafter` has the halves too. */
export const nextafterWide: Function2 = function2('nextafter', scalar.nextafter, { dtypes: ['float32', 'float64'] })
