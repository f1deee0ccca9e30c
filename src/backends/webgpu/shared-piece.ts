/** Pieces of kernels inside of a larger shader: the threads of one workgroup share the indices, or the sums of a single one. */
import type { Statement } from '../../compiler/index.js'
import { BodyPrinter, contextOf } from './body.js'
import { type Reduction, type SharedMemory, printReduction, reductionOf } from './reduction.js'
import type { Piece } from './schedule.js'
import { type ShaderBuilder, unflatten } from './shader.js'
import type { Target } from './target.js'

/** Least number of elements for which threads share a reduction. */
const leastShared = 64

/** Lines of a piece, between braces. Threads must meet at a barrier before and after it. */
export const printSharedPiece = (
  { parallel, body }: Piece,
  size: number,
  shader: ShaderBuilder,
  shared: SharedMemory,
  target: Target,
): string[] => {
  const count = parallel.reduce((product, { extent }) => product * extent, 1)
  if (count === 1) {
    const reductions = body.map(reductionOf)
    if (reductions.some((reduction) => (reduction?.size ?? 0) >= leastShared))
      return printReductions(parallel, body, reductions, size, shader, shared, target)
  }
  const printer = new BodyPrinter(shader, body)
  const at = count === 1 ? 'lane' : printer.fresh('t')
  const head = count === 1 ? 'if (lane == 0u)' : `for (var ${at} = lane; ${at} < ${count}u; ${at} += ${size}u)`
  printer.block(head, () => {
    const names = parallel.map(({ variable }) => printer.name(variable, 'i'))
    const extents = parallel.map(({ extent }) => extent)
    for (const line of unflatten(at, names, extents)) printer.line(line)
    printer.statements(body)
  })
  return printer.lines
}

const printReductions = (
  parallel: Piece['parallel'],
  body: readonly Statement[],
  reductions: readonly (Reduction | undefined)[],
  size: number,
  shader: ShaderBuilder,
  shared: SharedMemory,
  target: Target,
): string[] => {
  const printed = body.flatMap((s, i): readonly Statement[] => reductions[i]?.body ?? [s])
  const printer = new BodyPrinter(shader, printed)
  const context = contextOf(shader)
  printer.block('', () => {
    for (const { variable } of parallel) printer.line(`let ${printer.name(variable, 'i')} = 0;`)
    body.forEach((s, i) => {
      const reduction = reductions[i]
      if (reduction !== undefined)
        printReduction(printer, reduction, size, shared, context, target.subgroups ? shader : undefined)
      else if (s.kind === 'define') printer.statement(s)
      else printer.block('if (lane == 0u)', () => printer.statement(s))
    })
  })
  return printer.lines
}
