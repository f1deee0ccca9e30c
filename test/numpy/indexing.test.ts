/** Indexing is NumPy's: cases computed by NumPy for reading, and loops over their positions for updates. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  type Index,
  ArgumentError,
  ConcretizationError,
  DTypeError,
  NDArray,
  ShapeError,
  grad,
  jit,
  numpy as np,
  slice,
  vmap,
} from 'cotangent'
import type { IndexUpdate } from '../../src/core/index.js'
import { devices, holds, on } from '../transforms/support.js'

type CaseEntry =
  | number
  | boolean
  | null
  | '...'
  | { readonly slice: readonly (number | null)[] }
  | { readonly array: readonly number[]; readonly shape: readonly number[]; readonly dtype: 'int32' | 'bool' }

interface Case {
  readonly shape: readonly number[]
  readonly index: readonly CaseEntry[]
  readonly resultShape: readonly number[]
  /** Flat positions of the elements that the index names. */
  readonly positions: readonly number[]
}

/** Indices and the elements that NumPy takes for them; made by NumPy 2.3 from random indices. */
const cases: readonly Case[] = JSON.parse(readFileSync(new URL('indexing.cases.json', import.meta.url), 'utf8'))

const i32 = (values: readonly number[], shape: readonly number[] = [values.length]): NDArray =>
  np.reshape(np.array(values, { dtype: 'int32' }), shape)

const entryOf = (entry: CaseEntry): Index => {
  if (typeof entry !== 'object' || entry === null) return entry
  if ('slice' in entry) return slice(...entry.slice)
  return np.reshape(np.array(entry.array, { dtype: entry.dtype }), entry.shape)
}

const positionsArray = (shape: readonly number[]): NDArray =>
  np.reshape(np.arange(shape.reduce((n, d) => n * d, 1)), shape)

const updates: Readonly<Record<string, (at: IndexUpdate, v: NDArray) => NDArray>> = {
  set: (at, v) => at.set(v),
  add: (at, v) => at.add(v),
  subtract: (at, v) => at.subtract(v),
  multiply: (at, v) => at.multiply(v),
  min: (at, v) => at.min(v),
  max: (at, v) => at.max(v),
}

const combine: Readonly<Record<string, (old: number, value: number) => number>> = {
  set: (_, value) => value,
  add: (old, value) => old + value,
  subtract: (old, value) => old - value,
  multiply: (old, value) => old * value,
  min: Math.min,
  max: Math.max,
}

describe.each(devices)('on %s', (device) => {
  it('there are cases', () => expect(cases.length).toBe(120))

  it('get reads what NumPy reads, jitted too', () =>
    on(device, () => {
      for (const { shape, index, resultShape, positions } of cases) {
        const entries = index.map(entryOf)
        const x = positionsArray(shape)
        for (const out of [x.get(...entries), jit((y: NDArray) => y.get(...entries))(x)]) {
          expect(out.shape, JSON.stringify({ shape, index })).toEqual(resultShape)
          holds(out, positions, JSON.stringify({ shape, index }))
        }
      }
    }))

  it('get takes traced arrays of indices', () =>
    on(device, () => {
      for (const { shape, index, resultShape, positions } of cases) {
        const entries = index.map(entryOf)
        const arrays = entries.flatMap((entry) => (entry instanceof NDArray && entry.dtype !== 'bool' ? [entry] : []))
        const read = jit((x: NDArray, ...given: NDArray[]) => {
          let next = 0
          return x.get(...entries.map((e) => (e instanceof NDArray && e.dtype !== 'bool' ? (given[next++] ?? e) : e)))
        })
        const out = read(positionsArray(shape), ...arrays)
        expect(out.shape, JSON.stringify({ shape, index })).toEqual(resultShape)
        holds(out, positions, JSON.stringify({ shape, index }))
      }
    }))

  it('updates are loops over the positions, in order', () =>
    on(device, () => {
      for (const { shape, index, resultShape, positions } of cases) {
        const entries = index.map(entryOf)
        const x = np.subtract(positionsArray(shape), 3)
        const values = positions.map((_, i) => ((i * 7) % 11) - 4)
        const v = i32(values, resultShape)
        for (const [name, update] of Object.entries(updates)) {
          const expected = Array.from({ length: x.size }, (__, i) => i - 3)
          positions.forEach((at, i) => {
            expected[at] = (combine[name]?.(expected[at] ?? 0, values[i] ?? 0) ?? 0) | 0
          })
          holds(update(x.at(...entries), v), expected, `${name} ${JSON.stringify({ shape, index })}`)
        }
      }
    }))
})

describe('indices outside', () => {
  const x = np.arange(3)
  it('of reads are moved inside, filled or wrapped', () => {
    expect(x.get(7).js()).toBe(2)
    expect(x.get(i32([7, -9])).js()).toEqual([2, 0])
    expect(
      x
        .at(i32([7, 1]))
        .get({ mode: 'fill', fillValue: -1 })
        .js(),
    ).toEqual([-1, 1])
    expect(
      x
        .at(i32([7, -4]))
        .get({ mode: 'wrap' })
        .js(),
    ).toEqual([1, 2])
    expect(x.astype('float32').at(9).get({ mode: 'fill' }).js()).toBeNaN()
  })
  it('of updates change nothing', () => {
    expect(x.at(7).set(9).js()).toEqual([0, 1, 2])
    expect(
      x
        .at(i32([7, 1, -9]))
        .add(5)
        .js(),
    ).toEqual([0, 6, 2])
  })
  it('have no derivative', () => {
    expect(grad((y: NDArray) => y.get(i32([7, 0, -9])).sum())(np.ones([3])).js()).toEqual([1, 0, 0])
  })
})

describe('masks', () => {
  const x = np.reshape(np.arange(6), [2, 3])
  it('may be traced where the value does not depend on their number', () => {
    const f = jit((y: NDArray) => y.at(np.greater(y, 2)).set(0))
    expect(f(x).js()).toEqual([
      [0, 1, 2],
      [0, 0, 0],
    ])
    const rows = jit((y: NDArray, m: NDArray) => y.at(m).add(i32([10, 20, 30])))
    expect(rows(x, np.array([false, true])).js()).toEqual([
      [0, 1, 2],
      [13, 24, 35],
    ])
    expect(jit((y: NDArray) => y.at(np.greater(y, 4)).apply((v) => np.negative(v)))(x).js()).toEqual([
      [0, 1, 2],
      [3, 4, -5],
    ])
  })
  it('must be known where it does', () => {
    expect(() => jit((y: NDArray) => y.get(np.greater(y, 2)))(x)).toThrow(ConcretizationError)
  })
})

describe('derivatives', () => {
  it('of a set that names an element twice belong to the last value', () => {
    const f = (v: NDArray): NDArray =>
      np.sum(
        np
          .zeros([3])
          .at(i32([1, 1, 2]))
          .set(v),
      )
    expect(grad(f)(np.ones([3])).js()).toEqual([0, 1, 1])
  })
  it('of products are right where factors are 0', () => {
    const f = (v: NDArray): NDArray =>
      np.sum(
        np
          .array([2, 3])
          .at(i32([0, 0, 1]))
          .multiply(v),
      )
    expect(grad(f)(np.array([0, 5, 7])).js()).toEqual([10, 0, 3])
  })
  it('of extrema are shared by ties', () => {
    const f = (y: NDArray, v: NDArray): NDArray => np.sum(y.at(i32([0, 0])).max(v))
    const [ofArray, ofValues] = grad(f, { argnums: [0, 1] })(np.array([4, 1]), np.array([4, 3]))
    expect([ofArray?.js(), ofValues?.js()]).toEqual([
      [0.5, 1],
      [0.5, 0],
    ])
  })
  it('are mapped with their indices', () => {
    const f = (i: NDArray, y: NDArray): NDArray => grad((z: NDArray) => np.square(z.get(i)).sum())(y)
    expect(vmap(f, { inAxes: [0, null] })(i32([2, 0]), np.array([1, 2, 3])).js()).toEqual([
      [0, 0, 6],
      [2, 0, 0],
    ])
  })
})

describe('dtypes', () => {
  it('of the array stay', () => {
    const x = np.arange(3)
    expect(x.at(0).add(2.7).js()).toEqual([2, 1, 2])
    expect(x.at(0).set(2.7).dtype).toBe('int32')
    expect(x.at(1).divide(2).js()).toEqual([0, 0.5, 2])
    expect(x.at(2).power(3).js()).toEqual([0, 1, 8])
  })
})

describe('wrong indices', () => {
  const x = np.reshape(np.arange(6), [2, 3])
  const message = (f: () => unknown): string => {
    try {
      f()
    } catch (error) {
      return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
    }
    return 'nothing was thrown'
  }
  it('are told', () => {
    expect(() => x.get(0, 0, 0)).toThrow(ArgumentError)
    expect(() => x.get(np.array([1]))).toThrow(DTypeError)
    expect(() => x.get(np.array([true, false, true]))).toThrow(ShapeError)
    expect([
      message(() => x.get(0, 0, 0)),
      message(() => x.get('...', '...')),
      message(() => x.get(1.5)),
      message(() => x.get(np.array([1]))),
      message(() => x.get(slice(0.5))),
      message(() => x.get(slice(null, null, 0))),
      message(() => x.get(np.array([true, false, true]))),
      message(() => np.zeros([0, 3]).get(0)),
      message(() => x.at(0).set(np.ones([2]))),
    ]).toMatchInlineSnapshot(`
      [
        "ArgumentError: Too many indices: an array of shape [2,3] has 2 axes, and the index names 3.",
        "ArgumentError: An index can have '...' only once.",
        "ArgumentError: The number 1.5 is not an index. Indices are integers, slices (slice(1, 5) or { start: 1, stop: 5 }), null for a new axis, '...' for the axes in between, and arrays of integers or booleans.",
        "DTypeError: Indices must be integers or booleans, got an array of float32. np.array of numbers is float32: give { dtype: 'int32' }, or convert with x.astype('int32').",
        "ArgumentError: The stop of a slice must be an integer or null, got a number 0.5. For a part at a computed place use lax.dynamicSlice.",
        "ArgumentError: The step of a slice must not be 0.",
        "ShapeError: A mask of shape [3] doesn't fit axes of sizes [2] of an array of shape [2,3]; a mask has the sizes of the axes that it stands for.",
        "ArgumentError: An index into axis 0 of shape [0,3] names no element; its size is 0.",
        "ShapeError: at(...).set: a value of shape [2] does not fit the elements at the index, whose shape is [3]. It must be that shape, or broadcast to it.",
      ]
    `)
  })
})
