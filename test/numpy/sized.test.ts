/** Results whose length is given: what they hold, traced as well as not; and options of nan-reductions and running sums. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type DType, type NDArray, jit, numpy as np } from 'cotangent'

const matrix = (values: fc.Arbitrary<number>, dtype: DType): fc.Arbitrary<NDArray> =>
  fc
    .tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 1, max: 4 }))
    .chain(([rows, columns]) =>
      fc
        .array(values, { minLength: rows * columns, maxLength: rows * columns })
        .map((list) => np.reshape(np.array(list, { dtype }), [rows, columns])),
    )

const bits = matrix(fc.constantFrom(0, 0, 1), 'int32')
const few = matrix(fc.constantFrom(-2, 0, 1, 3, NaN), 'float32')
const sizes = fc.integer({ min: 0, max: 12 })
const numbers = (x: NDArray): number[] => [...x.dataSync()]
/** Exactly `size` entries: the first of `list`, then `fill`. */
const padded = (list: readonly number[], size: number, fill: number): number[] =>
  Array.from({ length: size }, (_, i) => list[i] ?? fill)

describe('with a size', () => {
  it('nonzero, flatnonzero and argwhere begin as without one, and end with the fill value', () => {
    fc.assert(
      fc.property(bits, sizes, fc.integer({ min: -3, max: 3 }), (x, size, fillValue) => {
        const free = np.nonzero(x).map(numbers)
        const sized = jit((y: NDArray) => np.nonzero(y, { size, fillValue }))(x)
        expect(sized.map(numbers)).toEqual(free.map((list) => padded(list, size, fillValue)))
        expect(numbers(np.flatnonzero(x, { size, fillValue }))).toEqual(
          padded(numbers(np.flatnonzero(x)), size, fillValue),
        )
        const rows = np.argwhere(x, { size, fillValue })
        expect(rows.shape).toEqual([size, 2])
        expect(numbers(rows.T)).toEqual(sized.flatMap(numbers))
        expect(np.where(x, { size, fillValue }).map(numbers)).toEqual(sized.map(numbers))
      }),
      { numRuns: 40 },
    )
  })

  it('each axis may have a fill value of its own', () => {
    const x = np.array([
      [0, 1],
      [2, 0],
    ])
    expect(np.nonzero(x, { size: 3, fillValue: [7, 8] }).map(numbers)).toEqual([
      [0, 1, 7],
      [1, 0, 8],
    ])
    expect(() => np.nonzero(x, { size: 3, fillValue: [7] })).toThrow('1 fill values for an array of 2 axes')
    expect(() => np.nonzero(x, { size: -1 })).toThrow('an integer from 0 up; got -1')
  })

  it('sets begin as without one, also traced, and end with the fill value or their least', () => {
    fc.assert(
      fc.property(few, few, sizes, (x, y, size) => {
        fc.pre(x.size + y.size > 0)
        const functions = {
          intersect1d: np.intersect1d,
          union1d: np.union1d,
          setxor1d: np.setxor1d,
          setdiff1d: np.setdiff1d,
        }
        for (const [name, f] of Object.entries(functions)) {
          const free = numbers(f(x, y))
          const sized = jit((a: NDArray, b: NDArray) => f(a, b, { size, fillValue: 7 }))(x, y)
          expect(numbers(sized), name).toEqual(padded(free, size, 7))
          const least = name === 'setdiff1d' ? 0 : free[0]
          const begun = numbers(f(x, y, { size }))
          expect(begun, name).toEqual(padded(free, size, least ?? begun[0] ?? 0))
        }
        const [values, first, second] = np.intersect1d(x, y, { returnIndices: true })
        const flat = [np.ravel(x), np.ravel(y)]
        const places = [first, second]
        flat.forEach((list, i) => {
          const at = numbers(places[i] ?? values)
          expect(at.map((place) => numbers(list)[place])).toEqual(numbers(values))
          expect(at.map((place) => numbers(list).indexOf(numbers(list)[place] ?? NaN))).toEqual(at)
        })
        const sized = np.intersect1d(x, y, { returnIndices: true, size })
        expect(sized.map(numbers)).toEqual([
          padded(numbers(values), size, numbers(values)[0] ?? numbers(sized[0])[0] ?? 0),
          padded(numbers(first), size, x.size),
          padded(numbers(second), size, y.size),
        ])
      }),
      { numRuns: 40 },
    )
  })

  it('setdiff1d keeps the order of an array without repetitions', () => {
    const [x, y] = [np.array([9, 5, 2, 7]), np.array([7])]
    expect(numbers(np.setdiff1d(x, y, { assumeUnique: true }))).toEqual([9, 5, 2])
    expect(numbers(np.setdiff1d(x, y, { assumeUnique: true, size: 4, fillValue: 1 }))).toEqual([9, 5, 2, 1])
  })

  it('unique begins as without one; counts end with 0, indices with the first', () => {
    fc.assert(
      fc.property(few, sizes, (x, size) => {
        fc.pre(x.size > 0)
        const options = { returnIndex: true, returnInverse: true, returnCounts: true }
        const [values, indices, inverse, counts] = np.unique(x, options)
        const sized = jit((y: NDArray) => np.unique(y, { ...options, size, fillValue: 9 }))(x)
        const expected = [values, indices, inverse, counts].map((part) => numbers(part ?? x))
        expect(numbers(sized[0] ?? x)).toEqual(padded(expected[0] ?? [], size, 9))
        expect(numbers(sized[1] ?? x)).toEqual(padded(expected[1] ?? [], size, expected[1]?.[0] ?? NaN))
        expect(numbers(sized[2] ?? x)).toEqual(expected[2])
        expect(numbers(sized[3] ?? x)).toEqual(padded(expected[3] ?? [], size, 0))
        expect(numbers(np.unique(x, { size }))).toEqual(padded(expected[0] ?? [], size, expected[0]?.[0] ?? NaN))
      }),
      { numRuns: 40 },
    )
  })
})

it.each(['nansum', 'nanprod', 'nanmean', 'nanvar', 'nanstd'] as const)(
  '%s leaves out what where leaves out',
  (name) => {
    fc.assert(
      fc.property(few, fc.integer({ min: 0, max: 3 }), (x, modulus) => {
        const where = np.equal(np.mod(np.reshape(np.arange(x.size), x.shape), 2 + modulus), 0)
        expect(np[name](x, { where, axis: 1 }).js()).toEqual(np[name](np.where(where, x, NaN), { axis: 1 }).js())
      }),
      { numRuns: 25 },
    )
  },
)

it('running sums of small integers do not wrap around, those of cumsum do; bool can be counted', () => {
  const x = np.full([3], 200, { dtype: 'uint8' })
  expect(np.cumulativeSum(x)).toMatchObject({ dtype: 'uint32' })
  expect(np.cumulativeSum(x).js()).toEqual([200, 400, 600])
  expect(np.cumsum(x).js()).toEqual([200, 144, 88])
  expect(np.cumulativeSum(np.array([true, true])).dtype).toBe('int32')
  expect(np.cumulativeProd(x).dtype).toBe('uint8')
  expect(np.bitwiseCount(np.array([true, false])).js()).toEqual([1, 0])
  expect(np.positive(np.array([true])).dtype).toBe('bool')
})

it('convolve and correlate give floats, setdiff1d the dtype of the first, histogram2d counts', () => {
  const i = np.arange(4)
  expect(np.convolve(i, i).dtype).toBe('float32')
  expect(np.correlate(i, i).dtype).toBe('float32')
  expect(np.convolve(i, i).js()).toEqual([0, 0, 1, 4, 10, 12, 9])
  expect(np.setdiff1d(i, np.array([1.5, 2])).dtype).toBe('int32')
  const [counts] = np.histogram2d(np.array([0, 1, 1]), np.array([0, 1, 1]), { bins: 2 })
  expect(counts.dtype).toBe('int32')
  const [density] = np.histogram2d(np.array([0, 1, 1]), np.array([0, 1, 1]), { bins: 2, density: true })
  expect(density.sum().item()).toBeCloseTo(4)
})
