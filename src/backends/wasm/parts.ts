/** What the WebAssembly backend does for some programs only, in its place once a front door has added it. */
import { type Part, part } from '../../core/index.js'
import type { writeBranch, writeWhile } from './control-flow.js'
import type { disassemble } from './disassembler.js'
import type { decodeHalf, writeEncode } from './halves.js'
import type { poolSize, startPool } from './pool.js'
import type { runSort } from './sort.js'
import type { sortModule } from './sort-module.js'

export interface Sorting {
  readonly sortModule: typeof sortModule
  readonly runSort: typeof runSort
}

/** Loops that end when a condition says so, and branches; counted loops the compiler makes by itself. */
export interface WasmControlFlow {
  readonly writeWhile: typeof writeWhile
  readonly writeBranch: typeof writeBranch
}

/** Conversion of halves. */
export interface Halves {
  readonly decodeHalf: typeof decodeHalf
  readonly writeEncode: typeof writeEncode
}

/** Worker threads. */
export interface Threads {
  readonly poolSize: typeof poolSize
  readonly startPool: typeof startPool
}

export const halves: Part<Halves> = part<Halves>('addSmallDTypes')
export const sorting: Part<Sorting> = part<Sorting>('addSorting')
export const wasmControlFlow: Part<WasmControlFlow> = part<WasmControlFlow>('addControlFlow')
export const disassembler: Part<typeof disassemble> = part<typeof disassemble>('addTexts')
export const threads: Part<Threads> = part<Threads>('setThreads')
