/** Normalization layers as functions: batch, layer, group and root-mean-square normalization. */
import {
  type ArrayLike,
  type NDArray,
  ArgumentError,
  ShapeError,
  avalText,
  canonicalAxes,
  canonicalAxis,
  isHalf,
  known,
  promote,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import * as np from '../numpy/index.js'
import { floatArray } from './activations.js'
import { standardize } from './softmax.js'

/** Per-channel parameters laid along one axis of an array of the given rank. */
const along = (parameter: ArrayLike, axis: number, x: NDArray, name: string, operation: string): NDArray => {
  const p = lax.asArray(parameter, operation)
  if (p.ndim === 0) return p
  const channels = known(x.shape[axis], 'size')
  if (p.ndim !== 1 || p.shape[0] !== channels) {
    throw new ShapeError(
      `${operation}: ${name} ${avalText(p.aval)} must have one entry for each of the ${channels} channels, ` +
        `axis ${axis} of ${avalText(x.aval)}.`,
    )
  }
  return lax.reshape(
    p,
    x.shape.map((size, d) => (d === axis ? size : 1)),
  )
}

/**
 * Statistics and what they are applied to are float32 where numbers have half as many bits, as in Flax: a mean that is rounded to 8 bits
 * would move everything.
 */
const widened = (x: NDArray): NDArray => (isHalf(x.dtype) ? lax.convertElementType(x, 'float32') : x)

/** A result in the dtype that the input and the parameters promote to. */
const narrowed = (y: NDArray, operands: readonly (ArrayLike | null)[], operation: string): NDArray => {
  const given = operands.filter((operand) => operand !== null).map((operand) => lax.asArray(operand, operation).aval)
  const { dtype } = promote(given)
  return isHalf(dtype) ? lax.convertElementType(y, dtype) : y
}

/** Options of `batchNorm`. */
export interface BatchNormOptions {
  /** Normalise by the batch's own statistics, and return new running ones. */
  readonly training?: boolean
  /** How much of the running statistics is kept. */
  readonly momentum?: number
  readonly epsilon?: number
  /** Axis of the channels. */
  readonly axis?: number
}

/**
 * Batch normalization (https://arxiv.org/abs/1502.03167): (x - mean) / sqrt(variance + epsilon) * scale + bias.
 *
 * @param x [batch, ..., channels]; scale, bias, mean, variance [channels]
 * @returns in evaluation the result; in training `[result, newMean, newVariance]` with
 *   new = momentum old + (1 - momentum) batch, where the batch's variance is the biased one
 * @example
 * ```ts
 * const [y, mean, variance] = nn.batchNorm(np.ones([4, 3]), np.ones([3]), np.zeros([3]), np.zeros([3]), np.ones([3]), {
 *   training: true,
 * })
 * ```
 */
export function batchNorm(
  x: ArrayLike,
  scale: ArrayLike,
  bias: ArrayLike,
  mean: ArrayLike,
  variance: ArrayLike,
  options: BatchNormOptions & { readonly training: true },
): [NDArray, NDArray, NDArray]
export function batchNorm(
  x: ArrayLike,
  scale: ArrayLike,
  bias: ArrayLike,
  mean: ArrayLike,
  variance: ArrayLike,
  options?: BatchNormOptions & { readonly training?: false },
): NDArray
export function batchNorm(
  x: ArrayLike,
  scale: ArrayLike,
  bias: ArrayLike,
  mean: ArrayLike,
  variance: ArrayLike,
  options: BatchNormOptions = {},
): NDArray | [NDArray, NDArray, NDArray] {
  const {
    training = false,
    momentum = 0.9,
    epsilon = 1e-5,
    axis = -1,
  } = checkOptions('nn.batchNorm', options, 'training momentum epsilon axis')
  const operation = 'nn.batchNorm'
  const given = floatArray(x, operation)
  const a = widened(given)
  const channel = canonicalAxis(axis, a.ndim, operation)
  const lay = (parameter: ArrayLike, name: string): NDArray => along(parameter, channel, a, name, operation)
  const affine = (center: NDArray, spread: NDArray): NDArray => {
    const factor = np.multiply(lax.rsqrt(np.add(spread, epsilon)), lay(scale, 'scale'))
    const y = np.add(np.multiply(np.subtract(a, center), factor), lay(bias, 'bias'))
    return narrowed(y, [given, scale, bias], operation)
  }
  if (!training) return affine(lay(mean, 'mean'), lay(variance, 'variance'))
  const axes = a.shape.map((_, d) => d).filter((d) => d !== channel)
  const center = np.mean(a, { axis: axes, keepdims: true })
  const spread = np.mean(np.square(np.subtract(a, center)), { axis: axes, keepdims: true })
  const running = (old: ArrayLike, batch: NDArray): NDArray => {
    const next = np.add(
      np.multiply(momentum, old),
      np.multiply(1 - momentum, lax.reshape(batch, [a.shape[channel] ?? 0])),
    )
    // State keeps its dtype, or the next step would be another program.
    return narrowed(next, [old], operation)
  }
  return [affine(center, spread), running(mean, center), running(variance, spread)]
}

/** Options of `layerNorm`. */
export interface LayerNormOptions {
  /** Axes to normalise over, the last one unless said. */
  readonly axis?: number | readonly number[]
  readonly epsilon?: number
}

/** Factor and offset applied to the last axes. */
const scaled = (
  x: NDArray,
  given: NDArray,
  scale: ArrayLike | null,
  bias: ArrayLike | null,
  operation: string,
): NDArray => {
  const product = scale === null ? x : np.multiply(x, scale)
  return narrowed(bias === null ? product : np.add(product, bias), [given, scale, bias], operation)
}

/**
 * Layer normalization (https://arxiv.org/abs/1607.06450) with the biased variance.
 *
 * @param scale, bias broadcast against `x` (usually [features]); null for none
 * @example
 * ```ts
 * nn.layerNorm(np.arange(6).reshape([2, 3]), np.ones([3]), np.zeros([3]))
 * ```
 */
export const layerNorm = (
  x: ArrayLike,
  scale: ArrayLike | null = null,
  bias: ArrayLike | null = null,
  options: LayerNormOptions = {},
): NDArray => {
  const { axis = -1, epsilon = 1e-5 } = checkOptions('nn.layerNorm', options, 'axis epsilon')
  const a = floatArray(x, 'nn.layerNorm')
  const y = standardize(widened(a), { axis: canonicalAxes(axis, a.ndim, 'nn.layerNorm'), epsilon })
  return scaled(y, a, scale, bias, 'nn.layerNorm')
}

/**
 * Root-mean-square normalization (https://arxiv.org/abs/1910.07467): x / sqrt(mean(x^2) + epsilon) * scale.
 *
 * @example
 * ```ts
 * nn.rmsNorm(np.arange(6).reshape([2, 3]), np.ones([3]))
 * ```
 */
export const rmsNorm = (x: ArrayLike, scale: ArrayLike | null = null, options: LayerNormOptions = {}): NDArray => {
  const { axis = -1, epsilon = 1e-6 } = checkOptions('nn.rmsNorm', options, 'axis epsilon')
  const given = floatArray(x, 'nn.rmsNorm')
  const a = widened(given)
  const meanSquare = np.mean(np.square(a), { axis: canonicalAxes(axis, a.ndim, 'nn.rmsNorm'), keepdims: true })
  return scaled(np.multiply(a, lax.rsqrt(np.add(meanSquare, epsilon))), given, scale, null, 'nn.rmsNorm')
}

/** Options of `groupNorm`. */
export interface GroupNormOptions {
  /** Number of groups that the channels are divided into. */
  readonly numGroups: number
  readonly epsilon?: number
}

/**
 * Group normalization (https://arxiv.org/abs/1803.08494) of [batch, ..., channels]: every member is normalised over its
 * positions and the channels of one group.
 *
 * @throws ArgumentError when the groups don't divide the channels
 * @example
 * ```ts
 * nn.groupNorm(np.ones([2, 4, 4, 6]), np.ones([6]), np.zeros([6]), { numGroups: 3 })
 * ```
 */
export const groupNorm = (
  x: ArrayLike,
  scale: ArrayLike | null,
  bias: ArrayLike | null,
  options: GroupNormOptions,
): NDArray => {
  const { numGroups, epsilon = 1e-5 } = checkOptions('nn.groupNorm', options, 'numGroups epsilon')
  const a = floatArray(x, 'nn.groupNorm')
  const channels = a.shape.at(-1) ?? 0
  if (a.ndim < 2 || !Number.isInteger(numGroups) || numGroups < 1 || channels % numGroups !== 0) {
    throw new ArgumentError(
      `nn.groupNorm: ${numGroups} groups don't divide the channels (last axis) of ${avalText(a.aval)} of shape [batch, ..., channels].`,
    )
  }
  const grouped = lax.reshape(widened(a), [...a.shape.slice(0, -1), numGroups, channels / numGroups])
  const axis = grouped.shape.map((_, d) => d).filter((d) => d !== 0 && d !== grouped.ndim - 2)
  return scaled(lax.reshape(standardize(grouped, { axis, epsilon }), a.shape), a, scale, bias, 'nn.groupNorm')
}
