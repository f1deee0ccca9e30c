/** What an optimizer is: a pair of pure functions on pytrees; applying updates, chaining, and what they share. */
import { type ArrayLike, type DType, NDArray, TreeError, tree, withOneSource } from '../core/index.js'
import * as lax from '../lax/index.js'
import * as np from '../numpy/index.js'

/**
 * A gradient transformation, as in optax: `init` makes the state for parameters, `update` turns gradients into updates.
 * Both are pure functions of pytrees of arrays, so they can be jitted, scanned and saved. `State` is a pytree too.
 */
export interface GradientTransformation<State = unknown> {
  /** State before the first step. */
  init(params: unknown): State
  /** Updates, and the state for the next step. Transformations that look at parameters (weight decay) need `params`. */
  update<Updates>(
    updates: Updates,
    state: State,
    params?: unknown,
    extra?: ExtraArguments,
  ): [updates: Updates, state: State]
}

/** What some transformations want to know beside gradients and parameters. */
export interface ExtraArguments {
  /** The loss at the parameters. */
  readonly value?: ArrayLike
  /** Its gradient there, for line searches: a tree like the parameters. */
  readonly grad?: unknown
  /** The loss as a function of the parameters, for line searches. */
  readonly valueFn?: (params: never) => ArrayLike
}

/** A value that depends on the number of steps taken. */
export type Schedule = (count: ArrayLike) => ArrayLike

/** Applies a function of the library to corresponding leaves; the trees have the structure of the first. Throws TreeError where they differ. */
export const mapTrees = <T>(
  operation: string,
  f: (leaf: NDArray, ...rest: readonly NDArray[]) => ArrayLike,
  first: T,
  ...rest: readonly unknown[]
): T => {
  const { leaves, def } = tree.flatten(first)
  const others = rest.map((other) => {
    const flat = tree.flatten(other)
    tree.checkSameStructure(def, flat.def, operation)
    return flat.leaves
  })
  const mapped = withOneSource(() =>
    leaves.map((leaf, i) => f(leafArray(leaf, operation), ...others.map((o) => leafArray(o[i], operation)))),
  )
  return tree.unflatten(def, mapped) as T
}

/** A leaf as an array; JS numbers are leaves too. */
const leafArray = (leaf: unknown, operation: string): NDArray => {
  if (leaf instanceof NDArray) return leaf
  if (typeof leaf === 'number') return lax.asArray(leaf, operation)
  throw new TreeError(
    `${operation}: the leaves must be arrays, and one is ${leaf === undefined ? 'undefined' : typeof leaf}.`,
  )
}

/** Zeros with the shapes and dtypes of a tree. */
export const zerosLikeTree = <T>(params: T, operation: string, dtype: DType | null = null): T =>
  mapTrees(operation, (x) => lax.full(x.shape, 0, { dtype: dtype ?? x.dtype }), params)

/** The tree in another dtype, or as it is. */
export const castTree = <T>(values: T, operation: string, dtype: DType | null): T =>
  dtype === null ? values : mapTrees(operation, (x) => lax.convertElementType(x, dtype), values)

/** The parameters, which a transformation needs. Throws TreeError when the caller gave none. */
export const needParams = (params: unknown, operation: string): unknown => {
  if (params === undefined || params === null) {
    throw new TreeError(
      `${operation}: this transformation looks at the parameters; call update(grads, state, params) with them.`,
    )
  }
  return params
}

/** A scalar in the dtype of an array. */
export const scalarLike = (value: ArrayLike, x: NDArray): NDArray =>
  lax.convertElementType(lax.asArray(value, 'optim'), x.dtype)

/** A tree of arrays filled with one value. */
export const filledLikeTree = (params: unknown, value: number, operation: string): unknown =>
  mapTrees(operation, (x) => lax.full(x.shape, value, { dtype: x.dtype }), params)

/** decay moment + (1 - decay) value. */
export const moment = (value: NDArray, old: NDArray, decay: number): NDArray =>
  np.add(np.multiply(1 - decay, value), np.multiply(decay, old))

/**
 * 1 - decay^count: what a moving average that began at zero lacks. Written with expm1, since decay^count rounds to
 * five digits short of it while count is small and decay close to 1.
 */
export const debias = (decay: number, count: NDArray): NDArray =>
  lax.neg(lax.expm1(lax.mul(lax.convertElementType(count, 'float32'), Math.log(decay))))

/** A counter's start. */
export const zeroCount = (): NDArray => lax.full([], 0, { dtype: 'int32' })

/** The next count; it stays at the largest int32 instead of becoming negative. */
export const nextCount = (count: NDArray): NDArray =>
  lax.add(count, lax.convertElementType(lax.lt(count, 0x7fffffff), 'int32'))

/** A transformation without state. */
export const stateless = (
  operation: string,
  f: (update: NDArray, param: NDArray | undefined) => ArrayLike,
  options: { readonly params?: boolean } = {},
): GradientTransformation<null> => ({
  init: () => null,
  update: (updates, state, params) => [
    options.params === true
      ? mapTrees(operation, f, updates, needParams(params, operation))
      : mapTrees(operation, (u) => f(u, undefined), updates),
    state,
  ],
})

/**
 * The parameters plus the updates, in the dtypes of the parameters.
 *
 * @throws TreeError when the trees differ
 * @example
 * ```ts
 * optim.applyUpdates(np.array([1, 2]), np.array([0.5, -0.5])) // [1.5, 1.5]
 * ```
 */
export const applyUpdates = <T>(params: T, updates: unknown): T =>
  mapTrees('optim.applyUpdates', (p, u) => lax.convertElementType(np.add(p, u ?? 0), p.dtype), params, updates)

/**
 * `stepSize` of the way from the old tree to the new one: stepSize new + (1 - stepSize) old. For moving averages of
 * parameters, such as target networks.
 */
export const incrementalUpdate = <T>(newTensors: T, oldTensors: T, stepSize: ArrayLike): T =>
  mapTrees(
    'optim.incrementalUpdate',
    (fresh, old) =>
      np.add(
        np.multiply(scalarLike(stepSize, fresh), fresh),
        np.multiply(np.subtract(scalarLike(1, fresh), scalarLike(stepSize, fresh)), old ?? fresh),
      ),
    newTensors,
    oldTensors,
  )

/**
 * The square root of the sum of squares of all elements of all arrays.
 *
 * @example
 * ```ts
 * optim.globalNorm({ a: np.array([3]), b: np.array([4]) }) // 5
 * ```
 */
export const globalNorm = (updates: unknown): NDArray => {
  const squares = tree.leaves(updates).map((leaf) => {
    const x = leafArray(leaf, 'optim.globalNorm')
    return np.sum(np.square(x))
  })
  return np.sqrt(squares.length === 0 ? 0 : squares.reduce((a, b) => np.add(a, b)))
}

/** Passes updates on unchanged. */
export const identity = (): GradientTransformation<null> => ({
  init: () => null,
  update: (updates, state) => [updates, state],
})

/** Replaces every update by zero, which freezes the parameters. */
export const setToZero = (): GradientTransformation<null> =>
  stateless('optim.setToZero', (u) => lax.full(u.shape, 0, { dtype: u.dtype }))

/**
 * One transformation after the other; the state is the list of their states.
 *
 * @example
 * ```ts
 * const optimizer = optim.chain(optim.clipByGlobalNorm(1), optim.adam(1e-3))
 * ```
 */
export const chain = (
  ...transformations: readonly GradientTransformation[]
): GradientTransformation<readonly unknown[]> => ({
  init: (params) => transformations.map((t) => t.init(params)),
  update: (updates, states, params, extra) => {
    if (states.length !== transformations.length) {
      throw new TreeError(
        `optim.chain: the state has ${states.length} entries for ${transformations.length} transformations; ` +
          `it must come from init or update of this very chain.`,
      )
    }
    let current = updates
    const next = transformations.map((t, i) => {
      const [changed, state] = t.update(current, states[i], params, extra)
      current = changed
      return state
    })
    return [current, next]
  },
})
