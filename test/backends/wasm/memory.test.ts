/** The arena keeps every array's bytes whatever moves, stays within its budget, and says what is too large. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { OutOfMemoryError } from '../../../src/core/index.js'
import { type Block, BlockAllocator } from '../../../src/backends/wasm/allocator.js'
import { Collector } from '../../../src/backends/common/collector.js'
import { Arena } from '../../../src/backends/wasm/memory.js'
import { WasmStorage, smallBytes } from '../../../src/backends/wasm/storage.js'

const MB = 1 << 20

describe('the block allocator', () => {
  it('hands out blocks that do not overlap, and joins what is given back', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ bytes: fc.integer({ min: 1, max: 20_000 }), free: fc.nat(9) }), { maxLength: 200 }),
        (steps): boolean => {
          const allocator = new BlockAllocator<number>()
          allocator.extend(65536, 300_000)
          const held: Block<number>[] = []
          for (const { bytes, free } of steps) {
            const block = allocator.take(bytes)
            if (block !== undefined) {
              const apart = held.every(
                (other) => block.offset + block.bytes <= other.offset || other.offset + other.bytes <= block.offset,
              )
              if (block.bytes < bytes || block.offset % 64 !== 0 || !apart) return false
              held.push(block)
            }
            if (free < held.length) held.splice(free, 1).forEach((b) => allocator.give(b))
          }
          const used = held.reduce((sum, b) => sum + b.bytes, 0)
          if (allocator.used !== used) return false
          held.forEach((b) => allocator.give(b))
          return allocator.used === 0 && allocator.take(299_968) !== undefined
        },
      ),
      { numRuns: 200 },
    )
  })

  it('hands out what was given back before it cuts a larger block', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500_000 }), (bytes) => {
        const allocator = new BlockAllocator<number>()
        allocator.extend(0, 64 * 20_000)
        const [first, second] = [allocator.take(bytes), allocator.take(bytes)]
        if (first === undefined || second === undefined) return false
        allocator.give(first)
        return allocator.take(bytes)?.offset === 0
      }),
    )
  })

  it('finds a block that fits exactly', () => {
    const allocator = new BlockAllocator<number>()
    allocator.extend(0, 64 * 1000)
    expect(allocator.take(64 * 1000)).toBeDefined()
  })
})

const fill = (arena: Arena, bytes: number, value: number): WasmStorage => {
  const storage = new WasmStorage(bytes)
  arena.beginRun()
  const address = arena.allocate(storage)
  arena.bytes.fill(value, address, address + bytes)
  return storage
}

const valueOf = (arena: Arena, storage: WasmStorage): number => {
  const out = new Uint8Array(arena.copyOut(storage))
  return out.every((x) => x === out[0]) ? (out[0] ?? -1) : -1
}

/** The cost of collecting decides nothing, so that no test depends on the machine. */
class FreeCollector extends Collector {
  override cost(): number {
    return 0
  }
  override scavengeCost(): number {
    return 0
  }
  override share(): number {
    return 0
  }
}

class CountingCollector extends FreeCollector {
  fullCollections = 0
  scavengesMade = 0
  override collect(): boolean {
    this.fullCollections++
    return super.collect()
  }
  override scavenge(): boolean {
    this.scavengesMade++
    return super.scavenge()
  }
}

describe('the arena', () => {
  it('takes no more than its arrays and a megabyte, whatever their sizes', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 3 * MB }), { minLength: 1, maxLength: 20 }), (sizes) => {
        const arena = new Arena({ budget: 256 * MB })
        let held = 0
        const storages = sizes.map((bytes) => {
          held += Math.ceil(bytes / 64) * 64
          return fill(arena, bytes, 1)
        })
        const { resident, pooled } = arena.stats('x')
        expect(resident).toBe(held)
        expect(pooled).toBeLessThanOrEqual(MB + 65536)
        // The same once more in the same memory.
        for (const storage of storages) arena.release(storage)
        for (const bytes of sizes) fill(arena, bytes, 2)
        const after = arena.stats('x')
        expect(after.resident + after.pooled).toBeLessThanOrEqual(resident + pooled)
      }),
      { numRuns: 20 },
    )
  })

  it('moves arrays out and back without losing a byte', () => {
    const arena = new Arena({ budget: 8 * MB })
    const storages = Array.from({ length: 40 }, (_, i) => fill(arena, MB, i + 1))
    expect(arena.stats('x').resident).toBeLessThanOrEqual(8 * MB)
    expect(arena.stats('x').spilled).toBeGreaterThan(30 * MB)
    for (const i of [0, 39, 5, 17, 0, 38]) {
      const storage = storages[i]
      if (storage === undefined) continue
      arena.beginRun()
      const address = arena.locate(storage)
      expect(arena.bytes[address]).toBe(i + 1)
      expect(arena.bytes[address + MB - 1]).toBe(i + 1)
    }
    storages.forEach((storage, i) => expect(valueOf(arena, storage)).toBe(i + 1))
    for (const storage of storages) arena.release(storage)
    expect(arena.stats('x')).toMatchObject({ live: 0, resident: 0 })
  })

  it('keeps the arrays of the run in place while others make room', () => {
    const arena = new Arena({ budget: 4 * MB })
    const old = [1, 2, 3].map((i) => fill(arena, MB, i))
    arena.beginRun()
    const addresses = old.slice(0, 2).map((storage) => arena.locate(storage))
    const fresh = arena.allocate(new WasmStorage(2 * MB))
    expect(addresses.every((address) => address + MB <= fresh || fresh + 2 * MB <= address)).toBe(true)
    expect(arena.bytes[addresses[0] ?? 0]).toBe(1)
    expect(arena.bytes[addresses[1] ?? 0]).toBe(2)
    expect(old.map((storage) => valueOf(arena, storage))).toEqual([1, 2, 3])
  })

  it('gives up the temporaries of an earlier run rather than failing', () => {
    const arena = new Arena({ budget: 4 * MB })
    arena.beginRun()
    arena.temporary(3 * MB)
    const storage = fill(arena, 2 * MB, 5)
    expect(valueOf(arena, storage)).toBe(5)
    arena.beginRun()
    arena.temporary(3 * MB)
    expect(valueOf(arena, storage)).toBe(5)
    expect(() => arena.allocate(new WasmStorage(2 * MB))).toThrow(OutOfMemoryError)
  })

  it('keeps the arrays and temporaries of a run that is interrupted by others', () => {
    const arena = new Arena({ budget: 4 * MB })
    const outer = fill(arena, MB, 1)
    arena.beginRun()
    const address = arena.locate(outer)
    const block = arena.temporary(MB)
    arena.bytes.fill(7, block, block + MB)
    arena.interrupted(() => {
      for (let i = 0; i < 8; i++) {
        arena.beginRun()
        arena.bytes.fill(9, arena.temporary(MB / 2), arena.temporary(MB / 2) + MB / 2)
        arena.release(fill(arena, MB, 3))
      }
      expect(() => fill(arena, 3 * MB, 4)).toThrow(OutOfMemoryError)
    })
    expect(arena.locate(outer)).toBe(address)
    expect(arena.bytes[address]).toBe(1)
    expect(arena.temporary(MB)).toBe(block)
    expect(arena.bytes[block + MB - 1]).toBe(7)
  })

  it('finds out in a synchronous loop which arrays are dead, and moves nothing out', () => {
    const arena = new Arena({ budget: 1024 * MB, collector: new FreeCollector() })
    const kept = [1, 2, 3].map((i) => fill(arena, MB, i))
    for (let i = 0; i < 2000; i++) fill(arena, MB, 9)
    expect(arena.stats('x').spilled).toBe(0)
    expect(arena.stats('x').peak).toBeLessThanOrEqual(256 * MB)
    expect(kept.map((storage) => valueOf(arena, storage))).toEqual([1, 2, 3])
  })

  it('needs no full collection in a loop that reads and drops what it makes, and little memory', () => {
    const collector = new CountingCollector()
    const arena = new Arena({ budget: 1024 * MB, collector })
    const kept = fill(arena, MB, 1)
    for (let i = 0; i < 1000; i++) expect(arena.copyOut(fill(arena, MB, 2)).byteLength).toBe(MB)
    expect(arena.stats('x').spilled).toBe(0)
    // V8 may have begun to mark the heap for reasons of its own: what was dropped meanwhile lives on for a while.
    expect(collector.fullCollections).toBeLessThan(5)
    expect(collector.scavengesMade).toBeGreaterThan(20)
    expect(arena.stats('x').peak).toBeLessThanOrEqual(128 * MB)
    expect(valueOf(arena, kept)).toBe(1)
  })

  it('holds few arrays and copies in a loop that reads and drops large ones, also after V8 has collected by itself', () => {
    const arena = new Arena({ budget: 1024 * MB, collector: new FreeCollector() })
    const kept = fill(arena, 8 * MB, 1)
    let copies = 0
    for (let i = 0; i < 100; i++) {
      if (i % 10 === 5) (globalThis as { gc?: () => void }).gc?.()
      expect(arena.copyOut(fill(arena, 8 * MB, 2)).byteLength).toBe(8 * MB)
      copies = Math.max(copies, process.memoryUsage().arrayBuffers)
    }
    expect(arena.stats('x').peak).toBeLessThanOrEqual(32 * MB)
    expect(copies).toBeLessThan(32 * MB)
    expect(arena.stats('x').spilled).toBe(0)
    expect(valueOf(arena, kept)).toBe(1)
  })

  it('frees old dead arrays after a full collection that V8 made by itself, within the job', () => {
    const arena = new Arena({ budget: 1024 * MB, collector: new FreeCollector() })
    const old = Array.from({ length: 40 }, (_, i) => fill(arena, MB, i))
    // They survive a few scavenges, so that only a full collection finds them.
    for (let i = 0; i < 60; i++) fill(arena, MB, 9)
    old.length = 1
    ;(globalThis as { gc?: () => void }).gc?.()
    for (let i = 0; i < 20; i++) fill(arena, MB, 9)
    expect(arena.stats('x').live).toBeLessThan(40 * MB)
    expect(old.map((storage) => valueOf(arena, storage))).toEqual([0])
  })

  it('keeps arrays that are alive through every collection, whatever their number', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ kilobytes: fc.integer({ min: 5, max: 2000 }), keep: fc.boolean() }), {
          minLength: 60,
          maxLength: 100,
        }),
        (steps): boolean => {
          const arena = new Arena({ budget: 64 * MB, collector: new FreeCollector() })
          const kept: { storage: WasmStorage; value: number }[] = []
          steps.forEach(({ kilobytes, keep }, i) => {
            const storage = fill(arena, kilobytes << 10, i + 1)
            if (keep) kept.push({ storage, value: i + 1 })
            if (kept.length > 12) kept.shift()
          })
          return kept.every(({ storage, value }) => valueOf(arena, storage) === value)
        },
      ),
      { numRuns: 5 },
    )
  })

  it('says what it holds when there is no room', () => {
    const arena = new Arena({ budget: 4 * MB })
    arena.beginRun()
    arena.allocate(new WasmStorage(3 * MB))
    expect(() => arena.allocate(new WasmStorage(2 * MB))).toThrow(OutOfMemoryError)
    expect(() => arena.allocate(new WasmStorage(2 * MB))).toThrow(
      /no room for 2\.1 MB within the budget of 4\.2 MB.*the largest: an array of 3\.1 MB/s,
    )
    expect(() => arena.temporary(8 * MB)).toThrow(/wasmMemoryBudget/)
    // And goes on afterwards.
    arena.beginRun()
    expect(arena.allocate(new WasmStorage(3 * MB))).toBeGreaterThan(0)
  })

  it('stays within bounds in a synchronous loop that drops its arrays', () => {
    const arena = new Arena({ budget: 16 * MB })
    const keep = fill(arena, MB, 77)
    const before = process.memoryUsage().rss
    for (let i = 0; i < 4000; i++) {
      const storage = new WasmStorage(MB / 2)
      arena.beginRun()
      arena.locate(keep)
      arena.words[arena.allocate(storage) >>> 2] = i
    }
    expect(arena.stats('x').resident).toBeLessThanOrEqual(16 * MB)
    expect(process.memoryUsage().rss - before).toBeLessThan(400 * MB)
    expect(valueOf(arena, keep)).toBe(77)
  })

  it('frees the arrays that nobody holds once the event loop turns', async () => {
    const arena = new Arena({ budget: 64 * MB })
    const make = (): void => {
      for (let i = 0; i < 20; i++) fill(arena, MB, i)
    }
    make()
    const held = arena.stats('x').live
    for (let i = 0; i < 20 && arena.stats('x').live > held / 2; i++) {
      globalThis.gc?.()
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    expect(arena.stats('x').live).toBeLessThan(held / 2)
  })

  it('holds a storage until everybody who got it has released it', () => {
    const arena = new Arena({ budget: 4 * MB })
    const storage = fill(arena, 2 * smallBytes, 9)
    storage.holders++
    arena.release(storage)
    expect(valueOf(arena, storage)).toBe(9)
    arena.release(storage)
    expect(arena.stats('x').live).toBe(0)
    expect(() => arena.locate(storage)).toThrow(/released/)
  })
})
