/** Logarithms and what is made of them: entropies, logits, powers of Box and Cox. */
import type { ArrayLike, NDArray } from '../../core/index.js'
import * as lax from '../../lax/index.js'
import { customJvp, jit } from '../../transforms/index.js'
import { float, like, twoFloats, where } from '../arguments.js'

const logOdds = customJvp((x: NDArray): NDArray => lax.log(lax.div(x, lax.sub(1, x))))
logOdds.defjvp(([x], [t]) => [logOdds(x), lax.div(t, lax.mul(x, lax.sub(1, x)))])

const compiledLogit = jit(logOdds)

/**
 * Logarithm of the odds, `log(x / (1 - x))`, elementwise; the inverse of `expit`.
 *
 * @example
 * ```ts
 * scipy.special.logit(np.array([0.5])) // [0]
 * ```
 */
export const logit = (x: ArrayLike): NDArray => compiledLogit(float('special.logit', x))

/** Logistic function, `1 / (1 + exp(-x))`, elementwise. */
export const expit = (x: ArrayLike): NDArray => lax.logistic(float('special.expit', x))

const zeroUnless = (x: NDArray, y: NDArray, value: NDArray): NDArray =>
  where(lax.bitwiseOr(lax.ne(x, 0), lax.ne(y, y)), value, 0, x)

const xTimesLog = customJvp((x: NDArray, y: NDArray): NDArray => zeroUnless(x, y, lax.mul(x, lax.log(y))))
xTimesLog.defjvp(([x, y], [dx, dy]) => [xTimesLog(x, y), lax.add(lax.mul(dx, lax.log(y)), lax.div(lax.mul(dy, x), y))])

const xTimesLog1p = customJvp((x: NDArray, y: NDArray): NDArray => zeroUnless(x, y, lax.mul(x, lax.log1p(y))))
xTimesLog1p.defjvp(([x, y], [dx, dy]) => [
  xTimesLog1p(x, y),
  lax.add(lax.mul(dx, lax.log1p(y)), lax.div(lax.mul(dy, x), lax.add(1, y))),
])

const compiledXLogY = jit(xTimesLog)
const compiledXLog1pY = jit(xTimesLog1p)

/**
 * `x log(y)`, elementwise, which is 0 where x is 0.
 *
 * @example
 * ```ts
 * scipy.special.xlogy(np.array([0, 2]), np.array([0, 1])) // [0, 0]
 * ```
 */
export const xlogy = (x: ArrayLike, y: ArrayLike): NDArray => compiledXLogY(...twoFloats('special.xlogy', x, y))

/** `x log(1 + y)`, elementwise, which is 0 where x is 0. */
export const xlog1py = (x: ArrayLike, y: ArrayLike): NDArray => compiledXLog1pY(...twoFloats('special.xlog1py', x, y))

const xLogX = customJvp((x: NDArray): NDArray => xTimesLog(x, x))
xLogX.defjvp(([x], [t]) => [xLogX(x), lax.mul(t, lax.add(lax.log(x), 1))])

const compiledXLogX = jit(xLogX)

/** Entropy, `-x log(x)`, elementwise: 0 at 0, -infinity for negative numbers. */
export const entr = (x: ArrayLike): NDArray => {
  const p = float('special.entr', x)
  return where(lax.lt(p, 0), -Infinity, lax.neg(compiledXLogX(p)), p)
}

/** Relative entropy, `p log(p / q)`, elementwise: 0 where p is 0 and q is not negative, infinite where either is out of range. */
export const relEntr = (p: ArrayLike, q: ArrayLike): NDArray => {
  const [x, y] = twoFloats('special.relEntr', p, q)
  const positive = lax.bitwiseAnd(lax.gt(x, 0), lax.gt(y, 0))
  const nothing = lax.bitwiseAnd(lax.eq(x, 0), lax.ge(y, 0))
  const [a, b] = [where(positive, x, 1, x), where(positive, y, 1, y)]
  const value = lax.sub(compiledXLogX(a), compiledXLogY(a, b))
  return lax.select(positive, value, lax.select(nothing, like(x, 0), like(x, Infinity)))
}

/** Divergence of Kullback and Leibler, `p log(p / q) - p + q`, elementwise. */
export const klDiv = (p: ArrayLike, q: ArrayLike): NDArray => {
  const [x, y] = twoFloats('special.klDiv', p, q)
  return lax.add(lax.sub(relEntr(x, y), x), y)
}

const powerOf = (logarithm: NDArray, lambda: NDArray): NDArray => {
  const isZero = lax.eq(lambda, 0)
  const safe = where(isZero, 1, lambda, lambda)
  return lax.select(isZero, logarithm, lax.div(lax.expm1(lax.mul(safe, logarithm)), safe))
}

/** Transformation of Box and Cox, `(x^lambda - 1) / lambda`, elementwise; `log(x)` for lambda 0. */
export const boxcox = (x: ArrayLike, lmbda: ArrayLike): NDArray => {
  const [a, b] = twoFloats('special.boxcox', x, lmbda)
  return powerOf(lax.log(a), b)
}

/** `boxcox` of 1 + x, accurate for small x. */
export const boxcox1p = (x: ArrayLike, lmbda: ArrayLike): NDArray => {
  const [a, b] = twoFloats('special.boxcox1p', x, lmbda)
  return powerOf(lax.log1p(a), b)
}
