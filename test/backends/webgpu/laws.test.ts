/** Every primitive gives on the GPU what it gives on the reference device. */
import * as fc from 'fast-check'
import { describe, it } from 'vitest'
import { primitives } from '../../../src/core/index.js'
import { deviceLawAsync, drawFrom } from '../../../src/testing/index.js'
import { useWebgpu } from './support.js'

useWebgpu()

/** Collectives mean nothing outside of a vmap that has their axis name. */
const needAxisName = new Set(['psum', 'pmax', 'pmin', 'axis_index'])
/** Looks at its operands at once, which no program outside of jit can do here. */
const readsAtOnce = new Set(['check'])
const all = [...primitives.values()].filter((p) => !needAxisName.has(p.name) && !readsAtOnce.has(p.name))

describe.each(all.map((p) => [p.name, p] as const))('%s', (_, primitive) => {
  it('webgpu = reference', () =>
    fc.assert(
      fc.asyncProperty(fc.gen(), (g) => deviceLawAsync(primitive, drawFrom(g), 'webgpu', 'js')),
      { numRuns: 10, seed: 20261123 },
    ))
})
