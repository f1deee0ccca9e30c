/** Reading back what `printJaxpr` printed. */
import { type ShapedArray, shapedArray } from './aval.js'
import { dtypeFromShort } from './dtype.js'
import { ParseError } from './errors.js'
import { newEquation, newJaxpr, newLiteral, newVar } from './jaxpr.js'
import { PrintedList, PrintedRecord } from './jaxpr-print.js'
import { type Atom, type Equation, type Jaxpr, type Params, type Var, primitives } from './primitive.js'

type Scope = ReadonlyMap<string, Var>

/** `snake_case` as `camelCase`. */
export const camelCase = (name: string): string => name.replace(/_([a-z0-9])/g, (_, c: string) => c.toUpperCase())

class Reader {
  readonly #text: string
  #at = 0
  constructor(text: string) {
    this.#text = text
  }

  fail(expected: string): never {
    const before = this.#text.slice(0, this.#at).split('\n')
    const found = this.#text.slice(this.#at, this.#at + 20).split('\n')[0] ?? ''
    throw new ParseError(
      `parseJaxpr: expected ${expected} at line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}, found '${found}'.`,
    )
  }
  space(): void {
    while (/\s/.test(this.#text[this.#at] ?? '')) this.#at++
  }
  peek(token: string): boolean {
    this.space()
    return this.#text.startsWith(token, this.#at)
  }
  accept(token: string): boolean {
    if (!this.peek(token)) return false
    this.#at += token.length
    return true
  }
  expect(token: string): void {
    if (!this.accept(token)) this.fail(`'${token}'`)
  }
  match(pattern: RegExp, what: string): string {
    this.space()
    const sticky = new RegExp(pattern.source, 'y')
    sticky.lastIndex = this.#at
    const found = sticky.exec(this.#text)?.[0]
    if (found === undefined || found === '') return this.fail(what)
    this.#at += found.length
    return found
  }
  test(pattern: RegExp): boolean {
    this.space()
    const sticky = new RegExp(pattern.source, 'y')
    sticky.lastIndex = this.#at
    return sticky.test(this.#text)
  }
  end(): void {
    this.space()
    if (this.#at < this.#text.length) this.fail('the end')
  }
}

const identifier = /[a-z]+(?![\w])/
const number = /-?(?:inf|nan|\d+(?:\.\d+)?(?:e[+-]?\d+)?)(?![\w.])/
const literalStart = /(?:-?(?:inf|nan|\d+(?:\.\d+)?(?:e[+-]?\d+)?)|True|False):/

/** Results of the equation that follows, or the name of one without results. */
const nextEquation = /(?:(?:_|[a-z]+):[a-z]+\d*\[[\d,]*\] )+=|[a-z]\w*\[/

const toNumber = (text: string): number =>
  text.endsWith('inf') ? (text.startsWith('-') ? -Infinity : Infinity) : text.endsWith('nan') ? NaN : Number(text)

const readAval = (r: Reader): ShapedArray => {
  const short = r.match(/[a-z]+\d*/, 'a dtype')
  const dtype = dtypeFromShort(short)
  if (dtype === undefined) return r.fail(`a dtype (and '${short}' is none)`)
  r.expect('[')
  const shape: number[] = []
  while (!r.accept(']')) {
    shape.push(Number(r.match(/\d+/, 'a size')))
    r.accept(',')
  }
  return shapedArray(shape, dtype)
}

const readBinder = (r: Reader, scope: Map<string, Var>): Var => {
  const name = r.match(/_|[a-z]+/, 'a variable')
  r.expect(':')
  const v = newVar(readAval(r))
  if (name !== '_') scope.set(name, v)
  return v
}

const readAtom = (r: Reader, scope: Scope): Atom => {
  if (r.test(literalStart)) {
    const text = r.match(/[^:]+/, 'a literal')
    r.expect(':')
    const value = text === 'True' ? 1 : text === 'False' ? 0 : toNumber(text)
    return newLiteral(value, readAval(r))
  }
  const name = r.match(identifier, 'a variable or a literal')
  return scope.get(name) ?? r.fail(`a bound variable ('${name}' is not)`)
}

const readItems = (r: Reader, close: string): unknown[] => {
  const items: unknown[] = []
  while (!r.accept(close)) {
    items.push(readValue(r))
    r.accept(',')
  }
  return items
}

const readFields = (r: Reader, separator: string, close: string): Record<string, unknown> => {
  const out: Record<string, unknown> = {}
  while (!r.accept(close)) {
    const key = r.match(/\w+/, 'a parameter name')
    r.expect(separator)
    out[key] = readValue(r)
    r.accept(',')
  }
  return out
}

const readValue = (r: Reader): unknown => {
  if (r.peek('{ lambda')) return readJaxpr(r)
  if (r.accept('{')) return readFields(r, ':', '}')
  if (r.accept('(')) return readItems(r, ')')
  if (r.accept('[')) return new PrintedList(readItems(r, ']'))
  if (r.test(number)) return toNumber(r.match(number, 'a number'))
  const word = r.match(/<[^>]*>|[\w$.<>-]+/, 'a value')
  if (r.accept('(')) return new PrintedRecord(word, readFields(r, '=', ')'))
  return word === 'None' ? null : word === 'True' ? true : word === 'False' ? false : word
}

const readParams = (r: Reader): Record<string, unknown> => {
  const out: Record<string, unknown> = {}
  if (!r.accept('[')) return out
  while (!r.accept(']')) {
    const key = r.match(/\w+/, 'a parameter name')
    r.expect('=')
    out[key] = readValue(r)
  }
  return out
}

/** Python's list and tuple are both JS arrays in parameters. */
export const plainParameter = (value: unknown): unknown => {
  if (value instanceof PrintedList) return value.items.map(plainParameter)
  if (Array.isArray(value)) return value.map(plainParameter)
  return value
}

const readEquation = (r: Reader, scope: Map<string, Var>): Equation => {
  const outputs: Var[] = []
  if (r.test(/(?:_|[a-z]+):/)) while (!r.accept('=')) outputs.push(readBinder(r, scope))
  const name = r.match(/[\w-]+/, 'a primitive')
  const primitive = primitives.get(name)
  if (primitive === undefined) return r.fail(`a primitive (and there is no '${name}')`)
  const printed = readParams(r)
  const inputs: Atom[] = []
  while (!r.peek(';') && !r.peek('in (') && !r.test(nextEquation)) inputs.push(readAtom(r, scope))
  r.accept(';')
  const params: Params =
    primitive.parse !== undefined
      ? primitive.parse(
          printed,
          inputs.map((a) => a.aval),
          outputs.map((v) => v.aval),
        )
      : Object.fromEntries(Object.entries(printed).map(([k, v]) => [camelCase(k), plainParameter(v)]))
  return newEquation(primitive, inputs, params, outputs)
}

const readJaxpr = (r: Reader): Jaxpr => {
  const scope = new Map<string, Var>()
  r.expect('{')
  r.expect('lambda')
  const constants: Var[] = []
  while (!r.accept(';')) constants.push(readBinder(r, scope))
  const inputs: Var[] = []
  while (!r.accept('.')) inputs.push(readBinder(r, scope))
  r.expect('let')
  const equations: Equation[] = []
  while (!r.accept('in (')) equations.push(readEquation(r, scope))
  const outputs: Atom[] = []
  while (!r.accept(')')) {
    outputs.push(readAtom(r, scope))
    r.accept(',')
  }
  r.expect('}')
  return newJaxpr(constants, inputs, equations, outputs)
}

/** The jaxpr of a printed text. Throws ParseError with line and column. */
export const parseJaxpr = (text: string): Jaxpr => {
  const r = new Reader(text)
  const jaxpr = readJaxpr(r)
  r.end()
  return jaxpr
}
