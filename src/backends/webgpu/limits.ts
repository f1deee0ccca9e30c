/**
 * Pieces that use more arrays than a shader can bind. Results that do not need each other are computed by several shaders; where that
 * is not enough, some of the arrays are copied side by side into one.
 */
import { type DType, type Expression, e, known } from '../../core/index.js'
import { type Buffer, type LoopKernel, type Statement, expressionsOf, mapExpressions } from '../../compiler/index.js'
import { newBuffer } from '../../compiler/graph.js'
import { storing } from './outputs.js'
import type { Piece } from './schedule.js'

/** A piece and what it writes. */
export interface Work {
  readonly piece: Piece
  readonly writes: readonly Buffer[]
}

interface Uses {
  readonly reads: Set<Buffer>
  readonly writes: Set<Buffer>
}

const usesOf = (list: readonly Statement[], into: Uses = { reads: new Set(), writes: new Set() }): Uses => {
  const seen = new Set<Expression>()
  const visit = (x: Expression): void => {
    if (seen.has(x)) return
    seen.add(x)
    if (x.op === 'load') into.reads.add(x.source as Buffer)
    x.args.forEach(visit)
  }
  for (const s of list) {
    expressionsOf(s).forEach(visit)
    if (s.kind === 'store') into.writes.add(s.buffer)
    else if (s.kind === 'for' || s.kind === 'if') usesOf(s.body, into)
  }
  return into
}

const bindingsOf = ({ reads, writes }: Uses): number => new Set([...reads, ...writes]).size

/** Copies elements from one array to another, as `element` changes them. */
export const copy = (
  from: Buffer,
  fromOffset: number,
  to: Buffer,
  toOffset: number,
  size: number,
  element: (x: Expression) => Expression = (x) => x,
): Work => {
  const variable = e.variable('int32', size)
  const at = (offset: number): Expression => e.binary('add', variable, e.index(offset))
  const body: readonly Statement[] = [
    { kind: 'store', buffer: to, index: at(toOffset), value: element(e.load(from, at(fromOffset))) },
  ]
  const loop = { kind: 'for', variable, extent: size, order: 'parallel', body: [] } as const
  return {
    piece: {
      parallel: size === 1 ? [] : [loop],
      body: size === 1 ? body.map((s) => atZero(s, variable)) : body,
      inStep: false,
    },
    writes: [to],
  }
}

const atZero = (s: Statement, variable: Expression): Statement =>
  mapExpressions(s, (x) => e.substitute(x, (y) => (y === variable ? e.index(0) : undefined)))

/** A value of an array as the word that stands for it among words of other dtypes. */
const asWord = (x: Expression): Expression => {
  switch (x.dtype) {
    case 'uint32':
      return x
    case 'bool':
      return e.convert(x, 'uint32')
    case 'float16':
    case 'bfloat16':
      return e.bitcast(e.convert(x, 'float32'), 'uint32')
    case 'int8':
    case 'uint8':
      return e.bitcast(e.convert(x, 'int32'), 'uint32')
    default:
      return e.bitcast(x, 'uint32')
  }
}

/** The value of a dtype that a word stands for. */
const fromWord = (word: Expression, dtype: DType): Expression => {
  switch (dtype) {
    case 'uint32':
      return word
    case 'bool':
      return e.compare('ne', word, e.constant(0, 'uint32'))
    case 'float16':
    case 'bfloat16':
      return e.convert(e.bitcast(word, 'float32'), dtype)
    case 'int8':
    case 'uint8':
      return e.convert(e.bitcast(word, 'int32'), dtype)
    default:
      return e.bitcast(word, dtype)
  }
}

/** Places of arrays in one that holds them all; as words where their dtypes differ. */
interface Packed {
  readonly buffer: Buffer
  readonly offsets: ReadonlyMap<Buffer, number>
  readonly words: boolean
}

const packTogether = (buffers: readonly Buffer[]): Packed => {
  const offsets = new Map<Buffer, number>()
  let size = 0
  for (const buffer of buffers) {
    offsets.set(buffer, size)
    size += buffer.size
  }
  const [dtype = 'uint32', ...others] = new Set(buffers.map((buffer) => buffer.dtype))
  const words = others.length > 0
  return { buffer: newBuffer(words ? 'uint32' : dtype, [size]), offsets, words }
}

/** The statements with accesses of packed arrays redirected. */
const redirect = (list: readonly Statement[], { buffer, offsets, words }: Packed): readonly Statement[] => {
  const memo = new Map<Expression, Expression>()
  const moved = (x: Expression): Expression =>
    e.substitute(
      x,
      (y) => {
        const offset = y.op === 'load' ? offsets.get(y.source as Buffer) : undefined
        if (offset === undefined) return undefined
        const element = e.load(buffer, e.binary('add', moved(known(y.args[0], 'index')), e.index(offset)))
        return words ? fromWord(element, y.dtype) : element
      },
      memo,
    )
  return list.map((s): Statement => {
    const mapped = mapExpressions(s, moved)
    const stores = (inner: Statement): Statement => {
      if (inner.kind === 'for' || inner.kind === 'if') return { ...inner, body: inner.body.map(stores) }
      const offset = inner.kind === 'store' ? offsets.get(inner.buffer) : undefined
      if (inner.kind !== 'store' || offset === undefined) return inner
      const value = words ? asWord(inner.value) : inner.value
      return { ...inner, buffer, index: e.binary('add', inner.index, e.index(offset)), value }
    }
    return stores(mapped)
  })
}

/** The piece as it is, or cut into several that write a part of its results each, so that few need more than `limit` arrays. */
const byResults = (piece: Piece, limit: number): readonly Piece[] => {
  const uses = usesOf(piece.body)
  // Who reads what is written must see it before or after, as it was.
  if (bindingsOf(uses) <= limit || [...uses.writes].some((buffer) => uses.reads.has(buffer))) return [piece]
  const pieces: Piece[] = []
  let wanted = new Set<Buffer>()
  let last: Piece | undefined
  for (const buffer of uses.writes) {
    const together = storing(piece, new Set([...wanted, buffer]))
    if (last === undefined || bindingsOf(usesOf(together.body)) <= limit) {
      wanted.add(buffer)
      last = together
    } else {
      pieces.push(last)
      wanted = new Set([buffer])
      last = storing(piece, wanted)
    }
  }
  return last === undefined ? [piece] : [...pieces, last]
}

/** The piece as shaders can run it, each of which needs at most `limit` arrays. */
export const withinLimit = (piece: Piece, limit: number): readonly Work[] =>
  byResults(piece, limit).flatMap((part) => packed(part, limit))

/** Arrays that kernels need whose threads share work, besides those that they are about. */
const sharing = 4

/** A kernel that is not cut into pieces, with copies before it, so that a shader can bind its arrays and some of its own. */
export const withRoom = (kernel: LoopKernel, limit: number): { before: readonly Work[]; kernel: LoopKernel } => {
  const works = packed({ parallel: [], body: kernel.body, inStep: false }, limit - sharing)
  const at = works.findIndex(({ writes }) => kernel.writes.every((buffer) => writes.includes(buffer)))
  const { piece, writes } = known(works[at], 'kernel among copies')
  const { body } = piece
  return { before: works.slice(0, at), kernel: { ...kernel, body, reads: [...usesOf(body).reads], writes } }
}

/** The piece, with copies of arrays before and after it, so that it needs no more than `limit` of them. */
const packed = (piece: Piece, limit: number): readonly Work[] => {
  const before: Work[] = []
  const after: Work[] = []
  let { body } = piece
  for (;;) {
    const uses = usesOf(body)
    const excess = bindingsOf(uses) - limit
    if (excess <= 0) return [...before, { piece: { ...piece, body }, writes: [...uses.writes] }, ...after]
    const writes = [...uses.writes]
    const reads = [...uses.reads].filter((buffer) => !uses.writes.has(buffer))
    const byDtype = new Map<string, Buffer[]>()
    for (const buffer of [...reads, ...writes]) {
      const key = `${uses.writes.has(buffer) ? 'w' : 'r'}${buffer.dtype}`
      byDtype.set(key, [...(byDtype.get(key) ?? []), buffer])
    }
    const byLength = (a: readonly Buffer[], b: readonly Buffer[]): number => b.length - a.length
    const [largest = []] = [...byDtype.values()].sort(byLength)
    const [mixed = []] = [reads, writes].sort(byLength)
    // The smallest ones, as many as must go; one binding comes back for all of them.
    const chosen = [...(largest.length < 2 ? mixed : largest)].sort((a, b) => a.size - b.size).slice(0, excess + 1)
    const together = packTogether(chosen)
    for (const [buffer, offset] of together.offsets) {
      const { size, dtype } = buffer
      // What is written is copied in too: a piece may write a part of it only.
      before.push(copy(buffer, 0, together.buffer, offset, size, together.words ? asWord : undefined))
      if (!uses.writes.has(buffer)) continue
      const back = together.words ? (word: Expression): Expression => fromWord(word, dtype) : undefined
      after.push(copy(together.buffer, offset, buffer, 0, size, back))
    }
    body = redirect(body, together)
  }
}
