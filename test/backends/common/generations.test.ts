/** A census says that an object is gone only when nobody holds it, and of young objects it says so after a mere scavenge. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Collector } from '../../../src/backends/common/collector.js'
import { type Life, type Pulse, Generations } from '../../../src/backends/common/generations.js'

/** Enters objects that nobody keeps; only what is known of their lives comes back. */
const enterAndDrop = (generations: Generations, count: number): Life[] =>
  Array.from({ length: count }, () => generations.enter().life)

const enterAndKeep = (generations: Generations, count: number): Pulse[] =>
  Array.from({ length: count }, () => generations.enter())

const goneAmong = (generations: Generations, lives: readonly Life[]): number =>
  lives.filter((life) => generations.isGone(life)).length

describe('generations', () => {
  it('know after a scavenge which young objects are gone', () => {
    const collector = new Collector()
    const generations = new Generations()
    const kept = enterAndKeep(generations, 100)
    const dropped = enterAndDrop(generations, 1000)
    expect(goneAmong(generations, dropped)).toBe(0)
    expect(collector.scavenge() && generations.countYoung()).toBe(true)
    // Stack slots may still point to a few.
    expect(goneAmong(generations, dropped)).toBeGreaterThan(990)
    expect(kept.filter(({ life }) => generations.isGone(life))).toEqual([])
  })

  it('know after a full collection which old objects are gone', () => {
    const collector = new Collector()
    const generations = new Generations()
    const holders = enterAndKeep(generations, 1000)
    const lives = holders.map(({ life }) => life)
    for (let i = 0; i < 3; i++) expect(collector.scavenge() && generations.countYoung()).toBe(true)
    holders.length = 10
    expect(collector.scavenge() && generations.countYoung()).toBe(true)
    expect(goneAmong(generations, lives)).toBe(0)
    expect(collector.collect() && generations.countAll()).toBe(true)
    expect(goneAmong(generations, lives)).toBeGreaterThan(980)
    expect(holders.filter(({ life }) => generations.isGone(life))).toEqual([])
  })

  it('never take an object that is held for gone, whatever is collected and counted when', () => {
    const collector = new Collector()
    const steps = fc.array(
      fc.oneof(
        fc.record({ enter: fc.integer({ min: 1, max: 20 }), keepEach: fc.integer({ min: 1, max: 5 }) }),
        fc.record({ drop: fc.nat(10) }),
        fc.constantFrom('scavenge', 'collect', 'count young', 'count all'),
      ),
      { minLength: 5, maxLength: 30 },
    )
    fc.assert(
      fc.property(steps, (program): boolean => {
        const generations = new Generations()
        const held: Pulse[] = []
        return program.every((step) => {
          if (step === 'scavenge') return collector.scavenge() && generations.countYoung()
          if (step === 'collect') return collector.collect() && generations.countAll()
          if (step === 'count young') return generations.countYoung()
          if (step === 'count all') return generations.countAll()
          if ('drop' in step) held.splice(0, step.drop)
          else
            enterAndKeep(generations, step.enter).forEach((pulse, i) => {
              if (i % step.keepEach === 0) held.push(pulse)
            })
          return held.every(({ life }) => !generations.isGone(life))
        })
      }),
      { numRuns: 30 },
    )
  })

  it('learn nothing, and take nobody for gone, where little is left of the stack', () => {
    const generations = new Generations()
    const held = enterAndKeep(generations, 50)
    let refused = 0
    const descend = (): void => {
      if (!generations.countYoung() || !generations.countAll()) refused++
      descend()
    }
    expect(descend).toThrow(RangeError)
    expect(refused).toBeGreaterThan(0)
    expect(held.filter(({ life }) => generations.isGone(life))).toEqual([])
    expect(generations.countAll()).toBe(true)
    expect(held.filter(({ life }) => generations.isGone(life))).toEqual([])
  })
})
