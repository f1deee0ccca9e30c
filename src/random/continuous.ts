/** Samples from continuous distributions, each a function of uniform samples, with JAX's formulas. */
import {
  type ArrayLike,
  type DType,
  type NDArray,
  ArgumentError,
  bfloat16Value,
  dtypeEpsilon,
  float16Value,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import * as np from '../numpy/index.js'
import { asProgram, checkKey, sampleShape, splitPair } from './key.js'
import { type FloatOptions, checkFloat, parameterShape, uniformSamples } from './uniform.js'

/** Smallest positive normal number of a dtype. */
const tiny = (dtype: DType): number => (dtype === 'float64' ? 2 ** -1022 : dtype === 'float16' ? 2 ** -14 : 2 ** -126)

/** The largest number below 1 of a dtype. */
const belowOne = (dtype: DType): number =>
  dtype === 'float16'
    ? float16Value(0x3bff)
    : dtype === 'bfloat16'
      ? bfloat16Value(0x3f7f)
      : 1 - dtypeEpsilon(dtype) / 2

const constant = (value: number, dtype: DType): NDArray => lax.full([], value, { dtype })

/** Checks the arguments that all samplers have. */
const checked = (operation: string, key: NDArray, shape: readonly number[], dtype: DType): readonly number[] => {
  checkKey(key, operation)
  checkFloat(dtype, operation)
  return sampleShape(shape, operation)
}

/** A parameter of a distribution in the dtype of its samples. */
const parameter = (value: ArrayLike, dtype: DType, operation: string): NDArray =>
  lax.convertElementType(lax.asArray(value, operation), dtype)

/**
 * Standard normal floats: sqrt(2) erfInv(u) for uniform u in (-1, 1).
 *
 * @example
 * ```ts
 * random.normal(random.key(0), [2, 3])
 * ```
 */
export const normal = (key: NDArray, shape: readonly number[] = [], options: FloatOptions = {}): NDArray => {
  const { dtype = 'float32' } = checkOptions('random.normal', options, 'dtype')
  return normalSamples(key, checked('random.normal', key, shape, dtype), dtype)
}

const normalSamples = asProgram((key: NDArray, shape: readonly number[], dtype: DType): NDArray => {
  const u = uniformSamples(key, shape, dtype, -belowOne(dtype), 1)
  return lax.mul(lax.erfInv(u), constant(Math.SQRT2, dtype))
})

/** exp of a normal number times `sigma`. */
export const lognormal = (
  key: NDArray,
  sigma: ArrayLike = 1,
  shape?: readonly number[] | null,
  options: FloatOptions = {},
): NDArray => {
  const { dtype = 'float32' } = checkOptions('random.lognormal', options, 'dtype')
  const operation = 'random.lognormal'
  const z = normal(key, parameterShape(operation, shape, [sigma]), { dtype })
  return lax.exp(np.multiply(z, parameter(sigma, dtype, operation)))
}

/**
 * Standard normal floats under the condition that they lie strictly between `lower` and `upper`.
 *
 * @param shape default: that of `lower` and `upper` together
 * @example
 * ```ts
 * random.truncatedNormal(random.key(0), -2, 2, [2, 3])
 * ```
 */
export const truncatedNormal = (
  key: NDArray,
  lower: ArrayLike,
  upper: ArrayLike,
  shape?: readonly number[] | null,
  options: FloatOptions = {},
): NDArray => {
  const { dtype = 'float32' } = checkOptions('random.truncatedNormal', options, 'dtype')
  const operation = 'random.truncatedNormal'
  const size = checked(operation, key, parameterShape(operation, shape, [lower, upper]), dtype)
  return truncatedSamples(key, parameter(lower, dtype, operation), parameter(upper, dtype, operation), size, dtype)
}

const truncatedSamples = asProgram(
  (key: NDArray, low: NDArray, high: NDArray, shape: readonly number[], dtype: DType): NDArray => {
    const root2 = constant(Math.SQRT2, dtype)
    const u = uniformSamples(key, shape, dtype, lax.erf(lax.div(low, root2)), lax.erf(lax.div(high, root2)))
    const z = lax.mul(lax.erfInv(u), root2)
    // Rounding must not push a sample onto or beyond the bounds.
    const least = np.nextafter(lax.stopGradient(low), constant(Infinity, dtype))
    const greatest = np.nextafter(lax.stopGradient(high), constant(-Infinity, dtype))
    return np.minimum(np.maximum(z, least), greatest)
  },
)

/**
 * Exponential floats of rate 1: -log(1 - u).
 *
 * @example
 * ```ts
 * random.exponential(random.key(0), [3])
 * ```
 */
export const exponential = (key: NDArray, shape: readonly number[] = [], options: FloatOptions = {}): NDArray => {
  const { dtype = 'float32' } = checkOptions('random.exponential', options, 'dtype')
  const u = uniformSamples(key, checked('random.exponential', key, shape, dtype), dtype, 0, 1)
  return lax.neg(lax.log1p(lax.neg(u)))
}

/** Options of `gumbel`. */
export interface GumbelOptions extends FloatOptions {
  /** 'low' (default) is fast; 'high' draws twice as many bits, so that rare large values are right. */
  readonly mode?: 'low' | 'high'
}

/**
 * Gumbel floats, -log(-log(u)): the largest of `logits + gumbel` is a sample of the categorical distribution.
 *
 * @example
 * ```ts
 * random.gumbel(random.key(0), [3])
 * ```
 */
export const gumbel = (key: NDArray, shape: readonly number[] = [], options: GumbelOptions = {}): NDArray => {
  const { dtype = 'float32', mode = 'low' } = checkOptions('random.gumbel', options, 'mode dtype')
  const size = checked('random.gumbel', key, shape, dtype)
  if (mode === 'low') {
    return lax.neg(lax.log(lax.neg(lax.log(uniformSamples(key, size, dtype, tiny(dtype), 1)))))
  }
  if (mode !== 'high') throw new ArgumentError(`random.gumbel: mode is 'low' or 'high', got '${String(mode)}'.`)
  const both = uniformSamples(key, [2, ...size], dtype, 0, 1)
  const half = (i: number): NDArray => lax.reshape(lax.slice(both, [i, ...size.map(() => 0)], [i + 1, ...size]), size)
  const high = half(0)
  const low = half(1)
  const fine = lax.add(lax.add(high, lax.mul(low, constant(dtypeEpsilon(dtype), dtype))), constant(tiny(dtype), dtype))
  const x = lax.select(lax.ge(high, constant(0.5, dtype)), high, fine)
  return lax.neg(lax.log(lax.neg(lax.log1p(lax.neg(x)))))
}

/** Laplace floats of mean 0 and scale 1. */
export const laplace = (key: NDArray, shape: readonly number[] = [], options: FloatOptions = {}): NDArray => {
  const { dtype = 'float32' } = checkOptions('random.laplace', options, 'dtype')
  const u = uniformSamples(key, checked('random.laplace', key, shape, dtype), dtype, -belowOne(dtype), 1)
  return lax.mul(lax.sign(u), lax.log1p(lax.neg(lax.abs(u))))
}

/** Logistic floats of mean 0 and scale 1: log(u) - log(1 - u). */
export const logistic = (key: NDArray, shape: readonly number[] = [], options: FloatOptions = {}): NDArray => {
  const { dtype = 'float32' } = checkOptions('random.logistic', options, 'dtype')
  const u = uniformSamples(key, checked('random.logistic', key, shape, dtype), dtype, tiny(dtype), 1)
  return lax.sub(lax.log(u), lax.log1p(lax.neg(u)))
}

/** Cauchy floats of location 0 and scale 1: tan(pi (u - 1/2)). */
export const cauchy = (key: NDArray, shape: readonly number[] = [], options: FloatOptions = {}): NDArray => {
  const { dtype = 'float32' } = checkOptions('random.cauchy', options, 'dtype')
  const u = uniformSamples(key, checked('random.cauchy', key, shape, dtype), dtype, dtypeEpsilon(dtype), 1)
  return lax.tan(lax.mul(constant(Math.PI, dtype), lax.sub(u, constant(0.5, dtype))))
}

/** Pareto floats of shape parameter `b`, at least 1. */
export const pareto = (
  key: NDArray,
  b: ArrayLike,
  shape?: readonly number[] | null,
  options: FloatOptions = {},
): NDArray => {
  const { dtype = 'float32' } = checkOptions('random.pareto', options, 'dtype')
  const e = exponential(key, parameterShape('random.pareto', shape, [b]), { dtype })
  return lax.exp(np.divide(e, parameter(b, dtype, 'random.pareto')))
}

/** Rayleigh floats: the length of a vector of two independent normal numbers times `scale`. */
export const rayleigh = (
  key: NDArray,
  scale: ArrayLike,
  shape?: readonly number[] | null,
  options: FloatOptions = {},
): NDArray => {
  const { dtype = 'float32' } = checkOptions('random.rayleigh', options, 'dtype')
  const operation = 'random.rayleigh'
  const size = checked(operation, key, parameterShape(operation, shape, [scale]), dtype)
  const u = uniformSamples(key, size, dtype, 0, 1)
  return np.multiply(parameter(scale, dtype, operation), lax.sqrt(lax.mul(lax.log(u), constant(-2, dtype))))
}

/** Weibull floats with a scale and a concentration: scale (-log(1 - u))^(1 / concentration). */
export const weibullMin = (
  key: NDArray,
  scale: ArrayLike,
  concentration: ArrayLike,
  shape?: readonly number[] | null,
  options: FloatOptions = {},
): NDArray => {
  const { dtype = 'float32' } = checkOptions('random.weibullMin', options, 'dtype')
  const operation = 'random.weibullMin'
  const e = exponential(key, parameterShape(operation, shape, [scale, concentration]), { dtype })
  const power = np.divide(1, parameter(concentration, dtype, operation))
  return np.multiply(np.power(e, power), parameter(scale, dtype, operation))
}

/** Floats whose density rises from `left` to `mode` and falls from there to `right`. */
export const triangular = (
  key: NDArray,
  left: ArrayLike,
  mode: ArrayLike,
  right: ArrayLike,
  shape?: readonly number[] | null,
  options: FloatOptions = {},
): NDArray => {
  const { dtype = 'float32' } = checkOptions('random.triangular', options, 'dtype')
  const operation = 'random.triangular'
  const size = checked(operation, key, parameterShape(operation, shape, [left, mode, right]), dtype)
  const [low, middle, high] = [left, mode, right].map((p) => lax.broadcastTo(parameter(p, dtype, operation), size)) as [
    NDArray,
    NDArray,
    NDArray,
  ]
  const u = uniformSamples(key, size, dtype, 0, 1)
  const width = lax.sub(high, low)
  const rise = lax.sub(middle, low)
  const rising = lax.add(low, lax.sqrt(lax.mul(lax.mul(u, width), rise)))
  const rest = lax.sub(constant(1, dtype), u)
  const falling = lax.sub(high, lax.sqrt(lax.mul(lax.mul(rest, width), lax.sub(high, middle))))
  return lax.select(lax.lt(u, lax.div(rise, width)), rising, falling)
}

/** Lengths of vectors of three independent normal numbers. */
export const maxwell = (key: NDArray, shape: readonly number[] = [], options: FloatOptions = {}): NDArray => {
  const { dtype = 'float32' } = checkOptions('random.maxwell', options, 'dtype')
  const z = normal(key, [...checked('random.maxwell', key, shape, dtype), 3], { dtype })
  return lax.sqrt(lax.reduceSum(lax.mul(z, z), [shape.length]))
}

/** Wald (inverse Gaussian) floats of mean `mean` and scale 1. */
export const wald = (
  key: NDArray,
  mean: ArrayLike,
  shape?: readonly number[] | null,
  options: FloatOptions = {},
): NDArray => {
  const { dtype = 'float32' } = checkOptions('random.wald', options, 'dtype')
  const operation = 'random.wald'
  const size = checked(operation, key, parameterShape(operation, shape, [mean]), dtype)
  const [normalKey, uniformKey] = splitPair(key)
  const mu = lax.broadcastTo(parameter(mean, dtype, operation), size)
  const z = normal(normalKey, size, { dtype })
  const u = uniformSamples(uniformKey, size, dtype, 0, 1)
  const y = lax.mul(z, z)
  const mu2 = lax.mul(mu, mu)
  const root = lax.sqrt(lax.add(lax.mul(lax.mul(4, mu), y), lax.mul(mu2, lax.mul(y, y))))
  const x = lax.sub(lax.add(mu, lax.div(lax.mul(mu2, y), 2)), lax.mul(lax.div(mu, 2), root))
  return lax.select(lax.le(u, lax.div(mu, lax.add(mu, x))), x, lax.div(mu2, x))
}
