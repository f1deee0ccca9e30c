/** Which loop of a nest becomes vectors, how far it is unrolled, and which loops become functions called in chunks. */
import { type Expression, e, isFloating, known } from '../../core/index.js'
import { type KernelAnalysis, type Loop, rootsOf } from './analysis.js'
import type { Statement } from '../../compiler/kernel.js'
import { isRareSelect } from '../../scalar/decompose.js'
import { hasVectorBinary, hasVectorUnary } from './vector.js'
import { isVectorDType, lanes } from './vector-memory.js'

/** How a loop is printed. */
export interface LoopPlan {
  /** Vectors side by side in one iteration; 0 for a scalar loop. */
  readonly copies: number
  /** Rough time of one run of the loop, in units of about 0.3 ns of optimized code. */
  readonly cost: number
}

const impossible = Infinity
/** Share of the time that the expensive side of a rare select is counted for. */
const rarely = 0.1

/**
 * Vectors side by side in a loop whose body costs so much. Iterations of a short body overlap by themselves; those of a
 * body of a hundred and more instructions are too long for a processor to look ahead to the next one.
 */
const copiesOf = (body: number): number => (body <= 12 ? 4 : body <= 26 ? 2 : body < 90 || body > 300 ? 1 : 4)

const scalarCosts: Partial<Record<string, number>> = {
  div: 4,
  rem: 8,
  sqrt: 5,
  load: 1,
  select: 1.5,
  sign: 3,
  min: 1,
  max: 1,
}
const vectorCosts: Partial<Record<string, number>> = { div: 4, sqrt: 5, sign: 4 }

/** Conversion to or from a half. */
const halfCost = 10

const isIndexSum = (x: Expression): boolean =>
  x.dtype === 'int32' && (x.op === 'add' || x.op === 'mul') && e.bounds(x).max < 2147483647

/** Plans the loops of one kernel. */
export class Planner {
  readonly plans = new Map<Loop, LoopPlan>()
  private readonly scalarBodies = new Map<Loop, number>()
  private readonly analysis: KernelAnalysis
  constructor(analysis: KernelAnalysis) {
    this.analysis = analysis
  }

  /** Cost of statements, deciding about the loops in them. */
  plan(statements: readonly Statement[]): number {
    let cost = this.bodyCost(statements, undefined)
    for (const s of statements) {
      if (s.kind === 'for') cost += this.planLoop(s)
      else if (s.kind === 'if') cost += this.plan(s.body)
    }
    return cost
  }

  /** The plan of a loop as if it had so many iterations. */
  planOf(loop: Loop, extent: number): LoopPlan {
    const resized = { ...loop, extent }
    this.planLoop(resized)
    return known(this.plans.get(resized), 'plan of a loop')
  }

  private planLoop(loop: Loop): number {
    const scalar = loop.extent * (1 + this.scalarBody(loop))
    let inside = 0
    for (const s of loop.body) {
      if (s.kind === 'for') inside += this.planLoop(s)
      else if (s.kind === 'if') inside += this.plan(s.body)
    }
    const total = scalar + loop.extent * inside
    const vector = this.vectorLoop(loop)
    if (vector.cost < 0.85 * total) {
      this.plans.set(loop, vector)
      return vector.cost
    }
    this.plans.set(loop, { copies: 0, cost: total })
    return total
  }

  /** The loop as a vector loop. */
  private vectorLoop(loop: Loop): LoopPlan {
    const no = { copies: 0, cost: impossible }
    if (loop.order === 'sequential' || loop.extent < lanes || !this.analysis.isTracked(loop.variable)) return no
    if (loop.order === 'reduce' && !loop.body.every((s) => s.kind === 'combine' || s.kind === 'define')) return no
    // Most loops that can't be vectors are told by their stores.
    const body = this.canStore(loop.body, loop) ? this.vectorBody(loop.body, loop) : impossible
    if (body === impossible) return no
    const tail = loop.extent % lanes
    const join = loop.order === 'reduce' ? 12 : 0
    const rest = tail === 0 ? 0 : tail * (1 + this.scalarTotal(loop)) + 3
    const whole = Math.trunc(loop.extent / lanes)
    const nested = loop.body.some((s) => s.kind === 'for')
    const wanted = nested ? (body < 400 ? 4 : 1) : copiesOf(body)
    const copies = whole >= wanted ? wanted : whole >= 2 && wanted >= 2 ? 2 : 1
    return { copies, cost: whole * (body + 1) + rest + join + 4 }
  }

  /** Cost of what one scalar iteration evaluates itself. */
  private scalarBody(loop: Loop): number {
    let cost = this.scalarBodies.get(loop)
    if (cost === undefined) this.scalarBodies.set(loop, (cost = this.bodyCost(loop.body, undefined, loop)))
    return cost
  }

  /** Cost of one scalar iteration with everything in it. */
  private scalarTotal(loop: Loop): number {
    let cost = this.scalarBody(loop)
    for (const s of loop.body) if (s.kind === 'for') cost += s.extent * (1 + this.scalarTotal(s))
    return cost
  }

  /** Whether all stores can be of vectors along the loop's variable. */
  private canStore(statements: readonly Statement[], vector: Loop): boolean {
    return statements.every((s) => {
      if (s.kind === 'for') return this.canStore(s.body, vector)
      if (s.kind !== 'store') return s.kind !== 'if'
      const stride = isVectorDType(s.buffer.dtype) ? this.analysis.stride(s.index, vector.variable) : undefined
      return stride !== undefined && stride !== 0
    })
  }

  /** Cost of one vector iteration with everything in it, or Infinity. */
  private vectorBody(statements: readonly Statement[], vector: Loop, loop: Loop = vector): number {
    const bit = this.analysis.bit(vector.variable)
    let cost = this.bodyCost(statements, vector, loop)
    for (const s of statements) {
      if (cost === impossible) return cost
      switch (s.kind) {
        case 'for':
          cost += s.extent * (1 + this.vectorBody(s.body, vector, s))
          break
        case 'store': {
          const stride = this.analysis.stride(s.index, vector.variable)
          cost += stride !== 1 ? 8 : s.buffer.dtype === 'bool' || s.buffer.dtype.endsWith('8') ? 4 : 1
          break
        }
        case 'combine':
          if ((this.analysis.mask(s.local) & bit) !== 0 && !isVectorDType(s.local.dtype)) return impossible
          if (!hasVectorBinary(s.op, s.local.dtype)) return impossible
          cost += 1
          break
        default:
          break
      }
    }
    return cost
  }

  /** Cost of what statements evaluate themselves, once; `vector` says that a loop around them runs on vectors. */
  private bodyCost(statements: readonly Statement[], vector: Loop | undefined, loop?: Loop): number {
    const own = loop === undefined ? -1 : this.analysis.bit(loop.variable)
    const vectors = vector === undefined ? 0 : this.analysis.bit(vector.variable)
    const seen = new Set<Expression>()
    let cost = 0
    const visit = (x: Expression, guarded = false): void => {
      if (x.args.length === 0 || seen.has(x)) return
      if (!guarded) seen.add(x)
      const mask = this.analysis.mask(x)
      const varies = (mask & vectors) !== 0
      // What does not depend on this loop is computed outside it; it must be possible all the same.
      const isOutside = (mask & own) === 0 && this.analysis.isPure(x)
      if (isOutside && !varies) return
      if (vector !== undefined && varies) {
        const mine = this.vectorCost(x, vector, guarded)
        cost += isOutside && mine !== impossible ? 0 : mine
        if (cost === impossible) return
        // The index of a load at a fixed stride is a pointer that moves along.
        const at = x.args[0]
        if (x.op === 'load' && at !== undefined && this.analysis.stride(at, vector.variable) !== undefined) return
        // A condition that is the same for all lanes becomes a branch around its loads.
        if (x.op === 'select' && at !== undefined && (this.analysis.mask(at) & vectors) === 0) {
          visit(at, guarded)
          for (const arg of x.args.slice(1)) visit(arg, guarded || this.analysis.isUnsafe(arg))
          return
        }
      } else {
        const at = x.args[0]
        if (
          x.op === 'load' &&
          at !== undefined &&
          loop !== undefined &&
          this.analysis.stride(at, loop.variable) !== undefined
        ) {
          cost += 1.5
          return
        }
        cost += scalarCost(x)
      }
      const condition = x.args[0]
      const usual = x.args[1]
      const rare = x.args[2]
      if (isRareSelect(x) && condition !== undefined && usual !== undefined && rare !== undefined) {
        visit(condition, guarded)
        visit(usual, guarded)
        const before = cost
        visit(rare, guarded)
        cost = before + (cost - before) * rarely
        return
      }
      for (let i = 0; i < x.args.length; i++) {
        const arg = x.args[i]
        if (arg !== undefined) visit(arg, guarded)
      }
    }
    for (const s of statements) {
      if (s.kind === 'store') {
        visit(s.value)
        const variable = vector?.variable ?? loop?.variable
        if (variable === undefined || this.analysis.stride(s.index, variable) === undefined) visit(s.index)
        cost += 1
      } else rootsOf(s).forEach((root) => visit(root))
    }
    return cost
  }

  /** Cost of one vector operation, without its arguments. */
  private vectorCost(x: Expression, vector: Loop, guarded: boolean): number {
    const a = x.args[0]
    const b = x.args[1]
    if (!isVectorDType(x.dtype)) return impossible
    if (x.op === 'load') {
      if (a === undefined) return impossible
      const stride = this.analysis.stride(a, vector.variable)
      if (!guarded && this.analysis.isUnsafe(x)) return impossible
      if (stride === undefined) return 12
      const bytes = x.dtype === 'bool' || x.dtype === 'int8' || x.dtype === 'uint8' ? 3 : 1
      if (stride === 1 || stride === -1) return stride === 1 ? bytes : bytes + 1
      return this.analysis.quartet(x.source, a) === undefined ? 6 : 3
    }
    if (x.args.some((arg) => !isVectorDType(arg.dtype))) return impossible
    if (x.op === 'select')
      return a !== undefined && (this.analysis.mask(a) & this.analysis.bit(vector.variable)) === 0 ? 1.5 : 1
    if (x.op === 'convert') return isHalfDType(x) || (a !== undefined && isHalfDType(a)) ? halfCost : 1
    if (x.op === 'bitcast') return 0.5
    if (isCompareOp(x)) return 1
    if (b === undefined) {
      if (isTranscendental(x)) return impossible
      return hasVectorUnary(x.op as Parameters<typeof hasVectorUnary>[0], x.dtype) ? (vectorCosts[x.op] ?? 1) : 14
    }
    if (x.op === 'shl' || x.op === 'shrArithmetic' || x.op === 'shrLogical') {
      return (this.analysis.mask(b) & this.analysis.bit(vector.variable)) === 0 ? 1 : 24
    }
    if (hasVectorBinary(x.op as Parameters<typeof hasVectorBinary>[0], x.dtype)) return vectorCosts[x.op] ?? 1
    return isFloating(x.dtype) ? 60 : 20
  }
}

const scalarCost = (x: Expression): number => {
  if (isIndexSum(x)) return 0.5
  if (x.op === 'convert' && x.args.concat(x).some(isHalfDType)) return halfCost
  return scalarCosts[x.op] ?? (isTranscendental(x) ? 40 : 1)
}

const isHalfDType = (x: Expression): boolean => x.dtype === 'float16' || x.dtype === 'bfloat16'

const isCompareOp = (x: Expression): boolean => e.isCompare(x.op)

const baseUnary = new Set(['neg', 'abs', 'sign', 'floor', 'ceil', 'trunc', 'round', 'sqrt', 'not', 'clz', 'popcount'])
const baseBinary = new Set([
  'add',
  'sub',
  'mul',
  'div',
  'rem',
  'min',
  'max',
  'and',
  'or',
  'xor',
  'shl',
  'shrArithmetic',
  'shrLogical',
])

/** Operations that call a function of the host. */
export const isTranscendental = (x: Expression): boolean =>
  x.args.length === 1
    ? !baseUnary.has(x.op) && x.op !== 'convert' && x.op !== 'bitcast' && x.op !== 'load'
    : x.args.length === 2 && !baseBinary.has(x.op) && !e.isCompare(x.op)
