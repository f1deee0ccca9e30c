/** What transformations do for some programs only, in its place once a front door has added it. */
import { type Part, part } from '../core/index.js'
import type { explainCall } from './explain.js'
import type { checkPure } from './strict.js'

/** Comparing two traces of a function, for `jit` with `strict`. */
export const purity: Part<typeof checkPure> = part<typeof checkPure>('addChecks')
/** The words of `jit.explain`. */
export const explanations: Part<typeof explainCall> = part<typeof explainCall>('addTexts')
