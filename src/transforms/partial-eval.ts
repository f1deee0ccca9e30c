/** Partial evaluation: what is known runs now, what depends on unknown inputs is recorded for later. */
import {
  type NDArray,
  type Params,
  type Primitive,
  type Trace,
  JaxprTrace,
  JaxprTracer,
  bind,
  withTrace,
} from '../core/index.js'
import { nesting } from './parts.js'

/** Runs primitives of known values in the parent trace and records the others. */
export class PartialEvalTrace extends JaxprTrace {
  readonly #parent: Trace
  constructor(parent: Trace, name: string, where: string | undefined) {
    super(name, where)
    this.#parent = parent
  }

  isUnknown(x: NDArray): boolean {
    return x instanceof JaxprTracer && x.owner === this
  }

  override process(primitive: Primitive, inputs: readonly NDArray[], params: Params): readonly NDArray[] {
    const unknown = inputs.map((x) => this.isUnknown(x))
    if (!unknown.includes(true)) return withTrace(this.#parent, () => this.#parent.process(primitive, inputs, params))
    if (primitive.program?.split === undefined) return super.process(primitive, inputs, params)
    return nesting.get(primitive.name).processHalves(primitive, inputs, params, unknown, {
      now: (half, values) => withTrace(this.#parent, () => bind(half.primitive, values, half.params)),
      later: (half, values) => super.process(half.primitive, values, half.params),
    })
  }
}
