/** Matrix products: an invocation computes a block of 4 x 4 elements in registers; where it pays, workgroups share tiles. */
import type { DType } from '../../core/index.js'
import { type Buffer, type ContractionKernel, type MatrixView } from '../../compiler/index.js'
import { newBuffer } from '../../compiler/graph.js'
import { wordType } from './layout.js'
import { type Bases, type Shader, ShaderBuilder } from './shader.js'
import type { Target } from './target.js'

/** How one product is done. */
export interface ContractionPlan {
  readonly shaders: readonly Shader[]
  /** Memory for partial sums, if the sum is split. */
  readonly scratch: readonly Buffer[]
}

/** Sums longer than this are split over invocations when there are few results. */
const longSum = 1024
/** Invocations that keep any GPU busy. */
const enoughInvocations = 16384
const block = 4
/** Side of the tile of results of one workgroup, and depth of the tiles of operands that it shares. */
const tile = 64
const tileDepth = 16

interface Problem extends ContractionKernel {
  /** Parts of the sum, each with its own results. */
  readonly parts: number
  /** Length of a part; the last may be shorter. */
  readonly partLength: number
}

/** Plans a product. `force` chooses a way for tests. */
export const planContraction = (
  kernel: ContractionKernel,
  bases: Bases,
  target: Target,
  force?: 'plain' | 'blocks' | 'tiles',
): ContractionPlan => {
  const { batch, rows, columns, inner, out } = kernel
  const results = batch * rows * columns
  const invocations = batch * Math.ceil(rows / block) * Math.ceil(columns / block)
  let parts = 1
  if (inner >= 2 * longSum && invocations < enoughInvocations)
    parts = Math.min(Math.ceil(inner / longSum), Math.ceil(enoughInvocations / invocations), 256)
  const partLength = Math.ceil(inner / parts / block) * block
  parts = Math.ceil(inner / partLength)
  const partial = parts === 1 ? undefined : newBuffer(out.dtype, [parts, batch, rows, columns])
  const problem: Problem = { ...kernel, out: partial ?? out, parts, partLength }
  const small = rows < block || columns < block
  const way = force ?? (small ? 'plain' : target.software || rows < tile || columns < tile ? 'blocks' : 'tiles')
  const first =
    way === 'plain'
      ? plainShader(problem, bases)
      : way === 'blocks'
        ? blockShader(problem, bases)
        : tileShader(problem, bases)
  if (partial === undefined) return { shaders: [first], scratch: [] }
  return { shaders: [first, joinShader(partial, out, parts, results, bases)], scratch: [partial] }
}

const zero = (dtype: DType): string => `${wordType(dtype)}(0)`

/** Text of the index of an element of an operand. */
const at = (view: MatrixView, batch: string, row: string, column: string): string => {
  const terms = [
    [batch, view.batchStride],
    [row, view.rowStride],
    [column, view.columnStride],
  ] as const
  const parts = terms.flatMap(([name, stride]) => (stride === 0 ? [] : stride === 1 ? [name] : [`${name} * ${stride}`]))
  if (view.offset !== 0) parts.push(String(view.offset))
  return parts.length === 0 ? '0' : parts.join(' + ')
}

/** Which batch and part a workgroup or invocation is in. */
const batchLines = ({ batch, inner, parts, partLength }: Problem, index: string): string[] => [
  `let batch = i32(${index}${parts === 1 ? '' : ` % ${batch}u`});`,
  ...(parts === 1
    ? [`let start = 0;`, `let end = ${inner};`]
    : [`let start = i32(${index} / ${batch}u) * ${partLength};`, `let end = min(start + ${partLength}, ${inner});`]),
  `let slab = i32(${index});`,
]

/** An invocation for each element. */
const plainShader = (problem: Problem, bases: Bases): Shader => {
  const { batch, rows, columns, parts, left, right, out } = problem
  const shader = new ShaderBuilder(bases, [out])
  const count = parts * batch * rows * columns
  const lines = [
    'let flat = group * 64u + lane;',
    `if (flat >= ${count}u) { return; }`,
    `let column = i32(flat % ${columns}u);`,
    `let row = i32((flat / ${columns}u) % ${rows}u);`,
    ...batchLines(problem, `(flat / ${rows * columns}u)`),
    `var sum = ${zero(out.dtype)};`,
    'for (var k = start; k < end; k++) {',
    `  sum += ${shader.element(left.buffer, at(left, 'batch', 'row', 'k'))} * ${shader.element(right.buffer, at(right, 'batch', 'k', 'column'))};`,
    '}',
    `${shader.element(out, 'i32(flat)')} = sum;`,
  ]
  return shader.finish('contraction', lines, 64, Math.ceil(count / 64))
}

/** Whether four neighbours along an axis can be read as one vector: every position is a multiple of four. */
const alongVectors = (view: MatrixView, axis: 'rowStride' | 'columnStride', bases: Bases, other: Buffer): boolean => {
  const across = axis === 'rowStride' ? view.columnStride : view.rowStride
  return (
    view.buffer !== other &&
    view[axis] === 1 &&
    [across, view.batchStride, view.offset, view.buffer.size].every((x) => x % block === 0) &&
    (bases.get(view.buffer) ?? []).every(({ stride }) => stride % block === 0)
  )
}

const four = [0, 1, 2, 3] as const
const component = ['x', 'y', 'z', 'w'] as const

/** An invocation for each block of 4 x 4 elements, which reads its operands itself: as vectors where they lie so. */
const blockShader = (problem: Problem, bases: Bases): Shader => {
  const { batch, rows, columns, inner, parts, left, right, out } = problem
  const shader = new ShaderBuilder(bases, [out])
  const type = wordType(out.dtype)
  const blockRows = Math.ceil(rows / block)
  const blockColumns = Math.ceil(columns / block)
  const count = parts * batch * blockRows * blockColumns
  const leftInner = alongVectors(left, 'columnStride', bases, right.buffer) && inner % block === 0
  const leftRows = !leftInner && alongVectors(left, 'rowStride', bases, right.buffer) && rows % block === 0
  const rightColumns = alongVectors(right, 'columnStride', bases, left.buffer) && columns % block === 0
  const rightInner = !rightColumns && alongVectors(right, 'rowStride', bases, left.buffer) && inner % block === 0
  // Vectors along the sum take four steps at once; parts of the sum are multiples of four, and so is the whole then.
  const step = leftInner || rightInner ? block : 1
  const quarter = (index: string): string => `(${index}) / 4`
  const lines = [
    'let flat = group * 64u + lane;',
    `if (flat >= ${count}u) { return; }`,
    `let column = i32(flat % ${blockColumns}u) * 4;`,
    `let row = i32((flat / ${blockColumns}u) % ${blockRows}u) * 4;`,
    ...batchLines(problem, `(flat / ${blockRows * blockColumns}u)`),
    // Rows and columns beyond the end are computed from the last ones, and not stored.
    ...four.flatMap((i) => [
      `let row${i} = ${rows % block === 0 ? `row + ${i}` : `min(row + ${i}, ${rows - 1})`};`,
      `let column${i} = ${columns % block === 0 ? `column + ${i}` : `min(column + ${i}, ${columns - 1})`};`,
      `var sum${i} = vec4<${type}>();`,
    ]),
    `for (var k = start; k < end; k += ${step}) {`,
  ]
  const leftAt = (row: string, k: string): string => shader.element(left.buffer, at(left, 'batch', row, k))
  const rightAt = (k: string, column: string): string => shader.element(right.buffer, at(right, 'batch', k, column))
  const steps = step === block ? four : ([0] as const)
  const inside: string[] = []
  if (leftInner) {
    for (const i of four)
      inside.push(`let a${i} = ${shader.vector(left.buffer, quarter(at(left, 'batch', `row${i}`, 'k')))};`)
  } else if (leftRows) {
    for (const s of steps)
      inside.push(`let c${s} = ${shader.vector(left.buffer, quarter(at(left, 'batch', 'row', `(k + ${s})`)))};`)
  }
  if (rightInner) {
    for (const j of four)
      inside.push(`let d${j} = ${shader.vector(right.buffer, quarter(at(right, 'batch', 'k', `column${j}`)))};`)
  }
  for (const s of steps) {
    const k = s === 0 ? 'k' : `(k + ${s})`
    const row = rightColumns
      ? shader.vector(right.buffer, quarter(at(right, 'batch', k, 'column')))
      : rightInner
        ? `vec4<${type}>(${four.map((j) => `d${j}.${component[s]}`).join(', ')})`
        : `vec4<${type}>(${four.map((j) => rightAt(k, `column${j}`)).join(', ')})`
    inside.push(`let r${s} = ${row};`)
    for (const i of four) {
      const a = leftInner ? `a${i}.${component[s]}` : leftRows ? `c${s}.${component[i]}` : leftAt(`row${i}`, k)
      inside.push(`sum${i} += ${a} * r${s};`)
    }
  }
  lines.push(...inside.map((line) => `  ${line}`), '}')
  lines.push(...storeLines(shader, problem, (i, j) => `sum${i}.${component[j] ?? 'x'}`))
  return shader.finish('contraction', lines, 64, Math.ceil(count / 64))
}

/** Stores the block of results at `row`, `column`, as far as it is inside. */
const storeLines = (
  shader: ShaderBuilder,
  { rows, columns, out }: Problem,
  value: (i: number, j: number) => string,
): string[] => [
  `let corner = (slab * ${rows} + row) * ${columns} + column;`,
  ...four.flatMap((i) => {
    const stores = four.map((j) => {
      const store = `${shader.element(out, `corner + ${i * columns + j}`)} = ${value(i, j)};`
      return columns % block === 0 ? store : `if (column + ${j} < ${columns}) { ${store} }`
    })
    return rows % block === 0 ? stores : [`if (row + ${i} < ${rows}) {`, ...stores.map((s) => `  ${s}`), '}']
  }),
]

/**
 * A workgroup of 16 x 16 for each tile of 64 x 64 elements: tiles of the operands, 16 deep, pass through shared memory, so that
 * each element is read from memory once for 64 uses.
 */
const tileShader = (problem: Problem, bases: Bases): Shader => {
  const { batch, rows, columns, parts, left, right, out } = problem
  const shader = new ShaderBuilder(bases, [out])
  const type = wordType(out.dtype)
  const tileRows = Math.ceil(rows / tile)
  const tileColumns = Math.ceil(columns / tile)
  // Neighbouring threads read neighbouring elements, whichever way the operand lies.
  const leftAlongRows = left.rowStride === 1 && left.columnStride !== 1
  const rightAlongInner = right.rowStride === 1 && right.columnStride !== 1
  const leftIndex = leftAlongRows ? ['e % 64', 'e / 64'] : ['e / 16', 'e % 16']
  const rightIndex = rightAlongInner ? ['e % 16', 'e / 16'] : ['e / 64', 'e % 64']
  const padding = zero(out.dtype)
  const lines = [
    `let tileColumn = i32(group % ${tileColumns}u) * ${tile};`,
    `let tileRow = i32((group / ${tileColumns}u) % ${tileRows}u) * ${tile};`,
    ...batchLines(problem, `(group / ${tileRows * tileColumns}u)`),
    'let threadRow = i32(lane / 16u) * 4;',
    'let threadColumn = i32(lane % 16u) * 4;',
    ...four.map((i) => `var sum${i} = vec4<${type}>();`),
    `for (var k = start; k < end; k += ${tileDepth}) {`,
    `  for (var e = i32(lane); e < ${tile * tileDepth}; e += 256) {`,
    `    let i = ${leftIndex[0]};`,
    `    let j = ${leftIndex[1]};`,
    `    let r = tileRow + i;`,
    `    let c = k + j;`,
    `    var a = ${padding};`,
    `    if (r < ${rows} && c < end) { a = ${shader.element(left.buffer, at(left, 'batch', 'r', 'c'))}; }`,
    `    leftTile[j * ${tile} + i] = a;`,
    '  }',
    `  for (var e = i32(lane); e < ${tile * tileDepth}; e += 256) {`,
    `    let i = ${rightIndex[0]};`,
    `    let j = ${rightIndex[1]};`,
    `    let r = k + i;`,
    `    let c = tileColumn + j;`,
    `    var b = ${padding};`,
    `    if (r < end && c < ${columns}) { b = ${shader.element(right.buffer, at(right, 'batch', 'r', 'c'))}; }`,
    `    rightTile[i * ${tile} + j] = b;`,
    '  }',
    '  workgroupBarrier();',
    `  for (var i = 0; i < ${tileDepth}; i++) {`,
    `    let a = i * ${tile} + threadRow;`,
    `    let b = i * ${tile} + threadColumn;`,
    `    let r = vec4<${type}>(rightTile[b], rightTile[b + 1], rightTile[b + 2], rightTile[b + 3]);`,
    ...four.map((i) => `    sum${i} += leftTile[a + ${i}] * r;`),
    '  }',
    '  workgroupBarrier();',
    '}',
    'let row = tileRow + threadRow;',
    'let column = tileColumn + threadColumn;',
    ...guarded(
      storeLines(shader, problem, (i, j) => `sum${i}.${component[j] ?? 'x'}`),
      rows,
      columns,
    ),
  ]
  const declarations = ['leftTile', 'rightTile'].map(
    (name) => `var<workgroup> ${name}: array<${type}, ${tile * tileDepth}>;`,
  )
  return shader.finish('contraction', lines, 256, parts * batch * tileRows * tileColumns, declarations)
}

/** Threads whose whole block is outside store nothing. */
const guarded = (lines: readonly string[], rows: number, columns: number): readonly string[] =>
  rows % tile === 0 && columns % tile === 0
    ? lines
    : [`if (row < ${rows} && column < ${columns}) {`, ...lines.map((line) => `  ${line}`), '}']

/** Adds up the parts of a split sum. */
const joinShader = (partial: Buffer, out: Buffer, parts: number, results: number, bases: Bases): Shader => {
  const shader = new ShaderBuilder(bases, [out])
  const lines = [
    'let flat = group * 64u + lane;',
    `if (flat >= ${results}u) { return; }`,
    `var sum = ${zero(out.dtype)};`,
    `for (var p = 0; p < ${parts}; p++) {`,
    `  sum += ${shader.element(partial, `p * ${results} + i32(flat)`)};`,
    '}',
    `${shader.element(out, 'i32(flat)')} = sum;`,
  ]
  return shader.finish('contraction_join', lines, 64, Math.ceil(results / 64))
}
