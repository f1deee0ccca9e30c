/** The compiler as lowering rules see it: what they ask for becomes delayed values and steps. */
import {
  type BranchSpec,
  type CallbackSpec,
  type ContractSpec,
  type CumulateSpec,
  type Delayed,
  type Expression,
  type FoldSpec,
  type Lowering,
  type ReduceSpec,
  type ScanSpec,
  type ScatterSpec,
  type ShapedArray,
  type SortSpec,
  type TransformSpec,
  type WhileSpec,
  e,
  invariant,
  known,
  shapedArray,
  sizeOf,
} from '../core/index.js'
import { flatIndex } from './affine.js'
import { accumulatorDType, combineFor } from './combine.js'
import { contractOperand } from './contract.js'
import { type Graph, Value, freshVariables, loopVariables, newBuffer, newStep } from './graph.js'
import type { Transforms } from './transforms.js'
import type { Buffer } from './kernel.js'
import { controlFlow, scattering, sortLowering } from './parts.js'

/** Calls `f` with every index of a shape, in row-major order. */
const forEachIndex = (shape: readonly number[], f: (index: readonly Expression[]) => void): void => {
  const total = sizeOf(shape)
  for (let i = 0; i < total; i++) {
    const index = new Array<Expression>(shape.length)
    let rest = i
    for (let d = shape.length - 1; d >= 0; d--) {
      const size = shape[d] ?? 1
      index[d] = e.index(rest % size)
      rest = Math.trunc(rest / size)
    }
    f(index)
  }
}

/** Loops of so few iterations are written out, so that the result is elementwise: small sums and pooling windows. */
const unrolled = (extents: readonly number[]): boolean => {
  const count = sizeOf(extents)
  const axes = extents.filter((n) => n > 1).length
  return count <= 4 || (axes > 1 && count <= 16)
}

/** What an equation can know of those after it. */
export interface Surroundings {
  /** Whether nobody but the equation at hand reads the value, whose memory may be written over. */
  readonly isLastUse: (value: Value) => boolean
  /** Exchanges values that later equations read. */
  readonly keepLater: (keep: (value: Value) => Value) => void
}

/** What is known of the machine: whether it computes whole arrays at once, as `Lowering` has it, and how it transforms lines. */
export interface MachineKind {
  readonly whole: boolean
  readonly transforms: Transforms | undefined
}

/** Implements the rules' view of the compiler over a graph. */
export class Lowerer implements Lowering {
  readonly graph: Graph
  readonly #surroundings: Surroundings
  /** Packed operands of contractions, by what they hold. */
  readonly #packed = new Map<string, Value>()
  readonly whole: boolean
  readonly #transforms: Transforms | undefined
  constructor(graph: Graph, surroundings: Surroundings, { whole, transforms }: MachineKind) {
    this.graph = graph
    this.whole = whole
    this.#transforms = transforms
    this.#surroundings = surroundings
  }

  /** The value of a delayed array; ones made by rules get a body, by asking once for the element at their own index. */
  value(delayed: Delayed): Value {
    if (delayed instanceof Value) return delayed
    const variables = this.graph.indexVariables(delayed.aval.shape)
    return this.fromBody(delayed.aval, delayed.at(variables))
  }

  /** A value from the expression of its element. */
  fromBody(aval: ShapedArray, body: Expression): Value {
    invariant(body.dtype === aval.dtype, `an element of a ${aval.dtype} array was lowered as ${body.dtype}`)
    const value = new Value(this.graph, aval, { body, inline: this.#isInline(body) })
    if (!value.inline) this.graph.items.push(value)
    return value
  }

  /** Views (one element of another value, at an index that needs no data) and small expressions without data. */
  #isInline(body: Expression): boolean {
    const reference = this.graph.reference(body)
    const parts = reference !== undefined ? reference.index : body.op === 'load' ? body.args : [body]
    const limit = reference === undefined && body.op !== 'load' ? 24 : 64
    const seen = new Set<Expression>()
    const small = (x: Expression): boolean => {
      if (seen.has(x)) return true
      seen.add(x)
      return seen.size <= limit && x.op !== 'load' && this.graph.reference(x) === undefined && x.args.every(small)
    }
    return parts.every(small)
  }

  /** A value that is, or will be, in memory in its own layout. */
  stored(delayed: Delayed): Value {
    const value = this.value(delayed)
    if (value.buffer !== undefined) return value
    if (value.inline) {
      const whole = this.#whole(value)
      if (whole !== undefined) return whole
      const copy = new Value(this.graph, value.aval, { body: known(value.body, 'body of a value') })
      copy.forced = true
      this.graph.items.push(copy)
      return copy
    }
    value.forced = true
    return value
  }

  /** What a view is a reshape of: another value with the same elements in the same order, in memory. */
  #whole(view: Value): Value | undefined {
    const body = known(view.body, 'body of a value')
    const own = this.graph.normalize(flatIndex(view.aval.shape, view.variables))
    const reference = this.graph.reference(body)
    if (reference !== undefined) {
      const { value, index } = reference
      if (sizeOf(value.aval.shape) !== sizeOf(view.aval.shape)) return undefined
      if (this.graph.normalize(flatIndex(value.aval.shape, index)) !== own) return undefined
      value.forced = true
      return value
    }
    const buffer = body.source as Buffer | undefined
    const at = body.args[0]
    if (body.op !== 'load' || buffer === undefined || at === undefined || buffer.size !== sizeOf(view.aval.shape))
      return undefined
    return this.graph.normalize(at) === own ? new Value(this.graph, view.aval, { buffer }) : undefined
  }

  materialize(delayed: Delayed): Value {
    const value = this.value(delayed)
    if (value.buffer === undefined && !value.inline) value.forced = true
    const reference = value.inline && value.body !== undefined ? this.graph.reference(value.body) : undefined
    if (reference !== undefined) reference.value.forced = true
    return value
  }

  /** A value with a new buffer, which some step writes. */
  buffered(aval: ShapedArray): { value: Value; buffer: Buffer } {
    const buffer = newBuffer(aval.dtype, aval.shape)
    return { buffer, value: new Value(this.graph, aval, { buffer }) }
  }

  reduce(spec: ReduceSpec): Value {
    const { aval, extents } = spec
    const combine = combineFor(spec.combine, aval.dtype)
    const space = this.graph.indexVariables(aval.shape)
    if (sizeOf(extents) === 0 || sizeOf(aval.shape) === 0) return this.fromBody(aval, e.constant(spec.init, aval.dtype))
    const dtype = accumulatorDType(aval.dtype)
    if (unrolled(extents)) {
      let sum: Expression | undefined
      forEachIndex(extents, (index) => {
        const element = e.convert(spec.element(space, index), dtype)
        sum = sum === undefined ? element : e.binary(combine, sum, element)
      })
      return this.fromBody(aval, e.convert(known(sum, 'element'), aval.dtype))
    }
    const { value, buffer } = this.buffered(shapedArray(aval.shape, dtype))
    const reduced = this.graph.reducedVariables(extents)
    const element = e.convert(spec.element(space, reduced), dtype)
    const loops = loopVariables([...space, ...reduced])
    this.graph.items.push(
      newStep({
        kind: 'reduce',
        loops,
        expressions: [element],
        operands: [],
        writes: [buffer],
        shape: aval.shape,
        space,
        reduced: loopVariables(reduced),
        combine,
        init: spec.init,
        element,
        buffer,
      }),
    )
    return dtype === aval.dtype ? value : this.fromBody(aval, e.convert(value.at(space), aval.dtype))
  }

  fold(spec: FoldSpec): readonly Value[] {
    const { avals, extents } = spec
    const shape = known(avals[0], 'accumulator').shape
    const space = this.graph.indexVariables(shape)
    const initial = avals.map((aval, i) => e.constant(known(spec.init[i], 'initial value'), aval.dtype))
    if (sizeOf(extents) === 0 || sizeOf(shape) === 0) {
      return avals.map((aval, i) => this.fromBody(aval, known(initial[i], 'initial value')))
    }
    if (unrolled(extents)) {
      let accumulators: readonly Expression[] = initial
      forEachIndex(extents, (index) => {
        accumulators = spec.step(accumulators, space, index)
      })
      return avals.map((aval, i) => this.fromBody(aval, known(accumulators[i], 'accumulator')))
    }
    const locals = avals.map((aval) => e.variable(aval.dtype))
    const reduced = this.graph.reducedVariables(extents)
    const next = spec.step(locals, space, reduced)
    const outs = avals.map((aval) => this.buffered(aval))
    const loops = loopVariables([...space, ...reduced])
    this.graph.items.push(
      newStep({
        kind: 'fold',
        loops,
        expressions: next,
        operands: [],
        writes: outs.map((o) => o.buffer),
        shape,
        space,
        reduced: loopVariables(reduced),
        init: spec.init,
        locals,
        next,
      }),
    )
    return outs.map((o) => o.value)
  }

  contract(spec: ContractSpec): Value {
    const shape = [...spec.batch, ...spec.rows, ...spec.columns]
    const aval = shapedArray(shape, spec.dtype)
    if (sizeOf(shape) === 0 || sizeOf(spec.inner) === 0) return this.fromBody(aval, e.constant(0, spec.dtype))
    const dtype = accumulatorDType(spec.dtype)
    const batch = freshVariables(spec.batch)
    const rows = freshVariables(spec.rows)
    const columns = freshVariables(spec.columns)
    const inner = freshVariables(spec.inner)
    const sides = {
      left: e.convert(spec.left(batch, rows, inner), dtype),
      right: e.convert(spec.right(batch, columns, inner), dtype),
    }
    if (sizeOf(spec.inner) === 1) {
      const product = e.binary('mul', sides.left, sides.right)
      const index = this.graph.indexVariables(shape)
      const body = this.graph.reindex(product, [...batch, ...rows, ...columns], index)
      return this.fromBody(aval, e.convert(body, spec.dtype))
    }
    const left = contractOperand(this.graph, this.#packed, sides.left, batch, rows, inner, 'free', !this.whole)
    const right = contractOperand(this.graph, this.#packed, sides.right, batch, columns, inner, 'inner', !this.whole)
    const { value, buffer } = this.buffered(shapedArray(shape, dtype))
    this.graph.items.push(
      newStep({
        kind: 'contract',
        loops: [],
        expressions: [],
        operands: [left.source, right.source],
        writes: [buffer],
        batch: sizeOf(spec.batch),
        rows: sizeOf(spec.rows),
        columns: sizeOf(spec.columns),
        inner: sizeOf(spec.inner),
        left,
        right,
        buffer,
      }),
    )
    return dtype === spec.dtype
      ? value
      : this.fromBody(aval, e.convert(value.at(this.graph.indexVariables(shape)), spec.dtype))
  }

  scatter(spec: ScatterSpec): Delayed {
    return scattering.get('scatter').lowerScatter(this, spec)
  }

  isLastUse(value: Value): boolean {
    return this.#surroundings.isLastUse(value)
  }

  keepLater(keep: (value: Value) => Value): void {
    this.#surroundings.keepLater(keep)
  }

  cumulate(spec: CumulateSpec): Value {
    return scattering.get('cumsum and the like').lowerCumulate(this, spec)
  }

  sort(spec: SortSpec): readonly Value[] {
    return sortLowering.get('sort')(this, spec)
  }

  canTransform(size: number): boolean {
    return this.#transforms?.canTransform(size) === true
  }

  transform(spec: TransformSpec): readonly Value[] {
    return known(this.#transforms, 'transforms').lower(this, spec)
  }

  scan(spec: ScanSpec): readonly Delayed[] {
    return controlFlow.get('scan').lowerScan(this, spec)
  }

  loop(spec: WhileSpec): readonly Delayed[] {
    return controlFlow.get('while_loop').lowerWhile(this, spec)
  }

  branch(spec: BranchSpec): readonly Delayed[] {
    return controlFlow.get('cond').lowerBranch(this, spec)
  }

  callback({ operands, call }: CallbackSpec): void {
    const values = operands.map((x) => this.stored(x))
    this.graph.items.push(
      newStep({ kind: 'callback', loops: [], expressions: [], operands: values, writes: [], effect: true, call }),
    )
  }

  /** The same values in a buffer that nothing else is in. */
  copy(value: Value): Value {
    const copied = new Value(this.graph, value.aval, { body: value.at(value.variables) })
    copied.forced = true
    this.graph.items.push(copied)
    return copied
  }
}
