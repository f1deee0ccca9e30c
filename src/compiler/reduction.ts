/** Loops of reductions: accumulators in locals over rows, accumulators in memory over columns, and sums in blocks. */
import { type CombineOp, type Expression, e, isFloating, known, sizeOf } from '../core/index.js'
import { mapExpressions } from './finish.js'
import type { Buffer, Statement } from './kernel.js'
import { nest } from './loops.js'

/** Most elements that are added up one after the other; longer sums are sums of blocks, whose error grows more slowly. */
const longestSum = 4096
const blockSize = 512
/** The same for sums of blocks, which are added up as scalars, where blocks themselves are added up in several lanes. */
const longestJoin = 32

/** One accumulator of a loop. */
export interface Accumulation {
  readonly local: Expression
  readonly op: CombineOp
  readonly init: number
  readonly value: Expression
}

const extentOf = (variable: Expression): number => variable.extent ?? 1
const product = (variables: readonly Expression[]): number => sizeOf(variables.map(extentOf))

/** Loops cut so that the inner part is one block; `tail` is what the cut leaves over. */
interface Blocks {
  readonly outer: readonly Expression[]
  readonly inner: readonly Expression[]
  readonly rewrite: (x: Expression) => Expression
  readonly tail:
    | {
        readonly outer: readonly Expression[]
        readonly inner: readonly Expression[]
        readonly rewrite: (x: Expression) => Expression
      }
    | undefined
}

const replaceVariable = (from: Expression, to: Expression): ((x: Expression) => Expression) => {
  const memo = new Map([[from, to]])
  return (x) => e.renamed(x, memo)
}

/** How many iterations of a loop make a block: a divisor, if there is one that is not much smaller, so that none is left over. */
const evenly = (extent: number, most: number): number => {
  for (let size = most; 4 * size >= most && size > 1; size--) if (extent % size === 0) return size
  return most
}

/** The loops in blocks, when they are too many for one sum: of elements, or of sums of blocks. */
const cutBlocks = (loops: readonly Expression[], of: 'elements' | 'sums' = 'elements'): Blocks | undefined => {
  const isJoin = of === 'sums'
  if (product(loops) <= (isJoin ? longestJoin : longestSum)) return undefined
  const limit = isJoin ? longestJoin : blockSize
  let first = loops.length
  while (first > 0 && product(loops.slice(first - 1)) <= limit) first--
  const suffix = loops.slice(first)
  const cut = known(loops[first - 1], 'loop')
  const before = loops.slice(0, first - 1)
  const most = Math.floor(limit / product(suffix))
  const block = isJoin ? evenly(extentOf(cut), most) : most
  if (block < 2) return { outer: [...before, cut], inner: suffix, rewrite: (x) => x, tail: undefined }
  const whole = Math.floor(extentOf(cut) / block)
  const rest = extentOf(cut) - whole * block
  const outer = whole === 1 ? e.index(0) : e.variable('int32', whole)
  const inner = e.variable('int32', block)
  const at = e.binary('add', e.binary('mul', outer, e.index(block)), inner)
  const left = rest === 1 ? e.index(0) : e.variable('int32', rest)
  return {
    outer: [...before, outer],
    inner: [inner, ...suffix],
    rewrite: replaceVariable(cut, at),
    tail:
      rest === 0
        ? undefined
        : {
            outer: before,
            inner: [left, ...suffix],
            rewrite: replaceVariable(cut, e.binary('add', left, e.index(whole * block))),
          },
  }
}

const isLoop = (variable: Expression): boolean => variable.op !== 'const'

/** Combines every element of the loops into the locals, which are defined already. */
export const reduceRows = (
  loops: readonly Expression[],
  accumulations: readonly Accumulation[],
): readonly Statement[] => {
  const body = (locals: readonly Expression[]): readonly Statement[] =>
    accumulations.map(({ op, value }, i) => ({ kind: 'combine', local: known(locals[i], 'local'), op, value }))
  const locals = accumulations.map((a) => a.local)
  const inexact = accumulations.some((a) => isFloating(a.local.dtype) && (a.op === 'add' || a.op === 'mul'))
  return inexact
    ? inBlocks(cutBlocks(loops), loops.filter(isLoop), locals, accumulations, body)
    : nest(loops, 'reduce', body(locals))
}

/** Loops around a body that combines into the locals it is given; in blocks, and those in blocks, when they are long. */
const inBlocks = (
  blocks: Blocks | undefined,
  loops: readonly Expression[],
  targets: readonly Expression[],
  accumulations: readonly Accumulation[],
  body: (locals: readonly Expression[]) => readonly Statement[],
): readonly Statement[] => {
  if (blocks === undefined) return nest(loops, 'reduce', body(targets))
  return [blocks, ...(blocks.tail === undefined ? [] : [blocks.tail])].flatMap(({ outer, inner, rewrite }) => {
    const around = outer.filter(isLoop)
    return inBlocks(cutBlocks(around, 'sums'), around, targets, accumulations, (locals) => {
      const parts = locals.map((local) => e.variable(local.dtype))
      const defines = parts.map((local, i): Statement => ({
        kind: 'define',
        local,
        value: e.constant(known(accumulations[i], 'part').init, local.dtype),
      }))
      const joins = locals.map((local, i): Statement => ({
        kind: 'combine',
        local,
        op: known(accumulations[i], 'part').op,
        value: known(parts[i], 'part'),
      }))
      return [...defines, ...nest(inner, 'reduce', body(parts)).map((s) => mapExpressions(s, rewrite)), ...joins]
    })
  })
}

/** A sum down the columns: the accumulators are a row in memory, and whole rows are added to it, so that every access is contiguous. */
export interface ColumnReduction {
  readonly outer: readonly Expression[]
  readonly reduced: readonly Expression[]
  readonly columns: readonly Expression[]
  readonly op: CombineOp
  readonly init: number
  readonly element: Expression
  readonly buffer: Buffer
  /** Position of the result in the buffer. */
  readonly at: Expression
  /** Row of partial sums, of the buffer's size, when the sum is in blocks. */
  readonly partial: Buffer | undefined
}

export const needsPartial = (dtypeIsFloating: boolean, op: CombineOp, reduced: readonly Expression[]): boolean =>
  dtypeIsFloating && (op === 'add' || op === 'mul') && product(reduced) > longestSum

/** Rows that are joined before they are added to the accumulators, which saves most of the reading and writing of those. */
const rowsAtOnce = 4

const addRows = (
  { columns, op, at }: ColumnReduction,
  into: Buffer,
  loops: readonly Expression[],
  element: Expression,
): readonly Statement[] => {
  const store = (value: Expression): readonly Statement[] =>
    nest(columns, 'parallel', [
      { kind: 'store', buffer: into, index: at, value: e.binary(op, e.load(into, at), value) },
    ])
  const innermost = loops.at(-1)
  if (innermost === undefined || extentOf(innermost) < 2 * rowsAtOnce) return nest(loops, 'sequential', store(element))
  const outer = loops.slice(0, -1)
  const groups = Math.floor(extentOf(innermost) / rowsAtOnce)
  const group = e.variable('int32', groups)
  const row = (k: number): Expression =>
    replaceVariable(innermost, e.binary('add', e.binary('mul', group, e.index(rowsAtOnce)), e.index(k)))(element)
  const joined = e.binary(op, e.binary(op, row(0), row(1)), e.binary(op, row(2), row(3)))
  const out: Statement[] = [...nest([...outer, group], 'sequential', store(joined))]
  const rest = extentOf(innermost) - groups * rowsAtOnce
  if (rest > 0) {
    const left = rest === 1 ? e.index(0) : e.variable('int32', rest)
    const last = replaceVariable(innermost, e.binary('add', left, e.index(groups * rowsAtOnce)))(element)
    out.push(...nest([...outer, left], 'sequential', store(last)))
  }
  return out
}

export const reduceColumns = (spec: ColumnReduction): readonly Statement[] => {
  const { outer, reduced, columns, init, buffer, at, op, element, partial } = spec
  const fill = (into: Buffer): readonly Statement[] =>
    nest(columns, 'parallel', [{ kind: 'store', buffer: into, index: at, value: e.constant(init, into.dtype) }])
  const blocks = partial === undefined ? undefined : cutBlocks(reduced)
  const body: Statement[] = [...fill(buffer)]
  if (blocks === undefined || partial === undefined) body.push(...addRows(spec, buffer, reduced, element))
  else {
    for (const piece of [blocks, ...(blocks.tail === undefined ? [] : [blocks.tail])]) {
      const join = nest(columns, 'parallel', [
        { kind: 'store', buffer, index: at, value: e.binary(op, e.load(buffer, at), e.load(partial, at)) },
      ])
      const block = [
        ...fill(partial),
        ...addRows(spec, partial, piece.inner.filter(isLoop), piece.rewrite(element)),
        ...join,
      ]
      body.push(...nest(piece.outer, 'sequential', block))
    }
  }
  return nest(outer, 'parallel', body)
}
