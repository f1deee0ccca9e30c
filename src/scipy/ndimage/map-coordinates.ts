/** Values of arrays at coordinates between their elements. */
import {
  type ArrayLike,
  type NDArray,
  ArgumentError,
  ShapeError,
  avalText,
  checkOptions,
  isFloating,
  known,
} from '../../core/index.js'
import * as lax from '../../lax/index.js'
import { oneOf } from '../../numpy/arguments.js'
import { floorDivide, mod } from '../../numpy/arithmetic.js'
import { get } from '../../numpy/indexing.js'
import { floats } from '../arguments.js'

const modes = ['constant', 'nearest', 'wrap', 'mirror', 'reflect'] as const

/**
 * What is outside, for an axis `a b c d`: a number ('constant'), `a a|a b c d|d d` ('nearest'), `c d|a b c d|a b` ('wrap'),
 * `c b|a b c d|c b` ('mirror'), `b a|a b c d|d c` ('reflect').
 */
export type OutsideMode = (typeof modes)[number]

/** Options of `mapCoordinates`. */
export interface MapCoordinatesOptions {
  /** What is outside: `cval`, unless said. */
  readonly mode?: OutsideMode
  /** The number outside, 0 unless said. */
  readonly cval?: ArrayLike
}

/** Where an index outside leads, in an axis of a size. */
const inside = (index: NDArray, size: number, mode: OutsideMode): NDArray => {
  if (size === 1) return lax.zerosOf(index.aval)
  const mirrored = (i: NDArray, last: number): NDArray => lax.abs(lax.sub(mod(lax.add(i, last), 2 * last), last))
  switch (mode) {
    case 'wrap':
      return mod(index, size)
    case 'mirror':
      return mirrored(index, size - 1)
    // Between its elements, an axis that is reflected is one of twice the size that is mirrored.
    case 'reflect':
      return floorDivide(mirrored(lax.add(lax.mul(index, 2), 1), 2 * size), 2)
    case 'constant':
    case 'nearest':
      return lax.min(lax.max(index, 0), size - 1)
  }
}

/** An element's index along an axis, and how much it counts. */
interface Neighbour {
  readonly index: NDArray
  readonly isInside: NDArray
  readonly weight: NDArray
}

const neighboursOf = (coordinate: NDArray, size: number, order: 0 | 1, mode: OutsideMode): readonly Neighbour[] => {
  const at = (position: NDArray, weight: NDArray): Neighbour => {
    const index = lax.convertElementType(position, 'int32')
    const isInside = lax.bitwiseAnd(lax.ge(index, 0), lax.lt(index, size))
    return { index: inside(index, size, mode), isInside, weight }
  }
  if (order === 0) return [at(lax.round(coordinate, 0), lax.filled(1, coordinate.aval))]
  const below = lax.floor(coordinate)
  const share = lax.sub(coordinate, below)
  return [at(below, lax.sub(1, share)), at(lax.add(below, 1), share)]
}

/**
 * Values of an array at coordinates that lie between its elements: those of the nearest elements (`order` 0, halves away from 0)
 * or linear between neighbours (`order` 1). `coordinates` has an array of floats for each axis of `input`; they broadcast, and the
 * result has their shape and the dtype of `input`, rounded where that is an integer. With 'constant', values near the border lie
 * between those of elements and `cval`.
 *
 * @throws ShapeError unless there is an array of coordinates for each axis; ArgumentError for another order or mode, or an axis of size 0
 * @example
 * ```ts
 * const image = np.array([[0, 1], [2, 3]])
 * scipy.ndimage.mapCoordinates(image, [np.array([0.5]), np.array([1])], 1) // [2]
 * ```
 */
export const mapCoordinates = (
  input: ArrayLike,
  coordinates: readonly ArrayLike[],
  order: 0 | 1,
  options: MapCoordinatesOptions = {},
): NDArray => {
  const operation = 'scipy.ndimage.mapCoordinates'
  const { mode = 'constant', cval = 0 } = checkOptions(operation, options, 'mode cval')
  oneOf(mode, modes, operation, 'mode')
  if (order !== 0 && order !== 1) {
    throw new ArgumentError(
      `${operation}: order ${String(order)} is not there; 0 takes the nearest element, 1 is linear between neighbours.`,
    )
  }
  const x = lax.asArray(input, operation)
  if (coordinates.length !== x.ndim) {
    throw new ShapeError(
      `${operation}: ${avalText(x.aval)} has ${x.ndim} axes, and there are ${coordinates.length} arrays of coordinates; give one for each axis.`,
    )
  }
  if (x.size === 0) throw new ArgumentError(`${operation}: ${avalText(x.aval)} has no elements to take values from.`)
  const points = floats(operation, coordinates)
  const [first] = points
  if (first === undefined) return x
  const { shape } = first
  const isExact = isFloating(x.dtype)
  const dtype = isExact ? x.dtype : first.dtype
  const outside = lax.broadcastTo(lax.convertElementType(lax.asArray(cval, operation), dtype), shape)
  const corners = points.reduce<readonly (readonly Neighbour[])[]>(
    (before, point, d) => {
      const own = neighboursOf(point, known(x.shape[d], 'size'), order, mode)
      return before.flatMap((corner) => own.map((neighbour) => [...corner, neighbour]))
    },
    [[]],
  )
  const values = corners.map((corner) => {
    const element = lax.convertElementType(get(x, ...corner.map(({ index }) => index)), dtype)
    const isInside = corner.map((neighbour) => neighbour.isInside).reduce((p, q) => lax.bitwiseAnd(p, q))
    const weight = corner.map((neighbour) => neighbour.weight).reduce((p, q) => lax.mul(p, q))
    const value = mode === 'constant' ? lax.select(isInside, element, outside) : element
    return lax.mul(value, lax.convertElementType(weight, dtype))
  })
  const sum = values.reduce((p, q) => lax.add(p, q))
  return isExact ? sum : lax.convertElementType(lax.round(sum, 0), x.dtype)
}
