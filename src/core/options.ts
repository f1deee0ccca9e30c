/** Options: one object at the end of a call. What no function reads from it would be ignored by JS, so it is refused. */
import { ArgumentError } from './errors.js'
import { NDArray } from './ndarray.js'

/** What a wrong argument is, in words. */
export const describe = (x: unknown): string => {
  if (x === null || x === undefined) return String(x)
  if (x instanceof NDArray) return 'an array'
  if (Array.isArray(x)) return `a JS array of ${x.length}`
  if (ArrayBuffer.isView(x)) return `a ${x.constructor.name}`
  if (typeof x === 'object') return `an object with keys ${Object.keys(x).join(', ') || '(none)'}`
  return `a ${typeof x}`
}

type Words<Text extends string> = Text extends `${infer Word} ${infer Rest}` ? Word | Words<Rest> : Text

/** The text, if its words are all the keys of the options and no others; otherwise the words in which they differ. */
type NamesOf<Options, Text extends string> = [Words<Text>, keyof Options] extends [keyof Options, Words<Text>]
  ? Text
  : { readonly differing: Exclude<Words<Text>, keyof Options> | Exclude<keyof Options, Words<Text>> }

/** Names that were asked for, by the text that lists them: as many as there are functions. */
const sets = new Map<string, ReadonlySet<string>>()

const setOf = (names: string): ReadonlySet<string> => {
  let set = sets.get(names)
  if (set === undefined) {
    set = new Set(names.split(' '))
    sets.set(names, set)
  }
  return set
}

/**
 * The options as they were given. `names` lists the keys that the function reads, one space between them; the compiler
 * sees that they are those of the type. Keys whose value is undefined count as not given.
 *
 * Throws ArgumentError for a key that is not listed, and for anything but an object, where JS would read no option and
 * compute something else than was meant.
 */
export const checkOptions = <Options extends object | undefined, const Names extends string>(
  operation: string,
  options: Options,
  names: Names & NamesOf<NonNullable<Options>, Names>,
): Options => {
  if (options === undefined) return options
  if (typeof options !== 'object' || options === null || Array.isArray(options) || options instanceof NDArray) {
    throw new ArgumentError(wrongKind(operation, options, names))
  }
  for (const key in options) {
    if (!setOf(names).has(key) && Reflect.get(options, key) !== undefined)
      throw new ArgumentError((ArrayBuffer.isView(options) ? wrongKind : unknownKey)(operation, options, names, key))
  }
  return options
}

const wrongKind = (operation: string, given: unknown, names: string): string => {
  const simple = typeof given === 'number' || typeof given === 'string' || typeof given === 'boolean'
  return (
    `${operation}: options go into one object at the end, { ${names.replaceAll(' ', ', ')} }` +
    `${given === null ? ', or nothing' : ''}; got ${simple ? `${typeof given} ${given}` : describe(given)}.`
  )
}

const unknownKey = (operation: string, _: unknown, names: string, key: string): string => {
  const near = names.split(' ').find((name) => isNear(key, name))
  return (
    `${operation}: there is no option '${key}'${near === undefined ? '' : `; did you mean '${near}'`}` +
    `${near === undefined ? '.' : '?'} The options are: ${names.replaceAll(' ', ', ')}.`
  )
}

/** Whether a name may have been meant by another: the same but for case and underscores, the beginning of it, or a slip away. */
const isNear = (given: string, name: string): boolean => {
  const [x, y] = [given, name].map((text) => text.replaceAll('_', '').toLowerCase())
  if (x === undefined || y === undefined) return false
  return x.startsWith(y) || y.startsWith(x) || slips(x, y) <= Math.max(1, Math.floor(y.length / 4))
}

/** How many letters must be put in, left out or replaced to come from one word to another. */
const slips = (from: string, to: string): number => {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i)
  for (const letter of from) {
    const next = [(row[0] ?? 0) + 1]
    for (let i = 0; i < to.length; i++) {
      const [before = 0, above = 0, left = 0] = [row[i], row[i + 1], next[i]]
      next.push(Math.min(before + (letter === to[i] ? 0 : 1), above + 1, left + 1))
    }
    row = next
  }
  return row[to.length] ?? 0
}
