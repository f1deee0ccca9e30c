/** What functions of this room do to their arguments: JAX's promotion to floats, one shape. */
import { type ArrayLike, type NDArray, ArgumentError, broadcastShapes, known } from '../core/index.js'
import * as lax from '../lax/index.js'
import { promoteInexact } from '../numpy/promotion-args.js'

/** Arguments as arrays of one floating dtype (integers count as float32) and one shape, by NumPy's broadcasting. */
export const floats = (operation: string, xs: readonly ArrayLike[]): NDArray[] => {
  const arrays = promoteInexact(operation, xs)
  const shape = broadcastShapes(operation, ...arrays.map((x) => x.shape))
  return arrays.map((x) => lax.broadcastTo(x, shape))
}

/** One argument as an array of floats. */
export const float = (operation: string, x: ArrayLike): NDArray => known(promoteInexact(operation, [x])[0], 'argument')

/** Two arguments as arrays of floats of one shape. */
export const twoFloats = (operation: string, x: ArrayLike, y: ArrayLike): readonly [NDArray, NDArray] => {
  const [first, second] = floats(operation, [x, y])
  return [known(first, 'first argument'), known(second, 'second argument')]
}

/** Three arguments as arrays of floats of one shape. */
export const threeFloats = (
  operation: string,
  x: ArrayLike,
  y: ArrayLike,
  z: ArrayLike,
): readonly [NDArray, NDArray, NDArray] => {
  const [first, second, third] = floats(operation, [x, y, z])
  return [known(first, 'first argument'), known(second, 'second argument'), known(third, 'third argument')]
}

/** An array of one repeated value, like another. */
export const like = (x: NDArray, value: number): NDArray => lax.filled(value, x.aval)

/** `x` where the condition holds, and otherwise a number: to keep formulas away from where they are infinite. */
export const where = (condition: NDArray, x: NDArray | number, otherwise: NDArray | number, as: NDArray): NDArray => {
  const whole = (value: NDArray | number): NDArray => (typeof value === 'number' ? like(as, value) : value)
  return lax.select(condition, whole(x), whole(otherwise))
}

/** Value of a polynomial, coefficients of high powers first, by Horner's rule. */
export const polynomial = (x: NDArray, coefficients: readonly number[]): NDArray =>
  coefficients.slice(1).reduce<NDArray>((value, c) => lax.add(lax.mul(value, x), c), like(x, coefficients[0] ?? 0))

/** A non-negative integer that is known. Throws ArgumentError for anything else. */
export const count = (n: number, what: string): number => {
  if (!Number.isInteger(n) || n < 0) throw new ArgumentError(`${what} must be a non-negative integer, got ${n}.`)
  return n
}
