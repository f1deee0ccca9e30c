/** Polynomials from their zeros, and zeros of polynomials. */
import {
  type ArrayLike,
  DeviceArray,
  type NDArray,
  ShapeError,
  avalText,
  known,
  range,
  shapedArray,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import { knownValues } from './arguments.js'
import { eigvals } from './linalg-spectral.js'
import { inexactOperand } from './promotion-args.js'
import { atleast1d } from './shape.js'

/** Complex values, as `roots` gives them. */
export interface ComplexRoots {
  readonly real: NDArray
  readonly imag: NDArray
}

/** Coefficients as a vector. Throws ShapeError for higher ranks. */
export const coefficients = (operation: string, x: NDArray): NDArray => {
  const p = atleast1d(x)
  if (p.ndim !== 1) throw new ShapeError(`${operation}: coefficients must be a vector, got ${avalText(x.aval)}.`)
  return p
}

/** Elements `start` to `stop` of a vector. */
export const part = (x: NDArray, start: number, stop: number): NDArray => lax.sliceInDim(x, start, stop, { axis: 0 })

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
export const roots = (p: ArrayLike, options: RootsOptions = {}): ComplexRoots => {
  const { stripZeros = true } = checkOptions('roots', options, 'stripZeros')
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
