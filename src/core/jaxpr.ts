/** Making, running and rewriting jaxprs. */
import { type ShapedArray, sameAval, shapedArray } from './aval.js'
import { type Device, currentDevice } from './device.js'
import { InternalError, invariant, known } from './errors.js'
import { DeviceArray, scalarArray } from './device-array.js'
import type { NDArray } from './ndarray.js'
import { jaxprText } from './program-texts.js'
import {
  type Atom,
  type Equation,
  type Jaxpr,
  type Literal,
  type Params,
  type Primitive,
  type Var,
  isJaxpr,
} from './primitive.js'
import { withSource } from './source.js'
import { bind } from './trace.js'

/** A jaxpr with the values of its constants. */
export interface ClosedJaxpr {
  readonly jaxpr: Jaxpr
  readonly values: readonly NDArray[]
}

let nextVar = 1
let nextJaxpr = 1

/** A fresh variable. */
export const newVar = (aval: ShapedArray): Var => ({ kind: 'var', id: nextVar++, aval })

export const newLiteral = (value: number, aval: ShapedArray): Literal => ({ kind: 'literal', value, aval })

class Program implements Jaxpr {
  readonly kind = 'jaxpr'
  readonly id = nextJaxpr++
  constructor(
    readonly constants: readonly Var[],
    readonly inputs: readonly Var[],
    readonly equations: readonly Equation[],
    readonly outputs: readonly Atom[],
  ) {}
  toString(): string {
    return jaxprText(this)
  }
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return jaxprText(this)
  }
}

/** A jaxpr of the given parts. */
export const newJaxpr = (
  constants: readonly Var[],
  inputs: readonly Var[],
  equations: readonly Equation[],
  outputs: readonly Atom[],
): Jaxpr => new Program(constants, inputs, equations, outputs)

export const newEquation = (
  primitive: Primitive,
  inputs: readonly Atom[],
  params: Params,
  outputs: readonly Var[],
  source?: string,
): Equation => ({ primitive, inputs, params, outputs, source })

/** An equation whose outputs are fresh variables of the avals that the primitive's own rule gives. */
export const applyEquation = (
  primitive: Primitive,
  inputs: readonly Atom[],
  params: Params,
  source?: string,
): Equation =>
  newEquation(
    primitive,
    inputs,
    params,
    primitive
      .abstract(
        inputs.map((a) => a.aval),
        params,
      )
      .map(newVar),
    source,
  )

/** Avals of inputs and outputs. */
export const inputAvals = (jaxpr: Jaxpr): ShapedArray[] => jaxpr.inputs.map((v) => v.aval)
export const outputAvals = (jaxpr: Jaxpr): ShapedArray[] => jaxpr.outputs.map((a) => a.aval)

/** Value of a literal as an array. */
export const literalArray = (literal: Literal, device: Device = currentDevice()): NDArray =>
  scalarArray(literal.value, literal.aval.dtype, literal.aval.weakType, device)

/** Applies an equation's primitive in the active trace; what that records keeps the equation's place in the user's program. */
export const bindEquation = (equation: Equation, inputs: readonly NDArray[]): readonly NDArray[] =>
  withSource(equation.source, () => bind(equation.primitive, inputs, equation.params))

/** Runs a jaxpr in the active trace: every equation is bound again. */
export const evalJaxpr = (jaxpr: Jaxpr, constants: readonly NDArray[], inputs: readonly NDArray[]): NDArray[] => {
  invariant(
    inputs.length === jaxpr.inputs.length,
    `a jaxpr of ${jaxpr.inputs.length} inputs was run with ${inputs.length}`,
  )
  invariant(
    constants.length === jaxpr.constants.length,
    `a jaxpr of ${jaxpr.constants.length} constants was run with ${constants.length}`,
  )
  const values = new Map<Var, NDArray>()
  jaxpr.constants.forEach((v, i) => values.set(v, known(constants[i], 'constant')))
  jaxpr.inputs.forEach((v, i) => values.set(v, known(inputs[i], 'input')))
  const read = (atom: Atom): NDArray =>
    atom.kind === 'literal' ? literalArray(atom) : known(values.get(atom), 'variable of a jaxpr')
  for (const equation of jaxpr.equations) {
    const outs = bindEquation(equation, equation.inputs.map(read))
    equation.outputs.forEach((v, i) => values.set(v, known(outs[i], `result of ${equation.primitive.name}`)))
  }
  return jaxpr.outputs.map(read)
}

/** The same program with its constants as leading inputs. */
export const constantsAsInputs = (jaxpr: Jaxpr): Jaxpr =>
  jaxpr.constants.length === 0
    ? jaxpr
    : newJaxpr([], [...jaxpr.constants, ...jaxpr.inputs], jaxpr.equations, jaxpr.outputs)

/** Jaxprs among the parameters of an equation. */
export const nestedJaxprs = (params: Params): Jaxpr[] => {
  const out: Jaxpr[] = []
  const visit = (value: unknown): void => {
    if (isJaxpr(value)) out.push(value)
  }
  Object.values(params).forEach((value: unknown) => {
    if (Array.isArray(value)) value.forEach(visit)
    else visit(value)
  })
  return out
}

const effects = new WeakMap<Jaxpr, boolean>()

/** Whether a program does something besides giving results. */
export const jaxprHasEffect = (jaxpr: Jaxpr): boolean => {
  let found = effects.get(jaxpr)
  if (found === undefined) {
    found = jaxpr.equations.some(hasEffect)
    effects.set(jaxpr, found)
  }
  return found
}

/** Whether an equation, or a program in it, does something besides giving results: it must run even if nobody uses them. */
export const hasEffect = ({ primitive, params }: Pick<Equation, 'primitive' | 'params'>): boolean =>
  primitive.effect || (primitive.program !== undefined && nestedJaxprs(params).some(jaxprHasEffect))

const jaxprKey = (value: unknown): string => {
  if (isJaxpr(value)) return `#${value.id}`
  if (Array.isArray(value)) return `[${value.map(jaxprKey).join()}]`
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  if (Object.is(value, -0)) return '-0'
  if (typeof value === 'object' && value !== null) {
    return `{${Object.keys(value)
      .sort()
      .map((k) => `${k}:${jaxprKey(Reflect.get(value, k))}`)
      .join()}}`
  }
  if (typeof value === 'function') throw new InternalError('a parameter of an equation is a function')
  return JSON.stringify(value) ?? 'undefined'
}

const keyCache = new WeakMap<Params, string>()

/** Canonical text of parameters: equal texts mean equal parameters (jaxprs by identity). */
export const paramsKey = (params: Params): string => {
  let key = keyCache.get(params)
  if (key === undefined) {
    key = jaxprKey(params)
    keyCache.set(params, key)
  }
  return key
}

/** Copies a jaxpr with fresh variables; constants and inputs keep their order. */
export const refreshJaxpr = (jaxpr: Jaxpr): Jaxpr => {
  const fresh = new Map<Var, Var>()
  const bindVar = (v: Var): Var => {
    const w = newVar(v.aval)
    fresh.set(v, w)
    return w
  }
  const atom = (a: Atom): Atom => (a.kind === 'literal' ? a : known(fresh.get(a), 'variable of a jaxpr'))
  const constants = jaxpr.constants.map(bindVar)
  const inputs = jaxpr.inputs.map(bindVar)
  const equations = jaxpr.equations.map((e) =>
    newEquation(e.primitive, e.inputs.map(atom), e.params, e.outputs.map(bindVar), e.source),
  )
  return newJaxpr(constants, inputs, equations, jaxpr.outputs.map(atom))
}

/** Whether two programs are the same up to the names of variables. */
export const sameJaxpr = (a: Jaxpr, b: Jaxpr): boolean => {
  const match = new Map<Var, Var>()
  const bindVars = (x: readonly Var[], y: readonly Var[]): boolean =>
    x.length === y.length &&
    x.every((v, i) => {
      const w = y[i]
      if (w === undefined || !sameAval(v.aval, w.aval)) return false
      match.set(v, w)
      return true
    })
  const atoms = (x: readonly Atom[], y: readonly Atom[]): boolean =>
    x.length === y.length &&
    x.every((p, i) => {
      const q = y[i]
      if (q === undefined) return false
      if (p.kind === 'literal') return q.kind === 'literal' && Object.is(p.value, q.value) && sameAval(p.aval, q.aval)
      return match.get(p) === q
    })
  const sameParams = (x: unknown, y: unknown): boolean => {
    if (isJaxpr(x)) return isJaxpr(y) && sameJaxpr(x, y)
    if (Array.isArray(x)) return Array.isArray(y) && x.length === y.length && x.every((v, i) => sameParams(v, y[i]))
    if (typeof x === 'object' && x !== null) {
      if (typeof y !== 'object' || y === null) return false
      const keys = new Set([...Object.keys(x), ...Object.keys(y)])
      return [...keys].every((k) => sameParams(Reflect.get(x, k) ?? null, Reflect.get(y, k) ?? null))
    }
    return Object.is(x, y)
  }
  return (
    bindVars(a.constants, b.constants) &&
    bindVars(a.inputs, b.inputs) &&
    a.equations.length === b.equations.length &&
    a.equations.every((e, i) => {
      const f = b.equations[i]
      return (
        f !== undefined &&
        e.primitive === f.primitive &&
        atoms(e.inputs, f.inputs) &&
        sameParams(e.params, f.params) &&
        bindVars(e.outputs, f.outputs)
      )
    }) &&
    atoms(a.outputs, b.outputs)
  )
}

/** Drops equations without effect and constants that no output needs; inputs stay. */
export const pruneJaxpr = (closed: ClosedJaxpr): ClosedJaxpr => {
  const { jaxpr, values } = closed
  const used = new Set<Var>()
  for (const out of jaxpr.outputs) if (out.kind === 'var') used.add(out)
  const equations: Equation[] = []
  for (let i = jaxpr.equations.length - 1; i >= 0; i--) {
    const equation = known(jaxpr.equations[i], 'equation')
    if (!equation.outputs.some((v) => used.has(v)) && !hasEffect(equation)) continue
    for (const input of equation.inputs) if (input.kind === 'var') used.add(input)
    equations.push(equation)
  }
  const keep = jaxpr.constants.map((v) => used.has(v))
  return {
    jaxpr: newJaxpr(
      jaxpr.constants.filter((_, i) => keep[i]),
      jaxpr.inputs,
      equations.reverse(),
      jaxpr.outputs,
    ),
    values: values.filter((_, i) => keep[i]),
  }
}

/** Scalar that can be written into an equation: one that came from a JS number. */
export const asLiteral = (x: NDArray): Literal | undefined =>
  x instanceof DeviceArray && x.scalar !== undefined
    ? newLiteral(x.scalar, shapedArray([], x.dtype, x.weakType))
    : undefined
