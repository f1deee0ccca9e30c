/** From functions of pytrees to functions of lists of arrays, with paths for messages. */
import {
  type ArrayLike,
  type TreeDef,
  ArgumentError,
  NDArray,
  isFloating,
  isInteger,
  known,
  tree,
  describe,
} from '../core/index.js'
import { asArray, convertElementType } from '../lax/index.js'

/** A function that a transformation can be applied to: pytrees in, a pytree out. */
export type Fn<Args extends readonly unknown[] = readonly never[], Result = unknown> = (...args: Args) => Result

/** Name of a function for messages: its own, or `<lambda>`. */
export const functionName = (f: { readonly name: string }): string => (f.name === '' ? '<lambda>' : f.name)

/** Names of a function's parameters as its source shows them; `args[i]` where a parameter is a pattern. */
export const parameterNames = (f: object, count: number): string[] => {
  const source = Function.prototype.toString.call(f).slice(0, 2000)
  const list = /^(?:async\s+)?(?:function\s*\w*\s*)?\(([^)]*)\)|^(?:async\s+)?(\w+)\s*=>/.exec(source)
  const inside = list?.[1] ?? list?.[2] ?? ''
  const simple =
    inside.includes('{') || inside.includes('[') ? [] : inside.split(',').map((p) => p.split('=')[0]?.trim() ?? '')
  return Array.from({ length: count }, (_, i) => {
    const name = simple[i]
    return name !== undefined && /^[A-Za-z_$][\w$]*$/.test(name) ? name : `args[${i}]`
  })
}

/** Arrays of a call's arguments, in order, with the path of each and the structure that puts them back. */
export class FlatArguments {
  #paths: readonly string[] | undefined
  readonly #f: object

  constructor(
    f: object,
    readonly leaves: readonly NDArray[],
    readonly def: TreeDef,
  ) {
    this.#f = f
  }

  /** Worked out when first asked for: only messages and traces need them, and names come from the function's source. */
  get paths(): readonly string[] {
    return (this.#paths ??= argumentPaths(this.#f, this.def))
  }
}

/** Path of every leaf of a list of arguments: `params.conv1.kernel`. */
export const argumentPaths = (f: object, def: TreeDef): string[] => {
  const names = parameterNames(f, def.children.length)
  return def.children.flatMap((child, i) => tree.paths(child, names[i] ?? `args[${i}]`))
}

/** A leaf as an array. Throws ArgumentError naming the leaf's path. */
export const leafArray = (leaf: unknown, path: string, operation: string): NDArray => {
  if (leaf instanceof NDArray) return leaf
  if (typeof leaf === 'number' || typeof leaf === 'boolean') return asArray(leaf, operation)
  throw new ArgumentError(
    `${operation}: ${path} is ${describe(leaf)}${typeof leaf === 'string' ? ` ('${leaf}')` : ''}, which is not an array. ` +
      `Arguments are pytrees of arrays and numbers: nested lists, plain objects, null, and classes given to tree.register` +
      `${operation.startsWith('jit') ? '; other values may be static (staticArgnums)' : ''}.`,
  )
}

/** Leaves as arrays; `paths` is called for a leaf that is none yet. Throws ArgumentError naming a leaf's path. */
export const leafArrays = (
  leaves: readonly unknown[],
  paths: () => readonly string[],
  operation: string,
): readonly NDArray[] => {
  const arrays: NDArray[] = []
  for (const leaf of leaves)
    arrays.push(leaf instanceof NDArray ? leaf : leafArray(leaf, paths()[arrays.length] ?? 'an argument', operation))
  return arrays
}

/** Flattens arguments. Throws ArgumentError for a leaf that is no array. */
export const flattenArguments = (f: object, args: readonly unknown[], operation: string): FlatArguments => {
  const { leaves, def } = tree.flatten(args)
  return new FlatArguments(
    f,
    leafArrays(leaves, () => argumentPaths(f, def), operation),
    def,
  )
}

/** A float array for differentiation; JS numbers count as floats here, whatever their value. */
export const floatLeaf = (leaf: unknown, path: string, operation: string): NDArray => {
  if (typeof leaf === 'number') return convertElementType(leaf, 'float32')
  const x = leafArray(leaf, path, operation)
  // A JS number that a transformation around this one has traced already.
  if (x.weakType && isInteger(x.dtype)) return convertElementType(x, 'float32')
  if (!isFloating(x.dtype)) {
    throw new ArgumentError(
      `${operation}: ${path} has dtype ${x.dtype}, and only floats have derivatives. ` +
        `Convert it with astype('float32'), or differentiate by other arguments (argnums).`,
    )
  }
  return x
}

/** Result of a traced function: its arrays and structure. */
export interface FlatResult {
  readonly leaves: readonly NDArray[]
  readonly def: TreeDef
}

/** Flattens what a function returned. Throws ArgumentError for a leaf that is no array. */
export const flattenResult = (result: unknown, f: { readonly name: string }, operation: string): FlatResult => {
  if (result instanceof Promise) {
    throw new ArgumentError(
      `${operation}: ${functionName(f)} is asynchronous (it returned a Promise). Transformed functions are pure and synchronous: ` +
        `read data before, and pass it as an argument.`,
    )
  }
  const { leaves, def } = tree.flatten(result)
  const paths = tree.paths(def, 'result')
  return {
    leaves: leaves.map((leaf, i) => {
      if (leaf === undefined) {
        throw new ArgumentError(
          `${operation}: ${functionName(f)} returned undefined at ${paths[i]}. Return an array, a number or a pytree of them; ` +
            `an arrow function with braces needs 'return'.`,
        )
      }
      return leafArray(leaf, paths[i] ?? 'result', operation)
    }),
    def,
  }
}

/** `argnums` as a list of positions in the call, checked. */
export const argumentPositions = (argnums: number | readonly number[], count: number, operation: string): number[] => {
  const list = typeof argnums === 'number' ? [argnums] : [...argnums]
  return list.map((n) => {
    const at = n < 0 ? n + count : n
    if (!Number.isInteger(n) || at < 0 || at >= count) {
      throw new ArgumentError(
        `${operation}: argnums names argument ${n}, but the function was called with ${count} argument${count === 1 ? '' : 's'}.`,
      )
    }
    return at
  })
}

/** Rebuilds a pytree whose leaves are arrays. */
export const rebuild = (def: TreeDef, leaves: readonly ArrayLike[]): unknown => tree.unflatten(def, leaves)

/** The single array of a function that must return a scalar. */
export const scalarResult = (result: FlatResult, f: { readonly name: string }, operation: string): NDArray => {
  const [value] = result.leaves
  if (result.leaves.length !== 1 || value === undefined || result.def.kind !== 'leaf') {
    throw new ArgumentError(
      `${operation}: ${functionName(f)} must return one scalar, and it returned ${result.def.key}. ` +
        `Return the loss alone, or [loss, aux] with { hasAux: true }.`,
    )
  }
  return known(value, 'result')
}
