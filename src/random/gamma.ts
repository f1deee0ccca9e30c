/** Samples from the gamma distribution, and from those that are made of gamma variables, with JAX's rejection loop. */
import {
  type ArrayLike,
  type DType,
  type NDArray,
  ArgumentError,
  broadcastShapes,
  known,
  sizeOf,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import * as np from '../numpy/index.js'
import { customJvp, jit, vmap, whileLoop } from '../transforms/index.js'
import { exponential, normal } from './continuous.js'
import { checkKey, sampleShape, split, splitList, splitPair } from './key.js'
import { type FloatOptions, checkFloat, checkParameterShapes, parameterShape, uniformSamples } from './uniform.js'

const constant = (value: number, dtype: DType): NDArray => lax.full([], value, { dtype })

/** Smallest positive normal number of a dtype. */
const tiny = (dtype: DType): number => (dtype === 'float64' ? 2 ** -1022 : dtype === 'float16' ? 2 ** -14 : 2 ** -126)

/** State of the rejection loop: a key, the square of a normal variable, a cube, a uniform variable. */
type Trial = readonly [key: NDArray, square: NDArray, cube: NDArray, u: NDArray]

/**
 * One sample for parameter `alpha`, or its logarithm: Marsaglia and Tsang, "A simple method for generating gamma variables"
 * (2000). For alpha < 1 a sample for alpha + 1 is multiplied by a power of a uniform variable.
 */
const oneGamma =
  (logSpace: boolean) =>
  (key: NDArray, alpha: NDArray): NDArray => {
    const { dtype } = alpha
    const [zero, one, third] = [constant(0, dtype), constant(1, dtype), constant(1 / 3, dtype)]
    const large = lax.ge(alpha, one)
    const d = lax.sub(lax.select(large, alpha, lax.add(alpha, one)), third)
    const c = lax.div(third, lax.sqrt(d))
    const [loopKey, boostKey] = splitPair(key)
    const rejected = ([, square, cube, u]: Trial): NDArray => {
      const beyondSqueeze = lax.ge(u, lax.sub(one, lax.mul(constant(0.0331, dtype), lax.mul(square, square))))
      const limit = lax.add(
        lax.mul(square, constant(0.5, dtype)),
        lax.mul(d, lax.add(lax.sub(one, cube), lax.log(cube))),
      )
      return lax.bitwiseAnd(beyondSqueeze, lax.ge(lax.log(u), limit))
    }
    const trial = ([current]: Trial): Trial => {
      const [next, normalKey, uniformKey] = splitList(current, 3)
      const [, x, v] = whileLoop(
        ([, , value]: readonly [NDArray, NDArray, NDArray]) => lax.le(value, zero),
        ([state]: readonly [NDArray, NDArray, NDArray]): readonly [NDArray, NDArray, NDArray] => {
          const [after, drawn] = splitPair(state)
          const z = normal(drawn, [], { dtype })
          return [after, z, lax.add(one, lax.mul(z, c))]
        },
        [known(normalKey, 'key'), zero, constant(-1, dtype)],
      )
      const u = uniformSamples(known(uniformKey, 'key'), [], dtype, 0, 1)
      return [known(next, 'key'), lax.mul(x, x), lax.mul(lax.mul(v, v), v), u]
    }
    const [, , cube] = whileLoop(rejected, trial, [loopKey, zero, one, constant(2, dtype)])
    if (logSpace) {
      const logarithm = lax.neg(exponential(boostKey, [], { dtype }))
      const unneeded = lax.bitwiseOr(large, lax.eq(logarithm, zero))
      const boost = lax.select(unneeded, zero, lax.mul(logarithm, lax.div(one, alpha)))
      return lax.add(lax.add(lax.log(d), lax.log(cube)), boost)
    }
    const u = lax.sub(one, uniformSamples(boostKey, [], dtype, 0, 1))
    const boost = lax.select(large, one, lax.pow(u, lax.div(one, alpha)))
    return lax.mul(lax.mul(d, cube), boost)
  }

/** Samples for every element of `a`, each with a key of its own; differentiable in `a`, by implicit reparameterization. */
/* @__NO_SIDE_EFFECTS__ */
const sampler = (logSpace: boolean) => {
  const each = vmap(oneGamma(logSpace))
  const f = customJvp((key: NDArray, a: NDArray): NDArray => {
    const count = sizeOf(a.shape)
    if (count === 0) return a
    return lax.reshape(each(split(key, count), lax.reshape(a, [count])), a.shape)
  })
  f.defjvp(([key, a], [, da]) => {
    const sample = f(key, a)
    if (!logSpace) return [sample, lax.mul(lax.randomGammaGrad(a, sample), da)]
    const value = lax.exp(sample)
    const safe = lax.select(lax.eq(value, 0), lax.filled(tiny(value.dtype), value.aval), value)
    return [sample, lax.mul(lax.div(lax.randomGammaGrad(a, safe), safe), da)]
  })
  return jit(f)
}
const gammaSamples = sampler(false)
const logGammaSamples = sampler(true)

/** Checked arguments: the shape, and parameters of that shape and dtype. */
const checked = (
  operation: string,
  key: NDArray,
  shape: readonly number[] | null | undefined,
  parameters: readonly ArrayLike[],
  dtype: DType,
): { readonly size: readonly number[]; readonly values: readonly NDArray[] } => {
  checkKey(key, operation)
  checkFloat(dtype, operation)
  const size = parameterShape(operation, shape, parameters)
  const values = parameters.map((p) => lax.broadcastTo(lax.convertElementType(lax.asArray(p, operation), dtype), size))
  return { size, values }
}

const parameter = (values: readonly NDArray[], i: number): NDArray => known(values[i], 'parameter')

/**
 * Gamma floats of shape parameter `a` and scale 1. Differentiable in `a`.
 *
 * @param shape default: that of `a`
 * @example
 * ```ts
 * random.gamma(random.key(0), 2.5, [3])
 * ```
 */
export const gamma = (
  key: NDArray,
  a: ArrayLike,
  shape?: readonly number[] | null,
  options: FloatOptions = {},
): NDArray => {
  const { dtype = 'float32' } = checkOptions('random.gamma', options, 'dtype')
  return gammaSamples(key, parameter(checked('random.gamma', key, shape, [a], dtype).values, 0))
}

/** Logarithms of gamma floats, which are right where the floats themselves would vanish, for small `a`. */
export const loggamma = (
  key: NDArray,
  a: ArrayLike,
  shape?: readonly number[] | null,
  options: FloatOptions = {},
): NDArray => {
  const { dtype = 'float32' } = checkOptions('random.loggamma', options, 'dtype')
  return logGammaSamples(key, parameter(checked('random.loggamma', key, shape, [a], dtype).values, 0))
}

/**
 * Beta floats in (0, 1) of parameters `a` and `b`. Differentiable in both.
 *
 * @example
 * ```ts
 * random.beta(random.key(0), 2, 3, [4])
 * ```
 */
export const beta = (
  key: NDArray,
  a: ArrayLike,
  b: ArrayLike,
  shape?: readonly number[] | null,
  options: FloatOptions = {},
): NDArray => {
  const { dtype = 'float32' } = checkOptions('random.beta', options, 'dtype')
  const { values } = checked('random.beta', key, shape, [a, b], dtype)
  const [keyA, keyB] = splitPair(key)
  const logA = logGammaSamples(keyA, parameter(values, 0))
  const logB = logGammaSamples(keyB, parameter(values, 1))
  const largest = lax.max(logA, logB)
  const [x, y] = [lax.exp(lax.sub(logA, largest)), lax.exp(lax.sub(logB, largest))]
  return lax.div(x, lax.add(x, y))
}

/**
 * Vectors of positive floats with sum 1, `[...shape, k]`, for parameters `alpha`, `[..., k]`. Differentiable in them.
 * Throws ArgumentError when `alpha` is a scalar.
 *
 * @param shape without the last axis; default: that of `alpha`
 * @example
 * ```ts
 * random.dirichlet(random.key(0), np.array([1, 2, 3]), [2]).shape // [2, 3]
 * ```
 */
export const dirichlet = (
  key: NDArray,
  alpha: NDArray,
  shape?: readonly number[] | null,
  options: FloatOptions = {},
): NDArray => {
  const { dtype = 'float32' } = checkOptions('random.dirichlet', options, 'dtype')
  const operation = 'random.dirichlet'
  const parameters = lax.asArray(alpha, operation)
  const k = parameters.shape.at(-1)
  if (k === undefined) throw new ArgumentError(`${operation}: alpha must have an axis of parameters, got a scalar.`)
  const size = shape === undefined || shape === null ? parameters.shape : [...sampleShape(shape, operation), k]
  const { values } = checked(operation, key, size, [parameters], dtype)
  const logarithms = logGammaSamples(key, parameter(values, 0))
  const largest = lax.stopGradient(np.max(logarithms, { axis: -1, keepdims: true }))
  const scaled = lax.exp(lax.sub(logarithms, largest))
  return np.divide(scaled, np.sum(scaled, { axis: -1, keepdims: true }))
}

/** Chi-squared floats of `df` degrees of freedom. */
export const chisquare = (
  key: NDArray,
  df: ArrayLike,
  shape?: readonly number[] | null,
  options: FloatOptions = {},
): NDArray => {
  const { dtype = 'float32' } = checkOptions('random.chisquare', options, 'dtype')
  const { values } = checked('random.chisquare', key, shape, [df], dtype)
  const logarithms = logGammaSamples(key, lax.div(parameter(values, 0), constant(2, dtype)))
  return lax.mul(lax.exp(logarithms), constant(2, dtype))
}

/** Floats of the F distribution with `dfnum` and `dfden` degrees of freedom. */
export const f = (
  key: NDArray,
  dfnum: ArrayLike,
  dfden: ArrayLike,
  shape?: readonly number[] | null,
  options: FloatOptions = {},
): NDArray => {
  const { dtype = 'float32' } = checkOptions('random.f', options, 'dtype')
  const { size, values } = checked('random.f', key, shape, [dfnum, dfden], dtype)
  const [lower, upper] = splitPair(key)
  const [top, bottom] = [parameter(values, 0), parameter(values, 1)]
  return lax.div(
    lax.div(chisquare(upper, top, size, { dtype }), top),
    lax.div(chisquare(lower, bottom, size, { dtype }), bottom),
  )
}

/** Floats of Student's t distribution with `df` degrees of freedom. */
export const t = (
  key: NDArray,
  df: ArrayLike,
  shape?: readonly number[] | null,
  options: FloatOptions = {},
): NDArray => {
  const { dtype = 'float32' } = checkOptions('random.t', options, 'dtype')
  const { size, values } = checked('random.t', key, shape, [df], dtype)
  const [normalKey, gammaKey] = splitPair(key)
  const z = normal(normalKey, size, { dtype })
  const half = lax.div(parameter(values, 0), constant(2, dtype))
  return lax.mul(z, lax.sqrt(lax.div(half, gammaSamples(gammaKey, half))))
}

/** Checks that parameters fit into samples, with the shape that they have together. */
export const commonShape = (
  operation: string,
  shape: readonly number[] | null | undefined,
  ...shapes: (readonly number[])[]
): readonly number[] => {
  const together = broadcastShapes(operation, ...shapes)
  if (shape === undefined || shape === null) return together
  checkParameterShapes(operation, sampleShape(shape, operation), [])
  return broadcastShapes(operation, shape, together)
}
