/**
 * Every primitive obeys every law on the GPU, and gives there what it gives on the reference device; no shader is given the same
 * memory twice. The tests of one part of the primitives, so that several files can run side by side.
 */
import * as fc from 'fast-check'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import 'cotangent'
import { createWebgpuDevice } from '../../../src/backends/webgpu/index.js'
import { type Draw, registerDevice, withDevice } from '../../../src/core/index.js'
import {
  deviceLawAsync,
  drawFrom,
  jitLawAsync,
  shapeLawAsync,
  transposeLawAsync,
  vmapLawAsync,
} from '../../../src/testing/index.js'
import { every, irreversible, named, withoutForward } from '../../laws/primitives.js'

/** Looks at its operands at once, which no program outside of jit can do here. */
const readsAtOnce = new Set(['check'])
const runs = 10

/** Samples of a law that can be stated without float64, which WGSL lacks. */
const check = (law: (draw: Draw) => Promise<void>): Promise<void> =>
  fc.assert(
    fc.asyncProperty(fc.gen(), (g) => withDevice('webgpu', () => law(drawFrom(g)))),
    { numRuns: runs, seed: 20261123 },
  )

/** Declares the tests of every `parts`-th primitive, from number `part` on. */
export const testPrimitives = (part: number, parts: number): void => {
  const all = every.filter((p, i) => i % parts === part && !readsAtOnce.has(p.name))

  /** What bindings of shaders were like since the last look. */
  const seen = { several: 0, shared: 0 }

  beforeAll(async () => {
    const device = await createWebgpuDevice()
    const gpu = device.gpuDevice()
    const writing = new Map<GPUBindGroupLayout, readonly boolean[]>()
    const createLayout = gpu.createBindGroupLayout.bind(gpu)
    gpu.createBindGroupLayout = (descriptor) => {
      const layout = createLayout(descriptor)
      writing.set(
        layout,
        [...descriptor.entries].map(({ buffer }) => buffer?.type === 'storage'),
      )
      return layout
    }
    const createGroup = gpu.createBindGroup.bind(gpu)
    gpu.createBindGroup = (descriptor) => {
      const writes = writing.get(descriptor.layout)
      if (writes === undefined) throw new Error('a group of an unknown layout')
      const buffers = [...descriptor.entries].map(({ resource }) => ('buffer' in resource ? resource.buffer : resource))
      if (buffers.length > 1) seen.several++
      // Twice for reading is what WebGPU allows.
      if (buffers.some((buffer, i) => writes[i] === true && buffers.indexOf(buffer) !== buffers.lastIndexOf(buffer)))
        seen.shared++
      return createGroup(descriptor)
    }
    registerDevice(device)
  })

  const total = { several: 0 }

  afterEach(() => {
    total.several += seen.several
    const { shared } = seen
    Object.assign(seen, { several: 0, shared: 0 })
    if (shared > 0) throw new Error(`${shared} groups bind memory for writing and once more`)
  })

  describe.each(named(all))('%s', (_, primitive) => {
    it('webgpu = reference', () => check((draw) => deviceLawAsync(primitive, draw, 'webgpu', 'js')))
    it('has the shape that its rule says', () => check((draw) => shapeLawAsync(primitive, draw)))
    it('jit = eager', () => check((draw) => jitLawAsync(primitive, draw)))
    it('vmap = loop', () => check((draw) => vmapLawAsync(primitive, draw)))
  })

  describe.each(named(all.filter((p) => !irreversible.has(p.name) && !withoutForward.has(p.name))))(
    '%s',
    (_, primitive) => {
      it('reverse = transpose of forward', () => check((draw) => transposeLawAsync(primitive, draw)))
    },
  )

  it('shaders of several arrays were looked at', () => {
    expect(total.several).toBeGreaterThan(all.length)
  })
}
