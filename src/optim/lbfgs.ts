/** L-BFGS: gradients times an estimate of the inverse Hessian, made of the last differences of parameters and gradients. */
import { type ArrayLike, ArgumentError, type NDArray, checkOptions, dtypeEpsilon, known } from '../core/index.js'
import * as lax from '../lax/index.js'
import * as np from '../numpy/index.js'
import { scan } from '../transforms/index.js'
import { scaleByZoomLinesearch } from './zoom-search.js'
import { type GradientTransformation, chain, identity, needParams, nextCount, zeroCount } from './transformation.js'
import type { LearningRate } from './optimizers.js'
import { scale, scaleByLearningRate } from './transforms.js'
import { raveled } from './vectors.js'

/** Options of `scaleByLbfgs`. */
export interface LbfgsScaleOptions {
  /** How many differences are kept, 10 unless said. */
  readonly memorySize?: number
  /** Whether the estimate begins with a multiple of the identity that fits the last step (true), or with the identity. */
  readonly scaleInitPrecond?: boolean
}

/** State of `scaleByLbfgs`; parameters and gradients are flat, all arrays in one vector. */
export interface LbfgsState {
  readonly count: NDArray
  readonly params: NDArray
  readonly updates: NDArray
  /** `[memorySize, n]`, in a ring. */
  readonly diffParamsMemory: NDArray
  readonly diffUpdatesMemory: NDArray
  readonly weightsMemory: NDArray
}

const operation = 'optim.scaleByLbfgs'

const dot = (x: NDArray, y: NDArray): NDArray => np.sum(np.multiply(x, y))

const row = (memory: NDArray, at: NDArray): NDArray => lax.dynamicIndexInDim(memory, at, { axis: 0, keepdims: false })

const withRow = (memory: NDArray, at: NDArray, value: NDArray): NDArray =>
  lax.dynamicUpdateIndexInDim(memory, value, at, 0)

interface Memory {
  readonly params: NDArray
  readonly updates: NDArray
  readonly weights: NDArray
}

/** The vector times the estimate, by the two loops of Nocedal and Wright, algorithm 7.4: newest differences first, then back. */
const precondition = (vector: NDArray, memory: Memory, newestFirst: NDArray, identityScale: ArrayLike): NDArray => {
  const [reduced, factors] = scan(
    (v: NDArray, at: NDArray): [NDArray, NDArray] => {
      const factor = np.multiply(row(memory.weights, at), dot(row(memory.params, at), v))
      return [np.subtract(v, np.multiply(factor, row(memory.updates, at))), factor]
    },
    vector,
    newestFirst,
  )
  const [result] = scan(
    (v: NDArray, [at, factor]: readonly [NDArray, NDArray]): [NDArray, null] => {
      const back = np.multiply(row(memory.weights, at), dot(row(memory.updates, at), v))
      return [np.add(v, np.multiply(row(memory.params, at), np.subtract(factor, back))), null]
    },
    np.multiply(identityScale, reduced),
    [newestFirst, factors] as const,
    { reverse: true },
  )
  return result
}

/**
 * Gradients times the estimate of the inverse Hessian. Give it the parameters: `update(grads, state, params)`.
 *
 * @throws ArgumentError for a memory of fewer than one
 * @example
 * ```ts
 * const optimizer = optim.chain(optim.scaleByLbfgs({ memorySize: 5 }), optim.scale(-0.1))
 * ```
 */
export const scaleByLbfgs = (options: LbfgsScaleOptions = {}): GradientTransformation<LbfgsState> => {
  const { memorySize = 10, scaleInitPrecond = true } = checkOptions(operation, options, 'memorySize scaleInitPrecond')
  if (!Number.isInteger(memorySize) || memorySize < 1)
    throw new ArgumentError(`${operation}: memorySize must be a positive integer, got ${memorySize}.`)
  return {
    init: (params) => {
      const [vector] = raveled(operation, params)
      const none = np.zerosLike(vector)
      const memory = np.zeros([memorySize, vector.size], { dtype: vector.dtype })
      return {
        count: zeroCount(),
        params: none,
        updates: none,
        diffParamsMemory: memory,
        diffUpdatesMemory: memory,
        weightsMemory: np.zeros([memorySize], { dtype: vector.dtype }),
      }
    },
    update: (updates, state, params) => {
      const [gradient, put] = raveled(operation, updates)
      const [point] = raveled(operation, needParams(params, operation))
      const started = np.greater(state.count, 0)
      const diffParams = np.where(started, np.subtract(point, state.params), 0)
      const diffUpdates = np.where(started, np.subtract(gradient, state.updates), 0)
      const product = dot(diffUpdates, diffParams)
      const weight = np.where(np.equal(product, 0), 0, np.divide(1, np.where(np.equal(product, 0), 1, product)))
      const newest = np.mod(np.subtract(state.count, 1), memorySize)
      const memory = {
        params: withRow(state.diffParamsMemory, newest, diffParams),
        updates: withRow(state.diffUpdatesMemory, newest, diffUpdates),
        weights: withRow(state.weightsMemory, newest, weight),
      }
      const square = dot(diffUpdates, diffUpdates)
      // The first step is one along the gradient, no longer than 1.
      const length = np.sqrt(dot(gradient, gradient))
      const first = np.minimum(1, np.divide(1, np.maximum(length, dtypeEpsilon('float32'))))
      const fitting = np.where(np.greater(square, 0), np.divide(product, np.where(np.greater(square, 0), square, 1)), 1)
      const identityScale = scaleInitPrecond ? np.where(started, fitting, first) : 1
      const newestFirst = np.mod(np.subtract(newest, lax.iota('int32', memorySize)), memorySize)
      const scaled = precondition(gradient, memory, newestFirst, identityScale)
      return [
        put(scaled),
        {
          count: nextCount(state.count),
          params: point,
          updates: gradient,
          diffParamsMemory: memory.params,
          diffUpdatesMemory: memory.updates,
          weightsMemory: memory.weights,
        },
      ]
    },
  }
}

/** Options of `lbfgs`. */
export interface LbfgsOptions extends LbfgsScaleOptions {
  /** Steps before the line search scales them; 1 unless said. */
  readonly learningRate?: LearningRate | null
  /** Chooses how far to go; a zoom line search that begins with 1 unless said, null for none. */
  readonly linesearch?: GradientTransformation | null
}

/**
 * L-BFGS with a line search (https://doi.org/10.1007/BF01589116), for losses that are the same in every step. The search
 * wants the loss too: `update(grads, state, params, { value, grad, valueFn })`.
 *
 * @example
 * ```ts
 * const f = (x: NDArray) => np.sum(np.square(np.subtract(x, 3)))
 * const optimizer = optim.lbfgs()
 * const step = jit((x: NDArray, state: unknown) => {
 *   const [value, grads] = optim.valueAndGradFromState(f)(x, { state })
 *   const [updates, next] = optimizer.update(grads, state, x, { value, grad: grads, valueFn: f })
 *   return [optim.applyUpdates(x, updates), next] as const
 * })
 * const [x] = step(np.zeros([2]), optimizer.init(np.zeros([2])))
 * ```
 */
export const lbfgs = (options: LbfgsOptions = {}): GradientTransformation => {
  const {
    learningRate = null,
    linesearch,
    ...rest
  } = checkOptions('optim.lbfgs', options, 'memorySize scaleInitPrecond learningRate linesearch')
  const search =
    linesearch === undefined ? scaleByZoomLinesearch(20, { initialGuessStrategy: 'one' }) : (linesearch ?? identity())
  return chain(
    scaleByLbfgs(rest),
    learningRate === null ? scale(-1) : scaleByLearningRate(learningRate),
    known(search, 'line search'),
  )
}
