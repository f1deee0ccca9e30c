import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type NDArray, devicePut, grad, jit, lax, nn, numpy as np, random, vjp, withDevice } from '../../src/index.js'
import { known, registerDevice } from '../../src/core/index.js'
import { createJsDevice } from '../../src/backends/js/index.js'
import { tinyLimits } from './tiny-limits.js'

registerDevice(createJsDevice({ exact: true }))
registerDevice(createJsDevice({ name: 'pieces', exact: true, limits: tinyLimits }))

type Function = (...inputs: NDArray[]) => NDArray | readonly NDArray[]

const listed = (out: NDArray | readonly NDArray[]): readonly NDArray[] => (Array.isArray(out) ? out : [out as NDArray])

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i)

/** Runs on whole arrays and in pieces, and compares; gives the kernels of the latter. */
const compare = (f: Function, shapes: readonly (readonly number[])[]): string => {
  const inputs = shapes.map((shape, i) => random.normal(random.key(i), shape))
  const on = (device: string): { values: number[][]; kernels: string } =>
    withDevice(device, () => {
      const own = inputs.map((x) => devicePut(x, device))
      const compiled = jit(f)
      return {
        values: listed(compiled(...own)).map((x) => [...x.dataSync()]),
        kernels: compiled.lower(...own).kernels,
      }
    })
  const whole = on('exact')
  const pieces = on('pieces')
  pieces.values.forEach((values, i) => {
    const want = known(whole.values[i], 'result')
    expect(values.length).toBe(want.length)
    values.forEach((x, k) => expect(Math.abs(x - known(want[k], 'element'))).toBeLessThan(1e-9))
  })
  return pieces.kernels
}

const convolution = (x: NDArray, w: NDArray): NDArray => lax.convGeneralDilated(x, w, [1, 1], 'SAME')
const channelsLast = (x: NDArray, w: NDArray): NDArray =>
  lax.convGeneralDilated(x, w, [1, 1], 'SAME', { dimensionNumbers: ['NHWC', 'HWIO', 'NHWC'] })
const squares =
  (f: (...x: NDArray[]) => NDArray): ((...x: NDArray[]) => NDArray) =>
  (...x) =>
    np.sum(np.square(f(...x)))
const layerNorm = (x: NDArray, g: NDArray, b: NDArray): NDArray => {
  const centered = np.subtract(x, np.mean(x, { axis: -1, keepdims: true }))
  const variance = np.mean(np.square(centered), { axis: -1, keepdims: true })
  return np.add(np.multiply(np.divide(centered, np.sqrt(np.add(variance, 1e-5))), g), b)
}
const attention = (q: NDArray, k: NDArray, v: NDArray): NDArray =>
  np.einsum('bqk,bkd->bqd', nn.softmax(np.einsum('bqd,bkd->bqk', q, k)), v)

describe('in pieces, results stay the same', () => {
  test('convolutions and what follows them', () => {
    const relu = (x: NDArray, w: NDArray, b: NDArray): NDArray => nn.relu(np.add(channelsLast(x, w), b))
    expect(compare(relu, [[4, 6, 6, 3], [3, 3, 3, 5], [5]])).toContain('scan')
    expect(
      compare(convolution, [
        [4, 3, 12, 12],
        [5, 3, 3, 3],
      ]),
    ).toContain('scan')
  })

  test('gradients of convolutions, of weights as sums over pieces', () => {
    const shapes = [[4, 6, 6, 3], [3, 3, 3, 5], [5]]
    const relu = (x: NDArray, w: NDArray, b: NDArray): NDArray => nn.relu(np.add(channelsLast(x, w), b))
    const gradients = grad(squares(relu), { argnums: [0, 1, 2] }) as Function
    // A loop over parts without sums of its own, in it one that adds up, and behind it what adds the parts.
    expect(compare(gradients, shapes)).toMatch(
      /scan[^\n]*\n {2}\(\) and [^]*scan[^\n]*\n {6}\(\w[^]*\n {4}(\w+)\[i0\] = (\w+)\[i0\] \+ \2\[i0 \+ \d+\]/,
    )
    const first = grad(squares(convolution), { argnums: [0, 1] }) as Function
    expect(
      compare(first, [
        [4, 3, 12, 12],
        [5, 3, 3, 3],
      ]),
    ).toContain('scan')
  })

  test('large sums down columns are sums of parts, also of what is computed from several arrays', () => {
    const listing = (f: Function, ...shapes: readonly (readonly number[])[]): string =>
      withDevice('exact', () => jit(f).lower(...shapes.map((shape) => np.zeros(shape))).kernels)
    const sum = (x: NDArray): NDArray => np.sum(x, { axis: 0 })
    expect(listing(sum, [16384, 64])).toMatch(
      /\(\) and \((\w+)\) = 8 times[^]*out0\[i0\] = \1\[i0\] \+ \1\[i0 \+ 64\] \+/,
    )
    // A few rows, a prime number of rows, and as many sums as there are elements.
    expect(listing(sum, [1024, 64])).not.toContain('scan')
    expect(listing(sum, [16411, 64])).not.toContain('scan')
    expect(listing(sum, [8, 131072])).not.toContain('scan')
    const depthwise = (x: NDArray, w: NDArray): NDArray =>
      lax.convGeneralDilated(x, w, [1, 1], 'SAME', {
        dimensionNumbers: ['NHWC', 'HWIO', 'NHWC'],
        featureGroupCount: x.shape[3] ?? 1,
      })
    const gradient = grad(squares(depthwise), { argnums: 1 }) as Function
    expect(
      compare(gradient, [
        [6, 5, 5, 4],
        [3, 3, 1, 4],
      ]),
    ).toContain('3 times')
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 4 }), (shape) => {
        compare((x) => np.sum(np.square(x), { axis: range(shape.length - 1) }), [shape])
        compare((x) => np.var(x, { axis: 0 }), [shape])
      }),
      { numRuns: 20 },
    )
  })

  test('pieces of a sum are added to it where it is; one row needs no sum of its own', () => {
    const columns = (x: NDArray, y: NDArray): NDArray => np.sum(np.square(np.matmul(x, y)), { axis: 0 })
    const listing = compare(columns, [
      [8, 3, 5],
      [8, 5, 64],
    ])
    expect(listing).toContain('in0[i0] = in0[i0] + t0[i0] * t0[i0]')
    expect(listing.split(' = 0.0\n').length).toBe(2)
    const product = (x: NDArray, y: NDArray): NDArray => np.matmul(np.exp(x).T, np.exp(y))
    const parts = compare(product, [
      [64, 3],
      [64, 5],
    ])
    expect(parts).toMatch(/(t\d+) = \[3,\d+\] x \[\d+,5\][^]*in0\[i0\] = in0\[i0\] \+ \1\[i0\]/)
  })

  test('a piece makes once what a product and a gradient read, also where only the gradient keeps it', () => {
    const loss = (x: NDArray, w: NDArray): NDArray => np.sum(np.square(channelsLast(np.tanh(x), w)))
    const step = (x: NDArray, w: NDArray): NDArray[] => [loss(x, w), grad(loss, { argnums: 1 })(x, w)]
    const listing = withDevice(
      'exact',
      () => jit(step).lower(np.zeros([32, 16, 16, 32]), np.zeros([3, 3, 32, 64])).kernels,
    )
    expect(listing).toContain('scan')
    // Images with borders, of which Winograd's transform is made.
    expect(listing.match(/ f32\[1,18,18,32\] at/g)?.length).toBe(1)
  })

  test('convolutions with strides, of many features, and of few from many, and their gradients', () => {
    const strided = (x: NDArray, w: NDArray): NDArray =>
      lax.convGeneralDilated(x, w, [2, 2], 'SAME', { dimensionNumbers: ['NHWC', 'HWIO', 'NHWC'] })
    const cases: readonly (readonly [(x: NDArray, w: NDArray) => NDArray, number[], number[]])[] = [
      [strided, [4, 8, 8, 3], [3, 3, 3, 5]],
      [channelsLast, [4, 6, 6, 16], [3, 3, 16, 16]],
      [channelsLast, [4, 6, 6, 2], [3, 3, 2, 8]],
    ]
    for (const [f, ...shapes] of cases) {
      expect(compare(f, shapes)).toContain('scan')
      expect(compare(grad(squares(f), { argnums: [0, 1] }) as Function, shapes)).toContain('scan')
    }
  })

  test('products with matrices that repeat: pieces are whole periods', () => {
    const heads = (x: NDArray, w: NDArray): NDArray => np.tanh(np.matmul(np.sin(x), np.broadcastTo(w, [6, 2, 3, 5])))
    const shapes = [
      [6, 2, 4, 3],
      [2, 3, 5],
    ]
    const kernels = compare(heads, shapes)
    expect(kernels).toContain('6 times from () over (in0) with (in1)')
    expect(kernels).toMatch(/2 times \[4,3\] x \[3,5\]\n.* and in0\(offset 0, strides 15,5,1\)/)
    compare(grad(squares(heads), { argnums: [0, 1] }) as Function, shapes)
  })

  test('products with matrices of two batch axes that lie apart: pieces are whole groups', () => {
    const scores = (x: NDArray, y: NDArray): NDArray =>
      np.tanh(np.einsum('bthd,bshd->bhts', np.sin(x), np.divide(y, 3)))
    const shapes = [
      [6, 4, 2, 3],
      [6, 5, 2, 3],
    ]
    const kernels = compare(scores, shapes)
    expect(kernels).toMatch(/2 times \[4,3\] x \[3,5\]\n.*strides 3,6,1\) and \w+\(offset 0, strides 3,1,6\)/)
    expect(kernels).toContain('6 times from () over (in0, in1)')
    compare(grad(squares(scores), { argnums: [0, 1] }) as Function, shapes)
  })

  test('attention and its gradients', () => {
    const shapes = [
      [4, 6, 3],
      [4, 6, 3],
      [4, 6, 3],
    ]
    expect(compare(attention, shapes)).toContain('scan')
    expect(compare(grad(squares(attention), { argnums: [0, 1, 2] }) as Function, shapes)).toContain('scan')
  })

  test('what only reads an array need not wait for others that read it: attention and its gradient are one loop', () => {
    const layer = (x: NDArray, q: NDArray, k: NDArray, v: NDArray, w: NDArray): NDArray => {
      const heads = (m: NDArray): NDArray => np.matmul(x, m).reshape([...x.shape.slice(0, 2), 2, -1])
      return np.matmul(nn.dotProductAttention(heads(q), heads(k), heads(v)).reshape(x.shape), w)
    }
    const gradients = (x: NDArray, q: NDArray, k: NDArray, v: NDArray, w: NDArray, g: NDArray): readonly NDArray[] =>
      vjp(layer, x, q, k, v, w)[1](g)
    const shapes = (...x: number[]): number[][] => [x, ...[1, 2, 3, 4].map(() => [...x.slice(-1), ...x.slice(-1)]), x]
    const listing = withDevice(
      'exact',
      () => jit(gradients as Function).lower(...shapes(8, 128, 64).map((shape) => np.zeros(shape))).kernels,
    )
    expect(listing.match(/^\d+: scan/gm)).toHaveLength(1)
    compare(gradients as Function, shapes(4, 6, 4))
  })

  test('a long group counts what is needed at a time: a transformed gradient is used up image by image', () => {
    const loss = (x: NDArray, w: NDArray): NDArray => np.sum(np.square(channelsLast(x, w)))
    const listing = withDevice(
      'exact',
      () =>
        jit(grad(loss, { argnums: [0, 1] }) as Function).lower(np.zeros([16, 16, 16, 32]), np.zeros([3, 3, 32, 64]))
          .kernels,
    )
    expect(listing.match(/^\d+: scan/gm)).toHaveLength(1)
    expect(listing).not.toMatch(/^temporaries.*f32\[16,4,4,/m)
  })

  test('a product that scores know nothing of is not cut with them, so that they can be with the product that reads both', () => {
    const heads = (x: NDArray): NDArray => x.reshape([4, 256, 4, 64])
    const layer = (q: NDArray, k: NDArray, x: NDArray, w: NDArray): NDArray =>
      nn.dotProductAttention(heads(q), heads(k), heads(np.matmul(x, w)))
    const listing = withDevice('exact', () => {
      const x = np.zeros([4, 256, 256])
      return jit(layer).lower(x, x, x, np.zeros([256, 256])).kernels
    })
    expect(listing).toMatch(/^0: contraction[^]*^1: scan[^]*16 times from \(\) over \([^()]*\) with \(\)/m)
    expect(listing).toMatch(/\[256,64\] x \[64,256\][^]*: rows[^]*\[256,256\] x \[256,64\]/)
    expect(listing).toContain('total 2 kernels')
  })

  test('matrix products with a small right side', () => {
    const dense = (x: NDArray, w: NDArray, b: NDArray): NDArray => np.tanh(np.add(np.matmul(x, w), b))
    expect(compare(dense, [[12, 4], [4, 5], [5]])).toContain('scan')
  })
})

describe('rows are finished one after the other', () => {
  test.each([
    ['softmax', (x: NDArray) => nn.softmax(x)],
    ['log softmax', (x: NDArray) => nn.logSoftmax(x)],
    ['gradient of softmax', grad(squares((x) => nn.softmax(known(x, 'x'))))],
  ] as const)('%s', (_, f) => {
    const kernels = compare(f as Function, [[12, 9]])
    expect(kernels.match(/: rows/g)).toHaveLength(1)
    expect(kernels).not.toMatch(/: (map|reduce)/)
  })

  test('layer normalization and its gradients', () => {
    const shapes = [[12, 9], [9], [9]]
    expect(compare(layerNorm, shapes).match(/: rows/g)).toHaveLength(1)
    compare(grad(squares(layerNorm), { argnums: [0, 1, 2] }) as Function, shapes)
  })

  test('a row that needs another row is left alone', () => {
    const shifted = (x: NDArray): NDArray => np.add(x, np.flip(np.sum(x, { axis: 1 })).reshape([12, 1]))
    expect(compare(shifted, [[12, 9]])).not.toContain(': rows')
    const previous = (x: NDArray): NDArray => np.subtract(nn.softmax(x), np.roll(nn.softmax(x), 1, { axis: 0 }))
    compare(previous, [[12, 9]])
  })
})
