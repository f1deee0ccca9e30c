/** Threads: the same bits for any number of them, starting and stopping, and work that they cannot take part in. */
import { execFileSync } from 'node:child_process'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { init, jit, lax, nn, numpy as np, random, setThreads } from 'cotangent'
import {
  ArgumentError,
  DeviceError,
  type HostData,
  type NDArray,
  type Sample,
  bind,
  buildJaxpr,
  devicePut,
  e,
  encodeHost,
  known,
  primitives,
  registerDevice,
  shapedArray,
  withDevice,
} from '../../../src/core/index.js'
import { drawFrom, inputsOf } from '../../../src/testing/index.js'
import { controlWords, workerMain } from '../../../src/backends/wasm/worker.js'
import { WasmRuntime, deviceOf, programExecutable, storageFromHost } from '../../../src/backends/wasm/device.js'
import { compile } from '../../../src/compiler/index.js'
import { headsPrograms } from '../../compiler/heads.js'
import { randomProgram, randomValues } from '../../compiler/random.js'
import { tinyLimits } from '../../compiler/tiny-limits.js'
import { threads } from '../../../src/backends/wasm/parts.js'
import { poolSize, startPool } from '../../../src/backends/wasm/pool.js'
import { buffer, loop, loopKernel, onWasm, program, randomLoops } from './support.js'

// What `init` and `setThreads` add.
threads.add({ poolSize, startPool })

// Everything that can be cut is cut, however small.
const alone = new WasmRuntime(64 << 20, 0)
const helped = new WasmRuntime(64 << 20, 0)
registerDevice(Object.assign(deviceOf(alone), { name: 'alone' }))
const helpedDevice = Object.assign(deviceOf(helped), { name: 'helped' })
registerDevice(helpedDevice)

const bitsOf = (data: HostData): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength)

beforeAll(async () => {
  helpedDevice.configure({ threads: 3 })
  await helpedDevice.threadsReady()
})
afterAll(() => {
  helpedDevice.configure({ threads: 1 })
  setThreads(1)
})

describe('three threads give the bits that one gives', () => {
  it('for random loops', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e9 }), (seed) => {
        const { program: p, data } = randomLoops(seed)
        expect(onWasm(helped, p, data).map(bitsOf)).toEqual(onWasm(alone, p, data).map(bitsOf))
      }),
      { numRuns: 150, seed: 7 },
    )
    expect(helped.partsByWorkers).toBeGreaterThan(0)
  })

  it('for random programs in pieces, also of sums', () => {
    let shared = 0
    for (let seed = 1; seed <= 80; seed++) {
      const { inputs, run } = randomProgram(seed)
      const { jaxpr } = buildJaxpr(run, inputs, 'random')
      const p = compile(jaxpr, { limits: tinyLimits })
      const data = inputs.map((aval, i) => encodeHost(randomValues(aval, seed + i), aval.dtype))
      const before = helped.partsByWorkers
      expect(onWasm(helped, p, data).map(bitsOf)).toEqual(onWasm(alone, p, data).map(bitsOf))
      if (p.kernels.some(({ kind }) => kind === 'scan') && helped.partsByWorkers > before) shared++
    }
    expect(shared).toBeGreaterThan(0)
  })

  it('for heads of attention that lie apart, in pieces', () => {
    const single = new WasmRuntime(64 << 20)
    let apart = 0
    const before = helped.partsByWorkers
    fc.assert(
      fc.property(headsPrograms, ({ f, shapes }) => {
        const avals = shapes.map((shape) => shapedArray(shape, 'float32'))
        const { jaxpr } = buildJaxpr((xs) => f(...xs), avals, 'heads')
        const p = compile(jaxpr, { limits: tinyLimits })
        const data = avals.map((aval, i) => encodeHost(randomValues(aval, i), aval.dtype))
        const want = onWasm(alone, p, data).map(bitsOf)
        expect(onWasm(helped, p, data).map(bitsOf)).toEqual(want)
        // Loops that are too small to be shared take slices in their own way.
        expect(onWasm(single, p, data).map(bitsOf)).toEqual(want)
        if (p.kernels.some((kernel) => kernel.kind === 'scan' && kernel.spreads !== undefined)) apart++
      }),
      { numRuns: 60, seed: 5 },
    )
    expect(apart).toBeGreaterThan(0)
    expect(helped.partsByWorkers).toBeGreaterThan(before)
  })

  it('for products and what follows them row by row', () => {
    const followed = (x: NDArray, w: NDArray, bias: NDArray): readonly NDArray[] => {
      const y = np.matmul(x, w)
      return [nn.softmax(np.add(y, bias)), np.tanh(np.matmul(np.matrixTranspose(x), y))]
    }
    const before = helped.partsByWorkers
    // Cut by matrices, by rows, by columns; and columns in two blocks.
    for (const [batch, rows, inner, columns] of [
      [5, 20, 30, 24],
      [1, 400, 64, 40],
      [1, 64, 300, 400],
      [2, 130, 20, 600],
    ] as const) {
      const avals = [[batch, rows, inner], [batch, inner, columns], [columns]].map((shape) =>
        shapedArray(shape, 'float32'),
      )
      const { jaxpr } = buildJaxpr(
        ([x, w, bias]) => followed(known(x, 'x'), known(w, 'w'), known(bias, 'bias')),
        avals,
        'f',
      )
      const p = compile(jaxpr)
      const data = avals.map((aval, i) => encodeHost(randomValues(aval, i + rows), aval.dtype))
      const textOf = (out: HostData): string => Buffer.from(bitsOf(out)).toString('latin1')
      const want = onWasm(alone, p, data)
      for (let run = 0; run < 3; run++) {
        const got = onWasm(helped, p, data)
        expect(got.every((out, i) => textOf(out) === textOf(known(want[i], 'output')))).toBe(true)
      }
    }
    // Of all runs: workers that sleep may wake too late for a short one.
    expect(helped.partsByWorkers).toBeGreaterThan(before)
  })

  const needAxisName = new Set(['psum', 'pmax', 'pmin', 'all_gather', 'axis_index', 'check'])
  const named = [...primitives.values()]
    .filter((p) => !needAxisName.has(p.name) && !p.name.startsWith('test_'))
    .map((p) => [p.name, p] as const)
  it.each(named)('for %s', (_, primitive) => {
    const resultsOn = (device: string, sample: Sample<object>): Uint8Array[] =>
      withDevice(device, () => {
        const f = (...xs: NDArray[]): NDArray[] => [...bind(primitive, xs, sample.params)]
        return jit(f)(...inputsOf(sample)).map((out) => bitsOf(out.dataSync()))
      })
    fc.assert(
      fc.property(fc.gen(), (g) => {
        const sample = primitive.sample(drawFrom(g))
        expect(resultsOn('helped', sample)).toEqual(resultsOn('alone', sample))
      }),
      { numRuns: 4, seed: 20261123 },
    )
  })

  const key = random.key(3)
  const matrix = (...shape: number[]): NDArray => random.normal(key, shape)
  const larger: readonly (readonly [string, (...x: NDArray[]) => NDArray, readonly NDArray[]])[] = [
    ['a product', (a, b) => np.matmul(a, b), [matrix(130, 300), matrix(300, 101)]],
    ['a tall product', (a, b) => np.matmul(a, b), [matrix(500, 40), matrix(40, 7)]],
    ['a transposed product', (a, b) => np.matmul(a.transpose(), b.transpose()), [matrix(70, 90), matrix(200, 70)]],
    ['a batch', (a, b) => np.matmul(a, b), [matrix(5, 33, 20), matrix(5, 20, 50)]],
    ['matrix times vector', (a, b) => np.matmul(a, b), [matrix(333, 257), matrix(257)]],
    ['vector times matrix', (a, b) => np.matmul(b, a), [matrix(257, 333), matrix(257)]],
    ['a sum', (a) => np.sum(a), [matrix(100_003)]],
    ['sums of rows', (a) => np.sum(a, { axis: 1 }), [matrix(300, 333)]],
    ['sums of columns', (a) => np.sum(a, { axis: 0 }), [matrix(300, 333)]],
    ['long sums of columns', (a) => np.sum(np.square(a), { axis: 0 }), [matrix(9000, 33)]],
    ['a largest element', (a) => np.max(a), [matrix(100_003)]],
    ['softmax', (a) => nn.softmax(a), [matrix(40, 257)]],
    ['a sort', (a) => np.sort(a), [matrix(33_003)]],
    ['an argsort', (a) => np.argsort(a), [matrix(33_001)]],
    ['sorts of rows', (a) => np.sort(a, { axis: 1 }), [matrix(100, 333)]],
    ['random numbers', () => random.normal(key, [10_001]), []],
    [
      'a convolution',
      (x, w) => lax.convGeneralDilated(x, w, [1, 1], 'SAME', { dimensionNumbers: ['NHWC', 'HWIO', 'NHWC'] }),
      [matrix(4, 9, 11, 5), matrix(3, 3, 5, 19)],
    ],
    [
      'iterations that know nothing of each other',
      (x, w) => lax.map((rows) => np.sum(np.tanh(np.matmul(rows, w)), { axis: 0 }), x),
      [matrix(37, 6, 20), matrix(20, 11)],
    ],
    [
      'loops within such iterations',
      (x, w) =>
        lax.map((row) => {
          const step = (h: NDArray, y: NDArray): [NDArray, NDArray] => [np.tanh(np.matmul(h, w).add(y)), np.sum(h)]
          const [last, sums] = lax.scan(step, row, np.outer(np.arange(5), row))
          return np.concatenate([last, sums])
        }, x),
      [matrix(23, 9), matrix(9, 9)],
    ],
    ['a loop', (a) => lax.foriLoop(0, 5, (_, x) => np.sin(np.matmul(x, a)), a), [matrix(60, 60)]],
  ]
  it.each(larger)('for %s', (_, f, xs) => {
    const on = (device: string): Uint8Array =>
      withDevice(device, () => bitsOf(jit(f)(...xs.map((x) => devicePut(x, device))).dataSync()))
    const want = on('alone')
    for (let i = 0; i < 2; i++) expect(on('helped')).toEqual(want)
  })
})

describe('threads', () => {
  const addOne = (size: number) => {
    const i = e.variable('int32', size)
    const x = buffer('float32', size)
    const out = buffer('float32', size)
    const value = e.binary('add', e.load(x, i), e.constant(1, 'float32'))
    return program(
      [loopKernel([loop(i, 'parallel', [{ kind: 'store', buffer: out, index: i, value }])], [x], [out])],
      [x],
      [out],
    )
  }

  it('come and go while arrays and programs stay', async () => {
    const runtime = new WasmRuntime(64 << 20, 0)
    const device = deviceOf(runtime)
    const executable = programExecutable(runtime, addOne(20_000))
    let [x] = executable.run([storageFromHost(runtime.arena, new Float32Array(20_000), 80_000)])
    for (const threads of [2, 1, 3, 3, 1, 2, 1]) {
      expect(device.configure({ threads })).toBe(threads)
      if (threads === 3) await device.threadsReady()
      for (let i = 0; i < 10 && x !== undefined; i++) [x] = executable.run([x], [true])
    }
    expect(x && device.read(x, 'float32', 20_000)).toEqual(new Float32Array(20_000).fill(71))
  })

  it('see memory that grew', async () => {
    const runtime = new WasmRuntime(512 << 20, 0)
    const device = deviceOf(runtime)
    device.configure({ threads: 2 })
    await device.threadsReady()
    for (let size = 1 << 12; size <= 1 << 24; size *= 4) {
      const storage = storageFromHost(runtime.arena, new Float32Array(size), 4 * size)
      const [y] = programExecutable(runtime, addOne(size)).run([storage])
      const data = y && device.read(y, 'float32', size)
      expect(data?.every((v) => v === 1)).toBe(true)
    }
    expect(runtime.partsByWorkers).toBeGreaterThan(0)
    device.configure({ threads: 1 })
  })

  it('are asked for with whole numbers, and not by a callback', () => {
    const device = deviceOf(new WasmRuntime(64 << 20))
    expect(() => device.configure({ threads: 0 })).toThrow(ArgumentError)
    expect(() => device.configure({ threads: 1.5 })).toThrow(/whole number from 1 up; got 1.5/)
    expect(() => device.configure({ memoryBudget: 5 })).toThrow(/memory budget is a whole number of bytes/)
    expect(setThreads(1)).toBe(1)
    const runtime = new WasmRuntime(64 << 20)
    const other = deviceOf(runtime)
    expect(() => runtime.arena.interrupted(() => other.configure({ threads: 2 }))).toThrow(DeviceError)
  })

  it('are options of init', async () => {
    await init({ threads: 2, wasmMemoryBudget: 200 << 20 })
    const x = random.normal(random.key(0), [200, 200])
    const two = np.matmul(x, x).dataSync()
    setThreads(1)
    expect(np.matmul(x, x).dataSync()).toEqual(two)
    await init({ wasmMemoryBudget: 2 ** 30 })
  })

  it('are started from source that uses nothing outside itself', () => {
    // Tools that transform files may put in helpers, which a worker would not find.
    const source = workerMain.toString()
    expect(source).not.toMatch(/__vite|__name|import_|_defineProperty/)
  })

  it('do not keep a process alive', () => {
    const source = `(${workerMain.toString()})(require('node:worker_threads').workerData)`
    const script = `
      const { Worker } = require('node:worker_threads')
      const shared = (bytes) => new SharedArrayBuffer(bytes)
      const control = new Int32Array(shared(4 * ${controlWords.words}))
      const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true })
      const words = ${JSON.stringify(controlWords)}
      const workerData = { index: 1, control, mailbox: new Uint8Array(shared(8)), memory, products: [], words, spin: 0.05 }
      new Worker(${JSON.stringify(source)}, { eval: true, workerData }).unref()
      const wait = () => Atomics.load(control, words.ready) === 0 ? setTimeout(wait, 5) : console.log('ready')
      wait()`
    expect(execFileSync(process.execPath, ['-e', script], { timeout: 20_000, encoding: 'utf8' })).toBe('ready\n')
  })
})
