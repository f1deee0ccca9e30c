/** A group of kernels as a loop over pieces of their arrays. */
import { type Expression, e, known } from '../core/index.js'
import type { Normalize } from './affine.js'
import { scratchLayout } from './scratch.js'
import type { LoopDraft } from './draft.js'
import { accessed } from './finish.js'
import { newBuffer } from './graph.js'
import type { Buffer, Kernel, LoopKernel, Program, ScanKernel, Spread, Statement } from './kernel.js'
import type { Limits } from './limits.js'
import { nest } from './loops.js'
import { accesses, bufferBytes, plan } from './plan.js'
import { shareCopies } from './share.js'
import { type Member, cutsOf, isSum, pieceOfContraction, pieceOfLoops, pieceOfSum, slicingOf } from './slices.js'
import { type Apart, type Nested, isAlike, nestedApart } from './spreads.js'

/** What cutting needs to know. */
export interface Blocking {
  readonly limits: Limits
  readonly normalize: Normalize
  readonly finish: (kernel: LoopKernel) => LoopKernel
}

/** Kernels that are cut alike. */
export interface Group {
  readonly members: readonly Member[]
  /** Number of pieces, at most; any divisor will do. */
  readonly extent: number
  readonly sliced: ReadonlySet<Buffer>
  readonly whole: ReadonlySet<Buffer>
  readonly written: ReadonlySet<Buffer>
  readonly sums: ReadonlySet<Buffer>
}

/** Bytes of all arrays. */
export const total = (buffers: Iterable<Buffer>): number => {
  let sum = 0
  for (const buffer of buffers) sum += bufferBytes(buffer)
  return sum
}

/** Divisors of a number, small ones first. */
export const divisors = (n: number): number[] => {
  const out: number[] = []
  for (let d = 1; d * d <= n; d++) {
    if (n % d === 0) {
      out.push(d)
      if (d * d !== n) out.push(n / d)
    }
  }
  return out.sort((a, b) => a - b)
}

/** The array that a matrix product or a sum is for; a sum may also write rows of partial sums. */
export const resultOf = (kernel: Kernel): Buffer => {
  if (kernel.kind === 'contraction') return kernel.out
  const draft: LoopDraft | undefined = kernel.kind === 'loops' ? kernel : undefined
  return known(draft?.sum?.buffer, 'result of a sum')
}

/** The arrays whose slices lie apart when members are cut into n pieces; undefined if they don't agree about them. */
export const apartOf = (
  members: readonly Member[],
  n: number,
  normalize: Normalize,
): ReadonlyMap<Buffer, Apart> | undefined => {
  const found = new Map<Buffer, Apart>()
  for (const { kernel, cut } of members) {
    // All others are cut into equal parts by any divisor.
    if (kernel.kind !== 'contraction' || cut !== 'batch') continue
    const slicing = slicingOf(kernel, cut, n, normalize)
    if (slicing === undefined) return undefined
    for (const [buffer, apart] of slicing.apart) {
      const other = found.get(buffer)
      if (other !== undefined && !isAlike(apart, other)) return undefined
      found.set(buffer, { ...apart, reach: Math.max(apart.reach, other?.reach ?? 0) })
    }
  }
  if (found.size === 0) return found
  for (const { kernel, cut } of members) {
    const own = kernel.kind === 'contraction' ? slicingOf(kernel, cut, n, normalize)?.apart : undefined
    const { reads, writes } = accesses(kernel)
    if ([...reads, ...writes].some((buffer) => found.has(buffer) && own?.has(buffer) !== true)) return undefined
  }
  return found
}

const sliceShape = (buffer: Buffer, pieces: number): readonly number[] => {
  const [first, ...rest] = buffer.shape
  return first !== undefined && first % pieces === 0 ? [first / pieces, ...rest] : [buffer.size / pieces]
}

const sliceBuffer = (buffer: Buffer, pieces: number, apart: Apart | undefined): Buffer =>
  newBuffer(buffer.dtype, apart === undefined ? sliceShape(buffer, pieces) : [apart.reach])

/** The kernels as a loop over their pieces; `needed` are the arrays that somebody else reads. */
export const inPieces = (
  group: Group,
  pieces: number,
  needed: ReadonlySet<Buffer>,
  { limits, normalize, finish }: Blocking,
): readonly Kernel[] => {
  const xs = [...group.sliced].filter((buffer) => !group.written.has(buffer))
  const constants = [...group.whole]
  const sums = [...group.sums]
  const ys = [...group.written].filter((buffer) => needed.has(buffer) && !group.sums.has(buffer))
  const buffers = new Map<Buffer, Buffer>()
  const apart = known(apartOf(group.members, pieces, normalize), 'slices')
  for (const buffer of group.sliced) buffers.set(buffer, sliceBuffer(buffer, pieces, apart.get(buffer)))
  for (const buffer of constants) buffers.set(buffer, newBuffer(buffer.dtype, buffer.shape))
  const inner = (list: readonly Buffer[]): Buffer[] => list.map((buffer) => known(buffers.get(buffer), 'piece'))
  // Pieces are added in place.
  const totals = sums.map((buffer) => newBuffer(buffer.dtype, buffer.shape))
  const drafts = group.members.flatMap(({ kernel, cut }): Kernel[] => {
    const i = isSum(cut) ? sums.indexOf(resultOf(kernel)) : -1
    if (i >= 0) {
      const total = known(totals[i], 'sum')
      if (kernel.kind === 'contraction') {
        const part = newBuffer(total.dtype, total.shape)
        return [pieceOfContraction(kernel, cut, pieces, new Map(buffers).set(kernel.out, part)), addition(total, part)]
      }
      if (kernel.kind === 'loops') {
        const { part, statements } = pieceOfSum(kernel, pieces, buffers, total, normalize)
        const piece = loops(part === undefined ? 'map' : kernel.name, statements)
        return part === undefined ? [piece] : [piece, addition(total, part)]
      }
    }
    if (kernel.kind === 'contraction') return [pieceOfContraction(kernel, cut, pieces, buffers)]
    if (kernel.kind === 'loops') return [loops(kernel.name, pieceOfLoops(kernel, pieces, buffers, normalize))]
    return [kernel]
  })
  const inputs = [...inner(constants), ...totals, ...inner(xs)]
  const outputs = [...totals, ...inner(ys)]
  const shared = shareCopies(drafts, inputs, new Set(outputs), true)
  const kernels = shared.kernels.map((kernel) => (kernel.kind === 'loops' ? finish(kernel) : kernel))
  const body = programOf(kernels, inputs, outputs)
  return loopsOver({ body, length: pieces, constants, sums, xs, ys, apart }, limits, finish)
}

const programOf = (kernels: readonly Kernel[], inputs: readonly Buffer[], outputs: readonly Buffer[]): Program => ({
  kernels,
  inputs,
  outputs,
  constants: [],
  ...plan(kernels, inputs, outputs, new Set()),
})

/** A body, of which every iteration takes slices of the xs, writes slices of the ys, and adds to the sums. */
interface Iterations {
  readonly body: Program
  readonly length: number
  readonly constants: readonly Buffer[]
  readonly sums: readonly Buffer[]
  readonly xs: readonly Buffer[]
  readonly ys: readonly Buffer[]
  /** Those of the xs and ys whose slices are not equal parts. */
  readonly apart: ReadonlyMap<Buffer, Apart>
}

const scanOf = (
  { body, length, constants, sums, xs, ys, apart }: Iterations,
  initial: readonly Buffer[],
): ScanKernel => {
  const spreads = [...xs, ...ys].map((buffer): Spread | undefined => apart.get(buffer))
  const loop: Omit<ScanKernel, 'scratch'> = {
    kind: 'scan',
    body,
    length,
    reverse: false,
    constants,
    initial,
    xs,
    carries: sums,
    ys,
    ...(spreads.some((spread) => spread !== undefined) && { spreads }),
  }
  return { ...loop, scratch: newBuffer('uint8', [scratchLayout(loop).bytes]) }
}

const zeroed = (buffer: Buffer): LoopKernel => elementwise(buffer, () => e.constant(0, buffer.dtype))

/**
 * The iterations as a loop. Those that add up are a loop of loops: each part has sums of its own, so that threads can take
 * parts, and what the parts give is added in order, the same however many threads there are.
 */
const loopsOver = (
  all: Iterations,
  { mostParts, partBytes }: Limits,
  finish: Blocking['finish'],
): readonly Kernel[] => {
  const { length, constants, sums, xs, ys, apart } = all
  const most = Math.min(mostParts, length / 2, partBytes / total(sums))
  const parts =
    sums.length === 0
      ? 1
      : known(
          divisors(length).findLast(
            (n) => n <= Math.max(1, most) && [...apart.values()].every((a) => nestedApart(a, length, n) !== undefined),
          ),
          'divisor',
        )
  if (parts === 1) {
    const initial = sums.map((buffer) => newBuffer(buffer.dtype, buffer.shape))
    return [...initial.map(zeroed), scanOf(all, initial)]
  }
  const same = (buffer: Buffer): Buffer => newBuffer(buffer.dtype, buffer.shape)
  const nested = new Map<Buffer, Nested>()
  const inner = new Map<Buffer, Apart>()
  const slice = (buffer: Buffer): Buffer => {
    const own = apart.get(buffer)
    const slices = own && nestedApart(own, length, parts)
    const part = sliceBuffer(buffer, parts, slices?.outer)
    if (slices !== undefined) {
      nested.set(buffer, slices)
      inner.set(part, slices.inner)
    }
    return part
  }
  const part: Iterations = {
    body: all.body,
    length: length / parts,
    constants: constants.map(same),
    sums: sums.map(same),
    xs: xs.map(slice),
    ys: ys.map(slice),
    apart: inner,
  }
  const body = programOf(
    [...part.sums.map((sum) => finish(zeroed(sum))), scanOf(part, part.sums)],
    [...part.constants, ...part.xs],
    [...part.sums, ...part.ys],
  )
  const sumsOfParts = sums.map((buffer) => partsOf(buffer, parts))
  const joined = sums.map((buffer, i) => joinedParts(buffer, known(sumsOfParts[i], 'sums of parts'), parts))
  const outerApart = new Map([...nested].map(([buffer, { outer }]) => [buffer, outer]))
  const outer = { body, length: parts, constants, sums: [], xs, ys: [...sumsOfParts, ...ys], apart: outerApart }
  return [scanOf(outer, []), ...joined]
}

/** The sums of all parts of a sum. */
const partsOf = (buffer: Buffer, parts: number): Buffer => newBuffer(buffer.dtype, [parts, ...buffer.shape])

/** Adds up the parts of a sum, in order. */
const joinedParts = (buffer: Buffer, sumsOfParts: Buffer, parts: number): LoopKernel =>
  elementwise(buffer, (at) => {
    const partAt = (k: number): Expression => e.load(sumsOfParts, e.binary('add', at, e.index(k * buffer.size)))
    return Array.from({ length: parts - 1 }, (_, k) => k + 1).reduce(
      (value, k) => e.binary('add', value, partAt(k)),
      partAt(0),
    )
  })

/** Rows that a part of a sum has at least. */
const leastPartRows = 2
/** How much more than its sums a part reads at least. */
const leastPartReads = 8

/**
 * A large sum down columns as a loop over parts, which threads can take: parts of the rows, each added up by itself. It is
 * the same loop however many threads there are.
 */
export const sumInParts = (
  kernel: LoopKernel,
  { limits, normalize, finish }: Blocking,
): readonly Kernel[] | undefined => {
  const [{ cut, extent } = { cut: 'loops', extent: 0 }] = cutsOf(kernel)
  if (cut !== 'sum') return undefined
  const parts = divisors(extent).findLast((n) => n <= limits.mostParts && extent / n >= leastPartRows) ?? 1
  const slicing = parts === 1 ? undefined : slicingOf(kernel, cut, parts, normalize)
  const result = resultOf(kernel)
  if (slicing === undefined) return undefined
  const bytes = total(slicing.sliced)
  if (bytes < limits.sumBytes || leastPartReads * parts * bufferBytes(result) > bytes) return undefined
  const buffers = new Map<Buffer, Buffer>()
  for (const buffer of slicing.sliced) buffers.set(buffer, newBuffer(buffer.dtype, sliceShape(buffer, parts)))
  for (const buffer of slicing.whole) buffers.set(buffer, newBuffer(buffer.dtype, buffer.shape))
  const { part, statements } = pieceOfSum(kernel, parts, buffers, result, normalize)
  if (part === undefined) return undefined
  const inner = (list: Iterable<Buffer>): Buffer[] => [...list].map((buffer) => known(buffers.get(buffer), 'part'))
  const { sliced, whole, apart } = slicing
  const body = programOf([finish(loops(kernel.name, statements))], [...inner(whole), ...inner(sliced)], [part])
  const sumsOfParts = partsOf(result, parts)
  const all = { body, length: parts, constants: [...whole], sums: [], xs: [...sliced], ys: [sumsOfParts], apart }
  return [scanOf(all, []), joinedParts(result, sumsOfParts, parts)]
}

const loops = (name: string, body: readonly Statement[]): LoopKernel => ({
  kind: 'loops',
  name,
  body,
  ...accessed(body),
})

const elementwise = (buffer: Buffer, valueAt: (index: Expression) => Expression): LoopKernel => {
  const i = buffer.size === 1 ? e.index(0) : e.variable('int32', buffer.size)
  const body = nest([i], 'parallel', [{ kind: 'store', buffer, index: i, value: valueAt(i) }])
  return loops('map', body)
}

const addition = (total: Buffer, part: Buffer): LoopKernel =>
  elementwise(total, (i) => e.binary('add', e.load(total, i), e.load(part, i)))
