/** lax.reduce with any associative function. */
import {
  type NDArray,
  ShapeError,
  avalText,
  canonicalAxes,
  known,
  range,
  sameShape,
  sizeOf,
  tree,
} from '../core/index.js'
import {
  broadcastInDim,
  concatenate,
  convertElementType,
  recognizeComputation,
  reduce as reduceNamed,
  reshape,
  slice,
  transpose,
} from '../lax/index.js'
import { flattenResult, leafArray, rebuild } from './arguments.js'
import { vmap } from './vmap.js'

/** A pytree with an array wherever there may be a number. */
type Arrays<T> = T extends number | boolean ? NDArray : T

/**
 * Reduces over axes with an associative function of two elements, in any order: each result combines all elements that
 * differ from it in those axes only, and the initial value.
 *
 * One array with `lax.add`, `lax.mul`, `lax.max`, `lax.min` or a bitwise function is one loop; other functions, and pytrees
 * of arrays that are reduced together, take a tree of `log2(n)` steps.
 *
 * @param operands an array, or a pytree of arrays of one shape
 * @param init its value for no elements: scalars in the same structure, neutral for the computation
 * @param computation from two elements (pytrees of scalars) to one
 * @param dimensions axes to reduce over
 * @example
 * ```ts
 * lax.reduce(np.array([[1, 5], [4, 2]]), 0, lax.add, [1]).js() // [6, 6]
 * lax.reduce(np.array([3, 4]), 0, (x, y) => np.hypot(x, y), [0]).item() // 5
 * ```
 */
export const reduce = <T>(
  operands: T,
  init: T | number,
  computation: (x: Arrays<T>, y: Arrays<T>) => Arrays<T>,
  dimensions: readonly number[],
): Arrays<T> => {
  const operation = 'reduce'
  const { leaves, def } = tree.flatten(operands)
  const paths = tree.paths(def, 'operands')
  const arrays = leaves.map((leaf, i) => leafArray(leaf, paths[i] ?? 'operands', operation))
  const first = arrays[0]
  if (first === undefined) return operands as Arrays<T>
  const other = arrays.find((x) => !sameShape(x.shape, first.shape))
  if (other !== undefined) {
    throw new ShapeError(
      `${operation}: arrays that are reduced together must have one shape, got ${avalText(first.aval)} and ${avalText(other.aval)}.`,
    )
  }
  const apply = (x: readonly NDArray[], y: readonly NDArray[]): readonly NDArray[] => {
    const result: unknown = Reflect.apply(computation, undefined, [rebuild(def, x), rebuild(def, y)])
    const out = flattenResult(result, computation, operation)
    tree.checkSameStructure(def, out.def, `${operation}: the computation must give what it takes`, 'result')
    return out.leaves.map((leaf, i) => convertElementType(leaf, known(arrays[i], 'operand').dtype))
  }
  const initFlat = tree.flatten(init)
  tree.checkSameStructure(def, initFlat.def, `${operation}: init must look like the operands`, 'init')
  if (def.kind === 'leaf') {
    const two = (x: NDArray, y: NDArray): NDArray => known(apply([x], [y])[0], 'result')
    if (recognizeComputation(two, first.dtype, operation) !== undefined) {
      const start = leafArray(initFlat.leaves[0], 'init', operation)
      return reduceNamed(first, start, two, dimensions) as Arrays<T>
    }
  }
  const axes = canonicalAxes(dimensions, first.ndim, operation)
  const kept = range(first.ndim).filter((d) => !axes.includes(d))
  const keptShape = kept.map((d) => known(first.shape[d], 'size'))
  const width = sizeOf(keptShape)
  const starts = initFlat.leaves.map((leaf, i) => {
    const x = convertElementType(leafArray(leaf, 'init', operation), known(arrays[i], 'operand').dtype)
    if (x.ndim !== 0) throw new ShapeError(`${operation}: initial values must be scalars, got ${avalText(x.aval)}.`)
    return broadcastInDim(x, [width], [])
  })
  let rows = sizeOf(axes.map((d) => known(first.shape[d], 'size')))
  const finish = (xs: readonly NDArray[]): Arrays<T> =>
    rebuild(
      def,
      xs.map((x) => reshape(x, keptShape)),
    ) as Arrays<T>
  if (rows === 0 || width === 0) return finish(starts)
  // Elements that are combined lie in rows; rows are combined in pairs, all columns at once.
  const combine = (x: readonly NDArray[], y: readonly NDArray[]): NDArray[] => {
    const both = vmap((...all: NDArray[]) => [...apply(all.slice(0, x.length), all.slice(x.length))])
    return both(...x, ...y)
  }
  let current = arrays.map((x) => reshape(transpose(x, [...axes, ...kept]), [rows * width]))
  const part = (x: NDArray, from: number, to: number): NDArray => slice(x, [from * width], [to * width])
  while (rows > 1) {
    const half = Math.floor(rows / 2)
    const paired = combine(
      current.map((x) => part(x, 0, half)),
      current.map((x) => part(x, half, 2 * half)),
    )
    current =
      rows % 2 === 0
        ? paired
        : paired.map((x, i) => concatenate([x, part(known(current[i], 'operand'), 2 * half, rows)], 0))
    rows -= half
  }
  return finish(combine(starts, current))
}
