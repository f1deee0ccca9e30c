/** Jacobians and Hessians: pushing or pulling a whole basis at once. */
import { type NDArray, type TreeDef, NDArray as ArrayClass, known, tree, checkOptions } from '../core/index.js'
import { convertElementType, eq, iota, broadcastInDim, reshape, zerosOf } from '../lax/index.js'
import { argumentPaths, argumentPositions, flattenResult, floatLeaf, functionName, rebuild } from './arguments.js'
import { vjp } from './grad.js'
import { jvp, splitAux } from './jvp.js'
import { vmap } from './vmap.js'

export interface JacobianOptions {
  readonly argnums?: number | readonly number[]
  readonly hasAux?: boolean
}

/** All unit arrays of an array's shape, along a leading axis. */
const basis = (x: NDArray): NDArray => {
  const n = x.size
  const rows = broadcastInDim(iota('int32', n), [n, n], [0])
  const columns = broadcastInDim(iota('int32', n), [n, n], [1])
  return reshape(convertElementType(eq(rows, columns), x.dtype), [n, ...x.shape])
}

const asList = (value: unknown): NDArray[] => (Array.isArray(value) ? value.filter((x) => x instanceof ArrayClass) : [])

/** A function of the leaves of the chosen arguments, with the structures around it. */
const prepare = (
  f: (...args: never[]) => unknown,
  args: readonly unknown[],
  options: JacobianOptions,
  name: string,
) => {
  const operation = `${name}(${functionName(f)})`
  const { argnums = 0, hasAux = false } = options
  const positions = argumentPositions(argnums, args.length, operation)
  const names = argumentPaths(f, tree.structure(args.map(() => 0)))
  const chosen = positions.map((p) => args[p])
  const { leaves, def } = tree.flatten(chosen)
  const paths = positions.flatMap((p, i) => tree.paths(known(def.children[i], 'argument'), names[p] ?? `args[${p}]`))
  const floats = leaves.map((leaf, i) => floatLeaf(leaf, paths[i] ?? 'an argument', operation))
  const state: { outDef: TreeDef | undefined; aux: unknown } = { outDef: undefined, aux: undefined }
  const g = (...inputs: NDArray[]): [NDArray[], unknown] => {
    const rebuilt = rebuild(def, inputs)
    const replaced: unknown[] = Array.isArray(rebuilt) ? rebuilt : []
    const all = [...args]
    positions.forEach((p, i) => {
      all[p] = replaced[i]
    })
    const [main, aux] = splitAux(Reflect.apply(f, undefined, all), hasAux, operation)
    const out = flattenResult(main, f, operation)
    state.outDef = out.def
    return [[...out.leaves], aux ?? null]
  }
  /** Jacobian of every output leaf by every input leaf, in the structure of outputs around that of inputs. */
  const assemble = (table: readonly (readonly NDArray[])[]): unknown => {
    const rows = table.map((row) => {
      const list = rebuild(def, row)
      return typeof argnums === 'number' && Array.isArray(list) ? (list as unknown[])[0] : list
    })
    return tree.unflatten(known(state.outDef, 'structure'), rows)
  }
  return { floats, g, assemble, hasAux }
}

/**
 * Jacobian by forward mode: one pass per input element, all batched. Cheaper than jacrev when there are more outputs than inputs.
 *
 * @returns function that gives, for every output leaf of shape `o` and input leaf of shape `i`, an array of shape `[...o, ...i]`
 */
export const jacfwd = <Args extends readonly unknown[]>(
  f: (...args: Args) => unknown,
  options: JacobianOptions = {},
): ((...args: Args) => NDArray) => {
  checkOptions('jacfwd', options, 'argnums hasAux')
  return (...args: Args): NDArray => {
    const { floats, g, assemble, hasAux } = prepare(f, args, options, 'jacfwd')
    const main = (...xs: NDArray[]): NDArray[] => g(...xs)[0]
    const columns = floats.map((x, k) =>
      vmap(
        (t: NDArray) =>
          jvp(
            main,
            floats,
            floats.map((y, j) => (j === k ? t : zerosOf(y.aval))),
          )[1],
        { outAxes: -1 },
      )(basis(x)),
    )
    // Shapes: columns[k][o] is [...output, size of input k].
    const outCount = known(columns[0], 'argument').length
    const table = Array.from({ length: outCount }, (_, o) =>
      floats.map((x, k) => {
        const column = known(columns[k]?.[o], 'column')
        return reshape(column, [...column.shape.slice(0, -1), ...x.shape])
      }),
    )
    const result = assemble(table)
    return (hasAux ? [result, g(...floats)[1]] : result) as NDArray
  }
}

/**
 * Jacobian by reverse mode: one pass per output element, all batched. Cheaper than jacfwd when there are more inputs than outputs.
 *
 * @returns function that gives, for every output leaf of shape `o` and input leaf of shape `i`, an array of shape `[...o, ...i]`
 */
export const jacrev = <Args extends readonly unknown[]>(
  f: (...args: Args) => unknown,
  options: JacobianOptions = {},
): ((...args: Args) => NDArray) => {
  checkOptions('jacrev', options, 'argnums hasAux')
  return (...args: Args): NDArray => {
    const { floats, g, assemble, hasAux } = prepare(f, args, options, 'jacrev')
    const main = (...xs: NDArray[]): NDArray[] => g(...xs)[0]
    const [outs, back] = vjp(main, ...floats)
    const table = outs.map((out, o) => {
      const cotangents = (ct: NDArray): NDArray[] => outs.map((other, j) => (j === o ? ct : zerosOf(other.aval)))
      const rows = asList(vmap((ct: NDArray) => back(cotangents(ct)))(basis(out)))
      return floats.map((x, k) => reshape(known(rows[k], 'row'), [...out.shape, ...x.shape]))
    })
    const result = assemble(table)
    return (hasAux ? [result, g(...floats)[1]] : result) as NDArray
  }
}

/** Second derivatives of a scalar function: forward over reverse. Shape `[...input, ...input]`. */
export const hessian = <Args extends readonly unknown[]>(
  f: (...args: Args) => unknown,
  options: JacobianOptions = {},
): ((...args: Args) => NDArray) => {
  checkOptions('hessian', options, 'argnums hasAux')
  return jacfwd(jacrev(f, options), options)
}
