/** What stands where options go: anything but an object is refused, since JS would read no option from it, silently. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ArgumentError, type NDArray, lax, nn, numpy as np } from 'cotangent'

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

  it('say what was given', () => {
    const positional = (): unknown => Reflect.apply(np.sum, undefined, [x, 1])
    expect(positional).toThrow(
      "sum: options go into one object at the end, such as { axis: 1 } or { dtype: 'int32' }; got number 1.",
    )
  })

  it('may hold what JAX has as a keyword', () => {
    expect(lax.slice(np.arange(6), [1], [6], { strides: [2] }).js()).toEqual([1, 3, 5])
    expect(lax.round(np.array([0.5, 1.5, -2.5]), { roundingMethod: 1 }).js()).toEqual([0, 2, -2])
    const doubled = lax.foriLoop(0, 4, (_, c: NDArray) => c.mul(2), np.array(1), { unroll: true })
    expect(doubled.item()).toBe(16)
  })
})
