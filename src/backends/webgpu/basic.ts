/** Loop kernels in the operations that WGSL has. */
import type { Expression } from '../../core/index.js'
import { type LoopKernel, legalizeKernel, mapExpressions } from '../../compiler/index.js'
import { decompose } from '../../scalar/decompose.js'
import { sign } from '../../scalar/power.js'

const decompositions = { sign }

/** Kernels in base operations of 32-bit dtypes. */
export const basic = (kernel: LoopKernel): LoopKernel => {
  const legal = legalizeKernel(kernel)
  const memo = new Map<Expression, Expression>()
  return { ...legal, body: legal.body.map((s) => mapExpressions(s, (x) => decompose(x, memo, decompositions))) }
}
