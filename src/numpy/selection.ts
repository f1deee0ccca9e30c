/** Choosing elements by conditions: where, select, piecewise, clip. */
import { type ArrayLike, type NDArray, ArgumentError, broadcastShapes, known, checkOptions } from '../core/index.js'
import * as lax from '../lax/index.js'
import { promoteDTypes, promotePair } from './promotion-args.js'

/** A condition: anything that is not bool is compared with 0. */
export const asCondition = (x: ArrayLike, operation: string): NDArray => {
  const condition = lax.asArray(x, operation)
  return condition.dtype === 'bool' ? condition : lax.ne(condition, lax.scalarOf(0, condition))
}

/**
 * Elements of `x` where the condition holds, else of `y`; the three are broadcast together, x and y promoted to one dtype.
 *
 * `np.where(condition)` alone, whose result depends on values, is `np.nonzero(condition)`.
 *
 * @example
 * ```ts
 * np.where(np.array([true, false]), np.array([1, 2]), 0) // [1, 0]
 * ```
 */
export const where = (condition: ArrayLike, x: ArrayLike, y: ArrayLike): NDArray => {
  const predicate = asCondition(condition, 'where')
  const [onTrue, onFalse] = promoteDTypes('where', [x, y])
  const a = known(onTrue, 'x')
  const b = known(onFalse, 'y')
  const shape = broadcastShapes('where', predicate.shape, a.shape, b.shape)
  // A scalar condition chooses whole arrays.
  return lax.select(
    predicate.ndim === 0 ? predicate : lax.broadcastTo(predicate, shape),
    lax.broadcastTo(a, shape),
    lax.broadcastTo(b, shape),
  )
}

/**
 * Keeps elements within bounds; null leaves a side open. Where `min` exceeds `max` the result is `max`.
 *
 * @example
 * ```ts
 * np.clip(np.array([-1, 0.5, 2]), 0, 1) // [0, 0.5, 1]
 * np.clip(np.array([-1, 2]), 0, null) // [0, 2]
 * ```
 */
export const clip = (a: ArrayLike, min?: ArrayLike | null, max?: ArrayLike | null): NDArray => {
  let x = lax.asArray(a, 'clip')
  if (min !== null && min !== undefined) x = lax.max(...promotePair('clip', min, x))
  if (max !== null && max !== undefined) x = lax.min(...promotePair('clip', max, x))
  return x
}

/**
 * Elements of the first choice whose condition holds, else `default` (0). All are broadcast together.
 *
 * @example
 * ```ts
 * const x = np.arange(4)
 * np.select([np.less(x, 1), np.less(x, 3)], [x, np.multiply(x, 10)], { default: -1 }) // [0, 10, 20, -1]
 * ```
 */
export const select = (
  condlist: readonly ArrayLike[],
  choicelist: readonly ArrayLike[],
  options?: { readonly default?: ArrayLike },
): NDArray => {
  checkOptions('select', options, 'default')
  if (condlist.length === 0 || condlist.length !== choicelist.length) {
    throw new ArgumentError(
      `select: ${condlist.length} conditions and ${choicelist.length} choices; give one choice per condition, at least one.`,
    )
  }
  const [fallback, ...choices] = promoteDTypes('select', [options?.default ?? 0, ...choicelist])
  const shape = broadcastShapes(
    'select',
    ...[...condlist, ...choicelist, options?.default ?? 0].map((x) => lax.asArray(x, 'select').shape),
  )
  let out = lax.broadcastTo(known(fallback, 'default'), shape)
  for (let i = condlist.length - 1; i >= 0; i--)
    out = where(known(condlist[i], 'condition'), known(choices[i], 'choice'), out)
  return out
}

/**
 * A function given piece by piece: `functions[i]` where the last condition that holds is i, and, if there is one function
 * more than conditions, that one elsewhere (else 0). Functions may be numbers. Every function sees all of x.
 *
 * @example
 * ```ts
 * const x = np.array([-1, 2])
 * np.piecewise(x, [np.less(x, 0)], [(v) => np.negative(v), (v) => np.square(v)]) // [1, 4]
 * ```
 */
export const piecewise = (
  x: ArrayLike,
  condlist: readonly ArrayLike[],
  functions: readonly (ArrayLike | ((x: NDArray) => ArrayLike))[],
): NDArray => {
  const array = lax.asArray(x, 'piecewise')
  if (functions.length !== condlist.length && functions.length !== condlist.length + 1) {
    throw new ArgumentError(
      `piecewise: ${functions.length} functions for ${condlist.length} conditions; give one each, and perhaps one for elsewhere.`,
    )
  }
  const valueOf = (f: ArrayLike | ((x: NDArray) => ArrayLike)): NDArray =>
    lax.convertElementType(lax.asArray(typeof f === 'function' ? f(array) : f, 'piecewise'), array.dtype)
  const elsewhere = functions[condlist.length]
  let out = elsewhere === undefined ? lax.zerosOf(array.aval) : lax.broadcastTo(valueOf(elsewhere), array.shape)
  condlist.forEach((condition, i) => {
    out = where(condition, valueOf(known(functions[i], 'function')), out)
  })
  return out
}
