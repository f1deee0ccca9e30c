/** Loop kernels as shaders: a dispatch for each piece of a kernel. */
import { type Expression, e } from '../../core/index.js'
import { type Buffer, type LoopKernel, type Statement, expressionsOf } from '../../compiler/index.js'
import { linear } from '../../compiler/affine.js'
import { BodyPrinter, contextOf } from './body.js'
import { type Reduction, SharedMemory, printReduction, reductionOf } from './reduction.js'
import { type Loop, type Piece } from './schedule.js'
import { type Memory, type Shader, ShaderBuilder, unflatten } from './shader.js'
import { severalResults } from './several-results.js'
import { isDownColumns } from './split.js'
import type { Target } from './target.js'

/** Invocations of a workgroup, for work without barriers. */
const plainSize = 64
/** The same for software, where each workgroup costs as much as a few invocations, but many must be there for the cores to share. */
const plainSizes = [256, 64, 16] as const
const groupsForCores = 64
/** Most threads that share a reduction or run in step. */
const sharedSize = 256
/** The same in software: as many as compute together, which read neighbouring elements; more would go through memory again each. */
const sharedInSoftware = 4
/** Results beyond which there are enough invocations without sharing reductions. */
const manyResults = 4096

const countOf = (loops: readonly Loop[]): number => loops.reduce((count, { extent }) => count * extent, 1)

/** Gives the loops' indices from a flat u32 one. */
const indexLines = (printer: BodyPrinter, loops: readonly Loop[], flat: string): void => {
  const names = loops.map((loop) => printer.name(loop.variable, 'i'))
  const extents = loops.map((loop) => loop.extent)
  for (const line of unflatten(flat, names, extents)) printer.line(line)
}

/** The shader of a piece. */
export const pieceShader = (
  name: string,
  piece: Piece,
  writes: LoopKernel['writes'],
  memory: Memory,
  target: Target,
): Shader => {
  const results = countOf(piece.parallel)
  if (piece.inStep) {
    // Many short rows keep a GPU busy with an invocation each.
    const plain = target.software ? results >= 16 : results >= manyResults && largestExtent(piece.body) <= plainSize / 2
    return plain ? plainShader(name, piece, writes, memory, target) : inStepShader(name, piece, writes, memory, target)
  }
  const reductions = piece.body.map(reductionOf)
  const longest = Math.max(0, ...reductions.map((reduction) => reduction?.size ?? 0))
  const shares =
    !reductions.some((reduction) => reduction !== undefined && isDownColumns(piece.parallel, reduction)) &&
    longest >= target.sharedReduction &&
    (results <= manyResults || longest >= results) &&
    !readsOwn(piece.body, new Set(writes))
  return shares
    ? sharedShader(name, piece, reductions, writes, memory, longest, target)
    : plainShader(name, severalResults(piece, writes, target), writes, memory, target)
}

/** Whether statements load from what the kernel writes. */
const readsOwn = (list: readonly Statement[], writes: ReadonlySet<Buffer>): boolean =>
  loadedBuffers(list).some((buffer) => writes.has(buffer))

const allExpressions = (s: Statement): readonly Expression[] =>
  s.kind === 'for' || s.kind === 'if' ? [...expressionsOf(s), ...s.body.flatMap(allExpressions)] : expressionsOf(s)

/** An invocation for each index, or for each word of packed results. */
const plainShader = (
  name: string,
  piece: Piece,
  writes: LoopKernel['writes'],
  memory: Memory,
  { software }: Target,
): Shader => {
  const { parallel, body } = piece
  const shader = new ShaderBuilder(memory, writes)
  const printer = new BodyPrinter(shader, body)
  const count = countOf(parallel)
  const together = elementsTogether(piece, writes, shader)
  const invocations = Math.ceil(count / together)
  const size = invocations === 1 ? 1 : software ? sizeInSoftware(invocations) : plainSize
  if (together > 1) {
    const words = writes.filter((buffer) => shader.perWord(buffer) > 1).map((buffer) => shader.collect(buffer))
    printer.line(`let at = group * ${size}u + ${size === 1 ? '0u' : 'lane'};`)
    if (invocations % size !== 0) printer.line(`if (at >= ${invocations}u) { return; }`)
    for (const { word } of words) printer.line(`var ${word} = 0u;`)
    printer.block(`for (var part = 0u; part < ${together}u; part++)`, () => {
      printer.line(`let flat = at * ${together}u + part;`)
      if (count % together !== 0) printer.line(`if (flat >= ${count}u) { break; }`)
      indexLines(printer, parallel, 'flat')
      printer.statements(body)
    })
    for (const { store } of words) printer.line(store('i32(at)'))
  } else {
    if (count > 1) {
      printer.line(`let flat = group * ${size}u + lane;`)
      if (count % size !== 0) printer.line(`if (flat >= ${count}u) { return; }`)
    }
    indexLines(printer, parallel, count > 1 ? 'flat' : '0u')
    printer.statements(body)
  }
  return shader.finish(name, printer.lines, size, Math.ceil(invocations / size))
}

const sizeInSoftware = (invocations: number): number =>
  plainSizes.find((size) => invocations >= size * groupsForCores) ?? 16

/** How many elements an invocation computes so that it writes whole words; 1 where they cannot be told to be neighbours. */
const elementsTogether = ({ parallel, body }: Piece, writes: LoopKernel['writes'], shader: ShaderBuilder): number => {
  const packed = writes.filter((buffer) => shader.perWord(buffer) > 1)
  const [first] = packed
  const together = first === undefined ? 1 : shader.perWord(first)
  const count = countOf(parallel)
  if (together === 1 || packed.some((buffer) => shader.perWord(buffer) !== together)) return 1
  const loaded = new Set(loadedBuffers(body))
  const strides = new Map<Expression, number>()
  let stride = 1
  for (const { variable, extent } of [...parallel].reverse()) {
    if (extent > 1) strides.set(variable, stride)
    stride *= extent
  }
  const fits = packed.every((buffer) => {
    const stores = allStatements(body).filter((s) => s.kind === 'store' && s.buffer === buffer)
    const [store] = stores
    if (stores.length !== 1 || store?.kind !== 'store' || !body.includes(store) || loaded.has(buffer)) return false
    const { constant, terms } = linear(store.index)
    const inOrder = [...terms].every(([atom, step]) => (strides.get(atom) ?? (atom.extent === 1 ? step : 0)) === step)
    const all = [...strides.keys()].every((variable) => terms.has(variable))
    return constant === 0 && inOrder && all && count === buffer.size && shader.beginsAtMultiples(buffer, together)
  })
  return fits ? together : 1
}

const allStatements = (list: readonly Statement[]): readonly Statement[] =>
  list.flatMap((s) => (s.kind === 'for' || s.kind === 'if' ? [s, ...allStatements(s.body)] : [s]))

const loadedBuffers = (list: readonly Statement[]): readonly Buffer[] =>
  e
    .topological(list.flatMap(allExpressions))
    .flatMap((x) => (x.op === 'load' && x.source !== undefined ? [x.source as Buffer] : []))

/** A workgroup for each index, whose threads share the reductions. */
const sharedShader = (
  name: string,
  { parallel, body }: Piece,
  reductions: readonly (Reduction | undefined)[],
  writes: LoopKernel['writes'],
  memory: Memory,
  longest: number,
  target: Target,
): Shader => {
  const shader = new ShaderBuilder(memory, writes)
  const context = contextOf(shader)
  // What is printed is counted for sharing, and blocks are taken apart first.
  const printed = body.flatMap((s, i): readonly Statement[] => reductions[i]?.body ?? [s])
  const printer = new BodyPrinter(shader, printed)
  const size = target.software ? sharedInSoftware : longest >= sharedSize ? sharedSize : 64
  const shared = new SharedMemory(size)
  indexLines(printer, parallel, 'group')
  body.forEach((s, i) => {
    const reduction = reductions[i]
    if (reduction !== undefined)
      printReduction(printer, reduction, size, shared, context, target.subgroups ? shader : undefined)
    else if (s.kind === 'store' || s.kind === 'if') printer.block('if (lane == 0u)', () => printer.statement(s))
    else printer.statement(s)
  })
  return shader.finish(name, printer.lines, size, countOf(parallel), shared.declarations)
}

/**
 * A workgroup for each index, whose threads share the parallel loops and reductions inside, and wait for each other after
 * each: a softmax, say, has a workgroup for every row.
 */
const inStepShader = (
  name: string,
  piece: Piece,
  writes: LoopKernel['writes'],
  memory: Memory,
  target: Target,
): Shader => {
  const { parallel } = piece
  const reductions = new Map<Statement, Reduction>()
  const body = prepareReductions(piece.body, reductions)
  const shader = new ShaderBuilder(memory, writes)
  const context = contextOf(shader)
  const printer = new BodyPrinter(shader, body)
  const size = largestExtent(body) > 64 ? sharedSize : 64
  const shared = new SharedMemory(size)
  indexLines(printer, parallel, 'group')
  const print = (list: readonly Statement[]): void => {
    for (const s of list) {
      const reduction = reductions.get(s)
      if (reduction !== undefined)
        printReduction(printer, reduction, size, shared, context, target.subgroups ? shader : undefined)
      else if (s.kind === 'for' && s.order === 'parallel') {
        const { loops, body: inside } = nestOf(s)
        const at = printer.fresh('t')
        printer.block(`for (var ${at} = lane; ${at} < ${countOf(loops)}u; ${at} += ${size}u)`, () => {
          indexLines(printer, loops, at)
          printer.statements(inside)
        })
        printer.line('storageBarrier();')
        printer.forget(new Set(writes))
      } else if (s.kind === 'for' && s.order === 'sequential') printer.loop(s, '0', '++', () => print(s.body))
      else if (s.kind === 'store' || s.kind === 'if') {
        printer.block('if (lane == 0u)', () => printer.statement(s))
        printer.line('storageBarrier();')
        printer.forget(new Set(writes))
      } else printer.statement(s)
    }
  }
  print(body)
  return shader.finish(name, printer.lines, size, countOf(parallel), shared.declarations)
}

/** Least number of elements for which threads of a workgroup share a reduction. */
const leastShared = 16

/** The statements with reductions made ready for sharing, which are noted; those inside parallel loops stay with a thread. */
const prepareReductions = (list: readonly Statement[], into: Map<Statement, Reduction>): readonly Statement[] =>
  list.map((s): Statement => {
    const reduction = reductionOf(s)
    if (reduction !== undefined && reduction.size >= leastShared) {
      const outermost = reduction.loops[0] ?? s
      into.set(outermost, reduction)
      return outermost
    }
    return s.kind === 'for' && s.order === 'sequential' ? { ...s, body: prepareReductions(s.body, into) } : s
  })

const largestExtent = (list: readonly Statement[]): number =>
  list.reduce((most, s) => (s.kind === 'for' ? Math.max(most, s.extent * largestExtent(s.body)) : most), 1)

/** Loops that consist of nothing but the next one. */
const nestOf = (loop: Loop): { readonly loops: readonly Loop[]; readonly body: readonly Statement[] } => {
  const [inner] = loop.body
  if (loop.body.length !== 1 || inner?.kind !== 'for' || inner.order !== 'parallel')
    return { loops: [loop], body: loop.body }
  const rest = nestOf(inner)
  return { loops: [loop, ...rest.loops], body: rest.body }
}
