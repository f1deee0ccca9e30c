/**
 * Gathering: alike kernels that do not need each other become one, with a loop for each, as those by which an optimizer
 * updates its parameters. Small arrays wait for that in a cache; a kernel over large ones stays where it is among the others.
 */
import { type Expression, e } from '../core/index.js'
import { accesses, bufferBytes } from './accesses.js'
import { accessed, distinctVariables, mapExpressions } from './finish.js'
import type { Buffer, Kernel, LoopKernel, Program, Statement, Takeover } from './kernel.js'
import { type ElementLoop, alikeLoops, elementLoopsOf } from './likeness.js'
import type { Planned } from './plan.js'

/** What bounds it. */
export interface GatherLimits {
  /** Bytes of an array that stays in a cache while other kernels run. */
  readonly waitingBytes: number
}

/** Arrays of a kernel, at most. */
const mostBuffers = 1024

/** Kernels that may become one. */
interface Group {
  readonly key: string
  readonly members: number[]
  /** Whether one of them is over large arrays: then no other kernel may come between it and those after it. */
  hasLarge: boolean
  readonly reads: Set<Buffer>
  readonly writes: Set<Buffer>
  /** Temporaries that no kernel after the members reads. */
  held: number
}

interface Candidate {
  readonly kernel: LoopKernel
  readonly loop: ElementLoop
  readonly isSmall: boolean
}

const candidateOf = (
  kernel: Kernel,
  before: Kernel | undefined,
  { waitingBytes }: GatherLimits,
): Candidate | undefined => {
  if (kernel.kind !== 'loops') return undefined
  const [loop, another] = elementLoopsOf(kernel.body) ?? []
  if (loop === undefined || another !== undefined) return undefined
  const isSmall = [...kernel.reads, ...kernel.writes].every((buffer) => bufferBytes(buffer) <= waitingBytes)
  // What a product has just finished is read while it is in the cache.
  if (!isSmall && before?.kind === 'contraction' && kernel.reads.includes(before.out)) return undefined
  return { kernel, loop, isSmall }
}

const meets = (a: readonly Buffer[], b: ReadonlySet<Buffer>): boolean => a.some((buffer) => b.has(buffer))

/** The arrays around a program. */
type Ends = Pick<Program, 'inputs' | 'outputs'> & { readonly takeovers: readonly Takeover[] }

/** The program with alike kernels as one, unless it takes more memory; outputs stay where `takeovers` say. */
export const gather = (
  apart: Planned,
  planOf: (kernels: readonly Kernel[]) => Planned,
  ends: Ends,
  limits: GatherLimits,
): Planned => {
  const kernels = gathered(apart.kernels, ends, limits)
  const together = kernels === apart.kernels ? apart : planOf(kernels)
  return together.temporaryBytes <= apart.temporaryBytes ? together : apart
}

const gathered = (
  kernels: readonly Kernel[],
  { inputs, outputs, takeovers }: Ends,
  limits: GatherLimits,
): readonly Kernel[] => {
  const candidates = kernels.map((kernel, k) => candidateOf(kernel, kernels[k - 1], limits))
  const alike = alikeLoops(candidates.flatMap((candidate) => candidate?.loop ?? []))
  if (alike.size === 0) return kernels

  // An output in the place of an input is that input, as far as order goes.
  const places = new Map<Buffer, Buffer>()
  for (const { input, output } of takeovers) {
    const [old, fresh] = [inputs[input], outputs[output]]
    if (old !== undefined && fresh !== undefined) places.set(fresh, old)
  }
  const placed = (buffers: readonly Buffer[]): Buffer[] => buffers.map((buffer) => places.get(buffer) ?? buffer)
  const uses = kernels.map((kernel) => {
    const { reads, writes } = accesses(kernel)
    return { reads: placed(reads), writes: placed(writes) }
  })
  const memory = new Memory(uses, [...inputs, ...placed(outputs)])

  const open = new Map<string, Group>()
  const groups: Group[] = []
  const start = (key: string): Group => {
    const group: Group = { key, members: [], hasLarge: false, reads: new Set(), writes: new Set(), held: 0 }
    open.set(key, group)
    groups.push(group)
    return group
  }
  uses.forEach(({ reads, writes }, k) => {
    for (const group of open.values())
      if (meets(writes, group.reads) || meets([...reads, ...writes], group.writes)) open.delete(group.key)
    const candidate = candidates[k]
    const key = candidate && alike.get(candidate.loop)?.key
    if (candidate === undefined || key === undefined) return
    const found = open.get(key)
    const last = found?.members.at(-1) ?? k
    const fits =
      found !== undefined &&
      (!found.hasLarge || last === k - 1) &&
      new Set([...found.reads, ...found.writes, ...reads, ...writes]).size <= mostBuffers &&
      memory.holds(found.held, last, k)
    const group = fits ? found : start(key)
    group.members.push(k)
    group.hasLarge ||= !candidate.isSmall
    for (const buffer of reads) group.reads.add(buffer)
    for (const buffer of writes) group.writes.add(buffer)
    group.held += memory.dying(reads, k)
  })
  const last = new Map<number, Group>()
  const moved = new Set<number>()
  for (const group of groups) {
    const at = group.members.at(-1)
    if (at === undefined || group.members.length < 2) continue
    for (const k of group.members) moved.add(k)
    last.set(at, group)
  }
  return kernels.flatMap((kernel, k): readonly Kernel[] => {
    const group = last.get(k)
    if (group !== undefined) return [joined(group.members.flatMap((m) => candidates[m]?.kernel ?? []))]
    return moved.has(k) ? [] : [kernel]
  })
}

/** One kernel of all members, which define once what is the same for several. */
const joined = (members: readonly LoopKernel[]): LoopKernel => {
  const locals = new Map<Expression, Expression>()
  const defines: Statement[] = []
  const loops = members.flatMap(({ body }) => {
    const own = new Map<Expression, Expression>()
    return body.flatMap((s): readonly Statement[] => {
      const renamed = mapExpressions(s, (x) => e.renamed(x, new Map(own)))
      if (renamed.kind !== 'define') return [renamed]
      const { local, value } = renamed
      const found = locals.get(value)
      if (found !== undefined) own.set(local, found)
      else {
        locals.set(value, local)
        defines.push(renamed)
      }
      return []
    })
  })
  const body = distinctVariables([...defines, ...loops])
  return { kind: 'loops', name: 'maps', body, ...accessed(body) }
}

interface Uses {
  readonly reads: readonly Buffer[]
  readonly writes: readonly Buffer[]
}

/** Bytes of temporaries that live while each kernel runs. */
class Memory {
  private readonly live: number[]
  private readonly most: number
  private readonly lastUse = new Map<Buffer, number>()

  constructor(uses: readonly Uses[], kept: readonly Buffer[]) {
    const firstUse = new Map<Buffer, number>()
    const elsewhere = new Set(kept)
    uses.forEach(({ reads, writes }, k) => {
      for (const buffer of [...reads, ...writes]) {
        if (elsewhere.has(buffer)) continue
        if (!firstUse.has(buffer)) firstUse.set(buffer, k)
        this.lastUse.set(buffer, k)
      }
    })
    this.live = uses.map(() => 0)
    for (const [buffer, from] of firstUse) this.add(bufferBytes(buffer), from, this.lastUse.get(buffer) ?? from)
    this.most = Math.max(0, ...this.live)
  }

  private add(bytes: number, from: number, to: number): void {
    for (let k = from; k <= to; k++) this.live[k] = (this.live[k] ?? 0) + bytes
  }

  /** Bytes that nobody needs after kernel `k`. */
  dying(reads: readonly Buffer[], k: number): number {
    return reads.reduce((sum, buffer) => sum + (this.lastUse.get(buffer) === k ? bufferBytes(buffer) : 0), 0)
  }

  /** Keeps so many bytes from after one kernel up to another, if that takes no more memory than is needed anyway. */
  holds(bytes: number, after: number, to: number): boolean {
    for (let k = after + 1; k <= to; k++) if ((this.live[k] ?? 0) + bytes > this.most) return false
    this.add(bytes, after + 1, to)
    return true
  }
}
