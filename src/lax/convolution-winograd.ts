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
  dtypeBytes,
  e,
  known,
  range,
  shapedArray,
  sizeOf,
} from '../core/index.js'
import { type ConvolutionParams, type KernelSide, sizesAlong, splitSpec } from './convolution-numbers.js'
import { allOf, guarded } from './geometry.js'
import { type Row, combine, combineBoth, ofKernel, ofProducts, ofTile, transposed } from './winograd-transforms.js'

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

/** The input [members, height, width, features] with its padding in memory, so that no tile needs a condition. */
const paddedInput = (
  compiler: Lowering,
  lhs: Delayed,
  spatial: readonly number[],
  params: ConvolutionParams,
  tiles: readonly number[],
): Delayed => {
  const [members = 0, , , features = 0] = lhs.aval.shape
  const low = params.padding.map(([before]) => before)
  return compiler.materialize({
    aval: shapedArray([members, ...tiles.map((n) => 2 * n + 2), features], 'float32'),
    at: (index) => spatialElement(lhs, spatial, index, low),
  })
}

/** An array in memory whose axis `axis` are the rows of a transform; `valueAt` gets the index without it. */
const transformed = (
  compiler: Lowering,
  rows: readonly Row[],
  shape: readonly number[],
  axis: number,
  valueAt: (place: number, rest: readonly Expression[]) => Expression,
): Delayed =>
  compiler.materialize({
    aval: shapedArray([...shape.slice(0, axis), rows.length, ...shape.slice(axis)], 'float32'),
    at: (index) => {
      const rest = index.toSpliced(axis, 1)
      const value = (i: number): Expression => combine(row(rows, i), (place) => valueAt(place, rest))
      const last = rows.length - 1
      return range(last).reduceRight(
        (others, i) => e.select(e.compare('eq', at(index, axis), e.index(i)), value(i), others),
        value(last),
      )
    },
  })

/** The transformed tiles of a padded input: [members, 4, 4, ...tiles, features]. */
const tiledInput = (
  compiler: Lowering,
  padded: Delayed,
  members: number,
  [height = 0, width = 0]: readonly number[],
  features: number,
): Delayed => {
  // One axis after the other: twice four short sums are less code than sixteen, and no more work.
  const rows = transformed(compiler, ofTile, [members, height, 2 * width + 2, features], 1, (p, index) =>
    padded.at([at(index, 0), twice(at(index, 1), p), at(index, 2), at(index, 3)]),
  )
  return transformed(compiler, ofTile, [members, 4, height, width, features], 2, (q, index) =>
    rows.at([at(index, 0), at(index, 1), at(index, 2), twice(at(index, 3), q), at(index, 4)]),
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
  const kernelRows = transformed(compiler, ofKernel, [3, inputs, outputs], 0, (p, [q, c, o]) =>
    e.convert(weight(e.index(0), known(o, 'feature'), known(c, 'feature'), [e.index(p), known(q, 'place')]), dtype),
  )
  const kernels = transformed(compiler, ofKernel, [4, inputs, outputs], 1, (q, [i, c, o]) =>
    kernelRows.at([known(i, 'row'), e.index(q), known(c, 'feature'), known(o, 'feature')]),
  )
  const padded = paddedInput(compiler, lhs, lhsSpatial, params, tiles)
  const inputTiles = tiledInput(compiler, padded, members, tiles, inputs)
  const products = compiler.contract({
    batch: [members, 4, 4],
    rows: tiles,
    columns: [outputs],
    inner: [inputs],
    dtype,
    left: (batch, rows, inner) => inputTiles.at([...batch, ...rows, at(inner, 0)]),
    right: ([, i, j], columns, inner) =>
      kernels.at([known(i, 'place'), known(j, 'place'), at(inner, 0), at(columns, 0)]),
  })
  return {
    aval,
    at: (index) => {
      const [y, x] = [0, 1].map((d) => at(index, known(outSpatial[d], 'axis')))
      const halves = [y, x].map((i) => e.binary('div', known(i, 'index'), e.index(2)))
      const isFirst = (i: Expression | undefined): Expression =>
        e.compare('eq', e.binary('rem', known(i, 'index'), e.index(2)), e.index(0))
      const result = (a: number, b: number): Expression =>
        combineBoth(row(ofProducts, a), row(ofProducts, b), (i, j) =>
          products.at([at(index, outBatch), e.index(i), e.index(j), ...halves, at(index, outFeature)]),
        )
      const ofRow = (a: number): Expression => e.select(isFirst(x), result(a, 0), result(a, 1))
      return e.select(isFirst(y), ofRow(0), ofRow(1))
    },
  }
}

/** Largest sum of products of a member, in bytes: several of them must fit a cache beside what they are made of. */
const mostSummedBytes = 1 << 18

/** Operands of the gradient of a kernel: the padded input, and an element of the result's gradient at an index like its own. */
interface GradientOperands {
  readonly members: number
  readonly tiles: readonly number[]
  readonly inputs: number
  readonly outputs: number
  readonly padded: Delayed
  readonly gradient: (index: readonly Expression[]) => Expression
}

const toProducts = transposed(ofProducts)
const toKernel = transposed(ofKernel)

/** Sums of products of transformed tiles at every place, one product for each member and place: [4, 4, inputs, outputs]. */
const summedByMember = (compiler: Lowering, operands: GradientOperands) => {
  const { members, tiles, inputs, outputs, padded, gradient } = operands
  const [height = 0, width = 0] = tiles
  const tiled = tiledInput(compiler, padded, members, tiles, inputs)
  const rows = transformed(compiler, toProducts, [members, height, 2 * width, outputs], 1, (p, index) =>
    gradient([at(index, 0), twice(at(index, 1), p), at(index, 2), at(index, 3)]),
  )
  const gradients = transformed(compiler, toProducts, [members, 4, height, width, outputs], 2, (q, index) =>
    rows.at([at(index, 0), at(index, 1), at(index, 2), twice(at(index, 3), q), at(index, 4)]),
  )
  const products = compiler.contract({
    batch: [members, 4, 4],
    rows: [inputs],
    columns: [outputs],
    inner: tiles,
    dtype: 'float32',
    left: (batch, [c], inner) => tiled.at([...batch, ...inner, known(c, 'feature')]),
    right: (batch, [o], inner) => gradients.at([...batch, ...inner, known(o, 'feature')]),
  })
  return compiler.reduce({
    aval: shapedArray([4, 4, inputs, outputs], 'float32'),
    extents: [members],
    combine: 'add',
    init: 0,
    element: (index, member) => products.at([...member, ...index]),
  })
}

/** The same as one product over all tiles for every place: the sums of wide kernels are too large to have one of a member. */
const summedByPlace = (compiler: Lowering, operands: GradientOperands): readonly Delayed[] => {
  const { members, tiles, inputs, outputs, padded, gradient } = operands
  const both = places.map(([i, j]) => ({
    input: compiler.materialize({
      aval: shapedArray([members, ...tiles, inputs], 'float32'),
      at: (index) =>
        combineBoth(row(ofTile, i), row(ofTile, j), (p, q) =>
          padded.at([at(index, 0), twice(at(index, 1), p), twice(at(index, 2), q), at(index, 3)]),
        ),
    }),
    gradient: compiler.materialize({
      aval: shapedArray([members, ...tiles, outputs], 'float32'),
      at: (index) =>
        combineBoth(row(toProducts, i), row(toProducts, j), (p, q) =>
          gradient([at(index, 0), twice(at(index, 1), p), twice(at(index, 2), q), at(index, 3)]),
        ),
    }),
  }))
  return both.map((side) =>
    compiler.contract({
      batch: [],
      rows: [inputs],
      columns: [outputs],
      inner: [members, ...tiles],
      dtype: 'float32',
      left: (_, [c], inner) => side.input.at([...inner, known(c, 'feature')]),
      right: (_, [o], inner) => side.gradient.at([...inner, known(o, 'feature')]),
    }),
  )
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
  const inputs = known(lhs.aval.shape[3], 'features')
  const tiles = tilesOf(sizesAlong(rhs.aval.shape, rhsSpatial))
  const operands: GradientOperands = {
    members,
    tiles,
    inputs,
    outputs,
    padded: paddedInput(compiler, lhs, lhsSpatial, params, tiles),
    gradient: (index) => spatialElement(rhs, rhsSpatial, index, [0, 0]),
  }
  const spread = (index: readonly Expression[]) => ({
    p: at(index, known(outSpatial[0], 'axis')),
    q: at(index, known(outSpatial[1], 'axis')),
    c: at(index, outBatch),
    o: at(index, outFeature),
  })
  if (16 * inputs * outputs * dtypeBytes('float32') <= mostSummedBytes) {
    const sums = summedByMember(compiler, operands)
    // What an optimizer does with a gradient would be written out nine times if this were not in memory.
    const rows = transformed(compiler, toKernel, [4, inputs, outputs], 0, (i, index) => sums.at([e.index(i), ...index]))
    const kernel = transformed(compiler, toKernel, [3, inputs, outputs], 1, (j, [p, c, o]) =>
      rows.at([known(p, 'place'), e.index(j), known(c, 'feature'), known(o, 'feature')]),
    )
    return {
      aval,
      at: (index) => {
        const { p, q, c, o } = spread(index)
        return kernel.at([p, q, c, o])
      },
    }
  }
  const sums = summedByPlace(compiler, operands)
  return {
    aval,
    at: (index) => {
      const { p, q, c, o } = spread(index)
      const sum = (a: number, b: number): Expression =>
        combineBoth(row(toKernel, a), row(toKernel, b), (i, j) => known(sums[4 * i + j], 'product').at([c, o]))
      const isAt = (place: Expression, i: number): Expression => e.compare('eq', place, e.index(i))
      const ofRow = (a: number): Expression =>
        e.select(isAt(q, 0), sum(a, 0), e.select(isAt(q, 1), sum(a, 1), sum(a, 2)))
      return e.select(isAt(p, 0), ofRow(0), e.select(isAt(p, 1), ofRow(1), ofRow(2)))
    },
  }
}
