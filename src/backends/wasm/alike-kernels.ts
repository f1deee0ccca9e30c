/** Kernels that differ in nothing but their arrays, as the layers of a network: they are one function, printed for the first of them. */
import { type Part, known, part } from '../../core/index.js'
import type { ContractionKernel, LoopKernel } from '../../compiler/index.js'
import { type Likeness, alikeKernels as likenessesOf, kernelLikenessOf } from '../../compiler/likeness.js'
import type { FunctionBuilder, ModuleBuilder } from './assembler.js'
import type { Code } from './code.js'
import { type Frames, pushWord, setWord } from './frame.js'
import type { ModuleContext } from './scopes.js'

export type PlainKernel = LoopKernel | ContractionKernel

/** Writes a call of a kernel's function. */
export type Call = (code: Code) => void

/** The kernels of one module. */
export class AlikeKernels {
  private readonly kernels: PlainKernel[] = []
  private alike: ReadonlyMap<PlainKernel, Likeness> | undefined
  private readonly functions = new Map<string, FunctionBuilder>()
  /** Words, or variables of a thread, that hold addresses during a call: the same for all functions, which do not call each other. */
  private readonly words: number[] = []
  private readonly globals: number[] = []

  /** To be told of all kernels before the first is printed. */
  add(kernel: PlainKernel): void {
    this.kernels.push(kernel)
  }

  private likenessOf(kernels: readonly PlainKernel[]): Likeness | undefined {
    const alike = (this.alike ??= likenessesOf(this.kernels))
    const [first] = kernels
    if (first === undefined || !kernels.every((kernel) => alike.has(kernel))) return undefined
    return kernels.length === 1 ? alike.get(first) : kernelLikenessOf(kernels)
  }

  /**
   * A call of the function of kernels that are printed as one, if each of them is like another; `emit` makes it for the first.
   * It finds the addresses of the arrays where callers leave them: in words that all threads see, or in variables of the
   * thread where each has arrays of its own (`isOwn`), and asks for no help. `key` is what it depends on besides kernels.
   */
  share(
    module: ModuleBuilder,
    frames: Frames,
    kernels: readonly PlainKernel[],
    key: string,
    context: ModuleContext,
    isOwn: boolean,
    emit: (context: ModuleContext) => FunctionBuilder,
  ): Call | undefined {
    const likeness = this.likenessOf(kernels)
    if (likeness === undefined) return undefined
    const { buffers } = likeness
    const places = isOwn ? this.globals : this.words
    while (places.length < buffers.length) places.push(isOwn ? module.global() : frames.word())
    const fullKey = `${isOwn ? 'own ' : ''}${key} ${likeness.key}`
    let f = this.functions.get(fullKey)
    if (f === undefined) {
      const pushAddress: ModuleContext['pushAddress'] = (code, buffer) => {
        const place = known(places[buffers.indexOf(buffer)], 'place of an address')
        if (isOwn) code.globalGet(place)
        else pushWord(code, undefined, place)
      }
      this.functions.set(fullKey, (f = emit({ ...context, pushAddress })))
    }
    const { index } = f
    return (code) => {
      for (const [i, buffer] of buffers.entries()) {
        const place = known(places[i], 'place of an address')
        const push = (): void => context.pushAddress(code, buffer)
        if (!isOwn) setWord(code, undefined, place, push)
        else {
          push()
          code.globalSet(place)
        }
      }
      code.call(index)
    }
  }
}

/** Those of a new module, once they are added. */
export const alikeKernels: Part<() => AlikeKernels> = part<() => AlikeKernels>('addGathering')
