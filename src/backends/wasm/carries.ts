/** What functions over inner programs pass to them: buffers, temporaries, and carries that stay or move. */
import { dtypeBytes, known } from '../../core/index.js'
import {
  type Buffer,
  type Program,
  type ScanKernel,
  type WhileKernel,
  bufferBytes,
  scratchLayout,
  spreadOf,
  staysInPlace,
} from '../../compiler/index.js'
import type { FunctionBuilder } from './assembler.js'
import type { Code } from './code.js'
import { type Frame, inputWord, pushAddress, setWord, temporariesWord } from './frame.js'
import { ops } from './opcodes.js'

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

export const addConstant = (code: Code, bytes: number): void => {
  if (bytes === 0) return
  code.i32(bytes)
  code.op(ops['i32.add'])
}

/** Sets the inputs of an inner program from `first` on to buffers of the program around it. */
export const passBuffers = (
  code: Code,
  inner: Inner,
  first: number,
  frame: Frame,
  buffers: readonly Buffer[],
): void => {
  buffers.forEach((buffer, i) =>
    setWord(code, inner.frame, inputWord(inner.frame, first + i), () => pushAddress(code, frame, buffer)),
  )
}

export const passTemporaries = (code: Code, inner: Inner, frame: Frame, scratch: Buffer, offset: number): void =>
  setWord(code, inner.frame, temporariesWord(inner.frame), () => {
    pushAddress(code, frame, scratch)
    addConstant(code, offset)
  })

/** Pushes the address of slice `at`, a local, of the i-th array that iterations of a loop take slices of. */
export const pushSlice = (code: Code, frame: Frame, kernel: ScanKernel, i: number, at: number): void => {
  const buffer = known(i < kernel.xs.length ? kernel.xs[i] : kernel.ys[i - kernel.xs.length], 'sliced array')
  const { stride, period, periodStride } = spreadOf(kernel, i)
  const isApart = period < kernel.length
  pushAddress(code, frame, buffer)
  const add = (elements: number, part: number): void => {
    if (elements === 0) return
    code.get(at)
    if (isApart) {
      code.i32(period)
      code.op(part)
    }
    code.i32(elements * dtypeBytes(buffer.dtype))
    code.op(ops['i32.mul'])
    code.op(ops['i32.add'])
  }
  add(stride, ops['i32.rem_u'])
  if (isApart) add(periodStride, ops['i32.div_u'])
}

export const copyBytes = (code: Code, frame: Frame, to: Buffer, pushFrom: () => void): void => {
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
export const makeCarries = (
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
export const rotate = (code: Code, carries: readonly Carry[]): void => {
  for (const { current, next, after } of carries) {
    code.get(next)
    code.set(current)
    code.get(after)
    code.set(next)
    code.get(current)
    code.set(after)
  }
}

export const passLocals = (code: Code, { frame }: Inner, words: readonly number[], locals: readonly number[]): void => {
  words.forEach((word, i) => setWord(code, frame, word, () => code.get(known(locals[i], 'address'))))
}
