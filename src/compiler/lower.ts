/** From equations to delayed values and steps: the compiler as lowering rules see it. */
import {
  type Atom,
  type BranchSpec,
  type CallbackSpec,
  type CombineOp,
  type ContractSpec,
  type CumulateSpec,
  type Delayed,
  type DType,
  type Expression,
  type FoldSpec,
  type Jaxpr,
  type Lowering,
  type ReduceSpec,
  type ScanSpec,
  type ScatterSpec,
  type ShapedArray,
  type SortSpec,
  type Var,
  type WhileSpec,
  e,
  invariant,
  isHalf,
  known,
  sameShape,
  shapedArray,
  sizeOf,
} from '../core/index.js'
import { flatIndex } from './affine.js'
import { lowerBranch, lowerScan, lowerWhile } from './control.js'
import { contractOperand } from './contract.js'
import { Graph, Value, freshVariables, loopVariables, newBuffer, newStep } from './graph.js'
import type { Buffer } from './kernel.js'

/** Dtype in which sums of a dtype are kept. */
export const accumulatorDType = (dtype: DType): DType =>
  isHalf(dtype) ? 'float32' : dtype === 'int8' || dtype === 'uint8' ? 'int32' : dtype

/** Of bools, sums and maxima are `or`, products and minima `and`. */
const combineFor = (combine: CombineOp, dtype: DType): CombineOp => {
  if (dtype !== 'bool') return combine
  return combine === 'add' || combine === 'max' ? 'or' : combine === 'mul' || combine === 'min' ? 'and' : combine
}

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

/** Implements the rules' view of the compiler over a graph. */
export class Lowerer implements Lowering {
  readonly graph: Graph
  /** Packed operands of contractions, by what they hold. */
  readonly #packed = new Map<string, Value>()
  constructor(graph: Graph) {
    this.graph = graph
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
    const left = contractOperand(this.graph, this.#packed, sides.left, batch, rows, inner, 'free')
    const right = contractOperand(this.graph, this.#packed, sides.right, batch, columns, inner, 'inner')
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

  scatter(spec: ScatterSpec): Value {
    const { aval } = spec.operand
    const operand = this.value(spec.operand)
    if (sizeOf(aval.shape) === 0 || sizeOf(spec.extents) === 0) return operand
    const { value, buffer } = this.buffered(aval)
    const index = value.variables
    const copied = operand.at(index)
    this.graph.items.push(
      newStep({
        kind: 'map',
        loops: loopVariables(index),
        expressions: [copied],
        operands: [],
        writes: [buffer],
        shape: aval.shape,
        stores: [{ buffer, value: copied }],
      }),
    )
    const update = freshVariables(spec.extents)
    const { index: at, inBounds } = spec.target(update)
    const target = flatIndex(aval.shape, at)
    const written = spec.value(update)
    const combine = spec.combine === 'set' ? 'set' : combineFor(spec.combine, aval.dtype)
    this.graph.items.push(
      newStep({
        kind: 'scatter',
        loops: loopVariables(update),
        expressions: [target, inBounds, written],
        operands: [],
        writes: [buffer],
        buffer,
        combine,
        unique: spec.unique,
        target,
        inBounds,
        value: written,
      }),
    )
    return value
  }

  cumulate(spec: CumulateSpec): Value {
    const { aval } = spec.operand
    if (sizeOf(aval.shape) === 0 || aval.shape[spec.axis] === 1) return this.value(spec.operand)
    const { value, buffer } = this.buffered(aval)
    const element = spec.operand.at(value.variables)
    this.graph.items.push(
      newStep({
        kind: 'cumulate',
        loops: loopVariables(value.variables),
        expressions: [element],
        operands: [],
        writes: [buffer],
        buffer,
        axis: spec.axis,
        reverse: spec.reverse,
        combine: spec.combine,
        element,
        variables: value.variables,
      }),
    )
    return value
  }

  sort(spec: SortSpec): readonly Value[] {
    const shape = known(spec.operands[0], 'operand of a sort').aval.shape
    invariant(
      spec.operands.every((x) => sameShape(x.aval.shape, shape)),
      'operands of a sort have different shapes',
    )
    if (sizeOf(shape) === 0 || shape[spec.axis] === 1) return spec.operands.map((x) => this.value(x))
    const operands = spec.operands.map((x) => this.stored(x))
    const outs = spec.operands.map((x) => this.buffered(x.aval))
    const buffers = outs.map((o) => o.buffer)
    this.graph.items.push(
      newStep({
        kind: 'sort',
        loops: [],
        expressions: [],
        operands,
        writes: buffers,
        outer: sizeOf(shape.slice(0, spec.axis)),
        size: known(shape[spec.axis], 'size'),
        inner: sizeOf(shape.slice(spec.axis + 1)),
        keys: spec.keys,
        buffers,
      }),
    )
    return outs.map((o) => o.value)
  }

  scan(spec: ScanSpec): readonly Delayed[] {
    return lowerScan(this, spec)
  }

  loop(spec: WhileSpec): readonly Delayed[] {
    return lowerWhile(this, spec)
  }

  branch(spec: BranchSpec): readonly Delayed[] {
    return lowerBranch(this, spec)
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

/** A program as values and steps; `inputs` are buffers for its constants, then its inputs. */
export interface Lowered {
  readonly graph: Graph
  readonly inputs: readonly Buffer[]
  readonly outputs: readonly Value[]
}

/** Runs every equation's lowering rule. With `ownOutputs` no output is an input or another output. */
export const lower = (jaxpr: Jaxpr, ownOutputs = false): Lowered => {
  const graph = new Graph()
  const lowerer = new Lowerer(graph)
  const values = new Map<Var, Value>()
  const inputs = [...jaxpr.constants, ...jaxpr.inputs].map((v) => {
    const buffer = newBuffer(v.aval.dtype, v.aval.shape)
    values.set(v, new Value(graph, v.aval, { buffer }))
    return buffer
  })
  const read = (atom: Atom): Value =>
    atom.kind === 'var'
      ? known(values.get(atom), 'value of a variable')
      : lowerer.fromBody(atom.aval, e.constant(atom.value, atom.aval.dtype))
  for (const equation of jaxpr.equations) {
    const avals = equation.outputs.map((v) => v.aval)
    const before = graph.items.length
    const outs = equation.primitive.lower(lowerer, equation.inputs.map(read), equation.params, avals)
    invariant(
      outs.length === avals.length,
      `${equation.primitive.name} was lowered to ${outs.length} results, not ${avals.length}`,
    )
    equation.outputs.forEach((v, i) => {
      const out = known(outs[i], 'result')
      invariant(
        out.aval.dtype === v.aval.dtype && sameShape(out.aval.shape, v.aval.shape),
        `${equation.primitive.name} was lowered to a ${out.aval.dtype}[${out.aval.shape.join()}] in place of a ${v.aval.dtype}[${v.aval.shape.join()}]`,
      )
      values.set(v, lowerer.value(out))
    })
    const { source } = equation
    if (source !== undefined) for (const item of graph.items.slice(before)) graph.sources.set(item, source)
  }
  const taken = new Set<Value | Buffer>(ownOutputs ? inputs : [])
  const outputs = jaxpr.outputs.map((atom) => {
    let value = lowerer.stored(read(atom))
    if (ownOutputs && (taken.has(value) || (value.buffer !== undefined && taken.has(value.buffer))))
      value = lowerer.copy(value)
    taken.add(value)
    if (value.buffer !== undefined) taken.add(value.buffer)
    return value
  })
  return { graph, inputs, outputs }
}
