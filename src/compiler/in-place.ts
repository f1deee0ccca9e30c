/**
 * Arrays that share one place: a carry and what it becomes, a copy and what it is a copy of. So a loop that changes one
 * element of a large carry moves one element. A merger is kept only if, kernel by kernel, everybody still reads the value
 * that he read before; readers of the old value are moved ahead of who writes the new one where that helps.
 */
import { known } from '../core/index.js'
import { accesses } from './accesses.js'
import { type Buffer, type Kernel, hasEffect } from './kernel.js'
import { sorted } from './order.js'
import { copiesOf, overwriting, staysInPlace } from './overwrite.js'
import { branchOver } from './branch-in-place.js'
import { type Draft, type Pair, type Placed, nothingMoved } from './places.js'
import { renameKernel } from './rename.js'

/** Contents of buffers over time, as numbers. */
type Value = number

/** What a kernel finds in the buffers that it uses, and what it leaves there. */
interface Facts {
  readonly reads: ReadonlyMap<Buffer, Value | undefined>
  readonly writes: ReadonlyMap<Buffer, { readonly before: Value | undefined; readonly after: Value }>
  /** Buffers that become copies of others. */
  readonly copies: ReadonlyMap<Buffer, Buffer>
}

/** A kernel with its facts; the kernel may be exchanged for one that does the same. */
interface Entry {
  readonly kernel: Kernel
  readonly facts: Facts
}

class Mergers {
  private entries: readonly Entry[]
  private readonly draft: Draft
  /** Inputs that may be written over, and the outputs that are to be there in the end. */
  private readonly pairs: ReadonlyMap<Buffer, Buffer>
  /** Whether programs in branches may be compiled again, to write over their operands. */
  private readonly branches: boolean
  private readonly last = new Map<Buffer, Value>()
  private readonly first = new Map<Buffer, Value>()
  /** What buffers have become. */
  private places = new Map<Buffer, Buffer>()
  private readonly inputs: ReadonlySet<Buffer>
  private readonly outputs: ReadonlySet<Buffer>

  constructor(draft: Draft, pairs: readonly Pair[], branches: boolean) {
    this.draft = draft
    this.branches = branches
    this.pairs = new Map(pairs.map(({ input, output }) => [input, output]))
    this.inputs = new Set(draft.inputs)
    this.outputs = new Set(draft.outputs)
    let next: Value = 0
    for (const input of draft.inputs) this.first.set(input, next++)
    const content = new Map(this.first)
    this.entries = draft.kernels.map((kernel): Entry => {
      const { reads, writes } = accesses(kernel)
      const copies = copiesOf(kernel)
      const written = writes.map((buffer) => {
        const source = copies.get(buffer)
        const copied = source === undefined || writes.includes(source) ? undefined : content.get(source)
        return [buffer, { before: content.get(buffer), after: copied ?? next++ }] as const
      })
      const facts = { reads: new Map(reads.map((b) => [b, content.get(b)])), writes: new Map(written), copies }
      for (const [buffer, { after }] of written) content.set(buffer, after)
      return { kernel, facts }
    })
    for (const [buffer, value] of content) this.last.set(buffer, value)
  }

  private place(buffer: Buffer, places: ReadonlyMap<Buffer, Buffer> = this.places): Buffer {
    return places.get(buffer) ?? buffer
  }

  /** The copies, in order: `fresh` is a copy of `old`. */
  copies(): { readonly old: Buffer; readonly fresh: Buffer }[] {
    return this.entries.flatMap(({ facts }) => [...facts.copies].map(([fresh, old]) => ({ old, fresh })))
  }

  /** Puts arrays in one place, if that changes nothing. */
  merge(buffers: readonly Buffer[]): boolean {
    const joined = new Set(buffers.map((buffer) => this.place(buffer)))
    const members = [...new Set([...this.places.keys(), ...buffers])].filter((b) => joined.has(this.place(b)))
    const all = new Set([...joined, ...members])
    const inputs = [...this.inputs].filter((buffer) => all.has(buffer))
    const outputs = [...this.outputs].filter((buffer) => all.has(buffer))
    // Results need places of their own, and an input may only be written over on the way to the output of its pair.
    if (inputs.length > 1 || outputs.length > 1) return false
    const [input] = inputs
    const [output] = outputs
    if (input !== undefined && (output === undefined || this.pairs.get(input) !== output)) return false
    const to = input ?? output ?? buffers[0]
    if (to === undefined) return false
    const places = new Map(this.places)
    for (const buffer of all) places.set(buffer, to)
    const entries = this.checked(this.entries, places) ?? this.reordered(places, to)
    if (entries === undefined) return false
    this.entries = entries
    this.places = places
    return true
  }

  /** The kernels, changed where they must load before they store, if everybody reads what he read before. */
  private checked(entries: readonly Entry[], places: ReadonlyMap<Buffer, Buffer>): readonly Entry[] | undefined {
    const content = new Map<Buffer, Value | undefined>()
    for (const [input, value] of this.first) content.set(this.place(input, places), value)
    const out: Entry[] = []
    for (const entry of entries) {
      const { reads, writes, copies } = entry.facts
      let { kernel } = entry
      for (const [buffer, value] of reads) {
        if (value !== undefined && content.get(this.place(buffer, places)) !== value) return undefined
      }
      const written = new Map<Buffer, Value>()
      for (const [buffer, { before, after }] of writes) {
        const place = this.place(buffer, places)
        const source = copies.get(buffer)
        if (source !== undefined && this.place(source, places) === place) continue
        if (written.has(place) || (before !== undefined && content.get(place) !== before)) return undefined
        for (const old of reads.keys()) {
          if (old === buffer || this.place(old, places) !== place) continue
          const changed =
            kernel.kind !== 'branch'
              ? overwriting(kernel, old, buffer)
              : this.branches
                ? branchOver(kernel, old, buffer)
                : undefined
          if (changed === undefined) return undefined
          kernel = changed
        }
        written.set(place, after)
      }
      for (const [place, value] of written) content.set(place, value)
      out.push(kernel === entry.kernel ? entry : { ...entry, kernel })
    }
    for (const output of this.outputs) {
      const value = this.last.get(output)
      if (value !== undefined && content.get(this.place(output, places)) !== value) return undefined
    }
    return out
  }

  /** The kernels with readers of what was in a place ahead of who writes there next, if such an order exists. */
  private reordered(places: ReadonlyMap<Buffer, Buffer>, place: Buffer): readonly Entry[] | undefined {
    const { entries } = this
    const before = entries.map(() => new Set<number>())
    const order = (first: number | undefined, then: number): void => {
      if (first !== undefined && first !== then) before[then]?.add(first)
    }
    const writer = new Map<Buffer, number>()
    const readers = new Map<Buffer, number[]>()
    let effect: number | undefined
    entries.forEach(({ kernel, facts: { reads, writes } }, k) => {
      for (const buffer of reads.keys()) {
        order(writer.get(buffer), k)
        readers.set(buffer, [...(readers.get(buffer) ?? []), k])
      }
      for (const buffer of writes.keys()) {
        order(writer.get(buffer), k)
        for (const reader of readers.get(buffer) ?? []) order(reader, k)
        writer.set(buffer, k)
        readers.delete(buffer)
      }
      if (hasEffect(kernel)) {
        order(effect, k)
        effect = k
      }
    })
    // Who reads a value of the place comes before the writer of the next one.
    const readersOf = new Map<Value, number[]>()
    entries.forEach(({ facts }, k) => {
      for (const [buffer, value] of facts.reads) {
        if (value !== undefined && this.place(buffer, places) === place)
          readersOf.set(value, [...(readersOf.get(value) ?? []), k])
      }
    })
    let now = [...this.first].find(([input]) => this.place(input, places) === place)?.[1]
    entries.forEach(({ facts: { writes, copies } }, k) => {
      for (const [buffer, { after }] of writes) {
        const source = copies.get(buffer)
        if (this.place(buffer, places) !== place || (source !== undefined && this.place(source, places) === place))
          continue
        if (now !== undefined) for (const reader of readersOf.get(now) ?? []) order(reader, k)
        now = after
      }
    })
    const found = sorted(before)
    if (found === undefined) return undefined
    const moved = found.map((k) => known(entries[k], 'kernel'))
    return this.checked(moved, places)
  }

  /** The program with every buffer in its place. */
  result(): Placed {
    if (this.places.size === 0) return nothingMoved(this.draft)
    const rename = (buffer: Buffer): Buffer => this.place(buffer)
    return {
      kernels: this.entries.flatMap(({ kernel }) => renameKernel(kernel, rename) ?? []),
      inputs: this.draft.inputs,
      outputs: this.draft.outputs.map(rename),
      places: this.places,
    }
  }
}

/** Copies on the way from an input to an output. */
const chain = (mergers: Mergers, { input, output }: Pair): readonly Buffer[] | undefined => {
  const sources = new Map(mergers.copies().map(({ old, fresh }) => [fresh, old]))
  const members = [output]
  for (let at = sources.get(output); at !== undefined && members.length <= sources.size; at = sources.get(at)) {
    if (at === input) return members
    members.push(at)
  }
  return undefined
}

/**
 * The program without copies that need not be: where part of an array is written over a copy of an array that nobody
 * reads any more, it is written over that array itself. `pairs` are inputs that may be written over.
 */
export const removeCopies = (draft: Draft, pairs: readonly Pair[]): Placed => {
  // Later passes may still part arrays, and such a branch needs them in one place.
  const mergers = new Mergers(draft, pairs, false)
  const copies = mergers.copies()
  if (copies.length === 0) return nothingMoved(draft)
  for (const pair of pairs) {
    const members = chain(mergers, pair)
    if (members !== undefined) mergers.merge([pair.input, ...members])
  }
  for (const { old, fresh } of copies) if (fresh.size > 0) mergers.merge([old, fresh])
  return mergers.result()
}

/** The program with outputs in the place of their inputs, and with loops whose carries start where they stay. */
export const updateInPlace = (draft: Draft, pairs: readonly Pair[]): Placed => {
  const starts = draft.kernels.flatMap((kernel) =>
    kernel.kind === 'scan' || kernel.kind === 'while'
      ? kernel.carries.flatMap((fresh, i) =>
          staysInPlace(kernel, i) && fresh.size > 0 ? [{ fresh, old: known(kernel.initial[i], 'first carry') }] : [],
        )
      : [],
  )
  const open = pairs.filter(({ input, output }) => input !== output)
  if (open.length === 0 && starts.length === 0) return nothingMoved(draft)
  const mergers = new Mergers(draft, pairs, true)
  for (const { input, output } of open) if (input.size > 0) mergers.merge([input, output])
  for (const { old, fresh } of starts) mergers.merge([old, fresh])
  return mergers.result()
}
