/** Looking at models: evaluation mode as a function, and the table of layers. */
import { NDArray, tree, checkOptions } from '../core/index.js'
import * as random from '../random/index.js'
import { evalShape } from '../transforms/index.js'
import {
  type AnyLayer,
  type Applied,
  type Layer,
  type ShapeOf,
  type Shapes,
  type Values,
  initChild,
  recordVisits,
} from './layer.js'

/**
 * A model in evaluation mode, as a function of params, state and input: what to jit for use.
 *
 * @example
 * ```ts
 * const model = stax.serial(stax.Flatten, stax.Dense(10))
 * const { params, state } = model.init(random.key(0), [-1, 28, 28])
 * const predict = jit(stax.predict(model))
 * console.log(predict(params, state, np.zeros([5, 28, 28])).shape) // [5, 10]
 * ```
 */
export const predict =
  <Params, State, Input extends Values, Output extends Values>(layer: Layer<Params, State, Input, Output>) =>
  (params: Params, state: State, x: Input): Output => {
    const result: Applied<State, Output> = layer.apply(params, state, x, { train: false })
    return result.y
  }

/** Number of elements of all arrays of a tree. */
const countOf = (params: unknown): number =>
  tree.leaves(params).reduce<number>((n, leaf) => n + (leaf instanceof NDArray ? leaf.size : 0), 0)

const shapesText = (shape: Shapes): string =>
  shape.every((size) => typeof size === 'number')
    ? `[${shape.join(', ')}]`
    : shape.map((s) => (typeof s === 'number' ? String(s) : shapesText(s))).join(' ')

const withThousands = (n: number): string => String(n).replace(/\B(?=(\d{3})+$)/g, ',')

/** Options of `summary`. */
export interface SummaryOptions {
  /** Where the table goes, console.log unless said; null to only return it. */
  readonly print?: ((text: string) => void) | null
}

/**
 * Prints a table with the name, kind, output shape and number of parameters of every layer, and their total. Nothing is
 * computed for it: the model is only traced.
 *
 * @param inputShape batch first; -1 for any size
 * @returns the table
 * @example
 * ```ts
 * stax.summary(stax.serial({ hidden: stax.Dense(64), relu: stax.Relu, out: stax.Dense(10) }), [-1, 784])
 * ```
 */
export const summary = <Params, State, Input extends Values, Output extends Values>(
  layer: Layer<Params, State, Input, Output>,
  inputShape: ShapeOf<Input>,
  options: SummaryOptions = {},
): string => {
  // oxlint-disable-next-line no-console -- printing is what the function is for
  const { print = (text: string) => console.log(text) } = checkOptions('summary', options, 'print')
  const model: AnyLayer = layer
  const visits = recordVisits(() => {
    evalShape((key: NDArray) => {
      const { params, state } = initChild('', model, key, inputShape)
      return [params, state]
    }, random.key(0))
  })
  const rows = visits
    .filter((visit) => visit.isLeaf)
    .map((visit) => [visit.path, visit.kind, shapesText(visit.outputShape), withThousands(countOf(visit.params))])
  const total = countOf(visits.at(-1)?.params)
  const header = ['Layer', 'Kind', 'Output shape', 'Parameters']
  const widths = header.map((title, c) => Math.max(title.length, ...rows.map((row) => row[c]?.length ?? 0)))
  const line = (cells: readonly string[]): string =>
    cells.map((cell, c) => (c === 3 ? cell.padStart(widths[c] ?? 0) : cell.padEnd(widths[c] ?? 0))).join('  ')
  const rule = '-'.repeat(widths.reduce((a, b) => a + b, 2 * (widths.length - 1)))
  const sum = withThousands(total)
  const text = [line(header), rule, ...rows.map(line), rule, `Total${sum.padStart(rule.length - 'Total'.length)}`].join(
    '\n',
  )
  print?.(text)
  return text
}
