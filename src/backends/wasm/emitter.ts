/** Prints the expressions of a kernel: scopes, values kept in locals, code moved out of loops, pointers that move along. */
import {
  type BinaryOp,
  type CompareOp,
  type Expression,
  type UnaryOp,
  InternalError,
  e,
  known,
} from '../../core/index.js'
import { fromLinear } from '../../compiler/affine.js'
import { isRareSelect } from '../../compiler/decompose.js'
import type { Buffer } from '../../compiler/kernel.js'
import { type KernelAnalysis, elementBytes } from './analysis.js'
import { Code, type FunctionBuilder } from './assembler.js'
import type { Helpers } from './helpers.js'
import { ops } from './opcodes.js'
import {
  constantWord,
  scalarBinary,
  scalarBitcast,
  scalarCompare,
  scalarConstant,
  scalarConvert,
  scalarLoad,
  scalarUnary,
  valueType,
} from './scalar.js'
import {
  extractLane,
  gatherLanes,
  lanes,
  splat,
  splatScalar,
  vectorBinary,
  vectorCompare,
  vectorConvert,
  vectorLoad,
  vectorShift,
  vectorUnary,
} from './vector.js'

/** What the functions of one module share. */
export interface ModuleContext {
  readonly helpers: Helpers
  /** Emits the address of a buffer's first element. */
  readonly pushAddress: (code: Code, buffer: Buffer) => void
}

/** A pointer that a loop moves: it is at element `core + bias` of the buffer for the current index. */
interface Pointer {
  readonly buffer: Buffer
  readonly core: Expression
  readonly bias: number
  /** Elements per step of the loop variable. */
  readonly stride: number
  readonly local: number
}

/** A stretch of code in which values stay valid: the function, a loop's body, or a branch. */
interface Scope {
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

/** The loop that runs on vectors. */
interface VectorLoop {
  readonly variable: Expression
  readonly bit: number
  readonly copies: number
}

const largestSharedOffset = 32768

/** Emits expressions into one function. */
export class ExpressionEmitter {
  readonly f: FunctionBuilder
  readonly analysis: KernelAnalysis
  protected readonly context: ModuleContext
  protected readonly scopes: Scope[]
  protected vector: VectorLoop | undefined
  protected readonly variables = new Map<Expression, { readonly local: number; readonly scope: number }>()
  protected readonly vectorLocals = new Map<Expression, readonly number[]>()
  private readonly levels = new Map<Expression, number>()
  private readonly bases = new Map<Buffer, number>()
  /** Values that hold for the current statement only. */
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

  // ---- scopes

  protected openBranch(): void {
    this.scopes.push(this.newScope(false, this.f.code, undefined))
  }

  protected closeBranch(): void {
    this.scopes.pop()
  }

  /** Opens the body of a loop; `start` is a local that holds the variable and is set already. Returns the code around it. */
  protected openLoop(variable: Expression, local: number): Code {
    const around = this.f.code
    this.scopes.push(this.newScope(true, new Code(64), variable))
    this.variables.set(variable, { local, scope: this.current })
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

  /** Forgets values that depend on what statements change. */
  protected endStatement(): void {
    for (const { map, x } of this.passing) map.delete(x)
    this.passing.length = 0
  }

  // ---- where values live

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
        for (const arg of x.args) found = Math.max(found, this.level(arg))
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
  private before(scope: number, emit: () => void): void {
    const code = this.f.code
    this.f.code = known(this.scopes[scope], 'scope').before
    const inner = this.scopes.splice(Math.max(scope, 1))
    emit()
    this.scopes.push(...inner)
    this.f.code = code
  }

  private find(x: Expression, table: (scope: Scope) => Map<Expression, number> | undefined): number | undefined {
    for (let i = this.current; i >= 0; i--) {
      const scope = this.scopes[i]
      const found = scope === undefined ? undefined : table(scope)?.get(x)
      if (found !== undefined) return found
    }
    return undefined
  }

  private remember(x: Expression, local: number, table: (scope: Scope) => Map<Expression, number>): void {
    const map = table(this.innermost)
    map.set(x, local)
    if (!this.analysis.isPure(x)) this.passing.push({ map, x })
  }

  /** Pushes the value of `x`, from a local if it is there, from before a loop if it can be, keeping it if used again. */
  private value(
    x: Expression,
    table: (scope: Scope) => Map<Expression, number>,
    type: 'i32' | 'f32' | 'f64' | 'v128' | 'i64',
    keep: boolean,
    emit: () => void,
  ): void {
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

  // ---- scalars

  /** Whether the expression differs between the lanes of the vector loop. */
  protected isVarying(x: Expression): boolean {
    return this.vector !== undefined && (this.analysis.mask(x) & this.vector.bit) !== 0
  }

  /** Pushes an expression. In a vector loop, what depends on the loop variable is the value of the first lane. */
  scalar(x: Expression, keep = this.analysis.uses(x) > 1): void {
    if (x.op === 'const') {
      const type = valueType(x.dtype)
      if (type === 'i32' || this.scopes.length === 1) scalarConstant(this.f, x.value, x.dtype)
      else this.f.code.get(this.f.floatConstant(x.value, type === 'f32' ? 'f32' : 'f64'))
      return
    }
    if (x.op === 'variable') {
      this.f.code.get(known(this.variables.get(x), `variable ${x.id}`).local)
      return
    }
    this.value(x, scalarTable, valueType(x.dtype), keep, () => this.scalarOperation(x))
  }

  private scalarOperation(x: Expression): void {
    const { f } = this
    const [a, b, c] = x.args
    if (a === undefined) throw new InternalError(`${x.op} without arguments`)
    switch (x.op) {
      case 'load': {
        const buffer = x.source as Buffer
        scalarLoad(f, buffer.dtype, this.address(buffer, a, 0))
        return
      }
      case 'select': {
        const ifTrue = known(b, 'argument')
        const ifFalse = known(c, 'argument')
        if (isRareSelect(x) || this.analysis.isUnsafe(ifTrue) || this.analysis.isUnsafe(ifFalse)) {
          this.scalar(a)
          f.code.if(valueType(x.dtype))
          this.openBranch()
          this.scalar(ifTrue)
          this.closeBranch()
          f.code.else()
          this.openBranch()
          this.scalar(ifFalse)
          this.closeBranch()
          f.code.end()
          return
        }
        this.scalar(ifTrue)
        this.scalar(ifFalse)
        this.scalar(a)
        f.code.op(ops.select)
        return
      }
      case 'convert':
        this.scalar(a)
        scalarConvert(f, this.context.helpers, a.dtype, x.dtype)
        return
      case 'bitcast':
        this.scalar(a)
        scalarBitcast(f, a.dtype, x.dtype)
        return
      default:
    }
    this.scalar(a)
    if (b === undefined) {
      scalarUnary(f, this.context.helpers, x.op as UnaryOp, x.dtype)
      return
    }
    this.scalar(b)
    if (e.isCompare(x.op)) scalarCompare(f, x.op as CompareOp, a.dtype)
    else {
      const nonNegative = (x.op === 'div' || x.op === 'rem') && x.dtype === 'int32' && e.bounds(a).min >= 0
      scalarBinary(f, this.context.helpers, x.op as BinaryOp, x.dtype, b, nonNegative)
    }
  }

  // ---- addresses

  /** Local that holds the address of a buffer's first element. */
  protected base(buffer: Buffer): number {
    let local = this.bases.get(buffer)
    if (local === undefined) {
      local = this.f.local('i32')
      this.context.pushAddress(this.f.prologue, buffer)
      this.f.prologue.set(local)
      this.bases.set(buffer, local)
    }
    return local
  }

  /** Index of the innermost loop around the code that is being written, or 0. */
  private innermostLoop(): number {
    for (let i = this.current; i > 0; i--) if (this.scopes[i]?.isLoop === true) return i
    return 0
  }

  /** Pushes the address of an element (of the first lane), and returns the static offset that belongs to it. */
  protected address(buffer: Buffer, index: Expression, extra: number): number {
    const { f } = this
    const size = elementBytes(buffer.dtype)
    const { core, constant, terms } = this.analysis.form(index)
    const at = constant + extra
    const loop = this.innermostLoop()
    const scope = this.scopes[loop]
    const variable = scope?.variable
    if (loop > 0 && scope !== undefined && variable !== undefined) {
      for (const pointer of scope.pointers) {
        const ahead = (at - pointer.bias) * size
        if (pointer.buffer === buffer && pointer.core === core && ahead >= 0 && ahead <= largestSharedOffset) {
          f.code.get(pointer.local)
          return ahead
        }
      }
      let fixed = true
      for (const atom of terms.keys()) if (atom !== variable && this.level(atom) >= loop) fixed = false
      if (fixed) {
        const local = f.local('i32')
        const stride = terms.get(variable) ?? 0
        // Copies are `extra` apart: the first one asks first, and the pointer is made for it.
        const bias = at
        this.before(loop, () => {
          f.code.get(this.base(buffer))
          const others = new Map(terms)
          others.delete(variable)
          if (others.size > 0) {
            this.scalar(fromLinear(0, others), true)
            this.scaleAndAdd(size)
          }
          if (stride !== 0) {
            f.code.get(known(this.variables.get(variable), 'loop variable').local)
            this.scaleAndAdd(stride * size)
          }
          if (bias !== 0) {
            f.code.i32(bias * size)
            f.code.op(ops['i32.add'])
          }
          f.code.set(local)
        })
        scope.pointers.push({ buffer, core, bias, stride, local })
        f.code.get(local)
        return 0
      }
    }
    f.code.get(this.base(buffer))
    if (core.op === 'const') return at >= 0 ? at * size : this.plusConstant(at * size)
    this.scalar(core, this.analysis.uses(core) > 1 || this.analysis.uses(index) > 1)
    this.scaleAndAdd(size)
    if (at >= 0 && e.bounds(core).min >= 0) return at * size
    return this.plusConstant(at * size)
  }

  private plusConstant(bytes: number): number {
    if (bytes !== 0) {
      this.f.code.i32(bytes)
      this.f.code.op(ops['i32.add'])
    }
    return 0
  }

  /** Adds a multiple of the value on top to the address below it. */
  private scaleAndAdd(factor: number): void {
    const { code } = this.f
    if (factor !== 1) {
      const shift = 31 - Math.clz32(factor)
      if (factor > 0 && 1 << shift === factor) {
        code.i32(shift)
        code.op(ops['i32.shl'])
      } else {
        code.i32(factor)
        code.op(ops['i32.mul'])
      }
    }
    code.op(ops['i32.add'])
  }

  // ---- vectors

  /** Pushes four consecutive elements of an expression, those of one copy of the vector loop. */
  protected pushVector(x: Expression, copy: number): void {
    const { f } = this
    if (!this.isVarying(x)) {
      if (x.op === 'const') {
        splat(f, x.dtype === 'bool' ? -x.value : constantWord(x.value, x.dtype))
        return
      }
      const repeated = this.analysis.uses(x) > 1 || (this.vector?.copies ?? 1) > 1
      this.value(x, splatTable, 'v128', repeated, () => {
        this.scalar(x)
        splatScalar(f, x.dtype)
      })
      return
    }
    if (x.op === 'variable') {
      if (x === this.vector?.variable) {
        this.value(x, vectorTable(copy), 'v128', true, () => {
          this.scalar(x)
          f.code.op(ops['i32x4.splat'])
          const first = copy * lanes
          f.code.get(f.vectorConstant(first, first + 1, first + 2, first + 3))
          f.code.op(ops['i32x4.add'])
        })
        return
      }
      const locals = known(this.vectorLocals.get(x), `vector variable ${x.id}`)
      f.code.get(known(locals[copy] ?? locals[0], 'copy of a vector variable'))
      return
    }
    this.value(x, vectorTable(copy), 'v128', this.analysis.uses(x) > 1, () => this.vectorOperation(x, copy))
  }

  private vectorOperation(x: Expression, copy: number): void {
    const { f } = this
    const [a, b, c] = x.args
    if (a === undefined) throw new InternalError(`${x.op} without arguments`)
    switch (x.op) {
      case 'load':
        if (!this.loadQuartet(x, a, copy)) this.loadVector(x.source as Buffer, a, copy)
        return
      case 'select': {
        const ifTrue = known(b, 'argument')
        const ifFalse = known(c, 'argument')
        if (!this.isVarying(a)) {
          // The same for all lanes: a branch, which also keeps loads that must not happen from happening.
          this.scalar(a)
          f.code.if('v128')
          this.openBranch()
          this.pushVector(ifTrue, copy)
          this.closeBranch()
          f.code.else()
          this.openBranch()
          this.pushVector(ifFalse, copy)
          this.closeBranch()
          f.code.end()
          return
        }
        const extreme = pseudoExtreme(a, ifTrue, ifFalse)
        if (extreme !== undefined) {
          this.pushVector(extreme.first, copy)
          this.pushVector(extreme.second, copy)
          f.code.op(extreme.code)
          return
        }
        if (isRareSelect(x)) {
          this.rareSelect(a, ifTrue, ifFalse, copy)
          return
        }
        this.pushVector(ifTrue, copy)
        this.pushVector(ifFalse, copy)
        this.pushVector(a, copy)
        f.code.op(ops['v128.bitselect'])
        return
      }
      case 'convert':
        this.pushVector(a, copy)
        vectorConvert(f, a.dtype, x.dtype)
        return
      case 'bitcast':
        this.pushVector(a, copy)
        return
      case 'shl':
      case 'shrArithmetic':
      case 'shrLogical': {
        const count = known(b, 'argument')
        if (this.isVarying(count)) break
        this.pushVector(a, copy)
        if (count.op === 'const') vectorShift(f, x.op, count.value, false)
        else {
          const local = f.local('i32')
          this.scalar(count)
          f.code.set(local)
          vectorShift(f, x.op, local, true)
        }
        return
      }
      default:
    }
    this.pushVector(a, copy)
    if (b === undefined) {
      vectorUnary(f, this.context.helpers, x.op as UnaryOp, x.dtype)
      return
    }
    this.pushVector(b, copy)
    if (e.isCompare(x.op)) vectorCompare(f, x.op as CompareOp, a.dtype)
    else vectorBinary(f, this.context.helpers, x.op as BinaryOp, x.dtype)
  }

  /** The second value is computed only when some lane wants it. */
  private rareSelect(usually: Expression, usual: Expression, rare: Expression, copy: number): void {
    const { f } = this
    const mask = f.local('v128')
    const result = f.local('v128')
    this.pushVector(usual, copy)
    f.code.set(result)
    this.pushVector(usually, copy)
    f.code.tee(mask)
    f.code.op(ops['i32x4.all_true'])
    f.code.if('v128')
    f.code.get(result)
    f.code.else()
    this.openBranch()
    f.code.get(result)
    this.pushVector(rare, copy)
    f.code.get(mask)
    f.code.op(ops['v128.bitselect'])
    this.closeBranch()
    f.code.end()
  }

  /**
   * Four loads of neighbours, each at a stride: four vectors along the neighbours, transposed. Pushes the one for `x`, and
   * keeps the others.
   */
  private loadQuartet(x: Expression, index: Expression, copy: number): boolean {
    const { f } = this
    const buffer = x.source as Buffer
    const stride = this.analysis.stride(index, known(this.vector, 'vector loop').variable)
    if (
      stride === undefined ||
      Math.abs(stride) < lanes ||
      elementBytes(buffer.dtype) !== 4 ||
      !this.analysis.isPure(x)
    )
      return false
    const quartet = this.analysis.quartet(buffer, index)
    if (quartet === undefined || quartet.some((load) => this.analysis.isUnsafe(load))) return false
    const first = known(quartet[0]?.args[0], 'index')
    const rows = [0, 1, 2, 3].map((lane) => {
      const offset = this.address(buffer, first, (copy * lanes + lane) * stride)
      f.code.memory(ops['v128.load'], offset)
      const row = f.local('v128')
      f.code.set(row)
      return row
    })
    const row = (i: number): number => known(rows[i], 'row')
    const pairs = [
      [0, 1],
      [2, 3],
    ].flatMap(([a = 0, b = 0]) =>
      [false, true].map((high) => {
        const pair = f.local('v128')
        f.code.get(row(a))
        f.code.get(row(b))
        if (high) f.code.shuffle32(2, 6, 3, 7)
        else f.code.shuffle32(0, 4, 1, 5)
        f.code.set(pair)
        return pair
      }),
    )
    quartet.forEach((load, i) => {
      const local = f.local('v128')
      f.code.get(known(pairs[i >> 1], 'pair'))
      f.code.get(known(pairs[2 + (i >> 1)], 'pair'))
      if (i % 2 === 0) f.code.shuffle32(0, 1, 4, 5)
      else f.code.shuffle32(2, 3, 6, 7)
      f.code.set(local)
      this.remember(load, local, vectorTable(copy))
      if (load === x) f.code.get(local)
    })
    return true
  }

  private loadVector(buffer: Buffer, index: Expression, copy: number): void {
    const { f } = this
    const vector = known(this.vector, 'vector loop')
    const stride = this.analysis.stride(index, vector.variable)
    if (stride === undefined) {
      this.gather(buffer, index, copy)
      return
    }
    const first = copy * lanes * stride
    const word = elementBytes(buffer.dtype) === 4
    if (stride === 1) vectorLoad(f, buffer.dtype, this.address(buffer, index, first))
    else if (stride === -1 && word) {
      vectorLoad(f, buffer.dtype, this.address(buffer, index, first - 3))
      const x = f.local('v128')
      f.code.tee(x)
      f.code.get(x)
      f.code.shuffle32(3, 2, 1, 0)
    } else if (stride === 2 && word) {
      // The last word is past what is needed; the guard after the arena makes reading it harmless.
      const x = f.local('v128')
      vectorLoad(f, buffer.dtype, this.address(buffer, index, first))
      f.code.set(x)
      const offset = this.address(buffer, index, first + 4)
      f.code.memory(ops['v128.load'], offset)
      const y = f.local('v128')
      f.code.set(y)
      f.code.get(x)
      f.code.get(y)
      f.code.shuffle32(0, 2, 4, 6)
    } else if (word) {
      // Lanes are loaded one by one, from the lowest address so that static offsets are not negative.
      const lowest = stride > 0 ? first : first + 3 * stride
      const pointer = f.local('i32')
      const offset = this.address(buffer, index, lowest)
      f.code.tee(pointer)
      const laneOffset = (lane: number): number => offset + (stride > 0 ? lane : lane - 3) * stride * 4
      f.code.memory(ops['v128.load32_zero'], laneOffset(0))
      for (let lane = 1; lane < lanes; lane++) {
        const partial = f.local('v128')
        f.code.set(partial)
        f.code.get(pointer)
        f.code.get(partial)
        f.code.memoryLane(ops['v128.load32_lane'], laneOffset(lane), lane)
      }
    } else {
      gatherLanes(f, buffer.dtype, (lane) =>
        scalarLoad(f, buffer.dtype, this.address(buffer, index, first + lane * stride)),
      )
    }
  }

  /** Elements at indices that are data. */
  private gather(buffer: Buffer, index: Expression, copy: number): void {
    const { f } = this
    const at = f.local('v128')
    this.pushVector(index, copy)
    f.code.set(at)
    gatherLanes(f, buffer.dtype, (lane) => {
      f.code.get(this.base(buffer))
      f.code.get(at)
      extractLane(f, 'int32', lane)
      this.scaleAndAdd(elementBytes(buffer.dtype))
      scalarLoad(f, buffer.dtype, 0)
    })
  }
}

/** `p < q ? ...` that one instruction computes: pmin(a, b) is `b < a ? b : a`, pmax(a, b) is `a < b ? b : a`. */
const pseudoExtreme = (
  condition: Expression,
  ifTrue: Expression,
  ifFalse: Expression,
): { readonly first: Expression; readonly second: Expression; readonly code: number } | undefined => {
  const [p, q] = condition.args
  if (p === undefined || q === undefined || p.dtype !== 'float32') return undefined
  const [low, high] = condition.op === 'lt' ? [p, q] : condition.op === 'gt' ? [q, p] : []
  if (low === undefined || high === undefined) return undefined
  if (ifTrue === low && ifFalse === high) return { first: high, second: low, code: ops['f32x4.pmin'] }
  if (ifTrue === high && ifFalse === low) return { first: low, second: high, code: ops['f32x4.pmax'] }
  return undefined
}

const scalarTable = (scope: Scope): Map<Expression, number> => scope.scalars
const splatTable = (scope: Scope): Map<Expression, number> => scope.splats
const vectorTables = [0, 1, 2, 3].map(
  (copy) =>
    (scope: Scope): Map<Expression, number> =>
      (scope.vectors[copy] ??= new Map()),
)
const vectorTable = (copy: number): ((scope: Scope) => Map<Expression, number>) => known(vectorTables[copy], 'copy')
