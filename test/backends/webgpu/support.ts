/** The GPU of the tests: the machine's own, or SwiftShader from npm, which vitest.config.ts has put into the environment. */
import { beforeAll, expect, it } from 'vitest'
import { type NDArray, numpy as np } from 'cotangent'
import { createWebgpuDevice } from '../../../src/backends/webgpu/index.js'
import { registerDevice, tree, withDevice } from '../../../src/core/index.js'
import { assertCloseAsync, toleranceOf } from '../../../src/testing/index.js'

/** Devices under test: shaders as they are chosen for the adapter, and as they would be for a GPU in hardware. */
export const tunings = ['webgpu', 'webgpu-hardware'] as const

/** Makes the devices of the names in `tunings` available. There must be an adapter: without one the tests fail. */
export const useWebgpu = (): void =>
  beforeAll(async () => {
    registerDevice(await createWebgpuDevice())
    registerDevice({ ...(await createWebgpuDevice({ tuning: 'hardware' })), name: 'webgpu-hardware' })
  })

/** Numbers in [0, 1) that follow from a seed. They are made on the host: random keys would be compiled for every shape. */
const sequence = (seed: number): (() => number) => {
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((size, n) => size * n, 1)

/** Floats between -2 and 2. */
export const floats = (seed: number, shape: readonly number[]): NDArray => {
  const next = sequence(seed)
  return np.reshape(np.array(Float32Array.from({ length: sizeOf(shape) }, () => 4 * next() - 2)), [...shape])
}

/** Integers from `min` up to, not including, `max`. */
export const integers = (seed: number, shape: readonly number[], min: number, max: number): NDArray => {
  const next = sequence(seed)
  const data = Int32Array.from({ length: sizeOf(shape) }, () => min + Math.floor(next() * (max - min)))
  return np.reshape(np.array(data), [...shape])
}

/** Tests that a function gives on each of the devices what it gives on `wasm`. */
export const agree = (name: string, f: () => unknown, scale = 8, devices: readonly string[] = ['webgpu']): void =>
  it.each(devices)(`${name} (%s)`, async (device) => {
    const expected = tree.leaves(withDevice('wasm', f)) as NDArray[]
    const got = tree.leaves(withDevice(device, f)) as NDArray[]
    expect(got.length).toBe(expected.length)
    for (const [i, out] of got.entries()) {
      const other = expected[i]
      if (other !== undefined) await assertCloseAsync(out, other, name, toleranceOf(other.dtype, scale))
    }
  })
