/** Reading the subscripts of einsum: `ij,jk->ik`, with ellipses and implicit results, or lists of numbers. */
import { type NDArray, ArgumentError, ShapeError, avalText, describe, known } from '../core/index.js'

/** Labels of the axes of an operand, or of the result, as whole numbers from 0 to 51. */
export type Sublist = readonly (number | '...')[]

/** Labels of the axes of each operand and of the result, ellipses spelled out. */
export interface Subscripts {
  readonly operands: readonly (readonly string[])[]
  readonly output: readonly string[]
  /** Size that each label stands for. */
  readonly sizes: ReadonlyMap<string, number>
}

const wrong = (text: string, why: string): ArgumentError => new ArgumentError(`einsum: '${text}': ${why}.`)

/** Labels of the axes that an ellipsis stands for, counted from its end, so that operands align like in broadcasting. */
const ellipsisLabels = (rank: number): string[] => Array.from({ length: rank }, (_, i) => `...${rank - 1 - i}`)

/** Letters of one term, and where its ellipsis is. */
const parseTerm = (
  term: string,
  text: string,
): { readonly letters: string[]; readonly ellipsis: number | undefined } => {
  const parts = term.split('...')
  if (parts.length > 2) throw wrong(text, `the term '${term}' has more than one ellipsis`)
  for (const part of parts)
    if (!/^[A-Za-z]*$/.test(part)) throw wrong(text, `the term '${term}' may have letters and one '...' only`)
  const before = parts[0] ?? ''
  return { letters: (before + (parts[1] ?? '')).split(''), ellipsis: parts.length === 2 ? before.length : undefined }
}

/** Letters in the order of the numbers that they stand for, which is that of implicit results. */
const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

const letterOf = (label: unknown): string => {
  if (label === '...') return label
  const letter = typeof label === 'number' && Number.isInteger(label) ? letters.charAt(label) : ''
  if (letter !== '') return letter
  throw new ArgumentError(
    `einsum: an axis in a list is a whole number from 0 to 51, or '...' for the rest; got ${describe(label)}.`,
  )
}

const isList = (x: unknown): x is Sublist => Array.isArray(x)

/**
 * Operands that are followed by lists of their axes, the last perhaps by that of the result: as a text, and what is left. A text
 * that is there already stays.
 */
export const withoutSublists = <T>(
  subscripts: T | string,
  operands: readonly (T | Sublist)[],
): { readonly text: string; readonly operands: readonly T[] } => {
  const rest: readonly (T | string | Sublist)[] = typeof subscripts === 'string' ? operands : [subscripts, ...operands]
  const [kept, terms, output]: [T[], string[], string[]] = [[], [], []]
  rest.forEach((x, i) => {
    const before = rest[i - 1]
    if (typeof x === 'string' || (isList(x) && (typeof subscripts === 'string' || output.length > 0))) {
      const place = typeof subscripts === 'string' ? i + 2 : i + 1
      throw new ArgumentError(
        `einsum: argument ${place} is ${describe(x)}, where an operand or the options belong. Give a text with letters for all ` +
          `operands first, or a list of numbers after each; the list of the result is the last.`,
      )
    }
    if (!isList(x)) kept.push(x)
    else if (isList(before)) output.push(x.map(letterOf).join(''))
    else terms.push(x.map(letterOf).join(''))
  })
  return { text: typeof subscripts === 'string' ? subscripts : [terms.join(','), ...output].join('->'), operands: kept }
}

/** Subscripts for these operands. Throws ArgumentError for what cannot be read, ShapeError for sizes that don't fit. */
export const parseSubscripts = (subscripts: string, operands: readonly NDArray[]): Subscripts => {
  const text = subscripts.replace(/\s/g, '')
  const [inputs = '', output, ...more] = text.split('->')
  if (more.length > 0) throw wrong(text, "there is more than one '->'")
  const terms = inputs.split(',')
  if (terms.length !== operands.length)
    throw wrong(text, `it has ${terms.length} terms for ${operands.length} operands; write one term per operand`)
  let ellipsisRank = 0
  const labels = terms.map((term, i) => {
    const { letters, ellipsis } = parseTerm(term, text)
    const operand = known(operands[i], 'operand')
    const rank = operand.ndim - letters.length
    if (rank < 0 || (ellipsis === undefined && rank > 0)) {
      throw new ShapeError(
        `einsum: '${text}': the term '${term}' names ${letters.length} axes, and operand ${i} is ${avalText(operand.aval)}. ` +
          `Name every axis, or let '...' stand for the rest.`,
      )
    }
    if (ellipsis === undefined) return letters
    ellipsisRank = Math.max(ellipsisRank, rank)
    return [...letters.slice(0, ellipsis), ...ellipsisLabels(rank), ...letters.slice(ellipsis)]
  })
  const out =
    output === undefined ? implicitOutput(labels, ellipsisRank) : explicitOutput(output, labels, ellipsisRank, text)
  return { operands: labels, output: out, sizes: labelSizes(labels, operands, text) }
}

/** Without '->': the ellipsis, then the letters that occur once, in alphabetical order. */
const implicitOutput = (labels: readonly (readonly string[])[], ellipsisRank: number): string[] => {
  const all = labels.flat().filter((label) => label.length === 1)
  const once = all.filter((label) => all.indexOf(label) === all.lastIndexOf(label))
  return [...ellipsisLabels(ellipsisRank), ...once.sort((a, b) => (a < b ? -1 : 1))]
}

const explicitOutput = (
  output: string,
  labels: readonly (readonly string[])[],
  ellipsisRank: number,
  text: string,
): string[] => {
  const { letters, ellipsis } = parseTerm(output, text)
  const missing = letters.find((letter) => !labels.some((term) => term.includes(letter)))
  if (missing !== undefined) throw wrong(text, `'${missing}' is in the result and in no operand`)
  if (new Set(letters).size !== letters.length) throw wrong(text, 'a letter occurs twice in the result')
  // As in NumPy's own parser, axes of an ellipsis that the result leaves out are an error, not a sum.
  if (ellipsis === undefined && ellipsisRank > 0)
    throw wrong(text, "the operands have axes for '...', and the result has no '...' to keep them")
  if (ellipsis === undefined) return letters
  return [...letters.slice(0, ellipsis), ...ellipsisLabels(ellipsisRank), ...letters.slice(ellipsis)]
}

const labelSizes = (
  labels: readonly (readonly string[])[],
  operands: readonly NDArray[],
  text: string,
): ReadonlyMap<string, number> => {
  const sizes = new Map<string, number>()
  labels.forEach((term, i) => {
    const operand = known(operands[i], 'operand')
    term.forEach((label, d) => {
      const size = known(operand.shape[d], 'size')
      const before = sizes.get(label)
      if (before === undefined || before === 1) sizes.set(label, size)
      else if (size !== 1 && size !== before) {
        throw new ShapeError(
          `einsum: '${text}': '${label.slice(0, 3)}' has size ${before}, and size ${size} in operand ${i}, which is ${avalText(operand.aval)}.`,
        )
      }
    })
  })
  return sizes
}
