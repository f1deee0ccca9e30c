/** Loops and branches: nested programs as kernels of the program around them. */
import {
  type BranchSpec,
  type Delayed,
  type Jaxpr,
  type NestedProgram,
  type ScanSpec,
  type ShapedArray,
  type WhileSpec,
  InternalError,
  e,
  isJaxpr,
  jaxprHasEffect,
  known,
  range,
  shapedArray,
  sizeOf,
} from '../core/index.js'
import { type Graph, type Value, newBuffer, newStep } from './graph.js'
import type { Buffer, Carries, ControlKernel, Program } from './kernel.js'
import { scratchLayout } from './scratch.js'

/** What control kernels need of the lowering around them. */
export interface LoweringGraph {
  readonly graph: Graph
  readonly stored: (delayed: Delayed) => Value
  /** A value with a new buffer, which some step writes. */
  readonly buffered: (aval: ShapedArray) => { readonly value: Value; readonly buffer: Buffer }
}

/** Compiles a nested program, every output of which gets memory of its own, or that of the carry that it follows. */
export type CompileNested = (jaxpr: Jaxpr, carries?: Carries) => Program

/** Inputs from `first` on, whose places the first outputs may take. */
const loopCarries = (first: number, count: number): Carries =>
  range(count).map((output) => ({ input: first + output, output }))

const jaxprOf = (program: NestedProgram): Jaxpr => {
  if (!isJaxpr(program)) throw new InternalError('a nested program that is no jaxpr')
  return program
}

const hasEffects = (programs: readonly NestedProgram[]): boolean =>
  programs.some((program) => jaxprHasEffect(jaxprOf(program)))

const bufferOf = (value: Value): Buffer => known(value.buffer, 'operand of a loop or branch')

/** Adds a step whose kernel is made once its operands have buffers. */
const addControl = (
  lowerer: LoweringGraph,
  programs: readonly NestedProgram[],
  operands: readonly Value[],
  avals: readonly ShapedArray[],
  make: (nested: CompileNested, outputs: readonly Buffer[]) => WithoutScratch,
): Value[] => {
  const outs = avals.map((aval) => lowerer.buffered(aval))
  const writes = outs.map((out) => out.buffer)
  const finish = (nested: CompileNested): ControlKernel => {
    const kernel = make(nested, writes)
    return { ...kernel, scratch: newBuffer('uint8', [scratchLayout(kernel).bytes]) }
  }
  const effect = hasEffects(programs)
  lowerer.graph.items.push(
    newStep({ kind: 'made', loops: [], expressions: [], operands, writes, effect, make: finish }),
  )
  return outs.map((out) => out.value)
}

type WithoutScratch = ControlKernel extends infer K ? (K extends ControlKernel ? Omit<K, 'scratch'> : never) : never

const storedAll = (lowerer: LoweringGraph, list: readonly Delayed[]): Value[] => list.map((x) => lowerer.stored(x))

export const lowerScan = (lowerer: LoweringGraph, spec: ScanSpec): readonly Delayed[] => {
  const { length, reverse, outputs } = spec
  const carryCount = spec.carries.length
  if (length === 0) {
    return outputs.map((aval, i) =>
      i < carryCount ? known(spec.carries[i], 'carry') : { aval, at: () => e.constant(0, aval.dtype) },
    )
  }
  const constants = storedAll(lowerer, spec.constants)
  const initial = storedAll(lowerer, spec.carries)
  const xs = storedAll(lowerer, spec.xs)
  return addControl(lowerer, [spec.body], [...constants, ...initial, ...xs], outputs, (nested, buffers) => ({
    kind: 'scan',
    body: nested(jaxprOf(spec.body), loopCarries(constants.length, carryCount)),
    length,
    reverse,
    constants: constants.map(bufferOf),
    initial: initial.map(bufferOf),
    xs: xs.map(bufferOf),
    carries: buffers.slice(0, carryCount),
    ys: buffers.slice(carryCount),
  }))
}

export const lowerWhile = (lowerer: LoweringGraph, spec: WhileSpec): readonly Delayed[] => {
  const conditionConstants = storedAll(lowerer, spec.conditionConstants)
  const bodyConstants = storedAll(lowerer, spec.bodyConstants)
  const initial = storedAll(lowerer, spec.carries)
  const avals = spec.carries.map((carry) => shapedArray(carry.aval.shape, carry.aval.dtype))
  const operands = [...conditionConstants, ...bodyConstants, ...initial]
  return addControl(lowerer, [spec.condition, spec.body], operands, avals, (nested, buffers) => ({
    kind: 'while',
    condition: nested(jaxprOf(spec.condition)),
    conditionConstants: conditionConstants.map(bufferOf),
    body: nested(jaxprOf(spec.body), loopCarries(bodyConstants.length, avals.length)),
    bodyConstants: bodyConstants.map(bufferOf),
    initial: initial.map(bufferOf),
    carries: buffers,
  }))
}

export const lowerBranch = (lowerer: LoweringGraph, spec: BranchSpec): readonly Delayed[] => {
  if (spec.outputs.every((aval) => sizeOf(aval.shape) === 0) && !hasEffects(spec.programs)) {
    return spec.outputs.map((aval) => ({ aval, at: () => e.constant(0, aval.dtype) }))
  }
  const index = lowerer.stored(spec.index)
  const operands = storedAll(lowerer, spec.operands)
  return addControl(lowerer, spec.programs, [index, ...operands], spec.outputs, (nested, buffers) => ({
    kind: 'branch',
    index: bufferOf(index),
    programs: spec.programs.map((program) => nested(jaxprOf(program))),
    operands: operands.map(bufferOf),
    outputs: buffers,
    carries: [],
    placed: (carries) => spec.programs.map((program) => nested(jaxprOf(program), carries)),
  }))
}
