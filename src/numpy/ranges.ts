/** Sequences and grids: linspace and its kin, meshgrid, indices, powers. */
import {
  type ArrayEach,
  type ArrayLike,
  type DType,
  ArgumentError,
  NDArray,
  broadcastShapes as commonShape,
  canonicalAxis,
  isFloating,
  known,
  range,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import { oneOf, splitOptions } from './arguments.js'
import { type DTypeOptions, fromHost } from './creation.js'
import { convertTo, dtypeOr, promoteInexact } from './promotion-args.js'

export interface LinspaceOptions extends DTypeOptions {
  /** Number of values. */
  readonly num?: number
  /** Whether `stop` is the last value. */
  readonly endpoint?: boolean
  /** Axis of the result along which values run, where start and stop are arrays. */
  readonly axis?: number
}

const checkCount = (num: number, operation: string): number => {
  if (!Number.isInteger(num) || num < 0)
    throw new ArgumentError(`${operation}: num must be a non-negative integer, got ${num}.`)
  return num
}

/** Values along a new leading axis, in the dtype of the endpoints; from JS numbers they are computed on the host. */
const spaced = (
  start: ArrayLike,
  stop: ArrayLike,
  num: number,
  endpoint: boolean,
  operation: string,
  of: (x: number) => number = (x) => x,
): NDArray => {
  const divisions = endpoint ? num - 1 : num
  if (typeof start === 'number' && typeof stop === 'number') {
    const at = (i: number): number =>
      i === 0 ? start : i === divisions ? stop : start + ((stop - start) * i) / divisions
    return fromHost(
      Float64Array.from({ length: num }, (_, i) => of(at(i))),
      [num],
      'float32',
    )
  }
  const [from, to] = promoteInexact(operation, [start, stop])
  const a = known(from, 'start')
  const b = known(to, 'stop')
  const shape = commonShape(operation, a.shape, b.shape)
  const dtype = a.dtype
  const low = lax.broadcastTo(a, shape)
  const high = lax.broadcastTo(b, shape)
  if (num === 0) return lax.full([0, ...shape], 0, { dtype })
  const row = (x: NDArray): NDArray => lax.reshape(x, [1, ...shape])
  if (divisions === 0) return row(low)
  // start (1 - t) + stop t, as JAX; the endpoint is put there exactly.
  const steps = endpoint ? divisions : num
  const t = lax.div(lax.iota(dtype, steps), lax.scalarOf(divisions, { dtype }))
  const column = lax.reshape(t, [steps, ...shape.map(() => 1)])
  const inner = lax.add(lax.mul(row(low), lax.sub(1, column)), lax.mul(row(high), column))
  return endpoint ? lax.concatenate([inner, row(high)], 0) : inner
}

const placed = (x: NDArray, options: LinspaceOptions | undefined, operation: string): NDArray => {
  const axis = canonicalAxis(options?.axis ?? 0, x.ndim, operation)
  const moved = lax.moveAxis(x, 0, axis)
  const dtype = dtypeOr(options?.dtype, moved.dtype, operation)
  return isFloating(dtype) ? convertTo(moved, dtype, false) : lax.convertElementType(lax.floor(moved), dtype)
}

/**
 * `num` (50) evenly spaced values from `start` to `stop`; with `retstep`, also the distance between them.
 * Endpoints may be arrays; values then run along a new `axis`.
 *
 * @example
 * ```ts
 * np.linspace(0, 1, { num: 5 }) // [0, 0.25, 0.5, 0.75, 1]
 * ```
 */
export function linspace(start: ArrayLike, stop: ArrayLike, options?: LinspaceOptions): NDArray
export function linspace(
  start: ArrayLike,
  stop: ArrayLike,
  options: LinspaceOptions & { readonly retstep: true },
): readonly [values: NDArray, step: NDArray]
export function linspace(
  start: ArrayLike,
  stop: ArrayLike,
  options?: LinspaceOptions & { readonly retstep?: boolean },
): NDArray | readonly [NDArray, NDArray] {
  checkOptions('linspace', options, 'num endpoint axis dtype retstep')
  const num = checkCount(options?.num ?? 50, 'linspace')
  const endpoint = options?.endpoint ?? true
  const values = placed(spaced(start, stop, num, endpoint, 'linspace'), options, 'linspace')
  if (options?.retstep !== true) return values
  const [from, to] = promoteInexact('linspace', [start, stop])
  const divisions = endpoint ? num - 1 : num
  const distance = lax.sub(known(to, 'stop'), known(from, 'start'))
  const step = lax.div(distance, lax.scalarOf(divisions > 0 ? divisions : NaN, distance))
  return [values, convertTo(step, values.dtype, false)]
}

/**
 * `num` (50) values from `base ** start` to `base ** stop`, evenly spaced on a logarithmic scale. The base is 10 unless given.
 *
 * @example
 * ```ts
 * np.logspace(0, 2, { num: 3 }) // [1, 10, 100]
 * ```
 */
export const logspace = (
  start: ArrayLike,
  stop: ArrayLike,
  options?: LinspaceOptions & { readonly base?: number },
): NDArray => {
  checkOptions('logspace', options, 'num endpoint axis dtype base')
  const num = checkCount(options?.num ?? 50, 'logspace')
  const base = options?.base ?? 10
  if (typeof start === 'number' && typeof stop === 'number')
    return placed(
      spaced(start, stop, num, options?.endpoint ?? true, 'logspace', (x) => base ** x),
      options,
      'logspace',
    )
  const exponents = spaced(start, stop, num, options?.endpoint ?? true, 'logspace')
  return placed(lax.pow(lax.scalarOf(base, exponents), exponents), options, 'logspace')
}

/**
 * `num` (50) values from `start` to `stop`, each a constant multiple of the one before. Endpoints have one sign and are not 0.
 *
 * @example
 * ```ts
 * np.geomspace(1, 8, { num: 4 }) // [1, 2, 4, 8]
 * ```
 */
export const geomspace = (start: ArrayLike, stop: ArrayLike, options?: LinspaceOptions): NDArray => {
  checkOptions('geomspace', options, 'num endpoint axis dtype')
  const num = checkCount(options?.num ?? 50, 'geomspace')
  const endpoint = options?.endpoint ?? true
  if (typeof start === 'number' && typeof stop === 'number') {
    if (!(start * stop > 0))
      throw new ArgumentError(`geomspace: endpoints must have one sign and not be 0, got ${start} and ${stop}.`)
    const divisions = endpoint ? num - 1 : num
    const at = (i: number): number =>
      i === 0 ? start : i === divisions ? stop : start * (stop / start) ** (i / divisions)
    const values = fromHost(
      Float64Array.from({ length: num }, (_, i) => at(i)),
      [num],
      'float32',
    )
    return placed(values, options, 'geomspace')
  }
  const [from, to] = promoteInexact('geomspace', [start, stop])
  const a = known(from, 'start')
  const logarithms = spaced(lax.log(lax.abs(a)), lax.log(lax.abs(known(to, 'stop'))), num, endpoint, 'geomspace')
  const sign = lax.broadcastTo(lax.sign(a), logarithms.shape)
  return placed(lax.mul(sign, lax.exp(logarithms)), options, 'geomspace')
}

export interface MeshgridOptions {
  /** 'xy' (default): the first input runs along axis 1, the second along axis 0; 'ij': input i along axis i. */
  readonly indexing?: 'xy' | 'ij'
  /** Whether results keep sizes of 1 along the axes of the other inputs. */
  readonly sparse?: boolean
}

/**
 * Coordinate arrays of the grid of several 1-D inputs.
 *
 * @example
 * ```ts
 * const [x, y] = np.meshgrid(np.arange(3), np.arange(2)) // both int32[2,3]
 * ```
 */
export function meshgrid<Args extends readonly ArrayLike[]>(...args: Args): ArrayEach<Args>
export function meshgrid<Args extends readonly ArrayLike[]>(
  ...args: readonly [...inputs: Args, options: MeshgridOptions]
): ArrayEach<Args>
export function meshgrid(...args: readonly (ArrayLike | MeshgridOptions)[]): NDArray[]
export function meshgrid(...args: readonly (ArrayLike | MeshgridOptions)[]): NDArray[] {
  const { arrays, options } = splitOptions<MeshgridOptions>(args, 'meshgrid')
  checkOptions('meshgrid', options, 'indexing sparse')
  const indexing = oneOf(options?.indexing ?? 'xy', ['xy', 'ij'], 'meshgrid', 'indexing')
  const inputs = arrays.map((x) => {
    const input = lax.asArray(x, 'meshgrid')
    if (input.ndim > 1) throw new ArgumentError(`meshgrid: inputs are 1-D, got one of shape [${input.shape.join()}].`)
    return lax.reshape(input, [input.size])
  })
  const axisOf = (i: number): number => (indexing === 'xy' && i < 2 && inputs.length > 1 ? 1 - i : i)
  const shape = new Array<number>(inputs.length).fill(1)
  inputs.forEach((x, i) => (shape[axisOf(i)] = x.size))
  return inputs.map((x, i) => {
    const axis = axisOf(i)
    const sizes = options?.sparse === true ? shape.map((n, d) => (d === axis ? n : 1)) : shape
    return lax.broadcastInDim(x, sizes, [axis])
  })
}

/**
 * Index of every element of a grid: an int32 array whose first axis says which coordinate; with `sparse`, one array per axis.
 *
 * @example
 * ```ts
 * np.indices([2, 3]) // int32[2,2,3]
 * ```
 */
export function indices(dimensions: readonly number[], options?: DTypeOptions): NDArray
export function indices(dimensions: readonly number[], options: DTypeOptions & { readonly sparse: true }): NDArray[]
export function indices(
  dimensions: readonly number[],
  options?: DTypeOptions & { readonly sparse?: boolean },
): NDArray | NDArray[] {
  checkOptions('indices', options, 'dtype sparse')
  const dtype: DType = dtypeOr(options?.dtype, 'int32', 'indices')
  const ones = dimensions.map(() => 1)
  const each = dimensions.map((n, d) =>
    lax.broadcastedIota(dtype, options?.sparse === true ? ones.with(d, n) : dimensions, d),
  )
  if (options?.sparse === true) return each
  if (each.length === 0) return lax.full([0], 0, { dtype })
  return lax.concatenate(
    each.map((x) => lax.expandDims(x, [0])),
    0,
  )
}

/**
 * Powers of a vector as columns, the highest first; with `increasing`, the lowest first.
 *
 * @example
 * ```ts
 * np.vander(np.array([1, 2, 3]), { N: 3 }) // rows x^2, x, 1
 * ```
 */
export const vander = (
  x: ArrayLike,
  options?: { readonly N?: number | null; readonly increasing?: boolean },
): NDArray => {
  checkOptions('vander', options, 'N increasing')
  const vector = lax.asArray(x, 'vander')
  if (vector.ndim !== 1) throw new ArgumentError(`vander: x must be 1-D, got shape [${vector.shape.join()}].`)
  const N = options?.N ?? vector.size
  const base = vector.dtype === 'bool' ? lax.convertElementType(vector, 'int32') : vector
  const columns = range(N).map((i) =>
    lax.reshape(lax.integerPow(base, options?.increasing === true ? i : N - 1 - i), [base.size, 1]),
  )
  return columns.length === 0 ? lax.full([base.size, 0], 0, { dtype: base.dtype }) : lax.concatenate(columns, 1)
}
