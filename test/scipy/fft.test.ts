/** Cosine transforms against their sums in float64, and what they undo. */
import { describe, expect, it } from 'vitest'
import { type NDArray, grad, jacrev, jit, numpy as np, scipy, vmap } from 'cotangent'
import type { Tolerance } from '../../src/testing/index.js'
import { close, devices, noise, on, precise, tells } from '../transforms/support.js'

const { dct, dctn, idct, idctn } = scipy.fft
const norms = ['backward', 'ortho', 'forward'] as const
const lengths = [1, 2, 3, 4, 5, 8, 9, 17, 64, 100]

/** The matrix of the transform, by its definition; whole turns are taken away first, since large angles are less exact. */
const matrix = (n: number, norm: (typeof norms)[number] = 'backward'): number[][] =>
  Array.from({ length: n }, (_, k) => {
    const scale = { backward: 2, ortho: Math.sqrt((k === 0 ? 1 : 2) / n), forward: 1 / n }[norm]
    return Array.from({ length: n }, (_, j) => scale * Math.cos((Math.PI * ((k * (2 * j + 1)) % (4 * n))) / (2 * n)))
  })

/** Coefficients are sums of n numbers, each less than 2: rounding is measured by that, not by what is left of a sum. */
const rounding = (n: number): Tolerance => ({
  relative: 0,
  absolute: 4 * n * (precise().dtype === 'float64' ? 2 ** -52 : 2 ** -23),
})

describe.each(devices)('on %s', (device) => {
  it.each(norms)('dct is its sum and idct undoes it, with norm %s', (norm) =>
    on(device, () => {
      for (const n of lengths) {
        const x = noise(n, [3, n])
        const wanted = np.matmul(x, np.array(matrix(n, norm), precise()).T)
        close(dct(x, { norm }), wanted, `dct of ${n}`, rounding(n))
        close(idct(dct(x, { norm }), { norm }), x, `idct of ${n}`, rounding(n + 2))
      }
    }),
  )

  it('under jit and vmap, and the derivative is the transposed matrix', () =>
    on(device, () => {
      const x = noise(1, [5, 6])
      close(jit((y: NDArray) => dct(y, { axis: 0 }))(x), dct(x.T).T, 'jit along the first axis', rounding(10))
      close(vmap((y: NDArray) => idct(y))(x), np.stack([...x].map((y) => idct(y))), 'vmap of idct', rounding(10))
      close(jacrev((y: NDArray) => dct(y))(noise(2, [7])), np.array(matrix(7), precise()), 'jacobian', rounding(10))
      const weights = noise(3, [5, 6])
      close(
        grad((y: NDArray) => np.sum(np.multiply(weights, dctn(y, { norm: 'ortho' }))))(x),
        idctn(weights, { norm: 'ortho' }),
        'an orthogonal transform is undone by its transpose',
        rounding(10),
      )
    }))

  it('lengths cut and pad; several axes are one after the other', () =>
    on(device, () => {
      const x = noise(4, [4, 6])
      close(dct(x, { n: 3 }), dct(x.get('...', { start: 0, stop: 3 })), 'cut', rounding(10))
      close(dct(x, { n: 8, axis: 0 }), dct(np.pad(x, [[0, 4], [0, 0]]), { axis: 0 }), 'padded', rounding(10)) // prettier-ignore
      close(dctn(x), dct(dct(x, { axis: 0 }), { axis: 1 }), 'dctn', rounding(10))
      close(idctn(dctn(x, { axes: [1] }), { axes: [1] }), x, 'idctn of one axis', rounding(10))
      close(dctn(x, { s: [3, 7] }), dctn(np.pad(x.get({ start: 0, stop: 3 }), [[0, 0], [0, 1]])), 'lengths', rounding(10)) // prettier-ignore
      expect(dct(np.arange(4)).dtype).toBe('float32')
      tells(dct(np.array([1, 2, 3])), ([first]) => expect(first).toBe(12))
    }))
})

it('what does not exist is an error', () => {
  const x = np.ones([4])
  expect(() => Reflect.apply(dct, undefined, [x, { type: 3 }])).toThrow("idct(x, { norm: 'forward' })")
  expect(() => dct(x, { n: 0 })).toThrow('a transform of length 0 does not exist')
  expect(() => dct(np.ones([0]))).toThrow('a transform of length 0 does not exist')
  expect(() => dctn(x, { s: [1, 2], axes: [0] })).toThrow('2 lengths for 1 axes')
  expect(() => Reflect.apply(dct, undefined, [x, { norm: 'half' }])).toThrow("'half' is not a norm")
  expect(() => dct(x, { axis: 1 })).toThrow('axis')
})
