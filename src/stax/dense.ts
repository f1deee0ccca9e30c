/** Layers of linear maps and lookups, and layers that only reshape or map elements. */
import { type NDArray, DTypeError, avalText, isInteger, shapeText, checkOptions } from '../core/index.js'
import * as lax from '../lax/index.js'
import * as nn from '../nn/index.js'
import * as np from '../numpy/index.js'
import { promoteInexact } from '../numpy/promotion-args.js'
import { splitPair } from '../random/key.js'
import {
  type Layer,
  type Nothing,
  type PlainLayer,
  checkParameters,
  knownSize,
  nothing,
  plainLayer,
  positiveInteger,
  singleArray,
  singleShape,
} from './layer.js'

/** A kernel, and a bias unless the layer was made without. */
export interface KernelParams {
  readonly kernel: NDArray
  readonly bias?: NDArray
}

/** How a layer with a kernel makes its parameters. */
export interface KernelOptions {
  /** lecunNormal unless said. */
  readonly kernelInit?: nn.Initializer
  /** Zeros unless said. */
  readonly biasInit?: nn.Initializer
  /** Whether there is a bias; true unless said. */
  readonly useBias?: boolean
}

/** Kernel and bias of the given shapes. */
export const kernelAndBias = (
  key: NDArray,
  kernelShape: readonly number[],
  features: number,
  { kernelInit = nn.initializers.lecunNormal(), biasInit = nn.initializers.zeros, useBias = true }: KernelOptions,
): KernelParams => {
  if (!useBias) return { kernel: kernelInit(key, kernelShape) }
  const [kernelKey, biasKey] = splitPair(key)
  return { kernel: kernelInit(kernelKey, kernelShape), bias: biasInit(biasKey, [features]) }
}

/** Input and kernel in one floating dtype, the one that an operation on both would have: as in Flax, an input may be bytes or wider. */
export const operands = (x: NDArray, kernel: NDArray): readonly [NDArray, NDArray] => {
  const [input = x, weights = kernel] = promoteInexact('stax', [x, kernel])
  return [input, weights]
}

/** x kernel + bias over the last axis. */
export const affine = (input: NDArray, { kernel, bias }: KernelParams): NDArray => {
  const [x, weights] = operands(input, kernel)
  const product = lax.dotGeneral(x, weights, [
    [[x.ndim - 1], [0]],
    [[], []],
  ])
  return bias === undefined ? product : np.add(product, bias)
}

/**
 * A linear map of the last axis: x kernel + bias. Params: kernel [inputs, features], bias [features].
 *
 * @example
 * ```ts
 * const layer = stax.Dense(10, { kernelInit: nn.initializers.heNormal() })
 * const { params, state } = layer.init(random.key(0), [-1, 784])
 * ```
 */
export const Dense = (features: number, options: KernelOptions = {}): Layer<KernelParams, Nothing> => {
  checkOptions('Dense', options, 'kernelInit biasInit useBias')
  positiveInteger('Dense', 'features', features)
  const { useBias = true } = options
  return {
    kind: 'Dense',
    usesKey: false,
    init: (key, inputShape) => {
      const shape = singleShape('Dense', inputShape, 1)
      const inputs = knownSize('Dense', shape, -1)
      return {
        outputShape: [...shape.slice(0, -1), features],
        params: kernelAndBias(key, [inputs, features], features, options),
        state: nothing,
      }
    },
    apply: (params, state, input) => {
      const x = singleArray('Dense', input, 1)
      const kernel = [x.shape.at(-1) ?? 0, features]
      checkParameters(
        'Dense',
        'params',
        params,
        useBias ? { kernel, bias: [features] } : { kernel },
        `an input of shape ${shapeText(x.shape)}`,
      )
      return { y: affine(x, params), state }
    },
  }
}

/** Options of `Embed`. */
export interface EmbedOptions {
  /** Normal of variance 1 / features unless said. */
  readonly embeddingInit?: nn.Initializer
}

/**
 * A table of vectors: integers [...] become [..., features]. Params: embedding [vocabulary, features].
 * Integers outside the table take its nearest row.
 *
 * @example
 * ```ts
 * const layer = stax.Embed(1000, 64)
 * ```
 */
export const Embed = (
  vocabulary: number,
  features: number,
  options: EmbedOptions = {},
): Layer<{ readonly embedding: NDArray }, Nothing> => {
  const { embeddingInit = nn.initializers.normal(1 / Math.sqrt(features)) } = checkOptions(
    'Embed',
    options,
    'embeddingInit',
  )
  const shape = [positiveInteger('Embed', 'vocabulary', vocabulary), positiveInteger('Embed', 'features', features)]
  return {
    kind: 'Embed',
    usesKey: false,
    init: (key, inputShape) => ({
      outputShape: [...singleShape('Embed', inputShape), features],
      params: { embedding: embeddingInit(key, shape) },
      state: nothing,
    }),
    apply: (params, state, input) => {
      const x = singleArray('Embed', input)
      if (!isInteger(x.dtype)) {
        throw new DTypeError(
          `Embed: the input must be integers (rows of the table), got ${avalText(x.aval)}; use astype('int32').`,
        )
      }
      checkParameters('Embed', 'params', params, { embedding: shape }, 'the layer')
      return { y: np.take(params.embedding, x, { axis: 0, mode: 'clip' }), state }
    },
  }
}

/** Joins all axes but the first, the batch. */
export const Flatten: PlainLayer = plainLayer(
  'Flatten',
  (inputShape) => {
    const [batch = -1, ...rest] = singleShape('Flatten', inputShape, 1)
    return [batch, rest.some((size) => size < 0) ? -1 : rest.reduce((a, b) => a * b, 1)]
  },
  (x) => {
    const [batch = 0, ...rest] = singleArray('Flatten', x, 1).shape
    return lax.reshape(x, [batch, rest.reduce((a, b) => a * b, 1)])
  },
)

/**
 * A layer that applies a function to its input and keeps its shape.
 *
 * @example
 * ```ts
 * const Cube = stax.elementwise((x) => np.power(x, 3), 'Cube')
 * ```
 */
/* @__NO_SIDE_EFFECTS__ */
export const elementwise = (
  f: (x: NDArray) => NDArray,
  kind: string = f.name === '' ? 'elementwise' : f.name,
): PlainLayer =>
  plainLayer(
    kind,
    (inputShape) => singleShape(kind, inputShape),
    (x) => f(singleArray(kind, x)),
  )

/** Passes its input on. */
export const Identity: PlainLayer = elementwise((x) => x, 'Identity')
/** `nn.relu`. */
export const Relu: PlainLayer = elementwise((x) => nn.relu(x), 'Relu')
/** `nn.relu6`. */
export const Relu6: PlainLayer = elementwise((x) => nn.relu6(x), 'Relu6')
/** `nn.leakyRelu` with slope 0.01. */
export const LeakyRelu: PlainLayer = elementwise((x) => nn.leakyRelu(x), 'LeakyRelu')
/** `nn.elu`. */
export const Elu: PlainLayer = elementwise((x) => nn.elu(x), 'Elu')
/** `nn.selu`. */
export const Selu: PlainLayer = elementwise((x) => nn.selu(x), 'Selu')
/** `nn.gelu` in the tanh form. */
export const Gelu: PlainLayer = elementwise((x) => nn.gelu(x), 'Gelu')
/** `nn.silu`, also called swish. */
export const Silu: PlainLayer = elementwise((x) => nn.silu(x), 'Silu')
/** `np.tanh`. */
export const Tanh: PlainLayer = elementwise((x) => lax.tanh(x), 'Tanh')
/** `nn.sigmoid`. */
export const Sigmoid: PlainLayer = elementwise((x) => nn.sigmoid(x), 'Sigmoid')
/** `nn.softplus`. */
export const Softplus: PlainLayer = elementwise((x) => nn.softplus(x), 'Softplus')
/** `np.exp`. */
export const Exp: PlainLayer = elementwise((x) => lax.exp(x), 'Exp')
/** `np.abs`. */
export const Abs: PlainLayer = elementwise((x) => lax.abs(x), 'Abs')
/** `nn.softmax` over the last axis. */
export const Softmax: PlainLayer = elementwise((x) => nn.softmax(x), 'Softmax')
/** `nn.logSoftmax` over the last axis. */
export const LogSoftmax: PlainLayer = elementwise((x) => nn.logSoftmax(x), 'LogSoftmax')
