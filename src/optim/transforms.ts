/** Building blocks of optimizers: scaling by moments, momentum, learning rates, clipping, weight decay, averages. */
import { type ArrayLike, ArgumentError, type DType, NDArray, known, checkOptions, describe } from '../core/index.js'
import * as lax from '../lax/index.js'
import * as np from '../numpy/index.js'
import { masked, type Mask } from './masked.js'
import {
  type GradientTransformation,
  type Schedule,
  castTree,
  debias,
  filledLikeTree,
  globalNorm,
  mapTrees,
  moment,
  nextCount,
  scalarLike,
  stateless,
  zeroCount,
  zerosLikeTree,
} from './transformation.js'

/** Multiplies updates by a number. */
export const scale = (stepSize: ArrayLike): GradientTransformation<null> =>
  stateless('optim.scale', (u) => np.multiply(scalarLike(stepSize, u), u))

/** How many updates were made. */
export interface CountState {
  readonly count: NDArray
}

/** Multiplies updates by a number that depends on the step. */
export const scaleBySchedule = (stepSizeFn: Schedule): GradientTransformation<CountState> => ({
  init: () => ({ count: zeroCount() }),
  update: (updates, { count }) => {
    const size = lax.asArray(stepSizeFn(count), 'optim.scaleBySchedule')
    const scaled = mapTrees('optim.scaleBySchedule', (u) => np.multiply(scalarLike(size, u), u), updates)
    return [scaled, { count: nextCount(count) }]
  },
})

/**
 * Multiplies updates by minus a learning rate (a number or a schedule), so that they point downhill.
 *
 * @param options.flipSign false to keep the sign
 */
export const scaleByLearningRate = (
  learningRate: ArrayLike | Schedule,
  options: { readonly flipSign?: boolean } = {},
): GradientTransformation<CountState | null> => {
  const { flipSign = true } = checkOptions('optim.scaleByLearningRate', options, 'flipSign')
  const sign = flipSign ? -1 : 1
  if (typeof learningRate === 'number') return scale(sign * learningRate)
  if (typeof learningRate !== 'function' && !(learningRate instanceof NDArray)) {
    throw new ArgumentError(
      `optim: the learning rate is a number, an array or a schedule, and the first argument: optim.adam(1e-3); got ${describe(learningRate)}.`,
    )
  }
  if (typeof learningRate !== 'function') return scale(np.multiply(sign, learningRate))
  return scaleBySchedule((count) => np.multiply(sign, learningRate(count)))
}

/** State of momentum. */
export interface TraceState {
  readonly trace: unknown
}

/** Options of `trace`. */
export interface TraceOptions {
  readonly nesterov?: boolean
  /** Dtype in which the sum is kept; that of the parameters unless given. */
  readonly accumulatorDtype?: DType | null
}

/** Momentum: a decaying sum of the updates. With `nesterov`, one step ahead. */
export const trace = (decay: ArrayLike, options: TraceOptions = {}): GradientTransformation<TraceState> => {
  const { nesterov = false, accumulatorDtype = null } = checkOptions(
    'optim.trace',
    options,
    'nesterov accumulatorDtype',
  )
  return {
    init: (params) => ({ trace: zerosLikeTree(params, 'optim.trace', accumulatorDtype) }),
    update: (updates, state) => {
      const accumulate = (g: NDArray, t: NDArray | undefined): NDArray =>
        np.add(g, np.multiply(scalarLike(decay, g), known(t, 'trace')))
      const next = mapTrees('optim.trace', accumulate, updates, state.trace)
      const changed = nesterov ? mapTrees('optim.trace', accumulate, updates, next) : next
      return [changed, { trace: castTree(next, 'optim.trace', accumulatorDtype) }]
    },
  }
}

/** State of `scaleByAdam`: the number of steps and moving averages of gradients and of their squares. */
export interface AdamState {
  readonly count: NDArray
  readonly mu: unknown
  readonly nu: unknown
}

/** Options of `scaleByAdam`. */
export interface AdamOptions {
  readonly b1?: number
  readonly b2?: number
  /** Added to the root of the second moment. */
  readonly eps?: number
  /** Added under the root. */
  readonly epsRoot?: number
  readonly nesterov?: boolean
  /** Dtype in which the first moment is kept; that of the parameters unless given. */
  readonly muDtype?: DType | null
}

/** Options of Adam's relatives that keep both moments in the dtype of the parameters, as in optax. */
export type MomentOptions = Omit<AdamOptions, 'muDtype'>

/** Adam's scaling by bias-corrected moments (https://arxiv.org/abs/1412.6980). */
export const scaleByAdam = (options: AdamOptions = {}): GradientTransformation<AdamState> => {
  const {
    b1 = 0.9,
    b2 = 0.999,
    eps = 1e-8,
    epsRoot = 0,
    nesterov = false,
    muDtype = null,
  } = checkOptions('optim.scaleByAdam', options, 'b1 b2 eps epsRoot nesterov muDtype')
  const operation = 'optim.scaleByAdam'
  return {
    init: (params) => ({
      count: zeroCount(),
      mu: zerosLikeTree(params, operation, muDtype),
      nu: zerosLikeTree(params, operation),
    }),
    update: (updates, state) => {
      const count = nextCount(state.count)
      const mu = mapTrees(operation, (g, m) => moment(g, known(m, 'moment'), b1), updates, state.mu)
      const nu = mapTrees(operation, (g, v) => moment(np.square(g), known(v, 'moment'), b2), updates, state.nu)
      const correction1 = debias(b1, count)
      const correction2 = debias(b2, count)
      const ahead = nesterov ? debias(b1, nextCount(count)) : correction1
      const step = (g: NDArray, m: NDArray | undefined, v: NDArray | undefined): NDArray => {
        const plain = np.divide(known(m, 'moment'), scalarLike(ahead, g))
        const first = nesterov
          ? np.add(np.multiply(b1, plain), np.divide(np.multiply(1 - b1, g), scalarLike(correction1, g)))
          : plain
        const second = np.divide(known(v, 'moment'), scalarLike(correction2, g))
        const root = np.sqrt(epsRoot === 0 ? second : np.add(second, epsRoot))
        return np.divide(first, np.add(root, eps))
      }
      return [mapTrees(operation, step, updates, mu, nu), { count, mu: castTree(mu, operation, muDtype), nu }]
    },
  }
}

/** Adamax's scaling by the largest recent gradient (https://arxiv.org/abs/1412.6980, section 7.1). */
export const scaleByAdamax = (
  options: Pick<AdamOptions, 'b1' | 'b2' | 'eps'> = {},
): GradientTransformation<AdamState> => {
  const { b1 = 0.9, b2 = 0.999, eps = 1e-8 } = checkOptions('optim.scaleByAdamax', options, 'eps b1 b2')
  const operation = 'optim.scaleByAdamax'
  return {
    init: (params) => ({
      count: zeroCount(),
      mu: zerosLikeTree(params, operation),
      nu: zerosLikeTree(params, operation),
    }),
    update: (updates, state) => {
      const count = nextCount(state.count)
      const mu = mapTrees(operation, (g, m) => moment(g, known(m, 'moment'), b1), updates, state.mu)
      const largest = (g: NDArray, v: NDArray | undefined): NDArray =>
        np.maximum(np.add(np.abs(g), eps), np.multiply(b2, known(v, 'moment')))
      const nu = mapTrees(operation, largest, updates, state.nu)
      const correction = debias(b1, count)
      const step = (m: NDArray, v: NDArray | undefined): NDArray =>
        np.divide(np.divide(m, scalarLike(correction, m)), known(v, 'moment'))
      return [mapTrees(operation, step, mu, nu), { count, mu, nu }]
    },
  }
}

/** State of scalings by one moving average. */
export interface SecondMomentState {
  /** Steps taken; only with bias correction. */
  readonly count?: NDArray
  readonly nu: unknown
}

/** Options of `scaleByRms`. */
export interface RmsOptions {
  readonly decay?: number
  readonly eps?: number
  readonly initialScale?: number
  /** Whether eps goes under the root (optax's default) or beside it (as in PyTorch). */
  readonly epsInSqrt?: boolean
  /** Whether averages are corrected for their start at zero. */
  readonly biasCorrection?: boolean
}

/** The step's count, where averages are corrected by it. */
const counted = (biasCorrection: boolean): { count?: NDArray } => (biasCorrection ? { count: zeroCount() } : {})

/** An average corrected for its start at zero, where the state counts steps. */
const corrected = (average: NDArray, decay: number, count: NDArray | undefined): NDArray =>
  count === undefined ? average : np.divide(average, scalarLike(debias(decay, count), average))

/** Divides updates by the root of a moving average of their squares. */
export const scaleByRms = (options: RmsOptions = {}): GradientTransformation<SecondMomentState> => {
  const {
    decay = 0.9,
    eps = 1e-8,
    initialScale = 0,
    epsInSqrt = true,
    biasCorrection = false,
  } = checkOptions('optim.scaleByRms', options, 'decay eps initialScale epsInSqrt biasCorrection')
  const operation = 'optim.scaleByRms'
  return {
    init: (params) => ({ ...counted(biasCorrection), nu: filledLikeTree(params, initialScale, operation) }),
    update: (updates, state) => {
      const nu = mapTrees(operation, (g, v) => moment(np.square(g), known(v, 'moment'), decay), updates, state.nu)
      const count = state.count === undefined ? {} : { count: nextCount(state.count) }
      const step = (g: NDArray, average: NDArray | undefined): NDArray => {
        const v = corrected(known(average, 'moment'), decay, count.count)
        return np.divide(g, epsInSqrt ? np.sqrt(np.add(v, eps)) : np.add(np.sqrt(v), eps))
      }
      return [mapTrees(operation, step, updates, nu), { ...count, nu }]
    },
  }
}

/** State of `scaleByStddev`. */
export interface StddevState extends SecondMomentState {
  readonly mu: unknown
}

/** Divides updates by a moving standard deviation: centered RMSProp. */
export const scaleByStddev = (options: RmsOptions = {}): GradientTransformation<StddevState> => {
  const {
    decay = 0.9,
    eps = 1e-8,
    initialScale = 0,
    epsInSqrt = true,
    biasCorrection = false,
  } = checkOptions('optim.scaleByStddev', options, 'decay eps initialScale epsInSqrt biasCorrection')
  const operation = 'optim.scaleByStddev'
  return {
    init: (params) => ({
      ...counted(biasCorrection),
      mu: zerosLikeTree(params, operation),
      nu: filledLikeTree(params, initialScale, operation),
    }),
    update: (updates, state) => {
      const mu = mapTrees(operation, (g, m) => moment(g, known(m, 'moment'), decay), updates, state.mu)
      const nu = mapTrees(operation, (g, v) => moment(np.square(g), known(v, 'moment'), decay), updates, state.nu)
      const count = state.count === undefined ? {} : { count: nextCount(state.count) }
      const step = (g: NDArray, m: NDArray | undefined, v: NDArray | undefined): NDArray => {
        const mean = corrected(known(m, 'moment'), decay, count.count)
        const variance = np.subtract(corrected(known(v, 'moment'), decay, count.count), np.square(mean))
        return np.divide(g, epsInSqrt ? np.sqrt(np.add(variance, eps)) : np.add(np.sqrt(variance), eps))
      }
      return [mapTrees(operation, step, updates, mu, nu), { ...count, mu, nu }]
    },
  }
}

/** State of `scaleByRss`. */
export interface RssState {
  readonly sumOfSquares: unknown
}

/** Options of `scaleByRss`. */
export interface RssOptions {
  readonly initialAccumulatorValue?: number
  readonly eps?: number
}

/** Divides updates by the root of the sum of all squares so far (https://jmlr.org/papers/v12/duchi11a.html). */
export const scaleByRss = (options: RssOptions = {}): GradientTransformation<RssState> => {
  const { initialAccumulatorValue = 0.1, eps = 1e-7 } = checkOptions(
    'optim.scaleByRss',
    options,
    'initialAccumulatorValue eps',
  )
  const operation = 'optim.scaleByRss'
  return {
    init: (params) => ({ sumOfSquares: filledLikeTree(params, initialAccumulatorValue, operation) }),
    update: (updates, state) => {
      const sums = mapTrees(operation, (g, s) => np.add(np.square(g), known(s, 'sum')), updates, state.sumOfSquares)
      const step = (g: NDArray, s: NDArray | undefined): NDArray => {
        const sum = known(s, 'sum')
        return np.multiply(np.where(np.greater(sum, 0), lax.rsqrt(np.add(sum, eps)), 0), g)
      }
      return [mapTrees(operation, step, updates, sums), { sumOfSquares: sums }]
    },
  }
}

/** Options of `addDecayedWeights`. */
export interface WeightDecayOptions {
  /** A number, or a function of the number of steps. */
  readonly weightDecay?: ArrayLike | Schedule
  /** Which parameters decay: a tree of booleans (or a prefix of one), or a function from parameters to it. */
  readonly mask?: Mask | null
}

/** Adds the parameters times `weightDecay` to the updates. */
export const addDecayedWeights = (options: WeightDecayOptions = {}): GradientTransformation => {
  const { weightDecay = 0, mask = null } = checkOptions('optim.addDecayedWeights', options, 'weightDecay mask')
  const operation = 'optim.addDecayedWeights'
  const decayed = (rate: ArrayLike): GradientTransformation<null> =>
    stateless(operation, (u, p) => np.add(u, np.multiply(scalarLike(rate, u), known(p, 'parameter'))), { params: true })
  const scheduled = (schedule: Schedule): GradientTransformation<CountState> => ({
    init: () => ({ count: zeroCount() }),
    update: (updates, { count }, params) => [
      decayed(schedule(count)).update(updates, null, params)[0],
      { count: nextCount(count) },
    ],
  })
  const decay = typeof weightDecay === 'function' ? scheduled(weightDecay) : decayed(weightDecay)
  return mask === null ? decay : masked(decay, mask)
}

/** Clips every element of the updates to [-maxDelta, maxDelta]. */
export const clip = (maxDelta: number): GradientTransformation<null> =>
  stateless('optim.clip', (u) => np.clip(u, -maxDelta, maxDelta))

/**
 * Scales the updates down together when the norm of all of them exceeds `maxNorm` (https://arxiv.org/abs/1211.5063).
 *
 * @example
 * ```ts
 * const optimizer = optim.chain(optim.clipByGlobalNorm(1), optim.sgd(0.1))
 * ```
 */
export const clipByGlobalNorm = (maxNorm: number): GradientTransformation<null> => ({
  init: () => null,
  update: (updates, state) => {
    const norm = globalNorm(updates)
    const small = np.less(norm, maxNorm)
    const clipped = mapTrees(
      'optim.clipByGlobalNorm',
      (u) => np.where(small, u, np.multiply(np.divide(u, scalarLike(norm, u)), maxNorm)),
      updates,
    )
    return [clipped, state]
  },
})

/** State of `ema`. */
export interface EmaState {
  readonly count: NDArray
  readonly ema: unknown
}

/** Options of `ema`. */
export interface EmaOptions {
  readonly debias?: boolean
  /** Dtype in which the average is kept; that of the parameters unless given. */
  readonly accumulatorDtype?: DType | null
}

/** Replaces updates by their moving average; with `debias` (default) corrected for its start at zero. */
export const ema = (decay: number, options: EmaOptions = {}): GradientTransformation<EmaState> => {
  const { debias: corrected = true, accumulatorDtype = null } = checkOptions(
    'optim.ema',
    options,
    'debias accumulatorDtype',
  )
  return {
    init: (params) => ({ count: zeroCount(), ema: zerosLikeTree(params, 'optim.ema', accumulatorDtype) }),
    update: (updates, state) => {
      const count = nextCount(state.count)
      const average = mapTrees('optim.ema', (u, a) => moment(u, known(a, 'average'), decay), updates, state.ema)
      const correction = debias(decay, count)
      const result = corrected
        ? mapTrees('optim.ema', (a) => np.divide(a, scalarLike(correction, a)), average)
        : average
      return [result, { count, ema: castTree(average, 'optim.ema', accumulatorDtype) }]
    },
  }
}
