/**
 * Every shader is valid WGSL, whatever the GPU offers and is taken for: on adapters without a GPU, where shaders are checked and
 * nothing is run.
 */
import * as fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { type NDArray, grad, jit, lax, nn, numpy as np } from 'cotangent'
import { createWebgpuDevice } from '../../../src/backends/webgpu/index.js'
import {
  type DType,
  type Draw,
  type Primitive,
  type Sample,
  DeviceError,
  bind,
  isFloating,
  primitives,
  registerDevice,
  withDevice,
} from '../../../src/core/index.js'
import { drawFrom, inputsOf } from '../../../src/testing/index.js'

/** Kinds of GPU: what it offers, and what shaders are chosen for. */
const kinds = [
  { name: 'software with everything', tuning: 'software', bare: false },
  { name: 'hardware with everything', tuning: 'hardware', bare: false },
  { name: 'software with nothing', tuning: 'software', bare: true },
  { name: 'hardware with nothing', tuning: 'hardware', bare: true },
] as const

interface Made {
  readonly text: string
  readonly module: GPUShaderModule
  readonly pipeline: Promise<string | undefined>
}

/** Shaders that were made for the kinds of GPU and have not been looked at. */
const made = new Map<string, Made[]>(kinds.map(({ name }) => [name, []]))

/** An adapter without a GPU; a bare one offers no features. */
const nullGpu = async (bare: boolean): Promise<GPU> => {
  const { create } = await import('webgpu')
  const gpu = create(['backend=null'])
  const withoutFeatures = (adapter: GPUAdapter): GPUAdapter =>
    new Proxy(adapter, {
      get: (target, key) => {
        if (key === 'features') return new Set()
        const value: unknown = Reflect.get(target, key, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  const provider = {
    // It must stay reachable.
    gpu,
    requestAdapter: async () => {
      const adapter = await gpu.requestAdapter()
      return bare && adapter !== null ? withoutFeatures(adapter) : adapter
    },
  }
  return provider as unknown as GPU
}

const kept: GPU[] = []

beforeAll(async () => {
  for (const { name, tuning, bare } of kinds) {
    const gpu = await nullGpu(bare)
    kept.push(gpu)
    const device = await createWebgpuDevice({ gpu, tuning })
    const gpuDevice = device.gpuDevice()
    const texts = new Map<GPUShaderModule, string>()
    const createShaderModule = gpuDevice.createShaderModule.bind(gpuDevice)
    gpuDevice.createShaderModule = (descriptor) => {
      const module = createShaderModule(descriptor)
      texts.set(module, descriptor.code)
      return module
    }
    const createPipeline = gpuDevice.createComputePipelineAsync.bind(gpuDevice)
    gpuDevice.createComputePipelineAsync = (descriptor) => {
      const { module } = descriptor.compute
      const pipeline = createPipeline(descriptor)
      const refusal = pipeline.then(() => undefined, String)
      made.get(name)?.push({ text: texts.get(module) ?? '', module, pipeline: refusal })
      return pipeline
    }
    registerDevice({ ...device, name })
  }
})

/** Looks at what was made since; gives the texts. */
const accepted = async (name: string): Promise<string[]> => {
  const list = made.get(name)?.splice(0) ?? []
  for (const { text, module, pipeline } of list) {
    const { messages } = await module.getCompilationInfo()
    for (const { type, message, lineNum } of messages)
      if (type === 'error') throw new Error(`${name}: line ${lineNum}: ${message}\n${text}`)
    const refusal = await pipeline
    if (refusal !== undefined) throw new Error(`${name}: ${refusal}\n${text}`)
  }
  return list.map(({ text }) => text)
}

/** Halves wherever there is a choice. */
const preferHalves = (draw: Draw): Draw => ({
  ...draw,
  pick: (options) => options.find((option) => option === 'float16') ?? draw.pick(options),
})

/** Compiles the program of a sample on the current device, unless it has dtypes that WGSL lacks. Nothing is run. */
const lower = (primitive: Primitive, sample: Sample<object>): void => {
  const f = (...inputs: NDArray[]): NDArray[] => [...bind(primitive, inputs, sample.params)]
  try {
    jit(f).lower(...inputsOf(sample))
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error
  }
}

/** Collectives mean nothing outside of a vmap that has their axis name; checks cannot be compiled. */
const excluded = new Set(['psum', 'pmax', 'pmin', 'all_gather', 'axis_index', 'check'])
const all = [...primitives.values()].filter((p) => !excluded.has(p.name))

const conv = (x: NDArray, w: NDArray): NDArray =>
  lax.convGeneralDilated(x, w, [1, 1], 'SAME', { dimensionNumbers: ['NHWC', 'HWIO', 'NHWC'] })

/** Programs whose shaders are those of larger arrays than samples have, with shapes of their operands. */
const larger: Readonly<Record<string, readonly [f: (...xs: NDArray[]) => unknown, ...shapes: readonly number[][]]>> = {
  'product by tiles': [(x, w, b) => nn.relu(np.matmul(x, w).add(b)), [128, 64], [64, 128], [128]],
  'products in a batch': [(x, w) => np.matmul(x, w), [128, 100, 3], [3, 100]],
  'product whose sum is split': [(x, w) => [np.matmul(x, w), np.matmul(x, w).greater(0)], [8, 5000], [5000, 8]],
  'product of an array with itself': [(x) => np.matmul(x, x.T), [68, 72]],
  convolution: [(x, w) => nn.gelu(conv(x, w)), [2, 12, 12, 3], [3, 3, 3, 8]],
  'gradients of a convolution': [
    grad((x: NDArray, w: NDArray) => np.sum(np.square(conv(x, w))), { argnums: [0, 1] }),
    [2, 12, 12, 3],
    [3, 3, 3, 8],
  ],
  'sums of everything': [(x) => [np.sum(x), np.max(x), np.any(x.greater(0))], [40_000]],
  'choice and variance of everything': [(x) => [np.argmax(x), np.var(x)], [40_000]],
  'reductions of rows': [(x) => [np.sum(x, { axis: 1 }), np.argmin(x, { axis: 1 }), nn.softmax(x)], [3, 4100]],
  'reductions of columns': [(x) => [np.max(x, { axis: 0 }), np.mean(x, { axis: 0 })], [20_000, 33]],
  'gradient of softmax': [grad((x: NDArray) => np.sum(np.square(nn.logSoftmax(x)))), [40, 70]],
  'prefix sums': [(x) => [np.cumsum(x), lax.cummax(x, { axis: 0 }), lax.cumlogsumexp(x, { axis: 0 })], [5000]],
  'sort of short lines': [(x) => [np.sort(x, { axis: 0 }), np.argsort(x)], [6, 70]],
  'sort of a long line': [(x) => [np.sort(x), np.argsort(x)], [3000]],
  scatter: [(x, y) => [x.at(np.arange(200).mod(40)).add(y), x.at(np.arange(200).mod(40)).set(y)], [30, 5], [200, 5]],
  'sort of many operands by two keys': [
    (x) => lax.sort([x, x.neg(), x.add(1), x.mul(2), x.sub(3), x.greater(0)], { numKeys: 2 }),
    [2500],
  ],
  'scatter in any order': [
    (x) => {
      const rows = np.arange(3000).mod(40)
      const counts = np.zeros([40], { dtype: 'uint32' })
      return [x.at(rows).max(7), x.at(rows).min(7), counts.at(rows).add(1), counts.at(rows.mod(7)).mul(3)]
    },
    [40],
  ],
  'Fourier transforms': [
    (x) => {
      // More than a conversion, whose shader another program may have had.
      const y = x.mul(x).add(3).astype('float32')
      return [np.fft.fft(y), np.fft.ifft2(y), np.fft.fft(y, { axis: 0, n: 77 })].flatMap(({ real, imag }) => [
        real,
        imag,
      ])
    },
    [120, 1024],
  ],
  'more arrays than are bound': [
    (...xs) => [xs.reduce((sum, x, i) => sum.add(x.mul(i))), np.concatenate(xs)],
    ...Array.from({ length: 14 }, () => [33]),
  ],
  'small loops': [
    (x) =>
      lax.scan(
        (a: NDArray, b: NDArray) => [np.flip(a).add(b), [np.sum(b), a.greater(b), np.matmul(x.T, x)]],
        x.get(0),
        x,
      ),
    [70, 6],
  ],
  'loops and branches': [
    (x, y) =>
      lax.scan(
        (a: NDArray, b: NDArray) => {
          const next = lax.cond(np.sum(b).greater(0), (c: NDArray) => np.maximum(c, b), np.sin, a)
          return [
            lax.whileLoop(
              (c: NDArray) => np.sum(c).less(9),
              (c: NDArray) => c.add(1),
              next,
            ),
            b.neg(),
          ]
        },
        x,
        y,
      ),
    [70],
    [5, 70],
  ],
}
const dtypes: readonly DType[] = ['float32', 'float16', 'bfloat16', 'int32', 'uint8']
const programs = Object.entries(larger).flatMap(([title, [f, ...shapes]]) =>
  dtypes
    .filter((dtype) => isFloating(dtype) || !/gradient|convolution|tiles|loops|prefix|rows/.test(title))
    .map((dtype) => ({ title, dtype, f, shapes })),
)

describe.each(kinds)('on $name:', ({ name, bare }) => {
  const texts: string[] = []
  it.each(all.map((p) => [p.name, p] as const))('samples of %s', async (_, primitive) => {
    withDevice(name, () =>
      fc.assert(
        fc.property(fc.gen(), (g) => {
          const draw = drawFrom(g)
          lower(primitive, primitive.sample(draw))
          lower(primitive, primitive.sample(preferHalves(draw)))
        }),
        { numRuns: 1, seed: 20261123 },
      ),
    )
    texts.push(...(await accepted(name)))
  })
  it.each(programs)('shaders of: $title, $dtype', async ({ dtype, f, shapes }) => {
    withDevice(name, () => jit(f).lower(...shapes.map((shape) => np.zeros(shape, { dtype }))))
    const shaders = await accepted(name)
    expect(shaders.length).toBeGreaterThan(0)
    texts.push(...shaders)
  })
  it('uses what is offered, and nothing else', () => {
    const enabled = new Set(texts.flatMap((text) => text.match(/^enable .*;$/gm) ?? []))
    expect([...enabled].sort()).toEqual(bare ? [] : ['enable f16;', 'enable subgroups;'])
    expect(texts.some((text) => text.includes('array<f16>'))).toBe(!bare)
    expect(texts.some((text) => text.includes('fn from_f16'))).toBe(bare)
  })
})
