/** A program as one WebAssembly module: a function for each kernel, and `run`, which calls them in order. */
import { type Expression, InternalError, known } from '../../core/index.js'
import {
  type Buffer,
  type CallbackKernel,
  type ContractionKernel,
  type ControlKernel,
  type Kernel,
  type LoopKernel,
  type Program,
  type SortKernel,
  type Statement,
  mapExpressions,
  nestedPrograms,
  smallDType,
  smallDTypes,
} from '../../compiler/index.js'
import { decompose } from '../../scalar/decompose.js'
import { type Call, type PlainKernel, alikeKernels } from './alike-kernels.js'
import { type Loop, rootsOf } from './analysis.js'
import { type FunctionBuilder, type MemoryType, ModuleBuilder } from './assembler.js'
import { type ContractionPlan, contractionImports, planContraction } from './contraction.js'
import { emitContraction } from './contraction-call.js'
import type { Inner } from './carries.js'
import type { ModuleContext } from './scopes.js'
import { type Frame, Frames, type Pointer, type ThreadGlobals, pointerOf, pushAddress } from './frame.js'
import { type Helpers, importMath, moduleHelpers, workersHave } from './helpers.js'
import { families } from './families.js'
import { cutBody, emitLoops, emitRanged, onlyLoop } from './loop-kernels.js'
import type { Jobs } from './jobs.js'
import { cuts, loops, sorting, wasmControlFlow } from './parts.js'
import { sharing } from './sharing.js'
import { isTranscendental } from './plan.js'

/** Name under which a module asks for work that JavaScript does: `routine(k)` does the k-th one of the program. */
export const routineImport = 'routine'

/** A kernel that JavaScript runs, and where its operands are. */
export interface Routine {
  readonly kernel: SortKernel | CallbackKernel
  readonly inputs: readonly Pointer[]
  readonly outputs: readonly Pointer[]
}

/** What a module is made of, and what it needs to run. */
export interface PrintedProgram {
  readonly bytes: Uint8Array
  /** Imported functions, besides memory. */
  readonly imports: readonly string[]
  readonly frame: Frame
  /** End of the frames of the program and those inside it. */
  readonly endWord: number
  /** What JavaScript does, in the order of the numbers. */
  readonly routines: readonly Routine[]
  /** Whether products, or iterations that threads share, need their scratch memory. */
  readonly usesScratch: boolean
  /** Bytes that every thread but the first needs behind it for iterations of its own. */
  readonly iterationBytes: number
}

/** Everything that must be known before the first function is made, since imports come before functions. */
class Preparation {
  /** Kernels in base operations. */
  readonly kernels = new Map<Program, readonly Kernel[]>()
  readonly plans = new Map<ContractionKernel, ContractionPlan>()
  readonly math = new Set<string>()
  readonly families = families.find()?.()
  readonly alike = alikeKernels.find()?.()
  readonly sharing = sharing.find()
  /** Kernels that only the main thread can run. */
  readonly alone = new Set<Kernel>()
  /** Loops whose iterations threads share. */
  readonly shared = new Set<Kernel>()
  hasRoutines = false
  /** Whether some kernel may be large enough for several threads. */
  hasJobs = false
  /** Those that are alone, before they were prepared. */
  private readonly needsMain = new Set<Kernel>()
  private readonly decomposed = new Map<Expression, Expression>()
  private readonly jobScale: number

  constructor(program: Program, jobScale: number) {
    this.jobScale = jobScale
    this.prepare(program)
  }

  private prepare(program: Program): void {
    if (this.kernels.has(program)) return
    const prepared = program.kernels.map((kernel): Kernel => {
      if (kernel.kind === 'contraction') {
        this.plans.set(kernel, planContraction(kernel))
        this.hasJobs ||= this.sharing?.isLargeContraction(kernel, this.jobScale) === true
        this.alike?.add(kernel)
      }
      if (kernel.kind === 'sort') sorting.get('sort')
      if (kernel.kind === 'sort' || kernel.kind === 'callback') this.hasRoutines = true
      if (kernel.kind !== 'loops') return kernel
      const small = smallDType(kernel)
      const legal = small === undefined ? kernel : smallDTypes.get(small)(kernel)
      const body = legal.body.map((s) => mapExpressions(s, (x) => decompose(x, this.decomposed)))
      const math = this.findMath(body)
      for (const name of math) this.math.add(name)
      const out = { ...legal, body: cutBody({ ...legal, body }) }
      this.families?.add(out.body)
      this.alike?.add(out)
      if (this.sharing === undefined) return out
      if (![...math].every(workersHave)) {
        this.alone.add(out)
        this.needsMain.add(kernel)
      } else this.hasJobs ||= this.sharing.mayBeLarge(body, this.jobScale)
      return out
    })
    this.kernels.set(program, prepared)
    for (const kernel of program.kernels) {
      for (const inner of nestedPrograms(kernel)) this.prepare(inner)
      if (
        kernel.kind !== 'scan' ||
        this.sharing === undefined ||
        !loops.get('scan').areShared(kernel, (inner) => !this.needsMain.has(inner), this.jobScale)
      )
        continue
      this.shared.add(kernel)
      this.hasJobs = true
    }
  }

  /** Names of the imported functions that statements need. */
  private findMath(
    statements: readonly Statement[],
    seen = new Set<Expression>(),
    out = new Set<string>(),
  ): Set<string> {
    const visit = (x: Expression): void => {
      if (x.args.length === 0 || seen.has(x)) return
      seen.add(x)
      if (x.op === 'rem' && (x.dtype === 'float32' || x.dtype === 'float64')) out.add('rem')
      else if (isTranscendental(x)) out.add(x.op)
      x.args.forEach(visit)
    }
    for (const s of statements) {
      rootsOf(s).forEach(visit)
      if (s.kind === 'for' || s.kind === 'if') this.findMath(s.body, seen, out)
    }
    return out
  }
}

/** A product and the kernel that follows it row by row. */
interface Pair {
  readonly product: ContractionKernel
  readonly plan: ContractionPlan
  readonly next: LoopKernel
  readonly loop: Loop
  /** Iterations of the loop for each row. */
  readonly perRow: number
}

/** Prints a program and those inside it. */
class ProgramPrinter {
  readonly frames = new Frames()
  readonly routines: Routine[] = []
  iterationBytes = 0
  private readonly module: ModuleBuilder
  private readonly preparation: Preparation
  private readonly helpers: Helpers
  private readonly jobs: Jobs | undefined
  private readonly printed = new Map<Program, FunctionBuilder>()
  private threadGlobals: ThreadGlobals | undefined
  private readonly jobScale: number

  constructor(module: ModuleBuilder, preparation: Preparation, jobScale: number) {
    this.module = module
    this.preparation = preparation
    this.jobScale = jobScale
    importMath(module, preparation.math)
    for (const plan of preparation.plans.values()) {
      for (const { name, params, results } of contractionImports(plan)) module.import(name, params, results)
    }
    if (preparation.hasRoutines) module.import(routineImport, ['i32'], [])
    if (preparation.hasJobs) this.jobs = preparation.sharing?.newJobs(module, jobScale)
    this.helpers = moduleHelpers(module)
  }

  /**
   * The function that runs all kernels of a program, on the arrays that its frame points to. With a thread's variables it
   * is one that any thread runs, and asks for no help.
   */
  print(program: Program, name: string, own?: ThreadGlobals): FunctionBuilder {
    let run = this.printed.get(program)
    if (run === undefined) {
      const frame = this.frames.of(program, own)
      const context: ModuleContext = {
        helpers: this.helpers,
        pushAddress: (code, buffer) => pushAddress(code, frame, buffer),
        jobs: own === undefined ? this.jobs : undefined,
      }
      const kernels = known(this.preparation.kernels.get(program), 'kernels')
      const calls: Call[] = []
      for (let k = 0; k < kernels.length; k++) {
        const kernel = known(kernels[k], 'kernel')
        const nameOf = (x: Kernel, at: number): string => `${at}_${x.kind === 'loops' ? x.name : x.kind}`
        const next = kernels[k + 1]
        const pair =
          kernel.kind === 'contraction' && next?.kind === 'loops' ? this.pair(program, kernel, next) : undefined
        if (pair === undefined) {
          const alone = kernel.kind === 'loops' || kernel.kind === 'contraction' ? [kernel] : []
          calls.push(this.shared(alone, '', context, own, (c) => this.kernel(kernel, nameOf(kernel, k), frame, c)))
          continue
        }
        const names = [nameOf(kernel, k), nameOf(pair.next, ++k)] as const
        const both = [pair.product, pair.next]
        calls.push(this.shared(both, String(pair.perRow), context, own, (c) => this.followed(pair, names, frame, c)))
      }
      run = this.module.function(name, [], [])
      for (const call of calls) call(run.code)
      this.printed.set(program, run)
    }
    return run
  }

  private inner(program: Program, own: ThreadGlobals | undefined): Inner {
    return { run: this.print(program, 'run_inner', own).index, frame: this.frames.of(program) }
  }

  private loopContext(kernel: Kernel, context: ModuleContext): ModuleContext {
    return this.preparation.alone.has(kernel) ? { ...context, jobs: undefined } : context
  }

  /** Calls the function of kernels, or the one that they share with others like them; `key` is what else it depends on. */
  private shared(
    kernels: readonly PlainKernel[],
    key: string,
    context: ModuleContext,
    own: ThreadGlobals | undefined,
    emit: (context: ModuleContext) => FunctionBuilder,
  ): Call {
    const call = this.preparation.alike?.share(this.module, this.frames, kernels, key, context, own !== undefined, emit)
    if (call !== undefined) return call
    const { index } = emit(context)
    return (code) => code.call(index)
  }

  /** A product together with the kernel after it, if that can follow it row by row. */
  private pair(program: Program, product: ContractionKernel, next: LoopKernel): Pair | undefined {
    const plan = known(this.preparation.plans.get(product), 'plan of a contraction')
    const loop = plan.kind === 'product' ? onlyLoop(next) : undefined
    const perRow = loop && cuts.find()?.iterationsPerRow(program, product, next, loop, this.jobScale)
    return loop === undefined || perRow === undefined ? undefined : { product, plan, next, loop, perRow }
  }

  private followed(
    { product, plan, next, loop, perRow }: Pair,
    [name, nextName]: readonly [string, string],
    frame: Frame,
    context: ModuleContext,
  ): FunctionBuilder {
    const { whole, range } = emitRanged(this.module, this.loopContext(next, context), next, loop, nextName)
    return emitContraction(this.module, frame, product, plan, context, name, {
      whole: whole.index,
      range: range.index,
      perRow,
      isLarge: this.preparation.sharing?.mayBeLarge(next.body, this.jobScale) === true,
      isShareable: !this.preparation.alone.has(next),
    })
  }

  private kernel(kernel: Kernel, name: string, frame: Frame, context: ModuleContext): FunctionBuilder {
    switch (kernel.kind) {
      case 'loops':
        return emitLoops(this.module, this.loopContext(kernel, context), kernel, this.preparation.families, name)
      case 'contraction':
        return emitContraction(
          this.module,
          frame,
          kernel,
          known(this.preparation.plans.get(kernel), 'plan of a contraction'),
          context,
          name,
        )
      case 'sort':
        return this.routine(name, frame, kernel, kernel.inputs, kernel.outputs)
      case 'transform':
        throw new InternalError('a transform of lines')
      case 'callback':
        return this.routine(name, frame, kernel, kernel.operands, [])
      case 'scan':
      case 'while':
      case 'branch':
        return this.control(kernel, name, frame, context)
    }
  }

  /** A loop over a program, or a choice between programs. */
  private control(kernel: ControlKernel, name: string, frame: Frame, { jobs }: ModuleContext): FunctionBuilder {
    const f = this.module.function(name, [], [])
    const print = (program: Program): Inner => this.inner(program, frame.own)
    if (kernel.kind === 'while') wasmControlFlow.get('while_loop').writeWhile(f, frame, kernel, print)
    else if (kernel.kind === 'branch') wasmControlFlow.get('cond').writeBranch(f, frame, kernel, print)
    else if (jobs === undefined || !this.preparation.shared.has(kernel))
      loops.get('scan').writeScan(f, frame, kernel, print)
    else {
      const own = (this.threadGlobals ??= { displacement: this.module.global(), scratch: this.module.global() })
      const body = { ...this.inner(kernel.body, own), own, end: this.frames.end }
      const bytes = loops.get('scan').writeShared(f, frame, kernel, body, jobs)
      this.iterationBytes = Math.max(this.iterationBytes, bytes)
    }
    return f
  }

  /** A function that asks JavaScript to do its part. */
  private routine(
    name: string,
    frame: Frame,
    kernel: Routine['kernel'],
    inputs: readonly Buffer[],
    outputs: readonly Buffer[],
  ): FunctionBuilder {
    const f = this.module.function(name, [], [])
    f.code.i32(this.routines.length)
    f.code.call(this.module.import(routineImport, ['i32'], []))
    const place = (buffer: Buffer): Pointer => pointerOf(frame, buffer)
    this.routines.push({ kernel, inputs: inputs.map(place), outputs: outputs.map(place) })
    return f
  }
}

/** Prints a program; `jobScale` multiplies the sizes from which on several threads share the work. */
export const printProgram = (program: Program, memory: MemoryType, jobScale = 1): PrintedProgram => {
  const preparation = new Preparation(program, jobScale)
  const module = new ModuleBuilder(memory)
  const printer = new ProgramPrinter(module, preparation, jobScale)
  module.export(printer.print(program, 'run'))
  return {
    bytes: module.bytes(),
    imports: module.importNames,
    frame: printer.frames.of(program),
    endWord: printer.frames.end,
    routines: printer.routines,
    usesScratch: preparation.plans.size > 0 || preparation.shared.size > 0,
    iterationBytes: printer.iterationBytes,
  }
}
