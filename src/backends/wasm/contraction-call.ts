/** The function of a contraction: calls the shared product for every matrix of the batch, or for pieces of them on all threads. */
import { known } from '../../core/index.js'
import { type ContractionKernel, type MatrixLayout, layoutOf } from '../../compiler/kernel.js'
import { elementBytes } from './analysis.js'
import type { FunctionBuilder, ModuleBuilder } from './assembler.js'
import { type ContractionPlan, contractionImports } from './contraction.js'
import { type Cut, type Piece, again } from './contraction-pieces.js'
import { type Frame, pushScratch } from './frame.js'
import { sharing } from './sharing.js'
import type { ModuleContext } from './scopes.js'
import { blockColumns, blockRows } from './contraction-blocks.js'
import { ops } from './opcodes.js'

/** Parts that a job is cut into at most: twice the pieces that it should have. */
const mostParts = 32

/** A kernel that is run over rows of the result as soon as they are finished, while they are in a cache. */
export interface Follower {
  /** Index of the function that runs all of it. */
  readonly whole: number
  /** Index of its function over a range of iterations, and how many of them belong to a row. */
  readonly range: number
  readonly perRow: number
  /** Whether threads should share the work of the whole; and whether they can run the function at all. */
  readonly isLarge: boolean
  readonly isShareable: boolean
}

/** Calls the product for one piece, and the follower for its rows. */
const writePiece = (
  f: FunctionBuilder,
  pushAddress: ModuleContext['pushAddress'],
  kernel: ContractionKernel,
  plan: ContractionPlan,
  imports: readonly number[],
  along: Cut['along'],
  piece: Piece,
  follower?: Follower,
): void => {
  const { rows, columns, inner, left, right, out } = kernel
  const size = elementBytes(out.dtype)
  const { code } = f
  const [a, b, c] = [f.local('i32'), f.local('i32'), f.local('i32')]
  const isRows = along === 'rows'
  const place = (target: number, push: () => void, view: MatrixLayout, firstStride: number): void => {
    const { offset, batchStride, batchPeriod, periodStride = 0 } = view
    push()
    const add = (local: number, stride: number, part?: 'div' | 'rem'): void => {
      if (stride === 0) return
      code.get(local)
      if (part !== undefined && batchPeriod !== undefined) {
        code.i32(batchPeriod)
        code.op(part === 'div' ? ops['i32.div_u'] : ops['i32.rem_u'])
      }
      code.i32(stride * size)
      code.op(ops['i32.mul'])
      code.op(ops['i32.add'])
    }
    add(piece.batch, batchStride, 'rem')
    if (batchPeriod !== undefined) add(piece.batch, periodStride, 'div')
    add(piece.first, firstStride)
    if (offset !== 0) {
      code.i32(offset * size)
      code.op(ops['i32.add'])
    }
    code.set(target)
  }
  const from = (buffer: ContractionKernel['out']) => (): void => pushAddress(code, buffer)
  place(a, from(left.buffer), left, isRows ? left.rowStride : 0)
  place(b, from(right.buffer), right, isRows ? 0 : right.columnStride)
  const layout = layoutOf(kernel)
  place(c, from(out), layout, isRows ? layout.rowStride : 1)
  const row = f.local('i32')
  const end = f.local('i32')
  if (follower !== undefined) {
    code.i32(0)
    code.set(row)
    code.loop()
    code.get(row)
    code.i32(columns <= blockColumns ? blockRows : rows)
    code.op(ops['i32.add'])
    code.tee(end)
    code.get(piece.count)
    code.get(end)
    code.get(piece.count)
    code.op(ops['i32.lt_u'])
    code.op(ops.select)
    code.set(end)
  }
  if (plan.kind === 'product') {
    for (const local of [a, b, c]) code.get(local)
    if (isRows) {
      code.get(piece.count)
      code.i32(columns)
    } else {
      code.i32(rows)
      code.get(piece.count)
    }
    code.i32(inner)
    for (const stride of [left.rowStride, left.columnStride, right.rowStride, right.columnStride])
      code.i32(stride * size)
    code.i32(plan.inPlace ? 1 : 0)
    code.get(piece.scratch)
    code.i32(layout.rowStride * size)
    if (follower !== undefined) for (const local of [row, end]) code.get(local)
    else {
      code.i32(0)
      if (isRows) code.get(piece.count)
      else code.i32(rows)
    }
  } else {
    const [matrix, vector] = plan.matrix === 'left' ? [a, b] : [b, a]
    if (plan.vectorStride !== 1) {
      // The vector's elements side by side: one row of a gather.
      code.get(piece.scratch)
      code.i32(0)
      code.get(vector)
      code.i32(0)
      code.i32(plan.vectorStride * size)
      code.i32(1)
      code.i32(inner)
      code.call(known(imports[1], 'gather'))
    }
    code.get(matrix)
    code.get(plan.vectorStride !== 1 ? piece.scratch : vector)
    code.get(c)
    code.get(piece.count)
    code.i32(inner)
    code.i32(plan.stride * size)
  }
  code.call(known(imports[0], 'product'))
  if (follower === undefined) return
  for (const bound of [row, end]) {
    code.get(piece.batch)
    code.i32(rows)
    code.op(ops['i32.mul'])
    code.get(piece.first)
    code.op(ops['i32.add'])
    code.get(bound)
    code.op(ops['i32.add'])
    code.i32(follower.perRow)
    code.op(ops['i32.mul'])
  }
  code.call(follower.range)
  code.get(end)
  code.tee(row)
  code.get(piece.count)
  code.op(ops['i32.lt_u'])
  code.brIf(0)
  code.end()
}

/** One piece that is all of a matrix: along the axis that the product of a matrix and a vector has. */
const wholeCut = ({ rows, columns }: ContractionKernel, { kind }: ContractionPlan): Cut => {
  const along = kind === 'product' || columns === 1 ? 'rows' : 'columns'
  return { along, pieces: 1, length: along === 'rows' ? rows : columns }
}

/** Adds a function for a contraction, and what follows it, to the module; it takes nothing and returns nothing. */
export const emitContraction = (
  module: ModuleBuilder,
  frame: Frame,
  kernel: ContractionKernel,
  plan: ContractionPlan,
  { jobs, pushAddress }: ModuleContext,
  name: string,
  follower?: Follower,
): FunctionBuilder => {
  const { batch, rows, columns } = kernel
  const imports = contractionImports(plan).map(({ name, params, results }) => module.import(name, params, results))
  const shared = sharing.find()
  const usual = shared?.cutOf(kernel, plan, jobs?.scale ?? 1) ?? wholeCut(kernel, plan)
  // Pieces that are whole matrices, or rows of them, can be followed at once.
  const cut: Cut = usual.pieces === 1 && follower !== undefined ? { along: 'rows', pieces: 1, length: rows } : usual
  const extentOf = (along: Cut['along']): number => (along === 'rows' ? rows : columns)
  const units = batch * cut.pieces
  const isJob = jobs !== undefined && units > 1 && shared?.isLargeContraction(kernel, jobs.scale) === true
  const f = module.function(name, [], [])
  const { code } = f
  const writeAll = (along: Cut['along'], next?: Follower): void => {
    const piece = { batch: f.local('i32'), first: f.local('i32'), count: f.local('i32'), scratch: f.local('i32') }
    code.i32(extentOf(along))
    code.set(piece.count)
    code.i32(0)
    code.set(piece.batch)
    pushScratch(code, frame)
    code.set(piece.scratch)
    code.loop()
    writePiece(f, pushAddress, kernel, plan, imports, along, piece, next)
    again(code, piece.batch, () => code.i32(batch))
    code.end()
  }
  if (jobs !== undefined && (isJob || follower?.isLarge === true)) {
    jobs.pushHelp(code)
    code.if()
    const inPiece = isJob && cut.along === 'rows' && follower?.isShareable === true ? follower : undefined
    if (isJob) {
      const job = jobs.make((g) =>
        shared.writeJob(g, cut, extentOf(cut.along), (piece) =>
          writePiece(g, pushAddress, kernel, plan, imports, cut.along, piece, inPiece),
        ),
      )
      jobs.request(code, job, units, Math.ceil(units / mostParts))
    } else writeAll(cut.along)
    if (follower !== undefined && inPiece === undefined) code.call(follower.whole)
    code.op(ops.return)
    code.end()
  }
  writeAll(follower === undefined ? cut.along : 'rows', follower)
  return f
}
