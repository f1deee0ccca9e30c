/** What can go wrong in an operation: the checks that `checked` adds, for each operation that needs one. */
import {
  type Equation,
  type NDArray,
  DeviceArray,
  isFloating,
  isInteger,
  known,
  range,
} from '../core/index.js'
import { bitwiseOr, convertElementType, eq, isFinite, lt, gt, max, reduceMax, reduceOr, select, zerosOf } from '../lax/index.js'
import { indexInDim } from '../lax/index.js'
import type { CheckKind } from './check-report.js'

/** A condition that must not hold, a bool scalar, and what is said when it does. */
export interface Failure {
  readonly kind: CheckKind
  readonly failed: NDArray
  readonly message: string
  /** Scalars for the message. */
  readonly values: readonly NDArray[]
}

export const anyOf = (flags: NDArray): NDArray => (flags.ndim === 0 ? flags : reduceOr(flags, range(flags.ndim)))

const lowest = -(2 ** 31)

/** Start indices along one axis of an operand must be in 0..last. */
const outsideAxis = (starts: NDArray, axis: number, size: number, window: number, name: string): Failure => {
  const at = convertElementType(starts, 'int32')
  const wrong = bitwiseOr(lt(at, 0), gt(at, size - window))
  const shown = select(wrong, at, lowestLike(at))
  const what = window === 1 ? 'index {0}' : `a window of ${window} from index {0}`
  return {
    kind: 'index',
    failed: anyOf(wrong),
    message: `${what} is out of range for axis ${axis} of size ${size} in ${name}`,
    values: [shown.ndim === 0 ? shown : reduceMax(shown, range(shown.ndim))],
  }
}

const lowestLike = (x: NDArray): NDArray => max(zerosOf(x.aval), lowest).ndim === x.ndim ? bitwiseOr(zerosOf(x.aval), lowest) : x
