/** Sorting, searching, counting and sets against JavaScript's own sorting and sets. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type NDArray, jit, numpy as np, ops } from 'cotangent'
import { runs } from './support.js'

const numbers = fc.array(fc.oneof(fc.integer({ min: -5, max: 5 }), fc.constant(NaN)), { maxLength: 12 })
const whole = fc.array(fc.integer({ min: -4, max: 6 }), { maxLength: 12 })
const compare = (a: number, b: number): number =>
  Number.isNaN(a) ? (Number.isNaN(b) ? 0 : 1) : Number.isNaN(b) ? -1 : a - b
const list = (x: NDArray): number[] => [...x.dataSync()]
const int32 = (values: readonly number[]): NDArray => np.array([...values], { dtype: 'int32' })

describe('sorting', () => {
  it('sort and argsort, up and down, NaN last or first', () => {
    fc.assert(
      fc.property(numbers, (values) => {
        const x = np.array(values)
        const order = values.map((_, i) => i).sort((i, j) => compare(values[i] ?? 0, values[j] ?? 0) || i - j)
        expect(list(np.sort(x))).toEqual([...values].sort(compare).map((v) => v + 0))
        expect(list(np.argsort(x))).toEqual(order)
        expect(list(np.sort(x, { descending: true }))).toEqual([...values].sort((a, b) => compare(b, a)))
        const down = values.map((_, i) => i).sort((i, j) => compare(values[j] ?? 0, values[i] ?? 0) || i - j)
        expect(list(np.argsort(x, { descending: true }))).toEqual(down)
      }),
      runs,
    )
  })

  it('lexsort sorts by the last key first', () => {
    const keys = fc.array(fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 2 })), {
      minLength: 1,
      maxLength: 9,
    })
    fc.assert(
      fc.property(keys, (pairs) => {
        const expected = pairs
          .map((_, i) => i)
          .sort(
            (i, j) =>
              (pairs[i]?.[1] ?? 0) - (pairs[j]?.[1] ?? 0) || (pairs[i]?.[0] ?? 0) - (pairs[j]?.[0] ?? 0) || i - j,
          )
        expect(list(np.lexsort([int32(pairs.map(([a]) => a)), int32(pairs.map(([, b]) => b))]))).toEqual(expected)
      }),
      runs,
    )
  })

  it('scalars have no axis to sort along', () => {
    expect(() => np.sort(3)).toThrow('a scalar has no axis to sort along')
    expect(() => np.partition(np.arange(3), 5)).toThrow('place 5 is out of range')
  })
})

describe('searching', () => {
  it('searchsorted puts values in order, NaN last', () => {
    fc.assert(
      fc.property(numbers, numbers, (sorted, values) => {
        const edges = [...sorted].sort(compare)
        const before = (v: number): number => edges.filter((e) => compare(e, v) < 0).length
        const upTo = (v: number): number => edges.filter((e) => compare(e, v) <= 0).length
        expect(list(np.searchsorted(np.array(edges), np.array(values)))).toEqual(values.map(before))
        expect(list(np.searchsorted(np.array(edges), np.array(values), { side: 'right' }))).toEqual(values.map(upTo))
      }),
      runs,
    )
  })

  it('digitize with bins that go up or down', () => {
    const [x, bins] = [np.array([0.2, 6.4, 3, 1.6]), np.array([0, 1, 2.5, 4, 10])]
    expect(list(np.digitize(x, bins))).toEqual([1, 4, 3, 2])
    expect(list(np.digitize(x, np.flip(bins)))).toEqual([4, 1, 2, 3])
    expect(list(np.digitize(np.array([1, 2.5]), bins, { right: true }))).toEqual([1, 2])
  })
})

describe('counting', () => {
  it('bincount, histogram and segment sums count', () => {
    const counts = fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 15 })
    fc.assert(
      fc.property(counts, (values) => {
        const expected = Array.from({ length: 6 }, (_, i) => values.filter((v) => v === i).length)
        expect(list(np.bincount(int32(values), { length: 6 }))).toEqual(expected)
        expect(list(np.bincount(int32(values), { minlength: 6 }))).toEqual(expected)
        expect(list(np.histogram(int32(values), { bins: np.array([0, 1, 2, 3, 4, 5, 6]) })[0])).toEqual(expected)
        const weights = np.array(values.map((v) => v * 2))
        expect(list(ops.segmentSum(weights, int32(values), { numSegments: 6 }))).toEqual(
          expected.map((n, i) => 2 * n * i),
        )
      }),
      runs,
    )
  })

  it('segments with ids outside are dropped, empty ones are neutral', () => {
    const data = np.array([
      [1, 2],
      [3, 4],
      [5, 6],
    ])
    const ids = int32([0, -1, 7])
    expect(ops.segmentSum(data, ids, { numSegments: 2 }).js()).toEqual([
      [1, 2],
      [0, 0],
    ])
    expect(ops.segmentProd(data, ids, { numSegments: 2 }).js()).toEqual([
      [1, 2],
      [1, 1],
    ])
    expect(ops.segmentMax(data, ids, { numSegments: 2 }).js()).toEqual([
      [1, 2],
      [-Infinity, -Infinity],
    ])
    expect(ops.segmentMin(int32([4, 3]), int32([0, 0])).js()).toEqual([3])
    expect(() => ops.segmentSum(data, int32([0]))).toThrow('one id for each row')
  })

  it('histograms of points', () => {
    const [counts, xEdges, yEdges] = np.histogram2d(np.array([0, 1, 2, 2]), np.array([0, 0, 1, 3]), { bins: [2, 3] })
    expect([counts.shape, xEdges.shape, yEdges.shape]).toEqual([[2, 3], [3], [4]])
    expect(counts.js()).toEqual([
      [1, 0, 0],
      [1, 1, 1],
    ])
  })
})

describe('sets', () => {
  it('unique and its indices', () => {
    fc.assert(
      fc.property(numbers, (values) => {
        const distinct = [...values].sort(compare).filter((v, i, all) => i === 0 || compare(all[i - 1] ?? 0, v) !== 0)
        const [unique, first, inverse, counts] = np.unique(np.array(values), {
          returnIndex: true,
          returnInverse: true,
          returnCounts: true,
        })
        expect(unique === undefined ? [] : list(unique)).toEqual(distinct)
        const same = (a: number, b: number): boolean => compare(a, b) === 0
        expect(first === undefined ? [] : list(first)).toEqual(distinct.map((v) => values.findIndex((w) => same(v, w))))
        expect(inverse === undefined ? [] : list(inverse)).toEqual(
          values.map((v) => distinct.findIndex((w) => same(v, w))),
        )
        expect(counts === undefined ? [] : list(counts)).toEqual(
          distinct.map((v) => values.filter((w) => same(v, w)).length),
        )
      }),
      runs,
    )
  })

  it('set algebra', () => {
    fc.assert(
      fc.property(whole, whole, (a, b) => {
        const [x, y] = [int32(a), int32(b)]
        const up = (values: Iterable<number>): number[] => [...new Set(values)].sort((p, q) => p - q)
        expect(list(np.union1d(x, y))).toEqual(up([...a, ...b]))
        expect(list(np.intersect1d(x, y))).toEqual(up(a.filter((v) => b.includes(v))))
        expect(list(np.setdiff1d(x, y))).toEqual(up(a.filter((v) => !b.includes(v))))
        expect(list(np.setxor1d(x, y))).toEqual(
          up([...a.filter((v) => !b.includes(v)), ...b.filter((v) => !a.includes(v))]),
        )
        expect(np.isin(x, y).js()).toEqual(a.map((v) => b.includes(v)))
        expect(list(np.flatnonzero(x))).toEqual(a.flatMap((v, i) => (v === 0 ? [] : [i])))
        expect(list(np.extract(np.greater(x, 0), x))).toEqual(a.filter((v) => v > 0))
      }),
      runs,
    )
  })

  it('shapes that depend on values cannot be traced, and the error says so', () => {
    expect(() => jit((x: NDArray) => np.nonzero(x))(np.arange(3))).toThrow("its result's shape depends on values")
    const [rows, columns] = np.nonzero(
      np.array([
        [0, 1],
        [2, 0],
      ]),
    )
    expect([rows?.js(), columns?.js()]).toEqual([
      [0, 1],
      [1, 0],
    ])
    expect(np.where(np.array([false, true])).map((i) => i.js())).toEqual([[1]])
    expect(np.trimZeros(np.array([0, 0, 1, 0, 2, 0]), { trim: 'f' }).js()).toEqual([1, 0, 2, 0])
  })
})
