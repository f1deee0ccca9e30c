/** Reverse mode's second half: running a linear program backwards. */
import {
  type Atom,
  type Equation,
  type Jaxpr,
  type NDArray,
  type ShapedArray,
  type Tangent,
  type TransposeInput,
  type Var,
  ArgumentError,
  DifferentiationError,
  LinearInput,
  avalText,
  bindEquation,
  buildJaxpr,
  equationText,
  known,
  literalArray,
  sameShape,
  tree,
  withSource,
} from '../core/index.js'
import { addAny, convertElementType, zerosOf } from '../lax/index.js'
import { flattenArguments, flattenResult, functionName, leafArray, rebuild } from './arguments.js'
import { nesting } from './parts.js'

/**
 * Cotangents of the linear inputs of a program, from those of its outputs.
 * `inputs` are the values of the known inputs; null marks the linear ones.
 */
export const backwardPass = (
  jaxpr: Jaxpr,
  constants: readonly NDArray[],
  inputs: readonly (NDArray | null)[],
  cotangents: readonly Tangent[],
): Tangent[] => {
  const values = new Map<Var, NDArray>()
  const linear = new Set<Var>()
  jaxpr.constants.forEach((v, i) => values.set(v, known(constants[i], 'constant')))
  jaxpr.inputs.forEach((v, i) => {
    const value = inputs[i]
    if (value === null || value === undefined) linear.add(v)
    else values.set(v, value)
  })
  const read = (a: Atom): NDArray =>
    a.kind === 'literal' ? literalArray(a) : known(values.get(a), 'value of a linear program')
  const isLinearAtom = (a: Atom): boolean => a.kind === 'var' && linear.has(a)
  const run = (equation: Equation): void => {
    const outs = bindEquation(equation, equation.inputs.map(read))
    equation.outputs.forEach((v, i) => values.set(v, known(outs[i], 'result')))
  }
  // What does not depend on linear inputs runs now; the rest is kept for the way back.
  const later: Equation[] = []
  for (const equation of jaxpr.equations) {
    if (!equation.inputs.some(isLinearAtom)) {
      run(equation)
      continue
    }
    const [now, rest] =
      equation.primitive.program?.split === undefined
        ? [undefined, equation]
        : nesting.get(equation.primitive.name).splitEquation(equation, equation.inputs.map(isLinearAtom))
    if (now !== undefined) run(now)
    if (rest === undefined) continue
    for (const v of rest.outputs) linear.add(v)
    later.push(rest)
  }

  const cts = new Map<Var, NDArray>()
  const accumulate = (a: Atom, ct: Tangent | undefined): void => {
    if (ct === null || ct === undefined || a.kind === 'literal' || !linear.has(a)) return
    const before = cts.get(a)
    cts.set(a, before === undefined ? ct : addAny(before, ct))
  }
  jaxpr.outputs.forEach((a, i) => accumulate(a, cotangents[i]))
  for (let i = later.length - 1; i >= 0; i--) {
    const equation = known(later[i], 'equation')
    const outCts = equation.outputs.map((v) => cts.get(v) ?? null)
    if (outCts.every((ct) => ct === null)) continue
    const { transpose } = equation.primitive
    if (transpose === undefined) {
      throw new DifferentiationError(
        `${equation.primitive.name} cannot be differentiated in reverse: it is not linear in its operand, in ${equationText(equation)}` +
          `${equation.source === undefined ? '' : ` (from ${equation.source})`}.`,
      )
    }
    const ins: TransposeInput[] = equation.inputs.map((a) => (isLinearAtom(a) ? new LinearInput(a.aval) : read(a)))
    const inCts = withSource(equation.source, () => transpose(outCts, ins, equation.params))
    equation.inputs.forEach((a, k) => accumulate(a, inCts[k]))
    for (const v of equation.outputs) cts.delete(v)
  }
  return jaxpr.inputs.map((v) => (linear.has(v) ? (cts.get(v) ?? null) : null))
}

/** A transposed program. */
export interface TransposedJaxpr {
  /** Takes the known inputs, then the cotangents flagged nonzero; gives the cotangents flagged in `nonzeroOut`. */
  readonly jaxpr: Jaxpr
  /** For every input of the original: whether a cotangent comes out. */
  readonly nonzeroOut: readonly boolean[]
}

const cache = new WeakMap<Jaxpr, Map<string, TransposedJaxpr>>()

/** Transposes a program without constants that is linear in the flagged inputs. `instantiate` gives zeros for all linear ones. */
export const transposeJaxpr = (
  jaxpr: Jaxpr,
  linearInputs: readonly boolean[],
  nonzeroCts: readonly boolean[],
  instantiate = false,
): TransposedJaxpr => {
  const key = `${linearInputs.map(Number).join('')}/${nonzeroCts.map(Number).join('')}/${instantiate}`
  let perJaxpr = cache.get(jaxpr)
  if (perJaxpr === undefined) cache.set(jaxpr, (perJaxpr = new Map()))
  let found = perJaxpr.get(key)
  if (found === undefined) {
    const knownAvals = jaxpr.inputs.filter((_, i) => linearInputs[i] !== true).map((v) => v.aval)
    const ctAvals: ShapedArray[] = jaxpr.outputs.filter((_, i) => nonzeroCts[i]).map((a) => a.aval)
    let nonzeroOut: readonly boolean[] = []
    const closed = buildJaxpr(
      (all) => {
        let next = 0
        const ins = jaxpr.inputs.map((_, i) => (linearInputs[i] === true ? null : known(all[next++], 'input')))
        const cts = jaxpr.outputs.map((_, i) => (nonzeroCts[i] === true ? known(all[next++], 'cotangent') : null))
        const outs = backwardPass(jaxpr, [], ins, cts).map((ct, i) =>
          ct === null && instantiate && linearInputs[i] === true ? zerosOf(known(jaxpr.inputs[i], 'input').aval) : ct,
        )
        nonzeroOut = outs.map((ct) => ct !== null)
        return outs.filter((ct) => ct !== null)
      },
      [...knownAvals, ...ctAvals],
      'transpose',
    )
    perJaxpr.set(key, (found = { jaxpr: closed.jaxpr, nonzeroOut }))
  }
  return found
}

/** One cotangent per output leaf, checked against the outputs' avals; null for zeros of integers. */
export const checkedCotangents = (
  ct: unknown,
  def: ReturnType<typeof tree.structure>,
  avals: readonly ShapedArray[],
  operation: string,
): NDArray[] => {
  const flat = tree.flatten(ct)
  tree.checkSameStructure(def, flat.def, `${operation}: the cotangent must look like the result`, 'cotangent')
  return flat.leaves.map((leaf, i) => {
    const aval = known(avals[i], 'aval')
    const path = tree.paths(def, 'cotangent')[i] ?? 'cotangent'
    const x = leafArray(leaf, path, operation)
    if (!sameShape(x.shape, aval.shape)) {
      throw new ArgumentError(
        `${operation}: ${path} is ${avalText(x.aval)}, but the result is ${avalText(aval)}. A cotangent has the result's shape.`,
      )
    }
    return x.dtype === aval.dtype ? x : convertElementType(x, aval.dtype)
  })
}

/**
 * Transpose of a linear function: `linearTranspose(f, ...examples)(ct)` gives one cotangent per argument, with
 * `sum(ct * f(x)) = sum(linearTranspose(f, x)(ct) * x)` for every x.
 *
 * @param f function that is linear in all its arguments
 * @param examples arrays (values are not used) that tell shapes and dtypes
 */
export const linearTranspose = <Args extends readonly unknown[], R>(
  f: (...args: Args) => R,
  ...examples: Args
): ((ct: R) => Args) => {
  const operation = `linearTranspose(${functionName(f)})`
  const flat = flattenArguments(f, examples, operation)
  let def = flat.def
  const closed = buildJaxpr(
    (inputs) => {
      const out = flattenResult(Reflect.apply(f, undefined, rebuild(flat.def, inputs) as unknown[]), f, operation)
      def = out.def
      return out.leaves
    },
    flat.leaves.map((x) => x.aval),
    operation,
    flat.paths,
  )
  const avals = closed.jaxpr.outputs.map((a) => a.aval)
  return (ct) => {
    const cts = checkedCotangents(ct, def, avals, operation)
    const outs = backwardPass(
      closed.jaxpr,
      closed.values,
      closed.jaxpr.inputs.map(() => null),
      cts,
    )
    return rebuild(
      flat.def,
      outs.map((x, i) => x ?? zerosOf(known(closed.jaxpr.inputs[i], 'input').aval)),
    ) as unknown as Args
  }
}
