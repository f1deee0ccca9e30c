/**
 * Elementwise kernels around matrix products as part of them: operands computed where they are read (the patches of a
 * convolution are never in memory), and results finished (bias, activation, scale) before they are stored.
 */
import { type Expression, e, known } from '../../core/index.js'
import { type Buffer, type ContractionKernel, type Kernel, type LoopKernel, accesses } from '../../compiler/index.js'
import { wayOf } from './contraction.js'
import { gpuBytes } from './layout.js'
import { type Finish, type Source, indicesOf, loadedBy, mapOf, placeOf } from './maps.js'
import { type Product, type Side, operandAxes, resultAxes } from './product.js'
import type { Target } from './target.js'

/** What is to be done: a kernel by itself, or a product. */
export type Work = { readonly kind: 'kernel'; readonly kernel: Kernel } | ({ readonly kind: 'product' } & Product)

/** Operations of an operand's element above which it is computed once, and kept. */
const cheap = 40
/** How often an element may be computed again, when reading it would be as much work. */
const fewTimes = 8
/** Operands that are always computed where they are read: nobody wants them in memory. */
const hugeBytes = 64 << 20

/** Operations that cost as much as many. */
const expensive = new Set(['div', 'rem', 'pow', 'sqrt'])

const costOf = (root: Expression): number =>
  e
    .topological([root])
    .reduce(
      (sum, x) =>
        sum + (x.dtype !== 'int32' && x.dtype !== 'bool' && expensive.has(x.op) ? 8 : x.args.length > 0 ? 1 : 0),
      0,
    )

/** The kernels in order, with what can be part of a product in it. `outputs` are wanted in memory whatever happens. */
export const fuseProducts = (
  kernels: readonly Kernel[],
  outputs: readonly Buffer[],
  target: Target,
): readonly Work[] => {
  const wanted = new Set(outputs)
  const readers = new Map<Buffer, number[]>()
  const writers = new Map<Buffer, number[]>()
  const note = (map: Map<Buffer, number[]>, buffer: Buffer, position: number): void => {
    map.set(buffer, [...(map.get(buffer) ?? []), position])
  }
  kernels.forEach((kernel, position) => {
    const { reads, writes } = accesses(kernel)
    for (const buffer of new Set(reads)) note(readers, buffer, position)
    for (const buffer of new Set(writes)) note(writers, buffer, position)
  })
  const unchanged = (buffers: Iterable<Buffer>, from: number, to: number): boolean =>
    [...buffers].every((buffer) => (writers.get(buffer) ?? []).every((at) => at <= from || at >= to))

  /** Stores that became part of products, by the kernel that they were in; and kernels that are done by a product before. */
  const dropped = new Map<number, Set<Buffer>>()
  const products = new Map<number, Product>()

  const sourceOf = (kernel: ContractionKernel, position: number, side: Side, way: 'plain' | 'blocks' | 'tiles') => {
    const view = kernel[side]
    const { buffer } = view
    if (wanted.has(buffer) || view.offset !== 0 || way === 'plain') return undefined
    if (kernel.left.buffer === kernel.right.buffer) return undefined
    const [at, ...more] = writers.get(buffer) ?? []
    if (at === undefined || more.length > 0 || at >= position || readers.get(buffer)?.length !== 1) return undefined
    if (products.has(at)) return undefined // it finishes another product
    const writer = known(kernels[at], 'writer')
    const map = writer.kind === 'loops' ? mapOf(writer) : undefined
    const store = map?.stores.find((s) => s.buffer === buffer)
    if (map === undefined || store === undefined || map.stores.some((s) => map.reads.has(s.buffer))) return undefined
    if (!unchanged(map.reads, at, position)) return undefined
    const place = placeOf(store.index, map.variables, buffer.size, operandAxes(kernel, view, side))
    if (place === undefined) return undefined
    const definitions = map.body.flatMap((s) => (s.kind === 'define' ? [s.value] : []))
    const reads = loadedBy([store.value, ...definitions])
    const bytes = gpuBytes(buffer)
    if (bytes <= hugeBytes) {
      const across = side === 'left' ? kernel.columns : kernel.rows
      const times = Math.ceil(across / (way === 'tiles' ? 64 : 4))
      const read = [...reads].reduce((sum, x) => sum + gpuBytes(x), 0)
      const cost = costOf(store.value) + definitions.reduce((sum, x) => sum + costOf(x), 0)
      if (target.software || cost > cheap || (times > fewTimes && bytes < 2 * read)) return undefined
    }
    return { source: { map, store, place } satisfies Source, at, reads }
  }

  const finishOf = (kernel: ContractionKernel, position: number, reads: ReadonlySet<Buffer>) => {
    const { out } = kernel
    const [at, ...more] = readers.get(out) ?? []
    if (wanted.has(out) || at === undefined || more.length > 0 || at <= position) return undefined
    const reader = known(kernels[at], 'reader')
    const map = reader.kind === 'loops' ? mapOf(reader) : undefined
    const [index, ...others] = map === undefined ? [] : indicesOf(map, out)
    if (map === undefined || index === undefined || others.length > 0) return undefined
    const written = map.stores.map(({ buffer }) => buffer)
    if (written.some((buffer) => map.reads.has(buffer) || reads.has(buffer))) return undefined
    if (new Set(written).size !== written.length || !unchanged(reads, position, at)) return undefined
    const place = placeOf(index, map.variables, out.size, resultAxes(kernel))
    return place === undefined ? undefined : { finish: { map, result: out, place } satisfies Finish, at }
  }

  kernels.forEach((kernel, position) => {
    if (kernel.kind !== 'contraction') return
    const plain: Product = { kernel, left: undefined, right: undefined, finish: undefined }
    const way = wayOf(plain, target)
    const left = sourceOf(kernel, position, 'left', way)
    const right = sourceOf(kernel, position, 'right', way)
    let chosen: Product = { ...plain, left: left?.source, right: right?.source }
    if (bindings(chosen) > target.storageBuffers) chosen = plain
    const reads = readsOf(chosen)
    const finish = finishOf(kernel, position, reads)
    const finished: Product = { ...chosen, finish: finish?.finish }
    const fits = finish !== undefined && !products.has(finish.at) && bindings(finished) <= target.storageBuffers
    for (const part of chosen === plain ? [] : [left, right]) {
      if (part === undefined) continue
      const stores = dropped.get(part.at) ?? new Set()
      stores.add(part.source.store.buffer)
      dropped.set(part.at, stores)
    }
    // The product is done where its results are wanted, since what finishes them may need more than there is before.
    products.set(fits ? finish.at : position, fits ? finished : chosen)
  })
  return kernels.flatMap((kernel, position): readonly Work[] => {
    const product = products.get(position)
    if (product !== undefined) return [{ kind: 'product', ...product }]
    if (kernel.kind === 'contraction') return []
    const stores = dropped.get(position)
    const rest = stores === undefined || kernel.kind !== 'loops' ? kernel : without(kernel, stores)
    return rest === undefined ? [] : [{ kind: 'kernel', kernel: rest }]
  })
}

const readsOf = ({ kernel, left, right }: Product): ReadonlySet<Buffer> => {
  const reads = new Set<Buffer>()
  for (const [source, view] of [
    [left, kernel.left],
    [right, kernel.right],
  ] as const) {
    if (source === undefined) reads.add(view.buffer)
    else for (const buffer of source.map.reads) reads.add(buffer)
  }
  return reads
}

/** Arrays that a product binds, at most: a split sum binds less at a time. */
const bindings = (product: Product): number => {
  const { kernel, finish } = product
  const all = new Set([...readsOf(product), kernel.out])
  for (const buffer of finish?.map.reads ?? []) all.add(buffer)
  for (const { buffer } of finish?.map.stores ?? []) all.add(buffer)
  return all.size
}

/** The kernel without some of its stores; undefined if none is left. */
const without = (kernel: LoopKernel, stores: ReadonlySet<Buffer>): LoopKernel | undefined => {
  const writes = kernel.writes.filter((buffer) => !stores.has(buffer))
  if (writes.length === 0) return undefined
  const strip = (list: LoopKernel['body']): LoopKernel['body'] =>
    list.flatMap((s): LoopKernel['body'] =>
      s.kind === 'store' && stores.has(s.buffer) ? [] : s.kind === 'for' ? [{ ...s, body: strip(s.body) }] : [s],
    )
  return { ...kernel, body: strip(kernel.body), writes }
}
