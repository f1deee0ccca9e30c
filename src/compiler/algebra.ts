/** Identities of operations that hold bit for bit, for NaN, infinities and signed zeros too. */
import {
  type Atom,
  type Equation,
  type Jaxpr,
  type Params,
  type Var,
  isFloating,
  known,
  newEquation,
  newJaxpr,
  sameAval,
  sameShape,
} from '../core/index.js'
import { type Renaming, renameInputs, renamed } from './passes.js'

/** What is known while walking a program: the equation that made each variable, and arrays with one value throughout. */
class Facts {
  readonly #made = new Map<Var, Equation>()
  readonly #uniform = new Map<Var, number>()
  readonly #uses = new Map<Atom, number>()

  constructor(jaxpr: Jaxpr) {
    const use = (atom: Atom): void => {
      this.#uses.set(atom, (this.#uses.get(atom) ?? 0) + 1)
    }
    for (const equation of jaxpr.equations) equation.inputs.forEach(use)
    jaxpr.outputs.forEach(use)
  }

  /** Whether only one equation, or one result, uses the atom. */
  usedOnce(atom: Atom): boolean {
    return this.#uses.get(atom) === 1
  }

  learn(equation: Equation): void {
    const [out] = equation.outputs
    const [input] = equation.inputs
    if (out === undefined || input === undefined || equation.outputs.length !== 1) return
    this.#made.set(out, equation)
    if (equation.primitive.name === 'broadcast_in_dim' || equation.primitive.name === 'reshape') {
      const value = this.uniform(input)
      if (value !== undefined) this.#uniform.set(out, value)
    }
  }

  /** The equation of that operation which made the atom. */
  madeBy(atom: Atom | undefined, name: string): Equation | undefined {
    const equation = atom?.kind === 'var' ? this.#made.get(atom) : undefined
    return equation?.primitive.name === name ? equation : undefined
  }

  /** The value that every element has. */
  uniform(atom: Atom | undefined): number | undefined {
    if (atom === undefined) return undefined
    return atom.kind === 'literal' ? atom.value : this.#uniform.get(atom)
  }
}

/** An atom that the equation's only result equals, an equation to write in its place, or nothing. */
type Rule = (equation: Equation, facts: Facts) => Atom | Equation | undefined

const numbersOf = (params: Params, name: string): readonly number[] | undefined => {
  const value: unknown = Reflect.get(params, name)
  return Array.isArray(value) && value.every((x) => typeof x === 'number') ? value : undefined
}

const resultOf = (equation: Equation): Var => known(equation.outputs[0], 'result')

const unchanged = (equation: Equation): Atom | undefined => {
  const [input] = equation.inputs
  return input !== undefined && sameAval(input.aval, resultOf(equation).aval) ? input : undefined
}

/** The same operation, of the operand of the operation before it. */
const skipping = (equation: Equation, before: Equation | undefined): Equation | undefined =>
  before === undefined
    ? undefined
    : newEquation(equation.primitive, before.inputs, equation.params, equation.outputs, equation.source)

/** Whether an operand can be the result: nothing is broadcast or converted. */
const ifSame = (atom: Atom | undefined, equation: Equation): Atom | undefined =>
  atom?.kind === 'var' && sameAval(atom.aval, resultOf(equation).aval) ? atom : undefined

/**
 * A matrix product that is only used transposed is computed transposed, by exchanging its operands: the same products,
 * summed in the same order, and whoever reads the result walks along memory.
 */
const transposedProduct = (equation: Equation, permutation: readonly number[], facts: Facts): Equation | undefined => {
  const [input] = equation.inputs
  const product = facts.madeBy(input, 'dot_general')
  if (input === undefined || product === undefined || !facts.usedOnce(input)) return undefined
  const [left, right] = product.inputs
  const numbers = pairsOf(Reflect.get(product.params, 'dimensionNumbers'))
  if (left === undefined || right === undefined || numbers === undefined) return undefined
  const [[leftInner, rightInner], [leftBatch, rightBatch]] = numbers
  const batch = leftBatch.length
  const rows = left.aval.shape.length - leftInner.length - batch
  const columns = right.aval.shape.length - rightInner.length - batch
  const exchanged = permutation.every((d, i) => d === (i < batch ? i : i < batch + columns ? i + rows : i - columns))
  if (!exchanged || rows === 0 || columns === 0) return undefined
  const dimensionNumbers = [
    [rightInner, leftInner],
    [rightBatch, leftBatch],
  ]
  const params = { ...product.params, dimensionNumbers }
  return newEquation(product.primitive, [right, left], params, equation.outputs, equation.source)
}

type Axes = readonly number[]

/** The dimension numbers of a product: pairs of lists for the summed and for the batch axes. */
const pairsOf = (value: unknown): readonly [readonly [Axes, Axes], readonly [Axes, Axes]] | undefined => {
  const isAxes = (x: unknown): x is Axes => Array.isArray(x) && x.every((d) => typeof d === 'number')
  const isPair = (x: unknown): x is readonly [Axes, Axes] => Array.isArray(x) && x.length === 2 && x.every(isAxes)
  if (!Array.isArray(value) || value.length !== 2) return undefined
  const [inner, batch]: readonly unknown[] = value
  return isPair(inner) && isPair(batch) ? [inner, batch] : undefined
}

const twice =
  (name: string): Rule =>
  (equation, facts) =>
    ifSame(facts.madeBy(equation.inputs[0], name)?.inputs[0], equation)

const rules: Readonly<Record<string, Rule>> = {
  stop_gradient: unchanged,
  copy: unchanged,
  convert_element_type: unchanged,
  neg: twice('neg'),
  not: twice('not'),
  reshape: (equation, facts) => unchanged(equation) ?? skipping(equation, facts.madeBy(equation.inputs[0], 'reshape')),
  broadcast_in_dim: (equation) => {
    const dimensions = numbersOf(equation.params, 'broadcastDimensions')
    return dimensions?.every((d, i) => d === i) === true ? unchanged(equation) : undefined
  },
  transpose: (equation, facts) => {
    const outer = numbersOf(equation.params, 'permutation')
    if (outer === undefined) return undefined
    if (outer.every((d, i) => d === i)) return unchanged(equation)
    const before = facts.madeBy(equation.inputs[0], 'transpose')
    const inner = before === undefined ? undefined : numbersOf(before.params, 'permutation')
    if (before === undefined || inner === undefined) return transposedProduct(equation, outer, facts)
    const permutation = outer.map((d) => known(inner[d], 'axis'))
    return newEquation(
      equation.primitive,
      before.inputs,
      { ...equation.params, permutation },
      equation.outputs,
      equation.source,
    )
  },
  mul: (equation, facts) => {
    const [x, y] = equation.inputs
    if (facts.uniform(y) === 1) return ifSame(x, equation)
    return facts.uniform(x) === 1 ? ifSame(y, equation) : undefined
  },
  div: (equation, facts) =>
    facts.uniform(equation.inputs[1]) === 1 ? ifSame(equation.inputs[0], equation) : undefined,
  sub: (equation, facts) => {
    const zero = facts.uniform(equation.inputs[1])
    return Object.is(zero, 0) ? ifSame(equation.inputs[0], equation) : undefined
  },
  add: (equation, facts) => {
    const [x, y] = equation.inputs
    // Adding 0 changes -0; adding -0 changes nothing. Integers have one zero.
    const neutral = (value: number | undefined): boolean =>
      value === 0 && (Object.is(value, -0) || !isFloating(resultOf(equation).aval.dtype))
    if (neutral(facts.uniform(y))) return ifSame(x, equation)
    return neutral(facts.uniform(x)) ? ifSame(y, equation) : undefined
  },
  select_n: (equation) => {
    const [, x, y] = equation.inputs
    return equation.inputs.length === 3 &&
      x === y &&
      x?.kind === 'var' &&
      sameShape(x.aval.shape, resultOf(equation).aval.shape)
      ? x
      : undefined
  },
}

/** Applies the identities from the inputs to the outputs. */
export const simplifyAlgebra = (jaxpr: Jaxpr): Jaxpr => {
  const facts = new Facts(jaxpr)
  const renaming: Renaming = new Map()
  const equations: Equation[] = []
  let changed = false
  for (const original of jaxpr.equations) {
    let equation = renameInputs(original, renaming)
    const simpler = rules[equation.primitive.name]?.(equation, facts)
    if (simpler !== undefined) {
      changed = true
      if ('kind' in simpler) {
        renaming.set(resultOf(original), simpler)
        continue
      }
      equation = simpler
    }
    facts.learn(equation)
    equations.push(equation)
  }
  if (!changed) return jaxpr
  return newJaxpr(
    jaxpr.constants,
    jaxpr.inputs,
    equations,
    jaxpr.outputs.map((atom) => renamed(renaming, atom)),
  )
}
