/** Scalings whose state is smaller than the parameters, or a step size of its own: Adafactor, SM3, Rprop, Polyak. */
import { type ArrayLike, ArgumentError, NDArray, TreeError, known, range, tree, checkOptions } from '../core/index.js'
import * as lax from '../lax/index.js'
import * as np from '../numpy/index.js'
import {
  type GradientTransformation,
  globalNorm,
  mapTrees,
  moment,
  needParams,
  nextCount,
  scalarLike,
  zeroCount,
  zerosLikeTree,
} from './transformation.js'

/** State of `scaleByFactoredRms`; arrays that a parameter does not use have one element. */
export interface FactoredState {
  readonly count: NDArray
  readonly vRow: unknown
  readonly vCol: unknown
  readonly v: unknown
}

/** Options of `scaleByFactoredRms`. */
export interface FactoredOptions {
  /** Whether second moments of matrices are kept as a row and a column. */
  readonly factored?: boolean
  /** Exponent with which the decay comes to 1. */
  readonly decayRate?: number
  readonly stepOffset?: number
  /** Arrays whose two largest axes are smaller are kept whole. */
  readonly minDimSizeToFactor?: number
  /** Added to the squares of gradients. */
  readonly epsilon?: number
}

/** The second largest and the largest axis, or null for an array that is kept whole. */
const factoredAxes = (shape: readonly number[], factored: boolean, least: number): readonly [number, number] | null => {
  const order = range(shape.length).sort((a, b) => known(shape[a], 'size') - known(shape[b], 'size') || a - b)
  const [second, first] = [order.at(-2), order.at(-1)]
  if (!factored || second === undefined || first === undefined || known(shape[second], 'size') < least) return null
  return [second, first]
}

const without = (shape: readonly number[], axis: number): number[] => shape.filter((_, d) => d !== axis)

/** Adafactor's scaling by a factored second moment (https://arxiv.org/abs/1804.04235). */
export const scaleByFactoredRms = (options: FactoredOptions = {}): GradientTransformation<FactoredState> => {
  const {
    factored = true,
    decayRate = 0.8,
    stepOffset = 0,
    minDimSizeToFactor = 128,
    epsilon = 1e-30,
  } = checkOptions('optim.scaleByFactoredRms', options, 'factored decayRate stepOffset minDimSizeToFactor epsilon')
  const operation = 'optim.scaleByFactoredRms'
  const zeros = (shape: readonly number[], like: NDArray): NDArray => lax.full(shape, 0, { dtype: like.dtype })
  const axesOf = (x: NDArray): readonly [number, number] | null => factoredAxes(x.shape, factored, minDimSizeToFactor)
  const start = (params: unknown, shapeOf: (x: NDArray, axes: readonly [number, number] | null) => readonly number[]) =>
    mapTrees(operation, (x) => zeros(shapeOf(x, axesOf(x)), x), params)
  return {
    init: (params) => ({
      count: zeroCount(),
      vRow: start(params, (x, axes) => (axes === null ? [1] : without(x.shape, axes[1]))),
      vCol: start(params, (x, axes) => (axes === null ? [1] : without(x.shape, axes[0]))),
      v: start(params, (x, axes) => (axes === null ? x.shape : [1])),
    }),
    update: (updates, state, params) => {
      needParams(params, operation)
      const step = np.subtract(np.add(lax.convertElementType(state.count, 'float32'), 1), stepOffset)
      const decay = np.subtract(1, np.power(step, -decayRate))
      const average = (value: NDArray, old: NDArray | undefined): NDArray => {
        const before = known(old, 'moment')
        const mixed = np.add(np.multiply(decay, before), np.multiply(np.subtract(1, decay), value))
        return lax.convertElementType(mixed, before.dtype)
      }
      const square = (g: NDArray): NDArray => np.add(np.square(g), epsilon)
      const along =
        (axis: 0 | 1) =>
        (g: NDArray, old: NDArray | undefined): NDArray => {
          const axes = axesOf(g)
          return axes === null ? known(old, 'moment') : average(np.mean(square(g), { axis: axes[axis] }), old)
        }
      const vRow = mapTrees(operation, along(1), updates, state.vRow)
      const vCol = mapTrees(operation, along(0), updates, state.vCol)
      const whole = (g: NDArray, old: NDArray | undefined): NDArray =>
        axesOf(g) === null ? average(square(g), old) : known(old, 'moment')
      const v = mapTrees(operation, whole, updates, state.v)
      const scaled = (
        g: NDArray,
        row: NDArray | undefined,
        column: NDArray | undefined,
        all: NDArray | undefined,
      ): NDArray => {
        const axes = axesOf(g)
        if (axes === null) return np.multiply(g, np.power(known(all, 'moment'), -0.5))
        const [second, first] = axes
        const rows = known(row, 'moment')
        const mean = np.mean(rows, { axis: second > first ? second - 1 : second, keepdims: true })
        const rowFactor = np.expandDims(np.power(np.divide(rows, mean), -0.5), first)
        return np.multiply(np.multiply(g, rowFactor), np.expandDims(np.power(known(column, 'moment'), -0.5), second))
      }
      return [mapTrees(operation, scaled, updates, vRow, vCol, v), { count: nextCount(state.count), vRow, vCol, v }]
    },
  }
}

/** State of `scaleBySm3`: for each array a vector per axis, and momentum. */
export interface Sm3State {
  readonly mu: unknown
  readonly nu: unknown
}

/** Options of `scaleBySm3`. */
export interface Sm3Options {
  /** Decay of the momentum. */
  readonly b1?: number
  /** Decay of the accumulated squares; 1 keeps them all. */
  readonly b2?: number
  readonly eps?: number
}

/** Adagrad's scaling with one vector per axis in place of an array (https://arxiv.org/abs/1901.11150). */
export const scaleBySm3 = (options: Sm3Options = {}): GradientTransformation<Sm3State> => {
  const { b1 = 0.9, b2 = 1, eps = 1e-8 } = checkOptions('optim.scaleBySm3', options, 'b1 b2 eps')
  const operation = 'optim.scaleBySm3'
  const perAxis = (params: unknown, f: (x: NDArray, axis: number) => NDArray): unknown => {
    const { leaves, def } = tree.flatten(params)
    return tree.unflatten(
      def,
      leaves.map((leaf) => {
        const x = lax.asArray(leaf as NDArray, operation)
        return range(x.ndim).map((axis) => f(x, axis))
      }),
    )
  }
  return {
    init: (params) => ({
      mu: perAxis(params, (x, axis) => lax.full([known(x.shape[axis], 'size')], 0, { dtype: x.dtype })),
      nu: zerosLikeTree(params, operation),
    }),
    update: (updates, state) => {
      const vectors = tree.leaves(state.mu)
      let next = 0
      const accumulate = (g: NDArray): NDArray => {
        const own = range(g.ndim).map((axis) => {
          const vector = vectors[next++]
          if (!(vector instanceof NDArray)) throw new TreeError(`${operation}: the state is not of this tree.`)
          return np.reshape(
            vector,
            g.shape.map((_, d) => (d === axis ? -1 : 1)),
          )
        })
        const least = own.reduce<NDArray | null>((a, b) => (a === null ? b : np.minimum(a, b)), null)
        const square = np.multiply(b2 === 1 ? 1 : 1 - b2, np.square(g))
        return least === null ? square : np.add(square, np.multiply(b2, least))
      }
      const sums = mapTrees(operation, accumulate, updates)
      const scaled = mapTrees(
        operation,
        (g, s) => {
          const sum = known(s, 'sum')
          return np.multiply(g, np.where(np.greater(sum, 0), lax.rsqrt(np.add(sum, eps)), scalarLike(0, sum)))
        },
        updates,
        sums,
      )
      const nu = mapTrees(operation, (g, v) => moment(g, known(v, 'moment'), b1), scaled, state.nu)
      const mu = perAxis(sums, (s, axis) =>
        s.ndim < 2 ? s : np.max(s, { axis: range(s.ndim).filter((d) => d !== axis) }),
      )
      return [nu, { mu, nu }]
    },
  }
}

/** State of `scaleByRprop`. */
export interface RpropState {
  readonly stepSizes: unknown
  readonly prevUpdates: unknown
}

/** Options of `rprop`. */
export interface RpropOptions {
  /** Factor of step sizes after a change of sign. */
  readonly etaMinus?: number
  /** Factor of step sizes while the sign stays. */
  readonly etaPlus?: number
  readonly minStepSize?: number
  readonly maxStepSize?: number
}

/** Step sizes per element that follow the signs of gradients (https://ieeexplore.ieee.org/document/298623). */
export const scaleByRprop = (learningRate: number, options: RpropOptions = {}): GradientTransformation<RpropState> => {
  const {
    etaMinus = 0.5,
    etaPlus = 1.2,
    minStepSize = 1e-6,
    maxStepSize = 50,
  } = checkOptions('optim.scaleByRprop', options, 'etaMinus etaPlus minStepSize maxStepSize')
  const operation = 'optim.scaleByRprop'
  if (typeof learningRate !== 'number') {
    throw new ArgumentError(`${operation}: the learning rate must be a JS number: the first size of the steps.`)
  }
  return {
    init: (params) => ({
      stepSizes: mapTrees(operation, (p) => lax.full(p.shape, learningRate, { dtype: p.dtype }), params),
      prevUpdates: zerosLikeTree(params, operation),
    }),
    update: (updates, state) => {
      const signs = mapTrees(operation, (g, old) => np.multiply(g, known(old, 'update')), updates, state.prevUpdates)
      const resize = (sign: NDArray, old: NDArray | undefined): NDArray => {
        const size = known(old, 'step size')
        const factor = np.where(np.greater(sign, 0), scalarLike(etaPlus, size), scalarLike(etaMinus, size))
        return np.where(np.equal(sign, 0), size, np.clip(np.multiply(size, factor), minStepSize, maxStepSize))
      }
      const stepSizes = mapTrees(operation, resize, signs, state.stepSizes)
      const unlessTurned = (sign: NDArray, value: NDArray): NDArray =>
        np.where(np.less(sign, 0), scalarLike(0, value), value)
      const prevUpdates = mapTrees(
        operation,
        (sign, g, size) => unlessTurned(sign, np.multiply(known(size, 'step size'), np.sign(known(g, 'update')))),
        signs,
        updates,
        stepSizes,
      )
      return [
        // As in optax, a step is made one call after it was worked out.
        mapTrees(operation, (sign, old) => unlessTurned(sign, known(old, 'update')), signs, state.prevUpdates),
        { stepSizes, prevUpdates },
      ]
    },
  }
}

/** Options of `scaleByPolyak`. */
export interface PolyakOptions {
  /** The least value that the loss can have. */
  readonly fMin?: number
  readonly maxLearningRate?: number
  readonly eps?: number
  /** 'sps+' never steps uphill when the loss is below fMin. */
  readonly variant?: 'sps' | 'sps+'
}

/**
 * Polyak's step size, (value - fMin) / |g|^2 (https://arxiv.org/abs/2002.10542). The loss goes into
 * `update(grads, state, params, { value })`.
 *
 * @throws ArgumentError when the value is not given
 */
export const scaleByPolyak = (options: PolyakOptions = {}): GradientTransformation<null> => {
  const {
    fMin = 0,
    maxLearningRate = 1,
    eps = 0,
    variant = 'sps',
  } = checkOptions('optim.scaleByPolyak', options, 'fMin maxLearningRate eps variant')
  return {
    init: () => null,
    update: (updates, state, _params, extra) => {
      const value = extra?.value
      if (value === undefined) {
        throw new ArgumentError(
          'optim.scaleByPolyak: the loss decides the step; call update(grads, state, params, { value }) with it.',
        )
      }
      const square = np.square(globalNorm(updates))
      const gap: ArrayLike = np.subtract(value, fMin)
      const bottom = np.add(square, eps)
      const size = np.where(
        np.lessEqual(bottom, 2 ** -23),
        0,
        np.minimum(np.divide(variant === 'sps+' ? np.maximum(gap, 0) : gap, bottom), maxLearningRate),
      )
      return [mapTrees('optim.scaleByPolyak', (u) => np.multiply(scalarLike(size, u), u), updates), state]
    },
  }
}
