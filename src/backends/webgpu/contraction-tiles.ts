/**
 * Matrix products by tiles: a workgroup computes a tile of the result, each thread a block of it in registers, while tiles of
 * the operands pass through shared memory. Operands may be computed on the way there, as the patches of a convolution are.
 */
import type { ContractionKernel } from '../../compiler/index.js'
import { type Product, type Side, ProductPrinter, guarded } from './product.js'
import type { Buffer } from '../../compiler/index.js'
import type { Memory, Shader } from './shader.js'

/** Threads of a workgroup in both directions, rows and columns of the block of each, and depth of the shared tiles. */
export interface Tiling {
  readonly threadRows: number
  readonly threadColumns: number
  /** 4 or 8. */
  readonly block: number
  readonly depth: number
}

const tilings: readonly (Tiling & { readonly efficiency: number })[] = [
  // Bytes that a thread reads from shared memory for each operation decide: 8 x 8 needs half as many as 4 x 4.
  { threadRows: 16, threadColumns: 16, block: 8, depth: 8, efficiency: 1 },
  { threadRows: 16, threadColumns: 16, block: 4, depth: 16, efficiency: 0.65 },
  { threadRows: 64, threadColumns: 4, block: 4, depth: 8, efficiency: 0.55 },
  { threadRows: 4, threadColumns: 64, block: 4, depth: 8, efficiency: 0.55 },
  { threadRows: 8, threadColumns: 8, block: 4, depth: 16, efficiency: 0.5 },
]

/** Workgroups that keep a GPU busy. */
const enoughGroups = 128
/** Shortest part of a sum that is worth a workgroup of its own. */
const shortestPart = 256

/** A way to cut a product into tiles, and its sum into parts. */
export interface TilePlan {
  readonly tiling: Tiling
  readonly parts: number
  readonly partLength: number
}

const groupsOf = ({ batch, rows, columns }: ContractionKernel, tiling: Tiling): number =>
  batch *
  Math.ceil(rows / (tiling.threadRows * tiling.block)) *
  Math.ceil(columns / (tiling.threadColumns * tiling.block))

const partsOf = (kernel: ContractionKernel, tiling: Tiling): TilePlan => {
  const groups = groupsOf(kernel, tiling)
  const wanted = Math.min(Math.ceil(enoughGroups / groups), Math.floor(kernel.inner / shortestPart))
  const partLength = Math.ceil(kernel.inner / Math.max(1, wanted) / tiling.depth) * tiling.depth
  return { tiling, parts: Math.ceil(kernel.inner / partLength), partLength }
}

/** The tiling that wastes least: of threads outside of the result, of reading, and of processors without work. */
export const chooseTiling = (kernel: ContractionKernel): TilePlan => {
  let best: TilePlan | undefined
  let least = Infinity
  for (const tiling of tilings) {
    const plan = partsOf(kernel, tiling)
    const groups = groupsOf(kernel, tiling)
    const area = groups * tiling.threadRows * tiling.threadColumns * tiling.block ** 2
    const cost = (area / tiling.efficiency) * Math.max(1, enoughGroups / (groups * plan.parts))
    if (cost < least) {
      least = cost
      best = plan
    }
  }
  return best ?? partsOf(kernel, { threadRows: 16, threadColumns: 16, block: 4, depth: 16 })
}

const component = ['x', 'y', 'z', 'w'] as const
const four = [0, 1, 2, 3] as const

/** Lines by which the threads bring a tile of an operand into shared memory, vectors across the sum. */
const loadLines = (printer: ProductPrinter, tiling: Tiling, side: Side): string[] => {
  const { kernel } = printer.product
  const { depth, block, threadRows, threadColumns } = tiling
  const view = kernel[side]
  const isLeft = side === 'left'
  const length = isLeft ? kernel.rows : kernel.columns
  const width = ((isLeft ? threadRows : threadColumns) * block) / 4
  const threads = threadRows * threadColumns
  const count = width * depth
  const across = isLeft ? view.rowStride : view.columnStride
  const along = isLeft ? view.columnStride : view.rowStride
  // Neighbouring threads read neighbouring elements, whichever way the operand lies.
  const acrossFirst = across <= along && across !== 0
  const vectors = printer.hasVectors(side, isLeft ? 'rowStride' : 'columnStride', length)
  const exact = length % (width * 4) === 0
  // Parts of a sum end where tiles do, but for the last one.
  const wholeDepths = kernel.inner % depth === 0
  const origin = isLeft ? 'tileRow' : 'tileColumn'
  const read = (place: string): string =>
    isLeft ? printer.operand('left', place, 'inside') : printer.operand('right', 'inside', place)
  const lines: string[] = []
  for (let slot = 0; slot * threads < count; slot++) {
    const body = [
      `let v = lane${slot === 0 ? '' : ` + ${slot * threads}u`};`,
      `let i = i32(${acrossFirst ? `v / ${width}u` : `v % ${depth}u`});`,
      `let j = i32(${acrossFirst ? `v % ${width}u` : `v / ${depth}u`});`,
      `let place = ${origin} + j * 4;`,
      // Outside, the last elements are read: of the sum they count as zero, and other results are not stored.
      `let inside = ${wholeDepths ? 'k + i' : 'min(k + i, end - 1)'};`,
    ]
    if (vectors) {
      const at = exact ? 'place' : `min(place, ${length - 4})`
      body.push(`let a = ${isLeft ? printer.vector('left', at, 'inside') : printer.vector('right', 'inside', at)};`)
    } else {
      const places = four.map((n) => {
        const place = n === 0 ? 'place' : `place + ${n}`
        return exact ? place : `min(${place}, ${length - 1})`
      })
      body.push(`let a = vec4<${printer.type}>(${places.map(read).join(', ')});`)
    }
    const value = wholeDepths ? 'a' : `select(vec4<${printer.type}>(), a, k + i < end)`
    body.push(`${side}_tile[i * ${width} + j] = ${value};`)
    const partial = (slot + 1) * threads > count
    lines.push(partial ? `if (lane < ${count - slot * threads}u) {` : '{', ...body.map((line) => `  ${line}`), '}')
  }
  return lines
}

/** The shader of a product by tiles. */
export const tileShader = (
  product: Product,
  memory: Memory,
  { tiling, parts, partLength }: TilePlan,
  partial: Buffer | undefined,
): Shader => {
  const printer = new ProductPrinter(product, memory, partial, parts, partLength)
  const { type } = printer
  const { batch, rows, columns } = product.kernel
  const { threadRows, threadColumns, block, depth } = tiling
  const tileRows = threadRows * block
  const tileColumns = threadColumns * block
  const acrossRows = Math.ceil(rows / tileRows)
  const acrossColumns = Math.ceil(columns / tileColumns)
  const quads = Array.from({ length: block / 4 }, (_, q) => q)
  const sums = quads.flatMap((u) => four.flatMap((r) => quads.map((w) => ({ u, r, w, name: `sum${u * 4 + r}_${w}` }))))
  const offset = (q: number, threads: number): string => (q === 0 ? '' : ` + ${q * threads}`)
  const lines = [
    `let tileColumn = i32(group % ${acrossColumns}u) * ${tileColumns};`,
    `let tileRow = i32((group / ${acrossColumns}u) % ${acrossRows}u) * ${tileRows};`,
    ...printer.batchLines(`group / ${acrossRows * acrossColumns}u`),
    `let threadRow = i32(lane / ${threadColumns}u);`,
    `let threadColumn = i32(lane % ${threadColumns}u);`,
    ...sums.map(({ name }) => `var ${name} = vec4<${type}>();`),
    `for (var k = start; k < end; k += ${depth}) {`,
    ...[...loadLines(printer, tiling, 'left'), ...loadLines(printer, tiling, 'right')].map((line) => `  ${line}`),
    '  workgroupBarrier();',
    `  for (var i = 0; i < ${depth}; i++) {`,
    ...quads.map((u) => `    let a${u} = left_tile[i * ${tileRows / 4} + threadRow${offset(u, threadRows)}];`),
    ...quads.map(
      (w) => `    let b${w} = right_tile[i * ${tileColumns / 4} + threadColumn${offset(w, threadColumns)}];`,
    ),
    ...sums.map(({ u, r, w, name }) => `    ${name} += a${u}.${component[r]} * b${w};`),
    '  }',
    '  workgroupBarrier();',
    '}',
  ]
  for (const u of quads) {
    for (const r of four) {
      const inRow = quads.flatMap((w) => {
        const stores = four.map((c) => {
          const store = printer.store(
            'row',
            c === 0 ? 'column' : `column + ${c}`,
            `sum${u * 4 + r}_${w}.${component[c]}`,
          )
          return columns % 4 === 0 || c === 0 ? store : `if (column + ${c} < ${columns}) { ${store} }`
        })
        return [
          `{`,
          `  let column = tileColumn + (threadColumn${offset(w, threadColumns)}) * 4;`,
          ...guarded(columns % tileColumns === 0 ? undefined : `column < ${columns}`, stores).map(
            (line) => `  ${line}`,
          ),
          `}`,
        ]
      })
      lines.push(
        '{',
        `  let row = tileRow + (threadRow${offset(u, threadRows)}) * 4 + ${r};`,
        ...guarded(rows % tileRows === 0 ? undefined : `row < ${rows}`, inRow).map((line) => `  ${line}`),
        '}',
      )
    }
  }
  const shared = [
    `var<workgroup> left_tile: array<vec4<${type}>, ${(tileRows / 4) * depth}>;`,
    `var<workgroup> right_tile: array<vec4<${type}>, ${(tileColumns / 4) * depth}>;`,
  ]
  return printer.shader.finish(
    'contraction',
    lines,
    threadRows * threadColumns,
    parts * batch * acrossRows * acrossColumns,
    [...shared, ...printer.declarations],
  )
}
