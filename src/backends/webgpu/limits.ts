/** Pieces that use more arrays than a shader can bind: some of the arrays are copied side by side into one. */
import { type DType, type Expression, DeviceError, e, known } from '../../core/index.js'
import { type Buffer, type Statement, expressionsOf, mapExpressions } from '../../compiler/index.js'
import { newBuffer } from '../../compiler/graph.js'
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

/** Copies elements from one array to another. */
export const copy = (from: Buffer, fromOffset: number, to: Buffer, toOffset: number, size: number): Work => {
  const variable = e.variable('int32', size)
  const at = (offset: number): Expression => e.binary('add', variable, e.index(offset))
  const body: readonly Statement[] = [
    { kind: 'store', buffer: to, index: at(toOffset), value: e.load(from, at(fromOffset)) },
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

/** Places of arrays in one that holds them all. */
interface Packed {
  readonly buffer: Buffer
  readonly offsets: ReadonlyMap<Buffer, number>
}

const packTogether = (dtype: DType, buffers: readonly Buffer[]): Packed => {
  const offsets = new Map<Buffer, number>()
  let size = 0
  for (const buffer of buffers) {
    offsets.set(buffer, size)
    size += buffer.size
  }
  return { buffer: newBuffer(dtype, [size]), offsets }
}

/** The statements with accesses of packed arrays redirected. */
const redirect = (list: readonly Statement[], { buffer, offsets }: Packed): readonly Statement[] => {
  const memo = new Map<Expression, Expression>()
  const moved = (x: Expression): Expression =>
    e.substitute(
      x,
      (y) => {
        const offset = y.op === 'load' ? offsets.get(y.source as Buffer) : undefined
        if (offset === undefined) return undefined
        return e.load(buffer, e.binary('add', moved(known(y.args[0], 'index')), e.index(offset)))
      },
      memo,
    )
  return list.map((s): Statement => {
    const mapped = mapExpressions(s, moved)
    const stores = (inner: Statement): Statement => {
      if (inner.kind === 'for' || inner.kind === 'if') return { ...inner, body: inner.body.map(stores) }
      const offset = inner.kind === 'store' ? offsets.get(inner.buffer) : undefined
      if (inner.kind !== 'store' || offset === undefined) return inner
      return { ...inner, buffer, index: e.binary('add', inner.index, e.index(offset)) }
    }
    return stores(mapped)
  })
}

/** The piece, with copies before and after it, so that none needs more than `limit` arrays. */
export const withinLimit = (piece: Piece, limit: number): readonly Work[] => {
  const before: Work[] = []
  const after: Work[] = []
  let { body } = piece
  for (;;) {
    const uses = usesOf(body)
    const excess = bindingsOf(uses) - limit
    if (excess <= 0) return [...before, { piece: { ...piece, body }, writes: [...uses.writes] }, ...after]
    const groups = new Map<string, Buffer[]>()
    for (const buffer of new Set([...uses.reads, ...uses.writes])) {
      const key = `${uses.writes.has(buffer) ? 'w' : 'r'}${buffer.dtype}`
      groups.set(key, [...(groups.get(key) ?? []), buffer])
    }
    const [largest = []] = [...groups.values()].sort((a, b) => b.length - a.length)
    // The smallest ones, as many as must go; one binding comes back for all of them.
    const chosen = [...largest].sort((a, b) => a.size - b.size).slice(0, excess + 1)
    const [first] = chosen
    // To let the GPU refuse the shader would spoil the device for all programs after this one.
    if (first === undefined || chosen.length < 2) {
      throw new DeviceError(
        `webgpu: results of this program are computed together from and to ${bindingsOf(uses)} arrays of different dtypes, and ` +
          `this GPU binds ${limit} at once. Compute some of the results in another jitted function, or convert arrays to one dtype.`,
      )
    }
    const packed = packTogether(first.dtype, chosen)
    for (const [buffer, offset] of packed.offsets) {
      // What is written is copied in too: a piece may write a part of it only.
      before.push(copy(buffer, 0, packed.buffer, offset, buffer.size))
      if (uses.writes.has(buffer)) after.push(copy(packed.buffer, offset, buffer, 0, buffer.size))
    }
    body = redirect(body, packed)
  }
}
