/** Bits in bytes: eight booleans in one uint8, and back. */
import {
  type ArrayLike,
  type NDArray,
  DTypeError,
  canonicalAxis,
  checkOptions,
  isFloating,
  known,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import { oneOf } from './arguments.js'
import { ravel } from './shape.js'

/** Which bit comes first: the highest ('big'), or the lowest. */
export type BitOrder = 'big' | 'little'

/** Options of `packbits`. */
export interface PackOptions {
  /** Axis of the bits; null (default) flattens first. */
  readonly axis?: number | null
  readonly bitorder?: BitOrder
}

/** Options of `unpackbits`. */
export interface UnpackOptions extends PackOptions {
  /** How many bits to give along the axis: more are zeros. */
  readonly count?: number | null
}

/** The array with the axis of bits last, and where it was. */
const bitsLast = (operation: string, x: NDArray, axis: number | null): readonly [NDArray, number] => {
  const whole = axis === null ? ravel(x) : x
  const at = axis === null ? 0 : canonicalAxis(axis, x.ndim, operation)
  return [lax.moveAxis(whole, at, whole.ndim - 1), at]
}

/** How far each of eight bits is shifted, as the last of `rank` axes. */
const shifts = (operation: string, order: BitOrder, rank: number): NDArray => {
  const places = lax.iota('int32', 8)
  const shift = oneOf(order, ['big', 'little'], operation, 'bitorder') === 'big' ? lax.sub(7, places) : places
  return lax.reshape(shift, [...new Array<number>(rank - 1).fill(1), 8])
}

/**
 * Eight elements along an axis as the bits of one uint8, set where the element is not 0; the last byte is filled up with zeros.
 * Throws DTypeError for floats.
 *
 * @example
 * ```ts
 * np.packbits(np.array([1, 0, 0, 0, 0, 0, 1, 1], { dtype: 'uint8' })) // [131]
 * ```
 */
export const packbits = (a: ArrayLike, options: PackOptions = {}): NDArray => {
  const { axis = null, bitorder = 'big' } = checkOptions('packbits', options, 'axis bitorder')
  const x = lax.asArray(a, 'packbits')
  if (isFloating(x.dtype)) throw new DTypeError(`packbits: takes integers and booleans, not ${x.dtype}.`)
  const set = lax.convertElementType(lax.convertElementType(x, 'bool'), 'int32')
  const [last, at] = bitsLast('packbits', set, axis)
  const [size, outer] = [known(last.shape.at(-1), 'size'), last.shape.slice(0, -1)]
  const bytes = Math.ceil(size / 8)
  const whole = lax.pad(last, 0, [...outer.map((): [number, number, number] => [0, 0, 0]), [0, 8 * bytes - size, 0]])
  const bits = lax.reshape(whole, [...outer, bytes, 8])
  const shifted = lax.shiftLeft(bits, lax.broadcastTo(shifts('packbits', bitorder, bits.ndim), bits.shape))
  const packed = lax.convertElementType(lax.reduceSum(shifted, [bits.ndim - 1]), 'uint8')
  return lax.moveAxis(packed, packed.ndim - 1, at)
}

/**
 * The bits of uint8 elements along an axis, as uint8 of 0 and 1. Throws DTypeError for other dtypes.
 *
 * @example
 * ```ts
 * np.unpackbits(np.array([131], { dtype: 'uint8' })) // [1, 0, 0, 0, 0, 0, 1, 1]
 * ```
 */
export const unpackbits = (a: ArrayLike, options: UnpackOptions = {}): NDArray => {
  const { axis = null, bitorder = 'big', count = null } = checkOptions('unpackbits', options, 'axis bitorder count')
  const x = lax.asArray(a, 'unpackbits')
  if (x.dtype !== 'uint8') throw new DTypeError(`unpackbits: takes uint8, not ${x.dtype}; use astype('uint8').`)
  const [last, at] = bitsLast('unpackbits', lax.convertElementType(x, 'int32'), axis)
  const shape = [...last.shape, 8]
  const spread = lax.broadcastInDim(
    last,
    shape,
    last.shape.map((_, d) => d),
  )
  const shift = lax.broadcastTo(shifts('unpackbits', bitorder, shape.length), shape)
  const bits = lax.convertElementType(
    lax.bitwiseAnd(lax.shiftRightLogical(spread, shift), lax.fullLike(spread, 1)),
    'uint8',
  )
  const size = 8 * known(last.shape.at(-1), 'size')
  const flat = lax.reshape(bits, [...last.shape.slice(0, -1), size])
  const wanted = count === null ? size : count < 0 ? Math.max(0, size + count) : count
  const sized = lax.pad(
    flat,
    0,
    flat.shape.map((_, d) => [0, d === flat.ndim - 1 ? wanted - size : 0, 0]),
  )
  return lax.moveAxis(sized, sized.ndim - 1, at)
}
