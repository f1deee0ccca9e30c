/** Rounding to fewer bits, without changing the dtype. */
import {
  type ArrayLike,
  type Expression,
  type NDArray,
  type Primitive,
  ArgumentError,
  bindOne,
  e,
  isHalf,
  known,
} from '../core/index.js'
import { elementwise } from './elementwise.js'
import { asArray, convertElementType } from './operands.js'

export interface ReducePrecisionParams {
  readonly exponentBits: number
  readonly mantissaBits: number
}

const mantissa = 23
const bias = 127
const bits = (value: number): Expression => e.constant(value | 0, 'int32')

/** Bits of a float32 rounded to the nearest of `kept` bits of mantissa, halves to even; a carry goes into the exponent. */
const rounded = (x: Expression, kept: number): Expression => {
  const dropped = mantissa - kept
  if (dropped <= 0) return x
  const last = e.binary('and', e.binary('shrLogical', x, bits(dropped)), bits(1))
  const half = e.binary('add', last, bits((1 << (dropped - 1)) - 1))
  return e.binary('and', e.binary('add', x, half), bits(-(1 << dropped)))
}

const reducePrecisionPrimitive: Primitive<ReducePrecisionParams> = elementwise<ReducePrecisionParams>(
  'reduce_precision',
  {
    dtypes: ['float32'],
    partials: [(t, _, __, params) => bindOne(reducePrecisionPrimitive, [t], params)],
    // Rounding is not linear, but a cotangent of fewer bits is what is meant, as in JAX.
    transpose: ([ct], _, params) => [
      ct === null || ct === undefined ? null : bindOne(reducePrecisionPrimitive, [ct], params),
    ],
    lower: ([operand], { exponentBits, mantissaBits }) => {
      const x = known(operand, 'operand')
      const whole = e.bitcast(x, 'int32')
      const sign = e.binary('and', whole, bits(0x80000000))
      const size = rounded(e.binary('and', whole, bits(0x7fffffff)), mantissaBits)
      const largest = 2 ** (exponentBits - 1) - 1
      const over = e.compare('ge', size, bits((bias + largest + 1) * 2 ** mantissa))
      const under = e.compare('lt', size, bits((bias - largest + 1) * 2 ** mantissa))
      const narrowed = exponentBits >= 8 ? size : e.select(over, bits(0x7f800000), e.select(under, bits(0), size))
      const result = e.bitcast(e.binary('or', sign, narrowed), 'float32')
      return e.select(e.compare('eq', x, x), result, x)
    },
    // The laws compare derivatives with differences, which fewer bits would not allow.
    sampleParams: () => ({ exponentBits: 8, mantissaBits: 23 }),
  },
)

/**
 * Floats rounded to those of a format with fewer bits of exponent and mantissa, halves to even; what is too large becomes
 * infinite, what is too small to be normal 0. The derivative is rounded the same. Halves are rounded as float32.
 *
 * @throws ArgumentError for fewer than 1 bit of exponent or 0 of mantissa, and for dtypes other than float32, float16 and bfloat16
 * @example
 * ```ts
 * lax.reducePrecision(np.array([Math.PI]), 8, 7).js() // [3.140625], as bfloat16 has it
 * ```
 */
export const reducePrecision = (operand: ArrayLike, exponentBits: number, mantissaBits: number): NDArray => {
  const x = asArray(operand, 'reducePrecision')
  if (!Number.isInteger(exponentBits) || exponentBits < 1 || !Number.isInteger(mantissaBits) || mantissaBits < 0) {
    throw new ArgumentError(
      `reducePrecision: a format has an exponent of at least 1 bit and a mantissa of at least 0, got ${exponentBits} and ${mantissaBits}.`,
    )
  }
  if (isHalf(x.dtype))
    return convertElementType(reducePrecision(convertElementType(x, 'float32'), exponentBits, mantissaBits), x.dtype)
  if (x.dtype !== 'float32')
    throw new ArgumentError(`reducePrecision: rounds float32, float16 and bfloat16, not ${x.dtype}.`)
  return bindOne(reducePrecisionPrimitive, [x], { exponentBits, mantissaBits })
}
