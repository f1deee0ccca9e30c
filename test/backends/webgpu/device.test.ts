/** The device itself: reading, memory, order of work, errors, callbacks, and shaders that every implementation accepts. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type NDArray,
  DeviceError,
  OutOfMemoryError,
  blockUntilReady,
  debug,
  devicePut,
  devices,
  init,
  jit,
  lax,
  memoryStats,
  nn,
  numpy as np,
  valueAndGrad,
} from 'cotangent'
import { type WebgpuDevice, createWebgpuDevice } from '../../../src/backends/webgpu/index.js'
import { defaultDevice, registerDevice, withDevice } from '../../../src/core/index.js'
import { floats } from './support.js'

beforeAll(async () => {
  await init({ device: 'webgpu' })
})
afterAll(() => {
  defaultDevice('wasm')
})

describe('reading', () => {
  it('init makes it the default', () => {
    expect(devices()).toContain('webgpu')
    expect(np.ones([2]).device).toBe('webgpu')
  })
  it('is asynchronous, and says so', () => {
    const x = np.ones([2]).add(1)
    expect(() => x.dataSync()).toThrow(DeviceError)
    expect(() => x.dataSync()).toThrow(/await x\.data\(\)/)
    expect(() => devicePut(x, 'wasm')).toThrow(/asynchronously/)
  })
  it('shapes that depend on values are known once the values are', async () => {
    expect(np.unique(np.array([3, 1, 3])).shape).toEqual([2])
    const x = np.array([3, 1, 3, 0])
    expect(x.get(np.array([true, false, true, false])).shape).toEqual([2])
    const mask = x.greater(1)
    expect(() => x.get(mask)).toThrow(DeviceError)
    expect(() => np.nonzero(mask)).toThrow(/nonzero .*not on the host yet.*'await x\.data\(\)'/)
    const read = await mask.data()
    read.fill(0) // what a reader does to it is nobody else's concern
    expect(Array.from(await x.get(mask).data())).toEqual([3, 3])
    const source = new Int32Array([3, 1])
    const made = np.array(source)
    source.fill(0) // nor what becomes of what an array was made of
    expect([np.unique(made).shape, Array.from(await made.data())]).toEqual([[2], [3, 1]])
    // The same values under another shape are known too.
    expect(np.nonzero(np.reshape(mask, [2, 2])).map(({ size }) => size)).toEqual([2, 2])
  })
  it('gives every dtype as it was', async () => {
    for (const [dtype, data] of [
      ['float32', [1.5, -0, NaN, Infinity]],
      ['float16', [1.5, 65504, NaN, 6e-8]],
      ['bfloat16', [1.5, -2, NaN, 1e38]],
      ['int32', [1, -2147483648]],
      ['uint32', [1, 4294967295]],
      ['int8', [-128, 127]],
      ['uint8', [0, 255]],
      ['bool', [true, false]],
    ] as const) {
      const expected = withDevice('wasm', () => np.array([...data], { dtype }).dataSync())
      expect(await np.array([...data], { dtype }).data(), dtype).toEqual(expected)
    }
  })
  it('many at once', async () => {
    const xs = Array.from({ length: 50 }, (_, i) => np.ones([i]).mul(i))
    const values = await Promise.all(xs.map((x) => x.data()))
    expect(values.map((v) => v.length)).toEqual(xs.map((_, i) => i))
    expect(values[7]?.[3]).toBe(7)
  })
  it('is not needed for waiting, which fails as reading does', async () => {
    const f = jit((x: NDArray) => {
      debug.callback((v: NDArray) => {
        throw new Error(`from the callback of ${v.size}`)
      }, x)
      return x.add(1)
    })
    await blockUntilReady({ x: np.ones([3]).mul(2), empty: np.zeros([0]), one: np.array(1) })
    await expect(blockUntilReady([np.ones([2]), f(np.ones([2]))])).rejects.toThrow('from the callback')
  })
  it('is not disturbed by what comes after', async () => {
    const x = np.ones([1000]).mul(3)
    await blockUntilReady(x)
    const reading = x.data()
    for (let i = 0; i < 5; i++) np.zeros([1000]).add(i)
    expect((await reading)[999]).toBe(3)
  })
})

describe('warming up', () => {
  it('compiles without running', async () => {
    let traces = 0
    const f = jit((x: NDArray) => {
      traces++
      return np.cosh(x).sub(1)
    })
    await f.warmup({ shape: [77], dtype: 'float32' })
    await f.warmup(np.zeros([77]))
    expect((await f(np.zeros([77])).data())[3]).toBe(0)
    expect(traces).toBe(1)
  })
})

describe('dtypes and devices', () => {
  it('refuses float64, and names the way out', () => {
    expect(() => np.zeros([2], { dtype: 'float64' })).toThrow(/float64 does not exist on 'webgpu'.*wasm/)
    expect(() => np.ones([2]).astype('float64')).toThrow(DeviceError)
  })
  it('takes float64 values of the host in the float that is asked for', async () => {
    const values = Float64Array.of(1 / 3, 65504.1, 1e-50)
    expect([...(await np.array(values, { dtype: 'float32' }).data())]).toEqual([...Float32Array.from(values)])
    expect([...(await np.array(values, { dtype: 'float16' }).data())]).toEqual([0.333251953125, 65504, 0])
    expect(() => np.array(values)).toThrow(/float64 does not exist on 'webgpu'/)
  })
  it('refuses operands of two devices', () => {
    const there = withDevice('wasm', () => np.ones([2]))
    expect(() => np.ones([2]).add(there)).toThrow(/different devices/)
  })
  it('takes arrays from other devices', async () => {
    const there = withDevice('wasm', () => np.arange(3))
    expect([...(await devicePut(there, 'webgpu').add(1).data())]).toEqual([1, 2, 3])
  })
  it('init names what is there when a device is not', async () => {
    await expect(init({ device: 'nothing' })).rejects.toThrow(/no device 'nothing'/)
  })
  it('init refuses a GPU object without adapters', async () => {
    const gpu = { requestAdapter: () => Promise.resolve(null) } as unknown as GPU
    await expect(init({ device: 'webgpu', gpu })).rejects.toThrow(/no WebGPU adapter/)
  })
})

describe('callbacks', () => {
  it('see the values, in order', async () => {
    const seen: number[] = []
    const f = jit((x: NDArray) => {
      debug.callback((v: NDArray) => void seen.push(...v.dataSync()), x)
      const y = x.add(1)
      debug.callback((v: NDArray) => void seen.push(...v.dataSync()), y)
      return y.mul(2)
    })
    expect([...(await f(np.array([5])).data())]).toEqual([12])
    expect(seen).toEqual([5, 6])
  })
  it('that throw fail what depends on them, and nothing else', async () => {
    const f = jit((x: NDArray) => {
      debug.callback((v: NDArray) => {
        throw new Error(`from the callback of ${v.size}`)
      }, x)
      return x.add(1)
    })
    const y = f(np.array([5]))
    await expect(y.mul(2).data()).rejects.toThrow('from the callback')
    expect([...(await np.array([1]).add(1).data())]).toEqual([2])
  })
})

describe('memory', () => {
  it('is flat over awaited steps, without a word about it in the program', async () => {
    const step = jit(([w, b]: [NDArray, NDArray], x: NDArray): [NDArray, NDArray] => {
      const [, [dw, db]] = valueAndGrad((p: [NDArray, NDArray]) =>
        np.sum(np.square(np.tanh(np.matmul(x, p[0]).add(p[1])))),
      )([w, b])
      return [w.sub(dw.mul(0.01)), b.sub(db.mul(0.01))]
    })
    let params: [NDArray, NDArray] = [floats(1, [64, 64]), floats(2, [64])]
    const x = floats(3, [32, 64])
    const steps = async (count: number): Promise<number> => {
      for (let i = 0; i < count; i++) {
        params = step(params, x)
        if (i % 10 === 9) {
          await params[1].data()
          globalThis.gc?.()
          await new Promise((resolve) => setTimeout(resolve, 0))
        }
      }
      const stats = memoryStats().webgpu
      return stats === undefined ? NaN : stats.resident + stats.pooled
    }
    const early = await steps(100)
    expect(await steps(300)).toBeLessThanOrEqual(early + (1 << 20))
  })
  it('stays within the budget in a loop that never lets the event loop turn', async () => {
    const small = await createWebgpuDevice({ gpuMemoryBudget: 24 << 20 })
    registerDevice({ ...small, name: 'synchronous' })
    const step = jit((x: NDArray) => np.tanh(x).add(1), { device: 'synchronous' })
    let x = withDevice('synchronous', () => np.zeros([1 << 18]))
    await step.warmup(x)
    const taken: number[] = []
    for (let i = 0; i < 200; i++) {
      x = step(x)
      const { resident, pooled } = small.memoryStats()
      taken.push(resident + pooled)
    }
    // 200 arrays of 1 MiB, of which at most two are alive at any time.
    expect(Math.max(...taken)).toBeLessThanOrEqual(24 << 20)
    expect((await x.data())[0]).toBeCloseTo(1.9614, 3)
    small.destroy()
  })
  it('keeps for the arrays to come what arrays of now have left, and tells both apart', async () => {
    const device = await createWebgpuDevice()
    registerDevice({ ...device, name: 'told' })
    const x = withDevice('told', () => np.array(new Float32Array(1 << 16)))
    await x.data()
    const held = device.memoryStats()
    x[Symbol.dispose]()
    const left = device.memoryStats()
    expect(held.live - left.live).toBe(4 << 16)
    expect(left.pooled - held.pooled).toBe(4 << 16)
    expect(left.resident + left.pooled).toBe(held.resident + held.pooled)
    const y = withDevice('told', () => np.array(new Float32Array(1 << 16)))
    expect(device.memoryStats()).toEqual(held)
    expect((await y.data())[0]).toBe(0)
    device.destroy()
  })
  it('comes back at once when arrays are donated', async () => {
    const before = memoryStats().webgpu?.live ?? 0
    const f = jit((x: NDArray) => x.add(1), { donateArgnums: [0] })
    let x = np.zeros([1 << 16])
    for (let i = 0; i < 20; i++) x = f(x)
    await blockUntilReady(x)
    expect((memoryStats().webgpu?.live ?? 0) - before).toBeLessThanOrEqual(2 * 4 * (1 << 16))
    expect((await x.data())[5]).toBe(20)
  })
  it('has a limit, and the error names the largest arrays', async () => {
    const small = await createWebgpuDevice({ gpuMemoryBudget: 8 << 20 })
    registerDevice({ ...small, name: 'small' })
    const kept: NDArray[] = []
    const fill = async (): Promise<void> => {
      for (let i = 0; i < 20; i++) {
        const x = withDevice('small', () => np.full([1 << 18], i))
        kept.push(x)
        await x.data()
      }
    }
    await expect(fill()).rejects.toThrow(OutOfMemoryError)
    await expect(fill()).rejects.toThrow(/largest arrays being of 1\.0 MiB/)
    small.destroy()
  })
})

describe('shaders', () => {
  let nothing: WebgpuDevice
  beforeAll(async () => {
    const { create } = await import('webgpu')
    // An adapter without a GPU: shaders are checked, and nothing is run. It must stay reachable.
    const gpu = create(['backend=null'])
    Object.assign(globalThis, { nullGpu: gpu })
    nothing = await createWebgpuDevice({ gpu, tuning: 'hardware' })
    registerDevice({ ...nothing, name: 'null' })
  })
  it('are accepted without the limits and features of one adapter', async () => {
    const outs = withDevice('null', () => {
      const x = floats(1, [6, 70])
      const image = floats(2, [2, 12, 12, 3])
      const kernel = floats(3, [3, 3, 3, 8])
      return [
        np.matmul(floats(1, [128, 64]), floats(2, [64, 128])),
        nn.softmax(x),
        np.sum(floats(1, [4100])),
        np.sort(floats(1, [3000])),
        np.argsort(x),
        np.cumsum(x),
        lax.convGeneralDilated(image, kernel, [1, 1], 'SAME', { dimensionNumbers: ['NHWC', 'HWIO', 'NHWC'] }),
        np.sin(x),
        np.exp(x).astype('float16'),
        lax.lgamma(x),
        np.matmul(floats(1, [128, 100, 3]), floats(2, [3, 100])),
        np.max(floats(1, [20_000, 33]), { axis: 0 }),
        np.argmax(floats(1, [40_000])),
        np.cumsum(floats(1, [5000])),
        np
          .zeros([30, 5])
          .at(np.arange(200))
          .add(floats(1, [200, 5])),
        jit((y: NDArray) => nn.relu(np.matmul(y, y.T).add(1)).greater(0))(x.astype('float16')),
        jit((y: NDArray) => np.flip(y.astype('bfloat16')).T.astype('int8'))(x),
        jit((y: NDArray) => [np.all(y.greater(0), { axis: 1 }), np.any(y.greater(0), { axis: 0 })][0] ?? y)(x),
      ]
    })
    for (const out of outs) expect((await out.data()).length).toBe(out.size)
  })
  it('can be read', () => {
    const text = jit((x: NDArray) => np.sin(x).add(1))
      .lower(np.ones([100]))
      .text()
    expect(text).toMatch(/@compute @workgroup_size\(\d+\)/)
    expect(text).toContain('var<storage, read_write>')
  })
})
