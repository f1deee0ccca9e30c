/** What makes calls of a compiled function differ: structure, shapes, dtypes, static values; and keys that are equal where they don't. */
import { type ShapedArray, type TreeDef, avalText } from '../core/index.js'

/**
 * Any result. That lists are among its members, and the empty tuple too, makes the compiler infer tuples: `return [params, loss]` is
 * then `[Params, NDArray]` and no list of either, without `as const`. (`unknown` would take up the tuples.)
 */
export type Returned = {} | null | undefined | readonly unknown[] | []

/** What jit tells calls apart by. */
export interface Signature {
  readonly def: TreeDef
  readonly avals: readonly ShapedArray[]
  readonly paths: readonly string[]
  readonly statics: readonly unknown[]
  readonly axes: string
}

const identities = new WeakMap<object, number>()
let nextIdentity = 1

/** Text that is equal for static values that mean the same: by value for plain ones, by identity for objects. */
export const staticKey = (value: unknown): string => {
  if (typeof value === 'function' || (typeof value === 'object' && value !== null && !isPlainData(value))) {
    let id = identities.get(value)
    if (id === undefined) identities.set(value, (id = nextIdentity++))
    return `#${id}`
  }
  if (typeof value === 'object' && value !== null) {
    return Array.isArray(value)
      ? `[${value.map(staticKey).join()}]`
      : `{${Object.keys(value)
          .sort()
          .map((k) => `${JSON.stringify(k)}:${staticKey(Reflect.get(value, k))}`)
          .join()}}`
  }
  return typeof value === 'string'
    ? JSON.stringify(value)
    : Object.is(value, -0)
      ? '-0'
      : `${typeof value}:${String(value)}`
}

const isPlainData = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return Array.isArray(value) || prototype === Object.prototype || prototype === null
}

export const avalKey = (aval: ShapedArray): string => (aval.weakType ? `~${avalText(aval)}` : avalText(aval))
