/** Reductions, running totals and order statistics against loops over plain numbers. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ArrayLike, type NDArray, grad, jit, numpy as np } from 'cotangent'
import { type Plain, at, expectPlain, fromIndex, indicesOf, plainArrays, runs, toArray } from './support.js'

type Options = { readonly axis?: number | readonly number[] | null; readonly keepdims?: boolean }
type Reduction = (a: ArrayLike, options?: Options) => NDArray

/** The list of elements that each result is made of. */
const reducePlain = (x: Plain, axes: readonly number[], keepdims: boolean, f: (values: number[]) => number): Plain => {
  const kept = x.shape.map((n, d) => (axes.includes(d) ? 1 : n))
  const full = fromIndex(kept, (place) => {
    const among = indicesOf(x.shape.map((n, d) => (axes.includes(d) ? n : 1)))
    return f(
      among.map((index) =>
        at(
          x,
          index.map((i, d) => i + (place[d] ?? 0)),
        ),
      ),
    )
  })
  return keepdims ? full : { shape: x.shape.filter((_, d) => !axes.includes(d)), data: full.data }
}

const sum = (values: number[]): number => values.reduce((a, b) => a + b, 0)
const mean = (values: number[]): number => sum(values) / values.length
const variance = (values: number[]): number => mean(values.map((v) => (v - mean(values)) ** 2))
const sorted = (values: number[]): number[] => [...values].sort((a, b) => a - b)
const quantile = (values: number[], q: number): number => {
  const place = q * (values.length - 1)
  const low = sorted(values)[Math.floor(place)] ?? NaN
  const high = sorted(values)[Math.ceil(place)] ?? NaN
  return low + (high - low) * (place - Math.floor(place))
}
const present = (values: number[]): number[] => values.filter((v) => !Number.isNaN(v))

const reductions: Readonly<Record<string, readonly [Reduction, (values: number[]) => number, needsOne?: boolean]>> = {
  sum: [np.sum, sum],
  prod: [np.prod, (values) => values.reduce((a, b) => a * b, 1)],
  max: [np.max, (values) => Math.max(...values), true],
  min: [np.min, (values) => Math.min(...values), true],
  ptp: [np.ptp, (values) => Math.max(...values) - Math.min(...values), true],
  mean: [np.mean, mean],
  var: [np.var, variance],
  std: [np.std, (values) => Math.sqrt(variance(values))],
  any: [np.any, (values) => Number(values.some((v) => v !== 0))],
  all: [np.all, (values) => Number(values.every((v) => v !== 0))],
  countNonzero: [np.countNonzero, (values) => values.filter((v) => v !== 0).length],
  median: [np.median, (values) => quantile(values, 0.5)],
  nansum: [np.nansum, sum],
}

const withAxes = (minSize: number, element?: fc.Arbitrary<number>): fc.Arbitrary<readonly [Plain, number[], boolean]> =>
  plainArrays({ maxRank: 3, minSize }, element).chain((x) =>
    fc.tuple(fc.constant(x), fc.subarray(x.shape.map((_, d) => d)), fc.boolean()),
  )

describe('reductions', () => {
  for (const [name, [reduce, plain, needsOne]] of Object.entries(reductions)) {
    it(`${name} over any axes`, () => {
      fc.assert(
        fc.property(withAxes(needsOne === true ? 1 : 0), ([x, axes, keepdims]) => {
          expectPlain(reduce(toArray(x), { axis: axes, keepdims }), reducePlain(x, axes, keepdims, plain), 1e-5)
          const negative = axes.map((d) => d - x.shape.length)
          expectPlain(reduce(toArray(x), { axis: negative }), reducePlain(x, axes, false, plain), 1e-5)
        }),
        runs,
      )
    })
  }

  it('argmax and argmin give the first place', () => {
    const few = fc.integer({ min: -2, max: 2 })
    fc.assert(
      fc.property(plainArrays({ minRank: 1, minSize: 1 }, few), (x) => {
        x.shape.forEach((_, axis) => {
          expectPlain(
            np.argmax(toArray(x), { axis }),
            reducePlain(x, [axis], false, (v) => v.indexOf(Math.max(...v))),
          )
          expectPlain(
            np.argmin(toArray(x), { axis }),
            reducePlain(x, [axis], false, (v) => v.indexOf(Math.min(...v))),
          )
        })
        expect(np.argmax(toArray(x)).item()).toBe(x.data.indexOf(Math.max(...x.data)))
      }),
      runs,
    )
  })

  it('NaN-aware reductions leave NaN out', () => {
    const maybe = fc.oneof(fc.integer({ min: -9, max: 9 }), fc.constant(NaN))
    fc.assert(
      fc.property(withAxes(1, maybe), ([x, axes, keepdims]) => {
        const options = { axis: axes, keepdims }
        const check = (got: NDArray, f: (values: number[]) => number): void =>
          expectPlain(
            got,
            reducePlain(x, axes, keepdims, (values) => f(present(values))),
            1e-5,
          )
        const orNan = (f: (values: number[]) => number) => (values: number[]) => (values.length === 0 ? NaN : f(values))
        check(np.nansum(toArray(x), options), sum)
        check(
          np.nanmax(toArray(x), options),
          orNan((v) => Math.max(...v)),
        )
        check(
          np.nanmin(toArray(x), options),
          orNan((v) => Math.min(...v)),
        )
        check(np.nanmean(toArray(x), options), orNan(mean))
        check(np.nanvar(toArray(x), options), orNan(variance))
        check(
          np.nanmedian(toArray(x), options),
          orNan((v) => quantile(v, 0.5)),
        )
        check(
          np.nanquantile(toArray(x), 0.3, options),
          orNan((v) => quantile(v, 0.3)),
        )
      }),
      { numRuns: 30 },
    )
  })

  it('quantiles of several fractions come first', () => {
    fc.assert(
      fc.property(withAxes(1), fc.array(fc.integer({ min: 0, max: 8 }), { maxLength: 3 }), ([x, axes], eighths) => {
        const q = eighths.map((n) => n / 8)
        const parts = q.map((value) => reducePlain(x, axes, false, (v) => quantile(v, value)))
        const shape = x.shape.filter((_, d) => !axes.includes(d))
        const got = np.quantile(toArray(x), np.array(q), { axis: axes })
        expectPlain(got, { shape: [q.length, ...shape], data: parts.flatMap(({ data }) => data) }, 1e-5)
      }),
      runs,
    )
  })

  it('where and initial', () => {
    const x = np.array([1, 2, 3, 4])
    const odd = np.array([true, false, true, false])
    expect(np.sum(x, { where: odd }).item()).toBe(4)
    expect(np.sum(x, { where: odd, initial: 10 }).item()).toBe(14)
    expect(np.max(x, { where: odd, initial: -5 }).item()).toBe(3)
    expect(np.mean(x, { where: odd }).item()).toBe(2)
    expect(np.prod(np.zeros([0])).item()).toBe(1)
    expect(np.max(np.zeros([2, 0]), { axis: 1, initial: 3 }).js()).toEqual([3, 3])
  })

  it('halves accumulate in float32', () => {
    const ones = np.ones([4096], { dtype: 'float16' })
    expect(np.sum(ones).item()).toBe(4096)
    expect(np.mean(np.full([4096], 3, { dtype: 'float16' })).item()).toBe(3)
    expect(np.cumsum(ones).dtype).toBe('float16')
  })

  it('nothing to reduce is an error that says what to do', () => {
    expect(() => np.max(np.zeros([2, 0]), { axis: 1 })).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: max: there is no largest of no elements, and f32[2,0] has none along axis 1. Give 'initial', the result of nothing.]`,
    )
    expect(() => np.argmin(np.zeros([0]))).toThrow('there is no position among no elements')
    expect(() => np.sum(np.zeros([2]), { axis: 1 })).toThrow('axis 1 is out of range')
    expect(() => np.sum(np.zeros([2, 2]), { axis: [0, -2] })).toThrow('name an axis twice')
    expect(() => np.max(np.zeros([2]), { where: np.array([true, false]) })).toThrow("give 'initial'")
  })

  it('jit gives the same', () => {
    const x = np.array([
      [3, 1, 2],
      [6, 5, 4],
    ])
    expect(jit((a: NDArray) => np.std(a, { axis: 0 }))(x).js()).toEqual(np.std(x, { axis: 0 }).js())
    expect(jit((a: NDArray) => np.median(a))(x).item()).toBe(3.5)
  })

  it('derivatives of extrema are shared among ties', () => {
    expect(grad((x: NDArray) => np.max(x))(np.array([1, 3, 3])).js()).toEqual([0, 0.5, 0.5])
    expect(grad((x: NDArray) => np.median(x))(np.array([5, 1, 3, 2])).js()).toEqual([0, 0, 0.5, 0.5])
  })
})

describe('running totals', () => {
  it('cumsum and cumprod along any axis', () => {
    fc.assert(
      fc.property(plainArrays({ minRank: 1 }), (x) => {
        x.shape.forEach((_, axis) => {
          const upTo = (f: (a: number, b: number) => number): Plain =>
            fromIndex(x.shape, (index) =>
              Array.from({ length: (index[axis] ?? 0) + 1 }, (__, i) => at(x, index.with(axis, i))).reduce(f),
            )
          expectPlain(
            np.cumsum(toArray(x), { axis }),
            upTo((a, b) => a + b),
            1e-6,
          )
          expectPlain(
            np.cumprod(toArray(x), { axis }),
            upTo((a, b) => a * b),
            1e-6,
          )
        })
        expect(np.cumsum(toArray(x)).shape).toEqual([x.data.length])
      }),
      runs,
    )
  })

  it('cumulativeSum can start with nothing', () => {
    expect(np.cumulativeSum(np.array([1, 2]), { includeInitial: true }).js()).toEqual([0, 1, 3])
    expect(() => np.cumulativeSum(np.ones([2, 2]))).toThrow('needs the axis')
  })
})

describe('quantiles by weight', () => {
  const weighted = fc.array(fc.tuple(fc.integer({ min: -5, max: 5 }), fc.integer({ min: 0, max: 3 })), {
    minLength: 1,
    maxLength: 8,
  })
  const method = 'inverted_cdf'

  it('are those of elements repeated as often as they weigh', () => {
    fc.assert(
      fc.property(weighted, fc.integer({ min: 1, max: 16 }), (pairs, sixteenths) => {
        const repeated = pairs.flatMap(([x, w]) => Array.from({ length: w }, () => x))
        fc.pre(repeated.length > 0)
        const q = sixteenths / 16
        const [x, weights] = [np.array(pairs.map(([v]) => v)), np.array(pairs.map(([, w]) => w))]
        const wanted = sorted(repeated)[Math.max(0, Math.ceil(q * repeated.length) - 1)]
        expect(np.quantile(x, q, { method, weights }).item()).toBe(wanted)
        expect(np.quantile(np.array(repeated), q, { method }).item()).toBe(wanted)
        expect(jit((y: NDArray) => np.percentile(y, 100 * q, { method, weights }))(x).item()).toBe(wanted)
        const rows = np.stack([x, x])
        expect(np.quantile(rows, np.array([q, q]), { method, weights, axis: 1 }).js()).toEqual([
          [wanted, wanted],
          [wanted, wanted],
        ])
        const withNan = np.concatenate([x, np.array([NaN])])
        const all = np.concatenate([weights, np.array([2])])
        expect(np.nanquantile(withNan, q, { method, weights: all }).item()).toBe(wanted)
        expect(np.quantile(withNan, q, { method, weights: all }).item()).toBeNaN()
      }),
      runs,
    )
  })

  it('want weights from 0 up, of a shape that fits, and the method', () => {
    const x = np.array([1, 2, 3])
    expect(np.quantile(x, 0.5, { method, weights: np.array([1, -1, 1]) }).item()).toBeNaN()
    expect(() => np.quantile(x, 0.5, { method, weights: np.ones([2]) })).toThrow(
      'weights f32[2] fit neither the array f32[3]',
    )
    expect(() => np.quantile(x, 0.5, { weights: x })).toThrow("only the method 'inverted_cdf' takes weights")
  })
})
