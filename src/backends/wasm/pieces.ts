/** Loops whose iterations know nothing of each other: all threads take iterations, each in memory of its own. */
import type { Kernel, Program, ScanKernel } from '../../compiler/kernel.js'
import { nestedPrograms, scratchLayout } from '../../compiler/index.js'
import type { FunctionBuilder } from './assembler.js'
import { contractionScratchBytes } from './contraction-blocks.js'
import { type Inner, pushSlice } from './carries.js'
import {
  type Frame,
  type ThreadGlobals,
  inputWord,
  outputWord,
  pushAddress,
  pushWord,
  scratchWord,
  setWord,
  temporariesWord,
} from './frame.js'
import { type Jobs, iterations, jobOperations } from './jobs.js'
import { ops } from './opcodes.js'

/** Temporaries of an iteration above which threads don't get memory for their own. */
const mostTemporaryBytes = 4 << 20
/** Operations of a product that take as long as one iteration of an innermost loop. */
const operationsOfIteration = 16
/** Parts that a job should have at most. */
const mostParts = 64

const align = (bytes: number): number => Math.ceil(bytes / 64) * 64

const operationsOf = (program: Program): number => {
  let count = 0
  for (const kernel of program.kernels) {
    if (kernel.kind === 'contraction') count += 2 * kernel.batch * kernel.rows * kernel.columns * kernel.inner
    else if (kernel.kind === 'loops') count += operationsOfIteration * iterations(kernel.body)
    else if (kernel.kind === 'scan') count += kernel.length * operationsOf(kernel.body)
  }
  return count
}

/**
 * Whether all threads may take iterations of a loop. It has no carries, and its body nothing but kernels that `canRun`
 * anywhere, and loops of them. `scale` multiplies the size from which on it is worth it.
 */
export const areShared = (kernel: ScanKernel, canRun: (kernel: Kernel) => boolean, scale: number): boolean => {
  const isPlain = (program: Program): boolean =>
    program.constants.length === 0 &&
    program.kernels.every(
      (inner) =>
        (inner.kind === 'loops' || inner.kind === 'contraction' || inner.kind === 'scan') &&
        canRun(inner) &&
        nestedPrograms(inner).every(isPlain),
    )
  return (
    kernel.carries.length === 0 &&
    kernel.length > 1 &&
    kernel.body.temporaryBytes <= mostTemporaryBytes &&
    kernel.length * operationsOf(kernel.body) >= jobOperations * scale &&
    isPlain(kernel.body)
  )
}

/** Memory of a thread for iterations of a loop, behind its scratch memory of products: frames, then temporaries. */
interface Region {
  readonly temporaries: number
  readonly bytes: number
}

/** The body of a loop that threads share. */
interface SharedBody extends Inner {
  readonly own: ThreadGlobals
  /** The word after its frame and those of the programs inside it. */
  readonly end: number
}

const regionOf = ({ body }: ScanKernel, { frame, end }: SharedBody): Region => {
  const temporaries = align(4 * (end - frame.base))
  return { temporaries, bytes: temporaries + align(body.temporaryBytes) }
}

/** The job: iterations from its first parameter to its second, in the memory that belongs to the scratch memory of its third. */
const writeIterations = (
  g: FunctionBuilder,
  around: Frame,
  kernel: ScanKernel,
  inner: SharedBody,
  region: Region,
): void => {
  const [at, end, scratch] = [0, 1, 2]
  const { code } = g
  const { frame, own } = inner
  const { constants, xs, ys } = kernel
  const temporaries = g.local('i32')
  code.get(scratch)
  code.globalSet(own.scratch)
  // The thread that calls has the frames themselves, and the loop's scratch for temporaries.
  code.get(scratch)
  pushWord(code, undefined, scratchWord)
  code.op(ops['i32.eq'])
  code.if()
  code.i32(0)
  code.globalSet(own.displacement)
  pushAddress(code, around, kernel.scratch)
  code.i32(scratchLayout(kernel).temporaries)
  code.op(ops['i32.add'])
  code.set(temporaries)
  code.else()
  code.get(scratch)
  code.i32(contractionScratchBytes - 4 * frame.base)
  code.op(ops['i32.add'])
  code.globalSet(own.displacement)
  code.get(scratch)
  code.i32(contractionScratchBytes + region.temporaries)
  code.op(ops['i32.add'])
  code.set(temporaries)
  code.end()
  constants.forEach((buffer, i) => setWord(code, frame, inputWord(frame, i), () => pushAddress(code, around, buffer)))
  setWord(code, frame, temporariesWord(frame), () => code.get(temporaries))
  code.loop()
  xs.forEach((_, i) =>
    setWord(code, frame, inputWord(frame, constants.length + i), () => pushSlice(code, around, kernel, i, at)),
  )
  ys.forEach((_, i) =>
    setWord(code, frame, outputWord(frame, i), () => pushSlice(code, around, kernel, xs.length + i, at)),
  )
  code.call(inner.run)
  code.get(at)
  code.i32(1)
  code.op(ops['i32.add'])
  code.tee(at)
  code.get(end)
  code.op(ops['i32.lt_u'])
  code.brIf(0)
  code.end()
}

/**
 * Writes the function of a loop that threads share. Returns the bytes that every other thread needs behind its scratch
 * memory of products.
 */
export const writeShared = (
  f: FunctionBuilder,
  around: Frame,
  kernel: ScanKernel,
  inner: SharedBody,
  jobs: Jobs,
): number => {
  const { code } = f
  const { length } = kernel
  const region = regionOf(kernel, inner)
  const job = jobs.make((g) => writeIterations(g, around, kernel, inner, region))
  jobs.pushHelp(code)
  code.if()
  jobs.request(code, job, length, Math.ceil(length / mostParts))
  code.else()
  code.i32(0)
  code.i32(length)
  pushWord(code, undefined, scratchWord)
  jobs.callHere(code, job)
  code.end()
  return region.bytes
}
