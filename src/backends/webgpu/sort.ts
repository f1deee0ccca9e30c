/**
 * Stable sorts of lines: workgroups sort tiles in memory of their own by Batcher's bitonic network, then merge runs of tiles pairwise,
 * a tile of the result each. (Odeh, Green, Mwassi, Shmueli and Birk, "Merge path", 2012, for where its elements come from.)
 */
import { known, range } from '../../core/index.js'
import type { Buffer, SortKernel } from '../../compiler/index.js'
import { newBuffer } from '../../compiler/graph.js'
import { wordType } from './layout.js'
import { type Memory, type Shader, ShaderBuilder } from './shader.js'
import type { Target } from './target.js'

/** Most elements of a tile: their keys and places fill half of the workgroup memory that every GPU has. */
const largestTile = 1024
const smallestTile = 256
/** Elements of each thread. */
const perThread = 4
/** The same for software, which takes long to clear that memory, and to let threads wait for each other. */
const tileInSoftware = 256
const perThreadInSoftware = 16

/** A sort as it is cut into tiles. */
interface Layout {
  readonly kernel: SortKernel
  readonly memory: Memory
  readonly lines: number
  /** Elements of a tile, those that each of its lines has room for, and tiles of a line longer than one. */
  readonly tile: number
  readonly width: number
  readonly tiles: number
  /** Elements of each thread, and threads. */
  readonly each: number
  readonly threads: number
}

/** Keys and places of elements between the passes. */
interface Items {
  readonly keys: Buffer
  readonly places: Buffer
}

/** The dispatches of a sort. */
export const planSort = (kernel: SortKernel, memory: Memory, target: Target): readonly Shader[] => {
  const { outer, size, inner, inputs, outputs } = kernel
  const lines = outer * inner
  const powerOfTwo = (n: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, n)))
  const largest = target.software ? tileInSoftware : largestTile
  const each = target.software ? perThreadInSoftware : perThread
  const width = Math.min(largest, powerOfTwo(size))
  const tile = Math.min(largest, Math.max(smallestTile, powerOfTwo(lines * width)))
  const tiles = Math.ceil(size / width)
  const layout: Layout = { kernel, memory, lines, tile, width, tiles, each, threads: tile / each }
  const newItems = (): Items => ({
    keys: newBuffer('uint32', [lines, size]),
    places: newBuffer('int32', [lines, size]),
  })
  // The last pass moves the operands too, if it can bind them all.
  const bound = new Set([...inputs, ...outputs]).size + (layout.tiles === 1 ? 0 : 2)
  const order = bound <= target.storageBuffers ? undefined : newBuffer('int32', [lines, size])
  const moves =
    order === undefined ? [] : inputs.map((input, k) => moveShader(layout, order, input, known(outputs[k], 'output')))
  if (layout.tiles === 1) return [tileShader(layout, order ?? 'results'), ...moves]
  let from = newItems()
  let to = newItems()
  const shaders = [tileShader(layout, from)]
  for (let run = width; run < size; run *= 2) {
    const last = 2 * run >= size
    shaders.push(mergeShader(layout, run, from, last ? (order ?? 'results') : to))
    ;[from, to] = [to, from]
  }
  return [...shaders, ...moves]
}

/** Where a pass puts its elements: with their keys for the next pass, places alone, or where they belong in the results. */
type Destination = Items | Buffer | 'results'

const writesOf = ({ kernel }: Layout, to: Destination): readonly Buffer[] =>
  to === 'results' ? kernel.outputs : 'keys' in to ? [to.keys, to.places] : [to]

/** Statements that store the element with `key` that came `from` somewhere in a line as number `place` of it. */
const storeLines = ({ kernel }: Layout, shader: ShaderBuilder, to: Destination): string[] => {
  const { size, inner, inputs, outputs } = kernel
  if (to === 'results')
    return inputs.map((input, k) =>
      shader.store(
        known(outputs[k], 'output'),
        `base + place * ${inner}`,
        shader.load(input, `base + source * ${inner}`),
      ),
    )
  const at = `line * ${size} + place`
  if (!('keys' in to)) return [shader.store(to, at, 'source')]
  return [shader.store(to.keys, at, 'key'), shader.store(to.places, at, 'source')]
}

/** Workgroup memory of a tile, and the functions that compare elements, by key and place, of the line that begins at `base`. */
const declarations = ({ kernel, tile }: Layout, shader: ShaderBuilder): string[] => {
  const { size, inner, keys, inputs } = kernel
  const key = (k: number, place: string): string => {
    const buffer = known(inputs[k], 'key')
    const value = shader.load(buffer, `base + ${place} * ${inner}`)
    const order = shader.helper(`order_${wordType(buffer.dtype)}`)
    return `${order}(${buffer.dtype === 'bool' ? `u32(${value})` : value})`
  }
  // Only where keys are equal do the later ones decide; places behind the end have none.
  const later = range(keys - 1).flatMap((n) => [
    `    let a${n} = ${key(n + 1, 'i')};`,
    `    let b${n} = ${key(n + 1, 'j')};`,
    `    if (a${n} != b${n}) { return a${n} < b${n}; }`,
  ])
  return [
    `var<workgroup> keys: array<u32, ${tile}>;`,
    `var<workgroup> places: array<i32, ${tile}>;`,
    `fn first_key(base: i32, i: i32) -> u32 { return ${key(0, 'i')}; }`,
    'fn less(base: i32, x: u32, i: i32, y: u32, j: i32) -> bool {',
    '  if (x != y) { return x < y; }',
    ...(keys > 1 ? [`  if (max(i, j) < ${size}) {`, ...later, '  }'] : []),
    '  return i < j;',
    '}',
  ]
}

const baseLine = ({ size, inner }: SortKernel): string =>
  `let base = (line / ${inner}) * ${size * inner} + line % ${inner};`

const indented = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`)

/** A workgroup sorts a tile: of one line, or several short ones, filled up with places behind the end. */
const tileShader = (layout: Layout, to: Destination): Shader => {
  const { kernel, memory, lines: lineCount, tile, width, tiles, threads } = layout
  const { size, inner } = kernel
  const shader = new ShaderBuilder(memory, writesOf(layout, to))
  const together = tile / width
  // Neighbours in memory are those of one line, or of several lines side by side.
  const slot = inner === 1 || together === 1 ? 'k' : `(k % ${together}) * ${width} + k / ${together}`
  const place = [
    `let slot = ${slot};`,
    `let line = first + slot / ${width};`,
    `let place = origin + slot % ${width};`,
    baseLine(kernel),
    `let inside = line < ${lineCount} && place < ${size};`,
  ]
  const lines = [
    `let first = i32(group / ${tiles}u) * ${together};`,
    `let origin = i32(group % ${tiles}u) * ${width};`,
    `for (var k = i32(lane); k < ${tile}; k += ${threads}) {`,
    ...indented(place),
    '  keys[slot] = 0xffffffffu;',
    `  places[slot] = ${size} + slot;`,
    '  if (inside) {',
    '    keys[slot] = first_key(base, place);',
    '    places[slot] = place;',
    '  }',
    '}',
    'workgroupBarrier();',
    `for (var run = 2; run <= ${width}; run *= 2) {`,
    '  for (var distance = run / 2; distance > 0; distance /= 2) {',
    `    for (var pair = i32(lane); pair < ${tile / 2}; pair += ${threads}) {`,
    '      let low = pair * 2 - pair % distance;',
    '      let high = low + distance;',
    `      let line = first + low / ${width};`,
    `      ${baseLine(kernel)}`,
    '      let x = keys[low];',
    '      let y = keys[high];',
    '      let i = places[low];',
    '      let j = places[high];',
    // Runs that fill a line go up, whichever line of the tile it is.
    `      if (less(base, y, j, x, i) == ((low & run & ${width - 1}) == 0)) {`,
    '        keys[low] = y;',
    '        keys[high] = x;',
    '        places[low] = j;',
    '        places[high] = i;',
    '      }',
    '    }',
    '    workgroupBarrier();',
    '  }',
    '}',
    `for (var k = i32(lane); k < ${tile}; k += ${threads}) {`,
    ...indented(place),
    '  if (inside) {',
    '    let key = keys[slot];',
    '    let source = places[slot];',
    ...indented(indented(storeLines(layout, shader, to))),
    '  }',
    '}',
  ]
  const groups = Math.ceil(lineCount / together) * tiles
  return shader.finish('sort_tiles', lines, threads, groups, declarations(layout, shader))
}

/** Lines of a function: how many of the first `count` elements of two merged runs come from the left one. */
const splitFunction = (name: string, right: string, left: string): string[] => [
  `fn ${name}(line: i32, base: i32, left: i32, right: i32, leftSize: i32, rightSize: i32, count: i32) -> i32 {`,
  '  var low = max(0, count - rightSize);',
  '  var high = min(count, leftSize);',
  '  while (low < high) {',
  '    let middle = (low + high) / 2;',
  '    let a = left + middle;',
  '    let b = right + count - 1 - middle;',
  `    if (less(base, ${right}, ${left})) { high = middle; } else { low = middle + 1; }`,
  '  }',
  '  return low;',
  '}',
]

/**
 * Runs of a line are merged pairwise. A workgroup finds which elements of the two are those of its tile of the result, and
 * takes them into its memory; there each thread does the same for its few elements, and merges them.
 */
const mergeShader = (layout: Layout, run: number, from: Items, to: Destination): Shader => {
  const { kernel, memory, lines: lineCount, tile, tiles, each, threads } = layout
  const { size } = kernel
  const shader = new ShaderBuilder(memory, writesOf(layout, to))
  const load = (buffer: Buffer, at: string): string => shader.load(buffer, `line * ${size} + ${at}`)
  const item = (at: string): string => `${load(from.keys, at)}, ${load(from.places, at)}`
  const declared = [
    ...declarations(layout, shader),
    'var<workgroup> splits: array<i32, 2>;',
    ...splitFunction('split_runs', item('b'), item('a')),
    ...splitFunction('split_tile', 'keys[b], places[b]', 'keys[a], places[a]'),
  ]
  const lines = [
    `let line = i32(group / ${tiles}u);`,
    `let origin = i32(group % ${tiles}u) * ${tile};`,
    baseLine(kernel),
    `let run = 1 << ${shader.parameter(Math.log2(run))};`,
    'let left = origin - origin % (2 * run);',
    'let right = left + run;',
    `let leftSize = min(run, ${size} - left);`,
    `let rightSize = clamp(${size} - right, 0, run);`,
    'let skipped = origin - left;',
    `let count = min(${tile}, leftSize + rightSize - skipped);`,
    'if (lane < 2u) {',
    '  splits[lane] = split_runs(line, base, left, right, leftSize, rightSize, skipped + i32(lane) * count);',
    '}',
    'workgroupBarrier();',
    'let begin = splits[0];',
    'let taken = splits[1] - begin;',
    `for (var k = i32(lane); k < count; k += ${threads}) {`,
    '  let at = select(right + skipped - begin + k - taken, left + begin + k, k < taken);',
    `  keys[k] = ${load(from.keys, 'at')};`,
    `  places[k] = ${load(from.places, 'at')};`,
    '}',
    'workgroupBarrier();',
    `let mine = min(i32(lane) * ${each}, count);`,
    'var a = split_tile(line, base, 0, taken, taken, count - taken, mine);',
    'var b = taken + mine - a;',
    `for (var k = mine; k < min(mine + ${each}, count); k++) {`,
    '  var slot = a;',
    '  if (a == taken || (b < count && less(base, keys[b], places[b], keys[a], places[a]))) { slot = b; b++; } else { a++; }',
    '  let key = keys[slot];',
    '  let source = places[slot];',
    '  let place = origin + k;',
    ...indented(storeLines(layout, shader, to)),
    '}',
  ]
  return shader.finish('sort_merge', lines, threads, lineCount * tiles, declared)
}

/** Moves an operand to its order. */
const moveShader = (
  { kernel, memory, lines: lineCount }: Layout,
  order: Buffer,
  input: Buffer,
  output: Buffer,
): Shader => {
  const { size, inner } = kernel
  const count = lineCount * size
  const shader = new ShaderBuilder(memory, [output])
  const lines = [
    'let flat = i32(group * 64u + lane);',
    ...(count % 64 === 0 ? [] : [`if (flat >= ${count}) { return; }`]),
    `let place = (flat / ${inner}) % ${size};`,
    `let line = flat / ${size * inner} * ${inner} + flat % ${inner};`,
    baseLine(kernel),
    `let origin = ${shader.load(order, `line * ${size} + place`)};`,
    shader.store(output, 'flat', shader.load(input, `base + origin * ${inner}`)),
  ]
  return shader.finish('sort_move', lines, 64, Math.ceil(count / 64))
}
