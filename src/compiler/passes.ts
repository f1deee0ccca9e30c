/** Passes that need no knowledge of operations: inlining, common subexpressions, dead code. */
import {
  type Atom,
  type Equation,
  type Jaxpr,
  type Var,
  hasEffect,
  known,
  newEquation,
  newJaxpr,
  newVar,
  paramsKey,
} from '../core/index.js'

/** What variables have become. */
export type Renaming = Map<Var, Atom>

export const renamed = (renaming: Renaming, atom: Atom): Atom =>
  atom.kind === 'var' ? (renaming.get(atom) ?? atom) : atom

/** The equation over renamed inputs; itself when none is renamed. */
export const renameInputs = (equation: Equation, renaming: Renaming): Equation => {
  if (renaming.size === 0 || !equation.inputs.some((atom) => renamed(renaming, atom) !== atom)) return equation
  const inputs = equation.inputs.map((atom) => renamed(renaming, atom))
  return newEquation(equation.primitive, inputs, equation.params, equation.outputs, equation.source)
}

const bodyOf = (equation: Equation): Jaxpr | undefined => equation.primitive.program?.inline?.(equation.params)

/** Writes the programs of calls in place of the calls. */
export const inlineCalls = (jaxpr: Jaxpr): Jaxpr => {
  if (!jaxpr.equations.some((equation) => bodyOf(equation) !== undefined)) return jaxpr
  const equations: Equation[] = []
  const outer: Renaming = new Map()
  const copy = (body: Jaxpr, renaming: Renaming, fresh: boolean): void => {
    for (const equation of body.equations) {
      const inputs = equation.inputs.map((atom) => renamed(renaming, atom))
      const nested = bodyOf(equation)
      if (nested === undefined) {
        const outputs = fresh ? equation.outputs.map((v) => newVar(v.aval)) : equation.outputs
        equation.outputs.forEach((v, i) => renaming.set(v, known(outputs[i], 'result')))
        equations.push(newEquation(equation.primitive, inputs, equation.params, outputs, equation.source))
        continue
      }
      const inside: Renaming = new Map()
      nested.inputs.forEach((v, i) => inside.set(v, known(inputs[i], 'input of a call')))
      copy(nested, inside, true)
      equation.outputs.forEach((v, i) => renaming.set(v, renamed(inside, known(nested.outputs[i], 'result of a call'))))
    }
  }
  copy(jaxpr, outer, false)
  const outputs = jaxpr.outputs.map((atom) => renamed(outer, atom))
  return newJaxpr(jaxpr.constants, jaxpr.inputs, equations, outputs)
}

const atomKey = (atom: Atom): string =>
  atom.kind === 'var'
    ? String(atom.id)
    : `${atom.aval.dtype}${atom.aval.weakType ? '~' : ''}${Object.is(atom.value, -0) ? '-0' : atom.value}`

/** Computes equal equations without effects once: same operation, same parameters, same inputs. */
export const shareEquations = (jaxpr: Jaxpr): Jaxpr => {
  const found = new Map<string, Equation>()
  const renaming: Renaming = new Map()
  const equations: Equation[] = []
  for (const original of jaxpr.equations) {
    const equation = renameInputs(original, renaming)
    if (hasEffect(equation)) {
      equations.push(equation)
      continue
    }
    const key = `${equation.primitive.name} ${paramsKey(equation.params)} ${equation.inputs.map(atomKey).join()}`
    const same = found.get(key)
    if (same === undefined) {
      found.set(key, equation)
      equations.push(equation)
    } else original.outputs.forEach((v, i) => renaming.set(v, known(same.outputs[i], 'result')))
  }
  if (renaming.size === 0) return jaxpr
  return newJaxpr(
    jaxpr.constants,
    jaxpr.inputs,
    equations,
    jaxpr.outputs.map((atom) => renamed(renaming, atom)),
  )
}

/** Drops equations whose results nobody uses and that do nothing else. */
export const removeDeadEquations = (jaxpr: Jaxpr): Jaxpr => {
  const used = new Set<Var>()
  const use = (atom: Atom): void => {
    if (atom.kind === 'var') used.add(atom)
  }
  jaxpr.outputs.forEach(use)
  const kept: Equation[] = []
  for (let i = jaxpr.equations.length - 1; i >= 0; i--) {
    const equation = known(jaxpr.equations[i], 'equation')
    if (!equation.outputs.some((v) => used.has(v)) && !hasEffect(equation)) continue
    equation.inputs.forEach(use)
    kept.push(equation)
  }
  if (kept.length === jaxpr.equations.length) return jaxpr
  return newJaxpr(jaxpr.constants, jaxpr.inputs, kept.reverse(), jaxpr.outputs)
}
