/** Small tools of primitives that hold programs: reordering inputs and outputs, tracing bodies once, fixpoints of flags. */
import {
  type Atom,
  type ClosedJaxpr,
  type Jaxpr,
  type NDArray,
  type ShapedArray,
  type TreeDef,
  Tracer,
  buildJaxpr,
  constantsAsInputs,
  known,
  newJaxpr,
  sameAval,
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

/** A traced body and what it was traced for. */
interface Signature {
  readonly structure: string
  readonly avals: readonly ShapedArray[]
  readonly axes: string
  readonly body: TracedBody
}

/** Programs that a function keeps: it is seldom called with more shapes, and a loop of many is not held for ever. */
const maximumBodies = 64

const traced = new WeakMap<object, Signature[]>()

const sameAvals = (xs: readonly ShapedArray[], ys: readonly ShapedArray[]): boolean => {
  if (xs.length !== ys.length) return false
  for (let i = 0; i < xs.length; i++) {
    const x = xs[i]
    const y = ys[i]
    if (x === y) continue
    if (x === undefined || y === undefined || x.weakType !== y.weakType || !sameAval(x, y)) return false
  }
  return true
}

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
  // Compared entry by entry: a loop that is called often would spend more on the text of a key than on all else here.
  const axes = axisEnvironmentKey()
  let bodies = traced.get(f)
  if (bodies !== undefined) {
    for (const known of bodies)
      if (known.structure === inDef.key && known.axes === axes && sameAvals(known.avals, avals)) return known.body
  }
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
    if (bodies === undefined) traced.set(f, (bodies = []))
    bodies.unshift({ structure: inDef.key, avals: [...avals], axes, body })
    if (bodies.length > maximumBodies) bodies.pop()
  }
  return body
}
