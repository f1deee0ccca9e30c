/** Optimizers under optax's names: each is a chain of transformations that ends in the learning rate. */
import type { ArrayLike, DType } from '../core/index.js'
import { type LionOptions, scaleByLion } from './moments.js'
import { type Schedule, type GradientTransformation, chain } from './transformation.js'
import {
  type AdamOptions,
  type RmsOptions,
  type RssOptions,
  type WeightDecayOptions,
  addDecayedWeights,
  scaleByAdam,
  scaleByAdamax,
  scaleByLearningRate,
  scaleByRms,
  scaleByRss,
  scaleByStddev,
  trace,
} from './transforms.js'

/** A number, or a function of the number of steps taken. */
export type LearningRate = ArrayLike | Schedule

/** An optimizer; its state is a list with the state of each part. */
export type Optimizer = GradientTransformation<readonly unknown[]>

/** Options of `sgd`. */
export interface SgdOptions {
  /** Decay of the accumulated gradients; none unless given. */
  readonly momentum?: number | null
  readonly nesterov?: boolean
  /** Dtype in which momentum is kept; that of the parameters unless given. */
  readonly accumulatorDtype?: DType | null
}

/**
 * Stochastic gradient descent, with momentum if asked.
 *
 * @example
 * ```ts
 * const optimizer = optim.sgd(0.1, { momentum: 0.9 })
 * let params = { w: np.array([1, 2]) }
 * let state = optimizer.init(params)
 * const grads = grad((p) => np.sum(np.square(p.w)))(params)
 * const [updates, next] = optimizer.update(grads, state, params)
 * params = optim.applyUpdates(params, updates)
 * state = next
 * console.log(params.w.js()) // [0.8, 1.6]
 * ```
 */
export const sgd = (
  learningRate: LearningRate,
  { momentum = null, nesterov = false, accumulatorDtype = null }: SgdOptions = {},
): Optimizer => {
  const rate = scaleByLearningRate(learningRate)
  return momentum === null ? chain(rate) : chain(trace(momentum, { nesterov, accumulatorDtype }), rate)
}

/** Adam (https://arxiv.org/abs/1412.6980). */
export const adam = (learningRate: LearningRate, options: AdamOptions = {}): Optimizer =>
  chain(scaleByAdam(options), scaleByLearningRate(learningRate))

/** Adam with Nesterov momentum (https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ). */
export const nadam = (learningRate: LearningRate, options: Omit<AdamOptions, 'nesterov'> = {}): Optimizer =>
  adam(learningRate, { ...options, nesterov: true })

/** Adam with weight decay apart from the moments (https://arxiv.org/abs/1711.05101); `weightDecay` is 1e-4 unless said. */
export const adamw = (
  learningRate: LearningRate,
  { weightDecay = 1e-4, mask = null, ...options }: AdamOptions & WeightDecayOptions = {},
): Optimizer => chain(scaleByAdam(options), addDecayedWeights({ weightDecay, mask }), scaleByLearningRate(learningRate))

/** Adamax: Adam with the infinity norm. */
export const adamax = (learningRate: LearningRate, options: Pick<AdamOptions, 'b1' | 'b2' | 'eps'> = {}): Optimizer =>
  chain(scaleByAdamax(options), scaleByLearningRate(learningRate))

/** Adamax with weight decay. */
export const adamaxw = (
  learningRate: LearningRate,
  { weightDecay = 1e-4, mask = null, ...options }: Pick<AdamOptions, 'b1' | 'b2' | 'eps'> & WeightDecayOptions = {},
): Optimizer =>
  chain(scaleByAdamax(options), addDecayedWeights({ weightDecay, mask }), scaleByLearningRate(learningRate))

/** Options of `rmsprop`. */
export interface RmspropOptions extends RmsOptions, Omit<SgdOptions, 'accumulatorDtype'> {
  /** Divide by the standard deviation instead of the root mean square. */
  readonly centered?: boolean
}

/** RMSProp (https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf), with momentum if asked. */
export const rmsprop = (
  learningRate: LearningRate,
  { centered = false, momentum = null, nesterov = false, ...options }: RmspropOptions = {},
): Optimizer => {
  const scaling: GradientTransformation = centered ? chain(scaleByStddev(options)) : chain(scaleByRms(options))
  const rate = scaleByLearningRate(learningRate)
  return momentum === null ? chain(scaling, rate) : chain(scaling, rate, trace(momentum, { nesterov }))
}

/** Adagrad (https://jmlr.org/papers/v12/duchi11a.html). */
export const adagrad = (learningRate: LearningRate, options: RssOptions = {}): Optimizer =>
  chain(scaleByRss(options), scaleByLearningRate(learningRate))

/** Lion (https://arxiv.org/abs/2302.06675); use a learning rate three to ten times smaller than Adam's. */
export const lion = (
  learningRate: LearningRate,
  { weightDecay = 1e-3, mask = null, ...options }: Pick<LionOptions, 'b1' | 'b2' | 'muDtype'> & WeightDecayOptions = {},
): Optimizer => chain(scaleByLion(options), addDecayedWeights({ weightDecay, mask }), scaleByLearningRate(learningRate))
