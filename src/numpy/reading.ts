/** The methods that read an array's values; and for `cotangent/lean`, errors in place of those that compute. */
import {
  type DType,
  type HostData,
  type NestedNumbers,
  ArgumentError,
  DeviceArray,
  DeviceError,
  NDArray,
  avalText,
  getDevice,
  known,
  rowMajorStrides,
} from '../core/index.js'
import { unstackFirst } from './arguments.js'

/** Members that core's class has itself. */
type OwnMembers = 'aval' | 'shape' | 'dtype' | 'ndim' | 'size' | 'weakType' | 'device' | 'data' | 'dataSync' | 'item'

type Reading = Pick<NDArray, 'length' | 'js' | 'jsAsync' | typeof Symbol.iterator>

/** The methods that `methods.ts` has. */
export type Computing = Omit<NDArray, OwnMembers | keyof Reading | 'toString' | typeof Symbol.dispose>

/** Nested lists of flat values; a scalar is the value itself. Bool gives booleans. */
const nest = (values: HostData, shape: readonly number[], dtype: DType): NestedNumbers => {
  const strides = rowMajorStrides(shape)
  const valueAt = (flat: number): number | boolean => {
    const value = values[flat] ?? 0
    return dtype === 'bool' ? value !== 0 : value
  }
  const build = (axis: number, flat: number): NestedNumbers =>
    axis === shape.length
      ? valueAt(flat)
      : Array.from({ length: known(shape[axis], 'size') }, (_, i) =>
          build(axis + 1, flat + i * known(strides[axis], 'stride')),
        )
  return build(0, 0)
}

export const reading: Reading & ThisType<NDArray> = {
  get length() {
    const size = this.shape[0]
    if (size === undefined) throw new DeviceError('length: a scalar has no length; its value is x.item().')
    return size
  },
  [Symbol.iterator]() {
    return unstackFirst(this, 'iteration')[Symbol.iterator]()
  },
  js() {
    if (this instanceof DeviceArray && !getDevice(this.device).synchronous)
      throw new DeviceError(`js: arrays on '${this.device}' are read asynchronously; write 'await x.jsAsync()'.`)
    return nest(this.dataSync(), this.shape, this.dtype)
  },
  async jsAsync() {
    return nest(await this.data(), this.shape, this.dtype)
  },
}

/** What `using` calls; absent where the engine and its polyfills have no `Symbol.dispose`, so that nobody could call it. */
export const disposal: ThisType<NDArray> & Partial<Pick<NDArray, typeof Symbol.dispose>> = Reflect.has(
  Symbol,
  'dispose',
)
  ? {
      [Symbol.dispose]() {
        if (!(this instanceof DeviceArray)) return
        this.delete(
          `freed when the block of its 'using' ended`,
          `Return what is needed outside from that block, and declare it with 'const' there.`,
        )
      },
    }
  : {}

/** Puts members on every array; again changes nothing. */
export const defineOnArrays = (...parts: readonly object[]): void => {
  for (const part of parts) {
    for (const key of Reflect.ownKeys(part)) {
      const descriptor = Object.getOwnPropertyDescriptor(part, key)
      if (descriptor !== undefined) Object.defineProperty(NDArray.prototype, key, { ...descriptor, enumerable: false })
    }
  }
}

/** What to write in place of each method that computes: a function of `numpy`, of the same name if none is given, or else. */
const functions: Readonly<Record<keyof Computing, string>> = {
  T: 'transpose',
  get: 'lax.slice or numpy.take',
  at: 'lax.scatter or numpy.where',
  astype: '',
  add: '',
  sub: 'subtract',
  subtract: '',
  mul: 'multiply',
  multiply: '',
  div: 'divide',
  divide: '',
  floorDivide: '',
  mod: '',
  pow: 'power',
  power: '',
  neg: 'negative',
  negative: '',
  abs: '',
  exp: '',
  log: '',
  sqrt: '',
  square: '',
  sin: '',
  cos: '',
  tanh: '',
  matmul: '',
  dot: '',
  equal: '',
  notEqual: '',
  less: '',
  lessEqual: '',
  greater: '',
  greaterEqual: '',
  sum: '',
  prod: '',
  mean: '',
  var: '',
  std: '',
  max: '',
  min: '',
  any: '',
  all: '',
  argmax: '',
  argmin: '',
  argsort: '',
  sort: '',
  cumsum: '',
  cumprod: '',
  clip: '',
  round: '',
  reshape: '',
  ravel: '',
  flatten: 'ravel',
  squeeze: '',
  transpose: '',
  swapaxes: '',
  take: '',
  repeat: '',
  diagonal: '',
  trace: '',
}

/** Puts on every array the methods that read, a short text, and errors that say which function to call; unless `cotangent` was there before. */
export const installReading = (): void => {
  if ('add' in NDArray.prototype) return
  const short = {
    toString(this: NDArray) {
      return avalText(this.aval)
    },
    [Symbol.for('nodejs.util.inspect.custom')](this: NDArray) {
      return avalText(this.aval)
    },
  }
  defineOnArrays(reading, disposal, short)
  for (const [name, instead] of Object.entries(functions)) {
    const call = instead.includes('.') ? instead : `numpy.${instead || name}`
    Object.defineProperty(NDArray.prototype, name, {
      configurable: true,
      get() {
        throw new ArgumentError(
          `x.${name}: with 'cotangent/lean' arrays have no methods that compute. Call ${call}, or import 'cotangent'.`,
        )
      },
    })
  }
}
