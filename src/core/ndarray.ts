/// <reference lib="esnext.disposable" preserve="true" />
/** NDArray: the immutable handle that users hold, known or traced; its methods are declared here and installed by numpy/. */
import { type ShapedArray, sizeOf } from './aval.js'
import type { DType, HostData } from './dtype.js'
import { registerLeaf } from './tree.js'

/** What functions accept where an array is meant. JS numbers and booleans are weakly typed scalars. */
export type ArrayLike = NDArray | number | boolean

/** Axis options of reductions. */
export interface ReduceOptions {
  readonly axis?: number | readonly number[] | null
  readonly keepdims?: boolean
}

/** Part of an axis: Python's `start:stop:step`. */
export interface Slice {
  readonly start?: number | null
  readonly stop?: number | null
  readonly step?: number | null
}

/** One entry of an index: an integer, a slice, a new axis (null), the rest ('...'), or an array of integers or booleans. */
export type Index = number | Slice | null | '...' | NDArray | readonly number[] | boolean

/** Nested JS arrays of numbers or booleans, as `js()` gives them. */
export type NestedNumbers = number | boolean | readonly NestedNumbers[]

/** What is said of the indices of a read or an update. */
export interface PlaceHints {
  /** Negative indices count from the end unless false: then they are outside. */
  readonly wrapNegativeIndices?: boolean
  /** Promises that no element is named twice, with which updates may be faster; undefined results where it is not so. */
  readonly uniqueIndices?: boolean
  /** Promises that indices are in increasing order. */
  readonly indicesAreSorted?: boolean
}

/** What reading does with indices outside. */
export interface GetOptions extends PlaceHints {
  /**
   * `clip` moves them to the nearest inside (the default, which `promiseInBounds` names too), `fill` (or `drop`) gives
   * `fillValue`, `wrap` takes them modulo the size.
   */
  readonly mode?: 'clip' | 'fill' | 'drop' | 'wrap' | 'promiseInBounds' | 'promise_in_bounds'
  /** For mode `fill`: NaN for floats, the least value of signed and the largest of unsigned integers unless said. */
  readonly fillValue?: number
}

/** What an update does with indices outside. */
export interface UpdateOptions extends PlaceHints {
  /** `drop` (or `fill`, the default) leaves them out, `clip` moves them to the nearest inside. */
  readonly mode?: 'clip' | 'drop' | 'fill' | 'promiseInBounds' | 'promise_in_bounds'
}

/** Functional updates of the elements at an index. */
export interface IndexUpdate {
  readonly get: (options?: GetOptions) => NDArray
  readonly set: (value: ArrayLike, options?: UpdateOptions) => NDArray
  readonly add: (value: ArrayLike, options?: UpdateOptions) => NDArray
  readonly subtract: (value: ArrayLike, options?: UpdateOptions) => NDArray
  readonly mul: (value: ArrayLike, options?: UpdateOptions) => NDArray
  readonly multiply: (value: ArrayLike, options?: UpdateOptions) => NDArray
  readonly divide: (value: ArrayLike, options?: UpdateOptions) => NDArray
  readonly power: (value: ArrayLike, options?: UpdateOptions) => NDArray
  readonly min: (value: ArrayLike, options?: UpdateOptions) => NDArray
  readonly max: (value: ArrayLike, options?: UpdateOptions) => NDArray
  readonly apply: (f: (x: NDArray) => NDArray, options?: UpdateOptions) => NDArray
}

/** An immutable array: shape, dtype, device. Inside a transformation it may be traced, and then has no values yet. */
export abstract class NDArray {
  abstract readonly aval: ShapedArray

  /** Sizes of the axes. */
  get shape(): readonly number[] {
    return this.aval.shape
  }
  get dtype(): DType {
    return this.aval.dtype
  }
  /** Number of axes. */
  get ndim(): number {
    return this.aval.shape.length
  }
  /** Number of elements. */
  get size(): number {
    return sizeOf(this.aval.shape)
  }
  /** True for values that come only from JS numbers. */
  get weakType(): boolean {
    return this.aval.weakType
  }
  /** Name of the device that holds the values. */
  abstract get device(): string

  /** Values, flat and row-major, read when they are ready. Halves come as float32, bool as 0 and 1. */
  abstract data(): Promise<HostData>
  /** Values at once, on devices that are synchronous (js, wasm); throws DeviceError elsewhere. */
  abstract dataSync(): HostData
  /** The single value of an array of one element as a number, 1 or 0 of bool (`js()` gives true or false). */
  abstract item(): number
}

/** Methods mirror the functions of `cotangent/numpy`; their documentation is there. */
export interface NDArray extends Iterable<NDArray> {
  readonly T: NDArray
  readonly length: number
  toString(): string
  /**
   * Frees the array's memory at the end of a block: `using x = f(y)`. Never needed, as the garbage collector does it later.
   * Using the array afterwards throws DeletedArrayError. Traced arrays and JS numbers hold no memory: nothing happens to them.
   */
  [Symbol.dispose](): void
  js(): NestedNumbers
  jsAsync(): Promise<NestedNumbers>
  get(...index: readonly Index[]): NDArray
  at(...index: readonly Index[]): IndexUpdate
  astype(dtype: DType): NDArray
  add(y: ArrayLike): NDArray
  sub(y: ArrayLike): NDArray
  subtract(y: ArrayLike): NDArray
  mul(y: ArrayLike): NDArray
  multiply(y: ArrayLike): NDArray
  div(y: ArrayLike): NDArray
  divide(y: ArrayLike): NDArray
  floorDivide(y: ArrayLike): NDArray
  mod(y: ArrayLike): NDArray
  pow(y: ArrayLike): NDArray
  power(y: ArrayLike): NDArray
  neg(): NDArray
  negative(): NDArray
  abs(): NDArray
  exp(): NDArray
  log(): NDArray
  sqrt(): NDArray
  square(): NDArray
  sin(): NDArray
  cos(): NDArray
  tanh(): NDArray
  matmul(y: NDArray): NDArray
  dot(y: NDArray): NDArray
  equal(y: ArrayLike): NDArray
  notEqual(y: ArrayLike): NDArray
  less(y: ArrayLike): NDArray
  lessEqual(y: ArrayLike): NDArray
  greater(y: ArrayLike): NDArray
  greaterEqual(y: ArrayLike): NDArray
  sum(options?: ReduceOptions): NDArray
  prod(options?: ReduceOptions): NDArray
  mean(options?: ReduceOptions): NDArray
  var(options?: ReduceOptions & { readonly ddof?: number }): NDArray
  std(options?: ReduceOptions & { readonly ddof?: number }): NDArray
  max(options?: ReduceOptions): NDArray
  min(options?: ReduceOptions): NDArray
  any(options?: ReduceOptions): NDArray
  all(options?: ReduceOptions): NDArray
  argmax(options?: { readonly axis?: number | null; readonly keepdims?: boolean }): NDArray
  argmin(options?: { readonly axis?: number | null; readonly keepdims?: boolean }): NDArray
  argsort(options?: { readonly axis?: number | null; readonly descending?: boolean }): NDArray
  sort(options?: { readonly axis?: number | null; readonly descending?: boolean }): NDArray
  cumsum(options?: { readonly axis?: number | null }): NDArray
  cumprod(options?: { readonly axis?: number | null }): NDArray
  clip(min?: ArrayLike | null, max?: ArrayLike | null): NDArray
  round(options?: { readonly decimals?: number }): NDArray
  reshape(shape: number | readonly number[]): NDArray
  ravel(): NDArray
  flatten(): NDArray
  squeeze(options?: { readonly axis?: number | readonly number[] | null }): NDArray
  transpose(axes?: readonly number[]): NDArray
  swapaxes(axis1: number, axis2: number): NDArray
  take(
    indices: ArrayLike,
    options?: { readonly axis?: number | null; readonly mode?: 'clip' | 'wrap' | 'fill' },
  ): NDArray
  repeat(repeats: number | NDArray, options?: { readonly axis?: number | null }): NDArray
  diagonal(options?: { readonly offset?: number; readonly axis1?: number; readonly axis2?: number }): NDArray
  trace(options?: { readonly offset?: number; readonly axis1?: number; readonly axis2?: number }): NDArray
}

registerLeaf(NDArray.prototype)
