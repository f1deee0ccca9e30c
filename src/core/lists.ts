/** Types of results whose number is written in the program: taken apart, they have no entry that may be undefined. */
import type { NDArray } from './ndarray.js'

/** Longest list that is typed entry by entry. */
type Longest = 64

/** A tuple of `Count` entries; undefined when the count is not written out, or above 64. */
type TupleOf<Entry, Count extends number, Built extends readonly Entry[] = readonly []> = number extends Count
  ? undefined
  : Built['length'] extends Count
    ? Built
    : Built['length'] extends Longest
      ? undefined
      : TupleOf<Entry, Count, readonly [...Built, Entry]>

type Mutable<List> = List extends readonly unknown[] ? { -readonly [I in keyof List]: List[I] } : NDArray[]

/** Arrays, one for each of `Count` where that is a number in the program, such as `[NDArray, NDArray]`. */
export type ListOf<Count extends number> = Mutable<TupleOf<NDArray, Count>>

/** One array for each entry of a list. */
export type ArrayEach<List extends readonly unknown[]> = { -readonly [I in keyof List]: NDArray }

/** Methods of JS lists that arrays have not: to call one is an error of types too. */
type NoListMethods = { readonly [Method in Exclude<keyof (readonly unknown[]), keyof NDArray | number>]: never }

/**
 * An array along whose first axis there are `Count` others: iterable as every array is, and typed as a tuple too, so that
 * `const [a, b] = split(key)` gives two arrays. It is no JS list: `Array.isArray` is false, and it has no `map`.
 */
export type Stacked<Count extends number> =
  TupleOf<NDArray, Count> extends infer Tuple extends readonly NDArray[] ? NDArray & NoListMethods & Tuple : NDArray
