/** Equal copies: arrays that kernels fill with the same elements become one, while the first of them is there anyway. */
import { type Expression, e, known } from '../core/index.js'
import { accesses } from './accesses.js'
import type { LoopDraft } from './draft.js'
import { accessed } from './finish.js'
import type { Buffer, Kernel, LoopKernel, Statement } from './kernel.js'
import { loadsOf } from './loads.js'
import { renameKernel } from './rename.js'

/** Kernels, and what has become of the buffers that they no longer write. */
export interface Shared {
  readonly kernels: readonly Kernel[]
  readonly places: ReadonlyMap<Buffer, Buffer>
}

/** An array that is filled by plain stores. */
interface Filled {
  readonly buffer: Buffer
  /** Where its kernel stands. */
  readonly at: number
  readonly key: string
  readonly loaded: ReadonlySet<Buffer>
}

/** The same variable for the loops of equal extent at a depth, so that equal elements are equal expressions. */
const canonicalVariables = (): ((depth: number, extent: number) => Expression) => {
  const variables = new Map<string, Expression>()
  return (depth, extent) => {
    const key = `${depth} ${extent}`
    const variable = variables.get(key) ?? e.variable('int32', extent)
    variables.set(key, variable)
    return variable
  }
}

/** The arrays that a kernel fills with nothing but stores in parallel loops. */
const filledBy = (
  kernel: LoopDraft,
  at: number,
  variableAt: (depth: number, extent: number) => Expression,
  places: ReadonlyMap<Buffer, Buffer>,
): readonly Filled[] => {
  if (kernel.sum !== undefined || kernel.trusted !== undefined) return []
  const keys = new Map<Buffer, string[]>()
  const loaded = new Map<Buffer, Set<Buffer>>()
  const walk = (list: readonly Statement[], loops: readonly number[], names: Map<Expression, Expression>): boolean =>
    list.every((s) => {
      if (s.kind === 'for' && s.order === 'parallel') {
        const inside = new Map(names).set(s.variable, variableAt(loops.length, s.extent))
        return walk(s.body, [...loops, s.extent], inside)
      }
      if (s.kind !== 'store') return false
      // What loads from copies of one array is equal too.
      const rename = (x: Expression): Expression =>
        e.substitute(x, (y) => {
          const place = y.op === 'load' ? places.get(y.source as Buffer) : undefined
          return place === undefined ? names.get(y) : e.load(place, rename(known(y.args[0], 'index of a load')))
        })
      const key = `${loops.join()}:${rename(s.index).id}=${rename(s.value).id}`
      keys.set(s.buffer, [...(keys.get(s.buffer) ?? []), key])
      const sources = loadsOf([s.index, s.value]).map((load) => {
        const source = load.source as Buffer
        return places.get(source) ?? source
      })
      loaded.set(s.buffer, new Set([...(loaded.get(s.buffer) ?? []), ...sources]))
      return true
    })
  if (!walk(kernel.body, [], new Map())) return []
  return [...keys].map(([buffer, stores]) => ({
    buffer,
    at,
    key: `${buffer.dtype} ${buffer.size} ${stores.join(' ')}`,
    loaded: loaded.get(buffer) ?? new Set(),
  }))
}

const withoutStores = (kernel: LoopKernel, dropped: ReadonlySet<Buffer>): LoopKernel | undefined => {
  const strip = (list: readonly Statement[]): readonly Statement[] =>
    list.flatMap((s): readonly Statement[] => {
      if (s.kind === 'store') return dropped.has(s.buffer) ? [] : [s]
      if (s.kind !== 'for') return [s]
      const body = strip(s.body)
      return body.length === 0 ? [] : [{ ...s, body }]
    })
  const body = strip(kernel.body)
  return body.length === 0 ? undefined : { ...kernel, body, ...accessed(body) }
}

/**
 * The kernels without stores of what another array holds already. `inputs` may be written over, and are left alone;
 * `outputs` stay. The first of two equal arrays must be wanted still where the second one is made, so that nothing is in
 * memory for longer than it was: what `checkpoint` computes again stays so. Not if they are `pieces`, which are small.
 */
export const shareCopies = (
  kernels: readonly Kernel[],
  inputs: readonly Buffer[],
  outputs: ReadonlySet<Buffer>,
  pieces = false,
): Shared => {
  const variableAt = canonicalVariables()
  const writers = new Map<Buffer, number[]>()
  const lastRead = new Map<Buffer, number>()
  kernels.forEach((kernel, at) => {
    const { reads, writes } = accesses(kernel)
    for (const buffer of new Set(writes)) writers.set(buffer, [...(writers.get(buffer) ?? []), at])
    for (const buffer of reads) lastRead.set(buffer, at)
  })
  const given = new Set(inputs)
  const canShare = (first: Filled, at: number, loaded: ReadonlySet<Buffer>): boolean => {
    const isThere = pieces || first.at === at || results.has(first.buffer) || (lastRead.get(first.buffer) ?? -1) >= at
    const changes = (buffer: Buffer): boolean => (writers.get(buffer) ?? []).some((w) => w >= first.at && w <= at)
    return isThere && ![...loaded].some(changes)
  }
  const found = new Map<string, Filled>()
  const places = new Map<Buffer, Buffer>()
  /** Of equal arrays, the one that is a result. */
  const results = new Map<Buffer, Buffer>()
  /** Stores that are left out, by the place of their kernel. */
  const dropped = new Map<number, Set<Buffer>>()
  kernels.forEach((kernel, at) => {
    if (kernel.kind !== 'loops') return
    for (const filled of filledBy(kernel, at, variableAt, places)) {
      const { buffer, key, loaded } = filled
      if (given.has(buffer) || buffer.size === 0 || writers.get(buffer)?.length !== 1) continue
      const first = found.get(key)
      if (first === undefined || !canShare(first, at, loaded)) {
        found.set(key, filled)
        if (outputs.has(buffer)) results.set(buffer, buffer)
        continue
      }
      // Results need places of their own.
      if (outputs.has(buffer) && results.has(first.buffer)) continue
      if (outputs.has(buffer)) results.set(first.buffer, buffer)
      dropped.set(at, (dropped.get(at) ?? new Set()).add(buffer))
      places.set(buffer, first.buffer)
      lastRead.set(first.buffer, Math.max(lastRead.get(first.buffer) ?? -1, lastRead.get(buffer) ?? -1))
    }
  })
  if (places.size === 0) return { kernels, places }
  const final = (buffer: Buffer): Buffer => {
    const first = places.get(buffer) ?? buffer
    return results.get(first) ?? first
  }
  const moved = [...places].flat().map((buffer) => [buffer, final(buffer)] as const)
  return {
    kernels: kernels.flatMap((kernel, at): readonly Kernel[] => {
      const stores = dropped.get(at)
      const rest = stores === undefined || kernel.kind !== 'loops' ? kernel : withoutStores(kernel, stores)
      const renamed = rest === undefined ? undefined : renameKernel(rest, final)
      return renamed === undefined ? [] : [renamed]
    }),
    places: new Map(moved.filter(([from, to]) => from !== to)),
  }
}
