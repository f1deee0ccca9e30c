/** Names of the arrays of a pytree in a file: their paths, written as error messages write them. */
import { ArgumentError, type DType, NDArray, TreeError, type TreeDef, isDType, tree } from '../core/index.js'

/** Name of an array that is not inside of anything. */
const loneName = 'value'

/** Shape and dtype in place of an array, as `evalShape` gives them. */
export interface ArrayDescription {
  readonly shape: readonly number[]
  readonly dtype: DType
}

/** Whether a value has the shape and dtype of an array; arrays do. */
const isDescription = (value: unknown): value is ArrayDescription =>
  typeof value === 'object' &&
  value !== null &&
  'shape' in value &&
  'dtype' in value &&
  Array.isArray(value.shape) &&
  isDType(value.dtype)

const kindOf = (value: unknown): string =>
  value instanceof Object ? `an object of class ${value.constructor.name}` : `${typeof value} ${String(value)}`

/** Name of every leaf. Throws ArgumentError when two leaves would get one name. */
const leafNames = (def: TreeDef, operation: string): string[] => {
  const names = tree.paths(def).map((path) => (path === '' ? loneName : path))
  const seen = new Set<string>()
  for (const name of names) {
    if (seen.has(name)) {
      throw new ArgumentError(
        `${operation}: two arrays would be named '${name}', because a key has '.' or '[' in it; rename it.`,
      )
    }
    seen.add(name)
  }
  return names
}

/**
 * The arrays of a pytree by name: `conv1.kernel`, `[0].bias`.
 *
 * @throws ArgumentError for a leaf that is not an array, and for two arrays with one name
 */
export const namedArrays = (
  value: unknown,
  operation: string,
): readonly (readonly [name: string, array: NDArray])[] => {
  const { leaves, def } = tree.flatten(value)
  const names = leafNames(def, operation)
  return leaves.map((leaf, i) => {
    const name = names[i] ?? ''
    if (leaf instanceof NDArray) return [name, leaf]
    throw new ArgumentError(
      `${operation}: ${name} is not an array but ${kindOf(leaf)}; make it one with np.array(...).`,
    )
  })
}

/** The pytree of a structure whose leaves were found by name in a file. */
export interface Expected {
  readonly def: TreeDef
  readonly leaves: readonly (readonly [name: string, description: ArrayDescription])[]
}

/** What a file must hold to become a pytree like `like`, whose leaves are arrays or `{ shape, dtype }`. */
export const expectedArrays = (like: unknown, operation: string): Expected => {
  const { leaves, def } = tree.flatten(like, isDescription)
  const names = leafNames(def, operation)
  return {
    def,
    leaves: leaves.map((leaf, i) => {
      const name = names[i] ?? ''
      if (isDescription(leaf)) return [name, leaf]
      throw new ArgumentError(
        `${operation}: ${name} of 'like' is ${kindOf(leaf)}; its leaves must be arrays, or { shape, dtype } as evalShape gives them.`,
      )
    }),
  }
}

/** A pytree of arrays that was put together from names. */
export type ArrayTree = NDArray | readonly ArrayTree[] | { readonly [key: string]: ArrayTree }

/** Keys of a path: `a.b[0]` as a, b, 0, each with whether it is a position in a list. */
const pathKeys = (name: string): readonly (readonly [key: string, inList: boolean])[] =>
  [...name.matchAll(/\[(\d+)\]|\.?([^.[]*(?:\[(?!\d+\])[^.[]*)*)/g)]
    .filter((match) => match[0] !== '')
    .map((match) => [match[1] ?? match[2] ?? '', match[1] !== undefined])

type Branch = Map<string, Branch | NDArray>

const grown = (branch: Branch, lists: ReadonlySet<Branch>): ArrayTree => {
  const children = [...branch].map(([key, child]): readonly [string, ArrayTree] => [
    key,
    child instanceof NDArray ? child : grown(child, lists),
  ])
  if (!lists.has(branch)) return Object.fromEntries(children)
  const items = new Map(children)
  return children.map((_, i) => {
    const item = items.get(String(i))
    if (item !== undefined) return item
    throw new TreeError(`io.nest: a list has ${children.length} elements and none at position ${i}.`)
  })
}

/**
 * Arrays by name as nested records and lists: the inverse of naming them, as far as names tell (empty records and `null`
 * have no names).
 *
 * @throws TreeError when a name is that of an array and of a record, or a list has a gap
 * @example
 * ```ts
 * io.nest({ 'dense.kernel': np.zeros([2, 3]), 'dense.bias': np.zeros([3]) }) // { dense: { kernel, bias } }
 * ```
 */
export const nest = (arrays: Readonly<Record<string, NDArray>>): ArrayTree => {
  const root: Branch = new Map()
  const lists = new Set<Branch>()
  const records = new Set<Branch>()
  for (const [name, array] of Object.entries(arrays)) {
    const keys = pathKeys(name)
    let branch = root
    keys.forEach(([key, inList], depth) => {
      ;(inList ? lists : records).add(branch)
      const found = branch.get(key)
      const last = depth === keys.length - 1
      if (found instanceof NDArray || (last && found !== undefined) || (lists.has(branch) && records.has(branch))) {
        throw new TreeError(
          `io.nest: '${name}' does not fit into one tree with the names before it; use the flat record.`,
        )
      }
      if (last) branch.set(key, array)
      else {
        const child: Branch = found ?? new Map<string, Branch | NDArray>()
        branch.set(key, child)
        branch = child
      }
    })
  }
  return grown(root, lists)
}
