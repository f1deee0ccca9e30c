/** Recording: a trace that writes down every primitive as an equation. */
import { type ShapedArray, avalText } from './aval.js'
import { InternalError, LeakedTracerError } from './errors.js'
import { type ClosedJaxpr, asLiteral, newEquation, newJaxpr, newVar } from './jaxpr.js'
import type { NDArray } from './ndarray.js'
import type { Atom, Equation, Params, Primitive, Var } from './primitive.js'
import { callSite } from './source.js'
import { Trace, Tracer, checkAlive, withTrace } from './trace.js'

/** A value that is being recorded. */
export class JaxprTracer extends Tracer {
  readonly variable: Var
  get aval(): ShapedArray {
    return this.variable.aval
  }
  constructor(trace: Trace, variable: Var, origin: string) {
    super(trace, origin)
    this.variable = variable
  }
}

/** Records equations. Values from outside become constants, JS numbers become literals. */
export class JaxprTrace extends Trace {
  readonly inputs: Var[] = []
  readonly equations: Equation[] = []
  readonly #constants = new Map<NDArray, Var>()

  /** A new input of the program. */
  input(aval: ShapedArray, origin: string): JaxprTracer {
    const variable = newVar(aval)
    this.inputs.push(variable)
    return new JaxprTracer(this, variable, origin)
  }

  /** What an array is called in this program. */
  atom(x: NDArray): Atom {
    if (x instanceof JaxprTracer && x.owner === this) return x.variable
    const literal = asLiteral(x)
    if (literal !== undefined) return literal
    checkAlive(x, this.name)
    let constant = this.#constants.get(x)
    if (constant === undefined) {
      constant = newVar(x.aval)
      this.#constants.set(x, constant)
    }
    return constant
  }

  process(primitive: Primitive, inputs: readonly NDArray[], params: Params): readonly NDArray[] {
    const avals = primitive.abstract(
      inputs.map((x) => x.aval),
      params,
    )
    const outputs = avals.map(newVar)
    const source = callSite()
    this.equations.push(
      newEquation(
        primitive,
        inputs.map((x) => this.atom(x)),
        params,
        outputs,
        source,
      ),
    )
    const origin = `the result of ${primitive.name}${source !== undefined ? ` at ${source}` : ''}`
    return outputs.map((v) => new JaxprTracer(this, v, origin))
  }

  /** The recorded program. */
  finish(outputs: readonly NDArray[]): ClosedJaxpr {
    const atoms = outputs.map((x) => this.atom(x))
    return {
      jaxpr: newJaxpr([...this.#constants.values()], this.inputs, this.equations, atoms),
      values: [...this.#constants.keys()],
    }
  }
}

/** Records `f` applied to inputs of the given avals; `origins` say what each input is, for messages. */
export const buildJaxpr = (
  f: (inputs: readonly NDArray[]) => readonly NDArray[],
  avals: readonly ShapedArray[],
  name: string,
  origins?: readonly string[],
): ClosedJaxpr => {
  const trace = new JaxprTrace(name, callSite())
  try {
    return withTrace(trace, () => {
      const inputs = avals.map((aval, i) => trace.input(aval, origins?.[i] ?? `input ${i} of ${name}`))
      return trace.finish(f(inputs))
    })
  } finally {
    trace.ended = true
  }
}

/** Throws unless a value of another, ended trace is told apart from a bug: used where tracers must belong to one trace. */
export const ownTracer = (x: NDArray, trace: Trace): JaxprTracer => {
  if (x instanceof JaxprTracer && x.owner === trace) return x
  if (x instanceof Tracer)
    throw new LeakedTracerError(`a ${avalText(x.aval)} value of ${x.owner.name} was used in ${trace.name}`)
  throw new InternalError(`expected a value of ${trace.name}`)
}
