/** Building blocks of optimizers: scaling by moments, momentum, learning rates, clipping, weight decay, averages. */
import { type ArrayLike, type NDArray, known } from '../core/index.js'
import * as lax from '../lax/index.js'
import * as np from '../numpy/index.js'
import { masked, type Mask } from './masked.js'
import {
  type GradientTransformation,
  type Schedule,
  globalNorm,
  mapTrees,
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
  { flipSign = true }: { readonly flipSign?: boolean } = {},
): GradientTransformation<CountState | null> => {
  const sign = flipSign ? -1 : 1
  if (typeof learningRate === 'number') return widened(scale(sign * learningRate))
  if (typeof learningRate !== 'function') return widened(scale(np.multiply(sign, learningRate)))
  return widened(scaleBySchedule((count) => np.multiply(sign, learningRate(count))))
}

/** A transformation seen as one of several kinds of state; it is only ever given its own. */
const widened = <Wide, Narrow extends Wide>(t: GradientTransformation<Narrow>): GradientTransformation<Wide> =>
  t as unknown as GradientTransformation<Wide>

/** State of momentum. */
export interface TraceState {
  readonly trace: unknown
}

/** Momentum: a decaying sum of the updates. With `nesterov`, one step ahead. */
export const trace = (
  decay: ArrayLike,
  { nesterov = false }: { readonly nesterov?: boolean } = {},
): GradientTransformation<TraceState> => ({
  init: (params) => ({ trace: zerosLikeTree(params, 'optim.trace') }),
  update: (updates, state) => {
    const accumulate = (g: NDArray, t: NDArray | undefined): NDArray =>
      np.add(g, np.multiply(scalarLike(decay, g), known(t, 'trace')))
    const next = mapTrees('optim.trace', accumulate, updates, state.trace)
    return [nesterov ? mapTrees('optim.trace', accumulate, updates, next) : next, { trace: next }]
  },
})

/** decay moment + (1 - decay) value. */
const moment = (value: NDArray, old: NDArray, decay: number): NDArray =>
  np.add(np.multiply(1 - decay, value), np.multiply(decay, old))

/**
 * 1 - decay^count: what a moving average that began at zero lacks. Written with expm1, since decay^count rounds to
 * five digits short of it while count is small and decay close to 1.
 */
const debias = (decay: number, count: NDArray): NDArray =>
  lax.neg(lax.expm1(lax.mul(lax.convertElementType(count, 'float32'), Math.log(decay))))

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
}

/** Adam's scaling by bias-corrected moments (https://arxiv.org/abs/1412.6980). */
export const scaleByAdam = ({
  b1 = 0.9,
  b2 = 0.999,
  eps = 1e-8,
  epsRoot = 0,
  nesterov = false,
}: AdamOptions = {}): GradientTransformation<AdamState> => {
  const operation = 'optim.scaleByAdam'
  return {
    init: (params) => ({
      count: zeroCount(),
      mu: zerosLikeTree(params, operation),
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
      return [mapTrees(operation, step, updates, mu, nu), { count, mu, nu }]
    },
  }
}

/** Adamax's scaling by the largest recent gradient (https://arxiv.org/abs/1412.6980, section 7.1). */
export const scaleByAdamax = ({
  b1 = 0.9,
  b2 = 0.999,
  eps = 1e-8,
}: Pick<AdamOptions, 'b1' | 'b2' | 'eps'> = {}): GradientTransformation<AdamState> => {
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
  readonly nu: unknown
}

/** Options of `scaleByRms`. */
export interface RmsOptions {
  readonly decay?: number
  readonly eps?: number
  readonly initialScale?: number
  /** Whether eps goes under the root (optax's default) or beside it (as in PyTorch). */
  readonly epsInSqrt?: boolean
}

const filledLikeTree = (params: unknown, value: number, operation: string): unknown =>
  mapTrees(operation, (x) => lax.full(x.shape, value, { dtype: x.dtype }), params)

/** Divides updates by the root of a moving average of their squares. */
export const scaleByRms = ({
  decay = 0.9,
  eps = 1e-8,
  initialScale = 0,
  epsInSqrt = true,
}: RmsOptions = {}): GradientTransformation<SecondMomentState> => {
  const operation = 'optim.scaleByRms'
  return {
    init: (params) => ({ nu: filledLikeTree(params, initialScale, operation) }),
    update: (updates, state) => {
      const nu = mapTrees(operation, (g, v) => moment(np.square(g), known(v, 'moment'), decay), updates, state.nu)
      const root = (v: NDArray): NDArray => (epsInSqrt ? np.sqrt(np.add(v, eps)) : np.add(np.sqrt(v), eps))
      return [mapTrees(operation, (g, v) => np.divide(g, root(known(v, 'moment'))), updates, nu), { nu }]
    },
  }
}

/** State of `scaleByStddev`. */
export interface StddevState extends SecondMomentState {
  readonly mu: unknown
}

/** Divides updates by a moving standard deviation: centered RMSProp. */
export const scaleByStddev = ({
  decay = 0.9,
  eps = 1e-8,
  initialScale = 0,
  epsInSqrt = true,
}: RmsOptions = {}): GradientTransformation<StddevState> => {
  const operation = 'optim.scaleByStddev'
  return {
    init: (params) => ({
      mu: zerosLikeTree(params, operation),
      nu: filledLikeTree(params, initialScale, operation),
    }),
    update: (updates, state) => {
      const mu = mapTrees(operation, (g, m) => moment(g, known(m, 'moment'), decay), updates, state.mu)
      const nu = mapTrees(operation, (g, v) => moment(np.square(g), known(v, 'moment'), decay), updates, state.nu)
      const step = (g: NDArray, m: NDArray | undefined, v: NDArray | undefined): NDArray => {
        const variance = np.subtract(known(v, 'moment'), np.square(known(m, 'moment')))
        return np.divide(g, epsInSqrt ? np.sqrt(np.add(variance, eps)) : np.add(np.sqrt(variance), eps))
      }
      return [mapTrees(operation, step, updates, mu, nu), { mu, nu }]
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
export const scaleByRss = ({
  initialAccumulatorValue = 0.1,
  eps = 1e-7,
}: RssOptions = {}): GradientTransformation<RssState> => {
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

/** State of `scaleByLion`. */
export interface LionState {
  readonly mu: unknown
}

/** The sign of an interpolation of gradient and momentum (https://arxiv.org/abs/2302.06675). */
export const scaleByLion = ({
  b1 = 0.9,
  b2 = 0.99,
}: Pick<AdamOptions, 'b1' | 'b2'> = {}): GradientTransformation<LionState> => {
  const operation = 'optim.scaleByLion'
  return {
    init: (params) => ({ mu: zerosLikeTree(params, operation) }),
    update: (updates, state) => {
      const step = (g: NDArray, m: NDArray | undefined): NDArray => np.sign(moment(g, known(m, 'moment'), b1))
      const mu = mapTrees(operation, (g, m) => moment(g, known(m, 'moment'), b2), updates, state.mu)
      return [mapTrees(operation, step, updates, state.mu), { mu }]
    },
  }
}

/** Options of `addDecayedWeights`. */
export interface WeightDecayOptions {
  readonly weightDecay?: ArrayLike
  /** Which parameters decay: a tree of booleans (or a prefix of one), or a function from parameters to it. */
  readonly mask?: Mask | null
}

/** Adds the parameters times `weightDecay` to the updates. */
export const addDecayedWeights = ({
  weightDecay = 0,
  mask = null,
}: WeightDecayOptions = {}): GradientTransformation => {
  const decay = stateless(
    'optim.addDecayedWeights',
    (u, p) => np.add(u, np.multiply(scalarLike(weightDecay, u), known(p, 'parameter'))),
    { params: true },
  )
  return mask === null ? widened(decay) : widened(masked(decay, mask))
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

/** Replaces updates by their moving average; with `debias` (default) corrected for its start at zero. */
export const ema = (
  decay: number,
  { debias: corrected = true }: { readonly debias?: boolean } = {},
): GradientTransformation<EmaState> => ({
  init: (params) => ({ count: zeroCount(), ema: zerosLikeTree(params, 'optim.ema') }),
  update: (updates, state) => {
    const count = nextCount(state.count)
    const average = mapTrees('optim.ema', (u, a) => moment(u, known(a, 'average'), decay), updates, state.ema)
    const correction = debias(decay, count)
    const result = corrected ? mapTrees('optim.ema', (a) => np.divide(a, scalarLike(correction, a)), average) : average
    return [result, { count, ema: average }]
  },
})
