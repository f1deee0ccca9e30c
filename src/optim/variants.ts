/** More optimizers under optax's names, made of the scalings of moments, blocks and factors. */
import { type ArrayLike, ArgumentError, checkOptions } from '../core/index.js'
import {
  type OptimisticOptions,
  clipByBlockRms,
  scaleByOptimisticGradient,
  scaleByParamBlockRms,
  scaleBySign,
  scaleByTrustRatio,
} from './blocks.js'
import {
  type FactoredOptions,
  type PolyakOptions,
  type RpropOptions,
  scaleByFactoredRms,
  scaleByPolyak,
  scaleByRprop,
  scaleBySm3,
} from './factored.js'
import { type Mask, masked } from './masked.js'
import {
  type AdadeltaOptions,
  type AdanOptions,
  type AmsgradOptions,
  type NovogradOptions,
  type RadamOptions,
  type YogiOptions,
  scaleByAdadelta,
  scaleByAdan,
  scaleByAmsgrad,
  scaleByBelief,
  scaleByNovograd,
  scaleByRadam,
  scaleByYogi,
} from './moments.js'
import { type LearningRate, type Optimizer, adamw, sgd } from './optimizers.js'
import { type GradientTransformation, chain } from './transformation.js'
import {
  type AdamOptions,
  type MomentOptions,
  type WeightDecayOptions,
  addDecayedWeights,
  ema,
  scale,
  scaleByAdam,
  scaleByLearningRate,
  trace,
} from './transforms.js'
import { type NoiseOptions, addNoise } from './wrappers.js'

/** Adam with Nesterov momentum and weight decay apart from the moments; `weightDecay` is 1e-4 unless said. */
export const nadamw = (
  learningRate: LearningRate,
  options: Omit<AdamOptions, 'nesterov'> & WeightDecayOptions = {},
): Optimizer => {
  checkOptions('optim.nadamw', options, 'eps b1 b2 epsRoot muDtype weightDecay mask')
  return adamw(learningRate, { ...options, nesterov: true })
}

/** AMSGrad (https://openreview.net/forum?id=ryQu7f-RZ). */
export const amsgrad = (learningRate: LearningRate, options: AmsgradOptions = {}): Optimizer => {
  checkOptions('optim.amsgrad', options, 'biasCorrectionMu biasCorrectionNu eps b1 b2 epsRoot muDtype')
  return chain(scaleByAmsgrad(options), scaleByLearningRate(learningRate))
}

/** AdaBelief (https://arxiv.org/abs/2010.07468). */
export const adabelief = (learningRate: LearningRate, options: MomentOptions = {}): Optimizer => {
  checkOptions('optim.adabelief', options, 'b1 b2 eps epsRoot nesterov')
  return chain(scaleByBelief(options), scaleByLearningRate(learningRate))
}

/** Yogi (https://papers.nips.cc/paper/8186). */
export const yogi = (learningRate: LearningRate, options: Pick<YogiOptions, 'b1' | 'b2' | 'eps'> = {}): Optimizer => {
  checkOptions('optim.yogi', options, 'eps b1 b2')
  return chain(scaleByYogi(options), scaleByLearningRate(learningRate))
}

/** Rectified Adam (https://arxiv.org/abs/1908.03265). */
export const radam = (learningRate: LearningRate, options: RadamOptions = {}): Optimizer => {
  checkOptions('optim.radam', options, 'threshold b1 b2 eps epsRoot nesterov')
  return chain(scaleByRadam(options), scaleByLearningRate(learningRate))
}

/** Adan (https://arxiv.org/abs/2208.06677). */
export const adan = (learningRate: LearningRate, options: AdanOptions & WeightDecayOptions = {}): Optimizer => {
  const {
    weightDecay = 0,
    mask = null,
    epsRoot = 1e-8,
    ...rest
  } = checkOptions('optim.adan', options, 'b3 eps b1 b2 epsRoot weightDecay mask')
  return chain(
    scaleByAdan({ ...rest, epsRoot }),
    addDecayedWeights({ weightDecay, mask }),
    scaleByLearningRate(learningRate),
  )
}

/** Options of `adadelta`. */
export interface AdadeltaOptimizerOptions extends AdadeltaOptions {
  readonly weightDecay?: ArrayLike
  readonly weightDecayMask?: Mask | null
}

/** Adadelta (https://arxiv.org/abs/1212.5701); 1 is the learning rate of the paper. */
export const adadelta = (learningRate: LearningRate, options: AdadeltaOptimizerOptions = {}): Optimizer => {
  const {
    weightDecay = 0,
    weightDecayMask = null,
    ...rest
  } = checkOptions('optim.adadelta', options, 'weightDecay weightDecayMask rho eps')
  return chain(
    addDecayedWeights({ weightDecay, mask: weightDecayMask }),
    scaleByAdadelta(rest),
    scaleByLearningRate(learningRate),
  )
}

/** Options of `adafactor`. */
export interface AdafactorOptions extends Pick<FactoredOptions, 'minDimSizeToFactor' | 'decayRate' | 'factored'> {
  /** The learning rate; without one steps have the size of the parameters. */
  readonly learningRate?: LearningRate | null
  readonly decayOffset?: number
  readonly multiplyByParameterScale?: boolean
  /** Updates of an array are scaled down to this root mean square; null to leave them. */
  readonly clippingThreshold?: number | null
  readonly momentum?: number | null
  readonly weightDecayRate?: ArrayLike | null
  readonly weightDecayMask?: Mask | null
  readonly eps?: number
}

/** Whether an argument is an options object and not a learning rate. */
const isOptions = <O extends object>(given: LearningRate | O | null | undefined): given is O =>
  typeof given === 'object' && given !== null && Object.getPrototypeOf(given) === Object.prototype

/**
 * Adafactor (https://arxiv.org/abs/1804.04235): `adafactor(options)`, or `adafactor(learningRate, options)`.
 *
 * @example
 * ```ts
 * const optimizer = optim.adafactor(1e-2, { minDimSizeToFactor: 32 })
 * ```
 */
export const adafactor = (
  learningRateOrOptions: LearningRate | AdafactorOptions | null = null,
  options: AdafactorOptions = {},
): Optimizer => {
  const settings = isOptions(learningRateOrOptions) ? learningRateOrOptions : options
  checkOptions(
    'optim.adafactor',
    settings,
    'learningRate decayOffset multiplyByParameterScale clippingThreshold momentum weightDecayRate weightDecayMask eps factored decayRate minDimSizeToFactor',
  )
  const given = isOptions(learningRateOrOptions)
    ? learningRateOrOptions
    : { ...options, learningRate: learningRateOrOptions ?? options.learningRate ?? null }
  const { clippingThreshold = 1, momentum = null, weightDecayRate = null, learningRate = null } = given
  const { factored = true, decayRate = 0.8, decayOffset = 0, minDimSizeToFactor = 128, eps = 1e-30 } = given
  const parts: GradientTransformation[] = []
  const add = (part: Optimizer): number => parts.push(part)
  add(chain(scaleByFactoredRms({ factored, decayRate, stepOffset: decayOffset, minDimSizeToFactor, epsilon: eps })))
  if (clippingThreshold !== null) add(chain(clipByBlockRms(clippingThreshold)))
  if (learningRate !== null) add(chain(scaleByLearningRate(learningRate, { flipSign: false })))
  if (given.multiplyByParameterScale !== false) add(chain(scaleByParamBlockRms()))
  if (momentum !== null) add(chain(ema(momentum, { debias: false })))
  if (weightDecayRate !== null) {
    add(chain(addDecayedWeights({ weightDecay: weightDecayRate, mask: given.weightDecayMask ?? null })))
  }
  return chain(...parts, scale(-1))
}

/** NovoGrad (https://arxiv.org/abs/1905.11286). */
export const novograd = (learningRate: LearningRate, options: NovogradOptions = {}): Optimizer => {
  const { eps = 1e-6, ...rest } = checkOptions('optim.novograd', options, 'weightDecay eps b1 b2 epsRoot muDtype')
  return chain(scaleByNovograd({ eps, ...rest }), scaleByLearningRate(learningRate))
}

/** LAMB: Adam whose arrays step in proportion to their norm (https://arxiv.org/abs/1904.00962). */
export const lamb = (
  learningRate: LearningRate,
  options: Omit<AdamOptions, 'nesterov'> & WeightDecayOptions = {},
): Optimizer => {
  const {
    weightDecay = 0,
    mask = null,
    eps = 1e-6,
    ...rest
  } = checkOptions('optim.lamb', options, 'eps b1 b2 epsRoot muDtype weightDecay mask')
  return chain(
    scaleByAdam({ eps, ...rest }),
    addDecayedWeights({ weightDecay, mask }),
    scaleByTrustRatio(),
    scaleByLearningRate(learningRate),
  )
}

/** Options of `lars`. */
export interface LarsOptions {
  readonly weightDecay?: ArrayLike
  readonly weightDecayMask?: Mask
  readonly trustCoefficient?: number
  readonly eps?: number
  readonly trustRatioMask?: Mask
  readonly momentum?: number
  readonly nesterov?: boolean
}

/** LARS: momentum whose arrays step in proportion to their norm (https://arxiv.org/abs/1708.03888). */
export const lars = (learningRate: LearningRate, options: LarsOptions = {}): Optimizer => {
  const {
    weightDecay = 0,
    weightDecayMask = true,
    trustCoefficient = 0.001,
    eps = 0,
    trustRatioMask = true,
    momentum = 0.9,
    nesterov = false,
  } = checkOptions(
    'optim.lars',
    options,
    'weightDecay weightDecayMask trustCoefficient eps trustRatioMask momentum nesterov',
  )
  return chain(
    addDecayedWeights({ weightDecay, mask: weightDecayMask }),
    masked(scaleByTrustRatio({ trustCoefficient, eps }), trustRatioMask),
    scaleByLearningRate(learningRate),
    trace(momentum, { nesterov }),
  )
}

/** Fromage (https://arxiv.org/abs/2002.03432). */
export const fromage = (learningRate: number, options: { readonly minNorm?: number } = {}): Optimizer => {
  const { minNorm = 1e-6 } = checkOptions('optim.fromage', options, 'minNorm')
  if (typeof learningRate !== 'number') {
    throw new ArgumentError('optim.fromage: the learning rate must be a JS number.')
  }
  const shrink = 1 / Math.sqrt(1 + learningRate ** 2)
  return chain(
    scaleByTrustRatio({ minNorm }),
    scaleByLearningRate(learningRate * shrink),
    addDecayedWeights({ weightDecay: shrink - 1 }),
  )
}

/** Gradient descent with noise that decays (https://arxiv.org/abs/1511.06807). */
export const noisySgd = (
  learningRate: LearningRate,
  options: { readonly eta?: number; readonly gamma?: number } & NoiseOptions = {},
): Optimizer => {
  const { eta = 0.01, gamma = 0.55, key = 0 } = checkOptions('optim.noisySgd', options, 'eta gamma key')
  return chain(addNoise(eta, gamma, { key }), scaleByLearningRate(learningRate))
}

/** Steps of equal size along the signs of gradients (https://arxiv.org/abs/1802.04434). */
export const signSgd = (learningRate: LearningRate): Optimizer =>
  chain(scaleBySign(), scaleByLearningRate(learningRate))

/** Steps of equal size along the signs of a moving average of gradients. */
export const signum = (learningRate: LearningRate, options: { readonly beta?: number } = {}): Optimizer => {
  const { beta = 0.9 } = checkOptions('optim.signum', options, 'beta')
  return chain(ema(beta, { debias: false }), scaleBySign(), scaleByLearningRate(learningRate))
}

/** SM3 (https://arxiv.org/abs/1901.11150). */
export const sm3 = (learningRate: LearningRate, options: { readonly momentum?: number } = {}): Optimizer => {
  const { momentum = 0.9 } = checkOptions('optim.sm3', options, 'momentum')
  return chain(scaleBySm3({ b1: momentum }), scaleByLearningRate(learningRate))
}

/** Resilient backpropagation, for full batches (https://ieeexplore.ieee.org/document/298623). */
export const rprop = (learningRate: number, options: RpropOptions = {}): Optimizer => {
  checkOptions('optim.rprop', options, 'etaMinus etaPlus minStepSize maxStepSize')
  return chain(scaleByRprop(learningRate, options), scale(-1))
}

/** Optimistic gradient descent, for games (https://arxiv.org/abs/1711.00141). */
export const optimisticGradientDescent = (learningRate: LearningRate, options: OptimisticOptions = {}): Optimizer => {
  checkOptions('optim.optimisticGradientDescent', options, 'alpha beta')
  return chain(scaleByOptimisticGradient(options), scaleByLearningRate(learningRate))
}

/** Options of `optimisticAdam`. */
export interface OptimisticAdamOptions extends AdamOptions {
  /** How much of the last step is taken back; the learning rate unless given. */
  readonly optimism?: ArrayLike | null
}

/** Optimistic Adam, for games (https://arxiv.org/abs/1711.00141). */
export const optimisticAdam = (learningRate: ArrayLike, options: OptimisticAdamOptions = {}): Optimizer => {
  const {
    optimism = null,
    nesterov = true,
    ...rest
  } = checkOptions('optim.optimisticAdam', options, 'optimism b1 b2 eps epsRoot nesterov muDtype')
  return chain(
    scaleByAdam({ nesterov, ...rest }),
    scaleByOptimisticGradient({ alpha: learningRate, beta: optimism ?? learningRate }),
    scale(-1),
  )
}

/** Gradient descent with Polyak's step size; the loss goes into `update(grads, state, params, { value })`. */
export const polyakSgd = (options: PolyakOptions & { readonly scaling?: LearningRate } = {}): Optimizer => {
  const { scaling = 1, ...rest } = checkOptions('optim.polyakSgd', options, 'fMin maxLearningRate eps variant scaling')
  return chain(sgd(scaling), scaleByPolyak(rest))
}
