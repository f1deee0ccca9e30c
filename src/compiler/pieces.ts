/** A group of kernels as a loop over pieces of their arrays. */
import { type Expression, e, known } from '../core/index.js'
import type { Normalize } from './affine.js'
import { scratchLayout } from './scratch.js'
import type { LoopDraft } from './draft.js'
import { accessed } from './finish.js'
import { newBuffer } from './graph.js'
import type { Buffer, Kernel, LoopKernel, Program, ScanKernel, Statement } from './kernel.js'
import type { Limits } from './limits.js'
import { nest } from './loops.js'
import { bufferBytes, plan } from './plan.js'
import { shareCopies } from './share.js'
import { type Cut, isSum, pieceOfContraction, pieceOfLoops, pieceOfSum } from './slices.js'

/** What cutting needs to know. */
export interface Blocking {
  readonly limits: Limits
  readonly normalize: Normalize
  readonly finish: (kernel: LoopKernel) => LoopKernel
}

export interface Member {
  readonly kernel: Kernel
  readonly cut: Cut
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

const sliceShape = (buffer: Buffer, pieces: number): readonly number[] => {
  const [first, ...rest] = buffer.shape
  return first !== undefined && first % pieces === 0 ? [first / pieces, ...rest] : [buffer.size / pieces]
}

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
  for (const buffer of group.sliced) buffers.set(buffer, newBuffer(buffer.dtype, sliceShape(buffer, pieces)))
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
  return loopsOver({ body, length: pieces, constants, sums, xs, ys }, limits, finish)
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
}

const scanOf = ({ body, length, constants, sums, xs, ys }: Iterations, initial: readonly Buffer[]): ScanKernel => {
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
  const { length, constants, sums, xs, ys } = all
  const most = Math.min(mostParts, length / 2, partBytes / total(sums))
  const parts =
    sums.length === 0
      ? 1
      : known(
          divisors(length).findLast((n) => n <= Math.max(1, most)),
          'divisor',
        )
  if (parts === 1) {
    const initial = sums.map((buffer) => newBuffer(buffer.dtype, buffer.shape))
    return [...initial.map(zeroed), scanOf(all, initial)]
  }
  const same = (buffer: Buffer): Buffer => newBuffer(buffer.dtype, buffer.shape)
  const slice = (buffer: Buffer): Buffer => newBuffer(buffer.dtype, sliceShape(buffer, parts))
  const part: Iterations = {
    body: all.body,
    length: length / parts,
    constants: constants.map(same),
    sums: sums.map(same),
    xs: xs.map(slice),
    ys: ys.map(slice),
  }
  const body = programOf(
    [...part.sums.map((sum) => finish(zeroed(sum))), scanOf(part, part.sums)],
    [...part.constants, ...part.xs],
    [...part.sums, ...part.ys],
  )
  const sumsOfParts = sums.map((buffer) => newBuffer(buffer.dtype, [parts, ...buffer.shape]))
  const joined = sums.map((buffer, i) =>
    elementwise(buffer, (at) => {
      const source = known(sumsOfParts[i], 'sums of parts')
      const partAt = (k: number): Expression => e.load(source, e.binary('add', at, e.index(k * buffer.size)))
      return Array.from({ length: parts - 1 }, (_, k) => k + 1).reduce(
        (value, k) => e.binary('add', value, partAt(k)),
        partAt(0),
      )
    }),
  )
  const outer = { body, length: parts, constants, sums: [], xs, ys: [...sumsOfParts, ...ys] }
  return [scanOf(outer, []), ...joined]
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
