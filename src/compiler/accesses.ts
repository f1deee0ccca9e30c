/** What kernels read and write, and how large it is. */
import { dtypeBytes } from '../core/index.js'
import type { Buffer, Kernel } from './kernel.js'

/** Bytes of one element. */
export const elementBytes = (buffer: Buffer): number => dtypeBytes(buffer.dtype)

export const bufferBytes = (buffer: Buffer): number => buffer.size * dtypeBytes(buffer.dtype)

/** Buffers that a kernel reads and writes. */
export const accesses = (kernel: Kernel): { readonly reads: readonly Buffer[]; readonly writes: readonly Buffer[] } => {
  switch (kernel.kind) {
    case 'loops':
      return kernel
    case 'contraction':
      return { reads: [kernel.left.buffer, kernel.right.buffer], writes: [kernel.out] }
    case 'sort':
    case 'transform':
      return { reads: kernel.inputs, writes: kernel.outputs }
    case 'scan':
      return {
        reads: [...kernel.constants, ...kernel.initial, ...kernel.xs],
        writes: [...kernel.carries, ...kernel.ys, kernel.scratch],
      }
    case 'while':
      return {
        reads: [...kernel.conditionConstants, ...kernel.bodyConstants, ...kernel.initial],
        writes: [...kernel.carries, kernel.scratch],
      }
    case 'callback':
      return { reads: kernel.operands, writes: [] }
    case 'branch':
      return { reads: [kernel.index, ...kernel.operands], writes: [...kernel.outputs, kernel.scratch] }
  }
}
