/** Matrix products: which way to do one, into how many parts its sum is split, and the plainest way. */
import { type Buffer } from '../../compiler/index.js'
import { newBuffer } from '../../compiler/graph.js'
import { blockShader } from './contraction-blocks.js'
import { narrowParts, narrowShader, runsAlongSums } from './contraction-narrow.js'
import { type TilePlan, chooseTiling, tileShader } from './contraction-tiles.js'
import { type Finish, finishFunction } from './maps.js'
import { type Product, ProductPrinter, zero } from './product.js'
import { type Memory, type Shader, ShaderBuilder } from './shader.js'
import type { Target } from './target.js'

/** How one product is done. */
export interface ContractionPlan {
  readonly shaders: readonly Shader[]
  /** Memory for partial sums, if the sum is split. */
  readonly scratch: readonly Buffer[]
}

/** Without tiles, sums longer than this are split over invocations when there are few results. */
const longSum = 1024
/** Invocations that keep any GPU busy. */
const enoughInvocations = 16384
const block = 4

export type Way = 'plain' | 'blocks' | 'tiles'

/** Whether threads share tiles: not where barriers cost more than reading, nor where a tile would be mostly empty. */
export const wayOf = ({ kernel: { rows, columns } }: Product, target: Target): Way =>
  rows < block || columns < block ? 'plain' : target.software ? 'blocks' : 'tiles'

const partsOf = ({ kernel: { batch, rows, columns, inner } }: Product): Omit<TilePlan, 'tiling'> => {
  const invocations = batch * Math.ceil(rows / block) * Math.ceil(columns / block)
  const parts =
    inner >= 2 * longSum && invocations < enoughInvocations
      ? Math.min(Math.ceil(inner / longSum), Math.ceil(enoughInvocations / invocations), 256)
      : 1
  const partLength = Math.ceil(inner / parts / block) * block
  return { parts: Math.ceil(inner / partLength), partLength }
}

/** Plans a product. */
export const planContraction = (product: Product, memory: Memory, target: Target): ContractionPlan => {
  const { batch, rows, columns, out } = product.kernel
  const way = wayOf(product, target)
  const tiles = way === 'tiles' ? chooseTiling(product.kernel) : undefined
  const isNarrow = way === 'plain' && runsAlongSums(product.kernel)
  const { parts, partLength } = tiles ?? (isNarrow ? narrowParts(product.kernel, target) : partsOf(product))
  const partial = parts === 1 ? undefined : newBuffer(out.dtype, [parts, batch, rows, columns])
  const printer = (): ProductPrinter => new ProductPrinter(product, memory, partial, parts, partLength)
  const first =
    tiles !== undefined
      ? tileShader(product, memory, tiles, partial)
      : isNarrow
        ? narrowShader(printer(), target)
        : way === 'plain'
          ? plainShader(printer())
          : blockShader(printer(), target.subgroups)
  if (partial === undefined) return { shaders: [first], scratch: [] }
  return { shaders: [first, joinShader(product, memory, partial, parts)], scratch: [partial] }
}

/** An invocation for each element. */
const plainShader = (printer: ProductPrinter): Shader => {
  const { shader, parts } = printer
  const { batch, rows, columns, out } = printer.product.kernel
  const count = parts * batch * rows * columns
  const lines = [
    'let flat = group * 64u + lane;',
    `if (flat >= ${count}u) { return; }`,
    `let column = i32(flat % ${columns}u);`,
    `let row = i32((flat / ${columns}u) % ${rows}u);`,
    ...printer.batchLines(`flat / ${rows * columns}u`),
    `var sum = ${zero(out.dtype)};`,
    'for (var k = start; k < end; k++) {',
    `  sum += ${printer.operand('left', 'row', 'k')} * ${printer.operand('right', 'k', 'column')};`,
    '}',
    printer.store('row', 'column', 'sum'),
  ]
  return shader.finish('contraction', lines, 64, Math.ceil(count / 64), printer.declarations)
}

/** Adds up the parts of a split sum. */
const joinShader = ({ kernel, finish }: Product, memory: Memory, partial: Buffer, parts: number): Shader => {
  const { batch, rows, columns, out } = kernel
  const results = batch * rows * columns
  const shader = new ShaderBuilder(memory, finish?.map.stores.map(({ buffer }) => buffer) ?? [out])
  const lines = [
    'let flat = group * 64u + lane;',
    `if (flat >= ${results}u) { return; }`,
    `var sum = ${zero(out.dtype)};`,
    `for (var p = 0; p < ${parts}; p++) {`,
    `  sum += ${shader.load(partial, `p * ${results} + i32(flat)`)};`,
    '}',
    ...(finish === undefined ? [shader.store(out, 'i32(flat)', 'sum')] : finishLines(rows, columns)),
  ]
  const declarations = finish === undefined ? [] : [declared(shader, finish)]
  return shader.finish('contraction_join', lines, 64, Math.ceil(results / 64), declarations)
}

const finishLines = (rows: number, columns: number): string[] => [
  `let column = i32(flat % ${columns}u);`,
  `let row = i32((flat / ${columns}u) % ${rows}u);`,
  `finish_element(i32(flat / ${rows * columns}u), row, column, sum);`,
]

const declared = (shader: ShaderBuilder, finish: Finish): string =>
  finishFunction(shader, 'finish_element', finish, ['batch', 'row', 'column'])
