/** Keys of the counter-based generator threefry2x32: making, splitting and folding them, and the bits they stand for. */
import {
  type ArrayLike,
  type DType,
  type Stacked,
  ArgumentError,
  DTypeError,
  DeviceArray,
  NDArray,
  ShapeError,
  avalText,
  checkShape,
  currentDevice,
  isEager,
  isInteger,
  known,
  shapedArray,
  sizeOf,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import { jit } from '../transforms/index.js'

/** A pair of arrays of words. */
export type Words = readonly [NDArray, NDArray]

const describe = (x: unknown): string => (x instanceof NDArray ? avalText(x.aval) : `a JS ${typeof x}`)

/** Throws a teaching error unless `x` is one key: a uint32 array of shape [2]. */
export const checkKey = (x: NDArray, operation: string): NDArray => {
  if (x instanceof NDArray && x.dtype === 'uint32' && x.ndim === 1 && x.shape[0] === 2) return x
  const several = x instanceof NDArray && x.dtype === 'uint32' && x.shape.at(-1) === 2 && x.ndim > 1
  throw new ShapeError(
    `${operation}: expected one key (uint32[2]), got ${describe(x)}. ` +
      (several
        ? `These are ${sizeOf(x.shape) / 2} keys: take one of them, or map over them with vmap((key) => random....)(keys).`
        : `Make keys with random.key(seed), and more of them with random.split(key).`),
  )
}

/** Shape argument of a sampler, checked. */
export const sampleShape = (shape: readonly number[], operation: string): readonly number[] => {
  if (!Array.isArray(shape)) {
    throw new ArgumentError(
      `${operation}: the shape must be a list of sizes such as [2, 3], got ${describe(shape)}; a scalar has shape [].`,
    )
  }
  checkShape(shape, operation)
  return shape
}

/** The two words of a key, as scalars. */
const keyWords = (key: NDArray): Words => {
  const [first, second] = lax.split(key, [1, 1])
  return [lax.reshape(known(first, 'word'), []), lax.reshape(known(second, 'word'), [])]
}

/** Words that threefry makes of a key and the counts 0, 1, 2, ... in the given shape. */
export const randomWords = (key: NDArray, shape: readonly number[]): Words => {
  const [key0, key1] = keyWords(key)
  const high = lax.full(shape, 0, { dtype: 'uint32' })
  const low = shape.length === 0 ? high : lax.reshape(lax.iota('uint32', sizeOf(shape)), shape)
  return lax.threefry2x32(key0, key1, high, low)
}

/** 32 random bits for each element. */
export const randomBits32 = (key: NDArray, shape: readonly number[]): NDArray => {
  const [first, second] = randomWords(key, shape)
  return lax.bitwiseXor(first, second)
}

/** An integer as the low word of a key: JS integers wrap modulo 2^32. */
const lowWord = (data: ArrayLike, operation: string): NDArray => {
  if (typeof data === 'number') {
    if (!Number.isInteger(data)) throw new ArgumentError(`${operation}: ${data} is not an integer.`)
    return lax.full([], data >>> 0, { dtype: 'uint32' })
  }
  const word = lax.asArray(data, operation)
  if (!isInteger(word.dtype)) {
    throw new DTypeError(
      `${operation}: expected an integer, got ${avalText(word.aval)}; convert it with astype('int32').`,
    )
  }
  if (word.ndim !== 0) {
    throw new ShapeError(
      `${operation}: expected one integer, got ${avalText(word.aval)}; map over several with vmap, as in vmap(random.key)(seeds).`,
    )
  }
  return lax.convertElementType(word, 'uint32')
}

/**
 * A key for `seed`: the uint32[2] array `[0, seed]`. Everything random is a pure function of a key, so use each key once
 * and make new ones with `split` or `foldIn`.
 *
 * @param seed an integer, taken modulo 2^32 (as JAX does with 64-bit types off), or a traced integer scalar
 * @throws ArgumentError for a fractional seed, DTypeError or ShapeError for an array that is no integer scalar
 * @example
 * ```ts
 * const key = random.key(0)
 * const [weightKey, biasKey] = random.split(key)
 * ```
 */
export const key = (seed: ArrayLike): NDArray => {
  const low = lowWord(seed, 'random.key')
  // Keys of numbers need no program.
  if (typeof seed === 'number' && isEager()) {
    const device = currentDevice()
    return new DeviceArray(shapedArray([2], 'uint32'), device, device.fromHost(Uint32Array.of(0, seed), 'uint32'))
  }
  return lax.concatenate([lax.full([1], 0, { dtype: 'uint32' }), lax.reshape(low, [1])], 0)
}

/** JAX's older name of `key`: the keys of both are the same words here. */
export const PRNGKey = key

/** The same key again, for a use that is meant to repeat what was drawn before. */
export const clone = (key: NDArray): NDArray => checkKey(key, 'random.clone')

/** The words of a key, uint32[2]; here a key is its words. */
export const keyData = (keys: NDArray): NDArray => {
  if (!(keys instanceof NDArray) || keys.dtype !== 'uint32' || keys.shape.at(-1) !== 2) checkKey(keys, 'random.keyData')
  return keys
}

/** Keys from their words (uint32[..., 2]): the inverse of `keyData`. */
export const wrapKeyData = (words: NDArray): NDArray => keyData(words)

/**
 * New keys from one: uint32[num, 2], or uint32[...shape, 2]. Bit for bit JAX's `jax.random.split`
 * (with `jax_threefry_partitionable`).
 *
 * @example
 * ```ts
 * const [k1, k2] = random.split(random.key(0))
 * const grid = random.split(k1, [2, 3]) // shape [2, 3, 2]
 * ```
 */
export function split<Count extends number = 2>(key: NDArray, num?: Count): Stacked<Count>
export function split(key: NDArray, num: number | readonly number[]): NDArray
export function split(key: NDArray, num: number | readonly number[] = 2): NDArray {
  checkKey(key, 'random.split')
  const shape = sampleShape(typeof num === 'number' ? [num] : num, 'random.split')
  const words = randomWords(key, shape)
  return lax.concatenate(
    words.map((word) => lax.reshape(word, [...shape, 1])),
    shape.length,
  )
}

/** `split` with the keys in a JS list, for callers that need a known number of them. */
export const splitList = (key: NDArray, num: number): NDArray[] => {
  const keys = split(key, num)
  return Array.from({ length: num }, (_, i) => lax.reshape(lax.slice(keys, [i, 0], [i + 1, 2]), [2]))
}

/**
 * A sampler of some arrays, a shape and a dtype that is one program where it runs at once: each of its dozen operations would be a
 * program for every shape. Traced, it is what it is made of.
 */
/* @__NO_SIDE_EFFECTS__ */
export const asProgram = <Args extends [...NDArray[], readonly number[], DType]>(
  sample: (...args: Args) => NDArray,
): ((...args: Args) => NDArray) => {
  const program = jit(sample, { staticArgnums: [-2, -1] })
  return (...args) => (isEager() ? program : sample)(...args)
}

/** Two keys from one. */
export const splitPair = (key: NDArray): readonly [NDArray, NDArray] => {
  const [first, second] = splitList(key, 2)
  return [known(first, 'key'), known(second, 'key')]
}

/**
 * A new key from a key and an integer (taken modulo 2^32), such as the number of a step or of a layer.
 *
 * @example
 * ```ts
 * const keyOfStep = (step: number) => random.foldIn(random.key(0), step)
 * ```
 */
export const foldIn = (key: NDArray, data: ArrayLike): NDArray => {
  checkKey(key, 'random.foldIn')
  const count = lowWord(data, 'random.foldIn')
  const [key0, key1] = keyWords(key)
  const words = lax.threefry2x32(key0, key1, lax.full([], 0, { dtype: 'uint32' }), count)
  return lax.concatenate(
    words.map((word) => lax.reshape(word, [1])),
    0,
  )
}

/**
 * Uniformly random integers over the whole range of `dtype`, bit for bit JAX's `jax.random.bits`.
 *
 * @param options.dtype 'uint32' (default) or 'uint8'
 * @example
 * ```ts
 * random.bits(random.key(0), [4])
 * ```
 */
export const bits = (
  key: NDArray,
  shape: readonly number[] = [],
  options: { readonly dtype?: DType } = {},
): NDArray => {
  const { dtype = 'uint32' } = checkOptions('random.bits', options, 'dtype')
  checkKey(key, 'random.bits')
  if (dtype !== 'uint32' && dtype !== 'uint8') {
    throw new DTypeError(
      `random.bits: dtype must be 'uint32' or 'uint8', got '${dtype}'; for floats use random.uniform.`,
    )
  }
  return lax.convertElementType(randomBits32(key, sampleShape(shape, 'random.bits')), dtype)
}
