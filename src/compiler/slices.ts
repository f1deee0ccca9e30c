/** Kernels in pieces: which part of every array a piece touches when the outermost loop is cut into equal ranges. */
import { type Expression, e, isFloating, known } from '../core/index.js'
import { type Normalize, linear } from './affine.js'
import type { LoopDraft } from './draft.js'
import { expressionsOf, mapExpressions } from './finish.js'
import { newBuffer } from './graph.js'
import {
  type Buffer,
  type ContractionKernel,
  type Kernel,
  type LoopKernel,
  type MatrixLayout,
  type MatrixView,
  type Statement,
  layoutOf,
} from './kernel.js'
import { type Rewrite, nest } from './loops.js'
import { needsPartial, reduceColumns } from './reduction.js'
import { type Apart, isAlike } from './spreads.js'

/** Statements of a piece; those of several rows leave what is still to be added to the sum in `part`. */
export interface PieceOfSum {
  readonly statements: readonly Statement[]
  readonly part?: Buffer
}

type Loop = Extract<Statement, { readonly kind: 'for' }>

/** Along what a kernel is cut: its loops, or an axis of its matrices; along `inner` and `sum` the pieces are added up. */
export type Cut = 'loops' | 'batch' | 'rows' | 'inner' | 'sum'

/** Whether the results of the pieces are parts of a sum. */
export const isSum = (cut: Cut): boolean => cut === 'inner' || cut === 'sum'

/** A kernel and how it is cut. */
export interface Member {
  readonly kernel: Kernel
  readonly cut: Cut
}

/**
 * Arrays that piece k of n touches in slice k of n, and those that every piece reads anywhere. Slices are n ranges of equal
 * size, but of the arrays in `apart`.
 */
export interface Slicing {
  readonly sliced: ReadonlySet<Buffer>
  readonly apart: ReadonlyMap<Buffer, Apart>
  readonly whole: ReadonlySet<Buffer>
}

/** The ways to cut a kernel, and into how many pieces at most: any divisor will do. */
export const cutsOf = (kernel: Kernel): readonly { readonly cut: Cut; readonly extent: number }[] => {
  if (kernel.kind === 'contraction') {
    const { batch, rows, inner, left, right } = kernel
    if (batch > 1) {
      // Pieces are parts of periods, or whole ones; of periods that repeat only whole ones.
      const views = [left, right, layoutOf(kernel)]
      const extentOf = (periods: readonly (number | undefined)[]): number =>
        batch / periods.reduce<number>((a, b) => commonMultiple(a, b ?? 1), 1)
      const extents = [
        extentOf(views.map(({ batchPeriod, periodStride = 0 }) => (periodStride === 0 ? batchPeriod : 1))),
        extentOf(views.map(({ batchPeriod }) => batchPeriod)),
      ]
      return [...new Set(extents)].filter((extent) => extent > 1).map((extent) => ({ cut: 'batch', extent }))
    }
    return [
      { cut: 'rows', extent: rows },
      { cut: 'inner', extent: inner },
    ]
  }
  if (kernel.kind !== 'loops') return []
  const axis = summedAxis(kernel)
  if (axis !== undefined) return [{ cut: 'sum', extent: axis.extent ?? 1 }]
  let extent = 0
  for (const s of kernel.body) {
    if (s.kind === 'define') continue
    if (s.kind !== 'for' || s.order !== 'parallel') return []
    extent = greatestDivisor(extent, s.extent)
  }
  return [{ cut: 'loops', extent }]
}

/** The outermost axis that a sum down columns walks, if all of it is one sum. */
const summedAxis = ({ sum }: LoopDraft): Expression | undefined =>
  sum?.op === 'add' && sum.init === 0 && sum.outer.length === 0
    ? sum.reduced.find((variable) => variable.op !== 'const')
    : undefined

/** Greatest common divisor; of 0 and b it is b. */
export const greatestDivisor = (a: number, b: number): number => (a === 0 ? b : greatestDivisor(b % a, a))

const commonMultiple = (a: number, b: number): number => (a * b) / greatestDivisor(a, b)

/** The arrays of a kernel in n pieces, or undefined when a piece would need something outside its ranges. */
export const slicingOf = (kernel: Kernel, cut: Cut, n: number, normalize: Normalize): Slicing | undefined => {
  let tried = slicings.get(kernel)
  if (tried === undefined) slicings.set(kernel, (tried = new Map()))
  const key = `${cut} ${n}`
  const found = tried.get(key)
  if (found !== undefined || tried.has(key)) return found
  const slicing = findSlicing(kernel, cut, n, normalize)
  tried.set(key, slicing)
  return slicing
}

/** What was found before: groups try the same kernels again and again. */
const slicings = new WeakMap<Kernel, Map<string, Slicing | undefined>>()

const findSlicing = (kernel: Kernel, cut: Cut, n: number, normalize: Normalize): Slicing | undefined => {
  if (kernel.kind === 'contraction') return sliceContraction(kernel, cut, n)
  if (kernel.kind !== 'loops') return undefined
  return cut === 'sum' ? sliceSum(kernel, n, normalize) : sliceLoops(kernel.body, n, normalize)
}

/** What a sum down columns reads: as if every row of it were an iteration of a loop. */
const sliceSum = (kernel: LoopDraft, n: number, normalize: Normalize): Slicing | undefined => {
  const variable = summedAxis(kernel)
  if (variable === undefined || kernel.sum === undefined) return undefined
  const { element } = kernel.sum
  const body: readonly Statement[] = [{ kind: 'define', local: e.variable(element.dtype), value: element }]
  const loop: Loop = { kind: 'for', variable, extent: variable.extent ?? 1, order: 'parallel', body }
  return sliceLoops([loop], n, normalize)
}

/** The variable of a loop within one of n pieces. */
const pieceVariable = (extent: number, n: number): Expression =>
  extent === n ? e.index(0) : e.variable('int32', extent / n)

const sliceLoops = (statements: readonly Statement[], n: number, normalize: Normalize): Slicing | undefined => {
  const sliced = new Set<Buffer>()
  const whole = new Set<Buffer>()
  let possible = true
  const analyze = (list: readonly Statement[], loop: Loop | undefined): void => {
    const inside = loop === undefined ? e.index(0) : pieceVariable(loop.extent, n)
    const rewrite = normalize.renaming(new Map(loop === undefined ? [] : [[loop.variable, inside]]))
    const seen = new Set<Expression>()
    const access = (buffer: Buffer, at: Expression, isStore: boolean): void => {
      const { terms } = linear(at)
      const step = loop === undefined ? 0 : (terms.get(loop.variable) ?? 0)
      for (const atom of terms.keys()) if (atom !== loop?.variable) visit(atom)
      if (step === 0) {
        whole.add(buffer)
        if (isStore) possible = false
        return
      }
      sliced.add(buffer)
      if (!possible || loop === undefined) return
      const range = e.bounds(rewrite(at))
      if (step * loop.extent !== buffer.size || range.min < 0 || range.max >= buffer.size / n) possible = false
    }
    const visit = (x: Expression): void => {
      if (seen.has(x) || !possible) return
      seen.add(x)
      if (x === loop?.variable) possible = false
      else if (x.op === 'load') access(x.source as Buffer, known(x.args[0], 'index of a load'), false)
      else x.args.forEach(visit)
    }
    const walk = (inside: readonly Statement[]): void => {
      for (const s of inside) {
        if (s.kind === 'store') {
          access(s.buffer, s.index, true)
          visit(s.value)
        } else expressionsOf(s).forEach(visit)
        if (s.kind === 'for' || s.kind === 'if') walk(s.body)
      }
    }
    walk(list)
  }
  for (const s of statements) {
    if (s.kind === 'for' && s.extent % n === 0) analyze(s.body, s)
    else if (s.kind === 'define') analyze([s], undefined)
    else return undefined
    if (!possible) return undefined
  }
  for (const buffer of sliced) if (whole.has(buffer)) return undefined
  return { sliced, whole, apart: new Map() }
}

/** Whether a view lies in one of n equal parts of its buffer, when the axis of this stride is cut. */
const viewFits = (
  view: MatrixView,
  axes: readonly [number, number][],
  cutStride: number,
  cutExtent: number,
  n: number,
) => {
  if (cutStride * cutExtent !== view.buffer.size) return false
  const { low, high } = span(view, [...axes, [cutExtent / n, cutStride]])
  return low >= 0 && high < view.buffer.size / n
}

/** First and last element of a view along some axes. */
const span = (view: MatrixView, axes: readonly [number, number][]): { readonly low: number; readonly high: number } => {
  let low = view.offset
  let high = view.offset
  for (const [extent, stride] of axes) {
    const reach = (extent - 1) * stride
    if (reach < 0) low += reach
    else high += reach
  }
  return { low, high }
}

/** The slices of a view in which each of the pieces has `each` matrices, a part of a period. */
const apartIn = (
  view: MatrixView,
  axes: readonly [number, number][],
  batch: number,
  each: number,
): Apart | undefined => {
  const { batchPeriod = 1, batchStride, periodStride = 0 } = view
  if (batchPeriod % each !== 0 || batchStride <= 0 || periodStride <= 0) return undefined
  const { low, high } = span(view, [...axes, [each, batchStride]])
  const spread = { stride: each * batchStride, period: batchPeriod / each, periodStride }
  const last = (batch / batchPeriod - 1) * periodStride + (batchPeriod - each) * batchStride
  return low < 0 || last + high >= view.buffer.size ? undefined : { ...spread, reach: high + 1 }
}

const sliceContraction = (kernel: ContractionKernel, cut: Cut, n: number): Slicing | undefined => {
  const { left, right, batch, rows, columns, inner, out } = kernel
  const sliced = new Set<Buffer>()
  const whole = new Set<Buffer>()
  const apart = new Map<Buffer, Apart>()
  const even: Buffer[] = []
  const add = (view: MatrixView, axes: readonly [number, number][], stride: number, extent: number): boolean => {
    if (stride === 0) {
      whole.add(view.buffer)
      return true
    }
    sliced.add(view.buffer)
    even.push(view.buffer)
    return extent % n === 0 && viewFits(view, axes, stride, extent, n)
  }
  const leftAxes: [number, number][] = [
    [rows, left.rowStride],
    [inner, left.columnStride],
  ]
  const rightAxes: [number, number][] = [
    [inner, right.rowStride],
    [columns, right.columnStride],
  ]
  const result: MatrixView = { ...layoutOf(kernel), buffer: out }
  const resultAxes: [number, number][] = [
    [rows, result.rowStride],
    [columns, result.columnStride],
  ]
  let fits = false
  if (cut === 'batch') {
    const addSide = (view: MatrixView, axes: readonly [number, number][]): boolean => {
      const { batchPeriod, periodStride = 0 } = view
      if (batchPeriod === undefined) return add(view, axes, view.batchStride, batch)
      const each = batch / n
      if (each % batchPeriod === 0)
        return add(view, [...axes, [batchPeriod, view.batchStride]], periodStride, batch / batchPeriod)
      const slices = apartIn(view, axes, batch, each)
      const other = apart.get(view.buffer)
      if (slices === undefined || (other !== undefined && !isAlike(slices, other))) return false
      sliced.add(view.buffer)
      apart.set(view.buffer, { ...slices, reach: Math.max(slices.reach, other?.reach ?? 0) })
      return true
    }
    fits = addSide(left, leftAxes) && addSide(right, rightAxes) && addSide(result, resultAxes)
    if (even.some((buffer) => apart.has(buffer))) return undefined
  } else if (cut === 'rows') {
    fits =
      add(left, leftAxes.slice(1), left.rowStride, rows) && add(result, resultAxes.slice(1), result.rowStride, rows)
    whole.add(right.buffer)
  } else if (cut === 'inner' && left.columnStride !== 0 && right.rowStride !== 0) {
    fits =
      add(left, leftAxes.slice(0, 1), left.columnStride, inner) &&
      add(right, rightAxes.slice(1), right.rowStride, inner)
  }
  for (const buffer of sliced) if (whole.has(buffer)) return undefined
  return fits ? { sliced, whole, apart } : undefined
}

/** What an expression of a piece becomes: other buffers, in place of the loop variable another expression. */
const pieceRewrite = (
  variable: Expression | undefined,
  inside: Expression,
  buffers: ReadonlyMap<Buffer, Buffer>,
  normalize: Normalize,
): Rewrite => {
  const memo = new Map<Expression, Expression>()
  if (variable !== undefined) memo.set(variable, inside)
  const move = (x: Expression): Expression => {
    const done = memo.get(x)
    if (done !== undefined) return done
    let out = x
    if (x.args.length > 0) {
      const buffer = x.op === 'load' ? buffers.get(x.source as Buffer) : undefined
      out = buffer === undefined ? e.rebuildWith(x, move) : e.load(buffer, move(known(x.args[0], 'index of a load')))
    }
    memo.set(x, out)
    return out
  }
  return (x) => normalize(move(x))
}

const moveStores = (s: Statement, buffers: ReadonlyMap<Buffer, Buffer>): Statement => {
  if (s.kind === 'store') return { ...s, buffer: buffers.get(s.buffer) ?? s.buffer }
  if (s.kind === 'for' || s.kind === 'if') return { ...s, body: s.body.map((inside) => moveStores(inside, buffers)) }
  return s
}

/** One of n pieces of a loop kernel, over the ranges that it touches: the statements with `buffers` in place of the arrays. */
export const pieceOfLoops = (
  kernel: LoopKernel,
  n: number,
  buffers: ReadonlyMap<Buffer, Buffer>,
  normalize: Normalize,
): readonly Statement[] =>
  kernel.body.flatMap((s): readonly Statement[] => {
    const variable = s.kind === 'for' ? s.variable : undefined
    const inside = s.kind === 'for' ? pieceVariable(s.extent, n) : e.index(0)
    const rewrite = pieceRewrite(variable, inside, buffers, normalize)
    const moved = mapExpressions(moveStores(s, buffers), rewrite)
    if (moved.kind !== 'for') return [moved]
    return inside.op === 'const' ? moved.body : [{ ...moved, variable: inside, extent: moved.extent / n }]
  })

/** One of n pieces of a sum down columns, added to `total`. */
export const pieceOfSum = (
  kernel: LoopDraft,
  n: number,
  buffers: ReadonlyMap<Buffer, Buffer>,
  total: Buffer,
  normalize: Normalize,
): PieceOfSum => {
  const sum = known(kernel.sum, 'sum')
  const variable = known(summedAxis(kernel), 'axis of a sum')
  const inside = pieceVariable(variable.extent ?? 1, n)
  const reduced = sum.reduced.map((v) => (v === variable ? inside : v)).filter((v) => v.op !== 'const')
  const element = pieceRewrite(variable, inside, buffers, normalize)(sum.element)
  if (reduced.length === 0) {
    // A single row needs no sum of its own.
    const value = e.binary('add', e.load(total, sum.at), element)
    return { statements: nest(sum.columns, 'parallel', [{ kind: 'store', buffer: total, index: sum.at, value }]) }
  }
  const part = newBuffer(total.dtype, total.shape)
  const blocked = needsPartial(isFloating(part.dtype), sum.op, reduced)
  const partial = blocked ? newBuffer(part.dtype, part.shape) : undefined
  return { part, statements: reduceColumns({ ...sum, reduced, element, buffer: part, partial }) }
}

/** One of n pieces of a contraction, over the ranges that it touches; along `inner` its result is a part of the sum. */
export const pieceOfContraction = (
  kernel: ContractionKernel,
  cut: Cut,
  n: number,
  buffers: ReadonlyMap<Buffer, Buffer>,
): ContractionKernel => {
  const batch = cut === 'batch' ? kernel.batch / n : kernel.batch
  const inside = (layout: MatrixLayout): MatrixLayout => {
    const { batchPeriod, offset, batchStride, rowStride, columnStride } = layout
    // A piece within a period knows nothing of it.
    return batch <= (batchPeriod ?? 0) ? { offset, batchStride, rowStride, columnStride } : layout
  }
  const moved = (view: MatrixView): MatrixView => ({
    ...inside(view),
    buffer: buffers.get(view.buffer) ?? view.buffer,
  })
  return {
    ...kernel,
    left: moved(kernel.left),
    right: moved(kernel.right),
    out: buffers.get(kernel.out) ?? kernel.out,
    placed: kernel.placed && inside(kernel.placed),
    batch,
    rows: cut === 'rows' ? kernel.rows / n : kernel.rows,
    inner: cut === 'inner' ? kernel.inner / n : kernel.inner,
  }
}
