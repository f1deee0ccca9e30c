/** Frames: words of low memory that hold the addresses of a program's arrays while it runs. */
import { InternalError, known } from '../../core/index.js'
import type { Buffer, Program } from '../../compiler/index.js'
import type { Code } from './code.js'
import { ops } from './opcodes.js'

/** Partial results of reductions that are cut into parts: two words each, one number for every part. */
export const partialsWord = 0
export const mostPartials = 96
/** What a job's function is told besides its range: two words for each number. */
export const argumentsWord = 192
export const mostArguments = 16
/** Not zero while other threads are there to help. */
export const threadsWord = 255
/** The first word holds the address of the scratch memory of products; frames of programs follow. */
export const scratchWord = 256
const firstWord = scratchWord + 1
const lastWord = 65536 / 4

/** Variables of a thread, for programs that any thread runs. */
export interface ThreadGlobals {
  /** How many bytes farther up in memory than the first thread's its frames are. */
  readonly displacement: number
  /** Address of its scratch memory of products. */
  readonly scratch: number
}

/** Where the addresses of one program are. Constants come after inputs and outputs, the temporaries last. */
export interface Frame {
  readonly program: Program
  /** Word of the first address. */
  readonly base: number
  /** Of a program of which every thread has a frame of its own. */
  readonly own?: ThreadGlobals | undefined
}

/** A word of a frame, and bytes to add to the address in it. */
export interface Pointer {
  readonly word: number
  readonly add: number
}

export const inputWord = (frame: Frame, index: number): number => frame.base + index
export const outputWord = (frame: Frame, index: number): number => frame.base + frame.program.inputs.length + index
export const constantWord = (frame: Frame, index: number): number =>
  outputWord(frame, frame.program.outputs.length) + index
export const temporariesWord = (frame: Frame): number => constantWord(frame, frame.program.constants.length)

/** Gives out frames one after the other; programs inside a program have their own, since they run while it does. */
export class Frames {
  private next = firstWord
  private readonly made = new Map<Program, Frame>()

  /** The word after the last frame. */
  get end(): number {
    return this.next
  }

  /** A word that is part of no frame. */
  word(): number {
    return this.next++
  }

  /** The frame of a program; with the variables of a thread, where every thread has one of its own. */
  of(program: Program, own?: ThreadGlobals): Frame {
    let frame = this.made.get(program)
    if (frame === undefined) {
      frame = { program, base: this.next, own }
      this.next = temporariesWord(frame) + 1
      if (this.next > lastWord) throw new InternalError(`a program with more than ${lastWord - firstWord} arrays`)
      this.made.set(program, frame)
    }
    return frame
  }
}

export const pointerOf = (frame: Frame, buffer: Buffer): Pointer => {
  const placement = known(frame.program.placements.get(buffer), 'placement of a buffer')
  switch (placement.kind) {
    case 'input':
      return { word: inputWord(frame, placement.index), add: 0 }
    case 'output':
      return { word: outputWord(frame, placement.index), add: 0 }
    case 'constant':
      return { word: constantWord(frame, placement.index), add: 0 }
    case 'temporary':
      return { word: temporariesWord(frame), add: placement.offset }
  }
}

/** Pushes what a word's address is relative to: zero, or the displacement of the frame that the word belongs to. */
const pushBase = (code: Code, frame: Frame | undefined): void => {
  if (frame?.own === undefined) code.i32(0)
  else code.globalGet(frame.own.displacement)
}

/** Pushes what a word of a frame holds, or a word of the module. */
export const pushWord = (code: Code, frame: Frame | undefined, word: number): void => {
  pushBase(code, frame)
  code.memory(ops['i32.load'], 4 * word)
}

/** Pushes the address of the scratch memory of products. */
export const pushScratch = (code: Code, frame: Frame): void => {
  if (frame.own === undefined) pushWord(code, undefined, scratchWord)
  else code.globalGet(frame.own.scratch)
}

/** Pushes the address of a buffer's first element. */
export const pushAddress = (code: Code, frame: Frame, buffer: Buffer): void => {
  const { word, add } = pointerOf(frame, buffer)
  pushWord(code, frame, word)
  if (add !== 0) {
    code.i32(add)
    code.op(ops['i32.add'])
  }
}

/** Sets a word of a frame to what `push` pushes. */
export const setWord = (code: Code, frame: Frame | undefined, word: number, push: () => void): void => {
  pushBase(code, frame)
  push()
  code.memory(ops['i32.store'], 4 * word)
}
