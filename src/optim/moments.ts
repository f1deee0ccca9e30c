/** Scalings by moving averages beyond Adam's: AMSGrad, AdaBelief, Yogi, RAdam, Adadelta, Adan, NovoGrad, Lion. */
import { ArgumentError, type NDArray, known, checkOptions } from '../core/index.js'
import * as lax from '../lax/index.js'
import * as np from '../numpy/index.js'
import {
  type GradientTransformation,
  castTree,
  debias,
  filledLikeTree,
  mapTrees,
  moment,
  needParams,
  nextCount,
  scalarLike,
  zeroCount,
  zerosLikeTree,
} from './transformation.js'
import type { AdamOptions, AdamState, MomentOptions } from './transforms.js'

/** decay old + (1 - decay) value, leaf by leaf. */
const moments = <T>(operation: string, values: T, old: unknown, decay: number): T =>
  mapTrees(operation, (g, m) => moment(g, known(m, 'moment'), decay), values, old)

/** The moving average of the squares. */
const squares = <T>(operation: string, values: T, old: unknown, decay: number): T =>
  mapTrees(operation, (g, v) => moment(np.square(g), known(v, 'moment'), decay), values, old)

/** A tree divided by one number. */
const over = <T>(operation: string, values: T, by: NDArray): T =>
  mapTrees(operation, (x) => np.divide(x, scalarLike(by, x)), values)

/** m / (sqrt(v + epsRoot) + eps), leaf by leaf. */
const ratio = <T>(operation: string, m: T, v: unknown, eps: number, epsRoot: number): T =>
  mapTrees(
    operation,
    (first, second) => np.divide(first, np.add(np.sqrt(np.add(known(second, 'moment'), epsRoot)), eps)),
    m,
    v,
  )

/** The bias-corrected first moment; with Nesterov one step ahead. */
const firstMoment = <T>(
  operation: string,
  mu: T,
  updates: unknown,
  b1: number,
  count: NDArray,
  nesterov: boolean,
): T => {
  if (!nesterov) return over(operation, mu, debias(b1, count))
  const now = debias(b1, count)
  return mapTrees(
    operation,
    (m, g) => np.add(np.multiply(b1, m), np.multiply(1 - b1, np.divide(known(g, 'update'), scalarLike(now, m)))),
    over(operation, mu, debias(b1, nextCount(count))),
    updates,
  )
}

/** State of `scaleByAmsgrad`. */
export interface AmsgradState extends AdamState {
  readonly nuMax: unknown
}

/** Options of `scaleByAmsgrad`. */
export interface AmsgradOptions extends Omit<AdamOptions, 'nesterov'> {
  readonly biasCorrectionMu?: boolean
  readonly biasCorrectionNu?: boolean
}

/** Adam's scaling with the largest second moment so far (https://openreview.net/forum?id=ryQu7f-RZ). */
export const scaleByAmsgrad = (options: AmsgradOptions = {}): GradientTransformation<AmsgradState> => {
  const {
    b1 = 0.9,
    b2 = 0.999,
    eps = 1e-8,
    epsRoot = 0,
    biasCorrectionMu = true,
    biasCorrectionNu = true,
    muDtype = null,
  } = checkOptions('optim.scaleByAmsgrad', options, 'biasCorrectionMu biasCorrectionNu eps b1 b2 epsRoot muDtype')
  const operation = 'optim.scaleByAmsgrad'
  return {
    init: (params) => {
      const zeros = zerosLikeTree(params, operation)
      return { count: zeroCount(), mu: zerosLikeTree(params, operation, muDtype), nu: zeros, nuMax: zeros }
    },
    update: (updates, state) => {
      const count = nextCount(state.count)
      const mu = moments(operation, updates, state.mu, b1)
      const nu = squares(operation, updates, state.nu, b2)
      const first = biasCorrectionMu ? over(operation, mu, debias(b1, count)) : mu
      const second = biasCorrectionNu ? over(operation, nu, debias(b2, count)) : nu
      const nuMax = mapTrees(operation, (v, top) => np.maximum(known(top, 'moment'), v), second, state.nuMax)
      return [ratio(operation, first, nuMax, eps, epsRoot), { count, mu: castTree(mu, operation, muDtype), nu, nuMax }]
    },
  }
}

/** Scaling by how far gradients are from what was expected (https://arxiv.org/abs/2010.07468). */
export const scaleByBelief = (options: MomentOptions = {}): GradientTransformation<AdamState> => {
  const {
    b1 = 0.9,
    b2 = 0.999,
    eps = 1e-16,
    epsRoot = 1e-16,
    nesterov = false,
  } = checkOptions('optim.scaleByBelief', options, 'b1 b2 eps epsRoot nesterov')
  const operation = 'optim.scaleByBelief'
  return {
    init: (params) => ({
      count: zeroCount(),
      mu: zerosLikeTree(params, operation),
      nu: zerosLikeTree(params, operation),
    }),
    update: (updates, state) => {
      const count = nextCount(state.count)
      const mu = moments(operation, updates, state.mu, b1)
      const surprise = mapTrees(operation, (g, m) => np.subtract(g, known(m, 'moment')), updates, mu)
      const nu = mapTrees(operation, (v) => np.add(v, epsRoot), squares(operation, surprise, state.nu, b2))
      const first = firstMoment(operation, mu, updates, b1, count, nesterov)
      return [ratio(operation, first, over(operation, nu, debias(b2, count)), eps, 0), { count, mu, nu }]
    },
  }
}

/** Options of `scaleByYogi`. */
export interface YogiOptions extends Omit<MomentOptions, 'nesterov'> {
  /** Value that both moments start with. */
  readonly initialAccumulatorValue?: number
}

/** Adam's scaling with a second moment that grows by a bounded amount (https://papers.nips.cc/paper/8186). */
export const scaleByYogi = (options: YogiOptions = {}): GradientTransformation<AdamState> => {
  const {
    b1 = 0.9,
    b2 = 0.999,
    eps = 1e-3,
    epsRoot = 0,
    initialAccumulatorValue = 1e-6,
  } = checkOptions('optim.scaleByYogi', options, 'initialAccumulatorValue eps b1 b2 epsRoot')
  const operation = 'optim.scaleByYogi'
  return {
    init: (params) => ({
      count: zeroCount(),
      mu: filledLikeTree(params, initialAccumulatorValue, operation),
      nu: filledLikeTree(params, initialAccumulatorValue, operation),
    }),
    update: (updates, state) => {
      const count = nextCount(state.count)
      const mu = moments(operation, updates, state.mu, b1)
      const toward = (g: NDArray, old: NDArray | undefined): NDArray => {
        const [square, v] = [np.square(g), known(old, 'moment')]
        return np.subtract(v, np.multiply(np.multiply(1 - b2, np.sign(np.subtract(v, square))), square))
      }
      const nu = mapTrees(operation, toward, updates, state.nu)
      const [first, second] = [over(operation, mu, debias(b1, count)), over(operation, nu, debias(b2, count))]
      return [ratio(operation, first, second, eps, epsRoot), { count, mu, nu }]
    },
  }
}

/** Options of `scaleByRadam`. */
export interface RadamOptions extends MomentOptions {
  /** The variance is used once its degrees of freedom exceed this. */
  readonly threshold?: number
}

/** Adam's scaling, rectified while the second moment has seen few gradients (https://arxiv.org/abs/1908.03265). */
export const scaleByRadam = (options: RadamOptions = {}): GradientTransformation<AdamState> => {
  const {
    b1 = 0.9,
    b2 = 0.999,
    eps = 1e-8,
    epsRoot = 0,
    threshold = 5,
    nesterov = false,
  } = checkOptions('optim.scaleByRadam', options, 'threshold b1 b2 eps epsRoot nesterov')
  const operation = 'optim.scaleByRadam'
  const limit = 2 / (1 - b2) - 1
  return {
    init: (params) => ({
      count: zeroCount(),
      mu: zerosLikeTree(params, operation),
      nu: zerosLikeTree(params, operation),
    }),
    update: (updates, state) => {
      const count = nextCount(state.count)
      const mu = moments(operation, updates, state.mu, b1)
      const nu = squares(operation, updates, state.nu, b2)
      const lacking = debias(b2, count)
      const steps = lax.convertElementType(count, 'float32')
      // The degrees of freedom: limit - 2 t b2^t / (1 - b2^t).
      const rho = np.subtract(limit, np.divide(np.multiply(np.multiply(2, steps), np.subtract(1, lacking)), lacking))
      const numerator = np.multiply(np.multiply(np.subtract(rho, 4), np.subtract(rho, 2)), limit)
      const rectifier = np.sqrt(np.divide(numerator, np.multiply((limit - 4) * (limit - 2), rho)))
      const first = firstMoment(operation, mu, updates, b1, count, nesterov)
      const adapted = ratio(operation, first, over(operation, nu, lacking), eps, epsRoot)
      const step = (plain: NDArray, scaled: NDArray | undefined): NDArray =>
        np.where(
          np.greaterEqual(rho, threshold),
          np.multiply(scalarLike(rectifier, plain), known(scaled, 'update')),
          plain,
        )
      return [mapTrees(operation, step, first, adapted), { count, mu, nu }]
    },
  }
}

/** State of `scaleByAdadelta`: moving averages of squared gradients and of squared updates. */
export interface AdadeltaState {
  readonly eG: unknown
  readonly eX: unknown
}

/** Options of `scaleByAdadelta`. */
export interface AdadeltaOptions {
  /** Decay of both averages. */
  readonly rho?: number
  readonly eps?: number
}

/** Scaling by the ratio of the sizes of recent updates and gradients (https://arxiv.org/abs/1212.5701). */
export const scaleByAdadelta = (options: AdadeltaOptions = {}): GradientTransformation<AdadeltaState> => {
  const { rho = 0.9, eps = 1e-6 } = checkOptions('optim.scaleByAdadelta', options, 'rho eps')
  const operation = 'optim.scaleByAdadelta'
  return {
    init: (params) => ({ eG: zerosLikeTree(params, operation), eX: zerosLikeTree(params, operation) }),
    update: (updates, state) => {
      const eG = squares(operation, updates, state.eG, rho)
      const step = (g: NDArray, ofG: NDArray | undefined, ofX: NDArray | undefined): NDArray => {
        const [top, bottom] = [np.add(known(ofX, 'average'), eps), np.add(known(ofG, 'average'), eps)]
        return np.multiply(np.divide(np.sqrt(top), np.sqrt(bottom)), g)
      }
      const changed = mapTrees(operation, step, updates, eG, state.eX)
      return [changed, { eG, eX: squares(operation, changed, state.eX, rho) }]
    },
  }
}

/** State of `scaleByAdan`: moments of gradients, of their differences, of both; the last gradient; the step. */
export interface AdanState {
  readonly m: unknown
  readonly v: unknown
  readonly n: unknown
  readonly g: unknown
  readonly t: NDArray
}

/** Options of `scaleByAdan`. */
export interface AdanOptions extends Omit<MomentOptions, 'nesterov'> {
  readonly b3?: number
}

/** Adaptive Nesterov momentum (https://arxiv.org/abs/2208.06677). */
export const scaleByAdan = (options: AdanOptions = {}): GradientTransformation<AdanState> => {
  const {
    b1 = 0.98,
    b2 = 0.92,
    b3 = 0.99,
    eps = 1e-8,
    epsRoot = 0,
  } = checkOptions('optim.scaleByAdan', options, 'b3 eps b1 b2 epsRoot')
  const operation = 'optim.scaleByAdan'
  return {
    init: (params) => {
      const zeros = zerosLikeTree(params, operation)
      return { m: zeros, v: zeros, n: zeros, g: zeros, t: zeroCount() }
    },
    update: (updates, state) => {
      const atStart = np.equal(state.t, 0)
      const difference = mapTrees(
        operation,
        (g, old) => np.where(atStart, scalarLike(0, g), np.subtract(g, known(old, 'gradient'))),
        updates,
        state.g,
      )
      const ahead = <T>(a: T, b: unknown): T =>
        mapTrees(operation, (x, y) => np.add(x, np.multiply(1 - b2, known(y, 'difference'))), a, b)
      const t = nextCount(state.t)
      const m = moments(operation, updates, state.m, b1)
      const v = moments(operation, difference, state.v, b2)
      const n = squares(operation, ahead(updates, difference), state.n, b3)
      const direction = ahead(over(operation, m, debias(b1, t)), over(operation, v, debias(b2, t)))
      const size = over(operation, n, debias(b3, t))
      return [ratio(operation, direction, size, eps, epsRoot), { m, v, n, g: updates, t }]
    },
  }
}

/** Options of `scaleByNovograd`. */
export interface NovogradOptions extends Omit<AdamOptions, 'nesterov'> {
  readonly weightDecay?: number
}

/** Momentum of gradients that are divided by the norm of their array (https://arxiv.org/abs/1905.11286). */
export const scaleByNovograd = (options: NovogradOptions = {}): GradientTransformation<AdamState> => {
  const {
    b1 = 0.9,
    b2 = 0.25,
    eps = 1e-8,
    epsRoot = 0,
    weightDecay = 0,
    muDtype = null,
  } = checkOptions('optim.scaleByNovograd', options, 'weightDecay eps b1 b2 epsRoot muDtype')
  const operation = 'optim.scaleByNovograd'
  return {
    init: (params) => ({
      count: zeroCount(),
      mu: zerosLikeTree(params, operation, muDtype),
      nu: mapTrees(operation, (p) => lax.full([], 0, { dtype: p.dtype }), params),
    }),
    update: (updates, state, params) => {
      const given = needParams(params, operation)
      const count = nextCount(state.count)
      const first = np.equal(count, 1)
      const norms = (g: NDArray, old: NDArray | undefined): NDArray => {
        const now = np.sum(np.square(g))
        return np.where(first, now, moment(now, known(old, 'norm'), b2))
      }
      const nu = mapTrees(operation, norms, updates, state.nu)
      const scaled = (g: NDArray, v: NDArray | undefined, p: NDArray | undefined): NDArray => {
        const root = np.add(np.sqrt(np.add(known(v, 'norm'), epsRoot)), eps)
        return np.add(np.divide(g, root), np.multiply(weightDecay, known(p, 'parameter')))
      }
      // At the start the momentum is zero, so that the first step needs no case of its own.
      const mu = mapTrees(
        operation,
        (u, m) => np.add(np.multiply(b1, known(m, 'moment')), u),
        mapTrees(operation, scaled, updates, nu, given),
        state.mu,
      )
      const kept = castTree(mu, operation, muDtype)
      return [kept, { count, mu: kept, nu }]
    },
  }
}

/** State of `scaleByLion`. */
export interface LionState {
  readonly mu: unknown
}

const lionModes: Readonly<Record<string, ((x: NDArray, beta: number) => NDArray) | undefined>> = {
  hard: (x) => np.sign(x),
  smooth: (x, beta) => np.tanh(np.multiply(beta, x)),
  refined: (x) => np.where(np.less(np.abs(x), 1), x, np.sign(x)),
}

/** Options of `scaleByLion`. */
export interface LionOptions extends Pick<AdamOptions, 'b1' | 'b2' | 'muDtype'> {
  /** 'hard' is the sign, 'smooth' tanh(smoothBeta x), 'refined' x itself between -1 and 1. */
  readonly mode?: 'hard' | 'smooth' | 'refined'
  readonly smoothBeta?: number
}

/** The sign of an interpolation of gradient and momentum (https://arxiv.org/abs/2302.06675). */
export const scaleByLion = (options: LionOptions = {}): GradientTransformation<LionState> => {
  const {
    b1 = 0.9,
    b2 = 0.99,
    muDtype = null,
    mode = 'hard',
    smoothBeta = 1,
  } = checkOptions('optim.scaleByLion', options, 'mode smoothBeta b1 b2 muDtype')
  const operation = 'optim.scaleByLion'
  const shape = lionModes[mode]
  if (shape === undefined) {
    throw new ArgumentError(`${operation}: the mode is 'hard', 'smooth' or 'refined', got '${String(mode)}'.`)
  }
  return {
    init: (params) => ({ mu: zerosLikeTree(params, operation, muDtype) }),
    update: (updates, state) => {
      const step = (g: NDArray, m: NDArray | undefined): NDArray => shape(moment(g, known(m, 'moment'), b1), smoothBeta)
      const mu = mapTrees(operation, (g, m) => moment(g, known(m, 'moment'), b2), updates, state.mu)
      return [mapTrees(operation, step, updates, state.mu), { mu: castTree(mu, operation, muDtype) }]
    },
  }
}
