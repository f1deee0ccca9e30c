/** Finding places in sorted arrays: searchsorted, digitize. */
import {
  type ArrayLike,
  type NDArray,
  ArgumentError,
  avalText,
  isFloating,
  known,
  range,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import { oneOf } from './arguments.js'
import { promoteDTypes } from './promotion-args.js'
import { take } from './take.js'

/** `x < y` in the order of sorting, where NaN comes last. */
const before = (x: NDArray, y: NDArray): NDArray =>
  isFloating(x.dtype) ? lax.bitwiseOr(lax.lt(x, y), lax.bitwiseAnd(lax.ne(y, y), lax.eq(x, x))) : lax.lt(x, y)

export interface SearchOptions {
  /** 'left' (default): before equal elements; 'right': after them. */
  readonly side?: 'left' | 'right'
  /** Order that sorts `a`, where it is not sorted itself. */
  readonly sorter?: NDArray | null
}

/**
 * Where values would go in a sorted vector to keep it sorted, as int32: by halving the vector, all values at once.
 *
 * @example
 * ```ts
 * np.searchsorted(np.array([1, 3, 5]), np.array([0, 3, 9])) // [0, 1, 3]
 * ```
 */
export const searchsorted = (a: ArrayLike, v: ArrayLike, options?: SearchOptions): NDArray => {
  checkOptions('searchsorted', options, 'side sorter')
  const side = oneOf(options?.side ?? 'left', ['left', 'right'], 'searchsorted', 'side')
  const [first, second] = promoteDTypes('searchsorted', [a, v])
  const unsorted = known(first, 'a')
  const values = known(second, 'v')
  if (unsorted.ndim !== 1)
    throw new ArgumentError(`searchsorted: the sorted array must be 1-D, got ${avalText(unsorted.aval)}.`)
  const sorted = options?.sorter === undefined || options.sorter === null ? unsorted : take(unsorted, options.sorter)
  const size = sorted.size
  const index = (value: number): NDArray => lax.full(values.shape, value, { dtype: 'int32' })
  let low = index(0)
  if (size === 0) return low
  let high = index(size)
  // The answer is in [low, high]; each round halves that, and one more round settles an interval of one.
  for (const _ of range(Math.ceil(Math.log2(size + 1)))) {
    const middle = lax.shiftRightArithmetic(lax.add(low, high), 1)
    const element = take(sorted, middle, { mode: 'clip' })
    const goRight = side === 'left' ? before(element, values) : lax.bitwiseNot(before(values, element))
    const open = lax.lt(low, high)
    low = lax.select(lax.bitwiseAnd(open, goRight), lax.add(middle, 1), low)
    high = lax.select(lax.bitwiseAnd(open, lax.bitwiseNot(goRight)), middle, high)
  }
  return low
}

/**
 * The bin of each value: i where `bins[i-1] <= x < bins[i]`, or, for `right`, `bins[i-1] < x <= bins[i]`. Bins may go down.
 *
 * @example
 * ```ts
 * np.digitize(np.array([0.2, 6.4]), np.array([0, 1, 2.5, 4])) // [1, 4]
 * ```
 */
export const digitize = (x: ArrayLike, bins: ArrayLike, options?: { readonly right?: boolean }): NDArray => {
  checkOptions('digitize', options, 'right')
  const edges = lax.asArray(bins, 'digitize')
  if (edges.ndim !== 1) throw new ArgumentError(`digitize: bins must be 1-D, got ${avalText(edges.aval)}.`)
  const right = options?.right === true
  const up = searchsorted(edges, x, { side: right ? 'left' : 'right' })
  if (edges.size < 2) return up
  // Of bins that go down, the result counts from the other end.
  const down = lax.sub(
    lax.scalarOf(edges.size, up),
    searchsorted(lax.rev(edges, [0]), x, { side: right ? 'right' : 'left' }),
  )
  const end = (i: number): NDArray => lax.indexInDim(edges, i, { keepdims: false })
  return lax.select(lax.le(end(0), end(-1)), up, down)
}
