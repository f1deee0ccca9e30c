/**
 * Scatters whose result does not depend on the order of updates: sums of integers, extremes, bits. Every update is an invocation
 * that changes its target atomically; where targets are few and updates many, workgroups gather what goes there first.
 */
import { type DType, type Expression, e } from '../../core/index.js'
import { type LoopKernel, type Statement, expressionsOf } from '../../compiler/index.js'
import { BodyPrinter } from './body.js'
import { type Updates, countOf, updatesOf } from './scatter-updates.js'
import { type Memory, type Shader, ShaderBuilder, unflatten } from './shader.js'
import type { Target } from './target.js'

/** How a target and an update are joined. */
interface Join {
  /** WGSL type of the words that are changed. */
  readonly word: 'i32' | 'u32'
  /** An atomic operation of WGSL, and the word that it leaves others alone with; or a helper, tried until no other came between. */
  readonly how:
    { readonly builtin: string; readonly identity: string } | { readonly helper?: string; readonly join: string }
}

/** Updates that are joined with their targets in any order. */
export interface AtomicScatter extends Updates {
  readonly join: Join
  readonly index: Expression
  readonly value: Expression
  readonly inside: Expression | undefined
}

const lowest = 'i32(-2147483648)'
const highest = '2147483647'
const builtins: Partial<Record<DType, Readonly<Record<string, readonly [builtin: string, identity: string]>>>> = {
  int32: {
    add: ['atomicAdd', '0'],
    min: ['atomicMin', highest],
    max: ['atomicMax', lowest],
    and: ['atomicAnd', '-1'],
    or: ['atomicOr', '0'],
    xor: ['atomicXor', '0'],
  },
  uint32: {
    add: ['atomicAdd', '0u'],
    min: ['atomicMin', '0xffffffffu'],
    max: ['atomicMax', '0u'],
    and: ['atomicAnd', '0xffffffffu'],
    or: ['atomicOr', '0u'],
    xor: ['atomicXor', '0u'],
  },
}

/**
 * Sums and products of floats are not here: they depend on the order. Their extremes do not, if NaN and the sign of zero are
 * decided by bits.
 */
const joinOf = (op: string, dtype: DType): Join | undefined => {
  const builtin = builtins[dtype]?.[op]
  const word = dtype === 'int32' ? 'i32' : 'u32'
  if (builtin !== undefined) return { word, how: { builtin: builtin[0], identity: builtin[1] } }
  if (dtype === 'float32' && (op === 'min' || op === 'max'))
    return { word, how: { helper: `extreme_${op}`, join: `extreme_${op}(seen, value)` } }
  if (op === 'mul' && builtins[dtype] !== undefined) return { word, how: { join: 'seen * value' } }
  return undefined
}

const joins = new Set(['add', 'mul', 'min', 'max', 'and', 'or', 'xor'])

/** The kernel as a scatter whose updates may come in any order, if it is one. */
export const atomicScatterOf = (kernel: LoopKernel): AtomicScatter | undefined => {
  const updates = updatesOf(kernel)
  if (updates === undefined) return undefined
  const { store, condition, written } = updates
  const whole = written(store.value)
  const join = joins.has(whole.op) ? joinOf(whole.op, store.buffer.dtype) : undefined
  if (join === undefined) return undefined
  const index = written(store.index)
  const isTarget = (x: Expression): boolean => x.op === 'load' && x.source === store.buffer && x.args[0] === index
  const place = whole.args.findIndex(isTarget)
  const value = whole.args[1 - place]
  if (place < 0 || value === undefined) return undefined
  const inside = condition === undefined ? undefined : written(condition)
  const own = [...updates.before, ...updates.body].flatMap((s) => (s.kind === 'define' ? expressionsOf(s) : []))
  const all = e.topological([index, value, ...own, ...(inside === undefined ? [] : [inside])])
  if (all.some((x) => x.op === 'load' && x.source === store.buffer)) return undefined
  return { ...updates, join, index, value, inside }
}

/** Threads of a workgroup that gathers, updates that each of them takes at least, and workgroups at most. */
const gatherers = 256
const leastEach = 8
const mostGroups = 256
/** Most targets that a workgroup has room for; software in browsers takes a second to compile a thousand words of it. */
const mostTargets = 2048
const mostInSoftware = 256

/** The dispatch of a scatter. */
export const planAtomicScatter = (scatter: AtomicScatter, memory: Memory, { software }: Target): Shader => {
  const { updates, window, buffer, join } = scatter
  const total = countOf(updates) * countOf(window)
  const fits = buffer.size <= (software ? mostInSoftware : mostTargets)
  const many = total >= gatherers * leastEach && total >= 4 * buffer.size && fits
  return 'builtin' in join.how && many
    ? gatheringShader(scatter, join.how, total, memory)
    : plainShader(scatter, total, memory)
}

/** Prints what the update of number `flat` needs, and then `change` with the texts of its target and its value. */
const printUpdate = (
  printer: BodyPrinter,
  { updates, window, inside, index, value }: AtomicScatter,
  change: (index: string, value: string) => void,
): void => {
  const loops = [...updates, ...window]
  const names = loops.map(({ variable }) => printer.name(variable, 'i'))
  const extents = loops.map(({ extent }) => extent)
  for (const line of unflatten('flat', names, extents)) printer.line(line)
  const print = (): void => {
    const target = printer.text(index)
    change(target, printer.text(value))
  }
  if (inside === undefined) print()
  else printer.block(`if (${printer.text(inside)})`, print)
}

/** What is printed, for the printer to see what is used twice. */
const printedOf = ({ buffer, index, value, inside }: AtomicScatter): Statement[] => {
  const store: Statement = { kind: 'store', buffer, index, value }
  return [inside === undefined ? store : { kind: 'if', condition: inside, body: [store] }]
}

const plainShader = (scatter: AtomicScatter, total: number, memory: Memory): Shader => {
  const { buffer, join } = scatter
  const shader = new ShaderBuilder(memory, [buffer])
  const printer = new BodyPrinter(shader, printedOf(scatter))
  printer.line('let flat = group * 64u + lane;')
  if (total % 64 !== 0) printer.line(`if (flat >= ${total}u) { return; }`)
  printUpdate(printer, scatter, (index, value) => {
    const target = shader.atomic(buffer, index, join.word)
    const { how } = join
    if ('builtin' in how) return printer.line(`${how.builtin}(${target}, ${value});`)
    if (how.helper !== undefined) shader.helper(how.helper)
    printer.line(`let value = ${value};`)
    printer.line(`var seen = atomicLoad(${target});`)
    printer.block('loop', () => {
      printer.line(`let next = ${how.join};`)
      // Most extremes are settled early: nothing is written then.
      printer.line('if (next == seen) { break; }')
      printer.line(`let attempt = atomicCompareExchangeWeak(${target}, seen, next);`)
      printer.line('if (attempt.exchanged) { break; }')
      printer.line('seen = attempt.old_value;')
    })
  })
  return shader.finish('scatter', printer.lines, 64, Math.ceil(total / 64))
}

/** Each workgroup joins its updates in memory of its own, and then what came of them with the targets. */
const gatheringShader = (
  scatter: AtomicScatter,
  { builtin, identity }: { readonly builtin: string; readonly identity: string },
  total: number,
  memory: Memory,
): Shader => {
  const { buffer, join } = scatter
  const groups = Math.min(mostGroups, Math.ceil(total / (gatherers * leastEach)))
  const shader = new ShaderBuilder(memory, [buffer])
  const printer = new BodyPrinter(shader, printedOf(scatter))
  const targets = (lines: readonly string[]): void =>
    printer.block(`for (var k = lane; k < ${buffer.size}u; k += ${gatherers}u)`, () =>
      lines.forEach((s) => printer.line(s)),
    )
  targets([`atomicStore(&gathered[k], ${identity});`])
  printer.line('workgroupBarrier();')
  const step = groups * gatherers
  printer.block(`for (var flat = group * ${gatherers}u + lane; flat < ${total}u; flat += ${step}u)`, () =>
    printUpdate(printer, scatter, (index, value) => printer.line(`${builtin}(&gathered[${index}], ${value});`)),
  )
  printer.line('workgroupBarrier();')
  targets([
    'let own = atomicLoad(&gathered[k]);',
    `if (own != ${identity}) { ${builtin}(${shader.atomic(buffer, 'i32(k)', join.word)}, own); }`,
  ])
  const room = `var<workgroup> gathered: array<atomic<${join.word}>, ${buffer.size}>;`
  return shader.finish('scatter_gather', printer.lines, gatherers, groups, [room])
}
