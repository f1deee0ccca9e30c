/** Contractions on all threads: how matrices are cut into pieces, and the job that computes them. */
import type { ContractionKernel } from '../../compiler/kernel.js'
import type { FunctionBuilder } from './assembler.js'
import { type Cut, type Piece, again } from './contraction-pieces.js'
import type { ContractionPlan } from './contraction.js'
import { ops } from './opcodes.js'

/** Operations of a piece, from which on it is not worth cutting further: about 10 us. */
const pieceOperations = 600_000
/** Pieces begin at multiples of this many rows or columns, so that all but the last are whole panels. */
const pieceMultiple = 16
/** The same where rows of a matrix stream by: shorter stretches of them waste what memory fetches ahead. */
const streamMultiple = 1024
/** Pieces that a job should have, so that threads end at about the same time. */
const wantedPieces = 16
/** The same where more pieces mean more copying, and the fewest that are as good as many. */
const fewPieces = 4

/** The pieces that matrices are cut into, if several threads compute them. */
export const cutOf = (kernel: ContractionKernel, plan: ContractionPlan, scale: number): Cut => {
  const { batch, rows, columns, inner, left } = kernel
  const multiple = plan.kind === 'stream' ? streamMultiple : pieceMultiple
  const most = Math.min(wantedPieces / batch, (2 * rows * columns * inner) / (pieceOperations * scale))
  const cut = (along: Cut['along'], limit: number): Cut => {
    const extent = along === 'rows' ? rows : columns
    const pieces = Math.max(1, Math.min(most, limit, extent / multiple))
    const length = Math.ceil(Math.ceil(extent / pieces) / multiple) * multiple
    return { along, pieces: Math.ceil(extent / length), length }
  }
  if (plan.kind !== 'product') return cut(columns === 1 ? 'rows' : 'columns', wantedPieces)
  // Each piece packs for itself what it shares with the others: the left matrix or the right one.
  const byColumns = cut('columns', left.columnStride === 1 ? wantedPieces : fewPieces)
  const byRows = cut('rows', plan.inPlace ? wantedPieces : fewPieces)
  if (Math.min(byColumns.pieces, byRows.pieces) < fewPieces)
    return byRows.pieces > byColumns.pieces ? byRows : byColumns
  if (left.columnStride === 1) return byColumns
  // Copying the left matrix, whose rows are not in a line, takes longer.
  return plan.inPlace || rows >= columns ? byRows : byColumns
}

/** A job over all pieces of all matrices. */
export const writeJob = (f: FunctionBuilder, cut: Cut, extent: number, write: (piece: Piece) => void): void => {
  const [at, end, scratch] = [0, 1, 2]
  const { code } = f
  const piece = { batch: f.local('i32'), first: f.local('i32'), count: f.local('i32'), scratch }
  code.loop()
  code.get(at)
  code.i32(cut.pieces)
  code.op(ops['i32.div_u'])
  code.set(piece.batch)
  code.get(at)
  code.i32(cut.pieces)
  code.op(ops['i32.rem_u'])
  code.i32(cut.length)
  code.op(ops['i32.mul'])
  code.tee(piece.first)
  code.i32(extent - cut.length)
  code.op(ops['i32.le_s'])
  code.if('i32')
  code.i32(cut.length)
  code.else()
  code.i32(extent)
  code.get(piece.first)
  code.op(ops['i32.sub'])
  code.end()
  code.set(piece.count)
  write(piece)
  again(code, at, () => code.get(end))
  code.end()
}
