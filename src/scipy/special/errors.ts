/** Error functions and the normal distribution. */
import { type ArrayLike, type NDArray, ArgumentError, dtypeRange, range, checkOptions } from '../../core/index.js'
import * as lax from '../../lax/index.js'
import { customJvp, jit } from '../../transforms/index.js'
import { float, like, polynomial, twoFloats, where } from '../arguments.js'

/** Error function, elementwise. */
export const erf = (x: ArrayLike): NDArray => lax.erf(float('special.erf', x))

/** `1 - erf(x)`, accurate where that is small. */
export const erfc = (x: ArrayLike): NDArray => lax.erfc(float('special.erfc', x))

/** Inverse of `erf`: infinite at -1 and 1, NaN outside. */
export const erfinv = (x: ArrayLike): NDArray => lax.erfInv(float('special.erfinv', x))

/** `1 - 1 / 2 x^2 + 3 / 4 x^4 - ...` over `x sqrt(pi)`: DLMF 7.12.1. */
const scaledErfcTail = (x: NDArray): NDArray => {
  const t = lax.div(1, lax.square(x))
  const terms = x.dtype === 'float64' ? 9 : 5
  const all = [7918.06640625, -1055.7421875, 162.421875, -29.53125, 6.5625, -1.875, 0.75, -0.5, 1]
  return lax.div(polynomial(t, all.slice(-terms)), lax.mul(x, Math.sqrt(Math.PI)))
}

const scaledErfc = customJvp((x: NDArray): NDArray => {
  const limit = Math.sqrt(Math.log(dtypeRange(x.dtype).max))
  const large = lax.gt(x, limit)
  const near = where(large, 1, x, x)
  const far = where(large, x, limit, x)
  return lax.select(large, scaledErfcTail(far), lax.mul(lax.exp(lax.square(near)), lax.erfc(near)))
})
scaledErfc.defjvp(([x], [t]) => {
  const value = scaledErfc(x)
  return [value, lax.mul(t, lax.sub(lax.mul(lax.mul(2, x), value), 2 / Math.sqrt(Math.PI)))]
})

const compiledErfcx = jit(scaledErfc)

/** `exp(x^2) erfc(x)`, elementwise, which neither overflows nor vanishes for large x. */
export const erfcx = (x: ArrayLike): NDArray => compiledErfcx(float('special.erfcx', x))

// Rational approximations of Dawson's integral: Cephes, dawsn.c.
const dawsonNear = {
  top: [
    1.1368149897175597e-11, 8.492622676674738e-10, 1.9443420417555306e-8, 9.531517412544844e-7, 3.078283098749132e-6,
    3.5251336852028877e-4, -8.501498467244109e-4, 4.226182230055466e-2, -9.174803717734524e-2, 1,
  ],
  bottom: [
    2.403720730667626e-11, 1.488646813684934e-9, 5.212652810105416e-8, 1.2725847827318697e-6, 2.324902498207895e-5,
    3.2552474182605793e-4, 3.488058146571626e-3, 2.7944853119882897e-2, 1.5887424196012057e-1, 5.749186294893204e-1, 1,
  ],
}
const dawsonMiddle = {
  top: [
    5.089551564179009e-1, -2.4475441814269785e-1, 9.415123353035344e-2, -2.1871125514203903e-2, 3.662076123295692e-3,
    -4.232091144603888e-4, 3.5964130479389666e-5, -2.1464035171996896e-6, 9.100107800763914e-8, -2.4027452082825098e-9,
    3.592333854409284e-11,
  ],
  bottom: [
    1, -6.318398698733682e-1, 2.367067882287248e-1, -5.3180636700322324e-2, 8.480417185862954e-3, -9.479967684866654e-4,
    7.810255929445524e-5, -4.558751532524426e-6, 1.8910035811142186e-7, -4.913246913319206e-9, 7.184664032357345e-11,
  ],
}
const dawsonFar = {
  top: [
    -5.905928605347732e-1, 6.292352427243688e-1, -1.7285897538038814e-1, 1.6483704782518965e-2, -4.868276130204627e-4,
  ],
  bottom: [
    1, -2.698200571975449, 1.7327079904594784, -3.937085822819395e-1, 3.442789240412334e-2, -9.736552260409412e-4,
  ],
}

interface Rational {
  readonly top: readonly number[]
  readonly bottom: readonly number[]
}
const quotient = (x: NDArray, { top, bottom }: Rational): NDArray => lax.div(polynomial(x, top), polynomial(x, bottom))

const dawson = customJvp((x: NDArray): NDArray => {
  const magnitude = lax.abs(x)
  const near = lax.lt(magnitude, 3.25)
  const middle = lax.lt(magnitude, 6.25)
  const small = where(near, magnitude, 1, x)
  const large = where(near, 4, magnitude, x)
  const t = lax.div(1, lax.square(large))
  const outer = (form: Rational): NDArray => lax.mul(lax.div(0.5, large), lax.add(1, lax.mul(t, quotient(t, form))))
  const inner = lax.mul(small, quotient(lax.square(small), dawsonNear))
  const value = lax.select(near, inner, lax.select(middle, outer(dawsonMiddle), outer(dawsonFar)))
  return lax.mul(lax.sign(x), value)
})
dawson.defjvp(([x], [t]) => {
  const value = dawson(x)
  return [value, lax.mul(t, lax.sub(1, lax.mul(lax.mul(2, x), value)))]
})

const compiledDawson = jit(dawson)

/** Dawson's integral, `exp(-x^2) * integral of exp(t^2) from 0 to x`, elementwise. */
export const dawsn = (x: ArrayLike): NDArray => compiledDawson(float('special.dawsn', x))

const normalCdf = (x: NDArray): NDArray => {
  const w = lax.mul(x, Math.SQRT1_2)
  const z = lax.abs(w)
  const tail = lax.erfc(z)
  const outer = lax.select(lax.gt(w, 0), lax.sub(2, tail), tail)
  return lax.mul(0.5, lax.select(lax.lt(z, Math.SQRT1_2), lax.add(1, lax.erf(w)), outer))
}

/**
 * Distribution function of the standard normal distribution, elementwise.
 *
 * @example
 * ```ts
 * scipy.special.ndtr(np.array([0, 1.96])) // [0.5, 0.97500213]
 * ```
 */
export const ndtr = (x: ArrayLike): NDArray => normalCdf(float('special.ndtr', x))

// Rational approximations of the inverse of the normal distribution function: Cephes, ndtri.c.
const quantileMiddle: Rational = {
  top: [-59.96335010141079, 98.00107541859997, -56.67628574690703, 13.931260938727968, -1.2391658386738125],
  bottom: [
    1, 1.9544885833814176, 4.676279128988815, 86.36024213908905, -225.46268785411937, 200.26021238006066,
    -82.03722561683334, 15.90562251262117, -1.1833162112133,
  ],
}
const quantileNear: Rational = {
  top: [
    4.0554489230596245, 31.525109459989388, 57.16281922464213, 44.08050738932008, 14.684956192885803,
    2.1866330685079025, -0.1402560791713545, -0.03504246268278482, -0.0008574567851546854,
  ],
  bottom: [
    1, 15.779988325646675, 45.39076351288792, 41.3172038254672, 15.04253856929075, 2.504649462083094,
    -0.14218292285478779, -0.03808064076915783, -0.0009332594808954574,
  ],
}
const quantileFar: Rational = {
  top: [
    3.2377489177694603, 6.915228890689842, 3.9388102529247444, 1.3330346081580755, 0.20148538954917908,
    0.012371663481782003, 0.00030158155350823543, 2.6580697468673755e-6, 6.239745391849833e-9,
  ],
  bottom: [
    1, 6.02427039364742, 3.6798356385616087, 1.3770209948908132, 0.21623699359449663, 0.013420400608854318,
    0.00032801446468212774, 2.8924786474538068e-6, 6.790194080099813e-9,
  ],
}

const normalQuantile = customJvp((p: NDArray): NDArray => {
  const upper = lax.gt(p, -Math.expm1(-2))
  const inside = lax.bitwiseAnd(lax.gt(p, 0), lax.lt(p, 1))
  const tail = where(inside, lax.select(upper, lax.sub(1, p), p), 0.5, p)
  const central = lax.gt(tail, Math.exp(-2))
  const w = lax.sub(tail, 0.5)
  const square = lax.square(w)
  const fromCentre = lax.mul(
    lax.add(w, lax.mul(lax.mul(w, square), quotient(square, quantileMiddle))),
    -Math.sqrt(2 * Math.PI),
  )
  const z = lax.sqrt(lax.mul(-2, lax.log(where(central, Math.exp(-3), tail, p))))
  const inverse = lax.div(1, z)
  const start = lax.sub(z, lax.div(lax.log(z), z))
  const correction = lax.mul(
    inverse,
    lax.select(lax.ge(z, 8), quotient(inverse, quantileFar), quotient(inverse, quantileNear)),
  )
  const value = lax.select(central, fromCentre, lax.sub(start, correction))
  const signed = lax.select(upper, value, lax.neg(value))
  const ends = where(lax.eq(p, 0), -Infinity, where(lax.eq(p, 1), Infinity, NaN, p), p)
  return lax.select(inside, signed, ends)
})
normalQuantile.defjvp(([p], [t]) => {
  const x = normalQuantile(p)
  return [x, lax.mul(t, lax.mul(Math.sqrt(2 * Math.PI), lax.exp(lax.mul(0.5, lax.square(x)))))]
})

const compiledQuantile = jit(normalQuantile)

/**
 * Quantiles of the standard normal distribution, the inverse of `ndtr`: infinite at 0 and 1, NaN outside.
 *
 * @example
 * ```ts
 * scipy.special.ndtri(np.array([0.5, 0.975])) // [0, 1.959964]
 * ```
 */
export const ndtri = (p: ArrayLike): NDArray => compiledQuantile(float('special.ndtri', p))

/** Logarithm of the density of the standard normal distribution. */
const normalLogDensity = (x: NDArray): NDArray => lax.sub(lax.mul(-0.5, lax.square(x)), 0.5 * Math.log(2 * Math.PI))

/** `1 - 1 / x^2 + 3 / x^4 - ...`: the tail of the normal distribution over its density over -x, DLMF 7.12.1. */
const tailSeries = (x: NDArray, order: number): NDArray => {
  const t = lax.div(1, lax.square(x))
  const coefficients = [1]
  for (let k = 1; k <= order; k++) coefficients.unshift(-(2 * k - 1) * (coefficients[0] ?? 1))
  return polynomial(t, coefficients)
}

/** The function for each order of its series, made once. */
const logCdfs = new Map<number, (x: NDArray) => NDArray>()

const logCdf = (seriesOrder: number): ((x: NDArray) => NDArray) => {
  const made = logCdfs.get(seriesOrder)
  if (made !== undefined) return made
  const f = customJvp((x: NDArray): NDArray => {
    const low = x.dtype === 'float64' ? -20 : -10
    const above = lax.gt(x, 0)
    const below = lax.le(x, low)
    // Above 0 from the other tail, which is small.
    const value = normalCdf(lax.select(above, lax.neg(x), lax.max(x, low)))
    const far = lax.min(x, low)
    const lower = lax.add(lax.sub(normalLogDensity(far), lax.log(lax.neg(far))), lax.log(tailSeries(far, seriesOrder)))
    return lax.select(above, lax.log1p(lax.neg(value)), lax.select(below, lower, lax.log(value)))
  })
  f.defjvp(([x], [t]) => {
    const value = f(x)
    return [value, lax.mul(t, lax.exp(lax.sub(normalLogDensity(x), value)))]
  })
  const compiled = jit(f)
  logCdfs.set(seriesOrder, compiled)
  return compiled
}

/**
 * Logarithm of the distribution function of the standard normal distribution, accurate far out in the tail.
 *
 * @param options.seriesOrder terms of the series that is used below -10 (float64: -20), at most 30; 3 unless said, as many
 *   as JAX takes, and in float64 10, for full precision
 * @example
 * ```ts
 * scipy.special.logNdtr(np.array([-20])) // [-203.91716]
 * ```
 */
export const logNdtr = (x: ArrayLike, options: { readonly seriesOrder?: number } = {}): NDArray => {
  checkOptions('special.logNdtr', options, 'seriesOrder')
  const given = float('special.logNdtr', x)
  const seriesOrder = options.seriesOrder ?? (given.dtype === 'float64' ? 10 : 3)
  if (!Number.isInteger(seriesOrder) || seriesOrder < 0 || seriesOrder > 30) {
    throw new ArgumentError(`special.logNdtr: seriesOrder must be an integer from 0 to 30, got ${seriesOrder}.`)
  }
  return logCdf(seriesOrder)(given)
}

// Nodes and weights of a Gauss rule for Owen's T function: Patefield and Tandy (2000), method T5.
const owenNodes = [
  3.5082039676451716e-3, 3.1279042338030756e-2, 8.526682628321945e-2, 1.6245071730812277e-1, 2.5851196049125436e-1,
  3.680755384069753e-1, 4.85010929056047e-1, 6.027751415261857e-1, 7.147788421775323e-1, 8.14755109887601e-1,
  8.971102975594897e-1, 9.572380808594426e-1, 9.91788329746297e-1,
]
const owenWeights = [
  1.8831438115323503e-2, 1.856708624397765e-2, 1.8042093461223385e-2, 1.7263829606398752e-2, 1.6243219975989858e-2,
  1.4994592034116705e-2, 1.3535474469662087e-2, 1.1886351605820165e-2, 1.0070377242777432e-2, 8.113054574229958e-3,
  6.041900952847024e-3, 3.8862217010742057e-3, 1.679303108454609e-3,
]

const owenIntegral = (h: NDArray, a: NDArray): NDArray => {
  const [square, half] = [lax.square(a), lax.mul(-0.5, lax.square(h))]
  const sum = range(owenNodes.length).reduce(
    (total, k) => {
      const r = lax.add(1, lax.mul(square, owenNodes[k] ?? 0))
      return lax.add(total, lax.mul(owenWeights[k] ?? 0, lax.div(lax.exp(lax.mul(half, r)), r)))
    },
    like(h, 0),
  )
  return lax.mul(a, sum)
}

const owen = customJvp((h: NDArray, a: NDArray): NDArray => {
  const [height, slope] = [lax.abs(h), lax.abs(a)]
  const shallow = lax.le(slope, 1)
  const inner = where(shallow, slope, lax.div(1, where(shallow, 1, slope, a)), a)
  const innerHeight = where(shallow, height, lax.mul(slope, height), h)
  const scaled = lax.mul(height, Math.SQRT1_2)
  const ofHeight = (x: NDArray): NDArray => lax.mul(lax.erfc(lax.neg(x)), lax.erfc(x))
  let value = owenIntegral(innerHeight, inner)
  value = where(lax.eq(innerHeight, 0), lax.mul(lax.atan(inner), 1 / (2 * Math.PI)), value, h)
  value = where(lax.eq(inner, 1), lax.mul(0.125, ofHeight(lax.mul(innerHeight, Math.SQRT1_2))), value, h)
  const [first, second] = [lax.erfc(scaled), lax.erfc(lax.mul(slope, scaled))]
  const near = lax.sub(0.25, lax.mul(lax.mul(0.25, lax.erf(scaled)), lax.erf(lax.mul(slope, scaled))))
  const far = lax.mul(0.25, lax.sub(lax.add(first, second), lax.mul(first, second)))
  const complement = lax.select(lax.le(lax.mul(slope, height), 0.67), near, far)
  return lax.mul(lax.sign(a), lax.select(shallow, value, lax.sub(complement, value)))
})
owen.defjvp(([h, a], [dh, da]) => {
  const square = lax.add(1, lax.square(a))
  const byHeight = lax.mul(
    lax.mul(lax.exp(lax.mul(-0.5, lax.square(h))), lax.erf(lax.mul(lax.mul(a, h), Math.SQRT1_2))),
    -0.5 / Math.sqrt(2 * Math.PI),
  )
  const bySlope = lax.div(lax.exp(lax.mul(lax.mul(-0.5, square), lax.square(h))), lax.mul(square, 2 * Math.PI))
  return [owen(h, a), lax.add(lax.mul(byHeight, dh), lax.mul(bySlope, da))]
})

const compiledOwen = jit(owen)

/** Owen's T function, elementwise: the probability of X > h and 0 < Y < a X for independent standard normal X and Y. */
export const owensT = (h: ArrayLike, a: ArrayLike): NDArray => compiledOwen(...twoFloats('special.owensT', h, a))
