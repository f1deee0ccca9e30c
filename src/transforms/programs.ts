/** Small tools of primitives that hold programs: reordering inputs and outputs, tracing bodies once, fixpoints of flags. */
import {
  type Atom,
  type ClosedJaxpr,
  type Jaxpr,
  type NDArray,
  type ShapedArray,
  type TreeDef,
  Tracer,
  avalText,
  buildJaxpr,
  constantsAsInputs,
  known,
  newJaxpr,
} from '../core/index.js'
import { flattenResult, rebuild } from './arguments.js'
import { axisEnvironmentKey } from './axis-environment.js'

/** The same program with inputs and outputs picked in another order: entry i of the result is entry `order[i]` of the original. */
export const reorderJaxpr = (jaxpr: Jaxpr, inputs: readonly number[], outputs: readonly number[]): Jaxpr =>
  newJaxpr(
    [],
    inputs.map((i) => known(jaxpr.inputs[i], 'input')),
    jaxpr.equations,
    outputs.map((i): Atom => known(jaxpr.outputs[i], 'output')),
  )

/** Positions `start .. start + count - 1`. */
export const span = (start: number, count: number): number[] => Array.from({ length: count }, (_, i) => start + i)

/** Positions at which a flag is set. */
export const positions = (flags: readonly boolean[], value = true): number[] =>
  flags.flatMap((flag, i) => (flag === value ? [i] : []))

/** Entries of a list at which a flag is set. */
export const where = <T>(list: readonly T[], flags: readonly boolean[], value = true): T[] =>
  list.filter((_, i) => (flags[i] ?? false) === value)

/** Elementwise or of flags. */
export const either = (a: readonly boolean[], b: readonly boolean[]): boolean[] =>
  a.map((flag, i) => flag || b[i] === true)

/** Grows flags until a step leaves them as they are. */
export const fixpoint = (
  start: readonly boolean[],
  step: (flags: readonly boolean[]) => readonly boolean[],
): boolean[] => {
  let flags = [...start]
  for (;;) {
    const next = either(flags, step(flags))
    if (next.every((flag, i) => flag === flags[i])) return flags
    flags = next
  }
}

/** A body of a loop or branch, traced: a program without constants, their values, and the structure of its result. */
export interface TracedBody {
  readonly jaxpr: Jaxpr
  /** Values for the leading inputs. */
  readonly constants: readonly NDArray[]
  readonly outDef: TreeDef
  readonly outAvals: readonly ShapedArray[]
}

const traced = new WeakMap<object, Map<string, TracedBody>>()

/**
 * Traces `f` on pytrees of the given structure. The same function is traced once per signature, unless it is closed over
 * traced values (which belong to one run of an outer transformation).
 */
export const traceBody = (
  f: (...args: never[]) => unknown,
  inDef: TreeDef,
  avals: readonly ShapedArray[],
  operation: string,
  paths?: readonly string[],
): TracedBody => {
  const key = `${inDef.key}|${avals.map((a) => (a.weakType ? '~' : '') + avalText(a)).join()}|${axisEnvironmentKey()}`
  const before = traced.get(f)?.get(key)
  if (before !== undefined) return before
  let outDef = inDef
  const closed: ClosedJaxpr = buildJaxpr(
    (inputs) => {
      const args = rebuild(inDef, inputs)
      const out = flattenResult(Reflect.apply(f, undefined, Array.isArray(args) ? args : []), f, operation)
      outDef = out.def
      return out.leaves
    },
    avals,
    operation,
    paths,
  )
  const body: TracedBody = {
    jaxpr: constantsAsInputs(closed.jaxpr),
    constants: closed.values,
    outDef,
    outAvals: closed.jaxpr.outputs.map((a) => a.aval),
  }
  if (!closed.values.some((c) => c instanceof Tracer)) {
    let perFunction = traced.get(f)
    if (perFunction === undefined) traced.set(f, (perFunction = new Map()))
    perFunction.set(key, body)
  }
  return body
}
