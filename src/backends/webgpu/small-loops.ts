/**
 * Loops whose trips are little work (a column of a small factorization, a step of a filter) as one dispatch: a workgroup makes all
 * trips, and its threads meet at barriers where there would have been a dispatch. Loops inside of such loops go along.
 */
import { type DType, type Expression, e, known } from '../../core/index.js'
import {
  type Buffer,
  type ContractionKernel,
  type Program,
  type ScanKernel,
  type Statement,
  staysInPlace,
} from '../../compiler/index.js'
import { newBuffer } from '../../compiler/graph.js'
import { basic } from './basic.js'
import { perWord } from './layout.js'
import { SharedMemory } from './reduction.js'
import { type Piece, schedule, writtenOf } from './schedule.js'
import { type Memory, type Shader, ShaderBuilder, type View } from './shader.js'
import { printSharedPiece } from './shared-piece.js'
import type { Target } from './target.js'

/** Threads of the workgroup; those of software wait long for each other. */
const threads = 256
const threadsInSoftware = 16
/** Steps of a thread that take as long as a dispatch, about. */
const stepsPerDispatch = 80
/** Dispatches that a loop must save, at least. */
const fewestSaved = 3
/** Steps beyond which a dispatch might take so long that systems take the GPU away from it. */
const mostSteps = 2 ** 22
/** Deepest loops. */
const mostLevels = 4

type Node =
  | { readonly kind: 'piece'; readonly piece: Piece; readonly writes: readonly Buffer[] }
  | { readonly kind: 'copy'; readonly from: Buffer; readonly to: Buffer }
  | { readonly kind: 'loop'; readonly trip: string; readonly length: number; readonly body: readonly Node[] }

/** Where buffers of loops' bodies lie: set when the shader is about to be printed, with the names of its scratch arrays. */
interface Survey {
  readonly views: Map<Buffer, (scratch: (dtype: DType) => Buffer) => View>
  readonly written: Set<Buffer>
  readonly scratch: Map<DType, number>
  readonly threads: number
  /** Dispatches that the program would be, and steps of the busiest thread. */
  dispatches: number
  steps: number
}

/** Thrown where a program cannot be one dispatch. */
class Unfit extends Error {}

const countOf = (loops: Piece['parallel']): number => loops.reduce((count, { extent }) => count * extent, 1)

const stepsOf = (list: readonly Statement[]): number =>
  list.reduce(
    (sum, s) => sum + (s.kind === 'for' ? s.extent * stepsOf(s.body) : s.kind === 'if' ? stepsOf(s.body) : 1),
    0,
  )

/** Part of the scratch array of a dtype. */
const reserve = (survey: Survey, dtype: DType, size: number): number => {
  const offset = survey.scratch.get(dtype) ?? 0
  const unit = perWord(dtype)
  survey.scratch.set(dtype, offset + Math.ceil(size / unit) * unit)
  return offset
}

/** A product as the sums that it is. */
const sumsOf = ({ batch, rows, columns, inner, left, right, out }: ContractionKernel): Statement => {
  const variable = (extent: number): Expression => e.variable('int32', extent)
  const [b, r, c, i] = [variable(batch), variable(rows), variable(columns), variable(inner)]
  const at = (terms: readonly (readonly [Expression, number])[], offset: number): Expression =>
    terms.reduce<Expression>(
      (sum, [x, step]) => e.binary('add', sum, e.binary('mul', x, e.index(step))),
      e.index(offset),
    )
  const matrix = ({ batchPeriod }: typeof left): Expression =>
    batchPeriod === undefined ? b : e.binary('rem', b, e.index(batchPeriod))
  const element = (view: typeof left, row: Expression, column: Expression): Expression => {
    const terms = [
      [matrix(view), view.batchStride],
      [row, view.rowStride],
      [column, view.columnStride],
    ] as const
    return e.load(view.buffer, at(terms, view.offset))
  }
  const sum = e.variable(out.dtype)
  const terms: Statement = {
    kind: 'for',
    variable: i,
    extent: inner,
    order: 'reduce',
    body: [
      { kind: 'combine', local: sum, op: 'add', value: e.binary('mul', element(left, r, i), element(right, i, c)) },
    ],
  }
  const place = at(
    [
      [b, rows * columns],
      [r, columns],
      [c, 1],
    ],
    0,
  )
  const body: Statement[] = [
    { kind: 'define', local: sum, value: e.constant(0, out.dtype) },
    terms,
    { kind: 'store', buffer: out, index: place, value: sum },
  ]
  const loop = (x: Expression, extent: number, inside: readonly Statement[]): Statement => ({
    kind: 'for',
    variable: x,
    extent,
    order: 'parallel',
    body: inside,
  })
  return loop(b, batch, [loop(r, rows, [loop(c, columns, body)])])
}

const surveyPiece = (survey: Survey, piece: Piece, writes: readonly Buffer[]): Node => {
  const count = countOf(piece.parallel)
  const steps = stepsOf(piece.body)
  // The threads share what is reduced to one result.
  survey.steps += count === 1 ? Math.ceil(steps / survey.threads) + 8 : Math.ceil(count / survey.threads) * steps
  survey.dispatches++
  return { kind: 'piece', piece, writes }
}

const surveyProgram = (survey: Survey, program: Program, level: number): Node[] => {
  const place = (buffer: Buffer, offset: number): void => {
    survey.views.set(buffer, (scratch) => ({ buffer: scratch(buffer.dtype), origin: `${offset} + ` }))
  }
  const use = (buffers: readonly Buffer[]): void => {
    for (const buffer of buffers)
      if (!survey.views.has(buffer) && !program.outputs.includes(buffer) && !program.inputs.includes(buffer))
        place(buffer, reserve(survey, buffer.dtype, buffer.size))
  }
  return program.kernels.flatMap((kernel): Node[] => {
    switch (kernel.kind) {
      case 'loops': {
        const pieces = schedule(basic(kernel))
        // Pieces pass on what the kernel has in a local.
        use([...kernel.reads, ...kernel.writes, ...pieces.flatMap(({ body }) => writtenOf(body))])
        return pieces.map((piece) => surveyPiece(survey, piece, kernel.writes))
      }
      case 'contraction': {
        use([kernel.left.buffer, kernel.right.buffer, kernel.out])
        const sums = {
          kind: 'loops',
          name: 'product',
          body: [sumsOf(kernel)],
          reads: [],
          writes: [kernel.out],
        } as const
        return schedule(basic(sums)).map((piece) => surveyPiece(survey, piece, sums.writes))
      }
      case 'scan':
        use([...kernel.constants, ...kernel.initial, ...kernel.xs, ...kernel.carries, ...kernel.ys])
        return surveyScan(survey, kernel, level)
      default:
        throw new Unfit()
    }
  })
}

const surveyScan = (survey: Survey, kernel: ScanKernel, level: number): Node[] => {
  const { body, length, reverse, constants, initial, carries, xs, ys } = kernel
  if (level >= mostLevels || body.constants.length > 0) throw new Unfit()
  const count = `count${level}`
  const trip = reverse ? `(${length - 1} - ${count})` : count
  const given = (buffer: Buffer | undefined, outer: Buffer, origin: string): void => {
    survey.views.set(known(buffer, 'array of a loop'), () => ({ buffer: outer, origin }))
  }
  const slice = (outer: Buffer): string => `${trip} * ${outer.size / length} + `
  constants.forEach((outer, i) => given(body.inputs[i], outer, ''))
  xs.forEach((outer, i) => given(body.inputs[constants.length + carries.length + i], outer, slice(outer)))
  const before: Node[] = []
  const after: Node[] = []
  carries.forEach((carry, i) => {
    const first = known(initial[i], 'first carry')
    const input = known(body.inputs[constants.length + i], 'carry')
    survey.steps += Math.ceil(carry.size / survey.threads)
    if (staysInPlace(kernel, i)) {
      given(input, carry, '')
      if (first !== carry) before.push({ kind: 'copy', from: first, to: carry })
      return
    }
    // It lives in two places in turn.
    const output = known(body.outputs[i], 'next carry')
    if (body.inputs.includes(output)) throw new Unfit()
    const offset = reserve(survey, carry.dtype, 2 * carry.size)
    const view = (buffer: Buffer, turn: string): Buffer => {
      survey.views.set(buffer, (scratch) => ({
        buffer: scratch(carry.dtype),
        origin: `${offset} + ${turn} * ${carry.size} + `,
      }))
      return buffer
    }
    view(input, `(${count} & 1)`)
    view(output, `(1 - (${count} & 1))`)
    before.push({ kind: 'copy', from: first, to: view(newBuffer(carry.dtype, carry.shape), '0') })
    after.push({ kind: 'copy', from: view(newBuffer(carry.dtype, carry.shape), String(length % 2)), to: carry })
  })
  ys.forEach((outer, i) => {
    const output = body.outputs[carries.length + i]
    if (output === undefined || body.inputs.includes(output)) throw new Unfit()
    given(output, outer, slice(outer))
  })
  for (const buffer of [...carries, ...ys]) survey.written.add(buffer)
  const [dispatches, steps] = [survey.dispatches, survey.steps]
  const inside = surveyProgram(survey, body, level + 1)
  survey.dispatches = dispatches + length * (survey.dispatches - dispatches)
  survey.steps = steps + length * (survey.steps - steps)
  return [...before, { kind: 'loop', trip: count, length, body: inside }, ...after]
}

/** The dispatch of a loop whose trips are little work; undefined for other ones. */
export const planSmallLoop = (kernel: ScanKernel, memory: Memory, target: Target): Shader | undefined => {
  const survey: Survey = {
    views: new Map(),
    written: new Set(),
    scratch: new Map(),
    threads: target.software ? threadsInSoftware : threads,
    dispatches: 0,
    steps: 0,
  }
  let nodes: readonly Node[]
  try {
    nodes = surveyScan(survey, kernel, 0)
  } catch (reason) {
    if (reason instanceof Unfit) return undefined
    throw reason
  }
  const { dispatches, steps } = survey
  if (dispatches < fewestSaved || steps > stepsPerDispatch * dispatches || steps > mostSteps) return undefined
  const arrays = new Map([...survey.scratch].map(([dtype, size]) => [dtype, newBuffer(dtype, [size])]))
  const views = new Map(
    [...survey.views].map(([buffer, view]) => [buffer, view((dtype) => known(arrays.get(dtype), 'scratch'))]),
  )
  const shader = new ShaderBuilder({ ...memory, views }, [...survey.written, ...arrays.values()])
  const shared = new SharedMemory(survey.threads)
  const lines = nodes.flatMap((node) => print(node, survey.threads, shader, shared, target))
  const made = shader.finish('loop', lines, survey.threads, 1, shared.declarations)
  return made.bindings.length <= target.storageBuffers ? made : undefined
}

const print = (node: Node, size: number, shader: ShaderBuilder, shared: SharedMemory, target: Target): string[] => {
  switch (node.kind) {
    case 'copy':
      return [
        `for (var t = i32(lane); t < ${node.to.size}; t += ${size}) {`,
        `  ${shader.store(node.to, 't', shader.load(node.from, 't'))}`,
        '}',
        'storageBarrier();',
      ]
    case 'piece':
      return [...printSharedPiece(node.piece, size, shader, shared, target), 'storageBarrier();']
    case 'loop':
      return [
        `for (var ${node.trip} = 0; ${node.trip} < ${node.length}; ${node.trip}++) {`,
        ...node.body.flatMap((inner) => print(inner, size, shader, shared, target)).map((line) => `  ${line}`),
        '}',
      ]
  }
}
