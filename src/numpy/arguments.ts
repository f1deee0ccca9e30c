/** Reading arguments: trailing options, integers, lists of arrays, values that must be known. */
import { type ArrayLike, ArgumentError, NDArray, concrete, range, describe } from '../core/index.js'
import * as lax from '../lax/index.js'

/** Whether an argument is an options object and not an array. */
export const isOptions = <O extends object>(x: ArrayLike | O | null | undefined): x is O =>
  typeof x === 'object' && x !== null && !(x instanceof NDArray)

/** Variadic arrays and the options object that may follow them. Throws ArgumentError for anything else. */
export const splitOptions = <O extends object>(
  args: readonly (ArrayLike | O)[],
  operation: string,
): { readonly arrays: ArrayLike[]; readonly options: O | undefined } => {
  const last = args.at(-1)
  const options = isOptions(last) && !Array.isArray(last) ? last : undefined
  const before = options === undefined ? args : args.slice(0, -1)
  return { arrays: before.map((x) => (isOptions(x) ? lax.asArray(Object(x), operation) : x)), options }
}

/** A list of arrays; an array stands for the list of its elements along the first axis. */
export const listOfArrays = (xs: readonly ArrayLike[] | NDArray, operation: string): NDArray[] => {
  if (xs instanceof NDArray) return unstackFirst(xs, operation)
  if (!Array.isArray(xs)) {
    throw new ArgumentError(`${operation}: expected a list of arrays, got ${describe(xs)}.`)
  }
  return xs.map((x: ArrayLike) => lax.asArray(x, operation))
}

/** Most results of one program: what has more elements is halved before. */
const mostElements = 1024

/** The elements along the first axis: one program gives all of them, where slices would be one for each. */
export const unstackFirst = (x: NDArray, operation: string): NDArray[] => {
  const size = x.shape[0]
  if (size === undefined) throw new ArgumentError(`${operation}: a scalar has no elements to go through.`)
  if (size <= mostElements) {
    const sizes = range(size).map(() => 1)
    return lax.split(x, sizes).map((element) => lax.squeeze(element, [0]))
  }
  const half = size >> 1
  return lax.split(x, [half, size - half]).flatMap((part) => unstackFirst(part, operation))
}

/** A known integer from a JS number or an array of one element. Throws on traced arrays and on fractions. */
export const knownInteger = (x: ArrayLike, what: string): number => {
  const value = knownNumber(x, what)
  if (!Number.isInteger(value)) throw new ArgumentError(`${what} must be an integer, got ${value}.`)
  return value
}

/** A known number from a JS number or an array of one element. Throws ConcretizationError on traced arrays. */
export const knownNumber = (x: ArrayLike, what: string): number =>
  typeof x === 'number' ? x : typeof x === 'boolean' ? Number(x) : concrete(x, what).item()

/**
 * The known values of an array, flat. Throws ConcretizationError on traced arrays, and DeviceError where values are on a
 * device that is read asynchronously and the host does not know them.
 */
export const knownValues = (x: NDArray, what: string): number[] => Array.from(concrete(x, what).hostValues(what))

/** One integer, or one for each; throws ArgumentError on anything else. */
export const integerList = (x: number | readonly number[], operation: string): number[] => {
  const list = typeof x === 'number' ? [x] : [...x]
  for (const value of list)
    if (!Number.isInteger(value)) throw new ArgumentError(`${operation}: expected integers, got ${String(value)}.`)
  return list
}

/** Throws ArgumentError, listing the choices, unless `value` is one of them. */
export const oneOf = <T extends string>(value: T, choices: readonly T[], operation: string, name: string): T => {
  if (!choices.includes(value)) {
    throw new ArgumentError(
      `${operation}: ${name} '${String(value)}' is unknown; choose ${choices.map((c) => `'${c}'`).join(', ')}.`,
    )
  }
  return value
}
