/** Printing jaxprs as JAX prints them. `jaxpr-parse.ts` reads the result back. */
import { avalText } from './aval.js'
import { isFloating } from './dtype.js'
import { type Atom, type Equation, type Jaxpr, type Params, type Var, isJaxpr } from './primitive.js'

const width = 80

/** A parameter that prints as Python's list `[1, 2]`; JS arrays print as tuples `(1, 2)`. */
export class PrintedList {
  readonly items: readonly unknown[]
  constructor(items: readonly unknown[]) {
    this.items = items
  }
}

/** A parameter that prints as a call `Name(key=value, ...)`. */
export class PrintedRecord {
  readonly name: string
  readonly fields: Readonly<Record<string, unknown>>
  constructor(name: string, fields: Readonly<Record<string, unknown>>) {
    this.name = name
    this.fields = fields
  }
}

/** `camelCase` as `snake_case`. */
export const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)

/** Python's text of a float: always with a point or an exponent of two digits. */
const floatText = (value: number): string => {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  if (Object.is(value, -0)) return '-0.0'
  const magnitude = Math.abs(value)
  if (magnitude !== 0 && (magnitude >= 1e16 || magnitude < 1e-4)) {
    const [mantissa = '', exponent = ''] = value.toExponential().split('e')
    const digits = exponent.replace(/[+-]/, '').padStart(2, '0')
    return `${mantissa}e${exponent.startsWith('-') ? '-' : '+'}${digits}`
  }
  const text = String(value)
  return text.includes('.') ? text : `${text}.0`
}

/** Names of variables, given in the order in which they are first printed. */
class Names {
  readonly #names = new Map<Var, string>()
  of(v: Var): string {
    let name = this.#names.get(v)
    if (name === undefined) {
      name = ''
      for (let n = this.#names.size; n >= 0; n = Math.floor(n / 26) - 1)
        name = String.fromCharCode(97 + (n % 26)) + name
      this.#names.set(v, name)
    }
    return name
  }
}

const atomText = (atom: Atom, names: Names): string => {
  if (atom.kind === 'var') return names.of(atom)
  const { dtype } = atom.aval
  const value =
    dtype === 'bool'
      ? atom.value !== 0
        ? 'True'
        : 'False'
      : isFloating(dtype)
        ? floatText(atom.value)
        : String(atom.value)
  return `${value}:${avalText(atom.aval)}`
}

const binderText = (v: Var, names: Names, used: ReadonlySet<Var> | undefined): string =>
  used !== undefined && !used.has(v) ? `_:${avalText(v.aval)}` : `${names.of(v)}:${avalText(v.aval)}`

interface Context {
  readonly names: Names
}

const valueText = (value: unknown, context: Context, indent: number, column: number): string => {
  if (isJaxpr(value)) return jaxprText(value, context, indent, column)
  if (value instanceof PrintedList)
    return `[${value.items.map((x) => valueText(x, context, indent, column)).join(', ')}]`
  if (value instanceof PrintedRecord) {
    return `${value.name}(${Object.entries(value.fields)
      .map(([k, x]) => `${k}=${valueText(x, context, indent, column)}`)
      .join(', ')})`
  }
  if (Array.isArray(value)) {
    if (value.some(isJaxpr)) {
      const inner = ' '.repeat(indent + 2)
      return `(\n${value.map((x) => inner + valueText(x, context, indent + 2, indent + 2)).join('\n')}\n${' '.repeat(indent)})`
    }
    const items = value.map((x) => valueText(x, context, indent, column))
    return items.length === 1 ? `(${items[0]},)` : `(${items.join(', ')})`
  }
  if (value === null || value === undefined) return 'None'
  if (value === true) return 'True'
  if (value === false) return 'False'
  if (typeof value === 'number')
    return Number.isInteger(value) && !Object.is(value, -0) ? String(value) : floatText(value)
  if (typeof value === 'string') return value
  const entries = typeof value === 'object' ? Object.entries(value) : []
  return `{${entries.map(([k, x]) => `${k}: ${valueText(x, context, indent, column)}`).join(', ')}}`
}

const printedParams = (equation: Equation): Readonly<Record<string, unknown>> => {
  const { primitive, params } = equation
  if (primitive.print !== undefined) return primitive.print(params)
  return defaultPrint(params)
}

/** Parameters under snake_case names; undefined ones are not there. */
const defaultPrint = (params: Params): Readonly<Record<string, unknown>> => {
  const out: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(params)) if (value !== undefined) out[snakeCase(key)] = value
  return out
}

const equationText = (
  equation: Equation,
  context: Context,
  indent: number,
  used: ReadonlySet<Var> | undefined,
): string => {
  const { names } = context
  const left = equation.outputs.map((v) => binderText(v, names, used)).join(' ')
  const right = equation.inputs.map((a) => atomText(a, names)).join(' ')
  const params = printedParams(equation)
  // JAX prints the name of a program before the program.
  const keys = Object.keys(params).sort((a, b) => Number(b === 'name') - Number(a === 'name') || (a < b ? -1 : 1))
  const head = `${left === '' ? '' : `${left} = `}${equation.primitive.name}`
  if (keys.length === 0) return `${head} ${right}`
  const hasJaxpr = Object.values(params).some((v) => isJaxpr(v) || (Array.isArray(v) && v.some(isJaxpr)))
  if (!hasJaxpr) {
    const flat = `${head}[${keys.map((k) => `${k}=${valueText(params[k], context, 0, 0)}`).join(' ')}] ${right}`
    if (indent + flat.length <= width) return flat
  }
  const inner = ' '.repeat(indent + 2)
  const lines = keys.map((k) => `${inner}${k}=${valueText(params[k], context, indent + 2, indent + 3 + k.length)}`)
  return `${head}[\n${lines.join('\n')}\n${' '.repeat(indent)}] ${right}`
}

const jaxprText = (jaxpr: Jaxpr, context: Context, indent: number, column: number): string => {
  const { names } = context
  const used = new Set<Var>()
  const note = (a: Atom): void => {
    if (a.kind === 'var') used.add(a)
  }
  for (const equation of jaxpr.equations) equation.inputs.forEach(note)
  jaxpr.outputs.forEach(note)
  const binders = (vars: readonly Var[]): string => vars.map((v) => binderText(v, names, undefined)).join(' ')
  const constants = binders(jaxpr.constants)
  const head = `{ lambda ${constants}; ${binders(jaxpr.inputs)}. let`
  const equations = jaxpr.equations.map((equation) => equationText(equation, context, indent + 4, used))
  const outs = jaxpr.outputs.map((a) => atomText(a, names))
  const tail = `in (${outs.length === 1 ? `${outs[0]},` : outs.join(', ')}) }`
  if (equations.length === 0) return `${head}  ${tail}`
  const flat = `${head} ${equations.join('; ')} ${tail}`
  if (!flat.includes('\n') && column + flat.length <= width) return flat
  const inner = ' '.repeat(indent + 4)
  return `${head}\n${equations.map((line) => inner + line).join('\n')}\n${' '.repeat(indent + 2)}${tail}`
}

/** A jaxpr as text: `{ lambda ; a:f32[3]. let b:f32[3] = sin a in (b,) }`. */
export const printJaxpr = (jaxpr: Jaxpr): string => jaxprText(jaxpr, { names: new Names() }, 0, 0)

/** One equation as text, with fresh names. */
export const printEquation = (equation: Equation): string =>
  equationText(equation, { names: new Names() }, 0, undefined)
