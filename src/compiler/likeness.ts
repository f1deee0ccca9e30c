/** Likeness: loops that compute the same, each of arrays of its own and of as many elements as these have. */
import { type Expression, e } from '../core/index.js'
import { accessed, expressionsOf } from './finish.js'
import type { Buffer, Statement } from './kernel.js'
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

/**
 * The likeness of a loop: loops of equal keys are the same statements of other buffers and extents, and every access is
 * within its buffer whatever the extent. Undefined for one that uses what was computed elsewhere.
 */
export const likenessOf = ({ before, loop }: ElementLoop): Likeness | undefined => {
  const names = new Map<Expression, string>()
  const buffers = new Map<Buffer, number>()
  const lines: string[] = []
  let isWhole = true
  const number = (buffer: Buffer, at: Expression): number => {
    const { min, max } = e.bounds(at)
    if (min < 0 || max >= buffer.size) isWhole = false
    const found = buffers.get(buffer)
    if (found !== undefined) return found
    buffers.set(buffer, buffers.size)
    return buffers.size - 1
  }
  const nameOf = (x: Expression): string => {
    if (x.op === 'const') return `${x.dtype} ${Object.is(x.value, -0) ? '-0' : x.value}`
    let name = names.get(x)
    if (name === undefined) {
      if (x.op === 'variable') isWhole = false
      const args = x.args.map(nameOf).join()
      const at = x.args[0]
      const from = x.op === 'load' && at !== undefined ? ` ${number(x.source as Buffer, at)}` : ''
      name = `#${names.size}`
      names.set(x, name)
      lines.push(`${x.op} ${x.dtype}${from} ${args}`)
    }
    return name
  }
  const declare = (x: Expression): void => {
    names.set(x, `#${names.size}`)
  }
  const write = (statements: readonly Statement[]): void => {
    for (const s of statements) {
      if (s.kind === 'define') {
        lines.push(`define ${nameOf(s.value)}`)
        declare(s.local)
      } else if (s.kind === 'store') {
        const [index, value] = [nameOf(s.index), nameOf(s.value)]
        lines.push(`store ${s.buffer.dtype} ${number(s.buffer, s.index)} ${index} ${value}`)
      } else isWhole = false
    }
  }
  write(before)
  lines.push('for')
  declare(loop.variable)
  write(loop.body)
  return isWhole ? { key: lines.join('\n'), buffers: [...buffers.keys()] } : undefined
}
