/** Buffers that other programs for the GPU read and make. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  ArgumentError,
  ConcretizationError,
  DeviceError,
  type NDArray,
  defaultDevice,
  fromGpuBuffer,
  gpuBuffer,
  gpuDevice,
  init,
  jit,
  memoryStats,
  numpy as np,
  toCanvas,
  withDevice,
} from 'cotangent'

beforeAll(async () => {
  await init({ device: 'webgpu' })
})
afterAll(() => {
  defaultDevice('wasm')
})

// GPUBufferUsage.
const [copySource, copyDestination, storage, mapRead] = [4, 8, 0x80, 1]

const bufferOf = (
  values: Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>,
  usage = storage | copySource,
): GPUBuffer => {
  const buffer = gpuDevice().createBuffer({ size: values.byteLength, usage: usage | copyDestination })
  gpuDevice().queue.writeBuffer(buffer, 0, values)
  return buffer
}

/** The first floats of a buffer, read by plain WebGPU. */
const readPlainly = async (buffer: GPUBuffer, count: number): Promise<number[]> => {
  const staging = gpuDevice().createBuffer({ size: 4 * count, usage: copyDestination | mapRead })
  const encoder = gpuDevice().createCommandEncoder()
  encoder.copyBufferToBuffer(buffer, 0, staging, 0, 4 * count)
  gpuDevice().queue.submit([encoder.finish()])
  await staging.mapAsync(1)
  return [...new Float32Array(staging.getMappedRange())]
}

describe('gpuBuffer', () => {
  it('is the memory of an array, when it has been computed', async () => {
    const x = np.sin(np.arange(300)).mul(2)
    expect(await readPlainly(await gpuBuffer(x), 300)).toEqual([...(await x.data())])
    expect(await gpuBuffer(x)).toBe(await gpuBuffer(x))
  })
  it('of an array that was made on the host', async () => {
    expect(await readPlainly(await gpuBuffer(np.array([3, 1, 4])), 3)).toEqual([3, 1, 4])
  })
  it('says what it cannot give', async () => {
    await expect(gpuBuffer(withDevice('wasm', () => np.ones([2])))).rejects.toThrow(/on 'wasm'.*devicePut/)
    await expect(gpuBuffer(np.ones([2], { dtype: 'float16' }))).rejects.toBeInstanceOf(ArgumentError)
    let leaked: Promise<unknown> | undefined
    jit((x: NDArray) => {
      leaked = gpuBuffer(x)
      return x
    })(np.ones([2]))
    await expect(leaked).rejects.toBeInstanceOf(ConcretizationError)
  })
})

describe('fromGpuBuffer', () => {
  it('is an array over the buffer, without a copy and without memory of its own', async () => {
    const values = Float32Array.from({ length: 64 }, (_, i) => i / 8)
    const before = memoryStats().webgpu?.resident
    const x = await fromGpuBuffer(bufferOf(values), [8, 8])
    expect(memoryStats().webgpu?.resident).toBe(before)
    expect(await x.data()).toEqual(values)
    expect(await jit((a: NDArray) => np.sum(a.T, { axis: 0 }))(x).data()).toEqual(await np.sum(x, { axis: 1 }).data())
    const counts = await fromGpuBuffer(bufferOf(Int32Array.of(5, -6)), [2], { dtype: 'int32' })
    expect(await counts.add(1).data()).toEqual(Int32Array.of(6, -5))
  })
  it('sees what was submitted before, and leaves the buffer to its owner', async () => {
    const buffer = bufferOf(Float32Array.of(1, 2))
    const sum = jit((x: NDArray) => np.sum(x), { donateArgnums: 0 })
    for (const k of [10, 20]) {
      gpuDevice().queue.writeBuffer(buffer, 0, Float32Array.of(k, k + 1))
      expect([...(await sum(await fromGpuBuffer(buffer, [2])).data())]).toEqual([2 * k + 1])
      // The array was given away, but nobody else is given the buffer.
      await Promise.all([1, 2, 3].map((n) => np.full([2], n).add(1).data()))
    }
    expect(await readPlainly(buffer, 2)).toEqual([20, 21])
  })
  it('and gpuBuffer are inverse to each other', async () => {
    const buffer = bufferOf(Float32Array.of(1, 2))
    expect(await gpuBuffer(await fromGpuBuffer(buffer, [2]))).toBe(buffer)
  })
  it('refuses what cannot be an array, before anything is asked of the GPU', async () => {
    await expect(fromGpuBuffer(bufferOf(Float32Array.of(1, 2)), [3])).rejects.toThrow(/takes 12 bytes.*has 8/)
    await expect(fromGpuBuffer(bufferOf(Float32Array.of(1)), [-1])).rejects.toBeInstanceOf(ArgumentError)
    await expect(fromGpuBuffer(bufferOf(Float32Array.of(1), storage), [1])).rejects.toThrow(
      /STORAGE \| GPUBufferUsage.COPY_SRC/,
    )
    const adapter = await (globalThis as { __cotangentGpu?: GPU }).__cotangentGpu?.requestAdapter()
    const stranger = await adapter?.requestDevice()
    const foreign = stranger?.createBuffer({ size: 8, usage: storage | copySource })
    if (foreign === undefined) throw new Error('no second device')
    await expect(fromGpuBuffer(foreign, [2])).rejects.toThrow(/the GPU refuses the buffer/)
    stranger?.destroy()
    // The device has taken no harm.
    expect([...(await np.ones([2]).add(1).data())]).toEqual([2, 2])
  })
})

describe('toCanvas', () => {
  const canvas = { width: 1, height: 1, getContext: () => null }
  it('says what is no picture, or no canvas for one', async () => {
    await expect(toCanvas(np.ones([2, 3, 2]), canvas)).rejects.toThrow(/\[height, width\].*f32\[2,3,2\]/)
    await expect(toCanvas(np.ones([4]), canvas)).rejects.toBeInstanceOf(ArgumentError)
    await expect(toCanvas(np.ones([0, 3]), canvas)).rejects.toBeInstanceOf(ArgumentError)
    await expect(toCanvas(np.ones([2, 2]), canvas)).rejects.toThrow(/no WebGPU context/)
    await expect(
      toCanvas(
        withDevice('wasm', () => np.ones([2, 2])),
        canvas,
      ),
    ).rejects.toBeInstanceOf(DeviceError)
  })
})
