/** Special functions are SciPy's in value, have the derivatives of their formulas, and fulfil their identities. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type DType, type NDArray, grad, jit, jvp, numpy as np, scipy, vmap } from 'cotangent'

interface Row {
  readonly arguments: readonly (readonly (number | string)[])[]
  readonly values: readonly (number | string)[]
}

/** What SciPy gives, written by reference.py. */
const reference = JSON.parse(readFileSync(new URL('reference.json', import.meta.url), 'utf8')) as {
  readonly special: Readonly<Record<string, Row>>
}
const { special } = scipy

type Elementwise = (...xs: NDArray[]) => NDArray
const functions: Readonly<Record<string, Elementwise>> = {
  gammaln: special.gammaln,
  gamma: special.gamma,
  gammasgn: special.gammasgn,
  betaln: (a, b = a) => special.betaln(a, b),
  beta: (a, b = a) => special.beta(a, b),
  betainc: (a, b = a, x = a) => special.betainc(a, b, x),
  gammainc: (a, x = a) => special.gammainc(a, x),
  gammaincc: (a, x = a) => special.gammaincc(a, x),
  factorial: special.factorial,
  comb: (n, k = n) => special.comb(n, k),
  poch: (z, m = z) => special.poch(z, m),
  digamma: special.digamma,
  zeta: (x, q = x) => special.zeta(x, q),
  polygamma: (n, x = n) => special.polygamma(n.astype('int32'), x),
  erf: special.erf,
  erfc: special.erfc,
  erfinv: special.erfinv,
  erfcx: special.erfcx,
  dawsn: special.dawsn,
  ndtr: special.ndtr,
  ndtri: special.ndtri,
  log_ndtr: (x) => special.logNdtr(x),
  owens_t: (h, a = h) => special.owensT(h, a),
  logit: special.logit,
  expit: special.expit,
  xlogy: (x, y = x) => special.xlogy(x, y),
  xlog1py: (x, y = x) => special.xlog1py(x, y),
  entr: special.entr,
  rel_entr: (p, q = p) => special.relEntr(p, q),
  kl_div: (p, q = p) => special.klDiv(p, q),
  boxcox: (x, lmbda = x) => special.boxcox(x, lmbda),
  boxcox1p: (x, lmbda = x) => special.boxcox1p(x, lmbda),
  i0: special.i0,
  i0e: special.i0e,
  i1: special.i1,
  i1e: special.i1e,
  exp1: special.exp1,
  expi: special.expi,
  expn: (n, x = n) => special.expn(n, x),
  spence: special.spence,
}

const f64 = (values: readonly number[] | number): NDArray => np.array(values as number[], { dtype: 'float64' })

/** Largest error relative to the larger of a value and `floor`; infinite when infinities or NaN differ. */
const relativeError = (got: ArrayLike<number>, wanted: readonly number[], floor = 1e-300): number =>
  Math.max(
    ...wanted.map((value, i) => {
      const found = got[i] ?? NaN
      if (Object.is(found, value) || found === value || (Number.isNaN(found) && Number.isNaN(value))) return 0
      const error = Math.abs(found - value) / Math.max(Math.abs(value), floor)
      return Number.isNaN(error) ? Infinity : error
    }),
  )

describe('values are those of SciPy', () => {
  it('covers every recorded function', () => {
    expect(Object.keys(functions).sort()).toEqual(Object.keys(reference.special).sort())
  })

  /** How many times the spacing of numbers at 1 the error may be; 12 where nothing is said. */
  const places: Readonly<Record<string, number>> = {
    // Logarithms of large numbers cancel, or are raised to powers.
    beta: 80,
    betaln: 40,
    betainc: 300,
    comb: 40,
    gamma: 60,
    gammaincc: 40,
    poch: 40,
    gammainc: 800,
    // Near zeros of the function.
    dawsn: 300,
    digamma: 40,
    gammaln: 40,
    kl_div: 1000,
    log_ndtr: 60,
    ndtr: 20,
    owens_t: 20,
  }
  it.each(Object.entries(reference.special))('%s', (name, row) => {
    const f = functions[name] ?? (() => f64(NaN))
    const wanted = row.values.map(Number)
    for (const [dtype, epsilon] of [
      ['float64', 2 ** -52],
      ['float32', 2 ** -23],
    ] as const) {
      const columns = row.arguments.map((column) => np.array(column.map(Number), { dtype }))
      const got = jit(f)(...columns)
      expect(got.dtype).toBe(dtype)
      // Below 1e-37 float32 has fewer places.
      const floor = dtype === 'float32' ? 1e-30 : 1e-300
      const finite = wanted.map((value) => (dtype === 'float32' && Math.abs(value) > 3.4e38 ? Infinity * value : value))
      expect(relativeError(got.dataSync(), finite, floor), dtype).toBeLessThan((places[name] ?? 12) * epsilon)
    }
  })
})

describe('derivatives', () => {
  const at: Readonly<Record<string, readonly (readonly number[])[]>> = {
    gammaln: [[0.3, 2.5, -1.5]],
    gamma: [[0.3, 2.5, -1.5]],
    digamma: [[0.3, 2.5]],
    erfinv: [[-0.5, 0.2, 0.9]],
    erfcx: [[-2, 0.5, 3, 12]],
    dawsn: [[-1, 0.5, 4, 8]],
    ndtr: [[-2, 0.3]],
    ndtri: [[0.1, 0.5, 0.9]],
    log_ndtr: [[-25, -3, 1, 9]],
    exp1: [[0.1, 1, 5]],
    expi: [[-1, 0.5, 3, 10]],
    spence: [[0.3, 0.9999, 1, 1.6, 3]],
    logit: [[0.3]],
    entr: [[0.4, 2]],
    i0: [[-3, 0.5, 9]],
    i1: [[0, 0.5, 9]],
    i0e: [[-3, 0.5, 9]],
    i1e: [[0.2, 0.5, 9]],
    betainc: [
      [0.7, 2, 12],
      [1.5, 0.8, 9],
      [0.2, 0.7, 0.6],
    ],
    gammainc: [
      [0.4, 3, 20],
      [0.7, 2, 25],
    ],
    gammaincc: [
      [0.4, 3, 20],
      [0.7, 2, 25],
    ],
    betaln: [
      [0.4, 3],
      [0.7, 2],
    ],
    xlogy: [
      [0.4, 3],
      [0.7, 2],
    ],
    owens_t: [
      [0.4, -1.3],
      [0.7, 2],
    ],
    zeta: [
      [2.5, 4],
      [1.2, 0.4],
    ],
  }
  it.each(Object.entries(at))('%s: those of differences, twice', (name, columns) => {
    const f = functions[name] ?? (() => f64(NaN))
    const h = 1e-5
    const points = columns.map((column) => f64(column))
    // JAX has no derivative of zeta in its first argument either.
    for (const i of points.keys()) {
      if (name === 'zeta' && i === 0) continue
      const of = (x: NDArray): NDArray => f(...points.with(i, x))
      const slope = jit(grad((x: NDArray) => np.sum(of(x))))
      const curvature = jit(grad((x: NDArray) => np.sum(slope(x))))
      const difference = (g: (x: NDArray) => NDArray): number[] => {
        const x = points[i] ?? f64(NaN)
        const around = np.subtract(g(np.add(x, f64(h))), g(np.subtract(x, f64(h))))
        return [...np.divide(around, f64(2 * h)).dataSync()].map(Number)
      }
      const x = points[i] ?? f64(NaN)
      expect(relativeError(slope(x).dataSync() as Float64Array, difference(of), 0.01)).toBeLessThan(1e-6)
      expect(relativeError(curvature(x).dataSync() as Float64Array, difference(slope), 0.01)).toBeLessThan(1e-5)
    }
  })

  it('expn and sici, by their formulas', () => {
    const x = f64([0.5, 2])
    const slope = grad((z: NDArray) => np.sum(special.expn(2, z)))(x)
    expect(
      relativeError(slope.dataSync() as Float64Array, np.negative(special.expn(1, x)).js() as number[]),
    ).toBeLessThan(1e-14)
    const [[si, ci], [dsi, dci]] = jvp((z: NDArray) => special.sici(z), [x], [f64([1, 1])])
    expect(si.js()).toEqual(special.sici(x)[0].js())
    expect(ci.dtype).toBe('float64')
    expect(relativeError(dsi.dataSync() as Float64Array, np.divide(np.sin(x), x).js() as number[])).toBeLessThan(1e-14)
    expect(relativeError(dci.dataSync() as Float64Array, np.divide(np.cos(x), x).js() as number[])).toBeLessThan(1e-14)
  })

  it('of xlogy where a factor is zero, of logit in the middle', () => {
    const [x, y] = [f64([0, 2]), f64([4, 3])]
    expect(grad((z: NDArray) => np.sum(special.xlogy(x, z)))(y).js()).toEqual([0, 2 / 3])
    expect(grad((z: NDArray) => np.sum(special.logit(z)))(f64([0.5])).js()).toEqual([4])
  })
})

describe('identities', () => {
  const dtypes: readonly DType[] = ['float32', 'float64']
  const epsilon = (dtype: DType): number => (dtype === 'float64' ? 2 ** -52 : 2 ** -23)
  const largest = (x: NDArray): number => Number(np.max(np.abs(x)).item())
  const close = (x: NDArray, y: NDArray, tolerance: number): void =>
    expect(largest(np.subtract(x, y))).toBeLessThan(tolerance)

  it.each(dtypes)('inverses undo: erfinv, ndtri, logit in %s', (dtype) => {
    const p = np.linspace(0.01, 0.99, { num: 99, dtype })
    close(special.ndtr(special.ndtri(p)), p, 8 * epsilon(dtype))
    close(special.erf(special.erfinv(p)), p, 8 * epsilon(dtype))
    close(special.expit(special.logit(p)), p, 8 * epsilon(dtype))
  })

  it.each(dtypes)('incomplete functions have complements in %s', (dtype) => {
    const a = np.reshape(np.array([0.1, 1, 3, 20, 100], { dtype }), [5, 1])
    const x = np.array([0.05, 0.9, 2.5, 18, 105], { dtype })
    close(
      np.add(special.gammainc(a, x), special.gammaincc(a, x)),
      np.onesLike(special.gammainc(a, x)),
      8 * epsilon(dtype),
    )
    const b = np.array([0.3, 1, 2, 8, 90], { dtype })
    const z = np.reshape(np.array([0.1, 0.5, 0.85], { dtype }), [3, 1, 1])
    const both = np.add(special.betainc(a, b, z), special.betainc(b, a, np.subtract(1, z)))
    close(both, np.onesLike(both), 200 * epsilon(dtype))
  })

  it('recurrences of the gamma function and its derivatives', () => {
    const x = np.linspace(0.2, 8, { num: 40, dtype: 'float64' })
    const next = np.add(x, 1)
    close(np.divide(special.gamma(next), np.multiply(x, special.gamma(x))), np.onesLike(x), 1e-13)
    close(np.subtract(special.digamma(next), special.digamma(x)), np.divide(1, x), 1e-13)
    close(special.poch(x, 1), x, 1e-13)
    close(special.polygamma(0, x), special.digamma(x), 1e-14)
    close(np.subtract(special.zeta(3, x), special.zeta(3, next)), np.power(x, -3), 1e-11)
    expect(special.multigammaln(f64([5]), 1).js()).toEqual(special.gammaln(f64([5])).js())
  })

  it('Wronskian of modified Bessel functions, sum of those of the first kind', () => {
    const x = f64([0.5, 2, 7])
    const slope = grad((z: NDArray) => np.sum(special.i0(z)))(x)
    close(np.divide(slope, special.i1(x)), np.ones([3]), 1e-14)
    // J0 + 2 J2 + 2 J4 + ... = 1: DLMF 10.12.4 with t = 1.
    const j = special.besselJn(x, { v: 30 })
    expect(j.shape).toEqual([31, 3])
    const even = np.sum(j.get({ start: 2, step: 2 }), { axis: 0 })
    close(np.add(j.get(0), np.multiply(2, even)), np.ones([3]), 1e-14)
  })

  it('dilogarithms add up: Euler’s reflection, DLMF 25.12.6', () => {
    const x = np.linspace(0.05, 0.95, { num: 19, dtype: 'float64' })
    const sum = np.add(special.spence(x), special.spence(np.subtract(1, x)))
    const product = np.multiply(np.log(x), np.log1p(np.negative(x)))
    close(np.add(sum, product), np.fullLike(x, Math.PI ** 2 / 6), 1e-14)
  })

  it('dilogarithm of infinity is its limit', () => {
    expect(special.spence(Infinity).item()).toBe(-Infinity)
  })

  it('Bernoulli numbers', () => {
    const [b] = [special.bernoulli(12).dataSync()]
    const wanted = [1, -1 / 2, 1 / 6, 0, -1 / 30, 0, 1 / 42, 0, -1 / 30, 0, 5 / 66, 0, -691 / 2730]
    expect([...b]).toEqual(wanted.map(Math.fround))
  })

  it('choices with repetition', () => {
    expect(np.round(special.comb(f64([3, 0, 2]), f64([2, 0, 0]), { repetition: true })).js()).toEqual([6, 1, 1])
  })

  it('sine and cosine integrals far out and at zero', () => {
    const [si, ci] = special.sici(f64([0, Infinity, -Infinity, 1]))
    expect(si.js()).toEqual([0, Math.PI / 2, -Math.PI / 2, expect.closeTo(0.946083070367183, 14)])
    expect(ci.js()).toEqual([-Infinity, 0, NaN, expect.closeTo(0.337403922900968, 14)])
  })
})

describe('sums', () => {
  const x = np.array([
    [1, 2, 3],
    [1000, 1000, -1000],
  ])

  it('logsumexp of large numbers, along axes, with weights and signs', () => {
    const all = special.logsumexp(x, { axis: 1 }).js() as number[]
    expect(all[0]).toBeCloseTo(3.4076059, 5)
    expect(all[1]).toBeCloseTo(1000.6931, 3)
    expect(special.logsumexp(x).shape).toEqual([])
    expect(special.logsumexp(x, { axis: 0, keepdims: true }).shape).toEqual([1, 3])
    const [value, sign] = special.logsumexp(np.array([1, 2]), { b: np.array([1, -1]), returnSign: true })
    expect(value.item()).toBeCloseTo(Math.log(Math.E ** 2 - Math.E), 5)
    expect(sign.item()).toBe(-1)
    expect(special.logsumexp(np.array([-Infinity, -Infinity])).item()).toBe(-Infinity)
    const weights = grad((z: NDArray) => special.logsumexp(z))(np.array([0, 0]))
    expect(weights.js()).toEqual([0.5, 0.5])
  })

  it('softmax has sum 1, and its logarithm is its logarithm', () => {
    const p = special.softmax(x, { axis: 1 })
    expect(np.sum(p, { axis: 1 }).js()).toEqual([expect.closeTo(1, 6), expect.closeTo(1, 6)])
    expect(np.exp(special.logSoftmax(x, { axis: 1 })).js()).toEqual(
      (p.js() as number[][]).map((row) => row.map((value) => expect.closeTo(value, 6) as number)),
    )
  })
})

describe('arguments', () => {
  it('integers become floats, numbers and lists are taken, shapes broadcast, vmap is a loop', () => {
    expect(special.gammaln(np.array([1, 2], { dtype: 'int32' })).dtype).toBe('float32')
    expect(special.beta(2, 3).item()).toBeCloseTo(1 / 12, 6)
    expect(special.xlogy(np.ones([3, 1]), np.ones([4])).shape).toEqual([3, 4])
    const a = np.array([0.5, 2, 8])
    const mapped = vmap((each: NDArray) => special.gammainc(each, 1.5))(a)
    expect(mapped.js()).toEqual(special.gammainc(a, 1.5).js())
    expect(special.erf(np.zeros([0, 2])).shape).toEqual([0, 2])
    expect(special.betainc(np.zeros([0]), 1, 0.5).shape).toEqual([0])
  })

  it('errors name the function', () => {
    expect(() => special.multigammaln(np.ones([2]), -1)).toThrow(/multigammaln/)
    expect(() => special.besselJn(np.ones([2]), { v: 0.5 })).toThrow(/besselJn/)
    expect(() => special.bernoulli(-1)).toThrow(/bernoulli/)
  })
})
