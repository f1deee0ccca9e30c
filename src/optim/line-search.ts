/** Line searches: how far to go along updates, by trying; what they share, and the one that goes back until the loss falls enough. */
import { ArgumentError, NDArray, checkOptions } from '../core/index.js'
import * as np from '../numpy/index.js'
import { cond, valueAndGrad, whileLoop } from '../transforms/index.js'
import {
  type ExtraArguments,
  type GradientTransformation,
  mapTrees,
  needParams,
  scalarLike,
  zerosLikeTree,
} from './transformation.js'
import { along, innerProduct } from './vectors.js'

/** How the last search went. */
export interface LinesearchInfo {
  readonly numLinesearchSteps: NDArray
  /** By how much the loss fails to fall enough; 0 where it does. */
  readonly decreaseError: NDArray
}

/** State of the line searches: the step, and the loss and its gradient at the new parameters. */
export interface LinesearchState {
  readonly learningRate: NDArray
  readonly value: NDArray
  /** Null when the search is told not to keep it. */
  readonly grad: unknown
  readonly info: LinesearchInfo
}

export const full = (value: number): NDArray => np.array(value)

/** What a search needs to know. Throws ArgumentError when the caller did not give it. */
export const lossOf = (operation: string, params: unknown, extra: ExtraArguments | undefined) => {
  const at = needParams(params, operation)
  if (extra?.value === undefined || extra.grad === undefined || extra.valueFn === undefined) {
    throw new ArgumentError(
      `${operation}: the search needs the loss, its gradient and its function; call ` +
        `update(grads, state, params, { value, grad, valueFn }).`,
    )
  }
  const { valueFn } = extra
  const f = (x: unknown): NDArray => np.asarray(Reflect.apply(valueFn, undefined, [x]))
  return { at, value: np.asarray(extra.value), grad: extra.grad, f }
}

export const zeroState = (params: unknown, operation: string, keepsGrad: boolean): LinesearchState => ({
  learningRate: full(1),
  value: full(Infinity),
  grad: keepsGrad ? zerosLikeTree(params, operation) : null,
  info: { numLinesearchSteps: np.array(0, { dtype: 'int32' }), decreaseError: full(Infinity) },
})

/** What is above 0, with infinity for NaN. */
export const errorOf = (x: NDArray): NDArray => np.where(np.isnan(x), Infinity, np.maximum(x, 0))

export const times = <T>(operation: string, factor: NDArray, updates: T): T =>
  mapTrees(operation, (u) => np.multiply(scalarLike(factor, u), u), updates)

/** Options of `scaleByBacktrackingLinesearch`. */
export interface BacktrackingOptions {
  /** How much of the fall that the slope promises must come true, 1e-4 unless said. */
  readonly slopeRtol?: number
  /** Factor of the step after a failure (0.8). */
  readonly decreaseFactor?: number
  /** Factor of the last step, with which the next search begins (1.5). */
  readonly increaseFactor?: number
  readonly maxLearningRate?: number
  readonly atol?: number
  readonly rtol?: number
  /** Whether the gradient at the new parameters is kept in the state, for `valueAndGradFromState`. */
  readonly storeGrad?: boolean
}

/**
 * Scales updates by the largest of a falling row of steps at which the loss falls enough (the criterion of Armijo).
 * The search wants the loss: `update(updates, state, params, { value, grad, valueFn })`.
 *
 * @throws ArgumentError when the loss is not given
 * @example
 * ```ts
 * const optimizer = optim.chain(optim.sgd(1), optim.scaleByBacktrackingLinesearch(15))
 * ```
 */
export const scaleByBacktrackingLinesearch = (
  maxBacktrackingSteps: number,
  options: BacktrackingOptions = {},
): GradientTransformation<LinesearchState> => {
  const operation = 'optim.scaleByBacktrackingLinesearch'
  const {
    slopeRtol = 1e-4,
    decreaseFactor = 0.8,
    increaseFactor = 1.5,
    maxLearningRate = 1,
    atol = 0,
    rtol = 0,
    storeGrad = false,
  } = checkOptions(operation, options, 'slopeRtol decreaseFactor increaseFactor maxLearningRate atol rtol storeGrad')
  return {
    init: (params) => zeroState(params, operation, storeGrad),
    update: (updates, state, params, extra) => {
      const { at, value, grad, f } = lossOf(operation, params, extra)
      const slope = innerProduct(operation, updates, grad)
      const first = {
        step: np.minimum(np.multiply(increaseFactor, state.learningRate), maxLearningRate),
        value,
        error: full(Infinity),
        count: np.array(0, { dtype: 'int32' }),
      }
      const last = whileLoop(
        ({ error, count }: typeof first) =>
          np.logicalAnd(np.logicalNot(np.lessEqual(error, atol)), np.lessEqual(count, maxBacktrackingSteps)),
        ({ step, count }: typeof first) => {
          const tried = np.where(np.greater(count, 0), np.multiply(decreaseFactor, step), step)
          const found = f(along(operation, at, tried, updates))
          const promised = np.add(np.multiply(1 + rtol, value), np.multiply(np.multiply(tried, slopeRtol), slope))
          return { step: tried, value: found, error: errorOf(np.subtract(found, promised)), count: np.add(count, 1) }
        },
        first,
      )
      // Where no step gives a finite loss, none is made.
      const step = np.where(np.isinf(last.error), 0, last.step)
      const moved = times(operation, step, updates)
      const after = storeGrad ? valueAndGrad(f)(along(operation, at, step, updates))[1] : null
      return [
        moved,
        {
          learningRate: step,
          value: last.value,
          grad: after,
          info: { numLinesearchSteps: last.count, decreaseError: last.error },
        },
      ]
    },
  }
}

/** Whether a value is the state of a line search. */
const isSearchState = (x: unknown): x is { readonly value: NDArray; readonly grad: unknown } =>
  typeof x === 'object' && x !== null && 'value' in x && x.value instanceof NDArray && 'grad' in x && 'info' in x

const searchStates = (state: unknown): { readonly value: NDArray; readonly grad: unknown }[] => {
  if (isSearchState(state)) return [state]
  if (state instanceof NDArray || typeof state !== 'object' || state === null) return []
  return Object.values(state).flatMap(searchStates)
}

/** Options of what `valueAndGradFromState` gives. */
export interface FromStateOptions {
  /** State of the optimizer, with that of a line search in it. */
  readonly state: unknown
}

/**
 * `valueAndGrad` of a loss, which takes value and gradient from the state of a line search, where they are known after the
 * first step.
 *
 * @returns a function of parameters and `{ state }`; throws ArgumentError when the state holds no value and gradient, or several
 * @example
 * ```ts
 * const f = (x: NDArray) => np.sum(np.square(x))
 * const optimizer = optim.chain(optim.sgd(1), optim.scaleByBacktrackingLinesearch(15, { storeGrad: true }))
 * const [value] = optim.valueAndGradFromState(f)(np.ones([2]), { state: optimizer.init(np.ones([2])) }) // 2
 * ```
 */
export const valueAndGradFromState =
  <T>(valueFn: (params: T) => NDArray) =>
  (params: T, options: FromStateOptions): [value: NDArray, grad: T] => {
    const operation = 'optim.valueAndGradFromState'
    const { state } = checkOptions(operation, options, 'state')
    const found = searchStates(state).filter(({ grad }) => grad !== null)
    const [only] = found
    if (only === undefined || found.length > 1) {
      throw new ArgumentError(
        `${operation}: the state holds ${found.length} values with gradients, and must hold one: use one line search that ` +
          `keeps its gradient (scaleByZoomLinesearch, or scaleByBacktrackingLinesearch with { storeGrad: true }).`,
      )
    }
    return cond(
      np.isfinite(only.value),
      (): [NDArray, T] => [only.value, only.grad as T],
      (): [NDArray, T] => valueAndGrad(valueFn)(params),
    )
  }
