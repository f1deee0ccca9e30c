/** customLinearSolve: solutions of linear systems by any method, whose derivatives are solutions of linear systems too. */
import {
  type Jaxpr,
  type NDArray,
  type Primitive,
  type Tangent,
  ArgumentError,
  DifferentiationError,
  InternalError,
  ParseError,
  avalText,
  bind,
  buildJaxpr,
  checkOptions,
  definePrimitive,
  evalJaxpr,
  isJaxpr,
  isLinear,
  known,
  knownInput,
  nativeFloats,
  newJaxpr,
  newVar,
  sameAval,
  shapedArray,
  tree,
} from '../core/index.js'
import { div, mul, neg, sub, zerosOf } from '../lax/index.js'
import { flattenArguments, functionName, rebuild } from './arguments.js'
import { jvpFlat, splitAux } from './jvp.js'
import { traceBody } from './programs.js'
import { transposeJaxpr } from './transpose.js'
import { batchJaxpr, placeBatchAxis } from './vmap.js'

/** Every program takes all constants, then a vector: `matvec` the solution, `solve` the right-hand side. */
interface SolveParams {
  readonly matvec: Jaxpr
  readonly vecmat: Jaxpr
  readonly solve: Jaxpr
  readonly transposeSolve: Jaxpr
  /** Whether `transposeSolve` is one; it is `solve` again when nobody said how to solve with the transpose. */
  readonly transposable: boolean
  /** Arrays of the vector; what `solve` gives beyond them has no derivative. */
  readonly count: number
}

const difference = (x: Tangent, y: Tangent): Tangent => (y === null ? x : x === null ? neg(y) : sub(x, y))

const linearSolvePrimitive: Primitive<SolveParams> = definePrimitive<SolveParams>({
  name: 'custom_linear_solve',
  abstract: (inputs, { solve }) => {
    if (
      inputs.length !== solve.inputs.length ||
      !inputs.every((x, i) => sameAval(x, known(solve.inputs[i], 'input').aval))
    )
      throw new InternalError('custom_linear_solve was bound to operands that its programs do not take')
    return solve.outputs.map((a) => a.aval)
  },
  // A x = b, so A dx = db - dA x.
  jvp: (primals, tangents, params) => {
    const { matvec, count } = params
    const outs = bind(linearSolvePrimitive, primals, params)
    const constants = primals.slice(0, -count)
    const moved = jvpFlat(
      (xs) => evalJaxpr(matvec, [], [...xs, ...outs.slice(0, count)]),
      constants,
      tangents.slice(0, -count),
      'jvp of customLinearSolve',
    ).tangents
    const rhs = tangents.slice(-count).map((t, i) => difference(t, moved[i] ?? null))
    if (rhs.every((t) => t === null)) return [outs, outs.map(() => null)]
    const vector = rhs.map((t, i) => t ?? zerosOf(known(outs[i], 'solution').aval))
    const solved = bind(linearSolvePrimitive, [...constants, ...vector], params)
    return [outs, outs.map((_, i) => (i < count ? known(solved[i], 'tangent') : null))]
  },
  transpose: (cotangents, inputs, params) => {
    const { matvec, vecmat, solve, transposeSolve, transposable, count } = params
    if (!transposable) {
      throw new DifferentiationError(
        'customLinearSolve: reverse mode solves with the transposed matrix. Say how with { transposeSolve }, or that the matrix is its own transpose with { symmetric: true }.',
      )
    }
    const constants = inputs.slice(0, -count)
    if (constants.some(isLinear)) throw new InternalError('a solution is not linear in its matrix')
    const vector = cotangents
      .slice(0, count)
      .map((ct, i) => ct ?? zerosOf(known(inputs[constants.length + i], 'vector').aval))
    const outs = bind(linearSolvePrimitive, [...constants.map(knownInput), ...vector], {
      ...params,
      matvec: vecmat,
      vecmat: matvec,
      solve: transposeSolve,
      transposeSolve: solve,
    })
    return [...constants.map(() => null), ...outs.slice(0, count)]
  },
  batch: (inputs, axes, params, axis) => {
    const { count } = params
    const constants = axes.slice(0, -count)
    const over = (jaxpr: Jaxpr): Jaxpr =>
      batchJaxpr(
        jaxpr,
        [...constants, ...jaxpr.inputs.slice(-count).map(() => 0)],
        axis,
        jaxpr.outputs.map(() => true),
      ).jaxpr
    const first = inputs.length - count
    const moved = inputs.map((x, i) => (i < first ? x : placeBatchAxis(x, axes[i] ?? null, 0, axis.size)))
    const outs = bind(linearSolvePrimitive, moved, {
      ...params,
      matvec: over(params.matvec),
      vecmat: over(params.vecmat),
      solve: over(params.solve),
      transposeSolve: over(params.transposeSolve),
    })
    return [outs, outs.map(() => 0)]
  },
  lower: () => {
    throw new InternalError('custom_linear_solve is written out before lowering')
  },
  program: { split: undefined, inline: ({ solve }) => solve, donated: undefined },
  parse: (printed) => {
    const jaxpr = (name: string): Jaxpr => {
      const value = printed[name]
      if (!isJaxpr(value)) throw new ParseError(`parseJaxpr: custom_linear_solve has no jaxpr named ${name}.`)
      return value
    }
    return {
      matvec: jaxpr('matvec'),
      vecmat: jaxpr('vecmat'),
      solve: jaxpr('solve'),
      transposeSolve: jaxpr('transpose_solve'),
      transposable: printed['transposable'] === true,
      count: Number(printed['count']),
    }
  },
  print: ({ matvec, vecmat, solve, transposeSolve, transposable, count }) => ({
    matvec,
    vecmat,
    solve,
    transpose_solve: transposeSolve,
    transposable,
    count,
  }),
  sample: (draw) => {
    const aval = shapedArray(draw.shape({ maxRank: 2 }), draw.pick(nativeFloats))
    const of = (f: (diagonal: NDArray, x: NDArray) => NDArray): Jaxpr =>
      buildJaxpr(([d, x]) => [f(known(d, 'diagonal'), known(x, 'vector'))], [aval, aval], 'sample').jaxpr
    const [times, over] = [of(mul), of((diagonal, x) => div(x, diagonal))]
    return {
      inputs: [draw.array(aval.shape, aval.dtype, { min: 1, max: 3 }), draw.array(aval.shape, aval.dtype)],
      params: { matvec: times, vecmat: times, solve: over, transposeSolve: over, transposable: true, count: 1 },
    }
  },
})

/** Options of `customLinearSolve`. */
export interface LinearSolveOptions<T> {
  /** Solves with the transposed matrix: `(vecmat, b) => x`. Reverse mode wants it, unless the matrix is symmetric. */
  readonly transposeSolve?: ((vecmat: (x: T) => T, b: T) => unknown) | null
  /** The matrix is its own transpose. */
  readonly symmetric?: boolean
  /** `solve` returns `[x, aux]`. */
  readonly hasAux?: boolean
}

/** A body with its constants at the place that they have among all constants. */
const placed = (jaxpr: Jaxpr, constants: readonly number[], total: readonly NDArray[]): Jaxpr => {
  const own = jaxpr.inputs.slice(0, constants.length)
  const all = total.map((x, i) => own[constants.indexOf(i)] ?? newVar(x.aval))
  return newJaxpr([], [...all, ...jaxpr.inputs.slice(constants.length)], jaxpr.equations, jaxpr.outputs)
}

/**
 * The `x` with `matvec(x) = b`, as `solve(matvec, b)` finds it by any method, loops included. Derivatives do not go through
 * `solve`: they solve again, by b and by what `matvec` is closed over.
 *
 * @param matvec a linear function of pytrees like `b`
 * @returns `x`, or `[x, aux]` with `hasAux`
 * @throws ArgumentError when `matvec` or `solve` gives something unlike `b`; DifferentiationError in reverse mode when nobody
 *   said how to solve with the transpose
 * @example
 * ```ts
 * const a = np.array([[4, 1], [1, 3]])
 * const x = lax.customLinearSolve((v) => np.matmul(a, v), np.array([1, 2]), (matvec, b) => np.linalg.solve(a, b), { symmetric: true })
 * ```
 */
export function customLinearSolve<T, Aux>(
  matvec: (x: T) => T,
  b: T,
  solve: (matvec: (x: T) => T, b: T) => readonly [T, Aux],
  options: LinearSolveOptions<T> & { readonly hasAux: true },
): [T, Aux]
export function customLinearSolve<T>(
  matvec: (x: T) => T,
  b: T,
  solve: (matvec: (x: T) => T, b: T) => T,
  options?: LinearSolveOptions<T> & { readonly hasAux?: false },
): T
export function customLinearSolve<T>(
  matvec: (x: T) => T,
  b: T,
  solve: (matvec: (x: T) => T, b: T) => unknown,
  options: LinearSolveOptions<T> = {},
): unknown {
  const operation = `customLinearSolve(${functionName(matvec)})`
  const {
    transposeSolve = null,
    symmetric = false,
    hasAux = false,
  } = checkOptions('customLinearSolve', options, 'transposeSolve symmetric hasAux')
  const flat = flattenArguments(matvec, [b], operation)
  const avals = flat.leaves.map((x) => x.aval)
  const bodyOf = (f: (x: T) => unknown, what: string, aux: boolean) => {
    const body = traceBody(f, flat.def, avals, operation, flat.paths)
    const main = aux ? body.outDef.children[0] : body.outDef
    const expected = known(flat.def.children[0], 'structure of b')
    const outs = body.outAvals.slice(0, avals.length)
    if (main?.key !== expected.key || !outs.every((x, i) => sameAval(x, known(avals[i], 'aval')))) {
      throw new ArgumentError(
        `${operation}: ${what} must give what looks like b, ${avals.map(avalText).join(' ')}, and gave ${body.outAvals.map(avalText).join(' ')}.`,
      )
    }
    return body
  }
  const forward = bodyOf(matvec, 'matvec', false)
  /** What a solver gave, a list of two with `hasAux`. */
  const given = (result: unknown): unknown => (hasAux ? [...splitAux(result, true, operation)] : result)
  const solved = bodyOf((x) => given(solve(matvec, x)), 'solve', hasAux)
  const transposed = transposeJaxpr(
    forward.jaxpr,
    forward.jaxpr.inputs.map((_, i) => i >= forward.constants.length),
    avals.map(() => true),
    true,
  ).jaxpr
  const vecmat = (x: T): T => {
    const { leaves } = tree.flatten([x])
    const outs = evalJaxpr(transposed, [], [...forward.constants, ...(leaves as NDArray[])])
    return (rebuild(flat.def, outs) as [T])[0]
  }
  const back =
    symmetric || transposeSolve === null
      ? solved
      : bodyOf((x) => given(transposeSolve(vecmat, x)), 'transposeSolve', hasAux)
  const constants: NDArray[] = []
  const placesOf = (own: readonly NDArray[]): number[] => own.map((x) => constants.push(x) - 1)
  const [atForward, atSolved] = [placesOf(forward.constants), placesOf(solved.constants)]
  const atBack = back === solved ? atSolved : placesOf(back.constants)
  const forwardJaxpr = placed(forward.jaxpr, atForward, constants)
  const outs = bind(linearSolvePrimitive, [...constants, ...flat.leaves], {
    matvec: forwardJaxpr,
    vecmat: symmetric ? forwardJaxpr : placed(transposed, atForward, constants),
    solve: placed(solved.jaxpr, atSolved, constants),
    transposeSolve: placed(back.jaxpr, atBack, constants),
    transposable: symmetric || transposeSolve !== null,
    count: avals.length,
  })
  return rebuild(solved.outDef, outs)
}
