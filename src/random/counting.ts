/** Samples of counts: Poisson's, binomial and multinomial distributions, with JAX's loops. */
import { type ArrayLike, type DType, type NDArray, DTypeError, isInteger, known, checkOptions } from '../core/index.js'
import * as lax from '../lax/index.js'
import * as np from '../numpy/index.js'
import { jit, scan, whileLoop } from '../transforms/index.js'
import type { IntegerOptions } from './discrete.js'
import { checkKey, sampleShape, split, splitList, splitPair } from './key.js'
import { type FloatOptions, checkFloat, parameterShape, uniformSamples } from './uniform.js'

const any = (condition: NDArray): NDArray =>
  lax.reduceOr(
    condition,
    condition.shape.map((_, d) => d),
  )
const number = (value: number, x: NDArray): NDArray => lax.filled(value, x.aval)
const at = (keys: readonly NDArray[], i: number): NDArray => known(keys[i], 'key')
const step = (i: NDArray): NDArray => lax.add(i, 1)
const first = (): NDArray => lax.scalarOf(0, { dtype: 'int32' })

/** More trips than any loop needs. */
const maximumTrips = 2 ** 31 - 1

/** Number of uniform variables whose product stays above exp(-lambda), for small lambda: Knuth (1969), section 3.4.1. */
const byProducts = (key: NDArray, lambda: NDArray, dtype: DType): NDArray => {
  type State = readonly [i: NDArray, k: NDArray, key: NDArray, logProduct: NDArray]
  const above = (logProduct: NDArray): NDArray => lax.gt(logProduct, lax.neg(lambda))
  const [, k] = whileLoop(
    ([i, , , logProduct]: State) => lax.bitwiseAnd(any(above(logProduct)), lax.lt(i, maximumTrips)),
    ([i, count, state, logProduct]: State): State => {
      const [next, drawn] = splitPair(state)
      const more = lax.select(above(logProduct), lax.add(count, 1), count)
      const u = uniformSamples(drawn, lambda.shape, 'float32', 0, 1)
      return [step(i), more, next, lax.add(logProduct, lax.log(u))]
    },
    [first(), lax.full(lambda.shape, 0, { dtype }), key, number(0, lambda)],
  )
  return lax.sub(k, 1)
}

/** Transformed rejection for large lambda: Hoermann, "The transformed rejection method for generating Poisson random variables" (1993). */
const byRejection = (key: NDArray, lambda: NDArray, dtype: DType): NDArray => {
  const logLambda = lax.log(lambda)
  const b = lax.add(0.931, lax.mul(2.53, lax.sqrt(lambda)))
  const a = lax.add(-0.059, lax.mul(0.02483, b))
  const inverseAlpha = lax.add(1.1239, lax.div(1.1328, lax.sub(b, 3.4)))
  const vr = lax.sub(0.9277, lax.div(3.6224, lax.sub(b, 2)))
  type State = readonly [i: NDArray, k: NDArray, accepted: NDArray, key: NDArray]
  const [, k] = whileLoop(
    ([i, , accepted]: State) => lax.bitwiseAnd(any(lax.bitwiseNot(accepted)), lax.lt(i, maximumTrips)),
    ([i, found, accepted, state]: State): State => {
      const keys = splitList(state, 3)
      const u = lax.sub(uniformSamples(at(keys, 1), lambda.shape, 'float32', 0, 1), 0.5)
      const v = uniformSamples(at(keys, 2), lambda.shape, 'float32', 0, 1)
      const shifted = lax.sub(0.5, lax.abs(u))
      const candidate = lax.floor(
        lax.add(lax.add(lax.mul(lax.add(lax.div(lax.mul(2, a), shifted), b), u), lambda), 0.43),
      )
      const s = lax.log(lax.div(lax.mul(v, inverseAlpha), lax.add(lax.div(a, lax.mul(shifted, shifted)), b)))
      const limit = lax.sub(lax.add(lax.neg(lambda), lax.mul(candidate, logLambda)), lax.lgamma(lax.add(candidate, 1)))
      const atOnce = lax.bitwiseAnd(lax.ge(shifted, 0.07), lax.le(v, vr))
      const outside = lax.bitwiseOr(lax.lt(candidate, 0), lax.bitwiseAnd(lax.lt(shifted, 0.013), lax.gt(v, shifted)))
      const accept = lax.bitwiseOr(atOnce, lax.bitwiseAnd(lax.bitwiseNot(outside), lax.le(s, limit)))
      return [step(i), lax.select(accept, candidate, found), lax.bitwiseOr(accepted, accept), at(keys, 0)]
    },
    [first(), number(-1, lambda), lax.full(lambda.shape, false), key],
  )
  return lax.convertElementType(k, dtype)
}

const poissonSamples = jit(
  (key: NDArray, mean: NDArray, dtype: DType): NDArray => {
    const small = lax.bitwiseOr(lax.ne(mean, mean), lax.lt(mean, 10))
    const products = byProducts(key, lax.select(small, mean, number(0, mean)), dtype)
    const rejection = byRejection(key, lax.select(small, number(1e5, mean), mean), dtype)
    const result = lax.select(small, products, rejection)
    return lax.select(lax.eq(mean, 0), lax.zerosOf(result.aval), result)
  },
  { staticArgnums: 2 },
)

/**
 * Poisson integers of mean `lam`, as JAX draws them.
 *
 * @param shape default: that of `lam`
 * @param options.dtype an integer dtype, 'int32' by default
 * @example
 * ```ts
 * random.poisson(random.key(0), 3, [4])
 * ```
 */
export const poisson = (
  key: NDArray,
  lam: ArrayLike,
  shape?: readonly number[] | null,
  options: IntegerOptions = {},
): NDArray => {
  const { dtype = 'int32' } = checkOptions('random.poisson', options, 'dtype')
  const operation = 'random.poisson'
  checkKey(key, operation)
  if (!isInteger(dtype))
    throw new DTypeError(`${operation}: samples are integers, and '${dtype}' is not an integer dtype.`)
  const size = parameterShape(operation, shape, [lam])
  return poissonSamples(
    key,
    lax.broadcastTo(lax.convertElementType(lax.asArray(lam, operation), 'float32'), size),
    dtype,
  )
}

/** Numbers of successes from the distances between them, which are geometric, where few are expected. */
const byDistances = (key: NDArray, count: NDArray, chance: NDArray): NDArray => {
  const logMiss = lax.log1p(lax.neg(chance))
  type State = readonly [i: NDArray, found: NDArray, sum: NDArray, key: NDArray]
  const [, found] = whileLoop(
    ([i, , sum]: State) => lax.bitwiseAnd(any(lax.le(sum, count)), lax.lt(i, maximumTrips)),
    ([i, successes, sum, state]: State): State => {
      const [drawn, next] = splitPair(state)
      const more = lax.select(lax.le(sum, count), lax.add(successes, 1), successes)
      const u = uniformSamples(drawn, chance.shape, chance.dtype, 0, 1)
      return [step(i), more, lax.add(sum, lax.ceil(lax.div(lax.log(u), logMiss))), next]
    },
    [first(), number(0, chance), number(0, chance), key],
  )
  return lax.sub(found, 1)
}

// Stirling's series beyond its first terms, for 0 .. 9.
const stirlingTails = [
  0.0810614667953272, 0.0413406959554092, 0.0276779256849983, 0.02079067210376509, 0.0166446911898211,
  0.0138761288230707, 0.0118967099458917, 0.010411265261972, 0.00925546218271273, 0.00833056343336287,
]

const stirlingTail = (k: NDArray): NDArray => {
  const small = lax.le(k, 9)
  const square = lax.square(lax.add(k, 1))
  const series = lax.div(lax.sub(1 / 12, lax.div(lax.sub(1 / 360, lax.div(1 / 1260, square)), square)), lax.add(k, 1))
  const index = lax.convertElementType(lax.floor(lax.min(lax.max(k, 0), 9)), 'int32')
  return lax.select(small, np.take(np.array(stirlingTails, { dtype: k.dtype }), index, { mode: 'clip' }), series)
}

/** Transformed rejection where many successes are expected: Hoermann, "The generation of binomial random variates" (1993). */
const byTransformedRejection = (key: NDArray, count: NDArray, chance: NDArray): NDArray => {
  const deviation = lax.sqrt(lax.mul(lax.mul(count, chance), lax.sub(1, chance)))
  const b = lax.add(1.15, lax.mul(2.53, deviation))
  const a = lax.add(lax.add(-0.0873, lax.mul(0.0248, b)), lax.mul(0.01, chance))
  const c = lax.add(lax.mul(count, chance), 0.5)
  const vr = lax.sub(0.92, lax.div(4.2, b))
  const odds = lax.div(chance, lax.sub(1, chance))
  const alpha = lax.mul(lax.add(2.83, lax.div(5.1, b)), deviation)
  const m = lax.floor(lax.mul(lax.add(count, 1), chance))
  const beyond = lax.add(lax.sub(count, m), 1)
  type State = readonly [i: NDArray, k: NDArray, accepted: NDArray, key: NDArray]
  const [, k] = whileLoop(
    ([i, , accepted]: State) => lax.bitwiseAnd(any(lax.bitwiseNot(accepted)), lax.lt(i, maximumTrips)),
    ([i, found, accepted, state]: State): State => {
      const keys = splitList(state, 3)
      const u = lax.sub(uniformSamples(at(keys, 1), chance.shape, chance.dtype, 0, 1), 0.5)
      const v = uniformSamples(at(keys, 2), chance.shape, chance.dtype, 0, 1)
      const us = lax.sub(0.5, lax.abs(u))
      const atOnce = lax.bitwiseAnd(lax.ge(us, 0.07), lax.le(v, vr))
      const candidate = lax.floor(lax.add(lax.mul(lax.add(lax.div(lax.mul(2, a), us), b), u), c))
      const outside = lax.bitwiseOr(lax.lt(candidate, 0), lax.gt(candidate, count))
      const level = lax.log(lax.div(lax.mul(v, alpha), lax.add(lax.div(a, lax.mul(us, us)), b)))
      const rest = lax.add(lax.sub(count, candidate), 1)
      const terms = [
        lax.mul(lax.add(m, 0.5), lax.log(lax.div(lax.add(m, 1), lax.mul(odds, beyond)))),
        lax.mul(lax.add(count, 1), lax.log(lax.div(beyond, rest))),
        lax.mul(lax.add(candidate, 0.5), lax.log(lax.div(lax.mul(odds, rest), lax.add(candidate, 1)))),
        stirlingTail(m),
        stirlingTail(lax.sub(count, m)),
        lax.neg(stirlingTail(candidate)),
        lax.neg(stirlingTail(lax.sub(count, candidate))),
      ]
      const bound = terms.reduce((p, q) => lax.add(p, q))
      const accept = lax.bitwiseOr(atOnce, lax.bitwiseAnd(lax.bitwiseNot(outside), lax.le(level, bound)))
      return [step(i), lax.select(accept, candidate, found), lax.bitwiseOr(accepted, accept), at(keys, 0)]
    },
    [first(), number(-1, chance), lax.full(chance.shape, false), key],
  )
  return k
}

const binomialSamples = jit((key: NDArray, trials: NDArray, likely: NDArray): NDArray => {
  const below = lax.lt(likely, 0.5)
  const q0 = lax.select(below, likely, lax.sub(1, likely))
  const badTrials = lax.bitwiseOr(lax.ne(trials, trials), lax.lt(trials, 0))
  const endless = lax.eq(trials, Infinity)
  const badChance = lax.bitwiseOr(lax.ne(q0, q0), lax.lt(q0, 0))
  const q = lax.select(badChance, number(0.01, q0), q0)
  const few = lax.bitwiseOr(badTrials, lax.le(lax.mul(trials, q), 10))
  const whole = lax.floor(trials)
  const distances = byDistances(key, lax.select(few, whole, number(0, whole)), q)
  const rejection = byTransformedRejection(
    key,
    lax.select(few, number(1e4, whole), whole),
    lax.select(few, number(0.5, q), q),
  )
  const drawn = lax.select(few, distances, rejection)
  const invalid = lax.bitwiseOr(badChance, badTrials)
  const marked = lax.select(invalid, number(NaN, drawn), drawn)
  const samples = lax.select(lax.bitwiseAnd(endless, lax.bitwiseNot(invalid)), number(Infinity, drawn), marked)
  const direct = lax.bitwiseOr(lax.bitwiseOr(below, invalid), endless)
  return lax.select(direct, samples, lax.sub(whole, samples))
})

/**
 * Numbers of successes in `n` trials of probability `p`, as floats; NaN for parameters out of range, as JAX draws them.
 *
 * @param shape default: that of `n` and `p` together
 * @example
 * ```ts
 * random.binomial(random.key(0), 10, 0.3, [4])
 * ```
 */
export const binomial = (
  key: NDArray,
  n: ArrayLike,
  p: ArrayLike,
  shape?: readonly number[] | null,
  options: FloatOptions = {},
): NDArray => {
  const { dtype = 'float32' } = checkOptions('random.binomial', options, 'dtype')
  const operation = 'random.binomial'
  checkKey(key, operation)
  checkFloat(dtype, operation)
  const size = parameterShape(operation, shape, [n, p])
  const [given, chance] = [n, p].map((x) =>
    lax.broadcastTo(lax.convertElementType(lax.asArray(x, operation), dtype), size),
  )
  return binomialSamples(key, known(given, 'n'), known(chance, 'p'))
}

const multinomialSamples = jit((key: NDArray, trials: NDArray, chances: NDArray): NDArray => {
  const byOutcome = np.moveaxis(chances, -1, 0)
  const remaining = lax.cumsum(byOutcome, { axis: 0, reverse: true })
  const ratios = lax.div(byOutcome, lax.select(lax.eq(remaining, 0), number(1, remaining), remaining))
  const keys = split(key, known(ratios.shape[0], 'outcomes'))
  const [, counts] = scan(
    (rest: NDArray, [ratio, own]: readonly [NDArray, NDArray]): readonly [NDArray, NDArray] => {
      const count = binomialSamples(own, rest, lax.min(lax.max(ratio, 0), 1))
      return [lax.sub(rest, count), count]
    },
    trials,
    [ratios, keys] as readonly [NDArray, NDArray],
  ) as readonly [NDArray, NDArray]
  return np.moveaxis(counts, 0, -1)
})

/**
 * Numbers of each of k outcomes in `n` trials with probabilities `p`, `[..., k]`, as floats of that shape.
 *
 * @param options.shape default: that of `p`
 * @example
 * ```ts
 * random.multinomial(random.key(0), 10, np.array([0.2, 0.3, 0.5])) // sums to 10
 * ```
 */
export const multinomial = (
  key: NDArray,
  n: ArrayLike,
  p: NDArray,
  options: FloatOptions & { readonly shape?: readonly number[] | null } = {},
): NDArray => {
  const { shape = null, dtype = 'float32' } = checkOptions('random.multinomial', options, 'dtype shape')
  const operation = 'random.multinomial'
  checkKey(key, operation)
  checkFloat(dtype, operation)
  const chances = lax.convertElementType(lax.asArray(p, operation), dtype)
  const size = shape === null ? chances.shape : sampleShape(shape, operation)
  const trials = lax.broadcastTo(lax.convertElementType(lax.asArray(n, operation), dtype), size.slice(0, -1))
  return multinomialSamples(key, trials, lax.broadcastTo(chances, size))
}
