/**
 * Scatters side by side: updates are sorted by where they go, so that those of one target are neighbours. Of updates that replace, the
 * last one of each target counts; others are joined by invocations that take a few neighbours each. Who joins which follows from
 * the indices alone, so the same program gives the same bits, whoever is faster.
 */
import { type Expression, e } from '../../core/index.js'
import type { LoopKernel, Statement } from '../../compiler/index.js'
import { fromLinear, linear } from '../../compiler/affine.js'
import { newBuffer } from '../../compiler/graph.js'
import { pieceShader } from './loops.js'
import { type Join, joinOf } from './scatter-join.js'
import { type Destination, type Level, lastShader, nowhere, segmentShader } from './scatter-shaders.js'
import { type Loop, countOf, updatesOf } from './scatter-updates.js'
import { mentions } from './schedule.js'
import type { Memory, Shader } from './shader.js'
import { planSort } from './sort.js'
import type { Target } from './target.js'

/** Updates below which one after the other is as good: about as many as there would be dispatches, each worth several steps. */
const fewUpdates = 64
/** Neighbours that an invocation joins, and how many are left to a single one. */
const chunk = 32
const lastChunk = 64
/** Updates that can be put in another order. */
export interface Scatter extends Destination {
  readonly updates: readonly Loop[]
  /** Which window of the operand an update writes: windows of different keys have no element in common. */
  readonly key: Expression
  /** Whether an update writes at all. */
  readonly inside: Expression | undefined
  /** What an update joins with its target, or puts in its place. */
  readonly value: Expression
  readonly join: Join | undefined
}

/** Whether sums of the parts are different for different parts: each step is larger than all smaller parts together. */
const isMixedRadix = (parts: readonly { readonly step: number; readonly count: number }[]): boolean => {
  let reach = 1
  for (const { step, count } of [...parts].sort((a, b) => a.step - b.step)) {
    if (step < reach) return false
    reach = step * (count - 1) + reach
  }
  return true
}

const arraysIn = (roots: readonly Expression[]): Set<unknown> =>
  new Set(e.topological(roots).flatMap((x) => (x.op === 'load' ? [x.source] : [])))

/** The kernel as a scatter whose updates can be put in another order, if it is one and is worth it. */
export const scatterOf = (kernel: LoopKernel, target: Target): Scatter | undefined => {
  const found = updatesOf(kernel)
  if (found === undefined) return undefined
  const { updates, window, buffer, store, condition, written } = found
  // Software makes a step of a single invocation sooner than it sorts; of a workgroup it does not.
  if (countOf(updates) < fewUpdates || (target.software && countOf(window) === 1)) return undefined
  const index = written(store.index)
  const whole = written(store.value)
  const inside = condition === undefined ? undefined : written(condition)
  const join = joinOf(whole, buffer, index)
  const value = join?.value ?? whole
  const needed = inside === undefined ? [index, value] : [index, value, inside]
  const elements = window.map(({ variable }) => variable)
  if (arraysIn(needed).has(buffer) || (inside !== undefined && mentions(inside, elements))) return undefined
  const { constant, terms } = linear(index)
  const outside = new Map<Expression, number>()
  const within = new Map<Expression, number>()
  const parts: { step: number; count: number }[] = []
  for (const variable of elements) {
    if (variable.extent !== 1 && !terms.has(variable)) return undefined
  }
  for (const [atom, step] of terms) {
    const own = elements.includes(atom)
    if (!own && mentions(atom, elements)) return undefined
    ;(own ? within : outside).set(atom, step)
    const { min, max } = e.bounds(atom)
    parts.push({ step, count: max - min + 1 })
  }
  if (!isMixedRadix(parts)) return undefined
  return {
    updates,
    window,
    buffer,
    key: fromLinear(constant, outside),
    offset: fromLinear(0, within),
    inside,
    value,
    join,
  }
}

/** What loops count, from the number of their trip. */
const fromNumber = (loops: readonly Loop[], number: Expression): Map<Expression, Expression> => {
  const memo = new Map<Expression, Expression>()
  let stride = countOf(loops)
  for (const { variable, extent } of loops) {
    const isFirst = memo.size === 0
    stride /= extent
    const rest = stride === 1 ? number : e.binary('div', number, e.index(stride))
    memo.set(variable, isFirst ? rest : e.binary('rem', rest, e.index(extent)))
  }
  return memo
}

/** The dispatches of a scatter. */
export const planScatter = (scatter: Scatter, memory: Memory, target: Target): readonly Shader[] => {
  const { updates, key, inside, value } = scatter
  const count = countOf(updates)
  const keys = newBuffer('int32', [count])
  const numbers = newBuffer('int32', [count])
  const sorted = newBuffer('int32', [count])
  const order = newBuffer('int32', [count])
  const number = e.variable('int32', count)
  const memo = fromNumber(updates, number)
  const at = (x: Expression): Expression => e.renamed(x, memo)
  const place = inside === undefined ? at(key) : e.select(at(inside), at(key), e.index(nowhere))
  const keyLoop: Loop = { kind: 'for', variable: number, extent: count, order: 'parallel', body: [] }
  const body: readonly Statement[] = [
    { kind: 'store', buffer: keys, index: number, value: place },
    { kind: 'store', buffer: numbers, index: number, value: number },
  ]
  const piece = { parallel: [keyLoop], body, inStep: false }
  const sort = planSort(
    { kind: 'sort', outer: 1, size: count, inner: 1, keys: 1, inputs: [keys, numbers], outputs: [sorted, order] },
    memory,
    target,
  )
  const keyShader = pieceShader('scatter_keys', piece, [keys, numbers], memory, target)
  return [keyShader, ...sort, ...apply(scatter, { count, keys: sorted, order, loops: updates, value }, memory)]
}

const apply = (scatter: Scatter, first: Omit<Level, 'chunk' | 'next'>, memory: Memory): readonly Shader[] => {
  const { join, window } = scatter
  if (join === undefined) return [lastShader(scatter, first, memory)]
  const elements = countOf(window)
  const element = [...window].reduce<Expression>(
    (sum, { variable, extent }) => e.binary('add', e.binary('mul', sum, e.index(extent)), variable),
    e.index(0),
  )
  const shaders: Shader[] = []
  let level = first
  for (;;) {
    const { count, value } = level
    if (count <= lastChunk)
      return [...shaders, segmentShader(scatter, join, { ...level, chunk: count, next: undefined }, memory)]
    const entries = 2 * Math.ceil(count / chunk)
    const next = { keys: newBuffer('int32', [entries]), values: newBuffer(value.dtype, [entries, elements]) }
    shaders.push(segmentShader(scatter, join, { ...level, chunk, next }, memory))
    const variable = e.variable('int32', entries)
    const loop: Loop = { kind: 'for', variable, extent: entries, order: 'sequential', body: [] }
    const at = e.binary('add', e.binary('mul', variable, e.index(elements)), element)
    level = { count: entries, keys: next.keys, order: undefined, loops: [loop], value: e.load(next.values, at) }
  }
}
