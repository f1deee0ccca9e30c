/** Constants: numbers, names of dtypes, what dtypes can hold. */
import {
  type DType,
  DTypeError,
  dtypeBytes,
  dtypeEpsilon,
  dtypeKind,
  dtypeRange,
  dtypes,
  isFloating,
  isInteger,
} from '../core/index.js'
import * as lax from '../lax/index.js'

/** Ratio of a circle's circumference to its diameter. */
export const pi: number = Math.PI
/** Base of natural logarithms. */
export const e: number = Math.E
/** Euler's constant. */
export const eulerGamma = 0.5772156649015329
/** Positive infinity. */
export const inf: number = Infinity
/** Not a number. */
export const nan: number = NaN
/** A new axis in an index. */
export const newaxis = null

export const float32 = 'float32'
export const float64 = 'float64'
export const float16 = 'float16'
export const bfloat16 = 'bfloat16'
export const int32 = 'int32'
export const uint32 = 'uint32'
export const int8 = 'int8'
export const uint8 = 'uint8'
export const bool = 'bool'

/** Facts about a floating dtype. */
export interface FloatInfo {
  readonly dtype: DType
  readonly bits: number
  /** Distance from 1 to the next number. */
  readonly eps: number
  readonly max: number
  readonly min: number
  /** Smallest positive number that is not subnormal. */
  readonly tiny: number
  /** Smallest positive number. */
  readonly smallestSubnormal: number
}

const smallestNormal = (dtype: DType): number =>
  dtype === 'float64' ? 2 ** -1022 : dtype === 'float16' ? 2 ** -14 : 2 ** -126

/**
 * Limits of a floating dtype. Throws DTypeError for others.
 *
 * @example
 * ```ts
 * np.finfo('float32').eps // 1.1920929e-7
 * ```
 */
export const finfo = (dtype: DType): FloatInfo => {
  if (!isFloating(lax.checkDType(dtype, 'finfo')))
    throw new DTypeError(`finfo: ${dtype} is not a floating dtype; use iinfo.`)
  const { min, max } = dtypeRange(dtype)
  const eps = dtypeEpsilon(dtype)
  const tiny = smallestNormal(dtype)
  return { dtype, bits: 8 * dtypeBytes(dtype), eps, max, min, tiny, smallestSubnormal: tiny * eps }
}

/**
 * Limits of an integer dtype. Throws DTypeError for others.
 *
 * @example
 * ```ts
 * np.iinfo('int8').max // 127
 * ```
 */
export const iinfo = (
  dtype: DType,
): { readonly dtype: DType; readonly bits: number; readonly min: number; readonly max: number } => {
  if (!isInteger(lax.checkDType(dtype, 'iinfo')))
    throw new DTypeError(`iinfo: ${dtype} is not an integer dtype; use finfo.`)
  return { dtype, bits: 8 * dtypeBytes(dtype), ...dtypeRange(dtype) }
}

/**
 * Whether a dtype is of a kind, or is that dtype.
 *
 * @example
 * ```ts
 * np.isdtype('int8', 'integral') // true
 * ```
 */
export const isdtype = (
  dtype: DType,
  kind: DType | 'bool' | 'signed integer' | 'unsigned integer' | 'integral' | 'real floating' | 'numeric',
): boolean => {
  lax.checkDType(dtype, 'isdtype')
  if (dtypes.some((name) => name === kind)) return dtype === kind
  const actual = dtypeKind(dtype)
  switch (kind) {
    case 'signed integer':
      return actual === 'signed'
    case 'unsigned integer':
      return actual === 'unsigned'
    case 'integral':
      return isInteger(dtype)
    case 'real floating':
      return actual === 'float'
    case 'numeric':
      return actual !== 'bool'
    default:
      throw new DTypeError(
        `isdtype: '${String(kind)}' is neither a dtype nor a kind; kinds are bool, signed integer, unsigned integer, ` +
          `integral, real floating, numeric.`,
      )
  }
}
