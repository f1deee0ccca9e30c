/** What to say when an array finds no room in the arena. */
import { OutOfMemoryError, avalText } from '../../core/index.js'
import type { Slot } from './storage.js'

/** How many arrays are named. */
const named = 5

/** The error for an array of so many bytes, beside arrays that had to stay and the temporaries of programs. */
export const outOfMemory = (
  bytes: number,
  budget: number,
  held: readonly Slot[],
  temporaryBytes: number,
): OutOfMemoryError => {
  const total = held.reduce((sum, slot) => sum + slot.bytes, 0)
  const largest = [...held]
    .sort((a, b) => b.bytes - a.bytes)
    .slice(0, named)
    .map((slot) => `${slot.aval === undefined ? 'an array' : avalText(slot.aval)} of ${megabytes(slot.bytes)}`)
  return new OutOfMemoryError(
    `wasm: no room for ${megabytes(bytes)} within the budget of ${megabytes(budget)}. The running program itself holds ` +
      `${megabytes(total)} in arrays${largest.length > 0 ? ` (the largest: ${largest.join(', ')})` : ''} and ` +
      `${megabytes(temporaryBytes)} of temporaries. Work on smaller pieces (a smaller batch), or raise the budget: ` +
      `init({ wasmMemoryBudget: bytes }).`,
  )
}

const megabytes = (bytes: number): string =>
  bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.ceil(bytes / 1e3)} kB`
