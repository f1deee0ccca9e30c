/** Operations on bits and whole numbers: and, or, xor, shifts, population count, greatest common divisors. */
import { type ArrayLike, type NDArray, DTypeError, dtypeBytes, isInteger, range } from '../core/index.js'
import * as lax from '../lax/index.js'
import type { Binary } from './arithmetic.js'
import { promotePair } from './promotion-args.js'
import { where } from './selection.js'
import { constantLike } from './constant-like.js'
import { abs } from './rounding.js'
import { type Unary } from './ufuncs.js'

const integers = (operation: string, x1: ArrayLike, x2: ArrayLike, boolToo: boolean): readonly [NDArray, NDArray] => {
  const [x, y] = promotePair(operation, x1, x2)
  if (!isInteger(x.dtype) && !(boolToo && x.dtype === 'bool')) {
    throw new DTypeError(
      `${operation}: works on integers${boolToo ? ' and bool' : ''}, got ${lax.avalsText([lax.asArray(x1, operation), lax.asArray(x2, operation)])}; convert with astype.`,
    )
  }
  return [x, y]
}

/**
 * Bitwise and; of bool, logical.
 *
 * @example
 * ```ts
 * np.bitwiseAnd(np.array([5, 6], { dtype: 'int32' }), 4) // [4, 4]
 * ```
 */
export const bitwiseAnd: Binary = (x1, x2) => lax.bitwiseAnd(...integers('bitwiseAnd', x1, x2, true))
/**
 * Bitwise or; of bool, logical.
 *
 * @example
 * ```ts
 * np.bitwiseOr(5, 2) // 7
 * ```
 */
export const bitwiseOr: Binary = (x1, x2) => lax.bitwiseOr(...integers('bitwiseOr', x1, x2, true))
/**
 * Bitwise exclusive or; of bool, logical.
 *
 * @example
 * ```ts
 * np.bitwiseXor(5, 4) // 1
 * ```
 */
export const bitwiseXor: Binary = (x1, x2) => lax.bitwiseXor(...integers('bitwiseXor', x1, x2, true))
/**
 * Bitwise complement; of bool, logical.
 *
 * @example
 * ```ts
 * np.bitwiseNot(5) // -6
 * ```
 */
export const bitwiseNot: Unary = (x) => lax.bitwiseNot(x)
export { bitwiseNot as invert, bitwiseNot as bitwiseInvert }

/**
 * `x1 << x2`; shifts by the width of the dtype or more give 0.
 *
 * @example
 * ```ts
 * np.leftShift(1, 4) // 16
 * ```
 */
export const leftShift: Binary = (x1, x2) => lax.shiftLeft(...integers('leftShift', x1, x2, false))
/**
 * `x1 >> x2`; signed integers keep their sign.
 *
 * @example
 * ```ts
 * np.rightShift(-8, 1) // -4
 * ```
 */
export const rightShift: Binary = (x1, x2) => {
  const [x, y] = integers('rightShift', x1, x2, false)
  return lax.shiftRight(x, y)
}
export { leftShift as bitwiseLeftShift, rightShift as bitwiseRightShift }

/**
 * Number of bits set in the absolute value, in the dtype of x.
 *
 * @example
 * ```ts
 * np.bitwiseCount(7) // 3
 * ```
 */
export const bitwiseCount: Unary = (x) => {
  const array = lax.asArray(x, 'bitwiseCount')
  if (array.dtype === 'bool') return lax.convertElementType(array, 'uint8')
  return lax.convertElementType(lax.populationCount(abs(array)), 'uint8')
}

/** Euclid needs at most this many divisions: neighbours in Fibonacci's sequence are the worst case. */
const euclidSteps = (x: NDArray): number => (dtypeBytes(x.dtype) === 1 ? 13 : 47)

/**
 * Greatest common divisor, not negative; of 0 and x: |x|.
 *
 * @example
 * ```ts
 * np.gcd(12, 18) // 6
 * ```
 */
export const gcd: Binary = (x1, x2) => {
  const [x, y] = integers('gcd', x1, x2, false)
  const zero = constantLike(x, 0)
  const [first, second] = [abs(x), abs(y)]
  let [a, b] = [lax.max(first, second), lax.min(first, second)]
  for (const _ of range(euclidSteps(x))) {
    const done = lax.eq(b, zero)
    const rest = lax.rem(a, where(done, constantLike(b, 1), b))
    a = where(done, a, b)
    b = rest
  }
  return a
}

/**
 * Least common multiple, not negative; 0 if either is 0.
 *
 * @example
 * ```ts
 * np.lcm(4, 6) // 12
 * ```
 */
export const lcm: Binary = (x1, x2) => {
  const [x, y] = integers('lcm', x1, x2, false)
  const divisor = gcd(x, y)
  const zero = constantLike(divisor, 0)
  const safe = where(lax.eq(divisor, zero), constantLike(divisor, 1), divisor)
  return where(lax.eq(divisor, zero), zero, lax.mul(abs(x), lax.div(abs(y), safe)))
}
