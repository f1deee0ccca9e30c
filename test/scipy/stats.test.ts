/** Distributions are SciPy's in value; densities integrate, derivatives of probabilities are densities, quantiles are inverses. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type ArrayLike as Given, type NDArray, grad, jit, numpy as np, scipy, vmap } from 'cotangent'

interface Row {
  readonly x: readonly (number | string)[]
  readonly shapes: readonly number[]
  readonly options: { readonly loc?: number; readonly scale?: number }
  readonly values: readonly (number | string)[]
}

/** What SciPy gives, written by reference.py. */
const reference = JSON.parse(readFileSync(new URL('reference.json', import.meta.url), 'utf8')) as {
  readonly stats: Readonly<Record<string, Row>>
}
const { stats } = scipy
const f64 = (values: readonly number[] | number): NDArray => np.array(values as number[], { dtype: 'float64' })

type Function = (...xs: readonly (Given | Row['options'])[]) => NDArray
const distributions = { ...stats, gumbel_l: stats.gumbelL, gumbel_r: stats.gumbelR } as unknown as Readonly<
  Record<string, Readonly<Record<string, Function>>>
>
const functionOf = (name: string): Function | undefined => {
  const [distribution = '', kind = ''] = name.split('.')
  return distributions[distribution]?.[kind]
}

/** The functions that JAX has. */
const there = Object.entries(reference.stats).filter(([name]) => functionOf(name) !== undefined)

describe('values are those of SciPy', () => {
  it('of all the functions of all the distributions', () => {
    expect(there.length).toBeGreaterThan(90)
  })

  it.each(there)('%s', (name, row) => {
    const f = functionOf(name)
    const got = f?.(f64(row.x.map(Number)), ...row.shapes.map(f64), row.options)
    expect(got?.dtype).toBe('float64')
    const found = [...(got?.dataSync() ?? [])].map(Number)
    row.values.map(Number).forEach((value, i) => {
      const at = `at ${String(row.x[i])}`
      const error = Math.abs((found[i] ?? NaN) - value)
      const near = Number.isFinite(value) && error <= 1e-11 * Math.max(Math.abs(value), 1e-12)
      // A value that is near enough counts as the wanted one.
      expect(near ? value : found[i], at).toBe(value)
    })
  })
})

describe('densities and probabilities belong together', () => {
  /** Distributions with shape parameters, and an interval that holds all but a little of the probability. */
  const cases: readonly (readonly [string, readonly number[], readonly [number, number]])[] = [
    ['norm', [], [-12, 12]],
    ['expon', [], [0, 40]],
    ['laplace', [], [-40, 40]],
    ['logistic', [], [-45, 45]],
    ['uniform', [], [0, 1]],
    ['gumbelL', [], [-40, 5]],
    ['gumbelR', [], [-5, 40]],
    ['beta', [2.5, 1.7], [0, 1]],
    ['gamma', [2.2], [0, 60]],
    ['chi2', [3.3], [0, 120]],
    ['t', [12.5], [-60, 60]],
    ['gennorm', [1.4], [-20, 20]],
    ['truncnorm', [-1.2, 2.1], [-1.2, 2.1]],
    ['vonmises', [2], [-Math.PI, Math.PI]],
    ['wrapcauchy', [0.4], [0, 2 * Math.PI]],
  ]
  it.each(cases)(
    '%s: the density integrates to 1, and is the slope of the probability',
    (name, shapes, [low, high]) => {
      const { pdf, cdf, ppf, sf } = distributions[name] ?? {}
      const parameters = shapes.map(f64)
      // Midpoints, which leave the ends out.
      const n = 40_000
      const x = np.add(low, np.multiply((high - low) / n, np.add(np.arange(0, n, 1, { dtype: 'float64' }), 0.5)))
      const total = ((high - low) / n) * Number(np.sum(pdf?.(x, ...parameters) ?? x).item())
      expect(Math.abs(total - 1)).toBeLessThan(1e-5)
      const inside = f64([0.2, 0.37, 0.5, 0.71].map((part) => low + (high - low) * part * (high - low > 20 ? 0.1 : 1)))
      const y = name === 'norm' || low < -20 ? f64([-1.5, -0.2, 0.1, 2]) : inside
      if (cdf === undefined) return
      const largest = (difference: NDArray): number => Number(np.max(np.abs(difference)).item())
      const slope = grad((z: NDArray) => np.sum(cdf(z, ...parameters)))(y)
      expect(largest(slope.sub(pdf?.(y, ...parameters) ?? NaN))).toBeLessThan(5e-11)
      const back = ppf?.(cdf(y, ...parameters), ...parameters) ?? y
      expect(largest(back.sub(y))).toBeLessThan(5e-10)
      const both = np.add(cdf(y, ...parameters), sf?.(y, ...parameters) ?? np.subtract(1, cdf(y, ...parameters)))
      expect(largest(both.sub(1))).toBeLessThan(5e-14)
    },
  )

  it.each([
    ['binom', [7, 0.3]],
    ['nbinom', [3, 0.4]],
    ['geom', [0.3]],
    ['poisson', [3.4]],
    ['betabinom', [7, 2, 3]],
    ['bernoulli', [0.3]],
  ] as const)('%s: probabilities add up to 1', (name, shapes) => {
    const pmf = distributions[name]?.['pmf']
    const k = name === 'bernoulli' ? np.arange(2) : np.arange(200)
    expect(np.sum(pmf?.(k, ...shapes.map(f64)) ?? k).item()).toBeCloseTo(1, 10)
  })

  it('probabilities of vectors', () => {
    const [p, alpha] = [f64([0.2, 0.3, 0.5]), f64([1, 2, 3])]
    const counts = np.array([1, 2, 3], { dtype: 'int32' })
    expect(stats.multinomial.pmf(counts, 6, p).item()).toBeCloseTo(60 * 0.2 * 0.3 ** 2 * 0.5 ** 3, 12)
    expect(stats.multinomial.pmf(counts, 7, p).item()).toBe(0)
    // 1 / B(alpha) = gamma(6) / (gamma(1) gamma(2) gamma(3)) = 60.
    expect(stats.dirichlet.pdf(p, alpha).item()).toBeCloseTo(60 * 0.3 * 0.5 ** 2, 12)
    expect(stats.dirichlet.pdf(f64([0.2, 0.3]), alpha).item()).toBeCloseTo(60 * 0.3 * 0.5 ** 2, 12)
    expect(stats.dirichlet.pdf(f64([0.2, 0.3, 0.6]), alpha).item()).toBe(0)
    const [x, mean] = [f64([1, 2]), f64([0.5, 0])]
    const apart = np.add(stats.norm.logpdf(1, { loc: 0.5, scale: 2 }), stats.norm.logpdf(2, { loc: 0, scale: 3 }))
    const covariance = f64([4, 0, 0, 9]).reshape([2, 2])
    expect(stats.multivariateNormal.logpdf(x, mean, covariance).item()).toBeCloseTo(Number(apart.item()), 6)
    const same = stats.multivariateNormal.logpdf(x, mean, f64([2, 0, 0, 2]).reshape([2, 2])).item()
    expect(stats.multivariateNormal.logpdf(x, mean, 2).item()).toBeCloseTo(Number(same), 12)
    const stack = stats.multivariateNormal.pdf(np.ones([5, 1, 2]), np.zeros([2]), np.broadcastTo(np.eye(2), [3, 2, 2]))
    expect(stack.shape).toEqual([5, 3])
  })

  it('entropy of Poisson’s distribution is the sum that defines it', () => {
    for (const mu of [0.5, 5, 60]) {
      const p = stats.poisson.pmf(np.arange(0, 200, 1, { dtype: 'float64' }), mu)
      expect(stats.poisson.entropy(f64(mu)).item()).toBeCloseTo(Number(np.sum(scipy.special.entr(p)).item()), 11)
    }
    const [below, above] = stats.poisson.entropy(f64([99.999, 100.001])).js() as number[]
    expect(above).toBeCloseTo(below ?? NaN, 4)
  })
})

describe('statistics', () => {
  const x = np.array([3, 1, 3, 2])

  it('ranks', () => {
    expect(stats.rankdata(x).js()).toEqual([3.5, 1, 3.5, 2])
    expect(stats.rankdata(x, { method: 'min' }).js()).toEqual([3, 1, 3, 2])
    expect(stats.rankdata(x, { method: 'max' }).js()).toEqual([4, 1, 4, 2])
    expect(stats.rankdata(x, { method: 'dense' }).js()).toEqual([3, 1, 3, 2])
    expect(stats.rankdata(x, { method: 'ordinal' }).js()).toEqual([3, 1, 4, 2])
    const columns = np.array([
      [1, NaN],
      [0, 1],
    ])
    expect(stats.rankdata(columns, { axis: 0 }).js()).toEqual([
      [2, NaN],
      [1, NaN],
    ])
    const rows = np.array([
      [3, 1, 2],
      [5, 5, 0],
    ])
    expect(vmap((row: NDArray) => stats.rankdata(row))(rows).js()).toEqual(stats.rankdata(rows, { axis: 1 }).js())
  })

  it('modes: the smallest of the most frequent', () => {
    const [value, count] = stats.mode(
      np.array([
        [3, 1],
        [3, 2],
        [2, 2],
      ]),
    )
    expect([value.js(), count.js()]).toEqual([
      [3, 2],
      [2, 2],
    ])
    expect(stats.mode(np.array([4, 1, 1, 4])).map((part) => part.item())).toEqual([1, 2])
    expect(stats.mode(np.ones([2, 3]), { axis: null, keepdims: true })[0].shape).toEqual([1, 1])
    expect(() => stats.mode(np.zeros([0]))).toThrow(/no elements/)
  })

  it('standard errors, with and without NaN', () => {
    expect(stats.sem(f64([1, 2, 4])).item()).toBeCloseTo(Math.sqrt(7 / 9), 14)
    expect(stats.sem(f64([1, NaN, 2, 4])).item()).toBeNaN()
    expect(stats.sem(f64([1, NaN, 2, 4]), { nanPolicy: 'omit' }).item()).toBeCloseTo(Math.sqrt(7 / 9), 14)
    expect(stats.sem(np.ones([3, 4]), { axis: 1, keepdims: true }).shape).toEqual([3, 1])
  })
})

describe('arguments', () => {
  it('broadcast, are mapped, and have gradients', () => {
    expect(stats.gamma.logpdf(np.ones([3, 1]), np.ones([4]), { loc: np.zeros([2, 1, 1]) }).shape).toEqual([2, 3, 4])
    const f = (mu: NDArray): NDArray => np.sum(stats.norm.logpdf(f64([1, 2, 6]), { loc: mu, scale: 2 }))
    expect(jit(grad(f))(f64(3)).item()).toBeCloseTo(0, 14)
    const inShape = grad((a: NDArray) => stats.gamma.cdf(f64(2), a))(f64(1.5)).item()
    const difference = (a: number): number => Number(stats.gamma.cdf(f64(2), f64(a)).item())
    expect(inShape).toBeCloseTo((difference(1.5 + 1e-6) - difference(1.5 - 1e-6)) / 2e-6, 8)
  })

  it('errors name the function', () => {
    expect(() => stats.multinomial.logpmf(np.ones([3]), 3, np.ones([3]))).toThrow(/multinomial.*integers/)
    expect(() => stats.dirichlet.logpdf(np.ones([4]), np.ones([2]))).toThrow(/dirichlet/)
    expect(() => stats.multivariateNormal.logpdf(np.ones([2]), np.ones([2]), np.eye(3))).toThrow(/multivariateNormal/)
    expect(() => stats.rankdata(np.ones([2]), { method: 'last' as 'min' })).toThrow(/rankdata.*'last'/)
    expect(() => stats.sem(np.ones([2]), { nanPolicy: 'raise' as 'omit' })).toThrow(/sem.*'raise'/)
  })
})
