/** Pytrees: nested arrays, tuples, plain objects, null and registered classes, taken apart into leaves and put back. */
import { TreeError } from './errors.js'

/** How a registered class is taken apart: children that are subtrees, and static data that is part of the structure. */
export interface NodeType<T, Static = unknown> {
  readonly name: string
  readonly flatten: (value: T) => { readonly children: Readonly<Record<string, unknown>>; readonly data: Static }
  readonly unflatten: (data: Static, children: Readonly<Record<string, unknown>>) => T
}

/** Structure of a pytree without its leaves. Two structures are equal when their `key`s are. */
export interface TreeDef {
  readonly kind: 'leaf' | 'null' | 'list' | 'record' | 'node'
  readonly keys: readonly string[]
  readonly children: readonly TreeDef[]
  readonly leafCount: number
  /** Canonical text: `{a: *, b: [*, null]}`. */
  readonly key: string
  readonly type: NodeType<never> | undefined
  readonly data: unknown
}

const registry = new Map<object, NodeType<never>>()
/** Classes whose values are leaves although they are objects; NDArray adds itself. */
const leafClasses = new Set<object>()

/** Makes values of a class leaves of pytrees. */
export const registerLeaf = (prototype: object): void => void leafClasses.add(prototype)

/**
 * Makes a class a node of pytrees.
 *
 * @example
 * ```ts
 * class Pair { constructor(readonly x: NDArray, readonly y: NDArray) {} }
 * tree.register(Pair, {
 *   name: 'Pair',
 *   flatten: (p) => ({ children: { x: p.x, y: p.y }, data: null }),
 *   unflatten: (_, c) => new Pair(c.x as NDArray, c.y as NDArray),
 * })
 * ```
 */
export const register = <T extends object, Static>(cls: { readonly prototype: T }, type: NodeType<T, Static>): void => {
  registry.set(cls.prototype, type as unknown as NodeType<never>)
}

const leafDef: TreeDef = {
  kind: 'leaf',
  keys: [],
  children: [],
  leafCount: 1,
  key: '*',
  type: undefined,
  data: undefined,
}
const nullDef: TreeDef = { ...leafDef, kind: 'null', leafCount: 0, key: 'null' }

const countLeaves = (children: readonly TreeDef[]): number => children.reduce((n, c) => n + c.leafCount, 0)

const isLeafObject = (value: object): boolean => {
  for (let p: object | null = Object.getPrototypeOf(value); p !== null; p = Object.getPrototypeOf(p)) {
    if (leafClasses.has(p)) return true
  }
  return false
}

const nodeTypeOf = (value: object): NodeType<never> | undefined => {
  for (let p: object | null = Object.getPrototypeOf(value); p !== null; p = Object.getPrototypeOf(p)) {
    const type = registry.get(p)
    if (type !== undefined) return type
  }
  return undefined
}

const isPlainObject = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

/** Predicate that ends the descent early: what it accepts is a leaf. */
export type IsLeaf = (value: unknown) => boolean

const flattenInto = (value: unknown, leaves: unknown[], isLeaf: IsLeaf | undefined): TreeDef => {
  if (isLeaf !== undefined && isLeaf(value)) {
    leaves.push(value)
    return leafDef
  }
  if (value === null) return nullDef
  if (typeof value !== 'object' || isLeafObject(value)) {
    leaves.push(value)
    return leafDef
  }
  if (Array.isArray(value)) {
    const children = value.map((child: unknown) => flattenInto(child, leaves, isLeaf))
    return {
      kind: 'list',
      keys: children.map((_, i) => String(i)),
      children,
      leafCount: countLeaves(children),
      key: `[${children.map((c) => c.key).join(', ')}]`,
      type: undefined,
      data: undefined,
    }
  }
  const type = nodeTypeOf(value)
  const { children: parts, data } =
    type !== undefined ? type.flatten(value as never) : { children: value, data: undefined }
  if (type === undefined && !isPlainObject(value)) {
    leaves.push(value)
    return leafDef
  }
  const record = parts as Readonly<Record<string, unknown>>
  const keys = Object.keys(record).sort()
  const children = keys.map((key) => flattenInto(record[key], leaves, isLeaf))
  const body = keys.map((key, i) => `${key}: ${children[i]?.key}`).join(', ')
  return {
    kind: type !== undefined ? 'node' : 'record',
    keys,
    children,
    leafCount: countLeaves(children),
    key: type !== undefined ? `${type.name}(${JSON.stringify(data)}){${body}}` : `{${body}}`,
    type,
    data,
  }
}

/** Leaves in order (records by sorted key) and the structure that puts them back. */
export const flatten = (tree: unknown, isLeaf?: IsLeaf): { readonly leaves: unknown[]; readonly def: TreeDef } => {
  const leaves: unknown[] = []
  const def = flattenInto(tree, leaves, isLeaf)
  return { leaves, def }
}

/** Structure of a tree. */
export const structure = (tree: unknown, isLeaf?: IsLeaf): TreeDef => flatten(tree, isLeaf).def

/** Leaves of a tree, in order. */
export const leaves = (tree: unknown, isLeaf?: IsLeaf): unknown[] => flatten(tree, isLeaf).leaves

/** The tree of a structure and its leaves. Throws TreeError when their numbers differ. */
export const unflatten = (def: TreeDef, leaves: readonly unknown[]): unknown => {
  if (leaves.length !== def.leafCount) {
    throw new TreeError(
      `tree.unflatten: the structure ${def.key} has ${def.leafCount} leaves, but ${leaves.length} were given.`,
    )
  }
  let next = 0
  const build = (d: TreeDef): unknown => {
    if (d.kind === 'leaf') return leaves[next++]
    if (d.kind === 'null') return null
    if (d.kind === 'list') return d.children.map(build)
    const record: Record<string, unknown> = {}
    d.keys.forEach((key, i) => {
      const child = d.children[i]
      if (child !== undefined) record[key] = build(child)
    })
    return d.type !== undefined ? d.type.unflatten(d.data as never, record) : record
  }
  return build(def)
}

/** Path of every leaf below `root`, as a user would write it: `params.conv1.kernel`, `args[0][2]`. */
export const paths = (def: TreeDef, root = ''): string[] => {
  const out: string[] = []
  const walk = (d: TreeDef, path: string): void => {
    if (d.kind === 'leaf') out.push(path)
    d.children.forEach((child, i) => {
      const key = d.keys[i] ?? ''
      walk(child, d.kind === 'list' ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`)
    })
  }
  walk(def, root)
  return out
}

/** Where two structures first differ, in words. */
export const structureDifference = (expected: TreeDef, got: TreeDef, root: string): string | undefined => {
  if (expected.key === got.key) return undefined
  const here = root === '' ? 'the root' : root
  const describe = (d: TreeDef): string =>
    d.kind === 'leaf'
      ? 'an array'
      : d.kind === 'null'
        ? 'null'
        : d.kind === 'list'
          ? `a list of ${d.children.length}`
          : `${d.kind === 'node' ? (d.type?.name ?? 'a node') : 'a record'} with keys ${d.keys.join(', ') || '(none)'}`
  if (expected.kind !== got.kind || expected.keys.join() !== got.keys.join()) {
    return `at ${here}: expected ${describe(expected)}, got ${describe(got)}`
  }
  for (let i = 0; i < expected.children.length; i++) {
    const a = expected.children[i]
    const b = got.children[i]
    const key = expected.keys[i] ?? ''
    if (a === undefined || b === undefined) continue
    const path = expected.kind === 'list' ? `${root}[${key}]` : root === '' ? key : `${root}.${key}`
    const difference = structureDifference(a, b, path)
    if (difference !== undefined) return difference
  }
  return `at ${here}: expected ${expected.key}, got ${got.key}`
}

/** Throws TreeError, saying where they differ, unless two structures are equal. */
export const checkSameStructure = (expected: TreeDef, got: TreeDef, what: string, root = ''): void => {
  const difference = structureDifference(expected, got, root)
  if (difference !== undefined) throw new TreeError(`${what}: the pytrees differ ${difference}.`)
}

/**
 * One value per leaf of `def` from a prefix tree: a leaf of the prefix stands for every leaf below it.
 * `isLeaf` says what counts as a leaf of the prefix (axes are numbers or null, so null must be one).
 */
export const broadcastPrefix = (
  prefix: unknown,
  def: TreeDef,
  isLeaf: IsLeaf,
  what: string,
  root: string,
): unknown[] => {
  const out: unknown[] = []
  const walk = (p: unknown, d: TreeDef, path: string): void => {
    if (isLeaf(p)) {
      for (let i = 0; i < d.leafCount; i++) out.push(p)
      return
    }
    const prefixDef = structure(p, isLeaf)
    const childrenOf = (value: unknown): Readonly<Record<string, unknown>> =>
      typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {}
    if (d.kind === 'leaf' || d.kind === 'null' || prefixDef.keys.join() !== d.keys.join()) {
      throw new TreeError(
        `${what}: the structure ${prefixDef.key} does not fit ${d.key} at ${path === '' ? 'the root' : path}. ` +
          `It must be a prefix of the argument's structure: one entry for a whole subtree, or the same keys.`,
      )
    }
    d.keys.forEach((key, i) => {
      const child = d.children[i]
      const sub = d.kind === 'list' ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`
      if (child !== undefined) walk(childrenOf(p)[key], child, sub)
    })
  }
  walk(prefix, def, root)
  return out
}
