/** Functions with batching rules of their own, and closures made into arguments. */
import { describe, expect, it } from 'vitest'
import {
  type NDArray,
  ArgumentError,
  TreeError,
  closureConvert,
  customVjp,
  customVmap,
  grad,
  jit,
  jvp,
  makeJaxpr,
  numpy as np,
  parseJaxpr,
  printJaxpr,
  vmap,
} from 'cotangent'

/** A product that counts how often its rule is asked. */
const counted = () => {
  const seen: unknown[] = []
  const product = customVmap(function product(x: NDArray, p: { y: NDArray }) {
    return np.multiply(x, p.y)
  })
  product.defvmap((size, batched, x, p) => {
    seen.push([size, batched, x.shape, p.y.shape])
    return [np.multiply(x, p.y), true]
  })
  return { product, seen }
}

describe('customVmap', () => {
  it('asks the rule for a batch, and nobody without one', () => {
    const { product, seen } = counted()
    expect(product(np.array(2), { y: np.array(3) }).item()).toBe(6)
    expect(jit(product)(np.array(2), { y: np.array(3) }).item()).toBe(6)
    expect(seen).toEqual([])
    expect(vmap(product, { inAxes: [0, null] })(np.array([1, 2, 3]), { y: np.array(2) }).js()).toEqual([2, 4, 6])
    expect(jit(vmap(jit(product)))(np.array([1, 2]), { y: np.array([3, 4]) }).js()).toEqual([3, 8])
    expect(seen).toEqual([
      [3, [true, { y: false }], [3], []],
      [2, [true, { y: true }], [2], [2]],
    ])
  })

  it('brings the mapped axis to the front, for nested maps as well', () => {
    const { product, seen } = counted()
    const x = np.reshape(np.arange(6), [2, 3])
    const twice = vmap(vmap(product, { inAxes: [0, null] }), { inAxes: [1, null], outAxes: 1 })
    expect(twice(x, { y: np.array(2) }).js()).toEqual(np.multiply(x, 2).js())
    expect(seen).toHaveLength(1)
  })

  it('differentiates the rule, in both modes', () => {
    const { product, seen } = counted()
    const x = np.array([1, 2, 3])
    const y = np.array(2)
    const mapped = (v: NDArray): NDArray => vmap(product, { inAxes: [0, null] })(v, { y })
    expect(grad((v: NDArray) => np.sum(np.square(mapped(v))))(x).js()).toEqual([8, 16, 24])
    expect(jvp(mapped, [x], [np.ones([3])])[1].js()).toEqual([2, 2, 2])
    expect(seen).toHaveLength(2)
    const tangents = vmap((v: NDArray) => jvp((u: NDArray) => product(u, { y }), [v], [v])[1])
    expect(tangents(x).js()).toEqual([2, 4, 6])
    expect(seen).toHaveLength(3)
  })

  it('differentiates the function, and maps that in the ordinary way', () => {
    const { product } = counted()
    const slope = grad((v: NDArray) => np.square(product(v, { y: np.array(3) })))
    expect(slope(np.array(2)).item()).toBe(36)
    expect(vmap(slope)(np.array([1, 2])).js()).toEqual([18, 36])
    expect(jit(vmap(slope))(np.array([1, 2])).js()).toEqual([18, 36])
  })

  it('is one equation, which can be read back', () => {
    const { product } = counted()
    const { jaxpr } = makeJaxpr((x: NDArray) => product(x, { y: x }))(np.array(1))
    expect(printJaxpr(jaxpr).replace(/#\d+/, '#')).toBe(
      '{ lambda ; a:f32[]. let\n    b:f32[] = custom_vmap_call[\n      name=product\n      call={ lambda ; c:f32[] d:f32[]. let e:f32[] = mul c d in (e,) }\n      rule=<function rule #>\n    ] a a\n  in (b,) }',
    )
    expect(printJaxpr(parseJaxpr(printJaxpr(jaxpr)))).toBe(printJaxpr(jaxpr))
  })

  it('says what is wrong with a rule', () => {
    const none = customVmap(function f(x: NDArray) { return x }) // prettier-ignore
    expect(() => none(np.array(1))).toThrow('f has no rule yet. Set one before the first call: f.defvmap(...).')
    none.defvmap((_, __, x) => [x] as never)
    expect(() => vmap(none)(np.ones([2]))).toThrow(
      new ArgumentError('customVmap(f): the rule must return [out, outBatched].'),
    )
    none.defvmap((_, __, x) => [{ x }, true] as never)
    expect(() => vmap(none)(np.ones([2]))).toThrow(TreeError)
    const outer = (y: NDArray): NDArray => {
      const closed = customVmap(function closed(x: NDArray) { return np.add(x, y) }) // prettier-ignore
      closed.defvmap((_, __, x) => [x, true])
      return closed(y)
    }
    expect(() => vmap(outer)(np.ones([2]))).toThrow(
      'customVmap(closed): the function is closed over a value that is being mapped',
    )
  })
})

describe('closureConvert', () => {
  /** A function through a customVjp, which knows only its arguments. */
  const through = (f: (y: NDArray) => NDArray, y: NDArray): NDArray => {
    const [converted, consts] = closureConvert(f, y)
    const run = customVjp((fn: typeof converted, ...args: NDArray[]) => Reflect.apply(fn, undefined, args) as NDArray, {
      nondiffArgnums: [0],
    })
    run.defvjp(
      (fn, ...args) => [Reflect.apply(fn, undefined, args) as NDArray, args],
      (fn: typeof converted, args: readonly NDArray[], ct: NDArray) =>
        grad((...all: NDArray[]) => np.sum(np.multiply(Reflect.apply(fn, undefined, all) as NDArray, ct)), {
          argnums: args.map((_, i) => i),
        })(...args),
    )
    return run(converted, y, ...consts)
  }

  it('hoists what is being differentiated, and nothing else', () => {
    const y = np.array([1, 2])
    const known = np.array([3, 4])
    expect(closureConvert((v: NDArray) => np.multiply(v, known), y)[1]).toEqual([])
    let hoisted = -1
    const f = (w: NDArray): NDArray => {
      const [converted, consts] = closureConvert((v: NDArray) => np.sum(np.multiply(np.multiply(v, w), known)), y)
      hoisted = consts.length
      return converted(y, ...consts)
    }
    expect(grad(f)(np.array([5, 6])).js()).toEqual([3, 8])
    expect(hoisted).toBe(1)
    expect(f(np.array([5, 6])).item()).toBe(63)
    expect(hoisted).toBe(0)
  })

  it('gives custom rules cotangents for what a function is closed over', () => {
    const y = np.array([1, 2], { dtype: 'float64' })
    const f = (w: NDArray): NDArray => np.sum(through((v) => np.multiply(np.sin(v), w), y))
    const expected = [Math.sin(1), Math.sin(2)]
    for (const g of [grad(f), jit(grad(f)), grad(jit(f))]) {
      g(np.array([2, 3], { dtype: 'float64' }))
        .dataSync()
        .forEach((v, i) => expect(v).toBeCloseTo(expected[i] ?? NaN, 12))
    }
  })

  it('takes only what it was shown', () => {
    const [converted] = closureConvert((p: { a: NDArray }) => np.sin(p.a), { a: np.ones([2]) })
    expect(converted({ a: np.zeros([2]) }).js()).toEqual([0, 0])
    expect(() => Reflect.apply(converted, undefined, [{ b: np.zeros([2]) }])).toThrow(TreeError)
  })
})
