/** NumPy's indexing: `x.get(...index)` reads, `x.at(...index).set(value)` and its kind give changed copies. */
import {
  type ArrayLike,
  type Index,
  type IndexUpdate,
  DeviceArray,
  type NDArray,
  type GetOptions,
  type PlaceHints,
  type UpdateOptions,
  ShapeError,
  defaultDevice,
  inexact,
  isEager,
  known,
  promote,
  range,
  shapeText,
  shapedArray,
  sizeOf,
  withDevice,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import { oneOf } from './arguments.js'
import { divide, power } from './arithmetic.js'
import { type GatherPlan, planGather } from './index-gather.js'
import { type Counting, type ParsedIndex, type PlainEntry, parseIndex, withoutMasks } from './index-parsing.js'
import { convertTo } from './promotion-args.js'

export { slice } from './index-parsing.js'

const hints = 'wrapNegativeIndices uniqueIndices indicesAreSorted'

const countingOf = ({ wrapNegativeIndices = true }: PlaceHints): Counting =>
  wrapNegativeIndices ? 'fromEnd' : 'outside'

/** Small arrays that an index needs are made on the device of the array that is indexed. */
const besides = <R>(x: NDArray, f: () => R): R =>
  x instanceof DeviceArray && x.device !== defaultDevice() ? withDevice(x.device, f) : f()

const countedInteger = (value: number, size: number, counting: Counting): number =>
  value < 0 && counting !== 'outside' ? value + size : value

interface Part {
  /** A known or computed first element on each axis. */
  readonly starts: readonly ArrayLike[]
  readonly limits: readonly number[]
  readonly strides: readonly number[]
  readonly sizes: readonly number[]
  readonly reversed: readonly number[]
  readonly dropped: readonly number[]
  readonly newAxes: readonly number[]
  readonly computed: boolean
}

/** The index as one rectangular part of the array, if it is one: integers, slices, new axes, computed scalars. */
const asPart = (
  entries: readonly PlainEntry[],
  shape: readonly number[],
  clips: boolean,
  counting: Counting,
): Part | undefined => {
  const starts: ArrayLike[] = []
  const limits: number[] = []
  const strides: number[] = []
  const sizes: number[] = []
  const reversed: number[] = []
  const dropped: number[] = []
  const newAxes: number[] = []
  let computed = false
  for (const entry of entries) {
    const axis = starts.length
    if (entry.kind === 'flag') return undefined
    if (entry.kind === 'newAxis') {
      newAxes.push(axis - dropped.length + newAxes.length)
      continue
    }
    const size = known(shape[axis], 'size')
    if (entry.kind === 'slice') {
      const { start, stop, step } = entry
      const last = start + (entry.size - 1) * step
      const lowest = entry.size === 0 ? Math.min(Math.max(0, start), size) : Math.min(start, last)
      starts.push(lowest)
      limits.push(entry.size === 0 ? lowest : step > 0 ? stop : start + 1)
      strides.push(Math.abs(step))
      sizes.push(entry.size)
      if (step < 0) reversed.push(axis)
      continue
    }
    if (size === 0) return undefined
    if (entry.kind === 'array') {
      // The primitive counts negative starts from the end.
      if (entry.rank > 0 || !clips || counting === 'outside') return undefined
      computed = true
      starts.push(entry.array())
      limits.push(0)
    } else {
      const counted = countedInteger(entry.value, size, counting)
      if (!clips && (counted < 0 || counted >= size)) return undefined
      const inside = Math.min(Math.max(0, counted), size - 1)
      starts.push(inside)
      limits.push(inside + 1)
    }
    strides.push(1)
    sizes.push(1)
    dropped.push(axis)
  }
  if (computed && strides.some((step) => step !== 1)) return undefined
  return { starts, limits, strides, sizes, reversed, dropped, newAxes, computed }
}

const takePart = (x: NDArray, part: Part): NDArray => {
  const { starts, limits, strides, sizes } = part
  const steps = strides.some((step) => step !== 1)
  let out = x
  if (steps || part.computed || sizes.some((size, d) => size !== x.shape[d])) {
    // Eagerly the place is an operand, so that a loop over rows compiles one program and not one for each row.
    out =
      part.computed || (isEager() && !steps)
        ? lax.dynamicSlice(x, starts, sizes)
        : lax.slice(x, starts.map(Number), limits, steps ? strides : null)
  }
  if (part.reversed.length > 0) out = lax.rev(out, part.reversed)
  return lax.expandDims(lax.squeeze(out, part.dropped), part.newAxes)
}

const takeGathered = (x: NDArray, plan: GatherPlan, options: GetOptions): NDArray => {
  const { indices, numbers, sliceSizes } = plan
  const { mode, fillValue, uniqueIndices = false, indicesAreSorted = false } = options
  if (sizeOf(plan.shape) === 0) return lax.zerosOf(shapedArray(plan.shape, x.dtype))
  let out = lax.expandDims(x, plan.flagAxes)
  if (indices !== undefined) {
    out = lax.gather(out, indices, numbers, sliceSizes, {
      mode: mode === undefined || mode === 'wrap' ? 'promiseInBounds' : mode,
      uniqueIndices: plan.unique || uniqueIndices,
      indicesAreSorted: plan.unique || indicesAreSorted,
      ...(fillValue !== undefined && { fillValue }),
    })
  }
  return lax.expandDims(lax.rev(out, plan.reversed), plan.newAxes)
}

const getWith = (x: NDArray, index: readonly Index[], options: GetOptions): NDArray =>
  besides(x, () => {
    const { mode = 'clip' } = options
    oneOf(mode, ['clip', 'fill', 'drop', 'wrap', 'promiseInBounds', 'promise_in_bounds'], 'at(...).get', 'mode')
    const clips = mode !== 'fill' && mode !== 'drop' && mode !== 'wrap'
    const counting = mode === 'wrap' ? 'modulo' : countingOf(options)
    const { entries, adjacent } = parseIndex(index, x.shape)
    const plain = withoutMasks(entries)
    const part = asPart(plain, x.shape, clips, counting)
    return part !== undefined
      ? takePart(x, part)
      : takeGathered(x, planGather(plain, adjacent, x.shape, counting), options)
  })

/**
 * The elements at an index, as NumPy's `x[index]`: integers, slices, null for a new axis, `'...'` for the axes in between,
 * arrays of integers (broadcast together), masks. Negative integers count from the end; outside of the array the nearest
 * element is taken. A mask must be known, since it decides the shape.
 *
 * Throws ArgumentError for what is not an index or too many entries, DTypeError for arrays of floats.
 *
 * @example
 * ```ts
 * const x = np.reshape(np.arange(6), [2, 3])
 * get(x, 1).js() // [3, 4, 5]
 * get(x, slice(), [2, 0]).js() // [[2, 0], [5, 3]]
 * ```
 */
export const get = (x: NDArray, ...index: readonly Index[]): NDArray => getWith(x, index, {})

/** What an update does to the elements at the index. */
interface Change {
  readonly name: string
  readonly scatter: lax.ScatterFunction
  readonly combine: (old: NDArray, value: NDArray) => NDArray
}

const changes = {
  set: { name: 'set', scatter: lax.scatter, combine: (_, value) => value },
  add: { name: 'add', scatter: lax.scatterAdd, combine: lax.add },
  subtract: { name: 'subtract', scatter: lax.scatterSub, combine: lax.sub },
  multiply: { name: 'multiply', scatter: lax.scatterMul, combine: lax.mul },
  min: { name: 'min', scatter: lax.scatterMin, combine: lax.min },
  max: { name: 'max', scatter: lax.scatterMax, combine: lax.max },
} as const satisfies Record<string, Change>

/** Whether axes of the array are all that stands beside one mask, so that no element changes its place. */
const onlyMask = (
  { entries }: ParsedIndex,
  shape: readonly number[],
): { readonly mask: NDArray; readonly axis: number; readonly trailing: number } | undefined => {
  let found: { mask: NDArray; axis: number } | undefined
  let axis = 0
  for (const entry of entries) {
    if (entry.kind === 'mask') {
      if (found !== undefined) return undefined
      found = { mask: entry.mask, axis }
      axis += entry.mask.ndim
    } else {
      if (entry.kind !== 'slice' || entry.step !== 1 || entry.size !== shape[axis]) return undefined
      axis++
    }
  }
  return found === undefined ? undefined : { ...found, trailing: shape.length - found.axis - found.mask.ndim }
}

const spreadMask = (mask: NDArray, axis: number, shape: readonly number[]): NDArray =>
  lax.broadcastInDim(
    mask,
    shape,
    range(mask.ndim).map((d) => axis + d),
  )

const fitValue = (value: NDArray, shape: readonly number[], name: string): NDArray => {
  const offset = shape.length - value.ndim
  if (offset < 0 || value.shape.some((size, d) => size !== 1 && size !== shape[d + offset])) {
    throw new ShapeError(
      `at(...).${name}: a value of shape ${shapeText(value.shape)} does not fit the elements at the index, ` +
        `whose shape is ${shapeText(shape)}. It must be that shape, or broadcast to it.`,
    )
  }
  return lax.broadcastTo(value, shape)
}

const scatterAt = (x: NDArray, plan: GatherPlan, value: NDArray, change: Change, options: UpdateOptions): NDArray => {
  const { indices, numbers, flagAxes } = plan
  const { mode = 'drop', uniqueIndices = false, indicesAreSorted = false } = options
  const updates = lax.rev(lax.squeeze(fitValue(value, plan.shape, change.name), plan.newAxes), plan.reversed)
  const operand = lax.expandDims(x, flagAxes)
  const out =
    indices === undefined
      ? change.combine(operand, updates)
      : change.scatter(
          operand,
          indices,
          updates,
          {
            updateWindowDims: numbers.offsetDims,
            insertedWindowDims: numbers.collapsedSliceDims,
            scatterDimsToOperandDims: numbers.startIndexMap,
          },
          {
            mode,
            uniqueIndices: plan.unique || uniqueIndices,
            indicesAreSorted: plan.unique || indicesAreSorted,
          },
        )
  return lax.squeeze(out, flagAxes)
}

const updateWith = (
  x: NDArray,
  index: readonly Index[],
  given: ArrayLike,
  change: Change,
  options: UpdateOptions,
): NDArray =>
  besides(x, () => {
    oneOf(
      options.mode ?? 'drop',
      ['clip', 'drop', 'fill', 'promiseInBounds', 'promise_in_bounds'],
      `at(...).${change.name}`,
      'mode',
    )
    const value = lax.asArray(given, `at(...).${change.name}`)
    const target = promote([x.aval, value.aval])
    const old = convertTo(x, target.dtype, target.weakType)
    const update = convertTo(value, target.dtype, target.weakType)
    const parsed = parseIndex(index, x.shape)
    const masked = onlyMask(parsed, x.shape)
    let out: NDArray
    if (masked !== undefined && update.ndim <= masked.trailing) {
      // The value does not depend on how many elements there are, so the mask may be traced.
      const everywhere = change.combine(old, fitValue(update, x.shape, change.name))
      out = lax.select(spreadMask(masked.mask, masked.axis, x.shape), everywhere, old)
    } else {
      const plan = planGather(withoutMasks(parsed.entries), parsed.adjacent, x.shape, countingOf(options))
      if (sizeOf(plan.shape) === 0) {
        fitValue(update, plan.shape, change.name)
        return x
      }
      out = scatterAt(old, plan, update, change, options)
    }
    return lax.convertElementType(out, x.dtype)
  })

/** Elements as `f` gives them; a mask may be traced if nothing else is indexed. */
const applyWith = (
  x: NDArray,
  index: readonly Index[],
  f: (x: NDArray) => NDArray,
  options: UpdateOptions,
): NDArray => {
  const masked = onlyMask(parseIndex(index, x.shape), x.shape)
  if (masked === undefined) {
    const { wrapNegativeIndices = true } = options
    return updateWith(x, index, f(getWith(x, index, { wrapNegativeIndices })), changes.set, options)
  }
  const everywhere = lax.convertElementType(f(x), x.dtype)
  return lax.select(spreadMask(masked.mask, masked.axis, x.shape), fitValue(everywhere, x.shape, 'apply'), x)
}

/**
 * Changed copies of an array: `at(x, ...index).set(value)` is x with the elements at the index set to the value, which is
 * broadcast to them. `add`, `subtract`, `multiply`, `divide`, `power`, `min`, `max` combine with the value, once for each
 * time that an element is named; `apply` gives each element to an elementwise function. Indices outside change nothing,
 * unless the option `mode: 'clip'` moves them to the nearest inside.
 * The result keeps the dtype of x (true division of integers gives floats).
 *
 * Throws ShapeError when the value does not fit, and what `get` throws for wrong indices.
 *
 * @example
 * ```ts
 * at(np.zeros([3]), 1).set(7).js() // [0, 7, 0]
 * at(np.zeros([3]), [0, 0, 2]).add(1).js() // [2, 0, 1]
 * ```
 */
export const at = (x: NDArray, ...index: readonly Index[]): IndexUpdate => {
  const checkUpdate = (name: string, options: UpdateOptions): UpdateOptions =>
    checkOptions(`at(...).${name}`, options, `mode ${hints}`)
  const update =
    (change: Change) =>
    (value: ArrayLike, options: UpdateOptions = {}): NDArray =>
      updateWith(x, index, value, change, checkUpdate(change.name, options))
  // Factors (or exponents) that are 1 where the index does not reach.
  const factors = (name: string, value: ArrayLike, dtype: NDArray['dtype'], options: UpdateOptions): NDArray =>
    updateWith(
      lax.filled(1, shapedArray(x.shape, dtype)),
      index,
      value,
      { ...changes.multiply, name },
      checkUpdate(name, options),
    )
  return {
    get: (options = {}) => getWith(x, index, checkOptions('at(...).get', options, `mode fillValue ${hints}`)),
    set: update(changes.set),
    add: update(changes.add),
    subtract: update(changes.subtract),
    mul: update(changes.multiply),
    multiply: update(changes.multiply),
    divide: (value, options = {}) => divide(x, factors('divide', value, inexact(x.dtype), options)),
    power: (value, options = {}) => power(x, factors('power', value, x.dtype, options)),
    min: update(changes.min),
    max: update(changes.max),
    apply: (f, options = {}) => applyWith(x, index, f, checkUpdate('apply', options)),
  }
}
