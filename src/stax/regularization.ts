/** Dropout of elements and of whole channels. */
import { type NDArray, ArgumentError, checkOptions } from '../core/index.js'
import * as lax from '../lax/index.js'
import * as random from '../random/index.js'
import { type LayoutOptions, channelAxis } from './convolution.js'
import { type ApplyOptions, type PlainLayer, at, plainLayer, singleArray, singleShape } from './layer.js'

const dropoutLayer = (
  kind: string,
  rate: number,
  maskShape: (shape: readonly number[]) => readonly number[],
): PlainLayer => {
  if (!(rate >= 0 && rate < 1)) {
    throw new ArgumentError(
      `${kind}: the rate is the probability to drop, at least 0 and below 1; got ${String(rate)}.`,
    )
  }
  const compute = (input: NDArray, { train = false, key }: ApplyOptions): NDArray => {
    const x = singleArray(kind, input)
    if (!train || rate === 0) return x
    if (key === undefined) {
      throw new ArgumentError(
        `${kind}${at()}: in training the layer draws random numbers and needs a key: apply(params, state, x, { train: true, key }). ` +
          `Give every step another key, such as random.foldIn(key, step).`,
      )
    }
    const keep = random.bernoulli(key, 1 - rate, maskShape(x.shape))
    return lax.select(lax.broadcastTo(keep, x.shape), lax.div(x, 1 - rate), lax.fullLike(x, 0))
  }
  return plainLayer(kind, (inputShape) => singleShape(kind, inputShape), compute, true)
}

/**
 * In training, sets each element to 0 with probability `rate` and divides the others by 1 - rate
 * (https://jmlr.org/papers/v15/srivastava14a.html). In evaluation it does nothing.
 *
 * @param rate probability to drop, in [0, 1)
 * @example
 * ```ts
 * const layer = stax.Dropout(0.1)
 * const { y } = layer.apply({}, {}, np.ones([4, 8]), { train: true, key: random.key(1) })
 * ```
 */
export const Dropout = (rate: number): PlainLayer => dropoutLayer('Dropout', rate, (shape) => shape)

/**
 * `Dropout` of whole channels: an element is dropped together with all others of its channel and member of the batch
 * (https://arxiv.org/abs/1411.4280).
 */
export const SpatialDropout = (rate: number, options: LayoutOptions = {}): PlainLayer => {
  const { layout = 'NHWC' } = checkOptions('SpatialDropout', options, 'layout')
  return dropoutLayer('SpatialDropout', rate, (shape) => {
    const channel = (channelAxis(layout) + shape.length) % shape.length
    return shape.map((size, d) => (d === 0 || d === channel ? size : 1))
  })
}
