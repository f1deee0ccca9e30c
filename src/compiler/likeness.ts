/** Likeness: loops that compute the same, each of arrays of its own and of as many elements as these have. */
import { type Expression, e } from '../core/index.js'
import { accessed, expressionsOf } from './finish.js'
import {
  type Buffer,
  type ContractionKernel,
  type LoopKernel,
  type MatrixLayout,
  type Statement,
  layoutOf,
} from './kernel.js'
import { loadsBelow } from './loads.js'

type Loop = Extract<Statement, { readonly kind: 'for' }>
type Define = Extract<Statement, { readonly kind: 'define' }>

/** A loop whose iterations are independent and do nothing but store, and what is computed for all of them before. */
export interface ElementLoop {
  readonly before: readonly Define[]
  readonly loop: Loop
}

const isElementLoop = (s: Statement): s is Loop =>
  s.kind === 'for' && s.order === 'parallel' && s.body.every(({ kind }) => kind === 'define' || kind === 'store')

/** Variables below expressions. */
const variablesIn = (roots: readonly Expression[]): ReadonlySet<Expression> =>
  new Set(e.topological(roots).filter((x) => x.op === 'variable'))

/**
 * The statements as such loops one after the other, each with its own definitions; undefined if there is anything else, or if
 * a definition gave something else where its loop is.
 */
export const elementLoopsOf = (statements: readonly Statement[]): readonly ElementLoop[] | undefined => {
  const defined: { readonly define: Define; readonly at: number }[] = []
  const loops: ElementLoop[] = []
  for (const [at, s] of statements.entries()) {
    if (s.kind === 'define') {
      defined.push({ define: s, at })
      continue
    }
    if (!isElementLoop(s)) return undefined
    const used = new Set(variablesIn(s.body.flatMap(expressionsOf)))
    const before: Define[] = []
    for (const { define, at: from } of defined.toReversed()) {
      if (!used.has(define.local)) continue
      for (const x of variablesIn([define.value])) used.add(x)
      const { writes } = accessed(statements.slice(from, at))
      if (loadsBelow(define.value).some((load) => writes.some((buffer) => buffer === load.source))) return undefined
      before.unshift(define)
    }
    loops.push({ before, loop: s })
  }
  return loops
}

/** What alike loops have in common, and the arrays of one of them in the order in which all of them use theirs. */
export interface Likeness {
  readonly key: string
  readonly buffers: readonly Buffer[]
}

/** Statements as text in which expressions, variables and buffers are numbers, in the order in which they are met. */
class Signature {
  private readonly names = new Map<Expression, string>()
  private readonly buffers = new Map<Buffer, number>()
  private readonly lines: string[] = []
  private readonly sizes: boolean
  /** Whether every variable was defined here, and, without sizes, every access is within its buffer whatever the extent. */
  private isWhole = true

  /** With `sizes` those of buffers and extents of the outermost loops are part of it. */
  constructor(sizes: boolean) {
    this.sizes = sizes
  }

  buffer(buffer: Buffer, at?: Expression): number {
    if (!this.sizes && at !== undefined) {
      const { min, max } = e.bounds(at)
      if (min < 0 || max >= buffer.size) this.isWhole = false
    }
    const found = this.buffers.get(buffer)
    if (found !== undefined) return found
    this.buffers.set(buffer, this.buffers.size)
    this.lines.push(`${buffer.dtype}${this.sizes ? ` ${buffer.size}` : ''}`)
    return this.buffers.size - 1
  }

  private expression(x: Expression): string {
    if (x.op === 'const') return `${x.dtype} ${Object.is(x.value, -0) ? '-0' : x.value}`
    let name = this.names.get(x)
    if (name === undefined) {
      if (x.op === 'variable') this.isWhole = false
      const args = x.args.map((arg) => this.expression(arg))
      const from = x.op === 'load' ? ` ${this.buffer(x.source as Buffer, x.args[0])}` : ''
      name = this.declare(x)
      this.lines.push(`${x.op} ${x.dtype}${from} ${args.join()}`)
    }
    return name
  }

  private declare(x: Expression): string {
    const name = `#${this.names.size}`
    this.names.set(x, name)
    return name
  }

  text(line: string): void {
    this.lines.push(line)
  }

  statements(list: readonly Statement[], depth = 0): void {
    for (const s of list) {
      const values = expressionsOf(s).map((x) => this.expression(x))
      const to = s.kind === 'store' ? this.buffer(s.buffer, s.index) : s.kind === 'for' ? s.order : ''
      if (s.kind === 'for' && (this.sizes || depth > 0)) values.push(String(s.extent))
      if (s.kind === 'for') values.push(this.declare(s.variable))
      else if (s.kind === 'define') values.push(s.local.dtype, this.declare(s.local))
      else if (s.kind === 'assignAll') values.push(...s.locals.map((local) => this.expression(local)))
      else if (s.kind === 'combine') values.push(s.op, this.expression(s.local))
      else if (s.kind === 'assign') values.push(this.expression(s.local))
      this.lines.push(`${s.kind} ${to} ${values.join()}`)
      if (s.kind !== 'for' && s.kind !== 'if') continue
      this.statements(s.body, depth + 1)
      this.lines.push('end')
    }
  }

  get likeness(): Likeness | undefined {
    return this.isWhole ? { key: this.lines.join('\n'), buffers: [...this.buffers.keys()] } : undefined
  }
}

const likenessOf = ({ before, loop }: ElementLoop): Likeness | undefined => {
  const signature = new Signature(false)
  signature.statements([...before, loop])
  return signature.likeness
}

/** Likenesses of those that have one in common with another. What is `outlineOf` tells most of the others apart at once. */
const inCommon = <T>(
  items: readonly T[],
  outlineOf: (item: T) => string,
  find: (item: T) => Likeness | undefined,
): ReadonlyMap<T, Likeness> => {
  const outlines = new Map<string, T[]>()
  for (const item of items) {
    const outline = outlineOf(item)
    const similar = outlines.get(outline)
    if (similar === undefined) outlines.set(outline, [item])
    else similar.push(item)
  }
  const likenesses = new Map<T, Likeness>()
  const counts = new Map<string, number>()
  for (const similar of outlines.values()) {
    if (similar.length < 2) continue
    for (const item of similar) {
      const likeness = find(item)
      if (likeness === undefined) continue
      likenesses.set(item, likeness)
      counts.set(likeness.key, (counts.get(likeness.key) ?? 0) + 1)
    }
  }
  for (const [item, { key }] of likenesses) if (counts.get(key) === 1) likenesses.delete(item)
  return likenesses
}

const operationsOf = ({ before, loop }: ElementLoop): string =>
  [...before, ...loop.body]
    .flatMap((s) => expressionsOf(s).map((x) => `${x.op} ${x.args.map((arg) => arg.op).join()}`))
    .join()

/**
 * The loops that are like others: those of equal keys are the same statements of other buffers and extents, and every access is
 * within its buffer whatever the extent.
 */
export const alikeLoops = (loops: readonly ElementLoop[]): ReadonlyMap<ElementLoop, Likeness> =>
  inCommon(loops, operationsOf, likenessOf)

const matrixText = ({
  offset,
  batchStride,
  batchPeriod,
  periodStride,
  rowStride,
  columnStride,
}: MatrixLayout): string => [offset, batchStride, batchPeriod, periodStride, rowStride, columnStride].join()

/** The likeness of kernels in a row: with equal keys they differ in nothing but the buffers. */
export const kernelLikenessOf = (kernels: readonly (LoopKernel | ContractionKernel)[]): Likeness | undefined => {
  const signature = new Signature(true)
  for (const kernel of kernels) {
    if (kernel.kind === 'loops') {
      signature.statements(kernel.body)
      continue
    }
    const { batch, rows, columns, inner, left, right, out } = kernel
    const places = [left.buffer, right.buffer, out].map((buffer) => signature.buffer(buffer))
    const layouts = [left, right, layoutOf(kernel)].map(matrixText)
    signature.text([batch, rows, columns, inner, ...places, ...layouts].join(' '))
  }
  return signature.likeness
}

/** What is soon told of a kernel, and differs for most. */
const outlineOf = (kernel: LoopKernel | ContractionKernel): string => {
  if (kernel.kind === 'contraction') return [kernel.batch, kernel.rows, kernel.columns, kernel.inner].join()
  const sizes = (buffers: readonly Buffer[]): string => buffers.map(({ size }) => size).join()
  return `${kernel.body.length} ${sizes(kernel.reads)} ${sizes(kernel.writes)}`
}

/** The kernels that differ from others in nothing but the buffers. */
export const alikeKernels = <T extends LoopKernel | ContractionKernel>(
  kernels: readonly T[],
): ReadonlyMap<T, Likeness> => inCommon(kernels, outlineOf, (kernel) => kernelLikenessOf([kernel]))
