/**
 * Winograd's minimal filtering F(2x2, 3x3): four neighbouring results from 16 products instead of 36. Tiles of 4x4 elements and
 * the kernel are transformed, 16 matrix products over the features join them, and sums of those are the results. The gradient
 * of the kernel goes the same way back: products of the same tiles with transformed gradients, summed over all tiles.
 * A. Lavin and S. Gray, Fast algorithms for convolutional neural networks, 2015 (arXiv:1509.09308), section 4.1.
 */
import {
  type Delayed,
  type Expression,
  type Lowering,
  type ShapedArray,
  e,
  known,
  range,
  shapedArray,
  sizeOf,
} from '../core/index.js'
import { type ConvolutionParams, type KernelSide, sizesAlong, splitSpec } from './convolution-numbers.js'
import { allOf, guarded } from './geometry.js'
import { type Row, combineBoth, ofKernel, ofProducts, ofTile, transposed } from './winograd-transforms.js'

/** Features from which on the products outweigh the transforms, and sides below which tiles are mostly border. */
const fewestFeatures = 16
const smallestSide = 4
/** Tiles that make a matrix product worth its start. */
const fewestTiles = 32

/** Rows of two results each. */
const tilesOf = (sizes: readonly number[]): number[] => sizes.map((n) => Math.ceil(n / 2))

const isPlain = ({ windowStrides, lhsDilation, rhsDilation }: ConvolutionParams, groups: number): boolean =>
  groups === 1 && [...windowStrides, ...lhsDilation, ...rhsDilation].every((n) => n === 1)

const isThreeByThree = (sizes: readonly number[]): boolean => sizes.length === 2 && sizes.every((n) => n === 3)

const isWorthIt = (members: number, sides: readonly number[], ...features: readonly number[]): boolean =>
  features.every((n) => n >= fewestFeatures) &&
  sides.every((n) => n >= smallestSide) &&
  members * sizeOf(tilesOf(sides)) >= fewestTiles

/** Whether a convolution is computed this way: 3x3 without strides and holes, features last and enough of them, float32. */
export const isWinograd = (
  params: ConvolutionParams,
  { sizes, inputs, outputs, groups }: KernelSide,
  { shape, dtype }: ShapedArray,
): boolean => {
  const [lhsBatch, lhsFeature] = params.dimensionNumbers.lhsSpec
  const [outBatch, outFeature, ...outSpatial] = params.dimensionNumbers.outSpec
  return (
    isPlain(params, groups) &&
    dtype === 'float32' &&
    isThreeByThree(sizes) &&
    [lhsBatch, outBatch].every((axis) => axis === 0) &&
    [lhsFeature, outFeature].every((axis) => axis === 3) &&
    isWorthIt(known(shape[0], 'members'), sizesAlong(shape, outSpatial), inputs, outputs)
  )
}

/**
 * Whether a convolution is the gradient of such a kernel: features are its batch, members are summed over, and the kernel is
 * the gradient of the result.
 */
export const isWinogradGradient = (
  params: ConvolutionParams,
  { sizes, inputs, outputs, groups }: KernelSide,
  { shape, dtype }: ShapedArray,
): boolean => {
  const [lhsBatch, lhsFeature] = params.dimensionNumbers.lhsSpec
  const [rhsOut, rhsIn] = params.dimensionNumbers.rhsSpec
  const [outBatch, , ...outSpatial] = params.dimensionNumbers.outSpec
  return (
    isPlain(params, groups) &&
    dtype === 'float32' &&
    isThreeByThree(sizesAlong(shape, outSpatial)) &&
    [lhsFeature, rhsIn].every((axis) => axis === 0) &&
    [lhsBatch, rhsOut].every((axis) => axis === 3) &&
    isWorthIt(inputs, sizes, known(shape[known(outBatch, 'axis')], 'features'), outputs)
  )
}

const at = (index: readonly Expression[], d: number): Expression => known(index[d], 'index')
const row = (rows: readonly Row[], i: number): Row => known(rows[i], 'row of a transform')
const twice = (x: Expression, more: number): Expression =>
  e.binary('add', e.binary('mul', x, e.index(2)), e.index(more))
/** The places of a transformed tile. */
const places = range(16).map((k): readonly [number, number] => [k >> 2, k & 3])

/** The element of [members, height, width, features] in the spatial order of a spec, 0 outside. */
const spatialElement = (
  x: Delayed,
  spatial: readonly number[],
  index: readonly Expression[],
  low: readonly number[],
): Expression => {
  const guards = spatial.map((axis, d) =>
    guarded(e.binary('sub', at(index, d + 1), e.index(known(low[d], 'padding'))), known(x.aval.shape[axis], 'size')),
  )
  const from = [at(index, 0), e.index(0), e.index(0), at(index, 3)]
  spatial.forEach((axis, d) => {
    from[axis] = known(guards[d], 'guard').index
  })
  const element = e.convert(x.at(from), 'float32')
  return e.select(allOf(guards.map((guard) => guard.inside)), element, e.constant(0, 'float32'))
}

/** The transformed tiles of an input [members, height, width, features]: 16 arrays [members, ...tiles, features]. */
const inputTiles = (
  compiler: Lowering,
  lhs: Delayed,
  spatial: readonly number[],
  params: ConvolutionParams,
  tiles: readonly number[],
): readonly Delayed[] => {
  const [members = 0, , , features = 0] = lhs.aval.shape
  const low = params.padding.map(([before]) => before)
  // With the padding in memory, no tile needs a condition.
  const padded = compiler.materialize({
    aval: shapedArray([members, ...tiles.map((n) => 2 * n + 2), features], 'float32'),
    at: (index) => spatialElement(lhs, spatial, index, low),
  })
  return places.map(([i, j]) =>
    compiler.materialize({
      aval: shapedArray([members, ...tiles, features], 'float32'),
      at: (index) =>
        combineBoth(row(ofTile, i), row(ofTile, j), (p, q) =>
          padded.at([at(index, 0), twice(at(index, 1), p), twice(at(index, 2), q), at(index, 3)]),
        ),
    }),
  )
}

/** The result of such a convolution, element by element from the products of transformed tiles. */
export const lowerWinograd = (
  compiler: Lowering,
  lhs: Delayed,
  params: ConvolutionParams,
  aval: ShapedArray,
  { inputs, outputs, weight }: KernelSide,
): Delayed => {
  const [, , lhsSpatial] = splitSpec(params.dimensionNumbers.lhsSpec)
  const [outBatch, outFeature, outSpatial] = splitSpec(params.dimensionNumbers.outSpec)
  const members = known(aval.shape[outBatch], 'size')
  const tiles = tilesOf(sizesAlong(aval.shape, outSpatial))
  const { dtype } = aval
  const kernels = places.map(([i, j]) =>
    compiler.materialize({
      aval: shapedArray([inputs, outputs], dtype),
      at: ([c, o]) =>
        combineBoth(row(ofKernel, i), row(ofKernel, j), (p, q) =>
          e.convert(weight(e.index(0), known(o, 'feature'), known(c, 'feature'), [e.index(p), e.index(q)]), dtype),
        ),
    }),
  )
  const transformed = inputTiles(compiler, lhs, lhsSpatial, params, tiles)
  const products = places.map((_, k) =>
    compiler.contract({
      batch: [],
      rows: [members, ...tiles],
      columns: [outputs],
      inner: [inputs],
      dtype,
      left: (_batch, rows, inner) => known(transformed[k], 'tiles').at([...rows, at(inner, 0)]),
      right: (_batch, columns, inner) => known(kernels[k], 'kernel').at([at(inner, 0), at(columns, 0)]),
    }),
  )
  return {
    aval,
    at: (index) => {
      const [y, x] = [0, 1].map((d) => at(index, known(outSpatial[d], 'axis')))
      const halves = [y, x].map((i) => e.binary('div', known(i, 'index'), e.index(2)))
      const isFirst = (i: Expression | undefined): Expression =>
        e.compare('eq', e.binary('rem', known(i, 'index'), e.index(2)), e.index(0))
      const result = (a: number, b: number): Expression =>
        combineBoth(row(ofProducts, a), row(ofProducts, b), (i, j) =>
          known(products[4 * i + j], 'product').at([at(index, outBatch), ...halves, at(index, outFeature)]),
        )
      const ofRow = (a: number): Expression => e.select(isFirst(x), result(a, 0), result(a, 1))
      return e.select(isFirst(y), ofRow(0), ofRow(1))
    },
  }
}

/** The gradient of a kernel, element by element from sums of products of transformed tiles. */
export const lowerWinogradGradient = (
  compiler: Lowering,
  lhs: Delayed,
  rhs: Delayed,
  params: ConvolutionParams,
  aval: ShapedArray,
): Delayed => {
  const [, , lhsSpatial] = splitSpec(params.dimensionNumbers.lhsSpec)
  const [, , rhsSpatial] = splitSpec(params.dimensionNumbers.rhsSpec)
  const [outBatch, outFeature, outSpatial] = splitSpec(params.dimensionNumbers.outSpec)
  const [members = 0, , , outputs = 0] = rhs.aval.shape
  const tiles = tilesOf(sizesAlong(rhs.aval.shape, rhsSpatial))
  const { dtype } = aval
  const toProducts = transposed(ofProducts)
  const toKernel = transposed(ofKernel)
  const transformed = inputTiles(compiler, lhs, lhsSpatial, params, tiles)
  const gradients = places.map(([i, j]) =>
    compiler.materialize({
      aval: shapedArray([members, ...tiles, outputs], dtype),
      at: (index) =>
        combineBoth(row(toProducts, i), row(toProducts, j), (p, q) => {
          const place = [at(index, 0), twice(at(index, 1), p), twice(at(index, 2), q), at(index, 3)]
          return spatialElement(rhs, rhsSpatial, place, [0, 0])
        }),
    }),
  )
  const products = places.map((_, k) =>
    compiler.contract({
      batch: [],
      rows: [known(lhs.aval.shape[3], 'features')],
      columns: [outputs],
      inner: [members, ...tiles],
      dtype,
      left: (_batch, rows, inner) => known(transformed[k], 'tiles').at([...inner, at(rows, 0)]),
      right: (_batch, columns, inner) => known(gradients[k], 'gradients').at([...inner, at(columns, 0)]),
    }),
  )
  return {
    aval,
    at: (index) => {
      const [p, q] = [0, 1].map((d) => at(index, known(outSpatial[d], 'axis')))
      const sum = (a: number, b: number): Expression =>
        combineBoth(row(toKernel, a), row(toKernel, b), (i, j) =>
          known(products[4 * i + j], 'product').at([at(index, outBatch), at(index, outFeature)]),
        )
      const isAt = (place: Expression | undefined, i: number): Expression =>
        e.compare('eq', known(place, 'place'), e.index(i))
      const ofRow = (a: number): Expression =>
        e.select(isAt(q, 0), sum(a, 0), e.select(isAt(q, 1), sum(a, 1), sum(a, 2)))
      return e.select(isAt(p, 0), ofRow(0), e.select(isAt(p, 1), ofRow(1), ofRow(2)))
    },
  }
}
