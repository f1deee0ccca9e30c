/** Contractions and sorts, by their definitions. */
import { bfloat16Value, float16Value } from '../../core/index.js'
import { type ContractionKernel, type MatrixLayout, type SortKernel, layoutOf } from '../../compiler/index.js'
import type { Action, Machine } from './evaluate.js'
import { binaryFunction } from './special.js'

/** Where matrix b of a view begins. */
const matrixStart = ({ offset, batchStride, batchPeriod, periodStride = 0 }: MatrixLayout, b: number): number =>
  batchPeriod === undefined
    ? offset + b * batchStride
    : offset + Math.floor(b / batchPeriod) * periodStride + (b % batchPeriod) * batchStride

/** Products summed in order of the inner index, each sum rounded; floats in exact mode are not rounded. */
export const compileContraction = (machine: Machine, kernel: ContractionKernel): Action => {
  const { batch, rows, columns, inner, left, right, out } = kernel
  const leftAt = machine.position(left.buffer)
  const rightAt = machine.position(right.buffer)
  const outAt = machine.position(out)
  const layout = layoutOf(kernel)
  const round = machine.rounding(out.dtype) ?? ((x: number) => x)
  const multiply = binaryFunction('mul', out.dtype)
  return () => {
    const x = machine.arrays[leftAt]
    const y = machine.arrays[rightAt]
    const z = machine.arrays[outAt]
    if (x === undefined || y === undefined || z === undefined) return
    for (let b = 0; b < batch; b++) {
      for (let r = 0; r < rows; r++) {
        let next = matrixStart(layout, b) + r * layout.rowStride
        for (let c = 0; c < columns; c++) {
          let p = matrixStart(left, b) + r * left.rowStride
          let q = matrixStart(right, b) + c * right.columnStride
          let sum = 0
          for (let i = 0; i < inner; i++) {
            sum = round(sum + round(multiply(x[p] ?? NaN, y[q] ?? NaN)))
            p += left.columnStride
            q += right.rowStride
          }
          z[next++] = sum
        }
      }
    }
  }
}

/** Order of sorting: NaN after everything, -0 and 0 equal. */
const compareKeys = (x: number, y: number): number =>
  Number.isNaN(x) ? (Number.isNaN(y) ? 0 : 1) : Number.isNaN(y) ? -1 : x < y ? -1 : x > y ? 1 : 0

/** Sorts lines one at a time; `Array.prototype.sort` is stable. */
export const compileSort = (machine: Machine, kernel: SortKernel): Action => {
  const { outer, size, inner, keys, inputs, outputs } = kernel
  const from = inputs.map((buffer) => machine.position(buffer))
  const to = outputs.map((buffer) => machine.position(buffer))
  const decode = inputs.map(({ dtype }) =>
    machine.exact ? undefined : dtype === 'float16' ? float16Value : dtype === 'bfloat16' ? bfloat16Value : undefined,
  )
  return () => {
    const sources = from.map((position) => machine.arrays[position])
    const targets = to.map((position) => machine.arrays[position])
    for (let o = 0; o < outer; o++) {
      for (let n = 0; n < inner; n++) {
        const start = o * size * inner + n
        const valueAt = (k: number, i: number): number => {
          const kept = sources[k]?.[start + i * inner] ?? NaN
          return decode[k]?.(kept) ?? kept
        }
        const order = Array.from({ length: size }, (_, i) => i).sort((i, j) => {
          for (let k = 0; k < keys; k++) {
            const compared = compareKeys(valueAt(k, i), valueAt(k, j))
            if (compared !== 0) return compared
          }
          return 0
        })
        sources.forEach((source, k) => {
          const target = targets[k]
          if (source === undefined || target === undefined) return
          order.forEach((i, position) => {
            target[start + position * inner] = source[start + i * inner] ?? 0
          })
        })
      }
    }
  }
}
