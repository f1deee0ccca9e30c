/** Kernels that share a function: the same bits as with a function each, on one thread and on three, and smaller modules. */
import { createHash } from 'node:crypto'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type NDArray, nn, numpy as np } from '../../../src/index.js'
import { type HostData, buildJaxpr, encodeHost, known, shapedArray, sizeOf } from '../../../src/core/index.js'
import { type Program, compile } from '../../../src/compiler/index.js'
import { usualLimits } from '../../../src/compiler/limits.js'
import { AlikeKernels, alikeKernels } from '../../../src/backends/wasm/alike-kernels.js'
import { WasmRuntime, deviceOf, programExecutable, storageFromHost } from '../../../src/backends/wasm/device.js'
import { WasmStorage } from '../../../src/backends/wasm/storage.js'
import { threads } from '../../../src/backends/wasm/parts.js'
import { poolSize, startPool } from '../../../src/backends/wasm/pool.js'
import { printProgram } from '../../../src/backends/wasm/program.js'
import { tinyLimits } from '../../compiler/tiny-limits.js'
import { onWasm } from './support.js'

threads.add({ poolSize, startPool })

/** Shares nothing. */
class Apart extends AlikeKernels {
  override share(): undefined {
    return undefined
  }
}

// Everything that can be cut is cut, however small.
const alone = new WasmRuntime(64 << 20, 0)
const helped = new WasmRuntime(64 << 20, 0)
const helpedDevice = deviceOf(helped)

beforeAll(async () => {
  helpedDevice.configure({ threads: 3 })
  await helpedDevice.threadsReady()
})
afterAll(() => {
  helpedDevice.configure({ threads: 1 })
})

const apart = <T>(run: () => T): T => {
  alikeKernels.add(() => new Apart())
  try {
    return run()
  } finally {
    alikeKernels.add(() => new AlikeKernels())
  }
}

const layers: readonly ((x: NDArray, w: NDArray, b: NDArray) => NDArray)[] = [
  (x, w, b) => np.tanh(np.add(np.matmul(x, w), b)),
  (x, w, b) => np.add(x, nn.softmax(np.add(np.matmul(x, w), b))),
  (x, w, b) => nn.gelu(np.matmul(nn.layerNorm(x, b, b), w)),
  (x, w, b) => np.add(np.cumsum(np.matmul(x, w), { axis: 0 }), np.mean(np.multiply(x, b), { axis: 0 })),
]

interface Network {
  readonly rows: number
  readonly columns: number
  readonly kinds: readonly number[]
  readonly isTiny: boolean
  readonly isDonated: boolean
}

const shapesOf = ({ rows, columns, kinds }: Network): number[][] => [
  [rows, columns],
  ...kinds.flatMap(() => [[columns, columns], [columns]]),
]

const programOf = (network: Network): Program => {
  const avals = shapesOf(network).map((shape) => shapedArray(shape, 'float32'))
  const run = (inputs: readonly NDArray[]): NDArray[] => {
    let x = known(inputs[0], 'input')
    const out: NDArray[] = []
    network.kinds.forEach((kind, i) => {
      const [w, b] = [known(inputs[2 * i + 1], 'weights'), known(inputs[2 * i + 2], 'bias')]
      x = known(layers[kind], 'layer')(x, w, b)
      if (i % 2 === 1) out.push(np.subtract(w, np.multiply(0.1, np.mean(x))))
    })
    return [...out, x]
  }
  const limits = network.isTiny ? tinyLimits : usualLimits
  return compile(buildJaxpr(run, avals, 'network').jaxpr, {
    limits,
    ...(network.isDonated && { donated: avals.map((_, i) => i > 0) }),
  })
}

const dataOf = (network: Network): HostData[] =>
  shapesOf(network).map((shape, i) =>
    encodeHost(
      Array.from({ length: sizeOf(shape) }, (_, k) => Math.sin(k * (i + 1.3))),
      'float32',
    ),
  )

const digestsOn = (runtime: WasmRuntime, p: Program, data: readonly HostData[]): string[] =>
  onWasm(runtime, p, data).map(({ buffer, byteOffset, byteLength }) =>
    createHash('sha256')
      .update(new Uint8Array(buffer, byteOffset, byteLength))
      .digest('hex'),
  )

const sizeOfModule = (p: Program): number => printProgram(p, { maximumPages: 16, shared: false }).bytes.length

const networks: fc.Arbitrary<Network> = fc.record({
  rows: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constantFrom(64, 130)),
  columns: fc.integer({ min: 2, max: 40 }),
  kinds: fc
    .array(fc.nat(layers.length - 1), { minLength: 1, maxLength: 2 })
    .chain((kinds) => fc.integer({ min: 2, max: 3 }).map((times) => Array.from({ length: times }, () => kinds).flat())),
  isTiny: fc.boolean(),
  isDonated: fc.boolean(),
})

describe('kernels that differ in nothing but their arrays', () => {
  it('give the bits of functions of their own, and take fewer bytes', () => {
    let smaller = 0
    fc.assert(
      fc.property(networks, (network) => {
        const p = programOf(network)
        const data = dataOf(network)
        const want = apart(() => digestsOn(alone, p, data))
        expect(digestsOn(alone, p, data)).toEqual(want)
        expect(digestsOn(helped, p, data)).toEqual(want)
        if (sizeOfModule(p) < apart(() => sizeOfModule(p))) smaller++
      }),
      { numRuns: 30 },
    )
    expect(smaller).toBeGreaterThan(15)
  }, 120_000)

  it('compute what a loop needs before it writes over that', () => {
    const sizes = [70_000, 30_000, 40]
    const avals = sizes.map((size) => shapedArray([size], 'float32'))
    const scaled = (x: NDArray): NDArray => np.add(np.multiply(x, 0.5), np.multiply(x.at(0).get(), x.at(7).get()))
    const { jaxpr } = buildJaxpr((inputs) => inputs.map(scaled), avals, 'scaled')
    const p = compile(jaxpr, { donated: sizes.map(() => true) })
    expect(p.takeovers?.length).toBe(sizes.length)
    const data = sizes.map((size) => Float32Array.from({ length: size }, (_, k) => (k % 64) + 1))
    const want = data.map((x) => x.map((value) => value * 0.5 + 8))
    for (const runtime of [alone, helped]) {
      for (let run = 0; run < 20; run++) {
        const stored = data.map((x) => storageFromHost(runtime.arena, x, x.byteLength))
        const results = programExecutable(runtime, p).run(
          stored,
          sizes.map(() => true),
        )
        results.forEach((storage, i) => {
          if (!(storage instanceof WasmStorage)) throw new Error('not a wasm storage')
          const got = new Float32Array(runtime.arena.copyOut(storage))
          expect(got.findIndex((value, k) => value !== want[i]?.[k])).toBe(-1)
        })
      }
    }
  })

  it('a layer more is little more of a module', () => {
    const bytesOf = (count: number): number => {
      const kinds = Array.from({ length: count }, () => 2)
      return sizeOfModule(programOf({ rows: 64, columns: 32, kinds, isTiny: false, isDonated: false }))
    }
    const ofTwoLayers = (): number => bytesOf(4) - bytesOf(2)
    expect(ofTwoLayers()).toBeLessThan(apart(ofTwoLayers) / 2)
  })
})
