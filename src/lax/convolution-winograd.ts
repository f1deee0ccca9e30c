/**
 * Winograd's minimal filtering F(2x2, 3x3): four neighbouring results from 16 products instead of 36. Tiles of 4x4 elements and
 * the kernel are transformed, 16 matrix products over the features join them, and sums of those are the results.
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

/** A row of a transform: factors of elements by their place. */
type Row = readonly (readonly [place: number, factor: number])[]

/** Of the elements of a tile, of the places of the kernel, and of the products, along one axis. */
const ofTile: readonly Row[] = [
  [
    [0, 1],
    [2, -1],
  ],
  [
    [1, 1],
    [2, 1],
  ],
  [
    [2, 1],
    [1, -1],
  ],
  [
    [1, 1],
    [3, -1],
  ],
]
const ofKernel: readonly Row[] = [
  [[0, 1]],
  [
    [0, 0.5],
    [1, 0.5],
    [2, 0.5],
  ],
  [
    [0, 0.5],
    [1, -0.5],
    [2, 0.5],
  ],
  [[2, 1]],
]
const ofProducts: readonly Row[] = [
  [
    [0, 1],
    [1, 1],
    [2, 1],
  ],
  [
    [1, 1],
    [2, -1],
    [3, -1],
  ],
]

/** Features from which on the products outweigh the transforms, and results below which tiles are mostly border. */
const fewestFeatures = 16
const smallestSide = 4
/** Tiles that make a matrix product worth its start. */
const fewestTiles = 32

/** `sum of factor * element(place)` over a row. */
const combine = (row: Row, element: (place: number) => Expression): Expression => {
  let sum: Expression | undefined
  for (const [place, factor] of row) {
    const x = element(place)
    const size = Math.abs(factor)
    const term = size === 1 ? x : e.binary('mul', x, e.constant(size, x.dtype))
    sum = sum === undefined ? term : e.binary(factor < 0 ? 'sub' : 'add', sum, term)
  }
  return known(sum, 'sum of a row')
}

/** The transform along both axes: rows of rows, so that what neighbours share is written once. */
const combineBoth = (rows: Row, columns: Row, element: (i: number, j: number) => Expression): Expression =>
  combine(columns, (j) => combine(rows, (i) => element(i, j)))

/** Whether a convolution is computed this way: 3x3 without strides and holes, features last and enough of them, float32. */
export const isWinograd = (
  { windowStrides, lhsDilation, rhsDilation, dimensionNumbers }: ConvolutionParams,
  { sizes, inputs, outputs, groups }: KernelSide,
  { shape, dtype }: ShapedArray,
): boolean => {
  const [lhsBatch, lhsFeature] = dimensionNumbers.lhsSpec
  const [outBatch, outFeature, ...outSpatial] = dimensionNumbers.outSpec
  const result = sizesAlong(shape, outSpatial)
  return (
    groups === 1 &&
    dtype === 'float32' &&
    Math.min(inputs, outputs) >= fewestFeatures &&
    sizes.length === 2 &&
    sizes.every((n) => n === 3) &&
    [...windowStrides, ...lhsDilation, ...rhsDilation].every((n) => n === 1) &&
    [lhsBatch, outBatch].every((axis) => axis === 0) &&
    [lhsFeature, outFeature].every((axis) => axis === 3) &&
    result.every((n) => n >= smallestSide) &&
    known(shape[0], 'members') * sizeOf(tilesOf(result)) >= fewestTiles
  )
}

const tilesOf = (result: readonly number[]): number[] => result.map((n) => Math.ceil(n / 2))

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
  const at = (index: readonly Expression[], d: number): Expression => known(index[d], 'index')
  const twice = (x: Expression, more: number): Expression =>
    e.binary('add', e.binary('mul', x, e.index(2)), e.index(more))
  // With the padding in memory, no tile needs a condition.
  const padded = compiler.materialize({
    aval: shapedArray([members, ...tiles.map((n) => 2 * n + 2), inputs], dtype),
    at: (index) => {
      const guards = lhsSpatial.map((axis, d) => {
        const [low] = known(params.padding[d], 'padding')
        return guarded(e.binary('sub', at(index, d + 1), e.index(low)), known(lhs.aval.shape[axis], 'size'))
      })
      const from = new Array<Expression>(4).fill(at(index, 0))
      lhsSpatial.forEach((axis, d) => {
        from[axis] = known(guards[d], 'guard').index
      })
      from[3] = at(index, 3)
      const element = e.convert(lhs.at(from), dtype)
      return e.select(allOf(guards.map((guard) => guard.inside)), element, e.constant(0, dtype))
    },
  })
  const both = range(16).map((k): readonly [number, number] => [k >> 2, k & 3])
  const row = (rows: readonly Row[], i: number): Row => known(rows[i], 'row of a transform')
  const kernels = both.map(([i, j]) =>
    compiler.materialize({
      aval: shapedArray([inputs, outputs], dtype),
      at: ([c, o]) =>
        combineBoth(row(ofKernel, i), row(ofKernel, j), (p, q) =>
          e.convert(weight(e.index(0), known(o, 'feature'), known(c, 'feature'), [e.index(p), e.index(q)]), dtype),
        ),
    }),
  )
  const inputTiles = both.map(([i, j]) =>
    compiler.materialize({
      aval: shapedArray([members, ...tiles, inputs], dtype),
      at: (index) =>
        combineBoth(row(ofTile, i), row(ofTile, j), (p, q) =>
          padded.at([at(index, 0), twice(at(index, 1), p), twice(at(index, 2), q), at(index, 3)]),
        ),
    }),
  )
  const products = both.map((_, k) =>
    compiler.contract({
      batch: [],
      rows: [members, ...tiles],
      columns: [outputs],
      inner: [inputs],
      dtype,
      left: (_batch, rows, inner) => known(inputTiles[k], 'tiles').at([...rows, at(inner, 0)]),
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
