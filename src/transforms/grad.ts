/** Reverse-mode differentiation: linearize, then transpose. */
import {
  type ClosedJaxpr,
  type NDArray,
  type ShapedArray,
  type Tangent,
  type TreeDef,
  DifferentiationError,
  avalText,
  checkAlive,
  currentTrace,
  evalJaxpr,
  isFloating,
  known,
  traceSite,
  tree,
  withTrace,
  checkOptions,
} from '../core/index.js'
import { filled, zerosOf } from '../lax/index.js'
import {
  type FlatResult,
  argumentPaths,
  argumentPositions,
  flattenResult,
  floatLeaf,
  functionName,
  leafArray,
  rebuild,
  scalarResult,
} from './arguments.js'
import { JvpTrace, splitAux } from './jvp.js'
import { PartialEvalTrace } from './partial-eval.js'
import { backwardPass, checkedCotangents } from './transpose.js'

/** A function's value at a point, and its derivative there as a linear program. */
interface Linearized {
  readonly outs: readonly NDArray[]
  readonly program: ClosedJaxpr
  /** Whether each output depends on the inputs; the program gives only those tangents. */
  readonly nonzero: readonly boolean[]
}

/** Linearizes a function of lists at a point; inputs that are not floats have no tangents and the program skips them. */
const linearizeFlat = (
  f: (inputs: readonly NDArray[]) => readonly NDArray[],
  primals: readonly NDArray[],
  name: string,
  paths: readonly string[],
): Linearized => {
  const where = traceSite()
  const later = new PartialEvalTrace(currentTrace(), name, where)
  const forward = new JvpTrace(later, name, where)
  try {
    const inputs = primals.map((x, i) => {
      const path = paths[i] ?? `input ${i}`
      return isFloating(x.dtype) ? forward.join(x, later.input(x.aval, path), path) : x
    })
    const pairs = withTrace(forward, () => f(inputs)).map((x) => {
      checkAlive(x, name)
      return forward.split(x)
    })
    const tangents = pairs.map((p) => p.tangent).filter((t): t is NDArray => t !== null)
    return {
      outs: pairs.map((p) => p.primal),
      program: later.finish(tangents),
      nonzero: pairs.map((p) => p.tangent !== null),
    }
  } finally {
    forward.ended = true
    later.ended = true
  }
}

/** Tangents of all outputs from those of the float inputs. */
const pushForward = (linear: Linearized, tangents: readonly NDArray[]): NDArray[] => {
  const nonzero = evalJaxpr(linear.program.jaxpr, linear.program.values, tangents)
  let next = 0
  return linear.outs.map((out, i) =>
    linear.nonzero[i] === true ? known(nonzero[next++], 'tangent') : zerosOf(out.aval),
  )
}

/** Cotangents of the float inputs from those of all outputs. */
const pullBack = (linear: Linearized, cotangents: readonly Tangent[]): Tangent[] =>
  backwardPass(
    linear.program.jaxpr,
    linear.program.values,
    linear.program.jaxpr.inputs.map(() => null),
    cotangents.filter((_, i) => linear.nonzero[i]),
  )

/** One cotangent per leaf: computed for floats, zeros for the rest. */
const allCotangents = (avals: readonly ShapedArray[], floats: readonly Tangent[]): NDArray[] => {
  let next = 0
  return avals.map((aval) => (isFloating(aval.dtype) ? (floats[next++] ?? zerosOf(aval)) : zerosOf(aval)))
}

/** Leaves of arguments in a derivative: JS numbers are floats, arrays of integers take part without tangents. */
const differentiableArguments = (f: object, args: readonly unknown[], operation: string) => {
  const { leaves, def } = tree.flatten([...args])
  const paths = argumentPaths(f, def)
  return {
    leaves: leaves.map((leaf, i) =>
      typeof leaf === 'number'
        ? floatLeaf(leaf, paths[i] ?? 'an argument', operation)
        : leafArray(leaf, paths[i] ?? 'an argument', operation),
    ),
    def,
    paths,
  }
}

/** A call of `f` on leaves, remembering the structure of what it returned. */
const recorded = (f: (...args: never[]) => unknown, def: TreeDef, operation: string, hasAux: boolean) => {
  const state: { out: FlatResult | undefined; aux: FlatResult | undefined } = { out: undefined, aux: undefined }
  const call = (inputs: readonly NDArray[]): readonly NDArray[] => {
    const args = rebuild(def, inputs)
    const [main, extra] = splitAux(Reflect.apply(f, undefined, Array.isArray(args) ? args : []), hasAux, operation)
    state.out = flattenResult(main, f, operation)
    state.aux = hasAux ? flattenResult(extra, f, operation) : undefined
    return [...state.out.leaves, ...(state.aux?.leaves ?? [])]
  }
  return { call, state }
}

/** Options after primals: an object with `hasAux`, which no pytree of arrays is, since its one leaf would be a boolean. */
const withoutOptions = (
  args: readonly unknown[],
): { readonly primals: readonly unknown[]; readonly hasAux: boolean } => {
  const last = args.at(-1)
  const given = typeof last === 'object' && last !== null && 'hasAux' in last && typeof last.hasAux === 'boolean'
  return { primals: given ? args.slice(0, -1) : args, hasAux: given && last.hasAux === true }
}

/** `f` linearized at a point: its value, what it handed through, and its linear part. */
const linearizedAt = (name: string, f: (...args: never[]) => unknown, args: readonly unknown[]) => {
  const operation = `${name}(${functionName(f)})`
  const { primals, hasAux } = withoutOptions(args)
  const flat = differentiableArguments(f, primals, operation)
  const { call, state } = recorded(f, flat.def, operation, hasAux)
  const linear = linearizeFlat(call, flat.leaves, operation, flat.paths)
  const { def } = known(state.out, 'result')
  const aux = state.aux === undefined ? [] : [rebuild(state.aux.def, linear.outs.slice(def.leafCount))]
  return { operation, flat, linear, def, out: rebuild(def, linear.outs.slice(0, def.leafCount)), aux }
}

/**
 * Value of `f` and a function that pulls cotangents back.
 *
 * @param f function of pytrees of arrays
 * @param primals where to differentiate; then, perhaps, `{ hasAux: true }` when `f` returns `[out, aux]`
 * @returns `[out, vjpFn]`, or `[out, vjpFn, aux]`; `vjpFn(ct)` takes a cotangent with the structure of `out` and gives one
 *   cotangent per argument. Arguments of integers get zeros.
 * @example
 * ```ts
 * const [y, back] = vjp((a, b) => np.multiply(a, b), np.array(3), np.array(4))
 * console.log(back(np.array(1)).map((g) => g.item())) // [ 4, 3 ]
 * ```
 */
export function vjp<Args extends readonly unknown[], R, Aux>(
  f: (...args: Args) => readonly [R, Aux],
  ...primals: readonly [...primals: Args, options: { readonly hasAux: true }]
): [R, (ct: R) => Args, Aux]
export function vjp<Args extends readonly unknown[], R>(f: (...args: Args) => R, ...primals: Args): [R, (ct: R) => Args]
export function vjp(f: (...args: never[]) => unknown, ...args: readonly unknown[]): unknown {
  const { operation, flat, linear, def, out, aux } = linearizedAt('vjp', f, args)
  const avals = flat.leaves.map((x) => x.aval)
  const results = linear.outs.map((x) => x.aval)
  const back = (ct: unknown): unknown => {
    const cts = checkedCotangents(ct, def, results.slice(0, def.leafCount), operation)
    const all = results.map((_, i) => cts[i] ?? null)
    return rebuild(flat.def, allCotangents(avals, pullBack(linear, all)))
  }
  return [out, back, ...aux]
}

/**
 * Value of `f` and its derivative at a point as a function, computed once and applied often.
 *
 * @param primals where to differentiate; then, perhaps, `{ hasAux: true }` when `f` returns `[out, aux]`
 * @returns `[out, jvpFn]`, or `[out, jvpFn, aux]`; `jvpFn(...tangents)` gives the tangent of the result
 * @example
 * ```ts
 * const [y, push] = linearize((x) => np.sin(x), np.array(0))
 * console.log(y.item(), push(np.array(2)).item()) // 0 2
 * ```
 */
export function linearize<Args extends readonly unknown[], R, Aux>(
  f: (...args: Args) => readonly [R, Aux],
  ...primals: readonly [...primals: Args, options: { readonly hasAux: true }]
): [R, (...tangents: Args) => R, Aux]
export function linearize<Args extends readonly unknown[], R>(
  f: (...args: Args) => R,
  ...primals: Args
): [R, (...tangents: Args) => R]
export function linearize(f: (...args: never[]) => unknown, ...args: readonly unknown[]): unknown {
  const { operation, flat, linear, def, out, aux } = linearizedAt('linearize', f, args)
  const avals = flat.leaves.map((x) => x.aval)
  const push = (...tangents: readonly unknown[]): unknown => {
    const given = checkedCotangents([...tangents], flat.def, avals, operation)
    const floats = given.filter((_, i) => isFloating(known(avals[i], 'aval').dtype))
    return rebuild(def, pushForward(linear, floats).slice(0, def.leafCount))
  }
  return [out, push, ...aux]
}

export interface GradOptions {
  /** Position, or positions, of the arguments to differentiate by; 0 unless said. */
  readonly argnums?: number | readonly number[]
  /** The function returns `[value, aux]`, and `aux` is handed through. */
  readonly hasAux?: boolean
}

/** Value, gradients and auxiliary output of one call. */
interface Differentiated {
  readonly value: NDArray
  readonly grads: unknown
  readonly aux: unknown
}

const differentiate = (
  f: (...args: never[]) => unknown,
  args: readonly unknown[],
  options: GradOptions,
  name: string,
): Differentiated => {
  const operation = `${name}(${functionName(f)})`
  const { argnums = 0, hasAux = false } = options
  const positions = argumentPositions(argnums, args.length, operation)
  const chosen = positions.map((p) => args[p])
  const { leaves: rawLeaves, def } = tree.flatten(chosen)
  const fullPaths = tree
    .structure([...args])
    .children.map((child, i) => tree.paths(child, namesOf(f, args.length)[i] ?? `args[${i}]`))
  const paths = positions.flatMap((p) => fullPaths[p] ?? [])
  const leaves = rawLeaves.map((leaf, i) => floatLeaf(leaf, paths[i] ?? 'an argument', operation))
  const withArguments = (...replaced: never[]): unknown => {
    const all = [...args]
    positions.forEach((p, i) => {
      all[p] = replaced[i]
    })
    return Reflect.apply(f, undefined, all)
  }
  Object.defineProperty(withArguments, 'name', { value: functionName(f) })
  const { call, state } = recorded(withArguments, def, operation, hasAux)
  const linear = linearizeFlat(call, leaves, operation, paths)
  const out = known(state.out, 'result')
  scalarResult(out, f, operation)
  const value = known(linear.outs[0], 'value')
  if (value.ndim !== 0) {
    throw new DifferentiationError(
      `${operation}: the function must return a scalar, and it returned ${avalText(value.aval)}. ` +
        `Sum or average it (np.sum, np.mean), or use vjp, jacrev or vmap(grad(...)) for one gradient per element.`,
    )
  }
  if (!isFloating(value.dtype)) {
    throw new DifferentiationError(
      `${operation}: the function must return a float, and it returned ${avalText(value.aval)}. Convert inputs with astype('float32').`,
    )
  }
  const cotangents: Tangent[] = linear.outs.map((_, i) => (i === 0 ? filled(1, value.aval) : null))
  const grads = allCotangents(
    leaves.map((x) => x.aval),
    pullBack(linear, cotangents),
  )
  const list = rebuild(def, grads)
  const gradsOut: unknown = typeof argnums === 'number' && Array.isArray(list) ? list[0] : list
  return {
    value,
    grads: gradsOut,
    aux: state.aux === undefined ? undefined : rebuild(state.aux.def, linear.outs.slice(1)),
  }
}

const namesOf = (f: object, count: number): string[] =>
  argumentPaths(f, tree.structure(Array.from({ length: count }, () => 0)))

/** Gradient with respect to argument 0, with auxiliary output. */
export function grad<A, Rest extends readonly unknown[], Aux>(
  f: (x: A, ...rest: Rest) => readonly [NDArray | number, Aux],
  options: { readonly argnums?: 0; readonly hasAux: true },
): (x: A, ...rest: Rest) => [A, Aux]
/** Gradient with respect to argument 0. */
export function grad<A, Rest extends readonly unknown[]>(
  f: (x: A, ...rest: Rest) => NDArray | number,
  options?: { readonly argnums?: 0; readonly hasAux?: false },
): (x: A, ...rest: Rest) => A
/** Gradient with respect to one argument. */
export function grad<Args extends readonly unknown[], N extends number>(
  f: (...args: Args) => NDArray | number,
  options: { readonly argnums: N; readonly hasAux?: false },
): (...args: Args) => Args[N]
/** Gradients with respect to several arguments. */
export function grad<Args extends readonly unknown[], const N extends readonly number[]>(
  f: (...args: Args) => NDArray | number,
  options: { readonly argnums: N; readonly hasAux?: false },
): (...args: Args) => { -readonly [K in keyof N]: Args[N[K] & keyof Args] }
/** Gradients with respect to any arguments, with auxiliary output. */
export function grad<Args extends readonly unknown[], const N extends number | readonly number[], Aux>(
  f: (...args: Args) => readonly [NDArray | number, Aux],
  options: { readonly argnums: N; readonly hasAux: true },
): (
  ...args: Args
) => [N extends readonly number[] ? { -readonly [K in keyof N]: Args[N[K] & keyof Args] } : Args[N & keyof Args], Aux]
/**
 * Gradient of a scalar function, by reverse mode.
 *
 * @param f function whose (first, or `argnums`) argument is a pytree of floats and whose result is a scalar
 * @returns function of the same arguments that gives the gradient, with the structure of the argument
 *   (`[gradient, aux]` with `hasAux`). Throws ArgumentError for integer arguments, DifferentiationError for results that
 *   are no scalar.
 * @example
 * ```ts
 * const slope = grad((x) => np.add(np.square(x), np.multiply(3, x)))
 * console.log(slope(np.array(2)).item()) // 7
 * ```
 */
export function grad(f: (...args: never[]) => unknown, options: GradOptions = {}): (...args: never[]) => unknown {
  checkOptions('grad', options, 'argnums hasAux')
  return (...args: unknown[]) => {
    const { grads, aux } = differentiate(f, args, options, 'grad')
    return options.hasAux === true ? [grads, aux] : grads
  }
}

/** Value, auxiliary output and gradient with respect to argument 0. */
export function valueAndGrad<A, Rest extends readonly unknown[], Aux>(
  f: (x: A, ...rest: Rest) => readonly [NDArray | number, Aux],
  options: { readonly argnums?: 0; readonly hasAux: true },
): (x: A, ...rest: Rest) => [[NDArray, Aux], A]
/** Value and gradient with respect to argument 0. */
export function valueAndGrad<A, Rest extends readonly unknown[]>(
  f: (x: A, ...rest: Rest) => NDArray | number,
  options?: { readonly argnums?: 0; readonly hasAux?: false },
): (x: A, ...rest: Rest) => [NDArray, A]
/** Value and gradients with respect to chosen arguments. */
export function valueAndGrad<Args extends readonly unknown[], const N extends number | readonly number[]>(
  f: (...args: Args) => NDArray | number,
  options: { readonly argnums: N; readonly hasAux?: false },
): (
  ...args: Args
) => [
  NDArray,
  N extends readonly number[] ? { -readonly [K in keyof N]: Args[N[K] & keyof Args] } : Args[N & keyof Args],
]
/** Value, auxiliary output and gradients with respect to chosen arguments. */
export function valueAndGrad<Args extends readonly unknown[], const N extends number | readonly number[], Aux>(
  f: (...args: Args) => readonly [NDArray | number, Aux],
  options: { readonly argnums: N; readonly hasAux: true },
): (
  ...args: Args
) => [
  [NDArray, Aux],
  N extends readonly number[] ? { -readonly [K in keyof N]: Args[N[K] & keyof Args] } : Args[N & keyof Args],
]
/**
 * Value and gradient of a scalar function, in one pass.
 *
 * @returns function that gives `[value, gradient]`, or `[[value, aux], gradient]` with `hasAux`
 */
export function valueAndGrad(
  f: (...args: never[]) => unknown,
  options: GradOptions = {},
): (...args: never[]) => unknown {
  checkOptions('valueAndGrad', options, 'argnums hasAux')
  return (...args: unknown[]) => {
    const { value, grads, aux } = differentiate(f, args, options, 'valueAndGrad')
    return [options.hasAux === true ? [value, aux] : value, grads]
  }
}
