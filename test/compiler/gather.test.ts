/** Alike kernels as one: the same bits as apart, in no more memory, and one kernel for all updates of an optimizer. */
import * as fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { type NDArray, jit, numpy as np, optim, valueAndGrad, withDevice } from 'cotangent'
import {
  type Device,
  DeviceArray,
  type HostData,
  buildJaxpr,
  encodeHost,
  known,
  registerDevice,
  shapedArray,
  sizeOf,
} from '../../src/core/index.js'
import { createJsDevice } from '../../src/backends/js/index.js'
import { WasmRuntime, deviceOf, programExecutable, storageFromHost } from '../../src/backends/wasm/device.js'
import { WasmStorage } from '../../src/backends/wasm/storage.js'
import { threads } from '../../src/backends/wasm/parts.js'
import { poolSize, startPool } from '../../src/backends/wasm/pool.js'
import { type LoopKernel, type Program, accesses, compile } from '../../src/compiler/index.js'
import { accessed } from '../../src/compiler/finish.js'
import { elementLoopsOf } from '../../src/compiler/likeness.js'
import { usualLimits } from '../../src/compiler/limits.js'

/** Nothing waits: only kernels next to each other are gathered, which changes no order. */
const inOrder = { ...usualLimits, waitingBytes: -1 }

const js = createJsDevice()
const jsInOrder = createJsDevice({ name: 'in order', limits: inOrder })
for (const device of [js, jsInOrder]) registerDevice(device)

/** How a parameter is updated: from its gradient and its state, which are as large. */
type Rule = 'descent' | 'momentum' | 'adam'

interface Parameter {
  readonly size: number
  readonly rule: Rule
  /** Its gradient is a product, a sum, or the parameter of that number after its update. */
  readonly from: 'product' | 'sum' | number
}

const scaleOf = (count: NDArray, rate: number): NDArray => np.subtract(1, np.exp(np.multiply(count, rate)))

const updated = (p: NDArray, m: NDArray, v: NDArray, g: NDArray, count: NDArray, rule: Rule): readonly NDArray[] => {
  if (rule === 'descent') return [np.subtract(p, np.multiply(0.1, g)), m, v]
  const mean = np.add(np.multiply(0.9, m), np.multiply(0.1, g))
  if (rule === 'momentum') return [np.subtract(p, mean), mean, v]
  const square = np.add(np.multiply(0.99, v), np.multiply(0.01, np.square(g)))
  const [first, second] = [np.divide(mean, scaleOf(count, -0.1)), np.divide(square, scaleOf(count, -0.01))]
  return [np.subtract(p, np.divide(first, np.add(np.sqrt(second), 1e-8))), mean, square]
}

const depth = 5

/** A step over parameters: p, m and v of each, then its two factors, and the count. Gradients come before updates. */
const stepOf =
  (parameters: readonly Parameter[]) =>
  (inputs: readonly NDArray[]): NDArray[] => {
    const count = known(inputs.at(-1), 'count')
    const input = (i: number, k: number): NDArray => known(inputs[5 * i + k], 'input')
    const gradients = parameters.map(({ from }, i): NDArray | undefined => {
      const [x, y] = [input(i, 3), input(i, 4)]
      if (typeof from === 'number') return undefined
      return from === 'product' ? np.matmul(x, y) : np.sum(np.multiply(x, np.expandDims(y, 1)), { axis: 0 })
    })
    const out: NDArray[] = []
    parameters.forEach(({ rule, from }, i) => {
      const p = input(i, 0)
      const earlier = typeof from === 'number' ? out[3 * (from % Math.max(i, 1))] : undefined
      const g = gradients[i] ?? np.multiply(p, earlier === undefined ? 0.5 : np.sum(earlier))
      out.push(...updated(p, input(i, 1), input(i, 2), g, count, rule))
    })
    return out
  }

const shapesOf = (parameters: readonly Parameter[]): number[][] => [
  ...parameters.flatMap(({ size, from }) => [
    [size],
    [size],
    [size],
    ...(from === 'product' ? [[depth], [depth, size]] : [[depth, size], [depth]]),
  ]),
  [],
]

const programOf = (parameters: readonly Parameter[], isDonated: boolean, limits = usualLimits): Program => {
  const avals = shapesOf(parameters).map((shape) => shapedArray(shape, 'float32'))
  const { jaxpr } = buildJaxpr(stepOf(parameters), avals, 'step')
  return compile(jaxpr, { limits, ...(isDonated && { donated: avals.map((_, i) => i % 5 < 3) }) })
}

const dataOf = (parameters: readonly Parameter[]): HostData[] =>
  shapesOf(parameters).map((shape, i) =>
    encodeHost(
      Array.from({ length: sizeOf(shape) }, (_, k) => (i % 5 === 2 ? 0.3 : 0) + Math.abs(Math.sin(1 + k * (i + 1.3)))),
      'float32',
    ),
  )

const bytesOf = (data: HostData): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice()

const onWasm = (runtime: WasmRuntime, p: Program, data: readonly HostData[], isDonated: boolean): Uint8Array[] => {
  const donated = data.map((_, i) => isDonated && i % 5 < 3)
  const stored = data.map((d) => storageFromHost(runtime.arena, d, d.byteLength))
  return programExecutable(runtime, p)
    .run(stored, donated)
    .map((storage) => {
      if (!(storage instanceof WasmStorage)) throw new Error('not a wasm storage')
      return new Uint8Array(runtime.arena.copyOut(storage)).slice()
    })
}

const onDevice = (device: Device, parameters: readonly Parameter[]): Uint8Array[] => {
  const avals = shapesOf(parameters).map((shape) => shapedArray(shape, 'float32'))
  const { jaxpr } = buildJaxpr(stepOf(parameters), avals, 'step')
  const inputs = dataOf(parameters).map((data) => device.fromHost(data, 'float32'))
  return device
    .compile(jaxpr)
    .run(inputs)
    .map((storage, i) => bytesOf(new DeviceArray(known(jaxpr.outputs[i], 'output').aval, device, storage).dataSync()))
}

/** The program with every loop of a gathered kernel as a kernel of its own. */
const apart = (p: Program): Program => ({
  ...p,
  kernels: p.kernels.flatMap((kernel) => {
    if (kernel.kind !== 'loops' || kernel.name !== 'maps') return [kernel]
    return known(elementLoopsOf(kernel.body), 'loops').map(({ before, loop }): LoopKernel => {
      const body = [...before, loop]
      return { ...kernel, name: 'map', body, ...accessed(body) }
    })
  }),
})

const gathered = (p: Program): number => p.kernels.filter((k) => k.kind === 'loops' && k.name === 'maps').length

const parameterOf = (rule: fc.Arbitrary<Rule>): fc.Arbitrary<Parameter> =>
  fc.record({
    size: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 900, max: 1100 })),
    rule,
    from: fc.oneof(
      { arbitrary: fc.constant('product' as const), weight: 6 },
      { arbitrary: fc.constant('sum' as const), weight: 2 },
      { arbitrary: fc.integer({ min: 0, max: 5 }), weight: 1 },
    ),
  })
const rules = fc.constantFrom<Rule[]>('descent', 'momentum', 'adam')
const parameterLists = fc
  .oneof(
    rules.map((rule) => fc.constant(rule)),
    fc.constant(rules),
  )
  .chain((rule) => fc.array(parameterOf(rule), { minLength: 3, maxLength: 7 }))

describe('gathered kernels', () => {
  it('give the bits that they give in order', () => {
    let count = 0
    fc.assert(
      fc.property(parameterLists, (parameters) => {
        count += gathered(programOf(parameters, false))
        expect(onDevice(js, parameters)).toEqual(onDevice(jsInOrder, parameters))
      }),
      { numRuns: 20 },
    )
    expect(count).toBeGreaterThan(5)
  })

  it('give the bits of their loops apart on wasm, in place too, and with threads', async () => {
    threads.add({ poolSize, startPool })
    const [alone, helped] = [new WasmRuntime(64 << 20, 0), new WasmRuntime(64 << 20, 0)]
    const device = deviceOf(helped)
    device.configure({ threads: 3 })
    await device.threadsReady()
    let count = 0
    fc.assert(
      fc.property(parameterLists, fc.boolean(), (parameters, isDonated) => {
        const p = programOf(parameters, isDonated)
        count += gathered(p)
        const data = dataOf(parameters)
        const want = onWasm(alone, apart(programOf(parameters, isDonated, inOrder)), data, isDonated)
        expect(onWasm(alone, p, data, isDonated)).toEqual(want)
        expect(onWasm(helped, p, data, isDonated)).toEqual(want)
      }),
      { numRuns: 20 },
    )
    expect(count).toBeGreaterThan(5)
    // Threads need a while to load a program.
    const large: readonly Parameter[] = [200_000, 10, 300].map((size) => ({ size, rule: 'adam', from: 'product' }))
    const [p, data] = [programOf(large, false), dataOf(large)]
    expect(gathered(p)).toBe(1)
    const want = onWasm(alone, apart(p), data, false)
    for (let run = 0; run < 50 && helped.partsByWorkers === 0; run++)
      expect(onWasm(helped, p, data, false)).toEqual(want)
    expect(helped.partsByWorkers).toBeGreaterThan(0)
    device.configure({ threads: 1 })
  }, 120_000)

  it('take no more memory than apart, and leave every output in its place', () => {
    fc.assert(
      fc.property(parameterLists, fc.boolean(), (parameters, isDonated) => {
        const [p, q] = [programOf(parameters, isDonated), programOf(parameters, isDonated, inOrder)]
        expect(p.temporaryBytes).toBeLessThanOrEqual(q.temporaryBytes)
        expect(p.takeovers).toEqual(q.takeovers)
      }),
      { numRuns: 30 },
    )
  })

  it('do not need each other', () => {
    fc.assert(
      fc.property(parameterLists, (parameters) => {
        for (const kernel of programOf(parameters, true).kernels) {
          if (kernel.kind !== 'loops' || kernel.name !== 'maps') continue
          const members = known(elementLoopsOf(kernel.body), 'loops').map(({ before, loop }) =>
            accessed([...before, loop]),
          )
          for (const member of members) {
            const others = members.filter((other) => other !== member)
            const used = new Set(others.flatMap(({ reads, writes }) => [...reads, ...writes]))
            expect(member.writes.filter((buffer) => used.has(buffer))).toEqual([])
          }
        }
      }),
      { numRuns: 40 },
    )
  })
})

describe('the updates of an optimizer', () => {
  const sizes = [12, 40, 24, 6]
  const parametersOf = (): NDArray[] =>
    sizes.slice(1).flatMap((columns, i) => [np.ones([known(sizes[i], 'rows'), columns]), np.zeros([columns])])
  const loss = (parameters: readonly NDArray[], x: NDArray): NDArray => {
    let y = x
    for (let i = 0; i < parameters.length; i += 2)
      y = np.tanh(np.add(np.matmul(y, known(parameters[i], 'weights')), known(parameters[i + 1], 'bias')))
    return np.mean(np.square(y))
  }

  beforeAll(() => {
    registerDevice(js)
  })

  const writersOf = <State>(optimizer: optim.GradientTransformation<State>): readonly string[] => {
    const parameters = parametersOf()
    const step = jit(
      (params: NDArray[], old: State, x: NDArray) => {
        const [value, gradients] = valueAndGrad(loss)(params, x)
        const [updates, next] = optimizer.update(gradients, old, params)
        return [optim.applyUpdates(params, updates), next, value] as const
      },
      { donateArgnums: [0, 1] },
    )
    const state = optimizer.init(parameters)
    const text = withDevice('wasm', () => step.lower(parameters, state, np.ones([8, 12])).kernels)
    const kernels = text.split(/^(?=\d+: )/m).slice(1)
    // Parameters are the first outputs.
    return kernels.filter((kernel) => parameters.some((_, i) => kernel.includes(` out${i}[`)))
  }

  it.each([
    ['sgd', () => writersOf(optim.sgd(0.1))],
    ['momentum', () => writersOf(optim.sgd(0.1, { momentum: 0.9 }))],
    ['adam', () => writersOf(optim.adam(1e-3))],
    ['adamw', () => writersOf(optim.adamw(1e-3))],
    ['rmsprop', () => writersOf(optim.rmsprop(1e-3))],
  ] as const)('%s are one kernel for all parameters', (_, writers) => {
    const [kernel, ...others] = writers()
    expect(kernel).toContain('maps')
    expect(others).toEqual([])
  })
})

it('what a product has just finished is updated while it is in the cache', () => {
  const [rows, inner, columns] = [512, 16, 512]
  const avals = [[rows, columns], [columns], [inner, rows], [inner, columns]].map((s) => shapedArray(s, 'float32'))
  const f = ([w, b, x, g]: readonly NDArray[]): NDArray[] => {
    if (w === undefined || b === undefined || x === undefined || g === undefined) return []
    const bias = np.subtract(b, np.multiply(0.1, np.sum(g, { axis: 0 })))
    return [bias, np.subtract(w, np.multiply(0.1, np.matmul(x.T, g)))]
  }
  const { kernels } = compile(buildJaxpr(f, avals, 'f').jaxpr)
  const at = kernels.findIndex(({ kind }) => kind === 'contraction')
  const product = known(kernels[at], 'product')
  const next = known(kernels[at + 1], 'update')
  expect(accesses(next).reads).toContain(accesses(product).writes[0])
  expect(next.kind === 'loops' && next.name).toBe('map')
})
