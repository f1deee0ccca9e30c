/** The layers inside of a combinator: their names, and their params and states together. */
import { type NDArray, ArgumentError, TreeError, known } from '../core/index.js'
import * as random from '../random/index.js'
import { splitList } from '../random/key.js'
import {
  type AnyLayer,
  type Applied,
  type ApplyOptions,
  type Initialized,
  type Shapes,
  type Values,
  applyChild,
  initChild,
  isLayer,
  pathOf,
} from './layer.js'

/** The children of a combinator, and how their params (or states) are kept together: in a tuple or a record. */
export interface Children {
  readonly kind: string
  readonly layers: readonly AnyLayer[]
  readonly segments: readonly string[]
  readonly pack: (values: readonly unknown[]) => unknown
  readonly unpack: (values: unknown, root: 'params' | 'state') => readonly unknown[]
}

/** Children in a list; their params are a list. */
const listOf = (kind: string, layers: readonly AnyLayer[]): Children => {
  layers.forEach((layer, i) => {
    if (!isLayer(layer)) {
      throw new ArgumentError(
        `${kind}: argument ${i} is not a layer (an object with init and apply)${typeof layer === 'function' ? '; it is a function, which is called to make one, as in stax.Dense(10)' : ''}.`,
      )
    }
  })
  return {
    kind,
    layers,
    segments: layers.map((_, i) => `[${i}]`),
    pack: (values) => values,
    unpack: (values, root) => {
      if (Array.isArray(values) && values.length === layers.length) return values
      throw new TreeError(
        `${kind}: ${pathOf(root)} must be a list of ${layers.length}, one entry per layer, got ${
          Array.isArray(values) ? `a list of ${values.length}` : describe(values)
        }. Take params and state from init of this very model.`,
      )
    },
  }
}

const describe = (x: unknown): string =>
  typeof x === 'object' && x !== null ? `a record with keys ${Object.keys(x).join(', ') || '(none)'}` : String(x)

/** Children by name; their params are a record. */
const recordOf = (kind: string, named: Readonly<Record<string, AnyLayer>>): Children => {
  const names = Object.keys(named)
  for (const [name, layer] of Object.entries(named)) {
    if (!isLayer(layer)) throw new ArgumentError(`${kind}: '${name}' is not a layer (an object with init and apply).`)
    if (/^\d+$/.test(name)) {
      throw new ArgumentError(
        `${kind}: the name '${name}' is a number, and JavaScript would reorder it; call it 'layer${name}', say.`,
      )
    }
  }
  return {
    kind,
    layers: Object.values(named),
    segments: names.map((name) => `.${name}`),
    pack: (values) => Object.fromEntries(names.map((name, i) => [name, values[i]])),
    unpack: (values, root) => {
      const record = typeof values === 'object' && values !== null ? (values as Readonly<Record<string, unknown>>) : {}
      return names.map((name) => {
        if (Object.hasOwn(record, name)) return record[name]
        throw new TreeError(
          `${kind}: ${pathOf(root)}.${name} is missing; got ${describe(values)}. Take params and state from init of this very model.`,
        )
      })
    },
  }
}

/** The layers that a combinator was called with: several, or one record of them. */
export const childrenOf = (kind: string, args: readonly unknown[]): Children => {
  const [only] = args
  if (args.length === 1 && Array.isArray(only)) {
    throw new ArgumentError(`${kind}: layers are arguments, not a list of them: stax.${kind}(...layers).`)
  }
  return args.length === 1 && !isLayer(only) && typeof only === 'object' && only !== null
    ? recordOf(kind, only as Readonly<Record<string, AnyLayer>>)
    : listOf(kind, args as readonly AnyLayer[])
}

/** A key of its own for each child that uses one. */
export const childKey = (child: AnyLayer, index: number, { key }: ApplyOptions): NDArray | undefined =>
  key === undefined || child.usesKey === false ? undefined : random.foldIn(key, index)

/** Whether some layer may need a key. */
export const anyUsesKey = (layers: readonly AnyLayer[]): boolean => layers.some((child) => child.usesKey !== false)

/** What each child starts from, given what came out of the one before. */
export type Wiring<V> = (index: number, previous: V | undefined) => V

/** `init` of all children. */
export const initAll = (children: Children, key: NDArray, shapeFor: Wiring<Shapes>) => {
  const keys = children.layers.length === 0 ? [] : splitList(key, children.layers.length)
  const results: Initialized<unknown, unknown, Values>[] = []
  children.layers.forEach((child, i) => {
    const shape = shapeFor(i, results.at(-1)?.outputShape)
    results.push(initChild(known(children.segments[i], 'segment'), child, known(keys[i], 'key'), shape))
  })
  return {
    outputShapes: results.map((r) => r.outputShape),
    params: children.pack(results.map((r) => r.params)),
    state: children.pack(results.map((r) => r.state)),
  }
}

/** `apply` of all children. */
export const applyAll = (
  children: Children,
  params: unknown,
  state: unknown,
  inputFor: Wiring<Values>,
  options: ApplyOptions,
): { readonly outputs: readonly Values[]; readonly state: unknown } => {
  const allParams = children.unpack(params, 'params')
  const allStates = children.unpack(state, 'state')
  const results: Applied<unknown, Values>[] = []
  children.layers.forEach((child, i) => {
    const own = { ...options, key: childKey(child, i, options) }
    const x = inputFor(i, results.at(-1)?.y)
    results.push(applyChild(known(children.segments[i], 'segment'), child, allParams[i], allStates[i], x, own))
  })
  return { outputs: results.map((r) => r.y), state: children.pack(results.map((r) => r.state)) }
}
