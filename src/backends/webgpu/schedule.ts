/** Which loops of a kernel become invocations: nests are cut into pieces, each of them one dispatch. */
import { type Expression, e, known } from '../../core/index.js'
import { type Buffer, type LoopKernel, type Statement, expressionsOf, mapExpressions } from '../../compiler/index.js'
import { linear } from '../../compiler/affine.js'
import { newBuffer } from '../../compiler/graph.js'

export type Loop = Statement & { readonly kind: 'for' }
type ParallelLoop = Loop & { readonly order: 'parallel' }
type Define = Statement & { readonly kind: 'define' }

/** Statements that run once for every index of the parallel loops around them, in any order. */
export interface Piece {
  readonly parallel: readonly Loop[]
  readonly body: readonly Statement[]
  /** The body has parallel loops that could not be brought outside: threads of a workgroup share them, in step. */
  readonly inStep: boolean
}

const isParallel = (s: Statement): s is ParallelLoop => s.kind === 'for' && s.order === 'parallel'

/** Whether there are parallel loops among statements or inside them. */
export const hasParallel = (list: readonly Statement[]): boolean =>
  list.some((s) => isParallel(s) || ((s.kind === 'for' || s.kind === 'if') && hasParallel(s.body)))

/** Locals that are set after their definition. */
const mutated = (list: readonly Statement[], into = new Set<Expression>()): Set<Expression> => {
  for (const s of list) {
    if (s.kind === 'assign' || s.kind === 'combine') into.add(s.local)
    else if (s.kind === 'assignAll') s.locals.forEach((local) => into.add(local))
    else if (s.kind === 'for' || s.kind === 'if') mutated(s.body, into)
  }
  return into
}

/** Variables that statements use or set. */
export const variablesOf = (list: readonly Statement[], into = new Set<Expression>()): Set<Expression> => {
  const seen = new Set<Expression>()
  const visit = (x: Expression): void => {
    if (seen.has(x)) return
    seen.add(x)
    if (x.op === 'variable') into.add(x)
    x.args.forEach(visit)
  }
  for (const s of list) {
    expressionsOf(s).forEach(visit)
    if (s.kind === 'for' || s.kind === 'if') variablesOf(s.body, into)
    else if (s.kind === 'assignAll') s.locals.forEach((local) => into.add(local))
    else if (s.kind !== 'store') into.add(s.local)
  }
  return into
}

/** The definitions that a body needs, itself or for each other. */
const needed = (defines: readonly Define[], body: readonly Statement[]): Define[] => {
  const used = variablesOf(body)
  const kept: Define[] = []
  for (const define of [...defines].reverse()) {
    if (!used.has(define.local)) continue
    variablesOf([define], used)
    kept.unshift(define)
  }
  return kept
}

/** Whether a value has elements that statements write over. */
const loadsStored = (value: Expression, after: readonly Statement[]): boolean => {
  const loads = e.topological([value]).filter((x) => x.op === 'load')
  if (loads.length === 0) return false
  const stored = new Set<object>(writtenOf(after))
  return loads.some(({ source }) => source !== undefined && stored.has(source))
}

/**
 * A definition in memory. Each invocation computes the definitions that it needs; but one that loads what others store meanwhile
 * has to be computed before, once.
 */
const kept = (
  loops: readonly Loop[],
  { local, value }: Define,
): { readonly first: Statement; readonly define: Define } => {
  const buffer = newBuffer(
    local.dtype,
    loops.map(({ extent }) => extent),
  )
  const index = loops.reduce<Expression>(
    (flat, { variable, extent }) => e.binary('add', e.binary('mul', flat, e.index(extent)), variable),
    e.index(0),
  )
  return {
    first: { kind: 'store', buffer, index, value },
    define: { kind: 'define', local, value: e.load(buffer, index) },
  }
}

/** Cuts a kernel into pieces, to be run one after the other. */
export const schedule = (kernel: LoopKernel): Piece[] => cut([], [], kernel.body)

const cut = (loops: readonly Loop[], defines: readonly Define[], list: readonly Statement[]): Piece[] => {
  const changing = mutated(list)
  // Parallel loops side by side have nothing to say to each other but through memory: each is a dispatch.
  if (list.every((s) => isParallel(s) || (s.kind === 'define' && !changing.has(s.local))) && list.some(isParallel)) {
    const before = [...defines]
    return list.flatMap((s, i): Piece[] => {
      if (s.kind === 'for') return cut([...loops, s], before, s.body)
      if (s.kind !== 'define') return []
      if (!loadsStored(s.value, list.slice(i + 1))) {
        before.push(s)
        return []
      }
      const { first, define } = kept(loops, s)
      const pieces = cut(loops, before, [first])
      before.push(define)
      return pieces
    })
  }
  const piece = (parallel: readonly Loop[], body: readonly Statement[], inStep: boolean): Piece[] => [
    { parallel, body: [...needed(defines, body), ...body], inStep },
  ]
  if (!hasParallel(list)) return piece(loops, list, false)
  const outside = bringOutside(list)
  if (outside !== undefined) return cut([...loops, ...outside.loops], defines, outside.body)
  return piece(loops, list, canRunInStep(list))
}

/** Threads can meet at barriers only where all of them come. */
const canRunInStep = (list: readonly Statement[]): boolean =>
  list.every((s) =>
    s.kind === 'if' ? !hasParallel(s.body) : s.kind !== 'for' || isParallel(s) || canRunInStep(s.body),
  )

interface Chain {
  readonly loops: readonly Loop[]
  readonly body: readonly Statement[]
}

/** A parallel loop and those that it consists of. */
const chainOf = (loop: Loop): Chain => {
  const [inner] = loop.body
  if (loop.body.length !== 1 || inner === undefined || !isParallel(inner)) return { loops: [loop], body: loop.body }
  const rest = chainOf(inner)
  return { loops: [loop, ...rest.loops], body: rest.body }
}

/**
 * Parallel loops inside sequential ones (rows that are added to a row of sums, prefix sums of rows) as parallel loops around
 * them: right if iterations with different parallel indices never touch the same element. Undefined if that cannot be seen.
 */
const bringOutside = (
  list: readonly Statement[],
): { readonly loops: readonly Loop[]; readonly body: readonly Statement[] } | undefined => {
  let outer: readonly Loop[] | undefined
  let possible = true
  const rewrite = (statements: readonly Statement[]): Statement[] =>
    statements.flatMap((s): readonly Statement[] => {
      if (isParallel(s)) {
        const chain = chainOf(s)
        outer ??= chain.loops.map((loop): Loop => ({
          ...loop,
          variable: e.variable('int32', loop.extent),
          body: [],
        }))
        const targets = outer
        const same =
          chain.loops.length === targets.length && chain.loops.every((loop, d) => loop.extent === targets[d]?.extent)
        if (!same || hasParallel(chain.body)) {
          possible = false
          return []
        }
        const memo = new Map<Expression, Expression>()
        chain.loops.forEach((loop, d) => memo.set(loop.variable, known(targets[d], 'loop').variable))
        return chain.body.map((inner) => mapExpressions(inner, (x) => e.renamed(x, memo)))
      }
      if (s.kind === 'for') return [{ ...s, body: rewrite(s.body) }]
      if (s.kind !== 'define') possible = false
      return [s]
    })
  const body = rewrite(list)
  if (!possible || outer === undefined) return undefined
  const variables = outer.map((loop) => loop.variable)
  return writtenOf(body).every((buffer) => keepApart(variables, accessesOf(body, buffer)))
    ? { loops: outer, body }
    : undefined
}

export const writtenOf = (list: readonly Statement[], into = new Set<Buffer>()): Buffer[] => {
  for (const s of list) {
    if (s.kind === 'store') into.add(s.buffer)
    else if (s.kind === 'for' || s.kind === 'if') writtenOf(s.body, into)
  }
  return [...into]
}

/** Indices at which statements load from or store to a buffer. */
const accessesOf = (list: readonly Statement[], buffer: Buffer): Expression[] => {
  const found = new Set<Expression>()
  const seen = new Set<Expression>()
  const visit = (x: Expression): void => {
    if (seen.has(x)) return
    seen.add(x)
    if (x.op === 'load' && x.source === buffer && x.args[0] !== undefined) found.add(x.args[0])
    x.args.forEach(visit)
  }
  const walk = (statements: readonly Statement[]): void => {
    for (const s of statements) {
      expressionsOf(s).forEach(visit)
      if (s.kind === 'store' && s.buffer === buffer) found.add(s.index)
      if (s.kind === 'for' || s.kind === 'if') walk(s.body)
    }
  }
  walk(list)
  return [...found]
}

const greatestDivisor = (a: number, b: number): number => (b === 0 ? Math.abs(a) : greatestDivisor(b, a % b))

/** Whether an expression depends on any of the variables. */
export const mentions = (root: Expression, variables: readonly Expression[]): boolean => {
  const seen = new Set<Expression>()
  const visit = (x: Expression): boolean => {
    if (variables.includes(x)) return true
    if (seen.has(x)) return false
    seen.add(x)
    return x.args.some(visit)
  }
  return visit(root)
}

/**
 * Whether accesses with different values of the variables are always to different elements: the variables' part of every
 * index is the same, takes each value once, and stays below the step of everything else.
 */
const keepApart = (variables: readonly Expression[], indices: readonly Expression[]): boolean => {
  const forms = indices.map(linear)
  const [first] = forms
  if (first === undefined) return true
  let step = 0
  for (const { constant, terms } of forms) {
    step = greatestDivisor(step, constant - first.constant)
    for (const [atom, coefficient] of terms) {
      if (variables.includes(atom)) {
        if (first.terms.get(atom) !== coefficient) return false
      } else if (mentions(atom, variables)) return false
      else step = greatestDivisor(step, coefficient)
    }
    if (variables.some((v) => (terms.get(v) ?? 0) !== (first.terms.get(v) ?? 0))) return false
  }
  const parts = variables
    .map((v) => ({ stride: first.terms.get(v) ?? 0, extent: v.extent ?? 1 }))
    .sort((a, b) => a.stride - b.stride)
  let reach = 1
  for (const { stride, extent } of parts) {
    if (stride < reach) return false
    reach = stride * (extent - 1) + reach
  }
  return step === 0 || reach <= step
}
