/** reducePrecision, sortKeyVal, tile, broadcastShapes, patches and the barrier. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type NDArray, grad, jit, lax, makeJaxpr, numpy as np, random, vmap } from 'cotangent'
import { assertClose } from '../../src/testing/index.js'

const numbers = (x: NDArray): number[] => [...x.dataSync()]

describe('reducePrecision', () => {
  const floats = fc.float({ noNaN: false })

  it('is rounding to a dtype where there is one of these bits', () => {
    fc.assert(
      fc.property(floats, (value) => {
        const x = np.array([value])
        // Numbers that are not normal become 0, where halves have subnormal ones.
        const normal = Math.abs(value) >= 2 ** -14 || value === 0 || Number.isNaN(value)
        const half = numbers(lax.reducePrecision(x, 5, 10))
        const expected = normal ? numbers(x.astype('float16')) : half
        expect(half).toEqual(expected)
        const brain = Math.abs(value) >= 2 ** -126 || value === 0 || Number.isNaN(value)
        const short = numbers(lax.reducePrecision(x, 8, 7))
        expect(short).toEqual(brain ? numbers(x.astype('bfloat16')) : short)
        expect(numbers(lax.reducePrecision(x, 8, 23))).toEqual([...x.dataSync()])
      }),
      { numRuns: 200 },
    )
  })

  it('gives what XLA gives', () => {
    // By JAX 0.10.2 on the CPU.
    const x = np.array([Math.PI, 6e-5, 65504, 70000, 0.1, 2.5, -Infinity, -0])
    expect(numbers(lax.reducePrecision(x, 4, 3))).toEqual([3.25, 0, Infinity, Infinity, 0.1015625, 2.5, -Infinity, -0])
    expect(numbers(lax.reducePrecision(x, 1, 1))).toEqual([Infinity, 0, Infinity, Infinity, 0, Infinity, -Infinity, -0])
    expect(numbers(jit((y: NDArray) => lax.reducePrecision(y, 8, 0))(x))).toEqual([
      4,
      2 ** -14,
      65536,
      65536,
      0.125,
      2,
      -Infinity,
      -0,
    ])
    expect(grad((y: NDArray) => np.sum(np.multiply(1.3, lax.reducePrecision(y, 8, 1))))(np.ones([1])).item()).toBe(1.5)
    expect(() => lax.reducePrecision(x, 0, 3)).toThrow('an exponent of at least 1 bit')
    expect(() => lax.reducePrecision(np.arange(2), 5, 3)).toThrow('not int32')
  })
})

it('sortKeyVal carries values along', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 9 }), (list) => {
      const [keys, places] = lax.sortKeyVal(np.array(list), lax.iota('int32', list.length))
      const order = list.map((_, i) => i).sort((i, j) => (list[i] ?? 0) - (list[j] ?? 0) || i - j)
      expect(numbers(places)).toEqual(order)
      expect(numbers(keys)).toEqual(order.map((i) => list[i]))
    }),
    { numRuns: 30 },
  )
  const [rows] = lax.sortKeyVal(np.array([[3], [1]]), np.array([[0], [1]]), { dimension: 0 })
  expect(rows.js()).toEqual([[1], [3]])
})

it('tile repeats along every axis, broadcastShapes follows NumPy', () => {
  expect(lax.tile(np.array([[1, 2]]), [2, 2]).js()).toEqual([
    [1, 2, 1, 2],
    [1, 2, 1, 2],
  ])
  expect(lax.tile(np.ones([2, 0]), [3, 4]).shape).toEqual([6, 0])
  expect(() => lax.tile(np.ones([2]), [1, 2])).toThrow('reps [1,2] must hold 1 integers')
  expect(lax.broadcastShapes([2, 1], [3], [])).toEqual([2, 3])
  expect(() => lax.broadcastShapes([2], [3])).toThrow('broadcastShapes')
})

describe('convGeneralDilatedPatches', () => {
  it('times a kernel is the convolution, for any layout, padding and dilation', () => {
    const small = fc.integer({ min: 1, max: 3 })
    const pair = fc.tuple(small, small)
    fc.assert(
      fc.property(pair, pair, pair, pair, fc.boolean(), (filter, strides, dilation, holes, last) => {
        const [lhs, kernel] = last ? ['NHWC', 'HWIO'] : ['NCHW', 'OIHW']
        const x = random.normal(random.key(1), last ? [2, 6, 7, 3] : [2, 3, 6, 7])
        const w = random.normal(random.key(2), last ? [...filter, 3, 4] : [4, 3, ...filter])
        const padding = [
          [1, 2],
          [2, 0],
        ] as const
        const options = {
          dimensionNumbers: [lhs, kernel, lhs] as const,
          lhsDilation: holes,
          rhsDilation: dilation,
        }
        const channel = last ? -1 : 1
        const product = (image: NDArray): NDArray => {
          const patches = lax.convGeneralDilatedPatches(image, filter, strides, padding, options)
          const flat = np.moveaxis(patches, channel, -1)
          const weights = last ? np.transpose(w, [2, 0, 1, 3]) : np.transpose(w, [1, 2, 3, 0])
          return np.moveaxis(np.matmul(flat, np.reshape(weights, [-1, 4])), -1, channel)
        }
        const convolved = (image: NDArray): NDArray => lax.convGeneralDilated(image, w, strides, padding, options)
        const close = { relative: 1e-3, absolute: 1e-4 }
        assertClose(jit(product)(x), convolved(x), 'product', close)
        const slope = (f: (image: NDArray) => NDArray): NDArray => grad((image: NDArray) => np.sum(np.sin(f(image))))(x)
        assertClose(slope(product), slope(convolved), 'gradient', { relative: 1e-2, absolute: 1e-3 })
      }),
      { numRuns: 8 },
    )
  })

  it('copies what is not finite, and is mapped', () => {
    const image = np.reshape(np.array([1, Infinity, NaN, 4]), [1, 1, 4])
    const patches = lax.convGeneralDilatedPatches(image, [2], [1], 'VALID')
    expect(patches.js()).toEqual([
      [
        [1, Infinity, NaN],
        [Infinity, NaN, 4],
      ],
    ])
    const f = (x: NDArray): NDArray => lax.convGeneralDilatedPatches(x, [2], [2], 'SAME')
    expect(
      vmap(f)(np.stack([image, image]))
        .get(0)
        .js(),
    ).toEqual(f(image).js())
    expect(() => lax.convGeneralDilatedPatches(image, [2, 2], [1], 'VALID')).toThrow('filterShape [2,2] must hold 1')
  })
})

it('optimizationBarrier is an identity that stays in programs', () => {
  const x = { a: np.array([1, 2]), b: [np.array(3)] }
  expect(lax.optimizationBarrier(x).a.js()).toEqual([1, 2])
  const f = (y: NDArray): NDArray => np.sum(np.square(lax.optimizationBarrier(y)))
  expect(String(makeJaxpr(f)(np.ones([2])))).toContain('optimization_barrier')
  expect(jit(grad(f))(np.array([1, 2])).js()).toEqual([2, 4])
  expect(vmap(f)(np.ones([3, 2])).js()).toEqual([2, 2, 2])
})
