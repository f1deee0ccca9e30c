/** Fresnel integrals and Kummer's function against mpmath with 40 digits, derivatives by every parameter included. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type NDArray, grad, jit, numpy as np, scipy } from 'cotangent'
import { devices, holds, on, tells } from '../transforms/support.js'

interface Reference {
  readonly fresnel: { readonly x: readonly number[]; readonly S: readonly number[]; readonly C: readonly number[] }
  /** Rows of a, b, x, the value, and its derivatives by a, b and x. */
  readonly hyp1f1: readonly (readonly number[])[]
}

const reference: Reference = JSON.parse(readFileSync(new URL('kummer-fresnel.json', import.meta.url), 'utf8'))
const { fresnel, hyp1f1 } = scipy.special
type Size = (wanted: number) => number
const own: Size = (w) => (w === 0 ? 1 : Math.abs(w))
/** Says that no element is further from the wanted one than the bound, of its size where errors are relative. */
const within = (got: NDArray, wanted: readonly number[], bound: number, sizeOf: Size = () => 1): void =>
  tells(got, (elements) => {
    expect(elements.length).toBe(wanted.length)
    expect(Math.max(...wanted.map((w, i) => Math.abs((elements[i] ?? NaN) - w) / sizeOf(w)))).toBeLessThan(bound)
  })

describe.each(devices)('on %s', (device) => {
  // WGSL has no float64; fresnel and hyp1f1 hold there in float32.
  const floats = device === 'webgpu' ? (['float32'] as const) : (['float64', 'float32'] as const)

  it.each(floats)('fresnel is that of mpmath, in %s', (dtype) =>
    on(device, () => {
      const { x, S, C } = reference.fresnel
      const [s, c] = fresnel(np.array(x, { dtype }))
      const bound = dtype === 'float64' ? 1e-15 : 3e-7
      within(s, S, bound)
      within(c, C, bound)
    }),
  )

  it.each(floats)('hyp1f1 and its derivatives are those of mpmath, in %s', (dtype) =>
    on(device, () => {
      const rows = reference.hyp1f1
      expect(rows.length).toBe(46)
      // What is less than any float32 comes out as 0 there.
      const rounded = (v: number): number => (dtype === 'float32' && Math.abs(v) < 2 ** -126 ? 0 : v)
      const column = (i: number): number[] => rows.map((row) => rounded(row[i] ?? NaN))
      const parameter = (i: number): NDArray => np.array(column(i), { dtype })
      const [a, b, x] = [parameter(0), parameter(1), parameter(2)]
      // In float32 the derivative by x loses most: 7.3e-5 where a and b are nearly equal and x is -18, which cancel.
      const bound = dtype === 'float64' ? 1e-12 : 1e-5
      within(hyp1f1(a, b, x), column(3), bound, own)
      const total = (p: NDArray, q: NDArray, y: NDArray): NDArray => np.sum(hyp1f1(p, q, y))
      const [byA, byB, byX] = grad(total, { argnums: [0, 1, 2] })(a, b, x)
      within(byA, column(4), bound, own)
      within(byB, column(5), bound, own)
      within(byX, column(6), dtype === 'float64' ? 1e-12 : 1e-4, own)
    }),
  )

  it('fresnel is odd, and has limits', () =>
    on(device, () => {
      const [s, c] = fresnel(np.array([Infinity, -Infinity, NaN]))
      holds(s, [0.5, -0.5, NaN])
      holds(c, [0.5, -0.5, NaN])
      const [zero] = fresnel(np.array([-0]))
      tells(zero, ([element]) => expect(Object.is(element, -0)).toBe(true))
    }))

  it('hyp1f1 is exp where its parameters are equal, 1 at 0, infinite at the poles, a polynomial where a is -n', () =>
    on(device, () => {
      tells(hyp1f1(2.5, 2.5, np.array([-3, 0, 4])), (elements) =>
        expect(elements).toEqual([Math.exp(-3), 1, Math.exp(4)].map((v) => expect.closeTo(v, 4))),
      )
      holds(hyp1f1(1, -2, 0.5), [Infinity])
      // 1 - 2 x / b + x^2 / (b (b + 1))
      tells(hyp1f1(-2, 3, 4), ([element]) => expect(element).toBeCloseTo(1 - 8 / 3 + 16 / 12, 6))
      const slope = jit((x: NDArray) => grad((y: NDArray) => hyp1f1(1, 1, y))(x))(np.array(0.5))
      tells(slope, ([element]) => expect(element).toBeCloseTo(Math.exp(0.5), 5))
    }))
})
