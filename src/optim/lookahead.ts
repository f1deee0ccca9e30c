/** Lookahead: an optimizer's fast parameters, which come back now and then to slow ones that follow them. */
import { ArgumentError, type NDArray, checkOptions, known } from '../core/index.js'
import * as lax from '../lax/index.js'
import * as np from '../numpy/index.js'
import { type GradientTransformation, mapTrees, needParams, scalarLike, zeroCount } from './transformation.js'

/** Parameters that the optimizer moves, and those that follow slowly; a pytree. */
export interface LookaheadParams<T = unknown> {
  /** Gradients are taken here. */
  readonly fast: T
  /** The better ones in the end. */
  readonly slow: T
}

/** Both kinds of parameters, equal. */
export const LookaheadParams = {
  /**
   * Fast and slow parameters that begin together.
   *
   * @example
   * ```ts
   * const params = optim.LookaheadParams.initSynced({ w: np.ones([2]) })
   * ```
   */
  initSynced: <T>(params: T): LookaheadParams<T> => ({ fast: params, slow: params }),
}

/** State of `lookahead`. */
export interface LookaheadState {
  readonly fastState: unknown
  readonly stepsSinceSync: NDArray
}

/** Options of `lookahead`. */
export interface LookaheadOptions {
  /** Whether the optimizer begins again whenever the parameters meet. */
  readonly resetState?: boolean
}

/** A transformation of gradients by the fast parameters into updates of both kinds. */
export interface Lookahead {
  init(params: unknown): LookaheadState
  update<T>(updates: T, state: LookaheadState, params?: unknown): [updates: LookaheadParams<T>, state: LookaheadState]
}

const both = (params: unknown): LookaheadParams => {
  const given = needParams(params, 'optim.lookahead')
  if (typeof given === 'object' && given !== null && 'fast' in given && 'slow' in given) return given
  throw new ArgumentError(
    'optim.lookahead: parameters are { fast, slow }; begin with optim.LookaheadParams.initSynced(params), and differentiate by params.fast.',
  )
}

/**
 * `syncPeriod` steps of the optimizer with the fast parameters; then the slow ones go `slowStepSize` of the way to them, and the
 * fast ones go back there (https://arxiv.org/abs/1907.08610).
 *
 * @throws ArgumentError for a period below 1, or for parameters that are not `{ fast, slow }`
 * @example
 * ```ts
 * const optimizer = optim.lookahead(optim.sgd(0.1), 5, 0.5)
 * let params = optim.LookaheadParams.initSynced(np.ones([2]))
 * const grads = grad((p) => np.sum(np.square(p)))(params.fast)
 * const [updates] = optimizer.update(grads, optimizer.init(params), params)
 * params = optim.applyUpdates(params, updates)
 * ```
 */
export const lookahead = (
  fastOptimizer: GradientTransformation,
  syncPeriod: number,
  slowStepSize: number,
  options: LookaheadOptions = {},
): Lookahead => {
  const { resetState = false } = checkOptions('optim.lookahead', options, 'resetState')
  const operation = 'optim.lookahead'
  if (!Number.isInteger(syncPeriod) || syncPeriod < 1)
    throw new ArgumentError(`${operation}: the period must be a positive integer, got ${syncPeriod}.`)
  return {
    init: (params) => ({ fastState: fastOptimizer.init(both(params).fast), stepsSinceSync: zeroCount() }),
    update: (updates, state, params) => {
      const { fast, slow } = both(params)
      const [steps, after] = fastOptimizer.update(updates, state.fastState, fast)
      const sync = np.equal(state.stepsSinceSync, syncPeriod - 1)
      /** How far the fast parameters will be from the slow ones, if they meet now. */
      const gap = mapTrees(
        operation,
        (step, f, s) =>
          np.where(sync, np.subtract(np.add(known(f, 'fast'), step), known(s, 'slow')), scalarLike(0, step)),
        steps,
        fast,
        slow,
      )
      const scaled = (by: number): typeof gap => mapTrees(operation, (g) => np.multiply(scalarLike(by, g), g), gap)
      const back = mapTrees(operation, (step, g) => np.subtract(step, known(g, 'gap')), steps, scaled(1 - slowStepSize))
      const fastState = resetState
        ? mapTrees(
            operation,
            (now, first) => np.where(sync, known(first, 'state'), now),
            after,
            fastOptimizer.init(fast),
          )
        : after
      const count = np.mod(lax.add(state.stepsSinceSync, 1), syncPeriod)
      return [
        { fast: back, slow: scaled(slowStepSize) },
        { fastState, stepsSinceSync: count },
      ]
    },
  }
}
