/** Type checker of jaxprs: every variable bound once before use, every equation's avals as its primitive's rule says. */
import { avalText, sameAval } from './aval.js'
import { InternalError } from './errors.js'
import { nestedJaxprs } from './jaxpr.js'
import type { Atom, Equation, Jaxpr, Var } from './primitive.js'
import { equationText } from './program-texts.js'

/** Throws InternalError naming the equation when a jaxpr is not well formed. `after` names the pass that made it. */
export const checkJaxpr = (jaxpr: Jaxpr, after = 'tracing'): void => {
  const bound = new Set<Var>()
  const fail = (message: string, equation?: Equation): never => {
    throw new InternalError(
      `ill-formed jaxpr after ${after}: ${message}${equation === undefined ? '' : `, in ${equationText(equation)}`}`,
    )
  }
  const bindVar = (v: Var, equation?: Equation): void => {
    if (bound.has(v)) fail(`variable ${v.id} is bound twice`, equation)
    bound.add(v)
  }
  const use = (a: Atom, equation?: Equation): void => {
    if (a.kind === 'var' && !bound.has(a)) fail(`variable ${v(a)} is used before it is bound`, equation)
    if (a.kind === 'literal' && a.aval.shape.length !== 0) fail('a literal is not a scalar', equation)
  }
  const v = (a: Var): string => `${a.id}:${avalText(a.aval)}`
  jaxpr.constants.forEach((c) => bindVar(c))
  jaxpr.inputs.forEach((i) => bindVar(i))
  for (const equation of jaxpr.equations) {
    equation.inputs.forEach((input) => use(input, equation))
    nestedJaxprs(equation.params).forEach((nested) => checkJaxpr(nested, after))
    const avals = equation.primitive.abstract(
      equation.inputs.map((a) => a.aval),
      equation.params,
    )
    if (avals.length !== equation.outputs.length) fail(`${avals.length} results expected`, equation)
    equation.outputs.forEach((out, i) => {
      const aval = avals[i]
      if (aval === undefined || !sameAval(aval, out.aval)) {
        fail(
          `result ${i} is ${aval === undefined ? 'missing' : avalText(aval)} and not ${avalText(out.aval)}`,
          equation,
        )
      }
      bindVar(out, equation)
    })
  }
  for (const out of jaxpr.outputs) use(out)
}
