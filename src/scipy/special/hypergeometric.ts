/** Kummer's confluent hypergeometric function. */
import { type ArrayLike, type NDArray, dtypeEpsilon } from '../../core/index.js'
import * as lax from '../../lax/index.js'
import { customJvp, jit, jvp, whileLoop } from '../../transforms/index.js'
import { like, threeFloats, where } from '../arguments.js'
import { gammasgn } from './gamma.js'

const any = (condition: NDArray): NDArray =>
  lax.reduceOr(
    condition,
    condition.shape.map((_, d) => d),
  )

type Sum = readonly [going: NDArray, k: NDArray, term: NDArray, sum: NDArray, bound: NDArray]
type ScaledSum = readonly [...sum: Sum, decay: NDArray]

/** `|x|`, but 1 where that is less: the size of a factor of a bound that must not vanish. */
const sizeOf = (x: NDArray): NDArray => lax.max(lax.abs(x), like(x, 1))

const start = (x: NDArray): Sum => [
  lax.filled(1, { ...x.aval, dtype: 'bool' }),
  like(x, 0),
  like(x, 1),
  like(x, 1),
  like(x, 1),
]

/**
 * The power series, DLMF 13.2.2, times `exp(-decay)`, for `x >= 0`, where its terms have one sign once `k` is beyond `-a` and `-b`.
 * What ends it is a bound of terms that does not vanish where `a + k` does: terms after a zero are zero, their derivatives by `a` are
 * not. Terms that become large take their part of the decay at once, so that a sum which overflows alone does not.
 */
const powerSeries = (a: NDArray, b: NDArray, x: NDArray, decay: NDArray): NDArray => {
  const epsilon = dtypeEpsilon(x.dtype)
  const step = x.dtype === 'float64' ? 300 : 40
  const [, , , sum, , left] = whileLoop(
    ([going, k]: ScaledSum) => lax.bitwiseAnd(any(going), any(lax.lt(k, 5000))),
    ([going, k, term, total, bound, rest]: ScaledSum): ScaledSum => {
      const rate = lax.div(x, lax.mul(lax.add(b, k), lax.add(k, 1)))
      const factor = lax.mul(lax.add(a, k), rate)
      const growth = lax.abs(lax.mul(sizeOf(lax.add(a, k)), rate))
      const limit = lax.mul(bound, growth)
      const next = lax.mul(term, factor)
      const after = lax.add(total, next)
      // Small terms beside the sum end it only where terms have begun to fall.
      const falling = lax.lt(growth, 0.9)
      const small = lax.le(limit, lax.mul(lax.abs(after), epsilon))
      const ends = lax.bitwiseOr(lax.bitwiseAnd(falling, small), lax.ne(after, after))
      const large = lax.bitwiseAnd(going, lax.bitwiseAnd(lax.gt(limit, Math.exp(step)), lax.ge(rest, step)))
      const scale = lax.select(large, like(x, Math.exp(-step)), like(x, 1))
      return [
        lax.bitwiseAnd(going, lax.bitwiseNot(ends)),
        lax.add(k, 1),
        lax.mul(next, scale),
        lax.mul(lax.select(going, after, total), scale),
        lax.mul(limit, scale),
        lax.select(large, lax.sub(rest, step), rest),
      ]
    },
    [...start(x), decay],
  )
  // By halves: the whole may underflow where the product does not.
  const half = lax.exp(lax.mul(-0.5, left))
  return lax.mul(lax.mul(sum, half), half)
}

/**
 * The asymptotic series of DLMF 13.7.2 for large `x`, without its factor: sum of `(p)_k (q)_k / (k! x^k)` while terms fall. Like the
 * power series it goes on after a zero, for the derivatives.
 */
const asymptotic = (p: NDArray, q: NDArray, x: NDArray): NDArray => {
  const epsilon = dtypeEpsilon(x.dtype)
  const [, , , sum] = whileLoop(
    ([going]: Sum) => any(going),
    ([going, k, term, total, bound]: Sum): Sum => {
      const rate = lax.mul(x, lax.add(k, 1))
      const [atP, atQ] = [lax.add(p, k), lax.add(q, k)]
      const next = lax.mul(term, lax.div(lax.mul(atP, atQ), rate))
      const growth = lax.div(lax.mul(sizeOf(atP), sizeOf(atQ)), rate)
      const limit = lax.mul(bound, growth)
      const after = lax.add(total, next)
      const taken = lax.bitwiseAnd(going, lax.lt(growth, 1))
      const goes = lax.gt(limit, lax.mul(lax.abs(after), epsilon / 8))
      return [
        lax.bitwiseAnd(lax.bitwiseAnd(taken, goes), lax.lt(k, 200)),
        lax.add(k, 1),
        next,
        lax.select(taken, after, total),
        limit,
      ]
    },
    start(x),
  )
  return sum
}

/** `exp(exponent) Gamma(b) / Gamma(c)`, differentiable also at the poles of the divisor, where it is 0: by reflection, DLMF 5.5.3. */
const overGamma = (b: NDArray, c: NDArray, exponent: NDArray): NDArray => {
  const reflects = lax.lt(c, 0.5)
  const nearest = lax.stopGradient(lax.round(c, 1))
  const sine = lax.sin(lax.mul(Math.PI, lax.sub(c, nearest)))
  const odd = lax.ne(lax.mul(2, lax.floor(lax.div(nearest, 2))), nearest)
  const reflected = lax.div(lax.select(odd, lax.neg(sine), sine), Math.PI)
  const logarithm = lax.lgamma(lax.select(reflects, lax.sub(1, c), c))
  const sum = lax.add(exponent, lax.add(lax.lgamma(b), lax.select(reflects, logarithm, lax.neg(logarithm))))
  return lax.mul(lax.mul(gammasgn(b), lax.select(reflects, reflected, like(c, 1))), lax.exp(sum))
}

const kummer = (a: NDArray, b: NDArray, x: NDArray): NDArray => {
  const negative = lax.lt(x, 0)
  // M(a, b, x) = exp(x) M(b - a, b, -x), DLMF 13.2.39: no alternating signs.
  const upper = lax.select(negative, lax.sub(b, a), a)
  const size = lax.abs(x)
  const [border, underflow] = x.dtype === 'float64' ? [100, 800] : [40, 120]
  // The asymptotic series needs an argument that is large beside its parameters.
  const wide = lax.mul(lax.add(1, lax.abs(a)), lax.add(1, lax.abs(lax.sub(b, a))))
  // It lacks what is smaller by exp(-|x|), which is all there is where the power series ends, unless that is 0.
  const terminates = lax.bitwiseAnd(lax.le(upper, 0), lax.eq(upper, lax.round(upper, 1)))
  const lacks = lax.bitwiseAnd(terminates, lax.bitwiseNot(lax.bitwiseAnd(negative, lax.gt(size, underflow))))
  const isFar = lax.bitwiseAnd(lax.gt(size, lax.add(border, wide)), lax.bitwiseNot(lacks))
  const near = powerSeries(upper, b, where(isFar, 1, size, x), where(negative, where(isFar, 1, size, x), 0, x))
  const distance = where(isFar, size, 2 * border, x)
  const series = asymptotic(lax.sub(b, upper), lax.sub(1, upper), distance)
  const growth = lax.add(where(negative, 0, distance, x), lax.mul(lax.sub(upper, b), lax.log(distance)))
  const far = lax.mul(overGamma(b, upper, growth), series)
  const value = lax.select(isFar, far, near)
  const pole = lax.bitwiseAnd(lax.le(b, 0), lax.eq(b, lax.round(b, 1)))
  return where(pole, Infinity, value, x)
}

const compiled = jit(kummer)

const ofFloats = customJvp((a: NDArray, b: NDArray, x: NDArray): NDArray => compiled(a, b, x))
ofFloats.defjvp(([a, b, x], [da, db, dx]) => {
  const value = ofFloats(a, b, x)
  const slope = lax.mul(lax.div(a, b), ofFloats(lax.add(a, 1), lax.add(b, 1), x))
  // By the parameters forward through the series; what is multiplied with their tangents is linear in these.
  const one = like(x, 1)
  const [, byA] = jvp((p: NDArray) => kummer(p, b, x), [a], [one])
  const [, byB] = jvp((p: NDArray) => kummer(a, p, x), [b], [one])
  return [value, lax.add(lax.mul(dx, slope), lax.add(lax.mul(da, byA), lax.mul(db, byB)))]
})

/**
 * Kummer's function `M(a, b, x)`, the confluent hypergeometric function 1F1; infinite where `b` is 0, -1, -2, ...
 *
 * @example
 * ```ts
 * scipy.special.hyp1f1(1, 1, np.array([0, 1])) // [1, 2.718282]
 * ```
 */
export const hyp1f1 = (a: ArrayLike, b: ArrayLike, x: ArrayLike): NDArray =>
  ofFloats(...threeFloats('special.hyp1f1', a, b, x))
