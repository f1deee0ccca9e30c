/** Stable sorts of lines: by counting for short lines, by a network of comparisons for long ones; then everything is permuted. */
import { known } from '../../core/index.js'
import type { Buffer, SortKernel } from '../../compiler/index.js'
import { newBuffer } from '../../compiler/graph.js'
import { wordType } from './layout.js'
import { type Memory, type Shader, ShaderBuilder } from './shader.js'

/** Longest line whose elements are each compared with all others. */
const countingLimit = 1024

export interface SortPlan {
  readonly shaders: readonly Shader[]
  readonly scratch: readonly Buffer[]
}

const size = 64

const start = (count: number): string[] => [
  `let flat = group * ${size}u + lane;`,
  ...(count % size === 0 ? [] : [`if (flat >= ${count}u) { return; }`]),
]

/** Plans a sort. `counting` says up to which length lines are sorted by counting. */
export const planSort = (kernel: SortKernel, memory: Memory, counting = countingLimit): SortPlan => {
  const { outer, size: length, inner } = kernel
  return length <= counting ? sortByCounting(kernel, memory) : sortByNetwork(kernel, memory, outer * inner)
}

/** Statements that set `less` if element `a` of a line comes before element `b`; `base` is where the line begins. */
const compareLines = ({ inner, keys, inputs }: SortKernel, shader: ShaderBuilder): string[] => {
  const lines = ['var less = a < b;']
  for (let k = keys - 1; k >= 0; k--) {
    const buffer = known(inputs[k], 'key')
    const order = shader.helper(`order_${wordType(buffer.dtype)}`)
    const key = (name: string): string => {
      const value = shader.load(buffer, `base + ${name} * ${inner}`)
      return `${order}(${buffer.dtype === 'bool' ? `u32(${value})` : value})`
    }
    lines.push(
      `let a${k} = ${key('a')};`,
      `let b${k} = ${key('b')};`,
      // Only where these keys are equal do the later ones, and at last the positions, decide.
      `less = select(a${k} < b${k}, less, a${k} == b${k});`,
    )
  }
  return lines
}

/** The place of each element is the number of those that come before it. */
const sortByCounting = (kernel: SortKernel, memory: Memory): SortPlan => {
  const { outer, size: length, inner, inputs, outputs } = kernel
  const ranks = newBuffer('int32', [outer, length, inner])
  const count = ranks.size
  const shader = new ShaderBuilder(memory, [ranks])
  const position = [
    `let column = i32(flat % ${inner}u);`,
    `let b = i32((flat / ${inner}u) % ${length}u);`,
    `let base = i32(flat / ${length * inner}u) * ${length * inner} + column;`,
  ]
  const lines = [
    ...start(count),
    ...position,
    'var rank = 0;',
    `for (var a = 0; a < ${length}; a++) {`,
    ...compareLines(kernel, shader).map((line) => `  ${line}`),
    '  rank += i32(less);',
    '}',
    shader.store(ranks, 'i32(flat)', 'rank'),
  ]
  const shaders = [shader.finish('sort_ranks', lines, size, Math.ceil(count / size))]
  inputs.forEach((input, k) => {
    const output = known(outputs[k], 'output')
    const move = new ShaderBuilder(memory, [output])
    const to = `base + ${move.load(ranks, 'i32(flat)')} * ${inner}`
    const moveLines = [
      ...start(count),
      ...position,
      `let to = ${to};`,
      move.store(output, 'to', move.load(input, `base + b * ${inner}`)),
    ]
    shaders.push(move.finish('sort_move', moveLines, size, Math.ceil(count / size)))
  })
  return { shaders, scratch: [ranks] }
}

/** Batcher's bitonic network on positions; the lines are filled up to a power of two with positions that come last. */
const sortByNetwork = (kernel: SortKernel, memory: Memory, lineCount: number): SortPlan => {
  const { size: length, inner, inputs, outputs } = kernel
  const full = 2 ** Math.ceil(Math.log2(length))
  const order = newBuffer('int32', [lineCount, full])
  const shaders: Shader[] = []
  const fill = new ShaderBuilder(memory, [order])
  shaders.push(
    fill.finish(
      'sort_begin',
      [...start(order.size), fill.store(order, 'i32(flat)', `i32(flat % ${full}u)`)],
      size,
      Math.ceil(order.size / size),
    ),
  )
  const pairs = order.size / 2
  // The steps are one shader, whose numbers are bound: there are many.
  for (let run = 1; 2 ** run <= full; run++) {
    for (let distance = run - 1; distance >= 0; distance--) {
      const shader = new ShaderBuilder(memory, [order])
      const lines = [
        ...start(pairs),
        `let run = 1 << ${shader.parameter(run)};`,
        `let distance = 1 << ${shader.parameter(distance)};`,
        `let line = i32(flat / ${full / 2}u);`,
        `let pair = i32(flat % ${full / 2}u);`,
        'let low = (pair / distance) * 2 * distance + pair % distance;',
        'let high = low + distance;',
        `let base = (line / ${inner}) * ${length * inner} + line % ${inner};`,
        `let b = ${shader.load(order, `line * ${full} + low`)};`,
        `let a = ${shader.load(order, `line * ${full} + high`)};`,
        // Positions beyond the end come last, in their own order.
        'var swap = a < b;',
        `if (a < ${length} && b < ${length}) {`,
        ...compareLines(kernel, shader).map((line) => `  ${line}`),
        '  swap = less;',
        '}',
        'if (swap == ((low & run) == 0)) {',
        `  ${shader.store(order, `line * ${full} + low`, 'a')}`,
        `  ${shader.store(order, `line * ${full} + high`, 'b')}`,
        '}',
      ]
      shaders.push(shader.finish('sort_step', lines, size, Math.ceil(pairs / size)))
    }
  }
  const count = lineCount * length
  inputs.forEach((input, k) => {
    const output = known(outputs[k], 'output')
    const move = new ShaderBuilder(memory, [output])
    const lines = [
      ...start(count),
      `let column = i32(flat % ${inner}u);`,
      `let position = i32((flat / ${inner}u) % ${length}u);`,
      `let row = i32(flat / ${length * inner}u);`,
      `let origin = ${move.load(order, `(row * ${inner} + column) * ${full} + position`)};`,
      move.store(output, 'i32(flat)', move.load(input, `row * ${length * inner} + origin * ${inner} + column`)),
    ]
    shaders.push(move.finish('sort_move', lines, size, Math.ceil(count / size)))
  })
  return { shaders, scratch: [order] }
}
