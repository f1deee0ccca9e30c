/** Windows of images as features: what a convolution multiplies with its kernel. */
import { type ArrayLike, type NDArray, checkOptions, known, range, sizeOf } from '../core/index.js'
import { add, mul } from './arithmetic.js'
import { reshape, scalarOf, transpose } from './broadcasting.js'
import { convolutionSpecs, defaultSpecs, sizesAlong } from './convolution-numbers.js'
import type { ConvOptions } from './convolution.js'
import { gather } from './gather.js'
import { type Padding, checkPerAxis, dilatedSize, resolvePadding, windowCount } from './geometry.js'
import { asArray, convertElementType } from './operands.js'
import { broadcastedIota } from './shape.js'
import { pad } from './slicing.js'

/** Options of `convGeneralDilatedPatches`: those of the convolution, without groups. */
export type PatchesOptions = Omit<ConvOptions, 'featureGroupCount' | 'batchGroupCount'>

/** Slices of one axis, all that windows along it need: `count` windows of `size` elements, one after the other. */
const windowsAlong = (
  x: NDArray,
  axis: number,
  { count, size, stride, dilation }: Readonly<Record<'count' | 'size' | 'stride' | 'dilation', number>>,
): NDArray => {
  const starts = mul(broadcastedIota('int32', [count, size], 0), stride)
  const places = add(starts, mul(broadcastedIota('int32', [count, size], 1), dilation))
  return gather(
    x,
    reshape(places, [count * size, 1]),
    { offsetDims: range(x.ndim).filter((d) => d !== axis), collapsedSliceDims: [axis], startIndexMap: [axis] },
    x.shape.map((n, d) => (d === axis ? 1 : n)),
  )
}

/**
 * Every window that a convolution would multiply with its kernel, with its elements as features: the features of the result
 * are the input's, and within each the places of the window, as in the kernel. Values are copied, not multiplied.
 *
 * Throws ArgumentError for parameters that don't fit.
 *
 * @example
 * ```ts
 * const image = np.reshape(np.arange(9), [1, 1, 3, 3])
 * lax.convGeneralDilatedPatches(image, [2, 2], [1, 1], 'VALID').get(0, '...', 0, 0).js() // [0, 1, 3, 4]
 * ```
 */
export const convGeneralDilatedPatches = (
  lhs: ArrayLike,
  filterShape: readonly number[],
  windowStrides: readonly number[],
  padding: Padding,
  options: PatchesOptions = {},
): NDArray => {
  const operation = 'convGeneralDilatedPatches'
  const { lhsDilation, rhsDilation, dimensionNumbers, preferredElementType } = checkOptions(
    operation,
    options,
    'lhsDilation rhsDilation dimensionNumbers preferredElementType precision',
  )
  const given = asArray(lhs, operation)
  const rank = given.ndim - 2
  const ones = range(Math.max(0, rank)).map(() => 1)
  const holes = checkPerAxis(lhsDilation ?? ones, rank, operation, 'lhsDilation')
  const dilations = checkPerAxis(rhsDilation ?? ones, rank, operation, 'rhsDilation')
  checkPerAxis(windowStrides, rank, operation, 'windowStrides')
  checkPerAxis(filterShape, rank, operation, 'filterShape')
  const specs =
    dimensionNumbers === undefined
      ? defaultSpecs(given.ndim)
      : convolutionSpecs(dimensionNumbers, given.ndim, operation)
  const sizes = sizesAlong(given.shape, specs.lhsSpec.slice(2)).map((n, d) =>
    dilatedSize(n, known(holes[d], 'dilation')),
  )
  const spans = filterShape.map((n, d) => dilatedSize(n, known(dilations[d], 'dilation')))
  const pads = resolvePadding(padding, sizes, spans, windowStrides, operation)
  const inside = pads.map(([low, high], d): [number, number, number] => [low, high, known(holes[d], 'dilation') - 1])
  // Batch, features, then the spatial axes; each of these becomes windows and places in them.
  let x = pad(transpose(given, specs.lhsSpec), scalarOf(0, given), [[0, 0, 0], [0, 0, 0], ...inside])
  const counts = filterShape.map((_, d) =>
    windowCount(known(x.shape[d + 2], 'size'), known(spans[d], 'span'), known(windowStrides[d], 'stride')),
  )
  filterShape.forEach((size, d) => {
    const [count, stride] = [known(counts[d], 'count'), known(windowStrides[d], 'stride')]
    x = windowsAlong(x, d + 2, { count, size, stride, dilation: known(dilations[d], 'dilation') })
  })
  const [batch = 0, features = 0] = x.shape
  const split = reshape(x, [batch, features, ...counts.flatMap((count, d) => [count, known(filterShape[d], 'size')])])
  const places = filterShape.map((_, d) => 3 + 2 * d)
  const windows = counts.map((_, d) => 2 + 2 * d)
  const flat = reshape(transpose(split, [0, 1, ...places, ...windows]), [
    batch,
    features * sizeOf(filterShape),
    ...counts,
  ])
  const out = transpose(
    flat,
    range(flat.ndim).map((d) => specs.outSpec.indexOf(d)),
  )
  return preferredElementType === undefined ? out : convertElementType(out, preferredElementType)
}
