/** A piece cut by what it writes: the part of it that some of its results need. */
import type { Expression } from '../../core/index.js'
import type { Buffer, Statement } from '../../compiler/index.js'
import { type Piece, hasParallel, variablesOf } from './schedule.js'

/** Locals that a statement sets, not counting those inside it. */
const setBy = (s: Statement): readonly Expression[] =>
  s.kind === 'assignAll' ? s.locals : s.kind === 'for' || s.kind === 'if' || s.kind === 'store' ? [] : [s.local]

/** Of statements, those that store to wanted arrays or set what such stores need; `needed` grows by what they use. */
const partOf = (
  list: readonly Statement[],
  wanted: ReadonlySet<Buffer>,
  needed: Set<Expression>,
): readonly Statement[] =>
  [...list]
    .reverse()
    .flatMap((s): readonly Statement[] => {
      if (s.kind === 'for' || s.kind === 'if') {
        const body = partOf(s.body, wanted, needed)
        if (body.length === 0) return []
        variablesOf([{ ...s, body: [] }], needed)
        return [{ ...s, body }]
      }
      if (s.kind === 'store' ? !wanted.has(s.buffer) : !setBy(s).some((local) => needed.has(local))) return []
      variablesOf([s], needed)
      return [s]
    })
    .reverse()

/** The piece with no other stores than those to the wanted arrays. */
export const storing = (piece: Piece, wanted: ReadonlySet<Buffer>): Piece => {
  const needed = new Set<Expression>()
  let body: readonly Statement[]
  let before: number
  // What a later turn of a loop needs is set by an earlier one, so that once over the list is not enough.
  do {
    before = needed.size
    body = partOf(piece.body, wanted, needed)
  } while (needed.size > before)
  return { ...piece, body, inStep: piece.inStep && hasParallel(body) }
}
