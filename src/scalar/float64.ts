/** Special functions in double precision that `Math` lacks: what the backends call for float64, and what tests compare with. */

/** Value of a polynomial whose coefficients are given from the constant term up. */
const polynomial = (x: number, coefficients: readonly number[]): number =>
  coefficients.reduceRight((sum, coefficient) => sum * x + coefficient, 0)

const doubles = /* @__PURE__ */ new Float64Array(1)
const words = /* @__PURE__ */ new BigInt64Array(doubles.buffer)
const singles = /* @__PURE__ */ new Float32Array(1)
const halves = /* @__PURE__ */ new Int32Array(singles.buffer)

/** `x` with the lower half of its bits cleared, so that its square is exact. */
const highPart = (x: number): number => {
  doubles[0] = x
  words[0] = (words[0] ?? 0n) & ~0xffffffffn
  return doubles[0]
}

// Rational approximations of FreeBSD's msun s_erf.c (Sun Microsystems, 1993), each with its interval of |x|.
const erfOne = 8.45062911510467529297e-1
// [0, 0.84375]: erf(x) = x + x p(x^2) / q(x^2)
const erfNearZero = [
  1.28379167095512558561e-1, -3.2504210724700149937e-1, -2.84817495755985104766e-2, -5.77027029648944159157e-3,
  -2.37630166566501626084e-5,
]
const erfNearZeroBelow = [
  1, 3.97917223959155352819e-1, 6.50222499887672944485e-2, 5.08130628187576562776e-3, 1.32494738004321644526e-4,
  -3.9602282787753681232e-6,
]
// [0.84375, 1.25]: erf(x) = erfOne + p(x - 1) / q(x - 1)
const erfNearOne = [
  -2.36211856075265944077e-3, 4.14856118683748331666e-1, -3.72207876035701323847e-1, 3.18346619901161753674e-1,
  -1.10894694282396677476e-1, 3.54783043256182359371e-2, -2.166375594868790843e-3,
]
const erfNearOneBelow = [
  1, 1.06420880400844228286e-1, 5.40397917702171048937e-1, 7.18286544141962662868e-2, 1.26171219808761642112e-1,
  1.36370839120290507362e-2, 1.1984499846799107417e-2,
]
// [1.25, 1 / 0.35]: erfc(x) = exp(-x^2 - 0.5625 + p(1 / x^2) / q(1 / x^2)) / x
const erfcMiddle = [
  -9.86494403484714822705e-3, -6.93858572707181764372e-1, -1.05586262253232909814e1, -6.23753324503260060396e1,
  -1.62396669462573470355e2, -1.84605092906711035994e2, -8.12874355063065934246e1, -9.81432934416914548592,
]
const erfcMiddleBelow = [
  1, 1.96512716674392571292e1, 1.376577541435190426e2, 4.34565877475229228821e2, 6.45387271733267880336e2,
  4.29008140027567833386e2, 1.08635005541779435134e2, 6.57024977031928170135, -6.04244152148580987438e-2,
]
// [1 / 0.35, 28], the same form
const erfcTail = [
  -9.86494292470009928597e-3, -7.99283237680523006574e-1, -1.77579549177547519889e1, -1.60636384855821916062e2,
  -6.37566443368389627722e2, -1.02509513161107724954e3, -4.83519191608651397019e2,
]
const erfcTailBelow = [
  1, 3.03380607434824582924e1, 3.25792512996573918826e2, 1.53672958608443695994e3, 3.19985821950859553908e3,
  2.55305040643316442583e3, 4.74528541206955367215e2, -2.24409524465858183362e1,
]

/** erfc(x) for x >= 1.25, with relative accuracy down to the smallest denormals. */
const erfcLarge = (x: number): number => {
  if (x > 28) return 0
  const s = 1 / (x * x)
  const ratio =
    x < 1 / 0.35
      ? polynomial(s, erfcMiddle) / polynomial(s, erfcMiddleBelow)
      : polynomial(s, erfcTail) / polynomial(s, erfcTailBelow)
  const z = highPart(x)
  return (Math.exp(-z * z - 0.5625) * Math.exp((z - x) * (z + x) + ratio)) / x
}

/** Error function; error below 1 ulp. Source: FreeBSD msun, s_erf.c. */
export const erf = (x: number): number => {
  const a = Math.abs(x)
  // The smallest arguments need no polynomial, and x * x would lose their sign.
  if (a < 2 ** -28) return a < 1e-300 ? (16 * x + 2.05406667352820138107 * x) / 16 : x + 1.28379167095512586316e-1 * x
  if (a < 0.84375) return x + x * (polynomial(x * x, erfNearZero) / polynomial(x * x, erfNearZeroBelow))
  if (a < 1.25) return Math.sign(x) * (erfOne + polynomial(a - 1, erfNearOne) / polynomial(a - 1, erfNearOneBelow))
  if (Number.isNaN(x)) return NaN
  return Math.sign(x) * (a >= 6 ? 1 : 1 - erfcLarge(a))
}

/** Complementary error function 1 - erf(x), relative error about 1e-16 also where it is tiny. Source: msun, s_erf.c. */
export const erfc = (x: number): number => {
  const a = Math.abs(x)
  if (a < 0.84375) {
    const y = polynomial(x * x, erfNearZero) / polynomial(x * x, erfNearZeroBelow)
    return x < 0.25 ? 1 - (x + x * y) : 0.5 - (x - 0.5 + x * y)
  }
  if (a < 1.25) {
    const ratio = polynomial(a - 1, erfNearOne) / polynomial(a - 1, erfNearOneBelow)
    return x > 0 ? 1 - erfOne - ratio : 1 + (erfOne + ratio)
  }
  if (Number.isNaN(x)) return NaN
  return x > 0 ? erfcLarge(a) : x < -6 ? 2 : 2 - erfcLarge(a)
}

// Wichura, Algorithm AS 241 (PPND16), Applied Statistics 37 (1988): the normal quantile to 1 part in 1e16.
const quantileCentre = [
  3.387132872796366608, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
  4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3,
]
const quantileCentreBelow = [
  1, 4.2313330701600911252e1, 6.871870074920579083e2, 5.3941960214247511077e3, 2.1213794301586595867e4,
  3.930789580009271061e4, 2.8729085735721942674e4, 5.226495278852854561e3,
]
const quantileMiddle = [
  1.42343711074968357734, 4.6303378461565452959, 5.7694972214606914055, 3.64784832476320460504, 1.27045825245236838258,
  2.4178072517745061177e-1, 2.27238449892691845833e-2, 7.7454501427834140764e-4,
]
const quantileMiddleBelow = [
  1, 2.05319162663775882187, 1.6763848301838038494, 6.8976733498510000455e-1, 1.4810397642748007459e-1,
  1.51986665636164571966e-2, 5.475938084995344946e-4, 1.05075007164441684324e-9,
]
const quantileTail = [
  6.6579046435011037772, 5.4637849111641143699, 1.7848265399172913358, 2.9656057182850489123e-1,
  2.6532189526576123093e-2, 1.2426609473880784386e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7,
]
const quantileTailBelow = [
  1, 5.9983220655588793769e-1, 1.3692988092273580531e-1, 1.48753612908506148525e-2, 7.868691311456132591e-4,
  1.8463183175100546818e-5, 1.4215117583164458887e-7, 2.04426310338993978564e-15,
]

/** Inverse of erf: infinite at -1 and 1, NaN beyond. erfInv(x) = quantile((1 + x) / 2) / sqrt(2), from AS 241. */
export const erfInv = (x: number): number => {
  const a = Math.abs(x)
  if (!(a <= 1)) return NaN
  if (a === 1) return x * Infinity
  if (a <= 0.85) {
    const r = 0.180625 - (x / 2) * (x / 2)
    return x * Math.SQRT1_2 * 0.5 * (polynomial(r, quantileCentre) / polynomial(r, quantileCentreBelow))
  }
  const r = Math.sqrt(-Math.log((1 - a) / 2))
  const quantile =
    r <= 5
      ? polynomial(r - 1.6, quantileMiddle) / polynomial(r - 1.6, quantileMiddleBelow)
      : polynomial(r - 5, quantileTail) / polynomial(r - 5, quantileTailBelow)
  return Math.sign(x) * Math.SQRT1_2 * quantile
}

// FreeBSD msun e_lgamma_r.c (Sun Microsystems, 1993).
const gammaMinimum = 1.46163214496836224576
const gammaAtMinimum = -1.21486290535849611461e-1
const gammaAtMinimumTail = -3.63867699703950536541e-18
// Around 2: lgamma(2 - y) = y (p0 + y (p1 + ...)) - y / 2
const gammaNearTwo = [
  7.72156649015328655494e-2, 3.22467033424113591611e-1, 6.73523010531292681824e-2, 2.05808084325167332806e-2,
  7.38555086081402883957e-3, 2.89051383673415629091e-3, 1.19270763183362067845e-3, 5.10069792153511336608e-4,
  2.20862790713908385557e-4, 1.08011567247583939954e-4, 2.52144565451257326939e-5, 4.4864094961891516015e-5,
]
// Around the minimum, in y = x - gammaMinimum, from y^2 up
const gammaNearMinimum = [
  4.83836122723810047042e-1, -1.47587722994593911752e-1, 6.46249402391333854778e-2, -3.27885410759859649565e-2,
  1.79706750811820387126e-2, -1.0314224129834143745e-2, 6.10053870246291332635e-3, -3.6845201678113825676e-3,
  2.2596478090061247225e-3, -1.40346469989232843813e-3, 8.81081882437654011382e-4, -5.38595305356740546715e-4,
  3.15632070903625950361e-4, -3.12754168375120860518e-4, 3.35529192635519073543e-4,
]
// Around 1: lgamma(1 + y) = -y / 2 + y p(y) / q(y)
const gammaNearOne = [
  -7.72156649015328655494e-2, 6.32827064025093366517e-1, 1.45492250137234768737, 9.77717527963372745603e-1,
  2.28963728064692451092e-1, 1.33810918536787660377e-2,
]
const gammaNearOneBelow = [
  1, 2.45597793713041134822, 2.12848976379893395361, 7.69285150456672783825e-1, 1.04222645593369134254e-1,
  3.2170924228242391181e-3,
]
// From 2 to 8: lgamma(2 + y) = y / 2 + y p(y) / q(y), then the recurrence
const gammaMiddle = [
  -7.72156649015328655494e-2, 2.14982415960608852501e-1, 3.25778796408930981787e-1, 1.46350472652464452805e-1,
  2.6642270303363860956e-2, 1.84028451407337715652e-3, 3.19475326584100867617e-5,
]
const gammaMiddleBelow = [
  1, 1.39200533467621045958, 7.21935547567138069525e-1, 1.71933865632803078993e-1, 1.86459191715652901344e-2,
  7.77942496381893596434e-4, 7.32668430744625636189e-6,
]
// Stirling's series: (x - 0.5)(log x - 1) + w0 + w1 / x + w2 / x^3 + ...
const stirling = [
  8.33333333333329678849e-2, -2.7777777772877553647e-3, 7.936505586430195585e-4, -5.95187557450339963135e-4,
  8.36339918996282139126e-4, -1.63092934096575273989e-3,
]

/** sin(pi x) for x of any size; reduction is exact. */
const sinPi = (x: number): number => {
  const r = x - 2 * Math.round(x / 2)
  const a = Math.abs(r)
  return (
    Math.sign(r) *
    (a <= 0.25 ? Math.sin(Math.PI * a) : a <= 0.75 ? Math.cos(Math.PI * (0.5 - a)) : Math.sin(Math.PI * (1 - a)))
  )
}

/** lgamma for x > 0. */
const lgammaPositive = (x: number): number => {
  if (x < 2 ** -70) return -Math.log(x)
  if (x < 2) {
    // Below 0.9 the recurrence gives lgamma(x) = lgamma(1 + x) - log(x).
    const shift = x <= 0.9 ? -Math.log(x) : 0
    const t = x <= 0.9 ? x + 1 : x
    if (t >= 1.7316321444968362) {
      const y = 2 - t
      return shift + (y * polynomial(y, gammaNearTwo) - y / 2)
    }
    if (t >= 1.2316321444968362) {
      const y = x <= 0.9 ? x - (gammaMinimum - 1) : x - gammaMinimum
      return shift + (gammaAtMinimum - (gammaAtMinimumTail - y * y * polynomial(y, gammaNearMinimum)))
    }
    const y = x <= 0.9 ? x : x - 1
    return shift + (-y / 2 + (y * polynomial(y, gammaNearOne)) / polynomial(y, gammaNearOneBelow))
  }
  if (x < 8) {
    const steps = Math.floor(x)
    const y = x - steps
    let product = 1
    for (let k = 2; k < steps; k++) product *= y + k
    return y / 2 + (y * polynomial(y, gammaMiddle)) / polynomial(y, gammaMiddleBelow) + Math.log(product)
  }
  if (x > 2 ** 58) return x * (Math.log(x) - 1)
  const z = 1 / x
  return (x - 0.5) * (Math.log(x) - 1) + (4.18938533204672725052e-1 + z * polynomial(z * z, stirling))
}

/** log |gamma(x)|: infinite at 0, at the negative integers and at both infinities. Source: msun, e_lgamma_r.c. */
export const lgamma = (x: number): number => {
  if (Number.isNaN(x)) return NaN
  if (!Number.isFinite(x)) return Infinity
  if (x > 0) return lgammaPositive(x)
  if (Number.isInteger(x)) return Infinity
  if (x > -(2 ** -70)) return -Math.log(-x)
  return Math.log(Math.PI / Math.abs(sinPi(x) * x)) - lgammaPositive(-x)
}

// Boost.Math's digamma (J. Maddock, 2006): digamma(x) = (x - root)(Y + p(x - 1) / q(x - 1)) on [1, 2].
const digammaRoots = [
  1569415565 / 1073741824,
  381566830 / 1073741824 / 1073741824,
  9.016312093258695918615325266959189453125e-20,
]
const digammaFactor = 0.99558162689208984375
const digammaMiddle = [
  0.25479851061131551, -0.32555031186804491, -0.65031853770896507, -0.28919126444774784, -0.045251321448739056,
  -0.0020713321167745952,
]
const digammaMiddleBelow = [
  1, 2.0767117023730469, 1.4606242909763515, 0.43593529692665969, 0.054151797245674225, 0.0021284987017821144,
  -0.55789841321675513e-6,
]
// Asymptotic series: log x - 1 / (2 x) - sum of B(2k) / (2k x^2k)
const digammaSeries = [1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12, -3617 / 8160, 43867 / 14364]

/**
 * Derivative of log |gamma(x)|. As in JAX and SciPy: -inf at 0, inf at -0, NaN at the negative integers and at -inf.
 * Source: Boost.Math, digamma.hpp.
 */
export const digamma = (x: number): number => {
  if (x === 0) return -1 / x
  if (x === Infinity) return Infinity
  let sum = 0
  let t = x
  if (x < 0) {
    if (!Number.isFinite(x) || Number.isInteger(x)) return NaN
    // Reflection: digamma(x) = digamma(1 - x) - pi / tan(pi x); the fraction is taken first, so that tan is exact.
    const fraction = x - Math.round(x)
    sum = -Math.PI / Math.tan(Math.PI * fraction)
    if (x > -1e-10) return sum - 0.57721566490153286
    t = 1 - x
  }
  if (t >= 10) {
    const z = 1 / (t * t)
    return sum + (Math.log(t) - 0.5 / t - z * polynomial(z, digammaSeries))
  }
  while (t > 2) {
    t -= 1
    sum += 1 / t
  }
  while (t < 1) {
    sum -= 1 / t
    t += 1
  }
  const g = digammaRoots.reduce((rest, part) => rest - part, t)
  const ratio = polynomial(t - 1, digammaMiddle) / polynomial(t - 1, digammaMiddleBelow)
  return sum + (g * digammaFactor + g * ratio)
}

/** 2 to the power x. */
export const exp2 = (x: number): number => 2 ** x

/** 1 / (1 + exp(-x)), accurate where it is tiny. */
export const logistic = (x: number): number => {
  if (x >= 0) return 1 / (1 + Math.exp(-x))
  const e = Math.exp(x)
  return e / (1 + e)
}

/** 1 / sqrt(x): infinite at 0 with the sign of the zero, NaN below. */
export const rsqrt = (x: number): number => 1 / Math.sqrt(x)

/** Power as C and NumPy define it: 1 to any power is 1, and so is -1 to an infinite one; JS says NaN. */
export const pow = (x: number, y: number): number => (x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : x ** y)

/** The float64 next to `from` in the direction of `to`. */
export const nextafter64 = (from: number, to: number): number => {
  if (Number.isNaN(from) || Number.isNaN(to)) return NaN
  if (from === to) return to
  if (from === 0) return to > 0 ? Number.MIN_VALUE : -Number.MIN_VALUE
  doubles[0] = from
  words[0] = (words[0] ?? 0n) + (to > from === from > 0 ? 1n : -1n)
  return doubles[0]
}

/** The float32 next to `from` in the direction of `to`; both are float32 values. */
export const nextafter32 = (from: number, to: number): number => {
  if (Number.isNaN(from) || Number.isNaN(to)) return NaN
  if (from === to) return to
  if (from === 0) return to > 0 ? 2 ** -149 : -(2 ** -149)
  singles[0] = from
  halves[0] = (halves[0] ?? 0) + (to > from === from > 0 ? 1 : -1)
  return singles[0]
}
