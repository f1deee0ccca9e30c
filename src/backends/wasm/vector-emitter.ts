/** Prints expressions as vector code: four consecutive elements at a time, several such vectors side by side. */
import {
  type BinaryOp,
  type CompareOp,
  type Expression,
  type UnaryOp,
  InternalError,
  e,
  known,
} from '../../core/index.js'
import { isRareSelect } from '../../scalar/decompose.js'
import type { Buffer } from '../../compiler/kernel.js'
import { elementBytes } from './analysis.js'
import { ops } from './opcodes.js'
import { ScalarEmitter } from './scalar-emitter.js'
import { constantWord, scalarLoad } from './scalar-memory.js'
import type { Table } from './scopes.js'
import { vectorBinary, vectorCompare, vectorShift, vectorUnary } from './vector.js'
import { vectorConvert } from './vector-convert.js'
import { extractLane, gatherLanes, lanes, splat, splatScalar, vectorLoad } from './vector-memory.js'

/** The loop that runs on vectors. */
interface VectorLoop {
  readonly variable: Expression
  readonly bit: number
  readonly copies: number
}

const splats: Table = (scope) => scope.splats
const tables = [0, 1, 2, 3].map(
  (copy): Table =>
    (scope) =>
      (scope.vectors[copy] ??= new Map()),
)
const tableOf = (copy: number): Table => known(tables[copy], 'copy')

/** Operations of a value that is computed for all copies side by side. */
const leastInterleaved = 60

/** `p < q ? ...` that one instruction computes: pmin(a, b) is `b < a ? b : a`, pmax(a, b) is `a < b ? b : a`. */
const pseudoExtreme = (
  condition: Expression,
  ifTrue: Expression,
  ifFalse: Expression,
): { readonly first: Expression; readonly second: Expression; readonly code: number } | undefined => {
  const [p, q] = condition.args
  if (p === undefined || q === undefined || p.dtype !== 'float32') return undefined
  const [low, high] = condition.op === 'lt' ? [p, q] : condition.op === 'gt' ? [q, p] : []
  if (low === undefined || high === undefined) return undefined
  if (ifTrue === low && ifFalse === high) return { first: high, second: low, code: ops['f32x4.pmin'] }
  if (ifTrue === high && ifFalse === low) return { first: low, second: high, code: ops['f32x4.pmax'] }
  return undefined
}

/** Emits vector expressions into one function. */
export class VectorEmitter extends ScalarEmitter {
  protected vector: VectorLoop | undefined
  /** Locals that differ between lanes, one vector for each copy. */
  protected readonly vectorLocals = new Map<Expression, readonly number[]>()

  /** Whether the expression differs between the lanes of the vector loop. */
  protected isVarying(x: Expression): boolean {
    return this.vector !== undefined && (this.analysis.mask(x) & this.vector.bit) !== 0
  }

  /** Pushes four consecutive elements of an expression, those of one copy of the vector loop. */
  protected pushVector(x: Expression, copy: number): void {
    const { f } = this
    if (!this.isVarying(x)) {
      if (x.op === 'const') {
        splat(f, x.dtype === 'bool' ? -x.value : constantWord(x.value, x.dtype))
        return
      }
      const repeated = this.analysis.uses(x) > 1 || (this.vector?.copies ?? 1) > 1
      this.value(x, splats, 'v128', repeated, () => {
        this.scalar(x)
        splatScalar(f, x.dtype)
      })
      return
    }
    if (x.op === 'variable') {
      if (x === this.vector?.variable) {
        this.value(x, tableOf(copy), 'v128', true, () => {
          this.scalar(x)
          f.code.op(ops['i32x4.splat'])
          const first = copy * lanes
          f.code.get(f.vectorConstant(first, first + 1, first + 2, first + 3))
          f.code.op(ops['i32x4.add'])
        })
        return
      }
      const locals = known(this.vectorLocals.get(x), `vector variable ${x.id}`)
      f.code.get(known(locals[copy] ?? locals[0], 'copy of a vector variable'))
      return
    }
    this.value(x, tableOf(copy), 'v128', this.analysis.uses(x) > 1, () => this.vectorOperation(x, copy))
  }

  /**
   * Computes a long value operation by operation, each for all copies, so that their instructions stand side by side: a
   * processor looks only so far ahead. Conditional parts are left for later.
   */
  protected interleave(root: Expression): void {
    const copies = this.vector?.copies ?? 1
    if (copies === 1) return
    const order: Expression[] = []
    const seen = new Set<Expression>()
    const visit = (x: Expression): void => {
      if (seen.has(x) || x.args.length === 0 || !this.isVarying(x)) return
      seen.add(x)
      if (x.op === 'load' || x.op === 'select') return
      x.args.forEach(visit)
      order.push(x)
    }
    visit(root)
    if (order.length < leastInterleaved) return
    for (const x of order) {
      for (let copy = 0; copy < copies; copy++) {
        const local = this.f.local('v128')
        this.pushVector(x, copy)
        this.f.code.set(local)
        this.remember(x, local, tableOf(copy))
      }
    }
  }

  private vectorOperation(x: Expression, copy: number): void {
    const { f } = this
    const a = x.args[0]
    const b = x.args[1]
    const c = x.args[2]
    if (a === undefined) throw new InternalError(`${x.op} without arguments`)
    switch (x.op) {
      case 'load':
        if (!this.loadQuartet(x, a, copy)) this.loadVector(x.source as Buffer, a, copy)
        return
      case 'select': {
        const ifTrue = known(b, 'argument')
        const ifFalse = known(c, 'argument')
        if (!this.isVarying(a) && (this.analysis.isUnsafe(ifTrue) || this.analysis.isUnsafe(ifFalse))) {
          // Loads that must not happen are kept from happening by a branch.
          this.scalar(a)
          f.code.if('v128')
          this.openBranch()
          this.pushVector(ifTrue, copy)
          this.closeBranch()
          f.code.else()
          this.openBranch()
          this.pushVector(ifFalse, copy)
          this.closeBranch()
          f.code.end()
          return
        }
        const extreme = pseudoExtreme(a, ifTrue, ifFalse)
        if (extreme !== undefined) {
          this.pushVector(extreme.first, copy)
          this.pushVector(extreme.second, copy)
          f.code.op(extreme.code)
          return
        }
        if (isRareSelect(x)) {
          this.rareSelect(x, copy)
          return
        }
        this.pushVector(ifTrue, copy)
        this.pushVector(ifFalse, copy)
        this.pushVector(a, copy)
        f.code.op(ops['v128.bitselect'])
        return
      }
      case 'convert':
        this.pushVector(a, copy)
        vectorConvert(f, a.dtype, x.dtype)
        return
      case 'bitcast':
        this.pushVector(a, copy)
        return
      case 'shl':
      case 'shrArithmetic':
      case 'shrLogical': {
        const count = known(b, 'argument')
        if (this.isVarying(count)) break
        this.pushVector(a, copy)
        if (count.op === 'const') vectorShift(f, x.op, count.value, false)
        else {
          const local = f.local('i32')
          this.scalar(count)
          f.code.set(local)
          vectorShift(f, x.op, local, true)
        }
        return
      }
      default:
    }
    this.pushVector(a, copy)
    if (b === undefined) {
      vectorUnary(f, this.context.helpers, x.op as UnaryOp, x.dtype)
      return
    }
    this.pushVector(b, copy)
    if (e.isCompare(x.op)) vectorCompare(f, x.op as CompareOp, a.dtype)
    else vectorBinary(f, this.context.helpers, x.op as BinaryOp, x.dtype)
  }

  /**
   * The second value is computed only when some lane wants it: some lane of all copies at once, since instructions of
   * different copies overlap only where no branch is between them. Pushes the value for `copy`, and keeps the others.
   */
  private rareSelect(x: Expression, copy: number): void {
    const { f } = this
    const [usually, usual, rare] = x.args
    if (usually === undefined || usual === undefined || rare === undefined) throw new InternalError('half a select')
    const copies = Array.from({ length: this.vector?.copies ?? 1 }, (_, c) => c)
    this.interleave(usual)
    const results = copies.map((c) => {
      const result = f.local('v128')
      this.pushVector(usual, c)
      f.code.set(result)
      return result
    })
    const masks = copies.map((c) => {
      const mask = f.local('v128')
      this.pushVector(usually, c)
      f.code.set(mask)
      return mask
    })
    masks.forEach((mask, c) => {
      f.code.get(mask)
      if (c > 0) f.code.op(ops['v128.and'])
    })
    f.code.op(ops['i32x4.all_true'])
    f.code.op(ops['i32.eqz'])
    f.code.if()
    this.openBranch()
    results.forEach((result, c) => {
      f.code.get(result)
      this.pushVector(rare, c)
      f.code.get(known(masks[c], 'mask'))
      f.code.op(ops['v128.bitselect'])
      f.code.set(result)
    })
    this.closeBranch()
    f.code.end()
    results.forEach((result, c) => {
      if (c !== copy) this.remember(x, result, tableOf(c))
    })
    f.code.get(known(results[copy], 'copy'))
  }

  /**
   * Four loads of neighbours, each at a stride: four vectors along the neighbours, transposed. Pushes the one for `x`, and
   * keeps the others.
   */
  private loadQuartet(x: Expression, index: Expression, copy: number): boolean {
    const { f } = this
    const buffer = x.source as Buffer
    const stride = this.analysis.stride(index, known(this.vector, 'vector loop').variable)
    if (
      stride === undefined ||
      Math.abs(stride) < lanes ||
      elementBytes(buffer.dtype) !== 4 ||
      !this.analysis.isPure(x)
    )
      return false
    const quartet = this.analysis.quartet(buffer, index)
    if (quartet === undefined || quartet.some((load) => this.analysis.isUnsafe(load))) return false
    const first = known(quartet[0]?.args[0], 'index')
    const rows = [0, 1, 2, 3].map((lane) => {
      const offset = this.address(buffer, first, (copy * lanes + lane) * stride)
      f.code.memory(ops['v128.load'], offset)
      const row = f.local('v128')
      f.code.set(row)
      return row
    })
    const row = (i: number): number => known(rows[i], 'row')
    const pairs = [
      [0, 1],
      [2, 3],
    ].flatMap(([a = 0, b = 0]) =>
      [false, true].map((high) => {
        const pair = f.local('v128')
        f.code.get(row(a))
        f.code.get(row(b))
        if (high) f.code.shuffle32(2, 6, 3, 7)
        else f.code.shuffle32(0, 4, 1, 5)
        f.code.set(pair)
        return pair
      }),
    )
    quartet.forEach((load, i) => {
      const local = f.local('v128')
      f.code.get(known(pairs[i >> 1], 'pair'))
      f.code.get(known(pairs[2 + (i >> 1)], 'pair'))
      if (i % 2 === 0) f.code.shuffle32(0, 1, 4, 5)
      else f.code.shuffle32(2, 3, 6, 7)
      f.code.set(local)
      this.remember(load, local, tableOf(copy))
      if (load === x) f.code.get(local)
    })
    return true
  }

  private loadVector(buffer: Buffer, index: Expression, copy: number): void {
    const { f } = this
    const vector = known(this.vector, 'vector loop')
    const stride = this.analysis.stride(index, vector.variable)
    if (stride === undefined) {
      this.gather(buffer, index, copy)
      return
    }
    const first = copy * lanes * stride
    const word = elementBytes(buffer.dtype) === 4
    if (stride === 1) vectorLoad(f, buffer.dtype, this.address(buffer, index, first))
    else if (stride === -1 && word) {
      vectorLoad(f, buffer.dtype, this.address(buffer, index, first - 3))
      const x = f.local('v128')
      f.code.tee(x)
      f.code.get(x)
      f.code.shuffle32(3, 2, 1, 0)
    } else if (stride === 2 && word) {
      // The last word is past what is needed; the guard after the arena makes reading it harmless.
      const x = f.local('v128')
      vectorLoad(f, buffer.dtype, this.address(buffer, index, first))
      f.code.set(x)
      const offset = this.address(buffer, index, first + 4)
      f.code.memory(ops['v128.load'], offset)
      const y = f.local('v128')
      f.code.set(y)
      f.code.get(x)
      f.code.get(y)
      f.code.shuffle32(0, 2, 4, 6)
    } else if (word) {
      // Lanes are loaded one by one, from the lowest address so that static offsets are not negative.
      const lowest = stride > 0 ? first : first + 3 * stride
      const pointer = f.local('i32')
      const offset = this.address(buffer, index, lowest)
      f.code.tee(pointer)
      const laneOffset = (lane: number): number => offset + (stride > 0 ? lane : lane - 3) * stride * 4
      f.code.memory(ops['v128.load32_zero'], laneOffset(0))
      for (let lane = 1; lane < lanes; lane++) {
        const partial = f.local('v128')
        f.code.set(partial)
        f.code.get(pointer)
        f.code.get(partial)
        f.code.memoryLane(ops['v128.load32_lane'], laneOffset(lane), lane)
      }
    } else {
      gatherLanes(f, buffer.dtype, (lane) =>
        scalarLoad(f, buffer.dtype, this.address(buffer, index, first + lane * stride)),
      )
    }
  }

  /** Elements at indices that are data. */
  private gather(buffer: Buffer, index: Expression, copy: number): void {
    const { f } = this
    const at = f.local('v128')
    this.pushVector(index, copy)
    f.code.set(at)
    gatherLanes(f, buffer.dtype, (lane) => {
      f.code.get(this.base(buffer))
      f.code.get(at)
      extractLane(f, 'int32', lane)
      this.scaleAndAdd(elementBytes(buffer.dtype))
      scalarLoad(f, buffer.dtype, 0)
    })
  }
}
