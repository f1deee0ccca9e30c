/** Primitives and the programs made of them: one record per operation of the language, carrying every rule it needs. */
import type { ShapedArray } from './aval.js'
import { InternalError } from './errors.js'
import type { LowerRule } from './lowering.js'
import type { NDArray } from './ndarray.js'
import type { Draw, Sample } from './sample.js'

// ---- programs

/** A variable of a jaxpr; each is bound once, as an input, a constant, or a result of an equation. */
export interface Var {
  readonly kind: 'var'
  readonly id: number
  readonly aval: ShapedArray
}

/** A scalar written into an equation. */
export interface Literal {
  readonly kind: 'literal'
  readonly value: number
  readonly aval: ShapedArray
}

export type Atom = Var | Literal

/** One operation of a program: `outputs = primitive[params] inputs`. */
export interface Equation {
  readonly primitive: Primitive
  readonly inputs: readonly Atom[]
  readonly params: Params
  readonly outputs: readonly Var[]
  /** Where the user's program asked for it (`file:line:column`), when known. */
  readonly source: string | undefined
}

/** A program: `{ lambda constants ; inputs. let equations in outputs }`, and printed so. Immutable. */
export interface Jaxpr {
  readonly kind: 'jaxpr'
  /** Unique; compiled forms are cached under it. */
  readonly id: number
  /** Variables whose values the program was closed over, in the order of `values` of a ClosedJaxpr. */
  readonly constants: readonly Var[]
  readonly inputs: readonly Var[]
  readonly equations: readonly Equation[]
  readonly outputs: readonly Atom[]
  /** As JAX prints it. */
  toString(): string
}

export const isJaxpr = (value: unknown): value is Jaxpr =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'jaxpr' && 'equations' in value

// ---- rules

/** A tangent or cotangent; null is a zero that nobody had to compute. */
export type Tangent = NDArray | null

/** A batched axis of a value, or null when the value is the same for every member of the batch. */
export type BatchAxis = number | null

/** The axis that a vmap maps over. */
export interface AxisData {
  readonly size: number
  readonly name: string | undefined
}

/** A program over batches. */
export interface BatchedJaxpr {
  readonly jaxpr: Jaxpr
  readonly outAxes: readonly BatchAxis[]
}

/** What a batch rule is told of the vmap at work: its axis, and how it maps the programs that an operation holds. */
export interface Batching extends AxisData {
  readonly batchJaxpr: (jaxpr: Jaxpr, axes: readonly BatchAxis[]) => BatchedJaxpr
}

/** Stands in a transpose rule for an operand that the result is linear in: its value is not known, its aval is. */
export class LinearInput {
  readonly aval: ShapedArray
  constructor(aval: ShapedArray) {
    this.aval = aval
  }
}

/** Operand of a transpose rule: known, or linear. */
export type TransposeInput = NDArray | LinearInput

export const isLinear = (x: TransposeInput | undefined): x is LinearInput => x instanceof LinearInput

/** The known operand of a transpose rule. */
export const knownInput = (x: TransposeInput | undefined): NDArray => {
  if (x === undefined || x instanceof LinearInput)
    throw new InternalError('a transpose rule asked for the value of a linear operand')
  return x
}

/** Derivative pushed forward: results and their tangents. Not all tangents are null. */
export type JvpRule<P> = (
  primals: readonly NDArray[],
  tangents: readonly Tangent[],
  params: P,
) => readonly [outs: readonly NDArray[], tangents: readonly Tangent[]]

/** Cotangents of the linear operands (null for known ones, and for zeros). Not all cotangents are null. */
export type TransposeRule<P> = (
  cotangents: readonly Tangent[],
  inputs: readonly TransposeInput[],
  params: P,
) => readonly Tangent[]

/** Results of a batch of operands, and where the batch axis is in each. Not all axes are null. */
export type BatchRule<P> = (
  inputs: readonly NDArray[],
  axes: readonly BatchAxis[],
  params: P,
  axis: Batching,
) => readonly [outs: readonly NDArray[], axes: readonly BatchAxis[]]

/**
 * What an operand ought to be. The operation takes others too (it clamps, drops or fills, or divides by zero), but they are
 * seldom meant: `checked` reports them.
 */
export type Expectation =
  | {
      /** Integers that say where a window begins: there must be room for it. */
      readonly kind: 'index'
      /** Which operand holds them. */
      readonly operand: number
      /** The ones that are meant along its last axis; all of them unless said. */
      readonly component?: number
      /** The axis in question of the array that is read or written, and its size. */
      readonly axis: number
      readonly size: number
      readonly window: number
    }
  | {
      /** A divisor, which must not be zero. */
      readonly kind: 'division'
      readonly operand: number
    }

/** What a primitive expects of operands with these avals. */
export type ExpectRule<P> = (inputs: readonly ShapedArray[], params: P) => readonly Expectation[]

/** Parameters of an equation, printed by name. Plain data (numbers, strings, booleans, null, arrays, records) and jaxprs. */
export type Params = object

/** An operation of the language with all its rules. `P` are its parameters. */
export interface Primitive<P extends Params = Params> {
  /** Name in printed jaxprs, as JAX prints it. */
  readonly name: string
  /** Avals of the results; throws a teaching error when operands and parameters don't fit. */
  readonly abstract: (inputs: readonly ShapedArray[], params: P) => readonly ShapedArray[]
  readonly jvp: JvpRule<P>
  /** Rule of operations that are linear in some operands; absent for the others, which are never transposed. */
  readonly transpose: TransposeRule<P> | undefined
  readonly batch: BatchRule<P>
  readonly lower: LowerRule<P>
  /** Valid arguments, for the law tests. */
  readonly sample: (draw: Draw) => Sample<P>
  /** Parameters under the names that JAX prints (they are sorted); default: the parameters themselves in snake_case. */
  readonly print: ((params: P) => Readonly<Record<string, unknown>>) | undefined
  /** Parameters from what `print` printed; needed where `print` is given. */
  readonly parse:
    | ((
        printed: Readonly<Record<string, unknown>>,
        inputs: readonly ShapedArray[],
        outputs: readonly ShapedArray[],
      ) => P)
    | undefined
  /** Axis names that the operation refers to (collectives), so that the vmap of that name handles it. */
  readonly axisNames: ((params: P) => readonly string[]) | undefined
  /** Rules of primitives that hold programs (jit, cond, scan, ...). */
  readonly program: ProgramRules<P> | undefined
  /** Does something besides giving results, so that it is never dropped, merged with an equal one or moved past another. */
  readonly effect: boolean
  /** The result is the first operand, a part of which is replaced: compiled, it is replaced where it is, if nobody needs it. */
  readonly updates: boolean
  /** What operands ought to be; absent when the operation means something for all that it takes. */
  readonly expects: ExpectRule<P> | undefined
  /** Results hold values of the operands (or their negatives) and no others: NaN and infinity pass through, and none is made. */
  readonly passes: boolean
  /**
   * The result has the elements of its only operand, in the same order, if it has as many: run at once, they need not be moved. Of one
   * that has more, all are the same if the operand is a scalar.
   */
  readonly reshapes: boolean
  /** What running it at once means, for the few operations that JavaScript does itself; the others are compiled. */
  readonly eager: ((inputs: readonly NDArray[], params: P) => readonly NDArray[]) | undefined
}

/** Where an input of the later half of a split equation comes from: an original input, or a value saved by the first half. */
export type SplitInput = { readonly input: number } | { readonly residual: number }

/** An equation split by what is known now. */
export interface SplitEquation {
  /** Takes the original inputs at `knownInputs`; gives the outputs that are not in `unknownOutputs`, then the residuals. */
  readonly known: { readonly primitive: Primitive; readonly params: Params }
  readonly knownInputs: readonly number[]
  readonly residuals: readonly ShapedArray[]
  /** Takes `unknownInputs`; gives the outputs marked in `unknownOutputs`. */
  readonly unknown: { readonly primitive: Primitive; readonly params: Params }
  readonly unknownInputs: readonly SplitInput[]
  readonly unknownOutputs: readonly boolean[]
}

/** Rules that only primitives with programs inside have. */
export interface ProgramRules<P> {
  /** Splits an equation some of whose inputs are unknown; `avals` are those of its inputs. */
  readonly split: ((unknown: readonly boolean[], avals: readonly ShapedArray[], params: P) => SplitEquation) | undefined
  /** Set when the later half of a split has no transpose: reverse mode then gives up at once, with the primitive's own error. */
  readonly irreversible?: boolean
  /** A program that means the same as the equation, when it may simply be written in place of it. */
  readonly inline: ((params: P) => Jaxpr) | undefined
  /** Which inputs the caller gave away. */
  readonly donated: ((params: P) => readonly boolean[]) | undefined
}

/** What `definePrimitive` is given. */
export type PrimitiveDefinition<P extends Params> = Pick<
  Primitive<P>,
  'name' | 'abstract' | 'jvp' | 'batch' | 'lower' | 'sample'
> &
  Partial<Pick<Primitive<P>, keyof typeof withoutRules>>

/** Rules that a primitive may lack, as they are when it does. */
export const withoutRules = {
  transpose: undefined,
  print: undefined,
  parse: undefined,
  axisNames: undefined,
  program: undefined,
  effect: false,
  updates: false,
  expects: undefined,
  passes: false,
  reshapes: false,
  eager: undefined,
} as const

const registry = new Map<string, Primitive>()

/** Declares a primitive. Names are unique. */
/* @__NO_SIDE_EFFECTS__ */
export const definePrimitive = <P extends Params = Record<never, never>>(
  definition: PrimitiveDefinition<P>,
): Primitive<P> => {
  const primitive: Primitive<P> = Object.freeze({
    ...withoutRules,
    ...definition,
  })
  if (registry.has(definition.name)) throw new InternalError(`a primitive named ${definition.name} exists already`)
  registry.set(definition.name, erase(primitive))
  return primitive
}

/** A primitive with its parameter type forgotten; equations pair it with parameters of the right type. */
export const erase = <P extends Params>(primitive: Primitive<P>): Primitive => primitive as unknown as Primitive

/** All primitives by name: the law tests and the jaxpr parser walk this table. */
export const primitives: ReadonlyMap<string, Primitive> = registry
