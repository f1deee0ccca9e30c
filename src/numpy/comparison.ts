/** Comparisons and logic of two arrays, closeness, equality of whole arrays. */
import {
  type ArrayLike,
  type NDArray,
  isFloating,
  range,
  sameShape,
  ShapeError,
  broadcastShapes,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import type { Binary } from './arithmetic.js'
import { promotePair, promoteInexactPair } from './promotion-args.js'
import { asCondition } from './selection.js'
import { constantLike } from './constant-like.js'
import { isnan } from './classification.js'
import { type Unary } from './ufuncs.js'

/**
 * `x1 == x2`; NaN equals nothing.
 *
 * @example
 * ```ts
 * np.equal(np.array([1, 2]), 2) // [false, true]
 * ```
 */
export const equal: Binary = (x1, x2) => lax.eq(...promotePair('equal', x1, x2))
/**
 * `x1 != x2`.
 *
 * @example
 * ```ts
 * np.notEqual(np.array([1, 2]), 2) // [true, false]
 * ```
 */
export const notEqual: Binary = (x1, x2) => lax.ne(...promotePair('notEqual', x1, x2))
/**
 * `x1 < x2`.
 *
 * @example
 * ```ts
 * np.less(np.array([1, 2]), 2) // [true, false]
 * ```
 */
export const less: Binary = (x1, x2) => lax.lt(...promotePair('less', x1, x2))
/**
 * `x1 <= x2`.
 *
 * @example
 * ```ts
 * np.lessEqual(np.array([1, 2]), 2) // [true, true]
 * ```
 */
export const lessEqual: Binary = (x1, x2) => lax.le(...promotePair('lessEqual', x1, x2))
/**
 * `x1 > x2`.
 *
 * @example
 * ```ts
 * np.greater(np.array([1, 2]), 1) // [false, true]
 * ```
 */
export const greater: Binary = (x1, x2) => lax.gt(...promotePair('greater', x1, x2))
/**
 * `x1 >= x2`.
 *
 * @example
 * ```ts
 * np.greaterEqual(np.array([1, 2]), 2) // [false, true]
 * ```
 */
export const greaterEqual: Binary = (x1, x2) => lax.ge(...promotePair('greaterEqual', x1, x2))

const logicalPair = (operation: string, x1: ArrayLike, x2: ArrayLike): readonly [NDArray, NDArray] =>
  promotePair(operation, asCondition(x1, operation), asCondition(x2, operation))

/**
 * True where both are not 0.
 *
 * @example
 * ```ts
 * np.logicalAnd(np.array([true, false]), true) // [true, false]
 * ```
 */
export const logicalAnd: Binary = (x1, x2) => lax.bitwiseAnd(...logicalPair('logicalAnd', x1, x2))
/**
 * True where one is not 0.
 *
 * @example
 * ```ts
 * np.logicalOr(np.array([true, false]), true) // [true, true]
 * ```
 */
export const logicalOr: Binary = (x1, x2) => lax.bitwiseOr(...logicalPair('logicalOr', x1, x2))
/**
 * True where exactly one is not 0.
 *
 * @example
 * ```ts
 * np.logicalXor(np.array([true, false]), true) // [false, true]
 * ```
 */
export const logicalXor: Binary = (x1, x2) => lax.bitwiseXor(...logicalPair('logicalXor', x1, x2))
/**
 * True where x is 0.
 *
 * @example
 * ```ts
 * np.logicalNot(np.array([true, false])) // [false, true]
 * ```
 */
export const logicalNot: Unary = (x) => lax.bitwiseNot(asCondition(x, 'logicalNot'))

export interface CloseOptions {
  /** Tolerance relative to the second argument, 1e-5 unless given. */
  readonly rtol?: number
  /** Absolute tolerance, 1e-8 unless given. */
  readonly atol?: number
  /** Whether NaN is close to NaN. */
  readonly equalNan?: boolean
}

/**
 * Whether `|a - b| <= atol + rtol |b|`, elementwise; infinities are close only to themselves.
 *
 * @example
 * ```ts
 * np.isclose(np.array([1, 2]), np.array([1.000001, 3])) // [true, false]
 * ```
 */
export const isclose = (a: ArrayLike, b: ArrayLike, options?: CloseOptions): NDArray => {
  checkOptions('isclose', options, 'rtol atol equalNan')
  const [first, second] = promotePair('isclose', a, b)
  if (!isFloating(first.dtype)) {
    const wide = promoteInexactPair('isclose', a, b)
    return first.dtype === 'bool' ? lax.eq(first, second) : close(wide[0], wide[1], options)
  }
  return close(first, second, options)
}

const close = (x: NDArray, y: NDArray, { rtol = 1e-5, atol = 1e-8, equalNan = false }: CloseOptions = {}): NDArray => {
  const allowed = lax.add(constantLike(y, atol), lax.mul(constantLike(y, rtol), lax.abs(y)))
  const near = lax.le(lax.abs(lax.sub(x, y)), allowed)
  // An infinity allows every difference, which is why finite numbers are asked for.
  const finite = lax.bitwiseAnd(lax.isFinite(x), lax.isFinite(y))
  const result = lax.bitwiseOr(lax.bitwiseAnd(near, finite), lax.eq(x, y))
  return equalNan ? lax.bitwiseOr(result, lax.bitwiseAnd(isnan(x), isnan(y))) : result
}

const everyTrue = (x: NDArray): NDArray => lax.reduceAnd(x, range(x.ndim))

/**
 * Whether all elements are close, as a bool scalar.
 *
 * @example
 * ```ts
 * np.allclose(np.array([1, 2]), np.array([1, 2.0000001])).item() // 1
 * ```
 */
export const allclose = (a: ArrayLike, b: ArrayLike, options?: CloseOptions): NDArray => {
  checkOptions('allclose', options, 'rtol atol equalNan')
  return everyTrue(isclose(a, b, options))
}

/**
 * Whether two arrays have one shape and equal elements, as a bool scalar.
 *
 * @example
 * ```ts
 * np.arrayEqual(np.arange(3), np.array([0, 1, 2])).item() // 1
 * ```
 */
export const arrayEqual = (a1: ArrayLike, a2: ArrayLike, options?: { readonly equalNan?: boolean }): NDArray => {
  checkOptions('arrayEqual', options, 'equalNan')
  const [x, y] = [lax.asArray(a1, 'arrayEqual'), lax.asArray(a2, 'arrayEqual')]
  if (!sameShape(x.shape, y.shape)) return lax.scalarOf(0, { dtype: 'bool' })
  const same = equal(x, y)
  return everyTrue(options?.equalNan === true ? lax.bitwiseOr(same, lax.bitwiseAnd(isnan(x), isnan(y))) : same)
}

/** Whether two arrays broadcast together and have equal elements, as a bool scalar. */
export const arrayEquiv = (a1: ArrayLike, a2: ArrayLike): NDArray => {
  const [x, y] = [lax.asArray(a1, 'arrayEquiv'), lax.asArray(a2, 'arrayEquiv')]
  try {
    broadcastShapes('arrayEquiv', x.shape, y.shape)
  } catch (error) {
    if (error instanceof ShapeError) return lax.scalarOf(0, { dtype: 'bool' })
    throw error
  }
  return everyTrue(equal(x, y))
}
