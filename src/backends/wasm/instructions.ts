/** Instructions as nested expressions, for routines that are written by hand: values push themselves when they are used. */
import type { FunctionBuilder } from './assembler.js'
import { type Op, type ValueType, ops } from './opcodes.js'

/** Something that leaves a value on the stack: a constant int32, or instructions. */
export type Value = number | (() => void)

/** A local of the function. Called, it pushes itself. */
export interface Variable {
  (): void
  readonly index: number
}

/** What a routine is written with. */
export interface Instructions {
  readonly parameter: (index: number) => Variable
  readonly local: (type?: ValueType) => Variable
  readonly set: (variable: Variable, value: Value) => void
  /** An instruction on two or more values, as a value. */
  readonly op: (name: Op, ...values: readonly Value[]) => Value
  readonly add: (a: Value, b: Value) => Value
  readonly mul: (a: Value, b: Value) => Value
  readonly load: (name: Op, address: Value, offset?: number) => Value
  readonly store: (name: Op, address: Value, value: Value, offset?: number) => void
  readonly call: (index: number, ...values: readonly Value[]) => Value
  /** Runs instructions whose value nobody wants: those that leave none. */
  readonly run: (value: Value) => void
  /** One of two values, of which only that one is computed. */
  readonly choose: (condition: Value, ifTrue: Value, ifFalse: Value) => Value
  /** Ends the function. */
  readonly return: (value: Value) => void
  readonly when: (condition: Value, body: () => void, otherwise?: () => void) => void
  /** `for (variable = begin; variable < end; variable += step)`, unsigned. */
  readonly each: (variable: Variable, begin: Value, end: Value, body: () => void, step?: Value) => void
  /** `while (condition)`. */
  readonly loop: (condition: Value, body: () => void) => void
  readonly push: (value: Value) => void
  /** A vector of zeros. */
  readonly zeros: Value
}

export const instructions = (f: FunctionBuilder): Instructions => {
  const { code } = f
  const push = (value: Value): void => {
    if (typeof value === 'number') code.i32(value)
    else value()
  }
  const variable = (index: number): Variable => Object.assign(() => code.get(index), { index })
  const set = (target: Variable, value: Value): void => {
    push(value)
    code.set(target.index)
  }
  const op =
    (name: Op, ...values: readonly Value[]): Value =>
    () => {
      values.forEach(push)
      code.op(ops[name])
    }
  const loop = (condition: Value, body: () => void): void => {
    code.block()
    code.loop()
    push(op('i32.eqz', condition))
    code.brIf(1)
    body()
    code.br(0)
    code.end()
    code.end()
  }
  return {
    parameter: variable,
    local: (type = 'i32') => variable(f.local(type)),
    set,
    op,
    add: (a, b) => op('i32.add', a, b),
    mul: (a, b) => op('i32.mul', a, b),
    load:
      (name, address, offset = 0) =>
      () => {
        push(address)
        code.memory(ops[name], offset)
      },
    store: (name, address, value, offset = 0) => {
      push(address)
      push(value)
      code.memory(ops[name], offset)
    },
    call:
      (index, ...values) =>
      () => {
        values.forEach(push)
        code.call(index)
      },
    run: push,
    choose: (condition, ifTrue, ifFalse) => () => {
      push(condition)
      code.if('i32')
      push(ifTrue)
      code.else()
      push(ifFalse)
      code.end()
    },
    return: (value) => {
      push(value)
      code.op(ops.return)
    },
    when: (condition, body, otherwise) => {
      push(condition)
      code.if()
      body()
      if (otherwise !== undefined) {
        code.else()
        otherwise()
      }
      code.end()
    },
    each: (counter, begin, end, body, step = 1) => {
      set(counter, begin)
      loop(op('i32.lt_u', counter, end), () => {
        body()
        set(counter, op('i32.add', counter, step))
      })
    },
    loop,
    push,
    zeros: () => code.v128(0, 0, 0, 0),
  }
}
