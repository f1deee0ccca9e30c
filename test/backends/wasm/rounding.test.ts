/** How products round: within the bound for their number of terms, once a term where the engine fuses, and everywhere alike. */
import * as fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { init, numpy as np, setThreads } from 'cotangent'
import { type DType, type HostData, known, makeHostData } from '../../../src/core/index.js'
import type { ContractionKernel, MatrixView, Program } from '../../../src/compiler/index.js'
import { planContraction } from '../../../src/backends/wasm/contraction.js'
import { WasmRuntime } from '../../../src/backends/wasm/device.js'
import { hasRelaxedMultiplyAdd } from '../../../src/backends/wasm/features.js'
import { generator } from '../../compiler/random.js'
import { type Layout, layouts, product } from './products.js'
import { onWasm, program } from './support.js'

const fusing = new WasmRuntime(64 << 20)
const strict = new WasmRuntime(64 << 20)
strict.setRelaxedSimd(false)
const runtimes = [fusing, strict]

const randomData = (p: Program, seed: number): HostData[] => {
  const random = generator(seed)
  return p.inputs.map((b) => {
    const values = makeHostData(b.dtype, b.size)
    for (let i = 0; i < values.length; i++) values[i] = (random() * 2 - 1) * 2 ** Math.floor(random() * 6)
    return values
  })
}

const resultOf = (runtime: WasmRuntime, p: Program, data: readonly HostData[]): HostData =>
  known(onWasm(runtime, p, data)[0], 'result')

const at = (data: HostData | undefined, index: number): number => Number(known(data?.[index], 'element'))

/** The rows and columns of a product from `row` and `column` on, as a product of their own. */
const partOf = (
  p: Program,
  kernel: ContractionKernel,
  [row, rows]: readonly [number, number],
  [column, columns]: readonly [number, number],
): Program => {
  const shifted = (view: MatrixView, by: number): MatrixView => ({ ...view, offset: view.offset + by })
  const part = product(rows, columns, kernel.inner, { dtype: kernel.out.dtype })
  const out = part.kernel.out
  const left = shifted(kernel.left, row * kernel.left.rowStride)
  const right = shifted(kernel.right, column * kernel.right.columnStride)
  return program([{ ...kernel, rows, columns, left, right, out }], p.inputs, [out])
}

describe('products', () => {
  const size = fc.integer({ min: 1, max: 40 })

  it('are within the error of as many roundings as there are terms', () => {
    const unit: Readonly<Partial<Record<DType, number>>> = { float32: 2 ** -24, float64: 2 ** -53 }
    fc.assert(
      fc.property(
        size,
        size,
        fc.oneof(size, fc.integer({ min: 250, max: 600 })),
        fc.constantFrom(...layouts),
        fc.constantFrom('float32', 'float64'),
        fc.nat(),
        (rows, columns, inner, layout, dtype, seed) => {
          const { program: p, kernel } = product(rows, columns, inner, { ...layout, dtype })
          const { left, right } = kernel
          const data = randomData(p, seed)
          const results = runtimes.map((runtime) => resultOf(runtime, p, data))
          for (let r = 0; r < rows; r++) {
            for (let c = 0; c < columns; c++) {
              let [exact, size] = [0, 0]
              for (let k = 0; k < inner; k++) {
                const x = at(data[0], left.offset + r * left.rowStride + k * left.columnStride)
                const y = at(data[1], right.offset + k * right.rowStride + c * right.columnStride)
                exact += x * y
                size += Math.abs(x * y)
              }
              // What this loop rounds itself is as much again for float64, and nothing beside float32.
              const roundings = inner * (dtype === 'float64' ? 2 : 1)
              const u = roundings * known(unit[dtype], 'rounding')
              for (const result of results)
                expect(Math.abs(at(result, r * columns + c) - exact)).toBeLessThanOrEqual((u / (1 - u)) * size)
            }
          }
        },
      ),
      { numRuns: 60 },
    )
  })

  it('have the same bits whatever rows and columns are around them', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 150 }),
        fc.oneof(fc.integer({ min: 2, max: 70 }), fc.integer({ min: 430, max: 530 })),
        fc.oneof(fc.integer({ min: 2, max: 40 }), fc.integer({ min: 250, max: 300 })),
        fc.constantFrom(...layouts),
        fc.constantFrom('float32', 'float64'),
        fc.nat(),
        (rows, columns, inner, layout, dtype, seed) => {
          const { program: p, kernel } = product(rows, columns, inner, { ...layout, dtype })
          const random = generator(seed)
          const stretch = (extent: number): readonly [number, number] => {
            const first = Math.floor(random() * (extent - 1))
            return [first, 2 + Math.floor(random() * (extent - first - 1))]
          }
          const [row, someRows] = stretch(rows)
          const [column, someColumns] = stretch(columns)
          const part = partOf(p, kernel, [row, someRows], [column, someColumns])
          const data = randomData(p, seed)
          for (const runtime of runtimes) {
            const all = resultOf(runtime, p, data)
            const some = resultOf(runtime, part, data)
            for (let r = 0; r < someRows; r++)
              for (let c = 0; c < someColumns; c++)
                expect(at(some, r * someColumns + c)).toBe(at(all, (row + r) * columns + column + c))
          }
        },
      ),
      { numRuns: 60 },
    )
  })

  it('round once a term where the engine fuses, on every path, and twice where it must not', () => {
    const cases: readonly (readonly [number, number, Layout])[] = [
      [7, 17, {}],
      [2, 18, {}],
      [30, 17, { leftTransposed: true }],
      [30, 17, { rightTransposed: true }],
      [9, 1, {}],
      [9, 1, { leftTransposed: true }],
      [1, 9, {}],
      [1, 9, { rightTransposed: true }],
    ]
    const kinds = new Set<string>()
    fc.assert(
      fc.property(
        fc.double({ min: 1, max: 2, noNaN: true }),
        fc.constantFrom(...cases),
        (x, [rows, columns, layout]) => {
          const value = Math.fround(x)
          const { program: p, kernel } = product(rows, columns, 2, layout)
          const plan = planContraction(kernel)
          kinds.add(plan.kind === 'product' ? `product ${plan.inPlace}` : plan.kind)
          const data = p.inputs.map((b) => makeHostData(b.dtype, b.size))
          const { left, right } = kernel
          // Rows of (-1, x) and columns of (x * x rounded, x): what is left is the rounding of x * x.
          for (let r = 0; r < rows; r++) {
            const values = known(data[0], 'left')
            values[left.offset + r * left.rowStride] = -1
            values[left.offset + r * left.rowStride + left.columnStride] = value
          }
          for (let c = 0; c < columns; c++) {
            const values = known(data[1], 'right')
            values[right.offset + c * right.columnStride] = Math.fround(value * value)
            values[right.offset + c * right.columnStride + right.rowStride] = value
          }
          const rest = value * value - Math.fround(value * value)
          const distinct = (runtime: WasmRuntime): number[] => [
            ...new Set(Array.from(resultOf(runtime, p, data), Number)),
          ]
          expect(distinct(strict)).toEqual([0])
          expect(distinct(fusing)).toEqual([hasRelaxedMultiplyAdd() ? rest : 0])
        },
      ),
      { numRuns: 100 },
    )
    expect([...kinds].sort()).toEqual(['dots', 'product false', 'product true', 'stream'])
  })
})

describe('relaxedSimd', () => {
  afterAll(async () => {
    await init({ relaxedSimd: true })
    setThreads(1)
  })

  it('is an option of init, and changes what was compiled before', async () => {
    const x = Math.fround(1.1)
    const rest = hasRelaxedMultiplyAdd() ? x * x - Math.fround(x * x) : 0
    const product = (): number => np.dot(np.array([-1, x]), np.array([Math.fround(x * x), x])).item()
    expect(product()).toBe(rest)
    await init({ relaxedSimd: false })
    expect(product()).toBe(0)
    await init({ relaxedSimd: true })
    expect(product()).toBe(rest)
  })

  it('holds for all threads', async () => {
    const size = 160
    const x = Math.fround(1.1)
    const left = np.stack([np.full([size * 16], -1), np.full([size * 16], x)], { axis: 1 })
    const right = np.stack([np.full([size], Math.fround(x * x)), np.full([size], x)])
    const values = (): Set<number> => new Set(np.matmul(left, right).dataSync().map(Number))
    const rest = hasRelaxedMultiplyAdd() ? x * x - Math.fround(x * x) : 0
    for (const threads of [1, 3]) {
      for (const relaxedSimd of [true, false]) {
        await init({ threads, relaxedSimd })
        expect(values()).toEqual(new Set([relaxedSimd ? rest : 0]))
      }
    }
  })
})
