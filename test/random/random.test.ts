/** Random numbers are JAX's: the same bits, and samples that differ by rounding at most; and samplers are pure functions. */
import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type DType, type NDArray, jit, nn, numpy as np, random, vmap } from 'cotangent'

interface Expected {
  readonly shape: readonly number[]
  readonly dtype: DType
  readonly data: readonly number[]
}

/** What JAX 0.10.2 gives on a CPU for `jax.random.key(7)` and the arguments below, with 64-bit types only where named. */
const jax = JSON.parse(readFileSync(new URL('jax.json', import.meta.url), 'utf8')) as Record<string, Expected>

const { initializers } = nn
const key = random.key(7)
const table = np.arange(12).reshape([4, 3])

const cases: Readonly<Record<string, () => NDArray>> = {
  key: () => random.keyData(random.key(42)),
  'key negative': () => random.key(-1),
  'key large': () => random.key(2 ** 33 + 5),
  split: () => random.split(key),
  'split 5': () => random.split(key, 5),
  'split shape': () => random.split(key, [2, 3]),
  foldIn: () => random.foldIn(key, 123),
  'foldIn large': () => random.foldIn(key, 4294967295),
  bits: () => random.bits(key, [2, 3, 2]),
  'bits scalar': () => random.bits(key),
  'bits uint8': () => random.bits(key, [9], { dtype: 'uint8' }),
  uniform: () => random.uniform(key, [7]),
  'uniform range': () => random.uniform(key, [2, 4], { minval: -3, maxval: 5 }),
  'uniform arrays': () => random.uniform(key, [2, 3], { minval: np.array([0, 1, 2]), maxval: np.array([[1], [4]]) }),
  'uniform float16': () => random.uniform(key, [6], { dtype: 'float16' }),
  'uniform bfloat16': () => random.uniform(key, [6], { dtype: 'bfloat16' }),
  'uniform float64': () => random.uniform(key, [4], { dtype: 'float64' }),
  normal: () => random.normal(key, [3, 5]),
  'normal float64': () => random.normal(key, [4], { dtype: 'float64' }),
  lognormal: () => random.lognormal(key, 0.5, [5]),
  truncatedNormal: () => random.truncatedNormal(key, -2, 2, [8]),
  'truncatedNormal narrow': () => random.truncatedNormal(key, np.array([-1, 0, 1]), np.array([-0.5, 0.25, 3])),
  exponential: () => random.exponential(key, [5]),
  gumbel: () => random.gumbel(key, [5]),
  'gumbel high': () => random.gumbel(key, [5], { mode: 'high' }),
  laplace: () => random.laplace(key, [5]),
  logistic: () => random.logistic(key, [5]),
  cauchy: () => random.cauchy(key, [5]),
  pareto: () => random.pareto(key, 2.5, [5]),
  rayleigh: () => random.rayleigh(key, 2, [5]),
  weibullMin: () => random.weibullMin(key, 2, 1.5, [5]),
  triangular: () => random.triangular(key, -1, 0.5, 2, [5]),
  maxwell: () => random.maxwell(key, [5]),
  wald: () => random.wald(key, 1.5, [5]),
  bernoulli: () => random.bernoulli(key, 0.3, [12]),
  'bernoulli array': () => random.bernoulli(key, np.array([0, 0.1, 0.5, 0.9, 1])),
  rademacher: () => random.rademacher(key, [9]),
  'rademacher float': () => random.rademacher(key, [9], { dtype: 'float32' }),
  randint: () => random.randint(key, [9], -5, 12),
  'randint large': () => random.randint(key, [6], 0, 2147483647),
  'randint full': () => random.randint(key, [6], -2147483648, 2147483647),
  'randint medium': () => random.randint(key, [6], 0, 100000),
  'randint empty': () => random.randint(key, [4], 3, 3),
  'randint uint8': () => random.randint(key, [6], 0, 256, { dtype: 'uint8' }),
  'randint int8': () => random.randint(key, [6], -100, 100, { dtype: 'int8' }),
  'randint uint32': () => random.randint(key, [6], 5, 4000000000, { dtype: 'uint32' }),
  'randint arrays': () =>
    random.randint(key, [2, 3], np.array([0, 10, -7], { dtype: 'int32' }), np.array([[5], [100]], { dtype: 'int32' })),
  'randint beyond': () => random.randint(key, [5], 2, np.array(4294967295, { dtype: 'uint32' })),
  categorical: () =>
    random.categorical(
      key,
      np.array([
        [0, 1, 2, 3],
        [3, 0, 0, 0],
      ]),
    ),
  'categorical shape': () =>
    random.categorical(
      key,
      np.array([
        [0, 1, 2],
        [3, 0, 0],
      ]),
      { axis: 0, shape: [4, 3] },
    ),
  'categorical distinct': () =>
    random.categorical(
      key,
      np.array([
        [0, 1, 2, 3],
        [3, 0, 0, 0],
      ]),
      { shape: [3, 2], replace: false },
    ),
  geometric: () => random.geometric(key, 0.2, [8]),
  permutation: () => random.permutation(key, 12),
  'permutation long': () => random.permutation(key, 3000).get({ stop: 20 }),
  'permutation array': () => random.permutation(key, np.array([1, 2, 3, 4, 5])),
  'permutation rows': () => random.permutation(key, table),
  'permutation columns': () => random.permutation(key, table, { axis: 1 }),
  'permutation independent': () => random.permutation(key, table, { axis: 1, independent: true }),
  choice: () => random.choice(key, 10, [6]),
  'choice distinct': () => random.choice(key, 10, [2, 3], { replace: false }),
  'choice weighted': () => random.choice(key, np.array([1, 2, 3, 4]), [8], { p: np.array([0.1, 0.2, 0.3, 0.4]) }),
  'choice weighted distinct': () =>
    random.choice(key, 5, [3], { replace: false, p: np.array([0.1, 0.2, 0.3, 0.2, 0.2]) }),
  'choice rows': () => random.choice(key, table, [5]),
  'choice columns': () => random.choice(key, table, [2], { replace: false, axis: 1 }),
  lecunNormal: () => initializers.lecunNormal()(key, [4, 3]),
  heNormal: () => initializers.heNormal()(key, [3, 3, 2, 4]).get(0, 0),
  glorotUniform: () => initializers.glorotUniform()(key, [4, 3]),
  varianceScaling: () => initializers.varianceScaling(2, 'fanOut', 'normal')(key, [4, 3]),
  'initializers.normal': () => initializers.normal(0.5)(key, [5]),
  'initializers.truncatedNormal': () => initializers.truncatedNormal(0.5)(key, [5]),
  'initializers.uniform': () => initializers.uniform(0.5)(key, [5]),
}

/** Samples that are exact; the others go through transcendental functions. */
const exact =
  /^(key|split|foldIn|bits|uniform$|uniform float|bernoulli|rademacher|randint|permutation|choice|categorical)/

describe('samples are those of JAX', () => {
  it('covers every recorded case', () => {
    expect(Object.keys(cases).sort()).toEqual(Object.keys(jax).sort())
  })
  for (const [name, sample] of Object.entries(cases)) {
    it(`is JAX's: ${name}`, () => {
      const expected = jax[name]
      const got = sample()
      expect(got.shape).toEqual(expected?.shape)
      expect(got.dtype).toBe(expected?.dtype)
      const values = Array.from(got.dataSync())
      expected?.data.forEach((value, i) => {
        const wanted = got.dtype === 'float32' ? Math.fround(value) : value
        const error = Math.abs((values[i] ?? NaN) - wanted)
        expect(error).toBeLessThanOrEqual(exact.test(name) ? 0 : 2e-6 + 5e-6 * Math.abs(wanted))
      })
    })
  }
})

describe('samplers are pure functions of the key', () => {
  const samplers: Readonly<Record<string, (key: NDArray) => NDArray>> = {
    uniform: (k) => random.uniform(k, [3]),
    normal: (k) => random.normal(k, [2, 2]),
    truncatedNormal: (k) => random.truncatedNormal(k, -1, 2, [3]),
    bernoulli: (k) => random.bernoulli(k, 0.4, [5]),
    randint: (k) => random.randint(k, [4], -3, 9),
    permutation: (k) => random.permutation(k, 6),
    choice: (k) => random.choice(k, 6, [3], { replace: false }),
    categorical: (k) => random.categorical(k, np.array([0, 1, 2]), { shape: [4] }),
    split: (k) => random.split(k, 3),
    foldIn: (k) => random.foldIn(k, 5),
  }
  for (const [name, sampler] of Object.entries(samplers)) {
    it(`${name}: vmap over keys is a loop, jit changes nothing`, () => {
      const keys = random.split(random.key(3), 4)
      const mapped = vmap(sampler)(keys)
      const looped = np.stack([...keys].map((k) => sampler(k)))
      expect(mapped.js()).toEqual(looped.js())
      expect(jit(sampler)(key).js()).toEqual(sampler(key).js())
    })
  }

  it('keys that are made at once are those that one program makes', () => {
    const parent = random.key(0xdeadbeef)
    const programs = jit((k: NDArray) => [random.split(k, 64), random.split(k, 65), random.split(k, [3, 5])] as const)
    const [few, many, grid] = programs(parent)
    expect(random.split(parent, 64).js()).toEqual(few.js())
    expect(random.split(parent, 65).js()).toEqual(many.js())
    expect(random.split(parent, [3, 5]).js()).toEqual(grid.js())
    expect(random.split(parent, 0).shape).toEqual([0, 2])
    for (const data of [0, -1, 2 ** 31, 2 ** 33 + 5])
      expect(random.foldIn(parent, data).js()).toEqual(jit((k: NDArray) => random.foldIn(k, data))(parent).js())
    const given = random.key(1)
    given[Symbol.dispose]()
    expect(() => random.split(given)).toThrow('has no values any more')
  })

  it('keys may be traced and made of traced seeds', () => {
    const seeds = np.array([0, 1, -1], { dtype: 'int32' })
    expect(vmap(random.key)(seeds).js()).toEqual([0, 1, -1].map((seed) => random.key(seed).js()))
    const folded = vmap((i: NDArray) => random.foldIn(key, i))(np.arange(3))
    expect(folded.js()).toEqual([0, 1, 2].map((i) => random.foldIn(key, i).js()))
  })
})

describe('properties', () => {
  it('uniform of a reversed interval is its first bound, as in JAX', () => {
    const bounds = { minval: 5, maxval: 3 }
    expect(random.uniform(key, [4], bounds).js()).toEqual([5, 5, 5, 5])
    expect(random.uniform(key, [4], { minval: np.array(5), maxval: 3 }).js()).toEqual([5, 5, 5, 5])
  })
  it('uniform stays in its interval', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.double({ min: -1e6, max: 1e6, noNaN: true }),
        fc.double({ min: 0, max: 1e6, noNaN: true }),
        (seed, low, width) => {
          const [minval, maxval] = [Math.fround(low), Math.fround(low + width)]
          const values = random.uniform(random.key(seed), [20], { minval, maxval }).dataSync()
          // As in JAX, the size of the interval is rounded, so that the last place of the upper bound is not exact.
          const slack = 1.2e-7 * (Math.abs(minval) + Math.abs(maxval))
          return values.every((v) => v >= minval && v <= maxval + slack)
        },
      ),
      { numRuns: 50 },
    )
  })

  it('randint stays in its interval, and numbers and arrays as bounds agree', () => {
    fc.assert(
      fc.property(fc.integer(), fc.maxSafeInteger(), fc.maxSafeInteger(), (seed, a, b) => {
        const [low, high] = [a | 0, b | 0].sort((x, y) => x - y) as [number, number]
        const scalar = (x: number): NDArray => np.array(x, { dtype: 'int32' })
        const values = random.randint(random.key(seed), [10], low, high)
        expect(random.randint(random.key(seed), [10], scalar(low), scalar(high)).js()).toEqual(values.js())
        return values.dataSync().every((v) => v >= low && (v < high || low === high))
      }),
      { numRuns: 50 },
    )
  })

  it('a permutation holds every element once', () => {
    fc.assert(
      fc.property(fc.integer(), fc.nat(300), (seed, n) => {
        const order = Array.from(random.permutation(random.key(seed), n).dataSync())
        expect(order.sort((x, y) => x - y)).toEqual(Array.from({ length: n }, (_, i) => i))
      }),
      { numRuns: 30 },
    )
  })

  it('moments are those of the distributions', () => {
    const n = 50_000
    const moments = (x: NDArray): [number, number] => [np.mean(x).item(), np.std(x).item()]
    const near = ([mean, deviation]: [number, number], m: number, s: number): void => {
      expect(Math.abs(mean - m)).toBeLessThan(0.03)
      expect(Math.abs(deviation - s)).toBeLessThan(0.03)
    }
    near(moments(random.normal(key, [n])), 0, 1)
    near(moments(random.uniform(key, [n])), 0.5, Math.sqrt(1 / 12))
    near(moments(random.exponential(key, [n])), 1, 1)
    near(moments(random.laplace(key, [n])), 0, Math.SQRT2)
    near(moments(random.gumbel(key, [n])), 0.57722, Math.PI / Math.sqrt(6))
    near(moments(random.logistic(key, [n])), 0, Math.PI / Math.sqrt(3))
    near(moments(random.triangular(key, 0, 1, 2, [n])), 1, Math.sqrt(1 / 6))
    near(moments(random.geometric(key, 0.5, [n]).astype('float32')), 2, Math.SQRT2)
  })

  it('empty and scalar shapes work', () => {
    expect(random.normal(key, [0, 3]).shape).toEqual([0, 3])
    expect(random.permutation(key, 0).shape).toEqual([0])
    expect(random.split(key, 0).shape).toEqual([0, 2])
    expect(random.uniform(key).shape).toEqual([])
    expect(random.choice(key, 5, [0]).shape).toEqual([0])
  })
})

describe('mistakes are told', () => {
  const mistakes: Readonly<Record<string, readonly [() => unknown, RegExp]>> = {
    'several keys': [() => random.normal(random.split(key), [2]), /random.normal: expected one key.*vmap/],
    'a seed for a key': [
      () => random.uniform(np.array(0)),
      /random.uniform: expected one key \(uint32\[2\]\), got f32\[\]/,
    ],
    'integer uniform': [() => random.uniform(key, [2], { dtype: 'int32' }), /samples are floats.*random.randint/],
    'fractional seed': [() => random.key(0.5), /0.5 is not an integer/],
    'shape that does not hold the parameters': [
      () => random.uniform(key, [2], { minval: np.zeros([3]) }),
      /random.uniform: shapes \[2\] and \[3\].*cannot be broadcast/,
    ],
    'parameters larger than the shape': [() => random.bernoulli(key, np.full([2, 3], 0.5), [3]), /would give \[2,3\]/],
    'integer probability': [() => random.bernoulli(key, np.array([1], { dtype: 'int32' })), /must be a float/],
    'too many draws': [() => random.choice(key, 3, [4], { replace: false }), /cannot draw 4 of 3/],
    'wrong p': [() => random.choice(key, 3, [2], { p: np.ones([2]) }), /its shape must be \[3\]/],
  }
  for (const [name, [call, message]] of Object.entries(mistakes)) {
    it(`is told: ${name}`, () => {
      expect(call).toThrow(message)
    })
  }
})

describe("JAX's older names", () => {
  it('PRNGKey makes the keys of key, and clone gives a key again', () => {
    expect(random.PRNGKey(42).js()).toEqual([0, 42])
    const again = random.clone(key)
    expect(random.normal(again, [3]).js()).toEqual(random.normal(key, [3]).js())
    expect(() => random.clone(np.zeros([2]))).toThrow('random.clone: expected one key (uint32[2]), got f32[2].')
  })
})
