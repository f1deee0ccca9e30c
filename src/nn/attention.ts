/** Scaled dot-product attention, multi-head, grouped-query and multi-query. */
import {
  type ArrayLike,
  type NDArray,
  DTypeError,
  ShapeError,
  avalText,
  isFloating,
  known,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import * as np from '../numpy/index.js'
import { softmax } from './softmax.js'

/** Options of `dotProductAttention`. */
export interface AttentionOptions {
  /** Added to the logits; broadcasts to [batch, heads, queries, keys]. */
  readonly bias?: ArrayLike | null
  /** True where a query may look; bool, broadcasts to [batch, heads, queries, keys]. */
  readonly mask?: NDArray | null
  /** Factor of the logits, 1 / sqrt(headDim) unless said. */
  readonly scale?: number
  /** Whether a query sees only keys at its own and earlier positions. */
  readonly isCausal?: boolean
  /** How many keys to the left and right a query sees. */
  readonly localWindowSize?: number | readonly [left: number, right: number] | null
  /** Number of valid queries and keys of each batch member, int32 [batch]; queries beyond give zeros. */
  readonly querySeqLengths?: NDArray | null
  readonly keyValueSeqLengths?: NDArray | null
}

/** Sizes of one attention call. */
interface Sizes {
  readonly batch: number
  readonly queries: number
  readonly keys: number
  readonly keyHeads: number
  readonly group: number
  readonly headDim: number
}

const sizesOf = (query: NDArray, key: NDArray, value: NDArray): Sizes => {
  const [batch, queries, heads, headDim] = query.shape
  const [keyBatch, keys, keyHeads, keyDim] = key.shape
  const fits =
    [query, key, value].every((x) => x.ndim === 4) &&
    batch === keyBatch &&
    headDim === keyDim &&
    value.shape.every((size, d) => d === 3 || size === key.shape[d]) &&
    (heads === keyHeads || (keyHeads !== undefined && keyHeads > 0 && (heads ?? 0) % keyHeads === 0))
  if (!fits) {
    throw new ShapeError(
      `nn.dotProductAttention: query ${avalText(query.aval)}, key ${avalText(key.aval)} and value ${avalText(value.aval)} don't fit. ` +
        `They are [batch, length, heads, headDim] (or without batch); key and value have the same length and heads, ` +
        `and their number of heads divides that of the query.`,
    )
  }
  const keyHeadCount = known(keyHeads, 'size')
  return {
    batch: known(batch, 'size'),
    queries: known(queries, 'size'),
    keys: known(keys, 'size'),
    keyHeads: keyHeadCount,
    group: keyHeadCount === 0 ? 1 : known(heads, 'size') / keyHeadCount,
    headDim: known(headDim, 'size'),
  }
}

/** What may be looked at, as an array that broadcasts to [batch, heads, queries, keys], or null for everything. */
const combinedMask = (options: AttentionOptions, { queries, keys }: Sizes): NDArray | null => {
  const masks: NDArray[] = []
  if (options.mask !== null && options.mask !== undefined) {
    if (options.mask.dtype !== 'bool') {
      throw new DTypeError(
        `nn.dotProductAttention: the mask must be bool (true where a query may look), got ${avalText(options.mask.aval)}; ` +
          `numbers to add to the logits go into the option bias.`,
      )
    }
    masks.push(options.mask)
  }
  const position = (dimension: 0 | 1): NDArray => lax.broadcastedIota('int32', [queries, keys], dimension)
  if (options.isCausal === true) masks.push(lax.ge(position(0), position(1)))
  const window = options.localWindowSize
  if (window !== null && window !== undefined) {
    const [left, right] = typeof window === 'number' ? [window, window] : window
    masks.push(lax.le(position(0), lax.add(position(1), left)), lax.ge(position(0), lax.sub(position(1), right)))
  }
  const perMember = (lengths: NDArray): NDArray => lax.reshape(lengths, [lengths.size, 1, 1, 1])
  if (options.querySeqLengths) masks.push(np.less(position(0), perMember(options.querySeqLengths)))
  if (options.keyValueSeqLengths) masks.push(np.less(position(1), perMember(options.keyValueSeqLengths)))
  return masks.length === 0 ? null : masks.reduce((a, b) => np.logicalAnd(a, b))
}

/**
 * softmax(query key^T / sqrt(headDim) + bias) value, for each head (https://arxiv.org/abs/1706.03762).
 * With fewer heads in key and value than in query, groups of query heads share them (https://arxiv.org/abs/2305.13245).
 *
 * @param query [batch, queries, heads, headDim], or without batch
 * @param key, value [batch, keys, keyHeads, headDim], or without batch; keyHeads divides heads
 * @returns the shape of the query (with the value's headDim); masked logits are a large negative number, so a query that
 *   sees nothing gets the mean of the values, as in JAX
 * @throws ShapeError when shapes don't fit, DTypeError for a mask that is not bool
 * @example
 * ```ts
 * const x = np.ones([1, 3, 2, 4])
 * nn.dotProductAttention(x, x, x, { isCausal: true }).shape // [1, 3, 2, 4]
 * ```
 */
export const dotProductAttention = (
  query: NDArray,
  key: NDArray,
  value: NDArray,
  options: AttentionOptions = {},
): NDArray => {
  checkOptions(
    'nn.dotProductAttention',
    options,
    'bias mask scale isCausal localWindowSize querySeqLengths keyValueSeqLengths',
  )
  if (query.ndim === 3) {
    const batched = [query, key, value].map((x) => lax.reshape(x, [1, ...x.shape]))
    const [q, k, v] = [known(batched[0], 'query'), known(batched[1], 'key'), known(batched[2], 'value')]
    const y = dotProductAttention(q, k, v, options)
    return lax.reshape(y, y.shape.slice(1))
  }
  const sizes = sizesOf(query, key, value)
  const { batch, queries, keys, keyHeads, group, headDim } = sizes
  // Logits are at least float32, whatever the inputs are.
  const wide = query.dtype === 'float64' ? 'float64' : 'float32'
  if (!isFloating(query.dtype))
    throw new DTypeError(`nn.dotProductAttention: the query must be a float, got ${query.dtype}.`)
  const grouped = lax.reshape(query, [batch, queries, keyHeads, group, headDim])
  const products = lax.dotGeneral(lax.convertElementType(grouped, wide), lax.convertElementType(key, wide), [
    [[4], [3]],
    [
      [0, 2],
      [0, 2],
    ],
  ])
  // [batch, keyHeads, queries, group, keys] -> [batch, heads, queries, keys]
  const byHead = lax.reshape(lax.transpose(products, [0, 1, 3, 2, 4]), [batch, keyHeads * group, queries, keys])
  const scaled = lax.mul(byHead, options.scale ?? 1 / Math.sqrt(headDim))
  const { bias } = options
  const biased =
    bias === null || bias === undefined
      ? scaled
      : lax.add(scaled, lax.broadcastTo(lax.convertElementType(bias, wide), scaled.shape))
  const mask = combinedMask(options, sizes)
  const logits = mask === null ? biased : np.where(mask, biased, -0.7 * 3.4028234663852886e38)
  const weights = lax.convertElementType(softmax(logits), key.dtype)
  const mixed = lax.dotGeneral(lax.reshape(weights, [batch, keyHeads, group * queries, keys]), value, [
    [[3], [1]],
    [
      [0, 1],
      [0, 2],
    ],
  ])
  const valueDim = known(value.shape[3], 'size')
  const back = lax.transpose(lax.reshape(mixed, [batch, keyHeads, group, queries, valueDim]), [0, 3, 1, 2, 4])
  const result = lax.reshape(back, [batch, queries, keyHeads * group, valueDim])
  if (!options.querySeqLengths) return result
  const valid = np.less(
    lax.broadcastedIota('int32', [batch, queries, 1, 1], 1),
    lax.reshape(options.querySeqLengths, [batch, 1, 1, 1]),
  )
  return np.where(valid, result, 0)
}
