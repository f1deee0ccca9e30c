/** Matrix products: which way to do one, and the ways in which invocations read their operands themselves. */
import { type Buffer } from '../../compiler/index.js'
import { newBuffer } from '../../compiler/graph.js'
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

/** Plans a product. `force` chooses a way for tests. */
export const planContraction = (product: Product, memory: Memory, target: Target, force?: Way): ContractionPlan => {
  const { batch, rows, columns, out } = product.kernel
  const way = force ?? wayOf(product, target)
  const tiles = way === 'tiles' ? chooseTiling(product.kernel) : undefined
  const { parts, partLength } = tiles ?? partsOf(product)
  const partial = parts === 1 ? undefined : newBuffer(out.dtype, [parts, batch, rows, columns])
  const first =
    tiles !== undefined
      ? tileShader(product, memory, tiles, partial)
      : (way === 'plain' ? plainShader : blockShader)(new ProductPrinter(product, memory, partial, parts, partLength))
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

const four = [0, 1, 2, 3] as const
const component = ['x', 'y', 'z', 'w'] as const

/** An invocation for each block of 4 x 4 elements, which reads its operands itself: as vectors where they lie so. */
const blockShader = (printer: ProductPrinter): Shader => {
  const { shader, parts, type } = printer
  const { batch, rows, columns, inner } = printer.product.kernel
  const blockRows = Math.ceil(rows / block)
  const blockColumns = Math.ceil(columns / block)
  const count = parts * batch * blockRows * blockColumns
  const leftInner = printer.hasVectors('left', 'columnStride', inner)
  const leftRows = !leftInner && printer.hasVectors('left', 'rowStride', rows)
  const rightColumns = printer.hasVectors('right', 'columnStride', columns)
  const rightInner = !rightColumns && printer.hasVectors('right', 'rowStride', inner)
  // Vectors along the sum take four steps at once; parts of the sum are multiples of four, and so is the whole then.
  const step = leftInner || rightInner ? block : 1
  const lines = [
    'let flat = group * 64u + lane;',
    `if (flat >= ${count}u) { return; }`,
    `let column = i32(flat % ${blockColumns}u) * 4;`,
    `let row = i32((flat / ${blockColumns}u) % ${blockRows}u) * 4;`,
    ...printer.batchLines(`flat / ${blockRows * blockColumns}u`),
    // Rows and columns beyond the end are computed from the last ones, and not stored.
    ...four.flatMap((i) => [
      `let row${i} = ${rows % block === 0 ? `row + ${i}` : `min(row + ${i}, ${rows - 1})`};`,
      `let column${i} = ${columns % block === 0 ? `column + ${i}` : `min(column + ${i}, ${columns - 1})`};`,
      `var sum${i} = vec4<${type}>();`,
    ]),
    `for (var k = start; k < end; k += ${step}) {`,
  ]
  const steps = step === block ? four : ([0] as const)
  const inside: string[] = []
  if (leftInner) for (const i of four) inside.push(`let a${i} = ${printer.vector('left', `row${i}`, 'k')};`)
  else if (leftRows) for (const s of steps) inside.push(`let c${s} = ${printer.vector('left', 'row', `(k + ${s})`)};`)
  if (rightInner) for (const j of four) inside.push(`let d${j} = ${printer.vector('right', 'k', `column${j}`)};`)
  for (const s of steps) {
    const k = s === 0 ? 'k' : `(k + ${s})`
    const row = rightColumns
      ? printer.vector('right', k, 'column')
      : rightInner
        ? `vec4<${type}>(${four.map((j) => `d${j}.${component[s]}`).join(', ')})`
        : `vec4<${type}>(${four.map((j) => printer.operand('right', k, `column${j}`)).join(', ')})`
    inside.push(`let r${s} = ${row};`)
    for (const i of four) {
      const a = leftInner
        ? `a${i}.${component[s]}`
        : leftRows
          ? `c${s}.${component[i]}`
          : printer.operand('left', `row${i}`, k)
      inside.push(`sum${i} += ${a} * r${s};`)
    }
  }
  lines.push(...inside.map((line) => `  ${line}`), '}')
  for (const i of four) {
    const stores = four.map((j) => {
      const store = printer.store(`row + ${i}`, `column + ${j}`, `sum${i}.${component[j]}`)
      return columns % block === 0 ? store : `if (column + ${j} < ${columns}) { ${store} }`
    })
    if (rows % block === 0) lines.push(...stores)
    else lines.push(`if (row + ${i} < ${rows}) {`, ...stores.map((s) => `  ${s}`), '}')
  }
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
