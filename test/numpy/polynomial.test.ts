/** Polynomials as coefficients: rings, division, zeros, fits. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type NDArray, ArgumentError, ShapeError, grad, jit, numpy as np, random, vmap } from 'cotangent'

const coefficients = fc.array(fc.integer({ min: -5, max: 5 }), { minLength: 1, maxLength: 6 })
const p = (values: readonly number[]): NDArray => np.array([...values], { dtype: 'float64' })
const points = p([-1.5, -0.5, 0, 1, 2])
const error = (x: NDArray, y: NDArray): number => (x.size === 0 ? 0 : np.max(np.abs(np.subtract(x, y))).item())

describe('arithmetic', () => {
  it('is that of the values', () => {
    fc.assert(
      fc.property(coefficients, coefficients, (a, b) => {
        const [x, y] = [np.polyval(p(a), points), np.polyval(p(b), points)]
        expect(error(np.polyval(np.polyadd(p(a), p(b)), points), np.add(x, y))).toBeLessThan(1e-9)
        expect(error(np.polyval(np.polysub(p(a), p(b)), points), np.subtract(x, y))).toBeLessThan(1e-9)
        expect(error(np.polyval(np.polymul(p(a), p(b)), points), np.multiply(x, y))).toBeLessThan(1e-7)
      }),
      { numRuns: 25, seed: 3 },
    )
  })

  it('division leaves a remainder of lower degree', () => {
    fc.assert(
      fc.property(coefficients, coefficients, fc.integer({ min: 1, max: 3 }), (u, v, lead) => {
        const divisor = [lead, ...v]
        const [q, r] = np.polydiv(p(u), p(divisor))
        expect(error(np.polyadd(np.polymul(q, p(divisor)), r).get({ start: -u.length }), p(u))).toBeLessThan(1e-6)
        expect(r.size).toBeLessThanOrEqual(Math.max(u.length, divisor.length - 1))
      }),
      { numRuns: 25, seed: 4 },
    )
    expect(np.polydiv(p([2, 4]), p([2])).map((x) => x.js())).toEqual([[1, 2], [0]])
    expect(np.polymul(p([0, 1]), p([0, 0, 2]), { trimLeadingZeros: true }).js()).toEqual([2])
    expect(() => np.polydiv(np.ones([2, 2]), np.ones([2]))).toThrow(ShapeError)
  })

  it('integration undoes differentiation, and both are derivatives of the value', () => {
    const c = p([2, -3, 0, 5])
    expect(np.polyder(np.polyint(c, { m: 2, k: 7 }), { m: 2 }).js()).toEqual(c.js())
    const slope = vmap(grad((t: NDArray) => np.polyval(c, t)))(points)
    expect(error(np.polyval(np.polyder(c), points), slope)).toBeLessThan(1e-12)
    expect(np.polyder(c, { m: 9 }).shape).toEqual([0])
    expect(() => np.polyder(c, { m: -1 })).toThrow(ArgumentError)
    expect(() => np.polyint(c, { m: 3, k: np.array([1, 2]) })).toThrow('2 constants for 3 integrations')
  })

  it('long polynomials run as a loop', () => {
    const c = np.ones([40])
    expect(np.polyval(c, 0.5).item()).toBeCloseTo(2, 6)
    expect(grad((x: NDArray) => np.polyval(c, x))(np.array(0.5)).item()).toBeCloseTo(4, 4)
  })
})

describe('zeros', () => {
  it('poly has the zeros it is given, roots finds them', () => {
    const zeros = [-2, -0.5, 1, 3]
    const c = np.poly(p(zeros))
    expect(error(np.polyval(c, p(zeros)), p([0, 0, 0, 0]))).toBeLessThan(1e-12)
    const found = np.roots(c)
    expect([...found.real.dataSync()].sort((a, b) => a - b).map((x) => Math.round(x * 1e9) / 1e9)).toEqual(zeros)
    expect([...found.imag.dataSync()]).toEqual([0, 0, 0, 0])
  })

  it('leading zeros are dropped; inside of jit as many roots are NaN', () => {
    expect(np.roots(np.array([0, 0, 1, -3])).real.js()).toEqual([3])
    const inside = jit((c: NDArray) => np.roots(c))(np.array([0, 0, 1, -3]))
    const there = [...inside.real.dataSync()].filter((x) => !Number.isNaN(x))
    expect(there).toHaveLength(1)
    expect(there[0]).toBeCloseTo(3, 5)
    expect(inside.real.shape).toEqual([3])
    expect(np.roots(np.zeros([3])).real.shape).toEqual([0])
  })

  it('poly of a matrix is its characteristic polynomial', () => {
    const a = np.array([
      [0, -1],
      [1, 0],
    ])
    expect(error(np.poly(a), np.array([1, 0, 1]))).toBeLessThan(1e-6)
  })
})

describe('polyfit', () => {
  const x = np.linspace(-1, 1, { num: 12 })
  it('finds the polynomial that points lie on, of several columns too', () => {
    const c = np.array([
      [1, -2],
      [0.5, 3],
      [2, 0],
    ])
    const y = np.matmul(np.vander(x, { N: 3 }), c)
    expect(error(np.polyfit(x, y, 2), c)).toBeLessThan(1e-5)
  })

  it('weights, full output and covariance', () => {
    const y = np.add(np.square(x), np.multiply(0.1, random.normal(random.key(0), [12])))
    const [fitted, residuals, rank, s, rcond] = np.polyfit(x, y, 2, { full: true })
    expect([fitted.shape, residuals.shape, rank.item(), s.shape]).toEqual([[3], [1], 3, [3]])
    expect(rcond).toBeCloseTo(12 * 2 ** -23, 12)
    const [, covariance] = np.polyfit(x, y, 2, { cov: true })
    expect(error(covariance, np.matrixTranspose(covariance))).toBeLessThan(1e-6)
    const heavy = np.polyfit(x, y, 1, { w: np.where(np.greater(x, 0), 1, 0) })
    const right = np.polyfit(x.get({ start: 6 }), y.get({ start: 6 }), 1)
    expect(error(heavy, right)).toBeLessThan(1e-4)
    expect(() => np.polyfit(x, y, -1)).toThrow(ArgumentError)
    expect(() => np.polyfit(x, np.ones([3]), 1)).toThrow(ShapeError)
  })
})
