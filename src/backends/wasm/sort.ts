/** Runs sorts: lines side by side, or the parts of one long line, on one thread or several. */
import { dtypeBytes } from '../../core/index.js'
import type { SortKernel } from '../../compiler/index.js'
import { contractionScratchBytes } from './contraction-blocks.js'
import { argumentsWord } from './frame.js'
import { keyWords } from './sort-keys.js'
import { itemBytes, jobs, manyBits, manyBuckets, table } from './sort-module.js'

/** Lines of more elements are sorted one at a time, in parts; items of a shorter one fit twice into a thread's scratch memory. */
const longLine = Math.min(1 << 15, Math.floor((contractionScratchBytes - 4 * manyBuckets) / (2 * 8)))
/** Parts of a long line; each has counts of its own. */
const wantedParts = 16
/** Elements that a job should have before other threads are asked, and those of one part of it. */
const jobElements = 4096
const partElements = 1024

/** What a sort needs: its module, memory, and threads. */
export interface SortMachine {
  /** Words of linear memory, which may be others after memory was taken. */
  readonly words: () => Int32Array
  readonly offsets: (counts: number, parts: number, buckets: number, size: number) => number
  /** Runs a job of the module over `extent` units, in parts of `chunk`; few elements are not worth other threads. */
  readonly run: (job: number, extent: number, chunk: number, isLarge: boolean) => void
  /** Does something with so many bytes of memory. */
  readonly withMemory: (bytes: number, action: (address: number) => void) => void
}

const align = (bytes: number): number => Math.ceil(bytes / 16) * 16

/** Sorts all lines of a kernel; `addressOf` gives where its buffers are. */
export const runSort = (
  kernel: SortKernel,
  machine: SortMachine,
  addressOf: (operand: number, isOutput: boolean) => number,
): void => {
  const { outer, size, inner, keys, inputs } = kernel
  const lines = outer * inner
  if (lines === 0 || size === 0) return
  const dtypes = inputs.map((x) => x.dtype)
  const isLong = size > longLine
  const parts = isLong ? wantedParts : 0
  const tableBytes = align(4 * (table.operands + 2 * dtypes.length))
  const itemsBytes = align(isLong ? size * itemBytes(dtypes) : 0)
  machine.withMemory(tableBytes + 2 * itemsBytes + 4 * parts * manyBuckets, (address) => {
    const put = (word: number, value: number): void => {
      machine.words()[(address >>> 2) + word] = value
    }
    machine.words()[argumentsWord] = address
    put(table.size, size)
    put(table.inner, inner)
    const place = (line: number): void => {
      const first = Math.floor(line / inner) * size * inner + (line % inner)
      dtypes.forEach((dtype, k) => {
        put(table.operands + 2 * k, addressOf(k, false) + first * dtypeBytes(dtype))
        put(table.operands + 2 * k + 1, addressOf(k, true) + first * dtypeBytes(dtype))
      })
    }
    place(0)
    if (!isLong) {
      machine.run(jobs.lines, lines, Math.max(1, Math.ceil(partElements / size)), lines * size >= jobElements)
      return
    }
    const part = Math.ceil(size / parts)
    const counts = address + tableBytes + 2 * itemsBytes
    const words = keyWords(dtypes, keys)
    put(table.part, part)
    put(table.buckets, manyBuckets)
    put(table.counts, counts)
    const runParts = (job: number): void => machine.run(job, parts, 1, true)
    for (let line = 0; line < lines; line++) {
      place(line)
      let from = address + tableBytes
      let to = from + itemsBytes
      words.forEach((_, i) => {
        put(table.from, from)
        runParts(jobs.keys + i)
        for (let shift = 0; shift < 32; shift += manyBits) {
          put(table.from, from)
          put(table.to, to)
          put(table.shift, shift)
          runParts(jobs.count)
          if (machine.offsets(counts, parts, manyBuckets, size) === 0) continue
          runParts(jobs.move)
          const swap = from
          from = to
          to = swap
        }
      })
      put(table.from, from)
      runParts(jobs.keys + words.length)
    }
  })
}
