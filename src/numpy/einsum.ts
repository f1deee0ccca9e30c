/** Einstein summation: products and sums over named axes, contracted two operands at a time. */
import { type ArrayLike, type DType, type NDArray, checkOptions, known, range } from '../core/index.js'
import * as lax from '../lax/index.js'
import { type Sublist, type Subscripts, withoutSublists, parseSubscripts } from './einsum-parse.js'
import { contract } from './products.js'
import { dtypeOr, promoteDTypes } from './promotion-args.js'
import { splitOptions } from './arguments.js'

export interface EinsumOptions {
  /** Dtype of the result and of the accumulation. */
  readonly preferredElementType?: DType | null
  /** Accepted as in JAX; products are always of the highest. */
  readonly precision?: lax.Precision
  /** Accepted as in NumPy; the cheapest pair of operands is always multiplied first. */
  readonly optimize?: boolean | string
}

/** An operand and the labels of its axes. */
interface Term {
  readonly array: NDArray
  readonly labels: readonly string[]
}

/** Keeps one axis of each label: where a label occurs twice, the diagonal of the two axes. */
const withoutRepeats = ({ array, labels }: Term): Term => {
  const second = labels.findIndex((label, d) => labels.indexOf(label) !== d)
  if (second < 0) return { array, labels }
  const first = labels.indexOf(known(labels[second], 'label'))
  // Everything off the diagonal becomes 0; then one of the two axes is summed away.
  const onDiagonal = lax.eq(
    lax.broadcastedIota('int32', array.shape, first),
    lax.broadcastedIota('int32', array.shape, second),
  )
  const summed = sumOver(lax.select(onDiagonal, array, lax.zerosOf(array.aval)), [second])
  return withoutRepeats({ array: summed, labels: labels.filter((_, d) => d !== second) })
}

const sumOver = (x: NDArray, axes: readonly number[]): NDArray =>
  x.dtype === 'bool' ? lax.reduceOr(x, axes) : lax.reduceSum(x, axes)

/** Sums over labels that nothing else needs, and over axes of size 1 that stand for a longer one elsewhere. */
const summedAlone = (
  { array, labels }: Term,
  needed: ReadonlySet<string>,
  sizes: ReadonlyMap<string, number>,
): Term => {
  const gone = range(labels.length).filter((d) => {
    const label = known(labels[d], 'label')
    return !needed.has(label) || (array.shape[d] === 1 && sizes.get(label) !== 1)
  })
  if (gone.length === 0) return { array, labels }
  return { array: sumOver(array, gone), labels: labels.filter((_, d) => !gone.includes(d)) }
}

const positions = (labels: readonly string[], of: readonly string[]): number[] =>
  of.map((label) => labels.indexOf(label))

/** Contracts two terms over the labels that nothing else needs; the others stay. */
const contractPair = (left: Term, right: Term, needed: ReadonlySet<string>, dtype: DType): Term => {
  const shared = left.labels.filter((label) => right.labels.includes(label))
  const batch = shared.filter((label) => needed.has(label))
  const summed = shared.filter((label) => !needed.has(label))
  const ownLeft = left.labels.filter((label) => !shared.includes(label))
  const ownRight = right.labels.filter((label) => !shared.includes(label))
  const array = contract(
    left.array,
    right.array,
    [positions(left.labels, summed), positions(right.labels, summed)],
    [positions(left.labels, batch), positions(right.labels, batch)],
    dtype,
  )
  return { array, labels: [...batch, ...ownLeft, ...ownRight] }
}

/** Number of elements of the result of contracting a pair, less those of the pair: what a greedy order keeps small. */
const growth = (left: Term, right: Term, needed: ReadonlySet<string>): number => {
  let out = 1
  left.labels.forEach((label, d) => {
    if (needed.has(label) || !right.labels.includes(label)) out *= known(left.array.shape[d], 'size')
  })
  right.labels.forEach((label, d) => {
    if (!left.labels.includes(label)) out *= known(right.array.shape[d], 'size')
  })
  return out - left.array.size - right.array.size
}

/** The two terms to contract next, by position. */
const choosePair = (terms: readonly Term[], output: readonly string[]): readonly [number, number] => {
  let best: readonly [number, number] = [0, 1]
  let least = Infinity
  for (const i of range(terms.length)) {
    for (const j of range(terms.length).slice(i + 1)) {
      const [left, right] = [known(terms[i], 'term'), known(terms[j], 'term')]
      const others = terms.filter((_, k) => k !== i && k !== j)
      const cost = growth(left, right, neededBy(others, output))
      if (cost >= least) continue
      least = cost
      best = [i, j]
    }
  }
  return best
}

const neededBy = (terms: readonly Term[], output: readonly string[]): ReadonlySet<string> =>
  new Set([...output, ...terms.flatMap((term) => term.labels)])

/**
 * Sum of products over named axes. Each operand's axes get letters; letters that the result lacks are summed over. `...` stands
 * for axes that broadcast; without `->` the result has the letters that occur once, in alphabetical order.
 *
 * Instead of one text with letters, each operand may be followed by a list with a whole number from 0 to 51 for each of its axes,
 * and the last of these by the list of the result; `'...'` may be in such lists too.
 *
 * Throws ArgumentError for subscripts that make no sense, ShapeError for sizes that don't fit them.
 *
 * @example
 * ```ts
 * const [a, b] = [np.ones([2, 3]), np.ones([3, 4])]
 * np.einsum('ij,jk->ik', a, b) // the matrix product
 * np.einsum(a, [0, 1], b, [1, 2], [0, 2]) // the same
 * np.einsum('ii', np.eye(3)) // the trace, 3
 * ```
 */
export function einsum(subscripts: string, ...operands: readonly (ArrayLike | EinsumOptions)[]): NDArray
export function einsum(
  first: ArrayLike,
  axes: Sublist,
  ...operandsAndSublists: readonly (ArrayLike | Sublist | EinsumOptions)[]
): NDArray
export function einsum(
  subscripts: ArrayLike | string,
  ...operands: readonly (ArrayLike | Sublist | EinsumOptions)[]
): NDArray {
  const read = withoutSublists<ArrayLike | EinsumOptions>(subscripts, operands)
  const { arrays: given, options } = splitOptions<EinsumOptions>(read.operands, 'einsum')
  checkOptions('einsum', options, 'preferredElementType precision optimize')
  const arrays = promoteDTypes('einsum', given)
  const parsed = parseSubscripts(read.text, arrays)
  const dtype = dtypeOr(options?.preferredElementType, known(arrays[0], 'operand').dtype, 'einsum')
  return contractAll(arrays, parsed, dtype)
}

const contractAll = (arrays: readonly NDArray[], { operands, output, sizes }: Subscripts, dtype: DType): NDArray => {
  let terms: Term[] = arrays.map((array, i) => withoutRepeats({ array, labels: known(operands[i], 'labels') }))
  terms = terms.map((term, i) =>
    summedAlone(
      term,
      neededBy(
        terms.filter((_, j) => j !== i),
        output,
      ),
      sizes,
    ),
  )
  while (terms.length > 1) {
    const [i, j] = choosePair(terms, output)
    const others = terms.filter((_, k) => k !== i && k !== j)
    const needed = neededBy(others, output)
    terms = [...others, contractPair(known(terms[i], 'term'), known(terms[j], 'term'), needed, dtype)]
  }
  const last = known(terms[0], 'term')
  const { array, labels } = summedAlone(last, new Set(output), sizes)
  // A label of size 1 everywhere may have been summed out; it comes back as an axis of size 1.
  const present = output.filter((label) => labels.includes(label))
  const ordered = lax.transpose(array, positions(labels, present))
  const shape = output.map((label) => (labels.includes(label) ? known(array.shape[labels.indexOf(label)], 'size') : 1))
  return lax.convertElementType(lax.reshape(ordered, shape), dtype)
}
