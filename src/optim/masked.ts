/** Transformations for parts of the parameters: masked, one per label, or only while gradients are finite. */
import { type NDArray, ArgumentError, known, tree } from '../core/index.js'
import * as lax from '../lax/index.js'
import * as np from '../numpy/index.js'
import { type GradientTransformation, mapTrees, nextCount, zeroCount } from './transformation.js'

/** A tree with one entry per parameter, or per subtree of parameters. */
export type PrefixTree<T> = T | null | readonly PrefixTree<T>[] | { readonly [key: string]: PrefixTree<T> }

/** Booleans that say which parameters take part, or a function that computes such a tree from the parameters. */
export type Mask = PrefixTree<boolean> | ((params: never) => unknown)

/** State of `masked`. */
export interface MaskedState {
  readonly innerState: unknown
}

/** A tree given as such or as a function of the parameters. */
const computed = (given: Mask | Labels, values: unknown): unknown =>
  typeof given === 'function' ? Reflect.apply(given, undefined, [values]) : given

/** One flag for each leaf of a tree. */
type Flags = (values: unknown) => readonly boolean[]

/** The tree with null, which has no leaves, in place of what is left out. */
const part = <T>(values: T, flags: readonly boolean[]): T => {
  const { leaves, def } = tree.flatten(values)
  return tree.unflatten(
    def,
    leaves.map((leaf, i) => (flags[i] === true ? leaf : null)),
  ) as T
}

/** The tree with the leaves of `changed` where they take part. */
const merged = <T>(values: T, changed: unknown, flags: readonly boolean[]): T => {
  const { leaves, def } = tree.flatten(values)
  const fresh = tree.leaves(changed)
  let next = 0
  return tree.unflatten(
    def,
    leaves.map((leaf, i) => (flags[i] === true ? fresh[next++] : leaf)),
  ) as T
}

const maskedBy = (inner: GradientTransformation, flagsOf: Flags): GradientTransformation<MaskedState> => ({
  init: (params) => ({ innerState: inner.init(part(params, flagsOf(params))) }),
  update: (updates, state, params, extra) => {
    const flags = flagsOf(updates)
    const own = params === undefined || params === null ? params : part(params, flags)
    const [changed, innerState] = inner.update(part(updates, flags), state.innerState, own, extra)
    return [merged(updates, changed, flags), { innerState }]
  },
})

/**
 * A transformation for some of the parameters; the updates of the others pass unchanged.
 *
 * @param mask booleans in the structure of the parameters or a prefix of it, or a function that gives them
 * @example
 * ```ts
 * const decay = optim.masked(optim.addDecayedWeights({ weightDecay: 0.1 }), { kernel: true, bias: false })
 * ```
 */
export const masked = <State>(inner: GradientTransformation<State>, mask: Mask): GradientTransformation<MaskedState> =>
  maskedBy(inner, (values) =>
    tree
      .broadcastPrefix(
        computed(mask, values),
        tree.structure(values),
        (x) => typeof x === 'boolean' || x === null,
        'optim.masked',
        'mask',
      )
      .map((flag) => flag === true),
  )

/** Labels of parameters, or a function that computes such a tree from the parameters. */
export type Labels = PrefixTree<string> | ((params: never) => unknown)

/** State of `multiTransform`. */
export interface MultiTransformState {
  readonly innerStates: Readonly<Record<string, unknown>>
}

/**
 * A transformation for each label.
 *
 * @param labels names from `transforms` in the structure of the parameters or a prefix of it, or a function giving them
 * @throws ArgumentError for a label without a transformation
 * @example
 * ```ts
 * const optimizer = optim.multiTransform(
 *   { slow: optim.adam(1e-4), frozen: optim.setToZero() },
 *   { encoder: 'frozen', head: 'slow' },
 * )
 * ```
 */
export const multiTransform = (
  transforms: Readonly<Record<string, GradientTransformation>>,
  labels: Labels,
): GradientTransformation<MultiTransformState> => {
  const operation = 'optim.multiTransform'
  const labelsOf = (values: unknown): readonly unknown[] => {
    const def = tree.structure(values)
    const list = tree.broadcastPrefix(
      computed(labels, values),
      def,
      (x) => typeof x === 'string' || x === null,
      operation,
      'labels',
    )
    const wrong = list.findIndex((label) => typeof label !== 'string' || !Object.hasOwn(transforms, label))
    if (wrong >= 0) {
      throw new ArgumentError(
        `${operation}: ${tree.paths(def, 'params')[wrong]} has the label '${String(list[wrong])}', ` +
          `and the transformations are for ${Object.keys(transforms).join(', ')}.`,
      )
    }
    return list
  }
  const parts = Object.entries(transforms).map(([label, transform]) => ({
    label,
    transform: maskedBy(transform, (values) => labelsOf(values).map((l) => l === label)),
  }))
  return {
    init: (params) => ({
      innerStates: Object.fromEntries(parts.map(({ label, transform }) => [label, transform.init(params)])),
    }),
    update: (updates, { innerStates }, params, extra) => {
      let current = updates
      const next = parts.map(({ label, transform }): [string, MaskedState] => {
        const state = known(innerStates[label], `state of ${label}`)
        const [changed, after] = transform.update(current, state as MaskedState, params, extra)
        current = changed
        return [label, after]
      })
      return [current, { innerStates: Object.fromEntries(next) }]
    },
  }
}

/** State of `applyIfFinite`. */
export interface ApplyIfFiniteState<State> {
  readonly notfiniteCount: NDArray
  readonly lastFinite: NDArray
  readonly totalNotfinite: NDArray
  readonly innerState: State
}

/**
 * Skips updates that contain NaN or infinity: they become zeros and the inner state stays, until more than
 * `maxConsecutiveErrors` in a row were skipped.
 */
export const applyIfFinite = <State>(
  inner: GradientTransformation<State>,
  maxConsecutiveErrors: number,
): GradientTransformation<ApplyIfFiniteState<State>> => {
  const operation = 'optim.applyIfFinite'
  return {
    init: (params) => ({
      notfiniteCount: zeroCount(),
      lastFinite: lax.full([], 1, { dtype: 'bool' }),
      totalNotfinite: zeroCount(),
      innerState: inner.init(params),
    }),
    update: (updates, state, params, extra) => {
      const checks: NDArray[] = []
      mapTrees(
        operation,
        (u) => {
          checks.push(np.all(np.isfinite(u)))
          return u
        },
        updates,
      )
      const finite = checks.reduce((a, b) => np.logicalAnd(a, b), lax.full([], 1, { dtype: 'bool' }))
      const count = np.where(finite, zeroCount(), nextCount(state.notfiniteCount))
      const go = np.logicalOr(finite, np.greater(count, maxConsecutiveErrors))
      const [changed, after] = inner.update(updates, state.innerState, params, extra)
      return [
        mapTrees(operation, (u) => np.where(go, u, lax.full([], 0, { dtype: u.dtype })), changed),
        {
          notfiniteCount: count,
          lastFinite: finite,
          totalNotfinite: np.where(finite, state.totalNotfinite, nextCount(state.totalNotfinite)),
          innerState: mapTrees(operation, (fresh, old) => np.where(go, fresh, old ?? fresh), after, state.innerState),
        },
      ]
    },
  }
}
