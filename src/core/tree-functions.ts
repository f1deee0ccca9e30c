/** Pytree functions for users: `tree.map` and its relatives. */
import { NDArray } from './ndarray.js'
import { type IsLeaf, type TreeDef, checkSameStructure, flatten, paths, structure, unflatten } from './tree.js'

export { flatten, leaves, register, structure, unflatten } from './tree.js'

/**
 * Applies a function to every leaf, or to the leaves at the same place of several trees.
 * Throws TreeError, saying where they differ, when the trees have different structures.
 *
 * @example
 * ```ts
 * const doubled = tree.map((x) => np.multiply(x, 2), { w: np.ones([2]), b: np.zeros([1]) })
 * ```
 */
export function map<T>(f: (leaf: NDArray) => NDArray, value: T): T
export function map<T>(f: (leaf: NDArray, ...rest: NDArray[]) => NDArray, value: T, ...rest: readonly T[]): T
export function map<Leaf, Out>(
  f: (leaf: Leaf, ...rest: Leaf[]) => Out,
  value: unknown,
  ...rest: readonly unknown[]
): unknown
export function map(f: (...leaves: never[]) => unknown, value: unknown, ...rest: readonly unknown[]): unknown {
  const first = flatten(value)
  const others = rest.map((other, i) => {
    const flat = flatten(other)
    checkSameStructure(first.def, flat.def, `tree.map: tree ${i + 1}`)
    return flat.leaves
  })
  return unflatten(
    first.def,
    first.leaves.map((leaf, i): unknown => Reflect.apply(f, undefined, [leaf, ...others.map((list) => list[i])])),
  )
}

/**
 * Applies a function to the path of every leaf (`conv1.kernel`) and the leaf.
 *
 * @example
 * ```ts
 * const params = { body: np.ones([2]), head: np.ones([3]) }
 * const frozen = tree.mapWithPath((path, x) => (path.startsWith('head') ? x : np.zerosLike(x)), params)
 * ```
 */
export function mapWithPath<T>(f: (path: string, leaf: NDArray) => NDArray, value: T): T
export function mapWithPath<Leaf, Out>(f: (path: string, leaf: Leaf) => Out, value: unknown): unknown
export function mapWithPath(f: (path: string, leaf: never) => unknown, value: unknown): unknown {
  const { leaves, def } = flatten(value)
  const names = paths(def)
  return unflatten(
    def,
    leaves.map((leaf, i): unknown => Reflect.apply(f, undefined, [names[i] ?? '', leaf])),
  )
}

/** Leaves with their paths. */
export const leavesWithPath = (value: unknown): [path: string, leaf: unknown][] => {
  const { leaves, def } = flatten(value)
  return paths(def).map((path, i) => [path, leaves[i]])
}

/** Combines all leaves from left to right. */
export const reduce = <Leaf, A>(f: (accumulated: A, leaf: Leaf) => A, value: unknown, initial: A): A =>
  flatten(value).leaves.reduce<A>((accumulated, leaf) => f(accumulated, leaf as Leaf), initial)

/** Whether all leaves are true. */
export const all = (value: unknown): boolean => flatten(value).leaves.every(Boolean)

/** A tree of lists from a list of trees, and back: swaps the outer and the inner structure. */
export const transpose = (outer: TreeDef, inner: TreeDef, value: unknown): unknown => {
  const leaves = flatten(value).leaves
  const count = inner.leafCount
  const groups = Array.from({ length: count }, (_, k) =>
    unflatten(
      outer,
      Array.from({ length: outer.leafCount }, (__, i) => leaves[i * count + k]),
    ),
  )
  return unflatten(inner, groups)
}

/** Whether two trees have the same structure. */
export const sameStructure = (a: unknown, b: unknown, isLeaf?: IsLeaf): boolean =>
  structure(a, isLeaf).key === structure(b, isLeaf).key

/** Number of elements of all arrays of a tree: the parameter count of a model. */
export const size = (value: unknown): number =>
  flatten(value).leaves.reduce<number>((n, leaf) => n + (leaf instanceof NDArray ? leaf.size : 1), 0)
