/** What transformations do for some programs only, in its place once a front door has added it. */
import {
  type Delayed,
  type Jaxpr,
  type JvpRule,
  type LowerRule,
  type Part,
  type SplitEquation,
  type TransposeRule,
  part,
} from '../core/index.js'
import type { explainCall } from './explain.js'
import type { processHalves, splitEquation } from './split-jaxpr.js'
import type { checkPure } from './strict.js'

export interface JitParams {
  readonly name: string
  /** Program without constants. */
  readonly jaxpr: Jaxpr
  /** Inputs whose memory the program may take over. */
  readonly donated?: readonly boolean[]
}

/** Programs inside programs, and splitting them. */
export interface Nesting {
  readonly jvpOfJit: JvpRule<JitParams>
  readonly transposeOfJit: TransposeRule<JitParams>
  readonly splitJit: (unknown: readonly boolean[], params: JitParams) => SplitEquation
  /** Lowers every equation of a program in turn. */
  readonly lowerJaxpr: (
    jaxpr: Jaxpr,
    compiler: Parameters<LowerRule<JitParams>>[0],
    inputs: readonly Delayed[],
  ) => Delayed[]
  readonly processHalves: typeof processHalves
  readonly splitEquation: typeof splitEquation
}

/** Without, a jitted function that is called in another is written out there, and no other operation may hold a program. */
export const nesting: Part<Nesting> = part<Nesting>('addNesting')
/** Comparing two traces of a function, for `jit` with `strict`. */
export const purity: Part<typeof checkPure> = part<typeof checkPure>('addChecks')
/** The words of `jit.explain`. */
export const explanations: Part<typeof explainCall> = part<typeof explainCall>('addTexts')
