/**
 * Matrix products of few rows or few columns whose sums run along memory, as those of a matrix and a vector: the threads of a
 * workgroup read what is next to each other, each with a share of the sums, which they add up in the end.
 */
import type { ContractionKernel } from '../../compiler/index.js'
import { type ProductPrinter, guarded, zero } from './product.js'
import type { Shader } from './shader.js'
import type { Target } from './target.js'

/** Rows and columns of the results of a workgroup. */
const block = 4
/** Shortest sums that are shared. */
const leastShared = 64
/** Longest sums of one thread, so that rounding errors stay small, and shortest that are worth another workgroup. */
const longestShare = 1024
const shortestShare = 16
const mostParts = 256

const sizeOf = ({ software }: Target): number => (software ? 4 : 64)

/** Whether the elements of the larger operand that belong to one sum are next to each other. */
export const runsAlongSums = ({ rows, columns, inner, left, right }: ContractionKernel): boolean =>
  inner >= leastShared && (rows >= columns ? left.columnStride : right.rowStride) === 1

interface Layout {
  readonly rows: number
  readonly columns: number
  readonly groups: number
}

const layoutOf = ({ batch, rows, columns }: ContractionKernel): Layout => {
  const layout = { rows: Math.min(rows, block), columns: Math.min(columns, block) }
  return { ...layout, groups: batch * Math.ceil(rows / layout.rows) * Math.ceil(columns / layout.columns) }
}

/** Into how many parts the sums are split: until workgroups keep the device busy, and no thread's share is too long. */
export const narrowParts = (
  kernel: ContractionKernel,
  target: Target,
): { readonly parts: number; readonly partLength: number } => {
  const { inner } = kernel
  const size = sizeOf(target)
  const busy = Math.min((target.software ? 16 : 128) / layoutOf(kernel).groups, inner / (size * shortestShare))
  const wanted = Math.min(Math.max(Math.ceil(inner / (size * longestShare)), Math.floor(busy), 1), mostParts)
  const partLength = Math.ceil(inner / wanted / block) * block
  return { parts: Math.ceil(inner / partLength), partLength }
}

/** The shader of such a product. */
export const narrowShader = (printer: ProductPrinter, target: Target): Shader => {
  const { shader, parts, type } = printer
  const { kernel } = printer.product
  const { rows, columns, inner, out } = kernel
  const size = sizeOf(target)
  const layout = layoutOf(kernel)
  const tilesDown = Math.ceil(rows / layout.rows)
  const tilesAcross = Math.ceil(columns / layout.columns)
  const ofRows = Array.from({ length: layout.rows }, (_, i) => i)
  const ofColumns = Array.from({ length: layout.columns }, (_, j) => j)
  const count = layout.rows * layout.columns
  const inVectors = printer.hasVectors('left', 'columnStride', inner) && printer.hasVectors('right', 'rowStride', inner)
  const width = inVectors ? 4 : 1
  // Rows and columns beyond the end are computed from the last ones, and not stored.
  const place = (name: string, k: number, size: number, each: number): string =>
    size % each === 0 ? `${name} + ${k}` : `min(${name} + ${k}, ${size - 1})`
  const product = (i: number, j: number): string => (inVectors ? `dot(a${i}, b${j})` : `a${i} * b${j}`)
  const read = printer.operand.bind(printer)
  const vector = printer.vector.bind(printer)
  const element = inVectors ? vector : read
  const inRange = [
    ...(rows % layout.rows === 0 ? [] : [`i < ${rows}`]),
    ...(columns % layout.columns === 0 ? [] : [`j < ${columns}`]),
  ]
  const lines = [
    `let row = i32(group % ${tilesDown}u) * ${layout.rows};`,
    `let column = i32((group / ${tilesDown}u) % ${tilesAcross}u) * ${layout.columns};`,
    ...printer.batchLines(`group / ${tilesDown * tilesAcross}u`),
    ...ofRows.map((i) => `let row${i} = ${place('row', i, rows, layout.rows)};`),
    ...ofColumns.map((j) => `let column${j} = ${place('column', j, columns, layout.columns)};`),
    ...ofRows.flatMap((i) => ofColumns.map((j) => `var sum${i}_${j} = ${zero(out.dtype)};`)),
    `for (var k = start + i32(lane) * ${width}; k < end; k += ${size * width}) {`,
    ...ofRows.map((i) => `  let a${i} = ${element('left', `row${i}`, 'k')};`),
    ...ofColumns.map((j) => `  let b${j} = ${element('right', 'k', `column${j}`)};`),
    ...ofRows.flatMap((i) => ofColumns.map((j) => `  sum${i}_${j} += ${product(i, j)};`)),
    '}',
    ...ofRows.flatMap((i) =>
      ofColumns.map((j) => `shares[${(i * layout.columns + j) * size}u + lane] = sum${i}_${j};`),
    ),
    'workgroupBarrier();',
    `for (var result = lane; result < ${count}u; result += ${size}u) {`,
    `  var sum = ${zero(out.dtype)};`,
    `  for (var t = 0u; t < ${size}u; t++) { sum += shares[result * ${size}u + t]; }`,
    `  let i = row + i32(result / ${layout.columns}u);`,
    `  let j = column + i32(result % ${layout.columns}u);`,
    ...guarded(inRange.length === 0 ? undefined : inRange.join(' && '), [printer.store('i', 'j', 'sum')]).map(
      (line) => `  ${line}`,
    ),
    '}',
  ]
  const shares = `var<workgroup> shares: array<${type}, ${count * size}>;`
  return shader.finish('contraction', lines, size, parts * layout.groups, [...printer.declarations, shares])
}
