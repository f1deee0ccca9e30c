/** Programs as text: C-like loops with names that depend on the program alone, and what each kernel costs. */
import { type Expression, avalText, dtypeShort, e, isFloating, shapedArray } from '../core/index.js'
import { isLinearOp } from './affine.js'
import { expressionsOf } from './finish.js'
import type { Buffer, Kernel, MatrixLayout, MatrixView, Program, ScanKernel, Statement } from './kernel.js'
import { kernelSources, placesText, programPlaces, shortNames } from './origins.js'
import { accesses, bufferBytes } from './plan.js'

const infix: Readonly<Partial<Record<Expression['op'], string>>> = {
  add: '+',
  sub: '-',
  mul: '*',
  div: '/',
  rem: '%',
  and: '&',
  or: '|',
  xor: '^',
  shl: '<<',
  shrArithmetic: '>>',
  shrLogical: '>>>',
  eq: '==',
  ne: '!=',
  lt: '<',
  le: '<=',
  gt: '>',
  ge: '>=',
}

/** How strongly operators bind; operands of one that binds less are put in parentheses. */
const strength: Readonly<Partial<Record<Expression['op'], number>>> = {
  mul: 6,
  div: 6,
  rem: 6,
  add: 5,
  sub: 5,
  shl: 4,
  shrArithmetic: 4,
  shrLogical: 4,
  lt: 3,
  le: 3,
  gt: 3,
  ge: 3,
  eq: 3,
  ne: 3,
  and: 2,
  or: 1,
  xor: 1,
  select: 0,
}

const numberText = (x: Expression): string => {
  if (x.dtype === 'bool') return x.value !== 0 ? 'true' : 'false'
  if (!isFloating(x.dtype)) return String(x.value)
  if (Object.is(x.value, -0)) return '-0.0'
  if (x.dtype === 'float32' || x.dtype === 'float16' || x.dtype === 'bfloat16') {
    // The shortest decimal that reads back as the same float32.
    for (let digits = 1; digits < 10; digits++) {
      const short = Number(x.value.toPrecision(digits))
      if (Math.fround(short) === x.value) return floatText(short)
    }
  }
  return floatText(x.value)
}

const floatText = (value: number): string =>
  Number.isInteger(value) && Math.abs(value) < 1e15 ? value.toFixed(1) : String(value)

/** Names of one program's buffers and of one kernel's variables. */
class Names {
  readonly #buffers = new Map<Buffer, string>()
  readonly #variables = new Map<Expression, string>()
  readonly #counts = { i: 0, a: 0, x: 0 }
  #temporaries = 0

  constructor(program: Program) {
    for (const [buffer, placement] of program.placements) {
      if (placement.kind === 'input') this.#buffers.set(buffer, `in${placement.index}`)
      else if (placement.kind === 'output') this.#buffers.set(buffer, `out${placement.index}`)
      else if (placement.kind === 'constant') this.#buffers.set(buffer, `const${placement.index}`)
    }
  }

  buffer(buffer: Buffer): string {
    let name = this.#buffers.get(buffer)
    if (name === undefined) {
      name = `t${this.#temporaries++}`
      this.#buffers.set(buffer, name)
    }
    return name
  }

  list(buffers: readonly Buffer[]): string {
    return `(${buffers.map((buffer) => this.buffer(buffer)).join(', ')})`
  }

  startKernel(): void {
    this.#variables.clear()
    this.#counts.i = 0
    this.#counts.a = 0
    this.#counts.x = 0
  }

  /** Loop indices are called i, locals a, shared expressions x. */
  variable(x: Expression): string {
    const found = this.#variables.get(x)
    if (found !== undefined) return found
    return this.name(x, x.extent === undefined ? 'a' : 'i')
  }

  name(x: Expression, kind: 'i' | 'a' | 'x'): string {
    const name = `${kind}${this.#counts[kind]++}`
    this.#variables.set(x, name)
    return name
  }

  shared(x: Expression): string | undefined {
    return this.#variables.get(x)
  }

  forget(x: Expression): void {
    this.#variables.delete(x)
  }
}

const expressionText = (x: Expression, names: Names, within = 0): string => {
  if (x.op === 'variable') return names.variable(x)
  const shared = names.shared(x)
  return shared ?? operationText(x, names, within)
}

const operationText = (x: Expression, names: Names, within: number): string => {
  const args = (level: number): string[] => x.args.map((arg) => expressionText(arg, names, level))
  if (x.op === 'const') return numberText(x)
  if (x.op === 'load') return `${names.buffer(x.source as Buffer)}[${args(0).join()}]`
  if (x.op === 'convert') return `${dtypeShort(x.dtype)}(${args(0).join()})`
  if (x.op === 'bitcast') return `bits_${dtypeShort(x.dtype)}(${args(0).join()})`
  const own = strength[x.op]
  if (own === undefined) return `${x.op}(${args(0).join(', ')})`
  const [a, b, c] = x.args
  // Each argument is printed once: printed twice at every level, a long chain would take exponential time.
  let text: string
  if (x.op === 'select' && a !== undefined && b !== undefined && c !== undefined) {
    text = `${expressionText(a, names, 1)} ? ${expressionText(b, names, 1)} : ${expressionText(c, names, 0)}`
  } else if (a !== undefined && b !== undefined) {
    const negative = x.op === 'add' && b.op === 'const' && b.value < 0
    const right = negative ? numberText(e.constant(-b.value, b.dtype)) : expressionText(b, names, own + 1)
    text = `${expressionText(a, names, own)} ${negative ? '-' : (infix[x.op] ?? x.op)} ${right}`
  } else {
    text = `${x.op}(${args(0).join(', ')})`
  }
  return own < within ? `(${text})` : text
}

/** Nodes that several places of the expressions use, and that are worth a name. */
const sharedNodes = (roots: readonly Expression[], names: Names): Expression[] => {
  const users = new Map<Expression, number>()
  const order = e.topological(roots)
  for (const x of order) for (const arg of x.args) users.set(arg, (users.get(arg) ?? 0) + 1)
  for (const root of roots) users.set(root, (users.get(root) ?? 0) + 1)
  const trivial = (x: Expression): boolean =>
    x.args.length === 0 ||
    isLinearOp(x) ||
    (x.op === 'load' && x.args.every((arg) => arg.args.length === 0 || isLinearOp(arg)))
  return order.filter((x) => (users.get(x) ?? 0) > 1 && !trivial(x) && names.shared(x) === undefined)
}

const statementLines = (statements: readonly Statement[], names: Names, indent: string): string[] => {
  const lines: string[] = []
  for (let i = 0; i < statements.length;) {
    // Stores next to each other may share what they compute, unless one reads what another writes.
    const run: Statement[] = []
    const written = new Set<Buffer>()
    for (let k = i; k < statements.length; k++) {
      const s = statements[k]
      if (s === undefined || (run.length > 0 && s.kind !== 'store')) break
      run.push(s)
      if (s.kind !== 'store') break
      written.add(s.buffer)
      if (e.topological(run.flatMap(expressionsOf)).some((x) => x.op === 'load' && written.has(x.source as Buffer))) {
        if (run.length > 1) run.pop()
        break
      }
    }
    const shared = sharedNodes(run.flatMap(expressionsOf), names)
    for (const x of shared) {
      const text = operationText(x, names, 0)
      lines.push(`${indent}${names.name(x, 'x')} = ${text}`)
    }
    for (const s of run) lines.push(...oneStatement(s, names, indent))
    for (const x of shared) names.forget(x)
    i += run.length
  }
  return lines
}

const oneStatement = (s: Statement, names: Names, indent: string): string[] => {
  const text = (x: Expression): string => expressionText(x, names)
  switch (s.kind) {
    case 'for': {
      const name = names.shared(s.variable) ?? names.name(s.variable, 'i')
      return [
        `${indent}${s.order} ${name} < ${s.extent} {`,
        ...statementLines(s.body, names, `${indent}  `),
        `${indent}}`,
      ]
    }
    case 'if':
      return [`${indent}if (${text(s.condition)}) {`, ...statementLines(s.body, names, `${indent}  `), `${indent}}`]
    case 'define': {
      const value = text(s.value)
      return [`${indent}${dtypeShort(s.local.dtype)} ${names.variable(s.local)} = ${value}`]
    }
    case 'assign':
      return [`${indent}${names.variable(s.local)} = ${text(s.value)}`]
    case 'assignAll':
      return [`${indent}${s.locals.map((x) => names.variable(x)).join(', ')} = ${s.values.map(text).join(', ')}`]
    case 'combine': {
      const symbol = infix[s.op]
      const local = names.variable(s.local)
      return [
        `${indent}${symbol === undefined ? `${local} = ${s.op}(${local}, ${text(s.value)})` : `${local} ${symbol}= ${text(s.value)}`}`,
      ]
    }
    case 'store':
      return [`${indent}${names.buffer(s.buffer)}[${text(s.index)}] = ${text(s.value)}`]
  }
}

const isFlop = (x: Expression): boolean =>
  isFloating(x.dtype) &&
  x.args.length > 0 &&
  x.op !== 'load' &&
  x.op !== 'select' &&
  x.op !== 'convert' &&
  x.op !== 'bitcast'

const statementFlops = (statements: readonly Statement[]): number => {
  const here = e.topological(statements.flatMap(expressionsOf)).filter(isFlop).length
  return statements.reduce((sum, s) => {
    if (s.kind === 'for') return sum + s.extent * statementFlops(s.body)
    if (s.kind === 'if') return sum + statementFlops(s.body)
    return sum + (s.kind === 'combine' && isFloating(s.local.dtype) ? 1 : 0)
  }, here)
}

/** Floating-point operations of a program; see `kernelFlops`. */
export const programFlops = (program: Program): number =>
  program.kernels.reduce((sum, kernel) => sum + kernelFlops(kernel), 0)

/**
 * Floating-point operations of a kernel, counting every function as one; of a `while`, those of one trip, since their
 * number is not known; of a branch, those of the longest.
 */
export const kernelFlops = (kernel: Kernel): number => {
  switch (kernel.kind) {
    case 'loops':
      return statementFlops(kernel.body)
    case 'contraction':
      return 2 * kernel.batch * kernel.rows * kernel.columns * kernel.inner
    case 'transform':
      return Math.round(5 * kernel.outer * kernel.inner * kernel.size * Math.log2(kernel.size))
    case 'sort':
    case 'callback':
      return 0
    case 'scan':
      return kernel.length * programFlops(kernel.body)
    case 'while':
      return programFlops(kernel.condition) + programFlops(kernel.body)
    case 'branch':
      return Math.max(...kernel.programs.map(programFlops))
  }
}

/** Bytes of the arrays that a kernel reads and writes, each once. */
export const kernelBytes = (kernel: Kernel): number => {
  const { reads, writes } = accesses(kernel)
  return [...reads, ...writes].reduce((sum, buffer) => sum + bufferBytes(buffer), 0)
}

const bufferText = (buffer: Buffer): string => avalText(shapedArray(buffer.shape, buffer.dtype))

const stridesText = (layout: MatrixLayout): string =>
  `strides ${batchText(layout)},${layout.rowStride},${layout.columnStride}`

const viewText = (view: MatrixView, names: Names): string =>
  `${names.buffer(view.buffer)}(offset ${view.offset}, ${stridesText(view)})`

/** What iterations of a loop take slices of; `o/p+i%p` where slices do not lie one after the other. */
const slicedText = (kernel: ScanKernel, names: Names, side: 'xs' | 'ys'): string => {
  const before = side === 'xs' ? 0 : kernel.xs.length
  const list = kernel[side].map((buffer, i) => {
    const spread = kernel.spreads?.[before + i]
    const { periodStride = 0, period = 0, stride = 0 } = spread ?? {}
    return `${names.buffer(buffer)}${spread === undefined ? '' : `, slices ${periodStride} / ${period} + ${stride} % ${period}`}`
  })
  return `(${list.join(', ')})`
}

/** Strides of a batch: `o/p+i%p` where groups of `p` matrices are `o` apart and those within a group `i`. */
const batchText = ({ batchStride, batchPeriod, periodStride = 0 }: MatrixLayout): string =>
  batchPeriod === undefined
    ? String(batchStride)
    : `${periodStride === 0 ? '' : `${periodStride} / ${batchPeriod} + `}${batchStride} % ${batchPeriod}`

const kernelLines = (kernel: Kernel, names: Names, files: FileNames): string[] => {
  names.startKernel()
  /** A program inside the kernel, indented. */
  const nestedLines = (program: Program): string[] => [...programLines(program, files), ''].map((line) => `    ${line}`)
  switch (kernel.kind) {
    case 'loops':
      return statementLines(kernel.body, names, '  ')
    case 'contraction': {
      const batch = kernel.batch === 1 ? '' : `${kernel.batch} times `
      const placed = kernel.placed === undefined ? '' : `, placed ${stridesText(kernel.placed)}`
      return [
        `  ${names.buffer(kernel.out)} = ${batch}[${kernel.rows},${kernel.inner}] x [${kernel.inner},${kernel.columns}]${placed}`,
        `    of ${viewText(kernel.left, names)} and ${viewText(kernel.right, names)}`,
      ]
    }
    case 'scan':
      return [
        `  ${names.list(kernel.carries)} and ${slicedText(kernel, names, 'ys')} = ${kernel.length} times${kernel.reverse ? ' backwards' : ''} from ${names.list(kernel.initial)} over ${slicedText(kernel, names, 'xs')} with ${names.list(kernel.constants)}`,
        ...nestedLines(kernel.body),
      ]
    case 'while':
      return [
        `  ${names.list(kernel.carries)} = from ${names.list(kernel.initial)} while, with ${names.list(kernel.conditionConstants)},`,
        ...nestedLines(kernel.condition),
        `  do, with ${names.list(kernel.bodyConstants)},`,
        ...nestedLines(kernel.body),
      ]
    case 'branch':
      return [
        `  ${names.list(kernel.outputs)} = choose by ${names.buffer(kernel.index)} for ${names.list(kernel.operands)}`,
        ...kernel.programs.flatMap((program, i) => [`  case ${i}:`, ...nestedLines(program)]),
      ]
    case 'callback':
      return [`  call of JavaScript with ${names.list(kernel.operands)}`]
    case 'transform':
      return [
        `  ${names.list(kernel.outputs)} = transform ${names.list(kernel.inputs)}, lines [${kernel.outer},${kernel.size},${kernel.inner}]`,
      ]
    case 'sort':
      return [
        `  ${names.list(kernel.outputs)} = sort ${names.list(kernel.inputs)} by ${kernel.keys}, lines [${kernel.outer},${kernel.size},${kernel.inner}]`,
      ]
  }
}

/** Short names of source files; undefined where sources are not to be told. */
type FileNames = ReadonlyMap<string, string> | undefined

const programLines = (program: Program, files: FileNames): string[] => {
  const names = new Names(program)
  const lines: string[] = []
  const temporaries: Buffer[] = []
  program.kernels.forEach((kernel, i) => {
    const name = kernel.kind === 'loops' ? kernel.name : kernel.kind
    const places = files === undefined ? '' : placesText(kernelSources(kernel, program), files)
    lines.push(
      `${i}: ${name}, ${kernelFlops(kernel)} flops, ${kernelBytes(kernel)} bytes${places === '' ? '' : `, from ${places}`}`,
      ...kernelLines(kernel, names, files),
    )
    for (const buffer of accesses(kernel).writes) {
      if (program.placements.get(buffer)?.kind === 'temporary' && !temporaries.includes(buffer))
        temporaries.push(buffer)
    }
  })
  const places = temporaries.map((buffer) => {
    const placement = program.placements.get(buffer)
    return `${names.buffer(buffer)} ${bufferText(buffer)} at ${placement?.kind === 'temporary' ? placement.offset : 0}`
  })
  const head = [
    `inputs ${program.inputs.map((buffer) => `${names.buffer(buffer)} ${bufferText(buffer)}`).join(', ')}`,
    `outputs ${program.outputs.map((buffer) => `${names.buffer(buffer)} ${bufferText(buffer)}`).join(', ')}`,
  ]
  if (places.length > 0) head.push(`temporaries ${places.join(', ')} of ${program.temporaryBytes} bytes`)
  return [...head, ...lines]
}

/** The kernels of a program, in order, as people read them; with `sources`, also the files and lines they come from. */
export const kernelText = (program: Program, { sources = true }: { readonly sources?: boolean } = {}): string => {
  const files = sources ? shortNames(programPlaces(program).map(({ file }) => file)) : undefined
  const list = [...(files ?? [])].map(([file, name]) => `source ${name} is ${file}`)
  const bytes = program.kernels.reduce((sum, kernel) => sum + kernelBytes(kernel), 0)
  const total = `total ${program.kernels.length} kernels, ${programFlops(program)} flops, ${bytes} bytes`
  return `${[...programLines(program, files), ...(sources ? [total] : []), ...list].join('\n')}\n`
}
