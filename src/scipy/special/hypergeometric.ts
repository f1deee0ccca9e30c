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

type State = readonly [going: NDArray, k: NDArray, term: NDArray, sum: NDArray]
type Bounded = readonly [going: NDArray, k: NDArray, term: NDArray, sum: NDArray, bound: NDArray]

/**
 * The power series, DLMF 13.2.2, for `x >= 0`, where its terms have one sign once `k` is beyond `-a` and `-b`. What ends it is a
 * bound of terms that does not vanish where `a + k` does: terms after a zero are zero, their derivatives by `a` are not.
 */
const powerSeries = (a: NDArray, b: NDArray, x: NDArray): NDArray => {
  const epsilon = dtypeEpsilon(x.dtype)
  const [, , , sum] = whileLoop(
    ([going, k]: Bounded) => lax.bitwiseAnd(any(going), any(lax.lt(k, 5000))),
    ([going, k, term, total, bound]: Bounded): Bounded => {
      const rate = lax.div(x, lax.mul(lax.add(b, k), lax.add(k, 1)))
      const factor = lax.mul(lax.add(a, k), rate)
      const growth = lax.abs(lax.mul(lax.max(lax.abs(lax.add(a, k)), like(x, 1)), rate))
      const limit = lax.mul(bound, growth)
      const next = lax.mul(term, factor)
      const after = lax.add(total, next)
      // Small terms beside the sum end it only where terms have begun to fall.
      const falling = lax.lt(growth, 0.9)
      const small = lax.le(limit, lax.mul(lax.abs(after), epsilon))
      const ends = lax.bitwiseOr(lax.bitwiseAnd(falling, small), lax.ne(after, after))
      return [lax.bitwiseAnd(going, lax.bitwiseNot(ends)), lax.add(k, 1), next, lax.select(going, after, total), limit]
    },
    [lax.filled(1, { ...x.aval, dtype: 'bool' }), like(x, 0), like(x, 1), like(x, 1), like(x, 1)],
  )
  return sum
}

/** The asymptotic series of DLMF 13.7.2 for large `x`, without its factor: sum of `(p)_k (q)_k / (k! x^k)` while terms fall. */
const asymptotic = (p: NDArray, q: NDArray, x: NDArray): NDArray => {
  const [, , , sum] = whileLoop(
    ([going]: State) => any(going),
    ([going, k, term, total]: State): State => {
      const factor = lax.div(lax.mul(lax.add(p, k), lax.add(q, k)), lax.mul(x, lax.add(k, 1)))
      const next = lax.mul(term, factor)
      const after = lax.add(total, next)
      const goes = lax.bitwiseAnd(lax.lt(lax.abs(factor), 1), lax.ne(after, total))
      return [
        lax.bitwiseAnd(lax.bitwiseAnd(going, goes), lax.lt(k, 200)),
        lax.add(k, 1),
        next,
        lax.select(lax.bitwiseAnd(going, goes), after, total),
      ]
    },
    [lax.filled(1, { ...x.aval, dtype: 'bool' }), like(x, 0), like(x, 1), like(x, 1)],
  )
  return sum
}

/** `Gamma(b) / Gamma(c)`, 0 at the poles of the divisor. */
const gammaRatio = (b: NDArray, c: NDArray): NDArray =>
  lax.mul(lax.mul(gammasgn(b), gammasgn(c)), lax.exp(lax.sub(lax.lgamma(b), lax.lgamma(c))))

const kummer = (a: NDArray, b: NDArray, x: NDArray): NDArray => {
  const negative = lax.lt(x, 0)
  // M(a, b, x) = exp(x) M(b - a, b, -x), DLMF 13.2.39: no alternating signs.
  const upper = lax.select(negative, lax.sub(b, a), a)
  const size = lax.abs(x)
  const border = x.dtype === 'float64' ? 100 : 40
  // The asymptotic series needs an argument that is large beside its parameters.
  const wide = lax.mul(lax.add(1, lax.abs(a)), lax.add(1, lax.abs(lax.sub(b, a))))
  const terminates = lax.bitwiseAnd(lax.le(upper, 0), lax.eq(upper, lax.round(upper, 1)))
  const isFar = lax.bitwiseAnd(lax.gt(size, lax.add(border, wide)), lax.bitwiseNot(terminates))
  const near = powerSeries(upper, b, where(isFar, 1, size, x))
  const scaledNear = lax.select(negative, lax.mul(near, lax.exp(where(isFar, 0, x, x))), near)
  const distance = where(isFar, size, 2 * border, x)
  const series = asymptotic(lax.sub(b, upper), lax.sub(1, upper), distance)
  const growth = lax.exp(lax.add(where(negative, 0, distance, x), lax.mul(lax.sub(upper, b), lax.log(distance))))
  const far = lax.mul(lax.mul(gammaRatio(b, upper), growth), series)
  const value = lax.select(isFar, far, scaledNear)
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
