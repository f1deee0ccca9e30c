/** Vector reductions: partial results in several vectors, joined after the loop. */
import { type CombineOp, type Expression, known } from '../../core/index.js'
import type { Loop } from './analysis.js'
import type { FunctionBuilder } from './assembler.js'
import type { Helpers } from './helpers.js'
import { scalarBinary } from './scalar.js'
import { constantWord } from './scalar-memory.js'
import { vectorBinary } from './vector.js'
import { extractLane, splat } from './vector-memory.js'

/** Partial results of a vector reduction. */
export interface Accumulator {
  readonly local: Expression
  readonly op: CombineOp
  readonly vectors: readonly number[]
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
    accumulators.push({ local: statement.local, op: statement.op, vectors })
  }
  return accumulators
}

/** Joins partial results pairwise, then lanes, then with what the local held before. */
export const closeAccumulators = (
  f: FunctionBuilder,
  helpers: Helpers,
  accumulators: readonly Accumulator[],
  localOf: (x: Expression) => number,
): void => {
  for (const { local, op, vectors } of accumulators) {
    const copies = vectors.length
    const { dtype } = local
    const vector = (copy: number): number => known(vectors[copy], 'copy')
    for (let distance = copies >> 1; distance >= 1; distance >>= 1) {
      for (let copy = 0; copy < distance; copy++) {
        f.code.get(vector(copy))
        f.code.get(vector(copy + distance))
        vectorBinary(f, helpers, op, dtype)
        f.code.set(vector(copy))
      }
    }
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
