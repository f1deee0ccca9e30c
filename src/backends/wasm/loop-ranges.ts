/** Loops as functions over ranges of their iterations, called range by range. */
import type { CombineOp, Expression } from '../../core/index.js'
import { type Loop, assignedLocals, freeVariables } from './analysis.js'
import type { FunctionBuilder } from './assembler.js'
import type { Code } from './code.js'
import { type ValueType, ops } from './opcodes.js'
import { valueType } from './scalar-memory.js'

/** What a loop reads and sets of what is outside it. */
export interface Ends {
  /** All variables from outside. */
  readonly free: readonly Expression[]
  /** Those of them that the loop sets. */
  readonly results: readonly Expression[]
}

export const endsOf = (s: Loop): Ends => {
  const assigned = assignedLocals(s.body)
  const free = [...freeVariables([s])]
  return { free, results: free.filter((x) => assigned.has(x)) }
}

export const typesOf = (list: readonly Expression[]): ValueType[] => list.map((x) => valueType(x.dtype))

/** Whether a loop around a larger one has too few iterations to be cut itself. */
export const isOuter = (s: Loop): boolean =>
  s.extent < 8 &&
  s.body.some((inner) => inner.kind === 'for' && inner.order !== 'sequential' && inner.extent > s.extent)

/** A function over a range of a loop, and what it takes before the variables from outside. */
export interface RangeFunction {
  readonly index: number
  readonly pushFirst?: (code: Code) => void
}

/** What the function around a loop knows. */
export interface Surroundings {
  readonly localOf: (x: Expression) => number
  /** Combines the two values on the stack, of a result that is combined so. */
  readonly combine: (x: Expression, op: CombineOp) => void
}

/** Calls `each` for ranges of `chunk` iterations; it is given the locals of their bounds. */
export const writeRanges = (
  f: FunctionBuilder,
  extent: number,
  chunk: number,
  each: (begin: number, end: number) => void,
): void => {
  const begin = f.local('i32')
  const end = f.local('i32')
  const { code } = f
  code.i32(0)
  code.set(begin)
  code.loop()
  code.get(begin)
  code.i32(chunk)
  code.op(ops['i32.add'])
  code.tee(end)
  code.i32(extent)
  code.get(end)
  code.i32(extent)
  code.op(ops['i32.lt_s'])
  code.op(ops.select)
  code.set(end)
  each(begin, end)
  code.get(end)
  code.tee(begin)
  code.i32(extent)
  code.op(ops['i32.lt_s'])
  code.brIf(0)
  code.end()
}
