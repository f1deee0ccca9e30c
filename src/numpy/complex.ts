/** Parts of complex values, which are pairs of arrays `{real, imag}`; arrays alone count as real. */
import { type ArrayLike, type NDArray, isFloating, checkOptions } from '../core/index.js'
import type { ComplexLike } from '../lax/index.js'
import * as lax from '../lax/index.js'
import type { Complex } from './fft.js'

const floating = (x: NDArray): NDArray => (isFloating(x.dtype) ? x : lax.convertElementType(x, 'float32'))

/**
 * Real part.
 *
 * @example
 * ```ts
 * np.real(np.fft.fft(np.array([1, 2]))) // [3, -1]
 * ```
 */
export const real = (val: ComplexLike): NDArray =>
  lax.isComplex(val) ? lax.asArray(val.real, 'real') : lax.asArray(val, 'real')

/** Imaginary part; zeros of a real array. */
export const imag = (val: ComplexLike): NDArray =>
  lax.isComplex(val) ? lax.asArray(val.imag, 'imag') : lax.zerosOf(lax.asArray(val, 'imag').aval)

/** The same real part and the opposite imaginary part; a real array as it is. */
export function conjugate(x: ArrayLike): NDArray
export function conjugate(x: Complex): Complex
export function conjugate(x: ComplexLike): NDArray | Complex {
  return lax.isComplex(x) ? { real: x.real, imag: lax.neg(x.imag) } : lax.asArray(x, 'conjugate')
}

/** Another name of `conjugate`. */
export const conj: typeof conjugate = conjugate

/**
 * Angle in the complex plane, in radians or degrees: 0 or pi for a real array.
 *
 * @example
 * ```ts
 * np.angle({ real: np.array([1, 0]), imag: np.array([1, 2]) }, { deg: true }) // [45, 90]
 * ```
 */
export const angle = (z: ComplexLike, options: { readonly deg?: boolean } = {}): NDArray => {
  const { deg = false } = checkOptions('angle', options, 'deg')
  const pair = lax.isComplex(z) ? z : { real: real(z), imag: imag(z) }
  const radians = lax.atan2(floating(pair.imag), floating(pair.real))
  return deg ? lax.mul(radians, 180 / Math.PI) : radians
}

/** Whether the argument is a pair of parts. */
export const iscomplexobj = (x: ComplexLike): boolean => lax.isComplex(x)

/** Whether the argument is no pair of parts. */
export const isrealobj = (x: ComplexLike): boolean => !lax.isComplex(x)

/** Elementwise: whether the imaginary part is not 0. */
export const iscomplex = (x: ComplexLike): NDArray => {
  const part = imag(x)
  return lax.ne(part, lax.zerosOf(part.aval))
}

/** Elementwise: whether the imaginary part is 0. */
export const isreal = (x: ComplexLike): NDArray => {
  const part = imag(x)
  return lax.eq(part, lax.zerosOf(part.aval))
}
