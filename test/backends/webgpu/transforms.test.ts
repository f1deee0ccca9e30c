/** Fourier transforms on the GPU: those that pass through the memory of workgroups, of lines of every size and direction. */
import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { type NDArray, grad, jit, lax, numpy as np, vmap } from 'cotangent'
import { withDevice } from '../../../src/core/index.js'
import { largestTransform, transformRadices } from '../../../src/compiler/transforms.js'
import { assertCloseAsync } from '../../../src/testing/index.js'
import { floats, tunings, useWebgpu } from './support.js'

useWebgpu()

const hardware = tunings[1]

/** What is transformed: where its line lies, how long it is, and which way. */
const transforms = fc.record({
  outer: fc.integer({ min: 1, max: 5 }),
  size: fc.oneof(
    fc.constantFrom(2, 8, 16, 60, 64, 100, 128, 1001, 1024, 1300, 2048),
    fc.integer({ min: 2, max: 300 }),
    // By two transforms, and by a convolution with a chirp.
    fc.constantFrom(4096, 5000, 6144, 2 * 1009),
  ),
  inner: fc.constantFrom(1, 1, 2, 5, 40),
  inverse: fc.boolean(),
  seed: fc.nat(1000),
})

it('are those of wasm', async () => {
  await fc.assert(
    fc.asyncProperty(transforms, async ({ outer, size, inner, inverse, seed }) => {
      const run = (): NDArray[] => {
        const along = (x: NDArray, y: NDArray): NDArray[] => {
          const { real, imag } = lax.fft({ real: x, imag: y }, inverse ? 'IFFT' : 'FFT', [size])
          return [real, imag]
        }
        // Lines with others beside them: members of vmap along the last axis.
        const lines =
          inner === 1 ? along : (x: NDArray, y: NDArray): NDArray[] => [...vmap(along, { inAxes: 2, outAxes: 2 })(x, y)]
        const shape = inner === 1 ? [outer, size] : [outer, size, inner]
        return jit(lines)(floats(seed, shape), floats(seed + 1, shape))
      }
      const expected = withDevice('wasm', run)
      const scale = inverse ? 1 / Math.sqrt(size) : Math.sqrt(size)
      for (const [i, x] of withDevice(hardware, run).entries())
        await assertCloseAsync(x, expected[i] ?? x, `part ${i}`, { relative: 1e-5, absolute: 4e-6 * scale })
    }),
    { numRuns: 12, seed: 20261123 },
  )
})

it('over two axes of middle ones, of real values, and their gradients', async () => {
  const loss = (x: NDArray): NDArray => {
    const { real, imag } = np.fft.rfftn(x, { axes: [1, 2] })
    return np.sum(np.square(real).mul(np.abs(imag).add(1)))
  }
  const run = (): NDArray[] => {
    const x = floats(1, [3, 48, 30, 2])
    const { real, imag } = np.fft.fft2(x, { axes: [1, 2] })
    return [real, imag, np.fft.irfft(np.fft.rfft(x, { axis: 1 }), { axis: 1 }), grad(loss)(x).mul(1e-4)]
  }
  const expected = withDevice('wasm', run)
  for (const [i, x] of withDevice(hardware, run).entries())
    await assertCloseAsync(x, expected[i] ?? x, `result ${i}`, { relative: 1e-4, absolute: 2e-4 })
})

it('of sizes with small factors are one shader each, besides the table of roots', () => {
  const shaders = (...lengths: number[]): number =>
    withDevice(hardware, () => {
      const shape = [6, ...lengths]
      const f = (x: NDArray, y: NDArray): NDArray[] => Object.values(lax.fft({ real: x, imag: y }, 'FFT', lengths))
      return jit(f).lower(np.zeros(shape), np.zeros(shape)).text().split('@compute').length - 1
    })
  expect([2, 60, 1024, 2048].map((n) => shaders(n))).toEqual([2, 2, 2, 2])
  expect(shaders(64, 128)).toBe(4)
  // Two transforms, a table for both, the twist between, and the order at the end.
  expect(shaders(2 ** 16)).toBeLessThanOrEqual(7)
})

it('are cut into steps whose product is the size, wherever there are such', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: largestTransform }), (size) => {
      const found = transformRadices(size)
      const smooth = [2, 3, 5, 7, 11, 13].reduce((rest, p) => {
        let left = rest
        while (left % p === 0) left /= p
        return left
      }, size)
      expect(found?.reduce((a, b) => a * b, 1)).toBe(smooth > 1 ? undefined : size)
    }),
  )
})
