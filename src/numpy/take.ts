/** Reading and writing along an axis by arrays of indices: take, takeAlongAxis, putAlongAxis, choose. */
import {
  type ArrayLike,
  ArgumentError,
  DeviceArray,
  NDArray,
  ShapeError,
  avalText,
  broadcastShapes,
  canonicalAxis,
  dtypeKind,
  known,
  range,
  shapeText,
  shapedArray,
  sizeOf,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import { listOfArrays, oneOf } from './arguments.js'
import { at } from './indexing.js'
import { integerIndices } from './integer-indices.js'
import { promoteDTypes } from './promotion-args.js'

/** What happens to indices outside of the axis; negative ones count from its end first, unless they are clipped. */
export type TakeMode = 'fill' | 'clip' | 'wrap'

export interface TakeOptions {
  /** The axis along which to take; null (the default of `take`) stands for the flattened array. */
  readonly axis?: number | null
  /** `fill` (the default) gives `fillValue`, `clip` the nearest element, `wrap` takes indices modulo the size. */
  readonly mode?: TakeMode
  /** NaN for floats, the least value of signed and the largest of unsigned integers, true for bool, unless said. */
  readonly fillValue?: number | null
}

const modes: readonly TakeMode[] = ['fill', 'clip', 'wrap']

const fromEnd = (indices: NDArray, size: number): NDArray =>
  dtypeKind(indices.dtype) === 'unsigned' ? indices : lax.select(lax.lt(indices, 0), lax.add(indices, size), indices)

/** Indices modulo a size that is not 0. */
const wrapped = (indices: NDArray, size: number): NDArray => fromEnd(lax.rem(indices, size), size)

/** Indices as a mode wants them; gathers do the rest. */
const counted = (indices: NDArray, size: number, mode: TakeMode): NDArray =>
  mode === 'wrap' && size > 0 ? wrapped(indices, size) : mode === 'fill' ? fromEnd(indices, size) : indices

const gatherOptions = (mode: TakeMode, fillValue: number | null | undefined): lax.GatherOptions => ({
  mode: mode === 'wrap' ? 'promiseInBounds' : mode,
  fillValue: fillValue ?? null,
})

/**
 * The elements at `indices` along an axis (of the flattened array, unless one is given); the axes of the indices stand in
 * place of the axis.
 *
 * Throws DTypeError unless indices are integers, ArgumentError when a non-empty index meets an empty axis.
 *
 * @example
 * ```ts
 * const x = np.reshape(np.arange(6), [2, 3])
 * np.take(x, np.array([2, 0], { dtype: 'int32' }), { axis: 1 }).js() // [[2, 0], [5, 3]]
 * ```
 */
export const take = (a: ArrayLike, indices: ArrayLike | readonly number[], options: TakeOptions = {}): NDArray => {
  checkOptions('take', options, 'axis mode fillValue')
  const mode = oneOf(options.mode ?? 'fill', modes, 'take', 'mode')
  const given = lax.asArray(a, 'take')
  const flat = options.axis === null || options.axis === undefined
  const x = flat ? lax.reshape(given, [given.size]) : given
  const axis = canonicalAxis(options.axis ?? 0, x.ndim, 'take')
  const size = known(x.shape[axis], 'size')
  const places = integerIndices(indices, 'take')
  const shape = [...x.shape.slice(0, axis), ...places.shape, ...x.shape.slice(axis + 1)]
  if (size === 0 && places.size > 0) {
    throw new ArgumentError(`take: axis ${axis} of ${avalText(x.aval)} is empty, so that there is nothing to take.`)
  }
  if (sizeOf(shape) === 0) return lax.zerosOf(shapedArray(shape, x.dtype))
  return lax.gather(
    x,
    lax.expandDims(counted(places, size, mode), [-1]),
    {
      offsetDims: [...range(axis), ...range(x.ndim - 1 - axis).map((d) => d + axis + places.ndim)],
      collapsedSliceDims: [axis],
      startIndexMap: [axis],
    },
    x.shape.with(axis, 1),
    gatherOptions(mode, options.fillValue),
  )
}

/** Array, indices and axis of the functions along an axis; null stands for the flattened array. */
const alongAxis = (
  a: ArrayLike,
  given: ArrayLike,
  axis: number | null,
  operation: string,
): { readonly x: NDArray; readonly indices: NDArray; readonly axis: number } => {
  const array = lax.asArray(a, operation)
  const indices = integerIndices(given, operation)
  const x = axis === null ? lax.reshape(array, [array.size]) : array
  if (indices.ndim !== x.ndim) {
    throw new ShapeError(
      `${operation}: indices ${avalText(indices.aval)} and array ${avalText(x.aval)} must have equal ranks` +
        `${axis === null ? ' (without an axis the array is flattened)' : ''}. Insert axes of size 1, or use np.take.`,
    )
  }
  return { x, indices, axis: canonicalAxis(axis ?? 0, x.ndim, operation) }
}

/**
 * For each place of `indices`, the element of `a` at the index along the axis (the last unless said; null flattens) and at
 * the same place along the others, where sizes are equal or 1. Pairs with `argsort` and `argmax`.
 *
 * Throws ShapeError when ranks or other sizes don't fit, DTypeError unless indices are integers.
 *
 * @example
 * ```ts
 * const x = np.array([[3, 1, 2]])
 * np.takeAlongAxis(x, np.argsort(x)).js() // [[1, 2, 3]]
 * ```
 */
export const takeAlongAxis = (a: ArrayLike, indices: ArrayLike, options: TakeOptions = {}): NDArray => {
  checkOptions('takeAlongAxis', options, 'axis mode fillValue')
  const operation = 'takeAlongAxis'
  const mode = oneOf(options.mode ?? 'fill', modes, operation, 'mode')
  const along = alongAxis(a, indices, options.axis === undefined ? -1 : options.axis, operation)
  const { x, axis } = along
  const others = x.shape.with(axis, 1)
  const shape = broadcastShapes(operation, along.indices.shape, others)
  const size = known(x.shape[axis], 'size')
  if (sizeOf(shape) === 0 || size === 0) return lax.zerosOf(shapedArray(shape, x.dtype))

  // Axes where both have their size run along; where indices have size 1 whole axes are taken; where the array has, they are dropped.
  const dropped: number[] = []
  const sliceSizes: number[] = []
  const offsetDims: number[] = []
  const operandBatchingDims: number[] = []
  const startIndicesBatchingDims: number[] = []
  const indexShape: number[] = []
  let taken = 0
  along.indices.shape.forEach((count, d) => {
    const own = known(others[d], 'size')
    if (d === axis) taken = sliceSizes.length
    else if (count === 1) offsetDims.push(d)
    else if (own === 1) dropped.push(d)
    else {
      operandBatchingDims.push(sliceSizes.length)
      startIndicesBatchingDims.push(indexShape.length)
    }
    if (d === axis || count !== 1) indexShape.push(known(shape[d], 'size'))
    if (!dropped.includes(d)) sliceSizes.push(d !== axis && count === 1 ? own : 1)
  })
  return lax.gather(
    lax.squeeze(x, dropped),
    lax.reshape(counted(along.indices, size, mode), [...indexShape, 1]),
    { offsetDims, collapsedSliceDims: [taken], startIndexMap: [taken], operandBatchingDims, startIndicesBatchingDims },
    sliceSizes,
    gatherOptions(mode, options.fillValue),
  )
}

/**
 * A copy of `arr` with `values` at the places that `takeAlongAxis(arr, indices)` reads. Indices outside change nothing.
 * Arrays are immutable: `inplace: true`, NumPy's behaviour, is refused.
 *
 * @example
 * ```ts
 * const first = np.zeros([2, 1], { dtype: 'int32' })
 * np.putAlongAxis(np.ones([2, 2]), first, 5, { axis: 1 }).js() // [[5, 1], [5, 1]]
 * ```
 */
export const putAlongAxis = (
  arr: ArrayLike,
  indices: ArrayLike,
  values: ArrayLike,
  options: { readonly axis?: number | null; readonly inplace?: boolean } = {},
): NDArray => {
  checkOptions('putAlongAxis', options, 'axis inplace')
  if (options.inplace === true) {
    throw new ArgumentError('putAlongAxis: arrays are immutable; leave inplace out and use the copy that is returned.')
  }
  const array = lax.asArray(arr, 'putAlongAxis')
  const {
    x,
    indices: places,
    axis,
  } = alongAxis(arr, indices, options.axis === undefined ? -1 : options.axis, 'putAlongAxis')
  const index = x.shape.map((size, d) =>
    d === axis
      ? places
      : lax.broadcastedIota(
          'int32',
          x.shape.map((_, i) => (i === d ? size : 1)),
          d,
        ),
  )
  const value = lax.broadcastTo(lax.asArray(values, 'putAlongAxis'), places.shape)
  return lax.reshape(at(x, ...index).set(value), array.shape)
}

/**
 * For each element of `a`, the element at that place of the choice of that number; all are broadcast together.
 * Numbers outside are refused (mode `raise`; traced ones, which cannot be looked at, are clipped), clipped, or taken modulo
 * the number of choices.
 *
 * @example
 * ```ts
 * np.choose(np.array([0, 1], { dtype: 'int32' }), [np.array([1, 2]), np.array([10, 20])]).js() // [1, 20]
 * ```
 */
export const choose = (
  a: ArrayLike,
  choices: readonly ArrayLike[] | NDArray,
  options: { readonly mode?: 'raise' | 'clip' | 'wrap' } = {},
): NDArray => {
  checkOptions('choose', options, 'mode')
  const mode = oneOf(options.mode ?? 'raise', ['raise', 'clip', 'wrap'], 'choose', 'mode')
  const numbers = lax.convertElementType(integerIndices(a, 'choose'), 'int32')
  const list = promoteDTypes('choose', listOfArrays(choices, 'choose'))
  const count = list.length
  if (count === 0) throw new ArgumentError('choose: there are no choices; give at least one.')
  if (mode === 'raise') checkChoices(numbers, count)
  const shape = broadcastShapes('choose', numbers.shape, ...list.map((x) => x.shape))
  const which = mode === 'wrap' ? wrapped(numbers, count) : lax.clamp(0, numbers, count - 1)
  return lax.selectN(lax.broadcastTo(which, shape), ...list.map((x) => lax.broadcastTo(x, shape)))
}

/** Throws when a number is not that of a choice, where that can be known. */
const checkChoices = (numbers: NDArray, count: number): void => {
  const values = numbers instanceof DeviceArray ? numbers.knownOnHost() : undefined
  const wrong = values?.find((n) => n < 0 || n >= count)
  if (wrong === undefined) return
  throw new ArgumentError(
    `choose: ${wrong} is not the number of one of ${count} choices (in an array of shape ${shapeText(numbers.shape)}). ` +
      `Use mode 'clip' or 'wrap' to allow such numbers.`,
  )
}
