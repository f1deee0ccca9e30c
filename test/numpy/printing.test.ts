/** Texts of arrays: NumPy 2.4's, with shape and dtype; consoles and notebooks show them. */
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { type NDArray, jit, numpy as np } from 'cotangent'

describe('String(x)', () => {
  it('aligns floats with the digits that they need', () => {
    expect(
      String(
        np.array([
          [1, 2.5],
          [-3, 100],
        ]),
      ),
    ).toMatchInlineSnapshot(`
      "array([[  1. ,   2.5],
             [ -3. , 100. ]], shape=[2,2], dtype=float32)"
    `)
    expect(String(np.array([0.1, 1 / 3]))).toBe('array([0.1       , 0.33333334], shape=[2], dtype=float32)')
    expect(String(np.array([0.1, 1 / 3], { dtype: 'float64' }))).toBe(
      'array([0.1       , 0.33333333], shape=[2], dtype=float64)',
    )
    expect(String(np.array([0.1, 1], { dtype: 'float16' }))).toBe('array([0.1, 1. ], shape=[2], dtype=float16)')
    expect(String(np.array(2.5))).toBe('array(2.5, shape=[], dtype=float32)')
  })

  it('uses exponents where magnitudes differ much', () => {
    expect(String(np.array([1e-7, 1]))).toBe('array([1.e-07, 1.e+00], shape=[2], dtype=float32)')
    expect(String(np.array([123456789, 0.5]))).toBe('array([1.2345679e+08, 5.0000000e-01], shape=[2], dtype=float32)')
  })

  it('shows NaN, infinities and -0', () => {
    expect(String(np.array([NaN, 1.5, -Infinity, -0]))).toBe(
      'array([ nan,  1.5, -inf, -0. ], shape=[4], dtype=float32)',
    )
  })

  it('integers, bool, nothing', () => {
    expect(String(np.array([1, -20], { dtype: 'int32' }))).toBe('array([  1, -20], shape=[2], dtype=int32)')
    expect(String(np.array([true, false]))).toBe('array([ True, False], shape=[2], dtype=bool)')
    expect(String(np.zeros([2, 0]))).toBe('array([], shape=[2,0], dtype=float32)')
  })

  it('breaks long rows, and shows large arrays by their edges', () => {
    expect(String(np.arange(30))).toMatchInlineSnapshot(`
      "array([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16,
             17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29],
             shape=[30], dtype=int32)"
    `)
    expect(String(np.reshape(np.arange(3000), [30, 100]))).toMatchInlineSnapshot(`
      "array([[   0,    1,    2, ...,   97,   98,   99],
             [ 100,  101,  102, ...,  197,  198,  199],
             [ 200,  201,  202, ...,  297,  298,  299],
             ...,
             [2700, 2701, 2702, ..., 2797, 2798, 2799],
             [2800, 2801, 2802, ..., 2897, 2898, 2899],
             [2900, 2901, 2902, ..., 2997, 2998, 2999]],
             shape=[30,100], dtype=int32)"
    `)
    expect(String(np.reshape(np.arange(8), [2, 2, 2]))).toMatchInlineSnapshot(`
      "array([[[0, 1],
              [2, 3]],

             [[4, 5],
              [6, 7]]], shape=[2,2,2], dtype=int32)"
    `)
  })

  it('traced arrays say what they are', () => {
    let text = ''
    const f = jit(function double(x: NDArray) {
      text = `${String(x)}; ${inspect(x)}`
      return x
    })
    f(np.ones([2]))
    expect(text).toMatch(/^Traced<f32\[2\]> in .*; Traced<f32\[2\]> in /)
  })
})

describe('consoles and notebooks', () => {
  it('inspect shows the values', () => {
    expect(inspect({ x: np.array([1, 2]) })).toBe('{ x: array([1., 2.], shape=[2], dtype=float32) }')
  })

  it('notebooks get a table', () => {
    const display: unknown = Reflect.get(np.array([[1, 2]]), Symbol.for('Jupyter.display'))
    if (typeof display !== 'function') throw new Error('no display')
    expect(Reflect.apply(display, np.array([[1, 2]]), [])).toEqual({
      'text/plain': 'array([[1., 2.]], shape=[1,2], dtype=float32)',
      'text/html': '<table><tbody><tr><td>1.</td><td>2.</td></tr></tbody></table><small>float32[1,2]</small>',
    })
  })
})
