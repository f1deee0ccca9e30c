/** Fourier transforms of lines as kernels, for machines on which threads share some memory for the values of a line. */
import { type TransformSpec, known, sizeOf } from '../core/index.js'
import { type Value, newStep } from './graph.js'
import type { LoweringGraph } from './control.js'

/** How a machine transforms lines. */
export interface Transforms {
  readonly canTransform: (size: number) => boolean
  readonly lower: (lowerer: LoweringGraph, spec: TransformSpec) => readonly Value[]
}

/** Complex values that fit into 16 KiB, which every GPU has for the threads of a workgroup. */
export const largestTransform = 2048

const oddRadices = [3, 5, 7, 11, 13]

/** Sizes of the steps of a transform, the product of which is `size`; undefined where a prime factor is too large. */
export const transformRadices = (size: number): readonly number[] | undefined => {
  const found: number[] = []
  let rest = size
  for (const radix of oddRadices) {
    for (; rest % radix === 0; rest /= radix) found.push(radix)
  }
  let bits = Math.log2(rest)
  if (!Number.isInteger(bits)) return undefined
  // Steps of eight are fewest; two of four are better than one of eight and one of two.
  for (; bits > 4 || bits === 3; bits -= 3) found.push(8)
  for (; bits > 1; bits -= 2) found.push(4)
  if (bits === 1) found.push(2)
  return found
}

/** Transforms that are kernels of their own. */
export const transforms: Transforms = {
  canTransform: (size) => size >= 2 && size <= largestTransform && transformRadices(size) !== undefined,
  lower: (lowerer, { real, imag, roots, axis }) => {
    const { shape } = real.aval
    const stored = [real, imag, roots.real, roots.imag].map((x) => lowerer.stored(x))
    const outs = [real, imag].map(({ aval }) => lowerer.buffered(aval))
    const outputs = outs.map(({ buffer }) => buffer)
    lowerer.graph.items.push(
      newStep({
        kind: 'made',
        loops: [],
        expressions: [],
        operands: stored,
        writes: outputs,
        make: () => ({
          kind: 'transform',
          outer: sizeOf(shape.slice(0, axis)),
          size: known(shape[axis], 'size'),
          inner: sizeOf(shape.slice(axis + 1)),
          inputs: stored.map(({ buffer }) => known(buffer, 'operand of a transform')),
          outputs,
        }),
      }),
    )
    return outs.map(({ value }) => value)
  },
}
