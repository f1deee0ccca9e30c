/** When dead arrays are looked for: not at all by programs of few bytes, since starting to takes milliseconds. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Collector } from '../../../src/backends/common/collector.js'
import { Reclaimer } from '../../../src/backends/wasm/reclaimer.js'

class CountingCollector extends Collector {
  count = 0
  override scavengeShare(): number {
    return 0
  }
  override hasCollected(): boolean {
    return false
  }
  override scavenge(): boolean {
    this.count++
    return true
  }
}

const megabyte = 1 << 20

it('looks for dead arrays from 32 MB of new ones on, and then every 8 MB while that frees them', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 8 * megabyte }), { minLength: 1, maxLength: 40 }), (sizes) => {
      const collector = new CountingCollector()
      let resident = 0
      const sweep = (): number => {
        const freed = resident
        resident = 0
        return freed
      }
      const arena = {
        get residentBytes() {
          return resident
        },
        sweep,
      }
      const reclaimer = new Reclaimer(arena, collector)
      expect(reclaimer.works).toBe(true)
      let fresh = 0
      let wanted = 0
      for (const bytes of sizes) {
        if (fresh >= (wanted === 0 ? 32 : 8) * megabyte) {
          wanted++
          fresh = 0
        }
        reclaimer.prepare()
        expect(collector.count).toBe(wanted)
        reclaimer.enter(bytes)
        resident += bytes
        fresh += bytes
      }
    }),
  )
})

class SpareCollector extends CountingCollector {
  shareNow = 0.01
  override get isStarted(): boolean {
    return true
  }
  override scavengeShare(): number {
    return this.shareNow
  }
}

it('looks for dead arrays sooner where that takes next to no time', () => {
  const collector = new SpareCollector()
  const reclaimer = new Reclaimer({ residentBytes: 8 * megabyte, sweep: () => megabyte }, collector)
  reclaimer.enter(2 * megabyte - 1)
  expect(reclaimer.tidyYoung(), 'less than a quarter of what is there').toBe(false)
  reclaimer.enter(1)
  collector.shareNow = 0.03
  expect(reclaimer.tidyYoung(), 'more than a fiftieth of the time').toBe(false)
  expect(collector.count).toBe(0)
  collector.shareNow = 0.01
  expect(reclaimer.tidyYoung()).toBe(true)
  expect(collector.count).toBe(1)
  for (let i = 0; i < 3; i++) reclaimer.copy(megabyte)
  expect(collector.count, 'before every copy that comes after a megabyte of them').toBe(3)
  collector.shareNow = 0.03
  for (let i = 0; i < 6; i++) reclaimer.copy(megabyte)
  expect(collector.count).toBe(3)
})
