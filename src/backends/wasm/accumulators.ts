/** Vector reductions: partial results in several vectors, joined after the loop. */
import { type CombineOp, type Expression, known } from '../../core/index.js'
import type { Loop } from './analysis.js'
import type { FunctionBuilder } from './assembler.js'
import type { Helpers } from './helpers.js'
import { ops } from './opcodes.js'
import { scalarBinary } from './scalar.js'
import { constantWord } from './scalar-memory.js'
import { vectorBinary } from './vector.js'
import { extractLane, splat } from './vector-memory.js'

/** Partial results of a vector reduction. */
export interface Accumulator {
  readonly local: Expression
  readonly op: CombineOp
  readonly vectors: readonly number[]
  /** Of the largest or smallest float: what one instruction for it, which ignores NaN and signs of zeros, leaves out. */
  readonly extreme: Extreme | undefined
}

/** Vectors for all copies together. */
interface Extreme {
  /** The signs of all elements: all are set (of a maximum) or some is (of a minimum). */
  readonly signs: number
  /** Ones where some element was NaN. */
  readonly nans: number
}

/** Value that leaves any other unchanged under the operation. */
export const identity = (op: CombineOp, dtype: Expression['dtype']): number => {
  const floating = dtype === 'float32' || dtype === 'float64'
  switch (op) {
    case 'add':
      return floating ? -0 : 0
    case 'mul':
      return 1
    case 'min':
      return floating ? Infinity : dtype === 'int32' ? 2147483647 : dtype === 'bool' ? 1 : 4294967295
    case 'max':
      return floating ? -Infinity : dtype === 'int32' ? -2147483648 : 0
    case 'and':
      return dtype === 'bool' ? 1 : -1
    case 'or':
    case 'xor':
      return 0
  }
}

/** Makes partial results for every local that the loop combines into, before the loop. */
export const openAccumulators = (f: FunctionBuilder, s: Loop, copies: number): readonly Accumulator[] => {
  const accumulators: Accumulator[] = []
  for (const statement of s.body) {
    if (statement.kind !== 'combine' || accumulators.some((a) => a.local === statement.local)) continue
    const { dtype } = statement.local
    const value = identity(statement.op, dtype)
    const vectors: number[] = []
    for (let copy = 0; copy < copies; copy++) {
      const vector = f.local('v128')
      splat(f, dtype === 'bool' ? -value : constantWord(value, dtype))
      f.code.set(vector)
      vectors.push(vector)
    }
    const isExtreme = dtype === 'float32' && (statement.op === 'max' || statement.op === 'min')
    const constant = (word: number): number => {
      const vector = f.local('v128')
      splat(f, word)
      f.code.set(vector)
      return vector
    }
    const extreme = isExtreme ? { signs: constant(statement.op === 'max' ? -1 : 0), nans: constant(0) } : undefined
    accumulators.push({ local: statement.local, op: statement.op, vectors, extreme })
  }
  return accumulators
}

/**
 * `max` and `min` of WebAssembly take eight instructions in a row, since NaN and zeros of either sign must come out right.
 * Here the ordinary comparison is one, and what it misses is gathered beside it, to be put right once at the end.
 */
const accumulateExtreme = (
  f: FunctionBuilder,
  op: CombineOp,
  vector: number,
  extreme: Extreme,
  push: () => void,
): void => {
  const { code } = f
  const value = f.local('v128')
  code.get(vector)
  push()
  code.tee(value)
  code.op(op === 'max' ? ops['f32x4.pmax'] : ops['f32x4.pmin'])
  code.set(vector)
  code.get(extreme.signs)
  code.get(value)
  code.op(op === 'max' ? ops['v128.and'] : ops['v128.or'])
  code.set(extreme.signs)
  code.get(extreme.nans)
  code.get(value)
  code.get(value)
  code.op(ops['f32x4.ne'])
  code.op(ops['v128.or'])
  code.set(extreme.nans)
}

/** Combines a vector of each copy into the partial results. */
export const accumulate = (
  f: FunctionBuilder,
  helpers: Helpers,
  { local, op, vectors, extreme }: Pick<Accumulator, 'local' | 'op' | 'vectors' | 'extreme'>,
  copies: number,
  push: (copy: number) => void,
): void => {
  for (let copy = 0; copy < copies; copy++) {
    const vector = known(vectors[copy], 'copy')
    if (extreme !== undefined) {
      accumulateExtreme(f, op, vector, extreme, () => push(copy))
      continue
    }
    f.code.get(vector)
    push(copy)
    vectorBinary(f, helpers, op, local.dtype)
    f.code.set(vector)
  }
}

/** Each lane as it would be had every step been exact: zeros with their sign, and NaN. */
const settleExtreme = (f: FunctionBuilder, vector: number, { signs, nans }: Extreme): void => {
  const { code } = f
  code.get(signs)
  splat(f, -2147483648)
  code.op(ops['v128.and'])
  code.get(vector)
  code.get(vector)
  splat(f, 0)
  code.op(ops['f32x4.eq'])
  code.op(ops['v128.bitselect'])
  code.get(nans)
  code.op(ops['v128.or'])
  code.set(vector)
}

/** Joins partial results pairwise, then lanes, then with what the local held before. */
export const closeAccumulators = (
  f: FunctionBuilder,
  helpers: Helpers,
  accumulators: readonly Accumulator[],
  localOf: (x: Expression) => number,
): void => {
  for (const { local, op, vectors, extreme } of accumulators) {
    const copies = vectors.length
    const { dtype } = local
    const vector = (copy: number): number => known(vectors[copy], 'copy')
    for (let distance = copies >> 1; distance >= 1; distance >>= 1) {
      for (let copy = 0; copy < distance; copy++) {
        f.code.get(vector(copy))
        f.code.get(vector(copy + distance))
        if (extreme === undefined) vectorBinary(f, helpers, op, dtype)
        else f.code.op(op === 'max' ? ops['f32x4.pmax'] : ops['f32x4.pmin'])
        f.code.set(vector(copy))
      }
    }
    if (extreme !== undefined) settleExtreme(f, vector(0), extreme)
    const target = localOf(local)
    const half = f.local('v128')
    f.code.get(vector(0))
    f.code.get(vector(0))
    f.code.get(vector(0))
    f.code.shuffle32(2, 3, 2, 3)
    vectorBinary(f, helpers, op, dtype)
    f.code.set(half)
    f.code.get(target)
    f.code.get(half)
    extractLane(f, dtype, 0)
    f.code.get(half)
    extractLane(f, dtype, 1)
    scalarBinary(f, helpers, op, dtype)
    scalarBinary(f, helpers, op, dtype)
    f.code.set(target)
  }
}
