/** The incomplete beta function, regularized, and its derivatives by the parameters, of any order. */
import { type ArrayLike, type NDArray, type Primitive, dtypeEpsilon, known } from '../core/index.js'
import { abs, add, div, mul, neg, reciprocal, sub } from './arithmetic.js'
import { broadcastInDim, filled, scalarOf, zerosOf } from './broadcasting.js'
import { bitwiseAnd, bitwiseNot, bitwiseOr, eq, gt, lt, ne, select } from './comparison.js'
import { applyElementwise, elementwiseProgram } from './elementwise-programs.js'
import { exp, log, log1p } from './exponential.js'
import {
  type Jet,
  type Orders,
  addJets,
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
  timesLinear,
} from './jets.js'
import { convertElementType } from './operands.js'
import { repeatWhile } from './program-lowering.js'
import { reduceOr } from './reductions.js'
import { lgamma, polygamma } from './special.js'

export interface BetaincParams {
  /** How often it is differentiated by `a`, and by `b`. */
  readonly orders: Orders
}

const like = (x: NDArray, value: number): NDArray => filled(value, x.aval)
const either = (...conditions: readonly NDArray[]): NDArray => conditions.reduce((p, q) => bitwiseOr(p, q))

/**
 * The continued fraction DLMF 8.17.22, `1 / (1 + d1 / (1 + d2 / (1 + ...)))`, as a quotient of two recurrences; as a series
 * in changes of a and b.
 */
const fraction = (a: NDArray, b: NDArray, x: NDArray, orders: Orders): Jet => {
  const count = jetLength(orders)
  const epsilon = dtypeEpsilon(a.dtype)
  const maximumSteps = a.dtype === 'float64' ? 300 : 100
  const zero = constantJet(zerosOf(a.aval), orders)
  const one = constantJet(like(a, 1), orders)
  // d(2m) = m (b - m) x / ((a + 2m - 1) (a + 2m))
  const even = (t: Jet, m: NDArray, twice: NDArray): Jet =>
    overShifted(overShifted(timesLinear(scaleJet(t, mul(m, x)), sub(b, m), 0, 1), add(a, sub(twice, 1))), add(a, twice))
  // d(2m + 1) = -(a + m) (a + b + m) x / ((a + 2m) (a + 2m + 1))
  const odd = (t: Jet, m: NDArray, twice: NDArray): Jet =>
    overShifted(
      overShifted(
        timesLinear(timesLinear(scaleJet(t, neg(x)), add(a, m), 1, 0), add(add(a, b), m), 1, 1),
        add(a, twice),
      ),
      add(a, add(twice, 1)),
    )
  const done = repeatWhile(
    ([going, step]) => {
      const running = known(going, 'condition')
      return bitwiseAnd(
        reduceOr(
          running,
          running.shape.map((_, d) => d),
        ),
        lt(known(step, 'step'), maximumSteps),
      )
    },
    ([going, step, ...rest]) => {
      const running = known(going, 'condition')
      const n = known(step, 'step')
      const m = broadcastInDim(convertElementType(n, a.dtype), a.shape, [])
      const twice = mul(2, m)
      const jet = (i: number): Jet => jetFromList(rest, orders, i * count)
      const old = jet(4)
      const next = (previous: Jet, current: Jet): readonly [Jet, Jet] => {
        const first = addJets(current, odd(previous, m, twice))
        return [first, addJets(first, even(current, add(m, 1), add(twice, 2)))]
      }
      const [p1, p2] = next(jet(0), jet(2))
      const [q1, q2] = next(jet(1), jet(3))
      // What has converged stays: more steps would only add rounding.
      const value = mapJet(divideJets(p2, q2), (c, i, j) => select(running, c, coefficient(old, i, j)))
      const scale = reciprocal(coefficient(q2, 0))
      const changed = jetList(value).map((c, i) =>
        gt(abs(sub(c, known(jetList(old)[i], 'coefficient'))), mul(abs(c), epsilon)),
      )
      const unfinished = bitwiseAnd(
        running,
        changed.reduce((p, q) => bitwiseOr(p, q)),
      )
      return [unfinished, add(n, 1), ...[p1, q1, p2, q2].flatMap((j) => jetList(scaleJet(j, scale))), ...jetList(value)]
    },
    [
      filled(1, { ...a.aval, dtype: 'bool' }),
      scalarOf(0, { dtype: 'int32' }),
      ...[zero, one, one, one, one].flatMap(jetList),
    ],
  )
  return jetFromList(done, orders, 2 + 4 * count)
}

/** `x^s (1 - x)^t B(a, b) / B(a + s, b + t)` as a series in s and t. */
const shiftedWeight = (a: NDArray, b: NDArray, x: NDArray, orders: Orders): Jet =>
  exponentialJet(
    jetOf(a, orders, (i, j) => {
      const order = i + j
      if (order === 0) return undefined
      const ofSum = mul(polygamma(order - 1, add(a, b)), 1 / (factorial(i) * factorial(j)))
      const own = j === 0 ? polygamma(order - 1, a) : i === 0 ? polygamma(order - 1, b) : undefined
      const rate = own === undefined ? ofSum : sub(ofSum, mul(own, 1 / factorial(order)))
      if (order > 1) return rate
      return add(rate, i === 1 ? log(x) : log1p(neg(x)))
    }),
  )

/** `log(x^a (1 - x)^b / B(a, b))` */
const logWeight = (a: NDArray, b: NDArray, x: NDArray): NDArray =>
  sub(add(mul(log(x), a), mul(log1p(neg(x)), b)), sub(add(lgamma(a), lgamma(b)), lgamma(add(a, b))))

const compute = (a: NDArray, b: NDArray, x: NDArray, [orderA, orderB]: Orders): NDArray => {
  const isNaN = either(ne(a, a), ne(b, b), ne(x, x))
  const aIsZero = bitwiseOr(eq(a, 0), eq(b, Infinity))
  const bIsZero = bitwiseOr(eq(b, 0), eq(a, Infinity))
  const invalid = either(lt(a, 0), lt(b, 0), lt(x, 0), gt(x, 1), bitwiseAnd(aIsZero, bIsZero), isNaN)
  const [atZero, atOne] = [eq(x, 0), eq(x, 1)]
  const isZero = either(atZero, bitwiseAnd(bIsZero, bitwiseNot(atOne)))
  const isOne = either(atOne, bitwiseAnd(aIsZero, bitwiseNot(atZero)))
  const usable = bitwiseNot(either(invalid, aIsZero, bIsZero, atZero, atOne))
  const safe = (value: NDArray, otherwise: number): NDArray => select(usable, value, like(value, otherwise))
  const [p, q, y] = [safe(a, 1), safe(b, 1), safe(x, 0.5)]
  // The fraction converges fast on one side of the mean; from the other side it is reflected: I(x; a, b) = 1 - I(1 - x; b, a).
  const direct = lt(y, div(add(p, 1), add(add(p, q), 2)))
  const [first, second, argument] = [select(direct, p, q), select(direct, q, p), select(direct, y, sub(1, y))]
  const order = Math.max(orderA, orderB)
  const orders: Orders = orderA === orderB ? [orderA, orderB] : [order, order]
  const terms = overShifted(fraction(first, second, argument, orders), first)
  const weighted = order === 0 ? terms : multiplyJets(shiftedWeight(first, second, argument, orders), terms)
  const factor = exp(logWeight(first, second, argument))
  const picked = select(direct, coefficient(weighted, orderA, orderB), coefficient(weighted, orderB, orderA))
  const value = mul(mul(picked, factor), factorial(orderA) * factorial(orderB))
  const nan = like(a, NaN)
  if (order > 0) {
    const signed = select(direct, value, neg(value))
    return select(invalid, nan, select(usable, signed, zerosOf(a.aval)))
  }
  const result = select(direct, value, sub(1, value))
  return select(invalid, nan, select(isZero, zerosOf(a.aval), select(isOne, like(a, 1), result)))
}

const three = (xs: readonly NDArray[]): readonly [NDArray, NDArray, NDArray] => [
  known(xs[0], 'first parameter'),
  known(xs[1], 'second parameter'),
  known(xs[2], 'argument'),
]

const byParameter =
  (da: number, db: number) =>
  (xs: readonly NDArray[], { orders }: BetaincParams): NDArray =>
    applyElementwise('betainc', betaincPrimitive, xs, { orders: [orders[0] + da, orders[1] + db] })

const betaincPrimitive: Primitive<BetaincParams> = elementwiseProgram<BetaincParams>('regularized_incomplete_beta', {
  arity: 3,
  compute: (xs, { orders }) => compute(...three(xs), orders),
  derivatives: [
    byParameter(1, 0),
    byParameter(0, 1),
    (xs, { orders }) => {
      const [a, b, x] = three(xs)
      const weight = exp(sub(sub(logWeight(a, b, x), log(x)), log1p(neg(x))))
      const [i, j] = orders
      if (i + j === 0) return weight
      return mul(mul(weight, coefficient(shiftedWeight(a, b, x, orders), i, j)), factorial(i) * factorial(j))
    },
  ],
  domain: [
    { min: 0.5, max: 4 },
    { min: 0.5, max: 4 },
    { min: 0.1, max: 0.9 },
  ],
  params: { orders: [0, 0] },
  print: ({ orders }) => (orders[0] + orders[1] === 0 ? {} : { orders }),
  parse: (printed) => {
    const orders: unknown = printed['orders']
    return { orders: Array.isArray(orders) ? [Number(orders[0]), Number(orders[1])] : [0, 0] }
  },
})

/**
 * Incomplete beta function, regularized: `1 / B(a, b) * integral of t^(a-1) (1-t)^(b-1) from 0 to x` (DLMF 8.17.2), for
 * a, b >= 0 (not both 0) and x in [0, 1], NaN elsewhere. Floats of one shape and dtype, or scalars.
 * Differentiable in all operands, to any order.
 *
 * @example lax.betainc(1, 2, 0.5) // 0.75
 */
export const betainc = (a: ArrayLike, b: ArrayLike, x: ArrayLike): NDArray =>
  applyElementwise('betainc', betaincPrimitive, [a, b, x], { orders: [0, 0] })
