import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { known } from '../../src/core/index.js'
import { startOf } from '../../src/compiler/index.js'
import { nestedApart } from '../../src/compiler/spreads.js'

const size = fc.integer({ min: 1, max: 5 })

describe('slices that lie apart', () => {
  test('slices of slices begin where the slices did, and are within what their part spans', () => {
    let nested = 0
    fc.assert(
      fc.property(
        size,
        size,
        size,
        size,
        fc.nat(50),
        fc.nat(50),
        (parts, each, period, reach, stride, periodStride) => {
          const length = parts * each
          fc.pre(length % period === 0)
          const apart = { stride, period, periodStride, reach }
          const found = nestedApart(apart, length, parts)
          expect(found !== undefined).toBe(each % period === 0 || period % each === 0)
          if (found === undefined) return
          nested++
          for (let k = 0; k < length; k++) {
            const inside = startOf(found.inner, k % each)
            expect(startOf(found.outer, Math.floor(k / each)) + inside).toBe(startOf(apart, k))
            expect(inside + known(found.inner.reach, 'reach')).toBeLessThanOrEqual(found.outer.reach)
          }
        },
      ),
      { numRuns: 500 },
    )
    expect(nested).toBeGreaterThan(50)
  })
})
