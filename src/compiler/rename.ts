/** Kernels with other buffers in place of their own. */
import { type Expression, e, known } from '../core/index.js'
import type { LoopDraft } from './draft.js'
import { accessed, mapExpressions } from './finish.js'
import type { Buffer, Kernel, Statement } from './kernel.js'

/** What a buffer becomes. */
export type Rename = (buffer: Buffer) => Buffer

const renameLoads = (rename: Rename): ((x: Expression) => Expression) => {
  const memo = new Map<Expression, Expression>()
  const move = (x: Expression): Expression => {
    if (x.args.length === 0) return x
    const done = memo.get(x)
    if (done !== undefined) return done
    const out =
      x.op === 'load'
        ? e.load(rename(x.source as Buffer), move(known(x.args[0], 'index of a load')))
        : e.rebuildWith(x, move)
    memo.set(x, out)
    return out
  }
  return move
}

/** Without stores of what is there already, and loops that did nothing else. */
const withoutIdentities = (statements: readonly Statement[]): readonly Statement[] =>
  statements.flatMap((s): readonly Statement[] => {
    if (s.kind === 'store') {
      const { buffer, index, value } = s
      return value.op === 'load' && value.source === buffer && value.args[0] === index ? [] : [s]
    }
    if (s.kind !== 'for' && s.kind !== 'if') return [s]
    const body = withoutIdentities(s.body)
    return body.every((inner) => inner.kind === 'define') ? [] : [{ ...s, body }]
  })

const renameStores = (s: Statement, rename: Rename): Statement => {
  if (s.kind === 'store') return { ...s, buffer: rename(s.buffer) }
  if (s.kind === 'for' || s.kind === 'if') return { ...s, body: s.body.map((inner) => renameStores(inner, rename)) }
  return s
}

const renameLoops = (kernel: LoopDraft, rename: Rename): LoopDraft | undefined => {
  if ([...kernel.reads, ...kernel.writes].every((buffer) => rename(buffer) === buffer)) return kernel
  const move = renameLoads(rename)
  const body = withoutIdentities(kernel.body.map((s) => mapExpressions(renameStores(s, rename), move)))
  if (body.every((s) => s.kind === 'define')) return undefined
  const { trusted, sum } = kernel
  return {
    ...kernel,
    body,
    ...accessed(body),
    ...(trusted !== undefined && { trusted: rename(trusted) }),
    ...(sum !== undefined && { sum: { ...sum, element: move(sum.element), buffer: rename(sum.buffer) } }),
  }
}

/** The kernel over renamed buffers; undefined if nothing is left to do. */
export const renameKernel = (kernel: Kernel, rename: Rename): Kernel | undefined => {
  const all = (buffers: readonly Buffer[]): Buffer[] => buffers.map(rename)
  switch (kernel.kind) {
    case 'loops':
      return renameLoops(kernel, rename)
    case 'contraction': {
      const { left, right, out } = kernel
      return {
        ...kernel,
        left: { ...left, buffer: rename(left.buffer) },
        right: { ...right, buffer: rename(right.buffer) },
        out: rename(out),
      }
    }
    case 'sort':
    case 'transform':
      return { ...kernel, inputs: all(kernel.inputs), outputs: all(kernel.outputs) }
    case 'scan':
      return {
        ...kernel,
        constants: all(kernel.constants),
        initial: all(kernel.initial),
        xs: all(kernel.xs),
        carries: all(kernel.carries),
        ys: all(kernel.ys),
      }
    case 'while':
      return {
        ...kernel,
        conditionConstants: all(kernel.conditionConstants),
        bodyConstants: all(kernel.bodyConstants),
        initial: all(kernel.initial),
        carries: all(kernel.carries),
      }
    case 'branch':
      return { ...kernel, index: rename(kernel.index), operands: all(kernel.operands), outputs: all(kernel.outputs) }
    case 'callback':
      return { ...kernel, operands: all(kernel.operands) }
  }
}
