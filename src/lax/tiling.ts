/** Repeating arrays, and the shape that shapes broadcast to. */
import {
  type ArrayLike,
  type NDArray,
  ArgumentError,
  broadcastShapes as commonShape,
  known,
  range,
} from '../core/index.js'
import { broadcastInDim, reshape } from './broadcasting.js'
import { asArray } from './operands.js'

/**
 * The array `reps[d]` times along each axis `d`. Throws ArgumentError unless there is one number from 0 up for each axis.
 *
 * @example
 * ```ts
 * lax.tile(np.array([[1, 2]]), [2, 2]).js() // [[1, 2, 1, 2], [1, 2, 1, 2]]
 * ```
 */
export const tile = (operand: ArrayLike, reps: readonly number[]): NDArray => {
  const x = asArray(operand, 'tile')
  if (reps.length !== x.ndim || reps.some((n) => !Number.isInteger(n) || n < 0)) {
    throw new ArgumentError(
      `tile: reps [${reps.join(',')}] must hold ${x.ndim} integers of at least 0, one per axis of the operand.`,
    )
  }
  // Each axis becomes (repetition, element), which are then joined.
  const interleaved = x.shape.flatMap((n, d) => [known(reps[d], 'count'), n])
  const spread = broadcastInDim(
    x,
    interleaved,
    range(x.ndim).map((d) => 2 * d + 1),
  )
  return reshape(
    spread,
    x.shape.map((n, d) => n * known(reps[d], 'count')),
  )
}

/**
 * The shape that shapes broadcast to, by NumPy's rules. Throws ShapeError for shapes that don't fit.
 *
 * @example
 * ```ts
 * lax.broadcastShapes([2, 1], [3]) // [2, 3]
 * ```
 */
export const broadcastShapes = (...shapes: readonly (readonly number[])[]): readonly number[] =>
  commonShape('broadcastShapes', ...shapes)
