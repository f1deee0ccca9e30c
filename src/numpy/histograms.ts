/** Counting: bincount, histograms of one and two dimensions. */
import {
  type ArrayLike,
  ArgumentError,
  NDArray,
  avalText,
  dtypeKind,
  isFloating,
  known,
  range,
  sizeOf,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import { knownValues, listOfArrays } from './arguments.js'
import { constantLike } from './constant-like.js'
import { fromHost } from './creation.js'
import { convertTo, inexactOperand, promoteInexact } from './promotion-args.js'
import { linspace } from './ranges.js'
import { max, min } from './reductions.js'
import { searchsorted } from './searching.js'
import { combineSegments } from './segment.js'
import { where } from './selection.js'
import { ravel } from './shape.js'

export interface BincountOptions {
  /** What each element counts for, 1 unless given. */
  readonly weights?: ArrayLike | null
  /** Least length of the result. */
  readonly minlength?: number
  /** Length of the result, needed where the elements are not known; larger elements are left out. */
  readonly length?: number | null
}

/**
 * How often each non-negative integer occurs, as int32, or the sum of weights of its occurrences.
 *
 * @example
 * ```ts
 * np.bincount(np.array([0, 1, 1, 3], { dtype: 'int32' })) // [1, 2, 0, 1]
 * ```
 */
export const bincount = (x: ArrayLike, options?: BincountOptions): NDArray => {
  checkOptions('bincount', options, 'weights minlength length')
  const array = lax.asArray(x, 'bincount')
  if (isFloating(array.dtype) || array.ndim !== 1)
    throw new ArgumentError(`bincount: counts integers in a vector, got ${avalText(array.aval)}; convert with astype.`)
  const given = options?.length ?? null
  const length =
    given ??
    Math.max(options?.minlength ?? 0, 1 + Math.max(-1, ...knownValues(array, 'bincount: its length (or give length)')))
  const weights = options?.weights ?? null
  const amounts = weights === null ? lax.full(array.shape, 1, { dtype: 'int32' }) : lax.asArray(weights, 'bincount')
  // JAX counts negative elements as 0.
  const ids =
    dtypeKind(array.dtype) === 'signed'
      ? lax.max(array, constantLike(array, 0))
      : lax.convertElementType(array, 'int32')
  return combineSegments('bincount', 'add', lax.broadcastTo(amounts, array.shape), ids, length, 0)
}

export interface BinOptions {
  /** Number of bins of equal width (10), or their edges. */
  readonly bins?: ArrayLike
  /** Lower and upper end of the bins, those of the data unless given. */
  readonly range?: readonly [ArrayLike, ArrayLike] | null
}

/**
 * Edges of the bins that a histogram uses, one more than there are bins.
 *
 * @example
 * ```ts
 * np.histogramBinEdges(np.array([0, 4]), { bins: 4 }) // [0, 1, 2, 3, 4]
 * ```
 */
export const histogramBinEdges = (a: ArrayLike, options?: BinOptions): NDArray => {
  checkOptions('histogramBinEdges', options, 'bins range')
  return edgesOf(a, options)
}

const edgesOf = (a: ArrayLike, options: BinOptions | undefined): NDArray => {
  const bins = options?.bins ?? 10
  if (bins instanceof NDArray && bins.ndim === 1)
    return convertTo(inexactOperand('histogramBinEdges', bins), 'float32', false)
  if (typeof bins !== 'number' || !Number.isInteger(bins) || bins < 1)
    throw new ArgumentError('histogramBinEdges: bins are a positive number of bins, or a vector of edges.')
  const x = ravel(inexactOperand('histogramBinEdges', a))
  const ends: readonly [ArrayLike, ArrayLike] = options?.range ?? (x.size === 0 ? [0, 1] : [min(x), max(x)])
  const [first, last] = promoteInexact('histogramBinEdges', ends)
  const low = known(first, 'lower end')
  const high = known(last, 'upper end')
  // Data of one value gets bins of total width 1 around it.
  const empty = lax.eq(low, high)
  const half = constantLike(low, 0.5)
  const edges = linspace(where(empty, lax.sub(low, half), low), where(empty, lax.add(high, half), high), {
    num: bins + 1,
  })
  return convertTo(edges, x.dtype, false)
}

export interface HistogramOptions extends BinOptions {
  /** What each element counts for, 1 unless given. */
  readonly weights?: ArrayLike | null
  /** Whether the result is a probability density, whose integral is 1. */
  readonly density?: boolean
}

/** Bin of every element: 1 to the number of bins, 0 below and one more above. The last bin includes its upper edge. */
const binOf = (x: NDArray, edges: NDArray): NDArray => {
  const last = lax.indexInDim(edges, -1, { keepdims: false })
  const bins = searchsorted(edges, x, { side: 'right' })
  return where(lax.eq(x, last), constantLike(bins, edges.size - 1), bins)
}

const widths = (edges: NDArray): NDArray =>
  lax.sub(lax.sliceInDim(edges, 1, null), lax.sliceInDim(edges, 0, edges.size - 1))

/**
 * How many elements fall into each bin, and the edges of the bins. A bin includes its lower edge; the last one both.
 *
 * @example
 * ```ts
 * const [counts, edges] = np.histogram(np.array([1, 2, 1]), { bins: 2 }) // [2, 1] and [1, 1.5, 2]
 * ```
 */
export const histogram = (a: ArrayLike, options?: HistogramOptions): readonly [histogram: NDArray, edges: NDArray] => {
  checkOptions('histogram', options, 'bins range weights density')
  const x = ravel(inexactOperand('histogram', a))
  const edges = convertTo(edgesOf(x, options), x.dtype, false)
  const weights = options?.weights ?? null
  const amounts = weights === null ? lax.full(x.shape, 1, { dtype: x.dtype }) : ravel(weights)
  const counts = combineSegments('histogram', 'add', lax.broadcastTo(amounts, x.shape), binOf(x, edges), edges.size, 0)
  const inBins = lax.sliceInDim(counts, 1, null)
  if (options?.density !== true) return [inBins, edges]
  const total = lax.reduceSum(inBins, [0])
  return [lax.div(lax.div(inBins, widths(edges)), total), edges]
}

export interface HistogramddOptions {
  /** Number of bins along every axis, or for each axis a number or its edges. */
  readonly bins?: number | NDArray | readonly ArrayLike[]
  readonly range?: readonly (readonly [ArrayLike, ArrayLike] | null)[] | null
  readonly weights?: ArrayLike | null
  readonly density?: boolean
}

/**
 * Histogram of points, the rows of `sample` (or a list of one coordinate array per axis), and the edges along each axis.
 *
 * @example
 * ```ts
 * const [counts, edges] = np.histogramdd(np.array([[0, 0], [1, 1]]), { bins: 2 })
 * ```
 */
export const histogramdd = (
  sample: NDArray | readonly ArrayLike[],
  options?: HistogramddOptions,
): readonly [histogram: NDArray, edges: readonly NDArray[]] => {
  checkOptions('histogramdd', options, 'bins range weights density')
  const coordinates =
    sample instanceof NDArray
      ? range(sample.ndim === 1 ? 1 : known(sample.shape[1], 'coordinates')).map((d) =>
          sample.ndim === 1 ? sample : lax.indexInDim(sample, d, { axis: 1, keepdims: false }),
        )
      : listOfArrays(sample, 'histogramdd')
  const axes = coordinates.map((x, d) => {
    const bins = binsOfAxis(options?.bins ?? 10, d, coordinates.length)
    const values = inexactOperand('histogramdd', x)
    const edges = histogramBinEdges(values, { bins, range: options?.range?.[d] ?? null })
    return { values, edges, count: edges.size - 1 }
  })
  const shape = axes.map(({ count }) => count)
  const first = known(axes[0], 'axis').values
  let flat: NDArray = lax.full(first.shape, 0, { dtype: 'int32' })
  let inside: NDArray = lax.full(first.shape, true, { dtype: 'bool' })
  for (const { values, edges, count } of axes) {
    const bin = lax.sub(binOf(values, edges), 1)
    inside = lax.bitwiseAnd(inside, lax.bitwiseAnd(lax.ge(bin, 0), lax.lt(bin, count)))
    flat = lax.add(lax.mul(flat, count), bin)
  }
  const size = sizeOf(shape)
  const weights = options?.weights ?? null
  const amounts = weights === null ? lax.full(first.shape, 1, { dtype: 'int32' }) : lax.asArray(weights, 'histogramdd')
  // An id past the end is dropped.
  const counts = combineSegments('histogramdd', 'add', amounts, where(inside, flat, size), size, 0)
  const histogram = lax.reshape(counts, shape)
  const edges = axes.map((axis) => axis.edges)
  if (options?.density !== true) return [histogram, edges]
  const [amount] = promoteInexact('histogramdd', [histogram])
  let density = lax.div(known(amount, 'histogram'), lax.reduceSum(known(amount, 'histogram'), range(shape.length)))
  edges.forEach((edge, d) => {
    density = lax.div(
      density,
      lax.broadcastInDim(
        widths(edge),
        shape.map((n, k) => (k === d ? n : 1)),
        [d],
      ),
    )
  })
  return [density, edges]
}

const binsOfAxis = (bins: number | NDArray | readonly ArrayLike[], axis: number, axes: number): ArrayLike => {
  if (typeof bins === 'number' || bins instanceof NDArray) return bins
  // A list of JS numbers longer than the axes can only be edges.
  if (bins.length === axes) return known(bins[axis], 'bins')
  const edges = bins.map((edge) => {
    if (typeof edge !== 'number')
      throw new ArgumentError(`histogram: ${bins.length} entries of bins for ${axes} axes; give one for each axis.`)
    return edge
  })
  return fromHost(edges, [edges.length], 'float32')
}

/**
 * Histogram of pairs of two vectors, and the edges along both axes.
 *
 * @example
 * ```ts
 * const [counts, xEdges, yEdges] = np.histogram2d(np.array([0, 1]), np.array([0, 1]), { bins: 2 })
 * ```
 */
export const histogram2d = (
  x: ArrayLike,
  y: ArrayLike,
  options?: HistogramddOptions,
): readonly [histogram: NDArray, xEdges: NDArray, yEdges: NDArray] => {
  checkOptions('histogram2d', options, 'bins range weights density')
  const [counts, edges] = histogramdd([x, y], options)
  return [counts, known(edges[0], 'x edges'), known(edges[1], 'y edges')]
}
