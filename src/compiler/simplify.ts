/** Passes over jaxprs that change how a program computes and never what it gives: run to a fixed point. */
import { type Jaxpr, checkJaxpr } from '../core/index.js'
import { simplifyAlgebra } from './algebra.js'
import { inlineCalls, removeDeadEquations, shareEquations } from './passes.js'

/** A pass gives the same jaxpr when it finds nothing to do. */
export interface Pass {
  readonly name: string
  readonly run: (jaxpr: Jaxpr) => Jaxpr
}

export const passes: readonly Pass[] = [
  { name: 'inlining', run: inlineCalls },
  { name: 'algebraic simplification', run: simplifyAlgebra },
  { name: 'common subexpression elimination', run: shareEquations },
  { name: 'dead code elimination', run: removeDeadEquations },
]

/** Rules enable each other, but rarely more than twice. */
const maximumRounds = 6

/** The simplified program. `check` checks its types after every pass. */
export const optimize = (jaxpr: Jaxpr, { check = true }: { readonly check?: boolean } = {}): Jaxpr => {
  let current = jaxpr
  for (let round = 0; round < maximumRounds; round++) {
    const before = current
    for (const pass of passes) {
      const after = pass.run(current)
      if (check && after !== current) checkJaxpr(after, pass.name)
      current = after
    }
    if (current === before) break
  }
  return current
}
