/** Schedules: numbers that depend on the count of steps, such as learning rates that warm up and decay. */
import { type ArrayLike, type NDArray, ArgumentError, checkOptions } from '../core/index.js'
import * as lax from '../lax/index.js'
import * as np from '../numpy/index.js'

/** A schedule that gives an array. */
export type ArraySchedule = (count: ArrayLike) => NDArray

export const floatCount = (count: ArrayLike): NDArray =>
  lax.convertElementType(lax.asArray(count, 'a schedule'), 'float32')

export const positive = (value: number, name: string, operation: string): number => {
  if (value > 0) return value
  throw new ArgumentError(`${operation}: ${name} must be positive, got ${value}.`)
}

/** The same value at every step. */
export const constantSchedule =
  (value: ArrayLike): ArraySchedule =>
  () =>
    lax.convertElementType(lax.asArray(value, 'optim.constantSchedule'), 'float32')

/** Options of schedules that can start late. */
export interface TransitionOptions {
  /** Steps before the transition begins. */
  readonly transitionBegin?: number
}

/**
 * From `initValue` to `endValue` in `transitionSteps` steps: (init - end) (1 - t)^power + end.
 *
 * @example
 * ```ts
 * const schedule = optim.polynomialSchedule(1, 0, 2, 100)
 * schedule(50).item() // 0.25
 * ```
 */
export const polynomialSchedule = (
  initValue: number,
  endValue: number,
  power: number,
  transitionSteps: number,
  options: TransitionOptions = {},
): ArraySchedule => {
  const { transitionBegin = 0 } = checkOptions('optim.polynomialSchedule', options, 'transitionBegin')
  if (transitionSteps <= 0) return constantSchedule(initValue)
  return (count) => {
    const steps = np.clip(np.subtract(floatCount(count), transitionBegin), 0, transitionSteps)
    const left = np.subtract(1, np.divide(steps, transitionSteps))
    return np.add(np.multiply(initValue - endValue, power === 1 ? left : np.power(left, power)), endValue)
  }
}

/** From `initValue` to `endValue` on a line. */
export const linearSchedule = (
  initValue: number,
  endValue: number,
  transitionSteps: number,
  options: TransitionOptions = {},
): ArraySchedule => {
  checkOptions('optim.linearSchedule', options, 'transitionBegin')
  return polynomialSchedule(initValue, endValue, 1, transitionSteps, options)
}

/** Options of `exponentialDecay`. */
export interface ExponentialDecayOptions extends TransitionOptions {
  /** Decay in jumps, every `transitionSteps` steps. */
  readonly staircase?: boolean
  /** Where the decay (or growth) stops. */
  readonly endValue?: number | null
}

/** initValue decayRate^(count / transitionSteps). */
export const exponentialDecay = (
  initValue: number,
  transitionSteps: number,
  decayRate: number,
  options: ExponentialDecayOptions = {},
): ArraySchedule => {
  const {
    transitionBegin = 0,
    staircase = false,
    endValue = null,
  } = checkOptions('optim.exponentialDecay', options, 'transitionBegin staircase endValue')
  if (transitionSteps <= 0 || decayRate === 0) return constantSchedule(initValue)
  return (count) => {
    const since = np.subtract(floatCount(count), transitionBegin)
    const exponent = np.divide(since, transitionSteps)
    const power = np.power(decayRate, staircase ? np.floor(exponent) : exponent)
    const value = np.where(np.lessEqual(since, 0), initValue, np.multiply(initValue, power))
    if (endValue === null) return value
    return decayRate < 1 ? np.maximum(value, endValue) : np.minimum(value, endValue)
  }
}

/** Options of `cosineDecaySchedule`. */
export interface CosineDecayOptions {
  /** What is left at the end, as a fraction of `initValue`. */
  readonly alpha?: number
  readonly exponent?: number
}

/**
 * Half a cosine from `initValue` down to `alpha initValue` in `decaySteps` steps (https://arxiv.org/abs/1608.03983).
 *
 * @example
 * ```ts
 * const schedule = optim.cosineDecaySchedule(1e-3, 1000)
 * const optimizer = optim.adamw(schedule)
 * ```
 */
export const cosineDecaySchedule = (
  initValue: number,
  decaySteps: number,
  options: CosineDecayOptions = {},
): ArraySchedule => {
  const { alpha = 0, exponent = 1 } = checkOptions('optim.cosineDecaySchedule', options, 'alpha exponent')
  positive(decaySteps, 'decaySteps', 'optim.cosineDecaySchedule')
  return (count) => {
    const progress = np.divide(np.minimum(floatCount(count), decaySteps), decaySteps)
    const cosine = np.multiply(0.5, np.add(1, np.cos(np.multiply(Math.PI, progress))))
    const decay = exponent === 1 ? cosine : np.power(cosine, exponent)
    return np.multiply(initValue, np.add(np.multiply(1 - alpha, decay), alpha))
  }
}

/** initValue, multiplied by a scale when the count comes to each boundary: `{ 100: 0.1, 200: 0.1 }`. */
export const piecewiseConstantSchedule = (
  initValue: number,
  boundariesAndScales: Readonly<Record<number, number>> | null = null,
): ArraySchedule => {
  const steps = Object.entries(boundariesAndScales ?? {}).map(([at, scale]) => [Number(at), scale] as const)
  if (steps.some(([, scale]) => scale < 0)) {
    throw new ArgumentError('optim.piecewiseConstantSchedule: scales must not be negative.')
  }
  return (count) => {
    const at = floatCount(count)
    return steps.reduce<NDArray>(
      (value, [boundary, scale]) => np.where(np.lessEqual(boundary, at), np.multiply(value, scale), value),
      constantSchedule(initValue)(0),
    )
  }
}
