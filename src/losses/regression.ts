/** Losses of regression and of distributions: squares, absolute values and between, similarities, divergences. */
import { type ArrayLike, type NDArray, checkOptions } from '../core/index.js'
import * as lax from '../lax/index.js'
import * as nn from '../nn/index.js'
import * as np from '../numpy/index.js'
import { floats } from './arguments.js'

const errors = (predictions: ArrayLike, targets: ArrayLike | null, operation: string): NDArray => {
  const x = floats(predictions, operation)
  return targets === null ? x : np.subtract(x, targets)
}

/**
 * (predictions - targets)^2, elementwise.
 *
 * @param targets zeros unless given
 * @example
 * ```ts
 * np.mean(losses.squaredError(np.array([1, 2]), np.array([1, 4]))) // 2
 * ```
 */
export const squaredError = (predictions: ArrayLike, targets: ArrayLike | null = null): NDArray =>
  np.square(errors(predictions, targets, 'losses.squaredError'))

/** Half of the squared error, elementwise. */
export const l2Loss = (predictions: ArrayLike, targets: ArrayLike | null = null): NDArray =>
  np.multiply(0.5, squaredError(predictions, targets))

/** |predictions - targets|, elementwise. */
export const absoluteError = (predictions: ArrayLike, targets: ArrayLike | null = null): NDArray =>
  lax.abs(errors(predictions, targets, 'losses.absoluteError'))

/**
 * Half the square of small errors, delta (|error| - delta / 2) beyond delta (https://www.jstor.org/stable/2238020).
 *
 * @example
 * ```ts
 * losses.huberLoss(np.array([0.5, 3]), np.array([0, 0])) // [0.125, 2.5]
 * ```
 */
export const huberLoss = (
  predictions: ArrayLike,
  targets: ArrayLike | null = null,
  options: { readonly delta?: number } = {},
): NDArray => {
  const { delta = 1 } = checkOptions('losses.huberLoss', options, 'delta')
  const size = lax.abs(errors(predictions, targets, 'losses.huberLoss'))
  const quadratic = np.minimum(size, delta)
  return np.add(np.multiply(0.5, np.square(quadratic)), np.multiply(delta, np.subtract(size, quadratic)))
}

/** log(cosh(predictions - targets)), elementwise: like the square near 0, like the absolute value far away. */
export const logCosh = (predictions: ArrayLike, targets: ArrayLike | null = null): NDArray => {
  const error = errors(predictions, targets, 'losses.logCosh')
  // log((exp(x) + exp(-x)) / 2) = softplus(-2x) + x - log 2
  return np.subtract(np.add(nn.softplus(np.multiply(-2, error)), error), Math.LN2)
}

/** Options of similarities. */
export interface SimilarityOptions {
  /** Norms below are taken for this. */
  readonly epsilon?: number
  readonly axis?: number
}

/**
 * Cosine of the angle between vectors along an axis.
 *
 * @example
 * ```ts
 * losses.cosineSimilarity(np.array([1, 0]), np.array([1, 1])) // 0.7071
 * ```
 */
export const cosineSimilarity = (
  predictions: ArrayLike,
  targets: ArrayLike,
  options: SimilarityOptions = {},
): NDArray => {
  const { epsilon = 0, axis = -1 } = checkOptions('losses.cosineSimilarity', options, 'epsilon axis')
  const unit = (x: ArrayLike): NDArray => {
    const v = floats(x, 'losses.cosineSimilarity')
    const squares = np.sum(np.square(v), { axis, keepdims: true })
    const zero = np.equal(squares, 0)
    // The root has no derivative at 0, so that zero vectors go around it.
    const norm = np.where(zero, 0, np.sqrt(np.where(zero, 1, squares)))
    return np.divide(v, np.maximum(norm, epsilon))
  }
  return np.sum(np.multiply(unit(predictions), unit(targets)), { axis })
}

/** 1 - cosineSimilarity. */
export const cosineDistance = (
  predictions: ArrayLike,
  targets: ArrayLike,
  options: SimilarityOptions = {},
): NDArray => {
  checkOptions('losses.cosineDistance', options, 'epsilon axis')
  return np.subtract(1, cosineSimilarity(predictions, targets, options))
}

/** Options of divergences. */
export interface DivergenceOptions {
  readonly axis?: number | readonly number[]
}

/**
 * Kullback-Leibler divergence of the targets from predictions given as log-probabilities: sum of t (log t - log p).
 *
 * @example
 * ```ts
 * losses.klDivergence(nn.logSoftmax(np.array([1, 2, 3])), np.array([0.2, 0.3, 0.5]))
 * ```
 */
export const klDivergence = (
  logPredictions: ArrayLike,
  targets: ArrayLike,
  options: DivergenceOptions = {},
): NDArray => {
  const { axis = -1 } = checkOptions('losses.klDivergence', options, 'axis')
  const t = floats(targets, 'losses.klDivergence')
  const none = np.equal(t, 0)
  const logT = np.where(none, 0, np.log(np.where(none, 1, t)))
  return np.sum(np.multiply(t, np.subtract(logT, logPredictions)), { axis })
}

/**
 * `klDivergence` plus the total of the predictions less that of the targets: the Kullback-Leibler divergence of what is not
 * normalised.
 */
export const generalizedKlDivergence = (
  logPredictions: ArrayLike,
  targets: ArrayLike,
  options: DivergenceOptions = {},
): NDArray => {
  const { axis = -1 } = checkOptions('losses.generalizedKlDivergence', options, 'axis')
  const t = floats(targets, 'losses.generalizedKlDivergence')
  return np.add(klDivergence(logPredictions, t, { axis }), np.sum(np.subtract(np.exp(logPredictions), t), { axis }))
}

/** `klDivergence` with targets given as log-probabilities too. */
export const klDivergenceWithLogTargets = (
  logPredictions: ArrayLike,
  logTargets: ArrayLike,
  options: DivergenceOptions = {},
): NDArray => {
  const { axis = -1 } = checkOptions('losses.klDivergenceWithLogTargets', options, 'axis')
  const t = floats(logTargets, 'losses.klDivergenceWithLogTargets')
  return np.sum(np.multiply(np.exp(t), np.subtract(t, logPredictions)), { axis })
}

/** `klDivergence` plus the difference of the total masses, which makes it convex for what is not normalised. */
export const convexKlDivergence = (
  logPredictions: ArrayLike,
  targets: ArrayLike,
  options: DivergenceOptions = {},
): NDArray => {
  const { axis = -1 } = checkOptions('losses.convexKlDivergence', options, 'axis')
  return np.add(
    klDivergence(logPredictions, targets, { axis }),
    np.sum(np.subtract(np.exp(logPredictions), targets), { axis }),
  )
}

/** Options of `tripletMarginLoss`. */
export interface TripletOptions {
  readonly axis?: number
  /** Order of the norm. */
  readonly normDegree?: number
  readonly margin?: number
  readonly eps?: number
}

/** max(0, |anchor - positive| - |anchor - negative| + margin) (http://www.bmva.org/bmvc/2016/papers/paper119). */
export const tripletMarginLoss = (
  anchors: ArrayLike,
  positives: ArrayLike,
  negatives: ArrayLike,
  options: TripletOptions = {},
): NDArray => {
  const {
    axis = -1,
    normDegree = 2,
    margin = 1,
    eps = 1e-6,
  } = checkOptions('losses.tripletMarginLoss', options, 'axis normDegree margin eps')
  const distance = (other: ArrayLike): NDArray => {
    const powers = np.power(lax.abs(floats(np.subtract(anchors, other), 'losses.tripletMarginLoss')), normDegree)
    return np.power(np.add(np.sum(powers, { axis }), eps), 1 / normDegree)
  }
  return nn.relu(np.add(np.subtract(distance(positives), distance(negatives)), margin))
}
