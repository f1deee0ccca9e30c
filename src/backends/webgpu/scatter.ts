/**
 * Scatters side by side: updates are sorted by where they go, and each target takes its own in the order in which they were
 * given. So the result is that of one update after the other, to the last bit, whatever the indices are.
 */
import { type Expression, e } from '../../core/index.js'
import { type Buffer, type LoopKernel, expressionsOf } from '../../compiler/index.js'
import { fromLinear, linear } from '../../compiler/affine.js'
import { newBuffer } from '../../compiler/graph.js'
import { BodyPrinter } from './body.js'
import { pieceShader } from './loops.js'
import { mentions } from './schedule.js'
import { type Updates, countOf, updatesOf } from './scatter-updates.js'
import { type Memory, type Shader, ShaderBuilder, unflatten } from './shader.js'
import { planSort } from './sort.js'
import type { Target } from './target.js'

/** Elements of updates below which one after the other is as good. */
const fewElements = 128
/** Key of updates that go nowhere; they come last. */
const nowhere = 0x7fffffff

/** Updates that can be put in another order. */
export interface Scatter extends Updates {
  /** Which window of the operand an update writes: windows of different keys have no element in common. */
  readonly key: Expression
  /** Whether it writes at all. */
  readonly inside: Expression | undefined
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

/** The kernel as a scatter whose updates can be put in another order, if it is one and is worth it. */
export const scatterOf = (kernel: LoopKernel, target: Target): Scatter | undefined => {
  const found = target.software ? undefined : updatesOf(kernel)
  if (found === undefined) return undefined
  const { updates, window, before, body, store, condition, written } = found
  if (countOf(updates) * countOf(window) < fewElements) return undefined
  const own = [...body.flatMap(expressionsOf), ...before.flatMap(expressionsOf), store.value]
  const readsElsewhere = e
    .topological(own)
    .some((x) => x.op === 'load' && x.source === store.buffer && x.args[0] !== store.index)
  const inside = condition === undefined ? undefined : written(condition)
  const elements = window.map(({ variable }) => variable)
  if (readsElsewhere || (inside !== undefined && mentions(inside, elements))) return undefined
  const { constant, terms } = linear(written(store.index))
  const rest = new Map<Expression, number>()
  const parts: { step: number; count: number }[] = []
  for (const variable of elements) {
    if (variable.extent !== 1 && !terms.has(variable)) return undefined
  }
  for (const [atom, step] of terms) {
    if (!elements.includes(atom)) {
      if (mentions(atom, elements)) return undefined
      rest.set(atom, step)
    }
    const { min, max } = e.bounds(atom)
    parts.push({ step, count: max - min + 1 })
  }
  if (!isMixedRadix(parts)) return undefined
  return { ...found, key: fromLinear(constant, rest), inside }
}

/** The dispatches of a scatter. */
export const planScatter = (scatter: Scatter, memory: Memory, target: Target): readonly Shader[] => {
  const { updates, key, inside } = scatter
  const count = countOf(updates)
  const keys = newBuffer('int32', [count])
  const numbers = newBuffer('int32', [count])
  const sortedKeys = newBuffer('int32', [count])
  const order = newBuffer('int32', [count])
  const update = e.variable('int32', count)
  const memo = new Map<Expression, Expression>()
  let stride = count
  for (const { variable, extent } of updates) {
    stride /= extent
    const rest = stride === 1 ? update : e.binary('div', update, e.index(stride))
    memo.set(variable, extent * stride === count ? rest : e.binary('rem', rest, e.index(extent)))
  }
  const at = (x: Expression): Expression => e.renamed(x, memo)
  const place = inside === undefined ? at(key) : e.select(at(inside), at(key), e.index(nowhere))
  const piece = {
    parallel: [{ kind: 'for', variable: update, extent: count, order: 'parallel', body: [] } as const],
    body: [
      { kind: 'store', buffer: keys, index: update, value: place } as const,
      { kind: 'store', buffer: numbers, index: update, value: update } as const,
    ],
    inStep: false,
  }
  const sort = planSort(
    { kind: 'sort', outer: 1, size: count, inner: 1, keys: 1, inputs: [keys, numbers], outputs: [sortedKeys, order] },
    memory,
    target,
  )
  return [
    pieceShader('scatter_keys', piece, [keys, numbers], memory, target),
    ...sort,
    applyShader(scatter, memory, sortedKeys, order),
  ]
}

/** An invocation for each element of each update's window; that of the first update of a target does those of all. */
const applyShader = (scatter: Scatter, memory: Memory, keys: Buffer, order: Buffer): Shader => {
  const { updates, window, before, body, buffer } = scatter
  const count = countOf(updates)
  const elements = countOf(window)
  const total = count * elements
  const shader = new ShaderBuilder(memory, [buffer])
  const printer = new BodyPrinter(shader, [...before, ...body])
  const key = (position: string): string => shader.load(keys, position)
  const positions = (loops: Updates['updates'], flat: string): void => {
    const names = loops.map(({ variable }) => printer.name(variable, 'i'))
    const extents = loops.map(({ extent }) => extent)
    if (loops.length > 0) for (const line of unflatten(flat, names, extents)) printer.line(line)
  }
  printer.line('let flat = group * 64u + lane;')
  if (total % 64 !== 0) printer.line(`if (flat >= ${total}u) { return; }`)
  printer.line(`let position = i32(flat / ${elements}u);`)
  printer.line(`let key = ${key('position')};`)
  printer.line(`if (key == ${nowhere}) { return; }`)
  printer.line(`if (position > 0) { if (${key('position - 1')} == key) { return; } }`)
  positions(window, `(flat % ${elements}u)`)
  printer.statements(before)
  printer.block(`for (var p = position; p < ${count}; p++)`, () => {
    printer.line(`if (${key('p')} != key) { break; }`)
    printer.line(`let update = u32(${shader.load(order, 'p')});`)
    positions(updates, 'update')
    printer.statements(body)
  })
  return shader.finish('scatter', printer.lines, 64, Math.ceil(total / 64))
}
