/** Functions written with scan: lax.map and lax.reduce. */
import { describe, expect, it } from 'vitest'
import { type NDArray, grad, jit, lax, makeJaxpr, numpy as np, vmap } from 'cotangent'
import { closeAll, noise, precise } from './support.js'

describe('lax.map and lax.reduce', () => {
  it('map is a loop, in batches of any size', () => {
    const xs = { a: noise(1, [5, 2]), b: noise(2, [5]) }
    const f = (x: { a: NDArray; b: NDArray }) => [np.multiply(x.a, x.b), np.sum(x.a)] as const
    const [first, second] = lax.map(f, xs)
    for (const batchSize of [1, 2, 3, 5, 9]) {
      const [p, q] = lax.map(f, xs, { batchSize })
      closeAll([p, q], [first, second], `batches of ${batchSize}`)
    }
    closeAll([first], [np.multiply(xs.a, np.reshape(xs.b, [5, 1]))], 'map')
    expect(() => lax.map(f, xs, { batchSize: 0 })).toThrow('batchSize must be a positive integer')
  })

  it('reduce takes any associative function, and pytrees', () => {
    const x = noise(3, [3, 4, 5])
    const norm = (y: NDArray): NDArray => lax.reduce(y, 0, (a: NDArray, b: NDArray) => np.hypot(a, b), [0, 2])
    const expected = np.sqrt(np.sum(np.square(x), { axis: [0, 2] }))
    closeAll([norm(x), jit(norm)(x), vmap(norm)(np.stack([x, x])).get(1)], [expected, expected, expected], 'norm')
    closeAll(
      [grad((y: NDArray) => np.sum(norm(y)))(x)],
      [grad((y: NDArray) => np.sum(np.sqrt(np.sum(np.square(y), { axis: [0, 2] }))))(x)],
      'gradient',
    )
    const best = lax.reduce(
      { value: x, place: np.broadcastTo(np.arange(5), [3, 4, 5]) },
      { value: np.array(-Infinity, precise()), place: np.array(0, { dtype: 'int32' }) },
      (a, b) => ({
        value: np.maximum(a.value, b.value),
        place: np.where(np.greater(b.value, a.value), b.place, a.place),
      }),
      [2],
    )
    closeAll([best.value, best.place], [np.max(x, { axis: 2 }), np.argmax(x, { axis: 2 })], 'argmax')
    expect(lax.reduce(np.zeros([0, 2]), 7, (a: NDArray, b: NDArray) => np.hypot(a, b), [0]).js()).toEqual([7, 7])
    expect(String(makeJaxpr((y: NDArray) => lax.reduce(y, 0, lax.add, [0]))(np.zeros([3])))).toContain('reduce_sum')
  })
})
