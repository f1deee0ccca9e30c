/** The GPU of the tests: the machine's own, or SwiftShader from npm, which vitest.config.ts has put into the environment. */
import { beforeAll } from 'vitest'
import { createWebgpuDevice } from '../../../src/backends/webgpu/index.js'
import { registerDevice } from '../../../src/core/index.js'
import 'cotangent'

/** Devices under test: shaders as they are chosen for the adapter, and as they would be for a GPU in hardware. */
export const tunings = ['webgpu', 'webgpu-hardware'] as const

/** Makes the devices of the names in `tunings` available. There must be an adapter: without one the tests fail. */
export const useWebgpu = (): void =>
  beforeAll(async () => {
    registerDevice(await createWebgpuDevice())
    registerDevice({ ...(await createWebgpuDevice({ tuning: 'hardware' })), name: 'webgpu-hardware' })
  })
