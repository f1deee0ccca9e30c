/** Fresnel integrals: by their series near 0, and farther out by how they wind around their limits. */
import { type ArrayLike, type NDArray, known, range } from '../../core/index.js'
import * as lax from '../../lax/index.js'
import { customJvp, jit } from '../../transforms/index.js'
import { float, like, polynomial, where } from '../arguments.js'

/** Where the series hands over. */
const border = 1.5

const factorial = (n: number): number => range(n).reduce((product, i) => product * (i + 1), 1)

/** Coefficients of `x^(4 i)` in `S(x) / x^3` and `C(x) / x`, high powers first: DLMF 7.6.6 and 7.6.4. */
const series = (first: 0 | 1): readonly number[] =>
  range(16)
    .map((i) => {
      const power = 2 * i + first
      return ((-1) ** i * (Math.PI / 2) ** power) / (factorial(power) * (4 * i + 2 * first + 1))
    })
    .reverse()

// Chebyshev coefficients of `pi x f(x)` and `pi^2 x^3 g(x)` (the auxiliary functions of DLMF 7.5) in `2 (border / x)^2 - 1`
// between -1 and 1, computed with 40 digits.
const chebyshevF = [
  0.98312677132196236, -0.021357260142684197, -0.0037966558345303649, 0.00066124524725457302, -4.0960973761774516e-5,
  -9.7911882132508199e-6, 4.1888238512176721e-6, -8.420318176345658e-7, 6.0972273927747202e-8, 3.0089670172514017e-8,
  -1.6685793505525183e-8, 4.9631292702261841e-9, -8.8187845896559154e-10, -2.5665206485651744e-11,
  9.9712459599687102e-11, -5.0232914031688927e-11, 1.6642583352702373e-11, -3.6404729279013463e-12,
  1.1452944195711182e-13, 3.9099841012171583e-13, -2.5620098221081862e-13, 1.0851841929367244e-13,
  -3.3941263612081384e-14, 6.5774690618708792e-15, 6.6725324382928077e-16, -1.4686029952813688e-15,
  9.1502497142912045e-16, -4.0800817191480452e-16, 1.4057927002398952e-16,
]
const chebyshevG = [
  0.92880724946742055, -0.087281783566399374, -0.011820035634755689, 0.0038570173016232705, -0.00048497261282631868,
  -2.820315505109063e-5, 3.3422852931274009e-5, -1.0085443505306372e-5, 1.6304496502959052e-6, 8.2396600591464431e-8,
  -1.7227705608132349e-7, 7.3898892859955438e-8, -1.9969875799038197e-8, 2.7187158372428837e-9, 7.1944000316392908e-10,
  -7.1546681830801778e-10, 3.2583343274056546e-10, -1.0323621127786837e-10, 2.0171810730179838e-11,
  1.4672802032632149e-12, -3.7898194852617771e-12, 2.2651655943412154e-12, -9.4165209996720028e-13,
  2.8971865479227232e-13, -5.0783293575635191e-14, -1.1517155754482876e-14, 1.6715323461981792e-14,
  -1.0156566912276956e-14, 4.5520226917178697e-15, -1.5826028911761391e-15, 3.671095186870847e-16,
]

/** A sum of Chebyshev polynomials, by Clenshaw's recurrence. */
const chebyshev = (x: NDArray, coefficients: readonly number[]): NDArray => {
  const twice = lax.add(x, x)
  const start: readonly [NDArray, NDArray] = [like(x, 0), like(x, 0)]
  const [next, after] = coefficients
    .slice(1)
    .reduceRight<readonly [NDArray, NDArray]>(([b1, b2], c) => [lax.add(lax.sub(lax.mul(twice, b1), b2), c), b1], start)
  return lax.add(lax.sub(lax.mul(x, next), after), known(coefficients[0], 'coefficient'))
}

/** Sine and cosine of `pi x^2 / 2`, whose period in `x^2` is 4. */
const phase = (x: NDArray): readonly [sine: NDArray, cosine: NDArray] => {
  const square = lax.mul(x, x)
  const turns = lax.mul(4, lax.round(lax.mul(0.25, square), 1))
  const angle = lax.mul(Math.PI / 2, lax.sub(square, turns))
  return [lax.sin(angle), lax.cos(angle)]
}

const integrals = jit((x: NDArray): [NDArray, NDArray] => {
  const size = lax.abs(x)
  const isNear = lax.lt(size, border)
  const near = where(isNear, x, 0, x)
  const square = lax.mul(near, near)
  const fourth = lax.mul(square, square)
  const nearS = lax.mul(lax.mul(near, square), polynomial(fourth, series(1)))
  const nearC = lax.mul(near, polynomial(fourth, series(0)))
  const finite = lax.lt(size, Infinity)
  const far = where(lax.bitwiseAnd(lax.ge(size, border), finite), size, 2, x)
  const ratio = lax.div(border, far)
  const place = lax.sub(lax.mul(2, lax.mul(ratio, ratio)), 1)
  const inverse = lax.div(1 / Math.PI, far)
  const f = lax.mul(inverse, chebyshev(place, chebyshevF))
  const g = lax.mul(lax.mul(lax.mul(inverse, inverse), lax.div(1, far)), chebyshev(place, chebyshevG))
  const [sine, cosine] = phase(far)
  const farS = lax.sub(lax.sub(0.5, lax.mul(f, cosine)), lax.mul(g, sine))
  const farC = lax.sub(lax.add(0.5, lax.mul(f, sine)), lax.mul(g, cosine))
  const whole = (nearby: NDArray, distant: NDArray): NDArray => {
    const limit = where(finite, distant, 0.5, x)
    const outside = lax.select(lax.lt(x, like(x, 0)), lax.neg(limit), limit)
    return where(lax.ne(x, x), NaN, lax.select(isNear, nearby, outside), x)
  }
  return [whole(nearS, farS), whole(nearC, farC)]
})

const ofFloat = customJvp((x: NDArray): [NDArray, NDArray] => integrals(x))
ofFloat.defjvp(([x], [t]) => {
  const [sine, cosine] = phase(x)
  return [ofFloat(x), [lax.mul(t, sine), lax.mul(t, cosine)]]
})

/**
 * Fresnel integrals `[S, C]`: of `sin(pi t^2 / 2)` and of `cos(pi t^2 / 2)` from 0 to x.
 *
 * @example
 * ```ts
 * scipy.special.fresnel(np.array([1])) // [[0.438259], [0.779893]]
 * ```
 */
export const fresnel = (x: ArrayLike): [S: NDArray, C: NDArray] => ofFloat(float('special.fresnel', x))
