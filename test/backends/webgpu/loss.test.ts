/** A GPU that goes away: it is told, arrays with a copy on the host come back, and a training goes on to the same loss. */
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import {
  type DeviceLoss,
  type NDArray,
  DeviceError,
  DeviceLostError,
  blockUntilReady,
  defaultDevice,
  gpuDevice,
  init,
  jit,
  numpy as np,
  onDeviceLost,
  optim,
  random,
  restore,
  stax,
  tree,
  valueAndGrad,
  withDevice,
} from 'cotangent'
import { floats } from './support.js'

beforeEach(async () => {
  await init({ device: 'webgpu' })
})
afterAll(() => {
  defaultDevice('wasm')
})

/** Takes the GPU away, and waits until that is known. */
const lose = async (): Promise<DeviceLoss> =>
  new Promise((resolve) => {
    const stop = onDeviceLost((loss) => {
      stop()
      resolve(loss)
    })
    gpuDevice().destroy()
  })

const caught = async (f: () => unknown): Promise<unknown> => {
  try {
    return await f()
  } catch (error) {
    return error
  }
}

describe('a loss', () => {
  it('is told once to every listener, and to none that has stopped', async () => {
    const heard: DeviceLoss[] = []
    const stop = onDeviceLost((loss) => void heard.push(loss))
    const stopped = onDeviceLost(() => {
      throw new Error('heard after it stopped')
    })
    stopped()
    const loss = await lose()
    expect(loss).toEqual({ device: 'webgpu', reason: 'destroyed', message: loss.message })
    expect(heard).toEqual([loss])
    stop()
    await restore()
    await lose()
    expect(heard).toEqual([loss])
  })

  it('fails what is asked of the device with an error of its own class', async () => {
    const x = np.ones([4]).add(1)
    await lose()
    for (const use of [
      () => x.data(),
      () => x.add(1).data(),
      () => np.array([1, 2]),
      () => jit(np.sin)(x).data(),
      () => blockUntilReady(x),
    ]) {
      const error = await caught(use)
      expect(error).toBeInstanceOf(DeviceLostError)
      expect(error).toBeInstanceOf(DeviceError)
      expect(error).toMatchObject({ code: 'DEVICE_LOST', reason: 'destroyed' })
      expect(String(error)).toContain('await restore()')
    }
  })

  it('in the middle of what was asked for fails it', async () => {
    const far = Array.from({ length: 20 }, (_, i) => np.full([100], i)).reduce((a, b) => np.sin(a.add(b)))
    gpuDevice().destroy()
    await expect(far.data()).rejects.toBeInstanceOf(DeviceLostError)
  })

  it('leaves other devices alone', async () => {
    await lose()
    expect(withDevice('wasm', () => np.arange(3).mul(2).js())).toEqual([0, 2, 4])
  })
})

describe('restore', () => {
  it('does nothing to a device that is there, or that cannot be lost', async () => {
    const before = gpuDevice()
    await restore()
    await restore('wasm')
    expect(gpuDevice()).toBe(before)
    await expect(restore('nothing')).rejects.toBeInstanceOf(DeviceError)
  })

  it('brings back arrays that the host made or has read, of every dtype, and compiled functions with them', async () => {
    const dtypes = ['float32', 'float16', 'bfloat16', 'int32', 'uint32', 'int8', 'uint8', 'bool'] as const
    const made = dtypes.map((dtype) => np.array([0, 1, 3], { dtype }))
    const empty = np.zeros([0, 3])
    const read = np.arange(5).mul(3)
    const values = await read.data()
    const constant = np.array([10, 20, 30, 40, 50])
    const f = jit((x: NDArray) => np.sum(x.mul(constant)).add(2))
    const expected = await f(read).data()
    const before = await Promise.all(made.map((x) => x.data()))
    const device = gpuDevice()
    await lose()
    await Promise.all([restore(), restore()])
    expect(gpuDevice()).not.toBe(device)
    expect(await Promise.all(made.map((x) => x.data()))).toEqual(before)
    expect(await empty.data()).toEqual(new Float32Array(0))
    expect(await read.data()).toEqual(values)
    expect(await f(read).data()).toEqual(expected)
    expect(await read.add(made[0]?.get(1) ?? 0).data()).toEqual(Float32Array.from(values, (v) => Number(v) + 1))
  })

  it('mends programs that were first called while the GPU was away', async () => {
    const x = np.array([1, 2])
    const f = jit((y: NDArray) => np.cosh(y).sub(7))
    await lose()
    expect(await caught(() => x.sub(9).data())).toBeInstanceOf(DeviceLostError)
    expect(await caught(() => f(x).data())).toBeInstanceOf(DeviceLostError)
    await restore()
    expect([...(await x.sub(9).data())]).toEqual([-8, -7])
    expect((await f(x).data())[0]).toBeCloseTo(Math.cosh(1) - 7, 5)
  })

  it('says of other arrays that they are gone', async () => {
    const computed = np.arange(5).mul(3)
    await lose()
    await restore()
    const error = await caught(() => computed.add(1))
    expect(error).toBeInstanceOf(DeviceLostError)
    expect(String(error)).toMatch(/the host has no copy of its values.*checkpoint/)
    await expect(computed.data()).rejects.toBeInstanceOf(DeviceLostError)
  })

  it('can be done again and again', async () => {
    const x = np.array([1, 2, 3])
    for (let i = 0; i < 3; i++) {
      expect([...(await x.mul(i).data())]).toEqual([0, i, 2 * i].map((v, k) => (k === 0 ? i : k === 1 ? 2 * i : 3 * i)))
      await lose()
      await restore()
    }
  })
})

describe('a training', () => {
  const network = stax.serial({ hidden: stax.Dense(8), tanh: stax.Tanh, out: stax.Dense(1) })
  const optimizer = optim.adam(0.02)
  type State = readonly [params: unknown, moments: unknown]
  const begin = async (): Promise<{
    readonly state: State
    readonly step: (s: State) => readonly [State, NDArray]
  }> => {
    const { params, state: layers } = network.init(random.key(0), [1, 3])
    const x = floats(1, [32, 3])
    const y = np.sin(np.sum(x, { axis: 1, keepdims: true }))
    // What is computed once and used to the end is read once, so that the host can bring it back.
    await y.data()
    type Params = typeof params
    const step = jit((p: Params, m: ReturnType<typeof optimizer.init>, data: readonly [NDArray, NDArray]) => {
      const loss = (q: Params): NDArray => np.mean(np.square(network.apply(q, layers, data[0]).y.sub(data[1])))
      const [value, gradients] = valueAndGrad(loss)(p)
      const [updates, next] = optimizer.update(gradients, m, p)
      return [optim.applyUpdates(p, updates), next, value] as const
    })
    return {
      state: [params, optimizer.init(params)],
      step: ([p, m]) => {
        const [nextParams, nextMoments, value] = step(p as Params, m as ReturnType<typeof optimizer.init>, [x, y])
        return [[nextParams, nextMoments], value]
      },
    }
  }
  const run = async (steps: number, loseAt?: number): Promise<number[]> => {
    const { state, step } = await begin()
    let current = state
    let checkpoint = { at: 0, state: current }
    const losses: number[] = []
    for (let i = 0; i < steps; i++) {
      try {
        if (i === loseAt && losses.length === i) {
          losses.push(NaN)
          gpuDevice().destroy()
        }
        const [next, value] = step(current)
        current = next
        losses[i] = (await value.data())[0] ?? NaN
        if (i % 10 !== 9) continue
        // A checkpoint is what has been read: from then on the host has it, too.
        for (const leaf of tree.leaves(current)) await (leaf as NDArray).data()
        checkpoint = { at: i + 1, state: current }
      } catch (error) {
        if (!(error instanceof DeviceLostError)) throw error
        await restore()
        current = checkpoint.state
        i = checkpoint.at - 1
      }
    }
    return losses
  }

  it('goes on from its last checkpoint to the same losses, to the last bit', async () => {
    const undisturbed = await run(40)
    const disturbed = await run(40, 25)
    expect(undisturbed.at(-1)).toBeLessThan(0.5 * (undisturbed[0] ?? 0))
    expect(disturbed).toEqual(undisturbed)
  })
})
