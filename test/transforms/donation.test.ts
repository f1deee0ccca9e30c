/** Donated arguments: their memory is written over in place, and no result is another than without donation. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DeletedArrayError, type NDArray, jit, lax, numpy as np, random, withDevice } from 'cotangent'
import { devicePut, known, registerDevice } from '../../src/core/index.js'
import { WasmRuntime, deviceOf } from '../../src/backends/wasm/device.js'

const MB = 1 << 20
const runtime = new WasmRuntime(24 * MB)
registerDevice(Object.assign(deviceOf(runtime), { name: 'tight' }))

type State = readonly [NDArray, NDArray, NDArray]

const adam = ([p, m, v]: State, g: NDArray): State => {
  const newM = np.add(np.multiply(m, 0.9), np.multiply(g, 0.1))
  const newV = np.add(np.multiply(v, 0.99), np.multiply(np.square(g), 0.01))
  return [np.subtract(p, np.divide(newM, np.add(np.sqrt(newV), 1e-3))), newM, newV]
}

/** Programs whose results read their arguments in orders that make writing in place more or less easy. */
const updates: readonly ((state: State, g: NDArray) => State)[] = [
  adam,
  ([p, m, v], g) => [np.add(m, g), np.add(p, g), v],
  ([p, m, v], g) => [np.add(np.flip(p), g), np.multiply(p, m), np.add(v, np.sum(p))],
  ([p, m, v]) => [np.cumsum(p), np.add(np.sum(np.square(p)), m), np.roll(v, 1)],
  ([p, , v], g) => [np.matmul(p.reshape([-1, 1]), np.ones([1, 1])).reshape([-1]), np.exp(p), np.add(g, np.max(v))],
  ([p, m, v]) => [p.at(0).set(7), p, np.subtract(m, v)],
  ([p, m, v], g) => [lax.foriLoop(0, 3, (i, c) => np.add(np.multiply(c, 0.5), g), p), np.sort(m), np.add(v, p)],
]

describe('donation', () => {
  it('changes no result, whatever is donated, and however long the arrays are', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...updates),
        fc.constantFrom(1, 7, 1024, 1025, 3000, 20_000),
        fc.subarray([0, 1]),
        fc.constantFrom('none', 'state', 'gradient'),
        (update, size, donateArgnums, twice) => {
          const fresh = (): [State, NDArray] => {
            const draw = (seed: number): NDArray => random.normal(random.key(seed), [size])
            const p = draw(0)
            const m = twice === 'state' ? p : draw(1)
            return [[p, m, np.abs(draw(2))], twice === 'gradient' ? p : draw(3)]
          }
          const plain = jit(update)(...fresh())
          const donating = jit(update, { donateArgnums })
          for (let i = 0; i < 2; i++) {
            const results = donating(...fresh())
            results.forEach((x, k) => expect(x.dataSync()).toEqual(known(plain[k], 'result').dataSync()))
          }
        },
      ),
      { numRuns: 120 },
    )
  })

  it('needs no memory for results that take the place of arguments', () => {
    withDevice('tight', () => {
      const size = (3 * MB) / 4
      const step = jit((state: State, g: NDArray) => adam(state, g), { donateArgnums: 0 })
      const g = devicePut(np.full([size], 0.5), 'tight')
      let state: State = [np.zeros([size]), np.zeros([size]), np.zeros([size])]
      for (let i = 0; i < 20; i++) state = step(state, g)
      const { resident, spilled } = runtime.arena.stats('tight')
      // Four arrays of 3 MB and nothing else: three more would not fit beside what numpy left there.
      expect(resident).toBeLessThan(16 * MB)
      expect(spilled).toBe(0)
      let same: State = [np.zeros([8]), np.zeros([8]), np.zeros([8])]
      const plain = jit(adam)
      for (let i = 0; i < 20; i++) same = plain(same, np.full([8], 0.5))
      expect(state[0].get(5).item()).toBe(same[0].get(5).item())
    })
  })

  it('leaves arrays alone that others hold, and those that were not donated', () => {
    const size = 5000
    const same = jit((x: NDArray) => [x, np.add(x, 1)] as const)
    const step = jit((x: NDArray) => np.add(x, 1), { donateArgnums: 0 })
    const x = np.ones([size])
    const [again] = same(x)
    expect(step(x).get(3).item()).toBe(2)
    expect(again.get(3).item()).toBe(1)
    expect(() => x.dataSync()).toThrow(DeletedArrayError)
    const inner = jit((y: NDArray) => step(y))
    expect(inner(again).get(3).item()).toBe(2)
    expect(again.get(3).item()).toBe(1)
  })
})
