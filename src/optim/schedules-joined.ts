/** Schedules made of others: joined at boundaries, warm-ups, one cycle, restarts, interpolation between points. */
import { ArgumentError, type NDArray, known, checkOptions } from '../core/index.js'
import * as lax from '../lax/index.js'
import * as np from '../numpy/index.js'
import {
  type ArraySchedule,
  type ExponentialDecayOptions,
  constantSchedule,
  cosineDecaySchedule,
  exponentialDecay,
  floatCount,
  linearSchedule,
  positive,
} from './schedules.js'
import type { Schedule } from './transformation.js'

/**
 * One schedule after the other: number i runs from boundary i - 1 to boundary i, each counting from its own start.
 *
 * @throws ArgumentError unless there is one boundary fewer than schedules
 */
export const joinSchedules = (schedules: readonly Schedule[], boundaries: readonly number[]): ArraySchedule => {
  if (schedules.length !== boundaries.length + 1) {
    throw new ArgumentError(
      `optim.joinSchedules: ${schedules.length} schedules need ${schedules.length - 1} boundaries between them, got ${boundaries.length}.`,
    )
  }
  return (count) => {
    const at = lax.asArray(count, 'a schedule')
    const value = (schedule: Schedule, start: number): NDArray =>
      lax.convertElementType(lax.asArray(schedule(start === 0 ? at : np.subtract(at, start)), 'a schedule'), 'float32')
    return boundaries.reduce(
      (output, boundary, i) =>
        np.where(np.less(at, boundary), output, value(known(schedules[i + 1], 'schedule'), boundary)),
      value(known(schedules[0], 'schedule'), 0),
    )
  }
}

/** Options of schedules that warm up and decay. */
export interface WarmupCosineOptions {
  readonly endValue?: number
  readonly exponent?: number
}

/**
 * A line from `initValue` to `peakValue` in `warmupSteps` steps, then half a cosine to `endValue` until `decaySteps`
 * (the warm-up counts).
 *
 * @example
 * ```ts
 * const schedule = optim.warmupCosineDecaySchedule(0, 1e-3, 100, 1000)
 * ```
 */
export const warmupCosineDecaySchedule = (
  initValue: number,
  peakValue: number,
  warmupSteps: number,
  decaySteps: number,
  options: WarmupCosineOptions = {},
): ArraySchedule => {
  const { endValue = 0, exponent = 1 } = checkOptions('optim.warmupCosineDecaySchedule', options, 'endValue exponent')
  if (!(decaySteps > warmupSteps)) {
    throw new ArgumentError(
      `optim.warmupCosineDecaySchedule: decaySteps counts the warm-up too, so it must be more than the ${warmupSteps} steps of that; got ${decaySteps}.`,
    )
  }
  return joinSchedules(
    [
      linearSchedule(initValue, peakValue, warmupSteps),
      cosineDecaySchedule(peakValue, decaySteps - warmupSteps, {
        alpha: peakValue === 0 ? 0 : endValue / peakValue,
        exponent,
      }),
    ],
    [warmupSteps],
  )
}

/** A line from `initValue` to `peakValue`, which then stays. */
export const warmupConstantSchedule = (initValue: number, peakValue: number, warmupSteps: number): ArraySchedule =>
  joinSchedules([linearSchedule(initValue, peakValue, warmupSteps), constantSchedule(peakValue)], [warmupSteps])

/** A line from `initValue` to `peakValue`, then exponential decay. */
export const warmupExponentialDecaySchedule = (
  initValue: number,
  peakValue: number,
  warmupSteps: number,
  transitionSteps: number,
  decayRate: number,
  options: ExponentialDecayOptions = {},
): ArraySchedule => {
  checkOptions('optim.warmupExponentialDecaySchedule', options, 'transitionBegin staircase endValue')
  return joinSchedules(
    [
      linearSchedule(initValue, peakValue, warmupSteps),
      exponentialDecay(peakValue, transitionSteps, decayRate, options),
    ],
    [warmupSteps],
  )
}

/** Options of `cosineOnecycleSchedule`. */
export interface OnecycleOptions {
  /** Fraction of the steps in which the value rises. */
  readonly pctStart?: number
  /** The start is the peak divided by this. */
  readonly divFactor?: number
  /** The end is the start divided by this. */
  readonly finalDivFactor?: number
}

/** Up and down once along cosines (https://arxiv.org/abs/1708.07120). */
export const cosineOnecycleSchedule = (
  transitionSteps: number,
  peakValue: number,
  options: OnecycleOptions = {},
): ArraySchedule => {
  const {
    pctStart = 0.3,
    divFactor = 25,
    finalDivFactor = 1e4,
  } = checkOptions('optim.cosineOnecycleSchedule', options, 'pctStart divFactor finalDivFactor')
  positive(transitionSteps, 'transitionSteps', 'optim.cosineOnecycleSchedule')
  const start = peakValue / divFactor
  const top = Math.floor(pctStart * transitionSteps)
  const ease = (from: number, to: number, begin: number, end: number, at: NDArray): NDArray => {
    const progress = np.clip(np.divide(np.subtract(at, begin), Math.max(end - begin, 1)), 0, 1)
    return np.add(to, np.multiply(0.5 * (from - to), np.add(1, np.cos(np.multiply(Math.PI, progress)))))
  }
  return (count) => {
    const at = floatCount(count)
    const rise = ease(start, peakValue, 0, top, at)
    return np.where(np.less(at, top), rise, ease(peakValue, start / finalDivFactor, top, transitionSteps, at))
  }
}

/** Where a value rises or falls from one point to the next: on a line, or along half a cosine. */
const interpolations: Readonly<Record<string, ((from: number, to: number, progress: NDArray) => NDArray) | undefined>> =
  {
    linear: (from, to, progress) => np.add(from, np.multiply(to - from, progress)),
    cosine: (from, to, progress) =>
      np.add(to, np.multiply((from - to) / 2, np.add(1, np.cos(np.multiply(Math.PI, progress))))),
  }

/** From each point (step, value) to the next. */
const throughPoints = (
  interpolateType: string,
  points: readonly (readonly [at: number, value: number])[],
  operation: string,
): ArraySchedule => {
  const between = interpolations[interpolateType]
  if (between === undefined) {
    throw new ArgumentError(`${operation}: interpolation is 'linear' or 'cosine', got '${interpolateType}'.`)
  }
  return (count) => {
    const at = floatCount(count)
    return points.slice(1).reduce<NDArray>(
      (value, [end, to], i) => {
        const [begin, from] = known(points[i], 'point')
        const progress = np.clip(np.divide(np.subtract(at, begin), Math.max(end - begin, 1)), 0, 1)
        return np.where(np.lessEqual(begin, at), np.where(np.less(at, end), between(from, to, progress), to), value)
      },
      constantSchedule(known(points[0], 'point')[1])(0),
    )
  }
}

/**
 * `initValue`, multiplied by a scale at each boundary as in `piecewiseConstantSchedule`, and interpolated in between.
 *
 * @param interpolateType 'linear' or 'cosine'
 */
export const piecewiseInterpolateSchedule = (
  interpolateType: 'linear' | 'cosine',
  initValue: number,
  boundariesAndScales: Readonly<Record<number, number>> | null = null,
): ArraySchedule => {
  const operation = 'optim.piecewiseInterpolateSchedule'
  const points: [number, number][] = [[0, initValue]]
  let value = initValue
  for (const [at, scale] of Object.entries(boundariesAndScales ?? {})) {
    if (scale < 0) throw new ArgumentError(`${operation}: scales must not be negative.`)
    points.push([Number(at), (value *= scale)])
  }
  return throughPoints(interpolateType, points, operation)
}

/** Options of `linearOnecycleSchedule`. */
export interface LinearOnecycleOptions extends OnecycleOptions {
  /** Fraction of the steps after which the value is back at the start, and falls to the end. */
  readonly pctFinal?: number
}

/** Up and down once on lines (https://arxiv.org/abs/1708.07120). */
export const linearOnecycleSchedule = (
  transitionSteps: number,
  peakValue: number,
  options: LinearOnecycleOptions = {},
): ArraySchedule => {
  const {
    pctStart = 0.3,
    pctFinal = 0.85,
    divFactor = 25,
    finalDivFactor = 1e4,
  } = checkOptions('optim.linearOnecycleSchedule', options, 'pctStart divFactor finalDivFactor pctFinal')
  const operation = 'optim.linearOnecycleSchedule'
  positive(transitionSteps, 'transitionSteps', operation)
  const start = peakValue / divFactor
  return throughPoints(
    'linear',
    [
      [0, start],
      [Math.trunc(pctStart * transitionSteps), peakValue],
      [Math.trunc(pctFinal * transitionSteps), start],
      [transitionSteps, start / finalDivFactor],
    ],
    operation,
  )
}

/** One cycle of `sgdrSchedule`: the arguments of `warmupCosineDecaySchedule`. */
export interface SgdrCycle extends WarmupCosineOptions {
  readonly initValue: number
  readonly peakValue: number
  readonly warmupSteps: number
  readonly decaySteps: number
}

/** Warm-ups and cosine decays that start again (https://arxiv.org/abs/1608.03983). */
export const sgdrSchedule = (cosineKwargs: readonly SgdrCycle[]): ArraySchedule => {
  let end = 0
  const boundaries = cosineKwargs.slice(0, -1).map((cycle) => (end += cycle.decaySteps))
  return joinSchedules(
    cosineKwargs.map(({ initValue, peakValue, warmupSteps, decaySteps, ...options }) =>
      warmupCosineDecaySchedule(initValue, peakValue, warmupSteps, decaySteps, options),
    ),
    boundaries,
  )
}
