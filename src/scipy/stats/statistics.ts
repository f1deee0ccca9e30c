/** Statistics of samples: ranks, modes, standard errors. */
import {
  type ArrayLike,
  type NDArray,
  ArgumentError,
  canonicalAxis,
  isFloating,
  known,
  range,
  checkOptions,
} from '../../core/index.js'
import * as lax from '../../lax/index.js'
import { std } from '../../numpy/reductions.js'
import { nanstd } from '../../numpy/nan-reductions.js'
import { moveaxis } from '../../numpy/shape.js'
import { takeAlongAxis } from '../../numpy/take.js'
import { float } from '../arguments.js'

/** What to do with equal elements: their mean rank, the smallest, the largest, ranks without gaps, or the order they are in. */
export type RankMethod = 'average' | 'min' | 'max' | 'dense' | 'ordinal'

export interface RankOptions {
  readonly method?: RankMethod
  /** Axis along which to rank, all elements unless said. */
  readonly axis?: number | null
}

/** Ranks along the last axis. */
const rankLast = (x: NDArray, method: RankMethod): NDArray => {
  const last = x.ndim - 1
  const n = known(x.shape[last], 'size')
  const position = lax.broadcastedIota('int32', x.shape, last)
  const [sorted, order] = lax.sort([x, position])
  const places = known(lax.sort([known(order, 'order'), position])[1], 'places')
  const values = known(sorted, 'sorted')
  const back = (ranks: NDArray): NDArray => takeAlongAxis(ranks, places, { axis: last })
  const asFloat = (ranks: NDArray): NDArray => lax.convertElementType(ranks, 'float32')
  if (method === 'ordinal' || n === 0) return asFloat(lax.add(places, 1))
  const changed = lax.ne(lax.sliceInDim(values, 1, n, { axis: last }), lax.sliceInDim(values, 0, n - 1, { axis: last }))
  const edge = lax.full([...x.shape.slice(0, -1), 1], true)
  const begins = lax.concatenate([edge, changed], last)
  const ends = lax.concatenate([changed, edge], last)
  if (method === 'dense') return back(lax.cumsum(asFloat(begins), { axis: last }))
  const none = lax.zerosOf(position.aval)
  const first = lax.cummax(lax.select(begins, position, none), { axis: last })
  const beyond = lax.full(x.shape, n, { dtype: 'int32' })
  const final = lax.cummin(lax.select(ends, position, beyond), { axis: last, reverse: true })
  if (method === 'min') return back(asFloat(lax.add(first, 1)))
  if (method === 'max') return back(asFloat(lax.add(final, 1)))
  return back(lax.mul(0.5, asFloat(lax.add(lax.add(first, final), 2))))
}

/**
 * Ranks of elements, from 1 for the smallest, as float32; NaN where any of the elements that are ranked together is NaN.
 *
 * Throws ArgumentError for an unknown method.
 *
 * @example
 * ```ts
 * scipy.stats.rankdata(np.array([0, 2, 3, 2])) // [1, 2.5, 4, 2.5]
 * ```
 */
export const rankdata = (a: ArrayLike, options: RankOptions = {}): NDArray => {
  const { method = 'average', axis = null } = checkOptions('stats.rankdata', options, 'method axis')
  if (!['average', 'min', 'max', 'dense', 'ordinal'].includes(method)) {
    throw new ArgumentError(
      `stats.rankdata: '${String(method)}' is not a method; there are 'average', 'min', 'max', 'dense' and 'ordinal'.`,
    )
  }
  const given = lax.asArray(a, 'stats.rankdata')
  const x = axis === null ? lax.reshape(given, [given.size]) : moveaxis(given, axis, -1)
  const ranks = rankLast(x, method)
  const last = x.ndim - 1
  const missing = isFloating(x.dtype) ? lax.reduceOr(lax.ne(x, x), [last]) : lax.full(x.shape.slice(0, -1), false)
  const flags = lax.broadcastInDim(missing, x.shape, range(last))
  const result = lax.select(flags, lax.filled(NaN, ranks.aval), ranks)
  return axis === null ? result : moveaxis(result, -1, axis)
}

export interface ModeOptions {
  /** Axis along which to count, 0 unless said; null for all elements. */
  readonly axis?: number | null
  readonly keepdims?: boolean
}

/**
 * The most frequent elements along an axis, of equally frequent ones the smallest, and their int32 numbers.
 *
 * @example
 * ```ts
 * const [mode, count] = scipy.stats.mode(np.array([3, 1, 3, 2])) // 3, 2
 * ```
 */
export const mode = (a: ArrayLike, options: ModeOptions = {}): [mode: NDArray, count: NDArray] => {
  const { axis = 0, keepdims = false } = checkOptions('stats.mode', options, 'axis keepdims')
  const given = lax.asArray(a, 'stats.mode')
  const x = given.ndim === 0 ? lax.reshape(given, [1]) : given
  const flat = axis === null ? lax.reshape(x, [x.size]) : moveaxis(x, axis, -1)
  const last = flat.ndim - 1
  const n = known(flat.shape[last], 'size')
  if (n === 0) throw new ArgumentError('stats.mode: there are no elements along the axis, so none is most frequent.')
  const sorted = lax.sort(flat)
  const position = lax.broadcastedIota('int32', flat.shape, last)
  const same = lax.eq(lax.sliceInDim(sorted, 1, n, { axis: last }), lax.sliceInDim(sorted, 0, n - 1, { axis: last }))
  const begins = lax.concatenate([lax.full([...flat.shape.slice(0, -1), 1], true), lax.bitwiseNot(same)], last)
  const start = lax.cummax(lax.select(begins, position, lax.zerosOf(position.aval)), { axis: last })
  const runs = lax.add(lax.sub(position, start), 1)
  const counts = lax.reduceMax(runs, [last])
  const end = lax.expandDims(lax.argmax(runs, last), [last])
  const values = lax.squeeze(takeAlongAxis(sorted, end, { axis: last }), [last])
  if (!keepdims) return [values, counts]
  const kept =
    axis === null ? given.shape.map(() => 1) : given.shape.with(canonicalAxis(axis, given.ndim, 'stats.mode'), 1)
  return [lax.reshape(values, kept), lax.reshape(counts, kept)]
}

export interface SemOptions {
  readonly axis?: number | null
  /** Taken from the number of elements in the variance, 1 unless said. */
  readonly ddof?: number
  /** 'omit' leaves NaN out; 'propagate' (the default) gives NaN. */
  readonly nanPolicy?: 'propagate' | 'omit'
  readonly keepdims?: boolean
}

/**
 * Standard error of the mean along an axis, 0 unless said.
 *
 * @example
 * ```ts
 * scipy.stats.sem(np.array([1, 2, 3])) // 0.57735026
 * ```
 */
export const sem = (a: ArrayLike, options: SemOptions = {}): NDArray => {
  const {
    axis = 0,
    ddof = 1,
    nanPolicy = 'propagate',
    keepdims = false,
  } = checkOptions('stats.sem', options, 'axis ddof nanPolicy keepdims')
  const x = float('stats.sem', a)
  if (nanPolicy !== 'propagate' && nanPolicy !== 'omit') {
    throw new ArgumentError(`stats.sem: '${String(nanPolicy)}' is not a policy; there are 'propagate' and 'omit'.`)
  }
  const axes = axis === null ? range(x.ndim) : [canonicalAxis(axis, x.ndim, 'stats.sem')]
  if (nanPolicy === 'omit') {
    const there = lax.convertElementType(lax.eq(x, x), x.dtype)
    const total = lax.reduceSum(there, axes)
    const shape = keepdims ? x.shape.map((n, d) => (axes.includes(d) ? 1 : n)) : total.shape
    return lax.div(nanstd(x, { axis, ddof, keepdims }), lax.sqrt(lax.reshape(total, shape)))
  }
  const size = axes.reduce((product, d) => product * known(x.shape[d], 'size'), 1)
  return lax.div(std(x, { axis, ddof, keepdims }), Math.sqrt(size))
}
