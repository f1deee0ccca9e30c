/** Uniform floats: random bits in the mantissa, as JAX makes them. */
import {
  type ArrayLike,
  type DType,
  NDArray,
  DTypeError,
  ShapeError,
  broadcastShapes,
  isFloating,
  roundTo,
  sameShape,
  shapeText,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import * as np from '../numpy/index.js'
import { asProgram, checkKey, randomBits32, randomWords, sampleShape } from './key.js'

/** Dtype of floating samples. */
export interface FloatOptions {
  readonly dtype?: DType
}

/** Options of `uniform`. */
export interface UniformOptions extends FloatOptions {
  readonly minval?: ArrayLike
  readonly maxval?: ArrayLike
}

/** Throws DTypeError unless the dtype is floating. */
export const checkFloat = (dtype: DType, operation: string): DType => {
  if (!isFloating(dtype)) {
    throw new DTypeError(`${operation}: samples are floats, and '${dtype}' is not; for integers use random.randint.`)
  }
  return dtype
}

/** Throws ShapeError unless the parameters broadcast to exactly `shape`. */
export const checkParameterShapes = (
  operation: string,
  shape: readonly number[],
  parameters: readonly ArrayLike[],
): void => {
  const shapes = parameters.map((p) => (p instanceof NDArray ? p.shape : []))
  const result = broadcastShapes(operation, shape, ...shapes)
  if (!sameShape(result, shape)) {
    throw new ShapeError(
      `${operation}: parameters of shapes ${shapes.map(shapeText).join(', ')} don't fit into samples of shape ${shapeText(shape)}; ` +
        `together they would give ${shapeText(result)}. Ask for that shape, or leave the shape out.`,
    )
  }
}

/** Shape of samples: the one asked for, which must hold the parameters, or else that of the parameters. */
export const parameterShape = (
  operation: string,
  shape: readonly number[] | null | undefined,
  parameters: readonly ArrayLike[],
): readonly number[] => {
  if (shape === undefined || shape === null) {
    return broadcastShapes(operation, ...parameters.map((p) => (p instanceof NDArray ? p.shape : [])))
  }
  checkParameterShapes(operation, sampleShape(shape, operation), parameters)
  return shape
}

/** Floats in [0, 1): the multiples of 2^-23 in float32, of 2^-52, 2^-10 and 2^-7 in the other dtypes. */
const unitSamples = (key: NDArray, shape: readonly number[], dtype: DType): NDArray => {
  switch (dtype) {
    case 'float64': {
      const [high, low] = randomWords(key, shape)
      const top = lax.mul(lax.convertElementType(high, 'float64'), 2 ** -32)
      const rest = lax.mul(lax.convertElementType(lax.shiftRightLogical(low, 12), 'float64'), 2 ** -52)
      return lax.add(top, rest)
    }
    // JAX writes the bits into the mantissa of a float in [1, 2) and subtracts 1: the same number as their quotient,
    // which is exact. For halves it draws 16 and 8 bits, the low ones of a word, and keeps the upper 10 and 7.
    case 'float16':
      return lax.convertElementType(
        fraction(lax.bitwiseAnd(lax.shiftRightLogical(randomBits32(key, shape), 6), 0x3ff), 10),
        dtype,
      )
    case 'bfloat16':
      return lax.convertElementType(
        fraction(lax.bitwiseAnd(lax.shiftRightLogical(randomBits32(key, shape), 1), 0x7f), 7),
        dtype,
      )
    default:
      return fraction(lax.shiftRightLogical(randomBits32(key, shape), 9), 23)
  }
}

/** Words of so many bits (at most 23) as float32 in [0, 1). Signed integers convert faster than unsigned ones. */
const fraction = (words: NDArray, bits: number): NDArray =>
  lax.mul(lax.convertElementType(lax.convertElementType(words, 'int32'), 'float32'), 2 ** -bits)

const unitUniform = asProgram(unitSamples)

/** `uniform` after its arguments were checked. */
export const uniformSamples = (
  key: NDArray,
  shape: readonly number[],
  dtype: DType,
  minval: ArrayLike,
  maxval: ArrayLike,
): NDArray => {
  const unit = unitUniform(key, shape, dtype)
  if (typeof minval === 'number' && typeof maxval === 'number') {
    const low = roundTo(minval, dtype)
    const span = roundTo(roundTo(maxval, dtype) - low, dtype)
    const scaled = span === 1 ? unit : lax.mul(unit, lax.full([], span, { dtype }))
    const shifted = low === 0 ? scaled : lax.add(scaled, lax.full([], low, { dtype }))
    // Rounding is monotonic, so nothing falls below a known lower bound unless the interval is reversed.
    return span >= 0 ? shifted : lax.max(lax.full([], low, { dtype }), shifted)
  }
  const low = lax.convertElementType(lax.asArray(minval, 'random.uniform'), dtype)
  const high = lax.convertElementType(lax.asArray(maxval, 'random.uniform'), dtype)
  return np.maximum(low, np.add(np.multiply(unit, np.subtract(high, low)), low))
}

/**
 * Uniform floats in [minval, maxval), bit for bit JAX's `jax.random.uniform`.
 *
 * @param options.minval, options.maxval numbers, or arrays that broadcast to `shape`
 * @throws DTypeError for an integer dtype, ShapeError for a bad key or parameters that don't fit
 * @example
 * ```ts
 * random.uniform(random.key(0), [2, 3], { minval: -1, maxval: 1 })
 * ```
 */
export const uniform = (key: NDArray, shape: readonly number[] = [], options: UniformOptions = {}): NDArray => {
  const { dtype = 'float32', minval = 0, maxval = 1 } = checkOptions('random.uniform', options, 'dtype minval maxval')
  const operation = 'random.uniform'
  checkKey(key, operation)
  checkFloat(dtype, operation)
  checkParameterShapes(operation, sampleShape(shape, operation), [minval, maxval])
  return uniformSamples(key, shape, dtype, minval, maxval)
}
