/** Scalar expressions and statements as closures over a frame of numbers. */
import {
  type BinaryOp,
  type DType,
  type Expression,
  type HostData,
  type UnaryOp,
  InternalError,
  bfloat16Bits,
  bfloat16Value,
  castValue,
  e,
  float16Bits,
  float16Value,
  isFloating,
  isHalf,
  known,
  roundTo,
} from '../../core/index.js'
import { type Buffer, type Statement, expressionsOf } from '../../compiler/index.js'
import { binaryFunction, bitcastFunction, compareFunction, unaryFunction } from './special.js'

/** Arrays of one run, by position. */
export type Arrays = (HostData | undefined)[]

export type Evaluate = () => number
export type Action = () => void

/** How numbers are kept: rounded to their dtypes, or floats in double precision throughout. */
export interface Precision {
  readonly exact: boolean
}

/** State that closures share: numbers of variables and of shared expressions, and the arrays of the run. */
export class Machine {
  readonly frame: number[] = []
  arrays: Arrays = []
  readonly exact: boolean
  readonly #slots = new Map<Expression, number>()
  readonly #positions = new Map<Buffer, number>()

  constructor({ exact }: Precision) {
    this.exact = exact
  }

  /** Place of a variable or of a shared expression in the frame. */
  slot(x: Expression): number {
    let slot = this.#slots.get(x)
    if (slot === undefined) {
      slot = this.frame.length
      this.frame.push(0)
      this.#slots.set(x, slot)
    }
    return slot
  }

  /** Place of a buffer among the arrays. */
  position(buffer: Buffer): number {
    let position = this.#positions.get(buffer)
    if (position === undefined) {
      position = this.#positions.size
      this.#positions.set(buffer, position)
    }
    return position
  }

  /** Rounding of a result, or nothing where none is due. */
  rounding(dtype: DType): ((x: number) => number) | undefined {
    if (dtype === 'float64' || (this.exact && isFloating(dtype))) return undefined
    return dtype === 'float32' ? Math.fround : (x) => roundTo(x, dtype)
  }
}

const outside = (buffer: Buffer, at: number): never => {
  throw new InternalError(`element ${at} of a buffer of ${buffer.size} ${buffer.dtype} elements was accessed`)
}

/** Expressions evaluated one after the other; what they share is computed once. */
const compileAll = (
  machine: Machine,
  roots: readonly Expression[],
): { readonly before: readonly Action[]; readonly values: readonly Evaluate[] } => {
  const users = new Map<Expression, number>()
  for (const root of roots) users.set(root, (users.get(root) ?? 0) + 1)
  const order = e.topological(roots)
  for (const x of order) for (const arg of x.args) users.set(arg, (users.get(arg) ?? 0) + 1)
  const before: Action[] = []
  const closures = new Map<Expression, Evaluate>()
  for (const x of order) {
    const evaluate = compileNode(
      machine,
      x,
      x.args.map((arg) => known(closures.get(arg), 'operand')),
    )
    if (x.args.length === 0 || users.get(x) === 1) {
      closures.set(x, evaluate)
      continue
    }
    const { frame } = machine
    const slot = machine.slot(x)
    before.push(() => {
      frame[slot] = evaluate()
    })
    closures.set(x, () => frame[slot] ?? 0)
  }
  return { before, values: roots.map((root) => known(closures.get(root), 'expression')) }
}

const compileNode = (machine: Machine, x: Expression, args: readonly Evaluate[]): Evaluate => {
  const { frame, exact } = machine
  const { dtype } = x
  if (x.op === 'const') {
    const { value } = x
    return () => value
  }
  if (x.op === 'variable') {
    const slot = machine.slot(x)
    return () => frame[slot] ?? 0
  }
  const [a, b, c] = args
  const first = known(a, 'operand')
  const from = known(x.args[0], 'operand').dtype
  if (x.op === 'load') return compileLoad(machine, x.source as Buffer, first)
  if (x.op === 'convert') {
    if (exact && isFloating(dtype)) return first
    // Integers have one zero: -0.5 truncates to 0, not to -0.
    return isFloating(dtype) ? () => castValue(first(), dtype, from) : () => castValue(first(), dtype, from) + 0
  }
  if (x.op === 'bitcast') {
    const cast = bitcastFunction(from, dtype)
    return exact && isFloating(from) ? () => cast(roundTo(first(), from)) : () => cast(first())
  }
  const round = machine.rounding(dtype)
  if (b === undefined) {
    const f = unaryFunction(x.op as UnaryOp, dtype)
    return round === undefined ? () => f(first()) : () => round(f(first()))
  }
  if (c !== undefined) return () => (first() !== 0 ? b() : c())
  if (e.isCompare(x.op)) {
    const f = compareFunction(x.op)
    return () => (f(first(), b()) ? 1 : 0)
  }
  const f = binaryFunction(x.op as BinaryOp, dtype)
  return round === undefined ? () => f(first(), b()) : () => round(f(first(), b()))
}

const compileLoad = (machine: Machine, buffer: Buffer, at: Evaluate): Evaluate => {
  const position = machine.position(buffer)
  const read = (): number => {
    const i = at()
    return machine.arrays[position]?.[i] ?? outside(buffer, i)
  }
  if (machine.exact || !isHalf(buffer.dtype)) return read
  return buffer.dtype === 'float16' ? () => float16Value(read()) : () => bfloat16Value(read())
}

const compileStore = (machine: Machine, buffer: Buffer, at: Evaluate, value: Evaluate): Action => {
  const position = machine.position(buffer)
  const encode =
    machine.exact || !isHalf(buffer.dtype) ? undefined : buffer.dtype === 'float16' ? float16Bits : bfloat16Bits
  return () => {
    const i = at()
    const array = machine.arrays[position]
    if (array === undefined || !(i >= 0 && i < array.length)) outside(buffer, i)
    else array[i] = encode === undefined ? value() : encode(value())
  }
}

/** Statements as one action. */
export const compileStatements = (machine: Machine, statements: readonly Statement[]): Action => {
  const actions = statements.flatMap((statement) => compileStatement(machine, statement))
  const [only] = actions
  if (actions.length === 1 && only !== undefined) return only
  return () => {
    for (const action of actions) action()
  }
}

const compileStatement = (machine: Machine, statement: Statement): Action[] => {
  const { frame } = machine
  const { before, values } = compileAll(machine, expressionsOf(statement))
  const [first, second] = values
  switch (statement.kind) {
    case 'for': {
      const slot = machine.slot(statement.variable)
      const { extent } = statement
      const body = compileStatements(machine, statement.body)
      return [
        () => {
          for (let i = 0; i < extent; i++) {
            frame[slot] = i
            body()
          }
        },
      ]
    }
    case 'if': {
      const condition = known(first, 'condition')
      const body = compileStatements(machine, statement.body)
      return [
        ...before,
        () => {
          if (condition() !== 0) body()
        },
      ]
    }
    case 'define':
    case 'assign': {
      const slot = machine.slot(statement.local)
      const value = known(first, 'value')
      return [
        ...before,
        () => {
          frame[slot] = value()
        },
      ]
    }
    case 'combine': {
      const slot = machine.slot(statement.local)
      const value = known(first, 'value')
      const { dtype } = statement.local
      const f = binaryFunction(statement.op, dtype)
      const round = machine.rounding(dtype) ?? ((x: number) => x)
      return [
        ...before,
        () => {
          frame[slot] = round(f(frame[slot] ?? 0, value()))
        },
      ]
    }
    case 'assignAll': {
      const slots = statement.locals.map((local) => machine.slot(local))
      const results = slots.map(() => 0)
      return [
        ...before,
        () => {
          for (let i = 0; i < slots.length; i++) results[i] = values[i]?.() ?? 0
          for (let i = 0; i < slots.length; i++) frame[slots[i] ?? 0] = results[i] ?? 0
        },
      ]
    }
    case 'store':
      return [...before, compileStore(machine, statement.buffer, known(first, 'index'), known(second, 'value'))]
  }
}
