/**
 * What is asked of a GPU: no more than every one offers (more is done in several steps, or refused before any memory is taken),
 * and no answers before somebody wants them.
 */
import fc from 'fast-check'
import { beforeAll, expect, it } from 'vitest'
import { type NDArray, OutOfMemoryError, jit, lax, nn, numpy as np } from 'cotangent'
import { createWebgpuDevice } from '../../../src/backends/webgpu/index.js'
import { registerDevice, withDevice } from '../../../src/core/index.js'
import { assertCloseAsync, toleranceOf } from '../../../src/testing/index.js'
import { agree, floats, integers } from './support.js'

/** Limits of every implementation of WebGPU (https://www.w3.org/TR/webgpu/#limits). */
const least = { storageBuffers: 8, bindingBytes: 128 << 20, bufferBytes: 256 << 20, groups: 65535 } as const

/** The GPU of the tests, which gives nothing beyond the least, and notes what is asked of it. */
const modest = { device: undefined as GPUDevice | undefined, largest: 0, bound: 0, reads: 0, submits: 0, compiling: 0 }

beforeAll(async () => {
  const { create } = await import('webgpu')
  const gpu = create([])
  Object.assign(globalThis, { modestGpu: gpu })
  const bare = {
    requestAdapter: async (options?: GPURequestAdapterOptions) => {
      const adapter = await gpu.requestAdapter(options)
      if (adapter === null) return null
      return new Proxy(adapter, {
        get: (target, key) => {
          if (key !== 'requestDevice') {
            const value: unknown = Reflect.get(target, key, target)
            return typeof value === 'function' ? value.bind(target) : value
          }
          return async () => {
            const device = await target.requestDevice()
            modest.device = device
            const createBuffer = device.createBuffer.bind(device)
            device.createBuffer = (descriptor) => {
              modest.largest = Math.max(modest.largest, descriptor.size)
              const buffer = createBuffer(descriptor)
              const mapAsync = buffer.mapAsync.bind(buffer)
              buffer.mapAsync = (...args) => {
                modest.reads++
                return mapAsync(...args)
              }
              return buffer
            }
            const { queue } = device
            const submit = queue.submit.bind(queue)
            queue.submit = (commands) => {
              modest.submits++
              submit(commands)
            }
            const createPipeline = device.createComputePipelineAsync.bind(device)
            device.createComputePipelineAsync = (descriptor) => {
              modest.compiling++
              return createPipeline(descriptor).finally(() => modest.compiling--)
            }
            const createBindGroupLayout = device.createBindGroupLayout.bind(device)
            device.createBindGroupLayout = (descriptor) => {
              const storage = [...descriptor.entries].filter(({ buffer }) => buffer?.type !== 'uniform')
              modest.bound = Math.max(modest.bound, storage.length)
              return createBindGroupLayout(descriptor)
            }
            return device
          }
        },
      })
    },
  } as unknown as GPU
  registerDevice({ ...(await createWebgpuDevice({ gpu: bare, tuning: 'hardware' })), name: 'modest' })
})

it('the device has no more than the least', () => {
  expect(modest.device?.limits.maxStorageBuffersPerShaderStage).toBe(least.storageBuffers)
  expect(modest.device?.limits.maxStorageBufferBindingSize).toBe(least.bindingBytes)
  expect(modest.device?.limits.maxBufferSize).toBe(least.bufferBytes)
  expect(modest.device?.limits.maxComputeWorkgroupsPerDimension).toBe(least.groups)
  expect(modest.device?.limits.minUniformBufferOffsetAlignment).toBe(256)
})

const programs = {
  'more arrays than a shader may bind': () =>
    jit((...xs: NDArray[]) => [xs.reduce((sum, x, i) => sum.add(x.mul(i))), np.concatenate(xs), ...xs.map(np.sin)])(
      ...Array.from({ length: 20 }, (_, i) => floats(i, [20])),
    ),
  'a product with more around it than a shader may bind': () =>
    jit((x: NDArray, w: NDArray, ...xs: NDArray[]) => xs.reduce((sum, y) => sum.mul(0.5).add(y), np.matmul(x, w)))(
      floats(1, [8, 9]),
      floats(2, [9, 8]),
      ...Array.from({ length: 9 }, (_, i) => floats(i, [8, 8])),
    ),
  'a sort of more operands than a shader may bind': () =>
    jit((x: NDArray) => lax.sort([np.round(x), x.neg(), x.add(1), x.mul(2), x.sub(3)], { numKeys: 2 }))(
      floats(1, [3000]),
    ),
  // Trip numbers are read from the table at multiples of 256 bytes.
  'loops in loops': () =>
    jit((x: NDArray) =>
      lax.foriLoop(0, 3, (i, a: NDArray) => lax.foriLoop(0, 4, (j, b: NDArray) => b.add(i).mul(j.add(1)), a), x),
    )(floats(1, [5])),
} as const

for (const [name, program] of Object.entries(programs)) agree(name, program, 16, ['modest'])

/** What is computed from many arrays on its way into other kinds of kernels. */
const users: Readonly<Record<string, (sum: NDArray, k: NDArray) => NDArray>> = {
  'updates that are added': (sum, k) => np.zeros([9, 3]).at(k).add(sum),
  'updates that replace': (sum, k) => np.zeros([9, 3]).at(k).set(sum),
  'updates in any order': (sum, k) => np.zeros([9, 3], { dtype: 'int32' }).at(k).add(sum.astype('int32')),
  'places of updates': (sum) => np.zeros([40, 3]).at(sum.astype('int32').mod(40)).add(1),
  'prefix sums': (sum) => np.cumsum(sum, { axis: 0 }),
  'sums of all': (sum) => np.sum(sum),
  rows: (sum) => nn.softmax(sum),
  sorts: (sum) => np.sort(sum, { axis: 0 }),
  'operands of products': (sum) => np.matmul(sum.T, sum),
}
for (const [name, use] of Object.entries(users)) {
  const program = (): unknown =>
    jit((k: NDArray, ...xs: NDArray[]) =>
      use(
        xs.reduce((total, x, i) => total.add(x.mul(i + 1))),
        k,
      ),
    )(integers(1, [300], 0, 9), ...Array.from({ length: 14 }, (_, i) => integers(i, [300, 3], 0, 5).astype('float32')))
  agree(`from more arrays than a shader may bind: ${name}`, program, 16, ['modest'])
}

it('no shader binds more than it may', () => {
  expect(modest.bound).toBe(least.storageBuffers)
})

it('more workgroups than fit into one dimension', async () => {
  // Each workgroup has 64 invocations.
  const size = 64 * least.groups + 100
  const x = withDevice('modest', () => np.arange(size).mul(3))
  const data = await withDevice('modest', () => x.get([-1, 0, 64 * least.groups])).data()
  expect([...data]).toEqual([3 * (size - 1), 0, 3 * 64 * least.groups])
})

it('workgroups that fit into no rectangle do nothing twice', async () => {
  // Rows of workgroups are of one length; the last one has some too many, whose updates would count.
  const updates = 64 * (least.groups + 2)
  const targets = 5000
  const count = jit(() => np.zeros([targets], { dtype: 'int32' }).at(np.arange(updates).mod(targets)).add(1))
  const counts = await withDevice('modest', count).data()
  expect([...counts]).toEqual(Array.from({ length: targets }, (_, k) => Math.ceil((updates - k) / targets)))
})

const dtypes = ['float32', 'int32', 'uint32', 'int8', 'uint8', 'bool', 'float16', 'bfloat16'] as const

/** Programs of arrays of every dtype with several results each: maps of some of them, and reductions of one. */
const manyResults = fc.record({
  seed: fc.nat(1000),
  shape: fc.constantFrom([7], [5, 6], [3, 50]),
  maps: fc.array(fc.uniqueArray(fc.nat({ max: 15 }), { minLength: 1, maxLength: 16 }), { minLength: 1, maxLength: 9 }),
  reduced: fc.array(fc.tuple(fc.nat({ max: 15 }), fc.constantFrom('sum', 'max', 'argmax', 'any', 'softmax')), {
    maxLength: 6,
  }),
  kept: fc.array(fc.constantFrom(...dtypes), { minLength: 9, maxLength: 9 }),
})

it('results of any number and kind are computed, by several shaders where one may not bind them all', async () => {
  modest.bound = 0
  await fc.assert(
    fc.asyncProperty(manyResults, async ({ seed, shape, maps, reduced, kept }) => {
      const program = (): NDArray[] => {
        const xs = Array.from({ length: 16 }, (_, i) => {
          const dtype = dtypes[i % dtypes.length] ?? 'float32'
          return integers(seed + i, shape, 0, dtype === 'bool' ? 2 : 90).astype(dtype)
        })
        const at = (i: number): NDArray => xs[i] ?? np.array(NaN)
        return jit((...args: NDArray[]) => {
          const of = (i: number): NDArray => args[i] ?? at(i)
          const out = maps.map((chosen, k) => {
            const sum = chosen.reduce(
              (total, i) =>
                total.add(
                  of(i)
                    .astype('int32')
                    .mul(i + 1),
                ),
              np.array(0),
            )
            return sum.mod(100).astype(kept[k] ?? 'int32')
          })
          const axis = -1
          for (const [i, how] of reduced) {
            const x = of(i)
            if (how === 'sum') out.push(np.sum(x.astype('int32'), { axis }))
            else if (how === 'max') out.push(np.max(x, { axis }))
            else if (how === 'argmax') out.push(np.argmax(x, { axis }))
            else if (how === 'any') out.push(np.any(x.greater(40), { axis }))
            else out.push(nn.softmax(x.astype('float32').mul(0.05)))
          }
          return out
        })(...xs)
      }
      const got = withDevice('modest', program)
      for (const [i, expected] of withDevice('wasm', program).entries())
        await assertCloseAsync(got[i] ?? expected, expected, `result ${i}`, toleranceOf(expected.dtype, 8))
    }),
    { numRuns: 12, seed: 20261123 },
  )
  expect(modest.bound).toBe(least.storageBuffers)
})

it('reductions to results of five dtypes do not meet in one shader', async () => {
  const x = (): NDArray => np.arange(40_000).astype('uint8')
  const f = (y: NDArray): NDArray[] => [np.sum(y), np.max(y), np.argmax(y), np.any(y.greater(0)), np.var(y)]
  const got = withDevice('modest', () => jit(f)(x()))
  for (const [i, expected] of withDevice('wasm', () => f(x())).entries())
    await assertCloseAsync(got[i] ?? expected, expected, `result ${i}`, toleranceOf(expected.dtype, 8))
})

it('an array larger than a binding is refused before memory is taken, with the size and the limit', async () => {
  modest.largest = 0
  const elements = least.bindingBytes / 4 + 1
  const run = (): Promise<unknown> => withDevice('modest', () => np.zeros([elements]).add(1)).data()
  await expect((async () => run())()).rejects.toThrow(OutOfMemoryError)
  await expect((async () => run())()).rejects.toThrow(/128\.0 MiB.*larger than this GPU allows/)
  expect(modest.largest).toBeLessThan(least.bindingBytes)
})

/** How often a program waits for the GPU until its result is there, that of the result included. */
const readsOf = async (f: (x: NDArray) => NDArray): Promise<{ reads: number; value: number | undefined }> => {
  const out = withDevice('modest', () => jit(f)(np.array(1)))
  modest.reads = 0
  const [value] = await out.data()
  return { reads: modest.reads, value }
}

it('counted loops and branches are run without an answer from the GPU', async () => {
  const counted = (x: NDArray): NDArray =>
    lax.foriLoop(
      0,
      100,
      (i, a: NDArray) =>
        lax.cond(
          i.mod(2).equal(0),
          (b: NDArray) => b.add(1),
          (b: NDArray) => b.add(2),
          a,
        ),
      lax.scan((a: NDArray, y: NDArray) => [a.add(y), null], x, np.ones([50]))[0],
    )
  expect(await readsOf(counted)).toEqual({ reads: 1, value: 1 + 50 + 150 })
})

it('loops of unknown length ask once for each chunk of trips, and chunks grow', async () => {
  const below =
    (limit: number) =>
    (x: NDArray): NDArray =>
      lax.whileLoop(
        (a: NDArray) => a.less(limit),
        (a: NDArray) => a.add(1),
        x,
      )
  // Chunks of 2, 4, 8, 16, 32 and 64 trips, and then the result.
  expect(await readsOf(below(120))).toEqual({ reads: 7, value: 120 })
  expect(await readsOf(below(2))).toEqual({ reads: 2, value: 2 })
})

/** A program of several kernels, in a loop too. */
const several = jit((x: NDArray) => {
  const rows = nn.softmax(np.sort(x, { axis: 1 }))
  const summed = lax.scan(
    (sum: NDArray, row: NDArray) => [sum.add(np.sum(np.cos(row))), np.cumsum(row)],
    np.array(0),
    rows,
  )
  return [np.matmul(rows, rows.T), summed]
})

it('shaders are compiled side by side, and programs are submitted whole', async () => {
  const x = withDevice('modest', () => floats(1, [40, 300]))
  const lowered = withDevice('modest', () => several.lower(x))
  // Nothing was waited for.
  expect(modest.compiling).toBeGreaterThanOrEqual(4)
  expect(lowered.text().split('@compute').length - 1).toBeGreaterThanOrEqual(4)
  await several.warmup(x)
  expect(modest.compiling).toBe(0)
  modest.submits = 0
  withDevice('modest', () => several(x))
  expect(modest.submits).toBe(1)
})

it('what is read in one turn comes in one piece, after all that was asked for', async () => {
  const f = jit((x: NDArray) => [x.add(1), np.sum(x), x.mul(2)])
  const x = withDevice('modest', () => np.arange(1000))
  const outs = withDevice('modest', () => Array.from({ length: 20 }, () => f(x)).flat())
  await Promise.all(outs.map((out) => out.data()))
  modest.reads = 0
  const values = await Promise.all(outs.map((out) => out.add(0)).map((out) => out.data()))
  expect(modest.reads).toBe(1)
  expect(values.map((value) => value.at(-1))).toEqual(Array.from({ length: 20 }, () => [1000, 499_500, 1998]).flat())
})
