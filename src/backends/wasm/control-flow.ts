/** Loops with conditions and branches over programs: what `whileLoop`, `cond` and `switch` become. */
import { known } from '../../core/index.js'
import { type BranchKernel, type WhileKernel, scratchLayout, staysInPlace } from '../../compiler/index.js'
import type { FunctionBuilder } from './assembler.js'
import { type PrintInner, copyBytes, makeCarries, passBuffers, passLocals, passTemporaries, rotate } from './carries.js'
import { type Frame, inputWord, outputWord, pushAddress, setWord } from './frame.js'
import { ops } from './opcodes.js'
import { scalarLoad } from './scalar-memory.js'

/** Writes a loop that ends when its condition says so. */
export const writeWhile = (f: FunctionBuilder, frame: Frame, kernel: WhileKernel, print: PrintInner): void => {
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

/** Writes a choice among programs. */
export const writeBranch = (f: FunctionBuilder, frame: Frame, kernel: BranchKernel, print: PrintInner): void => {
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
