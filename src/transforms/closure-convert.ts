/** closureConvert: what a function is closed over, as arguments. */
import { type NDArray, Tracer, buildJaxpr, evalJaxpr, isFloating, known, tree } from '../core/index.js'
import { flattenArguments, flattenResult, functionName, leafArray, rebuild } from './arguments.js'

/**
 * Hoists the traced float arrays that `f` is closed over into arguments, so that rules such as those of customVjp, which
 * know only their arguments, can give cotangents for them. Other values, which cannot be differentiated by, stay inside.
 *
 * The function is traced once, at the examples: the result takes arguments of the same structure, shapes and dtypes.
 *
 * @returns `[converted, consts]` with `converted(...args, ...consts)` equal to `f(...args)`
 * @example
 * ```ts
 * const solve = (f: (y: NDArray) => NDArray, y: NDArray) => {
 *   const [converted, consts] = closureConvert(f, y)
 *   return solver(converted, y, ...consts) // a customVjp function with nondiffArgnums: [0]
 * }
 * ```
 */
export const closureConvert = <Args extends readonly unknown[], R>(
  f: (...args: Args) => R,
  ...examples: Args
): [converted: (...args: readonly [...args: Args, ...consts: NDArray[]]) => R, consts: NDArray[]] => {
  const name = functionName(f)
  const operation = `closureConvert(${name})`
  const flat = flattenArguments(f, examples, operation)
  let outDef = flat.def
  const closed = buildJaxpr(
    (inputs) => {
      const args = rebuild(flat.def, inputs)
      const out = flattenResult(Reflect.apply(f, undefined, Array.isArray(args) ? args : []), f, operation)
      outDef = out.def
      return out.leaves
    },
    flat.leaves.map((x) => x.aval),
    operation,
    flat.paths,
  )
  const isHoisted = closed.values.map((x) => x instanceof Tracer && isFloating(x.dtype))
  const consts = closed.values.filter((_, i) => isHoisted[i])
  // What stays is held as it is; what was hoisted must not be, since it belongs to the present transformation.
  const kept = closed.values.map((x, i) => (isHoisted[i] === true ? undefined : x))
  const converted = (...all: readonly unknown[]): R => {
    const count = all.length - consts.length
    const args = tree.flatten(all.slice(0, count))
    tree.checkSameStructure(flat.def, args.def, `${operation}: arguments must look like the examples`, 'args')
    const leaves = args.leaves.map((leaf, i) => leafArray(leaf, flat.paths[i] ?? 'an argument', operation))
    const hoisted = all.slice(count).map((leaf, i) => leafArray(leaf, `consts[${i}]`, operation))
    let next = 0
    const values = kept.map((x) => x ?? known(hoisted[next++], 'constant'))
    return rebuild(outDef, evalJaxpr(closed.jaxpr, values, leaves)) as R
  }
  Object.defineProperty(converted, 'name', { value: name })
  return [converted, consts]
}
