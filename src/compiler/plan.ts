/** Memory of a program: how long each temporary lives, and where in one block it lies. */
import { accesses, bufferBytes } from './accesses.js'
import type { Buffer, Kernel, Placement } from './kernel.js'
import { canOverwrite } from './overwrite.js'

const alignment = 16

export { accesses, bufferBytes } from './accesses.js'

export interface Plan {
  readonly placements: ReadonlyMap<Buffer, Placement>
  readonly temporaryBytes: number
}

/** Kernels, and where their buffers are. */
export interface Planned extends Plan {
  readonly kernels: readonly Kernel[]
}

/**
 * Temporaries that can lie where an output will: the kernel that writes the output first reads them last, and may write it over
 * them. `fixed` are outputs whose place is not free before that.
 */
const inOutputs = (
  kernels: readonly Kernel[],
  outputs: readonly Buffer[],
  lastUse: ReadonlyMap<Buffer, number>,
  isPlaced: (buffer: Buffer) => boolean,
  fixed: ReadonlySet<Buffer>,
): ReadonlyMap<Buffer, Buffer> => {
  const found = new Map<Buffer, Buffer>()
  const waiting = new Set(outputs.filter((buffer) => !fixed.has(buffer)))
  kernels.forEach((kernel, k) => {
    const { reads, writes } = accesses(kernel)
    for (const fresh of writes) {
      if (!waiting.delete(fresh) || kernel.kind !== 'loops') continue
      const old = reads.find(
        (buffer) =>
          lastUse.get(buffer) === k && !isPlaced(buffer) && !found.has(buffer) && canOverwrite(kernel, buffer, fresh),
      )
      if (old !== undefined) found.set(old, fresh)
    }
    for (const buffer of reads) waiting.delete(buffer)
  })
  return found
}

/**
 * Places every buffer: inputs and outputs have memory of their own, temporaries share a block, or lie where an output will be
 * if `taken` is given, the outputs that may take the place of inputs.
 */
export const plan = (
  kernels: readonly Kernel[],
  inputs: readonly Buffer[],
  outputs: readonly Buffer[],
  taken?: ReadonlySet<Buffer>,
): Plan => {
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
  if (taken !== undefined) {
    const isPlaced = (buffer: Buffer): boolean => placements.has(buffer)
    const fixed = new Set([...taken, ...inputs])
    for (const [old, fresh] of inOutputs(kernels, outputs, lastUse, isPlaced, fixed)) {
      const placement = placements.get(fresh)
      if (placement?.kind === 'output') placements.set(old, placement)
    }
  }
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
