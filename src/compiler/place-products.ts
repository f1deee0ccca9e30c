/** Products whose results are written where a copy would have moved them: heads of attention, side by side again. */
import type { Expression } from '../core/index.js'
import { accesses } from './accesses.js'
import { linear } from './affine.js'
import type { LoopDraft } from './draft.js'
import type { Buffer, ContractionKernel, Kernel, MatrixLayout, Statement } from './kernel.js'
import { renameKernel } from './rename.js'

/** A loop over the elements of a copy: its extent, and how far it moves in the array that is copied and in the copy. */
interface Axis {
  readonly extent: number
  readonly from: number
  readonly to: number
}

interface Copy {
  readonly target: Buffer
  /** Those that move farthest in the source first. */
  readonly axes: readonly Axis[]
}

const axisOf = (variable: Expression, extent: number, from: Expression, to: Expression): Axis => ({
  extent,
  from: linear(from).terms.get(variable) ?? 0,
  to: linear(to).terms.get(variable) ?? 0,
})

/** Whether an index is a sum of multiples of the variables and nothing else. */
const isPlain = (index: Expression, variables: ReadonlySet<Expression>): boolean => {
  const { constant, terms } = linear(index)
  return constant === 0 && [...terms.keys()].every((atom) => variables.has(atom))
}

/** Whether axes, told by their strides and extents, walk every element of an array once. */
const isDense = (axes: readonly { readonly stride: number; readonly extent: number }[], size: number): boolean => {
  let expected = 1
  for (const { stride, extent } of axes.toSorted((a, b) => a.stride - b.stride)) {
    if (stride !== expected) return false
    expected *= extent
  }
  return expected === size
}

/** The copies of all elements of an array to other places in others that a kernel makes, if it does nothing else. */
const copiesIn = (kernel: LoopDraft, source: Buffer): readonly Copy[] | undefined => {
  if (kernel.sum !== undefined || kernel.trusted !== undefined) return undefined
  const loops: Extract<Statement, { readonly kind: 'for' }>[] = []
  let { body } = kernel
  for (let [only] = body; only?.kind === 'for' && only.order === 'parallel' && body.length === 1; [only] = body) {
    loops.push(only)
    body = only.body
  }
  const variables = new Set(loops.map((loop) => loop.variable))
  const copies = body.map((s): Copy | undefined => {
    if (s.kind !== 'store' || s.value.op !== 'load' || s.value.source !== source) return undefined
    const { buffer: target, index } = s
    const [at] = s.value.args
    if (at === undefined || source === target || source.size !== target.size) return undefined
    if (!isPlain(at, variables) || !isPlain(index, variables)) return undefined
    const axes = loops
      .map(({ variable, extent }) => axisOf(variable, extent, at, index))
      .sort((x, y) => y.from - x.from)
    const isWhole =
      isDense(
        axes.map(({ from, extent }) => ({ stride: from, extent })),
        source.size,
      ) &&
      isDense(
        axes.map(({ to, extent }) => ({ stride: to, extent })),
        source.size,
      )
    return isWhole ? { target, axes } : undefined
  })
  const all = copies.flatMap((copy) => copy ?? [])
  return all.length === copies.length ? all : undefined
}

/** The one stride of neighbouring axes in the copy, if they lie like one axis there. */
const strideOf = (axes: readonly Axis[]): number | undefined => {
  let expected: number | undefined
  for (const { to, extent } of axes.toReversed()) {
    if (expected !== undefined && to !== expected) return undefined
    expected = to * extent
  }
  return axes.at(-1)?.to ?? 0
}

/** The axes with those cut in two that go on from within blocks of so many elements to the next ones; none if that is not even. */
const cutAt = (axes: readonly Axis[], size: number): readonly Axis[] =>
  axes.flatMap(({ extent, from, to }): readonly Axis[] => {
    const inside = size / from
    if (from >= size || from * extent <= size) return [{ extent, from, to }]
    if (!Number.isInteger(inside) || extent % inside !== 0) return []
    return [
      { extent: extent / inside, from: size, to: to * inside },
      { extent: inside, from, to },
    ]
  })

const sizeOf = (axes: readonly Axis[]): number => axes.reduce((n, { extent }) => n * extent, 1)

/** Where a product's result would lie in a copy of it. */
const layoutIn = ({ rows, columns }: ContractionKernel, { axes }: Copy): MatrixLayout | undefined => {
  const matrix = rows * columns
  const cut = cutAt(cutAt(axes, matrix), columns)
  const within = (from: number, to: number): readonly Axis[] => cut.filter((a) => a.from >= from && a.from < to)
  const [inRow, ofRows, ofMatrices] = [within(0, columns), within(columns, matrix), within(matrix, Infinity)]
  if (sizeOf(inRow) !== columns || sizeOf(ofRows) !== rows || sizeOf(axes) !== sizeOf(cut)) return undefined
  const [columnStride, rowStride] = [strideOf(inRow), strideOf(ofRows)]
  if (columnStride !== 1 || rowStride === undefined) return undefined
  const batchStride = strideOf(ofMatrices)
  if (batchStride !== undefined) return { offset: 0, batchStride, rowStride, columnStride }
  for (let first = 1; first < ofMatrices.length; first++) {
    const inside = ofMatrices.slice(first)
    const [batchStride, periodStride] = [strideOf(inside), strideOf(ofMatrices.slice(0, first))]
    if (batchStride === undefined || periodStride === undefined) continue
    return { offset: 0, batchStride, batchPeriod: sizeOf(inside), periodStride, rowStride, columnStride }
  }
  return undefined
}

const isAlike = (a: MatrixLayout, b: MatrixLayout): boolean =>
  a.batchStride === b.batchStride &&
  a.batchPeriod === b.batchPeriod &&
  a.periodStride === b.periodStride &&
  a.rowStride === b.rowStride

/** What is known of an array: who reads it, and how many kernels write it. */
interface Uses {
  readonly readers: Kernel[]
  writers: number
}

/**
 * The kernels without copies that move nothing but a product's result, which nobody else reads: the product writes it
 * there, once for all of them. Elements of a row stay neighbours; `outputs` are results of the program, which are kept.
 */
export const placeProducts = (
  kernels: readonly Kernel[],
  inputs: readonly Buffer[],
  outputs: ReadonlySet<Buffer>,
): readonly Kernel[] => {
  const uses = new Map<Buffer, Uses>(inputs.map((buffer) => [buffer, { readers: [], writers: 1 }]))
  const usesOf = (buffer: Buffer): Uses => {
    const found = uses.get(buffer) ?? { readers: [], writers: 0 }
    uses.set(buffer, found)
    return found
  }
  for (const kernel of kernels) {
    const { reads, writes } = accesses(kernel)
    for (const buffer of new Set(reads)) usesOf(buffer).readers.push(kernel)
    for (const buffer of new Set(writes)) usesOf(buffer).writers++
  }
  const places = new Map<Buffer, Buffer>()
  const placed = new Map<Kernel, ContractionKernel>()
  const dropped = new Set<Kernel>()
  for (const kernel of kernels) {
    if (kernel.kind !== 'contraction' || kernel.rows === 1 || kernel.columns === 1 || outputs.has(kernel.out)) continue
    const { readers, writers } = usesOf(kernel.out)
    const moves = readers.map((reader) => (reader.kind === 'loops' ? copiesIn(reader, kernel.out) : undefined))
    const copies = moves.flatMap((list) => list ?? [])
    const [first] = copies
    if (first === undefined || moves.includes(undefined) || writers > 1) continue
    const layouts = copies.map((copy) => layoutIn(kernel, copy))
    const results = copies.filter(({ target }) => outputs.has(target))
    const [layout] = layouts
    if (layout === undefined || results.length > 1) continue
    if (!layouts.every((other) => other !== undefined && isAlike(layout, other))) continue
    if (copies.some(({ target }) => usesOf(target).writers > 1)) continue
    const { target } = results[0] ?? first
    placed.set(kernel, { ...kernel, out: target, placed: layout })
    for (const copy of copies) places.set(copy.target, target)
    for (const reader of readers) dropped.add(reader)
  }
  if (dropped.size === 0) return kernels
  return kernels.flatMap((kernel) =>
    dropped.has(kernel) ? [] : (renameKernel(placed.get(kernel) ?? kernel, (b) => places.get(b) ?? b) ?? []),
  )
}
