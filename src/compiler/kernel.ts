/** Kernels: the programs that backends print and run. Loop nests over scalar expressions, contractions, and routines. */
import type { CallbackSpec, CombineOp, DType, Expression, HostData, LoadSource } from '../core/index.js'

/** A contiguous row-major array of a program. `id` is unique within the process, so loads of it intern. */
export interface Buffer extends LoadSource {
  readonly id: number
  readonly dtype: DType
  readonly shape: readonly number[]
  /** Number of elements. */
  readonly size: number
}

/**
 * Order of a loop's iterations: `parallel` ones are independent, `reduce` ones only meet in `combine` statements (which
 * may be reassociated), `sequential` ones run from 0 up.
 */
export type LoopOrder = 'parallel' | 'reduce' | 'sequential'

/** Imperative statements over scalar expressions; expressions have no side effects and may be evaluated once per iteration. */
export type Statement =
  | {
      readonly kind: 'for'
      /** Loop index: an int32 variable whose extent is the trip count (at least 1); no two loops of a kernel share one. */
      readonly variable: Expression
      readonly extent: number
      readonly order: LoopOrder
      readonly body: readonly Statement[]
    }
  /** Declares a local (a variable without extent) with its first value; a local of a loop body is declared every iteration. */
  | { readonly kind: 'define'; readonly local: Expression; readonly value: Expression }
  /** Sets a local. */
  | { readonly kind: 'assign'; readonly local: Expression; readonly value: Expression }
  /** Sets several locals at once: all values are computed before any local changes. */
  | { readonly kind: 'assignAll'; readonly locals: readonly Expression[]; readonly values: readonly Expression[] }
  /** `local = local op value`, associative: a backend may keep several partial results and join them after the loop. */
  | { readonly kind: 'combine'; readonly local: Expression; readonly op: CombineOp; readonly value: Expression }
  /** Writes one element; `index` is a flat int32 index, and `value` has the buffer's dtype. */
  | { readonly kind: 'store'; readonly buffer: Buffer; readonly index: Expression; readonly value: Expression }
  | { readonly kind: 'if'; readonly condition: Expression; readonly body: readonly Statement[] }

/** A loop nest. */
export interface LoopKernel {
  readonly kind: 'loops'
  readonly name: string
  readonly body: readonly Statement[]
  readonly reads: readonly Buffer[]
  readonly writes: readonly Buffer[]
}

/**
 * A matrix inside a buffer: element (b, r, c) is at `offset + b * batchStride + r * rowStride + c * columnStride`. With a
 * period, which divides the batch, matrix b is at `floor(b / batchPeriod) * periodStride + (b % batchPeriod) * batchStride`
 * instead: a batch of two axes, as heads of attention are; matrices repeat where `periodStride` is 0, as it is unless said.
 */
export interface MatrixView {
  readonly buffer: Buffer
  readonly offset: number
  readonly batchStride: number
  readonly batchPeriod?: number | undefined
  readonly periodStride?: number | undefined
  readonly rowStride: number
  readonly columnStride: number
}

/** Where matrices lie: `MatrixView` without the array that they lie in. */
export type MatrixLayout = Omit<MatrixView, 'buffer'>

/**
 * `out[b, r, c] = sum over i of left[b, r, i] * right[b, i, c]`: a batch of matrix products. The result is contiguous
 * [batch, rows, columns] unless `placed` says where it lies, its columns side by side in any case; all three have one dtype
 * (float32, float64, int32, uint32); half and int8 operands are converted before.
 */
export interface ContractionKernel {
  readonly kind: 'contraction'
  readonly batch: number
  readonly rows: number
  readonly columns: number
  readonly inner: number
  readonly left: MatrixView
  readonly right: MatrixView
  readonly out: Buffer
  readonly placed?: MatrixLayout | undefined
}

/** Stable sort of lines along an axis: the buffers are [outer, size, inner]; outputs are the operands, permuted alike. */
export interface SortKernel {
  readonly kind: 'sort'
  readonly outer: number
  readonly size: number
  readonly inner: number
  readonly keys: number
  readonly inputs: readonly Buffer[]
  readonly outputs: readonly Buffer[]
}

/**
 * Where slices of an array begin that lie apart from their neighbours, in elements: slice k at
 * `floor(k / period) * periodStride + (k % period) * stride`. They may overlap where they are only read.
 */
export interface Spread {
  readonly stride: number
  readonly period: number
  readonly periodStride: number
}

/**
 * Discrete Fourier transforms, without a factor, of lines along an axis: the inputs are real and imaginary
 * parts [outer, size, inner], then those of the roots of unity `exp(-2 pi i k / size)`, [size]. Only for machines that have `transforms`.
 */
export interface TransformKernel {
  readonly kind: 'transform'
  readonly outer: number
  readonly size: number
  readonly inner: number
  readonly inputs: readonly Buffer[]
  readonly outputs: readonly Buffer[]
}

/**
 * A counted loop of a program. The program's inputs are the constants, the carries and a slice of each of `xs`; its outputs
 * are the next carries and a slice of each of `ys`. A carry whose output is its input (`staysInPlace`) lives in `carries`
 * all the time: its first value is copied there, unless `initial` names the same buffer. Any other output shares memory
 * with no input and no other output, and such a carry lives in two places that swap roles every iteration: `carries`,
 * where the last iteration must write, and `scratch`.
 */
export interface ScanKernel {
  readonly kind: 'scan'
  readonly body: Program
  /** At least 1. */
  readonly length: number
  readonly reverse: boolean
  readonly constants: readonly Buffer[]
  readonly initial: readonly Buffer[]
  readonly xs: readonly Buffer[]
  readonly carries: readonly Buffer[]
  readonly ys: readonly Buffer[]
  /** Those of the `xs`, then of the `ys`, whose slices are not equal parts one after the other. */
  readonly spreads?: readonly (Spread | undefined)[] | undefined
  /** Bytes of its own: the other place of each carry that moves (`scratchLayout`), then the body's temporaries. */
  readonly scratch: Buffer
}

/** Runs `body` on the carries while `condition` of them gives true; both take their constants first. Carries are as in a scan. */
export interface WhileKernel {
  readonly kind: 'while'
  readonly condition: Program
  readonly conditionConstants: readonly Buffer[]
  readonly body: Program
  readonly bodyConstants: readonly Buffer[]
  readonly initial: readonly Buffer[]
  readonly carries: readonly Buffer[]
  /** The predicate's byte, the other place of each carry that moves, then the temporaries of either program. */
  readonly scratch: Buffer
}

/** Inputs of a nested program that it may write over, and which of its outputs is to be there in the end; both by position. */
export type Carries = readonly { readonly input: number; readonly output: number }[]

/** Runs the program at `index` on the operands; the index is within range. */
export interface BranchKernel {
  readonly kind: 'branch'
  readonly index: Buffer
  readonly programs: readonly Program[]
  readonly operands: readonly Buffer[]
  readonly outputs: readonly Buffer[]
  /** Outputs that are written over operands: both are one buffer, here and in each of the programs. */
  readonly carries: Carries
  /** The same programs, compiled to write outputs over operands wherever they can. */
  readonly placed: (carries: Carries) => readonly Program[]
  /** Temporaries of the program that runs. */
  readonly scratch: Buffer
}

/** Calls JavaScript with the values of the operands. */
export interface CallbackKernel {
  readonly kind: 'callback'
  readonly operands: readonly Buffer[]
  readonly call: CallbackSpec['call']
}

/** Kernels that run other programs. */
export type ControlKernel = ScanKernel | WhileKernel | BranchKernel

export type Kernel = LoopKernel | ContractionKernel | SortKernel | TransformKernel | ControlKernel | CallbackKernel

/** Where things lie in the scratch of a loop, in bytes. */
export interface ScratchLayout {
  /** The other place of each carry. */
  readonly carries: readonly number[]
  readonly temporaries: number
  readonly bytes: number
}

/** Where a buffer lives during a run. */
export type Placement =
  | { readonly kind: 'input'; readonly index: number }
  | { readonly kind: 'output'; readonly index: number }
  | { readonly kind: 'constant'; readonly index: number }
  /** Byte offset in the block of temporaries. */
  | { readonly kind: 'temporary'; readonly offset: number }

/** Where the contents of a buffer come from. */
export interface Origin {
  /** Lines of the user's program, as `file:line:column`. */
  readonly sources: ReadonlySet<string>
  /** Buffers that were read for it, before any were fused away. */
  readonly reads: ReadonlySet<Buffer>
}

/** A planned program: kernels in order over placed buffers. */
export interface Program {
  readonly kernels: readonly Kernel[]
  readonly inputs: readonly Buffer[]
  /** What each result is: a buffer written by a kernel, or an input: as it is, or a carry of a loop that was written over. */
  readonly outputs: readonly Buffer[]
  readonly constants: readonly { readonly buffer: Buffer; readonly data: HostData }[]
  readonly placements: ReadonlyMap<Buffer, Placement>
  readonly temporaryBytes: number
  /** Of every buffer that was written, also of those that fusion did away with; absent where no source is known. */
  readonly origins?: ReadonlyMap<Buffer, Origin>
  /** Inputs whose place outputs may take in a run that is given those inputs' arrays. */
  readonly takeovers?: readonly Takeover[]
}

/** An output, and the input whose place it may take when the array there was given away. Both are positions. */
export interface Takeover {
  readonly input: number
  readonly output: number
}

/** Programs inside a kernel: of a loop, or of the cases of a branch. */
export const nestedPrograms = (kernel: Kernel): readonly Program[] => {
  switch (kernel.kind) {
    case 'scan':
      return [kernel.body]
    case 'while':
      return [kernel.condition, kernel.body]
    case 'branch':
      return kernel.programs
    default:
      return []
  }
}

/** Where slices of the i-th of a loop's `xs` and `ys` begin. */
export const spreadOf = ({ xs, ys, length, spreads }: ScanKernel, i: number): Spread => {
  const spread = spreads?.[i]
  if (spread !== undefined) return spread
  const buffer = i < xs.length ? xs[i] : ys[i - xs.length]
  return { stride: (buffer?.size ?? 0) / length, period: length, periodStride: 0 }
}

/** Element at which slice `k` begins. */
export const startOf = ({ stride, period, periodStride }: Spread, k: number): number =>
  Math.floor(k / period) * periodStride + (k % period) * stride

/** Where the result of a product lies. */
export const layoutOf = ({ rows, columns, placed }: ContractionKernel): MatrixLayout =>
  placed ?? { offset: 0, batchStride: rows * columns, rowStride: columns, columnStride: 1 }

/** Whether a kernel calls JavaScript: such calls stay in order. */
export const hasEffect = (kernel: Kernel): boolean =>
  kernel.kind === 'callback' || nestedPrograms(kernel).some((program) => program.kernels.some(hasEffect))
