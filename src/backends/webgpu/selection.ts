/** Folds that keep the better of two elements, as argmax does: they may run in any order when ties go to the smaller position. */
import { type Expression, e, known } from '../../core/index.js'
import type { Statement } from '../../compiler/index.js'
import { linear } from '../../compiler/affine.js'
import { mentions } from './schedule.js'

type AssignAll = Extract<Statement, { readonly kind: 'assignAll' }>

/** `locals = better(locals, elements) ? elements : locals`, where one of the elements is the position. */
export interface Selection {
  readonly locals: readonly Expression[]
  readonly elements: readonly Expression[]
  readonly better: Expression
  /** Which of the locals is the position. */
  readonly position: number
}

/** Positions that rise in the order of the loops, the last one innermost. */
const rises = (x: Expression, loops: readonly Expression[]): boolean => {
  if (x.dtype !== 'int32') return false
  const { terms } = linear(x)
  if ([...terms.keys()].some((atom) => !loops.includes(atom) && mentions(atom, loops))) return false
  let reach = 1
  for (const loop of [...loops].reverse()) {
    const step = terms.get(loop) ?? 0
    if (step < reach) return false
    reach = step * (loop.extent ?? 1)
  }
  return true
}

/** The preference between two sets of values: `better` with other accumulators and other elements. */
export const prefer = (
  { locals, elements, better }: Selection,
  kept: readonly Expression[],
  offered: readonly Expression[],
): Expression =>
  e.substitute(better, (x) => {
    const element = elements.indexOf(x)
    if (element >= 0) return offered[element]
    const local = locals.indexOf(x)
    return local >= 0 ? kept[local] : undefined
  })

/** Whether the values offered replace those that are kept, wherever either came from. */
export const takes = (
  selection: Selection,
  kept: readonly Expression[],
  offered: readonly Expression[],
): Expression => {
  const earlier = e.compare(
    'lt',
    known(offered[selection.position], 'position'),
    known(kept[selection.position], 'position'),
  )
  const tie = e.unary('not', prefer(selection, offered, kept))
  return e.binary('or', prefer(selection, kept, offered), e.binary('and', tie, earlier))
}

const leavesOf = (root: Expression): readonly Expression[] =>
  e.topological([root]).filter((x) => x.op === 'variable' || x.op === 'load')

/** What a statement inside sequential loops selects, if that is what it does. */
export const selectionOf = (s: AssignAll, loops: readonly Expression[]): Selection | undefined => {
  const [first] = s.values
  const better = first?.op === 'select' ? first.args[0] : undefined
  if (better === undefined) return undefined
  const elements: Expression[] = []
  for (const [k, value] of s.values.entries()) {
    const [condition, element, kept] = value.args
    if (value.op !== 'select' || condition !== better || element === undefined || kept !== s.locals[k]) return undefined
    elements.push(element)
  }
  const position = elements.findIndex((x) => rises(x, loops))
  if (position < 0) return undefined
  const selection: Selection = { locals: s.locals, elements, better, position }
  const kept = s.locals.map(({ dtype }) => e.variable(dtype))
  const offered = s.locals.map(({ dtype }) => e.variable(dtype))
  const both = new Set([...kept, ...offered])
  return leavesOf(prefer(selection, kept, offered)).every((x) => both.has(x)) ? selection : undefined
}
