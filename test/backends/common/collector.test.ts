/** The engine tells within one synchronous job which objects are gone, and that of those still held none is. */
import { describe, expect, it } from 'vitest'
import { Collector, keepFreedPages } from '../../../src/backends/common/collector.js'

describe('the collector', () => {
  it('sees in one job what is gone and what is not', () => {
    const collector = new Collector()
    const kept = Array.from({ length: 1000 }, (_, i) => ({ i }))
    const references = kept.map((x) => collector.watch(x))
    const dropped = Array.from({ length: 1000 }, (_, i) => collector.watch({ i }))
    expect(collector.collect()).toBe(true)
    expect(references.every((reference, i) => reference?.deref() === kept[i])).toBe(true)
    // Stack slots may still point to a few.
    expect(dropped.filter((reference) => reference?.deref() === undefined).length).toBeGreaterThan(990)
  })

  it('does not pin what it looked at', () => {
    const collector = new Collector()
    const make = (): WeakRef<object> | undefined => {
      const x = { name: 'x' }
      const reference = collector.watch(x)
      collector.collect()
      expect(reference?.deref()).toBe(x)
      return reference
    }
    const reference = make()
    make()
    expect(collector.collect()).toBe(true)
    expect(reference?.deref()).toBeUndefined()
  })

  it('notices that the engine has collected by itself', () => {
    const collector = new Collector()
    expect(collector.hasCollected()).toBe(false)
    expect(collector.hasCollected()).toBe(false)
    ;(globalThis as { gc?: () => void }).gc?.()
    expect(collector.hasCollected()).toBe(true)
    expect(collector.hasCollected()).toBe(false)
  })

  it('knows what a scavenge takes, and leaves most of the time to others', () => {
    const collector = new Collector()
    expect(collector.scavenge()).toBe(true)
    const soon = collector.scavengeShare()
    const since = performance.now()
    while (performance.now() - since < 50);
    expect(collector.scavengeShare()).toBeGreaterThan(0)
    expect(collector.scavengeShare()).toBeLessThan(Math.min(soon, 0.1))
  })

  it('keeps the pages of small buffers that are freed together', () => {
    const collector = new Collector()
    const { buffer } = new Uint8Array(64 << 10).fill(1)
    const copy = (count: number): void => {
      for (let i = 1; i <= count; i++) {
        keepFreedPages(buffer.byteLength, collector)
        buffer.slice(0)
        if (i % 128 === 0) collector.scavenge()
      }
    }
    copy(256)
    const before = process.resourceUsage().minorPageFault
    copy(1024)
    const pages = (1024 * buffer.byteLength) / 4096
    expect(process.resourceUsage().minorPageFault - before).toBeLessThan(pages / 4)
  })

  it('leaves nothing of the buffer that makes the C library keep freed pages', () => {
    const collector = new Collector()
    collector.scavenge()
    const before = process.memoryUsage().arrayBuffers
    keepFreedPages(1 << 20, collector)
    // Where V8 has just marked the heap, only a full collection does it, which the arena makes before its next array.
    if (collector.isOwed) collector.collect()
    expect(collector.isOwed).toBe(false)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 20)
  })

  it('knows what a collection takes', () => {
    const collector = new Collector()
    collector.collect()
    expect(collector.cost()).toBeGreaterThan(0)
    expect(collector.cost()).toBeLessThan(Infinity)
    expect(collector.share()).toBeGreaterThan(0)
  })
})
