/** Tracing, stackless: one current trace interprets every primitive; tracers know the trace that they belong to. */
import { avalText } from './aval.js'
import type { HostData } from './dtype.js'
import { ConcretizationError, LeakedTracerError } from './errors.js'
import { NDArray } from './ndarray.js'
import type { Params, Primitive } from './primitive.js'
import { callSite } from './source.js'

/** An interpreter of primitives: running them, recording them, differentiating them, batching them. */
export abstract class Trace {
  /** What the user called, for messages: `grad(loss)`. */
  readonly name: string
  /** Where the user called it. */
  readonly where: string | undefined
  /** True once the transformation has returned; its tracers must not be used any more. */
  ended = false

  constructor(name: string, where: string | undefined) {
    this.name = name
    this.where = where
  }

  abstract process(primitive: Primitive, inputs: readonly NDArray[], params: Params): readonly NDArray[]
}

let observer: ((tracer: Tracer) => void) | undefined

/** Calls `see` with every traced value that `f` makes; for finding those that outlive their transformation. */
export const observeTracers = <R>(see: (tracer: Tracer) => void, f: () => R): R => {
  const before = observer
  observer = (tracer) => {
    before?.(tracer)
    see(tracer)
  }
  try {
    return f()
  } finally {
    observer = before
  }
}

/** An array inside a transformation: it has a shape and a dtype, and no values that JavaScript could look at. */
export abstract class Tracer extends NDArray {
  readonly owner: Trace
  /** How the value came to be, for messages: the primitive that made it, or the argument that it is. */
  readonly origin: string

  constructor(trace: Trace, origin: string) {
    super()
    this.owner = trace
    this.origin = origin
    observer?.(this)
  }

  get device(): string {
    return 'traced'
  }

  data(): Promise<HostData> {
    return Promise.reject(this.noValue('data()'))
  }
  dataSync(): HostData {
    throw this.noValue('dataSync()')
  }
  item(): number {
    throw this.noValue('item()')
  }
  /** JavaScript asks for a primitive value in `if (x > 0)`, `x + 1`, `${x}`... */
  [Symbol.toPrimitive](hint: string): string {
    if (hint === 'string') return this.describe()
    throw this.noValue(hint === 'number' ? 'a JavaScript number or comparison' : 'a JavaScript operator')
  }

  describe(): string {
    return `Traced<${avalText(this.aval)}> in ${this.owner.name}`
  }

  noValue(use: string): ConcretizationError {
    return new ConcretizationError(
      `${use} needs the value of a traced ${avalText(this.aval)} array (${this.origin}), but inside ${this.owner.name} only its shape and dtype are known.\n` +
        `Ways out: choose with np.where or lax.cond instead of 'if'; compute with np.add, np.greater, ... instead of operators; ` +
        `mark the argument static (jit's staticArgnums) if it steers the program; or do this outside of ${this.owner.name}.`,
    )
  }
}

let current: Trace | undefined
let root: Trace | undefined

/** Sets the trace that runs primitives when no transformation is active. */
export const setRootTrace = (trace: Trace): void => {
  root = trace
  current ??= trace
}

const noTrace = (): Error => new Error("the library is not put together: import 'cotangent' or one of its subpaths")

/** The active trace. */
export const currentTrace = (): Trace => {
  if (current === undefined) throw noTrace()
  return current
}

/** True when no transformation is active, so that values are at hand. */
export const isEager = (): boolean => current === root

/** Runs `f` with another active trace. */
export const withTrace = <R>(trace: Trace, f: () => R): R => {
  const before = current
  current = trace
  try {
    return f()
  } finally {
    current = before
  }
}

/** Runs `f` outside of all transformations. */
export const withEager = <R>(f: () => R): R => (root === undefined ? f() : withTrace(root, f))

/** Throws LeakedTracerError when a traced value is used after its transformation has returned. */
export const checkAlive = (x: NDArray, use: string): void => {
  if (x instanceof Tracer && x.owner.ended) {
    throw new LeakedTracerError(
      `${use} was given a traced ${avalText(x.aval)} array (${x.origin}) that outlived ${x.owner.name}` +
        `${x.owner.where !== undefined ? `, called at ${x.owner.where}` : ''}.\n` +
        `A traced value only lives while its transformation runs. It was probably stored in a variable, a cache or a class field from inside the function; ` +
        `return it from the function instead (grad and valueAndGrad: with { hasAux: true }).`,
    )
  }
}

/** Applies a primitive in the active trace. */
export const bind = <P extends Params>(
  primitive: Primitive<P>,
  inputs: readonly NDArray[],
  params: P,
): readonly NDArray[] => {
  const trace = current
  if (trace === undefined) throw noTrace()
  for (const x of inputs) if (x instanceof Tracer && x.owner.ended) checkAlive(x, primitive.name)
  return trace.process(primitive as unknown as Primitive, inputs, params)
}

/** Applies a primitive that has one result. */
export const bindOne = <P extends Params>(primitive: Primitive<P>, inputs: readonly NDArray[], params: P): NDArray => {
  const out = bind(primitive, inputs, params)[0]
  if (out === undefined) throw new Error(`${primitive.name} gave no result`)
  return out
}

/** Call site for a new trace's messages. */
export const traceSite = callSite
