/** Optimizers under optax's names: each is a chain of transformations that ends in the learning rate. */
import { type ArrayLike, type DType, checkOptions } from '../core/index.js'
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
export const sgd = (learningRate: LearningRate, options: SgdOptions = {}): Optimizer => {
  const {
    momentum = null,
    nesterov = false,
    accumulatorDtype = null,
  } = checkOptions('optim.sgd', options, 'momentum nesterov accumulatorDtype')
  const rate = scaleByLearningRate(learningRate)
  return momentum === null ? chain(rate) : chain(trace(momentum, { nesterov, accumulatorDtype }), rate)
}

/** Adam (https://arxiv.org/abs/1412.6980). */
export const adam = (learningRate: LearningRate, options: AdamOptions = {}): Optimizer => {
  checkOptions('optim.adam', options, 'b1 b2 eps epsRoot nesterov muDtype')
  return chain(scaleByAdam(options), scaleByLearningRate(learningRate))
}

/** Adam with Nesterov momentum (https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ). */
export const nadam = (learningRate: LearningRate, options: Omit<AdamOptions, 'nesterov'> = {}): Optimizer => {
  checkOptions('optim.nadam', options, 'eps b1 b2 epsRoot muDtype')
  return adam(learningRate, { ...options, nesterov: true })
}

/** Adam with weight decay apart from the moments (https://arxiv.org/abs/1711.05101); `weightDecay` is 1e-4 unless said. */
export const adamw = (learningRate: LearningRate, options: AdamOptions & WeightDecayOptions = {}): Optimizer => {
  const {
    weightDecay = 1e-4,
    mask = null,
    ...rest
  } = checkOptions('optim.adamw', options, 'b1 b2 eps epsRoot nesterov muDtype weightDecay mask')
  return chain(scaleByAdam(rest), addDecayedWeights({ weightDecay, mask }), scaleByLearningRate(learningRate))
}

/** Adamax: Adam with the infinity norm. */
export const adamax = (learningRate: LearningRate, options: Pick<AdamOptions, 'b1' | 'b2' | 'eps'> = {}): Optimizer => {
  checkOptions('optim.adamax', options, 'eps b1 b2')
  return chain(scaleByAdamax(options), scaleByLearningRate(learningRate))
}

/** Adamax with weight decay. */
export const adamaxw = (
  learningRate: LearningRate,
  options: Pick<AdamOptions, 'b1' | 'b2' | 'eps'> & WeightDecayOptions = {},
): Optimizer => {
  const {
    weightDecay = 1e-4,
    mask = null,
    ...rest
  } = checkOptions('optim.adamaxw', options, 'eps b1 b2 weightDecay mask')
  return chain(scaleByAdamax(rest), addDecayedWeights({ weightDecay, mask }), scaleByLearningRate(learningRate))
}

/** Options of `rmsprop`. */
export interface RmspropOptions extends RmsOptions, Omit<SgdOptions, 'accumulatorDtype'> {
  /** Divide by the standard deviation instead of the root mean square. */
  readonly centered?: boolean
}

/** RMSProp (https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf), with momentum if asked. */
export const rmsprop = (learningRate: LearningRate, options: RmspropOptions = {}): Optimizer => {
  const {
    centered = false,
    momentum = null,
    nesterov = false,
    ...rest
  } = checkOptions(
    'optim.rmsprop',
    options,
    'centered decay eps initialScale epsInSqrt biasCorrection nesterov momentum',
  )
  const scaling: GradientTransformation = centered ? chain(scaleByStddev(rest)) : chain(scaleByRms(rest))
  const rate = scaleByLearningRate(learningRate)
  return momentum === null ? chain(scaling, rate) : chain(scaling, rate, trace(momentum, { nesterov }))
}

/** Adagrad (https://jmlr.org/papers/v12/duchi11a.html). */
export const adagrad = (learningRate: LearningRate, options: RssOptions = {}): Optimizer => {
  checkOptions('optim.adagrad', options, 'initialAccumulatorValue eps')
  return chain(scaleByRss(options), scaleByLearningRate(learningRate))
}

/** Lion (https://arxiv.org/abs/2302.06675); use a learning rate three to ten times smaller than Adam's. */
export const lion = (
  learningRate: LearningRate,
  options: Pick<LionOptions, 'b1' | 'b2' | 'muDtype'> & WeightDecayOptions = {},
): Optimizer => {
  const {
    weightDecay = 1e-3,
    mask = null,
    ...rest
  } = checkOptions('optim.lion', options, 'b1 b2 muDtype weightDecay mask')
  return chain(scaleByLion(rest), addDecayedWeights({ weightDecay, mask }), scaleByLearningRate(learningRate))
}
