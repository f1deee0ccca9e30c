/** Joining arrays and taking them apart: concatenate, stack, block, split, and their kin. */
import {
  type ArrayEach,
  type ArrayLike,
  type DType,
  type ListOf,
  ArgumentError,
  NDArray,
  ShapeError,
  avalText,
  canonicalAxis,
  known,
  range,
  sameShape,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import { knownValues, listOfArrays } from './arguments.js'
import { promoteDTypes } from './promotion-args.js'
import { atleast1d, atleast2d, atleast3d, ravel } from './shape.js'

export interface JoinOptions {
  /** Axis to join along (concatenate: null flattens first), 0 unless given. */
  readonly axis?: number | null
  readonly dtype?: DType | null
}

const promoted = (arrays: readonly NDArray[], dtype: DType | null | undefined, operation: string): NDArray[] => {
  if (arrays.length === 0) throw new ArgumentError(`${operation}: there is nothing to join; give at least one array.`)
  return dtype === undefined || dtype === null
    ? promoteDTypes(operation, arrays)
    : arrays.map((x) => lax.convertElementType(x, lax.checkDType(dtype, operation)))
}

/**
 * Joins arrays along an axis that they have. Their dtypes are promoted; all other sizes must agree.
 *
 * @example
 * ```ts
 * np.concatenate([np.zeros([2, 3]), np.ones([1, 3])]) // float32[3,3]
 * ```
 */
export const concatenate = (arrays: readonly ArrayLike[] | NDArray, options?: JoinOptions): NDArray => {
  checkOptions('concatenate', options, 'axis dtype')
  const list = promoted(listOfArrays(arrays, 'concatenate'), options?.dtype, 'concatenate')
  if (options?.axis === null)
    return lax.concatenate(
      list.map((x) => ravel(x)),
      0,
    )
  const first = known(list[0], 'array')
  if (first.ndim === 0)
    throw new ShapeError('concatenate: scalars have no axis to be joined along; use np.stack, or np.array([...]).')
  const axis = canonicalAxis(options?.axis ?? 0, first.ndim, 'concatenate')
  for (const x of list) {
    if (x.ndim !== first.ndim || x.shape.some((n, d) => d !== axis && n !== first.shape[d])) {
      throw new ShapeError(
        `concatenate: ${list.map((y) => avalText(y.aval)).join(', ')} cannot be joined along axis ${axis}: ` +
          `all other sizes must be equal.`,
      )
    }
  }
  return lax.concatenate(list, axis)
}

/** Joins arrays along an axis that they have, the array API's name of concatenate. */
export const concat = (arrays: readonly ArrayLike[] | NDArray, options?: JoinOptions): NDArray => {
  checkOptions('concat', options, 'axis dtype')
  return concatenate(arrays, options)
}

/**
 * Joins arrays of one shape along a new axis.
 *
 * @example
 * ```ts
 * np.stack([np.array([1, 2]), np.array([3, 4])]) // [[1, 2], [3, 4]]
 * ```
 */
export const stack = (arrays: readonly ArrayLike[] | NDArray, options?: JoinOptions): NDArray => {
  checkOptions('stack', options, 'axis dtype')
  const list = promoted(listOfArrays(arrays, 'stack'), options?.dtype, 'stack')
  const first = known(list[0], 'array')
  if (list.some((x) => !sameShape(x.shape, first.shape))) {
    throw new ShapeError(
      `stack: arrays must have one shape, got ${list.map((x) => avalText(x.aval)).join(', ')}. Broadcast or pad them first.`,
    )
  }
  const axis = canonicalAxis(options?.axis ?? 0, first.ndim + 1, 'stack')
  return lax.concatenate(
    list.map((x) => lax.expandDims(x, [axis])),
    axis,
  )
}

/**
 * Joins along axis 0, vectors as rows.
 *
 * @example
 * ```ts
 * np.vstack([np.zeros([3]), np.ones([3])]) // float32[2,3]
 * ```
 */
export const vstack = (
  arrays: readonly ArrayLike[] | NDArray,
  options?: { readonly dtype?: DType | null },
): NDArray => {
  checkOptions('vstack', options, 'dtype')
  return concatenate(listOfArrays(arrays, 'vstack').map(atleast2d), { ...options, axis: 0 })
}

/**
 * Joins along axis 1, or 0 for vectors.
 *
 * @example
 * ```ts
 * np.hstack([np.zeros([3]), np.ones([2])]) // float32[5]
 * ```
 */
export const hstack = (
  arrays: readonly ArrayLike[] | NDArray,
  options?: { readonly dtype?: DType | null },
): NDArray => {
  checkOptions('hstack', options, 'dtype')
  const list = listOfArrays(arrays, 'hstack').map(atleast1d)
  return concatenate(list, { ...options, axis: list[0]?.ndim === 1 ? 0 : 1 })
}

/**
 * Joins along axis 2.
 *
 * @example
 * ```ts
 * np.dstack([np.zeros([2, 3]), np.ones([2, 3])]) // float32[2,3,2]
 * ```
 */
export const dstack = (
  arrays: readonly ArrayLike[] | NDArray,
  options?: { readonly dtype?: DType | null },
): NDArray => {
  checkOptions('dstack', options, 'dtype')
  return concatenate(listOfArrays(arrays, 'dstack').map(atleast3d), { ...options, axis: 2 })
}

/**
 * Joins along axis 1, vectors as columns.
 *
 * @example
 * ```ts
 * np.columnStack([np.zeros([3]), np.ones([3])]) // float32[3,2]
 * ```
 */
export const columnStack = (arrays: readonly ArrayLike[] | NDArray): NDArray =>
  concatenate(
    listOfArrays(arrays, 'columnStack').map((x) => (x.ndim < 2 ? lax.reshape(x, [x.size, 1]) : x)),
    { axis: 1 },
  )

/** Nested lists of arrays, as `block` takes them. */
export type Blocks = ArrayLike | readonly Blocks[]

/**
 * One array from nested lists of blocks: the innermost lists join along the last axis, the ones around them along the axis before.
 *
 * @example
 * ```ts
 * np.block([[np.eye(2), np.zeros([2, 1])], [np.zeros([1, 2]), np.ones([1, 1])]]) // float32[3,3]
 * ```
 */
export const block = (arrays: Blocks): NDArray => {
  const depth = depthOf(arrays, 'arrays')
  const rank = Math.max(depth, ...leavesOf(arrays).map((x) => lax.asArray(x, 'block').ndim))
  const join = (part: Blocks, level: number): NDArray => {
    if (isList(part))
      return concatenate(
        part.map((x) => join(x, level - 1)),
        { axis: rank - level },
      )
    const x = lax.asArray(part, 'block')
    return lax.reshape(x, [...new Array<number>(rank - x.ndim).fill(1), ...x.shape])
  }
  return join(arrays, depth)
}

const isList = (x: Blocks): x is readonly Blocks[] => Array.isArray(x)

const leavesOf = (x: Blocks): ArrayLike[] => (isList(x) ? x.flatMap(leavesOf) : [x])

const depthOf = (x: Blocks, path: string): number => {
  if (!isList(x)) return 0
  const depths = x.map((item, i) => depthOf(item, `${path}[${i}]`))
  const [first] = depths
  if (first === undefined) throw new ArgumentError(`block: ${path} is an empty list.`)
  const odd = depths.findIndex((d) => d !== first)
  if (odd >= 0) throw new ArgumentError(`block: ${path}[${odd}] is not as deeply nested as ${path}[0].`)
  return first + 1
}

/**
 * Adds values at the end of an axis; without an axis, both are flattened.
 *
 * @example
 * ```ts
 * np.append(np.array([1, 2]), np.array([3])) // [1, 2, 3]
 * ```
 */
export const append = (arr: ArrayLike, values: ArrayLike, options?: { readonly axis?: number | null }): NDArray => {
  checkOptions('append', options, 'axis')
  const axis = options?.axis ?? null
  return axis === null ? concatenate([ravel(arr), ravel(values)]) : concatenate([arr, values], { axis })
}

/** Sizes of parts of equal size, or with the first ones longer by one. */
const equalParts = (size: number, parts: number, equal: boolean, operation: string): number[] => {
  if (!Number.isInteger(parts) || parts < 1)
    throw new ArgumentError(`${operation}: the number of parts must be a positive integer, got ${parts}.`)
  if (equal && size % parts !== 0) {
    throw new ArgumentError(
      `${operation}: an axis of size ${size} does not divide into ${parts} equal parts; np.arraySplit allows unequal ones.`,
    )
  }
  const short = Math.floor(size / parts)
  return range(parts).map((i) => short + (i < size % parts ? 1 : 0))
}

const splitAlong = (
  ary: ArrayLike,
  parts: number | readonly number[] | NDArray,
  axis: number,
  equal: boolean,
  operation: string,
): NDArray[] => {
  const x = lax.asArray(ary, operation)
  const along = canonicalAxis(axis, x.ndim, operation)
  const size = known(x.shape[along], 'size')
  if (typeof parts === 'number')
    return Array.from(lax.split(x, equalParts(size, parts, equal, operation), { axis: along }))
  const cuts = parts instanceof NDArray ? knownValues(parts, `${operation}: the places to cut`) : parts
  const bounds = [0, ...cuts.map((i) => Math.min(Math.max(i < 0 ? i + size : i, 0), size)), size]
  const pieces = range(bounds.length - 1).map((i) => [known(bounds[i], 'start'), known(bounds[i + 1], 'stop')] as const)
  if (pieces.every(([start, stop]) => start <= stop))
    return Array.from(
      lax.split(
        x,
        pieces.map(([start, stop]) => stop - start),
        { axis: along },
      ),
    )
  // Cuts that go back: each part is a slice of its own, empty where it would end before it starts.
  return pieces.map(([start, stop]) => lax.sliceInDim(x, start, Math.max(start, stop), { axis: along }))
}

/** A number of parts, or the places to cut at. */
type Parts = number | readonly number[] | NDArray

/** As many arrays as the parts that are written in the program. */
type Pieces<P extends Parts> = P extends number
  ? ListOf<P>
  : P extends readonly number[]
    ? number extends P['length']
      ? NDArray[]
      : ArrayEach<P> extends infer List extends NDArray[]
        ? [...List, NDArray]
        : NDArray[]
    : NDArray[]

interface AxisOption {
  readonly axis?: number
}

/**
 * Splits into equal parts, or at the given indices. Throws ArgumentError where parts would not be equal.
 *
 * @example
 * ```ts
 * const [head, tail] = np.split(np.arange(6), 2)
 * const [a, b, c] = np.split(np.arange(6), [1, 4])
 * ```
 */
export function split<const P extends Parts>(ary: ArrayLike, indicesOrSections: P, options?: AxisOption): Pieces<P>
export function split(ary: ArrayLike, parts: Parts, options?: AxisOption): NDArray[] {
  checkOptions('split', options, 'axis')
  return splitAlong(ary, parts, options?.axis ?? 0, true, 'split')
}

/** Splits into parts that are as equal as possible, or at the given indices. */
export function arraySplit<const P extends Parts>(ary: ArrayLike, indicesOrSections: P, options?: AxisOption): Pieces<P>
export function arraySplit(ary: ArrayLike, parts: Parts, options?: AxisOption): NDArray[] {
  checkOptions('arraySplit', options, 'axis')
  return splitAlong(ary, parts, options?.axis ?? 0, false, 'arraySplit')
}

/** Splits along axis 0. */
export function vsplit<const P extends Parts>(ary: ArrayLike, indicesOrSections: P): Pieces<P>
export function vsplit(ary: ArrayLike, parts: Parts): NDArray[] {
  return splitAlong(ary, parts, 0, true, 'vsplit')
}
/** Splits along axis 1, or 0 for vectors. */
export function hsplit<const P extends Parts>(ary: ArrayLike, indicesOrSections: P): Pieces<P>
export function hsplit(ary: ArrayLike, parts: Parts): NDArray[] {
  return splitAlong(ary, parts, lax.asArray(ary, 'hsplit').ndim === 1 ? 0 : 1, true, 'hsplit')
}
/** Splits along axis 2. */
export function dsplit<const P extends Parts>(ary: ArrayLike, indicesOrSections: P): Pieces<P>
export function dsplit(ary: ArrayLike, parts: Parts): NDArray[] {
  return splitAlong(ary, parts, 2, true, 'dsplit')
}

/**
 * The elements along an axis (0), as a list.
 *
 * @example
 * ```ts
 * const [x, y] = np.unstack(np.array([[1, 2], [3, 4]]))
 * ```
 */
export const unstack = (x: ArrayLike, options?: { readonly axis?: number }): NDArray[] => {
  checkOptions('unstack', options, 'axis')
  const array = lax.asArray(x, 'unstack')
  const axis = canonicalAxis(options?.axis ?? 0, array.ndim, 'unstack')
  return range(known(array.shape[axis], 'size')).map((i) => lax.indexInDim(array, i, { axis, keepdims: false }))
}
