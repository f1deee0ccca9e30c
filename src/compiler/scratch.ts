/** Where loops and branches keep what in their scratch memory. */
import { bufferBytes } from './accesses.js'
import type { ControlKernel, ScanKernel, ScratchLayout, WhileKernel } from './kernel.js'
import { staysInPlace } from './overwrite.js'

const align = (bytes: number): number => Math.ceil(bytes / 16) * 16

/** Layout of a loop's scratch: `reserved` bytes, then the other place of each carry that moves, then temporaries. */
const layout = (reserved: number, carries: readonly number[], temporaryBytes: number): ScratchLayout => {
  let at = align(reserved)
  const offsets = carries.map((bytes) => {
    const offset = at
    at += align(bytes)
    return offset
  })
  return { carries: offsets, temporaries: at, bytes: at + align(temporaryBytes) }
}

/** Bytes of the second place of each carry: none if it stays where it is. */
const otherPlaces = (kernel: ScanKernel | WhileKernel): number[] =>
  kernel.carries.map((carry, i) => (staysInPlace(kernel, i) ? 0 : bufferBytes(carry)))

/** Where a control kernel keeps what in its scratch. */
export const scratchLayout = (kernel: Omit<ControlKernel, 'scratch'> & Pick<ControlKernel, 'kind'>): ScratchLayout => {
  const k = kernel as ControlKernel
  switch (k.kind) {
    case 'scan':
      return layout(0, otherPlaces(k), k.body.temporaryBytes)
    case 'while':
      return layout(16, otherPlaces(k), Math.max(k.body.temporaryBytes, k.condition.temporaryBytes))
    case 'branch':
      return layout(0, [], Math.max(...k.programs.map((program) => program.temporaryBytes)))
  }
}
