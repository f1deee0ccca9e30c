/** JAX's names for the largest and smallest elements where some may be missed; here none is. */
import { type ArrayLike, type NDArray, ArgumentError, canonicalAxis, checkOptions } from '../core/index.js'
import { neg } from './arithmetic.js'
import { asArray } from './operands.js'
import { topK } from './sorting.js'

export interface ApproximateOptions {
  /** The axis to look along, the last unless said. */
  readonly reductionDimension?: number
  /** The share of the elements that must be found, 0.95 unless said: all of them are. */
  readonly recallTarget?: number
}

const checked = (
  operation: string,
  operand: ArrayLike,
  options: ApproximateOptions,
): { readonly x: NDArray; readonly axis: number } => {
  const { reductionDimension = -1, recallTarget = 0.95 } = checkOptions(
    operation,
    options,
    'reductionDimension recallTarget',
  )
  if (!(recallTarget > 0 && recallTarget <= 1))
    throw new ArgumentError(`${operation}: recallTarget is a share between 0 and 1, got ${recallTarget}.`)
  const x = asArray(operand, operation)
  return { x, axis: canonicalAxis(reductionDimension, x.ndim, operation) }
}

/**
 * The `k` largest elements along an axis in descending order, and their int32 indices: those of `topK`, as JAX gives them too
 * where no accelerator has a faster way that misses some.
 *
 * @example
 * ```ts
 * lax.approxMaxK(np.array([1, 5, 9]), 2) // [[9, 5], [2, 1]]
 * ```
 */
export const approxMaxK = (
  operand: ArrayLike,
  k: number,
  options: ApproximateOptions = {},
): [values: NDArray, indices: NDArray] => {
  const { x, axis } = checked('approxMaxK', operand, options)
  return topK(x, k, { axis })
}

/** The `k` smallest elements along an axis in ascending order, and their int32 indices, as `approxMaxK` gives the largest. */
export const approxMinK = (
  operand: ArrayLike,
  k: number,
  options: ApproximateOptions = {},
): [values: NDArray, indices: NDArray] => {
  const { x, axis } = checked('approxMinK', operand, options)
  const [values, indices] = topK(neg(x), k, { axis })
  return [neg(values), indices]
}
