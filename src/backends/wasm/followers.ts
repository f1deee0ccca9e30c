/** Kernels that can follow a product row by row: each of their iterations needs only rows of the result that are finished. */
import { type Expression, e } from '../../core/index.js'
import { linear } from '../../compiler/affine.js'
import {
  type Buffer,
  type ContractionKernel,
  type LoopKernel,
  type Program,
  type Statement,
  bufferBytes,
} from '../../compiler/index.js'
import { type Loop, rootsOf } from './analysis.js'
import { blockColumns } from './contraction-blocks.js'
import { isOuter } from './loop-ranges.js'

/** Bytes of a result that stay in a cache of the second level until another kernel reads them. */
const smallBytes = 1 << 17
/** Bytes of a matrix that stay there until it is finished, where it cannot be finished in blocks of rows. */
const largestMatrix = 1 << 18

/** Whether two arrays may have memory in common. */
const mayShare = (program: Program, a: Buffer, b: Buffer): boolean => {
  if (a === b) return true
  const [p, q] = [program.placements.get(a), program.placements.get(b)]
  if (p === undefined || q === undefined) return true
  if (p.kind === 'temporary' && q.kind === 'temporary')
    return p.offset < q.offset + bufferBytes(b) && q.offset < p.offset + bufferBytes(a)
  if (p.kind === 'temporary' || q.kind === 'temporary') return false
  if (p.kind === q.kind) return p.index === q.index
  const taken = (output: number, input: number): boolean =>
    program.takeovers?.some((takeover) => takeover.output === output && takeover.input === input) ?? false
  if (p.kind === 'output' && q.kind === 'input') return taken(p.index, q.index)
  return p.kind === 'input' && q.kind === 'output' && taken(q.index, p.index)
}

/** Whether an index is within `unit` elements of `unit` times the loop variable. */
const isOwn = (index: Expression, variable: Expression, unit: number): boolean => {
  const { constant, terms } = linear(index)
  if (terms.get(variable) !== unit) return false
  let [min, max] = [constant, constant]
  for (const [atom, k] of terms) {
    if (atom === variable) continue
    const bounds = e.bounds(atom)
    min += k * (k > 0 ? bounds.min : bounds.max)
    max += k * (k > 0 ? bounds.max : bounds.min)
  }
  return min >= 0 && max < unit
}

/**
 * How many iterations of the loop belong to a row of the product's result, if each reads of the result only what belongs to
 * it, and writes nothing that the product still needs. `scale` multiplies the sizes from which on that is worth it.
 */
export const iterationsPerRow = (
  program: Program,
  product: ContractionKernel,
  kernel: LoopKernel,
  loop: Loop,
  scale: number,
): number | undefined => {
  const { batch, rows, columns, left, right, out } = product
  const perRow = loop.extent / (batch * rows)
  const unit = out.size / loop.extent
  // Of few long rows threads share each.
  if (product.placed !== undefined || isOuter(loop)) return undefined
  if (!kernel.reads.includes(out) || !Number.isInteger(perRow) || !Number.isInteger(unit)) return undefined
  if (bufferBytes(out) <= smallBytes * scale) return undefined
  if (columns > blockColumns && bufferBytes(out) / batch > largestMatrix) return undefined
  const seen = new Set<Expression>()
  const readsOwn = (x: Expression): boolean => {
    if (seen.has(x)) return true
    seen.add(x)
    const [index] = x.args
    if (x.op === 'load' && x.source === out && (index === undefined || !isOwn(index, loop.variable, unit))) return false
    return x.args.every(readsOwn)
  }
  const isSafe = (buffer: Buffer, index: Expression): boolean => {
    if (mayShare(program, buffer, left.buffer) || mayShare(program, buffer, right.buffer)) return false
    if (buffer === out || !mayShare(program, buffer, out)) return buffer !== out || isOwn(index, loop.variable, unit)
    const [p, q] = [program.placements.get(buffer), program.placements.get(out)]
    const isSame = p?.kind === 'output' || (p?.kind === 'temporary' && q?.kind === 'temporary' && p.offset === q.offset)
    return isSame && bufferBytes(buffer) === bufferBytes(out) && isOwn(index, loop.variable, unit)
  }
  const fits = (s: Statement): boolean =>
    rootsOf(s).every(readsOwn) &&
    (s.kind !== 'store' || isSafe(s.buffer, s.index)) &&
    ((s.kind !== 'for' && s.kind !== 'if') || s.body.every(fits))
  return loop.body.every(fits) ? perRow : undefined
}
