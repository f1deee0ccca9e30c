/** What a kernel's code generator must know beforehand: uses, dependences, which locals change, which loads are safe. */
import { type DType, type Expression, dtypeBytes, e, known } from '../../core/index.js'
import { type Linear, fromLinear, linear } from '../../compiler/affine.js'
import type { Buffer, LoopKernel, Statement } from '../../compiler/kernel.js'

export type Loop = Extract<Statement, { kind: 'for' }>

/** Bytes on both sides of the arena that belong to nobody: loads that miss an array by less can't trap. */
export const guardBytes = 65536
const nearBytes = guardBytes / 2

/** A flat index as a sum of multiples. */
export interface IndexForm extends Linear {
  /** The index without its constant. */
  readonly core: Expression
  /** Bits of what moves with loops but is no variable of a loop itself; worked out when it is asked for. */
  others: number | undefined
}

/** Facts about the expressions of one kernel. */
export class KernelAnalysis {
  /** Locals that are set more than once. */
  readonly mutable = new Set<Expression>()
  /** Buffers that the kernel writes: loads of them see stores, so they are never moved. */
  readonly written: ReadonlySet<unknown>
  private readonly useCounts = new Map<Expression, number>()
  private readonly bits = new Map<Expression, number>()
  private readonly masks = new Map<Expression, number>()
  private readonly unsafe = new Map<Expression, boolean>()
  private readonly sources = new Map<Expression, ReadonlySet<unknown>>()
  private readonly movable = new Map<Expression, boolean>()
  private readonly forms = new Map<Expression, IndexForm>()
  /** Loads of each buffer by index without its constant, then by the constant. */
  private readonly neighbours = new Map<unknown, Map<Expression, Map<number, Expression>>>()
  private nextBit = 0

  constructor(kernel: LoopKernel) {
    this.written = new Set<unknown>(kernel.writes)
    const sources = new Map<Expression, Expression[]>()
    const seen = new Set<Expression>()
    const use = (x: Expression): void => {
      if (x.op === 'const') return
      this.useCounts.set(x, (this.useCounts.get(x) ?? 0) + 1)
      if (seen.has(x)) return
      seen.add(x)
      if (x.op === 'load') this.addNeighbour(x)
      x.args.forEach(use)
    }
    const give = (local: Expression, value: Expression): void => {
      const list = sources.get(local)
      if (list === undefined) sources.set(local, [value])
      else {
        list.push(value)
        this.mutable.add(local)
      }
      use(value)
    }
    const walk = (statements: readonly Statement[]): void => {
      for (const s of statements) {
        switch (s.kind) {
          case 'for':
            this.bits.set(s.variable, this.takeBit())
            walk(s.body)
            break
          case 'define':
            give(s.local, s.value)
            break
          case 'assign':
          case 'combine':
            this.mutable.add(s.local)
            give(s.local, s.value)
            break
          case 'assignAll':
            s.locals.forEach((local, i) => {
              this.mutable.add(local)
              const value = s.values[i]
              if (value !== undefined) give(local, value)
            })
            break
          case 'store':
            use(s.index)
            use(s.value)
            break
          case 'if':
            use(s.condition)
            walk(s.body)
            break
        }
      }
    }
    // Nests that share no locals never meet, so they use the same bits.
    const apart = kernel.body.every((s) => s.kind === 'for')
    for (const s of kernel.body) {
      if (apart) this.nextBit = 0
      walk([s])
    }
    // What a local depends on is what its values depend on; locals may feed each other, so repeat until nothing changes.
    // Locals that never change come before what uses them: then once is enough.
    for (let changed = sources.size > 0; changed;) {
      changed = false
      for (const [local, values] of sources) {
        const before = this.bits.get(local) ?? 0
        let mask = before
        for (const value of values) mask |= this.mask(value)
        if (mask !== before) {
          this.bits.set(local, mask)
          changed = this.mutable.size > 0
        }
      }
      if (changed) this.masks.clear()
    }
  }

  private takeBit(): number {
    return 1 << Math.min(this.nextBit++, 30)
  }

  /** The bit of a loop variable; bits are few, and beyond 30 variables they share one. */
  bit(variable: Expression): number {
    return this.bits.get(variable) ?? 0
  }

  /** Whether the loop variable has a bit of its own, so that dependence on it is known exactly. */
  isTracked(variable: Expression): boolean {
    return this.bit(variable) !== 1 << 30
  }

  /** How many expressions and statements use this one. */
  uses(x: Expression): number {
    return this.useCounts.get(x) ?? 1
  }

  /** Bits of the variables and locals that an expression depends on. */
  mask(x: Expression): number {
    if (x.op === 'const') return 0
    if (x.op === 'variable') return this.bits.get(x) ?? 0
    let found = this.masks.get(x)
    if (found === undefined) {
      found = 0
      for (let i = 0; i < x.args.length; i++) {
        const arg = x.args[i]
        if (arg !== undefined && arg.op !== 'const') found |= this.mask(arg)
      }
      this.masks.set(x, found)
    }
    return found
  }

  /** Whether evaluating the expression could touch memory outside the arena, unless a condition says it is right. */
  isUnsafe(x: Expression): boolean {
    if (!x.loads) return false
    let found = this.unsafe.get(x)
    if (found === undefined) {
      found = x.op === 'load' && !this.isNear(x)
      for (let i = 0; i < x.args.length && !found; i++) {
        const arg = x.args[i]
        if (arg !== undefined) found = this.isUnsafe(arg)
      }
      this.unsafe.set(x, found)
    }
    return found
  }

  private isNear(x: Expression): boolean {
    const source = x.source as Buffer | undefined
    const at = x.args[0]
    if (source === undefined || at === undefined) return false
    const { min, max } = e.bounds(at)
    const size = dtypeBytes(source.dtype)
    return min * size >= -nearBytes && (max - source.size) * size <= nearBytes - 16
  }

  /** Whether the value is the same wherever its variables are: no mutable locals, no loads of what the kernel writes. */
  isPure(x: Expression): boolean {
    if (x.op === 'variable') return !this.mutable.has(x)
    if (x.args.length === 0) return true
    let found = this.movable.get(x)
    if (found === undefined) {
      found = !(x.op === 'load' && this.written.has(x.source))
      for (let i = 0; i < x.args.length && found; i++) {
        const arg = x.args[i]
        if (arg !== undefined) found = this.isPure(arg)
      }
      this.movable.set(x, found)
    }
    return found
  }

  /** Buffers whose elements the value depends on, of those that the kernel writes. */
  changing(x: Expression): ReadonlySet<unknown> {
    let found = this.sources.get(x)
    if (found === undefined) {
      const own = x.op === 'load' && this.written.has(x.source) ? [x.source] : []
      found = new Set([...own, ...x.args.flatMap((arg) => [...this.changing(arg)])])
      this.sources.set(x, found)
    }
    return found
  }

  private addNeighbour(x: Expression): void {
    const at = x.args[0]
    if (at === undefined) return
    const { core, constant } = this.form(at)
    let byCore = this.neighbours.get(x.source)
    if (byCore === undefined) {
      byCore = new Map()
      this.neighbours.set(x.source, byCore)
    }
    let byConstant = byCore.get(core)
    if (byConstant === undefined) {
      byConstant = new Map()
      byCore.set(core, byConstant)
    }
    byConstant.set(constant, x)
  }

  /** The loads of four neighbouring elements of which the load of `source` at `index` is one, if the kernel has them all. */
  quartet(source: unknown, index: Expression): readonly Expression[] | undefined {
    const { core, constant } = this.form(index)
    const loads = this.neighbours.get(source)?.get(core)
    if (loads === undefined || loads.size < 4) return undefined
    let first = constant
    while (loads.has(first - 1)) first--
    first += (constant - first) & -4
    const found = [first, first + 1, first + 2, first + 3].map((c) => loads.get(c))
    return found.every((x) => x !== undefined) ? found : undefined
  }

  form(index: Expression): IndexForm {
    let found = this.forms.get(index)
    if (found === undefined) {
      const { constant, terms } = linear(index)
      found = { constant, terms, core: fromLinear(0, terms), others: undefined }
      this.forms.set(index, found)
    }
    return found
  }

  /** Elements that a flat index moves when a loop variable moves by one, if that is the same everywhere. */
  stride(index: Expression, variable: Expression): number | undefined {
    const bit = this.bit(variable)
    if ((this.mask(index) & bit) === 0) return 0
    const form = this.form(index)
    if (((form.others ??= this.othersIn(form)) & bit) !== 0) return undefined
    return form.terms.get(variable) ?? 0
  }

  private othersIn({ terms }: IndexForm): number {
    let others = 0
    for (const atom of terms.keys()) if (atom.op !== 'variable' || atom.extent === undefined) others |= this.mask(atom)
    return others
  }
}

/** The loop with stores of a select on the condition reduced to one side. */
export const chosen = (s: Loop, condition: Expression, isTrue: boolean): Loop => ({
  ...s,
  body: s.body.map((inner) => {
    if (inner.kind !== 'store' || inner.value.op !== 'select' || inner.value.args[0] !== condition) return inner
    return { ...inner, value: known(inner.value.args[isTrue ? 1 : 2], 'side of a select') }
  }),
})

/** Expressions that the statements evaluate themselves (not those of loops inside them). */
export const rootsOf = (s: Statement): readonly Expression[] => {
  switch (s.kind) {
    case 'for':
      return []
    case 'define':
    case 'assign':
    case 'combine':
      return [s.value]
    case 'assignAll':
      return s.values
    case 'store':
      return [s.index, s.value]
    case 'if':
      return [s.condition]
  }
}

/** Locals that a statement sets, those of statements inside it included. */
export const assignedLocals = (statements: readonly Statement[], out = new Set<Expression>()): Set<Expression> => {
  for (const s of statements) {
    if (s.kind === 'assign' || s.kind === 'combine') out.add(s.local)
    else if (s.kind === 'assignAll') for (const local of s.locals) out.add(local)
    else if (s.kind === 'for' || s.kind === 'if') assignedLocals(s.body, out)
  }
  return out
}

/** Variables that statements use but do not introduce. */
export const freeVariables = (statements: readonly Statement[]): Set<Expression> => {
  const bound = new Set<Expression>()
  const used = new Set<Expression>()
  const seen = new Set<Expression>()
  const visit = (x: Expression): void => {
    if (seen.has(x)) return
    seen.add(x)
    if (x.op === 'variable') used.add(x)
    x.args.forEach(visit)
  }
  const walk = (list: readonly Statement[]): void => {
    for (const s of list) {
      rootsOf(s).forEach(visit)
      if (s.kind === 'for') {
        bound.add(s.variable)
        walk(s.body)
      } else if (s.kind === 'if') walk(s.body)
      else if (s.kind === 'define') bound.add(s.local)
      else if (s.kind === 'assign' || s.kind === 'combine') used.add(s.local)
      else if (s.kind === 'assignAll') for (const local of s.locals) used.add(local)
    }
  }
  walk(statements)
  for (const x of bound) used.delete(x)
  return used
}

/** Bytes of one element. */
export const elementBytes = (dtype: DType): number => dtypeBytes(dtype)
