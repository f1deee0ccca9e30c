/**
 * Outputs that may lie where an input lay whose array was given away: they are written when nobody reads the input any more,
 * or element by element in its place.
 */
import { known } from '../core/index.js'
import { accesses, bufferBytes } from './accesses.js'
import { type Buffer, type Kernel, type Takeover, hasEffect } from './kernel.js'
import { canOverwrite, overwriting } from './overwrite.js'

/** Kernels, some changed so that they may write over what they read, and who takes whose place. */
export interface Takeovers {
  readonly kernels: readonly Kernel[]
  readonly takeovers: readonly Takeover[]
}

/** Finds places for the outputs among the inputs that are donated; none where a callback may fail halfway. */
export const takeOver = (
  kernels: readonly Kernel[],
  inputs: readonly Buffer[],
  outputs: readonly Buffer[],
  donated: readonly boolean[],
): Takeovers => {
  if (!donated.includes(true) || kernels.some(hasEffect)) return { kernels, takeovers: [] }
  const changed = [...kernels]
  const lastRead = new Map<Buffer, number>()
  const firstWrite = new Map<Buffer, number>()
  kernels.forEach((kernel, k) => {
    const { reads, writes } = accesses(kernel)
    for (const buffer of reads) lastRead.set(buffer, k)
    for (const buffer of writes) if (!firstWrite.has(buffer)) firstWrite.set(buffer, k)
  })
  const isOwn = (buffers: readonly Buffer[], i: number): boolean => buffers.indexOf(known(buffers[i], 'buffer')) === i
  const free = new Set(
    inputs.flatMap((buffer, i) => (donated[i] === true && isOwn(inputs, i) && !outputs.includes(buffer) ? [i] : [])),
  )
  const waiting = new Set(
    outputs.flatMap((buffer, o) =>
      isOwn(outputs, o) && !inputs.includes(buffer) && firstWrite.has(buffer) ? [o] : [],
    ),
  )
  const takeovers: Takeover[] = []
  const match = (fits: (old: Buffer, fresh: Buffer, reads: number, writes: number) => boolean): void => {
    for (const output of waiting) {
      const fresh = known(outputs[output], 'output')
      const writes = known(firstWrite.get(fresh), 'first write')
      const input = [...free].find((i) => {
        const old = known(inputs[i], 'input')
        return bufferBytes(old) === bufferBytes(fresh) && fits(old, fresh, lastRead.get(old) ?? -1, writes)
      })
      if (input === undefined) continue
      free.delete(input)
      waiting.delete(output)
      takeovers.push({ input, output })
    }
  }
  // In place first: the element is in a register anyway.
  match((old, fresh, reads, writes) => {
    if (reads !== writes) return false
    const kernel = overwriting(known(changed[writes], 'kernel'), old, fresh)
    if (kernel === undefined) return false
    changed[writes] = kernel
    return true
  })
  match((_, __, reads, writes) => reads < writes)
  const holds = ({ input, output }: Takeover): boolean => {
    const [old, fresh] = [known(inputs[input], 'input'), known(outputs[output], 'output')]
    const writes = known(firstWrite.get(fresh), 'first write')
    return (lastRead.get(old) ?? -1) < writes || canOverwrite(known(changed[writes], 'kernel'), old, fresh)
  }
  // A kernel may have been changed again for another pair.
  return { kernels: changed, takeovers: takeovers.filter(holds) }
}
