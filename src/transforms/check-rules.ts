/** What can go wrong in an operation: the checks that `checked` adds, for each operation that needs one. */
import {
  type DType,
  type Equation,
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

/** Starts of windows along an axis of an operand must leave room for the window. */
const outsideAxis = (starts: NDArray, axis: number, size: number, window: number, name: string): Failure => {
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

const numbersAt = (value: unknown, key: string): readonly number[] => {
  const list: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined
  return Array.isArray(list) ? list.filter((x) => typeof x === 'number') : []
}

/** Windows that an array of start indices names, in a gather or a scatter. */
const outsideWindows = (
  { primitive, params }: Equation,
  operand: NDArray,
  indices: NDArray,
  sizes: readonly number[],
): Failure[] => {
  if (indices.size === 0) return []
  return numbersAt(Reflect.get(params, 'dimensionNumbers'), 'startIndexMap').map((axis, k) =>
    outsideAxis(
      indexInDim(indices, k, { axis: -1, keepdims: false }),
      axis,
      known(operand.shape[axis], 'size'),
      known(sizes[axis], 'size'),
      primitive.name,
    ),
  )
}

const scatterWindow = ({ params }: Equation, operand: NDArray, updates: NDArray): number[] => {
  const numbers: unknown = Reflect.get(params, 'dimensionNumbers')
  const collapsed = [...numbersAt(numbers, 'collapsedSliceDims'), ...numbersAt(numbers, 'operandBatchingDims')]
  const offsets = numbersAt(numbers, 'offsetDims')
  let next = 0
  return operand.shape.map((_, d) => (collapsed.includes(d) ? 1 : (updates.shape[offsets[next++] ?? -1] ?? 1)))
}

type IndexRule = (equation: Equation, inputs: readonly NDArray[]) => readonly Failure[]

const starts =
  (sizes: (equation: Equation, inputs: readonly NDArray[]) => readonly number[], from: number): IndexRule =>
  (equation, inputs) => {
    const operand = known(inputs[0], 'operand')
    const window = sizes(equation, inputs)
    return inputs
      .slice(from)
      .map((start, axis) =>
        outsideAxis(
          start,
          axis,
          known(operand.shape[axis], 'size'),
          known(window[axis], 'size'),
          equation.primitive.name,
        ),
      )
  }

const scatterRule: IndexRule = (equation, [operand, indices, updates]) => {
  const x = known(operand, 'operand')
  return outsideWindows(equation, x, known(indices, 'indices'), scatterWindow(equation, x, known(updates, 'updates')))
}

const indexRules: Readonly<Record<string, IndexRule>> = {
  gather: (equation, [operand, indices]) =>
    outsideWindows(
      equation,
      known(operand, 'operand'),
      known(indices, 'indices'),
      numbersAt(equation.params, 'sliceSizes'),
    ),
  dynamic_slice: starts(({ params }) => numbersAt(params, 'sliceSizes'), 1),
  dynamic_update_slice: starts((_, [, update]) => known(update, 'update').shape, 2),
  scatter: scatterRule,
  'scatter-add': scatterRule,
  'scatter-sub': scatterRule,
  'scatter-mul': scatterRule,
  'scatter-min': scatterRule,
  'scatter-max': scatterRule,
}

/** Checks on the operands, before the operation. */
export const operandFailures = (
  equation: Equation,
  inputs: readonly NDArray[],
  kinds: ReadonlySet<CheckKind>,
): readonly Failure[] => {
  const { name } = equation.primitive
  if (kinds.has('division') && (name === 'div' || name === 'rem')) {
    const divisor = known(inputs[1], 'divisor')
    if (divisor.size === 0 || (divisor instanceof DeviceArray && divisor.scalar !== undefined && divisor.scalar !== 0))
      return []
    return [{ kind: 'division', failed: anyOf(eq(divisor, 0)), message: `division by zero in ${name}`, values: [] }]
  }
  return kinds.has('index') ? (indexRules[name]?.(equation, inputs) ?? []) : []
}

/** Operations whose results hold only values that they were given: they pass NaN and infinity on, and never make one. */
const passing = new Set([
  'abs',
  'argsort',
  'bitcast_convert_type',
  'broadcast_in_dim',
  'clamp',
  'concatenate',
  'copy',
  'cummax',
  'cummin',
  'dynamic_slice',
  'dynamic_update_slice',
  'expand_dims',
  'gather',
  'max',
  'min',
  'name',
  'neg',
  'optimization_barrier',
  'pad',
  'reduce_max',
  'reduce_min',
  'reshape',
  'rev',
  'scatter',
  'scatter-max',
  'scatter-min',
  'select_n',
  'slice',
  'sort',
  'squeeze',
  'stop_gradient',
  'top_k',
  'transpose',
])

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
  if (!wanted || floats.length === 0 || inputs.length === 0 || passing.has(primitive.name)) return []
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
