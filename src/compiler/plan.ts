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
  const rooms: Room[] = []
  const roomOf = new Map<Buffer, Room>()
  kernels.forEach((kernel, k) => {
    const { reads, writes } = accesses(kernel)
    // Nobody writes arrays without elements.
    for (const buffer of reads) {
      if (buffer.size === 0 && !placements.has(buffer)) placements.set(buffer, { kind: 'temporary', offset: 0 })
    }
    const dying = new Set(reads.filter((buffer) => lastUse.get(buffer) === k && roomOf.has(buffer)))
    for (const buffer of writes) {
      if (placements.has(buffer) || roomOf.has(buffer)) continue
      const last = lastUse.get(buffer) ?? k
      const bytes = Math.ceil(bufferBytes(buffer) / alignment) * alignment
      const reused = [...dying].find((old) => canOverwrite(kernel, old, buffer))
      let room = reused && roomOf.get(reused)
      if (reused !== undefined && room !== undefined) {
        dying.delete(reused)
        room.last = last
        room.bytes = Math.max(room.bytes, bytes)
      } else {
        // What is written and never read still needs a place while it is written.
        room = { first: k, last, bytes, offset: 0 }
        rooms.push(room)
      }
      roomOf.set(buffer, room)
      // It may be overwritten within the kernel that wrote it.
      if (last === k) dying.add(buffer)
    }
  })
  const temporaryBytes = arrange(rooms)
  for (const [buffer, { offset }] of roomOf) placements.set(buffer, { kind: 'temporary', offset })
  return { placements, temporaryBytes }
}

/** Memory of temporaries that are written over one another, from the first kernel that writes one to the last that reads one. */
interface Room {
  readonly first: number
  last: number
  bytes: number
  offset: number
}

/**
 * Gives every room its offset, and returns the bytes of all: the largest come first, each into the tightest gap between those that
 * live at the same time. In the order of time a small one would lie where a large one could go later.
 */
const arrange = (rooms: readonly Room[]): number => {
  /** By offset. */
  const placed: Room[] = []
  let size = 0
  for (const room of [...rooms].sort((a, b) => b.bytes - a.bytes)) {
    let tightest = Infinity
    let end = 0
    for (const other of placed) {
      if (other.last < room.first || room.last < other.first) continue
      const gap = other.offset - end
      if (gap >= room.bytes && gap < tightest) {
        tightest = gap
        room.offset = end
      }
      end = Math.max(end, other.offset + other.bytes)
    }
    if (tightest === Infinity) room.offset = end
    const at = placed.findIndex(({ offset }) => offset > room.offset)
    placed.splice(at < 0 ? placed.length : at, 0, room)
    size = Math.max(size, room.offset + room.bytes)
  }
  return size
}
