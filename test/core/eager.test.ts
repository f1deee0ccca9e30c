/** Programs of one equation are found again exactly when primitive, parameters and operands mean the same. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type NDArray, jit, lax, makeJaxpr, numpy as np } from 'cotangent'
import { WasmRuntime, deviceOf } from '../../src/backends/wasm/device.js'
import { avalText, known, primitives, registerDevice } from '../../src/core/index.js'
import { programFor } from '../../src/core/eager-programs.js'
import { paramsKey } from '../../src/core/jaxpr.js'

const sin = known(primitives.get('sin'), 'sin')
const inner = [0, 1].map((i) => makeJaxpr((x: NDArray) => np.add(x, i))(np.ones([])).jaxpr)

const leaf = fc.oneof(
  fc.constantFrom<unknown>(0, -0, 1, NaN, Infinity, null, undefined, true, false, 'a', '1'),
  fc.constantFrom<unknown>(...inner),
)
const tree = fc.letrec<{ node: unknown }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3 },
    leaf,
    fc.array(tie('node'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('p', 'q'), tie('node'), { noNullPrototype: true }),
  ),
})).node
const params = fc.dictionary(fc.constantFrom('p', 'q', 'r'), tree, { noNullPrototype: true })
const operand = fc
  .record({ shape: fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 2 }), weak: fc.boolean() })
  .map(({ shape, weak }) => (weak ? lax.asArray(1.5, 'test') : np.zeros(shape)))

/** Another object of the same parameters; programs stay themselves. */
const copyOf = (x: unknown): unknown =>
  Array.isArray(x)
    ? x.map(copyOf)
    : typeof x === 'object' && x !== null && !('kind' in x)
      ? Object.fromEntries(
          Object.entries(x)
            .toReversed()
            .map(([k, v]) => [k, copyOf(v)]),
        )
      : x

describe('programs of one equation', () => {
  it('are found again under equal parameters and avals, and only then', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(params, operand), { minLength: 2, maxLength: 12 }), (cases) => {
        const key = (p: object, x: NDArray): string => `${paramsKey(p)} ${String(x.weakType)} ${avalText(x.aval)}`
        const found = cases.map(([p, x]) => ({ key: key(p, x), program: programFor(sin, [x], p) }))
        for (const [p, x] of cases) {
          const program = programFor(sin, [x], copyOf(p) as object)
          for (const before of found) expect(program === before.program).toBe(before.key === key(p, x))
        }
      }),
      { numRuns: 200 },
    )
  })

  it('are not mixed up in a loop over more shapes than are at hand', () => {
    const sizes = Array.from({ length: 30 }, (_, i) => i + 1)
    for (let round = 0; round < 3; round++) {
      for (const n of sizes) expect(np.sum(np.multiply(np.ones([n]), 2)).item()).toBe(2 * n)
    }
  })

  it('are compiled once for a call, warmup and lower', async () => {
    let compiled = 0
    const device = deviceOf(new WasmRuntime(16 << 20))
    const counting = {
      ...device,
      name: 'counting',
      compile: (...args: Parameters<typeof device.compile>) => (compiled++, device.compile(...args)),
    }
    registerDevice(counting)
    const f = jit((x: NDArray) => np.add(np.sin(x), 2), { device: 'counting' })
    await f.warmup(np.ones([3]))
    expect(compiled).toBe(1)
    f.lower(np.ones([3]))
    const y = f(np.ones([3]))
    expect(compiled).toBe(1)
    expect(y.get(0).item()).toBeCloseTo(Math.sin(1) + 2, 6)
  })
})
