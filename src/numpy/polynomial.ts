/** Polynomials as their coefficients, the highest power first. */
import {
  type ArrayLike,
  type NDArray,
  ArgumentError,
  DeviceArray,
  ShapeError,
  avalText,
  broadcastShapes,
  dtypeEpsilon,
  known,
  range,
  shapedArray,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import { scan } from '../transforms/index.js'
import { knownValues } from './arguments.js'
import { fromHost } from './creation.js'
import { convolve } from './signal.js'
import { inv } from './linalg-solve.js'
import { lstsq, eigvals } from './linalg-spectral.js'
import { inexactOperand, promoteDTypes, promoteInexact } from './promotion-args.js'
import { vander } from './ranges.js'
import { atleast1d } from './shape.js'
import { trimZeros } from './sets.js'

/** Complex values, as `roots` gives them. */
export interface ComplexRoots {
  readonly real: NDArray
  readonly imag: NDArray
}

/** Coefficients as a vector. Throws ShapeError for higher ranks. */
const coefficients = (operation: string, x: NDArray): NDArray => {
  const p = atleast1d(x)
  if (p.ndim !== 1) throw new ShapeError(`${operation}: coefficients must be a vector, got ${avalText(x.aval)}.`)
  return p
}

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
export const polymul = (a1: ArrayLike, a2: ArrayLike, { trimLeadingZeros = false }: TrimOptions = {}): NDArray => {
  const [first, second] = promoteInexact('polymul', [a1, a2]).map((x) => coefficients('polymul', x))
  const trimmed = (p: NDArray | undefined): NDArray => {
    const x = known(p, 'polynomial')
    const short = trimLeadingZeros ? trimZeros(x, { trim: 'f' }) : x
    return short.size === 0 ? lax.zerosOf(shapedArray([1], x.dtype)) : short
  }
  return convolve(trimmed(first), trimmed(second))
}

/** Elements `start` to `stop` of a vector. */
const part = (x: NDArray, start: number, stop: number): NDArray => lax.sliceInDim(x, start, stop, { axis: 0 })

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
  { trimLeadingZeros = false }: TrimOptions = {},
): [quotient: NDArray, remainder: NDArray] => {
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
export const polyder = (p: ArrayLike, { m = 1 }: { readonly m?: number } = {}): NDArray => {
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
export const polyint = (p: ArrayLike, { m = 1, k = null }: PolyintOptions = {}): NDArray => {
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
  const start = lax.zerosOf(shapedArray(shape, list.dtype))
  if (size > longestUnrolled) {
    return scan((value: NDArray, c: NDArray): readonly [NDArray, null] => [step(value, c), null], start, list)[0]
  }
  return range(size).reduce((value, i) => step(value, lax.indexInDim(list, i, { axis: 0, keepdims: false })), start)
}

/**
 * The polynomial, with leading coefficient 1, that has the given zeros; of a square matrix, the characteristic polynomial.
 * Throws ShapeError for any other shape.
 *
 * @example
 * ```ts
 * np.poly(np.array([1, -1])) // [1, 0, -1]
 * ```
 */
export const poly = (seqOfZeros: ArrayLike): NDArray => {
  const x = atleast1d(inexactOperand('poly', seqOfZeros))
  if (x.ndim === 2 && x.shape[0] === x.shape[1] && x.size > 0) {
    // The coefficients of a real matrix are real: imaginary parts cancel.
    const { real, imag } = eigvals(x)
    return fromComplexRoots(real, imag)
  }
  if (x.ndim !== 1)
    throw new ShapeError(`poly: expected a vector of zeros or a square matrix, got ${avalText(x.aval)}.`)
  const zero = lax.scalarOf(0, x.aval)
  const one = lax.filled(1, shapedArray([1], x.dtype))
  return range(x.size).reduce((product, k) => {
    const shifted = lax.pad(product, zero, [[1, 0, 0]])
    return lax.sub(lax.pad(product, zero, [[0, 1, 0]]), lax.mul(part(x, k, k + 1), shifted))
  }, one)
}

const fromComplexRoots = (rootsReal: NDArray, rootsImag: NDArray): NDArray => {
  const zero = lax.scalarOf(0, rootsReal.aval)
  let real = lax.filled(1, shapedArray([1], rootsReal.dtype))
  let imag = lax.filled(0, shapedArray([1], rootsReal.dtype))
  for (const k of range(rootsReal.size)) {
    const [c, d] = [part(rootsReal, k, k + 1), part(rootsImag, k, k + 1)]
    const before = (x: NDArray): NDArray => lax.pad(x, zero, [[1, 0, 0]])
    const after = (x: NDArray): NDArray => lax.pad(x, zero, [[0, 1, 0]])
    const [x, y] = [before(real), before(imag)]
    real = lax.sub(after(real), lax.sub(lax.mul(c, x), lax.mul(d, y)))
    imag = lax.sub(after(imag), lax.add(lax.mul(c, y), lax.mul(d, x)))
  }
  return real
}

export interface RootsOptions {
  /** Drops zeros in front, the default. Where values are not known, and without this, as many roots are NaN. */
  readonly stripZeros?: boolean
}

const noRoots = (p: NDArray): ComplexRoots => {
  const none = lax.zerosOf(shapedArray([0], p.dtype))
  return { real: none, imag: none }
}

/** Eigenvalues of the companion matrix of a polynomial whose first coefficient is not zero. */
const companionRoots = (p: NDArray): ComplexRoots => {
  const n = p.size - 1
  if (n < 1) return noRoots(p)
  const top = lax.div(lax.neg(part(p, 1, n + 1)), part(p, 0, 1))
  const row = lax.broadcastedIota('int32', [n, n], 0)
  const below = lax.convertElementType(lax.eq(row, lax.add(lax.broadcastedIota('int32', [n, n], 1), 1)), p.dtype)
  return eigvals(lax.select(lax.eq(row, 0), lax.broadcastInDim(top, [n, n], [1]), below))
}

/**
 * Zeros of a polynomial, as a complex pair, in no order: the eigenvalues of its companion matrix. Leading zeros are dropped;
 * inside of transformations, where their number is not known, as many roots are NaN.
 *
 * Throws ShapeError unless `p` is a vector.
 *
 * @example
 * ```ts
 * const { real, imag } = np.roots(np.array([1, 0, 1])) // [0, 0], [1, -1]
 * ```
 */
export const roots = (p: ArrayLike, { stripZeros = true }: RootsOptions = {}): ComplexRoots => {
  const x = coefficients('roots', inexactOperand('roots', p))
  if (x.size < 2) return noRoots(x)
  if (stripZeros && x instanceof DeviceArray) {
    const first = knownValues(x, 'roots').findIndex((c) => c !== 0)
    return first < 0 ? noRoots(x) : companionRoots(part(x, first, x.size))
  }
  return rootsWithZeros(x)
}

/** Roots where the number of leading zeros is not known: coefficients are moved up, and the roots at zero that adds are NaN. */
const rootsWithZeros = (p: NDArray): ComplexRoots => {
  const n = p.size
  const position = lax.iota('int32', n)
  const leading = lax.reduceMin(lax.select(lax.ne(p, 0), position, lax.full([n], n, { dtype: 'int32' })), [0])
  const source = lax.add(position, leading)
  const moved = lax.dynamicSliceInDim(lax.concatenate([p, lax.zerosOf(p.aval)], 0), leading, n)
  const safe = lax.select(lax.lt(source, n), moved, lax.zerosOf(p.aval))
  const first = lax.eq(leading, n)
  const found = companionRoots(lax.select(lax.eq(position, 0), lax.select(first, lax.filled(1, p.aval), safe), safe))
  const isZero = lax.bitwiseAnd(lax.eq(found.real, 0), lax.eq(found.imag, 0))
  const sorted = lax.sort([lax.convertElementType(isZero, 'int32'), found.real, found.imag], { dimension: 0 })
  const kept = lax.lt(lax.iota('int32', n - 1), lax.sub(n - 1, leading))
  const orNaN = (x: NDArray | undefined): NDArray => {
    const value = known(x, 'roots')
    return lax.select(kept, value, lax.filled(NaN, value.aval))
  }
  return { real: orNaN(sorted[1]), imag: orNaN(sorted[2]) }
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
  if (solution.ndim === 1) return lax.mul(base, factor)
  const wide = [...shape, factor.size]
  return lax.mul(lax.broadcastInDim(base, wide, [0, 1]), lax.broadcastInDim(factor, wide, [2]))
}
