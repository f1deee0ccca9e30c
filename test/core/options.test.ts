/** What stands where options go: anything but an object with options of the function is refused, since JS would ignore it. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as cotangent from 'cotangent'
import { ArgumentError, type NDArray, grad, jit, lax, nn, numpy as np, optim, random, stax, vmap } from 'cotangent'
import { checkOptions } from '../../src/core/options.js'

const x = np.array([
  [1, 2, 3],
  [4, 5, 6],
])

/** Functions whose options may name an axis, with what goes before the options. */
const functions: Readonly<Record<string, readonly [f: (...args: never) => unknown, ...before: unknown[]]>> = {
  sum: [np.sum, x],
  prod: [np.prod, x],
  max: [np.max, x],
  argmin: [np.argmin, x],
  mean: [np.mean, x],
  std: [np.std, x],
  any: [np.any, x],
  cumsum: [np.cumsum, x],
  concatenate: [np.concatenate, [x, x]],
  stack: [np.stack, [x, x]],
  sort: [np.sort, x],
  flip: [np.flip, x],
  roll: [np.roll, x, 1],
  repeat: [np.repeat, x, 2],
  squeeze: [np.squeeze, x],
  take: [np.take, x, [0]],
  zeros: [np.zeros, [2]],
  full: [np.full, [2], 3],
  'lax.cumsum': [lax.cumsum, x],
  'nn.softmax': [nn.softmax, x],
  'nn.logSoftmax': [nn.logSoftmax, x],
}

describe('options', () => {
  it.each(Object.entries(functions))('%s refuses positional values in their place', (name, [f, ...before]) => {
    const wrong = fc.oneof(fc.integer(), fc.string(), fc.boolean(), fc.constant([0]), fc.constant(x as NDArray))
    fc.assert(
      fc.property(wrong, (given) => {
        const call = (): unknown => Reflect.apply(f, undefined, [...before, given])
        expect(call).toThrow(ArgumentError)
        expect(call).toThrow(new RegExp(`^${name.replace('lax.', '').replace('.', '\\.')}: options go into one object`))
      }),
      { numRuns: 8 },
    )
    expect(() => Reflect.apply(f, undefined, before)).not.toThrow()
    expect(() => Reflect.apply(f, undefined, [...before, {}])).not.toThrow()
  })

  it('say what was given, and which there are', () => {
    const call = (...args: readonly unknown[]): unknown => Reflect.apply(np.cumsum, undefined, args)
    expect(() => call(x, 1)).toThrow('cumsum: options go into one object at the end, { axis, dtype }; got number 1.')
    expect(() => call(x, null)).toThrow(
      'cumsum: options go into one object at the end, { axis, dtype }, or nothing; got null.',
    )
    expect(() => call(x, new Int32Array(1))).toThrow('{ axis, dtype }; got a Int32Array.')
    expect(() => call(x, { axes: 1 })).toThrow(
      "cumsum: there is no option 'axes'; did you mean 'axis'? The options are: axis, dtype.",
    )
    expect(() => call(x, { out: x })).toThrow("cumsum: there is no option 'out'. The options are: axis, dtype.")
  })

  it('may hold what JAX has as a keyword', () => {
    expect(lax.slice(np.arange(6), [1], [6], { strides: [2] }).js()).toEqual([1, 3, 5])
    expect(lax.round(np.array([0.5, 1.5, -2.5]), { roundingMethod: 1 }).js()).toEqual([0, 2, -2])
    const doubled = lax.foriLoop(0, 4, (_, c: NDArray) => c.mul(2), np.array(1), { unroll: true })
    expect(doubled.item()).toBe(16)
  })

  it('are found where they differ by case, an underscore, an ending or one letter', () => {
    const call = (key: string): unknown =>
      checkOptions<Record<string, unknown>, string>('f', { [key]: 1 }, 'keepdims epsilon axis' as never)
    expect(() => call('keepDims')).toThrow("did you mean 'keepdims'?")
    expect(() => call('keep_dims')).toThrow("did you mean 'keepdims'?")
    expect(() => call('eps')).toThrow("did you mean 'epsilon'?")
    expect(() => call('axs')).toThrow("did you mean 'axis'?")
    expect(() => call('dtype')).not.toThrow('did you mean')
  })

  it('are given as they are if all are known, or undefined', () => {
    fc.assert(
      fc.property(fc.record({ axis: fc.integer(), dtype: fc.string(), other: fc.constant(undefined) }), (options) => {
        const given: { axis?: number; dtype?: string } = options
        expect(checkOptions('f', given, 'axis dtype')).toBe(given)
      }),
    )
  })

  it('are refused in methods, in transformations, and in what functions return', () => {
    const f = (y: NDArray): NDArray => y
    const wrong: Readonly<Record<string, () => unknown>> = {
      axes: () => Reflect.apply(Reflect.get(x, 'sum'), x, [{ axes: 0 }]),
      staticArgnum: () => Reflect.apply(jit, undefined, [f, { staticArgnum: 0 }]),
      argNums: () => Reflect.apply(grad, undefined, [f, { argNums: 0 }]),
      inAxis: () => Reflect.apply(vmap, undefined, [f, { inAxis: 0 }]),
      training: () => stax.Relu.apply({}, {}, x, Object({ training: true })),
      training2: () => stax.serial(stax.Relu).apply([{}], [{}], x, Object({ training2: true })),
      dType: () => Reflect.apply(nn.initializers.zeros, undefined, [random.key(0), [2], { dType: 'int32' }]),
      beta1: () => Reflect.apply(optim.adam, undefined, [1e-3, { beta1: 0.8 }]),
      sized: () => Reflect.apply(np.where, undefined, [x, { sized: 3 }]),
      step: () => Reflect.apply(np.arange, undefined, [0, 3, { step: 2 }]),
      optimise: () => Reflect.apply(np.einsum, undefined, ['ij->i', x, { optimise: true }]),
    }
    for (const [key, call] of Object.entries(wrong)) expect(call, key).toThrow(`there is no option '${key}'`)
  })
})

/** Public functions, by name, also those in namespaces and of records such as distributions. */
const publicFunctions = (space: object, path: string, seen: Set<unknown>): [string, object][] =>
  Object.entries(space).flatMap(([name, value]): [string, object][] => {
    if (value === null || seen.has(value)) return []
    seen.add(value)
    const here = path === '' ? name : `${path}.${name}`
    if (typeof value === 'function') return [[here, value]]
    return typeof value === 'object' ? publicFunctions(value, here, seen) : []
  })

/** How many parameters stand before `options`, as a function's source shows them; undefined where none has the name. */
const placeOfOptions = (f: object): number | undefined => {
  const list = /^(?:async\s+)?(?:function\s*\w*\s*)?\(([^)]*)\)/.exec(Function.prototype.toString.call(f))?.[1] ?? ''
  const place = list.split(',').findIndex((parameter) => /^\s*options\b/.test(parameter))
  return place < 0 ? undefined : place
}

describe('every public function with options', () => {
  const functions = publicFunctions(cotangent, '', new Set()).flatMap(([name, f]) => {
    const place = placeOfOptions(f)
    return place === undefined ? [] : [{ name, f, place }]
  })

  it('is found', () => expect(functions.length).toBeGreaterThan(350))

  it.each(functions)('$name refuses unknown ones', async ({ f, place }) => {
    if (typeof f !== 'function') throw new Error('not a function')
    const call = async (): Promise<unknown> =>
      await Reflect.apply(f, undefined, [...Array.from({ length: place }, () => x), { noSuchOption: 1 }])
    await expect(call()).rejects.toThrow("there is no option 'noSuchOption'")
  })
})
