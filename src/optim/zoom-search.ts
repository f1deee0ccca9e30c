/** The zoom line search: a step at which the loss falls enough and is flat enough (the strong conditions of Wolfe). */
import { ArgumentError, type NDArray, checkOptions } from '../core/index.js'
import * as np from '../numpy/index.js'
import { valueAndGrad, whileLoop } from '../transforms/index.js'
import { type LinesearchInfo, errorOf, full, lossOf, times, zeroState } from './line-search.js'
import type { GradientTransformation } from './transformation.js'
import { along, either, innerProduct } from './vectors.js'

/** How the last zoom search went. */
export interface ZoomInfo extends LinesearchInfo {
  /** By how much the slope is too steep; 0 where it is not. */
  readonly curvatureError: NDArray
}

/** State of `scaleByZoomLinesearch`. */
export interface ZoomState {
  readonly learningRate: NDArray
  readonly value: NDArray
  readonly grad: unknown
  readonly info: ZoomInfo
}

/** A step along the updates: the loss there and its slope. */
interface Place {
  readonly step: NDArray
  readonly value: NDArray
  readonly slope: NDArray
}

/** A step with the gradient there. */
interface Found extends Place {
  readonly grad: unknown
}

interface Search {
  readonly count: NDArray
  /** The last step that was tried. */
  readonly now: Found
  /** Ends of an interval in which a step is that will do, once it is found; the loss is lower at `low`. */
  readonly low: Place
  readonly high: Place
  /** A third place, for the cubic. */
  readonly third: Place
  readonly found: NDArray
  /** The best step so far at which the loss falls enough. */
  readonly safe: Found
  readonly decreaseError: NDArray
  readonly curvatureError: NDArray
  readonly done: NDArray
  readonly failed: NDArray
}

/** Where the cubic through two places and a third, with the slope of the first, is least; NaN where there is none. */
const leastOfCubic = (a: Place, b: Place, c: Place): NDArray => {
  const [db, dc] = [np.subtract(b.step, a.step), np.subtract(c.step, a.step)]
  const rest = (p: Place, d: NDArray): NDArray => np.subtract(np.subtract(p.value, a.value), np.multiply(a.slope, d))
  const [rb, rc] = [rest(b, db), rest(c, dc)]
  const below = np.multiply(np.square(np.multiply(db, dc)), np.subtract(db, dc))
  const cubic = np.divide(np.subtract(np.multiply(np.square(dc), rb), np.multiply(np.square(db), rc)), below)
  const square = np.divide(np.subtract(np.multiply(np.power(db, 3), rc), np.multiply(np.power(dc, 3), rb)), below)
  const root = np.sqrt(np.subtract(np.square(square), np.multiply(3, np.multiply(cubic, a.slope))))
  return np.add(a.step, np.divide(np.subtract(root, square), np.multiply(3, cubic)))
}

/** Where the parabola through two places, with the slope of the first, is least. */
const leastOfParabola = (a: Place, b: Place): NDArray => {
  const d = np.subtract(b.step, a.step)
  const bend = np.divide(np.subtract(np.subtract(b.value, a.value), np.multiply(a.slope, d)), np.square(d))
  return np.subtract(a.step, np.divide(a.slope, np.multiply(2, bend)))
}

/** A place well inside the interval: the cubic's or the parabola's, or the middle. */
const between = ({ low, high, third }: Search): NDArray => {
  const [left, right] = [np.minimum(low.step, high.step), np.maximum(low.step, high.step)]
  const width = np.subtract(right, left)
  const inside = (x: NDArray, margin: number): NDArray =>
    np.logicalAnd(
      np.greater(x, np.add(left, np.multiply(margin, width))),
      np.less(x, np.subtract(right, np.multiply(margin, width))),
    )
  const [cubic, parabola] = [leastOfCubic(low, high, third), leastOfParabola(low, high)]
  const middle = np.multiply(np.add(low.step, high.step), 0.5)
  return np.where(inside(cubic, 0.2), cubic, np.where(inside(parabola, 0.1), parabola, middle))
}

/** Options of `scaleByZoomLinesearch`. */
export interface ZoomOptions {
  readonly maxLearningRate?: number | null
  readonly tol?: number
  /** Factor of steps while they are too short (2). */
  readonly increaseFactor?: number
  /** How much of the fall that the slope promises must come true, 1e-4 unless said. */
  readonly slopeRtol?: number
  /** How much of the slope may remain, 0.9 unless said. */
  readonly curvRtol?: number
  /** How close losses are at which slopes decide in their place, relative to the loss (1e-6); null for never. */
  readonly approxDecRtol?: number | null
  /** Intervals below this length end the search, if there is a step at which the loss falls (1e-5). */
  readonly stepsizePrecision?: number
  /** What to try first: the last step ('keep'), or 1 ('one'). */
  readonly initialGuessStrategy?: 'keep' | 'one'
}

const operation = 'optim.scaleByZoomLinesearch'

/**
 * Scales updates by a step at which the loss falls enough and its slope is small enough (algorithms 3.5 and 3.6 of Nocedal and
 * Wright): steps grow until an interval holds such a step, which is then made smaller. Near a minimum, where losses are too close to
 * compare, slopes decide (https://doi.org/10.1145/1132973.1132979). The search wants the loss:
 * `update(updates, state, params, { value, grad, valueFn })`.
 *
 * @throws ArgumentError when the loss is not given
 * @example
 * ```ts
 * const optimizer = optim.chain(optim.sgd(1), optim.scaleByZoomLinesearch(15))
 * ```
 */
export const scaleByZoomLinesearch = (
  maxLinesearchSteps: number,
  options: ZoomOptions = {},
): GradientTransformation<ZoomState> => {
  const {
    maxLearningRate = null,
    tol = 0,
    increaseFactor = 2,
    slopeRtol = 1e-4,
    curvRtol = 0.9,
    approxDecRtol = 1e-6,
    stepsizePrecision = 1e-5,
    initialGuessStrategy = 'keep',
  } = checkOptions(
    operation,
    options,
    'maxLearningRate tol increaseFactor slopeRtol curvRtol approxDecRtol stepsizePrecision initialGuessStrategy',
  )
  if (initialGuessStrategy !== 'keep' && initialGuessStrategy !== 'one')
    throw new ArgumentError(
      `${operation}: initialGuessStrategy is 'keep' or 'one', got '${String(initialGuessStrategy)}'.`,
    )

  const decreaseErrorOf = (at: Place, start: Place): NDArray => {
    const promised = np.multiply(np.multiply(slopeRtol, at.step), start.slope)
    const exact = np.subtract(np.subtract(at.value, start.value), promised)
    if (approxDecRtol === null) return errorOf(exact)
    const bySlope = np.subtract(at.slope, np.multiply(2 * slopeRtol - 1, start.slope))
    const apart = np.subtract(np.subtract(at.value, start.value), np.multiply(approxDecRtol, np.abs(start.value)))
    return errorOf(np.minimum(np.maximum(bySlope, apart), exact))
  }

  return {
    init: (params) => {
      const { info, ...rest } = zeroState(params, operation, true)
      return { ...rest, info: { ...info, curvatureError: full(Infinity) } }
    },
    update: (updates, state, params, extra) => {
      const { at, value, grad, f } = lossOf(operation, params, extra)
      const start: Found = { step: full(0), value, slope: innerProduct(operation, updates, grad), grad }
      const guess = initialGuessStrategy === 'one' ? full(1) : state.learningRate

      const body = (search: Search): Search => {
        const { now, low, high, found, count } = search
        const longer = np.where(np.equal(count, 0), guess, np.multiply(increaseFactor, now.step))
        const longest = maxLearningRate === null ? full(Infinity) : full(maxLearningRate)
        const atEnd = np.logicalAnd(np.logicalNot(found), np.greaterEqual(longer, longest))
        const step = np.where(found, between(search), np.minimum(longer, longest))
        const [loss, slopes] = valueAndGrad(f)(along(operation, at, step, updates))
        const tried: Found = { step, value: loss, slope: innerProduct(operation, slopes, updates), grad: slopes }
        const place: Place = { step, value: loss, slope: tried.slope }
        const decreaseError = decreaseErrorOf(place, start)
        const curvatureError = errorOf(np.subtract(np.abs(place.slope), np.multiply(curvRtol, np.abs(start.slope))))
        const good = np.lessEqual(np.maximum(decreaseError, curvatureError), tol)
        const falls = np.lessEqual(decreaseError, tol)
        const before: Place = { step: now.step, value: now.value, slope: now.slope }

        // While the interval is sought, its other end is the place before.
        const other = either(operation, found, low, before)
        const risen = np.greaterEqual(place.value, other.value)
        const tooFar = np.logicalOr(
          np.greater(decreaseError, 0),
          np.logicalAnd(risen, np.logicalOr(found, np.greater(count, 0))),
        )
        // Uphill on the way to the other end: the least is between the new low end and the old one.
        const uphill = np.where(
          found,
          np.greaterEqual(np.multiply(place.slope, np.subtract(high.step, low.step)), 0),
          np.greaterEqual(place.slope, 0),
        )
        const turned = np.logicalAnd(uphill, np.logicalNot(tooFar))
        const highest = either(operation, found, high, place)
        const nextHigh = either(operation, tooFar, place, either(operation, turned, other, highest))
        const nextLow = either(operation, tooFar, other, either(operation, np.logicalOr(found, turned), place, other))
        const replaced = either(operation, np.logicalOr(tooFar, turned), high, low)
        const safer = np.logicalAnd(falls, np.logicalOr(np.logicalNot(found), np.less(place.value, search.safe.value)))
        const safe = either(operation, safer, tried, search.safe)
        const nextFound = np.logicalOr(found, np.logicalOr(good, np.logicalOr(tooFar, turned)))
        const done = np.logicalOr(good, np.logicalAnd(atEnd, np.logicalNot(nextFound)))
        const narrow = np.logicalAnd(
          found,
          np.logicalAnd(
            np.lessEqual(np.abs(np.subtract(high.step, low.step)), stepsizePrecision),
            np.greater(safe.step, 0),
          ),
        )
        const spent = np.greaterEqual(np.add(count, 1), maxLinesearchSteps)
        return {
          count: np.add(count, 1),
          now: tried,
          low: nextLow,
          high: nextHigh,
          third: either(operation, found, replaced, nextLow),
          found: nextFound,
          safe,
          decreaseError,
          curvatureError,
          done,
          failed: np.logicalAnd(np.logicalOr(spent, narrow), np.logicalNot(done)),
        }
      }

      const origin: Place = { step: start.step, value, slope: start.slope }
      const no = np.array(false)
      const last = whileLoop((search: Search) => np.logicalNot(np.logicalOr(search.done, search.failed)), body, {
        count: np.array(0, { dtype: 'int32' }),
        now: start,
        low: origin,
        high: origin,
        third: origin,
        found: no,
        safe: start,
        decreaseError: full(Infinity),
        curvatureError: full(Infinity),
        done: no,
        failed: no,
      })
      // Without a step that will do, the best at which the loss falls is taken; outside of the loss's domain, none is made.
      const fallBack = np.logicalAnd(
        last.failed,
        np.logicalOr(np.greater(last.safe.step, 0), np.isinf(last.decreaseError)),
      )
      const chosen = either(operation, fallBack, last.safe, last.now)
      return [
        times(operation, chosen.step, updates),
        {
          learningRate: chosen.step,
          value: chosen.value,
          grad: chosen.grad,
          info: {
            numLinesearchSteps: last.count,
            decreaseError: last.decreaseError,
            curvatureError: last.curvatureError,
          },
        },
      ]
    },
  }
}
