/** Where code goes and where values are kept: scopes, locals, and what is moved out of loops. */
import { type Expression, known } from '../../core/index.js'
import type { Buffer } from '../../compiler/kernel.js'
import { type KernelAnalysis, elementBytes } from './analysis.js'
import type { FunctionBuilder } from './assembler.js'
import { Code } from './code.js'
import type { Helpers } from './helpers.js'
import type { Jobs } from './jobs.js'
import { type ValueType, ops } from './opcodes.js'

/** What the functions of one module share. */
export interface ModuleContext {
  readonly helpers: Helpers
  /** Emits the address of a buffer's first element. */
  readonly pushAddress: (code: Code, buffer: Buffer) => void
  /** Work that other threads may take part in, where that is possible. */
  readonly jobs: Jobs | undefined
}

/** A pointer that a loop moves: it is at element `core + bias` of the buffer for the current index. */
export interface Pointer {
  readonly buffer: Buffer
  readonly core: Expression
  readonly bias: number
  /** Elements per step of the loop variable. */
  readonly stride: number
  readonly local: number
}

/** A stretch of code in which values stay valid: the function, a loop's body, or a branch. */
export interface Scope {
  readonly isLoop: boolean
  /** Runs once before the loop (or the function). */
  readonly before: Code
  readonly scalars: Map<Expression, number>
  /** Vectors that are the same for every copy. */
  readonly splats: Map<Expression, number>
  readonly vectors: Map<Expression, number>[]
  readonly pointers: Pointer[]
  readonly variable: Expression | undefined
}

/** Which map of a scope holds a value: scalars, vectors that are the same for all copies, or those of one copy. */
export type Table = (scope: Scope) => Map<Expression, number>

/** Keeps track of scopes while code is emitted into one function. */
export class ScopeEmitter {
  readonly f: FunctionBuilder
  readonly analysis: KernelAnalysis
  protected readonly context: ModuleContext
  protected readonly scopes: Scope[]
  protected readonly variables = new Map<Expression, { readonly local: number; readonly scope: number }>()
  private readonly levels = new Map<Expression, number>()
  /** Values that hold until a statement changes what they depend on. */
  private readonly passing: { readonly map: Map<Expression, number>; readonly x: Expression }[] = []

  constructor(f: FunctionBuilder, analysis: KernelAnalysis, context: ModuleContext) {
    this.f = f
    this.analysis = analysis
    this.context = context
    this.scopes = [this.newScope(true, f.prologue, undefined)]
  }

  /** Index of the scope that code goes to; inner ones are set aside while code is moved out of loops. */
  protected get current(): number {
    return this.scopes.length - 1
  }

  private newScope(isLoop: boolean, before: Code, variable: Expression | undefined): Scope {
    return { isLoop, before, scalars: new Map(), splats: new Map(), vectors: [], pointers: [], variable }
  }

  protected get innermost(): Scope {
    return known(this.scopes[this.current], 'scope')
  }

  protected openBranch(): void {
    this.scopes.push(this.newScope(false, this.f.code, undefined))
  }

  protected closeBranch(): void {
    this.scopes.pop()
  }

  /** Makes a variable known in this scope. Copies of a loop bind it again, and what depends on it is not where it was then. */
  protected bindHere(variable: Expression, local: number): void {
    const before = this.variables.get(variable)
    if (before !== undefined && before.scope !== this.current) this.levels.clear()
    this.variables.set(variable, { local, scope: this.current })
  }

  /** Opens the body of a loop; `start` is a local that holds the variable and is set already. Returns the code around it. */
  protected openLoop(variable: Expression, local: number): Code {
    const around = this.f.code
    this.scopes.push(this.newScope(true, new Code(64), variable))
    this.bindHere(variable, local)
    this.f.code = new Code(128)
    return around
  }

  /** Moves the pointers by `step` iterations; for use at the end of a loop's body. */
  protected advancePointers(step: number): void {
    for (const pointer of this.innermost.pointers) {
      if (pointer.stride === 0) continue
      this.f.code.get(pointer.local)
      this.f.code.i32(pointer.stride * step * elementBytes(pointer.buffer.dtype))
      this.f.code.op(ops['i32.add'])
      this.f.code.set(pointer.local)
    }
  }

  /** Ends a loop's body, which must leave the condition of another iteration on the stack. */
  protected closeLoop(around: Code): void {
    const scope = known(this.scopes.pop(), 'scope')
    const body = this.f.code
    around.append(scope.before)
    around.loop()
    around.append(body)
    around.brIf(0)
    around.end()
    this.f.code = around
  }

  /** Forgets values that depend on what statements change: on elements of a buffer, or on anything that changes. */
  protected forget(stored?: Buffer): void {
    let kept = 0
    for (const value of this.passing) {
      if (stored === undefined || this.analysis.changing(value.x).has(stored)) value.map.delete(value.x)
      else this.passing[kept++] = value
    }
    this.passing.length = kept
  }

  /** Index of the innermost scope that an expression depends on; -1 for none, Infinity if it can't move at all. */
  protected level(x: Expression): number {
    if (x.op === 'const') return -1
    if (x.op === 'variable') {
      if (this.analysis.mutable.has(x)) return Infinity
      return this.variables.get(x)?.scope ?? Infinity
    }
    let found = this.levels.get(x)
    if (found === undefined) {
      if (!this.analysis.isPure(x)) found = Infinity
      else {
        found = -1
        for (let i = 0; i < x.args.length; i++) {
          const arg = x.args[i]
          if (arg !== undefined) found = Math.max(found, this.level(arg))
        }
      }
      this.levels.set(x, found)
    }
    return found
  }

  /** The loop scope before which the expression is computed; -1 if it is computed where it is used. */
  private destination(x: Expression): number {
    let level = this.level(x)
    if (level >= this.current) return -1
    if (this.analysis.isUnsafe(x)) {
      for (let i = this.current; i > level; i--) if (this.scopes[i]?.isLoop === false) level = i
    }
    for (let i = level + 1; i <= this.current; i++) if (this.scopes[i]?.isLoop === true) return i
    return -1
  }

  /** Runs `emit` with code going before the loop of a scope. */
  protected before(scope: number, emit: () => void): void {
    const code = this.f.code
    this.f.code = known(this.scopes[scope], 'scope').before
    const inner = this.scopes.splice(Math.max(scope, 1))
    emit()
    this.scopes.push(...inner)
    this.f.code = code
  }

  private find(x: Expression, table: Table): number | undefined {
    for (let i = this.current; i >= 0; i--) {
      const scope = this.scopes[i]
      const found = scope === undefined ? undefined : table(scope).get(x)
      if (found !== undefined) return found
    }
    return undefined
  }

  protected remember(x: Expression, local: number, table: Table): void {
    const map = table(this.innermost)
    map.set(x, local)
    if (!this.analysis.isPure(x)) this.passing.push({ map, x })
  }

  /** Pushes the value of `x`, from a local if it is there, from before a loop if it can be, keeping it if used again. */
  protected value(x: Expression, table: Table, type: ValueType, keep: boolean, emit: () => void): void {
    const found = this.find(x, table)
    if (found !== undefined) {
      this.f.code.get(found)
      return
    }
    const destination = this.destination(x)
    if (destination >= 0) {
      const local = this.f.local(type)
      this.before(destination, () => {
        emit()
        this.f.code.set(local)
        this.remember(x, local, table)
      })
      this.f.code.get(local)
      return
    }
    emit()
    if (keep) {
      const local = this.f.local(type)
      this.f.code.tee(local)
      this.remember(x, local, table)
    }
  }
}
