/** Memory of a program: how long each temporary lives, and where in one block it lies. */
import { type Expression, dtypeBytes } from '../core/index.js'
import { expressionsOf } from './finish.js'
import type { Buffer, Kernel, Placement, Statement } from './kernel.js'

const alignment = 16

export const bufferBytes = (buffer: Buffer): number => buffer.size * dtypeBytes(buffer.dtype)

/** Buffers that a kernel reads and writes. */
export const accesses = (kernel: Kernel): { readonly reads: readonly Buffer[]; readonly writes: readonly Buffer[] } => {
  switch (kernel.kind) {
    case 'loops':
      return kernel
    case 'contraction':
      return { reads: [kernel.left.buffer, kernel.right.buffer], writes: [kernel.out] }
    case 'sort':
      return { reads: kernel.inputs, writes: kernel.outputs }
    case 'scan':
      return {
        reads: [...kernel.constants, ...kernel.initial, ...kernel.xs],
        writes: [...kernel.carries, ...kernel.ys, kernel.scratch],
      }
    case 'while':
      return {
        reads: [...kernel.conditionConstants, ...kernel.bodyConstants, ...kernel.initial],
        writes: [...kernel.carries, kernel.scratch],
      }
    case 'callback':
      return { reads: kernel.operands, writes: [] }
    case 'branch':
      return { reads: [kernel.index, ...kernel.operands], writes: [...kernel.outputs, kernel.scratch] }
  }
}

export interface Plan {
  readonly placements: ReadonlyMap<Buffer, Placement>
  readonly temporaryBytes: number
}

/** Places every buffer: inputs and outputs have memory of their own, temporaries share a block. */
export const plan = (kernels: readonly Kernel[], inputs: readonly Buffer[], outputs: readonly Buffer[]): Plan => {
  const placements = new Map<Buffer, Placement>()
  inputs.forEach((buffer, index) => {
    if (!placements.has(buffer)) placements.set(buffer, { kind: 'input', index })
  })
  outputs.forEach((buffer, index) => {
    if (!placements.has(buffer)) placements.set(buffer, { kind: 'output', index })
  })
  const lastUse = new Map<Buffer, number>()
  kernels.forEach((kernel, k) => {
    const { reads, writes } = accesses(kernel)
    for (const buffer of [...reads, ...writes]) lastUse.set(buffer, k)
  })
  const block = new Block()
  const blockSize = (buffer: Buffer): number => Math.ceil(bufferBytes(buffer) / alignment) * alignment
  kernels.forEach((kernel, k) => {
    const { reads, writes } = accesses(kernel)
    // Nobody writes arrays without elements.
    for (const buffer of reads) {
      if (buffer.size === 0 && !placements.has(buffer)) placements.set(buffer, { kind: 'temporary', offset: 0 })
    }
    const dying = new Set(
      reads.filter((buffer) => lastUse.get(buffer) === k && placements.get(buffer)?.kind === 'temporary'),
    )
    for (const buffer of writes) {
      if (placements.has(buffer)) continue
      const reused = [...dying].find((old) => canOverwrite(kernel, old, buffer))
      const placement = reused === undefined ? undefined : placements.get(reused)
      if (reused !== undefined && placement !== undefined) {
        dying.delete(reused)
        placements.set(buffer, placement)
      } else placements.set(buffer, { kind: 'temporary', offset: block.take(blockSize(buffer)) })
      // Written and never read: it still needs a place while it is written.
      if (lastUse.get(buffer) === k) dying.add(buffer)
    }
    for (const buffer of dying) {
      const placement = placements.get(buffer)
      if (placement?.kind === 'temporary') block.give(placement.offset, blockSize(buffer))
    }
  })
  return { placements, temporaryBytes: block.size }
}

/** A growing block of memory whose free gaps are reused, the tightest first. */
class Block {
  size = 0
  readonly #gaps: { offset: number; bytes: number }[] = []

  take(bytes: number): number {
    if (bytes === 0) return 0
    let best: { offset: number; bytes: number } | undefined
    for (const gap of this.#gaps) if (gap.bytes >= bytes && (best === undefined || gap.bytes < best.bytes)) best = gap
    const last = this.#gaps.at(-1)
    if (best === undefined && last !== undefined && last.offset + last.bytes === this.size) {
      // The gap at the end can grow.
      this.size = last.offset + bytes
      last.bytes = bytes
      best = last
    }
    if (best === undefined) {
      const offset = this.size
      this.size += bytes
      return offset
    }
    const offset = best.offset
    best.offset += bytes
    best.bytes -= bytes
    if (best.bytes === 0) this.#gaps.splice(this.#gaps.indexOf(best), 1)
    return offset
  }

  give(offset: number, bytes: number): void {
    if (bytes === 0) return
    const at = this.#gaps.findIndex((gap) => gap.offset > offset)
    const place = at < 0 ? this.#gaps.length : at
    this.#gaps.splice(place, 0, { offset, bytes })
    for (const i of [place, place - 1]) {
      const gap = this.#gaps[i]
      const next = this.#gaps[i + 1]
      if (gap !== undefined && next !== undefined && gap.offset + gap.bytes === next.offset) {
        gap.bytes += next.bytes
        this.#gaps.splice(i + 1, 1)
      }
    }
  }
}

/**
 * Whether a kernel may write `fresh` over `old`: it reads `old` only at the very element that it then writes, never after.
 */
export const canOverwrite = (kernel: Kernel, old: Buffer, fresh: Buffer): boolean => {
  if (
    kernel.kind !== 'loops' ||
    bufferBytes(old) !== bufferBytes(fresh) ||
    dtypeBytes(old.dtype) !== dtypeBytes(fresh.dtype)
  )
    return false
  if (kernel.writes.includes(old)) return false
  let stores = 0
  let allowed = true
  const walk = (statements: readonly Statement[]): void => {
    const store = statements.findIndex((s) => s.kind === 'store' && s.buffer === fresh)
    const storing = statements[store]
    const at = storing?.kind === 'store' ? storing.index : undefined
    statements.forEach((s, i) => {
      if (s.kind === 'store' && s.buffer === fresh) stores++
      for (const load of loadsFrom(expressionsOf(s), old)) {
        if (at === undefined || i > store || load.args[0] !== at) allowed = false
      }
      // Loops inside run their own iterations: they have no part in the exchange.
      if (s.kind === 'for' || s.kind === 'if') walk(s.body)
    })
  }
  walk(kernel.body)
  return allowed && stores === 1
}

const loadsFrom = (roots: readonly Expression[], buffer: Buffer): Expression[] => {
  const found: Expression[] = []
  const seen = new Set<Expression>()
  const visit = (x: Expression): void => {
    if (seen.has(x)) return
    seen.add(x)
    if (x.op === 'load' && x.source === buffer) found.push(x)
    x.args.forEach(visit)
  }
  roots.forEach(visit)
  return found
}
