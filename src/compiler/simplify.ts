/** Passes over jaxprs that change how a program computes and never what it gives: run to a fixed point. */
import type { Jaxpr, checkJaxpr } from '../core/index.js'
import { simplifyAlgebra } from './algebra.js'
import { jaxprChecks } from './parts.js'
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

const simplified = (jaxpr: Jaxpr, check?: typeof checkJaxpr): Jaxpr => {
  let current = jaxpr
  for (let round = 0; round < maximumRounds; round++) {
    const before = current
    for (const pass of passes) {
      const after = pass.run(current)
      if (after !== current) check?.(after, pass.name)
      current = after
    }
    if (current === before) break
  }
  return current
}

/**
 * The simplified program. Where a front door has added checks, its types are checked: in the end, and where that fails after
 * every pass, to name the one to blame.
 */
export const optimize = (jaxpr: Jaxpr): Jaxpr => {
  const result = simplified(jaxpr)
  const check = jaxprChecks.find()
  if (result === jaxpr || check === undefined) return result
  try {
    check(result, 'simplification')
  } catch (error) {
    simplified(jaxpr, check)
    throw error
  }
  return result
}
