/** How much is taken from the GPU: no more than twice what is in use, whatever arrays a loop makes and drops. */
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { Collector } from '../../../src/backends/common/collector.js'
import { createWebgpuDevice } from '../../../src/backends/webgpu/index.js'
import { LivingArrays } from '../../../src/backends/webgpu/living-arrays.js'
import { Pool, sizeClass } from '../../../src/backends/webgpu/pool.js'
import { Cell, WebgpuStorage } from '../../../src/backends/webgpu/storage.js'

/** Collects whenever it is asked: what a collection costs depends on the machine. */
class FreeCollector extends Collector {
  override cost(): number {
    return 0
  }
}

/** Knows nothing of what is dead, as in pages. */
class NoCollector extends Collector {
  override get isAble(): boolean {
    return false
  }
  override watch(): undefined {
    return undefined
  }
  override hasCollected(): boolean {
    return false
  }
  override collect(): boolean {
    return false
  }
}

const slack = 1 << 20
const budget = 1 << 30

let device: GPUDevice
beforeAll(async () => {
  device = (await createWebgpuDevice()).gpuDevice()
})

/** The last `alive` of the arrays made are held, the others dropped. */
const history = (
  pool: Pool,
  arrays: LivingArrays,
  sizes: readonly number[],
  alive: number,
  steps: number,
): number[] => {
  const held: WebgpuStorage[] = []
  const taken: number[] = []
  for (let i = 0; i < steps; i++) {
    const bytes = sizes[i % sizes.length] ?? 0
    arrays.prepareFor([bytes])
    held.push(arrays.hold(new WebgpuStorage(new Cell(pool, bytes, pool.take(bytes)))))
    if (held.length > alive) held.shift()
    taken.push(pool.resident)
  }
  return taken
}

const sizes = fc.array(fc.integer({ min: 1, max: 1 << 18 }), { minLength: 1, maxLength: 5 })

describe('memory of the GPU', () => {
  it('is at most twice that of the arrays that are alive, and the slack, within one job', () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 12 }), (made, alive) => {
        const pool = new Pool({ device, budget, living: () => [] })
        const arrays = new LivingArrays(pool, new FreeCollector())
        const largest = Math.max(...made.map(sizeClass))
        // Stack slots may still point to an array or two that were dropped.
        const used = (alive + 3) * largest
        const most = Math.max(...history(pool, arrays, made, alive, 150))
        expect(most).toBeLessThanOrEqual(Math.max(slack, 2 * used) + 2 * largest)
        pool.trim()
      }),
      { numRuns: 15 },
    )
  })

  it('goes back when a program needs less than before', () => {
    const pool = new Pool({ device, budget, living: () => [] })
    const arrays = new LivingArrays(pool, new FreeCollector())
    const large = Math.max(...history(pool, arrays, [1 << 20], 16, 40))
    expect(large).toBeGreaterThanOrEqual(16 << 20)
    history(pool, arrays, [3 << 18], 2, 200)
    expect(pool.resident).toBeLessThanOrEqual(8 << 20)
  })

  it('is bounded where only finalizers tell what is dead, by waiting for them', async () => {
    const pool = new Pool({ device, budget, living: () => [] })
    const arrays = new LivingArrays(pool, new NoCollector())
    const megabyte = 1 << 20
    const most: number[] = []
    for (let i = 0; i < 1500; i++) {
      arrays.prepareFor([megabyte])
      arrays.hold(new WebgpuStorage(new Cell(pool, megabyte, pool.take(megabyte))))
      await arrays.relieve()
      most.push(pool.resident)
    }
    // The slack is 64 MB at most, and what was made while a collection was under way survives it.
    expect(Math.max(...most)).toBeLessThanOrEqual(4 * 64 * megabyte)
    pool.trim()
  })

  it('counts what is idle, and what would have to be taken', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 5000 }), { maxLength: 20 }), (made) => {
        const pool = new Pool({ device, budget, living: () => [] })
        const expected = made.reduce((sum, bytes) => sum + sizeClass(bytes), 0)
        expect(pool.growth(made)).toBe(expected)
        const buffers = made.map((bytes) => pool.take(bytes))
        expect([pool.resident, pool.pooled]).toEqual([expected, 0])
        buffers.forEach((buffer) => pool.give(buffer))
        expect([pool.resident, pool.pooled, pool.growth(made)]).toEqual([expected, expected, 0])
        pool.trim()
        expect([pool.resident, pool.pooled]).toEqual([0, 0])
      }),
      { numRuns: 30 },
    )
  })
})
