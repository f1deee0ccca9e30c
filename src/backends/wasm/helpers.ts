/** Functions that the kernels of a module share: JS math, exact remainders, integer division by contract, halves. */
import { type BinaryOp, type UnaryOp, InternalError } from '../../core/index.js'
import { binaryFunctionOf, unaryFunctionOf } from '../../scalar/definition.js'
import type { FunctionBuilder, ModuleBuilder } from './assembler.js'
import type { Half } from './halves.js'
import { type ValueType, ops } from './opcodes.js'
import { halves } from './parts.js'

/** What generated code may call. */
export interface Helpers {
  /** Index of a float64 function that the module imports. */
  readonly math: (op: UnaryOp | BinaryOp) => number
  /** Index of a float32 function of two arguments that goes through float64. */
  readonly math32: (op: BinaryOp) => number
  /** Index of C's fmodf. */
  readonly remainder32: () => number
  /** Index of integer division whose divisor may be anything. */
  readonly integerDivision: (op: 'div' | 'rem', unsigned: boolean) => number
  /** Emits the float32 value of the half bits on the stack. */
  readonly decodeHalf: (f: FunctionBuilder, dtype: Half) => void
  /** Index of float32 -> half bits. */
  readonly encodeHalf: (dtype: Half) => number
}

const remainder = (x: number, y: number): number => x % y

const binaryMath = (name: string): ((x: number, y: number) => number) | undefined =>
  name === 'rem' ? remainder : binaryFunctionOf(name)?.float64

/** Whether an import is among those that worker threads have: `Math` and what is one line. */
export const workersHave = (name: string): boolean => {
  const own = unaryFunctionOf(name)?.float64
  return name === 'rem' || name === 'pow' || name === 'atan2' || (own !== undefined && own === Reflect.get(Math, name))
}

/** The JS function behind an imported name. */
export const mathImport = (name: string): ((...x: number[]) => number) | undefined =>
  unaryFunctionOf(name)?.float64 ?? (binaryMath(name) as ((...x: number[]) => number) | undefined)

/** Declares the float64 imports that programs with these operations may call; to be done before any function is made. */
export const importMath = (module: ModuleBuilder, names: Iterable<string>): void => {
  for (const name of names) {
    if (unaryFunctionOf(name) !== undefined) module.import(name, ['f64'], ['f64'])
    else if (binaryMath(name) !== undefined) module.import(name, ['f64', 'f64'], ['f64'])
  }
}

/** Makes helper functions in `module` when they are first asked for. */
export const moduleHelpers = (module: ModuleBuilder): Helpers => {
  const made = new Map<string, number>()
  const helper = (
    name: string,
    params: readonly ValueType[],
    result: ValueType,
    write: (f: FunctionBuilder) => void,
  ): number => {
    let index = made.get(name)
    if (index === undefined) {
      const f = module.function(name, params, [result])
      index = f.index
      made.set(name, index)
      write(f)
    }
    return index
  }
  const math = (op: string): number => {
    const binary = unaryFunctionOf(op) === undefined
    if (binary && binaryMath(op) === undefined) throw new InternalError(`wasm has no float64 function for ${op}`)
    return binary ? module.import(op, ['f64', 'f64'], ['f64']) : module.import(op, ['f64'], ['f64'])
  }
  return {
    math,
    math32: (op) =>
      helper(`${op}32`, ['f32', 'f32'], 'f32', (f) => {
        f.code.get(0)
        f.code.op(ops['f64.promote_f32'])
        f.code.get(1)
        f.code.op(ops['f64.promote_f32'])
        f.code.call(math(op))
        f.code.op(ops['f32.demote_f64'])
      }),
    remainder32: () => helper('remainder32', ['f32', 'f32'], 'f32', (f) => writeRemainder(f, math('rem'))),
    integerDivision: (op, unsigned) =>
      helper(`${op}_${unsigned ? 'u' : 's'}`, ['i32', 'i32'], 'i32', (f) => writeDivision(f, op, unsigned)),
    decodeHalf: (f, dtype) => halves.get(dtype).decodeHalf(f, dtype),
    encodeHalf: (dtype) => helper(`encode_${dtype}`, ['f32'], 'i32', (f) => halves.get(dtype).writeEncode(f, dtype)),
  }
}

/** fmodf through float64: exact while the quotient is below 2^28; beyond that JS's own remainder, which is always exact. */
const writeRemainder = (f: FunctionBuilder, slow: number): void => {
  const x = f.local('f64')
  const y = f.local('f64')
  const q = f.local('f64')
  const c = f.code
  c.get(0)
  c.op(ops['f64.promote_f32'])
  c.set(x)
  c.get(1)
  c.op(ops['f64.promote_f32'])
  c.set(y)
  // |x| < |y|: the dividend itself, also for an infinite divisor.
  c.get(x)
  c.op(ops['f64.abs'])
  c.get(y)
  c.op(ops['f64.abs'])
  c.op(ops['f64.lt'])
  c.if()
  c.get(0)
  c.op(ops.return)
  c.end()
  c.get(x)
  c.get(y)
  c.op(ops['f64.div'])
  c.op(ops['f64.trunc'])
  c.tee(q)
  c.op(ops['f64.abs'])
  c.f64(2 ** 28)
  c.op(ops['f64.lt'])
  c.if('f64')
  c.get(x)
  c.get(y)
  c.get(q)
  c.op(ops['f64.mul'])
  c.op(ops['f64.sub'])
  c.else()
  c.get(x)
  c.get(y)
  c.call(slow)
  c.end()
  c.get(x)
  c.op(ops['f64.copysign'])
  c.op(ops['f32.demote_f64'])
}

/** By zero: -1, and the remainder is the dividend. By -1: wraps, where WebAssembly would trap. */
const writeDivision = (f: FunctionBuilder, op: 'div' | 'rem', unsigned: boolean): void => {
  const c = f.code
  c.get(1)
  c.op(ops['i32.eqz'])
  c.if()
  if (op === 'div') c.i32(-1)
  else c.get(0)
  c.op(ops.return)
  c.end()
  if (!unsigned) {
    c.get(1)
    c.i32(-1)
    c.op(ops['i32.eq'])
    c.if()
    c.i32(0)
    if (op === 'div') {
      c.get(0)
      c.op(ops['i32.sub'])
    }
    c.op(ops.return)
    c.end()
  }
  c.get(0)
  c.get(1)
  if (op === 'div') c.op(unsigned ? ops['i32.div_u'] : ops['i32.div_s'])
  else c.op(unsigned ? ops['i32.rem_u'] : ops['i32.rem_s'])
}
