/**
 * What a primitive's lowering rule says to the compiler: values as functions from an index to a scalar expression, and
 * the few things that are more than that (reductions, contractions, scatters, prefix scans, sorts).
 */
import type { ShapedArray } from './aval.js'
import type { DType } from './dtype.js'
import type { Expression } from './expression.js'
import type { NDArray } from './ndarray.js'

/** An array that is not in memory yet: `at` gives the element at an index of the array's rank. */
export interface Delayed {
  readonly aval: ShapedArray
  readonly at: (index: readonly Expression[]) => Expression
}

/** Associative operations of two scalars that reductions and scatters may reorder. */
export type CombineOp = 'add' | 'mul' | 'min' | 'max' | 'and' | 'or' | 'xor'

/** A reduction with one accumulator and a named operation. */
export interface ReduceSpec {
  /** Shape and dtype of the result. */
  readonly aval: ShapedArray
  /** Sizes of the axes that are reduced over. */
  readonly extents: readonly number[]
  readonly combine: CombineOp
  /** Value of an empty reduction, of the accumulator's dtype. */
  readonly init: number
  /** Element at an index of the result and an index of the reduced axes; its dtype is the result's. */
  readonly element: (out: readonly Expression[], reduced: readonly Expression[]) => Expression
}

/** A reduction with several accumulators that are updated together, in order of the reduced index. */
export interface FoldSpec {
  /** One aval per accumulator; all have the same shape. */
  readonly avals: readonly ShapedArray[]
  readonly extents: readonly number[]
  readonly init: readonly number[]
  /** New accumulators from the old ones, at an index of the result and of the reduced axes. */
  readonly step: (
    accumulators: readonly Expression[],
    out: readonly Expression[],
    reduced: readonly Expression[],
  ) => readonly Expression[]
}

/**
 * Sum of products: `out[batch, rows, columns] = sum over inner of left(batch, rows, inner) * right(batch, columns, inner)`.
 * Each group may have any number of axes, none included. Half operands accumulate in float32, int8 and uint8 in int32.
 */
export interface ContractSpec {
  readonly batch: readonly number[]
  readonly rows: readonly number[]
  readonly columns: readonly number[]
  readonly inner: readonly number[]
  /** Dtype of the result; elements of both sides are converted to it (or to the accumulator's dtype) first. */
  readonly dtype: DType
  readonly left: (batch: readonly Expression[], rows: readonly Expression[], inner: readonly Expression[]) => Expression
  readonly right: (
    batch: readonly Expression[],
    columns: readonly Expression[],
    inner: readonly Expression[],
  ) => Expression
}

/** Updates written into a copy of an operand, in row-major order of the update index. */
export interface ScatterSpec {
  readonly operand: Delayed
  /** Sizes of the update index. */
  readonly extents: readonly number[]
  readonly combine: CombineOp | 'set'
  /** Where an update goes: an index of the operand, and whether it is written at all. */
  readonly target: (update: readonly Expression[]) => {
    readonly index: readonly Expression[]
    readonly inBounds: Expression
  }
  readonly value: (update: readonly Expression[]) => Expression
  /** True when no two updates can hit one element, so that their order does not matter. */
  readonly unique: boolean
  /** The result element by element, if it can be said: better where the operand is small or has to be copied anyway. */
  readonly element?: (index: readonly Expression[]) => Expression
}

/** Running combination along one axis: `out[i] = combine(out[i - 1], x[i])`. */
export interface CumulateSpec {
  readonly operand: Delayed
  readonly axis: number
  readonly reverse: boolean
  readonly combine: (accumulated: Expression, element: Expression) => Expression
}

export interface SortSpec {
  readonly operands: readonly Delayed[]
  readonly axis: number
  /** The first `keys` operands are compared, in order; NaN comes last, equal keys keep their order. */
  readonly keys: number
}

/** Discrete Fourier transforms of lines along an axis, of a size that `canTransform` accepts. */
export interface TransformSpec {
  readonly real: Delayed
  readonly imag: Delayed
  /** `exp(-2 pi i k / n)` for k from 0 to n - 1, n being the size of the axis. */
  readonly roots: { readonly real: Delayed; readonly imag: Delayed }
  readonly axis: number
}

/** A program inside an equation (a Jaxpr without constants); opaque here, since jaxprs are made of primitives. */
export interface NestedProgram {
  readonly kind: 'jaxpr'
}

/**
 * A counted loop. The body takes constants, carries and one slice of each `xs`, and gives new carries and one slice of each
 * `ys`. Results: last carries, then stacked `ys`.
 */
export interface ScanSpec {
  readonly body: NestedProgram
  readonly length: number
  readonly reverse: boolean
  readonly constants: readonly Delayed[]
  readonly carries: readonly Delayed[]
  readonly xs: readonly Delayed[]
  readonly outputs: readonly ShapedArray[]
}

/** A loop that runs `body` on the carries for as long as `condition` of them (a bool scalar) holds. Results: last carries. */
export interface WhileSpec {
  readonly condition: NestedProgram
  readonly conditionConstants: readonly Delayed[]
  readonly body: NestedProgram
  readonly bodyConstants: readonly Delayed[]
  readonly carries: readonly Delayed[]
}

/** Runs the program at `index` (an int32 scalar within range) on the operands. */
export interface BranchSpec {
  readonly index: Delayed
  readonly programs: readonly NestedProgram[]
  readonly operands: readonly Delayed[]
  readonly outputs: readonly ShapedArray[]
}

/** A call of JavaScript while the program runs, with the values of the operands. Calls keep the order of the program. */
export interface CallbackSpec {
  readonly operands: readonly Delayed[]
  readonly call: (values: readonly NDArray[]) => void
}

/** The compiler, as lowering rules see it. */
export interface Lowering {
  /**
   * Whether the machine computes whole arrays at once, and operands of products where they are read. What saves arithmetic by
   * more passes over memory does not pay there.
   */
  readonly whole: boolean
  readonly reduce: (spec: ReduceSpec) => Delayed
  readonly fold: (spec: FoldSpec) => readonly Delayed[]
  readonly contract: (spec: ContractSpec) => Delayed
  readonly scatter: (spec: ScatterSpec) => Delayed
  readonly cumulate: (spec: CumulateSpec) => Delayed
  readonly sort: (spec: SortSpec) => readonly Delayed[]
  /** Whether there is a transform of lines of this size that is better than products are. */
  readonly canTransform: (size: number) => boolean
  /** Real and imaginary parts of transforms. */
  readonly transform: (spec: TransformSpec) => readonly Delayed[]
  readonly scan: (spec: ScanSpec) => readonly Delayed[]
  readonly loop: (spec: WhileSpec) => readonly Delayed[]
  readonly branch: (spec: BranchSpec) => readonly Delayed[]
  readonly callback: (spec: CallbackSpec) => void
  /** The same value, read from memory: computed once, however often it is read. */
  readonly materialize: (value: Delayed) => Delayed
}

/** Results of a primitive from its operands, as delayed arrays. */
export type LowerRule<Params> = (
  compiler: Lowering,
  inputs: readonly Delayed[],
  params: Params,
  outputs: readonly ShapedArray[],
) => readonly Delayed[]
