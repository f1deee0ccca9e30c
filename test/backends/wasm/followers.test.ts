/** Kernels that follow a product row by row: the same bits as after the whole product, and only where rows are enough. */
import { createHash } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type NDArray, lax, nn, numpy as np } from '../../../src/index.js'
import { type HostData, buildJaxpr, encodeHost, known, shapedArray } from '../../../src/core/index.js'
import { type Program, compile } from '../../../src/compiler/index.js'
import { iterationsPerRow } from '../../../src/backends/wasm/followers.js'
import { WasmRuntime, programExecutable, storageFromHost } from '../../../src/backends/wasm/device.js'
import { WasmStorage } from '../../../src/backends/wasm/storage.js'
import { onlyLoop } from '../../../src/backends/wasm/loop-kernels.js'
import { onWasm, program } from './support.js'

/** Follows however small the product is. */
const following = new WasmRuntime(64 << 20, 0)

type Function = (...inputs: NDArray[]) => readonly NDArray[]
type Shapes = readonly (readonly number[])[]

const compiled = (f: Function, shapes: Shapes, donated?: readonly boolean[]): Program =>
  compile(
    buildJaxpr(
      (inputs) => f(...inputs),
      shapes.map((shape) => shapedArray(shape, 'float32')),
      'f',
    ).jaxpr,
    donated && { donated },
  )

const valuesOf = (shapes: Shapes): HostData[] =>
  shapes.map((shape, i) => {
    const size = shape.reduce((a, b) => a * b, 1)
    return encodeHost(
      Array.from({ length: size }, (_, k) => Math.sin(k * (i + 1.3)) * 2),
      'float32',
    )
  })

/** The program with products and what follows them far apart: every kernel as a program of its own. */
const kernelByKernel = (p: Program, data: readonly HostData[]): HostData[] => {
  const memory = new Map(p.inputs.map((b, i) => [b, known(data[i], 'input')]))
  for (const kernel of p.kernels) {
    const reads =
      kernel.kind === 'contraction'
        ? [kernel.left.buffer, kernel.right.buffer]
        : kernel.kind === 'loops'
          ? kernel.reads
          : []
    const writes = kernel.kind === 'contraction' ? [kernel.out] : kernel.kind === 'loops' ? kernel.writes : []
    const inputs = [...new Set(reads)].filter((b) => memory.has(b) && !writes.includes(b))
    const alone = program([kernel], inputs, writes)
    const results = onWasm(
      following,
      alone,
      inputs.map((b) => known(memory.get(b), 'contents')),
    )
    writes.forEach((b, i) => memory.set(b, known(results[i], 'result')))
  }
  return p.outputs.map((b) => known(memory.get(b), 'output'))
}

const digest = ({ buffer, byteOffset, byteLength }: HostData): string =>
  createHash('sha256')
    .update(new Uint8Array(buffer, byteOffset, byteLength))
    .digest('hex')

/** Iterations per row of every kernel after a product, as far as it may follow. */
const followed = (p: Program): readonly (number | undefined)[] =>
  p.kernels.flatMap((kernel, k) => {
    const next = p.kernels[k + 1]
    if (kernel.kind !== 'contraction' || next?.kind !== 'loops') return []
    const loop = onlyLoop(next)
    return [loop === undefined ? undefined : iterationsPerRow(p, kernel, next, loop, 0)]
  })

const epilogues: readonly ((y: NDArray, bias: NDArray) => readonly NDArray[])[] = [
  (y, bias) => [nn.relu(np.add(y, bias))],
  (y) => [nn.gelu(y)],
  (y) => [nn.softmax(y)],
  (y, bias) => [np.add(y, bias), np.sum(np.square(y), { axis: -1 })],
  (y) => [y, np.tanh(y)],
]

describe('kernels after a product', () => {
  it('give the bits that they give after the whole product', () => {
    const size = fc.integer({ min: 2, max: 40 })
    let count = 0
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3 }),
        fc.oneof(size, fc.integer({ min: 110, max: 260 })),
        fc.oneof(size, fc.integer({ min: 500, max: 530 })),
        fc.oneof(size, fc.integer({ min: 250, max: 520 })),
        fc.boolean(),
        fc.constantFrom(...epilogues),
        (batch, rows, columns, inner, isTransposed, epilogue) => {
          const left = isTransposed ? [batch, inner, rows] : [batch, rows, inner]
          const shapes = [left, [batch, inner, columns], [columns]]
          const p = compiled(
            (x, w, bias) => [...epilogue(np.matmul(isTransposed ? np.matrixTranspose(x) : x, w), bias)],
            shapes,
          )
          if (p.kernels.some(({ kind }) => kind !== 'contraction' && kind !== 'loops')) return
          if (followed(p).some((perRow) => perRow !== undefined)) count++
          const data = valuesOf(shapes)
          expect(onWasm(following, p, data).map(digest)).toEqual(kernelByKernel(p, data).map(digest))
        },
      ),
      { numRuns: 40 },
    )
    expect(count).toBeGreaterThan(10)
  })

  it('do not follow where they read other rows', () => {
    const shapes = [
      [64, 8],
      [8, 64],
    ]
    const follows = (f: (y: NDArray) => NDArray): readonly (number | undefined)[] =>
      followed(compiled((x, w) => [f(np.matmul(x, w))], shapes))
    expect(follows((y) => np.tanh(y))).toEqual([64])
    expect(follows((y) => np.tanh(np.add(y, y.T)))).toEqual([undefined])
    expect(follows((y) => np.tanh(lax.rev(y, [0])))).toEqual([undefined])
  })

  it('do not follow where they write over what the product reads', () => {
    const shapes = [
      [64, 64],
      [64, 64],
    ]
    const f: Function = (x, w) => [np.tanh(np.matmul(x, w))]
    const p = compiled(f, shapes, [true, false])
    expect(p.takeovers).toEqual([{ input: 0, output: 0 }])
    expect(followed(p)).toEqual([undefined])
    const data = valuesOf(shapes)
    const stored = data.map((d) => storageFromHost(following.arena, d, d.byteLength))
    const [result] = programExecutable(following, p).run(stored, [true, false])
    if (!(result instanceof WasmStorage)) throw new Error('not a wasm storage')
    const bytes = new Uint8Array(following.arena.copyOut(result))
    const [want] = onWasm(following, compiled(f, shapes), data)
    expect(bytes).toEqual(new Uint8Array(known(want, 'result').buffer))
  })
})
