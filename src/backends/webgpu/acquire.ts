/** Finding a GPU: the browser's or Deno's, the `webgpu` package in Node, or one that the caller brings. */
import { DeviceError } from '../../core/index.js'
import type { GpuProvider } from './provider.js'

/** Where `webgpu`'s GPU objects are kept: Dawn crashes when one is collected while its devices live. */
const keeper: { __cotangentGpu?: GpuProvider } & typeof globalThis = globalThis

/**
 * Our shaders write the memory of workgroups before they read it, so it need not be cleared; for a driver in software, clearing takes
 * a second of compilation for every thousand words.
 */
const flags = ['enable-dawn-features=disable_workgroup_init']

const nodeGpu = async (): Promise<GpuProvider> => {
  if (keeper.__cotangentGpu !== undefined) return keeper.__cotangentGpu
  let dawn
  try {
    dawn = await import('webgpu')
    // Bundlers for pages put an empty module in its place, as `browser` in package.json says.
    if (!('create' in dawn)) throw new TypeError('an empty module')
  } catch {
    throw new DeviceError(
      `init: this JavaScript engine has no WebGPU. In Node, install the optional package that brings it: npm install webgpu. ` +
        `Or pass a GPU object: init({ device: 'webgpu', gpu }).`,
    )
  }
  keeper.__cotangentGpu = dawn.create(flags)
  return keeper.__cotangentGpu
}

/** The GPU object to use when none is given. */
export const findGpu = async (): Promise<GpuProvider> => {
  const { navigator } = globalThis as { navigator?: { gpu?: GpuProvider } }
  return navigator?.gpu ?? nodeGpu()
}

/** Limits that are asked for at what the adapter has; the rest stays at what every device has. */
const wanted = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupStorageSize',
  'minUniformBufferOffsetAlignment',
] as const

/** Features that are used where they are offered. */
const useful = ['subgroups', 'shader-f16'] as const

const isAdapter = (found: object): found is GPUAdapter => 'requestDevice' in found && 'limits' in found

/** What is asked of an adapter, the best first: what it says that it has, then less of that, at last what every device has. */
const wishes = ({ limits, features }: GPUAdapter): readonly GPUDeviceDescriptor[] => {
  const requiredLimits = Object.fromEntries(wanted.map((limit) => [limit, limits[limit]]))
  const requiredFeatures = useful.filter((feature) => features.has(feature))
  return [{ requiredLimits, requiredFeatures }, { requiredLimits }, { requiredFeatures }, {}]
}

/** The best device that is given. An adapter that was asked once may not answer again, so each wish goes to a new one. */
const deviceOf = async (first: GPUAdapter, next: () => Promise<GPUAdapter>): Promise<GPUDevice> => {
  let refusal: unknown
  for (const [i, wish] of wishes(first).entries()) {
    const adapter = i === 0 ? first : await next()
    try {
      return await adapter.requestDevice(wish)
    } catch (error) {
      refusal = error
    }
  }
  throw new DeviceError(`init: the WebGPU adapter gives no device: ${String(refusal)}`)
}

/** The best device of the best adapter, and what it is called. */
export const acquire = async (
  gpu: GpuProvider,
): Promise<{ readonly device: GPUDevice; readonly software: boolean; readonly name: string }> => {
  const adapterOf = async (): Promise<GPUAdapter> => {
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' })
    if (adapter !== null && !isAdapter(adapter)) {
      throw new DeviceError(`init: requestAdapter of the GPU object gave something that is no GPUAdapter.`)
    }
    if (adapter === null) {
      throw new DeviceError(
        `init: no WebGPU adapter was found. On Linux a Vulkan driver is needed (VK_DRIVER_FILES may name one), ` +
          `in browsers WebGPU must be enabled; 'wasm' works everywhere.`,
      )
    }
    return adapter
  }
  const first = await adapterOf()
  // Older engines say it elsewhere, and have no `info`.
  const { info, isFallbackAdapter = false } = first as { info?: GPUAdapterInfo; isFallbackAdapter?: boolean }
  const software = info?.isFallbackAdapter ?? isFallbackAdapter
  const parts = [info?.vendor, info?.architecture, info?.description, software ? '(software)' : '']
  const name = parts.filter((part) => part !== undefined && part !== '').join(' ')
  return { device: await deviceOf(first, adapterOf), software, name }
}
