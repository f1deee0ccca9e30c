/** Which lines of the user's program each kernel computes, followed through everything that fusion put into it. */
import { type Expression, known } from '../core/index.js'
import { type Graph, type Step, Value } from './graph.js'
import { type Buffer, type Kernel, type Origin, type Program, nestedPrograms } from './kernel.js'
import { accesses } from './plan.js'

/** Where the contents of each buffer come from; undefined when no equation says where it was written. */
export const originsOf = (graph: Graph, steps: readonly Step[]): ReadonlyMap<Buffer, Origin> | undefined => {
  if (graph.sources.size === 0) return undefined
  const perValue = new Map<Value, Origin>()
  const origins = new Map<Buffer, Origin>()

  const add = (into: Parts, { sources, reads }: Origin): void => {
    for (const source of sources) into.sources.add(source)
    for (const buffer of reads) into.reads.add(buffer)
  }
  const visit = (roots: readonly Expression[], parts: Parts): void => {
    const seen = new Set<Expression>()
    const walk = (x: Expression): void => {
      if (seen.has(x)) return
      seen.add(x)
      const reference = graph.reference(x)
      if (reference !== undefined) {
        ofValue(reference.value, parts)
        reference.index.forEach(walk)
      } else if (x.op === 'load' && x.source !== undefined) parts.reads.add(x.source as Buffer)
      x.args.forEach(walk)
    }
    roots.forEach(walk)
  }
  /** Values that are not in memory are computed where they are read. */
  const ofValue = (value: Value, parts: Parts): void => {
    if (value.buffer !== undefined) {
      parts.reads.add(value.buffer)
      return
    }
    let found = perValue.get(value)
    if (found === undefined) {
      const own = startingWith(graph.sources.get(value))
      if (value.body !== undefined) visit([value.body], own)
      perValue.set(value, (found = own))
    }
    add(parts, found)
  }

  for (const step of steps) {
    const parts = startingWith(graph.sources.get(step))
    visit(step.expressions, parts)
    for (const operand of step.operands) ofValue(operand, parts)
    for (const buffer of step.writes) {
      const before = origins.get(buffer)
      if (before !== undefined) add(parts, before)
      origins.set(buffer, parts)
    }
  }
  return origins
}

/** Origins of buffers that have become others, which then come from all that they stand for. */
export const moveOrigins = (
  origins: ReadonlyMap<Buffer, Origin>,
  places: ReadonlyMap<Buffer, Buffer>,
): ReadonlyMap<Buffer, Origin> => {
  if (places.size === 0) return origins
  const place = (buffer: Buffer): Buffer => places.get(buffer) ?? buffer
  const out = new Map<Buffer, Parts>()
  for (const [buffer, { sources, reads }] of origins) {
    const at = place(buffer)
    const parts = out.get(at) ?? startingWith(undefined)
    out.set(at, parts)
    for (const source of sources) parts.sources.add(source)
    for (const read of reads) parts.reads.add(place(read))
  }
  return out
}

interface Parts {
  readonly sources: Set<string>
  readonly reads: Set<Buffer>
}

const startingWith = (source: string | undefined): Parts => ({
  sources: new Set(source === undefined ? [] : [source]),
  reads: new Set(),
})

/** The lines that a kernel computes, sorted by file and line: also those of buffers that fusion has done away with. */
export const kernelSources = (kernel: Kernel, program: Program): Place[] => {
  const { origins } = program
  if (origins === undefined) return []
  const kept = new Set([...program.inputs, ...program.kernels.flatMap((other) => accesses(other).writes)])
  const sources = new Set<string>()
  const seen = new Set<Buffer>()
  const visit = (buffer: Buffer): void => {
    if (seen.has(buffer)) return
    seen.add(buffer)
    const origin = origins.get(buffer)
    if (origin === undefined) return
    for (const source of origin.sources) sources.add(source)
    for (const read of origin.reads) if (!kept.has(read)) visit(read)
  }
  for (const buffer of accesses(kernel).writes) visit(buffer)
  return [...sources].map(placeOf).sort((a, b) => (a.file === b.file ? a.line - b.line : a.file < b.file ? -1 : 1))
}

export interface Place {
  readonly file: string
  readonly line: number
}

/** Parts of `file:line:column`. */
const placeOf = (source: string): Place => {
  const [, file = source, line = '0'] = /^(.*):(\d+):\d+$/.exec(source) ?? []
  return { file, line: Number(line) }
}

/** All places of a program and of those inside it. */
export const programPlaces = (program: Program): Place[] => [
  ...[...(program.origins?.values() ?? [])].flatMap(({ sources }) => [...sources].map(placeOf)),
  ...program.kernels.flatMap(nestedPrograms).flatMap(programPlaces),
]

/** Files under the shortest ends of their paths that tell them apart. */
export const shortNames = (files: Iterable<string>): ReadonlyMap<string, string> => {
  const all = [...new Set(files)].sort()
  const names = new Map<string, string>()
  for (const file of all) {
    const parts = file.split(/[\\/]/)
    let count = 1
    const end = (): string => parts.slice(-count).join('/')
    while (
      count < parts.length &&
      all.some((other) => other !== file && other.replaceAll('\\', '/').endsWith(`/${end()}`))
    )
      count++
    names.set(file, end())
  }
  return names
}

/** Places in one line: `model.ts:12,14 loss.ts:3`. */
export const placesText = (places: readonly Place[], names: ReadonlyMap<string, string>): string => {
  const perFile = new Map<string, Set<number>>()
  for (const { file, line } of places) {
    const lines = perFile.get(file) ?? new Set()
    perFile.set(file, lines.add(line))
  }
  return [...perFile]
    .map(([file, lines]) => `${known(names.get(file), 'name of a file')}:${[...lines].join()}`)
    .join(' ')
}
