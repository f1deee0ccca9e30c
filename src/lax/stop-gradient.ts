/** A value whose derivative nobody sees. */
import { type Primitive, NDArray, bindOne, known, tree } from '../core/index.js'
import type { Empty } from './arithmetic.js'
import { anyDType, elementwise } from './elementwise.js'

const stopGradientPrimitive: Primitive<Empty> = elementwise('stop_gradient', {
  dtypes: anyDType,
  passes: true,
  lower: ([x]) => known(x, 'operand'),
})

/**
 * The same values with derivative zero, for every array of a pytree; other leaves stay.
 *
 * @example
 * ```ts
 * grad((x) => np.multiply(x, stopGradient(x)))(np.array(3)).item() // 3, not 6
 * ```
 */
export const stopGradient = <T>(x: T): T => {
  const { leaves, def } = tree.flatten(x)
  return tree.unflatten(
    def,
    leaves.map((leaf) => (leaf instanceof NDArray ? bindOne(stopGradientPrimitive, [leaf], {}) : leaf)),
  ) as T
}
