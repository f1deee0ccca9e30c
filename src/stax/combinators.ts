/** Models from layers: one after the other, side by side, around a shortcut, or chosen by the input's shape. */
import {
  type NDArray,
  ArgumentError,
  NDArray as ArrayClass,
  ShapeError,
  canonicalAxis,
  known,
  sameShape,
  shapeText,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import * as np from '../numpy/index.js'
import { splitPair } from '../random/key.js'
import { anyUsesKey, applyAll, childKey, childrenOf, initAll } from './children.js'
import { Identity } from './dense.js'
import {
  type AnyLayer,
  type Layer,
  type Nothing,
  type Shape,
  type Shapes,
  type Values,
  applyChild,
  at,
  initChild,
  isLayer,
  plainLayer,
  singleArray,
  singleShape,
  checkApply,
} from './layer.js'

/** Params of a layer. */
export type ParamsOf<L> = L extends { init(key: NDArray, inputShape: never): { readonly params: infer P } } ? P : never

/** State of a layer. */
export type StateOf<L> = L extends { init(key: NDArray, inputShape: never): { readonly state: infer S } } ? S : never

/** What a layer takes. */
export type InputOf<L> = L extends { apply(params: never, state: never, x: infer X extends Values): unknown }
  ? X
  : NDArray

/** What a layer gives. */
export type OutputOf<L> = L extends {
  apply(params: never, state: never, x: never): { readonly y: infer Y extends Values }
}
  ? Y
  : NDArray

type FirstInput<L extends readonly AnyLayer[]> = L extends readonly [infer First, ...unknown[]]
  ? InputOf<First>
  : NDArray
type LastOutput<L extends readonly AnyLayer[]> = L extends readonly [...unknown[], infer Last]
  ? OutputOf<Last>
  : NDArray
type ParamsOfAll<L> = { readonly [I in keyof L]: ParamsOf<L[I]> }
type StateOfAll<L> = { readonly [I in keyof L]: StateOf<L[I]> }

/** The layers of every `serial` of a list, for the monoid of layers. */
const chains = new WeakMap<object, readonly AnyLayer[]>()

/** The layers that a model made by `serial(...layers)` runs one after the other; any other layer is its own only one. */
export const chainOf = (layer: AnyLayer): readonly AnyLayer[] => chains.get(layer) ?? [layer]

/**
 * Layers one after the other. With a list, params and state are tuples; with a record, records of the same names.
 *
 * @example
 * ```ts
 * const model = stax.serial({
 *   conv: stax.Conv(32, [3, 3]),
 *   relu: stax.Relu,
 *   pool: stax.MaxPool([2, 2], { strides: [2, 2] }),
 *   flat: stax.Flatten,
 *   out: stax.Dense(10),
 * })
 * const { params, state } = model.init(random.key(0), [-1, 28, 28, 1])
 * params.conv.kernel.shape // [3, 3, 1, 32]
 * ```
 */
export function serial<const L extends readonly AnyLayer[]>(
  ...layers: L
): Layer<ParamsOfAll<L>, StateOfAll<L>, FirstInput<L>, LastOutput<L>>
export function serial<const R extends Readonly<Record<string, AnyLayer>>>(
  layers: R,
): Layer<ParamsOfAll<R>, StateOfAll<R>>
export function serial(...args: readonly unknown[]): AnyLayer {
  const children = childrenOf('serial', args)
  const model: AnyLayer = {
    kind: 'serial',
    usesKey: anyUsesKey(children.layers),
    init: (key, inputShape) => {
      const { outputShapes, params, state } = initAll(children, key, (_, previous) => previous ?? inputShape)
      return { outputShape: outputShapes.at(-1) ?? inputShape, params, state }
    },
    apply: (params, state, x, given) => {
      const options = checkApply('serial', given)
      const result = applyAll(children, params, state, (_, previous) => previous ?? x, options)
      return { y: result.outputs.at(-1) ?? x, state: result.state }
    },
  }
  if (args.every(isLayer)) chains.set(model, children.layers)
  return model
}

/** Entry of a list of inputs (or shapes) for a branch. */
const branchOf = <V>(kind: string, list: readonly V[], count: number, index: number): V => {
  if (list.length !== count) {
    throw new ArgumentError(
      `${kind}${at()}: ${count} branches take a list of ${count} inputs, got ${list.length}. To give all of them the same input, put stax.FanOut(${count}) before.`,
    )
  }
  return known(list[index], 'branch')
}

const isShapeList = (shape: Shapes): shape is readonly Shapes[] => shape.every((entry) => typeof entry !== 'number')

/**
 * Layers side by side: a list of inputs becomes the list of their outputs. Params are a tuple, or a record as in `serial`
 * (inputs stay a list, in the order of the names).
 *
 * @example
 * ```ts
 * const model = stax.serial(stax.FanOut(2), stax.parallel(stax.Dense(8), stax.Identity), stax.FanInConcat())
 * ```
 */
export function parallel<const L extends readonly AnyLayer[]>(
  ...layers: L
): Layer<ParamsOfAll<L>, StateOfAll<L>, readonly Values[], { readonly [I in keyof L]: OutputOf<L[I]> }>
export function parallel<const R extends Readonly<Record<string, AnyLayer>>>(
  layers: R,
): Layer<ParamsOfAll<R>, StateOfAll<R>, readonly Values[], readonly Values[]>
export function parallel(...args: readonly unknown[]): Layer<unknown, unknown, readonly Values[], readonly Values[]> {
  const children = childrenOf('parallel', args)
  const count = children.layers.length
  return {
    kind: 'parallel',
    usesKey: anyUsesKey(children.layers),
    init: (key, inputShape) => {
      const shapes: readonly Shapes[] = isShapeList(inputShape) ? inputShape : [inputShape]
      const { outputShapes, params, state } = initAll(children, key, (i) => branchOf('parallel', shapes, count, i))
      return { outputShape: outputShapes, params, state }
    },
    apply: (params, state, x, given) => {
      const options = checkApply('parallel', given)
      const inputs: readonly Values[] = x instanceof ArrayClass ? [x] : x
      const result = applyAll(children, params, state, (i) => branchOf('parallel', inputs, count, i), options)
      return { y: result.outputs, state: result.state }
    },
  }
}

/** Gives its input `count` times, to the branches of `parallel`. */
export const FanOut = (count: number): Layer<Nothing, Nothing, NDArray, readonly NDArray[]> => {
  if (!Number.isInteger(count) || count < 1) throw new ArgumentError(`FanOut: ${count} is not a number of branches.`)
  return plainLayer<NDArray, readonly NDArray[]>(
    'FanOut',
    (inputShape) => Array.from({ length: count }, () => inputShape),
    (x) => Array.from({ length: count }, () => x),
  )
}

const branchShapes = (kind: string, inputShape: Shapes): readonly Shape[] => {
  if (!isShapeList(inputShape) || inputShape.length === 0) {
    throw new ShapeError(`${kind}${at()}: expected the shapes of several inputs, got ${JSON.stringify(inputShape)}.`)
  }
  return inputShape.map((shape) => singleShape(kind, shape))
}

const branchArrays = (kind: string, x: readonly Values[] | NDArray): readonly NDArray[] => {
  if (x instanceof ArrayClass || x.length === 0) {
    throw new ArgumentError(
      `${kind}${at()}: expected a list of arrays, as parallel gives it, got ${x instanceof ArrayClass ? 'one array' : 'an empty list'}.`,
    )
  }
  return x.map((branch) => singleArray(kind, branch))
}

/** The sum of the branches, which have one shape. */
export const FanInSum: Layer<Nothing, Nothing, readonly NDArray[]> = plainLayer<readonly NDArray[]>(
  'FanInSum',
  (inputShape) => {
    const shapes = branchShapes('FanInSum', inputShape)
    const first = known(shapes[0], 'shape')
    if (shapes.some((shape) => !sameShape(shape, first))) {
      throw new ShapeError(
        `FanInSum${at()}: the branches have shapes ${shapes.map(shapeText).join(', ')}, which must be equal.`,
      )
    }
    return first
  },
  (x) => branchArrays('FanInSum', x).reduce((a, b) => np.add(a, b)),
)

/** The branches joined along an axis, the last one unless said. */
export const FanInConcat = (axis = -1): Layer<Nothing, Nothing, readonly NDArray[]> =>
  plainLayer<readonly NDArray[]>(
    'FanInConcat',
    (inputShape) => {
      const shapes = branchShapes('FanInConcat', inputShape)
      const first = known(shapes[0], 'shape')
      const along = canonicalAxis(axis, first.length, 'FanInConcat')
      if (
        shapes.some(
          (shape) => shape.length !== first.length || shape.some((size, d) => d !== along && size !== first[d]),
        )
      ) {
        throw new ShapeError(
          `FanInConcat${at()}: the branches have shapes ${shapes.map(shapeText).join(', ')}, which may differ only along axis ${axis}.`,
        )
      }
      const sizes = shapes.map((shape) => known(shape[along], 'size'))
      const total = sizes.some((size) => size < 0) ? -1 : sizes.reduce((a, b) => a + b, 0)
      return first.map((size, d) => (d === along ? total : size))
    },
    (x) => {
      const arrays = branchArrays('FanInConcat', x)
      return lax.concatenate([...arrays], canonicalAxis(axis, known(arrays[0], 'array').ndim, 'FanInConcat'))
    },
  )

/** Params or state of `residual`. */
export interface ResidualTree<Main, Shortcut> {
  readonly main: Main
  readonly shortcut: Shortcut
}

/**
 * layer(x) + shortcut(x) (https://arxiv.org/abs/1512.03385). Params: `{ main, shortcut }`.
 *
 * @param shortcut what brings x to the shape of the result; `Identity` unless given
 * @throws ShapeError from init when the two have different shapes
 * @example
 * ```ts
 * const block = stax.residual(stax.serial(stax.Conv(8, [3, 3]), stax.Relu), stax.Conv(8, [1, 1]))
 * ```
 */
export const residual = <P, S, ShortcutP = Nothing, ShortcutS = Nothing>(
  layer: Layer<P, S>,
  shortcut?: Layer<ShortcutP, ShortcutS>,
): Layer<ResidualTree<P, ShortcutP | Nothing>, ResidualTree<S, ShortcutS | Nothing>> => {
  const other = shortcut ?? Identity
  return {
    kind: 'residual',
    usesKey: anyUsesKey([layer, other]),
    init: (key, inputShape) => {
      const [mainKey, shortcutKey] = splitPair(key)
      const main = initChild('.main', layer, mainKey, inputShape)
      const side = initChild('.shortcut', other, shortcutKey, inputShape)
      const [a, b] = [singleShape('residual', main.outputShape), singleShape('residual', side.outputShape)]
      if (!sameShape(a, b)) {
        throw new ShapeError(
          `residual${at()}: the layer gives ${shapeText(a)} and the shortcut ${shapeText(b)}, which cannot be added. ` +
            `Give residual a second layer that brings the input to ${shapeText(a)}, such as a Dense or a 1x1 Conv.`,
        )
      }
      return {
        outputShape: a,
        params: { main: main.params as P, shortcut: side.params as ShortcutP },
        state: { main: main.state as S, shortcut: side.state as ShortcutS },
      }
    },
    apply: (params, state, x, given) => {
      const options = checkApply('residual', given)
      const run = (segment: '.main' | '.shortcut', child: AnyLayer, p: unknown, s: unknown, index: number) =>
        applyChild(segment, child, p, s, x, { ...options, key: childKey(child, index, options) })
      const main = run('.main', layer, params.main, state.main, 0)
      const side = run('.shortcut', other, params.shortcut, state.shortcut, 1)
      return {
        y: np.add(singleArray('residual', main.y), singleArray('residual', side.y)),
        state: { main: main.state as S, shortcut: side.state as ShortcutS },
      }
    },
  }
}

/**
 * A layer that is made when the shape of its input is known, both for `init` and for `apply`.
 *
 * @example
 * ```ts
 * const Same = stax.shapeDependent((shape) => stax.Dense(shape.at(-1) ?? 1))
 * ```
 */
export const shapeDependent = <P, S>(make: (inputShape: Shape) => Layer<P, S>): Layer<P, S> => ({
  kind: 'shapeDependent',
  init: (key, inputShape) => make(inputShape).init(key, inputShape),
  apply: (params, state, x, options = {}) => make(x.shape).apply(params, state, x, options),
})
