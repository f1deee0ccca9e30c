/** Fresnel integrals and Kummer's function against mpmath with 40 digits, derivatives by every parameter included. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type NDArray, grad, jit, numpy as np, scipy, withDevice } from 'cotangent'

interface Reference {
  readonly fresnel: { readonly x: readonly number[]; readonly S: readonly number[]; readonly C: readonly number[] }
  /** Rows of a, b, x, the value, and its derivatives by a, b and x. */
  readonly hyp1f1: readonly (readonly number[])[]
}

const reference: Reference = JSON.parse(readFileSync(new URL('kummer-fresnel.json', import.meta.url), 'utf8'))
const { fresnel, hyp1f1 } = scipy.special
const f64 = (values: readonly number[]): NDArray => np.array(values, { dtype: 'float64' })
const largest = (got: NDArray, wanted: readonly number[]): number =>
  Math.max(...wanted.map((w, i) => Math.abs((got.dataSync()[i] ?? NaN) - w)))
const relative = (got: NDArray, wanted: readonly number[]): number =>
  Math.max(...wanted.map((w, i) => Math.abs((got.dataSync()[i] ?? NaN) - w) / (w === 0 ? 1 : Math.abs(w))))

describe.each(['js', 'wasm'])('on %s', (device) => {
  it('fresnel is that of mpmath, in float64 and float32', () =>
    withDevice(device, () => {
      const { x, S, C } = reference.fresnel
      for (const [dtype, bound] of [
        ['float64', 1e-15],
        ['float32', 3e-7],
      ] as const) {
        const [s, c] = fresnel(np.array(x, { dtype }))
        expect(largest(s, S)).toBeLessThan(bound)
        expect(largest(c, C)).toBeLessThan(bound)
      }
    }))

  it('hyp1f1 and its derivatives are those of mpmath', () =>
    withDevice(device, () => {
      const column = (i: number): number[] => reference.hyp1f1.map((row) => row[i] ?? NaN)
      const [a, b, x] = [f64(column(0)), f64(column(1)), f64(column(2))]
      expect(relative(hyp1f1(a, b, x), column(3))).toBeLessThan(1e-12)
      const total = (p: NDArray, q: NDArray, y: NDArray): NDArray => np.sum(hyp1f1(p, q, y))
      const slopes = grad(total, { argnums: [0, 1, 2] })(a, b, x)
      slopes.forEach((slope, i) => expect(relative(slope, column(4 + i))).toBeLessThan(1e-12))
    }))
})

it('fresnel is odd, and has limits', () => {
  const [s, c] = fresnel(np.array([Infinity, -Infinity, NaN]))
  expect([s.js(), c.js()]).toEqual([
    [0.5, -0.5, NaN],
    [0.5, -0.5, NaN],
  ])
  const [zero] = fresnel(np.array([-0]))
  expect(Object.is(zero.item(), -0)).toBe(true)
})

it('hyp1f1 is exp where its parameters are equal, 1 at 0, infinite at the poles, a polynomial where a is -n', () => {
  expect(hyp1f1(2.5, 2.5, np.array([-3, 0, 4])).js()).toEqual(
    [Math.exp(-3), 1, Math.exp(4)].map((v) => expect.closeTo(v, 4)),
  )
  expect(hyp1f1(1, -2, 0.5).item()).toBe(Infinity)
  // 1 - 2 x / b + x^2 / (b (b + 1))
  expect(hyp1f1(-2, 3, 4).item()).toBeCloseTo(1 - 8 / 3 + 16 / 12, 6)
  expect(jit((x: NDArray) => grad((y: NDArray) => hyp1f1(1, 1, y))(x))(np.array(0.5)).item()).toBeCloseTo(
    Math.exp(0.5),
    5,
  )
})
