/** Elementwise functions against JavaScript's numbers, with broadcasting; dtypes against JAX's. */
import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ArrayLike, type DType, NDArray, grad, lax, makeJaxpr, numpy as np, vmap } from 'cotangent'
import { at, broadcastPairs, expectPlain, fromIndex, plainArrays, plains, runs, toArray } from './support.js'

type Binary = (x: ArrayLike, y: ArrayLike) => NDArray

const f = Math.fround
const mod = (x: number, y: number): number => {
  const rest = x % y
  return rest !== 0 && rest < 0 !== y < 0 ? rest + y : rest
}

const binaries: Readonly<Record<string, readonly [Binary, (x: number, y: number) => number]>> = {
  add: [np.add, (x, y) => x + y],
  subtract: [np.subtract, (x, y) => x - y],
  multiply: [np.multiply, (x, y) => x * y],
  divide: [np.divide, (x, y) => f(x / y)],
  mod: [np.mod, mod],
  fmod: [np.fmod, (x, y) => x % y],
  floorDivide: [np.floorDivide, (x, y) => (y === 0 ? x / y : Math.floor(x / y))],
  maximum: [np.maximum, Math.max],
  minimum: [np.minimum, Math.min],
  fmax: [np.fmax, (x, y) => (Number.isNaN(x) ? y : Number.isNaN(y) ? x : Math.max(x, y))],
  less: [np.less, (x, y) => Number(x < y)],
  greaterEqual: [np.greaterEqual, (x, y) => Number(x >= y)],
  equal: [np.equal, (x, y) => Number(x === y)],
  notEqual: [np.notEqual, (x, y) => Number(x !== y)],
  hypot: [np.hypot, (x, y) => Math.hypot(x, y)],
  copysign: [np.copysign, (x, y) => (y < 0 || Object.is(y, -0) ? -Math.abs(x) : Math.abs(x))],
  heaviside: [np.heaviside, (x, y) => (x < 0 ? 0 : x > 0 ? 1 : y)],
  logicalXor: [np.logicalXor, (x, y) => Number((x !== 0) !== (y !== 0))],
}

describe('two arrays', () => {
  for (const [name, [operation, plain]] of Object.entries(binaries)) {
    it(`${name} broadcasts and agrees with plain numbers`, () => {
      const inputs = broadcastPairs.chain(([left, right, shape]) =>
        fc.tuple(plains(left), plains(right), fc.constant(shape)),
      )
      fc.assert(
        fc.property(inputs, ([x, y, shape]) => {
          const expected = fromIndex(shape, (index) => plain(at(x, index), at(y, index)))
          expectPlain(operation(toArray(x), toArray(y)), expected, 1e-6)
          expectPlain(
            operation(toArray(y), toArray(x)),
            fromIndex(shape, (i) => plain(at(y, i), at(x, i))),
            1e-6,
          )
        }),
        runs,
      )
    })
  }

  it('integers divide and wrap as in NumPy', () => {
    const int = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
    fc.assert(
      fc.property(
        int,
        int.filter((y) => y !== 0 && y !== -1),
        (x, y) => {
          const [a, b] = [np.array([x], { dtype: 'int32' }), np.array([y], { dtype: 'int32' })]
          expect(np.floorDivide(a, b).js()).toEqual([Math.floor(x / y) + 0])
          expect(np.mod(a, b).js()).toEqual([mod(x, y) + 0])
          expect(np.add(a, b).js()).toEqual([(x + y) | 0])
          expect(np.multiply(a, b).js()).toEqual([Math.imul(x, y)])
          expect(np.bitwiseXor(a, b).js()).toEqual([x ^ y])
        },
      ),
      runs,
    )
  })

  it('gcd and lcm agree with Euclid', () => {
    const gcd = (x: number, y: number): number => (y === 0 ? Math.abs(x) : gcd(y, x % y))
    const int = fc.oneof(fc.integer({ min: -300, max: 300 }), fc.constant(0))
    fc.assert(
      fc.property(fc.array(fc.tuple(int, int), { minLength: 1, maxLength: 6 }), (pairs) => {
        const x = np.array(
          pairs.map(([a]) => a),
          { dtype: 'int32' },
        )
        const y = np.array(
          pairs.map(([, b]) => b),
          { dtype: 'int32' },
        )
        expect(np.gcd(x, y).js()).toEqual(pairs.map(([a, b]) => gcd(a, b)))
        expect(np.lcm(x, y).js()).toEqual(pairs.map(([a, b]) => (a * b === 0 ? 0 : Math.abs(a * b) / gcd(a, b))))
      }),
      { numRuns: 20 },
    )
    // Neighbours in Fibonacci's sequence take the most steps.
    expect(np.gcd(np.array([1836311903], { dtype: 'int32' }), np.array([1134903170], { dtype: 'int32' })).js()).toEqual(
      [1],
    )
  })

  it('frexp takes apart what ldexp puts together', () => {
    const floats = fc.float({ noNaN: true, noDefaultInfinity: true }).filter((x) => Math.abs(x) > 2 ** -120 || x === 0)
    fc.assert(
      fc.property(fc.array(floats, { minLength: 1, maxLength: 8 }), (values) => {
        const x = np.array(values)
        const [mantissa, exponent] = np.frexp(x)
        for (const m of mantissa.dataSync()) expect(m === 0 || (Math.abs(m) >= 0.5 && Math.abs(m) < 1)).toBe(true)
        expect([...np.ldexp(mantissa, exponent).dataSync()]).toEqual([...x.dataSync()])
      }),
      runs,
    )
  })
})

describe('one array', () => {
  const unaries: Readonly<Record<string, readonly [(x: ArrayLike) => NDArray, (x: number) => number]>> = {
    negative: [np.negative, (x) => -x],
    abs: [np.abs, Math.abs],
    sign: [np.sign, Math.sign],
    square: [np.square, (x) => x * x],
    floor: [np.floor, Math.floor],
    ceil: [np.ceil, Math.ceil],
    trunc: [np.trunc, Math.trunc],
    exp: [np.exp, Math.exp],
    sin: [np.sin, Math.sin],
    tanh: [np.tanh, Math.tanh],
    cbrt: [np.cbrt, Math.cbrt],
    deg2rad: [np.deg2rad, (x) => (x * Math.PI) / 180],
    sinc: [np.sinc, (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x))],
    signbit: [np.signbit, (x) => Number(x < 0 || Object.is(x, -0))],
  }
  for (const [name, [operation, plain]] of Object.entries(unaries)) {
    it(`${name} agrees with plain numbers`, () => {
      fc.assert(
        fc.property(plainArrays(), (x) => {
          expectPlain(operation(toArray(x)), { shape: x.shape, data: x.data.map(plain) }, 2e-6)
        }),
        runs,
      )
    })
  }

  it('i0 agrees with its power series', () => {
    const series = (x: number): number => {
      let [term, sum] = [1, 1]
      for (let k = 1; k < 80; k++) sum += term *= (x * x) / (4 * k * k)
      return sum
    }
    const values = [0, 0.5, 1, -3, 7.9, 8, 8.1, 12, -20]
    expectPlain(np.i0(np.array(values)), { shape: [9], data: values.map(series) }, 1e-6)
    expectPlain(np.i0(np.array(values, { dtype: 'float64' })), { shape: [9], data: values.map(series) }, 1e-13)
    // The derivative is i1.
    expect(grad((x: NDArray) => np.i0(x))(np.array(1)).item()).toBeCloseTo(0.5651591, 5)
    expect(grad((x: NDArray) => np.i0(x))(np.array(0)).item()).toBe(0)
  })

  it('NaN and infinities', () => {
    const x = np.array([NaN, Infinity, -Infinity, 1])
    expect(np.nanToNum(x).js()).toEqual([0, Math.fround(3.4028234663852886e38), -Math.fround(3.4028234663852886e38), 1])
    expect(np.isfinite(x).js()).toEqual([false, false, false, true])
    expect(np.isneginf(x).js()).toEqual([false, false, true, false])
    const [fraction, whole] = np.modf(np.array([-2.5, Infinity]))
    expect(fraction.js()).toEqual([-0.5, 0])
    expect(whole.js()).toEqual([-2, Infinity])
    expect(np.logaddexp(np.array([-Infinity, Infinity, 0]), np.array([-Infinity, 0, 0])).js()).toEqual([
      -Infinity,
      Infinity,
      Math.fround(Math.LN2),
    ])
  })

  it('logaddexp has no NaN in its derivatives', () => {
    const derivative = (a: number, b: number): number => grad((x: NDArray) => np.logaddexp(x, b))(np.array(a)).item()
    expect([derivative(-Infinity, 0), derivative(0, -Infinity), derivative(5, 5), derivative(100, -100)]).toEqual([
      0, 1, 0.5, 1,
    ])
  })
})

describe('dtypes', () => {
  const table = JSON.parse(readFileSync(new URL('jax-dtypes.json', import.meta.url), 'utf8')) as Record<
    string,
    Record<string, string>
  >
  const operand = (name: string): ArrayLike =>
    name === '1' ? 1 : name === '2.5' ? 2.5 : np.ones([2], { dtype: name as DType })
  for (const [name, cases] of Object.entries(table)) {
    it(`${name} promotes as JAX 0.10 does`, () => {
      const operation: unknown = Reflect.get(np, name)
      if (typeof operation !== 'function') throw new Error(`np.${name} is not a function`)
      const got = Object.keys(cases).map((key) => {
        const operands = key.split(' ').map(operand)
        try {
          const args = name === 'where' ? [np.array([true, false]), ...operands] : operands
          const out: unknown = Reflect.apply(operation, undefined, args)
          return [key, out instanceof NDArray ? out.dtype + (out.weakType ? '~' : '') : typeof out]
        } catch {
          return [key, 'error']
        }
      })
      expect(Object.fromEntries(got)).toEqual(cases)
    })
  }

  it('programs print as JAX prints them', () => {
    const x = np.zeros([2, 3])
    const text = (g: (x: NDArray) => NDArray): string => String(makeJaxpr(g)(x)).replaceAll(/\s+/g, ' ')
    expect(text((a) => np.multiply(a, 2))).toBe('{ lambda ; a:f32[2,3]. let b:f32[2,3] = mul a 2.0:f32[] in (b,) }')
    expect(text((a) => np.power(a, 2))).toBe('{ lambda ; a:f32[2,3]. let b:f32[2,3] = integer_pow[y=2] a in (b,) }')
    expect(text((a) => np.add(a, np.squeeze(np.zeros([3, 1]))))).toContain(
      'f32[1,3] = broadcast_in_dim[broadcast_dimensions=(1,)]',
    )
  })
})

describe('nextafter', () => {
  it.each(['float16', 'bfloat16', 'float32'] as const)('%s: the neighbour, and back', (dtype) => {
    const values = fc.oneof(
      fc.double({ min: -60000, max: 60000, noNaN: true }),
      fc.constantFrom(0, -0, 1, -1, 2 ** -14, 2 ** -24, 2 ** -126),
    )
    fc.assert(
      fc.property(values, fc.boolean(), (value, up) => {
        const x = np.array(value, { dtype })
        const far = np.array(up ? Infinity : -Infinity, { dtype })
        const next = np.nextafter(x, far)
        expect(next.dtype).toBe(dtype)
        expect(up ? next.item() > x.item() : next.item() < x.item()).toBe(true)
        // Nothing lies between: the middle rounds to one of the two.
        const middle = np
          .array((x.item() + next.item()) / 2, { dtype: 'float32' })
          .astype(dtype)
          .item()
        expect([x.item(), next.item()].some((end) => end === middle)).toBe(true)
        expect(np.nextafter(next, x).item() === x.item()).toBe(true)
      }),
    )
  })

  it('halves reach and leave infinity; NaN stays', () => {
    const largest = { float16: 65504, bfloat16: 255 * 2 ** 120 }
    for (const dtype of ['float16', 'bfloat16'] as const) {
      const at = (x: number, y: number): number => np.nextafter(np.array(x, { dtype }), np.array(y, { dtype })).item()
      expect(at(largest[dtype], Infinity)).toBe(Infinity)
      expect(at(-Infinity, 0)).toBe(-largest[dtype])
      expect(at(NaN, 0)).toBeNaN()
      expect(at(0, NaN)).toBeNaN()
      expect(at(1, 1)).toBe(1)
      const many = np.nextafter(np.array([[1], [-1]], { dtype }), np.array([2, 3], { dtype }))
      expect(many.js()).toEqual([
        [at(1, 2), at(1, 2)],
        [at(-1, 2), at(-1, 2)],
      ])
    }
  })
})

describe('cbrt', () => {
  it('has an infinite derivative at 0, and not NaN', () => {
    const slopes = vmap(grad((v: NDArray) => lax.cbrt(v)))(np.array([0, 8, -8]))
    expect(slopes.js()).toEqual([Infinity, expect.closeTo(1 / 12), expect.closeTo(1 / 12)])
  })
})
