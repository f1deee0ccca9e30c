/** Loops and branches over programs: functions that fill the frame of the inner program and call it. */
import { known } from '../../core/index.js'
import {
  type BranchKernel,
  type Buffer,
  type ControlKernel,
  type Program,
  type ScanKernel,
  type WhileKernel,
  bufferBytes,
  scratchLayout,
  staysInPlace,
} from '../../compiler/index.js'
import type { Code, FunctionBuilder } from './assembler.js'
import { type Frame, inputWord, outputWord, pushAddress, setWord, temporariesWord } from './frame.js'
import { ops } from './opcodes.js'
import { scalarLoad } from './scalar-memory.js'

/** An inner program: its frame, and the function that runs it. */
export interface Inner {
  readonly frame: Frame
  readonly run: number
}

/** Prints an inner program, or finds it if it was printed already. */
export type PrintInner = (program: Program) => Inner

/** A carry that moves: where it is, where the next one goes, and where the one after that goes. */
interface Carry {
  /** Its number among all carries. */
  readonly index: number
  readonly current: number
  readonly next: number
  readonly after: number
}

const addConstant = (code: Code, bytes: number): void => {
  if (bytes === 0) return
  code.i32(bytes)
  code.op(ops['i32.add'])
}

/** Sets the inputs of an inner program from `first` on to buffers of the program around it. */
const passBuffers = (code: Code, inner: Inner, first: number, frame: Frame, buffers: readonly Buffer[]): void => {
  buffers.forEach((buffer, i) =>
    setWord(code, inner.frame, inputWord(inner.frame, first + i), () => pushAddress(code, frame, buffer)),
  )
}

const passTemporaries = (code: Code, inner: Inner, frame: Frame, scratch: Buffer, offset: number): void =>
  setWord(code, inner.frame, temporariesWord(inner.frame), () => {
    pushAddress(code, frame, scratch)
    addConstant(code, offset)
  })

const copyBytes = (code: Code, frame: Frame, to: Buffer, pushFrom: () => void): void => {
  pushAddress(code, frame, to)
  pushFrom()
  code.i32(bufferBytes(to))
  code.op(ops['memory.copy'])
  code.byte(0)
  code.byte(0)
}

/**
 * Carries that stay get their first values, and the body its only addresses of them: `first` is the number of its inputs
 * before the carries. Gives the others.
 */
const makeCarries = (
  f: FunctionBuilder,
  frame: Frame,
  kernel: ScanKernel | WhileKernel,
  body: Inner,
  first: number,
  lastIsNext: boolean,
): readonly Carry[] => {
  const { code } = f
  const { carries: offsets } = scratchLayout(kernel)
  return kernel.carries.flatMap((buffer, index): Carry[] => {
    const initial = known(kernel.initial[index], 'first carry')
    if (staysInPlace(kernel, index)) {
      if (initial !== buffer && buffer.size > 0) copyBytes(code, frame, buffer, () => pushAddress(code, frame, initial))
      setWord(code, body.frame, inputWord(body.frame, first + index), () => pushAddress(code, frame, buffer))
      return []
    }
    const carry: Carry = { index, current: f.local('i32'), next: f.local('i32'), after: f.local('i32') }
    pushAddress(code, frame, initial)
    code.set(carry.current)
    pushAddress(code, frame, buffer)
    code.set(lastIsNext ? carry.next : carry.after)
    pushAddress(code, frame, kernel.scratch)
    addConstant(code, known(offsets[index], 'place of a carry'))
    code.set(lastIsNext ? carry.after : carry.next)
    return [carry]
  })
}

/** The two places swap roles. */
const rotate = (code: Code, carries: readonly Carry[]): void => {
  for (const { current, next, after } of carries) {
    code.get(next)
    code.set(current)
    code.get(after)
    code.set(next)
    code.get(current)
    code.set(after)
  }
}

const passLocals = (code: Code, { frame }: Inner, words: readonly number[], locals: readonly number[]): void => {
  words.forEach((word, i) => setWord(code, frame, word, () => code.get(known(locals[i], 'address'))))
}

const writeScan = (f: FunctionBuilder, frame: Frame, kernel: ScanKernel, print: PrintInner): void => {
  const { code } = f
  const { length, reverse, constants } = kernel
  const inner = print(kernel.body)
  passBuffers(code, inner, 0, frame, constants)
  passTemporaries(code, inner, frame, kernel.scratch, scratchLayout(kernel).temporaries)
  const firstCarry = constants.length
  const carries = makeCarries(f, frame, kernel, inner, firstCarry, (length - 1) % 2 === 0)
  const slices = [...kernel.xs, ...kernel.ys].map((buffer) => {
    const local = f.local('i32')
    const bytes = bufferBytes(buffer) / length
    pushAddress(code, frame, buffer)
    addConstant(code, reverse ? bytes * (length - 1) : 0)
    code.set(local)
    return { local, step: reverse ? -bytes : bytes }
  })
  const firstSlice = firstCarry + kernel.carries.length
  const count = f.local('i32')
  code.i32(length)
  code.set(count)
  code.loop()
  passLocals(
    code,
    inner,
    carries.map(({ index }) => inputWord(inner.frame, firstCarry + index)),
    carries.map((carry) => carry.current),
  )
  passLocals(
    code,
    inner,
    carries.map(({ index }) => outputWord(inner.frame, index)),
    carries.map((carry) => carry.next),
  )
  const sliceWords = [
    ...kernel.xs.map((_, i) => inputWord(inner.frame, firstSlice + i)),
    ...kernel.ys.map((_, i) => outputWord(inner.frame, kernel.carries.length + i)),
  ]
  passLocals(
    code,
    inner,
    sliceWords,
    slices.map((slice) => slice.local),
  )
  code.call(inner.run)
  rotate(code, carries)
  for (const { local, step } of slices) {
    code.get(local)
    addConstant(code, step)
    code.set(local)
  }
  code.get(count)
  code.i32(1)
  code.op(ops['i32.sub'])
  code.tee(count)
  code.brIf(0)
  code.end()
}

const writeWhile = (f: FunctionBuilder, frame: Frame, kernel: WhileKernel, print: PrintInner): void => {
  const { code } = f
  const condition = print(kernel.condition)
  const body = print(kernel.body)
  const { temporaries } = scratchLayout(kernel)
  passBuffers(code, condition, 0, frame, kernel.conditionConstants)
  passBuffers(code, body, 0, frame, kernel.bodyConstants)
  passTemporaries(code, condition, frame, kernel.scratch, temporaries)
  passTemporaries(code, body, frame, kernel.scratch, temporaries)
  // The predicate is the first byte of the scratch.
  setWord(code, condition.frame, outputWord(condition.frame, 0), () => pushAddress(code, frame, kernel.scratch))
  const firstTested = kernel.conditionConstants.length
  const firstCarry = kernel.bodyConstants.length
  const carries = makeCarries(f, frame, kernel, body, firstCarry, false)
  const current = carries.map((carry) => carry.current)
  kernel.carries.forEach((buffer, i) => {
    if (staysInPlace(kernel, i))
      setWord(code, condition.frame, inputWord(condition.frame, firstTested + i), () =>
        pushAddress(code, frame, buffer),
      )
  })
  code.block()
  code.loop()
  passLocals(
    code,
    condition,
    carries.map(({ index }) => inputWord(condition.frame, firstTested + index)),
    current,
  )
  code.call(condition.run)
  pushAddress(code, frame, kernel.scratch)
  scalarLoad(f, 'bool', 0)
  code.op(ops['i32.eqz'])
  code.brIf(1)
  passLocals(
    code,
    body,
    carries.map(({ index }) => inputWord(body.frame, firstCarry + index)),
    current,
  )
  passLocals(
    code,
    body,
    carries.map(({ index }) => outputWord(body.frame, index)),
    carries.map((carry) => carry.next),
  )
  code.call(body.run)
  rotate(code, carries)
  code.br(0)
  code.end()
  code.end()
  for (const { index, current: from } of carries) {
    const buffer = known(kernel.carries[index], 'carry')
    pushAddress(code, frame, buffer)
    code.get(from)
    code.op(ops['i32.ne'])
    code.if()
    copyBytes(code, frame, buffer, () => code.get(from))
    code.end()
  }
}

const writeBranch = (f: FunctionBuilder, frame: Frame, kernel: BranchKernel, print: PrintInner): void => {
  const { code } = f
  const index = f.local('i32')
  pushAddress(code, frame, kernel.index)
  scalarLoad(f, kernel.index.dtype, 0)
  code.set(index)
  kernel.programs.forEach((program, k) => {
    const inner = print(program)
    code.get(index)
    code.i32(k)
    code.op(ops['i32.eq'])
    code.if()
    passBuffers(code, inner, 0, frame, kernel.operands)
    kernel.outputs.forEach((buffer, i) =>
      setWord(code, inner.frame, outputWord(inner.frame, i), () => pushAddress(code, frame, buffer)),
    )
    passTemporaries(code, inner, frame, kernel.scratch, scratchLayout(kernel).temporaries)
    code.call(inner.run)
    code.end()
  })
}

/** Writes the function of a control kernel, which belongs to the program of `frame`. */
export const writeControl = (f: FunctionBuilder, frame: Frame, kernel: ControlKernel, print: PrintInner): void => {
  switch (kernel.kind) {
    case 'scan':
      writeScan(f, frame, kernel, print)
      return
    case 'while':
      writeWhile(f, frame, kernel, print)
      return
    case 'branch':
      writeBranch(f, frame, kernel, print)
      return
  }
}
