/** Kernels that are updates, one after the other, of elements that are found while they run. */
import { type Expression, e } from '../../core/index.js'
import type { Buffer, LoopKernel, Statement } from '../../compiler/index.js'

export type Loop = Extract<Statement, { readonly kind: 'for' }>
type Store = Extract<Statement, { readonly kind: 'store' }>

/** Updates in order, each of which writes a window of elements. */
export interface Updates {
  /** Loops over updates, and over the elements of a window. */
  readonly updates: readonly Loop[]
  readonly window: readonly Loop[]
  /** Definitions outside of all loops, and the statements of one element of an update. */
  readonly before: readonly Statement[]
  readonly body: readonly Statement[]
  readonly buffer: Buffer
  readonly store: Store
  /** Whether it writes at all. */
  readonly condition: Expression | undefined
  /** An expression with the definitions put into it. */
  readonly written: (x: Expression) => Expression
}

/** How often the body of nested loops runs. */
export const countOf = (loops: readonly Loop[]): number => loops.reduce((count, { extent }) => count * extent, 1)

/** Sequential loops, then parallel ones, then one store, with definitions in between. Undefined if a kernel is not that. */
export const updatesOf = (kernel: LoopKernel): Updates | undefined => {
  const updates: Loop[] = []
  const window: Loop[] = []
  const before: Statement[] = []
  const body: Statement[] = []
  let list = kernel.body
  for (;;) {
    const last = list.at(-1)
    const defines = list.slice(0, -1)
    if (last === undefined || defines.some((s) => s.kind !== 'define')) return undefined
    ;(updates.length === 0 ? before : body).push(...defines)
    if (last.kind === 'for') {
      if (last.order === 'reduce' || (last.order === 'sequential' && window.length > 0)) return undefined
      ;(last.order === 'parallel' ? window : updates).push(last)
      list = last.body
      continue
    }
    const [store, ...others] = last.kind === 'if' ? last.body : [last]
    if (updates.length === 0 || store?.kind !== 'store' || others.length > 0) return undefined
    body.push(last)
    const condition = last.kind === 'if' ? last.condition : undefined
    const values = new Map<Expression, Expression>()
    const written = (x: Expression): Expression => e.substitute(x, (y) => values.get(y))
    for (const s of [...before, ...body]) if (s.kind === 'define') values.set(s.local, written(s.value))
    return { updates, window, before, body, buffer: store.buffer, store, condition, written }
  }
}
