/** Which arrays a kernel may write over: those that it reads before, or at the very element that it then writes. */
import { type Expression, e, known } from '../core/index.js'
import { linear } from './affine.js'
import { expressionsOf } from './finish.js'
import { accesses, bufferBytes, elementBytes } from './accesses.js'
import { loadsBelow } from './loads.js'
import type { Buffer, Kernel, LoopKernel, ScanKernel, Statement, WhileKernel } from './kernel.js'

type Loop = Extract<Statement, { readonly kind: 'for' }>
type Store = Extract<Statement, { readonly kind: 'store' }>

/** A loop, as far as it says where its carries are. */
type LoopBody = Pick<ScanKernel, 'kind' | 'body' | 'constants'> | Pick<WhileKernel, 'kind' | 'body' | 'bodyConstants'>

/** Whether carry `i` of a loop stays in one place: its body reads and writes the same array. */
export const staysInPlace = (kernel: LoopBody, i: number): boolean => {
  const { length } = kernel.kind === 'scan' ? kernel.constants : kernel.bodyConstants
  return kernel.body.outputs[i] === kernel.body.inputs[length + i]
}

/** Whether the expressions load from a buffer, and if `at` is given, anywhere but there. */
const loads = (roots: readonly Expression[], buffer: Buffer, at?: Expression): boolean =>
  roots.some(
    (root) =>
      root.args.length > 0 &&
      loadsBelow(root).some((x) => x.source === buffer && (at === undefined || x.args[0] !== at)),
  )

const loadsAnywhere = (s: Statement, buffer: Buffer): boolean =>
  loads(expressionsOf(s), buffer) ||
  ((s.kind === 'for' || s.kind === 'if') && s.body.some((inner) => loadsAnywhere(inner, buffer)))

/** Paths to the stores to a buffer: positions in nested statements. */
const pathsTo = (statements: readonly Statement[], buffer: Buffer): (readonly number[])[] =>
  statements.flatMap((s, i): (readonly number[])[] => {
    if (s.kind === 'store') return s.buffer === buffer ? [[i]] : []
    return s.kind === 'for' || s.kind === 'if' ? pathsTo(s.body, buffer).map((path) => [i, ...path]) : []
  })

const contains = (root: Expression, variable: Expression): boolean =>
  root === variable || root.args.some((arg) => contains(arg, variable))

/** Whether different iterations of the loops have different indices, whatever the rest of the index is. */
const isInjective = (loops: readonly Loop[], index: Expression): boolean => {
  const { terms } = linear(index)
  const strides = loops
    .map((loop) => ({ stride: Math.abs(terms.get(loop.variable) ?? 0), extent: loop.extent }))
    .sort((a, b) => a.stride - b.stride)
  let reach = 1
  for (const { stride, extent } of strides) {
    if (stride < reach) return false
    reach += stride * (extent - 1)
  }
  return [...terms.keys()].every((atom) =>
    atom.op === 'variable' ? atom.extent !== undefined : !loops.some((loop) => contains(atom, loop.variable)),
  )
}

/** Whether loops cover an array of this size densely, each element once. */
const isDense = (loops: readonly Loop[], index: Expression, size: number): boolean => {
  const { constant, terms } = linear(index)
  const variables = new Set(loops.map((loop) => loop.variable))
  const total = loops.reduce((product, loop) => product * loop.extent, 1)
  return (
    constant === 0 &&
    total === size &&
    [...terms].every(([atom, stride]) => stride > 0 && variables.has(atom)) &&
    isInjective(loops, index)
  )
}

/** Whether a loop kernel reads `old` only before it writes `fresh`, or in the same iteration at the same element. */
const overwrites = (kernel: LoopKernel, old: Buffer, fresh: Buffer): boolean => {
  const [path, another] = pathsTo(kernel.body, fresh)
  if (path === undefined || another !== undefined) return false
  const around: Loop[] = []
  let list = kernel.body
  let store: Store | undefined
  for (const i of path) {
    const s = known(list[i], 'statement')
    if (s.kind === 'for') around.push(s)
    if (s.kind === 'for' || s.kind === 'if') list = s.body
    if (s.kind === 'store') store = s
  }
  const { index } = known(store, 'store')
  if (around.some((loop) => loop.order !== 'parallel') && !isInjective(around, index)) return false
  // Inside a loop the last list is where an iteration loads and stores: only there may it load what it then writes.
  const walk = (statements: readonly Statement[], depth: number, inLoop: boolean): boolean => {
    const at = known(path[depth], 'position')
    const last = depth === path.length - 1
    return statements.every((s, i) => {
      if (i > at) return !loadsAnywhere(s, old)
      if (i < at || last) {
        if (!inLoop) return true
        if (!last || s.kind === 'for' || s.kind === 'if') return !loadsAnywhere(s, old)
        return !loads(expressionsOf(s), old, index)
      }
      if (s.kind !== 'for' && s.kind !== 'if') return true
      if (inLoop && loads(expressionsOf(s), old, index)) return false
      return walk(s.body, depth + 1, inLoop || s.kind === 'for')
    })
  }
  return walk(kernel.body, 0, false)
}

/** Loops keep a carry where it is; so what they start from may be there already. */
const carriesOver = (kernel: ScanKernel | WhileKernel, old: Buffer, fresh: Buffer): boolean => {
  const i = kernel.carries.indexOf(fresh)
  return (
    i >= 0 &&
    kernel.initial[i] === old &&
    staysInPlace(kernel, i) &&
    accesses(kernel).reads.filter((buffer) => buffer === old).length === 1
  )
}

/**
 * Whether a kernel may write `fresh` over `old`: it reads `old` only at the very element that it then writes, never after.
 */
export const canOverwrite = (kernel: Kernel, old: Buffer, fresh: Buffer): boolean => {
  if (bufferBytes(old) !== bufferBytes(fresh) || elementBytes(old) !== elementBytes(fresh)) return false
  if (accesses(kernel).writes.includes(old)) return false
  if (kernel.kind === 'loops') return overwrites(kernel, old, fresh)
  return (kernel.kind === 'scan' || kernel.kind === 'while') && carriesOver(kernel, old, fresh)
}

/** Neighbouring stores with all values computed before the first of them, so that arrays can be exchanged. */
const loadFirst = (statements: readonly Statement[]): readonly Statement[] => {
  const out: Statement[] = []
  for (let i = 0; i < statements.length;) {
    const s = known(statements[i], 'statement')
    const run: Store[] = []
    for (let k = i; k < statements.length; k++) {
      const next = statements[k]
      if (next?.kind !== 'store') break
      run.push(next)
    }
    if (run.length < 2) {
      out.push(s.kind === 'for' || s.kind === 'if' ? { ...s, body: loadFirst(s.body) } : s)
      i++
      continue
    }
    const locals = run.map(({ value }) => (value.args.length === 0 ? value : e.variable(value.dtype)))
    run.forEach(({ value }, k) => {
      const local = known(locals[k], 'local')
      if (local !== value) out.push({ kind: 'define', local, value })
    })
    run.forEach((store, k) => out.push({ ...store, value: known(locals[k], 'local') }))
    i += run.length
  }
  return out
}

/** Whether a store is read by a later one of the same run, which must then stay behind it. */
const storesThenLoads = (statements: readonly Statement[]): boolean => {
  let stored: Buffer[] = []
  return statements.some((s) => {
    if (s.kind === 'for' || s.kind === 'if') return storesThenLoads(s.body)
    if (s.kind !== 'store') stored = []
    else {
      if (stored.some((buffer) => loads(expressionsOf(s), buffer))) return true
      stored.push(s.buffer)
    }
    return false
  })
}

/** The kernel, changed if need be so that it may write `fresh` over `old`; undefined if it may not. */
export const overwriting = (kernel: Kernel, old: Buffer, fresh: Buffer): Kernel | undefined => {
  if (canOverwrite(kernel, old, fresh)) return kernel
  if (kernel.kind !== 'loops' || storesThenLoads(kernel.body)) return undefined
  const changed = { ...kernel, body: loadFirst(kernel.body) }
  return canOverwrite(changed, old, fresh) ? changed : undefined
}

/** Arrays that a kernel copies as a whole, from which. */
export const copiesOf = (kernel: Kernel): ReadonlyMap<Buffer, Buffer> => {
  const copies = new Map<Buffer, Buffer>()
  if (kernel.kind !== 'loops') return copies
  const stores = new Map<Buffer, number>()
  const walk = (statements: readonly Statement[], around: readonly Loop[]): void => {
    for (const s of statements) {
      if (s.kind === 'for') walk(s.body, [...around, s])
      else if (s.kind === 'if') countStores(s.body)
      else if (s.kind === 'store') {
        stores.set(s.buffer, (stores.get(s.buffer) ?? 0) + 1)
        const { value, index, buffer } = s
        const source = value.op === 'load' && value.args[0] === index ? (value.source as Buffer) : undefined
        if (source === undefined || source === buffer || source.size !== buffer.size || source.dtype !== buffer.dtype)
          continue
        if (isDense(around, index, buffer.size)) copies.set(buffer, source)
      }
    }
  }
  const countStores = (statements: readonly Statement[]): void => {
    for (const s of statements) {
      if (s.kind === 'store') stores.set(s.buffer, 2)
      else if (s.kind === 'for' || s.kind === 'if') countStores(s.body)
    }
  }
  walk(kernel.body, [])
  for (const buffer of copies.keys()) if (stores.get(buffer) !== 1) copies.delete(buffer)
  return copies
}
