/** Normalization layers; BatchNorm is the one with state. */
import { type NDArray, ArgumentError, shapeText, checkOptions } from '../core/index.js'
import * as lax from '../lax/index.js'
import * as nn from '../nn/index.js'
import { type LayoutOptions, channelAxis } from './convolution.js'
import {
  type Layer,
  type Nothing,
  type Shape,
  at,
  checkParameters,
  knownSize,
  nothing,
  singleArray,
  singleShape,
  checkApply,
} from './layer.js'

/** Factor and offset; absent where the layer was made without. */
export interface ScaleParams {
  readonly scale?: NDArray
  readonly bias?: NDArray
}

/** Which parameters a normalization has, and its epsilon. */
export interface NormOptions {
  readonly epsilon?: number
  /** Whether there is a factor; true unless said. */
  readonly useScale?: boolean
  /** Whether there is an offset; true unless said. */
  readonly useBias?: boolean
}

const scaleShapes = (features: number, { useScale = true, useBias = true }: NormOptions): Record<string, Shape> => ({
  ...(useScale && { scale: [features] }),
  ...(useBias && { bias: [features] }),
})

const initScale = (features: number, { useScale = true, useBias = true }: NormOptions): ScaleParams => ({
  ...(useScale && { scale: lax.full([features], 1, { dtype: 'float32' }) }),
  ...(useBias && { bias: lax.full([features], 0, { dtype: 'float32' }) }),
})

/** Running statistics of a batch normalization. */
export interface BatchNormState {
  readonly mean: NDArray
  readonly variance: NDArray
}

/** Options of `BatchNorm`. */
export interface BatchNormLayerOptions extends NormOptions, LayoutOptions {
  /** How much of the running statistics is kept at each step, 0.9 unless said. */
  readonly momentum?: number
}

/**
 * Batch normalization over all axes but the channels (https://arxiv.org/abs/1502.03167). In training it uses the batch's
 * statistics and returns new running ones in the state; in evaluation it uses those of the state.
 * Params: scale and bias [channels]; state: mean and variance [channels].
 *
 * @example
 * ```ts
 * const layer = stax.BatchNorm()
 * const { params, state } = layer.init(random.key(0), [-1, 3])
 * const { y, state: next } = layer.apply(params, state, np.ones([8, 3]), { train: true })
 * ```
 */
export const BatchNorm = (options: BatchNormLayerOptions = {}): Layer<ScaleParams, BatchNormState> => {
  checkOptions('BatchNorm', options, 'momentum epsilon useScale useBias layout')
  const kind = 'BatchNorm'
  const { epsilon = 1e-5, momentum = 0.9, layout = 'NHWC' } = options
  return {
    kind,
    usesKey: false,
    init: (_, inputShape) => {
      const shape = singleShape(kind, inputShape, 2)
      const features = knownSize(kind, shape, channelAxis(layout))
      const full = (value: number): NDArray => lax.full([features], value, { dtype: 'float32' })
      return { outputShape: shape, params: initScale(features, options), state: { mean: full(0), variance: full(1) } }
    },
    apply: (params, state, input, given) => {
      const { train = false } = checkApply(kind, given)
      const x = singleArray(kind, input, 2)
      const features = x.shape.at(channelAxis(layout)) ?? 0
      const why = `an input of shape ${shapeText(x.shape)} (${layout})`
      checkParameters(kind, 'params', params, scaleShapes(features, options), why)
      checkParameters(kind, 'state', state, { mean: [features], variance: [features] }, why)
      const { scale = 1, bias = 0 } = params
      const settings = { epsilon, momentum, axis: channelAxis(layout) }
      if (!train) return { y: nn.batchNorm(x, scale, bias, state.mean, state.variance, settings), state }
      const [y, mean, variance] = nn.batchNorm(x, scale, bias, state.mean, state.variance, {
        ...settings,
        training: true,
      })
      return { y, state: { mean, variance } }
    },
  }
}

/** A normalization of each member of the batch, without state. */
const memberNorm = (
  kind: string,
  options: NormOptions,
  compute: (x: NDArray, params: ScaleParams) => NDArray,
  check: (features: number) => void = () => undefined,
): Layer<ScaleParams, Nothing> => ({
  kind,
  usesKey: false,
  init: (_, inputShape) => {
    const shape = singleShape(kind, inputShape, 1)
    const features = knownSize(kind, shape, -1)
    check(features)
    return { outputShape: shape, params: initScale(features, options), state: nothing }
  },
  apply: (params, state, input) => {
    const x = singleArray(kind, input, 1)
    const why = `an input of shape ${shapeText(x.shape)}`
    checkParameters(kind, 'params', params, scaleShapes(x.shape.at(-1) ?? 0, options), why)
    return { y: compute(x, params), state }
  },
})

/** Layer normalization of the last axis (https://arxiv.org/abs/1607.06450). Params: scale and bias [features]. */
export const LayerNorm = (options: NormOptions = {}): Layer<ScaleParams, Nothing> => {
  checkOptions('LayerNorm', options, 'epsilon useScale useBias')
  return memberNorm('LayerNorm', options, (x, { scale = null, bias = null }) =>
    nn.layerNorm(x, scale, bias, { epsilon: options.epsilon ?? 1e-5 }),
  )
}

/** Root-mean-square normalization of the last axis (https://arxiv.org/abs/1910.07467). Params: scale [features]. */
export const RMSNorm = (options: Omit<NormOptions, 'useBias'> = {}): Layer<ScaleParams, Nothing> => {
  checkOptions('RMSNorm', options, 'epsilon useScale')
  return memberNorm('RMSNorm', { ...options, useBias: false }, (x, { scale = null }) =>
    nn.rmsNorm(x, scale, { epsilon: options.epsilon ?? 1e-6 }),
  )
}

/**
 * Group normalization of [batch, ..., channels] (https://arxiv.org/abs/1803.08494). Params: scale and bias [channels].
 *
 * @throws ArgumentError when the groups don't divide the channels
 */
export const GroupNorm = (numGroups: number, options: NormOptions = {}): Layer<ScaleParams, Nothing> => {
  checkOptions('GroupNorm', options, 'epsilon useScale useBias')
  return memberNorm(
    'GroupNorm',
    options,
    (x, { scale = null, bias = null }) => nn.groupNorm(x, scale, bias, { numGroups, epsilon: options.epsilon ?? 1e-5 }),
    (features) => {
      if (!Number.isInteger(numGroups) || numGroups < 1 || features % numGroups !== 0) {
        throw new ArgumentError(`GroupNorm${at()}: ${numGroups} groups don't divide ${features} channels.`)
      }
    },
  )
}
