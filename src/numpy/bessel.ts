/** The modified Bessel function of order 0. */
import { type ArrayLike, type NDArray, isHalf, known, range } from '../core/index.js'
import * as lax from '../lax/index.js'
import { constantLike, filledLike } from './constant-like.js'
import { inexactOperand } from './promotion-args.js'

// Chebyshev coefficients of exp(-x) i0(x) on [0, 8], highest first: Cephes, i0.c. The last 18 are enough for float32.
const small = [
  -4.4153416464793393795e-18, 3.33079451882223809783e-17, -2.43127984654795469359e-16, 1.71539128555513303061e-15,
  -1.16853328779934516808e-14, 7.67618549860493561688e-14, -4.8564467831119294609e-13, 2.95505266312963983461e-12,
  -1.72682629144155570723e-11, 9.67580903537323691224e-11, -5.18979560163526290666e-10, 2.65982372468238665035e-9,
  -1.30002500998624804212e-8, 6.04699502254191894932e-8, -2.67079385394061173391e-7, 1.11738753912010371815e-6,
  -4.41673835845875056359e-6, 1.64484480707288970893e-5, -5.75419501008210370398e-5, 1.88502885095841655729e-4,
  -5.76375574538582365885e-4, 1.63947561694133579842e-3, -4.3243099950505759443e-3, 1.05464603945949983183e-2,
  -2.37374148058994688156e-2, 4.93052842396707084878e-2, -9.4901097048047644421e-2, 1.71620901522208775349e-1,
  -3.04682672343198398683e-1, 6.76795274409476084995e-1,
]

// The same of exp(-x) sqrt(x) i0(x) in 32 / x - 2, for x above 8. The last 7 are enough for float32.
const large = [
  -7.23318048787475395456e-18, -4.83050448594418207126e-18, 4.46562142029675999901e-17, 3.4612228676974610931e-17,
  -2.82762398051658348494e-16, -3.42548561967721913462e-16, 1.7725601330565263836e-15, 3.81168066935262242075e-15,
  -9.5548466988283076487e-15, -4.15056934728722208663e-14, 1.54008621752140982691e-14, 3.85277838274214270114e-13,
  7.18012445138366623367e-13, -1.79417853150680611778e-12, -1.32158118404477131188e-11, -3.14991652796324136454e-11,
  1.18891471078464383424e-11, 4.9406023882249695891e-10, 3.39623202570838634515e-9, 2.26666899049817806459e-8,
  2.04891858946906374183e-7, 2.89137052083475648297e-6, 6.88975834691682398426e-5, 3.3691164782556940899e-3,
  8.04490411014108831608e-1,
]

/** Clenshaw's recurrence for a Chebyshev series in x, as Cephes' chbevl. */
const chebyshev = (x: NDArray, coefficients: readonly number[]): NDArray => {
  let [b0, b1, b2] = [filledLike(x, 0), filledLike(x, 0), filledLike(x, 0)]
  for (const i of range(coefficients.length)) {
    b2 = b1
    b1 = b0
    b0 = lax.add(lax.sub(lax.mul(x, b1), b2), constantLike(x, known(coefficients[i], 'coefficient')))
  }
  return lax.mul(constantLike(x, 0.5), lax.sub(b0, b2))
}

/**
 * Modified Bessel function of the first kind of order 0.
 *
 * @example
 * ```ts
 * np.i0(np.array([0, 1])) // [1, 1.2660658]
 * ```
 */
export const i0 = (x: ArrayLike): NDArray => {
  const given = inexactOperand('i0', x)
  if (isHalf(given.dtype)) return lax.convertElementType(i0(lax.convertElementType(given, 'float32')), given.dtype)
  const [a, b] = given.dtype === 'float64' ? [small, large] : [small.slice(-18), large.slice(-7)]
  const magnitude = lax.abs(given)
  const isSmall = lax.le(magnitude, constantLike(magnitude, 8))
  // The branch that is not taken gets 8, so that nothing in it is infinite, its derivative neither.
  const boundary = filledLike(magnitude, 8)
  const low = lax.select(isSmall, magnitude, boundary)
  const high = lax.select(isSmall, boundary, magnitude)
  const near = chebyshev(lax.sub(lax.mul(low, constantLike(low, 0.5)), constantLike(low, 2)), a)
  const far = chebyshev(lax.sub(lax.div(constantLike(high, 32), high), constantLike(high, 2)), b)
  return lax.mul(lax.exp(magnitude), lax.select(isSmall, near, lax.div(far, lax.sqrt(high))))
}
