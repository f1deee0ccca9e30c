/** Programs of one equation, found again by primitive, parameters and operands. */
import { avalText, sameShape, shapedArray } from './aval.js'
import { type Device, type Executable } from './device.js'
import { newEquation, newJaxpr, newVar, paramsKey } from './jaxpr.js'
import type { NDArray } from './ndarray.js'
import { type Jaxpr, type Params, type Primitive, isJaxpr } from './primitive.js'

/** A program, with what it was last compiled to. */
export interface EagerProgram {
  readonly jaxpr: Jaxpr
  readonly params: Params
  device: Device | undefined
  executable: Executable | undefined
}

const maximumPrograms = 4096
/** Programs of a primitive that are looked through before a key is printed: most programs use few shapes at a time. */
const recentPrograms = 8

const programs = new Map<string, EagerProgram>()
/** For each primitive some of its programs, the one that was used last first. */
const recent = new Map<Primitive, EagerProgram[]>()

const sameParams = (x: unknown, y: unknown): boolean => {
  if (Object.is(x, y)) return true
  if (typeof x !== 'object' || typeof y !== 'object' || x === null || y === null) return false
  if (Array.isArray(x)) {
    if (!Array.isArray(y) || x.length !== y.length) return false
    for (let i = 0; i < x.length; i++) if (!sameParams(x[i], y[i])) return false
    return true
  }
  // Programs are compared by identity, as in keys.
  if (Array.isArray(y) || isJaxpr(x) || isJaxpr(y)) return false
  const keys = Object.keys(x)
  if (keys.length !== Object.keys(y).length) return false
  for (const key of keys)
    if (!Object.hasOwn(y, key) || !sameParams(Reflect.get(x, key), Reflect.get(y, key))) return false
  return true
}

const takes = (program: EagerProgram, inputs: readonly NDArray[], params: Params): boolean => {
  const variables = program.jaxpr.inputs
  if (variables.length !== inputs.length) return false
  for (let i = 0; i < inputs.length; i++) {
    const wanted = variables[i]?.aval
    const aval = inputs[i]?.aval
    if (wanted === aval) continue
    if (wanted === undefined || aval === undefined) return false
    if (wanted.dtype !== aval.dtype || wanted.weakType !== aval.weakType || !sameShape(wanted.shape, aval.shape))
      return false
  }
  return program.params === params || sameParams(program.params, params)
}

const signature = (primitive: Primitive, inputs: readonly NDArray[], params: Params): string => {
  let key = primitive.name + paramsKey(params)
  for (const x of inputs) key += `${x.weakType ? '~' : ' '}${avalText(x.aval)}`
  return key
}

const newProgram = (primitive: Primitive, inputs: readonly NDArray[], params: Params): EagerProgram => {
  const avals = primitive.abstract(
    inputs.map((x) => x.aval),
    params,
  )
  // A call of a program is that program, which `lower` and `warmup` may have compiled already.
  const inner = primitive.program?.inline?.(params)
  if (inner?.constants.length === 0) return { jaxpr: inner, params, device: undefined, executable: undefined }
  const variables = inputs.map((x) => newVar(shapedArray(x.shape, x.dtype, x.weakType)))
  const outputs = avals.map(newVar)
  const jaxpr = newJaxpr([], variables, [newEquation(primitive, variables, params, outputs)], outputs)
  return { jaxpr, params, device: undefined, executable: undefined }
}

/** Program of one equation for these operands. */
export const programFor = (primitive: Primitive, inputs: readonly NDArray[], params: Params): EagerProgram => {
  let list = recent.get(primitive)
  if (list === undefined) recent.set(primitive, (list = []))
  for (let i = 0; i < list.length; i++) {
    const program = list[i]
    if (program === undefined || !takes(program, inputs, params)) continue
    for (let k = i; k > 0; k--) list[k] = list[k - 1] ?? program
    list[0] = program
    return program
  }
  const key = signature(primitive, inputs, params)
  let program = programs.get(key)
  if (program === undefined) {
    program = newProgram(primitive, inputs, params)
    if (programs.size >= maximumPrograms) {
      const oldest = programs.keys().next().value
      if (oldest !== undefined) programs.delete(oldest)
    }
  } else programs.delete(key)
  programs.set(key, program) // most recent last
  list.unshift(program)
  if (list.length > recentPrograms) list.pop()
  return program
}
