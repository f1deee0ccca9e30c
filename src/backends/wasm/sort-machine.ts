/** The module of a sort of operands with certain dtypes, and its jobs on one thread or several. */
import { known } from '../../core/index.js'
import type { SortKernel } from '../../compiler/index.js'
import type { Block } from './allocator.js'
import type { MemoryType } from './assembler.js'
import { threadsWord } from './frame.js'
import { ParallelModule } from './parallel-module.js'
import type { SortMachine } from './sort.js'
import { sortModule } from './sort-module.js'
import type { Slot } from './storage.js'

/** What a sort needs of the runtime. */
export interface SortHost {
  readonly memory: MemoryType
  readonly arena: {
    readonly words: Int32Array
    readonly memory: WebAssembly.Memory
    readonly hold: (bytes: number) => Block<Slot>
    readonly giveBack: (block: Block<Slot>) => void
  }
  readonly jobScale: number
  readonly scratch: () => number
  readonly fork: (module: ParallelModule, job: number, extent: number, chunk: number) => void
}

export const newSortMachine = ({ inputs, keys }: SortKernel, host: SortHost): SortMachine => {
  const { arena } = host
  const bytes = sortModule(
    host.memory,
    inputs.map((x) => x.dtype),
    keys,
  )
  const module = new WebAssembly.Module(bytes as BufferSource)
  const { exports } = new WebAssembly.Instance(module, { e: { memory: arena.memory } })
  const jobs = new ParallelModule(bytes)
  jobs.link(exports)
  return {
    words: () => arena.words,
    offsets: exports['offsets'] as SortMachine['offsets'],
    run: (job, extent, chunk, isLarge) => {
      const scratch = host.scratch()
      if ((isLarge || host.jobScale === 0) && arena.words[threadsWord] !== 0) host.fork(jobs, job, extent, chunk)
      else known(jobs.jobs[job], 'job')(0, extent, scratch)
    },
    withMemory: (size, action) => {
      const block = arena.hold(size)
      try {
        action(block.offset)
      } finally {
        arena.giveBack(block)
      }
    },
  }
}
