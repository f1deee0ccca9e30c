/** Programs of one product each, of any size and layout. */
import type { DType } from '../../../src/core/index.js'
import type { ContractionKernel, Program } from '../../../src/compiler/index.js'
import { buffer, program } from './support.js'

export interface Layout {
  readonly batch?: number
  readonly dtype?: DType
  readonly leftTransposed?: boolean
  readonly rightTransposed?: boolean
  /** Elements between neighbours. */
  readonly spread?: number
}

export const product = (
  rows: number,
  columns: number,
  inner: number,
  layout: Layout = {},
): { readonly program: Program; readonly kernel: ContractionKernel } => {
  const { batch = 1, dtype = 'float32', leftTransposed = false, rightTransposed = false, spread = 1 } = layout
  const left = buffer(dtype, batch * rows * inner * spread + 3)
  const right = buffer(dtype, batch * inner * columns * spread + 3)
  const out = buffer(dtype, batch * rows * columns)
  const kernel: ContractionKernel = {
    kind: 'contraction',
    batch,
    rows,
    columns,
    inner,
    left: {
      buffer: left,
      offset: 1,
      batchStride: rows * inner * spread,
      rowStride: (leftTransposed ? 1 : inner) * spread,
      columnStride: (leftTransposed ? rows : 1) * spread,
    },
    right: {
      buffer: right,
      offset: 2,
      batchStride: inner * columns * spread,
      rowStride: (rightTransposed ? 1 : columns) * spread,
      columnStride: (rightTransposed ? inner : 1) * spread,
    },
    out,
  }
  return { program: program([kernel], [left, right], [out]), kernel }
}

export const layouts: readonly Layout[] = [false, true].flatMap((leftTransposed) =>
  [false, true].flatMap((rightTransposed) => [1, 2].flatMap((spread) => ({ leftTransposed, rightTransposed, spread }))),
)
