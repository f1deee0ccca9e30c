/**
 * Prefix sums and their like over long lines: threads take a few neighbours each, a workgroup a chunk, and what the chunks
 * come to is cumulated in turn. (Blelloch, "Prefix sums and their applications", 1990.)
 */
import { type Expression, e } from '../../core/index.js'
import type { Buffer, LoopKernel, Statement } from '../../compiler/index.js'
import { newBuffer } from '../../compiler/graph.js'
import { BodyPrinter } from './body.js'
import { valueType } from './layout.js'
import { type Memory, type Shader, ShaderBuilder, unflatten } from './shader.js'
import type { Target } from './target.js'

/** Threads of a workgroup, and elements of each. */
const threads = 256
const perThread = 8
const chunk = threads * perThread
/** Lines shorter than this are left to an invocation each; so are longer ones, when there are many of them. */
const shortest = 256
const manyLines = 4096

type Loop = Extract<Statement, { readonly kind: 'for' }>
type Store = Extract<Statement, { readonly kind: 'store' }>

/** Lines of elements that are combined one after the other. */
export interface Cumulation {
  /** Parallel loops, one index of which is a line. */
  readonly lines: readonly Expression[]
  readonly count: number
  readonly length: number
  readonly buffer: Buffer
  /** Statements before the loop: what the elements need, the first of which is `first`. */
  readonly before: readonly Statement[]
  readonly first: Expression
  readonly firstIndex: Expression
  readonly walk: Expression
  /** Statements of the loop before the element is combined. */
  readonly inside: readonly Statement[]
  readonly local: Expression
  readonly own: Expression
  readonly combined: Expression
  readonly index: Expression
}

const isStoreOf = (s: Statement | undefined, local: Expression): s is Store => s?.kind === 'store' && s.value === local

/** The kernel as a cumulation of lines, if it is one. */
const cumulationOf = (kernel: LoopKernel): Cumulation | undefined => {
  const lines: Loop[] = []
  const outside: Statement[] = []
  let list = kernel.body
  for (;;) {
    const last = list.at(-1)
    if (last?.kind !== 'for') return undefined
    if (last.order === 'parallel') {
      const before = list.slice(0, -1)
      if (before.some((s) => s.kind !== 'define')) return undefined
      outside.push(...before)
      lines.push(last)
      list = last.body
      continue
    }
    const store = list.at(-2)
    const end = last.body.at(-1)
    const assign = last.body.at(-2)
    if (last.order !== 'sequential' || store?.kind !== 'store' || assign?.kind !== 'assign') return undefined
    const { local } = assign
    const before = [...outside, ...list.slice(0, -2)]
    const inside = last.body.slice(0, -2)
    if (!isStoreOf(store, local) || !isStoreOf(end, local) || store.buffer !== end.buffer) return undefined
    if ([...before, ...inside].some((s) => s.kind !== 'define')) return undefined
    const definition = before.find((s) => s.kind === 'define' && s.local === local)
    const leaves = e.topological([assign.value]).filter((x) => x.op === 'variable' || x.op === 'load')
    const own = leaves.find((x) => x !== local)
    if (definition?.kind !== 'define' || own === undefined || leaves.some((x) => x !== local && x !== own))
      return undefined
    if (!inside.some((s) => s.kind === 'define' && s.local === own)) return undefined
    return {
      lines: lines.map(({ variable }) => variable),
      count: lines.reduce((count, { extent }) => count * extent, 1),
      length: last.extent + 1,
      buffer: end.buffer,
      before: before.filter((s) => s !== definition),
      first: definition.value,
      firstIndex: store.index,
      walk: last.variable,
      inside,
      local,
      own,
      combined: assign.value,
      index: end.index,
    }
  }
}

/** Whether threads should share the lines. */
const sharesLines = ({ count, length }: Cumulation, target: Target): boolean =>
  !target.software && length >= shortest && (count < manyLines || length >= manyLines)

/** Where one level of a cumulation takes its elements from, and puts them: functions of a line and a position. */
interface Level {
  readonly count: number
  readonly length: number
  readonly out: Buffer
  /** Declares `element(line, k)`. */
  readonly element: (shader: ShaderBuilder) => string
  /** Declares `place(line, k)`, the index of a result. */
  readonly place: (shader: ShaderBuilder) => string
}

const indented = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`)

/** A function of a line and a position, for the first position and for the others. */
const byPosition = (
  shader: ShaderBuilder,
  cumulation: Cumulation,
  head: string,
  first: Expression,
  other: Expression,
): string => {
  const { before, inside, lines, walk } = cumulation
  const values: Statement[] = [first, other].map((value) => ({ kind: 'define', local: e.variable(value.dtype), value }))
  const printer = new BodyPrinter(shader, [...before, ...inside, ...values])
  const names = lines.map((variable) => printer.name(variable, 'i'))
  const extents = lines.map((variable) => variable.extent ?? 1)
  if (lines.length > 0) for (const line of unflatten('u32(line)', names, extents)) printer.line(line)
  printer.statements(before)
  printer.block('if (k == 0)', () => printer.line(`return ${printer.text(first)};`))
  printer.line(`let ${printer.name(walk, 'i')} = k - 1;`)
  printer.statements(inside)
  printer.line(`return ${printer.text(other)};`)
  return [`${head} {`, ...indented(printer.lines), '}'].join('\n')
}

const combineFunction = (shader: ShaderBuilder, { local, own, combined }: Cumulation): string => {
  const type = valueType(local.dtype)
  const [a, b] = [e.variable(local.dtype), e.variable(local.dtype)]
  const value = e.substitute(combined, (x) => (x === local ? a : x === own ? b : undefined))
  const printer = new BodyPrinter(shader, [{ kind: 'define', local: e.variable(local.dtype), value }])
  const [left, right] = [printer.name(a, 'a'), printer.name(b, 'a')]
  const text = printer.text(value)
  const head = `fn combine(${left}: ${type}, ${right}: ${type}) -> ${type} {`
  return [head, ...indented([...printer.lines, `return ${text};`]), '}'].join('\n')
}

/** The dispatches of a cumulation. */
export const planPrefix = (cumulation: Cumulation, memory: Memory): readonly Shader[] => {
  const { buffer, first, firstIndex, own, inside, index } = cumulation
  const element = inside.find((s) => s.kind === 'define' && s.local === own)
  const value = element?.kind === 'define' ? element.value : own
  const type = valueType(buffer.dtype)
  return levels(cumulation, memory, {
    count: cumulation.count,
    length: cumulation.length,
    out: buffer,
    element: (shader) => byPosition(shader, cumulation, `fn element(line: i32, k: i32) -> ${type}`, first, value),
    place: (shader) => byPosition(shader, cumulation, 'fn place(line: i32, k: i32) -> i32', firstIndex, index),
  })
}

const levels = (cumulation: Cumulation, memory: Memory, level: Level): readonly Shader[] => {
  const { count, length, out } = level
  const { dtype } = out
  const chunks = Math.ceil(length / chunk)
  if (chunks === 1) return [chunkShader(cumulation, memory, level, undefined)]
  const totals = newBuffer(dtype, [count, chunks])
  const sums = newBuffer(dtype, [count, chunks])
  const type = valueType(dtype)
  const next: Level = {
    count,
    length: chunks,
    out: sums,
    element: (shader) => {
      const total = shader.load(totals, `line * ${chunks} + k`)
      return `fn element(line: i32, k: i32) -> ${type} { return ${total}; }`
    },
    place: () => `fn place(line: i32, k: i32) -> i32 { return line * ${chunks} + k; }`,
  }
  return [
    chunkShader(cumulation, memory, level, totals),
    ...levels(cumulation, memory, next),
    addShader(cumulation, memory, level, sums),
  ]
}

/** Each workgroup cumulates a chunk of a line, and notes what it comes to. */
const chunkShader = (cumulation: Cumulation, memory: Memory, level: Level, totals: Buffer | undefined): Shader => {
  const { count, length, out } = level
  const { dtype } = out
  const shader = new ShaderBuilder(memory, totals === undefined ? [out] : [out, totals])
  const type = valueType(dtype)
  const chunks = Math.ceil(length / chunk)
  const declarations = [
    `var<workgroup> shared_sums: array<${type}, ${threads}>;`,
    level.element(shader),
    level.place(shader),
    combineFunction(shader, cumulation),
  ]
  const lines = [
    `let line = i32(group / ${chunks}u);`,
    `let begin = i32(group % ${chunks}u) * ${chunk};`,
    `let mine = begin + i32(lane) * ${perThread};`,
    `let available = clamp(${length} - mine, 0, ${perThread});`,
    `var sums: array<${type}, ${perThread}>;`,
    `var sum: ${type};`,
    'for (var n = 0; n < available; n++) {',
    '  let own = element(line, mine + n);',
    '  if (n == 0) { sum = own; } else { sum = combine(sum, own); }',
    '  sums[n] = sum;',
    '}',
    // Threads without elements are the last ones, from which no other takes anything.
    'shared_sums[lane] = sum;',
    'workgroupBarrier();',
    `for (var distance = 1u; distance < ${threads}u; distance <<= 1u) {`,
    '  if (lane >= distance) { sum = combine(shared_sums[lane - distance], sum); }',
    '  workgroupBarrier();',
    '  shared_sums[lane] = sum;',
    '  workgroupBarrier();',
    '}',
    'for (var n = 0; n < available; n++) {',
    '  var own = sums[n];',
    '  if (lane > 0u) { own = combine(shared_sums[lane - 1u], own); }',
    `  ${shader.store(out, 'place(line, mine + n)', 'own')}`,
    '}',
  ]
  if (totals !== undefined) {
    const last = `(min(${length} - begin, ${chunk}) - 1) / ${perThread}`
    lines.push(`if (lane == 0u) { ${shader.store(totals, 'i32(group)', `shared_sums[${last}]`)} }`)
  }
  return shader.finish('prefix', lines, threads, count * chunks, declarations)
}

/** What the chunks before come to, in front of every element. */
const addShader = (cumulation: Cumulation, memory: Memory, level: Level, sums: Buffer): Shader => {
  const { count, length, out } = level
  const shader = new ShaderBuilder(memory, [out])
  const chunks = Math.ceil(length / chunk)
  const rest = length - chunk
  const total = count * rest
  const lines = [
    'let flat = group * 64u + lane;',
    `if (flat >= ${total}u) { return; }`,
    `let line = i32(flat / ${rest}u);`,
    `let k = i32(flat % ${rest}u) + ${chunk};`,
    `let before = ${shader.load(sums, `line * ${chunks} + k / ${chunk} - 1`)};`,
    'let at = place(line, k);',
    `let own = ${shader.load(out, 'at')};`,
    shader.store(out, 'at', 'combine(before, own)'),
  ]
  const declarations = [level.place(shader), combineFunction(shader, cumulation)]
  return shader.finish('prefix_add', lines, 64, Math.ceil(total / 64), declarations)
}

/** The kernel as a cumulation of lines that threads should share, if it is one. */
export const prefixOf = (kernel: LoopKernel, target: Target): Cumulation | undefined => {
  const found = cumulationOf(kernel)
  return found !== undefined && sharesLines(found, target) ? found : undefined
}
