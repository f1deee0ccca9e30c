/** Every primitive obeys every law, on every device. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import 'cotangent'
import { primitives, withDevice } from '../../src/core/index.js'
import { deviceLaw, drawFrom, jitLaw, jvpLaw, printLaw, shapeLaw, transposeLaw, vmapLaw } from '../../src/testing/index.js'

/** Collectives mean nothing outside of a vmap that has their axis name; test/transforms/collectives.test.ts has their laws. */
const needAxisName = new Set(['psum', 'pmax', 'pmin', 'axis_index'])
const all = [...primitives.values()].filter((p) => !needAxisName.has(p.name))
const devices = ['js', 'wasm']
const runs = 30

const check = (law: (draw: ReturnType<typeof drawFrom>) => void): void =>
  fc.assert(
    fc.property(fc.gen(), (g) => law(drawFrom(g))),
    { numRuns: runs, seed: 20261123 },
  )

it('there are primitives to test', () => {
  expect(all.length).toBeGreaterThan(80)
})

describe.each(all.map((p) => [p.name, p] as const))('%s', (_, primitive) => {
  for (const device of devices) {
    it(`has the shape that its rule says (${device})`, () => withDevice(device, () => check((draw) => shapeLaw(primitive, draw))))
    it(`jit = eager (${device})`, () => withDevice(device, () => check((draw) => jitLaw(primitive, draw))))
    it(`vmap = loop (${device})`, () => withDevice(device, () => check((draw) => vmapLaw(primitive, draw))))
    it(`reverse = transpose of forward (${device})`, () => withDevice(device, () => check((draw) => transposeLaw(primitive, draw))))
  }
  it('jvp = finite difference in float64', () => withDevice('js', () => check((draw) => jvpLaw(primitive, draw))))
  it('print, parse, equal', () => check((draw) => printLaw(primitive, draw)))
  it('wasm = reference', () => check((draw) => deviceLaw(primitive, draw, 'wasm', 'js')))
})
