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
import { isWinograd, isWinogradGradient, lowerWinograd, lowerWinogradGradient } from './convolution-winograd.js'
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

/** The innermost axis with more than one element. */
const lastAxis = (shape: readonly number[]): number => {
  for (let axis = shape.length - 1; axis > 0; axis--) if (shape[axis] !== 1) return axis
  return 0
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
  if (!compiler.whole) {
    if (isWinograd(params, kernel, aval)) return lowerWinograd(compiler, lhs, params, aval, kernel)
    if (isWinogradGradient(params, kernel, aval)) return lowerWinogradGradient(compiler, lhs, rhs, params, aval)
  }
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
  // Where places along a row are neighbours, so are they in the packed windows: those of a member stay together then too.
  const isAlongRows = lhsSpatial.includes(lastAxis(lhs.aval.shape))
  const isMemberwise =
    !featuresFirst &&
    isAlongRows &&
    outBatch === otherAxes[0] &&
    sizeOf(sizesAlong(aval.shape, outSpatial)) >= leastWindows
  const before = featuresFirst ? otherAxes.filter((axis) => axis < outFeature) : isMemberwise ? [outBatch] : []
  const windows = featuresFirst ? after : isMemberwise ? otherAxes.slice(1) : otherAxes
  // What is summed over members, as kernels' gradients are, is then a sum of one product for each.
  const isSummed =
    isAlongRows &&
    lhsFeature === innerAxes[0] &&
    inputs > 1 &&
    sizeOf(kernelSizes) >= leastWindows &&
    sizeOf(aval.shape) * inputs <= sizeOf(lhs.aval.shape) + sizeOf(rhs.aval.shape) &&
    !isHalf(aval.dtype)
  const first = isSummed ? 1 : 0
  const wholeInner = (batch: readonly Expression[], inner: readonly Expression[]): readonly Expression[] =>
    isSummed ? [known(batch[0], 'member'), ...inner] : inner
  const group = (batch: readonly Expression[]): Expression => batch[first + before.length] ?? e.index(0)
  const inputSide = (batch: readonly Expression[], window: readonly Expression[], inner: readonly Expression[]) => {
    const at = (axis: number): Expression =>
      known(before.includes(axis) ? batch[first + before.indexOf(axis)] : window[windows.indexOf(axis)], 'index')
    const all = wholeInner(batch, inner)
    return element(group(batch), at(outBatch), channel(all), outSpatial.map(at), place(all))
  }
  const kernelSide = (batch: readonly Expression[], [o]: readonly Expression[], inner: readonly Expression[]) => {
    const all = wholeInner(batch, inner)
    return weight(group(batch), known(o, 'index'), channel(all), place(all))
  }
  const windowSizes = sizesAlong(aval.shape, windows)
  const product = compiler.contract({
    batch: [...innerSizes.slice(0, first), ...sizesAlong(aval.shape, before), ...(groups > 1 ? [groups] : [])],
    rows: featuresFirst ? [outputs] : windowSizes,
    columns: featuresFirst ? windowSizes : [outputs],
    inner: innerSizes.slice(first),
    dtype: aval.dtype,
    left: featuresFirst ? kernelSide : inputSide,
    right: featuresFirst ? inputSide : kernelSide,
  })
  const inProduct = (index: readonly Expression[]): readonly Expression[] => {
    const pick = (axes: readonly number[]): Expression[] => axes.map((axis) => known(index[axis], 'index'))
    const feature = known(index[outFeature], 'index')
    const size = e.index(outputs)
    const o = groups > 1 ? e.binary('rem', feature, size) : feature
    const g = groups > 1 ? [e.binary('div', feature, size)] : []
    return [...pick(before), ...g, ...(featuresFirst ? [o, ...pick(windows)] : [...pick(windows), o])]
  }
  if (!isSummed) return { aval, at: (index) => product.at(inProduct(index)) }
  return compiler.reduce({
    aval,
    extents: [inputs],
    combine: 'add',
    init: 0,
    element: (index, member) => product.at([...member, ...inProduct(index)]),
  })
}
