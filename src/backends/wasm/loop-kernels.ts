/** Functions of loop kernels: all of a kernel, and for one that is a single loop also a range of its iterations. */
import type { LoopKernel, Statement } from '../../compiler/kernel.js'
import { KernelAnalysis, type Loop } from './analysis.js'
import type { FunctionBuilder, ModuleBuilder } from './assembler.js'
import type { Families } from './families.js'
import { StatementEmitter } from './loops.js'
import { cuts } from './parts.js'
import { Planner } from './plan.js'
import type { ModuleContext } from './scopes.js'

/** Emits a kernel's statements into a function of its own, which takes nothing and returns nothing. */
const startKernel = (
  module: ModuleBuilder,
  context: ModuleContext,
  kernel: LoopKernel,
  name: string,
  body: readonly Statement[],
): { readonly f: FunctionBuilder; readonly emitter: StatementEmitter } => {
  const analysis = new KernelAnalysis({ ...kernel, body })
  const planner = new Planner(analysis)
  planner.plan(body)
  const f = module.function(name, [], [])
  return { f, emitter: new StatementEmitter(f, analysis, context, module, planner.plans, context.jobs) }
}

/** The statements of a kernel as they are printed. */
export const cutBody = ({ body }: LoopKernel): readonly Statement[] => {
  const cut = cuts.find()
  return cut === undefined ? body : cut.cutAtWaists(cut.tileTransposes(body))
}

/**
 * Adds a function for a loop kernel, whose statements are as `cutBody` gives them, to the module; it takes nothing and returns
 * nothing. Loops that are like others call what they have in common.
 */
export const emitLoops = (
  module: ModuleBuilder,
  context: ModuleContext,
  kernel: LoopKernel,
  families: Families | undefined,
  name: string,
): FunctionBuilder => {
  const { body } = kernel
  if (families?.covers(body) === true) {
    const f = module.function(name, [], [])
    for (const s of body) if (s.kind === 'for') families.write(f, module, context, name, s)
    return f
  }
  const { f, emitter } = startKernel(module, context, kernel, name, body)
  emitter.statements(body)
  return f
}

/** The one loop that a kernel, cut as it is printed, consists of, if it is one whose iterations are independent. */
export const onlyLoop = (kernel: LoopKernel): Loop | undefined => {
  const [loop, another] = kernel.body
  return another === undefined && loop?.kind === 'for' && loop.order === 'parallel' ? loop : undefined
}

/** As `emitLoops`, for a kernel of one loop: also its function over a range, from an iteration to before another. */
export const emitRanged = (
  module: ModuleBuilder,
  context: ModuleContext,
  kernel: LoopKernel,
  loop: Loop,
  name: string,
): { readonly whole: FunctionBuilder; readonly range: FunctionBuilder } => {
  const { f, emitter } = startKernel(module, context, kernel, name, [loop])
  const range = emitter.ranged(loop)
  emitter.statements([loop])
  return { whole: f, range }
}
