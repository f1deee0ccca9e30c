/** Memory of temporaries: which of them share a buffer because they are never alive together. */
import { known } from '../../core/index.js'
import type { Buffer } from '../../compiler/index.js'
import { gpuBytes } from './layout.js'

/** What one step uses. */
export interface Uses {
  readonly reads: readonly Buffer[]
  readonly writes: readonly Buffer[]
}

export interface Slot {
  bytes: number
  readonly buffers: Buffer[]
}

/** Most that a buffer may be larger than what it is used for. */
const waste = 2

/**
 * Slots for all buffers that are not placed elsewhere. Buffers of one step never share: a shader cannot bind the same memory
 * for reading and writing.
 */
export const assignSlots = (steps: readonly Uses[], placed: ReadonlySet<Buffer>): Slot[] => {
  const lastUse = new Map<Buffer, number>()
  steps.forEach(({ reads, writes }, k) => {
    for (const buffer of [...reads, ...writes]) if (!placed.has(buffer)) lastUse.set(buffer, k)
  })
  const slots: Slot[] = []
  const free: Slot[] = []
  const slotOf = new Map<Buffer, Slot>()
  steps.forEach(({ reads, writes }, k) => {
    const used = new Set([...reads, ...writes].filter((buffer) => lastUse.has(buffer)))
    for (const buffer of used) {
      if (slotOf.has(buffer)) continue
      const bytes = gpuBytes(buffer)
      let best: Slot | undefined
      for (const slot of free) {
        if (slot.bytes < bytes || slot.bytes > waste * Math.max(bytes, 1024)) continue
        if (best === undefined || slot.bytes < best.bytes) best = slot
      }
      if (best === undefined) slots.push((best = { bytes, buffers: [] }))
      else free.splice(free.indexOf(best), 1)
      best.buffers.push(buffer)
      slotOf.set(buffer, best)
    }
    for (const buffer of used) if (lastUse.get(buffer) === k) free.push(known(slotOf.get(buffer), 'slot'))
  })
  return slots
}
