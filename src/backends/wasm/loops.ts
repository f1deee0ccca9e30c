/** Prints statements: scalar loops, vector loops with their remainders, and loops called in chunks. */
import { type Expression, known } from '../../core/index.js'
import type { Statement } from '../../compiler/kernel.js'
import { type Accumulator, accumulate, closeAccumulators, openAccumulators } from './accumulators.js'
import { type KernelAnalysis, type Loop, chosen } from './analysis.js'
import type { FunctionBuilder, ModuleBuilder } from './assembler.js'
import { chunkOf } from './chunks.js'
import type { Jobs } from './jobs.js'
import { type Ends, type Surroundings, endsOf, typesOf, writeRanges } from './loop-ranges.js'
import type { ModuleContext } from './scopes.js'
import { VectorEmitter } from './vector-emitter.js'
import { ops } from './opcodes.js'
import { sharing } from './sharing.js'
import type { LoopPlan } from './plan.js'
import { scalarBinary } from './scalar.js'
import { scalarStore, valueType } from './scalar-memory.js'
import { extractLane, lanes, vectorStore } from './vector-memory.js'

/** A loop bound: known, or in a local. */
type Bound = { readonly value: number } | { readonly local: number }

/** Loops with fewer iterations are not worth writing twice. */
const shortestSwitched = 8

/** Emits statements into one function. */
export class StatementEmitter extends VectorEmitter {
  private readonly module: ModuleBuilder
  private readonly plans: ReadonlyMap<Loop, LoopPlan>
  private accumulators: readonly Accumulator[] = []
  /** Functions over ranges of loops that need nothing from outside. */
  private readonly ranges = new Map<Loop, FunctionBuilder>()
  /** Where loops may become jobs: not in functions that are parts of jobs themselves. */
  private readonly jobs: Jobs | undefined

  constructor(
    f: FunctionBuilder,
    analysis: KernelAnalysis,
    context: ModuleContext,
    module: ModuleBuilder,
    plans: ReadonlyMap<Loop, LoopPlan>,
    jobs?: Jobs,
  ) {
    super(f, analysis, context)
    this.module = module
    this.plans = plans
    this.jobs = jobs
  }

  /** Makes a parameter of the function known as a variable. */
  bind(variable: Expression, local: number): void {
    this.variables.set(variable, { local, scope: 0 })
  }

  localOf(variable: Expression): number {
    return known(this.variables.get(variable), 'local').local
  }

  statements(list: readonly Statement[]): void {
    for (const s of list) {
      if (s.kind === 'for' || s.kind === 'if') this.forget()
      this.statement(s)
      if (s.kind === 'store') this.forget(s.buffer)
      else if (s.kind !== 'define') this.forget()
    }
  }

  private get copies(): number {
    return this.vector?.copies ?? 1
  }

  private statement(s: Statement): void {
    const { f } = this
    switch (s.kind) {
      case 'for':
        this.loop(s)
        return
      case 'if':
        this.scalar(s.condition)
        this.forget()
        f.code.if()
        this.openBranch()
        this.statements(s.body)
        this.closeBranch()
        f.code.end()
        return
      case 'define': {
        if (this.isVarying(s.local)) {
          const locals: number[] = []
          for (let copy = 0; copy < this.copies; copy++) {
            this.pushVector(s.value, copy)
            const local = f.local('v128')
            f.code.set(local)
            locals.push(local)
          }
          this.vectorLocals.set(s.local, locals)
          this.bindHere(s.local, known(locals[0], 'copy'))
          return
        }
        this.scalar(s.value)
        const local = f.local(valueType(s.local.dtype))
        f.code.set(local)
        this.bindHere(s.local, local)
        return
      }
      case 'assign':
        this.assign([s.local], [s.value])
        return
      case 'assignAll':
        this.assign(s.locals, s.values)
        return
      case 'combine':
        this.combine(s)
        return
      case 'store':
        this.store(s)
        return
    }
  }

  private assign(locals: readonly Expression[], values: readonly Expression[]): void {
    const { code } = this.f
    const targets: number[] = []
    locals.forEach((local, i) => {
      const value = known(values[i], 'value')
      if (this.isVarying(local)) {
        const vectors = known(this.vectorLocals.get(local), 'vector local')
        for (let copy = 0; copy < this.copies; copy++) {
          this.pushVector(value, copy)
          targets.push(known(vectors[copy], 'copy'))
        }
      } else {
        this.scalar(value)
        targets.push(this.localOf(local))
      }
    })
    for (const target of targets.reverse()) code.set(target)
  }

  private combine(s: Extract<Statement, { kind: 'combine' }>): void {
    const { f } = this
    const partial = this.accumulators.find((a) => a.local === s.local)
    const vectors =
      partial?.vectors ?? (this.isVarying(s.local) ? known(this.vectorLocals.get(s.local), 'vector local') : undefined)
    if (vectors !== undefined && this.vector !== undefined) {
      const { local, op } = s
      this.interleave(s.value)
      accumulate(f, this.context.helpers, { local, op, vectors, extreme: partial?.extreme }, this.copies, (copy) =>
        this.pushVector(s.value, copy),
      )
      return
    }
    const local = this.localOf(s.local)
    f.code.get(local)
    this.scalar(s.value)
    scalarBinary(f, this.context.helpers, s.op, s.local.dtype)
    f.code.set(local)
  }

  private store(s: Extract<Statement, { kind: 'store' }>): void {
    const { f, vector } = this
    const { dtype } = s.buffer
    if (vector === undefined) {
      const offset = this.address(s.buffer, s.index, 0)
      this.scalar(s.value)
      scalarStore(f, dtype, offset)
      return
    }
    const stride = known(this.analysis.stride(s.index, vector.variable), 'stride of a store')
    this.interleave(s.value)
    for (let copy = 0; copy < this.copies; copy++) {
      const first = copy * lanes * stride
      if (stride === 1) {
        const offset = this.address(s.buffer, s.index, first)
        this.pushVector(s.value, copy)
        vectorStore(f, dtype, offset)
        continue
      }
      const value = f.local('v128')
      this.pushVector(s.value, copy)
      f.code.set(value)
      for (let lane = 0; lane < lanes; lane++) {
        const offset = this.address(s.buffer, s.index, first + lane * stride)
        f.code.get(value)
        extractLane(f, dtype, lane)
        scalarStore(f, dtype, offset)
      }
    }
  }

  private loop(s: Loop): void {
    const plan = known(this.plans.get(s), 'plan of a loop')
    if (this.vector !== undefined) {
      this.plainLoop(s, { value: 0 }, { value: s.extent })
      return
    }
    const chunk = chunkOf(plan, s.extent)
    // Within a loop that may also run range by range sums must not be cut, or both ways would round differently.
    const jobs = this.ranges.size === 0 || this.ranges.has(s) ? this.jobs : undefined
    if (jobs !== undefined && this.jobLoop(s, plan, chunk, jobs)) return
    if (chunk < s.extent || this.ranges.has(s)) this.chunkedLoop(s, plan, chunk)
    else this.range(s, plan, { value: 0 }, { value: s.extent })
  }

  /** All iterations from `start` to `end`, as planned. */
  range(s: Loop, plan: LoopPlan, start: Bound, end: Bound): void {
    const condition = this.fixedCondition(s)
    if (condition === undefined) {
      this.simpleRange(s, plan, start, end)
      return
    }
    // What a condition decides once for all iterations becomes two loops.
    const { code } = this.f
    this.scalar(condition)
    code.if()
    this.openBranch()
    this.simpleRange(chosen(s, condition, true), plan, start, end)
    this.closeBranch()
    code.else()
    this.openBranch()
    this.simpleRange(chosen(s, condition, false), plan, start, end)
    this.closeBranch()
    code.end()
  }

  /** Condition of a stored select that is the same in all iterations. */
  private fixedCondition(s: Loop): Expression | undefined {
    if (s.order !== 'parallel' || s.extent < shortestSwitched || !s.body.every((inner) => inner.kind === 'store'))
      return undefined
    const bit = this.analysis.bit(s.variable)
    for (const inner of s.body) {
      if (inner.kind !== 'store' || inner.value.op !== 'select') continue
      const condition = inner.value.args[0]
      if (condition === undefined || (this.analysis.mask(condition) & bit) !== 0) continue
      if (this.analysis.isTracked(s.variable) && this.level(condition) <= this.current) return condition
    }
    return undefined
  }

  private simpleRange(s: Loop, plan: LoopPlan, start: Bound, end: Bound): void {
    if (plan.copies > 0) this.vectorLoop(s, plan.copies, start, end)
    else this.plainLoop(s, start, end)
  }

  private pushBound(bound: Bound, extra = 0): void {
    const { code } = this.f
    if ('value' in bound) code.i32(bound.value + extra)
    else {
      code.get(bound.local)
      if (extra !== 0) {
        code.i32(extra)
        code.op(ops['i32.add'])
      }
    }
  }

  private plainLoop(s: Loop, start: Bound, end: Bound): void {
    const local = this.f.local('i32')
    this.pushBound(start)
    this.f.code.set(local)
    this.section(s, local, end, 1, () => this.statements(s.body))
  }

  /** Runs `body` in steps of `step` iterations while a whole step is left; `local` is the loop variable. */
  private section(
    s: Loop,
    local: number,
    end: Bound,
    step: number,
    body: () => void,
    mayBeEmpty = 'local' in end,
  ): void {
    // What is computed before a loop that may be skipped must not be used after it.
    if (mayBeEmpty) this.openBranch()
    const around = this.openLoop(s.variable, local)
    body()
    this.advancePointers(step)
    const { code } = this.f
    code.get(local)
    code.i32(step)
    code.op(ops['i32.add'])
    code.tee(local)
    this.pushBound(end, -step)
    code.op(ops['i32.le_s'])
    if (mayBeEmpty) {
      around.block()
      const inner = this.f.code
      this.f.code = around
      around.get(local)
      this.pushBound(end, -step)
      around.op(ops['i32.gt_s'])
      around.brIf(0)
      this.f.code = inner
      this.closeLoop(around)
      around.end()
      this.closeBranch()
    } else this.closeLoop(around)
  }

  private vectorLoop(s: Loop, copies: number, start: Bound, end: Bound): void {
    const { f } = this
    const local = f.local('i32')
    this.pushBound(start)
    f.code.set(local)
    if (s.order === 'reduce') this.accumulators = openAccumulators(f, s, copies)
    const known = 'value' in start && 'value' in end ? end.value - start.value : undefined
    const run = (width: number): void => {
      this.vector = { variable: s.variable, bit: this.analysis.bit(s.variable), copies: width }
      this.section(s, local, end, width * lanes, () => this.statements(s.body), known === undefined)
      this.vector = undefined
    }
    const wide = copies * lanes
    if (known === undefined || known >= wide) run(copies)
    if (copies > 1 && (known === undefined || known % wide >= lanes)) run(1)
    closeAccumulators(f, this.context.helpers, this.accumulators, (local) => this.localOf(local))
    this.accumulators = []
    if (known === undefined || known % lanes !== 0) {
      this.section(s, local, end, 1, () => this.statements(s.body), known === undefined)
    }
  }

  /** The loop as a function over a range of its iterations; `start` sets results to something else than they were. */
  private rangeFunction(s: Loop, plan: LoopPlan, { free, results }: Ends, start?: (child: FunctionBuilder) => void) {
    const made = this.ranges.get(s)
    if (made !== undefined) return made
    const child = this.module.function(`${this.f.name}_range`, [...typesOf(free), 'i32', 'i32'], typesOf(results))
    start?.(child)
    const emitter = new StatementEmitter(child, this.analysis, this.context, this.module, this.plans)
    free.forEach((x, i) => emitter.bind(x, i))
    emitter.range(s, plan, { local: free.length }, { local: free.length + 1 })
    for (const x of results) child.code.get(emitter.localOf(x))
    return child
  }

  /** The function over a range of a loop that needs nothing from outside; the loop itself will call it. */
  ranged(s: Loop): FunctionBuilder {
    const child = this.rangeFunction(s, known(this.plans.get(s), 'plan of a loop'), endsOf(s))
    this.ranges.set(s, child)
    return child
  }

  /** Makes the loop a function over a range of its iterations, and calls it range by range. */
  private chunkedLoop(s: Loop, plan: LoopPlan, chunk: number): void {
    const ends = endsOf(s)
    const child = this.rangeFunction(s, plan, ends)
    const { code } = this.f
    writeRanges(this.f, s.extent, chunk, (begin, end) => {
      for (const x of ends.free) code.get(this.localOf(x))
      code.get(begin)
      code.get(end)
      code.call(child.index)
      for (const x of [...ends.results].reverse()) code.set(this.localOf(x))
    })
  }

  /** The loop as a job for all threads; false if it isn't worth it, or can't be one. */
  private jobLoop(loop: Loop, plan: LoopPlan, chunk: number, jobs: Jobs): boolean {
    const { shareLoop } = sharing.get('jobs')
    const range = (ends: Ends, start: (child: FunctionBuilder) => void) => this.rangeFunction(loop, plan, ends, start)
    const around: Surroundings = {
      localOf: (x) => this.localOf(x),
      combine: (x, op) => scalarBinary(this.f, this.context.helpers, op, x.dtype),
    }
    return shareLoop({ f: this.f, loop, plan, chunk, range, around }, jobs)
  }
}
