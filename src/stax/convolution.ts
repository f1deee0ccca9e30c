/** Convolution and pooling layers, channels last unless said. */
import { type NDArray, ArgumentError, ShapeError, shapeText, checkOptions } from '../core/index.js'
import * as lax from '../lax/index.js'
import * as nn from '../nn/index.js'
import * as np from '../numpy/index.js'
import { type KernelOptions, type KernelParams, kernelAndBias, operands } from './dense.js'
import {
  type Layer,
  type Nothing,
  type PlainLayer,
  type Shape,
  at,
  checkParameters,
  knownSize,
  nothing,
  plainLayer,
  positiveInteger,
  singleArray,
  singleShape,
} from './layer.js'

/** Order of the axes: [batch, ...spatial, channels] or [batch, channels, ...spatial], for any number of spatial axes. */
export type Layout = 'NHWC' | 'NCHW'

/** Padding of spatial axes: a rule, one number for all sides, or for each axis a number for both sides or a pair. */
export type Padding = nn.WindowPadding | number | readonly (number | readonly [number, number])[]

/** Where the axes of an input are. */
export interface LayoutOptions {
  /** 'NHWC' (channels last, with HWIO kernels) unless said; 'NCHW' goes with OIHW kernels. */
  readonly layout?: Layout
}

/** Axis of the channels. */
export const channelAxis = (layout: Layout): 1 | -1 => {
  if (layout !== 'NHWC' && layout !== 'NCHW') {
    throw new ArgumentError(
      `stax: layout is 'NHWC' or 'NCHW', for any number of spatial axes; got ${JSON.stringify(layout)}.`,
    )
  }
  return layout === 'NCHW' ? 1 : -1
}

/** Dimension numbers of a convolution over so many spatial axes. */
const dimensionNumbers = (layout: Layout, spatial: number): [string, string, string] => {
  const axes = ['', 'W', 'HW', 'DHW'][spatial]
  if (axes === undefined || spatial === 0) {
    throw new ArgumentError(`convolution: windows have one, two or three axes, got ${spatial}.`)
  }
  return layout === 'NCHW' ? [`NC${axes}`, `OI${axes}`, `NC${axes}`] : [`N${axes}C`, `${axes}IO`, `N${axes}C`]
}

const spatialOf = (shape: Shape, layout: Layout): Shape => (layout === 'NCHW' ? shape.slice(2) : shape.slice(1, -1))

const shapeFrom = (batch: number, spatial: Shape, channels: number, layout: Layout): Shape =>
  layout === 'NCHW' ? [batch, channels, ...spatial] : [batch, ...spatial, channels]

/** How windows lie along the spatial axes. */
interface Windows {
  readonly size: Shape
  readonly strides: Shape
  readonly padding: nn.WindowPadding
  readonly dilation: Shape
}

/** Number of windows along each spatial axis; -1 where the size is not known. */
const windowCounts = (spatial: Shape, { size, strides, padding, dilation }: Windows, kind: string): number[] =>
  spatial.map((length, d) => {
    if (length < 0) return -1
    const stride = strides[d] ?? 1
    const reach = ((size[d] ?? 1) - 1) * (dilation[d] ?? 1) + 1
    if (padding === 'SAME' || padding === 'SAME_LOWER') return Math.ceil(length / stride)
    const [low, high] = padding === 'VALID' ? [0, 0] : (padding[d] ?? [0, 0])
    const count = Math.floor((length + low + high - reach) / stride) + 1
    if (count < 1) {
      throw new ShapeError(
        `${kind}${at()}: a window of ${reach} does not fit into ${length + low + high} positions (spatial shape ${shapeText(spatial)}). ` +
          `Use padding 'SAME', or fewer layers that shrink the input.`,
      )
    }
    return count
  })

/** One entry per spatial axis: the list given, which must have that length, or a number for all of them. */
const perAxis = (kind: string, name: string, given: readonly number[] | null | undefined, size: Shape): Shape => {
  if (given === null || given === undefined) return size.map(() => 1)
  if (!Array.isArray(given) || given.length !== size.length) {
    throw new ArgumentError(
      `${kind}: ${name} must have one entry per axis of the window ${shapeText(size)}, got ${JSON.stringify(given)}.`,
    )
  }
  return given.map((n) => positiveInteger(kind, name, n))
}

const rules = ['SAME', 'VALID', 'SAME_LOWER'] as const

/** Padding as a rule or a pair for each axis. */
const paddingOf = (kind: string, given: Padding, size: Shape): nn.WindowPadding => {
  const rule = rules.find((name) => name === given)
  if (rule !== undefined) return rule
  const wrong = (): ArgumentError =>
    new ArgumentError(
      `${kind}: padding is ${rules.map((name) => `'${name}'`).join(', ')}, a number, or for each of the ${size.length} axes of the window ` +
        `a number or [low, high]; got ${JSON.stringify(given)}.`,
    )
  const whole = (n: unknown): number => {
    if (typeof n === 'number' && Number.isInteger(n)) return n
    throw wrong()
  }
  const sides: readonly unknown[] = Array.isArray(given) ? given : size.map(() => given)
  if (sides.length !== size.length) throw wrong()
  return sides.map((side): readonly [number, number] => {
    if (!Array.isArray(side)) return [whole(side), whole(side)]
    if (side.length !== 2) throw wrong()
    return [whole(side[0]), whole(side[1])]
  })
}

const checkWindow = (kind: string, name: string, size: readonly number[]): Shape => {
  if (!Array.isArray(size) || size.length < 1 || size.length > 3) {
    throw new ArgumentError(
      `${kind}: ${name} is a list of one to three sizes such as [3, 3], got ${JSON.stringify(size)}.`,
    )
  }
  return size.map((n) => positiveInteger(kind, name, n))
}

/** Options of `Conv`. */
export interface ConvOptions extends KernelOptions, LayoutOptions {
  /** Steps of the window, 1 unless said. */
  readonly strides?: readonly number[] | null
  /** 'SAME' unless said. */
  readonly padding?: Padding
  /** Distance between the window's elements, 1 unless said. */
  readonly kernelDilation?: readonly number[] | null
  /** Number of groups of channels that don't see each other, 1 unless said. */
  readonly featureGroupCount?: number
}

/**
 * A kernel initialised as HWIO, whatever the layout: initializers count inputs and outputs on the last axes, and both
 * layouts of a model get the same numbers from the same key.
 */
const initKernel = (
  key: NDArray,
  size: Shape,
  inputs: number,
  features: number,
  options: KernelOptions & LayoutOptions,
): KernelParams => {
  const params = kernelAndBias(key, [...size, inputs, features], features, options)
  if (options.layout !== 'NCHW') return params
  return { ...params, kernel: lax.transpose(params.kernel, [size.length + 1, size.length, ...size.map((_, d) => d)]) }
}

const kernelShape = (size: Shape, inputs: number, features: number, layout: Layout): Shape =>
  layout === 'NCHW' ? [features, inputs, ...size] : [...size, inputs, features]

/** Adds a bias along the channels. */
const withBias = (x: NDArray, bias: NDArray | undefined, layout: Layout): NDArray => {
  if (bias === undefined) return x
  return np.add(x, layout === 'NCHW' ? lax.reshape(bias, [bias.size, ...x.shape.slice(2).map(() => 1)]) : bias)
}

/**
 * Convolution. Params: kernel [...kernelSize, inputs, features] (OIHW order with layout 'NCHW'), bias [features].
 *
 * @param kernelSize one to three sizes, one per spatial axis
 * @example
 * ```ts
 * const layer = stax.Conv(32, [3, 3], { strides: [2, 2], padding: 'VALID' })
 * layer.init(random.key(0), [-1, 28, 28, 1]).outputShape // [-1, 13, 13, 32]
 * ```
 */
export const Conv = (
  features: number,
  kernelSize: readonly number[],
  options: ConvOptions = {},
): Layer<KernelParams, Nothing> => {
  checkOptions('Conv', options, 'strides padding kernelDilation featureGroupCount kernelInit biasInit useBias layout')
  const kind = 'Conv'
  positiveInteger(kind, 'features', features)
  const size = checkWindow(kind, 'kernelSize', kernelSize)
  const { layout = 'NHWC', featureGroupCount = 1, useBias = true } = options
  const padding = paddingOf(kind, options.padding ?? 'SAME', size)
  const strides = perAxis(kind, 'strides', options.strides, size)
  const dilation = perAxis(kind, 'kernelDilation', options.kernelDilation, size)
  const groupInputs = (channels: number): number => {
    if (channels % featureGroupCount !== 0 || features % featureGroupCount !== 0) {
      throw new ArgumentError(
        `${kind}${at()}: featureGroupCount ${featureGroupCount} must divide the ${channels} input channels and the ${features} features.`,
      )
    }
    return channels / featureGroupCount
  }
  return {
    kind,
    usesKey: false,
    init: (key, inputShape) => {
      const shape = rankedShape(kind, inputShape, size.length + 2)
      const inputs = groupInputs(knownSize(kind, shape, channelAxis(layout)))
      const counts = windowCounts(spatialOf(shape, layout), { size, strides, padding, dilation }, kind)
      return {
        outputShape: shapeFrom(shape[0] ?? -1, counts, features, layout),
        params: initKernel(key, size, inputs, features, options),
        state: nothing,
      }
    },
    apply: (params, state, input) => {
      const x = rankedArray(kind, input, size.length + 2)
      const kernel = kernelShape(size, groupInputs(x.shape.at(channelAxis(layout)) ?? 0), features, layout)
      const why = `an input of shape ${shapeText(x.shape)} (${layout})`
      checkParameters(kind, 'params', params, useBias ? { kernel, bias: [features] } : { kernel }, why)
      const [a, weights] = operands(x, params.kernel)
      const y = lax.convGeneralDilated(a, weights, strides, padding, {
        rhsDilation: dilation,
        featureGroupCount,
        dimensionNumbers: dimensionNumbers(layout, size.length),
      })
      return { y: withBias(y, params.bias, layout), state }
    },
  }
}

/** Options of `ConvTranspose`. */
export interface ConvTransposeOptions extends KernelOptions, LayoutOptions {
  readonly strides?: readonly number[] | null
  /** 'SAME' unless said. */
  readonly padding?: 'SAME' | 'VALID'
}

/**
 * Transposed convolution, which enlarges: 'SAME' gives size * stride, 'VALID' size * stride + max(kernel - stride, 0).
 * Params as for `Conv`.
 *
 * @example
 * ```ts
 * stax.ConvTranspose(8, [4, 4], { strides: [2, 2] }).init(random.key(0), [-1, 7, 7, 16]).outputShape // [-1, 14, 14, 8]
 * ```
 */
export const ConvTranspose = (
  features: number,
  kernelSize: readonly number[],
  options: ConvTransposeOptions = {},
): Layer<KernelParams, Nothing> => {
  checkOptions('ConvTranspose', options, 'strides padding kernelInit biasInit useBias layout')
  const kind = 'ConvTranspose'
  positiveInteger(kind, 'features', features)
  const size = checkWindow(kind, 'kernelSize', kernelSize)
  const { padding = 'SAME', layout = 'NHWC', useBias = true } = options
  const strides = perAxis(kind, 'strides', options.strides, size)
  return {
    kind,
    usesKey: false,
    init: (key, inputShape) => {
      const shape = rankedShape(kind, inputShape, size.length + 2)
      const inputs = knownSize(kind, shape, channelAxis(layout))
      const spatial = spatialOf(shape, layout).map((length, d) => {
        const stride = strides[d] ?? 1
        if (length < 0) return -1
        return length * stride + (padding === 'SAME' ? 0 : Math.max((size[d] ?? 1) - stride, 0))
      })
      return {
        outputShape: shapeFrom(shape[0] ?? -1, spatial, features, layout),
        params: initKernel(key, size, inputs, features, options),
        state: nothing,
      }
    },
    apply: (params, state, input) => {
      const x = rankedArray(kind, input, size.length + 2)
      const kernel = kernelShape(size, x.shape.at(channelAxis(layout)) ?? 0, features, layout)
      const why = `an input of shape ${shapeText(x.shape)} (${layout})`
      checkParameters(kind, 'params', params, useBias ? { kernel, bias: [features] } : { kernel }, why)
      const [a, weights] = operands(x, params.kernel)
      const y = lax.convTranspose(a, weights, strides, padding, {
        dimensionNumbers: dimensionNumbers(layout, size.length),
      })
      return { y: withBias(y, params.bias, layout), state }
    },
  }
}

/** The shape of one array of exactly so many axes. */
const rankedShape = (kind: string, inputShape: Shape, rank: number): Shape => {
  const shape = singleShape(kind, inputShape)
  if (shape.length !== rank) {
    throw new ShapeError(
      `${kind}${at()}: the input shape ${shapeText(shape)} has ${shape.length} axes, and a window of ${rank - 2} axes needs ${rank}: batch, ${rank - 2} spatial, channels.`,
    )
  }
  return shape
}

const rankedArray = (kind: string, input: NDArray, rank: number): NDArray => {
  const x = singleArray(kind, input)
  rankedShape(kind, x.shape, rank)
  return x
}

/** Options of pooling layers. */
export interface PoolLayerOptions extends Omit<nn.PoolOptions, 'padding'>, LayoutOptions {
  /** 'VALID' unless said. */
  readonly padding?: Padding
}

type Pool = (x: NDArray, window: readonly number[], options: nn.PoolOptions) => NDArray

const poolLayer = (kind: string, pool: Pool, windowShape: readonly number[], options: PoolLayerOptions): PlainLayer => {
  const size = checkWindow(kind, 'the window', windowShape)
  const { layout = 'NHWC' } = options
  const padding = paddingOf(kind, options.padding ?? 'VALID', size)
  const strides = perAxis(kind, 'strides', options.strides, size)
  return plainLayer(
    kind,
    (inputShape) => {
      const shape = rankedShape(kind, inputShape, size.length + 2)
      const windows = { size, strides, padding, dilation: size.map(() => 1) }
      const channels = shape.at(channelAxis(layout)) ?? -1
      return shapeFrom(shape[0] ?? -1, windowCounts(spatialOf(shape, layout), windows, kind), channels, layout)
    },
    (input) => {
      const x = rankedArray(kind, input, size.length + 2)
      if (layout === 'NHWC') return pool(x, size, { strides, padding })
      // Channels first: every channel is a picture of its own with one channel.
      const [batch = 0, channels = 0, ...spatial] = x.shape
      const y = pool(lax.reshape(x, [batch * channels, ...spatial, 1]), size, { strides, padding })
      return lax.reshape(y, [batch, channels, ...y.shape.slice(1, -1)])
    },
  )
}

/**
 * The largest element of each window. Strides are 1 and padding is 'VALID' unless said, as in JAX.
 *
 * @example
 * ```ts
 * stax.MaxPool([2, 2], { strides: [2, 2] }).init(random.key(0), [-1, 28, 28, 8]).outputShape // [-1, 14, 14, 8]
 * ```
 */
export const MaxPool = (windowShape: readonly number[], options: PoolLayerOptions = {}): PlainLayer => {
  checkOptions('MaxPool', options, 'strides padding layout')
  return poolLayer('MaxPool', nn.maxPool, windowShape, options)
}

/** The smallest element of each window; otherwise as `MaxPool`. */
export const MinPool = (windowShape: readonly number[], options: PoolLayerOptions = {}): PlainLayer => {
  checkOptions('MinPool', options, 'strides padding layout')
  return poolLayer('MinPool', nn.minPool, windowShape, options)
}

/** Options of `AvgPool`. */
export interface AvgPoolLayerOptions extends PoolLayerOptions {
  /** Whether padding counts as zeros (default), or not at all. */
  readonly countIncludePad?: boolean
}

/** The mean of each window; otherwise as `MaxPool`. */
export const AvgPool = (windowShape: readonly number[], options: AvgPoolLayerOptions = {}): PlainLayer => {
  const { countIncludePad = true, ...rest } = checkOptions('AvgPool', options, 'countIncludePad strides padding layout')
  return poolLayer(
    'AvgPool',
    (x, window, pool) => nn.avgPool(x, window, { ...pool, countIncludePad }),
    windowShape,
    rest,
  )
}
