/** Statements over scalar expressions as lines of WGSL; what several places use is computed once. */
import { type Expression, InternalError, e, known } from '../../core/index.js'
import { type Buffer, type Statement, expressionsOf } from '../../compiler/index.js'
import { isRareSelect } from '../../scalar/decompose.js'
import { valueType } from './layout.js'
import { hiddenArgument } from './rounding.js'
import { type ScalarContext, constantText, hiddenConstant, hiddenValue, operationText } from './scalar.js'
import type { ShaderBuilder } from './shader.js'

/** Nested operations are cut at this depth: compilers of WGSL limit how deep they parse. */
const maximumDepth = 24

/** Variables that statements set, and buffers that they store to: what is computed from them may differ afterwards. */
const changedBy = (statements: readonly Statement[], into = new Set<object>()): Set<object> => {
  for (const s of statements) {
    if (s.kind === 'store') into.add(s.buffer)
    else if (s.kind === 'assignAll') s.locals.forEach((local) => into.add(local))
    else if (s.kind === 'assign' || s.kind === 'combine') into.add(s.local)
    else if (s.kind !== 'define') changedBy(s.body, into)
  }
  return into
}

const everyExpression = (statements: readonly Statement[], visit: (x: Expression) => void): void => {
  for (const s of statements) {
    expressionsOf(s).forEach(visit)
    if (s.kind === 'for' || s.kind === 'if') everyExpression(s.body, visit)
  }
}

/** How often each operation is used as an operand or by a statement. */
const countUses = (statements: readonly Statement[]): Map<Expression, number> => {
  const uses = new Map<Expression, number>()
  const visit = (x: Expression): void => {
    const before = uses.get(x) ?? 0
    uses.set(x, before + 1)
    if (before === 0) x.args.forEach(visit)
  }
  everyExpression(statements, visit)
  return uses
}

/** What scalar operations ask of a shader. */
export const contextOf = (shader: ShaderBuilder): ScalarContext => ({
  helper: (name) => shader.helper(name),
  special: (value) => shader.special(value),
  opaque: (bits) => shader.opaque(bits),
})

interface Named {
  readonly text: string
  readonly depth: number
}

/** Prints statements into lines. */
export class BodyPrinter {
  readonly lines: string[] = []
  private indent = ''
  private readonly shader: ShaderBuilder
  private readonly uses: ReadonlyMap<Expression, number>
  private readonly changing: ReadonlySet<object>
  private readonly variables = new Map<Expression, string>()
  private scopes: Map<Expression, string>[] = [new Map()]
  private readonly dependencies = new Map<Expression, ReadonlySet<object>>()
  private readonly context: ScalarContext
  private next = 0
  private readonly replaced = new Map<object, string>()

  /** `statements` are all that will be printed, so that it is known what is used more than once. */
  constructor(shader: ShaderBuilder, statements: readonly Statement[]) {
    this.shader = shader
    this.uses = countUses(statements)
    this.changing = changedBy(statements)
    this.context = contextOf(shader)
  }

  fresh(kind: string): string {
    const name = `${kind}${this.next++}`
    // The name of a type.
    return name === 'i32' ? this.fresh(kind) : name
  }

  line(text: string): void {
    this.lines.push(this.indent + text)
  }

  /** Lines within braces, in which new names are known. */
  block(head: string, body: () => void): void {
    this.line(`${head} {`)
    this.indent += '  '
    this.scopes.push(new Map())
    body()
    this.scopes.pop()
    this.indent = this.indent.slice(2)
    this.line('}')
  }

  /** Gives a loop index or local the name that it is known by. */
  name(variable: Expression, kind: string): string {
    const name = this.fresh(kind)
    this.variables.set(variable, name)
    return name
  }

  nameOf(variable: Expression): string {
    const name = this.variables.get(variable)
    if (name === undefined) throw new InternalError('a variable outside of its loop')
    return name
  }

  /** Loads of an array, wherever, are this value. */
  replaceLoads(buffer: Buffer, value: string): void {
    this.replaced.set(buffer, value)
  }

  /** Text of an expression; lines for what it shares come first. */
  text(x: Expression): string {
    return this.print(x).text
  }

  private print(x: Expression): Named {
    if (x.op === 'const') {
      return { text: constantText(x.value, x.dtype, this.context), depth: 0 }
    }
    if (x.op === 'variable') return { text: this.nameOf(x), depth: 0 }
    const replaced = x.op === 'load' && x.source !== undefined ? this.replaced.get(x.source) : undefined
    if (replaced !== undefined) return { text: replaced, depth: 0 }
    for (const scope of this.scopes) {
      const name = scope.get(x)
      if (name !== undefined) return { text: name, depth: 0 }
    }
    if (isRareSelect(x)) return { text: this.rareSelect(x), depth: 0 }
    const printed = this.operation(x)
    if ((this.uses.get(x) ?? 0) < 2 && printed.depth < maximumDepth) return printed
    const name = this.fresh('x')
    this.line(`let ${name} = ${printed.text};`)
    this.remember(x, name)
    return { text: name, depth: 0 }
  }

  private operation(x: Expression): Named {
    const hidden = hiddenArgument(x)
    const args = x.args.map((arg, i) => (i === hidden ? this.hidden(arg) : this.print(arg)))
    const depth = 1 + Math.max(...args.map((arg) => arg.depth))
    const texts = args.map((arg) => arg.text)
    if (x.op === 'load') {
      const buffer = x.source as Buffer
      return { text: this.shader.load(buffer, known(texts[0], 'index')), depth }
    }
    return { text: operationText(x, texts, this.context), depth }
  }

  private hidden(x: Expression): Named {
    if (x.op === 'const') return { text: hiddenConstant(x.value, this.context), depth: 0 }
    const { text, depth } = this.print(x)
    return { text: hiddenValue(text, this.context), depth: depth + 2 }
  }

  /** The expensive side of such a select is computed only where it is wanted. */
  private rareSelect(x: Expression): string {
    const [condition, usual, rare] = x.args
    const test = this.text(known(condition, 'condition'))
    const value = this.text(known(usual, 'value'))
    const name = this.fresh('x')
    this.line(`var ${name} = ${value};`)
    this.block(`if (!(${test}))`, () => this.line(`${name} = ${this.text(known(rare, 'value'))};`))
    this.remember(x, name)
    return name
  }

  private remember(x: Expression, name: string): void {
    this.scopes.at(-1)?.set(x, name)
  }

  /** What of the changing things an expression is computed from. */
  private dependenciesOf(x: Expression): ReadonlySet<object> {
    let found = this.dependencies.get(x)
    if (found === undefined) {
      const own = new Set<object>()
      if (this.changing.has(x)) own.add(x)
      if (x.source !== undefined && this.changing.has(x.source)) own.add(x.source)
      for (const arg of x.args) for (const dependency of this.dependenciesOf(arg)) own.add(dependency)
      this.dependencies.set(x, (found = own))
    }
    return found
  }

  /** Names of what was computed from something that has changed are no longer valid. */
  forget(changed: ReadonlySet<object>): void {
    if (changed.size === 0) return
    for (const scope of this.scopes) {
      for (const x of scope.keys()) {
        const dependencies = this.dependenciesOf(x)
        for (const thing of changed) {
          if (dependencies.has(thing)) {
            scope.delete(x)
            break
          }
        }
      }
    }
  }

  statements(list: readonly Statement[]): void {
    for (const s of list) this.statement(s)
  }

  statement(s: Statement): void {
    switch (s.kind) {
      case 'for':
        return this.loop(s, '0', '++', () => this.statements(s.body))
      case 'if': {
        this.block(`if (${this.text(s.condition)})`, () => this.statements(s.body))
        return this.forget(changedBy(s.body))
      }
      case 'define': {
        const value = this.text(s.value)
        this.line(`var ${this.name(s.local, 'a')}: ${valueType(s.local.dtype)} = ${value};`)
        return
      }
      case 'assign':
        this.line(`${this.nameOf(s.local)} = ${this.text(s.value)};`)
        return this.forget(new Set([s.local]))
      case 'combine':
        this.line(`${this.nameOf(s.local)} = ${this.text(e.binary(s.op, s.local, s.value))};`)
        return this.forget(new Set([s.local]))
      case 'assignAll': {
        const values = s.values.map((value) => {
          const name = this.fresh('x')
          this.line(`let ${name} = ${this.text(value)};`)
          return name
        })
        s.locals.forEach((local, i) => this.line(`${this.nameOf(local)} = ${known(values[i], 'value')};`))
        return this.forget(new Set(s.locals))
      }
      case 'store': {
        const index = this.text(s.index)
        this.line(this.shader.store(s.buffer, index, this.text(s.value)))
        return this.forget(new Set([s.buffer]))
      }
    }
  }

  /** A loop of a statement, with a body of its own. */
  loop(s: Statement & { readonly kind: 'for' }, start: string, step: string, body: () => void): void {
    const changed = changedBy([s])
    this.forget(changed)
    const name = this.name(s.variable, 'i')
    const advance = step === '++' ? `${name}++` : `${name} += ${step}`
    this.block(`for (var ${name}: i32 = ${start}; ${name} < ${s.extent}; ${advance})`, body)
  }
}
