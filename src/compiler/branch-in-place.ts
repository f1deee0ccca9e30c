/** Branches whose programs write an output over the operand that it follows, so that a step of a loop moves only what it changes. */
import { bufferBytes } from './accesses.js'
import { scratchLayout } from './scratch.js'
import { newBuffer } from './graph.js'
import type { BranchKernel, Buffer } from './kernel.js'

/** Arrays below this many bytes are copied sooner than programs are compiled again. */
const smallest = 1024

/**
 * The branch with `fresh` written over `old`; undefined unless each of its programs can do so, next to what they write over
 * already, and no other operand is there. Only for places that become one: such programs do not work with two.
 */
export const branchOver = (kernel: BranchKernel, old: Buffer, fresh: Buffer): BranchKernel | undefined => {
  const { operands, outputs } = kernel
  const input = operands.indexOf(old)
  const output = outputs.indexOf(fresh)
  const isOnly = kernel.index !== old && operands.lastIndexOf(old) === input && outputs.lastIndexOf(fresh) === output
  if (input < 0 || output < 0 || !isOnly) return undefined
  const taken = kernel.carries.find((carry) => carry.input === input || carry.output === output)
  if (taken !== undefined) return taken.input === input && taken.output === output ? kernel : undefined
  if (old.size !== fresh.size || old.dtype !== fresh.dtype || bufferBytes(old) < smallest) return undefined
  const carries = [...kernel.carries, { input, output }]
  const programs = kernel.placed(carries)
  const areOver = programs.every((program) =>
    carries.every((carry) => program.outputs[carry.output] === program.inputs[carry.input]),
  )
  if (!areOver) return undefined
  const changed = { ...kernel, programs, carries }
  return { ...changed, scratch: newBuffer('uint8', [scratchLayout(changed).bytes]) }
}
