/** Long synchronous loops stay within the memory budget, and what cannot fit says what is in the way. */
import { describe, expect, it } from 'vitest'
import { type NDArray, OutOfMemoryError, jit, memoryStats, numpy as np, withDevice } from 'cotangent'
import { devicePut, known, registerDevice } from '../../../src/core/index.js'
import { WasmRuntime, deviceOf } from '../../../src/backends/wasm/device.js'

const MB = 1 << 20
const budget = 64 * MB
registerDevice(Object.assign(deviceOf(new WasmRuntime(budget)), { name: 'small' }))

describe('within a budget of 64 MB', () => {
  it('20,000 synchronous steps allocate 50 times as much', () => {
    withDevice('small', () => {
      const size = 42_000
      const steps = 20_000
      const step = jit((x: NDArray) => np.add(np.multiply(x, 0.5), 1))
      let x = np.zeros([size])
      for (let i = 0; i < steps; i++) x = step(x)
      expect(steps * size * 4).toBeGreaterThan(50 * budget)
      const stats = known(memoryStats()['small'], 'statistics')
      expect(stats.resident).toBeLessThanOrEqual(budget)
      expect(stats.peak).toBeLessThanOrEqual(budget)
      expect(x.get(7).item()).toBeCloseTo(2, 6)
      const { heapUsed, external, arrayBuffers } = process.memoryUsage()
      expect(heapUsed + external + arrayBuffers).toBeLessThan(1500 * MB)
    })
  }, 60_000)

  it('what is still in use keeps its values', () => {
    withDevice('small', () => {
      const kept = Array.from({ length: 60 }, (_, i) => np.full([MB / 4], i))
      const double = jit((x: NDArray) => np.multiply(x, 2))
      for (let round = 0; round < 3; round++) for (const x of kept) double(x)
      kept.forEach((x, i) => expect(double(x).get(11).item()).toBe(2 * i))
    })
  })

  it('a program that needs more names the largest arrays', () => {
    withDevice('small', () => {
      const [a, b] = [30, 20].map((megabytes) => devicePut(np.ones([(megabytes * 1_000_000) / 4]), 'small'))
      const both = jit((x: NDArray, y: NDArray) => [np.add(x, 1), np.add(y, 1)])
      const run = (): unknown => both(known(a, 'a'), known(b, 'b'))
      expect(run).toThrow(OutOfMemoryError)
      expect(run).toThrow(
        /no room for \d+\.\d MB within the budget of 67\.1 MB\. The running program itself holds .* \(the largest: f32\[7500000\] of 30\.0 MB, (f32\[7500000\] of 30\.0 MB, )?f32\[5000000\] of 20\.0 MB.*init\(\{ wasmMemoryBudget: bytes \}\)/,
      )
    })
  })

  it('the budget can change', () => {
    const device = deviceOf(new WasmRuntime(64 * MB))
    const arrays = Array.from({ length: 50 }, (_, i) => device.fromHost(new Float32Array(MB / 4).fill(i), 'float32'))
    device.configure({ memoryBudget: 8 * MB })
    expect(device.memoryStats()).toMatchObject({ budget: 8 * MB })
    expect(device.memoryStats().resident).toBeLessThanOrEqual(8 * MB)
    expect(() => device.fromHost(new Float32Array(4 * MB), 'float32')).toThrow(OutOfMemoryError)
    device.configure({ memoryBudget: 32 * MB })
    const large = device.fromHost(new Float32Array(5 * MB).fill(3), 'float32')
    expect(device.read(large, 'float32', 5 * MB)[123]).toBe(3)
    arrays.forEach((x, i) => expect(device.read(x, 'float32', MB / 4)[5]).toBe(i))
    expect(device.memoryStats().resident).toBeLessThanOrEqual(32 * MB)
  })
})
