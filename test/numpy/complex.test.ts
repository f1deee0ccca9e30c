/** Parts of complex pairs. */
import { expect, it } from 'vitest'
import { grad, numpy as np, random } from 'cotangent'

const z = np.fft.fft(random.normal(random.key(3), [8]))

it('modulus and angle give the parts back', () => {
  const modulus = np.hypot(np.real(z), np.imag(z))
  expect(np.allclose(np.multiply(modulus, np.cos(np.angle(z))), z.real, { atol: 1e-5 }).js()).toBe(true)
  expect(np.allclose(np.multiply(modulus, np.sin(np.angle(z))), z.imag, { atol: 1e-5 }).js()).toBe(true)
  expect(np.allclose(np.angle(np.array([1, -1]), { deg: true }), np.array([0, 180])).js()).toBe(true)
})

it('conjugation turns the imaginary part, and leaves real arrays', () => {
  expect(np.arrayEqual(np.conj(z).imag, np.negative(z.imag)).js()).toBe(true)
  const x = np.array([1, 2])
  expect(np.conjugate(x)).toBe(x)
  expect(np.imag(x).js()).toEqual([0, 0])
  expect(grad((y: typeof x) => np.sum(np.real(np.conj(np.fft.fft(y)))))(x).js()).toEqual([2, 0])
})

it('knows what is complex', () => {
  expect([np.iscomplexobj(z), np.isrealobj(z), np.iscomplexobj(1), np.isrealobj(1)]).toEqual([true, false, false, true])
  const pair = { real: np.array([1, 2]), imag: np.array([0, 3]) }
  expect(np.iscomplex(pair).js()).toEqual([false, true])
  expect(np.isreal(pair).js()).toEqual([true, false])
})

it('index lists of triangles like a matrix', () => {
  const x = np.ones([2, 3])
  expect(np.triuIndicesFrom(x, { k: 1 }).map((i) => i.js())).toEqual(
    np.triuIndices(2, { k: 1, m: 3 }).map((i) => i.js()),
  )
  expect(np.trilIndicesFrom(x).map((i) => i.js())).toEqual(np.trilIndices(2, { m: 3 }).map((i) => i.js()))
  expect(() => np.triuIndicesFrom(np.ones([2]))).toThrow(/expected a matrix/)
})
