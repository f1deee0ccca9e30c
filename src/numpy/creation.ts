/** Making arrays: from JS values, filled, like others, counting. */
import {
  type ArrayLike,
  type DType,
  type HostData,
  ArgumentError,
  DeviceArray,
  NDArray,
  checkShape,
  currentDevice,
  encodeForDevice,
  isFloating,
  known,
  promote,
  range,
  roundTo,
  scalarArray,
  shapedArray,
  sizeOf,
  checkOptions,
  describe,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import { isOptions, knownNumber } from './arguments.js'
import { convertTo, dtypeOr } from './promotion-args.js'

/** Typed arrays that `array` reads. */
export type TypedArray =
  | Float32Array
  | Float64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray

/** What `array` reads: numbers, booleans, arrays, typed arrays, and lists of those to any depth. */
export type ArrayData = ArrayLike | TypedArray | readonly ArrayData[]

export interface DTypeOptions {
  /** Dtype of the result. */
  readonly dtype?: DType | null
}

export interface LikeOptions extends DTypeOptions {
  /** Shape of the result, that of the argument unless given. */
  readonly shape?: number | readonly number[] | null
}

const isTypedArray = (x: unknown): x is TypedArray => ArrayBuffer.isView(x) && !(x instanceof DataView)

/** Dtype of a typed array; 16-bit integers, which have no dtype here, widen. */
const typedArrayDType = (x: TypedArray): DType => {
  if (x instanceof Float32Array) return 'float32'
  if (x instanceof Float64Array) return 'float64'
  if (x instanceof Int32Array || x instanceof Int16Array) return 'int32'
  if (x instanceof Uint32Array || x instanceof Uint16Array) return 'uint32'
  if (x instanceof Int8Array) return 'int8'
  if (x instanceof Uint8Array || x instanceof Uint8ClampedArray) return 'uint8'
  // Float16Array, where the JavaScript engine has it.
  if (Object.prototype.toString.call(x) === '[object Float16Array]') return 'float16'
  throw new ArgumentError(
    `array: a ${Object.prototype.toString.call(x).slice(8, -1)} has no dtype here; use a Float32Array, Float64Array, ` +
      `Int32Array, Uint32Array, Int8Array or Uint8Array.`,
  )
}

/** An array with these values on the current device. */
export const fromHost = (values: globalThis.ArrayLike<number>, shape: readonly number[], dtype: DType): NDArray => {
  const device = currentDevice()
  device.checkDType(dtype)
  if (shape.length === 0) return scalarArray(roundTo(values[0] ?? 0, dtype), dtype, false, device)
  return fromStorage(encodeForDevice(values, dtype), shape, dtype)
}

const fromStorage = (data: HostData, shape: readonly number[], dtype: DType): NDArray => {
  const device = currentDevice()
  device.checkDType(dtype)
  return new DeviceArray(shapedArray(shape, dtype), device, device.fromHost(data, dtype))
}

/** Shape of nested lists, and what is at their bottom. */
interface Nest {
  readonly shape: number[]
  hasArrays: boolean
  hasNumbers: boolean
}

/** Measures along first elements; whether the others agree is checked when they are read. */
const measure = (data: ArrayData): number[] => {
  const shape: number[] = []
  let level: ArrayData | undefined = data
  while (Array.isArray(level)) {
    shape.push(level.length)
    level = level[0]
  }
  if (level instanceof NDArray) return [...shape, ...level.shape]
  if (isTypedArray(level)) return [...shape, level.length]
  return shape
}

const ragged = (path: string, got: string, expected: string): ArgumentError =>
  new ArgumentError(
    `array: the lists don't have one shape: ${path} has ${got} where its neighbours have ${expected}. ` +
      `Pad the short ones, or keep them as a list of arrays.`,
  )

/** Checks one level of nesting and everything below. */
const survey = (data: ArrayData, nest: Nest, depth: number, path: string): void => {
  const rest = nest.shape.slice(depth)
  if (Array.isArray(data)) {
    if (rest.length === 0) throw ragged(path, `a list of ${data.length}`, 'a number')
    if (data.length !== rest[0]) throw ragged(path, `${data.length} elements`, String(rest[0]))
    // Long rows of numbers are the common case, and need no path.
    for (let i = 0; i < data.length; i++) {
      const item: ArrayData = data[i]
      if (typeof item === 'number') {
        if (rest.length !== 1) throw ragged(`${path}[${i}]`, 'a number', `a list of ${rest[1]}`)
        nest.hasNumbers = true
      } else survey(item, nest, depth + 1, `${path}[${i}]`)
    }
    return
  }
  const shape = data instanceof NDArray ? data.shape : isTypedArray(data) ? [data.length] : []
  if (data instanceof NDArray || isTypedArray(data)) nest.hasArrays = true
  else if (typeof data === 'number') nest.hasNumbers = true
  else if (typeof data !== 'boolean') {
    throw new ArgumentError(
      `array: ${path} is ${describe(data)}; elements are numbers, booleans, arrays or typed arrays.`,
    )
  }
  if (shape.length !== rest.length || shape.some((n, i) => n !== rest[i]))
    throw ragged(path, shape.length === 0 ? 'a number' : `shape [${shape.join()}]`, `shape [${rest.join()}]`)
}

const readNumbers = (data: ArrayData, out: HostData | Float64Array, at: number): number => {
  if (!Array.isArray(data)) {
    out[at] = Number(data)
    return at + 1
  }
  let next = at
  for (const item of data) {
    if (typeof item === 'number') out[next++] = item
    else next = readNumbers(item, out, next)
  }
  return next
}

/** Stacks lists that have arrays in them. */
const stackNested = (data: ArrayData): NDArray => {
  // Numbers among arrays are weak: they take the dtype of the arrays.
  if (typeof data === 'number' || typeof data === 'boolean') return lax.asArray(data, 'array')
  if (!Array.isArray(data)) return array(data)
  const parts = data.map((item: ArrayData) => stackNested(item))
  const dtype = promote(parts.map((x) => x.aval)).dtype
  return lax.concatenate(
    parts.map((x) => lax.expandDims(lax.convertElementType(x, dtype), [0])),
    0,
  )
}

export interface ArrayOptions extends DTypeOptions {
  /** Axes of length 1 are put in front until there are so many; 0 unless said. */
  readonly ndmin?: number
  /** Accepted as in NumPy, without effect: arrays do not change, so nobody can tell. */
  readonly copy?: boolean | null
}

/**
 * An array from numbers, booleans, nested lists, typed arrays (copied) or arrays.
 *
 * Numbers give float32, booleans bool, typed arrays their own dtype, unless `dtype` is given. Lists may hold arrays, traced
 * ones too, which are then stacked. `ndmin` puts axes of length 1 in front. Throws ArgumentError where lists don't have one
 * shape.
 *
 * @example
 * ```ts
 * np.array([[1, 2], [3, 4]]) // float32[2,2]
 * np.array([1, 2, 3], { dtype: 'int32' })
 * np.array([1, 2, 3], { ndmin: 2 }) // float32[1,3]
 * np.array(new Uint8Array([1, 2]))
 * ```
 */
export const array = (data: ArrayData, options?: ArrayOptions): NDArray => {
  checkOptions('array', options, 'dtype ndmin copy')
  const made = arrayOf(data, options?.dtype)
  const { ndmin = 0 } = options ?? {}
  if (!Number.isInteger(ndmin) || ndmin < 0 || ndmin > 32)
    throw new ArgumentError(`array: ndmin must be an integer from 0 to 32, got ${ndmin}.`)
  return ndmin <= made.ndim ? made : lax.expandDims(made, range(ndmin - made.ndim))
}

const arrayOf = (data: ArrayData, given: DTypeOptions['dtype']): NDArray => {
  if (given !== undefined && given !== null) lax.checkDType(given, 'array')
  if (data instanceof NDArray) return convertTo(data, given ?? data.dtype, false)
  if (isTypedArray(data)) {
    const dtype = typedArrayDType(data)
    // Floats are rounded on the host, as the device may lack the dtype that they come in.
    if (given !== undefined && given !== null && isFloating(dtype) && isFloating(given))
      return fromHost(data, [data.length], given)
    const made = fromHost(data, [data.length], dtype)
    return given === undefined || given === null ? made : lax.convertElementType(made, given)
  }
  const nest: Nest = { shape: measure(data), hasArrays: false, hasNumbers: false }
  survey(data, nest, 0, 'data')
  if (nest.hasArrays) {
    const stacked = stackNested(data)
    return given === undefined || given === null ? stacked : lax.convertElementType(stacked, given)
  }
  const size = sizeOf(nest.shape)
  const dtype = given ?? (nest.hasNumbers || size === 0 ? 'float32' : 'bool')
  if (dtype === 'float32' && nest.shape.length > 0) {
    const values = new Float32Array(size)
    readNumbers(data, values, 0)
    return fromStorage(values, nest.shape, dtype)
  }
  const values = new Float64Array(size)
  readNumbers(data, values, 0)
  return fromHost(values, nest.shape, dtype)
}

/** `array`, for symmetry with NumPy: arrays are immutable, so that nothing needs to be copied or kept. */
export const asarray = array

/** The array itself: arrays are immutable. */
export const copy = (a: ArrayLike): NDArray => lax.asArray(a, 'copy')

/**
 * The array in another dtype: floats to integers truncate toward zero and saturate, integers wrap, to bool is `!= 0`.
 *
 * @example
 * ```ts
 * np.astype(np.array([1.7, -1.7]), 'int32') // [1, -1]
 * ```
 */
export const astype = (x: ArrayLike, dtype: DType): NDArray =>
  convertTo(lax.asArray(x, 'astype'), lax.checkDType(dtype, 'astype'), false)

const shapeOf = (shape: number | readonly number[], operation: string): readonly number[] => {
  const list = typeof shape === 'number' ? [shape] : shape
  if (!Array.isArray(list)) throw new ArgumentError(`${operation}: expected a shape, got ${describe(shape)}.`)
  checkShape(list, operation)
  return list
}

const constantArray = (value: number, shape: readonly number[], dtype: DType): NDArray =>
  lax.filled(roundTo(value, dtype), shapedArray(shape, dtype))

/**
 * Zeros.
 *
 * @example
 * ```ts
 * np.zeros([2, 3]) // float32[2,3]
 * ```
 */
export const zeros = (shape: number | readonly number[], options?: DTypeOptions): NDArray => {
  checkOptions('zeros', options, 'dtype')
  return constantArray(0, shapeOf(shape, 'zeros'), dtypeOr(options?.dtype, 'float32', 'zeros'))
}

/**
 * Ones.
 *
 * @example
 * ```ts
 * np.ones([3], { dtype: 'int32' })
 * ```
 */
export const ones = (shape: number | readonly number[], options?: DTypeOptions): NDArray => {
  checkOptions('ones', options, 'dtype')
  return constantArray(1, shapeOf(shape, 'ones'), dtypeOr(options?.dtype, 'float32', 'ones'))
}

/** Zeros, since nothing here is uninitialised. */
export const empty = (shape: number | readonly number[], options?: DTypeOptions): NDArray => {
  checkOptions('empty', options, 'dtype')
  return zeros(shape, options)
}

/**
 * One repeated value; an array as the value is broadcast. JS numbers give float32, booleans bool.
 *
 * @example
 * ```ts
 * np.full([2, 2], 7)
 * ```
 */
export const full = (shape: number | readonly number[], fillValue: ArrayLike, options?: DTypeOptions): NDArray => {
  checkOptions('full', options, 'dtype')
  const sizes = shapeOf(shape, 'full')
  const value = lax.asArray(fillValue, 'full')
  const dtype = dtypeOr(options?.dtype, typeof fillValue === 'number' ? 'float32' : value.dtype, 'full')
  // A JS number fills weakly, unless a dtype is asked for.
  const weak = value.weakType && (options?.dtype === undefined || options.dtype === null)
  return lax.broadcastTo(convertTo(value, dtype, weak), sizes)
}

const likeShape = (a: NDArray, options: LikeOptions | undefined, operation: string): readonly number[] =>
  options?.shape === undefined || options.shape === null ? a.shape : shapeOf(options.shape, operation)

/** Zeros of the shape and dtype of another array. */
export const zerosLike = (a: ArrayLike, options?: LikeOptions): NDArray => {
  checkOptions('zerosLike', options, 'dtype shape')
  return fullLike(a, 0, options)
}
/** Ones of the shape and dtype of another array. */
export const onesLike = (a: ArrayLike, options?: LikeOptions): NDArray => {
  checkOptions('onesLike', options, 'dtype shape')
  return fullLike(a, 1, options)
}
/** Zeros of the shape and dtype of another array, since nothing here is uninitialised. */
export const emptyLike = (a: ArrayLike, options?: LikeOptions): NDArray => {
  checkOptions('emptyLike', options, 'dtype shape')
  return fullLike(a, 0, options)
}

/**
 * One repeated value, in the shape and dtype of another array.
 *
 * @example
 * ```ts
 * np.fullLike(np.zeros([2], { dtype: 'int32' }), 5) // int32 [5, 5]
 * ```
 */
export const fullLike = (a: ArrayLike, fillValue: ArrayLike, options?: LikeOptions): NDArray => {
  checkOptions('fullLike', options, 'dtype shape')
  const like = lax.asArray(a, 'fullLike')
  const dtype = dtypeOr(options?.dtype, like.dtype, 'fullLike')
  return full(likeShape(like, options, 'fullLike'), fillValue, { dtype })
}

/**
 * Numbers from `start` (0 unless given) up to, not including, `stop`, in steps. Integers give int32, others float32.
 * Arguments must be known: the length of the result depends on them.
 *
 * @example
 * ```ts
 * np.arange(3) // [0, 1, 2]
 * np.arange(0, 1, 0.25)
 * ```
 */
export const arange = (
  start: ArrayLike,
  stop?: ArrayLike | DTypeOptions | null,
  step?: ArrayLike | DTypeOptions | null,
  options?: DTypeOptions,
): NDArray => {
  const settings = checkOptions('arange', options ?? [stop, step].find((x) => isOptions<DTypeOptions>(x)), 'dtype')
  const bounds = [start, stop, step].filter((x): x is ArrayLike => x !== undefined && x !== null && !isOptions(x))
  const numbers = bounds.map((x) => knownNumber(x, 'arange: its bounds and step'))
  const from = numbers.length === 1 ? 0 : known(numbers[0], 'start')
  const to = known(numbers.length === 1 ? numbers[0] : numbers[1], 'stop')
  const by = numbers[2] ?? 1
  if (by === 0 || numbers.some((n) => !Number.isFinite(n)))
    throw new ArgumentError(`arange: cannot count from ${from} to ${to} in steps of ${by}.`)
  const floats = bounds.some((x) => (x instanceof NDArray ? isFloating(x.dtype) : !Number.isInteger(x)))
  const dtype = dtypeOr(settings?.dtype, floats ? 'float32' : 'int32', 'arange')
  const length = Math.max(0, Math.ceil((to - from) / by))
  if (from === 0 && by === 1 && dtype !== 'bool') return lax.iota(dtype, length)
  if (isFloating(dtype) || dtype === 'bool')
    return fromHost(
      Float64Array.from({ length }, (_, i) => from + i * by),
      [length],
      dtype,
    )
  const count = lax.iota(dtype, length)
  const scaled = by === 1 ? count : lax.mul(count, lax.scalarOf(by, { dtype }))
  return from === 0 ? scaled : lax.add(scaled, lax.scalarOf(from, { dtype }))
}
