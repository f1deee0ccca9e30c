/**
 * Every primitive obeys every law, on every device that is read at once: the tests of one part of the primitives, so that several
 * files can run side by side. On webgpu, test/backends/webgpu/laws.ts says the same of them.
 */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type NDArray, jvp, numpy as np } from 'cotangent'
import { type Draw, bind, withDevice } from '../../src/core/index.js'
import {
  deviceLaw,
  drawFrom,
  jitLaw,
  jvpLaw,
  printLaw,
  shapeLaw,
  transposeLaw,
  vmapLaw,
} from '../../src/testing/index.js'
import { every, irreversible, named, uncompilable, withoutForward } from './primitives.js'

/** Derivatives that are zero by definition, whatever differences say. */
const zeroDerivative = new Set(['stop_gradient', 'nextafter'])
/** Hold a derivative rule, which is a JS function and cannot be read from text. */
const unreadable = new Set(['custom_jvp_call', 'custom_vjp_call', 'custom_lin'])
/** Always the smallest choice. */
const fixedDraw: Omit<Draw, 'array'> = {
  integer: (min) => min,
  boolean: () => false,
  pick: (options) => {
    const [first] = options
    if (first === undefined) throw new Error('nothing to pick from')
    return first
  },
  shape: () => [],
}
const devices = ['js', 'wasm']
const runs = 30

const check = (law: (draw: ReturnType<typeof drawFrom>) => void): void =>
  fc.assert(
    fc.property(fc.gen(), (g) => law(drawFrom(g))),
    { numRuns: runs, seed: 20261123 },
  )

/** Declares the tests of every `parts`-th primitive, from number `part` on. */
export const testPrimitives = (part: number, parts: number): void => {
  const all = every.filter((_, i) => i % parts === part)

  it('there are primitives to test', () => {
    expect(all.length).toBeGreaterThan(100 / parts)
  })

  describe.each(named(all))('%s', (_, primitive) => {
    for (const device of devices) {
      it(`has the shape that its rule says (${device})`, () =>
        withDevice(device, () => check((draw) => shapeLaw(primitive, draw))))
      it(`vmap = loop (${device})`, () => withDevice(device, () => check((draw) => vmapLaw(primitive, draw))))
    }
    it('wasm = reference', () => check((draw) => deviceLaw(primitive, draw, 'wasm', 'js')))
  })

  describe.each(named(all.filter((p) => !uncompilable.has(p.name))))('%s', (_, primitive) => {
    for (const device of devices) {
      it(`jit = eager (${device})`, () => withDevice(device, () => check((draw) => jitLaw(primitive, draw))))
    }
  })

  describe.each(named(all.filter((p) => uncompilable.has(p.name))))('%s', (_, primitive) => {
    it('cannot be compiled, and says so', () =>
      expect(() => check((draw) => jitLaw(primitive, draw))).toThrow('Property failed'))
  })

  describe.each(named(all.filter((p) => !irreversible.has(p.name) && !withoutForward.has(p.name))))(
    '%s',
    (_, primitive) => {
      for (const device of devices) {
        it(`reverse = transpose of forward (${device})`, () =>
          withDevice(device, () => check((draw) => transposeLaw(primitive, draw))))
      }
    },
  )

  describe.each(named(all.filter((p) => irreversible.has(p.name) || withoutForward.has(p.name))))(
    '%s',
    (_, primitive) => {
      it('has one mode of differentiation only, and says so', () =>
        expect(() => check((draw) => transposeLaw(primitive, draw))).toThrow('Property failed'))
    },
  )

  describe.each(named(all.filter((p) => !zeroDerivative.has(p.name) && !withoutForward.has(p.name))))(
    '%s',
    (_, primitive) => {
      it('jvp = finite difference in float64', () => withDevice('js', () => check((draw) => jvpLaw(primitive, draw))))
    },
  )

  describe.each(named(all.filter((p) => zeroDerivative.has(p.name))))('%s', (_, primitive) => {
    it('has derivative zero', () => {
      const sample = primitive.sample({
        ...fixedDraw,
        array: (shape, dtype) => ({ shape, dtype, data: shape.length === 0 ? [0.5] : shape.map(() => 0.5) }),
      })
      const f = (...xs: NDArray[]) => bind(primitive, xs, sample.params)[0] ?? np.zeros([])
      const inputs = sample.inputs.map(() => np.array([0.5, 2]))
      expect(
        jvp(
          f,
          inputs,
          inputs.map((x) => np.onesLike(x)),
        )[1].js(),
      ).toEqual([0, 0])
    })
  })

  describe.each(named(all.filter((p) => !unreadable.has(p.name))))('%s', (_, primitive) => {
    it('print, parse, equal', () => check((draw) => printLaw(primitive, draw)))
  })

  describe.each(named(all.filter((p) => unreadable.has(p.name))))('%s', (_, primitive) => {
    it('cannot be read back, and says so', () =>
      expect(() => check((draw) => printLaw(primitive, draw))).toThrow('Property failed'))
  })
}
