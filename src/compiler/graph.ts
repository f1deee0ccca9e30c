/**
 * The program between lowering and kernels: delayed values that refer to each other by placeholders, so that what is
 * computed where is decided with all uses in sight, and no expression is ever copied more often than it is used.
 */
import {
  type CallbackSpec,
  type CombineOp,
  type Delayed,
  type DType,
  type Expression,
  type Jaxpr,
  type ShapedArray,
  e,
  known,
  sizeOf,
} from '../core/index.js'
import { flatIndex, normalizer } from './affine.js'
import type { Buffer, Carries, Kernel, Program } from './kernel.js'

/** What a placeholder stands for: an element of a value. */
export interface Reference {
  readonly value: Value
  readonly index: readonly Expression[]
}

/** An array of the program. It has a buffer (it is in memory) or a body (an expression over its own index variables). */
export class Value implements Delayed {
  readonly aval: ShapedArray
  /** Its index: one variable per axis, 0 for axes of size 1. */
  readonly variables: readonly Expression[]
  readonly body: Expression | undefined
  /** Read by writing the body in place: views of other values, constants and the like. */
  readonly inline: boolean
  buffer: Buffer | undefined
  /** Must be in memory. */
  forced = false
  readonly #graph: Graph

  constructor(
    graph: Graph,
    aval: ShapedArray,
    parts: { readonly body?: Expression; readonly buffer?: Buffer; readonly inline?: boolean },
  ) {
    this.#graph = graph
    this.aval = aval
    this.variables = graph.indexVariables(aval.shape)
    this.body = parts.body
    this.buffer = parts.buffer
    this.inline = parts.inline ?? false
  }

  at(index: readonly Expression[]): Expression {
    return this.#graph.read(this, index)
  }
}

/** One store of a map: an element of the buffer at the position of the map's own index. */
export interface Store {
  readonly buffer: Buffer
  readonly value: Expression
}

/** Operand of a contraction: a value that is in memory in a layout of strides, or a packed copy. */
export interface ContractOperand {
  readonly source: Value
  readonly offset: number
  readonly batchStride: number
  /** Matrices after which they repeat or go on elsewhere, if they do, and the stride of such periods: `MatrixView`. */
  readonly batchPeriod?: number | undefined
  readonly periodStride?: number | undefined
  /** Stride of the axis that is not summed over. */
  readonly freeStride: number
  readonly innerStride: number
}

interface StepBase {
  readonly id: number
  /** Loop variables, outermost first. */
  readonly loops: readonly Expression[]
  /** Expressions with placeholders that the step computes. */
  readonly expressions: readonly Expression[]
  /** Values that it reads as a whole. */
  readonly operands: readonly Value[]
  readonly writes: readonly Buffer[]
  /** It must run even if nobody reads what it writes. */
  readonly effect?: boolean
}

/** Something that writes memory, or calls JavaScript. `loops` of a map are in row-major order of `shape`. */
export type Step = StepBase &
  (
    | { readonly kind: 'map'; readonly shape: readonly number[]; readonly stores: readonly Store[] }
    | {
        readonly kind: 'reduce'
        readonly shape: readonly number[]
        readonly space: readonly Expression[]
        readonly reduced: readonly Expression[]
        readonly combine: CombineOp
        readonly init: number
        readonly element: Expression
        readonly buffer: Buffer
      }
    | {
        readonly kind: 'fold'
        readonly shape: readonly number[]
        readonly space: readonly Expression[]
        readonly reduced: readonly Expression[]
        readonly init: readonly number[]
        readonly locals: readonly Expression[]
        readonly next: readonly Expression[]
      }
    | {
        readonly kind: 'contract'
        readonly batch: number
        readonly rows: number
        readonly columns: number
        readonly inner: number
        readonly left: ContractOperand
        readonly right: ContractOperand
        readonly buffer: Buffer
      }
    | {
        readonly kind: 'scatter'
        readonly buffer: Buffer
        readonly combine: CombineOp | 'set'
        readonly unique: boolean
        readonly target: Expression
        readonly inBounds: Expression
        readonly value: Expression
      }
    | {
        readonly kind: 'cumulate'
        readonly buffer: Buffer
        readonly axis: number
        readonly reverse: boolean
        readonly combine: (accumulated: Expression, element: Expression) => Expression
        readonly element: Expression
        readonly variables: readonly Expression[]
      }
    | {
        readonly kind: 'made'
        /** The kernel, once its operands have buffers; compiles the programs in it, if there are any. */
        readonly make: (nested: (jaxpr: Jaxpr, carries?: Carries) => Program) => Kernel
      }
    | { readonly kind: 'callback'; readonly call: CallbackSpec['call'] }
    | {
        readonly kind: 'sort'
        readonly outer: number
        readonly size: number
        readonly inner: number
        readonly keys: number
        readonly buffers: readonly Buffer[]
      }
  )

let nextBuffer = 1
let nextStep = 1

type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never

/** A step, numbered. */
export const newStep = (parts: WithoutId<Step>): Step => ({ ...parts, id: nextStep++ })

/** A new buffer. */
export const newBuffer = (dtype: DType, shape: readonly number[]): Buffer => ({
  id: nextBuffer++,
  dtype,
  shape,
  size: sizeOf(shape),
})

/** Values and steps in order of creation, and the placeholders between them. */
export class Graph {
  readonly items: (Value | Step)[] = []
  /** The user's line that asked for an item, when known. */
  readonly sources = new Map<Value | Step, string>()
  readonly normalize = normalizer()
  readonly #placeholders = new Map<Expression, Reference>()
  readonly #found = new Map<Value, Map<string, Expression>>()
  readonly #variables = new Map<string, readonly Expression[]>()
  readonly #resolved = new Map<Expression, Expression>()
  readonly #references = new Map<Expression, readonly Reference[]>()

  /** Index variables of a shape; the same for every value of that shape, so that elementwise chains need no renaming. */
  indexVariables(shape: readonly number[]): readonly Expression[] {
    return this.#shared(shape, '')
  }

  /** Variables of reduced axes; the same for equal extents, so that reductions of one array can share loops. */
  reducedVariables(extents: readonly number[]): readonly Expression[] {
    return this.#shared(extents, 'reduced ')
  }

  #shared(shape: readonly number[], prefix: string): readonly Expression[] {
    const sizes = shape.filter((size) => size !== 1)
    const key = prefix + sizes.join()
    let found = this.#variables.get(key)
    if (found === undefined) {
      found = sizes.map((size) => e.variable('int32', size))
      this.#variables.set(key, found)
    }
    if (sizes.length === shape.length) return found
    const loops = found
    let next = 0
    return shape.map((size) => (size === 1 ? e.index(0) : known(loops[next++], 'variable')))
  }

  reference(x: Expression): Reference | undefined {
    return x.op === 'variable' ? this.#placeholders.get(x) : undefined
  }

  /** The element of a value, as far as that is decided. */
  read(value: Value, index: readonly Expression[]): Expression {
    if (value.buffer !== undefined) return e.load(value.buffer, flatIndex(value.aval.shape, index))
    if (value.inline) return this.reindex(known(value.body, 'body of a value'), value.variables, index)
    // Equal positions must look equal, so that an element is one placeholder however its index was computed.
    const place = index.map(this.normalize)
    let key = ''
    place.forEach((i) => {
      key += i.op === 'const' ? `=${i.value},` : `${i.id},`
    })
    let perIndex = this.#found.get(value)
    if (perIndex === undefined) {
      perIndex = new Map()
      this.#found.set(value, perIndex)
    }
    let found = perIndex.get(key)
    if (found === undefined) {
      found = e.variable(value.aval.dtype)
      this.#placeholders.set(found, { value, index: place })
      perIndex.set(key, found)
    }
    return found
  }

  /** The expression with other indices in place of `variables`; placeholders below it move along. */
  reindex(root: Expression, variables: readonly Expression[], index: readonly Expression[]): Expression {
    if (variables.every((v, d) => v.op === 'const' || v === index[d])) return root
    const memo = new Map<Expression, Expression>()
    variables.forEach((v, d) => {
      if (v.op !== 'const') memo.set(v, known(index[d], 'index'))
    })
    return this.#move(root, memo)
  }

  #move(x: Expression, memo: Map<Expression, Expression>): Expression {
    const done = memo.get(x)
    if (done !== undefined) return done
    const reference = this.reference(x)
    const out =
      reference !== undefined
        ? this.read(
            reference.value,
            reference.index.map((i) => this.#move(i, memo)),
          )
        : x.args.length === 0
          ? x
          : e.rebuildWith(x, (arg) => this.#move(arg, memo))
    memo.set(x, out)
    return out
  }

  /** The final expression: placeholders become loads of what is in memory, or the bodies of what is not. */
  resolve(x: Expression): Expression {
    return this.normalize(this.#resolve(x))
  }

  #resolve(x: Expression): Expression {
    const done = this.#resolved.get(x)
    if (done !== undefined) return done
    const reference = this.reference(x)
    let out: Expression
    if (reference === undefined) {
      out = x.args.length === 0 ? x : e.rebuildWith(x, (arg) => this.#resolve(arg))
    } else {
      const { value, index } = reference
      out = this.#resolve(
        value.buffer !== undefined
          ? e.load(value.buffer, flatIndex(value.aval.shape, index))
          : this.reindex(known(value.body, 'body of a value'), value.variables, index),
      )
    }
    this.#resolved.set(x, out)
    return out
  }

  /** Everything that an expression reads from values, also inside indices. */
  references(root: Expression): readonly Reference[] {
    let out = this.#references.get(root)
    if (out === undefined) {
      const list: Reference[] = []
      const seen = new Set<Expression>()
      const visit = (x: Expression): void => {
        if (seen.has(x)) return
        seen.add(x)
        const reference = this.reference(x)
        if (reference !== undefined) {
          list.push(reference)
          reference.index.forEach(visit)
        }
        x.args.forEach(visit)
      }
      visit(root)
      out = list
      this.#references.set(root, out)
    }
    return out
  }
}

/** New loop variables for a shape; axes of size 1 are the constant 0. */
export const freshVariables = (shape: readonly number[]): readonly Expression[] =>
  shape.map((size) => (size === 1 ? e.index(0) : e.variable('int32', size)))

/** Those of an index that are loops. */
export const loopVariables = (index: readonly Expression[]): Expression[] => index.filter((v) => v.op !== 'const')
