/** Making arrays from JavaScript values, and the methods that arrays have. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NDArray, grad, jit, numpy as np, withDevice } from 'cotangent'
import { devices, holds, on } from '../transforms/support.js'
import { plainArrays, runs, toArray } from './support.js'

/** Of every device, so said of one; float64 and float16 are here, which WGSL has not, or not everywhere. */
describe('np.array', () => {
  it('keeps the dtype of typed arrays, and copies them', () => {
    const source = new Float32Array([1, 2])
    const x = np.array(source)
    source[0] = 9
    expect(x.js()).toEqual([1, 2])
    const dtypes = [
      Float32Array,
      Float64Array,
      Int32Array,
      Uint32Array,
      Int8Array,
      Uint8Array,
      Uint8ClampedArray,
      Int16Array,
    ]
    expect(dtypes.map((type) => np.array(new type(1)).dtype)).toEqual([
      'float32',
      'float64',
      'int32',
      'uint32',
      'int8',
      'uint8',
      'uint8',
      'int32',
    ])
    expect(np.array(new Uint8Array([1, 2]), { dtype: 'float32' }).dtype).toBe('float32')
    expect(np.array([new Uint8Array([1, 2]), new Uint8Array([3, 4])]).dtype).toBe('uint8')
    expect(np.array([0.1], { dtype: 'float64' }).js()).toEqual([0.1])
  })

  it('copies a typed array once', () => {
    const source = new Float32Array(4 << 20)
    const { arrayBuffers } = process.memoryUsage()
    const x = np.array(source)
    expect(process.memoryUsage().arrayBuffers - arrayBuffers).toBeLessThan(source.byteLength / 2)
    expect(x.size).toBe(source.length)
  })

  it('stacks traced arrays in their dtype', () => {
    expect(jit((x: NDArray) => np.array([x, 1.5]))(np.array(2, { dtype: 'float16' })).dtype).toBe('float16')
  })

  it('has at least ndmin axes, the new ones in front', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(3), { maxLength: 4 }), fc.nat(6), (shape, ndmin) => {
        const missing = Math.max(0, ndmin - shape.length)
        const x = np.array(np.zeros(shape, { dtype: 'int8' }), { ndmin })
        expect(x.shape).toEqual([...Array.from({ length: missing }, () => 1), ...shape])
        expect(x.dtype).toBe('int8')
      }),
    )
    expect(np.array([1, 2], { ndmin: 3, copy: true }).js()).toEqual([[[1, 2]]])
    for (const ndmin of [-1, 1.5, 33, Number.NaN])
      expect(() => np.array(1, { ndmin })).toThrow(`array: ndmin must be an integer from 0 to 32, got ${ndmin}.`)
  })

  it('lists that are not rectangular are an error that says where', () => {
    expect(() => np.array([[1, 2], [3]])).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: array: the lists don't have one shape: data[1] has 1 elements where its neighbours have 2. Pad the short ones, or keep them as a list of arrays.]`,
    )
    expect(() => np.array([[1, 2], 3])).toThrow('data[1] has a number where its neighbours have a list of 2')
    expect(() => np.array([1, [2]])).toThrow('data[1] has a list of 1 where its neighbours have a number')
    expect(() => np.array([np.zeros([2]), [1, 2, 3]])).toThrow('data[1] has 3 elements')
    // @ts-expect-error: text is no number
    expect(() => np.array(['1'])).toThrow('elements are numbers, booleans, arrays or typed arrays')
    // @ts-expect-error: complex is no dtype here
    expect(() => np.array([1], { dtype: 'complex64' })).toThrow("'complex64' is not a dtype")
    expect(() => np.zeros([2, -1])).toThrow('is not a shape')
  })
})

describe.each(devices)('np.array on %s', (device) => {
  it('gives back nested lists, at once where the device can, and later', () =>
    fc.assert(
      fc.asyncProperty(plainArrays({ minRank: 1 }), async (x) => {
        const y = withDevice(device, () => toArray(x))
        const nested = device === 'webgpu' ? await y.jsAsync() : y.js()
        if (!Array.isArray(nested)) throw new Error('not a list')
        const again = withDevice(device, () => np.array(nested))
        expect(await again.jsAsync()).toEqual(nested)
        // Sizes after an empty axis cannot be told from nested lists.
        const empty = x.shape.indexOf(0)
        expect(again.shape).toEqual(empty < 0 ? x.shape : x.shape.slice(0, empty + 1))
      }),
      runs,
    ))

  it('holds what a typed array or part of one held, whatever becomes of that', () => {
    const types = [Float32Array, Int32Array, Uint32Array, Int8Array, Uint8Array]
    const sources = fc.oneof(
      // WGSL has no float64.
      ...[...types, ...(device === 'webgpu' ? [] : [Float64Array])].map((type) =>
        fc
          .tuple(fc.array(fc.integer({ min: 0, max: 99 }), { minLength: 1, maxLength: 2000 }), fc.nat(7))
          .map(([values, skipped]) => new type(values).subarray(Math.min(skipped, values.length - 1))),
      ),
      fc.uint8Array({ minLength: 1 }).map((values) => Buffer.from(values)),
    )
    const read = async (x: NDArray) => (device === 'webgpu' ? x.data() : x.dataSync())
    return fc.assert(
      fc.asyncProperty(sources, async (source) => {
        const before = Array.from(source)
        const x = withDevice(device, () => np.array(source))
        source.fill(101)
        const got = await read(x)
        expect(Array.from(got)).toEqual(before)
        got.fill(102)
        expect(Array.from(await read(x))).toEqual(before)
      }),
      runs,
    )
  })

  it('numbers are float32, booleans bool, nothing float32', () =>
    on(device, () => {
      expect([np.array(1), np.array([1, true]), np.array([true]), np.array([])].map((x) => x.dtype)).toEqual([
        'float32',
        'float32',
        'bool',
        'float32',
      ])
      expect(np.array([[], []]).shape).toEqual([2, 0])
      holds(np.array([0.1]), [Math.fround(0.1)])
      holds(np.array([1.7, -1.7, 300], { dtype: 'uint8' }), [1, 0, 255])
    }))

  it('stacks arrays, traced ones too', () =>
    on(device, () => {
      const f = (x: NDArray): NDArray =>
        np.sum(
          np.square(
            np.array([
              [x, 2],
              [3, np.multiply(x, 2)],
            ]),
          ),
        )
      holds(grad(f)(np.array(3)), [30])
      holds(jit((x: NDArray) => np.array([x, 1.5]))(np.array(2)), [2, 1.5])
      const mixed = np.array([np.array([1, 2], { dtype: 'int32' }), [3, 4]])
      expect([mixed.dtype, mixed.shape]).toEqual(['int32', [2, 2]])
      holds(mixed, [1, 2, 3, 4])
    }))

  it('zeros, full and their likes', () =>
    on(device, () => {
      holds(np.full([2], np.array([1, 2])), [1, 2])
      expect(np.full([2], true).dtype).toBe('bool')
      expect(np.full([], 2).dtype).toBe('float32')
      holds(np.fullLike(np.zeros([2], { dtype: 'int32' }), 2.7), [2, 2])
      expect(np.zerosLike(np.ones([2, 3]), { shape: [4], dtype: 'int8' }).shape).toEqual([4])
      holds(np.zerosLike(np.ones([2, 3]), { shape: [4], dtype: 'int8' }), [0, 0, 0, 0])
      holds(np.eye(2, { dtype: 'int32' }), [1, 0, 0, 1])
    }))
})

describe.each(devices)('methods on %s', (device) => {
  const matrix = (): NDArray =>
    np.array([
      [1, 2, 3],
      [4, 5, 6],
    ])

  it('mirror the functions', () =>
    on(device, () => {
      const x = matrix()
      holds(x.add(1).mul(2).sub(1).div(2), [1.5, 2.5, 3.5, 4.5, 5.5, 6.5])
      expect(x.T.shape).toEqual([3, 2])
      holds(x.T, [1, 4, 2, 5, 3, 6])
      holds(x.sum({ axis: 0 }), [5, 7, 9])
      expect(x.reshape([3, -1]).shape).toEqual([3, 2])
      holds(x.astype('int32').pow(2), [1, 4, 9, 16, 25, 36])
      holds(x.transpose([1, 0]), [1, 4, 2, 5, 3, 6])
      holds(x.max(), [6])
      holds(x.clip(2, 5), [2, 2, 3, 4, 5, 5])
      holds(x.matmul(x.T), [14, 32, 32, 77])
      expect(x.greater(2).dtype).toBe('bool')
      holds(x.get(1, 0), [4])
      holds(x.at(0, 0).set(9).get(0), [9, 2, 3])
    }))

  it('arrays are lists along their first axis', () =>
    on(device, () => {
      const x = matrix()
      expect(x.length).toBe(2)
      expect([...x].map((row) => row.shape)).toEqual([[3], [3]])
      ;[...x].forEach((row, i) => holds(row, i === 0 ? [1, 2, 3] : [4, 5, 6]))
      expect(() => [...np.array(1)]).toThrow('a scalar has no elements to go through')
      const product = jit((a: NDArray) => {
        const [p, q] = a
        return p === undefined || q === undefined ? a : p.mul(q)
      })
      holds(product(x), [4, 10, 18])
    }))

  it('are not enumerable, and can be read later', async () => {
    const x = withDevice(device, matrix)
    expect(Object.keys(x).filter((key) => key === 'add' || key === 'js')).toEqual([])
    expect(Object.getOwnPropertyDescriptor(NDArray.prototype, 'add')?.enumerable).toBe(false)
    expect(await x.jsAsync()).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ])
    expect([...(await x.data())]).toEqual([1, 2, 3, 4, 5, 6])
    expect(await withDevice(device, () => np.array([true])).jsAsync()).toEqual([true])
  })
})

describe('shapes of more elements than a number counts', () => {
  it.each([
    ['zeros', () => np.zeros([1e9, 1e9])],
    ['broadcastTo', () => np.broadcastTo(np.zeros([1]), [1e9, 1e9])],
    ['reshape', () => np.zeros([2]).reshape([1e9, 1e9])],
  ])('%s refuses them at once', (_, call) => {
    expect(call).toThrow('would have more than 2^53 elements')
  })

  it('an axis of size 0 leaves none, whatever the others are', () => {
    expect(np.zeros([1e9, 0]).size).toBe(0)
  })
})
