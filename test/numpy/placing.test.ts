/** put, place, packed bits, functions of indices, masks, and distances between floats: against loops over plain numbers. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type NDArray, grad, jit, numpy as np, vmap } from 'cotangent'

const numbers = (x: NDArray): number[] => [...x.dataSync()]
const runs = { numRuns: 30 }

describe('put and place', () => {
  const values = fc.array(fc.integer({ min: 10, max: 99 }), { minLength: 1, maxLength: 6 })

  it('put writes at flat places, in order, with values repeated', () => {
    const places = fc.uniqueArray(fc.integer({ min: -8, max: 9 }), {
      minLength: 1,
      maxLength: 4,
      selector: (i) => ((i % 6) + 6) % 6,
    })
    fc.assert(
      fc.property(places, values, fc.constantFrom(null, 'clip', 'wrap'), (at, v, mode) => {
        const expected = [0, 1, 2, 3, 4, 5]
        at.forEach((place, i) => {
          const where =
            mode === 'wrap'
              ? ((place % 6) + 6) % 6
              : mode === 'clip'
                ? Math.min(Math.max(place, 0), 5)
                : place < 0
                  ? place + 6
                  : place
          if (where >= 0 && where < 6) expected[where] = v[i % v.length] ?? NaN
        })
        const f = (x: NDArray, i: NDArray, y: NDArray): NDArray => np.put(x, i, y, { mode })
        const x = np.reshape(np.arange(6), [2, 3])
        const given = [x, np.array(at, { dtype: 'int32' }), np.array(v, { dtype: 'int32' })] as const
        expect(numbers(f(...given))).toEqual(expected)
        expect(jit(f)(...given).js()).toEqual(f(...given).js())
      }),
      runs,
    )
  })

  it('place goes through values where the mask holds', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }), values, (mask, v) => {
        let next = 0
        const expected = mask.map((held, i) => (held ? (v[next++ % v.length] ?? NaN) : i))
        const x = np.reshape(np.arange(6), [3, 2])
        expect(numbers(jit((m: NDArray) => np.place(x, m, np.array(v)))(np.reshape(np.array(mask), [3, 2])))).toEqual(
          expected,
        )
      }),
      runs,
    )
  })

  it('have derivatives, are mapped, and refuse to write in place', () => {
    const f = (x: NDArray, v: NDArray): NDArray => np.sum(np.square(np.put(x, [1], v)))
    expect(grad(f)(np.array([1, 2]), np.array([3])).js()).toEqual([2, 0])
    expect(grad(f, { argnums: 1 })(np.array([1, 2]), np.array([3])).js()).toEqual([6])
    const rows = vmap((x: NDArray) => np.place(x, np.array([true, false]), 7))(np.ones([2, 2]))
    expect(rows.js()).toEqual([
      [7, 1],
      [7, 1],
    ])
    expect(() => np.put(np.ones([2]), 0, 1, { inplace: true })).toThrow('arrays are immutable')
    expect(() => np.place(np.ones([2]), np.ones([3]), 1)).toThrow('the mask has 3 elements, and the array 2')
    expect(() => np.place(np.ones([2]), np.ones([2]), np.ones([0]))).toThrow('there are no values to place')
  })
})

describe('packed bits', () => {
  const orders = fc.constantFrom('big' as const, 'little' as const)

  it('unpack to what was packed, along any axis', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(0, 1, 5), { minLength: 12, maxLength: 12 }),
        fc.constantFrom(null, 0, 1, -1),
        orders,
        (list, axis, bitorder) => {
          const x = np.reshape(np.array(list, { dtype: 'int32' }), [4, 3])
          const packed = jit((y: NDArray) => np.packbits(y, { axis, bitorder }))(x)
          expect(packed.dtype).toBe('uint8')
          const count = axis === null ? 12 : axis === 0 ? 4 : 3
          const back = np.unpackbits(packed, { axis, bitorder, count })
          const flags = np.notEqual(axis === null ? np.ravel(x) : x, 0).astype('uint8')
          expect(back.js()).toEqual(flags.js())
        },
      ),
      runs,
    )
  })

  it('are those of the byte, highest first', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 255 }), (byte) => {
        const x = np.array([byte], { dtype: 'uint8' })
        const text = byte.toString(2).padStart(8, '0')
        expect(numbers(np.unpackbits(x)).join('')).toBe(text)
        expect(numbers(np.unpackbits(x, { bitorder: 'little' })).join('')).toBe(text.split('').reverse().join(''))
        expect(numbers(np.unpackbits(x, { count: 10 }))).toHaveLength(10)
        expect(numbers(np.unpackbits(x, { count: -3 })).join('')).toBe(text.slice(0, 5))
      }),
      runs,
    )
    expect(() => np.packbits(np.ones([8]))).toThrow('takes integers and booleans, not float32')
    expect(() => np.unpackbits(np.ones([8]))).toThrow('takes uint8, not float32')
  })
})

it('fromfunction and maskIndices follow their functions', () => {
  const table = np.fromfunction((i, j) => np.add(np.multiply(10, i), np.square(j)), [3, 4])
  expect(table.dtype).toBe('float32')
  expect(table.js()).toEqual([0, 1, 2].map((i) => [0, 1, 2, 3].map((j) => 10 * i + j * j)))
  expect(np.fromfunction((i) => np.equal(np.mod(i, 2), 0), [3], { dtype: 'int32' }).js()).toEqual([true, false, true])
  expect(np.fromfunction((i) => np.stack([i, i]), [2]).shape).toEqual([2, 2])
  expect(np.maskIndices(3, np.tril, -1).map(numbers)).toEqual([
    [1, 2, 2],
    [0, 0, 1],
  ])
  expect(np.maskIndices(2, np.triu, 0, { size: 4 }).map(numbers)).toEqual([
    [0, 0, 1, 0],
    [0, 1, 1, 0],
  ])
})

it('spacing is the distance to the next float, away from zero', () => {
  fc.assert(
    fc.property(fc.float({ min: 2 ** -100, max: 2 ** 100, noNaN: true }), (value) => {
      const x = np.array([value, -value])
      const ulp = 2 ** (Math.floor(Math.log2(value)) - 23)
      expect(numbers(np.spacing(x))).toEqual([ulp, -ulp])
    }),
    runs,
  )
  expect(np.spacing(np.array([Infinity])).item()).toBeNaN()
})
