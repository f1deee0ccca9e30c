/** What the tests in a page begin with: a page that may share memory between threads, and the devices. */
import { beforeAll, expect } from 'vitest'
import { init } from 'cotangent'

/** Threads of `wasm` in these tests. */
export const threads = 2

/** Starts every device. There must be an adapter and an isolated page: without them the tests fail. */
export const usePage = (): void =>
  beforeAll(async () => {
    expect(globalThis.crossOriginIsolated).toBe(true)
    expect(await init({ device: 'webgpu' })).toEqual(['wasm', 'js', 'webgpu'])
    await init({ device: 'wasm', threads })
  })
