/**
 * Families: loops that compute the same, each of arrays of its own, are one function, which is told where the arrays are and
 * which elements to compute. So a module is smaller, and sooner compiled and optimized.
 */
import { InternalError, type Part, known, part } from '../../core/index.js'
import { type Statement, bufferBytes } from '../../compiler/index.js'
import { accessed } from '../../compiler/finish.js'
import { type ElementLoop, type Likeness, alikeLoops, elementLoopsOf } from '../../compiler/likeness.js'
import { KernelAnalysis, type Loop } from './analysis.js'
import type { FunctionBuilder, ModuleBuilder } from './assembler.js'
import { chunkOf } from './chunks.js'
import { type RangeFunction, type Surroundings, writeRanges } from './loop-ranges.js'
import { StatementEmitter } from './loops.js'
import { sharing } from './sharing.js'
import { type LoopPlan, Planner } from './plan.js'
import type { ModuleContext } from './scopes.js'

/** More iterations than any plan depends on. */
const manyIterations = 1 << 20

const noVariable = (): never => {
  throw new InternalError('a loop of a family uses nothing from outside but arrays')
}
const nothing: Surroundings = { localOf: noVariable, combine: noVariable }

/** Loops of one key, and the functions that they share: one with vectors and one without. */
class Family {
  private readonly first: ElementLoop
  private readonly likeness: Likeness
  private readonly name: string
  private readonly analysis: KernelAnalysis
  private readonly planner: Planner
  private readonly functions = new Map<boolean, FunctionBuilder>()

  constructor(first: ElementLoop, likeness: Likeness, name: string) {
    this.first = first
    this.likeness = likeness
    this.name = name
    const body = [...first.before, first.loop]
    this.analysis = new KernelAnalysis({ kind: 'loops', name, body, ...accessed(body) })
    this.planner = new Planner(this.analysis)
  }

  planOf(extent: number): LoopPlan {
    return this.planner.planOf(this.first.loop, extent)
  }

  /** The function over a range; it takes the arrays' addresses first. */
  range(module: ModuleBuilder, context: ModuleContext, isVector: boolean): FunctionBuilder {
    const made = this.functions.get(isVector)
    if (made !== undefined) return made
    const { before, loop } = this.first
    const { buffers } = this.likeness
    const f = module.function(`${this.name}_family`, [...buffers.map(() => 'i32' as const), 'i32', 'i32'], [])
    const pushAddress: ModuleContext['pushAddress'] = (code, buffer) => code.get(buffers.indexOf(buffer))
    const emitter = new StatementEmitter(
      f,
      this.analysis,
      { ...context, pushAddress, jobs: undefined },
      module,
      new Map<Loop, LoopPlan>(),
    )
    const plan = isVector ? this.planOf(manyIterations) : { ...this.planOf(manyIterations), copies: 0 }
    emitter.statements(before)
    emitter.range(loop, plan, { local: buffers.length }, { local: buffers.length + 1 })
    this.functions.set(isVector, f)
    return f
  }
}

/** The families of one module. */
export class Families {
  private readonly loops = new Map<Statement, ElementLoop>()
  private alike: ReadonlyMap<ElementLoop, Likeness> | undefined
  private readonly families = new Map<string, Family>()

  /** To be told of all kernels, as they will be printed, before the first is. */
  add(body: readonly Statement[]): void {
    const written = new Set(accessed(body).writes.map(bufferBytes))
    for (const loop of elementLoopsOf(body) ?? []) {
      // Its definitions are computed for every range: nothing that they read may be written over by then. A result lies in the
      // place of an operand only where both have as many bytes.
      const { reads } = accessed(loop.before)
      if (!reads.some((buffer) => written.has(bufferBytes(buffer)))) this.loops.set(loop.loop, loop)
    }
  }

  private memberOf(s: Statement): { readonly loop: ElementLoop; readonly likeness: Likeness } | undefined {
    const alike = (this.alike ??= alikeLoops([...this.loops.values()]))
    const loop = this.loops.get(s)
    const likeness = loop && alike.get(loop)
    return loop && likeness && { loop, likeness }
  }

  /** Whether a kernel is nothing but loops that are like others. */
  covers(body: readonly Statement[]): boolean {
    const loops = body.filter((s) => s.kind !== 'define')
    return loops.length > 0 && loops.every((s) => this.memberOf(s) !== undefined)
  }

  /** Runs a loop that is like another one, in a function of its kernel. */
  write(f: FunctionBuilder, module: ModuleBuilder, context: ModuleContext, name: string, s: Statement): void {
    const { loop, likeness } = known(this.memberOf(s), 'loop of a family')
    let family = this.families.get(likeness.key)
    if (family === undefined) this.families.set(likeness.key, (family = new Family(loop, likeness, name)))
    const { extent } = loop.loop
    const plan = family.planOf(extent)
    const { index } = family.range(module, context, plan.copies > 0)
    const range: RangeFunction = {
      index,
      pushFirst: (code) => {
        for (const buffer of likeness.buffers) context.pushAddress(code, buffer)
      },
    }
    const chunk = chunkOf(plan, extent)
    const { jobs } = context
    const shared = sharing.find()
    if (jobs !== undefined && shared?.isJob(plan, jobs) === true) {
      const part = shared.partOf(plan, extent, jobs)
      const job = { free: [], results: [], given: [], operations: new Map(), extent, part }
      if (part < extent) {
        shared.writeJobLoop(f, jobs, job, range, chunk, nothing)
        return
      }
    }
    const call = (pushBounds: () => void): void => {
      range.pushFirst?.(f.code)
      pushBounds()
      f.code.call(index)
    }
    if (chunk < extent) {
      writeRanges(f, extent, chunk, (begin, end) =>
        call(() => {
          f.code.get(begin)
          f.code.get(end)
        }),
      )
    } else {
      call(() => {
        f.code.i32(0)
        f.code.i32(extent)
      })
    }
  }
}

/** Families of a new module, once they are added. */
export const families: Part<() => Families> = part<() => Families>('addGathering')
