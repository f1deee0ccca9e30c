/** JS functions in the parameters of equations: told apart, compared and printed by a number. */
import { ParseError } from '../core/index.js'

/** What rules are when nothing is known of their arguments. */
type AnyFunction = (...args: never[]) => unknown

let nextRule = 1
const made = new Map<number, WeakRef<Rule<AnyFunction>>>()
const forgotten = new FinalizationRegistry<number>((id) => made.delete(id))

/** A JS function as a parameter. Two rules are the same when their numbers are. */
export class Rule<F extends AnyFunction> {
  readonly id: number
  readonly name: string
  readonly #run: F
  constructor(name: string, run: F) {
    this.id = nextRule++
    this.name = name
    this.#run = run
    made.set(this.id, new WeakRef<Rule<AnyFunction>>(this))
    forgotten.register(this, this.id)
  }
  get run(): F {
    return this.#run
  }
  toString(): string {
    return this.name
  }
}

/** A rule in a printed jaxpr: `<function f #3>`. */
export const printRule = (rule: { readonly name: string; readonly id: number }): string =>
  `<function ${rule.name.replace(/[<>]/g, '')} #${rule.id}>`

/** The rule that was printed, as long as this process still has it; of the class of functions that its primitive holds. */
export const parseRule = (printed: unknown, primitive: string): Rule<AnyFunction> => {
  const id = /^<function .* #(\d+)>$/.exec(String(printed))?.[1]
  const rule = id === undefined ? undefined : made.get(Number(id))?.deref()
  if (rule === undefined) {
    throw new ParseError(
      `parseJaxpr: ${primitive} holds a JS function, which is not in the text, and '${String(printed)}' is not alive any more. ` +
        `Trace the function again instead.`,
    )
  }
  return rule
}
