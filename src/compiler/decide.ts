/** What is computed where: a pass from the results back that keeps a value in memory where computing it again would cost more. */
import { type Expression, type UnaryOp, type BinaryOp, known, sizeOf } from '../core/index.js'
import { isLinearOp } from './affine.js'
import { type Graph, type Step, Value, loopVariables, newBuffer, newStep } from './graph.js'
import type { Buffer } from './kernel.js'

/** Rough costs relative to a load from cache; what is not listed is a cheap operation. */
const costs: Partial<Record<UnaryOp | BinaryOp, number>> = {
  div: 3,
  rem: 3,
  sqrt: 3,
  rsqrt: 4,
  exp: 8,
  exp2: 8,
  log: 8,
  log1p: 10,
  expm1: 10,
  sin: 10,
  cos: 10,
  tan: 12,
  asin: 12,
  acos: 12,
  atan: 10,
  sinh: 12,
  cosh: 12,
  tanh: 10,
  asinh: 12,
  acosh: 12,
  atanh: 12,
  cbrt: 12,
  logistic: 10,
  erf: 14,
  erfc: 20,
  erfInv: 20,
  lgamma: 40,
  digamma: 40,
  pow: 20,
  atan2: 14,
  nextafter: 4,
}

const cheap = 0.5
const storing = 1.5
/** Starting one more kernel, in the unit of `costs`. */
const starting = 200
/** Nodes of one step's expressions: beyond it, values are kept in memory so that no expression grows without bound. */
const maximumNodes = 300
const maximumUses = 16

const weight = (x: Expression): number => {
  if (x.op === 'const' || x.op === 'variable') return 0
  if (x.op === 'load') return 1
  if (isLinearOp(x)) return 0.1
  return costs[x.op as UnaryOp] ?? cheap
}

/** Nodes that an operation becomes in the end: functions that machines do not have are written out by backends. */
export const nodesAt = (x: Expression): number => {
  const cost = costs[x.op as UnaryOp] ?? 0
  return cost >= 8 ? 4 * cost : 1
}

/** A step that needs a value at an index over the step's loops. */
interface Use {
  readonly step: Step
  readonly index: readonly Expression[]
  /** How often it is evaluated, given that what does not depend on inner loops is computed outside them. */
  readonly reads: number
}

interface Facts {
  /** Cost of one element when nothing below is in memory that need not be. */
  readonly cost: number
  readonly nodes: number
}

/** The steps that must run, in order. */
export const decide = (graph: Graph, outputs: readonly Value[]): Step[] => {
  const facts = new Map<Value, Facts>()
  const mentions = new Map<Value, number>()
  const mention = (root: Expression): void => {
    for (const { value } of graph.references(root)) mentions.set(value, (mentions.get(value) ?? 0) + 1)
  }
  for (const item of graph.items) {
    if (item instanceof Value) mention(known(item.body, 'body of a value'))
    else item.expressions.forEach(mention)
  }
  for (const item of graph.items) if (item instanceof Value) facts.set(item, measure(graph, item, facts, mentions))

  const uses = new Map<Value, Map<string, Use>>()
  const nodes = new Map<Step, number>()
  const needed = new Set<Buffer>()
  const steps: Step[] = []

  const addUse = (value: Value, step: Step, index: readonly Expression[]): void => {
    let perIndex = uses.get(value)
    if (perIndex === undefined) {
      perIndex = new Map()
      uses.set(value, perIndex)
    }
    const key = `${step.id}:${index.map((i) => (i.op === 'const' ? `=${i.value}` : i.id)).join()}`
    if (!perIndex.has(key)) perIndex.set(key, { step, index, reads: evaluations(graph, step, index) })
  }
  const need = (root: Expression): void => {
    const seen = new Set<Expression>()
    const visit = (x: Expression): void => {
      if (seen.has(x)) return
      seen.add(x)
      if (x.op === 'load') needed.add(x.source as Buffer)
      graph.reference(x)?.index.forEach(visit)
      x.args.forEach(visit)
    }
    visit(root)
  }
  const addStep = (step: Step): void => {
    steps.push(step)
    nodes.set(step, 0)
    for (const root of step.expressions) {
      need(root)
      for (const { value, index } of graph.references(root)) addUse(value, step, index)
    }
    for (const operand of step.operands) if (operand.buffer !== undefined) needed.add(operand.buffer)
  }

  for (const output of outputs) if (output.buffer !== undefined) needed.add(output.buffer)
  const wanted = new Set(outputs)
  for (let i = graph.items.length - 1; i >= 0; i--) {
    const item = known(graph.items[i], 'item')
    if (!(item instanceof Value)) {
      if (item.effect === true || item.writes.some((buffer) => needed.has(buffer))) {
        for (const operand of item.operands) wanted.add(operand)
        addStep(item)
      }
      continue
    }
    const mine = [...(uses.get(item)?.values() ?? [])]
    const required = wanted.has(item)
    if (mine.length === 0 && !required) continue
    if (sizeOf(item.aval.shape) === 0) {
      item.buffer = newBuffer(item.aval.dtype, item.aval.shape)
      continue
    }
    const body = known(item.body, 'body of a value')
    if (required || item.forced || !isInlined(item, mine, known(facts.get(item), 'facts'), nodes)) {
      const buffer = newBuffer(item.aval.dtype, item.aval.shape)
      const step = newStep({
        kind: 'map',
        loops: loopVariables(item.variables),
        expressions: [body],
        operands: [],
        writes: [buffer],
        shape: item.aval.shape,
        stores: [{ buffer, value: body }],
      })
      addStep(step)
      const source = graph.sources.get(item)
      if (source !== undefined) graph.sources.set(step, source)
      nodes.set(step, facts.get(item)?.nodes ?? 0)
      item.buffer = buffer
      continue
    }
    need(body)
    for (const use of mine) {
      nodes.set(use.step, (nodes.get(use.step) ?? 0) + known(facts.get(item), 'facts').nodes)
      for (const { value, index } of graph.references(body)) {
        addUse(
          value,
          use.step,
          index.map((i) => graph.reindex(i, item.variables, use.index)),
        )
      }
    }
  }
  return steps.reverse()
}

const isInlined = (
  value: Value,
  uses: readonly Use[],
  { cost, nodes }: Facts,
  sizes: ReadonlyMap<Step, number>,
): boolean => {
  if (uses.length > maximumUses) return false
  if (uses.some((use) => (sizes.get(use.step) ?? 0) + nodes > maximumNodes)) return false
  const size = sizeOf(value.aval.shape)
  const reads = uses.reduce((sum, use) => sum + use.reads, 0) / size
  if (reads <= 1) return true
  return reads * cost <= cost + storing + reads + starting / size
}

const measure = (
  graph: Graph,
  value: Value,
  facts: ReadonlyMap<Value, Facts>,
  mentions: ReadonlyMap<Value, number>,
): Facts => {
  let cost = 0
  let nodes = 0
  const seen = new Set<Expression>()
  const visit = (x: Expression): void => {
    if (seen.has(x)) return
    seen.add(x)
    const reference = graph.reference(x)
    if (reference !== undefined) {
      const below = facts.get(reference.value)?.cost ?? 1
      cost += below > 4 && (mentions.get(reference.value) ?? 0) > 1 ? 1 : Math.min(below, 100)
      reference.index.forEach(visit)
    }
    cost += weight(x)
    nodes += nodesAt(x)
    x.args.forEach(visit)
  }
  visit(known(value.body, 'body of a value'))
  return { cost, nodes }
}

/** Iterations of the loops down to the innermost one that the index depends on. */
const evaluations = (graph: Graph, step: Step, index: readonly Expression[]): number => {
  const seen = new Set<Expression>()
  const visit = (x: Expression): void => {
    if (seen.has(x)) return
    seen.add(x)
    graph.reference(x)?.index.forEach(visit)
    x.args.forEach(visit)
  }
  index.forEach(visit)
  let total = 1
  let reads = 1
  for (const loop of step.loops) {
    total *= loop.extent ?? 1
    if (seen.has(loop)) reads = total
  }
  return reads
}
