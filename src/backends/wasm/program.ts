/** A program as one WebAssembly module: a function for each kernel, and `run`, which calls them in order. */
import { type Expression, InternalError, known } from '../../core/index.js'
import {
  type Buffer,
  type ContractionKernel,
  type Kernel,
  type LoopKernel,
  type Program,
  type SortKernel,
  legalizeKernel,
  mapExpressions,
} from '../../compiler/index.js'
import { decompose } from '../../compiler/decompose.js'
import { elementBytes, rootsOf } from './analysis.js'
import { type Code, type FunctionBuilder, type MemoryType, ModuleBuilder } from './assembler.js'
import { type ContractionPlan, contractionImports, planContraction } from './contraction.js'
import type { ModuleContext } from './emitter.js'
import { importMath, moduleHelpers } from './helpers.js'
import { emitLoops } from './loops.js'
import { ops } from './opcodes.js'
import { isTranscendental } from './plan.js'
import type { Statement } from '../../compiler/index.js'

/** Where the pointers of the running program are: inputs, outputs, constants, temporaries, scratch. */
export const frameAddress = 1024
/** Most pointers of a program. */
export const framePointers = (65536 - frameAddress) / 4

/** Name under which a module asks for work that JavaScript does: `routine(k)` does the k-th one of the program. */
export const routineImport = 'routine'

/** What a module is made of, and what it needs to run. */
export interface PrintedProgram {
  readonly bytes: Uint8Array
  /** Imported functions, besides memory. */
  readonly imports: readonly string[]
  /** Sorts, in the order of their numbers. */
  readonly sorts: readonly SortKernel[]
  /** Whether products need their scratch memory. */
  readonly usesScratch: boolean
}

/** Number of a buffer's pointer in the frame, and bytes to add to it. */
export const pointerOf = (program: Program, buffer: Buffer): { readonly index: number; readonly add: number } => {
  const placement = known(program.placements.get(buffer), 'placement of a buffer')
  const inputs = program.inputs.length
  const outputs = program.outputs.length
  switch (placement.kind) {
    case 'input':
      return { index: placement.index, add: 0 }
    case 'output':
      return { index: inputs + placement.index, add: 0 }
    case 'constant':
      return { index: inputs + outputs + placement.index, add: 0 }
    case 'temporary':
      return { index: inputs + outputs + program.constants.length, add: placement.offset }
  }
}

export const pointerCount = (program: Program): number => program.inputs.length + program.outputs.length + program.constants.length + 2

/** Loop kernels in base operations, with the float64 functions that remain. */
const prepare = (kernels: readonly Kernel[]): { readonly kernels: readonly Kernel[]; readonly math: ReadonlySet<string> } => {
  const math = new Set<string>()
  const memo = new Map<Expression, Expression>()
  const seen = new Set<Expression>()
  const visit = (x: Expression): void => {
    if (seen.has(x)) return
    seen.add(x)
    if (x.op === 'rem' && (x.dtype === 'float32' || x.dtype === 'float64')) math.add('rem')
    else if (isTranscendental(x) && x.op !== 'select') math.add(x.op === 'nextafter' && x.dtype === 'float32' ? 'nextafter32' : x.op)
    x.args.forEach(visit)
  }
  const walk = (statements: readonly Statement[]): void => {
    for (const s of statements) {
      rootsOf(s).forEach(visit)
      if (s.kind === 'for' || s.kind === 'if') walk(s.body)
    }
  }
  const prepared = kernels.map((kernel) => {
    if (kernel.kind !== 'loops') return kernel
    const legal = legalizeKernel(kernel)
    const body = legal.body.map((s) => mapExpressions(s, (x) => decompose(x, memo)))
    walk(body)
    return { ...legal, body }
  })
  return { kernels: prepared, math }
}

/** Prints a program. */
export const printProgram = (program: Program, memory: MemoryType): PrintedProgram => {
  if (pointerCount(program) > framePointers) throw new InternalError(`a program with ${pointerCount(program)} arrays`)
  const { kernels, math } = prepare(program.kernels)
  const module = new ModuleBuilder(memory)
  importMath(module, math)
  const plans = new Map<ContractionKernel, ContractionPlan>()
  const sorts: SortKernel[] = []
  for (const kernel of kernels) {
    if (kernel.kind === 'contraction') {
      const plan = planContraction(kernel)
      plans.set(kernel, plan)
      for (const { name, params, results } of contractionImports(plan)) module.import(name, params, results)
    } else if (kernel.kind === 'sort') {
      sorts.push(kernel)
      module.import(routineImport, ['i32'], [])
    }
  }
  const pushAddress = (code: Code, buffer: Buffer): void => {
    const { index, add } = pointerOf(program, buffer)
    code.i32(0)
    code.memory(ops['i32.load'], frameAddress + 4 * index)
    if (add !== 0) {
      code.i32(add)
      code.op(ops['i32.add'])
    }
  }
  const context: ModuleContext = { helpers: moduleHelpers(module), pushAddress }
  const scratch = frameAddress + 4 * (pointerCount(program) - 1)
  let nextSort = 0
  const functions = kernels.map((kernel): FunctionBuilder => {
    switch (kernel.kind) {
      case 'loops':
        return emitLoops(module, context, kernel)
      case 'contraction':
        return emitContraction(module, context, kernel, known(plans.get(kernel), 'plan of a contraction'), scratch)
      case 'sort': {
        const f = module.function('sort', [], [])
        f.code.i32(nextSort++)
        f.code.call(module.import(routineImport, ['i32'], []))
        return f
      }
    }
  })
  const run = module.function('run', [], [])
  for (const f of functions) run.code.call(f.index)
  module.export(run)
  return { bytes: module.bytes(), imports: module.importNames, sorts, usesScratch: plans.size > 0 }
}

/** A function that calls the shared product for every matrix of the batch. */
const emitContraction = (
  module: ModuleBuilder,
  context: ModuleContext,
  kernel: ContractionKernel,
  plan: ContractionPlan,
  scratchPointer: number,
): FunctionBuilder => {
  const { batch, rows, columns, inner, left, right, out } = kernel
  const size = elementBytes(out.dtype)
  const f = module.function('contraction', [], [])
  const { code } = f
  const a = f.local('i32')
  const b = f.local('i32')
  const c = f.local('i32')
  const count = f.local('i32')
  for (const [local, view] of [
    [a, left],
    [b, right],
  ] as const) {
    context.pushAddress(code, view.buffer)
    code.i32(view.offset * size)
    code.op(ops['i32.add'])
    code.set(local)
  }
  context.pushAddress(code, out)
  code.set(c)
  const scratch = (): void => {
    code.i32(0)
    code.memory(ops['i32.load'], scratchPointer)
  }
  const imports = contractionImports(plan).map(({ name, params, results }) => module.import(name, params, results))
  code.i32(batch)
  code.set(count)
  code.loop()
  if (plan.kind === 'product') {
    for (const local of [a, b, c]) code.get(local)
    for (const value of [rows, columns, inner]) code.i32(value)
    for (const stride of [left.rowStride, left.columnStride, right.rowStride, right.columnStride]) code.i32(stride * size)
    code.i32(plan.inPlace ? 1 : 0)
    scratch()
  } else {
    const [matrix, vector] = plan.matrix === 'left' ? [a, b] : [b, a]
    if (plan.vectorStride !== 1) {
      // The vector's elements side by side: one row of a gather.
      scratch()
      code.i32(0)
      code.get(vector)
      code.i32(0)
      code.i32(plan.vectorStride * size)
      code.i32(1)
      code.i32(inner)
      code.call(known(imports[1], 'gather'))
    }
    code.get(matrix)
    if (plan.vectorStride !== 1) scratch()
    else code.get(vector)
    code.get(c)
    code.i32(plan.size)
    code.i32(inner)
    code.i32(plan.stride * size)
  }
  code.call(known(imports[0], 'product'))
  for (const [local, stride] of [
    [a, left.batchStride],
    [b, right.batchStride],
    [c, rows * columns],
  ] as const) {
    code.get(local)
    code.i32(stride * size)
    code.op(ops['i32.add'])
    code.set(local)
  }
  code.get(count)
  code.i32(1)
  code.op(ops['i32.sub'])
  code.tee(count)
  code.brIf(0)
  code.end()
  return f
}
