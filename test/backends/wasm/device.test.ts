/** The device: storages, results that are inputs, equal programs, donation, and its listing. */
import { describe, expect, it } from 'vitest'
import { type Expression, type NDArray, type Storage, e, known } from '../../../src/core/index.js'
import type { Buffer, Program } from '../../../src/compiler/index.js'
import {
  WasmRuntime,
  createWasmDevice,
  deviceOf,
  programExecutable,
  storageFromHost,
} from '../../../src/backends/wasm/device.js'
import { WasmStorage } from '../../../src/backends/wasm/storage.js'
import { buffer, loop, loopKernel, program } from './support.js'

const addOne = (size: number): Program => {
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

const read = (storage: Storage | undefined, size: number): number[] => [
  ...device.read(known(storage, 'result'), 'float32', size),
]
const own = (storage: Storage | undefined): WasmStorage => {
  if (storage instanceof WasmStorage) return storage
  throw new Error('not a wasm storage')
}
const device = createWasmDevice({ wasmMemoryBudget: 32 << 20 })

describe('the wasm device', () => {
  it('keeps what it was given, small or large', () => {
    for (const size of [0, 1, 3, 1000, 5000]) {
      const data = Float32Array.from({ length: size }, (_, i) => i * 0.5)
      const storage = device.fromHost(data, 'float32')
      data.fill(-1)
      expect(read(storage, size)).toEqual(Array.from({ length: size }, (_, i) => i * 0.5))
      expect(storage.bytes).toBe(size * 4)
    }
  })

  it('runs small and large arrays', () => {
    const runtime = new WasmRuntime(32 << 20)
    for (const size of [1, 5, 16, 100, 1024, 1025, 100_000]) {
      const run = programExecutable(runtime, addOne(size)).run
      const input = storageFromHost(
        runtime.arena,
        Float32Array.from({ length: size }, (_, i) => i),
        size * 4,
      )
      const [first] = run([input])
      const [second] = run([known(first, 'result')])
      expect(new Float32Array(runtime.arena.copyOut(own(second)))).toEqual(
        Float32Array.from({ length: size }, (_, i) => i + 2),
      )
    }
  })

  it('gives an input back as itself, and lets it live until both are released', () => {
    const runtime = new WasmRuntime(32 << 20)
    const x = buffer('float32', 3000)
    const p: Program = {
      kernels: [],
      inputs: [x],
      outputs: [x, x],
      constants: [],
      placements: new Map([[x, { kind: 'input', index: 0 }]]),
      temporaryBytes: 0,
    }
    const input = storageFromHost(runtime.arena, new Float32Array(3000).fill(4), 12000)
    const [one, two] = programExecutable(runtime, p).run([input])
    expect(one).toBe(input)
    expect(two).toBe(input)
    runtime.arena.release(input)
    runtime.arena.release(input)
    expect(runtime.arena.stats('wasm').live).toBeGreaterThan(0)
    runtime.arena.release(input)
    expect(runtime.arena.stats('wasm').live).toBe(0)
  })

  it('frees donated inputs', () => {
    const runtime = new WasmRuntime(32 << 20)
    const executable = programExecutable(runtime, addOne(5000))
    let x = storageFromHost(runtime.arena, new Float32Array(5000), 20000)
    for (let i = 0; i < 10; i++) {
      const next = own(executable.run([x], [true])[0])
      runtime.arena.release(x)
      x = next
    }
    expect(runtime.arena.stats('wasm').live).toBe(Math.ceil(20000 / 64) * 64)
    expect(new Float32Array(runtime.arena.copyOut(x))).toEqual(new Float32Array(5000).fill(10))
  })

  it('may be asked to run programs by a callback, even the same one', () => {
    const runtime = new WasmRuntime(32 << 20)
    deviceOf(runtime)
    const inner = programExecutable(runtime, addOne(5000))
    const i = e.variable('int32', 5000)
    const j = e.variable('int32', 5000)
    const x = buffer('float32', 5000)
    const half = buffer('float32', 5000)
    const out = buffer('float32', 5000)
    const seen: number[] = []
    let depth = 0
    const call = (values: readonly NDArray[]): void => {
      const first = known(values[0], 'value').dataSync()[0] ?? NaN
      seen.push(first)
      const input = storageFromHost(runtime.arena, new Float32Array(5000).fill(first), 20000)
      inner.run([input])
      if (depth++ < 2) outer.run([input])
    }
    const scaled = (from: Buffer, at: Expression, by: number): Expression =>
      e.binary('mul', e.load(from, at), e.constant(by, 'float32'))
    const p: Program = {
      ...program(
        [
          loopKernel(
            [loop(i, 'parallel', [{ kind: 'store', buffer: half, index: i, value: scaled(x, i, 0.5) }])],
            [x],
            [half],
          ),
          { kind: 'callback', operands: [half], call },
          loopKernel(
            [loop(j, 'parallel', [{ kind: 'store', buffer: out, index: j, value: scaled(half, j, 10) }])],
            [half],
            [out],
          ),
        ],
        [x],
        [out],
      ),
      temporaryBytes: 20000,
    }
    const placements = new Map([...p.placements, [half, { kind: 'temporary', offset: 0 } as const]])
    const outer = programExecutable(runtime, { ...p, placements })
    const [result] = outer.run([storageFromHost(runtime.arena, new Float32Array(5000).fill(8), 20000)])
    expect(seen).toEqual([4, 2, 1])
    expect(new Float32Array(runtime.arena.copyOut(own(result)))).toEqual(new Float32Array(5000).fill(40))
  })

  it('prints what it runs', () => {
    const text = programExecutable(new WasmRuntime(32 << 20), addOne(16)).text()
    expect(text).toMatchInlineSnapshot(`
      "(module
        (func $0_test
          (local 5 i32, 1 v128)
          i32.const 0
          i32.load offset=1032
          local.set 2
          i32.const 0
          i32.load offset=1028
          local.set 4
          v128.const i32x4 0x3f800000 0x3f800000 0x3f800000 0x3f800000
          local.set 5
          i32.const 0
          local.set 0
          local.get 2
          local.get 0
          i32.const 2
          i32.shl
          i32.add
          local.set 1
          local.get 4
          local.get 0
          i32.const 2
          i32.shl
          i32.add
          local.set 3
          loop
            local.get 1
            local.get 3
            v128.load
            local.get 5
            f32x4.add
            v128.store
            local.get 1
            local.get 3
            v128.load offset=16
            local.get 5
            f32x4.add
            v128.store offset=16
            local.get 1
            local.get 3
            v128.load offset=32
            local.get 5
            f32x4.add
            v128.store offset=32
            local.get 1
            local.get 3
            v128.load offset=48
            local.get 5
            f32x4.add
            v128.store offset=48
            local.get 1
            i32.const 64
            i32.add
            local.set 1
            local.get 3
            i32.const 64
            i32.add
            local.set 3
            local.get 0
            i32.const 16
            i32.add
            local.tee 0
            i32.const 0
            i32.le_s
            br_if 0
          end
        )
        (func $run (export "run")
          call $0_test
        )
      )"
    `)
  })
})
