/** Reshaping, moving, joining, splitting, repeating and padding against index arithmetic on plain arrays. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type NDArray, grad, numpy as np } from 'cotangent'
import {
  type Plain,
  at,
  expectPlain,
  fromIndex,
  plainArrays,
  plains,
  runs,
  shapes,
  sizeOf,
  toArray,
} from './support.js'

const axisOf = (shape: readonly number[]): fc.Arbitrary<number> =>
  fc.integer({ min: -shape.length, max: shape.length - 1 })

const ranked = (minRank = 1, minSize = 0): fc.Arbitrary<readonly [Plain, number]> =>
  plainArrays({ minRank, minSize }).chain((x) => fc.tuple(fc.constant(x), axisOf(x.shape)))

const front = (axis: number, x: Plain): number => (axis < 0 ? axis + x.shape.length : axis)

describe('moving axes', () => {
  it('transpose, moveaxis, swapaxes', () => {
    const cases = plainArrays({ minRank: 1 }).chain((x) => {
      const axes = x.shape.map((_, d) => d)
      return fc.tuple(
        fc.constant(x),
        fc.shuffledSubarray(axes, { minLength: axes.length }),
        axisOf(x.shape),
        axisOf(x.shape),
      )
    })
    fc.assert(
      fc.property(cases, ([x, order, from, to]) => {
        const permuted = order.map((d) => x.shape[d] ?? 0)
        const moved = fromIndex(permuted, (index) =>
          at(
            x,
            order.map((_, d) => index[order.indexOf(d)] ?? 0),
          ),
        )
        expectPlain(np.transpose(toArray(x), { axes: order }), moved)
        const swapped = np.swapaxes(toArray(x), from, to)
        expect(np.swapaxes(swapped, from, to).js()).toEqual(toArray(x).js())
        expect(np.moveaxis(np.moveaxis(toArray(x), from, to), to, from).js()).toEqual(toArray(x).js())
        expect(np.moveaxis(toArray(x), from, to).shape[front(to, x)]).toBe(x.shape[front(from, x)])
      }),
      runs,
    )
  })

  it('flip and rot90', () => {
    fc.assert(
      fc.property(ranked(2), fc.integer({ min: -5, max: 5 }), ([x, axis], k) => {
        const d = front(axis, x)
        expectPlain(
          np.flip(toArray(x), { axis }),
          fromIndex(x.shape, (index) => at(x, index.with(d, (x.shape[d] ?? 0) - 1 - (index[d] ?? 0)))),
        )
        const turned = np.rot90(toArray(x), { k })
        expect(np.rot90(turned, { k: -k }).js()).toEqual(toArray(x).js())
      }),
      runs,
    )
    expect(
      np
        .rot90(
          np.array([
            [1, 2],
            [3, 4],
          ]),
        )
        .js(),
    ).toEqual([
      [2, 4],
      [1, 3],
    ])
  })

  it('reshape works out one size and knows both orders', () => {
    const x = np.arange(6)
    expect(np.reshape(x, [2, -1]).shape).toEqual([2, 3])
    expect(np.reshape(x, [2, 3], { order: 'F' }).js()).toEqual([
      [0, 2, 4],
      [1, 3, 5],
    ])
    expect(np.reshape(np.zeros([0, 3]), [-1, 2]).shape).toEqual([0, 2])
    expect(() => np.reshape(x, [4, -1])).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: reshape: i32[6] has 6 elements, which don't divide into [4,-1]: the other sizes make 4.]`,
    )
    expect(() => np.reshape(x, [-1, -1])).toThrow('only one size can be -1')
    expect(() => np.squeeze(np.zeros([2, 1]), { axis: 0 })).toThrow('only size 1 drops out')
  })
})

describe('joining and splitting', () => {
  it('split undoes concatenate', () => {
    const cases = ranked().chain(([x, axis]) =>
      fc.tuple(
        fc.constant(axis),
        fc.array(
          fc.integer({ min: 0, max: 3 }).chain((n) => plains(x.shape.with(front(axis, x), n))),
          { minLength: 1, maxLength: 3 },
        ),
      ),
    )
    fc.assert(
      fc.property(cases, ([axis, parts]) => {
        const arrays = parts.map((part) => toArray(part))
        const joined = np.concatenate(arrays, { axis })
        const sizes = arrays.map((part) => part.shape.at(axis) ?? 0)
        const cuts = sizes.slice(0, -1).map((_, i) => sizes.slice(0, i + 1).reduce((a, b) => a + b, 0))
        const back = np.split(joined, cuts, { axis })
        expect(back.map((part) => part.js())).toEqual(arrays.map((part) => part.js()))
      }),
      runs,
    )
  })

  it('unstack undoes stack', () => {
    fc.assert(
      fc.property(shapes(), fc.integer({ min: 1, max: 3 }), (shape, n) => {
        const parts = Array.from({ length: n }, (_, k) =>
          toArray(fromIndex(shape, (index) => k + index.reduce((a, b) => 10 * a + b, 0))),
        )
        for (let axis = -shape.length - 1; axis <= shape.length; axis++)
          expect(np.unstack(np.stack(parts, { axis }), { axis }).map((p) => p.js())).toEqual(parts.map((p) => p.js()))
      }),
      runs,
    )
  })

  it('parts that cannot be equal are an error, or not', () => {
    expect(() => np.split(np.arange(5), 2)).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: split: an axis of size 5 does not divide into 2 equal parts; np.arraySplit allows unequal ones.]`,
    )
    expect(np.arraySplit(np.arange(5), 2).map((p) => p.js())).toEqual([
      [0, 1, 2],
      [3, 4],
    ])
    expect(np.split(np.arange(5), [3, 1]).map((p) => p.js())).toEqual([[0, 1, 2], [], [1, 2, 3, 4]])
    expect(() => np.concatenate([np.zeros([2, 3]), np.zeros([2, 2])])).toThrow('cannot be joined along axis 0')
    expect(() => np.stack([np.zeros([2]), np.zeros([3])])).toThrow('must have one shape')
    expect(() => np.concatenate([])).toThrow('nothing to join')
  })

  it('block', () => {
    const [a, b] = [np.ones([2, 2]), np.zeros([2, 1])]
    expect(
      np
        .block([
          [a, b],
          [np.zeros([1, 2]), np.array([[9]])],
        ])
        .js(),
    ).toEqual([
      [1, 1, 0],
      [1, 1, 0],
      [0, 0, 9],
    ])
    expect(np.block([1, np.array([2, 3])]).js()).toEqual([1, 2, 3])
    expect(() => np.block([[a], b])).toThrow('not as deeply nested')
  })
})

describe('repeating', () => {
  it('tile, roll and repeat', () => {
    const cases = ranked().chain(([x, axis]) =>
      fc.tuple(
        fc.constant(x),
        fc.constant(axis),
        fc.integer({ min: -7, max: 7 }),
        fc.array(fc.integer({ min: 0, max: 3 }), {
          minLength: x.shape[front(axis, x)] ?? 0,
          maxLength: x.shape[front(axis, x)] ?? 0,
        }),
      ),
    )
    fc.assert(
      fc.property(cases, ([x, axis, shift, counts]) => {
        const d = front(axis, x)
        const n = x.shape[d] ?? 0
        expectPlain(
          np.roll(toArray(x), shift, { axis }),
          fromIndex(x.shape, (index) => at(x, index.with(d, ((((index[d] ?? 0) - shift) % n) + n) % n))),
        )
        const tiled = np.tile(
          toArray(x),
          x.shape.map((_, k) => (k === d ? 2 : 1)),
        )
        expect(tiled.js()).toEqual(np.concatenate([toArray(x), toArray(x)], { axis }).js())
        const sources = counts.flatMap((count, i) => new Array<number>(count).fill(i))
        expectPlain(
          np.repeat(toArray(x), counts, { axis }),
          fromIndex(x.shape.with(d, sources.length), (index) => at(x, index.with(d, sources[index[d] ?? 0] ?? 0))),
        )
        expect(np.repeat(toArray(x), 2, { axis }).js()).toEqual(
          np.repeat(toArray(x), new Array<number>(n).fill(2), { axis }).js(),
        )
      }),
      runs,
    )
  })

  it('delete takes out what insert put in', () => {
    fc.assert(
      fc.property(ranked(), fc.nat(), ([x, axis], seed) => {
        const n = x.shape[front(axis, x)] ?? 0
        const place = seed % (n + 1)
        const longer = np.insert(toArray(x), place, 77, { axis })
        expect(longer.shape[front(axis, x)]).toBe(n + 1)
        expect(np.delete(longer, place, { axis }).js()).toEqual(toArray(x).js())
      }),
      runs,
    )
    expect(np.insert(np.array([1, 2, 3]), [0, 3, 0], np.array([7, 8, 9])).js()).toEqual([7, 9, 1, 2, 3, 8])
    expect(np.delete(np.arange(6), { start: null, stop: null, step: 2 }).js()).toEqual([1, 3, 5])
  })
})

describe('padding', () => {
  const sources: Readonly<Record<string, (i: number, n: number) => number>> = {
    edge: (i, n) => Math.min(Math.max(i, 0), n - 1),
    wrap: (i, n) => ((i % n) + n) % n,
    symmetric: (i, n) => {
      const k = ((i % (2 * n)) + 2 * n) % (2 * n)
      return k < n ? k : 2 * n - 1 - k
    },
    reflect: (i, n) => {
      if (n === 1) return 0
      const k = ((i % (2 * n - 2)) + 2 * n - 2) % (2 * n - 2)
      return k < n ? k : 2 * n - 2 - k
    },
  }
  for (const mode of ['edge', 'wrap', 'symmetric', 'reflect'] as const) {
    it(`${mode} takes elements from where it should`, () => {
      const width = fc.integer({ min: 0, max: 9 })
      fc.assert(
        fc.property(plainArrays({ minRank: 1, maxRank: 2, minSize: 1 }), width, width, (x, before, after) => {
          const shape = x.shape.map((n) => n + before + after)
          expectPlain(
            np.pad(toArray(x), [before, after], { mode }),
            fromIndex(shape, (index) =>
              at(
                x,
                index.map((i, d) => sources[mode]?.(i - before, x.shape[d] ?? 1) ?? 0),
              ),
            ),
          )
        }),
        runs,
      )
    })
  }

  it('odd reflections, ramps and statistics as NumPy 2.4 gives them', () => {
    const x = np.array([1, 2, 4])
    expect(np.pad(x, [4, 5], { mode: 'reflect', reflectType: 'odd' }).js()).toEqual([
      -5, -4, -2, 0, 1, 2, 4, 6, 7, 8, 10, 12,
    ])
    expect(np.pad(x, [2, 1], { mode: 'linear_ramp', endValues: [5, 0] }).js()).toEqual([5, 3, 1, 2, 4, 0])
    expect(np.pad(x, 1, { mode: 'mean', statLength: 2 }).js()).toEqual([1.5, 1, 2, 4, 3])
    expect(np.pad(x, [[1, 0]], { constantValues: [9, 8] }).js()).toEqual([9, 1, 2, 4])
    expect(() => np.pad(x, -1)).toThrow('non-negative integers')
    expect(() => np.pad(np.zeros([0]), 1, { mode: 'edge' })).toThrow('takes values from axis 0, which has none')
    expect(grad((a: NDArray) => np.sum(np.square(np.pad(a, 1, { mode: 'wrap' }))))(x).js()).toEqual([4, 4, 16])
  })
})

describe('diagonals', () => {
  it('diag, diagonal, trace, triangles', () => {
    const sizes = fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 4 }))
    fc.assert(
      fc.property(
        sizes.chain((shape) => plains(shape)),
        fc.integer({ min: -5, max: 5 }),
        (x, k) => {
          const [rows = 0, columns = 0] = x.shape
          const places = Array.from({ length: rows }, (_, i) => [i, i + k] as const).filter(
            ([, j]) => j >= 0 && j < columns,
          )
          const values = places.map((place) => at(x, place))
          expect(np.diagonal(toArray(x), { offset: k }).js()).toEqual(values)
          expect(np.trace(toArray(x), { offset: k }).item()).toBe(values.reduce((a, b) => a + b, 0))
          expectPlain(
            np.tril(toArray(x), { k }),
            fromIndex(x.shape, ([i = 0, j = 0]) => (j - i <= k ? at(x, [i, j]) : 0)),
          )
          expectPlain(
            np.triu(toArray(x), { k }),
            fromIndex(x.shape, ([i = 0, j = 0]) => (j - i >= k ? at(x, [i, j]) : 0)),
          )
          expect(np.eye(rows, { M: columns, k }).js()).toEqual(
            toArray(fromIndex(x.shape, ([i = 0, j = 0]) => Number(j - i === k))).js(),
          )
          const vector = np.arange(sizeOf([rows]))
          expect(np.diagonal(np.diag(vector, { k }), { offset: k }).js()).toEqual(vector.js())
        },
      ),
      runs,
    )
  })
})
