/** What can go wrong in an operation: the checks that `checked` adds, as the records of primitives ask for them. */
import {
  type DType,
  type Equation,
  type Expectation,
  type NDArray,
  DeviceArray,
  isFloating,
  known,
  range,
  sizeOf,
} from '../core/index.js'
import {
  bitwiseAnd,
  bitwiseNot,
  bitwiseOr,
  convertElementType,
  eq,
  filled,
  gt,
  indexInDim,
  isFinite,
  lt,
  max,
  reduceMax,
  reduceOr,
  select,
} from '../lax/index.js'
import type { CheckKind } from './check-report.js'

/** A condition that must not hold, a bool scalar, and what is said when it does. */
export interface Failure {
  readonly kind: CheckKind
  readonly failed: NDArray
  readonly message: string
  /** Scalars for the message. */
  readonly values: readonly NDArray[]
}

const lowest = -(2 ** 31)

/** Whether any element is true. */
export const anyOf = (flags: NDArray): NDArray => (flags.ndim === 0 ? flags : reduceOr(flags, range(flags.ndim)))

const maximumOf = (x: NDArray): NDArray => (x.ndim === 0 ? x : reduceMax(x, range(x.ndim)))

/** Whether an expectation does not hold; undefined when it is known to. */
const failureOf = (expected: Expectation, inputs: readonly NDArray[], name: string): Failure | undefined => {
  const x = known(inputs[expected.operand], 'operand')
  if (x.size === 0) return undefined
  if (expected.kind === 'division') {
    if (x instanceof DeviceArray && x.scalar !== undefined && x.scalar !== 0) return undefined
    return { kind: 'division', failed: anyOf(eq(x, 0)), message: `division by zero in ${name}`, values: [] }
  }
  const { component, axis, size, window } = expected
  const starts = component === undefined ? x : indexInDim(x, component, { axis: -1, keepdims: false })
  const at = convertElementType(starts, 'int32')
  const wrong = bitwiseOr(lt(at, 0), gt(at, size - window))
  const what = window === 1 ? 'index {0}' : `a window of ${window} from index {0} on`
  return {
    kind: 'index',
    failed: anyOf(wrong),
    message: `${what} is out of range for axis ${axis} of size ${size} in ${name}`,
    values: [maximumOf(select(wrong, at, filled(lowest, at.aval)))],
  }
}

/** Checks on the operands, before the operation: what its primitive expects of them. */
export const operandFailures = (
  { primitive, params }: Equation,
  inputs: readonly NDArray[],
  kinds: ReadonlySet<CheckKind>,
): readonly Failure[] => {
  const expected = primitive.expects?.(
    inputs.map((x) => x.aval),
    params,
  )
  return (expected ?? [])
    .filter(({ kind }) => kinds.has(kind))
    .map((each) => failureOf(each, inputs, primitive.name))
    .filter((failure) => failure !== undefined)
}

/** Worst element of an array: 0 for finite, 1 for infinite, 2 for NaN; a number where it is known without running. */
type Level = NDArray | number

/** Levels of the values of one run, each computed once and only when somebody asks. */
export class Levels {
  readonly #found = new Map<NDArray, Level>()

  of(x: NDArray): Level {
    if (!isFloating(x.dtype) || x.size === 0) return 0
    if (x instanceof DeviceArray && x.scalar !== undefined) return levelOf(x.scalar)
    let level = this.#found.get(x)
    if (level === undefined) {
      const kind: DType = 'int32'
      const zero = filled(0, { shape: x.shape, dtype: kind, weakType: false })
      level = maximumOf(select(isFinite(x), zero, select(eq(x, x), filled(1, zero.aval), filled(2, zero.aval))))
      this.#found.set(x, level)
    }
    return level
  }

  /** The worst of several. */
  worst(xs: readonly NDArray[]): Level {
    return xs.reduce((worst: Level, x): Level => {
      const level = this.of(x)
      if (typeof worst === 'number' && typeof level === 'number') return Math.max(worst, level)
      if (worst === 0 || worst === level) return level
      return level === 0 ? worst : max(worst, level)
    }, 0)
  }
}

const levelOf = (value: number): number => (Number.isNaN(value) ? 2 : Number.isFinite(value) ? 0 : 1)

/** Checks on the results: a NaN or infinity that no operand had. */
export const resultFailures = (
  { primitive }: Equation,
  inputs: readonly NDArray[],
  outs: readonly NDArray[],
  kinds: ReadonlySet<CheckKind>,
  levels: Levels,
): readonly Failure[] => {
  const wanted = kinds.has('nan') || kinds.has('infinity')
  const floats = outs.filter((x) => isFloating(x.dtype) && sizeOf(x.shape) > 0)
  if (!wanted || floats.length === 0 || inputs.length === 0 || primitive.passes) return []
  const before = levels.worst(inputs)
  const after = levels.worst(floats)
  if (typeof after === 'number' || before === 2) return []
  const hadNaN = typeof before === 'number' ? undefined : eq(before, 2)
  const hadAny = before === 0 ? undefined : typeof before === 'number' ? null : gt(before, 0)
  const failures: Failure[] = []
  if (kinds.has('nan')) {
    const failed = hadNaN === undefined ? eq(after, 2) : bitwiseAnd(eq(after, 2), bitwiseNot(hadNaN))
    failures.push({ kind: 'nan', failed, message: `NaN produced by ${primitive.name}`, values: [] })
  }
  if (kinds.has('infinity') && hadAny !== null) {
    const failed = hadAny === undefined ? eq(after, 1) : bitwiseAnd(eq(after, 1), bitwiseNot(hadAny))
    failures.push({ kind: 'infinity', failed, message: `infinity produced by ${primitive.name}`, values: [] })
  }
  return failures
}
