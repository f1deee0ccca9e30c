/** Shaders over sorted updates: the last one of each target, and joins of neighbours. */
import { type Expression, e } from '../../core/index.js'
import type { Buffer, Statement } from '../../compiler/index.js'
import { BodyPrinter } from './body.js'
import type { Join } from './scatter-join.js'
import { type Loop, countOf } from './scatter-updates.js'
import { type Memory, type Shader, ShaderBuilder, unflatten } from './shader.js'

/** Key of updates that go nowhere; they come last. */
export const nowhere = 0x7fffffff

/** Where updates go. */
export interface Destination {
  /** Loops over the elements of a window. */
  readonly window: readonly Loop[]
  readonly buffer: Buffer
  /** Where an element of a window is, counted from the key. */
  readonly offset: Expression
}

/** Entries in the order of their keys, to be joined. */
export interface Level {
  readonly count: number
  readonly keys: Buffer
  /** Numbers of the entries before they were sorted; undefined if they lie in this order. */
  readonly order: Buffer | undefined
  /** Loops over the entries by number, and what each of them brings to an element of the window. */
  readonly loops: readonly Loop[]
  readonly value: Expression
  /** Neighbours of each invocation. */
  readonly chunk: number
  /** What goes on to the next level: two entries for each invocation. */
  readonly next: { readonly keys: Buffer; readonly values: Buffer } | undefined
}

/** Lines that name what loops count, from the text of the number of their trip. */
const nameLoops = (printer: BodyPrinter, loops: readonly Loop[], number: string): void => {
  const names = loops.map(({ variable }) => printer.name(variable, 'i'))
  const extents = loops.map(({ extent }) => extent)
  for (const line of unflatten(number, names, extents)) printer.line(line)
}

const nameEntry = (printer: BodyPrinter, shader: ShaderBuilder, { loops, order }: Entries, position: string): void => {
  printer.line(`let entry = u32(${order === undefined ? position : shader.load(order, position)});`)
  nameLoops(printer, loops, 'entry')
}

type Entries = Omit<Level, 'chunk' | 'next'>

/** An invocation for each element of each entry's window; those of the last entry of a target replace what is there. */
export const lastShader = ({ window, buffer, offset }: Destination, entries: Entries, memory: Memory): Shader => {
  const { count, keys, value } = entries
  const elements = countOf(window)
  const shader = new ShaderBuilder(memory, [buffer])
  const key = e.variable('int32')
  const store: Statement = { kind: 'store', buffer, index: e.binary('add', key, offset), value }
  const printer = new BodyPrinter(shader, [store])
  printer.line('let flat = group * 64u + lane;')
  if ((count * elements) % 64 !== 0) printer.line(`if (flat >= ${count * elements}u) { return; }`)
  printer.line(`let position = i32(flat / ${elements}u);`)
  const own = printer.name(key, 'k')
  printer.line(`let ${own} = ${shader.load(keys, 'position')};`)
  printer.line(`if (${own} == ${nowhere}) { return; }`)
  printer.line(`if (position < ${count - 1}) { if (${shader.load(keys, 'position + 1')} == ${own}) { return; } }`)
  nameLoops(printer, window, `(flat % ${elements}u)`)
  nameEntry(printer, shader, entries, 'position')
  printer.statement(store)
  return shader.finish('scatter_last', printer.lines, 64, Math.ceil((count * elements) / 64))
}

/**
 * An invocation for each element of the windows of a few neighbouring entries. Entries of one target that lie within the chunk are
 * joined with it. Of those that others have too, the first and the last ones of the chunk, the results go on to the next level, where
 * they are neighbours again; a chunk of one target alone sends it twice, so that nothing else comes between.
 */
export const segmentShader = (
  { window, buffer, offset }: Destination,
  { op, neutral, element }: Join,
  level: Level,
  memory: Memory,
): Shader => {
  const { count, keys, chunk, next } = level
  const elements = countOf(window)
  const chunks = Math.ceil(count / chunk)
  const shader = new ShaderBuilder(memory, next === undefined ? [buffer] : [buffer, next.keys, next.values])
  const key = e.variable('int32')
  const joined = e.variable(level.value.dtype)
  const index = e.binary('add', key, offset)
  const start: Statement = { kind: 'define', local: joined, value: neutral }
  const join: Statement = { kind: 'combine', local: joined, op, value: level.value }
  const store: Statement = { kind: 'store', buffer, index, value: element(joined, index) }
  const slot = e.variable('int32')
  const send = (value: Expression): readonly Statement[] =>
    next === undefined ? [] : [{ kind: 'store', buffer: next.values, index: slot, value }]
  const restart: Statement = { kind: 'assign', local: joined, value: neutral }
  const printer = new BodyPrinter(shader, [start, join, store, ...send(joined), ...send(neutral), restart])
  const keyAt = (position: string): string => shader.load(keys, position)
  printer.line('let flat = group * 64u + lane;')
  if ((chunks * elements) % 64 !== 0) printer.line(`if (flat >= ${chunks * elements}u) { return; }`)
  nameLoops(printer, window, `(flat % ${elements}u)`)
  printer.line(`let own = i32(flat / ${elements}u);`)
  printer.line(`let begin = own * ${chunk};`)
  printer.line(`let end = min(begin + ${chunk}, ${count});`)
  if (next !== undefined) {
    printer.line(`let element = i32(flat % ${elements}u);`)
    printer.line('var before = false;')
    printer.line(`if (begin > 0) { before = ${keyAt('begin - 1')} == ${keyAt('begin')}; }`)
    for (const k of [0, 1])
      printer.line(`if (element == 0) { ${shader.store(next.keys, `own * 2 + ${k}`, String(nowhere))} }`)
  }
  printer.statement(start)
  printer.block('for (var position = begin; position < end; position++)', () => {
    const name = printer.name(key, 'k')
    printer.line(`let ${name} = ${keyAt('position')};`)
    printer.line(`if (${name} == ${nowhere}) { ${next === undefined ? '' : 'before = false; '}continue; }`)
    printer.block('', () => {
      nameEntry(printer, shader, level, 'position')
      printer.statement(join)
    })
    printer.line('var more = false;')
    printer.line(`if (position < ${count - 1}) { more = ${keyAt('position + 1')} == ${name}; }`)
    if (next === undefined) printer.block('if (!more)', () => [store, restart].forEach((s) => printer.statement(s)))
    else {
      printer.line('if (more && position + 1 < end) { continue; }')
      const sendTo = (at: string, value: Expression): void =>
        printer.block('', () => {
          printer.line(`let ${printer.name(slot, 'k')} = (own * 2 + ${at}) * ${elements} + element;`)
          printer.line(`if (element == 0) { ${shader.store(next.keys, `own * 2 + ${at}`, name)} }`)
          send(value).forEach((s) => printer.statement(s))
        })
      printer.block('if (before || more)', () => {
        sendTo('select(1, 0, before)', joined)
        printer.block('if (before && more)', () => sendTo('1', neutral))
      })
      printer.block('else', () => printer.statement(store))
      printer.statement(restart)
      printer.line('before = false;')
    }
  })
  return shader.finish('scatter_join', printer.lines, 64, Math.ceil((chunks * elements) / 64))
}
