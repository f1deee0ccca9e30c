/** Differences, interpolation, convolution, averages and grids against formulas. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type NDArray, grad, numpy as np, vmap } from 'cotangent'
import { expectPlain, plains, runs, toArray } from './support.js'

const vectors = (min: number, max: number): fc.Arbitrary<number[]> =>
  fc.array(fc.integer({ min: -9, max: 9 }), { minLength: min, maxLength: max })
const list = (x: NDArray): number[] => [...x.dataSync()]

describe('calculus', () => {
  it('diff undoes cumsum', () => {
    fc.assert(
      fc.property(vectors(0, 8), (values) => {
        expect(list(np.diff(np.cumsum(np.array(values)), { prepend: 0 }))).toEqual(values.map((v) => v + 0))
      }),
      runs,
    )
    expect(np.diff(np.array([1, 4, 9, 16]), { n: 2 }).js()).toEqual([2, 2])
    expect(np.ediff1d(np.array([1, 4]), { toBegin: np.array([8, 9]), toEnd: 7 }).js()).toEqual([8, 9, 3, 7])
  })

  it('gradient is exact for parabolas, at any spacing', () => {
    const steps = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 2, maxLength: 6 })
    fc.assert(
      fc.property(steps, (widths) => {
        const x = widths.reduce<number[]>((places, width) => [...places, (places.at(-1) ?? 0) + width], [0])
        const slopes = list(np.gradient(np.array(x.map((v) => v * v)), np.array(x)) as NDArray)
        slopes.slice(1, -1).forEach((slope, i) => expect(slope).toBeCloseTo(2 * (x[i + 1] ?? 0), 3))
        const ends = list(np.gradient(np.array(x.map((v) => v * v)), np.array(x), { edgeOrder: 2 }) as NDArray)
        ends.forEach((slope, i) => expect(slope).toBeCloseTo(2 * (x[i] ?? 0), 3))
        const even = list(np.gradient(np.array(x.map((_, i) => i * i)), { edgeOrder: 2 }) as NDArray)
        even.forEach((slope, i) => expect(slope).toBeCloseTo(2 * i, 3))
      }),
      runs,
    )
    const [rows, columns] = np.gradient(
      np.array([
        [1, 2],
        [3, 5],
      ]),
    ) as NDArray[]
    expect([rows?.js(), columns?.js()]).toEqual([
      [
        [2, 3],
        [2, 3],
      ],
      [
        [1, 1],
        [2, 2],
      ],
    ])
    expect(() => np.gradient(np.array([1]))).toThrow('slopes need two or more')
  })

  it('trapezoid and interp of straight lines', () => {
    const places = fc.uniqueArray(fc.integer({ min: -20, max: 20 }), { minLength: 2, maxLength: 6 })
    fc.assert(
      fc.property(places, fc.integer({ min: -20, max: 20 }), (unsorted, q) => {
        const x = unsorted.sort((a, b) => a - b)
        const low = x[0] ?? 0
        const high = x.at(-1) ?? 0
        const line = (v: number): number => 3 * v - 1
        expect(np.trapezoid(np.array(x.map(line)), { x: np.array(x) }).item()).toBeCloseTo(
          1.5 * (high ** 2 - low ** 2) - (high - low),
          3,
        )
        const got = np.interp(np.array([q]), np.array(x), np.array(x.map(line)), { left: -1000 })
        expectPlain(got, { shape: [1], data: [q < low ? -1000 : line(Math.min(q, high))] }, 1e-5)
      }),
      runs,
    )
    // Equal coordinates make no NaN, in the derivative neither.
    const slope = grad((x: NDArray) => np.interp(x, np.array([0, 1, 1, 2]), np.array([0, 1, 5, 6])))
    expect(slope(np.array(1.5)).item()).toBe(1)
    expect(Number.isNaN(slope(np.array(1)).item())).toBe(false)
  })

  it('unwrap takes jumps back', () => {
    const angles = [0, 2, 4, 6, 8, 10]
    const wrapped = angles.map((angle) => Math.atan2(Math.sin(angle), Math.cos(angle)))
    expectPlain(np.unwrap(np.array(wrapped)), { shape: [6], data: angles }, 1e-5)
    expect(np.unwrap(np.array([1, 2, -1, 0], { dtype: 'int32' }), { period: 4 }).js()).toEqual([1, 2, 3, 4])
  })
})

describe('signals', () => {
  it('convolve and correlate are sums of products', () => {
    fc.assert(
      fc.property(
        vectors(1, 6),
        vectors(1, 6),
        fc.constantFrom('float32' as const, 'int32' as const),
        (a, v, dtype) => {
          const [x, y] = [np.array(a, { dtype }), np.array(v, { dtype })]
          const full = Array.from({ length: a.length + v.length - 1 }, (_, n) =>
            a.reduce((sum, value, i) => sum + value * (v[n - i] ?? 0), 0),
          )
          const longer = Math.max(a.length, v.length)
          const shorter = Math.min(a.length, v.length)
          expect(list(np.convolve(x, y)).map((n) => n + 0)).toEqual(full.map((n) => n + 0))
          expect(list(np.convolve(x, y, { mode: 'valid' })).map((n) => n + 0)).toEqual(
            full.slice(shorter - 1, longer).map((n) => n + 0),
          )
          const start = Math.floor((shorter - 1) / 2)
          expect(list(np.convolve(x, y, { mode: 'same' })).map((n) => n + 0)).toEqual(
            full.slice(start, start + longer).map((n) => n + 0),
          )
          expect(list(np.correlate(x, y, { mode: 'full' }))).toEqual(list(np.convolve(x, np.flip(y))))
        },
      ),
      runs,
    )
    expect(() => np.convolve(np.zeros([0]), np.ones([1]))).toThrow('not empty')
  })
})

describe('statistics', () => {
  it('covariance, correlation and averages', () => {
    fc.assert(
      fc.property(plains([3, 5], fc.integer({ min: -9, max: 9 })), (x) => {
        const rows = [0, 1, 2].map((i) => x.data.slice(5 * i, 5 * i + 5))
        const mean = (values: number[]): number => values.reduce((a, b) => a + b, 0) / 5
        const covariance = rows.flatMap((a) =>
          rows.map((b) => a.reduce((sum, value, i) => sum + (value - mean(a)) * ((b[i] ?? 0) - mean(b)), 0) / 4),
        )
        expectPlain(np.cov(toArray(x)), { shape: [3, 3], data: covariance }, 1e-4)
        expectPlain(np.cov(np.transpose(toArray(x)), { rowvar: false }), { shape: [3, 3], data: covariance }, 1e-4)
        const weights = np.array([0, 1, 0, 0, 0])
        expect(list(np.average(toArray(x), { axis: 1, weights }))).toEqual(rows.map((row) => row[1]))
        expectPlain(
          np.cov(toArray(x), { fweights: np.array([1, 1, 1, 1, 1], { dtype: 'int32' }) }),
          { shape: [3, 3], data: covariance },
          1e-4,
        )
      }),
      runs,
    )
    expect(
      np
        .corrcoef(
          np.array([
            [1, 2, 4],
            [-1, -2, -4],
          ]),
        )
        .js(),
    ).toEqual([
      [1, -1],
      [-1, 1],
    ])
    expect(np.average(np.array([1, 3]), { weights: np.array([1, 3]), returned: true }).map((v) => v.item())).toEqual([
      2.5, 4,
    ])
    expect(() => np.average(np.ones([2, 3]), { weights: np.ones([2]) })).toThrow('fit neither the array')
  })
})

describe('grids', () => {
  it('linspace, logspace, geomspace and arange', () => {
    expect(np.linspace(0, 1, { num: 5 }).js()).toEqual([0, 0.25, 0.5, 0.75, 1])
    const [values, step] = np.linspace(0, 1, { num: 4, endpoint: false, retstep: true })
    expect([values.js(), step.item()]).toEqual([[0, 0.25, 0.5, 0.75], 0.25])
    expect(np.linspace(np.array([0, 10]), np.array([1, 20]), { num: 3, axis: 1 }).js()).toEqual([
      [0, 0.5, 1],
      [10, 15, 20],
    ])
    expect(np.linspace(0, 5, { num: 3, dtype: 'int32' }).js()).toEqual([0, 2, 5])
    expect(np.geomspace(1, 8, { num: 4 }).js()).toEqual([1, 2, 4, 8])
    expect(np.logspace(0, 2, { num: 3 }).js()).toEqual([1, 10, 100])
    expect(np.arange(5, 0, -2).js()).toEqual([5, 3, 1])
    expect(np.arange(0, 1, 0.25, { dtype: 'float64' }).dtype).toBe('float64')
    expect(np.arange(3, { dtype: 'uint8' }).dtype).toBe('uint8')
    expect(np.arange(5, 1).shape).toEqual([0])
    expect(() => np.arange(0, 1, 0)).toThrow('in steps of 0')
  })

  it('unravelIndex undoes ravelMultiIndex', () => {
    const flat = np.arange(24)
    const parts = np.unravelIndex(flat, [2, 3, 4])
    expect(np.ravelMultiIndex(parts, [2, 3, 4]).js()).toEqual(flat.js())
    expect(() => np.ravelMultiIndex([np.array([5], { dtype: 'int32' })], [3])).toThrow('index 5 is out of bounds')
    const grids = np.indices([2, 3])
    expect(grids.shape).toEqual([2, 2, 3])
    expect(np.meshgrid(np.arange(2), np.arange(3), { indexing: 'ij', sparse: true }).map((g) => g.shape)).toEqual([
      [2, 1],
      [1, 3],
    ])
  })
})

describe('functions of functions', () => {
  it('applyAlongAxis, vectorize, piecewise, select', () => {
    const x = np.reshape(np.arange(24), [2, 3, 4]).astype('float32')
    expect(np.applyAlongAxis((v) => np.cumsum(v), 1, x).js()).toEqual(np.cumsum(x, { axis: 1 }).js())
    expect(np.applyAlongAxis((v) => np.sum(v), 0, x).js()).toEqual(np.sum(x, { axis: 0 }).js())
    expect(np.applyOverAxes((a, axis) => np.sum(a, { axis }), x, [0, 2]).js()).toEqual(
      np.sum(x, { axis: [0, 2], keepdims: true }).js(),
    )
    const dots = np.vectorize((a: NDArray, b: NDArray) => np.dot(a, b), { signature: '(n),(n)->()' })
    expect(dots(x, np.arange(4)).js()).toEqual(np.matmul(x, np.arange(4)).js())
    expect(np.piecewise(np.array([-1, 2]), [np.array([true, false])], [(v) => np.negative(v), 7]).js()).toEqual([1, 7])
    const v = np.arange(4)
    expect(np.select([np.less(v, 1), np.less(v, 3)], [v, np.multiply(v, 10)], { default: -1 }).js()).toEqual([
      0, 10, 20, -1,
    ])
    expect(vmap((a: NDArray) => np.clip(a, 1, null))(v).js()).toEqual([1, 1, 2, 3])
  })
})
