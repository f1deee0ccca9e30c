/** Counted loops over programs: functions that fill the frame of the inner program and call it. */
import { type ScanKernel, bufferBytes, scratchLayout } from '../../compiler/index.js'
import type { FunctionBuilder } from './assembler.js'
import {
  type PrintInner,
  addConstant,
  makeCarries,
  passBuffers,
  passLocals,
  passTemporaries,
  pushSlice,
  rotate,
} from './carries.js'
import { type Frame, inputWord, outputWord, pushAddress, setWord } from './frame.js'
import { ops } from './opcodes.js'

/** Writes the function of a counted loop, which belongs to the program of `frame`. */
export const writeScan = (f: FunctionBuilder, frame: Frame, kernel: ScanKernel, print: PrintInner): void => {
  const { code } = f
  const { length, reverse, constants } = kernel
  const inner = print(kernel.body)
  passBuffers(code, inner, 0, frame, constants)
  passTemporaries(code, inner, frame, kernel.scratch, scratchLayout(kernel).temporaries)
  const firstCarry = constants.length
  const carries = makeCarries(f, frame, kernel, inner, firstCarry, (length - 1) % 2 === 0)
  const firstSlice = firstCarry + kernel.carries.length
  const wordOf = (i: number): number =>
    i < kernel.xs.length
      ? inputWord(inner.frame, firstSlice + i)
      : outputWord(inner.frame, kernel.carries.length + i - kernel.xs.length)
  const all = [...kernel.xs, ...kernel.ys]
  const isSpread = (i: number): boolean => kernel.spreads?.[i] !== undefined
  const spread = all.map((_, i) => i).filter(isSpread)
  const slices = all.flatMap((buffer, i) => {
    if (isSpread(i)) return []
    const local = f.local('i32')
    const bytes = bufferBytes(buffer) / length
    pushAddress(code, frame, buffer)
    addConstant(code, reverse ? bytes * (length - 1) : 0)
    code.set(local)
    return [{ local, step: reverse ? -bytes : bytes, word: wordOf(i) }]
  })
  const count = f.local('i32')
  const at = spread.length > 0 ? f.local('i32') : count
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
  passLocals(
    code,
    inner,
    slices.map((slice) => slice.word),
    slices.map((slice) => slice.local),
  )
  if (spread.length > 0) {
    code.i32(reverse ? -1 : length)
    code.get(count)
    code.op(reverse ? ops['i32.add'] : ops['i32.sub'])
    code.set(at)
  }
  for (const i of spread) setWord(code, inner.frame, wordOf(i), () => pushSlice(code, frame, kernel, i, at))
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
