/** Texts of programs, where a front door has added printing. */
import { type Part, part } from './parts.js'
import type { Equation, Jaxpr } from './primitive.js'

export interface ProgramTexts {
  readonly printJaxpr: (jaxpr: Jaxpr) => string
  readonly printEquation: (equation: Equation) => string
}

export const programTexts: Part<ProgramTexts> = part<ProgramTexts>('addTexts')

/** The program as it is printed, or how long it is where printing was not added. */
export const jaxprText = (jaxpr: Jaxpr): string =>
  programTexts.find()?.printJaxpr(jaxpr) ?? `program of ${jaxpr.equations.length} equations`

/** The equation as it is printed, or its operation alone where printing was not added. */
export const equationText = (equation: Equation): string =>
  programTexts.find()?.printEquation(equation) ?? equation.primitive.name
