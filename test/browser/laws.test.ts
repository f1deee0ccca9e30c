/** In a page, every primitive gives on `wasm`, and a sample of them on `webgpu`, what it gives on the reference device. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Draw, primitives, withDevice } from '../../src/core/index.js'
import { deviceLaw, deviceLawAsync, drawFrom, jitLaw, vmapLaw } from '../../src/testing/index.js'
import { usePage } from './support.js'

usePage()

/** Collectives mean nothing outside of a vmap that has their axis name; `check` looks at its operands at once. */
const apart = new Set(['psum', 'pmax', 'pmin', 'all_gather', 'axis_index', 'check'])
const all = [...primitives.values()].filter((p) => !apart.has(p.name))
const seed = 20261123

const check = (law: (draw: Draw) => void): void =>
  fc.assert(
    fc.property(fc.gen(), (g) => law(drawFrom(g))),
    { numRuns: 5, seed },
  )

describe.each(all.map((p) => [p.name, p] as const))('%s', (_, primitive) => {
  it('wasm = reference, jit = eager, vmap = loop', () =>
    withDevice('wasm', () => {
      check((draw) => deviceLaw(primitive, draw, 'wasm', 'js'))
      check((draw) => jitLaw(primitive, draw))
      check((draw) => vmapLaw(primitive, draw))
    }))
})

/** Some of every kind of kernel; the tests in Node run all of them. */
const sample = [
  'add',
  'exp',
  'sin',
  'tanh',
  'integer_pow',
  'convert_element_type',
  'select_n',
  'reduce_sum',
  'reduce_max',
  'argmax',
  'cumsum',
  'sort',
  'dot_general',
  'conv_general_dilated',
  'reduce_window_max',
  'gather',
  'scatter-add',
  'dynamic_slice',
  'pad',
  'transpose',
  'cond',
  'scan',
  'while',
  'threefry2x32',
]

describe('webgpu', () => {
  it('the sample names primitives', () => {
    expect(sample.filter((name) => !primitives.has(name))).toEqual([])
  })
  it.each(sample.flatMap((name) => primitives.get(name) ?? []).map((p) => [p.name, p] as const))(
    '%s = reference',
    (_, primitive) =>
      fc.assert(
        fc.asyncProperty(fc.gen(), (g) => deviceLawAsync(primitive, drawFrom(g), 'webgpu', 'js')),
        { numRuns: 5, seed },
      ),
  )
})
