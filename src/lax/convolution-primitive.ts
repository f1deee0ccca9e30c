/** The convolution primitive: its derivatives are convolutions too, and so are its batches. */
import {
  type NDArray,
  type Primitive,
  type SampleArray,
  type ShapedArray,
  bindOne,
  definePrimitive,
  isLinear,
  known,
  knownInput,
  range,
  withAxis,
  withoutAxis,
} from '../core/index.js'
import { filled, moveAxis, reshape } from './broadcasting.js'
import { lowerConvolution } from './convolution-lowering.js'
import {
  type ConvolutionParams,
  convolutionAval,
  defaultSpecs,
  parseConvolution,
  printConvolution,
  sizesAlong,
  splitSpec,
} from './convolution-numbers.js'
import { addAny, numeric } from './elementwise.js'
import { dilatedSize } from './geometry.js'
import { convertElementType } from './operands.js'
import { rev } from './shape.js'

/** Splits an axis into `outer` blocks: axis `axis` becomes the blocks, `axis + 1` what is inside of each. */
const splitAxis = (x: NDArray, axis: number, outer: number): NDArray => {
  const size = known(x.shape[axis], 'size')
  return reshape(x, [...x.shape.slice(0, axis), outer, outer === 0 ? 0 : size / outer, ...x.shape.slice(axis + 1)])
}

/** Makes axis `from` the outer part of axis `into`, which is counted without `from`. */
const mergeAxis = (x: NDArray, from: number, into: number): NDArray => {
  const moved = moveAxis(x, from, into)
  const [outer, inner] = [known(moved.shape[into], 'size'), known(moved.shape[into + 1], 'size')]
  return reshape(moved, [...moved.shape.slice(0, into), outer * inner, ...moved.shape.slice(into + 2)])
}

const swapped = (spec: readonly number[]): number[] => {
  const [first, second, spatial] = splitSpec(spec)
  return [second, first, ...spatial]
}

/** Spatial sizes of operands and result, with and without holes. */
const spatialSizes = (lhs: readonly number[], rhs: readonly number[], out: readonly number[], p: ConvolutionParams) => {
  const { lhsSpec, rhsSpec, outSpec } = p.dimensionNumbers
  const dilate = (sizes: readonly number[], by: readonly number[]): number[] =>
    sizes.map((n, d) => dilatedSize(n, known(by[d], 'dilation')))
  return {
    lhs: dilate(sizesAlong(lhs, lhsSpec.slice(2)), p.lhsDilation),
    rhs: dilate(sizesAlong(rhs, rhsSpec.slice(2)), p.rhsDilation),
    out: dilate(sizesAlong(out, outSpec.slice(2)), p.windowStrides),
  }
}

/** In the dtype of an operand that it belongs to. */
const like = (x: NDArray, aval: ShapedArray): NDArray =>
  x.dtype === aval.dtype ? x : convertElementType(x, aval.dtype)

/** Cotangent of the input: the result's, spread by the strides, convolved with the flipped kernel. */
const inputCotangent = (ct: NDArray, lhs: ShapedArray, kernel: NDArray, params: ConvolutionParams): NDArray => {
  const { lhsSpec, rhsSpec, outSpec } = params.dimensionNumbers
  const { featureGroupCount, batchGroupCount } = params
  const groups = Math.max(featureGroupCount, batchGroupCount)
  const [outFeatures, inFeatures, spatial] = splitSpec(rhsSpec)
  const sizes = spatialSizes(lhs.shape, kernel.shape, ct.shape, params)
  // The kernel's groups move from its output features to its input features.
  const regrouped = groups > 1 ? mergeAxis(splitAxis(kernel, outFeatures, groups), outFeatures, inFeatures) : kernel
  const out = convolve(ct, rev(like(regrouped, ct.aval), spatial), {
    windowStrides: params.lhsDilation,
    padding: params.padding.map(([low], d): [number, number] => {
      const window = known(sizes.rhs[d], 'size')
      const before = window - low - 1
      return [before, known(sizes.lhs[d], 'size') + window - 1 - known(sizes.out[d], 'size') - before]
    }),
    lhsDilation: params.windowStrides,
    rhsDilation: params.rhsDilation,
    dimensionNumbers: { lhsSpec: outSpec, rhsSpec: swapped(rhsSpec), outSpec: lhsSpec },
    featureGroupCount: groups,
    batchGroupCount: 1,
  })
  if (batchGroupCount === 1) return out
  const [batchAxis, featureAxis] = splitSpec(lhsSpec)
  return mergeAxis(splitAxis(out, featureAxis, batchGroupCount), featureAxis, batchAxis)
}

/** Cotangent of the kernel: the input convolved with the result's cotangent, batch and features having changed places. */
const kernelCotangent = (ct: NDArray, lhs: NDArray, kernel: ShapedArray, params: ConvolutionParams): NDArray => {
  const { lhsSpec, rhsSpec, outSpec } = params.dimensionNumbers
  const sizes = spatialSizes(lhs.shape, kernel.shape, ct.shape, params)
  return convolve(like(lhs, ct.aval), ct, {
    windowStrides: params.rhsDilation,
    padding: params.padding.map(([low], d): [number, number] => {
      const reach = known(sizes.out[d], 'size') + known(sizes.rhs[d], 'size') - 1
      return [low, reach - known(sizes.lhs[d], 'size') - low]
    }),
    lhsDilation: params.lhsDilation,
    rhsDilation: params.windowStrides,
    dimensionNumbers: { lhsSpec: swapped(lhsSpec), rhsSpec: swapped(outSpec), outSpec: swapped(rhsSpec) },
    featureGroupCount: params.batchGroupCount,
    batchGroupCount: params.featureGroupCount,
  })
}

/** Both operands are batched: members become groups. */
const batchBoth = (lhs: NDArray, rhs: NDArray, p: number, q: number, params: ConvolutionParams, size: number) => {
  const { dimensionNumbers, batchGroupCount, featureGroupCount } = params
  const [lhsBatch, lhsFeature] = splitSpec(dimensionNumbers.lhsSpec)
  const [rhsOut] = splitSpec(dimensionNumbers.rhsSpec)
  const [, outFeature] = splitSpec(dimensionNumbers.outSpec)
  const grouped = batchGroupCount > 1
  const out = convolve(mergeAxis(lhs, p, grouped ? lhsBatch : lhsFeature), mergeAxis(rhs, q, rhsOut), {
    ...params,
    batchGroupCount: grouped ? batchGroupCount * size : 1,
    featureGroupCount: grouped ? 1 : featureGroupCount * size,
  })
  return [splitAxis(out, outFeature, size), outFeature] as const
}

/** Puts a batch axis inside of the groups that are the outer part of another axis. */
const mergeInsideGroups = (x: NDArray, batchAxis: number, into: number, groups: number): NDArray => {
  const split = splitAxis(moveAxis(x, batchAxis, 0), into + 1, groups)
  // Axes: batch, ..., groups at into + 1, the rest of the axis at into + 2.
  const inner = mergeAxis(split, 0, into + 1)
  return mergeAxis(inner, into, into)
}

/** Only the input is batched: members join its batch. */
const batchInput = (lhs: NDArray, rhs: NDArray, p: number, params: ConvolutionParams, size: number) => {
  const [lhsBatch] = splitSpec(params.dimensionNumbers.lhsSpec)
  const [outBatch] = splitSpec(params.dimensionNumbers.outSpec)
  const merged =
    params.batchGroupCount === 1
      ? mergeAxis(lhs, p, lhsBatch)
      : mergeInsideGroups(lhs, p, lhsBatch, params.batchGroupCount)
  return [splitAxis(convolve(merged, rhs, params), outBatch, size), outBatch] as const
}

/** Only the kernel is batched: members join its output features, inside of the groups if there are some. */
const batchKernel = (lhs: NDArray, rhs: NDArray, q: number, params: ConvolutionParams, size: number) => {
  const groups = Math.max(params.featureGroupCount, params.batchGroupCount)
  const [rhsOut] = splitSpec(params.dimensionNumbers.rhsSpec)
  const [, outFeature] = splitSpec(params.dimensionNumbers.outSpec)
  if (groups === 1) {
    return [splitAxis(convolve(lhs, mergeAxis(rhs, q, rhsOut), params), outFeature, size), outFeature] as const
  }
  const out = convolve(lhs, mergeInsideGroups(rhs, q, rhsOut, groups), params)
  const split = splitAxis(splitAxis(out, outFeature, groups), outFeature + 1, size)
  return [mergeAxis(split, outFeature, outFeature + 1), outFeature] as const
}

const sampleConvolution = (
  draw: Parameters<Primitive['sample']>[0],
): { readonly inputs: readonly SampleArray[]; readonly params: ConvolutionParams } => {
  const rank = draw.integer(1, 2)
  const dtype = draw.pick(numeric)
  const perAxis = (min: number, max: number): number[] => range(rank).map(() => draw.integer(min, max))
  const [featureGroupCount, batchGroupCount] = draw.pick<readonly [number, number]>([
    [1, 1],
    [1, 1],
    [2, 1],
    [1, 2],
  ])
  const groups = featureGroupCount * batchGroupCount
  const inputs = draw.integer(1, 2)
  const lhs = [batchGroupCount * draw.integer(1, 2), inputs * featureGroupCount, ...perAxis(1, 4)]
  const rhs = [groups * draw.integer(1, 2), inputs, ...perAxis(1, 3)]
  const specs = defaultSpecs(rank + 2)
  // Channels last, for half of the samples.
  const last = draw.boolean()
  const layout = (shape: readonly number[]): number[] =>
    last ? [known(shape[0], 'size'), ...shape.slice(2), known(shape[1], 'size')] : [...shape]
  const spec = last ? [0, rank + 1, ...range(rank).map((d) => d + 1)] : specs.lhsSpec
  return {
    inputs: [draw.array(layout(lhs), dtype), draw.array(layout(rhs), dtype)],
    params: {
      windowStrides: perAxis(1, 2),
      padding: range(rank).map((): [number, number] => [draw.integer(-1, 2), draw.integer(0, 2)]),
      lhsDilation: perAxis(1, 2),
      rhsDilation: perAxis(1, 2),
      dimensionNumbers: { lhsSpec: spec, rhsSpec: spec, outSpec: spec },
      featureGroupCount,
      batchGroupCount,
    },
  }
}

const convolutionPrimitive: Primitive<ConvolutionParams> = definePrimitive<ConvolutionParams>({
  name: 'conv_general_dilated',
  abstract: ([x, y], params) => [convolutionAval(known(x, 'input'), known(y, 'kernel'), params)],
  jvp: ([x, y], [s, t], params) => {
    const lhs = known(x, 'input')
    const rhs = known(y, 'kernel')
    const fromLhs = s === null || s === undefined ? null : convolve(s, rhs, params)
    const fromRhs = t === null || t === undefined ? null : convolve(lhs, t, params)
    const tangent = fromLhs !== null && fromRhs !== null ? addAny(fromLhs, fromRhs) : (fromLhs ?? fromRhs)
    return [[convolve(lhs, rhs, params)], [tangent]]
  },
  transpose: ([cotangent], [x, y], params) => {
    const ct = known(cotangent ?? undefined, 'cotangent')
    if (isLinear(x)) {
      return [ct.size === 0 ? filled(0, x.aval) : like(inputCotangent(ct, x.aval, knownInput(y), params), x.aval), null]
    }
    if (!isLinear(y)) return [null, null]
    return [null, ct.size === 0 ? filled(0, y.aval) : like(kernelCotangent(ct, knownInput(x), y.aval, params), y.aval)]
  },
  batch: ([x, y], [p, q], params, { size }) => {
    const lhs = known(x, 'input')
    const rhs = known(y, 'kernel')
    const i = p ?? null
    const j = q ?? null
    if (size === 0) {
      const member = convolutionAval(
        i === null ? lhs.aval : withoutAxis(lhs.aval, i),
        j === null ? rhs.aval : withoutAxis(rhs.aval, j),
        params,
      )
      return [[filled(0, withAxis(member, 0, 0))], [0]]
    }
    const [out, axis] =
      i === null
        ? batchKernel(lhs, rhs, j ?? 0, params, size)
        : j === null
          ? batchInput(lhs, rhs, i, params, size)
          : batchBoth(lhs, rhs, i, j, params, size)
    return [[out], [axis]]
  },
  lower: (compiler, [x, y], params, [out]) => [
    lowerConvolution(compiler, known(x, 'input'), known(y, 'kernel'), params, known(out, 'result')),
  ],
  sample: sampleConvolution,
  print: printConvolution,
  parse: (printed, _, outputs) => parseConvolution(printed, outputs),
})

/** The convolution of two arrays under canonical parameters. */
export const convolve = (lhs: NDArray, rhs: NDArray, params: ConvolutionParams): NDArray =>
  bindOne(convolutionPrimitive, [lhs, rhs], params)
