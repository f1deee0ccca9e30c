/** What a page can do: threads, reading as promises, a training, files that it keeps itself, and a GPU that is lost. */
import { describe, expect, it } from 'vitest'
import {
  type DeviceLoss,
  type NDArray,
  DeviceError,
  DeviceLostError,
  devicePut,
  gpuDevice,
  io,
  jit,
  memoryStats,
  nn,
  numpy as np,
  onDeviceLost,
  optim,
  random,
  restore,
  setThreads,
  stax,
  toCanvas,
  tree,
  valueAndGrad,
  withDevice,
} from 'cotangent'
import { WasmRuntime, deviceOf } from '../../src/backends/wasm/device.js'
import { registerDevice } from '../../src/core/index.js'
import { threads, usePage } from './support.js'

usePage()

describe('threads', () => {
  it('are workers that share memory, and change no bit', () => {
    const x = random.normal(random.key(0), [200, 300])
    const y = random.normal(random.key(1), [300, 150])
    const product = (): NDArray => nn.softmax(np.matmul(x, y).add(np.sin(y.get(0))))
    expect(setThreads(threads)).toBe(threads)
    const together = product().dataSync()
    expect(setThreads(1)).toBe(1)
    expect(together).toEqual(product().dataSync())
    expect(setThreads(threads)).toBe(threads)
  })
  it('do a part of the work', async () => {
    const runtime = new WasmRuntime(64 << 20, 0)
    const device = Object.assign(deviceOf(runtime), { name: 'helped' })
    registerDevice(device)
    device.configure({ threads })
    await device.threadsReady()
    withDevice('helped', () => {
      for (let i = 0; i < 20; i++)
        expect(
          np
            .matmul(np.ones([64, 64]), np.ones([64, 64]))
            .get(3, 4)
            .item(),
        ).toBe(64)
    })
    expect(runtime.partsByWorkers).toBeGreaterThan(0)
    device.configure({ threads: 1 })
  })
})

describe('reading', () => {
  it('on webgpu is a promise, and says so', async () => {
    const x = withDevice('webgpu', () => np.arange(4).add(0.5))
    expect(() => x.dataSync()).toThrow(DeviceError)
    expect([...(await x.data())]).toEqual([0.5, 1.5, 2.5, 3.5])
    expect(await x.reshape([2, 2]).jsAsync()).toEqual([
      [0.5, 1.5],
      [2.5, 3.5],
    ])
  })
  it('on wasm is a promise where one is wanted', async () => {
    expect([...(await np.arange(3).data())]).toEqual([0, 1, 2])
    expect(np.arange(3).js()).toEqual([0, 1, 2])
  })
  it('many at once', async () => {
    const xs = withDevice('webgpu', () => Array.from({ length: 20 }, (_, i) => np.full([i + 1], i)))
    expect((await Promise.all(xs.map((x) => x.data()))).map((values) => values.at(-1))).toEqual(xs.map((_, i) => i))
  })
})

const network = stax.serial({ hidden: stax.Dense(16), tanh: stax.Tanh, out: stax.Dense(1) })
const optimizer = optim.adam(0.03)

/** Some steps towards the sine of a sum, and the losses on the way. */
const train = async (
  device: string,
  steps: number,
): Promise<{ readonly losses: number[]; readonly params: unknown }> => {
  const made = withDevice('wasm', () => {
    const { params, state } = network.init(random.key(0), [1, 2])
    const x = random.normal(random.key(1), [64, 2])
    return { params, state, x, y: np.sin(np.sum(x, { axis: 1, keepdims: true })) }
  })
  const { state, x, y } = withDevice(device, () => devicePut(made, device))
  let { params } = devicePut(made, device)
  let moments = withDevice(device, () => optimizer.init(params))
  const step = jit((p: typeof params, m: typeof moments) => {
    const loss = (q: typeof params): NDArray => np.mean(np.square(network.apply(q, state, x, { train: true }).y.sub(y)))
    const [value, gradients] = valueAndGrad(loss)(p)
    const [updates, next] = optimizer.update(gradients, m, p)
    return [optim.applyUpdates(p, updates), next, value] as const
  })
  const losses: NDArray[] = []
  for (let i = 0; i < steps; i++) {
    const [nextParams, nextMoments, value] = step(params, moments)
    params = nextParams
    moments = nextMoments
    losses.push(value)
  }
  const values = await Promise.all(losses.map((value) => value.data()))
  return { losses: values.map(([value = NaN]) => value), params }
}

describe('training', () => {
  it('learns, on both devices alike', async () => {
    const onWasm = await train('wasm', 60)
    const onGpu = await train('webgpu', 60)
    expect(onWasm.losses.at(-1)).toBeLessThan(0.1 * (onWasm.losses[0] ?? 0))
    onGpu.losses.forEach((loss, i) => expect(loss).toBeCloseTo(onWasm.losses[i] ?? NaN, 4))
    expect(memoryStats().webgpu?.resident).toBeGreaterThan(0)
  })
})

describe('files', () => {
  it('parameters go to the private file system of the page and come back', async () => {
    const { params } = await train('wasm', 3)
    const folder = await navigator.storage.getDirectory()
    const file = await folder.getFileHandle('params.safetensors', { create: true })
    const writable = await file.createWritable()
    await writable.write(Uint8Array.from(io.encodeSafetensors(params)))
    await writable.close()
    const bytes = new Uint8Array(await (await file.getFile()).arrayBuffer())
    const back = io.decodeSafetensors(bytes, { like: params })
    expect(tree.leaves(back).length).toBe(4)
    tree.leaves(back).forEach((x, i) => {
      const before = tree.leaves(params)[i]
      expect((x as NDArray).dataSync()).toEqual((before as NDArray).dataSync())
    })
    await folder.removeEntry('params.safetensors')
  })
  it('by path are for Node, and say so', async () => {
    await expect(io.saveSafetensors('a.safetensors', { x: np.ones([2]) })).rejects.toThrow(
      /only Node has files by path/,
    )
    await expect(io.loadSafetensors('a.safetensors')).rejects.toThrow(/in a browser.*decodeSafetensors/)
    await expect(io.loadNpy('a.npy')).rejects.toThrow(io.IoError)
  })
})

describe('pictures', () => {
  it('are drawn on a canvas: gray, in colors, and with alpha', async () => {
    const gray = [0, 51, 102, 153, 204, 255]
    for (const [channels, shape] of [
      [1, [2, 3]],
      [3, [2, 3, 3]],
      [4, [2, 3, 4]],
    ] as const) {
      const canvas = new OffscreenCanvas(1, 1)
      const values = Array.from({ length: 6 * channels }, (_, i) =>
        i % channels === 3 ? 255 : (gray[Math.floor(i / channels)] ?? 0) >> (i % channels),
      )
      const picture = withDevice('webgpu', () => np.array(Uint8Array.from(values)).reshape([...shape]))
      await toCanvas(picture, canvas)
      const copy = new OffscreenCanvas(3, 2).getContext('2d')
      if (copy === null) throw new Error('no canvas')
      copy.drawImage(canvas, 0, 0)
      const { data } = copy.getImageData(0, 0, 3, 2)
      const expected = Array.from({ length: 24 }, (_, i) =>
        i % 4 === 3 ? 255 : (values[channels * Math.floor(i / 4) + Math.min(i % 4, channels - 1)] ?? 0),
      )
      expect([canvas.width, canvas.height, ...data], `${channels} channels`).toEqual([3, 2, ...expected])
    }
  })
})

describe('a GPU that is lost', () => {
  it('is told, and started again with what the host has', async () => {
    const x = withDevice('webgpu', () => np.array([1, 2]))
    const told = new Promise<DeviceLoss>((resolve) => onDeviceLost(resolve))
    gpuDevice().destroy()
    expect(await told).toMatchObject({ device: 'webgpu', reason: 'destroyed' })
    await expect(async () => x.add(1).data()).rejects.toBeInstanceOf(DeviceLostError)
    await restore()
    expect([...(await x.add(1).data())]).toEqual([2, 3])
  })
})
