/** Programs in two halves: what depends on known inputs only, and what waits for the others. */
import {
  type Atom,
  type Equation,
  type Jaxpr,
  type NDArray,
  type Params,
  type Primitive,
  type ShapedArray,
  type SplitEquation,
  type SplitInput,
  type Var,
  hasEffect,
  isJaxpr,
  jaxprHasEffect,
  known,
  newEquation,
  newJaxpr,
  newVar,
} from '../core/index.js'

/** How the halves of a split equation run. */
export interface Halves {
  readonly now: (half: SplitEquation['known'], inputs: readonly NDArray[]) => readonly NDArray[]
  readonly later: (half: SplitEquation['unknown'], inputs: readonly NDArray[]) => readonly NDArray[]
}

/** An operation with a program inside: its known half runs now, the other is recorded. */
export const processHalves = (
  primitive: Primitive,
  inputs: readonly NDArray[],
  params: Params,
  unknown: readonly boolean[],
  halves: Halves,
): readonly NDArray[] => {
  const parts = known(primitive.program?.split, 'split')(
    unknown,
    inputs.map((x) => x.aval),
    params,
  )
  const input = (i: number): NDArray => known(inputs[i], 'input')
  const knownOuts = halves.now(parts.known, parts.knownInputs.map(input))
  const residuals = knownOuts.slice(knownOuts.length - parts.residuals.length)
  const from = parts.unknownInputs.map((x) =>
    'input' in x ? input(x.input) : known(residuals[x.residual], 'residual'),
  )
  const isNeeded = parts.unknownOutputs.includes(true) || hasEffect(parts.unknown)
  const unknownOuts = isNeeded ? halves.later(parts.unknown, from) : []
  let nextKnown = 0
  let nextUnknown = 0
  return parts.unknownOutputs.map((isUnknown) =>
    known(isUnknown ? unknownOuts[nextUnknown++] : knownOuts[nextKnown++], 'output'),
  )
}

/** An equation with a program inside, split into what does not depend on the linear inputs and what does. */
export const splitEquation = (
  equation: Equation,
  linear: readonly boolean[],
): readonly [Equation | undefined, Equation | undefined] => {
  const split = equation.primitive.program?.split
  if (split === undefined || equation.primitive.program?.irreversible === true || !linear.includes(false)) {
    return [undefined, equation]
  }
  const parts = split(
    linear,
    equation.inputs.map((a) => a.aval),
    equation.params,
  )
  if (parts.residuals.length === 0 && !parts.unknownOutputs.includes(false)) return [undefined, equation]
  const input = (i: number): Atom => known(equation.inputs[i], 'input')
  const residuals = parts.residuals.map(newVar)
  const outputsWhere = (unknown: boolean): Var[] =>
    equation.outputs.filter((_, i) => parts.unknownOutputs[i] === unknown)
  const now = newEquation(
    parts.known.primitive,
    parts.knownInputs.map(input),
    parts.known.params,
    [...outputsWhere(false), ...residuals],
    equation.source,
  )
  const from = parts.unknownInputs.map((x) =>
    'input' in x ? input(x.input) : known(residuals[x.residual], 'residual'),
  )
  const late = outputsWhere(true)
  return [
    now,
    late.length === 0
      ? undefined
      : newEquation(parts.unknown.primitive, from, parts.unknown.params, late, equation.source),
  ]
}

const withoutEffects = (value: unknown): unknown => {
  if (isJaxpr(value)) return dropKnownEffects(value, [])
  return Array.isArray(value) && value.some(isJaxpr) ? value.map(withoutEffects) : value
}

/**
 * The program without those effects that depend on known inputs only: for a later half that repeats what is known, whose
 * effects have happened by then.
 */
export const dropKnownEffects = (jaxpr: Jaxpr, unknownInputs: readonly boolean[]): Jaxpr => {
  if (!jaxprHasEffect(jaxpr)) return jaxpr
  const unknown = new Set<Var>(jaxpr.inputs.filter((_, i) => unknownInputs[i]))
  const equations = jaxpr.equations.flatMap((equation): Equation[] => {
    if (equation.inputs.some((a) => a.kind === 'var' && unknown.has(a))) {
      for (const v of equation.outputs) unknown.add(v)
      return [equation]
    }
    if (!hasEffect(equation)) return [equation]
    if (equation.primitive.effect) return []
    const params = Object.fromEntries(
      Object.entries(equation.params).map(([key, value]) => [key, withoutEffects(value)]),
    )
    return [newEquation(equation.primitive, equation.inputs, params, equation.outputs, equation.source)]
  })
  return newJaxpr(jaxpr.constants, jaxpr.inputs, equations, jaxpr.outputs)
}

/** A program split by which inputs are known. */
export interface SplitJaxpr {
  /** Takes the known inputs; gives the known outputs, then the residuals. */
  readonly known: Jaxpr
  readonly residuals: readonly ShapedArray[]
  /** Takes `unknownInputs`; gives the unknown outputs. */
  readonly unknown: Jaxpr
  readonly unknownInputs: readonly SplitInput[]
  readonly unknownOutputs: readonly boolean[]
}

const cache = new WeakMap<Jaxpr, Map<string, SplitJaxpr>>()

/**
 * Splits a program without constants. Outputs forced by `unknownOutputs` wait even if they are known.
 */
export const splitJaxpr = (
  jaxpr: Jaxpr,
  unknownInputs: readonly boolean[],
  forced: readonly boolean[] = [],
): SplitJaxpr => {
  const key = `${unknownInputs.map(Number).join('')}/${forced.map(Number).join('')}`
  let perJaxpr = cache.get(jaxpr)
  if (perJaxpr === undefined) cache.set(jaxpr, (perJaxpr = new Map()))
  let found = perJaxpr.get(key)
  if (found === undefined) perJaxpr.set(key, (found = computeSplit(jaxpr, unknownInputs, forced)))
  return found
}

const computeSplit = (jaxpr: Jaxpr, unknownInputs: readonly boolean[], forced: readonly boolean[]): SplitJaxpr => {
  const unknown = new Set<Var>(jaxpr.inputs.filter((_, i) => unknownInputs[i]))
  const isUnknown = (a: Atom): boolean => a.kind === 'var' && unknown.has(a)
  const now: Equation[] = []
  const later: Equation[] = []
  for (const equation of jaxpr.equations) {
    const flags = equation.inputs.map(isUnknown)
    if (!flags.includes(true)) {
      now.push(equation)
      continue
    }
    const split = equation.primitive.program?.split
    if (split === undefined) {
      later.push(equation)
      for (const v of equation.outputs) unknown.add(v)
      continue
    }
    const parts = split(
      flags,
      equation.inputs.map((a) => a.aval),
      equation.params,
    )
    const residuals = parts.residuals.map(newVar)
    const input = (i: number): Atom => known(equation.inputs[i], 'input')
    const knownVars = equation.outputs.filter((_, i) => parts.unknownOutputs[i] !== true)
    const unknownVars = equation.outputs.filter((_, i) => parts.unknownOutputs[i] === true)
    if (knownVars.length + residuals.length > 0 || hasEffect(parts.known)) {
      now.push(
        newEquation(
          parts.known.primitive,
          parts.knownInputs.map(input),
          parts.known.params,
          [...knownVars, ...residuals],
          equation.source,
        ),
      )
    }
    if (unknownVars.length > 0 || hasEffect(parts.unknown)) {
      const from = parts.unknownInputs.map((x) =>
        'input' in x ? input(x.input) : known(residuals[x.residual], 'residual'),
      )
      later.push(newEquation(parts.unknown.primitive, from, parts.unknown.params, unknownVars, equation.source))
    }
    for (const v of unknownVars) unknown.add(v)
  }
  const unknownOutputs = jaxpr.outputs.map((a, i) => isUnknown(a) || forced[i] === true)

  // Known values that the later half reads: inputs are passed on, everything else is saved.
  const inputIndex = new Map(jaxpr.inputs.map((v, i) => [v, i]))
  const lateOutputs = jaxpr.outputs.filter((_, i) => unknownOutputs[i])
  const bound = new Set<Var>(later.flatMap((equation) => equation.outputs))
  const residuals: Var[] = []
  const passed: Var[] = []
  const needed = new Set<Var>()
  const need = (a: Atom): void => {
    if (a.kind === 'literal' || bound.has(a) || needed.has(a)) return
    needed.add(a)
    if (inputIndex.has(a)) passed.push(a)
    else residuals.push(a)
  }
  for (const equation of later) equation.inputs.forEach(need)
  lateOutputs.forEach(need)
  jaxpr.inputs.forEach((v, i) => {
    if (unknownInputs[i] === true && !needed.has(v)) passed.push(v)
  })
  return {
    known: newJaxpr(
      [],
      jaxpr.inputs.filter((_, i) => unknownInputs[i] !== true),
      now,
      [...jaxpr.outputs.filter((_, i) => !unknownOutputs[i]), ...residuals],
    ),
    residuals: residuals.map((v) => v.aval),
    unknown: newJaxpr([], [...residuals, ...passed], later, lateOutputs),
    unknownInputs: [
      ...residuals.map((_, i) => ({ residual: i })),
      ...passed.map((v) => ({ input: known(inputIndex.get(v), 'input') })),
    ],
    unknownOutputs,
  }
}
