/** Every primitive gives on the GPU what it gives on the reference device, and no shader is given the same memory twice. */
import * as fc from 'fast-check'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import 'cotangent'
import { createWebgpuDevice } from '../../../src/backends/webgpu/index.js'
import { primitives, registerDevice } from '../../../src/core/index.js'
import { deviceLawAsync, drawFrom } from '../../../src/testing/index.js'

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

/** Collectives mean nothing outside of a vmap that has their axis name. */
const needAxisName = new Set(['psum', 'pmax', 'pmin', 'all_gather', 'axis_index'])
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

it('shaders of several arrays were looked at', () => {
  expect(total.several).toBeGreaterThan(all.length)
})
