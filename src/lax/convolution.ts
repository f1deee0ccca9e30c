/** Convolutions of any rank, with strides, padding, dilation and groups; transposed convolutions. */
import {
  type ArrayLike,
  type DType,
  type NDArray,
  ArgumentError,
  avalText,
  known,
  range,
  checkOptions,
} from '../core/index.js'
import {
  type ConvDimensionNumbers,
  type ConvolutionSpecs,
  convolutionSpecs,
  defaultSpecs,
  sizesAlong,
  splitSpec,
} from './convolution-numbers.js'
import type { Precision } from './contraction.js'
import { convolve } from './convolution-primitive.js'
import { type Padding, checkPerAxis, dilatedSize, resolvePadding } from './geometry.js'
import { operands } from './operands.js'
import { rev } from './shape.js'

export type { ConvDimensionNumbers, Padding }

export interface ConvOptions {
  /** Puts `n - 1` holes between the input's elements along each spatial axis (transposed convolution). */
  readonly lhsDilation?: readonly number[]
  /** Puts `n - 1` holes between the kernel's elements along each spatial axis (atrous convolution). */
  readonly rhsDilation?: readonly number[]
  /** Layouts of input, kernel and result, such as `['NHWC', 'HWIO', 'NHWC']`; without, `['NCHW', 'OIHW', 'NCHW']`. */
  readonly dimensionNumbers?: ConvDimensionNumbers
  /** Groups of features that are convolved apart, each with its part of the kernel's output features. */
  readonly featureGroupCount?: number
  /** Groups of the batch that are convolved apart, each with its part of the kernel's output features. */
  readonly batchGroupCount?: number
  /** Dtype of the result and of its accumulation; the operands' unless said. */
  readonly preferredElementType?: DType
  /** Accepted as in JAX; convolutions are always of the highest. */
  readonly precision?: Precision
}

const convolutionOperands = (lhs: ArrayLike, rhs: ArrayLike, operation: string): readonly [NDArray, NDArray] => {
  const arrays = operands(operation, [lhs, rhs])
  const x = known(arrays[0], 'input')
  const y = known(arrays[1], 'kernel')
  if (x.ndim !== y.ndim || x.ndim < 2) {
    throw new ArgumentError(
      `${operation}: input ${avalText(x.aval)} and kernel ${avalText(y.aval)} must have the same rank, at least 2: ` +
        `a batch (or output features), features, and the spatial axes.`,
    )
  }
  return [x, y]
}

const dilatedSizes = (sizes: readonly number[], dilation: readonly number[]): number[] =>
  sizes.map((size, d) => dilatedSize(size, known(dilation[d], 'dilation')))

const run = (
  x: NDArray,
  y: NDArray,
  windowStrides: readonly number[],
  padding: Padding,
  specs: ConvolutionSpecs,
  options: Omit<ConvOptions, 'dimensionNumbers'>,
  operation: string,
): NDArray => {
  const rank = x.ndim - 2
  const ones = range(rank).map(() => 1)
  const { preferredElementType, featureGroupCount = 1, batchGroupCount = 1 } = options
  const lhsDilation = checkPerAxis(options.lhsDilation ?? ones, rank, operation, 'lhsDilation')
  const rhsDilation = checkPerAxis(options.rhsDilation ?? ones, rank, operation, 'rhsDilation')
  checkPerAxis(windowStrides, rank, operation, 'windowStrides')
  return convolve(x, y, {
    windowStrides,
    padding: resolvePadding(
      padding,
      dilatedSizes(sizesAlong(x.shape, specs.lhsSpec.slice(2)), lhsDilation),
      dilatedSizes(sizesAlong(y.shape, specs.rhsSpec.slice(2)), rhsDilation),
      windowStrides,
      operation,
    ),
    lhsDilation,
    rhsDilation,
    dimensionNumbers: specs,
    featureGroupCount,
    batchGroupCount,
    ...(preferredElementType !== undefined && { preferredElementType }),
  })
}

/**
 * Convolution (without flipping the kernel) of any spatial rank. `windowStrides` and `padding` ('SAME', 'VALID',
 * 'SAME_LOWER', or pairs [low, high], negative ones crop) are per spatial axis. Halves accumulate in float32.
 * 3x3 kernels over 16 features and more, last in float32 arrays, go by Winograd's algorithm (not on webgpu): errors are two to
 * three times those of plain sums, and what is not finite reaches the other results of its tile of 2x2 too.
 * Throws ShapeError when features or groups don't fit, DTypeError for different dtypes, ArgumentError for bad parameters.
 *
 * @example
 * const x = np.ones([1, 28, 28, 3])
 * const kernel = np.ones([3, 3, 3, 8])
 * lax.convGeneralDilated(x, kernel, [1, 1], 'SAME', { dimensionNumbers: ['NHWC', 'HWIO', 'NHWC'] }).shape // [1, 28, 28, 8]
 */
export const convGeneralDilated = (
  lhs: ArrayLike,
  rhs: ArrayLike,
  windowStrides: readonly number[],
  padding: Padding,
  options: ConvOptions = {},
): NDArray => {
  const { dimensionNumbers, ...rest } = checkOptions(
    'convGeneralDilated',
    options,
    'lhsDilation rhsDilation dimensionNumbers featureGroupCount batchGroupCount preferredElementType precision',
  )
  const operation = 'convGeneralDilated'
  const [x, y] = convolutionOperands(lhs, rhs, operation)
  const specs =
    dimensionNumbers === undefined ? defaultSpecs(x.ndim) : convolutionSpecs(dimensionNumbers, x.ndim, operation)
  return run(x, y, windowStrides, padding, specs, rest, operation)
}

/**
 * Convolution with strides, layouts NCHW and OIHW (of any spatial rank).
 *
 * @example lax.conv(np.ones([1, 3, 8, 8]), np.ones([4, 3, 3, 3]), [2, 2], 'SAME').shape // [1, 4, 4, 4]
 */
export const conv = (
  lhs: ArrayLike,
  rhs: ArrayLike,
  windowStrides: readonly number[],
  padding: Padding,
  options: Pick<ConvOptions, 'preferredElementType' | 'precision'> = {},
): NDArray => {
  checkOptions('conv', options, 'preferredElementType precision')
  const [x, y] = convolutionOperands(lhs, rhs, 'conv')
  return run(x, y, windowStrides, padding, defaultSpecs(x.ndim), options, 'conv')
}

/**
 * Convolution with strides, padding and dilation, layouts NCHW and OIHW (of any spatial rank).
 *
 * @example
 * const [x, kernel] = [np.ones([1, 1, 4]), np.ones([1, 1, 2])]
 * lax.convWithGeneralPadding(x, kernel, [1], [[1, 0]], { lhsDilation: [2] }).shape // [1, 1, 7]
 */
export const convWithGeneralPadding = (
  lhs: ArrayLike,
  rhs: ArrayLike,
  windowStrides: readonly number[],
  padding: Padding,
  options: Pick<ConvOptions, 'lhsDilation' | 'rhsDilation' | 'preferredElementType' | 'precision'> = {},
): NDArray => {
  checkOptions('convWithGeneralPadding', options, 'preferredElementType precision lhsDilation rhsDilation')
  const [x, y] = convolutionOperands(lhs, rhs, 'convWithGeneralPadding')
  return run(x, y, windowStrides, padding, defaultSpecs(x.ndim), options, 'convWithGeneralPadding')
}

/** Padding of the convolution over the spread input that gives SAME or VALID sizes, as Keras defines them. */
const transposedPadding = (window: number, stride: number, name: 'SAME' | 'VALID'): [number, number] => {
  const valid = name === 'VALID'
  const total = window + stride - 2 + (valid ? Math.max(window - stride, 0) : 0)
  const low = valid || stride > window - 1 ? window - 1 : Math.ceil(total / 2)
  return [low, total - low]
}

export interface ConvTransposeOptions {
  readonly rhsDilation?: readonly number[]
  /** Layouts of input, kernel and result; without, channels last: `['NHWC', 'HWIO', 'NHWC']`. */
  readonly dimensionNumbers?: ConvDimensionNumbers
  /** Flips the kernel and exchanges its features, which makes this the gradient of a convolution with that kernel. */
  readonly transposeKernel?: boolean
  readonly preferredElementType?: DType
  readonly precision?: Precision
}

/**
 * Transposed convolution: a convolution over the input with `strides - 1` holes between its elements; the kernel is not
 * flipped. 'VALID' gives size `n * stride + max(window - stride, 0)`, 'SAME' gives `n * stride`, pairs pad the spread input.
 *
 * @example lax.convTranspose(np.ones([1, 4, 4, 2]), np.ones([3, 3, 2, 5]), [2, 2], 'SAME').shape // [1, 8, 8, 5]
 */
export const convTranspose = (
  lhs: ArrayLike,
  rhs: ArrayLike,
  strides: readonly number[],
  padding: Padding,
  options: ConvTransposeOptions = {},
): NDArray => {
  const {
    rhsDilation,
    dimensionNumbers,
    transposeKernel = false,
    preferredElementType,
  } = checkOptions(
    'convTranspose',
    options,
    'rhsDilation dimensionNumbers transposeKernel preferredElementType precision',
  )
  const operation = 'convTranspose'
  const [x, y] = convolutionOperands(lhs, rhs, operation)
  const rank = x.ndim - 2
  const spatial = range(rank).map((d) => d + 1)
  const specs =
    dimensionNumbers === undefined
      ? {
          lhsSpec: [0, rank + 1, ...spatial],
          rhsSpec: [rank + 1, rank, ...range(rank)],
          outSpec: [0, rank + 1, ...spatial],
        }
      : convolutionSpecs(dimensionNumbers, x.ndim, operation)
  checkPerAxis(strides, rank, operation, 'strides')
  const dilation = checkPerAxis(rhsDilation ?? spatial.map(() => 1), rank, operation, 'rhsDilation')
  const [outFeatures, inFeatures, kernelSpatial] = splitSpec(specs.rhsSpec)
  const windows = dilatedSizes(sizesAlong(y.shape, kernelSpatial), dilation)
  const pads =
    padding === 'SAME' || padding === 'VALID'
      ? windows.map((window, d) => transposedPadding(window, known(strides[d], 'stride'), padding))
      : padding
  const flipped = transposeKernel ? rev(y, kernelSpatial) : y
  return run(
    x,
    flipped,
    spatial.map(() => 1),
    pads,
    transposeKernel ? { ...specs, rhsSpec: [inFeatures, outFeatures, ...kernelSpatial] } : specs,
    {
      lhsDilation: strides,
      rhsDilation: dilation,
      ...(preferredElementType !== undefined && { preferredElementType }),
    },
    operation,
  )
}
