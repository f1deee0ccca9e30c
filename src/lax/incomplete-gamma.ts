/** Incomplete gamma functions, regularized, and their derivatives by the parameter, of any order. */
import { type ArrayLike, type NDArray, type Primitive, dtypeEpsilon, dtypeRange, known, range } from '../core/index.js'
import { abs, add, div, mul, neg, reciprocal, sub } from './arithmetic.js'
import { broadcastInDim, filled, scalarOf, zerosOf } from './broadcasting.js'
import { bitwiseAnd, bitwiseNot, bitwiseOr, eq, ge, gt, lt, ne, select } from './comparison.js'
import { applyElementwise, elementwiseProgram } from './elementwise-programs.js'
import { exp, log, log1p } from './exponential.js'
import {
  type Jet,
  coefficient,
  constantJet,
  divideJets,
  exponentialJet,
  factorial,
  jetFromList,
  jetLength,
  jetList,
  jetOf,
  mapJet,
  multiplyJets,
  overShifted,
  scaleJet,
} from './jets.js'
import { convertElementType, operands } from './operands.js'
import { repeatWhile } from './program-lowering.js'
import { reduceOr } from './reductions.js'
import { lgamma, polygamma } from './special.js'

type Empty = Record<never, never>

export interface DerivativeParams {
  /** Which derivative by the parameter. */
  readonly order: number
}

const maximumSteps = 2000

const like = (x: NDArray, value: number): NDArray => filled(value, x.aval)
const anyOf = (condition: NDArray): NDArray =>
  reduceOr(
    condition,
    condition.shape.map((_, d) => d),
  )
const isNaN = (x: NDArray): NDArray => ne(x, x)
const either = (...conditions: readonly NDArray[]): NDArray => conditions.reduce((p, q) => bitwiseOr(p, q))

/** `m - log1p(m)` for m > -1, accurate near zero: with r = m / (2 + m) it is `m r - 2 r^3 (1/3 + r^2/5 + ...)`. */
const excess = (m: NDArray): NDArray => {
  const near = lt(abs(m), 0.5)
  const small = select(near, m, zerosOf(m.aval))
  const r = div(small, add(small, 2))
  const square = mul(r, r)
  const terms = m.dtype === 'float64' ? 16 : 8
  const series = range(terms).reduceRight((sum, k) => add(mul(sum, square), 1 / (2 * k + 3)), zerosOf(m.aval))
  const close = sub(mul(small, r), mul(mul(2, mul(square, r)), series))
  const large = select(near, like(m, 1), m)
  return select(near, close, sub(large, log1p(large)))
}

/** Where Stirling's series of lgamma takes over. */
const largeParameter = 10

/**
 * `a log x - x - lgamma(a)`, for a > 0 and x > 0. For large a it is a difference of large numbers, so there it is taken from
 * Stirling's series: `-a (m - log1p m) + log(a / 2 pi) / 2 - 1 / 12 a + ...` with m = (x - a) / a (DLMF 5.11.1).
 */
export const logWeight = (a: NDArray, x: NDArray): NDArray => {
  const large = ge(a, largeParameter)
  const big = select(large, a, like(a, largeParameter))
  const at = select(large, x, like(x, largeParameter))
  const inverse = reciprocal(big)
  const square = mul(inverse, inverse)
  const tail = [1 / 156, -691 / 360360, 1 / 1188, -1 / 1680, 1 / 1260, -1 / 360, 1 / 12].reduce(
    (sum, c) => add(mul(sum, square), c),
    zerosOf(a.aval),
  )
  const stirling = sub(
    sub(mul(0.5, log(mul(big, 1 / (2 * Math.PI)))), mul(tail, inverse)),
    mul(big, excess(div(sub(at, big), big))),
  )
  const small = select(large, like(a, 1), a)
  const plain = sub(sub(mul(small, log(x)), x), lgamma(small))
  return select(large, stirling, plain)
}

/** `s0 + s1 d + ...` for the sum of `x^n / ((a + d + 1) ... (a + d + n))`: DLMF 8.7.1 without its first factor. */
const series = (a: NDArray, x: NDArray, order: number, enabled: NDArray): Jet => {
  const orders = [order, 0] as const
  const one = constantJet(like(a, 1), orders)
  const count = jetLength(orders)
  const epsilon = dtypeEpsilon(a.dtype)
  const done = repeatWhile(
    ([going]) => known(going, 'condition'),
    ([, step, r, ...rest]) => {
      const divisor = add(known(r, 'divisor'), 1)
      const term = overShifted(scaleJet(jetFromList(rest, orders), x), divisor)
      const sum = mapJet(jetFromList(rest, orders, count), (c, i, j) => add(c, coefficient(term, i, j)))
      const unfinished = bitwiseAnd(
        enabled,
        bitwiseOr(
          grows(coefficient(term, 0), coefficient(sum, 0), epsilon),
          grows(coefficient(term, order), coefficient(sum, order), epsilon),
        ),
      )
      const next = add(known(step, 'step'), 1)
      return [bitwiseAnd(anyOf(unfinished), lt(next, maximumSteps)), next, divisor, ...jetList(term), ...jetList(sum)]
    },
    [anyOf(enabled), scalarOf(0, { dtype: 'int32' }), a, ...jetList(one), ...jetList(one)],
  )
  return jetFromList(done, orders, 3 + count)
}

const grows = (change: NDArray, value: NDArray, epsilon: number): NDArray => gt(abs(change), mul(abs(value), epsilon))

/** The same for the continued fraction of the upper function, DLMF 8.9.2, as Cephes' igamc evaluates it. */
const fraction = (a: NDArray, x: NDArray, order: number, enabled: NDArray): Jet => {
  const orders = [order, 0] as const
  const count = jetLength(orders)
  const epsilon = dtypeEpsilon(a.dtype)
  const y = sub(1, a)
  const z = add(add(x, y), 1)
  const before = { p: constantJet(like(x, 1), orders), q: constantJet(x, orders) }
  const first = {
    p: constantJet(add(x, 1), orders),
    q: jetOf(x, orders, (i) => (i === 0 ? mul(z, x) : i === 1 ? neg(x) : undefined)),
  }
  const initial = divideJets(first.p, first.q)
  const list = [before.p, before.q, first.p, first.q, initial]
  const done = repeatWhile(
    ([going, step]) => bitwiseAnd(anyOf(known(going, 'condition')), lt(known(step, 'step'), maximumSteps)),
    ([going, step, yBefore, zBefore, ...rest]) => {
      const running = known(going, 'condition')
      const n = add(known(step, 'step'), 1)
      const k = broadcastInDim(convertElementType(n, x.dtype), x.shape, [])
      const yNext = add(known(yBefore, 'y'), 1)
      const zNext = add(known(zBefore, 'z'), 2)
      const yc = mul(yNext, k)
      const jet = (i: number): Jet => jetFromList(rest, orders, i * count)
      // z and y fall with the parameter, both at rate 1.
      const combined = (current: Jet, previous: Jet): Jet =>
        mapJet(current, (c, i) => {
          const value = sub(mul(c, zNext), mul(coefficient(previous, i), yc))
          return i === 0 ? value : add(sub(value, coefficient(current, i - 1)), mul(k, coefficient(previous, i - 1)))
        })
      const p = combined(jet(2), jet(0))
      const q = combined(jet(3), jet(1))
      // What has converged stays: more steps would only add rounding.
      const usable = bitwiseAnd(running, ne(coefficient(q, 0), 0))
      const old = jet(4)
      const value = mapJet(divideJets(p, q), (c, i) => select(usable, c, coefficient(old, i)))
      const changed = (i: number): NDArray =>
        grows(sub(coefficient(value, i), coefficient(old, i)), coefficient(value, i), epsilon)
      const unfinished = bitwiseAnd(running, bitwiseOr(changed(0), changed(order)))
      const factor = select(gt(abs(coefficient(p, 0)), 1 / epsilon), like(x, epsilon), like(x, 1))
      const kept = [jet(2), jet(3), p, q].map((j) => scaleJet(j, factor))
      return [unfinished, n, yNext, zNext, ...kept.flatMap(jetList), ...jetList(value)]
    },
    [enabled, scalarOf(0, { dtype: 'int32' }), y, z, ...list.flatMap(jetList)],
  )
  return jetFromList(done, orders, 4 + 4 * count)
}

/** What all functions of this file share about their operands. */
const cases = (a: NDArray, x: NDArray) => {
  const xIsZero = eq(x, 0)
  const aIsZero = eq(a, 0)
  const xIsInfinite = eq(x, Infinity)
  const invalid = either(lt(x, 0), lt(a, 0), bitwiseAnd(aIsZero, xIsZero), isNaN(a), isNaN(x))
  // Operands that the formulas hold for; others are replaced, since NaN would keep loops going.
  const usable = bitwiseNot(either(xIsZero, aIsZero, xIsInfinite, invalid, eq(a, Infinity)))
  const parameter = select(usable, a, like(a, 1))
  const argument = select(usable, x, like(x, 1))
  const upper = bitwiseAnd(ge(argument, 1), gt(argument, parameter))
  const logarithm = logWeight(parameter, argument)
  const visible = ge(logarithm, -Math.log(dtypeRange(a.dtype).max))
  return { xIsZero, aIsZero, xIsInfinite, invalid, usable, parameter, argument, upper, logarithm, visible }
}

/** Lower and upper function, from whichever is computed directly. */
const both = (a: NDArray, x: NDArray): readonly [lower: NDArray, upper: NDArray] => {
  const { parameter, argument, upper, logarithm, visible } = cases(a, x)
  const weight = exp(logarithm)
  const bySeries = mul(
    div(weight, parameter),
    coefficient(series(parameter, argument, 0, bitwiseAnd(visible, bitwiseNot(upper))), 0),
  )
  const byFraction = mul(weight, coefficient(fraction(parameter, argument, 0, bitwiseAnd(visible, upper)), 0))
  const zero = zerosOf(a.aval)
  const small = select(visible, select(upper, byFraction, bySeries), zero)
  return [select(upper, sub(1, small), small), select(upper, small, sub(1, small))]
}

/** The density of the gamma distribution, `exp((a - 1) log x - x - lgamma(a))`. */
const density = (a: NDArray, x: NDArray): NDArray => {
  const inside = gt(x, 0)
  const safe = select(inside, x, like(x, 1))
  const value = exp(sub(logWeight(a, safe), log(safe)))
  const one = like(x, 1)
  const atZero = select(lt(a, 1), like(x, Infinity), select(eq(a, 1), one, zerosOf(x.aval)))
  return select(inside, value, atZero)
}

const pair = (xs: readonly NDArray[]): readonly [NDArray, NDArray] => [
  known(xs[0], 'parameter'),
  known(xs[1], 'argument'),
]

const byParameter = (xs: readonly NDArray[]): NDArray => igammaGradA(...pair(xs))

const igammaPrimitive: Primitive<Empty> = elementwiseProgram<Empty>('igamma', {
  arity: 2,
  compute: (xs) => {
    const [a, x] = pair(xs)
    const { xIsZero, aIsZero, xIsInfinite, invalid } = cases(a, x)
    const value = select(either(xIsInfinite, aIsZero), like(a, 1), both(a, x)[0])
    return select(invalid, like(a, NaN), select(xIsZero, zerosOf(a.aval), value))
  },
  derivatives: [byParameter, (xs) => density(...pair(xs))],
  domain: [{ min: 0.5, max: 4 }],
  params: {},
})

const igammacPrimitive: Primitive<Empty> = elementwiseProgram<Empty>('igammac', {
  arity: 2,
  compute: (xs) => {
    const [a, x] = pair(xs)
    const { xIsZero, aIsZero, xIsInfinite, invalid } = cases(a, x)
    const value = select(either(xIsInfinite, aIsZero), zerosOf(a.aval), both(a, x)[1])
    return select(invalid, like(a, NaN), select(xIsZero, like(a, 1), value))
  },
  derivatives: [(xs) => neg(byParameter(xs)), (xs) => neg(density(...pair(xs)))],
  domain: [{ min: 0.5, max: 4 }],
  params: {},
})

/** `x^d gamma(a) / gamma(a + d)` as a series in d. */
const shiftedWeight = (a: NDArray, x: NDArray, order: number): Jet =>
  exponentialJet(
    jetOf(a, [order, 0], (i) =>
      i === 0 ? undefined : i === 1 ? sub(log(x), polygamma(0, a)) : mul(polygamma(i - 1, a), -1 / factorial(i)),
    ),
  )

/** `-(d/da)^order P(a, x) / p(x; a)`, for the lower function P and the density p. */
const scaledDerivative = (a: NDArray, x: NDArray, order: number): NDArray => {
  const { xIsZero, aIsZero, invalid, usable, parameter, argument, upper } = cases(a, x)
  const weight = shiftedWeight(parameter, argument, order)
  const sums = overShifted(series(parameter, argument, order, bitwiseAnd(usable, bitwiseNot(upper))), parameter)
  const fractions = fraction(parameter, argument, order, bitwiseAnd(usable, upper))
  const direct = neg(coefficient(multiplyJets(weight, sums), order))
  const complement = coefficient(multiplyJets(weight, fractions), order)
  const value = mul(mul(argument, select(upper, complement, direct)), factorial(order))
  return select(
    either(invalid, aIsZero),
    like(a, NaN),
    select(either(xIsZero, bitwiseNot(usable)), zerosOf(a.aval), value),
  )
}

const randomGammaGradPrimitive: Primitive<DerivativeParams> = elementwiseProgram<DerivativeParams>(
  'random_gamma_grad',
  {
    arity: 2,
    compute: (xs, { order }) => scaledDerivative(...pair(xs), order),
    derivatives: [
      // The density's own derivatives are known: by a it is p (log x - digamma a), by x it is p ((a - 1) / x - 1).
      (xs, { order }) => {
        const [a, x] = pair(xs)
        const rate = sub(log(x), polygamma(0, a))
        return sub(randomGammaGradOf(a, x, order + 1), mul(randomGammaGradOf(a, x, order), rate))
      },
      (xs, { order }) => {
        const [a, x] = pair(xs)
        const change = sub(div(sub(a, 1), x), 1)
        const moved = mul(coefficient(shiftedWeight(a, x, order), order), factorial(order))
        return neg(add(moved, mul(randomGammaGradOf(a, x, order), change)))
      },
    ],
    domain: [{ min: 0.5, max: 4 }],
    params: { order: 1 },
  },
)

const randomGammaGradOf = (a: NDArray, x: NDArray, order: number): NDArray =>
  applyElementwise('randomGammaGrad', randomGammaGradPrimitive, [a, x], { order })

/**
 * Derivative of a sample `x` of the gamma distribution by its parameter `a`: that which keeps the probability
 * `igamma(a, x)` of smaller samples (Figurnov, Mohamed and Mnih, "Implicit reparameterization gradients", 2018).
 * Floats of one shape and dtype, or scalars; NaN outside of a > 0 and x >= 0.
 *
 * @example lax.randomGammaGrad(1, 1) // 0.86526424
 */
export const randomGammaGrad = (a: ArrayLike, x: ArrayLike): NDArray =>
  applyElementwise('randomGammaGrad', randomGammaGradPrimitive, [a, x], { order: 1 })

/** Derivative of `igamma(a, x)` by `a`. Floats of one shape and dtype, or scalars. */
export const igammaGradA = (a: ArrayLike, x: ArrayLike): NDArray => {
  const [p, q] = operands('igammaGradA', [a, x])
  const [parameter, argument] = [known(p, 'parameter'), known(q, 'argument')]
  // Where the density overflows, at x = 0, the derivative is zero.
  const inside = gt(argument, 0)
  const safe = select(inside, argument, like(argument, 1))
  return neg(
    mul(randomGammaGrad(parameter, argument), select(inside, density(parameter, safe), zerosOf(argument.aval))),
  )
}

/**
 * Lower incomplete gamma function, regularized: `1 / gamma(a) * integral of t^(a-1) exp(-t) from 0 to x` (DLMF 8.2.4), for
 * a >= 0 and x >= 0, NaN elsewhere. Floats of one shape and dtype, or scalars. By its series where x < max(1, a), else by the
 * continued fraction of `igammac`. Differentiable in both operands, to any order.
 *
 * @example lax.igamma(1, 1) // 0.6321205588285577 = 1 - exp(-1)
 */
export const igamma = (a: ArrayLike, x: ArrayLike): NDArray => applyElementwise('igamma', igammaPrimitive, [a, x], {})

/** Upper incomplete gamma function, regularized: `1 - igamma(a, x)`, accurate where that is small. */
export const igammac = (a: ArrayLike, x: ArrayLike): NDArray =>
  applyElementwise('igammac', igammacPrimitive, [a, x], {})
