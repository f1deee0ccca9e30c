/** Datasets in batches: in order, or shuffled by a key. */
import {
  ArgumentError,
  DeviceArray,
  NDArray,
  ShapeError,
  known,
  range,
  tree,
  checkOptions,
  describe,
} from '../core/index.js'
import { add, arange, array, take } from '../numpy/index.js'
import { key as keyOf, permutation } from '../random/index.js'

export interface BatchOptions {
  /** Elements in a batch. */
  readonly batchSize: number
  /** Key of the order; give another one for each epoch: `random.foldIn(key, epoch)`. */
  readonly key?: NDArray
  /** Seed of the order, in place of a key. */
  readonly seed?: number
  /** Whether to shuffle; true when there is a key or a seed. */
  readonly shuffle?: boolean
  /** Leaves out the last batch when it would be smaller than the others. */
  readonly dropLast?: boolean
}

/** Batches of a dataset; going through them again gives the same ones. */
export interface Batches<T> extends Iterable<T> {
  /** Number of batches. */
  readonly length: number
}

/** Leaves of a dataset, and how many elements it has. */
const elementsOf = (dataset: unknown): { readonly leaves: readonly NDArray[]; readonly count: number } => {
  const { leaves, def } = tree.flatten(dataset)
  const paths = tree.paths(def, 'dataset')
  let count: number | undefined
  const arrays = leaves.map((leaf, i) => {
    if (!(leaf instanceof NDArray) || leaf.ndim === 0) {
      throw new ArgumentError(
        `data.batches: ${paths[i]} is ${leaf instanceof NDArray ? 'a scalar' : describe(leaf)}; ` +
          `a dataset is a pytree of arrays whose first axis counts its elements, made with np.array(...).`,
      )
    }
    const size = known(leaf.shape[0], 'first axis')
    if (count !== undefined && size !== count) {
      throw new ShapeError(
        `data.batches: ${paths[i]} has ${size} elements, and ${paths[0]} has ${count}; they must be as many.`,
      )
    }
    count = size
    return leaf
  })
  if (count === undefined) throw new ArgumentError('data.batches: the dataset has no arrays.')
  return { leaves: arrays, count }
}

/**
 * The order of the elements: counting, or a permutation that only the key decides. On devices that cannot be read at once it
 * stays there.
 */
const orderOf = (count: number, { key, seed, shuffle }: BatchOptions): Int32Array | NDArray => {
  const chosen = key ?? (seed === undefined ? undefined : keyOf(seed))
  if (shuffle === false || (chosen === undefined && shuffle !== true)) return Int32Array.from(range(count))
  if (chosen === undefined) {
    throw new ArgumentError(
      'data.batches: shuffle needs a key or a seed: { shuffle: true, seed: 0 }. Nothing here is random by itself.',
    )
  }
  const order = permutation(chosen, count)
  return order instanceof DeviceArray && !order.deviceHandle.synchronous ? order : Int32Array.from(order.dataSync())
}

/** Numbers of the elements from `start` to before `end`. */
const indicesOf = (order: Int32Array | NDArray, start: number, end: number): NDArray =>
  order instanceof NDArray
    ? take(order, add(arange(end - start), start), { mode: 'clip' })
    : array(order.subarray(start, end))

/**
 * A dataset in batches, in order or shuffled. Shuffling is a pure function of the key (or seed), so a run can be repeated.
 *
 * @param dataset pytree of arrays whose first axis counts the elements, such as `{ images, labels }`
 * @returns an iterable of pytrees like the dataset, with at most `batchSize` elements each, and their number as `length`
 * @throws ArgumentError for a bad batch size or a leaf without a first axis, ShapeError for leaves of different lengths
 * @example
 * ```ts
 * const dataset = { x: np.arange(10), y: np.zeros([10]) }
 * for (const { x } of data.batches(dataset, { batchSize: 4, seed: 0, dropLast: true })) console.log(x.shape) // [ 4 ], twice
 * ```
 */
export const batches = <T>(dataset: T, options: BatchOptions): Batches<T> => {
  // A call without options has no batch size, which the next line tells.
  const given: Partial<BatchOptions> =
    checkOptions('data.batches', options, 'batchSize key seed shuffle dropLast') ?? {}
  const { batchSize, dropLast = false } = given
  if (batchSize === undefined || !Number.isInteger(batchSize) || batchSize < 1) {
    throw new ArgumentError(`data.batches: batchSize must be a positive integer, got ${batchSize}.`)
  }
  const { leaves, count } = elementsOf(dataset)
  const def = tree.structure(dataset)
  const order = orderOf(count, options)
  const length = dropLast ? Math.floor(count / batchSize) : Math.ceil(count / batchSize)
  return {
    length,
    *[Symbol.iterator](): Generator<T, void> {
      for (let i = 0; i < length; i++) {
        const indices = indicesOf(order, i * batchSize, Math.min((i + 1) * batchSize, count))
        // Every index is in bounds; clipping is the mode that needs no mask.
        const parts = leaves.map((leaf) => take(leaf, indices, { axis: 0, mode: 'clip' }))
        // The tree has the dataset's structure and array types.
        yield tree.unflatten(def, parts) as T
      }
    },
  }
}
