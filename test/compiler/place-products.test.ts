import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type NDArray, devicePut, jit, numpy as np, random, withDevice } from '../../src/index.js'
import { known, registerDevice } from '../../src/core/index.js'
import { createJsDevice } from '../../src/backends/js/index.js'
import { headsPrograms } from './heads.js'
import { tinyLimits } from './tiny-limits.js'

registerDevice(createJsDevice({ exact: true }))
registerDevice(createJsDevice({ name: 'pieces', exact: true, limits: tinyLimits }))

const inputsOf = (shapes: readonly (readonly number[])[]): NDArray[] =>
  shapes.map((shape, i) => random.normal(random.key(i), shape))

/** The kernels of a function on the reference device. */
const kernels = (f: (...x: NDArray[]) => unknown, ...shapes: number[][]): string =>
  withDevice('exact', () => {
    const own = shapes.map((shape) => np.zeros(shape))
    return jit(f as (...x: NDArray[]) => NDArray).lower(...own).kernels
  })

describe('products whose results lie apart', () => {
  test('attention with axes in any order, whole and in pieces, gives what it gives by single operations', () => {
    let [apart, placed] = [0, 0]
    fc.assert(
      fc.property(headsPrograms, ({ f, shapes }) => {
        const inputs = inputsOf(shapes)
        const on = (device: string, compiled: boolean): number[][] =>
          withDevice(device, () => {
            const own = inputs.map((x) => devicePut(x, device))
            if (!compiled) return f(...own).map((x) => [...x.dataSync()])
            const jitted = jit(f)
            const text = jitted.lower(...own).kernels
            if (text.includes(', slices ')) apart++
            if (text.includes(', placed ')) placed++
            return jitted(...own).map((x) => [...x.dataSync()])
          })
        const want = on('exact', false)
        for (const device of ['exact', 'pieces']) {
          on(device, true).forEach((values, i) => {
            const result = known(want[i], 'result')
            expect(values.length).toBe(result.length)
            values.forEach((x, k) => expect(Math.abs(x - known(result[k], 'element'))).toBeLessThan(1e-9))
          })
        }
      }),
      { numRuns: 30, seed: 11 },
    )
    expect(apart).toBeGreaterThan(3)
    expect(placed).toBeGreaterThan(3)
  })

  test('no copy of heads is left between products', () => {
    const attention = (q: NDArray, k: NDArray, v: NDArray, w: NDArray): NDArray =>
      np.matmul(np.einsum('bhts,bshd->bthd', np.einsum('bthd,bshd->bhts', q, k), v).reshape([8, 128, 256]), w)
    const shapes = [
      [8, 128, 8, 32],
      [8, 128, 8, 32],
      [8, 128, 8, 32],
      [256, 64],
    ]
    const text = kernels(attention, ...shapes)
    expect(text).not.toContain('map')
    expect(text).toMatch(/, slices 32768 \/ 4 \+ 64 % 4\) = 32 times/)
    expect(text).toMatch(/2 times \[128,128\] x \[128,32\], placed strides 32,256,1/)
  })

  test('a result that somebody else reads too, or whose rows are moved apart, stays where it is', () => {
    const both = (x: NDArray, y: NDArray): readonly NDArray[] => {
      const z = np.matmul(x, y)
      return [np.transpose(z, [1, 0, 2]), np.sum(z, { axis: 0 })]
    }
    expect(kernels(both, [4, 5, 6], [4, 6, 7])).not.toContain('placed')
    const turned = (x: NDArray, y: NDArray): NDArray => np.matrixTranspose(np.matmul(x, y))
    expect(kernels(turned, [4, 5, 6], [4, 6, 7])).not.toContain('placed')
    const moved = (x: NDArray, y: NDArray): NDArray => np.transpose(np.matmul(x, y), [1, 0, 2])
    expect(kernels(moved, [4, 5, 6], [4, 6, 7])).toContain('4 times [5,6] x [6,7], placed strides 7,28,1')
  })
})
