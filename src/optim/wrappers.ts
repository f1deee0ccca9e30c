/** Transformations around others: accumulation over steps, hyperparameters in the state, noise, names, conditions. */
import { type ArrayLike, ArgumentError, NDArray, known, tree, checkOptions } from '../core/index.js'
import * as lax from '../lax/index.js'
import * as np from '../numpy/index.js'
import * as random from '../random/index.js'
import { type Labels, type Mask, type MaskedState, type MultiTransformState, masked, multiTransform } from './masked.js'
import {
  type GradientTransformation,
  type Schedule,
  mapTrees,
  nextCount,
  scalarLike,
  setToZero,
  zeroCount,
  zerosLikeTree,
} from './transformation.js'

/** Options of transformations that draw random numbers. */
export interface NoiseOptions {
  /** A key, or a seed. */
  readonly key?: NDArray | number
}

/** State of `addNoise`. */
export interface NoiseState {
  readonly count: NDArray
  readonly rngKey: NDArray
}

/** Adds normal noise of variance eta / step^gamma to updates (https://arxiv.org/abs/1511.06807). */
export const addNoise = (
  eta: number,
  gamma: number,
  options: NoiseOptions = {},
): GradientTransformation<NoiseState> => {
  const { key = 0 } = checkOptions('optim.addNoise', options, 'key')
  return {
    init: () => ({ count: zeroCount(), rngKey: key instanceof NDArray && key.ndim > 0 ? key : random.key(key) }),
    update: (updates, state) => {
      const count = nextCount(state.count)
      const deviation = np.sqrt(np.divide(eta, np.power(lax.convertElementType(count, 'float32'), gamma)))
      const [rngKey, sampleKey] = random.split(state.rngKey)
      const leaves = tree.leaves(updates)
      const keys = Array.from(random.split(known(sampleKey, 'key'), leaves.length))
      let next = 0
      const noisy = mapTrees(
        'optim.addNoise',
        (u) => {
          const noise = random.normal(known(keys[next++], 'key'), u.shape, { dtype: u.dtype })
          return np.add(u, np.multiply(scalarLike(deviation, u), noise))
        },
        updates,
      )
      return [noisy, { count, rngKey: known(rngKey, 'key') }]
    },
  }
}

/** State of `applyEvery`. */
export interface ApplyEveryState {
  readonly count: NDArray
  readonly gradAcc: unknown
}

/** Sums updates, and passes the sum on in every k-th step; the others are zero. */
export const applyEvery = (options: { readonly k?: number } = {}): GradientTransformation<ApplyEveryState> => {
  const { k = 1 } = checkOptions('optim.applyEvery', options, 'k')
  const operation = 'optim.applyEvery'
  if (!Number.isInteger(k) || k < 1) throw new ArgumentError(`${operation}: k must be a positive integer, got ${k}.`)
  return {
    init: (params) => ({ count: zeroCount(), gradAcc: zerosLikeTree(params, operation) }),
    update: (updates, state) => {
      const start = np.equal(state.count, 0)
      const gradAcc = mapTrees(
        operation,
        (g, sum) => np.where(start, g, np.add(known(sum, 'sum'), g)),
        updates,
        state.gradAcc,
      )
      const emit = np.equal(state.count, k - 1)
      return [
        mapTrees(operation, (sum) => np.where(emit, sum, scalarLike(0, sum)), gradAcc),
        { count: np.mod(nextCount(state.count), k), gradAcc },
      ]
    },
  }
}

/** State of `MultiSteps`. */
export interface MultiStepsState {
  /** Gradients since the last step of the optimizer. */
  readonly miniStep: NDArray
  /** Steps of the optimizer. */
  readonly gradientStep: NDArray
  readonly innerOptState: unknown
  readonly accGrads: unknown
}

/** Options of `MultiSteps`. */
export interface MultiStepsOptions {
  /** Whether gradients are averaged (default) or summed. */
  readonly useGradMean?: boolean
}

/** What `MultiSteps` gives: a transformation that can tell whether it has just stepped. */
export interface MultiStepsTransformation extends GradientTransformation<MultiStepsState> {
  hasUpdated(state: MultiStepsState): NDArray
  gradientTransformation(): GradientTransformation<MultiStepsState>
}

/**
 * Collects gradients over `everyKSchedule` steps (a number, or a function of the optimizer's steps), and then makes one
 * step of the optimizer with their mean; the updates of the steps between are zero.
 *
 * @example
 * ```ts
 * const optimizer = optim.MultiSteps(optim.adam(1e-3), 4)
 * let state = optimizer.init(np.zeros([2]))
 * const [updates, next] = optimizer.update(np.ones([2]), state)
 * console.log(optimizer.hasUpdated(next).item()) // 0
 * ```
 */
export function MultiSteps<State>(
  optimizer: GradientTransformation<State>,
  everyKSchedule: number | Schedule,
  options: MultiStepsOptions = {},
): MultiStepsTransformation {
  const { useGradMean = true } = checkOptions('optim.MultiSteps', options, 'useGradMean')
  const operation = 'optim.MultiSteps'
  if (typeof everyKSchedule !== 'function' && !(Number.isInteger(everyKSchedule) && everyKSchedule > 0)) {
    throw new ArgumentError(
      `${operation}: the number of steps must be a positive integer or a schedule, got ${String(everyKSchedule)}.`,
    )
  }
  const inner: GradientTransformation = optimizer
  const transformation: GradientTransformation<MultiStepsState> = {
    init: (params) => ({
      miniStep: zeroCount(),
      gradientStep: zeroCount(),
      innerOptState: inner.init(params),
      accGrads: zerosLikeTree(params, operation),
    }),
    update: (updates, state, params, extra) => {
      const k = typeof everyKSchedule === 'function' ? everyKSchedule(state.gradientStep) : everyKSchedule
      const seen = lax.convertElementType(np.add(state.miniStep, 1), 'float32')
      const collect = (g: NDArray, sum: NDArray | undefined): NDArray => {
        const before = known(sum, 'gradient')
        return useGradMean ? np.add(before, np.divide(np.subtract(g, before), scalarLike(seen, g))) : np.add(before, g)
      }
      const collected = mapTrees(operation, collect, updates, state.accGrads)
      const [changed, innerState] = inner.update(collected, state.innerOptState, params, extra)
      const emit = np.equal(state.miniStep, np.subtract(k, 1))
      const next = nextCount(state.miniStep)
      return [
        mapTrees(operation, (u) => np.where(emit, u, scalarLike(0, u)), changed),
        {
          miniStep: np.where(emit, zeroCount(), next),
          gradientStep: np.where(emit, nextCount(state.gradientStep), state.gradientStep),
          innerOptState: mapTrees(
            operation,
            (fresh, old) => np.where(emit, fresh, known(old, 'state')),
            innerState,
            state.innerOptState,
          ),
          accGrads: mapTrees(operation, (g) => np.where(emit, scalarLike(0, g), g), collected),
        },
      ]
    },
  }
  return {
    ...transformation,
    hasUpdated: (state) => np.logicalAnd(np.equal(state.miniStep, 0), np.greater(state.gradientStep, 0)),
    gradientTransformation: () => transformation,
  }
}

/** State of what `injectHyperparams` makes. */
export interface InjectHyperparamsState {
  readonly count: NDArray
  readonly hyperparams: Readonly<Record<string, NDArray>>
  readonly innerState: unknown
}

/** Options of `injectHyperparams`. */
export interface InjectHyperparamsOptions {
  /** Names of the positional arguments in the state. */
  readonly names?: readonly string[]
}

/**
 * Makes a factory of optimizers keep its positional arguments (numbers or schedules) in the state, under the names
 * given (`learningRate` for the first), where they can be read, saved and replaced between steps.
 *
 * @example
 * ```ts
 * const optimizer = optim.injectHyperparams(optim.adam)(optim.linearSchedule(1e-3, 0, 100))
 * console.log(optimizer.init(np.zeros([2])).hyperparams.learningRate?.item()) // 0.001
 * ```
 */
export const injectHyperparams = <Args extends readonly unknown[], State>(
  innerFactory: (...args: Args) => GradientTransformation<State>,
  options: InjectHyperparamsOptions = {},
) => {
  const { names = ['learningRate'] } = checkOptions('optim.injectHyperparams', options, 'names')
  return (...args: Args): GradientTransformation<InjectHyperparamsState> => {
    const isNumeric = (arg: unknown): arg is ArrayLike | Schedule =>
      typeof arg === 'number' || typeof arg === 'function' || arg instanceof NDArray
    const nameOf = (i: number): string => names[i] ?? `argument${i}`
    const build = (values: Readonly<Record<string, NDArray>>): GradientTransformation => {
      const given = args.map((arg, i) => (isNumeric(arg) ? known(values[nameOf(i)], nameOf(i)) : arg))
      return Reflect.apply(innerFactory, undefined, given) as GradientTransformation
    }
    const at = (count: NDArray, kept: Readonly<Record<string, NDArray>> | null): Record<string, NDArray> => {
      const values: Record<string, NDArray> = {}
      args.forEach((arg, i) => {
        if (!isNumeric(arg)) return
        const now = typeof arg === 'function' ? arg(count) : (kept?.[nameOf(i)] ?? arg)
        values[nameOf(i)] = lax.convertElementType(lax.asArray(now, 'optim.injectHyperparams'), 'float32')
      })
      return values
    }
    return {
      init: (params) => {
        const hyperparams = at(zeroCount(), null)
        return { count: zeroCount(), hyperparams, innerState: build(hyperparams).init(params) }
      },
      update: (updates, state, params, extra) => {
        const hyperparams = at(state.count, state.hyperparams)
        const [changed, innerState] = build(hyperparams).update(updates, state.innerState, params, extra)
        return [changed, { count: nextCount(state.count), hyperparams, innerState }]
      },
    }
  }
}

/**
 * One transformation after the other, as `chain`, with a name for each; the state is a record.
 *
 * @example
 * ```ts
 * const optimizer = optim.namedChain(['clip', optim.clip(1)], ['step', optim.sgd(0.1)])
 * ```
 */
export const namedChain = (
  ...named: readonly (readonly [name: string, transformation: GradientTransformation])[]
): GradientTransformation<Readonly<Record<string, unknown>>> => {
  const names = named.map(([name]) => name)
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) throw new ArgumentError(`optim.namedChain: the name '${twice}' stands twice.`)
  return {
    init: (params) => Object.fromEntries(named.map(([name, t]) => [name, t.init(params)])),
    update: (updates, states, params, extra) => {
      let current = updates
      const next = named.map(([name, t]): [string, unknown] => {
        const [changed, state] = t.update(current, states[name], params, extra)
        current = changed
        return [name, state]
      })
      return [current, Object.fromEntries(next)]
    },
  }
}

/** optax's newer name of `multiTransform`. */
export const partition = (
  transforms: Readonly<Record<string, GradientTransformation>>,
  labels: Labels,
): GradientTransformation<MultiTransformState> => multiTransform(transforms, labels)

/** Zero updates for the parameters whose mask is true, the others as they are. */
export const freeze = (mask: Mask): GradientTransformation<MaskedState> => masked(setToZero(), mask)

/** Trains the parameters whose mask is false with `optimizer`, and keeps the others. */
export const selectiveTransform = <State>(
  optimizer: GradientTransformation<State>,
  freezeMask: (params: unknown) => unknown,
): GradientTransformation<MultiTransformState> =>
  multiTransform(
    {
      frozen: setToZero(),
      trained: optimizer,
    },
    (params: never) => {
      const { leaves, def } = tree.flatten(freezeMask(params))
      return tree.unflatten(
        def,
        leaves.map((frozen) => (frozen === true ? 'frozen' : 'trained')),
      )
    },
  )

/** Runs a transformation on all parameters as one vector: fewer and larger arrays. */
export const flatten = <State>(inner: GradientTransformation<State>): GradientTransformation<State> => {
  const vector = (values: unknown): NDArray =>
    np.concatenate(tree.leaves(values).map((x) => np.ravel(lax.asArray(x as NDArray, 'optim.flatten'))))
  return {
    init: (params) => inner.init(vector(params)),
    update: (updates, state, params, extra) => {
      const all = params === undefined || params === null ? params : vector(params)
      const [changed, next] = inner.update(vector(updates), state, all, extra)
      let from = 0
      const back = mapTrees(
        'optim.flatten',
        (u) => {
          const part = lax.slice(changed, [from], [(from += u.size)])
          return lax.convertElementType(np.reshape(part, u.shape), u.dtype)
        },
        updates,
      )
      return [back, next]
    },
  }
}

/** State of the transformations with a condition. */
export interface ConditionalState {
  readonly innerState: unknown
  readonly step: NDArray
}

const conditional = (
  inner: GradientTransformation,
  shouldTransform: (step: NDArray) => ArrayLike,
  otherwise: (u: NDArray) => NDArray,
  operation: string,
): GradientTransformation<ConditionalState> => ({
  init: (params) => ({ innerState: inner.init(params), step: zeroCount() }),
  update: (updates, state, params, extra) => {
    const go = np.astype(shouldTransform(state.step), 'bool')
    const [changed, innerState] = inner.update(updates, state.innerState, params, extra)
    return [
      mapTrees(operation, (fresh, u) => np.where(go, fresh, otherwise(known(u, 'update'))), changed, updates),
      {
        innerState: mapTrees(
          operation,
          (fresh, old) => np.where(go, fresh, known(old, 'state')),
          innerState,
          state.innerState,
        ),
        step: nextCount(state.step),
      },
    ]
  },
})

/** Applies a transformation in the steps for which the condition holds; in the others updates pass unchanged. */
export const conditionallyTransform = <State>(
  inner: GradientTransformation<State>,
  shouldTransformFn: (step: NDArray) => ArrayLike,
): GradientTransformation<ConditionalState> =>
  conditional(inner, shouldTransformFn, (u) => u, 'optim.conditionallyTransform')

/** Applies a transformation in the steps for which the condition holds; in the others updates are zero. */
export const conditionallyMask = <State>(
  inner: GradientTransformation<State>,
  shouldTransformFn: (step: NDArray) => ArrayLike,
): GradientTransformation<ConditionalState> =>
  conditional(inner, shouldTransformFn, (u) => lax.full(u.shape, 0, { dtype: u.dtype }), 'optim.conditionallyMask')

/** The new tree in every `updatePeriod`-th step, the old one in the others: for target networks. */
export const periodicUpdate = <T>(newTensors: T, oldTensors: T, steps: ArrayLike, updatePeriod: ArrayLike): T => {
  const due = np.equal(np.mod(steps, updatePeriod), 0)
  return mapTrees(
    'optim.periodicUpdate',
    (fresh, old) => np.where(due, fresh, known(old, 'array')),
    newTensors,
    oldTensors,
  )
}
