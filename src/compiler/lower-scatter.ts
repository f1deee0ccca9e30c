/** Updates of parts of arrays: a copy of the whole, of which little is left where the operand need not be kept; running totals. */
import {
  type CumulateSpec,
  type Delayed,
  type Expression,
  type ScatterSpec,
  type ShapedArray,
  sameShape,
  shapedArray,
  sizeOf,
} from '../core/index.js'
import { flatIndex } from './affine.js'
import { combineFor } from './combine.js'
import { type Graph, Value, freshVariables, loopVariables, newStep } from './graph.js'
import type { Buffer } from './kernel.js'

/** What scatters need of the lowering around them. */
export interface ScatterGraph {
  readonly graph: Graph
  readonly value: (delayed: Delayed) => Value
  readonly stored: (delayed: Delayed) => Value
  readonly buffered: (aval: ShapedArray) => { readonly value: Value; readonly buffer: Buffer }
  readonly fromBody: (aval: ShapedArray, body: Expression) => Value
  /** Whether nobody but the equation at hand reads the value, whose memory may be written over. */
  readonly isLastUse: (value: Value) => boolean
  /** Values that later equations read. */
  readonly keepLater: (keep: (value: Value) => Value) => void
}

/** An update of at most this share of an array is small. */
const smallShare = 1 / 4
/** Below this many elements, moving the whole array costs less than a kernel of its own. */
const leastElements = 256

const isSmall = (elements: number, of: number): boolean => elements <= smallShare * of

/** Whether an expression reads memory, itself or through values that are not in memory yet. */
const reader = (graph: Graph, buffer: Buffer): ((root: Expression) => boolean) => {
  const seen = new Map<Expression | Value, boolean>()
  const reads = (x: Expression): boolean => {
    const done = seen.get(x)
    if (done !== undefined) return done
    seen.set(x, false)
    const reference = graph.reference(x)
    const found =
      (x.op === 'load' && x.source === buffer) ||
      x.args.some(reads) ||
      (reference !== undefined && (reference.index.some(reads) || readsValue(reference.value)))
    seen.set(x, found)
    return found
  }
  const readsValue = (value: Value): boolean =>
    value.buffer === undefined ? value.body !== undefined && reads(value.body) : value.buffer === buffer
  return reads
}

/** The value in memory, by its own indices: what is stored may be an array that it is a reshape of. */
const computedNow = (lowerer: ScatterGraph, value: Value): Value => {
  const stored = lowerer.stored(value)
  return sameShape(stored.aval.shape, value.aval.shape) ? stored : value
}

export const lowerScatter = (lowerer: ScatterGraph, spec: ScatterSpec): Delayed => {
  const { graph } = lowerer
  const { aval } = spec.operand
  const size = sizeOf(aval.shape)
  const operand = lowerer.value(spec.operand)
  if (size === 0 || sizeOf(spec.extents) === 0) return operand
  const small = isSmall(sizeOf(spec.extents), size)
  const replaced = lowerer.isLastUse(operand) ? operand.buffer : undefined
  if (spec.element !== undefined && (replaced === undefined || !small || size < leastElements))
    return { aval, at: spec.element }
  const reads = replaced === undefined ? undefined : reader(graph, replaced)
  if (reads !== undefined) {
    // What is still to be computed from the old array is computed before it changes, if that is little.
    lowerer.keepLater((value) => {
      if (value.buffer !== undefined || value.body === undefined || !isSmall(sizeOf(value.aval.shape), size))
        return value
      return reads(value.body) ? computedNow(lowerer, value) : value
    })
  }
  const { value, buffer } = lowerer.buffered(aval)
  const index = value.variables
  const copied = operand.at(index)
  const update = freshVariables(spec.extents)
  const { index: at, inBounds } = spec.target(update)
  let written = spec.value(update)
  if (reads !== undefined && small && loopVariables(update).length > 0 && reads(written)) {
    // So are updates that read other elements than those that they replace.
    const updates = shapedArray(spec.extents, aval.dtype)
    written = computedNow(lowerer, lowerer.fromBody(updates, spec.value(graph.indexVariables(spec.extents)))).at(update)
  }
  graph.items.push(
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
  const target = flatIndex(aval.shape, at)
  graph.items.push(
    newStep({
      kind: 'scatter',
      loops: loopVariables(update),
      expressions: [target, inBounds, written],
      operands: [],
      writes: [buffer],
      buffer,
      combine: spec.combine === 'set' ? 'set' : combineFor(spec.combine, aval.dtype),
      unique: spec.unique,
      target,
      inBounds,
      value: written,
    }),
  )
  return value
}

export const lowerCumulate = (lowerer: ScatterGraph, spec: CumulateSpec): Value => {
  const { aval } = spec.operand
  if (sizeOf(aval.shape) === 0 || aval.shape[spec.axis] === 1) return lowerer.value(spec.operand)
  const { value, buffer } = lowerer.buffered(aval)
  const element = spec.operand.at(value.variables)
  lowerer.graph.items.push(
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
