/** Transformations compose in any order, to any depth. */
import { inspect } from 'node:util'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type ArrayLike,
  type NDArray,
  grad,
  hessian,
  jacfwd,
  jacrev,
  jit,
  jvp,
  lax,
  linearTranspose,
  linearize,
  makeJaxpr,
  numpy as np,
  tree,
  valueAndGrad,
  vjp,
  vmap,
} from 'cotangent'
import { toleranceOf } from '../../src/testing/index.js'
import { close, devices, holds, on, precise } from './support.js'

type Scalar = (x: NDArray) => NDArray

/** A smooth scalar function with everything in it that transformations must go through. */
const f: Scalar = (x) => {
  const inner = jit((y: NDArray) => np.multiply(np.sin(y), np.exp(np.multiply(y, 0.3))))
  const z = inner(x)
  return np.add(np.multiply(z, x), np.tanh(jit((w: NDArray) => np.square(w))(z)))
}

const derivative =
  (g: Scalar): Scalar =>
  (x) =>
    jvp(g, [x], [np.ones([])])[1]

describe.each(devices)('towers of transformations on %s', (device) => {
  const wrappers: Readonly<Record<string, (g: Scalar) => Scalar>> = {
    jit: (g) => jit(g),
    vmapped: (g) => (x) => vmap(g)(np.stack([x, np.add(x, 1)])).get(0),
    forward: derivative,
    reverse: (g) => grad(g),
  }
  const plain: Readonly<Record<string, (g: (x: number) => number) => (x: number) => number>> = {
    jit: (g) => g,
    vmapped: (g) => g,
    forward: (g) => (x) => (g(x + 1e-4) - g(x - 1e-4)) / 2e-4,
    reverse: (g) => (x) => (g(x + 1e-4) - g(x - 1e-4)) / 2e-4,
  }
  const reference = (x: number): number => {
    const z = Math.sin(x) * Math.exp(0.3 * x)
    return z * x + Math.tanh(z * z)
  }

  it('agree with finite differences of the plain function', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...Object.keys(wrappers)), { maxLength: 5 }),
        fc.double({ min: -1.5, max: 1.5, noNaN: true }),
        (names, at) => {
          // More than two derivatives are beyond what differences of differences can check.
          fc.pre(names.filter((n) => n === 'forward' || n === 'reverse').length <= 2)
          let traced: Scalar = f
          let expected = reference
          for (const name of names) {
            traced = wrappers[name]?.(traced) ?? traced
            expected = plain[name]?.(expected) ?? expected
          }
          return on(device, () => {
            const [x, wanted] = [np.array(at, precise()), np.array(expected(at), precise())]
            close(traced(x), wanted, names.join(' of '), { ...toleranceOf(x.dtype), absolute: 5e-6 })
          })
        },
      ),
      { numRuns: 40, seed: 7 },
    ))

  it('third derivatives agree between all mixtures of modes', () =>
    on(device, () => {
      const x = np.array(0.7, precise())
      const modes = [derivative, (g: Scalar) => grad(g)]
      const values: NDArray[] = []
      for (const a of modes) for (const b of modes) for (const c of modes) values.push(jit(a(b(c(f))))(x))
      for (const v of values) close(v, values[0] ?? x, 'third derivative')
    }))
})

describe('grad', () => {
  it('follows pytrees, argnums and hasAux', () => {
    const loss = (p: { w: NDArray; b: NDArray[] }, x: NDArray) => np.sum(np.add(np.multiply(p.w, x), p.b[0] ?? 0))
    const params = { w: np.array([1, 2]), b: [np.array([3, 4])] }
    const x = np.array([5, 6])
    const g = grad(loss)(params, x)
    expect(g.w.js()).toEqual([5, 6])
    expect(g.b[0]?.js()).toEqual([1, 1])
    expect(grad(loss, { argnums: 1 })(params, x).js()).toEqual([1, 2])
    const [both, gx] = grad(loss, { argnums: [0, 1] })(params, x)
    expect(both.w.js()).toEqual([5, 6])
    expect(gx.js()).toEqual([1, 2])
    const [[value, aux], ga] = valueAndGrad((y: NDArray) => [np.sum(np.square(y)), { y }] as const, { hasAux: true })(x)
    expect(value.item()).toBe(61)
    expect(aux.y.js()).toEqual([5, 6])
    expect(ga.js()).toEqual([10, 12])
  })

  it('takes JS numbers as floats', () => {
    const slope = grad((x: NDArray) => np.add(np.add(np.square(x), np.multiply(3, x)), 1))
    expect(Reflect.apply(slope, undefined, [2])).toMatchObject({ dtype: 'float32' })
    expect(slope(np.array(2)).item()).toBe(7)
  })
})

describe.each(devices)('linear structure on %s', (device) => {
  it('linearize computes the derivative once; linearTranspose is its adjoint', () =>
    on(device, () => {
      const x = np.array([0.3, -1.2, 2], precise())
      const t = np.array([1, 0.5, -2], precise())
      const g = (v: NDArray) => np.multiply(np.sin(v), np.sum(v))
      const [y, push] = linearize(g, x)
      const [y2, dy] = jvp(g, [x], [t])
      close(y, y2, 'value')
      close(push(t), dy, 'tangent')
      const ct = np.array([0.1, 0.2, 0.3], precise())
      const [back] = linearTranspose(push, t)(ct)
      close(back, vjp(g, x)[1](ct)[0], 'cotangent')
    }))

  it('jacfwd, jacrev and hessian agree', () =>
    on(device, () => {
      const x = np.array([0.3, -1.2, 2], precise())
      const g = (v: NDArray) => np.stack([np.sum(np.square(v)), np.prod(v)])
      close(jacfwd(g)(x), jacrev(g)(x), 'jacobian')
      const h = hessian((v: NDArray) => np.prod(v))(x)
      expect(h.shape).toEqual([3, 3])
      close(
        h,
        np.array(
          [
            [0, 2, -1.2],
            [2, 0, 0.3],
            [-1.2, 0.3, 0],
          ],
          precise(),
        ),
        'hessian',
      )
    }))
})

describe.each(devices)('vmap on %s', (device) => {
  it('is a loop for nested maps, axes and pytrees', () =>
    fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 0, max: 1 }),
        (n, m, axis) =>
          on(device, () => {
            const x = np.reshape(np.arange(n * m, undefined, undefined, { dtype: 'float32' }), [n, m])
            const mapped = vmap((row: NDArray) => ({ s: np.sum(row), c: np.cumsum(row) }), {
              inAxes: axis,
              outAxes: { s: 0, c: axis },
            })(x)
            close(mapped.s, np.sum(x, { axis: 1 - axis }), 'sums')
            close(mapped.c, np.cumsum(x, { axis: 1 - axis }), 'cumulative sums')
          }),
      ),
      { numRuns: 20, seed: 3 },
    ))

  it('has collectives over named axes, also inside jit and grad', () =>
    on(device, () => {
      const x = np.array([
        [1, 2],
        [3, 5],
      ])
      const centered = vmap((r: NDArray) => np.subtract(r, lax.pmean(r, 'batch')), { axisName: 'batch' })
      holds(centered(x), [-1, -1.5, 1, 1.5])
      const jitted = vmap((r: NDArray) => jit((q: NDArray) => lax.psum(q, 'i'))(r), { axisName: 'i' })
      holds(jitted(x), [4, 7, 4, 7])
      const g = grad((y: NDArray) => np.sum(np.square(centered(y))))(x)
      holds(g, [-2, -3, 2, 3])
      holds(
        vmap((r: NDArray) => np.add(np.multiply(r, 0), lax.axisIndex('k')), { axisName: 'k' })(np.zeros([3])),
        [0, 1, 2],
      )
    }))
})

describe('jit', () => {
  it('traces once per signature and says why it traced again', () => {
    let traces = 0
    const g = jit(
      (x: NDArray, n: number) => {
        traces++
        return np.multiply(x, n)
      },
      { staticArgnums: 1 },
    )
    g(np.ones([2]), 3)
    g(np.zeros([2]), 3)
    expect(traces).toBe(1)
    expect(jit.explain(g)).toBe(
      'g was not traced by its last call: a program for this signature was there already.'.replace(
        'g was',
        '<lambda> was',
      ),
    )
    g(np.ones([3]), 3)
    expect(jit.explain(g)).toBe('<lambda> was traced again because x changed from f32[2] to f32[3].')
    g(np.ones([3]), 4)
    expect(jit.explain(g)).toBe('<lambda> was traced again because static argument 0 changed from 3 to 4.')
    expect(traces).toBe(3)
  })

  it('keeps no traced value of an outer transformation', () => {
    let captured: NDArray = np.ones([2])
    const inner = jit((y: NDArray) => np.multiply(y, captured))
    const outer = (x: NDArray) => {
      captured = x
      return np.sum(inner(np.ones([2])))
    }
    expect(grad(outer)(np.array([3, 4])).js()).toEqual([1, 1])
    expect(grad(outer)(np.array([5, 6])).js()).toEqual([1, 1])
    captured = np.array([7, 8])
    expect(inner(np.ones([2])).js()).toEqual([7, 8])
  })

  it('prints as JAX prints', () => {
    expect(String(makeJaxpr((x: NDArray) => np.multiply(np.sin(x), 2))(np.zeros([3])))).toBe(
      '{ lambda ; a:f32[3]. let b:f32[3] = sin a; c:f32[3] = mul b 2.0:f32[] in (c,) }',
    )
  })

  it('prints programs of jit and those in equations the same way', () => {
    const lowered = jit((x: NDArray) => np.sin(x)).lower(np.zeros([3]))
    const text = '{ lambda ; a:f32[3]. let b:f32[3] = sin a in (b,) }'
    expect(String(lowered.jaxpr)).toBe(text)
    expect(inspect(lowered.jaxpr)).toBe(text)
    expect(String(makeJaxpr(f)(np.zeros([])).jaxpr)).toBe(String(makeJaxpr(f)(np.zeros([]))))
  })
})

describe('hasAux', () => {
  const sameTrees = (got: unknown, expected: unknown): void => {
    tree.map((x: NDArray, y: NDArray) => close(x, y, 'result'), got, expected)
  }
  const withAux = (x: NDArray, { y }: { readonly y: NDArray }): [{ readonly out: NDArray }, readonly NDArray[]] => {
    const inner = np.multiply(np.sin(x), y)
    return [{ out: f(inner) }, [inner, np.argmax(inner)]]
  }
  const plain = (x: NDArray, other: { readonly y: NDArray }): { readonly out: NDArray } => withAux(x, other)[0]

  it('hands results through vjp and linearize, and changes nothing else', () => {
    const values = fc.float({ min: -2, max: 2, noNaN: true, noDefaultInfinity: true })
    fc.assert(
      fc.property(fc.array(values, { minLength: 3, maxLength: 3 }), values, (list, t) => {
        const [x, y, ct] = [np.array(list), np.array([1, 2, 3]), { out: np.array([t, 1, 0.5]) }]
        const [out, back, aux] = jit((a: NDArray, b: NDArray) => {
          const [value, pull, more] = vjp(withAux, a, { y: b }, { hasAux: true })
          return [value, pull(ct), more] as const
        })(x, y)
        const [expected, wanted] = vjp(plain, x, { y })
        sameTrees([out, back], [expected, wanted(ct)])
        sameTrees([aux[0]], [np.multiply(np.sin(x), y)])
        expect(aux[1]?.dtype).toBe('int32')
        const [value, push, extra] = linearize(withAux, x, { y }, { hasAux: true })
        const [same, tangent] = linearize(plain, x, { y })
        sameTrees([value, push(x, { y }), extra], [same, tangent(x, { y }), aux])
      }),
      { numRuns: 10 },
    )
  })

  it('asks for a list of two', () => {
    const call = (): unknown => Reflect.apply(vjp, undefined, [f, np.zeros([]), { hasAux: true }])
    expect(call).toThrow('with { hasAux: true } the function must return [value, aux]')
  })
})

describe('JS numbers as arguments', () => {
  it('are differentiated the same inside and outside of jit and vmap, whole numbers too', () => {
    const f = (x: ArrayLike): NDArray => np.multiply(x, np.sin(x))
    for (const x of [3, 2.5, -1]) {
      const wanted = Math.sin(x) + x * Math.cos(x)
      for (const g of [grad(f), jit(grad(f)), jit(jit(grad(f))), grad(jit(f))]) {
        const slope = np.asarray(g(x))
        expect(slope.dtype).toBe('float32')
        expect(Number(slope.item())).toBeCloseTo(wanted, 5)
      }
    }
  })

  it('that are weak keep their place in a jaxpr', () => {
    expect(String(makeJaxpr((x: ArrayLike, y: NDArray) => np.multiply(x, y))(2.5, np.ones([2])))).toContain(
      'convert_element_type[new_dtype=float32 weak_type=False] a',
    )
  })
})
