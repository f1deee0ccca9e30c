/** Forward-mode differentiation: a trace that carries tangents along. */
import {
  type Jaxpr,
  type NDArray,
  type Params,
  type Primitive,
  type ShapedArray,
  type Tangent,
  ArgumentError,
  Trace,
  Tracer,
  TreeError,
  avalText,
  buildJaxpr,
  checkAlive,
  currentTrace,
  evalJaxpr,
  isFloating,
  known,
  sameShape,
  traceSite,
  tree,
  withOneSource,
  withTrace,
  checkOptions,
} from '../core/index.js'
import { convertElementType, zerosOf } from '../lax/index.js'
import { type Fn, argumentPaths, flattenResult, floatLeaf, functionName, leafArray, rebuild } from './arguments.js'

/** A value with its tangent. */
export class JvpTracer extends Tracer {
  readonly primal: NDArray
  readonly tangent: NDArray
  constructor(trace: Trace, primal: NDArray, tangent: NDArray, origin: string) {
    super(trace, origin)
    this.primal = primal
    this.tangent = tangent
  }
  get aval(): ShapedArray {
    return this.primal.aval
  }
}

/** Runs each primitive's jvp rule in the parent trace. */
export class JvpTrace extends Trace {
  readonly #parent: Trace
  constructor(parent: Trace, name: string, where: string | undefined) {
    super(name, where)
    this.#parent = parent
  }

  /** Value and tangent of anything that occurs in this trace. */
  split(x: NDArray): { readonly primal: NDArray; readonly tangent: Tangent } {
    return x instanceof JvpTracer && x.owner === this
      ? { primal: x.primal, tangent: x.tangent }
      : { primal: x, tangent: null }
  }

  join(primal: NDArray, tangent: Tangent, origin: string): NDArray {
    return tangent === null ? primal : new JvpTracer(this, primal, tangent, origin)
  }

  process(primitive: Primitive, inputs: readonly NDArray[], params: Params): readonly NDArray[] {
    const pairs = inputs.map((x) => this.split(x))
    const primals = pairs.map((p) => p.primal)
    if (pairs.every((p) => p.tangent === null))
      return withTrace(this.#parent, () => this.#parent.process(primitive, primals, params))
    const [outs, tangents] = withOneSource(() =>
      withTrace(this.#parent, () =>
        primitive.jvp(
          primals,
          pairs.map((p) => p.tangent),
          params,
        ),
      ),
    )
    const origin = `the result of ${primitive.name}`
    return outs.map((out, i) => this.join(out, tangents[i] ?? null, origin))
  }
}

/** Pushes tangents through a function of lists: null tangents are zeros. */
export const jvpFlat = (
  f: (inputs: readonly NDArray[]) => readonly NDArray[],
  primals: readonly NDArray[],
  tangents: readonly Tangent[],
  name: string,
  parent: Trace = currentTrace(),
  origins: readonly string[] = [],
): { readonly outs: NDArray[]; readonly tangents: Tangent[] } => {
  const trace = new JvpTrace(parent, name, traceSite())
  try {
    const outs = withTrace(trace, () =>
      f(primals.map((x, i) => trace.join(x, tangents[i] ?? null, origins[i] ?? `input ${i} of ${name}`))),
    )
    const pairs = outs.map((x) => {
      checkAlive(x, name)
      return trace.split(x)
    })
    return { outs: pairs.map((p) => p.primal), tangents: pairs.map((p) => p.tangent) }
  } finally {
    trace.ended = true
  }
}

/** The jvp of a program whose inputs flagged in `nonzero` have tangents. */
export interface JvpJaxpr {
  /** Takes the inputs, then the tangents of the flagged ones; gives the outputs, then the tangents flagged in `nonzeroOut`. */
  readonly jaxpr: Jaxpr
  readonly nonzeroOut: readonly boolean[]
}

const cache = new WeakMap<Jaxpr, Map<string, JvpJaxpr>>()

/** Differentiates a program without constants. `instantiate` asks for tangents of all flagged outputs, zeros too. */
export const jvpJaxpr = (jaxpr: Jaxpr, nonzero: readonly boolean[], instantiate?: readonly boolean[]): JvpJaxpr => {
  const key = `${nonzero.map(Number).join('')}/${instantiate?.map(Number).join('') ?? ''}`
  let perJaxpr = cache.get(jaxpr)
  if (perJaxpr === undefined) cache.set(jaxpr, (perJaxpr = new Map()))
  let found = perJaxpr.get(key)
  if (found === undefined) {
    const primalAvals = jaxpr.inputs.map((v) => v.aval)
    const tangentAvals = primalAvals.filter((_, i) => nonzero[i])
    let nonzeroOut: readonly boolean[] = []
    const closed = buildJaxpr(
      (inputs) => {
        const primals = inputs.slice(0, primalAvals.length)
        let next = primalAvals.length
        const tangents = primalAvals.map((_, i) => (nonzero[i] === true ? known(inputs[next++], 'tangent') : null))
        const result = jvpFlat((xs) => evalJaxpr(jaxpr, [], xs), primals, tangents, 'jvp')
        const outTangents = result.tangents.map((t, i) =>
          t === null && instantiate?.[i] === true ? zerosOf(known(result.outs[i], 'output').aval) : t,
        )
        nonzeroOut = outTangents.map((t) => t !== null)
        return [...result.outs, ...outTangents.filter((t) => t !== null)]
      },
      [...primalAvals, ...tangentAvals],
      'jvp',
    )
    found = { jaxpr: closed.jaxpr, nonzeroOut }
    perJaxpr.set(key, found)
  }
  return found
}

/** The tangent of one leaf, checked against its primal; tangents of integers are not used. */
const checkedTangent = (tangent: unknown, primal: NDArray, path: string): Tangent => {
  if (!isFloating(primal.dtype)) return null
  const t = leafArray(tangent, `the tangent of ${path}`, 'jvp')
  if (!sameShape(t.shape, primal.shape)) {
    throw new ArgumentError(
      `jvp: ${path} is ${avalText(primal.aval)}, but its tangent is ${avalText(t.aval)}. A tangent has the shape and dtype of its primal.`,
    )
  }
  return t.dtype === primal.dtype ? t : convertElementType(t, primal.dtype)
}

export interface AuxOptions {
  readonly hasAux?: boolean
}

/**
 * Value and directional derivative: pushes `tangents` through `f` at `primals`.
 *
 * @param f function of pytrees of float arrays
 * @param primals list of arguments
 * @param tangents list of the same structure: the direction
 * @returns `[out, tangentOut]`, or `[out, tangentOut, aux]` when `f` returns `[out, aux]` and `hasAux` is set
 * @example
 * ```ts
 * const [y, dy] = jvp((x) => np.sin(x), [np.array(0)], [np.array(1)])
 * console.log(y.item(), dy.item()) // 0 1
 * ```
 */
export function jvp<Args extends readonly unknown[], R>(
  f: (...args: Args) => R,
  primals: Args,
  tangents: Args,
  options?: { readonly hasAux?: false },
): [R, R]
export function jvp<Args extends readonly unknown[], R, Aux>(
  f: (...args: Args) => readonly [R, Aux],
  primals: Args,
  tangents: Args,
  options: { readonly hasAux: true },
): [R, R, Aux]
export function jvp(
  f: Fn,
  primals: readonly unknown[],
  tangents: readonly unknown[],
  options: AuxOptions = {},
): unknown {
  checkOptions('jvp', options, 'hasAux')
  const operation = `jvp(${functionName(f)})`
  if (!Array.isArray(primals) || !Array.isArray(tangents))
    throw new ArgumentError(
      `${operation}: primals and tangents are lists with one entry per argument: jvp(f, [x], [t]).`,
    )
  const flat = tree.flatten([...primals])
  const paths = argumentPaths(f, flat.def)
  const tangentFlat = tree.flatten([...tangents])
  if (tangentFlat.def.key !== flat.def.key) {
    throw new TreeError(
      `${operation}: primals and tangents have different structures ${tree.structureDifference(flat.def, tangentFlat.def, '')}.`,
    )
  }
  const leaves = flat.leaves.map((leaf, i) => {
    const path = paths[i] ?? 'an argument'
    return typeof leaf === 'number' ? floatLeaf(leaf, path, operation) : leafArray(leaf, path, operation)
  })
  const given = tangentFlat.leaves.map((t, i) =>
    checkedTangent(t, known(leaves[i], 'primal'), paths[i] ?? 'an argument'),
  )
  let def = flat.def
  let auxDef = flat.def
  const result = jvpFlat(
    (inputs) => {
      const args = rebuild(flat.def, inputs)
      const value: unknown = Reflect.apply(f, undefined, Array.isArray(args) ? args : [])
      const [main, extra] = splitAux(value, options.hasAux === true, operation)
      const out = flattenResult(main, f, operation)
      def = out.def
      if (options.hasAux === true) {
        const auxFlat = flattenResult(extra, f, operation)
        auxDef = auxFlat.def
        return [...out.leaves, ...auxFlat.leaves]
      }
      return out.leaves
    },
    leaves,
    given,
    operation,
    currentTrace(),
    paths,
  )
  const count = def.leafCount
  const outs = rebuild(def, result.outs.slice(0, count))
  const outTangents = rebuild(
    def,
    result.tangents.slice(0, count).map((t, i) => t ?? zerosOf(known(result.outs[i], 'output').aval)),
  )
  return options.hasAux === true ? [outs, outTangents, rebuild(auxDef, result.outs.slice(count))] : [outs, outTangents]
}

/** Separates `[value, aux]`. Throws when a function that should return it didn't. */
export const splitAux = (value: unknown, hasAux: boolean, operation: string): readonly [unknown, unknown] => {
  if (!hasAux) return [value, undefined]
  if (!Array.isArray(value) || value.length !== 2) {
    throw new ArgumentError(`${operation}: with { hasAux: true } the function must return [value, aux], a list of two.`)
  }
  return [value[0], value[1]]
}
