/** Plain arrays in loops: what tests compare the library with, and arbitraries of shapes and arrays. */
import * as fc from 'fast-check'
import { expect } from 'vitest'
import { type NDArray, numpy as np } from 'cotangent'

/** Row-major numbers of a shape. */
export interface Plain {
  readonly shape: readonly number[]
  readonly data: readonly number[]
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1)

/** Every index of a shape, in row-major order. */
export const indicesOf = (shape: readonly number[]): number[][] =>
  shape.reduce<number[][]>((all, n) => all.flatMap((index) => Array.from({ length: n }, (_, i) => [...index, i])), [[]])

/** The element at an index, with axes of size 1 standing for any place and missing leading axes left out. */
export const at = ({ shape, data }: Plain, index: readonly number[]): number => {
  const own = index.slice(index.length - shape.length)
  const flat = shape.reduce((place, n, d) => place * n + (n === 1 ? 0 : (own[d] ?? 0)), 0)
  return data[flat] ?? NaN
}

/** An array whose elements a function of the index gives. */
export const fromIndex = (shape: readonly number[], f: (index: readonly number[]) => number): Plain => ({
  shape,
  data: indicesOf(shape).map(f),
})

export const toArray = ({ shape, data }: Plain, dtype: 'float32' | 'int32' | 'bool' = 'float32'): NDArray =>
  np.reshape(np.array([...data], { dtype }), shape)

/** Throws unless an array has this shape and these numbers, up to a relative tolerance. */
export const expectPlain = (got: NDArray, expected: Plain, tolerance = 0): void => {
  expect(got.shape).toEqual(expected.shape)
  const values = [...got.dataSync()]
  const wrong = values.findIndex((value, i) => {
    const wanted = expected.data[i] ?? NaN
    if (Number.isNaN(wanted)) return !Number.isNaN(value)
    return !(value === wanted || Math.abs(value - wanted) <= tolerance * (1 + Math.abs(wanted)))
  })
  if (wrong >= 0) expect(values).toEqual([...expected.data])
}

export const shapes = (
  options: { minRank?: number; maxRank?: number; minSize?: number } = {},
): fc.Arbitrary<number[]> =>
  fc.array(fc.integer({ min: options.minSize ?? 0, max: 4 }), {
    minLength: options.minRank ?? 0,
    maxLength: options.maxRank ?? 3,
  })

/** Numbers that float32 holds exactly, so that sums and products of a few are exact too. */
export const exactNumbers: fc.Arbitrary<number> = fc.integer({ min: -64, max: 64 }).map((n) => n / 8)

export const plains = (shape: readonly number[], element: fc.Arbitrary<number> = exactNumbers): fc.Arbitrary<Plain> =>
  fc.array(element, { minLength: sizeOf(shape), maxLength: sizeOf(shape) }).map((data) => ({ shape: [...shape], data }))

export const plainArrays = (
  options: { minRank?: number; maxRank?: number; minSize?: number } = {},
  element: fc.Arbitrary<number> = exactNumbers,
): fc.Arbitrary<Plain> => shapes(options).chain((shape) => plains(shape, element))

/** Two shapes that broadcast together: axes of the longer one are dropped in front or made 1. */
export const broadcastPairs: fc.Arbitrary<readonly [number[], number[], number[]]> = shapes({ maxRank: 3 }).chain(
  (shape) =>
    fc
      .tuple(
        fc.array(fc.boolean(), { minLength: shape.length, maxLength: shape.length }),
        fc.array(fc.boolean(), { minLength: shape.length, maxLength: shape.length }),
        fc.integer({ min: 0, max: shape.length }),
      )
      .map(([ones, otherOnes, drop]) => {
        // An axis that both have as 1 is 1 in the result.
        const result = shape.map((n, d) => (ones[d] === true && (otherOnes[d] === true || d < drop) ? 1 : n))
        const left = shape.map((n, d) => (ones[d] === true ? 1 : n))
        const right = shape.map((n, d) => (otherOnes[d] === true ? 1 : n)).slice(drop)
        return [left, right, result] as const
      }),
)

export const runs = { numRuns: 60 }
