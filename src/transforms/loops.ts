/** Loops written with scan: map and associativeScan. */
import { type NDArray, ArgumentError, canonicalAxis, known, tree, checkOptions } from '../core/index.js'
import { add, bitwiseOr, concatenate, pad, reshape, rev, scalarOf, slice } from '../lax/index.js'
import { flattenResult, leafArray } from './arguments.js'
import { scan } from './scan.js'
import { vmap } from './vmap.js'

export interface MapOptions {
  /** How many slices to compute at once, by vmap; one after the other unless said. */
  readonly batchSize?: number
}

/**
 * Applies `f` to each slice of `xs` along axis 0, one after the other (or `batchSize` at a time), and stacks the results.
 *
 * @param xs pytree of arrays with one length along axis 0
 * @example
 * ```ts
 * lax.map((x) => np.square(x), np.array([1, 2, 3]), { batchSize: 2 }).js() // [ 1, 4, 9 ]
 * ```
 */
export const map = <X, Y>(f: (x: X) => Y, xs: X, options: MapOptions = {}): Y => {
  checkOptions('map', options, 'batchSize')
  const oneByOne = (slices: X): Y => scan((carry: null, x: X): readonly [null, Y] => [carry, f(x)], null, slices)[1]
  const { batchSize } = options
  if (batchSize === undefined) return oneByOne(xs)
  if (!Number.isInteger(batchSize) || batchSize < 1) {
    throw new ArgumentError(`map: batchSize must be a positive integer, got ${batchSize}.`)
  }
  const { leaves, def } = tree.flatten(xs)
  const paths = tree.paths(def, 'xs')
  const arrays = leaves.map((leaf, i) => leafArray(leaf, paths[i] ?? 'xs', 'map'))
  const length = arrays[0]?.shape[0]
  if (length === undefined || arrays.some((x) => x.shape[0] !== length)) return oneByOne(xs)
  const whole = Math.floor(length / batchSize)
  const slices = (from: number, to: number): NDArray[] => arrays.map((x) => part(x, 0, from, to))
  const asXs = (list: readonly NDArray[]): X => tree.unflatten(def, list) as X
  const mapped = vmap(f)
  if (whole === 0) return mapped(xs)
  const batches = slices(0, whole * batchSize).map((x) => reshape(x, [whole, batchSize, ...x.shape.slice(1)]))
  const stacked = scan((carry: null, x: X): readonly [null, Y] => [carry, mapped(x)], null, asXs(batches))[1]
  const out = flattenResult(stacked, f, 'map')
  const merged = out.leaves.map((y) => reshape(y, [whole * batchSize, ...y.shape.slice(2)]))
  if (whole * batchSize === length) return tree.unflatten(out.def, merged) as Y
  const rest = flattenResult(mapped(asXs(slices(whole * batchSize, length))), f, 'map').leaves
  const joined = merged.map((y, i) => concatenate([y, known(rest[i], 'result')], 0))
  return tree.unflatten(out.def, joined) as Y
}

export interface AssociativeScanOptions {
  readonly reverse?: boolean
  readonly axis?: number
}

/** Every second element along an axis, from `start`. */
const everySecond = (x: NDArray, start: number, axis: number, stop = known(x.shape[axis], 'size')): NDArray =>
  slice(
    x,
    x.shape.map((_, d) => (d === axis ? Math.min(start, stop) : 0)),
    x.shape.map((size, d) => (d === axis ? stop : size)),
    x.shape.map((_, d) => (d === axis ? 2 : 1)),
  )

const part = (x: NDArray, axis: number, from: number, to: number): NDArray =>
  slice(
    x,
    x.shape.map((_, d) => (d === axis ? from : 0)),
    x.shape.map((size, d) => (d === axis ? to : size)),
  )

/** Elements of two arrays in turn, `a` first. */
const interleave = (a: NDArray, b: NDArray, axis: number): NDArray => {
  const sizeA = known(a.shape[axis], 'size')
  const sizeB = known(b.shape[axis], 'size')
  const spread = (x: NDArray, low: number, high: number): NDArray =>
    pad(
      x,
      scalarOf(0, x),
      x.shape.map((_, d) => (d === axis ? [low, high, 1] : [0, 0, 0])),
    )
  const total = sizeA + sizeB
  const left = spread(a, 0, total - Math.max(0, 2 * sizeA - 1))
  const right = spread(b, 1, total - 1 - Math.max(0, 2 * sizeB - 1))
  // Where one has an element the other has padding, 0.
  return left.dtype === 'bool' ? bitwiseOr(left, right) : add(left, right)
}

/**
 * Prefix combinations of an associative function in logarithmic depth: `y[i] = f(y[i - 1], x[i])`.
 *
 * @param f associative function of two pytrees of arrays, applied to whole slices at once
 * @param elems pytree of arrays with one length along the axis
 */
export const associativeScan = <T>(f: (a: T, b: T) => T, elems: T, options: AssociativeScanOptions = {}): T => {
  checkOptions('associativeScan', options, 'reverse axis')
  const { leaves: raw, def } = tree.flatten(elems)
  const operation = 'associativeScan'
  const leaves = raw.map((leaf, i) => leafArray(leaf, tree.paths(def, 'elems')[i] ?? 'elems', operation))
  const firstLeaf = leaves[0]
  if (firstLeaf === undefined) return elems
  const axis = canonicalAxis(options.axis ?? 0, firstLeaf.ndim, operation)
  const length = known(firstLeaf.shape[axis], 'size')
  if (leaves.some((x) => x.shape[axis] !== length))
    throw new ArgumentError(`${operation}: all arrays must have one length along axis ${axis}.`)
  const flip = (x: NDArray): NDArray => rev(x, [axis])
  const combine = (a: readonly NDArray[], b: readonly NDArray[]): readonly NDArray[] =>
    flattenResult(f(tree.unflatten(def, a) as T, tree.unflatten(def, b) as T), f, operation).leaves
  const ordered = options.reverse === true ? leaves.map(flip) : leaves
  const run = (xs: readonly NDArray[]): readonly NDArray[] => {
    const n = known(known(xs[0], 'array').shape[axis], 'size')
    if (n < 2) return xs
    const even = n - (n % 2)
    const pairs = combine(
      xs.map((x) => everySecond(x, 0, axis, even)),
      xs.map((x) => everySecond(x, 1, axis, even)),
    )
    const odd = run(pairs)
    const half = even / 2
    const inner = n % 2 === 0 ? odd.map((x) => part(x, axis, 0, half - 1)) : odd
    const later = xs.map((x) => everySecond(x, 2, axis))
    const evens = combine(inner, later).map((x, i) => concatenate([part(known(xs[i], 'array'), axis, 0, 1), x], axis))
    return evens.map((x, i) => interleave(x, known(odd[i], 'array'), axis))
  }
  const result = run(ordered)
  return tree.unflatten(def, options.reverse === true ? result.map(flip) : result) as T
}
