/** Copies with other values at some places: put, place; and the indices of a mask. */
import { type ArrayLike, ArgumentError, type NDArray, checkOptions } from '../core/index.js'
import * as lax from '../lax/index.js'
import { oneOf } from './arguments.js'
import { ones } from './creation.js'
import { integerIndices } from './integer-indices.js'
import { take } from './take.js'
import { ravel } from './shape.js'
import { nonzero } from './sets.js'
import { type SizeOptions } from './sized.js'
import { mod } from './arithmetic.js'

/** Options of functions that NumPy lets write in place. */
export interface PlaceOptions {
  /** Arrays are immutable: true, NumPy's behaviour, is refused. */
  readonly inplace?: boolean
}

/** Options of `put`. */
export interface PutOptions extends PlaceOptions {
  /** Indices outside are left out unless said; 'clip' moves them to the nearest inside, 'wrap' takes them modulo the size. */
  readonly mode?: 'clip' | 'wrap' | null
}

const refuseInplace = (operation: string, inplace: boolean): void => {
  if (inplace)
    throw new ArgumentError(`${operation}: arrays are immutable; leave inplace out and use the copy that is returned.`)
}

/** Values repeated to a length. */
const repeated = (values: NDArray, size: number): NDArray =>
  take(values, mod(lax.iota('int32', size), values.size), { axis: 0 })

/** A copy of a flat array with values at flat places; those outside are left out. */
const written = (flat: NDArray, places: NDArray, values: NDArray): NDArray =>
  lax.scatter(
    flat,
    lax.reshape(places, [places.size, 1]),
    lax.convertElementType(values, flat.dtype),
    { updateWindowDims: [], insertedWindowDims: [0], scatterDimsToOperandDims: [0] },
    { mode: 'drop' },
  )

/**
 * A copy of `a` with values at places of the flat array; values are repeated as often as needed. Negative places count from the
 * end. Throws DTypeError unless places are integers.
 *
 * @example
 * ```ts
 * np.put(np.zeros([2, 2]), [0, -1], np.array([5, 7])) // [[5, 0], [0, 7]]
 * ```
 */
export const put = (
  a: ArrayLike,
  ind: ArrayLike | readonly number[],
  v: ArrayLike,
  options: PutOptions = {},
): NDArray => {
  const { mode = null, inplace = false } = checkOptions('put', options, 'mode inplace')
  refuseInplace('put', inplace)
  const x = lax.asArray(a, 'put')
  const [places, values] = [ravel(integerIndices(ind, 'put')), ravel(lax.asArray(v, 'put'))]
  if (x.size === 0 || places.size === 0 || values.size === 0) return x
  const chosen = mode === null ? null : oneOf(mode, ['clip', 'wrap'], 'put', 'mode')
  const end = lax.fullLike(places, x.size)
  const at =
    chosen === 'wrap'
      ? mod(places, x.size)
      : chosen === 'clip'
        ? lax.max(lax.min(places, x.size - 1), 0)
        : lax.select(lax.lt(places, lax.fullLike(places, 0)), lax.add(places, end), places)
  return lax.reshape(written(ravel(x), at, repeated(values, places.size)), x.shape)
}

/**
 * A copy of `arr` with values where the mask holds: the first value at the first such place, and so on, repeated as often as needed.
 *
 * @throws ArgumentError when sizes differ, or there are no values
 * @example
 * ```ts
 * np.place(np.array([1, 2, 3, 4]), np.array([true, false, true, true]), np.array([8, 9])) // [8, 2, 9, 8]
 * ```
 */
export const place = (arr: ArrayLike, mask: ArrayLike, vals: ArrayLike, options: PlaceOptions = {}): NDArray => {
  refuseInplace('place', checkOptions('place', options, 'inplace').inplace ?? false)
  const x = lax.asArray(arr, 'place')
  const [where, values] = [ravel(lax.asArray(mask, 'place')), ravel(lax.asArray(vals, 'place'))]
  if (where.size !== x.size)
    throw new ArgumentError(`place: the mask has ${where.size} elements, and the array ${x.size}.`)
  if (values.size === 0) throw new ArgumentError('place: there are no values to place.')
  if (x.size === 0) return x
  const held = lax.convertElementType(where, 'bool')
  const before = lax.sub(lax.cumsum(lax.convertElementType(held, 'int32'), { axis: 0 }), 1)
  const chosen = take(values, mod(before, values.size), { axis: 0 })
  return lax.reshape(lax.select(held, lax.convertElementType(chosen, x.dtype), ravel(x)), x.shape)
}

/**
 * Indices of the elements that a mask function, such as `np.triu`, keeps of an n by n matrix; it is called with a matrix and
 * `{ k }`.
 *
 * @example
 * ```ts
 * const [rows, columns] = np.maskIndices(3, np.triu, 1) // [0, 0, 1] and [1, 2, 2]
 * ```
 */
export const maskIndices = (
  n: number,
  maskFunc: (matrix: NDArray, options: { readonly k: number }) => ArrayLike,
  k = 0,
  options: SizeOptions = {},
): [rows: NDArray, columns: NDArray] => {
  const { size = null } = checkOptions('maskIndices', options, 'size')
  const [rows, columns] = nonzero(maskFunc(ones([n, n]), { k }), { size })
  if (rows === undefined || columns === undefined)
    throw new ArgumentError(`maskIndices: the mask function must give a matrix of ${n} by ${n}.`)
  return [rows, columns]
}
