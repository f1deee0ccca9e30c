/**
 * Blocking: kernels that pass large arrays on to each other run in pieces, one piece of each after the other, so that what
 * they pass on stays in the cache: packed windows of a convolution, scores of an attention, rows of a softmax.
 */
import { type Expression, e, known } from '../core/index.js'
import { scratchLayout } from './control.js'
import { newBuffer } from './graph.js'
import type { Buffer, Kernel, LoopKernel, Program, ScanKernel, Statement } from './kernel.js'
import { type Rewrite, nest } from './loops.js'
import { accesses, bufferBytes, plan } from './plan.js'
import { type Cut, cutsOf, greatestDivisor, pieceOfContraction, pieceOfLoops, slicingOf } from './slices.js'
import { accessed } from './finish.js'

/** What a piece should touch, so that it stays in a cache of the second level; at most. */
const wantedBytes = 3 << 17
const maximumBytes = 1 << 20
/** Arrays read as a whole by every piece: more of them would drive the rest out of the cache. */
const maximumWhole = 1 << 19
/** An array smaller than this is not worth the trouble. */
const smallBytes = 1 << 18
/** Rows, and depth of a sum, that a piece of a matrix product must have to be about as fast as the whole. */
const leastRows = 32
const leastInner = 64
/** Starting a kernel once more, in bytes that could be moved meanwhile. */
const startingBytes = 2048
const maximumMembers = 16

interface Member {
  readonly kernel: Kernel
  readonly cut: Cut
}

/** Kernels that are cut alike. */
interface Group {
  readonly members: readonly Member[]
  /** Number of pieces, at most; any divisor will do. */
  readonly extent: number
  readonly sliced: ReadonlySet<Buffer>
  readonly whole: ReadonlySet<Buffer>
  readonly written: ReadonlySet<Buffer>
  readonly sums: ReadonlySet<Buffer>
}

const union = <T>(a: ReadonlySet<T>, b: Iterable<T>): Set<T> => new Set([...a, ...b])
const meets = <T>(a: Iterable<T>, b: ReadonlySet<T>): boolean => [...a].some((x) => b.has(x))

const total = (buffers: Iterable<Buffer>): number => {
  let sum = 0
  for (const buffer of buffers) sum += bufferBytes(buffer)
  return sum
}

/** Numbers of pieces that the group allows, few first. */
const divisors = (n: number): number[] => {
  const out: number[] = []
  for (let d = 1; d * d <= n; d++) {
    if (n % d === 0) {
      out.push(d)
      if (d * d !== n) out.push(n / d)
    }
  }
  return out.sort((a, b) => a - b)
}

const fitsMatrices = (members: readonly Member[], pieces: number): boolean =>
  members.every(
    ({ kernel, cut }) =>
      kernel.kind !== 'contraction' ||
      (cut === 'rows' ? kernel.rows / pieces >= leastRows : cut !== 'inner' || kernel.inner / pieces >= leastInner),
  )

/** The number of pieces whose arrays fit the cache, if there is one. */
const piecesOf = ({ members, extent, sliced, whole }: Group): number | undefined => {
  if (total(whole) > maximumWhole) return undefined
  const bytes = total(sliced)
  const possible = divisors(extent).filter((n) => n > 1 && bytes / n <= maximumBytes && fitsMatrices(members, n))
  return possible.find((n) => bytes / n <= wantedBytes) ?? possible.at(-1)
}

/** The group with one more kernel, if it can be cut alike and keeps the order of reads and writes. */
const joined = (group: Group | undefined, kernel: Kernel, normalize: Rewrite): Group | undefined => {
  const { reads, writes } = accesses(kernel)
  if (group !== undefined) {
    if (group.members.length >= maximumMembers) return undefined
    if (meets(writes, group.sliced) || meets(writes, group.whole) || meets(reads, group.sums)) return undefined
  }
  for (const { cut, extent: own } of cutsOf(kernel)) {
    const extent = greatestDivisor(group?.extent ?? 0, own)
    if (extent < 2) continue
    const slicing = slicingOf(kernel, cut, extent, normalize)
    if (slicing === undefined) continue
    if (
      group !== undefined &&
      (meets(slicing.whole, group.sliced) ||
        meets(slicing.sliced, group.whole) ||
        !meets(reads, group.sliced))
    )
      continue
    const next: Group = {
      members: [...(group?.members ?? []), { kernel, cut }],
      extent,
      sliced: union(group?.sliced ?? new Set(), slicing.sliced),
      whole: union(group?.whole ?? new Set(), slicing.whole),
      written: union(group?.written ?? new Set(), writes),
      sums: union(group?.sums ?? new Set(), cut === 'inner' ? writes : []),
    }
    if (piecesOf(next) !== undefined) return next
  }
  return undefined
}

/** Bytes that need not go through memory, less what running in pieces costs. */
const gain = (group: Group, pieces: number, needed: ReadonlySet<Buffer>): number => {
  let saved = 0
  for (const buffer of group.written) {
    const isRead = group.members.some(({ kernel }) => accesses(kernel).reads.includes(buffer))
    if (!isRead || bufferBytes(buffer) < smallBytes) continue
    saved += needed.has(buffer) ? bufferBytes(buffer) : 3 * bufferBytes(buffer)
  }
  const again = total(group.sums) + total(group.whole)
  return saved - pieces * (2 * again + startingBytes * group.members.length)
}

const sliceShape = (buffer: Buffer, pieces: number): readonly number[] => {
  const [first, ...rest] = buffer.shape
  return first !== undefined && first % pieces === 0 ? [first / pieces, ...rest] : [buffer.size / pieces]
}

/** The kernels as a loop over their pieces; `needed` are the arrays that somebody else reads. */
const inPieces = (
  group: Group,
  pieces: number,
  needed: ReadonlySet<Buffer>,
  normalize: Rewrite,
  finish: (kernel: LoopKernel) => LoopKernel,
): readonly Kernel[] => {
  const xs = [...group.sliced].filter((buffer) => !group.written.has(buffer))
  const constants = [...group.whole]
  const sums = [...group.sums]
  const ys = [...group.written].filter((buffer) => needed.has(buffer) && !group.sums.has(buffer))
  const buffers = new Map<Buffer, Buffer>()
  for (const buffer of group.sliced) buffers.set(buffer, newBuffer(buffer.dtype, sliceShape(buffer, pieces)))
  for (const buffer of constants) buffers.set(buffer, newBuffer(buffer.dtype, buffer.shape))
  for (const { kernel } of group.members) if (kernel.kind === 'loops') shareCopies(kernel.body, needed, buffers)
  const inner = (list: readonly Buffer[]): Buffer[] => list.map((buffer) => known(buffers.get(buffer), 'piece'))
  const before = sums.map((buffer) => newBuffer(buffer.dtype, buffer.shape))
  const after = sums.map((buffer) => newBuffer(buffer.dtype, buffer.shape))
  const kernels = group.members.flatMap(({ kernel, cut }): Kernel[] => {
    if (kernel.kind === 'loops') {
      const body = pieceOfLoops(kernel, pieces, buffers, normalize)
      return [finish({ ...kernel, body, ...accessed(body) })]
    }
    if (kernel.kind !== 'contraction') return [kernel]
    const i = sums.indexOf(kernel.out)
    if (i < 0) return [pieceOfContraction(kernel, cut, pieces, buffers)]
    const part = newBuffer(kernel.out.dtype, kernel.out.shape)
    const piece = pieceOfContraction(kernel, cut, pieces, new Map(buffers).set(kernel.out, part))
    return [piece, addition(known(before[i], 'sum'), part, known(after[i], 'sum'))]
  })
  const inputs = [...inner(constants), ...before, ...inner(xs)]
  const outputs = [...after, ...inner(ys)]
  const body: Program = { kernels, inputs, outputs, constants: [], ...plan(kernels, inputs, outputs) }
  const initial = sums.map((buffer) => newBuffer(buffer.dtype, buffer.shape))
  const zeros = initial.map((buffer) =>
    elementwise(buffer, () => e.constant(0, buffer.dtype)),
  )
  const loop: Omit<ScanKernel, 'scratch'> = {
    kind: 'scan',
    body,
    length: pieces,
    reverse: false,
    constants,
    initial,
    xs,
    carries: sums,
    ys,
  }
  return [...zeros, { ...loop, scratch: newBuffer('uint8', [scratchLayout(loop).bytes]) }]
}

/** Arrays of the group alone that are written alike at the same places become one. */
const shareCopies = (
  statements: readonly Statement[],
  needed: ReadonlySet<Buffer>,
  buffers: Map<Buffer, Buffer>,
): void => {
  const stores = statements.flatMap((s) => (s.kind === 'store' ? [s] : []))
  stores.forEach((s, i) => {
    if (needed.has(s.buffer)) return
    const first = stores
      .slice(0, i)
      .find((t) => t.index === s.index && t.value === s.value && t.buffer.dtype === s.buffer.dtype && t.buffer.size === s.buffer.size)
    const piece = first && buffers.get(first.buffer)
    if (piece !== undefined) buffers.set(s.buffer, piece)
  })
  for (const s of statements) if (s.kind === 'for' || s.kind === 'if') shareCopies(s.body, needed, buffers)
}

const elementwise = (buffer: Buffer, valueAt: (index: Expression) => Expression): LoopKernel => {
  const i = buffer.size === 1 ? e.index(0) : e.variable('int32', buffer.size)
  const body = nest([i], 'parallel', [{ kind: 'store', buffer, index: i, value: valueAt(i) }])
  return { kind: 'loops', name: 'map', body, ...accessed(body) }
}

const addition = (x: Buffer, y: Buffer, sum: Buffer): LoopKernel =>
  elementwise(sum, (i) => e.binary('add', e.load(x, i), e.load(y, i)))

const isLarge = (kernel: Kernel): boolean => {
  const { reads, writes } = accesses(kernel)
  return [...reads, ...writes].some((buffer) => bufferBytes(buffer) >= smallBytes)
}

/** How far ahead a group looks for more members. */
const horizon = 12

/** The kernels, those that gain by it in pieces; loops outside are left as they are, loops inside are finished. */
export const block = (
  kernels: readonly Kernel[],
  outputs: ReadonlySet<Buffer>,
  normalize: Rewrite,
  finish: (kernel: LoopKernel) => LoopKernel,
): Kernel[] => {
  const out: Kernel[] = []
  let rest = [...kernels]
  while (rest.length > 0) {
    const first = known(rest.shift(), 'kernel')
    let group = isLarge(first) ? joined(undefined, first, normalize) : undefined
    const before: Kernel[] = []
    const after: Kernel[] = []
    const late = new Set<Buffer>()
    const ahead = group === undefined ? 0 : Math.min(horizon, rest.length)
    for (const kernel of rest.slice(0, ahead)) {
      const { reads, writes } = accesses(kernel)
      const waits = meets(reads, late) || meets(writes, late)
      const next = waits || group === undefined ? undefined : joined(group, kernel, normalize)
      if (next !== undefined) group = next
      else if (waits || group === undefined || touches(kernel, group)) {
        after.push(kernel)
        for (const buffer of [...reads, ...writes]) late.add(buffer)
      } else before.push(kernel)
    }
    const others = rest.slice(ahead)
    const needed = new Set(outputs)
    for (const kernel of [...after, ...others]) for (const buffer of accesses(kernel).reads) needed.add(buffer)
    const pieces = group === undefined ? undefined : piecesOf(group)
    if (group === undefined || pieces === undefined || gain(group, pieces, needed) <= 0) {
      out.push(first)
      continue
    }
    out.push(...block(before, outputs, normalize, finish), ...inPieces(group, pieces, needed, normalize, finish))
    rest = [...after, ...others]
  }
  return out
}

/** Whether a kernel must stay behind a group: it uses what the group writes, or writes what the group uses. */
const touches = (kernel: Kernel, group: Group): boolean => {
  const { reads, writes } = accesses(kernel)
  return (
    meets(reads, group.written) || meets(writes, group.written) || meets(writes, group.sliced) || meets(writes, group.whole)
  )
}
