/** How a convolution is computed: as matrix products of windows with the kernel, or as sums over windows when depthwise. */
import {
  type Delayed,
  type Expression,
  type Lowering,
  type ShapedArray,
  e,
  isHalf,
  known,
  sizeOf,
} from '../core/index.js'
import { isGathered, lowerGathered } from './convolution-gathered.js'
import { type ConvolutionParams, sizesAlong, splitSpec } from './convolution-numbers.js'
import { isWinograd, lowerWinograd } from './convolution-winograd.js'
import { allOf, guardedDilated } from './geometry.js'

/** The element of the input under a place of the kernel, 0 in padding and holes; in the order of the result's axes. */
const inputElement = (lhs: Delayed, params: ConvolutionParams) => {
  const [batchAxis, featureAxis, spatialAxes] = splitSpec(params.dimensionNumbers.lhsSpec)
  return (
    batch: Expression,
    feature: Expression,
    out: readonly Expression[],
    kernel: readonly Expression[],
  ): Expression => {
    const index = new Array<Expression>(lhs.aval.shape.length).fill(e.index(0))
    index[batchAxis] = batch
    index[featureAxis] = feature
    const inside = spatialAxes.map((axis, d) => {
      const start = e.binary('mul', known(out[d], 'index'), e.index(known(params.windowStrides[d], 'stride')))
      const offset = e.binary('mul', known(kernel[d], 'index'), e.index(known(params.rhsDilation[d], 'dilation')))
      const low = e.index(known(params.padding[d], 'padding')[0])
      const at = guardedDilated(
        e.binary('sub', e.binary('add', start, offset), low),
        known(lhs.aval.shape[axis], 'size'),
        known(params.lhsDilation[d], 'dilation'),
      )
      index[axis] = at.index
      return at.inside
    })
    return e.select(allOf(inside), lhs.at(index), e.constant(0, lhs.aval.dtype))
  }
}

const plus = (a: Expression, b: Expression, size: number): Expression =>
  e.binary('add', e.binary('mul', a, e.index(size)), b)

/** Below so many windows, one product per member of the batch is slower than one over all members and a transposition. */
const leastWindows = 128

/** The result of a convolution, element by element from a contraction. */
export const lowerConvolution = (
  compiler: Lowering,
  lhs: Delayed,
  rhs: Delayed,
  params: ConvolutionParams,
  aval: ShapedArray,
): Delayed => {
  const { lhsSpec, rhsSpec, outSpec } = params.dimensionNumbers
  const [lhsBatch, lhsFeature, lhsSpatial] = splitSpec(lhsSpec)
  const [rhsOut, rhsIn, rhsSpatial] = splitSpec(rhsSpec)
  const [outBatch, outFeature, outSpatial] = splitSpec(outSpec)
  const { featureGroupCount, batchGroupCount } = params
  const groups = Math.max(featureGroupCount, batchGroupCount)
  const outputs = known(rhs.aval.shape[rhsOut], 'size') / groups
  const inputs = known(rhs.aval.shape[rhsIn], 'size')
  const members = known(lhs.aval.shape[lhsBatch], 'size') / batchGroupCount
  if (sizeOf(lhs.aval.shape) === 0 || sizeOf(rhs.aval.shape) === 0) {
    return { aval, at: () => e.constant(0, aval.dtype) }
  }
  const input = inputElement(lhs, params)
  const element = (g: Expression, n: Expression, c: Expression, out: readonly Expression[], k: readonly Expression[]) =>
    input(batchGroupCount > 1 ? plus(g, n, members) : n, featureGroupCount > 1 ? plus(g, c, inputs) : c, out, k)
  const weight = (g: Expression, o: Expression, c: Expression, k: readonly Expression[]): Expression => {
    const index = new Array<Expression>(rhs.aval.shape.length).fill(e.index(0))
    index[rhsOut] = plus(g, o, outputs)
    index[rhsIn] = c
    rhsSpatial.forEach((axis, d) => {
      index[axis] = known(k[d], 'index')
    })
    return rhs.at(index)
  }
  const kernelSizes = sizesAlong(rhs.aval.shape, rhsSpatial)
  const kernel = { sizes: kernelSizes, inputs, outputs, groups, weight }
  const [from, to] = [sizesAlong(lhs.aval.shape, lhsSpatial), sizesAlong(aval.shape, outSpatial)]
  if (isGathered(params, kernel, from, to, aval.dtype)) return lowerGathered(compiler, lhs, params, aval, kernel)
  if (isWinograd(params, kernel, aval)) return lowerWinograd(compiler, lhs, params, aval, kernel)
  const innerAxes = [lhsFeature, ...lhsSpatial].sort((a, b) => a - b)
  const innerSizes = innerAxes.map((axis) =>
    axis === lhsFeature ? inputs : known(kernelSizes[lhsSpatial.indexOf(axis)], 'size'),
  )
  const channel = (inner: readonly Expression[]): Expression => known(inner[innerAxes.indexOf(lhsFeature)], 'index')
  const place = (inner: readonly Expression[]): Expression[] =>
    lhsSpatial.map((axis) => known(inner[innerAxes.indexOf(axis)], 'index'))
  const isDepthwise = outputs === 1 && groups > 1 && (inputs === 1 || (batchGroupCount > 1 && members === 1))
  if (isDepthwise && !isHalf(aval.dtype)) {
    // Nothing is shared between groups, so it is a sum rather than a matrix product: over a window, or for the gradient of a
    // kernel over all positions. Groups are neighbours in memory then, and the accumulators of a vector.
    return compiler.reduce({
      aval,
      extents: innerSizes,
      combine: 'add',
      init: 0,
      element: (index, inner) => {
        const at = (axis: number): Expression => known(index[axis], 'index')
        const [g, c, k] = [at(outFeature), channel(inner), place(inner)]
        const left = element(g, at(outBatch), c, outSpatial.map(at), k)
        return e.binary('mul', e.convert(left, aval.dtype), e.convert(weight(g, e.index(0), c, k), aval.dtype))
      },
    })
  }
  // Summed axes in the order of the input's memory, all others in the order of the result's, so that neighbours stay
  // neighbours. Features amid the other axes make one product for each index before them, if those are large enough.
  const otherAxes = [outBatch, ...outSpatial].sort((a, b) => a - b)
  const after = otherAxes.filter((axis) => axis > outFeature)
  const large = otherAxes.length === after.length || sizeOf(sizesAlong(aval.shape, after)) >= leastWindows
  const featuresFirst = after.length > 0 && large
  const before = featuresFirst ? otherAxes.filter((axis) => axis < outFeature) : []
  const windows = featuresFirst ? after : otherAxes
  const inputSide = (batch: readonly Expression[], window: readonly Expression[], inner: readonly Expression[]) => {
    const at = (axis: number): Expression =>
      known(before.includes(axis) ? batch[before.indexOf(axis)] : window[windows.indexOf(axis)], 'index')
    return element(group(batch), at(outBatch), channel(inner), outSpatial.map(at), place(inner))
  }
  const kernelSide = (batch: readonly Expression[], [o]: readonly Expression[], inner: readonly Expression[]) =>
    weight(group(batch), known(o, 'index'), channel(inner), place(inner))
  const group = (batch: readonly Expression[]): Expression => batch[before.length] ?? e.index(0)
  const windowSizes = sizesAlong(aval.shape, windows)
  const product = compiler.contract({
    batch: [...sizesAlong(aval.shape, before), ...(groups > 1 ? [groups] : [])],
    rows: featuresFirst ? [outputs] : windowSizes,
    columns: featuresFirst ? windowSizes : [outputs],
    inner: innerSizes,
    dtype: aval.dtype,
    left: featuresFirst ? kernelSide : inputSide,
    right: featuresFirst ? inputSide : kernelSide,
  })
  return {
    aval,
    at: (index) => {
      const pick = (axes: readonly number[]): Expression[] => axes.map((axis) => known(index[axis], 'index'))
      const feature = known(index[outFeature], 'index')
      const size = e.index(outputs)
      const o = groups > 1 ? e.binary('rem', feature, size) : feature
      const g = groups > 1 ? [e.binary('div', feature, size)] : []
      const place = featuresFirst ? [o, ...pick(windows)] : [...pick(windows), o]
      return product.at([...pick(before), ...g, ...place])
    },
  }
}
