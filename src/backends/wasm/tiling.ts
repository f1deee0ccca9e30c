/** Loops that read across the rows of an operand: cut into tiles, four rows side by side, so that registers transpose. */
import { type Expression, dtypeBytes, e, known } from '../../core/index.js'
import { linear } from '../../compiler/affine.js'
import { substituteDecomposed } from '../../scalar/decompose.js'
import { type Buffer, type Statement, mapExpressions } from '../../compiler/index.js'
import { type Loop, rootsOf } from './analysis.js'

/** Rows that are walked together: as many as a vector has lanes. */
const rowsAtOnce = 4
/** Columns of a tile: its lines of the operand stay in the first-level cache while all rows are walked. */
const tileColumns = 32

/** A nest of parallel loops around stores, outermost first. */
interface Nest {
  readonly loops: readonly Loop[]
  readonly body: readonly Statement[]
}

const nestOf = (loop: Loop): Nest | undefined => {
  const loops: Loop[] = []
  let at: Loop = loop
  for (;;) {
    if (at.order !== 'parallel') return undefined
    loops.push(at)
    const [only] = at.body
    if (only?.kind !== 'for' || at.body.length !== 1) break
    at = only
  }
  return at.body.every((s) => s.kind === 'store') ? { loops, body: at.body } : undefined
}

/** The loop along which operands are contiguous although the innermost one is not, if there is one. */
const crossLoop = ({ loops, body }: Nest): Loop | undefined => {
  const inner = known(loops.at(-1), 'loop').variable
  const candidates = loops.slice(0, -1).filter((loop) => loop.extent >= 2 * rowsAtOnce)
  if (candidates.length === 0 || (inner.extent ?? 1) < 2 * rowsAtOnce) return undefined
  let found: Loop | undefined
  const seen = new Set<Expression>()
  const visit = (x: Expression): void => {
    if (found !== undefined || seen.has(x)) return
    seen.add(x)
    const at = x.args[0]
    if (x.op === 'load' && at !== undefined && dtypeBytes((x.source as Buffer).dtype) === 4) {
      const { terms } = linear(at)
      const plain = [...terms.keys()].every((atom) => atom.op === 'variable')
      if (plain && Math.abs(terms.get(inner) ?? 0) >= rowsAtOnce) {
        found = candidates.find((loop) => terms.get(loop.variable) === 1)
      }
    }
    x.args.forEach(visit)
  }
  for (const s of body) {
    if (s.kind !== 'store' || linear(s.index).terms.get(inner) !== 1) return undefined
    rootsOf(s).forEach(visit)
  }
  return found
}

const replaced = (
  body: readonly Statement[],
  replacements: ReadonlyMap<Expression, Expression>,
): readonly Statement[] => {
  const memo = new Map(replacements)
  return body.map((s) => mapExpressions(s, (x) => substituteDecomposed(x, memo)))
}

const parallel = (variables: readonly Expression[], body: readonly Statement[]): readonly Statement[] =>
  variables.reduceRight<readonly Statement[]>(
    (inside, variable) => [{ kind: 'for', variable, extent: variable.extent ?? 1, order: 'parallel', body: inside }],
    body,
  )

const plus = (x: Expression, offset: number): Expression => e.binary('add', x, e.index(offset))
const times = (x: Expression, factor: number): Expression => e.binary('mul', x, e.index(factor))

const tiled = (nest: Nest, cross: Loop): readonly Statement[] => {
  const column = known(nest.loops.at(-1), 'loop')
  const others = nest.loops.filter((loop) => loop !== cross && loop !== column).map((loop) => loop.variable)
  const groups = Math.floor(cross.extent / rowsAtOnce)
  const restRows = cross.extent - groups * rowsAtOnce
  const tiles = column.extent >= 2 * tileColumns ? Math.floor(column.extent / tileColumns) : 0
  const restColumns = column.extent - tiles * tileColumns
  /** Four rows at once, for columns given by `columnOf`. */
  const rows = (columns: readonly Expression[], inner: Expression, columnOf: Expression): readonly Statement[] => {
    const group = e.variable('int32', groups)
    const body = Array.from({ length: rowsAtOnce }, (_, row) =>
      replaced(
        nest.body,
        new Map([
          [cross.variable, plus(times(group, rowsAtOnce), row)],
          [column.variable, columnOf],
        ]),
      ),
    )
    return parallel([...others, ...columns, group, inner], body.flat())
  }
  const out: Statement[] = []
  if (tiles > 0) {
    const tile = e.variable('int32', tiles)
    const inner = e.variable('int32', tileColumns)
    out.push(...rows([tile], inner, e.binary('add', times(tile, tileColumns), inner)))
  }
  if (restColumns > 0) {
    const inner = e.variable('int32', restColumns)
    out.push(...rows([], inner, plus(inner, tiles * tileColumns)))
  }
  if (restRows > 0) {
    const row = e.variable('int32', restRows)
    const inner = e.variable('int32', column.extent)
    const body = replaced(
      nest.body,
      new Map([
        [cross.variable, plus(row, groups * rowsAtOnce)],
        [column.variable, inner],
      ]),
    )
    out.push(...parallel([...others, row, inner], body))
  }
  return out
}

/** The statements with every nest that reads across rows cut into tiles. */
export const tileTransposes = (statements: readonly Statement[]): readonly Statement[] =>
  statements.flatMap((s): readonly Statement[] => {
    const nest = s.kind === 'for' ? nestOf(s) : undefined
    const cross = nest === undefined ? undefined : crossLoop(nest)
    return nest === undefined || cross === undefined ? [s] : tiled(nest, cross)
  })
