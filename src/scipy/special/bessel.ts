/** Bessel functions. */
import { type ArrayLike, type NDArray, checkOptions } from '../../core/index.js'
import * as lax from '../../lax/index.js'
import { jit, scan } from '../../transforms/index.js'
import { count, float, like, where } from '../arguments.js'

/** Size at which values of the recurrence are scaled down. */
const growth = 1e10

/** Modified Bessel function of the first kind of order 0, elementwise. */
export const i0 = (x: ArrayLike): NDArray => {
  const z = float('special.i0', x)
  return lax.mul(lax.exp(lax.abs(z)), lax.besselI0e(z))
}

/** `exp(-|x|) i0(x)`, elementwise. */
export const i0e = (x: ArrayLike): NDArray => lax.besselI0e(float('special.i0e', x))

/** Modified Bessel function of the first kind of order 1, elementwise. */
export const i1 = (x: ArrayLike): NDArray => {
  const z = float('special.i1', x)
  return lax.mul(lax.exp(lax.abs(z)), lax.besselI1e(z))
}

/** `exp(-|x|) i1(x)`, elementwise. */
export const i1e = (x: ArrayLike): NDArray => lax.besselI1e(float('special.i1e', x))

export interface BesselOptions {
  /** Highest order. */
  readonly v: number
  /** Where the backward recurrence starts; more for larger arguments. */
  readonly nIter?: number
}

/** Miller's backward recurrence from step `nIter` on, for orders 0 .. order. */
const backwardRecurrence = jit(
  (x: NDArray, order: number, nIter: number): NDArray => {
    const steps = lax.iota(x.dtype, nIter + 1)
    type State = readonly [before: NDArray, current: NDArray, total: NDArray, scale: NDArray]
    const step = (
      [before, current, total, scale]: State,
      k: NDArray,
    ): readonly [State, readonly [NDArray, NDArray]] => {
      const next = lax.sub(lax.div(lax.mul(lax.mul(2, lax.add(k, 1)), current), x), before)
      const sum = lax.select(lax.eq(lax.rem(k, 2), 0), lax.add(total, lax.mul(2, next)), total)
      // Values grow toward low orders; they are scaled down before they overflow, which is counted.
      const large = lax.gt(lax.abs(next), growth)
      const factor = where(large, 1 / growth, 1, x)
      const times = lax.add(scale, where(large, 1, 0, x))
      const scaled = lax.mul(next, factor)
      return [
        [lax.mul(current, factor), scaled, lax.mul(sum, factor), times],
        [scaled, times],
      ]
    }
    const initial: State = [like(x, 0), like(x, 1e-16), like(x, 0), like(x, 0)]
    const [[, , total, scale], [values, scales]] = scan(step, initial, steps, { reverse: true })
    const first = lax.indexInDim(values, 0, { keepdims: false })
    const kept = (y: NDArray): NDArray => lax.sliceInDim(y, 0, order + 1)
    const behind = lax.sub(kept(scales), lax.expandDims(scale, [0]))
    const norm = lax.expandDims(lax.sub(total, first), [0])
    return lax.div(lax.mul(kept(values), lax.exp(lax.mul(behind, Math.log(growth)))), norm)
  },
  { staticArgnums: [1, 2] },
)

/**
 * Bessel functions of the first kind of orders 0 .. v, stacked along a new axis 0, by Miller's backward recurrence
 * (Abramowitz and Stegun 9.12), of arguments that are not zero.
 *
 * @example
 * ```ts
 * scipy.special.besselJn(np.array([1]), { v: 1 }) // [[0.7651977], [0.44005057]]
 * ```
 */
export const besselJn = (z: ArrayLike, options: BesselOptions): NDArray => {
  const { v, nIter = 50 } = checkOptions('special.besselJn', options, 'v nIter')
  const x = float('special.besselJn', z)
  const order = count(v, 'special.besselJn: the order v')
  return backwardRecurrence(x, order, count(nIter, 'special.besselJn: nIter'))
}
