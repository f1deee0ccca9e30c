/** Jobs: functions over ranges of a loop that all threads run parts of, and how a module asks for that. */
import { known } from '../../core/index.js'
import type { ContractionKernel, Statement } from '../../compiler/kernel.js'
import type { FunctionBuilder, ModuleBuilder } from './assembler.js'
import type { Code } from './code.js'
import { argumentsWord, mostArguments, threadsWord } from './frame.js'
import { type ValueType, ops } from './opcodes.js'

/** Name under which a module asks for a job: `fork(job, extent, chunk)` runs it in parts of `chunk` iterations. */
export const forkImport = 'fork'

/** Cost of a loop, in the units of plans, from which other threads are worth asking: about 15 us. */
export const jobCost = 50_000
/** Operations of a product from which other threads are worth asking. */
export const jobOperations = 1_000_000
/** Iterations below which no loop is that costly. */
const fewestIterations = 1024

/** Whether a contraction is worth several threads; `scale` multiplies the size from which on it is. */
export const isLargeContraction = ({ batch, rows, columns, inner }: ContractionKernel, scale: number): boolean =>
  2 * batch * rows * columns * inner >= jobOperations * scale

/** How often the innermost loops run in all. */
export const iterations = (statements: readonly Statement[]): number => {
  let count = 0
  for (const s of statements) {
    if (s.kind === 'for') count += s.extent * Math.max(1, iterations(s.body))
    else if (s.kind === 'if') count += iterations(s.body)
  }
  return count
}

/** Whether the loops of a kernel can be worth several threads. */
export const mayBeLarge = (statements: readonly Statement[], scale: number): boolean =>
  iterations(statements) >= fewestIterations * scale

const loads: Readonly<Partial<Record<ValueType, number>>> = {
  i32: ops['i32.load'],
  f32: ops['f32.load'],
  f64: ops['f64.load'],
}
const stores: Readonly<Partial<Record<ValueType, number>>> = {
  i32: ops['i32.store'],
  f32: ops['f32.store'],
  f64: ops['f64.store'],
}

/** Pushes the value at a word of low memory; the stack must hold a byte offset. */
export const loadAt = (code: Code, type: ValueType, word: number): void => code.memory(loads[type] ?? 0, 4 * word)

/** Stores the value on the stack at the byte offset below it, from a word of low memory on. */
export const storeAt = (code: Code, type: ValueType, word: number): void => code.memory(stores[type] ?? 0, 4 * word)

/** The jobs of one module. */
export class Jobs {
  /** Multiplies the sizes from which on work is cut: 0 cuts all of it, which tests do. */
  readonly scale: number
  private readonly module: ModuleBuilder
  private readonly fork: number
  private readonly functions: FunctionBuilder[] = []

  /** To be made before any function of the module. */
  constructor(module: ModuleBuilder, scale: number) {
    this.scale = scale
    this.module = module
    this.fork = module.import(forkImport, ['i32', 'i32', 'i32'], [])
  }

  /** Whether a function over ranges can be told so many values. */
  static takes(types: readonly ValueType[]): boolean {
    return types.length <= mostArguments && types.every((type) => loads[type] !== undefined)
  }

  /**
   * Makes a job. `write` fills in its function: parameters are the first iteration, the one after the last, and the
   * thread's scratch memory. Returns the job's number.
   */
  make(write: (f: FunctionBuilder) => void): number {
    const number = this.functions.length
    const f = this.module.function(`job_${number}`, ['i32', 'i32', 'i32'], [])
    this.functions.push(f)
    this.module.export(f)
    write(f)
    return number
  }

  /** Pushes the i-th argument that `passArguments` left, in a job's function. */
  pushArgument(code: Code, type: ValueType, i: number): void {
    code.i32(0)
    loadAt(code, type, argumentsWord + 2 * i)
  }

  /** Leaves values where a job's function finds them; `push(i)` pushes the i-th. */
  passArguments(code: Code, types: readonly ValueType[], push: (i: number) => void): void {
    types.forEach((type, i) => {
      code.i32(0)
      push(i)
      storeAt(code, type, argumentsWord + 2 * i)
    })
  }

  /** Pushes whether there are other threads. */
  pushHelp(code: Code): void {
    code.i32(0)
    code.memory(ops['i32.load'], 4 * threadsWord)
  }

  /** Calls a job's function; the range and the scratch memory are on the stack. */
  callHere(code: Code, job: number): void {
    code.call(known(this.functions[job], 'job').index)
  }

  /** Asks all threads to do the parts of a job. */
  request(code: Code, job: number, extent: number, chunk: number): void {
    code.i32(job)
    code.i32(extent)
    code.i32(chunk)
    code.call(this.fork)
  }
}

/** The jobs of a module, none of whose functions has been made. */
export const newJobs = (module: ModuleBuilder, scale: number): Jobs => new Jobs(module, scale)
