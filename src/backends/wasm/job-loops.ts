/** Loops as jobs of all threads, where other threads are; else called range by range. */
import { type CombineOp, type DType, type Expression, known } from '../../core/index.js'
import type { Statement } from '../../compiler/kernel.js'
import { identity } from './accumulators.js'
import type { Loop } from './analysis.js'
import type { FunctionBuilder } from './assembler.js'
import { chunkMultiple, isJob, partOf } from './chunks.js'
import { mostPartials, partialsWord } from './frame.js'
import { Jobs, loadAt, storeAt } from './jobs.js'
import {
  type Ends,
  type RangeFunction,
  type Surroundings,
  endsOf,
  isOuter,
  typesOf,
  writeRanges,
} from './loop-ranges.js'
import { ops } from './opcodes.js'
import type { LoopPlan } from './plan.js'
import { scalarConstant, valueType } from './scalar-memory.js'
import { lanes } from './vector-memory.js'

/** A loop that can be a job. */
export interface JobLoop extends Ends {
  readonly extent: number
  /** Iterations of a part. */
  readonly part: number
  /** Variables that are only read. */
  readonly given: readonly Expression[]
  /** How each result is combined. */
  readonly operations: ReadonlyMap<Expression, CombineOp | undefined>
}

/** Dtypes of results whose parts can be joined: those that values on the stack have. */
const wide: ReadonlySet<DType> = new Set<DType>(['float32', 'float64', 'int32', 'uint32', 'bool'])

type Operations = Map<Expression, CombineOp | undefined>

/** How each local is combined, if statements do nothing else to it. */
const combinations = (statements: readonly Statement[], out: Operations = new Map()): Operations => {
  for (const s of statements) {
    if (s.kind === 'combine') out.set(s.local, out.has(s.local) && out.get(s.local) !== s.op ? undefined : s.op)
    else if (s.kind === 'assign') out.set(s.local, undefined)
    else if (s.kind === 'assignAll') for (const local of s.locals) out.set(local, undefined)
    else if (s.kind === 'for' || s.kind === 'if') combinations(s.body, out)
  }
  return out
}

/**
 * The loop as a job in parts of about so many iterations; undefined if it cannot be one. `multipleOf` says what the length
 * of a part of at least so many iterations must be a multiple of. The parts do not depend on the number of threads.
 */
export const jobLoopOf = (s: Loop, wanted: number, multipleOf: (fewest: number) => number): JobLoop | undefined => {
  const ends = endsOf(s)
  const { results } = ends
  const given = ends.free.filter((x) => !results.includes(x))
  const operations = combinations(s.body)
  let part = wanted
  if (results.length > 0) {
    if (results.some((x) => operations.get(x) === undefined || !wide.has(x.dtype))) return undefined
    const most = Math.floor(mostPartials / results.length)
    const fewest = Math.ceil(s.extent / most)
    if (part < fewest) part = Math.ceil(fewest / multipleOf(fewest)) * multipleOf(fewest)
  }
  if (!(part < s.extent) || !Jobs.takes(typesOf(given))) return undefined
  return { ...ends, extent: s.extent, part, given, operations }
}

/** Sets results, which are parameters of a range's function, to what changes nothing when combined. */
export const writeIdentities = (f: FunctionBuilder, { free, results, operations }: JobLoop): void => {
  for (const x of results) {
    scalarConstant(f, identity(known(operations.get(x), 'operation'), x.dtype), x.dtype)
    f.code.set(free.indexOf(x))
  }
}

/** Word of the first part's i-th result. */
const partialWord = (i: number): number => partialsWord + 2 * i

/** Sets locals to what a call has left on the stack. */
const takeResults = (f: FunctionBuilder, results: readonly Expression[]): readonly number[] => {
  const values = results.map((x) => f.local(valueType(x.dtype)))
  for (const value of [...values].reverse()) f.code.set(value)
  return values
}

/** The job's function: calls the range's function, and keeps its results in the place of the part. */
const writeJobFunction = (f: FunctionBuilder, jobs: Jobs, loop: JobLoop, range: RangeFunction): void => {
  const { free, given, results, part } = loop
  const { code } = f
  range.pushFirst?.(code)
  for (const x of free) {
    const i = given.indexOf(x)
    if (i < 0) scalarConstant(f, 0, x.dtype)
    else jobs.pushArgument(code, valueType(x.dtype), i)
  }
  code.get(0)
  code.get(1)
  code.call(range.index)
  if (results.length === 0) return
  const values = takeResults(f, results)
  const slot = f.local('i32')
  code.get(0)
  code.i32(part)
  code.op(ops['i32.div_u'])
  code.i32(8 * results.length)
  code.op(ops['i32.mul'])
  code.set(slot)
  results.forEach((x, i) => {
    code.get(slot)
    code.get(known(values[i], 'value'))
    storeAt(code, valueType(x.dtype), partialWord(i))
  })
}

/** Joins the results of all parts, in order. */
const writeJoin = (f: FunctionBuilder, { results, operations, extent, part }: JobLoop, around: Surroundings): void => {
  const { code } = f
  const slot = f.local('i32')
  code.i32(0)
  code.set(slot)
  code.loop()
  results.forEach((x, i) => {
    code.get(around.localOf(x))
    code.get(slot)
    loadAt(code, valueType(x.dtype), partialWord(i))
    around.combine(x, known(operations.get(x), 'operation'))
    code.set(around.localOf(x))
  })
  code.get(slot)
  code.i32(8 * results.length)
  code.op(ops['i32.add'])
  code.tee(slot)
  code.i32(Math.ceil(extent / part) * 8 * results.length)
  code.op(ops['i32.lt_s'])
  code.brIf(0)
  code.end()
}

/**
 * Runs a loop, of which `range` is the function over a range: on all threads if there are others, else in ranges of
 * `chunk`. A reduction is cut into the same parts however many threads there are, and their results are joined in order,
 * so that it always gives the same numbers.
 */
export const writeJobLoop = (
  f: FunctionBuilder,
  jobs: Jobs,
  loop: JobLoop,
  range: RangeFunction,
  chunk: number,
  around: Surroundings,
): void => {
  const { free, given, results, operations, extent, part } = loop
  const { code } = f
  const job = jobs.make((g) => writeJobFunction(g, jobs, loop, range))
  jobs.pushHelp(code)
  code.if()
  jobs.passArguments(code, typesOf(given), (i) => code.get(around.localOf(known(given[i], 'argument'))))
  jobs.request(code, job, extent, part)
  if (results.length > 0) writeJoin(f, loop, around)
  code.else()
  writeRanges(f, extent, chunk, (begin, end) => {
    range.pushFirst?.(code)
    for (const x of free) code.get(around.localOf(x))
    code.get(begin)
    code.get(end)
    code.call(range.index)
    const values = takeResults(f, results)
    results.forEach((x, i) => {
      code.get(around.localOf(x))
      code.get(known(values[i], 'value'))
      around.combine(x, known(operations.get(x), 'operation'))
      code.set(around.localOf(x))
    })
  })
  code.end()
}

/** A loop that may be a job, and the function around it. */
export interface Shareable {
  readonly f: FunctionBuilder
  readonly loop: Loop
  readonly plan: LoopPlan
  readonly chunk: number
  /** The function over a range of the loop; `start` sets results to something else than they were. */
  readonly range: (ends: Ends, start: (child: FunctionBuilder) => void) => RangeFunction
  readonly around: Surroundings
}

/** Writes a loop that is worth several threads as a job; false if it is not, or cannot be one. */
export const shareLoop = ({ f, loop, plan, chunk, range, around }: Shareable, jobs: Jobs): boolean => {
  if (!isJob(plan, jobs) || loop.order === 'sequential' || isOuter(loop)) return false
  const part = partOf(plan, loop.extent, jobs)
  const multiple = (fewest: number): number => (fewest >= chunkMultiple ? chunkMultiple : plan.copies > 0 ? lanes : 1)
  const job = jobLoopOf(loop, part, multiple)
  if (job === undefined) return false
  const child = range(job, (g) => writeIdentities(g, job))
  writeJobLoop(f, jobs, job, child, job.results.length > 0 ? job.part : chunk, around)
  return true
}
