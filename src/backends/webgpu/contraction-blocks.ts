/**
 * Matrix products without shared memory, for GPUs in software: each invocation computes a block of the result and reads its operands
 * itself. Where four invocations can pass values to each other, they have their rows in common, and each reads a quarter of these.
 */
import { type ProductPrinter, guarded } from './product.js'
import type { Shader } from './shader.js'

/** Columns of a block. */
const width = 4
const four = [0, 1, 2, 3] as const
const component = ['x', 'y', 'z', 'w'] as const

type Step = (typeof four)[number]

/** How the blocks of a workgroup's invocations lie over the result. */
interface Layout {
  readonly height: 4 | 8
  /** Blocks beside and below each other. */
  readonly across: 1 | 2 | 4
  readonly down: number
  /** Whether four blocks beside each other read their rows together. */
  readonly together: boolean
}

const mostInvocations = 16

const layoutOf = ({ product }: ProductPrinter, quads: boolean): Layout => {
  const { rows, columns } = product.kernel
  const across = columns > 2 * width ? 4 : columns > width ? 2 : 1
  const together = quads && across === 4
  // Where results are finished, which is written out for each, higher blocks take twice as long to compile.
  const height = together && rows > 4 && product.finish === undefined ? 8 : 4
  const blocks = Math.ceil(rows / height)
  // Blocks below each other find the columns that they share in the processor's cache, but none should be outside of the result.
  const padded = (down: number): number => Math.ceil(blocks / down) * down
  let down = 1
  for (let n = 2; n <= mostInvocations / across; n++) if (padded(n) <= padded(down)) down = n
  return { height, across, down, together }
}

/** The shader of a product by blocks. `quads` says whether the GPU has operations among four invocations. */
export const blockShader = (printer: ProductPrinter, quads: boolean): Shader => {
  const { shader, parts, type } = printer
  const { batch, rows, columns, inner } = printer.product.kernel
  const { height, across, down, together } = layoutOf(printer, quads)
  if (together) shader.extensions.add('subgroups')
  const tileRows = height * down
  const tileColumns = width * across
  const tilesDown = Math.ceil(rows / tileRows)
  const tilesAcross = Math.ceil(columns / tileColumns)
  const exactRows = rows % tileRows === 0
  const exactColumns = columns % tileColumns === 0
  const blockRows = Array.from({ length: height }, (_, i) => i)
  // Four steps of the sum at once, even where no vectors lie along it: what a loop carries is copied after each of its turns.
  const steps: readonly Step[] = inner % four.length === 0 ? four : [0]
  const at = (step: Step): string => (step === 0 ? 'k' : `k + ${step}`)
  const leftVectors = printer.hasVectors('left', 'columnStride', inner)
  const rightColumns = printer.hasVectors('right', 'columnStride', columns)
  const rightVectors = !rightColumns && printer.hasVectors('right', 'rowStride', inner)

  const lines = [
    `let row = i32(group % ${tilesDown}u) * ${tileRows} + i32(lane / ${across}u) * ${height};`,
    `let member = i32(lane % ${across}u);`,
    `let column = i32((group / ${tilesDown}u) % ${tilesAcross}u) * ${tileColumns} + member * ${width};`,
    ...printer.batchLines(`group / ${tilesDown * tilesAcross}u`),
  ]
  const body: string[] = []

  // Rows and columns beyond the end are computed from the last ones, and not stored.
  const read = together ? blockRows.slice(0, height / four.length) : blockRows
  for (const i of read) {
    const place = together ? `row + ${i * four.length} + member` : `row + ${i}`
    lines.push(`let row${i} = ${exactRows ? place : `min(${place}, ${rows - 1})`};`)
    if (leftVectors) body.push(`let a${i} = ${printer.vector('left', `row${i}`, 'k')};`)
    else for (const s of steps) body.push(`let a${i}_${s} = ${printer.operand('left', `row${i}`, at(s))};`)
  }
  const left = (i: number, step: Step): string => {
    const from = together ? i >> 2 : i
    const own = leftVectors ? `a${from}.${component[step]}` : `a${from}_${step}`
    return together ? `quadBroadcast(${own}, ${i % four.length}u)` : own
  }

  if (rightColumns) lines.push(`let columns = ${exactColumns ? 'column' : `min(column, ${columns - width})`};`)
  else
    for (const j of four)
      lines.push(`let column${j} = ${exactColumns ? `column + ${j}` : `min(column + ${j}, ${columns - 1})`};`)
  if (rightVectors) for (const j of four) body.push(`let b${j} = ${printer.vector('right', 'k', `column${j}`)};`)
  const right = (step: Step): string => {
    if (rightColumns) return printer.vector('right', at(step), 'columns')
    const each = four.map((j) =>
      rightVectors ? `b${j}.${component[step]}` : printer.operand('right', at(step), `column${j}`),
    )
    return `vec4<${type}>(${each.join(', ')})`
  }

  for (const s of steps) {
    body.push(`let r${s} = ${right(s)};`)
    for (const i of blockRows) body.push(`sum${i} += ${left(i, s)} * r${s};`)
  }
  lines.push(
    ...blockRows.map((i) => `var sum${i} = vec4<${type}>();`),
    `for (var k = start; k < end; k += ${steps.length}) {`,
    ...body.map((line) => `  ${line}`),
    '}',
  )

  for (const i of blockRows) {
    const stores = four.map((j) => printer.store(`row + ${i}`, `column + ${j}`, `sum${i}.${component[j]}`))
    const inRow = exactColumns
      ? stores
      : columns % width === 0
        ? guarded(`column < ${columns}`, stores)
        : stores.flatMap((store, j) => guarded(`column + ${j} < ${columns}`, [store]))
    lines.push(...guarded(exactRows ? undefined : `row + ${i} < ${rows}`, inRow))
  }
  return shader.finish(
    'contraction',
    lines,
    across * down,
    parts * batch * tilesDown * tilesAcross,
    printer.declarations,
  )
}
