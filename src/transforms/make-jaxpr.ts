/** Looking at programs: makeJaxpr and evalShape. */
import {
  type ClosedJaxpr,
  type DType,
  type Jaxpr,
  type NDArray,
  type ShapedArray,
  avalText,
  buildJaxpr,
  isDType,
  jaxprText,
  shapedArray,
  tree,
  checkOptions,
} from '../core/index.js'
import { argumentPaths, argumentPositions, flattenResult, functionName, leafArray, rebuild } from './arguments.js'

/** A traced function: prints as its jaxpr. */
export class TracedProgram implements ClosedJaxpr {
  readonly jaxpr: Jaxpr
  /** Values of the arrays that the function was closed over. */
  readonly values: readonly NDArray[]
  constructor(closed: ClosedJaxpr) {
    this.jaxpr = closed.jaxpr
    this.values = closed.values
  }
  get inAvals(): readonly ShapedArray[] {
    return this.jaxpr.inputs.map((v) => v.aval)
  }
  get outAvals(): readonly ShapedArray[] {
    return this.jaxpr.outputs.map((a) => a.aval)
  }
  toString(): string {
    return jaxprText(this.jaxpr)
  }
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}

/** Shape and dtype in place of an array, as argument of makeJaxpr, evalShape and warmup, and as result of evalShape. */
export interface ShapeDtype {
  readonly shape: readonly number[]
  readonly dtype: DType
}

export const isShapeDtype = (value: unknown): value is ShapeDtype => {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype) return false
  const keys = Object.keys(value)
  return (
    'shape' in value &&
    'dtype' in value &&
    Array.isArray(value.shape) &&
    isDType(value.dtype) &&
    keys.every((k) => k === 'shape' || k === 'dtype' || k === 'weakType')
  )
}

/** Traces `f` at arguments that may be given by shape and dtype only. */
export const traceFunction = (
  f: (...args: never[]) => unknown,
  args: readonly unknown[],
  operation: string,
  staticArgnums: readonly number[] = [],
) => {
  const dynamic = args.filter((_, i) => !staticArgnums.includes(i))
  const { leaves, def } = tree.flatten(dynamic, isShapeDtype)
  const paths = argumentPaths(f, def)
  const avals = leaves.map((leaf, i) =>
    isShapeDtype(leaf)
      ? shapedArray(leaf.shape, leaf.dtype)
      : leafArray(leaf, paths[i] ?? 'an argument', operation).aval,
  )
  let outDef = def
  const closed = buildJaxpr(
    (inputs) => {
      const rebuilt = rebuild(def, inputs)
      const traced: unknown[] = Array.isArray(rebuilt) ? rebuilt : []
      let next = 0
      const all = args.map((arg, i) => (staticArgnums.includes(i) ? arg : traced[next++]))
      const out = flattenResult(Reflect.apply(f, undefined, all), f, operation)
      outDef = out.def
      return out.leaves
    },
    avals,
    operation,
    paths,
  )
  return { closed, inDef: def, outDef, avals, paths }
}

/**
 * The program that a function traces to, printable as JAX prints it.
 *
 * @example
 * ```ts
 * console.log(String(makeJaxpr((x) => np.sin(x))(np.zeros([3]))))
 * // { lambda ; a:f32[3]. let b:f32[3] = sin a in (b,) }
 * ```
 */
export const makeJaxpr = <Args extends readonly unknown[]>(
  f: (...args: Args) => unknown,
  options: { readonly staticArgnums?: number | readonly number[] } = {},
) => {
  checkOptions('makeJaxpr', options, 'staticArgnums')
  return (...args: Args): TracedProgram => {
    const operation = `makeJaxpr(${functionName(f)})`
    const fixed =
      options.staticArgnums === undefined ? [] : argumentPositions(options.staticArgnums, args.length, operation)
    return new TracedProgram(traceFunction(f, args, operation, fixed).closed)
  }
}

/**
 * Shapes and dtypes of what a function returns, without computing anything.
 *
 * @returns a pytree like the result with `{ shape, dtype }` in place of arrays
 */
export const evalShape = (f: (...args: never[]) => unknown, ...args: readonly unknown[]): unknown => {
  const { closed, outDef } = traceFunction(f, args, `evalShape(${functionName(f)})`)
  return tree.unflatten(
    outDef,
    closed.jaxpr.outputs.map((a): ShapeDtype => ({ shape: a.aval.shape, dtype: a.aval.dtype })),
  )
}

/** Avals as text, for messages. */
export const signatureText = (avals: readonly ShapedArray[]): string => avals.map(avalText).join(' ')
