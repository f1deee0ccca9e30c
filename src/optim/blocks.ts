/** Scalings and clippings that look at an array as a whole: trust ratios, norms of parameters, adaptive clipping, signs. */
import { type ArrayLike, ArgumentError, type NDArray, known, range, checkOptions } from '../core/index.js'
import * as lax from '../lax/index.js'
import * as np from '../numpy/index.js'
import { type GradientTransformation, globalNorm, mapTrees, scalarLike, stateless } from './transformation.js'

/** Options of `safeNorm`: those of `np.linalg.norm`. */
export interface SafeNormOptions {
  readonly ord?: number | 'fro' | 'nuc' | null
  readonly axis?: number | readonly number[] | null
  readonly keepdims?: boolean
}

/**
 * A norm that is at least `minNorm`, with zero derivative (and no NaN) where it would be smaller.
 *
 * @example
 * ```ts
 * grad((x) => optim.safeNorm(x, 1e-3))(np.zeros([2])).js() // [0, 0]
 * ```
 */
export const safeNorm = (x: NDArray, minNorm: number, options: SafeNormOptions = {}): NDArray => {
  const { keepdims = false, ...rest } = checkOptions('optim.safeNorm', options, 'ord axis keepdims')
  const norm = np.linalg.norm(x, { ...rest, keepdims: true })
  const small = np.lessEqual(norm, minNorm)
  const away = np.where(small, lax.full(x.shape, 1, { dtype: x.dtype }), x)
  const safe = np.linalg.norm(away, { ...rest, keepdims })
  return np.where(keepdims ? small : np.reshape(small, safe.shape), scalarLike(minNorm, safe), safe)
}

/** The root mean square of all elements, at least `minRms`. */
const safeRootMeanSquare = (x: NDArray, minRms: number): NDArray => {
  const mean = np.mean(np.square(x))
  const small = np.lessEqual(np.sqrt(mean), minRms)
  return np.where(small, scalarLike(minRms, x), np.sqrt(np.where(small, scalarLike(1, x), mean)))
}

/** Options of `scaleByTrustRatio`. */
export interface TrustRatioOptions {
  /** Norms are at least this. */
  readonly minNorm?: number
  readonly trustCoefficient?: number
  readonly eps?: number
}

/** Scales each array of updates by the norm of its parameters over its own (https://arxiv.org/abs/1904.00962). */
export const scaleByTrustRatio = (options: TrustRatioOptions = {}): GradientTransformation<null> => {
  const {
    minNorm = 0,
    trustCoefficient = 1,
    eps = 0,
  } = checkOptions('optim.scaleByTrustRatio', options, 'minNorm trustCoefficient eps')
  return stateless(
    'optim.scaleByTrustRatio',
    (u, p) => {
      const [ofParams, ofUpdate] = [safeNorm(known(p, 'parameter'), minNorm), safeNorm(u, minNorm)]
      const zero = np.logicalOr(np.equal(ofParams, 0), np.equal(ofUpdate, 0))
      const ratio = np.divide(np.multiply(trustCoefficient, ofParams), np.add(ofUpdate, eps))
      return np.multiply(u, np.where(zero, scalarLike(1, u), scalarLike(ratio, u)))
    },
    { params: true },
  )
}

/** Options of the scalings by the size of parameters. */
export interface ParamBlockOptions {
  /** The size is at least this. */
  readonly minScale?: number
}

/** Multiplies each array of updates by the norm of its parameters. */
export const scaleByParamBlockNorm = (options: ParamBlockOptions = {}): GradientTransformation<null> => {
  const { minScale = 1e-3 } = checkOptions('optim.scaleByParamBlockNorm', options, 'minScale')
  return stateless('optim.scaleByParamBlockNorm', (u, p) => np.multiply(u, safeNorm(known(p, 'parameter'), minScale)), {
    params: true,
  })
}

/** Multiplies each array of updates by the root mean square of its parameters. */
export const scaleByParamBlockRms = (options: ParamBlockOptions = {}): GradientTransformation<null> => {
  const { minScale = 1e-3 } = checkOptions('optim.scaleByParamBlockRms', options, 'minScale')
  return stateless(
    'optim.scaleByParamBlockRms',
    (u, p) => np.multiply(u, safeRootMeanSquare(known(p, 'parameter'), minScale)),
    { params: true },
  )
}

/** Replaces each update by its sign. */
export const scaleBySign = (): GradientTransformation<null> => stateless('optim.scaleBySign', (u) => np.sign(u))

/** Scales each array of updates down until its root mean square is at most `threshold`. */
export const clipByBlockRms = (threshold: number): GradientTransformation<null> =>
  stateless('optim.clipByBlockRms', (u) =>
    np.divide(u, np.maximum(1, np.divide(np.sqrt(np.mean(np.square(u))), threshold))),
  )

/** Options of `adaptiveGradClip`. */
export interface AdaptiveGradClipOptions {
  /** Norms of parameters are at least this. */
  readonly eps?: number
  /** Axes of one unit; by default those of linear and convolution kernels with outputs last. */
  readonly axis?: number | readonly number[] | null
}

/** The norm of each unit (the inputs of one output), broadcast to the array. */
const unitNorm = (x: NDArray, axis: number | readonly number[] | null): NDArray => {
  const thin = x.shape.filter((n) => n !== 1).length <= 1
  if (axis === null && !thin && x.ndim > 5) {
    throw new ArgumentError(
      `optim.adaptiveGradClip: no axes are known for an array of shape [${x.shape.join(',')}]; give { axis }.`,
    )
  }
  const axes = axis ?? (thin ? null : x.ndim <= 3 ? 0 : range(x.ndim - 1))
  return np.broadcastTo(np.sqrt(np.sum(np.square(x), { axis: axes, keepdims: true })), x.shape)
}

/** Clips the updates of each unit to `clipping` times the norm of its parameters (https://arxiv.org/abs/2102.06171). */
export const adaptiveGradClip = (
  clipping: number,
  options: AdaptiveGradClipOptions = {},
): GradientTransformation<null> => {
  const { eps = 1e-3, axis = null } = checkOptions('optim.adaptiveGradClip', options, 'eps axis')
  return stateless(
    'optim.adaptiveGradClip',
    (u, p) => {
      const norm = unitNorm(u, axis)
      const most = np.multiply(clipping, np.maximum(unitNorm(known(p, 'parameter'), axis), eps))
      return np.where(np.less(norm, most), u, np.multiply(u, np.divide(most, np.maximum(norm, 1e-6))))
    },
    { params: true },
  )
}

/** Subtracts from each array of two or more axes the mean over all but the first (https://arxiv.org/abs/2004.01461). */
export const centralize = (): GradientTransformation<null> =>
  stateless('optim.centralize', (u) =>
    u.ndim < 2 ? u : np.subtract(u, np.mean(u, { axis: range(u.ndim).slice(1), keepdims: true })),
  )

/** Options of `normalizeByUpdateNorm`. */
export interface UpdateNormOptions {
  readonly scaleFactor?: number
  readonly eps?: number
}

/** Divides all updates by their common norm. */
export const normalizeByUpdateNorm = (options: UpdateNormOptions = {}): GradientTransformation<null> => {
  const { scaleFactor = 1, eps = 1e-6 } = checkOptions('optim.normalizeByUpdateNorm', options, 'scaleFactor eps')
  return {
    init: () => null,
    update: (updates, state) => {
      const norm = np.divide(np.add(globalNorm(updates), eps), scaleFactor)
      return [mapTrees('optim.normalizeByUpdateNorm', (u) => np.divide(u, scalarLike(norm, u)), updates), state]
    },
  }
}

/** State of `zeroNans`: for each array whether the last updates held NaN. */
export interface ZeroNansState {
  readonly foundNan: unknown
}

/** Replaces NaN in updates by zero. */
export const zeroNans = (): GradientTransformation<ZeroNansState> => {
  const operation = 'optim.zeroNans'
  return {
    init: (params) => ({ foundNan: mapTrees(operation, () => lax.full([], 0, { dtype: 'bool' }), params) }),
    update: (updates) => [
      mapTrees(operation, (u) => np.where(np.isnan(u), scalarLike(0, u), u), updates),
      { foundNan: mapTrees(operation, (u) => np.any(np.isnan(u)), updates) },
    ],
  }
}

/** Changes updates so that parameters which are not negative stay so. */
export const keepParamsNonnegative = (): GradientTransformation<null> =>
  stateless(
    'optim.keepParamsNonnegative',
    (u, param) => {
      const p = known(param, 'parameter')
      return np.where(np.less(np.add(p, u), 0), np.negative(p), u)
    },
    { params: true },
  )

/** Options of `scaleByOptimisticGradient`. */
export interface OptimisticOptions {
  readonly alpha?: ArrayLike
  readonly beta?: ArrayLike
}

/** State of `scaleByOptimisticGradient`. */
export interface OptimisticState {
  readonly isInitialStep: NDArray
  readonly previousGradient: unknown
}

/** (alpha + beta) g - beta g', with g' the gradient of the step before (https://arxiv.org/abs/1711.00141). */
export const scaleByOptimisticGradient = (options: OptimisticOptions = {}): GradientTransformation<OptimisticState> => {
  const { alpha = 1, beta = 1 } = checkOptions('optim.scaleByOptimisticGradient', options, 'alpha beta')
  const operation = 'optim.scaleByOptimisticGradient'
  return {
    init: (params) => ({
      isInitialStep: lax.full([], 1, { dtype: 'bool' }),
      previousGradient: mapTrees(operation, (p) => lax.full(p.shape, 0, { dtype: p.dtype }), params),
    }),
    update: (updates, state) => {
      const step = (g: NDArray, old: NDArray | undefined): NDArray => {
        const before = np.where(state.isInitialStep, g, known(old, 'gradient'))
        const both = scalarLike(np.add(alpha, beta), g)
        return np.subtract(np.multiply(both, g), np.multiply(scalarLike(beta, g), before))
      }
      return [
        mapTrees(operation, step, updates, state.previousGradient),
        { isInitialStep: lax.full([], 0, { dtype: 'bool' }), previousGradient: updates },
      ]
    },
  }
}
