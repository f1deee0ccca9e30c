/** customRoot: roots of functions by any method, with derivatives by the implicit function theorem. */
import { type NDArray, checkOptions, tree } from '../core/index.js'
import { neg, zerosOf } from '../lax/index.js'
import { leafArray } from './arguments.js'
import { closureConvert } from './closure-convert.js'
import { customJvp } from './custom-jvp.js'
import { linearize } from './grad.js'
import { type AuxOptions, jvp, splitAux } from './jvp.js'

const mapLeaves = <T>(f: (x: NDArray) => NDArray, value: T): T => {
  const { leaves, def } = tree.flatten(value)
  return tree.unflatten(
    def,
    leaves.map((leaf, i) => f(leafArray(leaf, `leaf ${i}`, 'customRoot'))),
  ) as T
}

/**
 * The `x` with `f(x) = 0`, as `solve(f, initialGuess)` finds it by any method, loops included. Derivatives by what `f` is closed
 * over do not go through `solve`: `tangentSolve(g, y)` gives the `x` with `g(x) = y`, for `g` the derivative of `f` at the root.
 *
 * @param f function of a pytree to one of the same structure
 * @returns the root, or `[root, aux]` with `hasAux`, when `solve` returns that
 * @example
 * ```ts
 * const newton = (f: (x: NDArray) => NDArray, x: NDArray) =>
 *   lax.foriLoop(0, 20, (_, at: NDArray) => at.sub(np.divide(f(at), grad(f)(at))), x)
 * const root = (a: NDArray) =>
 *   lax.customRoot((x: NDArray) => np.subtract(np.square(x), a), np.array(1), newton, (g, y) => np.divide(y, g(np.array(1))))
 * console.log(grad(root)(np.array(4)).item()) // 0.25, half of 1 over the root of 4
 * ```
 */
export function customRoot<T, Aux>(
  f: (x: T) => T,
  initialGuess: T,
  solve: (f: (x: T) => T, initialGuess: T) => readonly [T, Aux],
  tangentSolve: (g: (x: T) => T, y: T) => T,
  options: AuxOptions & { readonly hasAux: true },
): [T, Aux]
export function customRoot<T>(
  f: (x: T) => T,
  initialGuess: T,
  solve: (f: (x: T) => T, initialGuess: T) => T,
  tangentSolve: (g: (x: T) => T, y: T) => T,
  options?: AuxOptions & { readonly hasAux?: false },
): T
export function customRoot<T>(
  f: (x: T) => T,
  initialGuess: T,
  solve: (f: (x: T) => T, initialGuess: T) => unknown,
  tangentSolve: (g: (x: T) => T, y: T) => T,
  options: AuxOptions = {},
): unknown {
  const { hasAux = false } = checkOptions('customRoot', options, 'hasAux')
  const [converted, constants] = closureConvert(f, initialGuess)
  const found = customJvp((consts: readonly NDArray[], guess: T): readonly [T, unknown] => {
    const [root, aux] = splitAux(
      solve((x) => converted(x, ...consts), guess),
      hasAux,
      'customRoot',
    )
    return [root as T, aux ?? null]
  })
  found.defjvp(([consts, guess], [tangents]) => {
    const [root, aux] = found(consts, guess)
    const [, moved] = jvp((...cs: readonly NDArray[]) => converted(root, ...cs), consts, tangents)
    const [, g] = linearize((x: T) => converted(x, ...consts), root)
    const back = mapLeaves(neg, tangentSolve(g, moved))
    return [
      [root, aux],
      [back, mapLeaves((x) => zerosOf(x.aval), aux)],
    ]
  })
  const [root, aux] = found(constants, initialGuess)
  return hasAux ? [root, aux] : root
}
