/** Exponential, sine and cosine integrals, and the dilogarithm. */
import { type ArrayLike, type NDArray, dtypeEpsilon, range } from '../../core/index.js'
import * as lax from '../../lax/index.js'
import { customJvp, jit, whileLoop } from '../../transforms/index.js'
import { float, like, polynomial, twoFloats, where } from '../arguments.js'

const euler = 0.5772156649015329

const any = (condition: NDArray): NDArray =>
  lax.reduceOr(
    condition,
    condition.shape.map((_, d) => d),
  )

/** `E_n(x)` for 0 < x <= 1 and n >= 1, by its series: DLMF 8.19.8. */
const exponentialSeries = (n: NDArray, x: NDArray): NDArray => {
  const isFirst = lax.eq(n, 1)
  const start = where(isFirst, 0, lax.div(1, lax.sub(1, where(isFirst, 2, n, n))), x)
  const epsilon = dtypeEpsilon(x.dtype)
  type State = readonly [going: NDArray, k: NDArray, term: NDArray, sum: NDArray]
  const [, , , sum] = whileLoop(
    ([going]: State) => going,
    ([, k, term, total]: State): State => {
      const next = lax.add(k, 1)
      const power = lax.div(lax.mul(term, lax.neg(x)), next)
      const divisor = lax.add(lax.sub(1, n), next)
      const skipped = lax.eq(divisor, 0)
      const change = where(skipped, 0, lax.div(power, where(skipped, 1, divisor, x)), x)
      const after = lax.add(total, change)
      const grows = lax.bitwiseOr(lax.gt(lax.abs(power), lax.mul(lax.abs(after), epsilon)), lax.eq(after, 0))
      return [any(lax.bitwiseAnd(grows, lax.lt(next, 100))), next, power, after]
    },
    [lax.full([], true), like(x, 0), like(x, 1), start],
  )
  const power = lax.pow(lax.neg(x), lax.sub(n, 1))
  const logarithmic = lax.mul(power, lax.mul(lax.sub(lax.digamma(n), lax.log(x)), lax.exp(lax.neg(lax.lgamma(n)))))
  return lax.sub(logarithmic, sum)
}

/** `E_n(x)` for x > 1, by its continued fraction, DLMF 8.19.17, after Lentz. */
const exponentialFraction = (n: NDArray, x: NDArray): NDArray => {
  const epsilon = dtypeEpsilon(x.dtype)
  type State = readonly [going: NDArray, k: NDArray, b: NDArray, c: NDArray, d: NDArray, value: NDArray]
  const b0 = lax.add(x, n)
  const first = lax.div(1, b0)
  const [, , , , , value] = whileLoop(
    ([going]: State) => any(going),
    ([going, k, b, c, d, h]: State): State => {
      const numerator = lax.mul(lax.neg(k), lax.add(lax.sub(n, 1), k))
      const next = lax.add(b, 2)
      const below = lax.div(1, lax.add(lax.mul(numerator, d), next))
      const above = lax.add(next, lax.div(numerator, c))
      const factor = lax.mul(above, below)
      const unfinished = lax.gt(lax.abs(lax.sub(factor, 1)), epsilon)
      const running = lax.bitwiseAnd(going, lax.bitwiseAnd(unfinished, lax.lt(k, 500)))
      return [running, lax.add(k, 1), next, above, below, lax.select(going, lax.mul(h, factor), h)]
    },
    [lax.filled(1, { ...x.aval, dtype: 'bool' }), like(x, 1), b0, like(x, 1e30), first, first],
  )
  return lax.mul(value, lax.exp(lax.neg(x)))
}

const exponentialIntegral = (n: NDArray, x: NDArray): NDArray => {
  const regular = lax.bitwiseAnd(lax.gt(x, 0), lax.ge(n, 1))
  const large = lax.gt(x, 1)
  const order = where(regular, n, 1, n)
  const small = where(lax.bitwiseAnd(regular, lax.le(x, 1)), x, 1, x)
  const far = where(lax.bitwiseAnd(lax.bitwiseAnd(regular, large), lax.lt(x, Infinity)), x, 2, x)
  const value = lax.select(large, exponentialFraction(order, far), exponentialSeries(order, small))
  const zeroth = lax.div(lax.exp(lax.neg(x)), x)
  const atZero = where(lax.gt(n, 1), lax.div(1, where(lax.gt(n, 1), lax.sub(n, 1), 1, n)), Infinity, x)
  const finite = where(lax.eq(x, Infinity), 0, value, x)
  const positive = where(lax.eq(n, 0), zeroth, finite, x)
  const defined = where(lax.eq(x, 0), atZero, positive, x)
  const outside = lax.bitwiseOr(lax.bitwiseOr(lax.lt(n, 0), lax.lt(x, 0)), lax.bitwiseOr(lax.ne(x, x), lax.ne(n, n)))
  return where(outside, NaN, defined, x)
}

const expnOf = customJvp((n: NDArray, x: NDArray): NDArray => exponentialIntegral(n, x))
expnOf.defjvp(([n, x], [, dx]) => {
  const isZero = lax.eq(n, 0)
  const reciprocal = lax.div(1, x)
  const zeroth = lax.mul(lax.exp(lax.neg(x)), lax.add(reciprocal, lax.square(reciprocal)))
  const slope = lax.select(isZero, zeroth, expnOf(where(isZero, 1, lax.sub(n, 1), n), x))
  return [expnOf(n, x), lax.neg(lax.mul(dx, slope))]
})

const compiledExpn = jit(expnOf)

/**
 * Generalized exponential integral `E_n(x)`, elementwise: the integral of `exp(-x t) / t^n` from 1 to infinity, for integers
 * n >= 0 and x >= 0. Differentiable in x.
 *
 * @example
 * ```ts
 * scipy.special.expn(2, np.array([1])) // [0.14849551]
 * ```
 */
export const expn = (n: ArrayLike, x: ArrayLike): NDArray => {
  const [order, z] = twoFloats('special.expn', n, x)
  return compiledExpn(lax.stopGradient(order), z)
}

const e1 = customJvp((x: NDArray): NDArray => exponentialIntegral(like(x, 1), x))
e1.defjvp(([x], [t]) => [e1(x), lax.neg(lax.div(lax.mul(t, lax.exp(lax.neg(x))), x))])

const compiledE1 = jit(e1)

/**
 * Exponential integral `E_1(x)`, elementwise: the integral of `exp(-t) / t` from x to infinity, for x >= 0.
 *
 * @example
 * ```ts
 * scipy.special.exp1(np.array([1])) // [0.21938393]
 * ```
 */
export const exp1 = (x: ArrayLike): NDArray => compiledE1(float('special.exp1', x))

interface Rational {
  readonly top: readonly number[]
  readonly bottom: readonly number[]
}
const quotient = (x: NDArray, { top, bottom }: Rational): NDArray => lax.div(polynomial(x, top), polynomial(x, bottom))

// Rational approximations of Ei: Cephes, ei.c. The first on (0, 2], the others on (2, 4], (4, 8], ... in 1 / x.
const eiNear: Rational = {
  top: [
    -5.350447357812543, 218.50491688166133, -4176.572384826693, 55411.76756393557, -331338.13311781443,
    1592627.1633849454,
  ],
  bottom: [
    1, -52.505479591128626, 1259.6161867867906, -17565.495819735348, 149306.2117002726, -729494.9239640528,
    1592627.1633849454,
  ],
}
const eiFar: readonly Rational[] = [
  {
    top: [
      1.9818085032596897e-2, -1.2716456259849176, -2.0881603356812284, 2.7555445091879367, -0.44095070487016,
      4.6656238059358916e-2, -1.5450426796734852e-3, 7.059980605299618e-5,
    ],
    bottom: [
      1, 1.4764986709149215, 0.5629177174822436, 0.16990178978793072, 2.291647179034212e-2, 4.4501504397287525e-3,
      1.7274396122065214e-4, 3.953167195549672e-5,
    ],
  },
  {
    top: [
      -1.3732153758712087, -0.7084559133740839, 1.580806855547941, -0.2601500427425623, 2.9946746941137137e-2,
      -1.038086040188744e-3, 4.371064420753005e-5, 2.141783679522603e-6,
    ],
    bottom: [
      1, 0.8585231423622028, 0.4483285822873995, 7.687932158124476e-2, 2.4498682410218877e-2, 8.832165941927797e-4,
      4.5909522995113536e-4, -4.729848351866523e-6, 2.66519553739071e-6,
    ],
  },
  {
    top: [
      -2.1069346016919166, 1.7327338696646881, -0.2423619178935842, 2.322724180937566e-2, 2.3728804404931798e-4,
      -8.343219561192553e-5, 1.3634087956052505e-5, -3.655412321999254e-7, 1.4649417339759612e-8, 6.17640786371036e-10,
    ],
    bottom: [
      1, -0.2298062239901678, 0.11050770414740378, -1.5665429666307924e-2, 2.761106850817353e-3, -2.0891480122840484e-4,
      1.7085289388076754e-5, -4.4593117963566865e-7, 1.3946349303538475e-8, 6.150865933977338e-10,
    ],
  },
  {
    top: [
      -0.24581193676740204, -0.14833822533220778, 7.248291795735552e-2, -1.3483156873809405e-2, 1.342775069788637e-3,
      -7.942465637159712e-5, 2.644179518984236e-6, -4.239473659313765e-8,
    ],
    bottom: [
      1, -0.10442259084438711, -0.26764531281014026, 9.695000254621984e-2, -1.601745692712991e-2, 1.496414899205908e-3,
      -8.462452563778485e-5, 2.7289384034767266e-6, -4.239462431819542e-8,
    ],
  },
  {
    top: [
      0.12125611181054567, -0.5823133179043894, 0.2348887314557017, -3.0400343181132484e-2, 1.5100821468651906e-3,
      -2.5231370954995714e-5,
    ],
    bottom: [
      1, -1.002252150365854, 0.2928709694872224, -3.337004338674008e-2, 1.5605448811273888e-3, -2.5231370936032347e-5,
    ],
  },
  {
    top: [
      -0.7657847078286127, 0.6886192415566705, -0.2132598113545206, 3.3461075523841935e-2, -3.076541477344756e-3,
      1.7471193164549074e-4, -6.1037116822741705e-6, 1.218032765428652e-7, -1.0860761027932903e-9,
    ],
    bottom: [
      1, -1.8888028686623086, 1.066691687211409, -0.27519159823063805, 3.9308526882338234e-2, -3.414684558602365e-3,
      1.8668443707035555e-4, -6.345146083130515e-6, 1.239754287483207e-7, -1.0860761027931265e-9,
    ],
  },
]

/** `Ei(x)` for x > 0: near 0 with the logarithm taken out, further out as `exp(x) / x (1 + ...)`. */
const positiveEi = (x: NDArray): NDArray => {
  const near = lax.le(x, 2)
  const small = where(near, x, 1, x)
  const large = where(near, 4, x, x)
  const inner = lax.add(lax.add(lax.mul(small, quotient(small, eiNear)), euler), lax.log(small))
  const w = lax.div(1, large)
  const pieces = eiFar.map((form) => quotient(w, form))
  const outer = pieces.reduceRight((rest, piece, i) => lax.select(lax.le(large, 2 ** (i + 2)), piece, rest))
  return lax.select(near, inner, lax.mul(lax.mul(lax.exp(large), w), lax.add(1, lax.mul(w, outer))))
}

const ei = customJvp((x: NDArray): NDArray => {
  const negative = lax.lt(x, 0)
  const below = lax.neg(e1(where(negative, lax.neg(x), 1, x)))
  const above = positiveEi(where(lax.gt(x, 0), x, 1, x))
  return lax.select(negative, below, where(lax.eq(x, 0), -Infinity, where(lax.gt(x, 0), above, NaN, x), x))
})
ei.defjvp(([x], [t]) => [ei(x), lax.div(lax.mul(t, lax.exp(x)), x)])

const compiledEi = jit(ei)

/** Exponential integral `Ei(x)`, elementwise: the principal value of the integral of `exp(t) / t` up to x. */
export const expi = (x: ArrayLike): NDArray => compiledEi(float('special.expi', x))

// Rational approximations of the sine and cosine integrals: Cephes, sici.c.
const siSmall: Rational = {
  top: [
    -8.391678279103039e-11, 4.625917144270128e-8, -9.757593038436328e-6, 9.769454381704354e-4, -4.134703162294066e-2, 1,
  ],
  bottom: [
    2.0326926619595193e-12, 1.279978911799433e-9, 4.418278428012189e-7, 9.964121220438756e-5, 1.420852393261499e-2, 1,
  ],
}
const ciSmall: Rational = {
  top: [
    2.0252400238910228e-11, -1.3524950491579076e-8, 3.593250514199931e-6, -4.740072068734079e-4, 2.8915965260755523e-2,
    -1,
  ],
  bottom: [
    4.077460400618806e-12, 3.067809975818878e-9, 1.2321035568588342e-6, 3.1744202477503275e-4, 5.1002805623644606e-2, 4,
  ],
}
const fMiddle: Rational = {
  top: [
    4.236128628922166, 5.4593771716181285, 1.6208328770153833, 0.16700661183132304, 6.810201324725182e-3,
    1.0893658065032867e-4, 5.489002234213736e-7,
  ],
  bottom: [
    1, 8.16496634205391, 7.308288225055645, 1.867922579501842, 0.1787920529631499, 7.017106683227897e-3,
    1.1003435715391573e-4, 5.489002527562557e-7,
  ],
}
const gMiddle: Rational = {
  top: [
    8.710016989731142e-2, 0.6113791099522193, 0.3971802963923375, 7.485277376284691e-2, 5.388686814621773e-3,
    1.6199979459893403e-4, 1.9796387414096365e-6, 7.825790407440903e-9,
  ],
  bottom: [
    1, 1.6440220241335535, 0.666296701268988, 9.887717612776888e-2, 6.223963454417684e-3, 1.732210814741771e-4,
    2.0265918208634397e-6, 7.825792189335346e-9,
  ],
}
const fFar: Rational = {
  top: [
    0.4558808734704653, 0.7137152741001467, 0.16030015822231947, 1.160642294081244e-2, 3.4955644244785906e-4,
    4.8621543082645475e-6, 3.200927900910049e-8, 9.41779576128513e-11, 9.70507110881952e-14,
  ],
  bottom: [
    1, 0.9174636118736841, 0.17868554533207454, 1.2225359477197129e-2, 3.5869648188185157e-4, 4.924350643178815e-6,
    3.21956939101046e-8, 9.437205903502767e-11, 9.70507110881952e-14,
  ],
}
const gFar: Rational = {
  top: [
    0.6973599534432762, 0.33041097930563207, 3.848787676499743e-2, 1.717182390523479e-3, 3.4894116550227946e-5,
    3.471311670841167e-7, 1.7040445278204452e-9, 3.859459254302766e-12, 3.1404009894636335e-15,
  ],
  bottom: [
    1, 1.6854889881101165, 0.48785225869530496, 4.679131942596258e-2, 1.9028442667439953e-3, 3.684755044425611e-5,
    3.5704322344374083e-7, 1.7269374896631615e-9, 3.878301660239547e-12, 3.1404009894636335e-15,
  ],
}

/** Both integrals of non-negative numbers. */
const trigonometricIntegrals = (x: NDArray): readonly [sine: NDArray, cosine: NDArray] => {
  const near = lax.le(x, 4)
  const small = where(near, x, 1, x)
  const large = where(near, 8, x, x)
  const square = lax.square(small)
  const si = lax.mul(small, quotient(square, siSmall))
  const ci = lax.add(lax.add(lax.log(small), euler), lax.mul(square, quotient(square, ciSmall)))
  const z = lax.div(1, lax.square(large))
  const middle = lax.lt(large, 8)
  const f = lax.div(lax.select(middle, quotient(z, fMiddle), quotient(z, fFar)), large)
  const g = lax.mul(z, lax.select(middle, quotient(z, gMiddle), quotient(z, gFar)))
  const finite = lax.lt(large, Infinity)
  const angle = where(finite, large, 0, x)
  const [s, c] = [lax.sin(angle), lax.cos(angle)]
  const farSi = lax.sub(Math.PI / 2, lax.add(lax.mul(f, c), lax.mul(g, s)))
  const farCi = lax.sub(lax.mul(f, s), lax.mul(g, c))
  return [
    lax.select(near, si, where(finite, farSi, Math.PI / 2, x)),
    lax.select(near, where(lax.eq(x, 0), -Infinity, ci, x), where(finite, farCi, 0, x)),
  ]
}

const sineCosine = customJvp((x: NDArray): readonly [NDArray, NDArray] => {
  const [si, ci] = trigonometricIntegrals(lax.abs(x))
  return [lax.mul(lax.sign(x), si), where(lax.eq(x, -Infinity), NaN, ci, x)]
})
sineCosine.defjvp(([x], [t]) => {
  const isZero = lax.eq(x, 0)
  const sinc = where(isZero, 1, lax.div(lax.sin(x), where(isZero, 1, x, x)), x)
  return [sineCosine(x), [lax.mul(t, sinc), lax.div(lax.mul(t, lax.cos(x)), x)]]
})

const compiledSici = jit(sineCosine)

/**
 * Sine and cosine integrals, elementwise, as `[si, ci]`: the integral of `sin(t) / t` from 0 to x, and of `cos(t) / t` from
 * infinity to |x|.
 *
 * @example
 * ```ts
 * const [si, ci] = scipy.special.sici(np.array([1])) // [0.946083], [0.3374039]
 * ```
 */
export const sici = (x: ArrayLike): [si: NDArray, ci: NDArray] => {
  const [si, ci] = compiledSici(float('special.sici', x))
  return [si, ci]
}

// Rational approximation of the dilogarithm near 1: Cephes, spence.c.
const dilogarithmNear: Rational = {
  top: [
    4.6512858607399003e-5, 7.315890452380947e-3, 1.3384763957830903e-1, 8.796913117545303e-1, 2.7114985119655346,
    4.256971560081218, 3.297713409852251, 1,
  ],
  bottom: [
    6.909904889125533e-4, 2.540437639325444e-2, 2.829748606025681e-1, 1.4117259775183106, 3.6380053334513707,
    5.03278880143317, 3.547713409852251, 1,
  ],
}

const dilogarithm = customJvp((x: NDArray): NDArray => {
  const inside = lax.bitwiseAnd(lax.gt(x, 0), lax.lt(x, Infinity))
  const given = where(inside, x, 1, x)
  const large = lax.gt(given, 2)
  const folded = where(large, lax.div(1, given), given, x)
  const above = lax.gt(folded, 1.5)
  const below = lax.lt(folded, 0.5)
  const w = lax.select(above, lax.sub(lax.div(1, folded), 1), lax.select(below, lax.neg(folded), lax.sub(folded, 1)))
  const logarithm = lax.log(folded)
  // Not the negative of the product: that is -0 at 1.
  const series = lax.sub(0, lax.mul(w, quotient(w, dilogarithmNear)))
  const product = lax.mul(logarithm, lax.log1p(lax.neg(where(below, folded, 0, x))))
  const first = lax.select(below, lax.sub(lax.sub(Math.PI ** 2 / 6, product), series), series)
  const second = lax.sub(lax.mul(-0.5, lax.square(logarithm)), first)
  const value = lax.select(lax.bitwiseOr(large, above), second, first)
  const ends = where(lax.eq(x, 0), Math.PI ** 2 / 6, where(lax.eq(x, Infinity), -Infinity, NaN, x), x)
  return lax.select(inside, value, ends)
})
dilogarithm.defjvp(([x], [t]) => {
  // log(x) / (1 - x), near 1 by its series, so that further derivatives are right there too.
  const away = lax.sub(x, 1)
  const near = lax.lt(lax.abs(away), 0.1)
  const series = polynomial(
    where(near, away, 0, x),
    range(16)
      .reverse()
      .map((k) => (k % 2 === 0 ? -1 : 1) / (k + 1)),
  )
  const far = where(near, 1, away, x)
  const slope = lax.select(near, series, lax.neg(lax.div(lax.log1p(far), far)))
  return [dilogarithm(x), lax.mul(t, slope)]
})

const compiledSpence = jit(dilogarithm)

/**
 * Spence's function, the dilogarithm of 1 - x, elementwise: the integral of `log(t) / (1 - t)` from 1 to x, for x >= 0.
 *
 * @example
 * ```ts
 * scipy.special.spence(np.array([0, 1])) // [pi^2 / 6, 0]
 * ```
 */
export const spence = (x: ArrayLike): NDArray => compiledSpence(float('special.spence', x))
