/** Prepared programs: what a run does, step by step, with arrays as places in a table. */
import type { CallbackKernel } from '../../compiler/index.js'
import type { Pipeline } from './pipelines.js'

/** Place of the flags of the gate around a program, which belong to the program outside. */
export const outerFlags = -1

export interface DispatchStep {
  readonly kind: 'dispatch'
  readonly name: string
  readonly pipeline: Pipeline
  /** Places of the arrays that it binds. */
  readonly arrays: readonly number[]
  readonly levels: readonly number[]
  readonly groups: readonly [number, number]
  /** Place of its workgroup counts in the arguments of the gate around it; -1 if it always runs. */
  readonly gated: number
  /** Bindings of recent runs, by the numbers of their buffers. */
  readonly bound: Map<string, GPUBindGroup>
}

/** A program in a loop or branch, and the gate that switches it off: counts of workgroups that are zero when it must not run. */
export interface Gate {
  /** Place of the counts. */
  readonly counts: number
  /** Place of the flags: whether it is open, trips that were made, whether the gate outside is open. */
  readonly flags: number
}

export interface ScanStep {
  readonly kind: 'scan'
  readonly body: PreparedProgram
  /** Number of this loop among those around the body. */
  readonly level: number
  readonly length: number
  readonly reverse: boolean
  readonly constants: readonly number[]
  readonly initial: readonly number[]
  readonly xs: readonly number[]
  readonly carries: readonly number[]
  readonly ys: readonly number[]
  /** Bytes of each carry. */
  readonly bytes: readonly number[]
  /** Carries that stay where they are, and have got their first values there. */
  readonly stays: readonly boolean[]
}

export interface WhileStep {
  readonly kind: 'while'
  readonly gate: Gate
  /** Opens the gate, before the first trip. */
  readonly start: DispatchStep
  /** Closes it when the condition does not hold. */
  readonly test: DispatchStep
  readonly condition: PreparedProgram
  readonly body: PreparedProgram
  readonly conditionConstants: readonly number[]
  readonly bodyConstants: readonly number[]
  readonly initial: readonly number[]
  readonly carries: readonly number[]
  /** Place of the condition's result. */
  readonly predicate: number
  readonly bytes: readonly number[]
  readonly stays: readonly boolean[]
}

export interface BranchStep {
  readonly kind: 'branch'
  readonly branches: readonly {
    readonly gate: Gate
    readonly choose: DispatchStep
    readonly program: PreparedProgram
  }[]
  readonly operands: readonly number[]
  readonly outputs: readonly number[]
}

export interface CallbackStep {
  readonly kind: 'callback'
  readonly operands: readonly number[]
  readonly kernel: CallbackKernel
}

export type Step = DispatchStep | ScanStep | WhileStep | BranchStep | CallbackStep

/** A program whose shaders are on their way. */
export interface PreparedProgram {
  readonly steps: readonly Step[]
  /** Places of inputs and outputs in the table of arrays. */
  readonly inputs: readonly number[]
  readonly outputs: readonly number[]
  /** Places of temporaries, by slot of memory. */
  readonly slots: readonly { readonly bytes: number; readonly places: readonly number[] }[]
  readonly places: number
  /** Whether a run has to wait for values that the GPU computes: loops of unknown length, callbacks. */
  readonly waits: boolean
  /** Most trips of its counted loops. */
  readonly longestLoop: number
}
