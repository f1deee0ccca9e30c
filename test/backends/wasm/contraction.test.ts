/** Products of every layout, size and dtype give what the definition gives. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { known, makeHostData } from '../../../src/core/index.js'
import type { MatrixView, Program } from '../../../src/compiler/index.js'
import { planContraction } from '../../../src/backends/wasm/contraction.js'
import { WasmRuntime } from '../../../src/backends/wasm/device.js'
import { type Layout, layouts, product } from './products.js'
import { compare } from './support.js'

const runtime = new WasmRuntime(64 << 20)

/** Small whole numbers, whose sums are exact in every order. */
const data = (p: Program): ReturnType<typeof makeHostData>[] =>
  p.inputs.map((b) => {
    const values = makeHostData(b.dtype, b.size)
    for (let i = 0; i < values.length; i++) values[i] = ((i * 7919) % 13) - 6
    return values
  })

describe('products', () => {
  const sizes = [
    [1, 1, 1],
    [2, 3, 5],
    [5, 1, 40],
    [1, 37, 40],
    [17, 33, 65],
    [4, 10, 512],
    [130, 70, 300],
    [7, 530, 20],
    [20, 563, 40],
    [121, 530, 20],
    [64, 64, 1],
    [1, 5000, 9],
  ] as const
  const small = sizes.filter(([rows, columns, inner]) => rows * columns * inner < 100_000)
  for (const dtype of ['float32', 'float64', 'int32', 'uint32'] as const) {
    it(`of ${dtype}, in every layout`, () => {
      // The reference is slow with integers.
      for (const [rows, columns, inner] of dtype.endsWith('32') && dtype !== 'float32' ? small : sizes) {
        for (const layout of layouts) {
          const { program: p } = product(rows, columns, inner, { ...layout, dtype, batch: rows < 20 ? 2 : 1 })
          compare(runtime, p, data(p))
        }
      }
    })
  }

  it('of random sizes', () => {
    const size = fc.integer({ min: 1, max: 70 })
    fc.assert(
      fc.property(
        size,
        size,
        size,
        fc.integer({ min: 1, max: 3 }),
        fc.constantFrom(...layouts),
        (rows, columns, inner, batch, layout) => {
          const { program: p } = product(rows, columns, inner, { ...layout, batch })
          compare(runtime, p, data(p))
        },
      ),
      { numRuns: 150 },
    )
  })

  it('of matrices that lie in groups, of which each has a stride of its own', () => {
    const size = fc.integer({ min: 1, max: 20 })
    const count = fc.integer({ min: 1, max: 4 })
    fc.assert(
      fc.property(size, size, size, count, count, fc.boolean(), (rows, columns, inner, groups, period, repeats) => {
        const { program: p, kernel } = product(rows, columns, inner, { batch: groups * period })
        // Rows of the matrices of a group take turns, as those of heads do; on the right, groups may all be the same.
        const interleaved = (view: MatrixView, height: number, width: number, isSame: boolean): MatrixView => ({
          ...view,
          batchStride: width,
          batchPeriod: period,
          periodStride: isSame ? 0 : period * height * width,
          rowStride: period * width,
        })
        const left = interleaved(kernel.left, rows, inner, false)
        const right = interleaved(kernel.right, inner, columns, repeats)
        compare(runtime, { ...p, kernels: [{ ...kernel, left, right }] }, data(p))
      }),
      { numRuns: 150 },
    )
  })

  it('keep NaN and infinities where they belong', () => {
    const { program: p } = product(20, 20, 20)
    const values = data(p)
    known(values[0], 'left')[1 + 20 * 3 + 4] = NaN
    known(values[1], 'right')[2 + 20 * 7 + 9] = Infinity
    compare(runtime, p, values)
  })

  it('take the way that fits the shape', () => {
    const kind = (rows: number, columns: number, inner: number, layout: Layout = {}): string =>
      planContraction(product(rows, columns, inner, layout).kernel).kind
    expect(kind(64, 64, 64)).toBe('product')
    expect(kind(64, 1, 64)).toBe('dots')
    expect(kind(64, 1, 64, { leftTransposed: true })).toBe('stream')
    expect(kind(1, 64, 64)).toBe('stream')
    expect(kind(1, 64, 64, { rightTransposed: true })).toBe('dots')
  })

  it('read the right matrix in place for few rows, fewer where its rows share cache sets', () => {
    const inPlace = (rows: number, columns: number, layout: Layout = {}): boolean => {
      const plan = planContraction(product(rows, columns, 600, layout).kernel)
      return plan.kind === 'product' && plan.inPlace
    }
    expect([8, 16, 17].map((rows) => inPlace(rows, 600))).toEqual([true, true, false])
    expect([8, 9].map((rows) => inPlace(rows, 1024))).toEqual([true, false])
    expect(inPlace(8, 600, { rightTransposed: true })).toBe(false)
    // A small matrix stays in the first-level cache, unless its rows lie far apart in a larger one.
    const { kernel } = product(128, 32, 128)
    const apart = planContraction({ ...kernel, right: { ...kernel.right, rowStride: 256 } })
    expect([planContraction(kernel), apart]).toMatchObject([{ inPlace: true }, { inPlace: false }])
  })
})
