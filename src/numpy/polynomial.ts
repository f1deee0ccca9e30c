/** Polynomials as their coefficients, the highest power first. */
import {
  type ArrayLike,
  type NDArray,
  ArgumentError,
  ShapeError,
  avalText,
  broadcastShapes,
  dtypeEpsilon,
  known,
  range,
  shapedArray,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import { jit, scan } from '../transforms/index.js'
import { knownValues } from './arguments.js'
import { fromHost } from './creation.js'
import { coefficients, part } from './polynomial-roots.js'
import { convolve } from './signal.js'
import { inv } from './linalg-solve.js'
import { lstsq } from './linalg-spectral.js'
import { inexactOperand, promoteDTypes, promoteInexact } from './promotion-args.js'
import { vander } from './ranges.js'
import { atleast1d } from './shape.js'
import { trimZeros } from './sets.js'

/** Two vectors of coefficients of one dtype, the shorter one with zeros in front. */
const aligned = (operation: string, a1: ArrayLike, a2: ArrayLike): readonly [NDArray, NDArray] => {
  const [first, second] = promoteDTypes(operation, [a1, a2]).map((x) => coefficients(operation, x))
  const [x, y] = [known(first, 'first polynomial'), known(second, 'second polynomial')]
  const length = Math.max(x.size, y.size)
  const longer = (p: NDArray): NDArray =>
    p.size === length ? p : lax.pad(p, lax.scalarOf(0, p.aval), [[length - p.size, 0, 0]])
  return [longer(x), longer(y)]
}

/**
 * Sum of two polynomials.
 *
 * @example
 * ```ts
 * np.polyadd(np.array([1, 2]), np.array([1, 0, 0])) // [1, 1, 2]
 * ```
 */
export const polyadd = (a1: ArrayLike, a2: ArrayLike): NDArray => lax.add(...aligned('polyadd', a1, a2))

/** Difference of two polynomials. */
export const polysub = (a1: ArrayLike, a2: ArrayLike): NDArray => lax.sub(...aligned('polysub', a1, a2))

export interface TrimOptions {
  /** Drops zeros in front; then lengths depend on values, which must be known. */
  readonly trimLeadingZeros?: boolean
}

/**
 * Product of two polynomials.
 *
 * @example
 * ```ts
 * np.polymul(np.array([1, 1]), np.array([1, -1])) // [1, 0, -1]
 * ```
 */
export const polymul = (a1: ArrayLike, a2: ArrayLike, options: TrimOptions = {}): NDArray => {
  const { trimLeadingZeros = false } = checkOptions('polymul', options, 'trimLeadingZeros')
  const [first, second] = promoteInexact('polymul', [a1, a2]).map((x) => coefficients('polymul', x))
  const trimmed = (p: NDArray | undefined): NDArray => {
    const x = known(p, 'polynomial')
    const short = trimLeadingZeros ? trimZeros(x, { trim: 'f' }) : x
    return short.size === 0 ? lax.zerosOf(shapedArray([1], x.dtype)) : short
  }
  return convolve(trimmed(first), trimmed(second))
}

/**
 * Quotient and remainder of polynomials, as `[q, r]` with `u = q v + r`. The remainder has as many coefficients as `v` has
 * without the first (at least one); some of them may be zero.
 *
 * Throws ShapeError unless both are vectors with elements.
 *
 * @example
 * ```ts
 * const [q, r] = np.polydiv(np.array([1, 0, 1]), np.array([1, 1])) // [1, -1], [2]
 * ```
 */
export const polydiv = (
  u: ArrayLike,
  v: ArrayLike,
  options: TrimOptions = {},
): [quotient: NDArray, remainder: NDArray] => {
  const { trimLeadingZeros = false } = checkOptions('polydiv', options, 'trimLeadingZeros')
  const [first, second] = promoteInexact('polydiv', [u, v]).map((x) => coefficients('polydiv', x))
  let rest = known(first, 'dividend')
  const divisor = known(second, 'divisor')
  if (rest.size === 0 || divisor.size === 0)
    throw new ShapeError('polydiv: a polynomial without coefficients cannot be divided; give at least one.')
  const steps = rest.size - divisor.size + 1
  const zero = lax.scalarOf(0, rest.aval)
  if (steps < 1) return [lax.zerosOf(shapedArray([1], rest.dtype)), rest]
  const scale = lax.reciprocal(part(divisor, 0, 1))
  const quotient = range(steps).map((k) => {
    const factor = lax.mul(scale, part(rest, k, k + 1))
    const subtracted = lax.pad(lax.mul(factor, divisor), zero, [[k, rest.size - divisor.size - k, 0]])
    rest = lax.sub(rest, subtracted)
    return factor
  })
  const remainder = divisor.size === 1 ? lax.zerosOf(shapedArray([1], rest.dtype)) : part(rest, steps, rest.size)
  const q = lax.concatenate(quotient, 0)
  return [q, trimLeadingZeros ? withoutNegligible(remainder) : remainder]
}

/** The vector without leading elements that are nearly zero; the last one stays. */
const withoutNegligible = (x: NDArray): NDArray => {
  const limit = Math.sqrt(dtypeEpsilon(x.dtype))
  const first = knownValues(x, 'polydiv with trimLeadingZeros').findIndex((value) => Math.abs(value) > limit)
  return part(x, first < 0 ? x.size - 1 : first, x.size)
}

/** Falling factorials `(n + m) (n + m - 1) ... (n + 1)` for n = size - 1 down to 0. */
const fallingFactorials = (size: number, m: number): number[] =>
  range(size).map((i) => range(m).reduce((product, k) => product * (size - i + k), 1))

const checkOrder = (m: number, operation: string): void => {
  if (!Number.isInteger(m) || m < 0)
    throw new ArgumentError(`${operation}: the order m is ${m}; it must be a non-negative integer.`)
}

/**
 * The m-th derivative of a polynomial.
 *
 * @example
 * ```ts
 * np.polyder(np.array([1, 2, 3])) // [2, 2]
 * ```
 */
export const polyder = (p: ArrayLike, options: { readonly m?: number } = {}): NDArray => {
  const { m = 1 } = checkOptions('polyder', options, 'm')
  const x = coefficients('polyder', inexactOperand('polyder', p))
  checkOrder(m, 'polyder')
  if (m === 0) return x
  const size = Math.max(0, x.size - m)
  return lax.mul(part(x, 0, size), fromHost(fallingFactorials(size, m), [size], x.dtype))
}

export interface PolyintOptions {
  /** How many times to integrate. */
  readonly m?: number
  /** Constants of integration, one for all or one for each time; zero unless said. */
  readonly k?: ArrayLike | null
}

/**
 * The m-th integral of a polynomial, with constants `k`.
 *
 * @example
 * ```ts
 * np.polyint(np.array([2, 2])) // [1, 2, 0]
 * ```
 */
export const polyint = (p: ArrayLike, options: PolyintOptions = {}): NDArray => {
  const { m = 1, k = null } = checkOptions('polyint', options, 'm k')
  checkOrder(m, 'polyint')
  const [first, second] = promoteInexact('polyint', [p, k ?? 0])
  const x = coefficients('polyint', known(first, 'polynomial'))
  const given = coefficients('polyint', known(second, 'constants'))
  if (m === 0) return x
  if (given.size !== 1 && given.size !== m) {
    throw new ShapeError(`polyint: ${given.size} constants for ${m} integrations; give one for all, or one for each.`)
  }
  const constants = lax.broadcastTo(given, [m])
  const size = x.size + m
  // Coefficient i, of power n = size - 1 - i, was integrated as often as there are factors left.
  const divisors = range(size).map((i) => range(m).reduce((product, j) => product * Math.max(1, size - 1 - i - j), 1))
  return lax.div(lax.concatenate([x, constants], 0), fromHost(divisors, [size], x.dtype))
}

/** Chains of up to this many steps are written out. */
const longestUnrolled = 16

/** Horner's rule in a loop, for coefficients along axis 0 and an argument of the result's shape. */
const hornerLoop = jit((list: NDArray, argument: NDArray): NDArray => {
  const step = (value: NDArray, c: NDArray): readonly [NDArray, null] => [
    lax.add(lax.mul(value, argument), lax.broadcastTo(c, argument.shape)),
    null,
  ]
  return scan(step, lax.zerosOf(argument.aval), list)[0]
})

/**
 * Value of a polynomial at `x`, by Horner's rule. Coefficients are along axis 0 of `p`; further axes, for many polynomials,
 * are broadcast with `x`.
 *
 * @example
 * ```ts
 * np.polyval(np.array([1, 0, -1]), 3) // 8
 * ```
 */
export const polyval = (p: ArrayLike, x: ArrayLike): NDArray => {
  const [first, second] = promoteDTypes('polyval', [p, x])
  const list = atleast1d(known(first, 'coefficients'))
  const at = known(second, 'argument')
  const shape = broadcastShapes('polyval', list.shape.slice(1), at.shape)
  const argument = lax.broadcastTo(at, shape)
  const size = known(list.shape[0], 'number of coefficients')
  const step = (value: NDArray, coefficient: NDArray): NDArray =>
    lax.add(lax.mul(value, argument), lax.broadcastTo(coefficient, shape))
  if (size > longestUnrolled) return hornerLoop(list, argument)
  const start = lax.zerosOf(shapedArray(shape, list.dtype))
  return range(size).reduce((value, i) => step(value, lax.indexInDim(list, i, { axis: 0, keepdims: false })), start)
}

export interface PolyfitOptions {
  /** Singular values below this multiple of the largest count as zero. */
  readonly rcond?: number | null
  /** Weights of the points, `[n]`. */
  readonly w?: ArrayLike | null
}

/** What `polyfitFull` gives besides the coefficients. */
interface Fit {
  readonly coefficients: NDArray
  readonly residuals: NDArray
  readonly rank: NDArray
  readonly singularValues: NDArray
  readonly left: NDArray
  readonly scale: NDArray
  readonly rcond: number
}

const fit = (x: ArrayLike, y: ArrayLike, deg: number, { rcond = null, w = null }: PolyfitOptions): Fit => {
  if (!Number.isInteger(deg) || deg < 0)
    throw new ArgumentError(`polyfit: the degree is ${deg}; it must be a non-negative integer.`)
  const [first, second, third] = promoteInexact('polyfit', w === null ? [x, y] : [x, y, w])
  const at = known(first, 'x')
  const values = known(second, 'y')
  const fits = at.ndim === 1 && at.size > 0 && (values.ndim === 1 || values.ndim === 2) && values.shape[0] === at.size
  if (!fits || (third !== undefined && avalText(third.aval) !== avalText(at.aval))) {
    throw new ShapeError(
      `polyfit: x ${avalText(at.aval)} and y ${avalText(values.aval)}${third === undefined ? '' : ` and w ${avalText(third.aval)}`} don't fit: ` +
        `x must be a vector [n] with elements, y [n] or [n, k], and weights [n].`,
    )
  }
  const unweighted = vander(at, { N: deg + 1 })
  const weigh = (matrix: NDArray): NDArray =>
    third === undefined ? matrix : lax.mul(matrix, lax.broadcastInDim(third, matrix.shape, [0]))
  const left = weigh(unweighted)
  const scale = lax.sqrt(lax.reduceSum(lax.square(left), [0]))
  const scaled = lax.div(left, lax.broadcastInDim(scale, left.shape, [1]))
  const limit = rcond ?? at.size * dtypeEpsilon(at.dtype)
  const [solution, residuals, rank, singularValues] = lstsq(scaled, weigh(values), { rcond: limit })
  return {
    coefficients: lax.div(solution, lax.broadcastInDim(scale, solution.shape, [0])),
    residuals,
    rank,
    singularValues,
    left: scaled,
    scale,
    rcond: limit,
  }
}

/**
 * Coefficients of the polynomial of a degree that fits points `(x, y)` best, in the sense of least squares: `[deg + 1]`, or
 * `[deg + 1, k]` for `y` of shape `[n, k]`. With `full`, `[coefficients, residuals, rank, singularValues, rcond]` of the
 * scaled system; with `cov` (true or 'unscaled'), `[coefficients, covariance]`.
 *
 * Throws ShapeError when the points don't fit together, ArgumentError for a degree that is no non-negative integer.
 *
 * @example
 * ```ts
 * np.polyfit(np.array([0, 1, 2]), np.array([1, 3, 5]), 1) // [2, 1]
 * ```
 */
export function polyfit(x: ArrayLike, y: ArrayLike, deg: number, options?: PolyfitOptions): NDArray
export function polyfit(
  x: ArrayLike,
  y: ArrayLike,
  deg: number,
  options: PolyfitOptions & { readonly full: true },
): [coefficients: NDArray, residuals: NDArray, rank: NDArray, singularValues: NDArray, rcond: number]
export function polyfit(
  x: ArrayLike,
  y: ArrayLike,
  deg: number,
  options: PolyfitOptions & { readonly cov: true | 'unscaled' },
): [coefficients: NDArray, covariance: NDArray]
export function polyfit(
  x: ArrayLike,
  y: ArrayLike,
  deg: number,
  options: PolyfitOptions & { readonly full?: boolean; readonly cov?: boolean | 'unscaled' } = {},
): NDArray | [NDArray, NDArray, NDArray, NDArray, number] | [NDArray, NDArray] {
  checkOptions('polyfit', options, 'rcond w full cov')
  const found = fit(x, y, deg, options)
  if (options.full === true) return [found.coefficients, found.residuals, found.rank, found.singularValues, found.rcond]
  if (options.cov === undefined || options.cov === false) return found.coefficients
  return [found.coefficients, covariance(found, options.cov === 'unscaled')]
}

/** Covariance of fitted coefficients, scaled by the mean squared residual unless said otherwise. */
const covariance = ({ left, scale, residuals, coefficients: solution }: Fit, unscaled: boolean): NDArray => {
  const [points, order] = [known(left.shape[0], 'points'), known(left.shape[1], 'coefficients')]
  const normal = inv(lax.dot(lax.transpose(left, [1, 0]), left))
  const shape = [order, order]
  const base = lax.div(normal, lax.mul(lax.broadcastInDim(scale, shape, [0]), lax.broadcastInDim(scale, shape, [1])))
  if (!unscaled && points <= order) {
    throw new ArgumentError(
      `polyfit: a covariance of ${order} coefficients needs more than ${points} points; use cov: 'unscaled'.`,
    )
  }
  const factor = unscaled ? lax.filled(1, residuals.aval) : lax.div(residuals, points - order)
  if (solution.ndim === 1) return lax.mul(base, lax.reshape(factor, []))
  const wide = [...shape, factor.size]
  return lax.mul(lax.broadcastInDim(base, wide, [0, 1]), lax.broadcastInDim(factor, wide, [2]))
}
