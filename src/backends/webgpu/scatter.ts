/**
 * Scatters side by side: updates are sorted by where they go, and each target takes its own in the order in which they were
 * given. So the result is that of one update after the other, to the last bit, whatever the indices are.
 */
import { type Expression, e } from '../../core/index.js'
import { type Buffer, type LoopKernel, type Statement, expressionsOf } from '../../compiler/index.js'
import { fromLinear, linear } from '../../compiler/affine.js'
import { newBuffer } from '../../compiler/graph.js'
import { BodyPrinter } from './body.js'
import { pieceShader } from './loops.js'
import { mentions } from './schedule.js'
import { type Memory, type Shader, ShaderBuilder, unflatten } from './shader.js'
import { planSort } from './sort.js'
import type { Target } from './target.js'

/** Elements of updates below which one after the other is as good. */
const fewElements = 128
/** Key of updates that go nowhere; they come last. */
const nowhere = 0x7fffffff

type Loop = Extract<Statement, { readonly kind: 'for' }>
type Store = Extract<Statement, { readonly kind: 'store' }>

/** Updates in order, each of which writes a window of elements. */
export interface Scatter {
  /** Loops over updates, and over the elements of a window. */
  readonly updates: readonly Loop[]
  readonly window: readonly Loop[]
  /** Definitions outside of all loops, and the statements of one element of an update. */
  readonly before: readonly Statement[]
  readonly body: readonly Statement[]
  readonly buffer: Buffer
  /** Which window of the operand an update writes: windows of different keys have no element in common. */
  readonly key: Expression
  /** Whether it writes at all. */
  readonly inside: Expression | undefined
}

const countOf = (loops: readonly Loop[]): number => loops.reduce((count, { extent }) => count * extent, 1)

interface Parsed {
  readonly updates: Loop[]
  readonly window: Loop[]
  readonly before: Statement[]
  readonly body: Statement[]
  readonly store: Store
  readonly condition: Expression | undefined
}

/** Sequential loops, then parallel ones, then one store, with definitions in between. */
const parse = (kernel: LoopKernel): Parsed | undefined => {
  const updates: Loop[] = []
  const window: Loop[] = []
  const before: Statement[] = []
  const body: Statement[] = []
  let list = kernel.body
  for (;;) {
    const last = list.at(-1)
    const defines = list.slice(0, -1)
    if (last === undefined || defines.some((s) => s.kind !== 'define')) return undefined
    ;(updates.length === 0 ? before : body).push(...defines)
    if (last.kind === 'for') {
      if (last.order === 'reduce' || (last.order === 'sequential' && window.length > 0)) return undefined
      ;(last.order === 'parallel' ? window : updates).push(last)
      list = last.body
      continue
    }
    const [store, ...others] = last.kind === 'if' ? last.body : [last]
    if (updates.length === 0 || store?.kind !== 'store' || others.length > 0) return undefined
    body.push(last)
    return { updates, window, before, body, store, condition: last.kind === 'if' ? last.condition : undefined }
  }
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
  const parsed = target.software ? undefined : parse(kernel)
  if (parsed === undefined) return undefined
  const { updates, window, before, body, store, condition } = parsed
  if (countOf(updates) * countOf(window) < fewElements) return undefined
  const values = new Map<Expression, Expression>()
  const written = (x: Expression): Expression => e.substitute(x, (y) => values.get(y))
  for (const s of [...before, ...body]) if (s.kind === 'define') values.set(s.local, written(s.value))
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
  return { updates, window, before, body, buffer: store.buffer, key: fromLinear(constant, rest), inside }
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
  const at = (x: Expression): Expression => e.substitute(x, () => undefined, memo)
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
  )
  return [
    pieceShader('scatter_keys', piece, [keys, numbers], memory, target),
    ...sort.shaders,
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
  const positions = (loops: readonly Loop[], flat: string): void => {
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
