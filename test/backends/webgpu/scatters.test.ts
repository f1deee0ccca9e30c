/** Updates that meet in one element, on the GPU: what they come to does not depend on who is faster, and they do not queue up. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type NDArray, jit, numpy as np } from 'cotangent'
import { type DType, withDevice } from '../../../src/core/index.js'
import { assertCloseAsync } from '../../../src/testing/index.js'
import { floats, integers, tunings, useWebgpu } from './support.js'

useWebgpu()

/** Numbers of targets for `count` updates: anywhere, in long runs, all the same but for a few, or also outside. */
const places: Readonly<Record<string, (seed: number, count: number, targets: number) => NDArray>> = {
  anywhere: (seed, count, targets) => integers(seed, [count], 0, targets),
  'in runs': (_, count, targets) => np.floorDivide(np.arange(count).mul(targets), count).astype('int32'),
  'nearly all at one': (seed, count, targets) =>
    np.maximum(integers(seed, [count], -40, targets), np.array(Math.floor(targets / 2), { dtype: 'int32' })),
  'also outside': (seed, count, targets) => integers(seed, [count], -2 * targets, 2 * targets),
}

const updates = fc.record({
  place: fc.constantFrom(...Object.keys(places)),
  count: fc.integer({ min: 64, max: 5000 }),
  targets: fc.integer({ min: 1, max: 3000 }),
  width: fc.constantFrom(1, 2, 3, 40),
  dtype: fc.constantFrom<DType>('float32', 'float16', 'bfloat16', 'int32', 'uint8', 'int8', 'bool'),
  seed: fc.nat(1000),
})

type How = 'add' | 'mul' | 'min' | 'max' | 'set'
const hows: readonly How[] = ['add', 'mul', 'min', 'max', 'set']

describe.each(tunings)('updates on %s', (device) => {
  it('are those of wasm, where rounding does not tell orders apart', async () => {
    await fc.assert(
      fc.asyncProperty(
        updates,
        fc.constantFrom(...hows),
        async ({ place, count, targets, width, dtype, seed }, drawn) => {
          const how = dtype === 'bool' ? 'set' : drawn
          const run = (): NDArray => {
            const at = places[place]?.(seed, count, targets) ?? np.arange(count)
            const signs = np.where(integers(seed + 1, [count, width], 0, 2).equal(0), 1, -1)
            // Products stay signs, and sums of a few ones stay exact even in eight bits of a mantissa.
            const ones = integers(seed + 2, [count, width], 0, Math.ceil(count / 50)).equal(0)
            const values =
              how === 'add'
                ? np.where(ones, signs, 0)
                : how === 'mul'
                  ? signs
                  : integers(seed, [count, width], -100, 100)
            const to = integers(seed + 3, [targets, width], -2, 3).astype(dtype)
            return jit((x: NDArray, k: NDArray, v: NDArray) => x.at(k)[how](v))(to, at, values.astype(dtype))
          }
          const expected = withDevice('wasm', run)
          await assertCloseAsync(withDevice(device, run), expected, `${how} of ${dtype}`, { relative: 0, absolute: 0 })
        },
      ),
      { numRuns: 24, seed: 20261123 },
    )
  })

  it('have the same bits whenever they are made', async () => {
    const sums = jit((k: NDArray, v: NDArray) => [np.zeros([7, 5]).at(k).add(v), np.ones([7, 5]).at(k).mul(v)])
    const run = (): NDArray[] => withDevice(device, () => sums(integers(1, [4000], 0, 7), floats(2, [4000, 5])))
    const bits = (outs: readonly NDArray[]): Promise<unknown[]> =>
      Promise.all(outs.map(async (x) => new Uint32Array(new Float32Array((await x.data()) as Float32Array).buffer)))
    const first = await bits(run())
    for (let k = 0; k < 5; k++) expect(await bits(run())).toEqual(first)
  })
})

it('no invocation takes more than a few updates after each other', () => {
  const loops = (count: number, how: 'add' | 'set'): number[] =>
    withDevice(tunings[1], () => {
      const shapes = [np.zeros([count], { dtype: 'int32' }), np.zeros([count])] as const
      const text = jit((k: NDArray, v: NDArray) => np.zeros([5]).at(k)[how](v))
        .lower(...shapes)
        .text()
      return [...text.matchAll(/let end = min\(begin \+ (\d+)/g)].map(([, step]) => Number(step))
    })
  expect(loops(100, 'add')).toEqual([32, 8])
  expect(loops(2 ** 20, 'add')).toEqual([32, 32, 32, 32, 16])
  expect(loops(2 ** 20, 'set')).toEqual([])
})
