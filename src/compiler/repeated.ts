/** What a program computes more than once. */
import type { Kernel } from './kernel.js'

/** Products that an earlier kernel has computed from the same arrays: recomputations, as `checkpoint` makes them. */
export const repeatedProducts = (kernels: readonly Kernel[]): ReadonlySet<Kernel> => {
  const repeated = new Set<Kernel>()
  const seen = new Set<string>()
  for (const kernel of kernels) {
    if (kernel.kind !== 'contraction') continue
    const { left, right, batch, rows, columns, inner } = kernel
    const views = [left, right].flatMap(
      ({ buffer, offset, batchStride, batchPeriod, periodStride, rowStride, columnStride }) =>
        [buffer.id, offset, batchStride, batchPeriod, periodStride, rowStride, columnStride].map(String),
    )
    const key = [...views, batch, rows, columns, inner].join()
    if (seen.has(key)) repeated.add(kernel)
    seen.add(key)
  }
  return repeated
}
