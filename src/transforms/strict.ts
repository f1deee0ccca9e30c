/** Purity: two traces of one function must be one program. Where they differ, in words. */
import {
  type Atom,
  type Equation,
  type Jaxpr,
  type Literal,
  type NDArray,
  type TreeDef,
  type Var,
  DeviceArray,
  ImpureFunctionError,
  Tracer,
  avalText,
  isJaxpr,
  known,
  sameAval,
  snakeCase,
  tree,
} from '../core/index.js'
import { scalarText } from './format.js'
import { Rule } from './rule.js'

/** A program whose leading inputs are the arrays that its function was closed over. */
export interface TracedOnce {
  readonly jaxpr: Jaxpr
  readonly constants: readonly NDArray[]
}

const place = ({ primitive, source }: Equation): string =>
  `${primitive.name}${source === undefined ? '' : ` at ${source}`}`

const arrayText = (x: NDArray): string => {
  const what = avalText(x.aval)
  if (x instanceof Tracer) return `${what} array (${x.origin})`
  return x instanceof DeviceArray && x.size === 1 && x.deviceHandle.synchronous && !x.isDeleted
    ? `${what} array with value ${scalarText(x.item(), x.dtype).replace(/\.0$/, '')}`
    : `${what} array`
}

/** Compares programs equation by equation; the first difference is the one that explains the others. */
class Comparison {
  readonly #first: TracedOnce
  readonly #second: TracedOnce
  readonly #match = new Map<Var, Var>()
  readonly #firstConstants: ReadonlyMap<Var, NDArray>
  readonly #secondConstants: ReadonlyMap<Var, NDArray>

  constructor(first: TracedOnce, second: TracedOnce) {
    this.#first = first
    this.#second = second
    const constantsOf = ({ jaxpr, constants }: TracedOnce): ReadonlyMap<Var, NDArray> =>
      new Map(constants.map((x, i) => [known(jaxpr.inputs[i], 'constant'), x]))
    this.#firstConstants = constantsOf(first)
    this.#secondConstants = constantsOf(second)
  }

  run(): string | undefined {
    const a = this.#first
    const b = this.#second
    const inputs = b.jaxpr.inputs.slice(b.constants.length)
    a.jaxpr.inputs.slice(a.constants.length).forEach((v, i) => this.#match.set(v, known(inputs[i], 'input')))
    const count = Math.max(a.jaxpr.equations.length, b.jaxpr.equations.length)
    for (let i = 0; i < count; i++) {
      const x = a.jaxpr.equations[i]
      const y = b.jaxpr.equations[i]
      if (x === undefined || y === undefined) {
        const extra = known(x ?? y, 'equation')
        return `${place(extra)} was only there the ${y === undefined ? 'first' : 'second'} time`
      }
      const found = this.#equation(x, y)
      if (found !== undefined) return found
    }
    return this.#outputs()
  }

  #outputs(): string | undefined {
    const a = this.#first.jaxpr.outputs
    const b = this.#second.jaxpr.outputs
    if (a.length !== b.length) return `it returned ${a.length} arrays, and then ${b.length}`
    for (let i = 0; i < a.length; i++) {
      const found = this.#atom(known(a[i], 'output'), known(b[i], 'output'))
      if (found !== undefined) return `result ${i} ${found}`
    }
    return undefined
  }

  #equation(x: Equation, y: Equation): string | undefined {
    if (x.primitive !== y.primitive) return `there was ${place(x)}, and then ${place(y)} in its place`
    for (let i = 0; i < Math.max(x.inputs.length, y.inputs.length); i++) {
      const p = x.inputs[i]
      const q = y.inputs[i]
      const found = p === undefined || q === undefined ? 'was not there both times' : this.#atom(p, q)
      if (found !== undefined) return `operand ${i} of ${place(y)} ${found}`
    }
    for (const key of Object.keys({ ...x.params, ...y.params })) {
      const found = this.#parameter(Reflect.get(x.params, key), Reflect.get(y.params, key))
      if (found !== undefined) {
        // What differs inside of a program tells its own place.
        return found.inside ? found.text : `parameter ${snakeCase(key)} of ${place(y)} ${found.text}`
      }
    }
    x.outputs.forEach((v, i) => this.#match.set(v, known(y.outputs[i], 'output')))
    return undefined
  }

  #atom(p: Atom, q: Atom): string | undefined {
    if (p.kind === 'literal' && q.kind === 'literal') {
      return Object.is(p.value, q.value) && sameAval(p.aval, q.aval)
        ? undefined
        : `was the number ${numberText(p)}, and then ${numberText(q)}`
    }
    if (p.kind === 'var' && this.#match.get(p) === q) return undefined
    const x = p.kind === 'var' ? this.#firstConstants.get(p) : undefined
    const y = q.kind === 'var' ? this.#secondConstants.get(q) : undefined
    if (x !== undefined && x === y && p.kind === 'var' && q.kind === 'var') {
      this.#match.set(p, q)
      return undefined
    }
    const text = (atom: Atom, constant: NDArray | undefined): string =>
      atom.kind === 'literal'
        ? `the number ${numberText(atom)}`
        : constant === undefined
          ? 'a value of the program'
          : `a closed-over ${arrayText(constant)}`
    if (x !== undefined && y !== undefined) return `was ${text(p, x)}, and then another one, ${text(q, y)}`
    return p.kind === 'var' && q.kind === 'var' && x === undefined && y === undefined
      ? 'was another value of the program'
      : `was ${text(p, x)}, and then ${text(q, y)}`
  }

  #parameter(x: unknown, y: unknown): { readonly text: string; readonly inside: boolean } | undefined {
    if (isJaxpr(x) && isJaxpr(y)) {
      const text = x === y ? undefined : programDifference({ jaxpr: x, constants: [] }, { jaxpr: y, constants: [] })
      return text === undefined ? undefined : { text, inside: true }
    }
    // Every trace makes its rules anew; the programs that belong to them are compared.
    if (x instanceof Rule && y instanceof Rule && x.name === y.name) return undefined
    if (Array.isArray(x) && Array.isArray(y) && x.length === y.length) {
      const other: readonly unknown[] = y
      for (const [i, item] of x.entries()) {
        const found = this.#parameter(item, other[i])
        if (found !== undefined) return found
      }
      return undefined
    }
    if (typeof x === 'object' && x !== null && typeof y === 'object' && y !== null && !isJaxpr(x)) {
      for (const key of Object.keys({ ...x, ...y })) {
        const found = this.#parameter(Reflect.get(x, key), Reflect.get(y, key))
        if (found !== undefined) return found
      }
      return undefined
    }
    return Object.is(x, y) ? undefined : { text: `was ${plainText(x)}, and then ${plainText(y)}`, inside: false }
  }
}

const numberText = ({ value, aval }: Literal): string => scalarText(value, aval.dtype).replace(/\.0$/, '')

const plainText = (value: unknown): string =>
  Array.isArray(value) ? `[${value.map(plainText).join(', ')}]` : String(value)

/** Where two traces of one function differ, in words; undefined when they are one program. */
export const programDifference = (first: TracedOnce, second: TracedOnce): string | undefined =>
  new Comparison(first, second).run()

/** What one call traced to. */
export interface Trace {
  readonly params: { readonly jaxpr: Jaxpr }
  readonly constants: readonly NDArray[]
  readonly outDef: TreeDef
}

/** Throws ImpureFunctionError unless two traces of one call are one program. */
export const checkPure = (first: Trace, second: Trace, operation: string): void => {
  const difference =
    tree.structureDifference(first.outDef, second.outDef, 'result') ??
    programDifference(
      { jaxpr: first.params.jaxpr, constants: first.constants },
      { jaxpr: second.params.jaxpr, constants: second.constants },
    )
  if (difference === undefined) return
  throw new ImpureFunctionError(
    `${operation}: the function is not pure. Traced twice with equal arguments it gave two programs: ${difference}.\n` +
      `A compiled function keeps what it read when it was traced, so later changes go unseen. ` +
      `Ways out: pass what changes as an argument (staticArgnums for what steers the program), and draw random numbers with random.key.`,
  )
}
