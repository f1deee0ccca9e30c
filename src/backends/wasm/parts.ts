/** What the WebAssembly backend does for some programs only, in its place once a front door has added it. */
import { type Part, part } from '../../core/index.js'
import type { ContractionKernel, LoopKernel, Program } from '../../compiler/kernel.js'
import type { Loop } from './analysis.js'
import type { writeScan } from './control.js'
import type { writeBranch, writeWhile } from './control-flow.js'
import type { disassemble } from './disassembler.js'
import type { decodeHalf, writeEncode } from './halves.js'
import type { areShared, writeShared } from './pieces.js'
import type { poolSize, startPool } from './pool.js'
import type { runSort } from './sort.js'
import type { newSortMachine } from './sort-machine.js'
import type { tileTransposes } from './tiling.js'
import type { cutAtWaists } from './waists.js'

export interface Sorting {
  readonly newSortMachine: typeof newSortMachine
  readonly runSort: typeof runSort
}

/** Counted loops, which the compiler also makes by itself to run kernels in pieces; threads may share their iterations. */
export interface Loops {
  readonly writeScan: typeof writeScan
  readonly areShared: typeof areShared
  readonly writeShared: typeof writeShared
}

/** Loops that end when a condition says so, and branches. */
export interface WasmControlFlow {
  readonly writeWhile: typeof writeWhile
  readonly writeBranch: typeof writeBranch
}

/** Loops cut and kernels run row by row, so that what they pass on stays in registers or in a cache. */
export interface Cuts {
  readonly tileTransposes: typeof tileTransposes
  readonly cutAtWaists: typeof cutAtWaists
  /** Iterations of a kernel for each row of a product that it can follow. */
  readonly iterationsPerRow: (
    program: Program,
    product: ContractionKernel,
    kernel: LoopKernel,
    loop: Loop,
    scale: number,
  ) => number | undefined
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
export const cuts: Part<Cuts> = part<Cuts>('addBlocking')
export const loops: Part<Loops> = part<Loops>('addControlFlow')
export const wasmControlFlow: Part<WasmControlFlow> = part<WasmControlFlow>('addControlFlow')
export const disassembler: Part<typeof disassemble> = part<typeof disassemble>('addTexts')
export const threads: Part<Threads> = part<Threads>('setThreads')
