/** Which device an adapter is asked for: the best that it gives. */
import { beforeAll, expect, it } from 'vitest'
import { DeviceError } from 'cotangent'
import { acquire } from '../../../src/backends/webgpu/acquire.js'
import type { GpuProvider } from '../../../src/backends/webgpu/provider.js'

let gpu: GPU
beforeAll(async () => {
  const { create } = await import('webgpu')
  // It must stay reachable.
  gpu = create(['backend=null'])
})

/** What a wish has: limits beyond what everybody has, features. */
interface Wish {
  readonly limits: boolean
  readonly features: boolean
}

/** Adapters that refuse some wishes, and are of one use each; the wishes that came. */
const refusing = (refuses: (wish: Wish) => boolean, others: object = {}) => {
  const wishes: Wish[] = []
  const provider: GpuProvider = {
    requestAdapter: async () => {
      const adapter = await gpu.requestAdapter()
      if (adapter === null) return null
      let used = false
      const requestDevice = async (wanted: GPUDeviceDescriptor = {}): Promise<GPUDevice> => {
        const wish = {
          limits: Object.keys(wanted.requiredLimits ?? {}).length > 0,
          features: [...(wanted.requiredFeatures ?? [])].length > 0,
        }
        wishes.push(wish)
        if (used || refuses(wish)) throw new TypeError('not that')
        used = true
        return adapter.requestDevice(wanted)
      }
      return { limits: adapter.limits, features: adapter.features, info: adapter.info, ...others, requestDevice }
    },
  }
  return { provider, wishes }
}

const refusals: readonly (readonly [string, (wish: Wish) => boolean, Wish])[] = [
  ['nothing', () => false, { limits: true, features: true }],
  ['features', ({ features }) => features, { limits: true, features: false }],
  ['limits', ({ limits }) => limits, { limits: false, features: true }],
  ['both', ({ limits, features }) => limits || features, { limits: false, features: false }],
]

it.each(refusals)('an adapter that refuses %s gives the rest', async (_, refuses, granted) => {
  const { provider, wishes } = refusing(refuses)
  const { device } = await acquire(provider)
  expect(wishes.at(-1)).toEqual(granted)
  expect(device.features.has('shader-f16')).toBe(granted.features)
  device.destroy()
})

it('one that refuses everything is an error that says why', async () => {
  const { provider, wishes } = refusing(() => true)
  await expect(acquire(provider)).rejects.toThrow(DeviceError)
  await expect(acquire(provider)).rejects.toThrow(/gives no device: TypeError: not that/)
  expect(wishes.length).toBe(8)
})

it.each([
  [{ info: { isFallbackAdapter: true, vendor: 'a', architecture: '', description: 'b' } }, true, 'a b (software)'],
  [{ info: { isFallbackAdapter: false, vendor: 'a', architecture: 'c', description: '' } }, false, 'a c'],
  // Engines before there was such a word in `info`, or `info` at all.
  [{ info: { vendor: 'a', architecture: '', description: '' }, isFallbackAdapter: true }, true, 'a (software)'],
  [{ info: undefined, isFallbackAdapter: true }, true, '(software)'],
  [{ info: undefined }, false, ''],
])('knows software by what the engine says: %j', async (others, software, name) => {
  const { provider } = refusing(() => false, others)
  const acquired = await acquire(provider)
  expect(acquired).toMatchObject({ software, name })
  acquired.device.destroy()
})
