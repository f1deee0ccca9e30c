/** Whether a kernel has to do with dtypes that machines do not compute: halves and 8-bit integers. */
import { type DType, type Expression, isHalf } from '../core/index.js'
import { expressionsOf } from './finish.js'
import type { LoopKernel, Statement } from './kernel.js'

const isSmall = (dtype: DType): boolean => isHalf(dtype) || dtype === 'int8' || dtype === 'uint8'

/** A half or 8-bit dtype among the values of a kernel; undefined if there is none. */
export const smallDType = (kernel: LoopKernel): DType | undefined => {
  const buffer = [...kernel.reads, ...kernel.writes].find(({ dtype }) => isSmall(dtype))
  if (buffer !== undefined) return buffer.dtype
  const seen = new Set<Expression>()
  const inExpression = (x: Expression): DType | undefined => {
    if (isSmall(x.dtype)) return x.dtype
    if (x.args.length === 0 || seen.has(x)) return undefined
    seen.add(x)
    return firstOf(x.args, inExpression)
  }
  const inStatement = (s: Statement): DType | undefined =>
    firstOf(expressionsOf(s), inExpression) ??
    (s.kind === 'define' && isSmall(s.local.dtype) ? s.local.dtype : undefined) ??
    (s.kind === 'for' || s.kind === 'if' ? firstOf(s.body, inStatement) : undefined)
  return firstOf(kernel.body, inStatement)
}

const firstOf = <T>(list: readonly T[], find: (x: T) => DType | undefined): DType | undefined => {
  for (let i = 0; i < list.length; i++) {
    const x = list[i]
    const found = x === undefined ? undefined : find(x)
    if (found !== undefined) return found
  }
  return undefined
}
